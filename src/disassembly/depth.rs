//! How many values are on the stack before each instruction, where the target does not say: by carrying out
//! what each does to the depth, along all ways that lead there.

use crate::disassembly::decode::{Raw, target};
use crate::disassembly::exception_table::Handler;
use crate::layout::Opcodes;
use crate::layout::opcodes::{Flow, Opcode};
use std::collections::HashMap;

/// What is known of the stack when control reaches an instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// How many values there are.
    pub depth: i64,
    /// Exceptions being handled, outermost first: at which depth each began (before 3.9).
    pub handling: Vec<i64>,
}

/// At most so many ways to reach an instruction are told apart.
const MAX_STATES: usize = 8;
/// No function handles more exceptions within one another: it has at most 20 blocks (`CO_MAXBLOCKS`).
const MAX_HANDLING: usize = 20;
/// So many steps are taken in all: as many instructions as are read are reached four times.
const MAX_STEPS: usize = 1 << 19;

/// The states in which control can reach the instruction at byte `offset`. None where no way leads there that
/// is understood.
pub fn states(opcodes: &Opcodes, raws: &[Raw], handlers: &[Handler], offset: u32) -> Vec<State> {
    let index: HashMap<u32, usize> = raws.iter().enumerate().map(|(index, raw)| (raw.offset, index)).collect();
    let mut walk = Walk { index, states: vec![Vec::new(); raws.len()], open: Vec::new(), steps: 0 };
    // A generator is begun with a value that its first instruction takes away (GEN_START, 3.10).
    let first = raws.first().and_then(|raw| Some(opcodes.get(raw.opcode)?.effect.as_ref()?.of(raw.argument?)));
    walk.reach(0, State { depth: first.map_or(0, |effect| (-effect).max(0)), handling: Vec::new() });
    while let Some((at, state)) = walk.open.pop() {
        walk.steps += 1;
        let Some(raw) = raws.get(at).filter(|_| walk.steps < MAX_STEPS) else { break };
        walk.step(opcodes, raw, &state);
        // Entries are sorted and do not overlap; the last that begins before this is the one.
        let behind = handlers.partition_point(|handler| handler.start <= raw.offset);
        if let Some(handler) = behind.checked_sub(1).and_then(|last| handlers.get(last))
            && raw.offset < handler.end
        {
            let depth = i64::from(handler.depth) + i64::from(handler.lasti) + 1;
            walk.reach(handler.target, State { depth, handling: Vec::new() });
        }
    }
    walk.index.get(&offset).and_then(|at| walk.states.get(*at)).cloned().unwrap_or_default()
}

struct Walk {
    /// From offsets to instructions.
    index: HashMap<u32, usize>,
    states: Vec<Vec<State>>,
    open: Vec<(usize, State)>,
    steps: usize,
}

impl Walk {
    fn reach(&mut self, offset: u32, mut state: State) {
        // Whoever has taken all the values of an exception off the stack has done with it (2.7 has no
        // POP_EXCEPT).
        while state.handling.last().is_some_and(|level| *level >= state.depth) {
            state.handling.pop();
        }
        let Some(at) = self.index.get(&offset).copied() else { return };
        let Some(known) = self.states.get_mut(at) else { return };
        if state.depth >= 0 && known.len() < MAX_STATES && !known.contains(&state) {
            known.push(state.clone());
            self.open.push((at, state));
        }
    }

    fn step(&mut self, opcodes: &Opcodes, raw: &Raw, state: &State) {
        let Some(opcode) = opcodes.get(raw.opcode) else { return };
        let argument = raw.argument.unwrap_or(0);
        if let (Some(target), Some(effect)) = (target(opcodes, opcode, raw), opcode.jump_effect()) {
            let mut there = State { depth: state.depth.saturating_add(effect.of(argument)), ..state.clone() };
            if opcode.handler && there.handling.len() < MAX_HANDLING {
                there.handling.push(there.depth - opcodes.raised);
            }
            self.reach(target, there);
        }
        let Some(effect) = &opcode.effect else { return };
        let next = State { depth: state.depth.saturating_add(effect.of(argument)), ..state.clone() };
        for state in followers(opcodes, opcode, state, next, argument) {
            self.reach(raw.next, state);
        }
    }
}

/// The states behind an instruction that does not jump. `next` is what its effect alone makes of `state`.
///
/// Before 3.9 a `finally` clause is entered with one value, or with those of an exception; how it is left
/// depends on that (END_FINALLY, WITH_CLEANUP_*, POP_EXCEPT in Python/ceval.c).
fn followers(opcodes: &Opcodes, opcode: &Opcode, state: &State, next: State, argument: i64) -> Vec<State> {
    // In a handler whose exception is still on top of the stack, with so many values more.
    let raised = |more: i64| state.handling.last().is_some_and(|level| state.depth == level + opcodes.raised + more);
    let left = |depth: i64| {
        let mut handling = state.handling.clone();
        handling.pop();
        State { depth, handling }
    };
    let level = state.handling.last().copied().unwrap_or(0);
    match opcode.flow {
        Flow::Next => vec![next],
        Flow::End => Vec::new(),
        Flow::EndFinally if raised(0) => Vec::new(),
        Flow::EndFinally => vec![next],
        Flow::PopExcept => vec![left(next.depth)],
        // With its argument it keeps the value on top.
        Flow::PopFinally if raised(i64::from(argument != 0)) => vec![left(level + i64::from(argument != 0))],
        Flow::PopFinally => vec![next],
        // `__exit__`, which lay below the exception, is taken out; if it returns true, the exception is gone.
        Flow::Cleanup if raised(0) => {
            let mut here = state.clone();
            here.depth -= 1;
            if let Some(level) = here.handling.last_mut() {
                *level -= 1;
            }
            vec![here, left(level)]
        }
        Flow::Cleanup => vec![next],
        Flow::CleanupStart if raised(0) => vec![State { depth: state.depth + 2, ..state.clone() }],
        Flow::CleanupStart => vec![next],
        Flow::CleanupFinish if raised(2) => {
            vec![State { depth: state.depth - 2, ..state.clone() }, left(level)]
        }
        Flow::CleanupFinish => vec![next],
    }
}
