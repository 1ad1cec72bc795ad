//! Where a frame stands: the instruction it executes, its value stack, its blocks and handlers.

use crate::address::Addr;
use crate::disassembly::depth::states;
use crate::disassembly::{Disassembly, Handler};
use crate::layout::Opcodes;
use crate::objects::{self, Limits, Value};
use crate::python::{Code, Python, RawFrame, Result};
use std::rc::Rc;

/// Bytes of a pointer.
const POINTER: u64 = 8;
/// A value on the stack is shown in at most this many characters, and of a container this many items.
const VALUES: Limits = Limits { depth: 0, items: 50, width: 1000, printers: None };
/// More values than this are not shown. A list of constants may put 30,000 on the stack.
const MAX_VALUES: i64 = 4096;
/// `CO_MAXBLOCKS` (Include/cpython/code.h): so many blocks a frame has at most.
const MAX_BLOCKS: i32 = 20;
/// `EXCEPT_HANDLER` (Include/opcode.h before 3.11): not an opcode, but the kind of a block.
const EXCEPT_HANDLER: i32 = 257;

/// How many values are on the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// The target says so.
    Exact(u32),
    /// It follows from the instructions on all ways that lead there.
    Inferred(u32),
    /// It depends on the way that control took.
    Unknown,
}

impl Depth {
    /// The number.
    pub fn known(self) -> Option<u32> {
        match self {
            Self::Exact(depth) | Self::Inferred(depth) => Some(depth),
            Self::Unknown => None,
        }
    }
}

/// A place of the value stack.
#[derive(Clone, PartialEq, Debug)]
pub struct Slot {
    /// The object; `None` for null, and for an int without an object.
    pub value: Option<Value>,
    /// The int that stands in the place itself (3.15+).
    pub tagged: Option<i64>,
}

/// The values that instructions have pushed and not yet taken.
#[derive(Clone, PartialEq, Debug)]
pub struct ValueStack {
    /// How many there are.
    pub depth: Depth,
    /// The values, the first pushed first; none where the depth is not known.
    pub slots: Vec<Slot>,
    /// Whether all of them are here.
    pub complete: bool,
}

/// What a block is (before 3.11).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BlockKind {
    /// Set up by this instruction.
    SetUp(Rc<str>),
    /// An exception being handled.
    Handling,
}

/// A block of a frame (before 3.11).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Where control goes when it is left; `None` while an exception is handled.
    pub handler: Option<u32>,
    /// How many values were on the stack before it.
    pub level: i32,
}

/// Where a frame stands in its code.
#[derive(Clone, Debug)]
pub struct Stand {
    /// `frame.f_lasti`.
    pub lasti: i64,
    /// The offset of the instruction that it executes, or executed last; `None` before the first. A generator
    /// that waits stands at the one it goes on with (3.13+).
    pub current: Option<u32>,
    /// The value stack.
    pub stack: ValueStack,
    /// The blocks, outermost first; `None` where there are none, from 3.11 on.
    pub blocks: Option<Vec<Block>>,
    /// The handlers that an exception would go to now, innermost first; `None` before 3.11.
    pub covering: Option<Vec<Handler>>,
}

impl Stand {
    /// Where `frame` of `code` stands in `listing`. `settled` says that it does not execute at this moment, or
    /// waits in a call: what it notes of itself is true then.
    pub fn read(
        python: &Python<'_>,
        opcodes: &Opcodes,
        code: &Code,
        listing: &Disassembly,
        frame: &RawFrame,
        settled: bool,
    ) -> Self {
        let lasti = code.lasti(python, frame);
        let current = listing.at(lasti).map(|instruction| instruction.offset);
        let blocks = blocks(python, opcodes, frame);
        let handling =
            blocks.as_ref().map(|blocks| blocks.iter().filter(|block| block.kind == BlockKind::Handling).count());
        let depth = match noted_depth(python, code, frame, settled) {
            Ok(Some(depth)) => Depth::Exact(depth),
            _ => current.map_or(Depth::Inferred(0), |current| infer(opcodes, listing, current, handling)),
        };
        // No stack is deeper than its code says: such a depth was read while it changed.
        let room = python.get(code.address, python.layout.code.stacksize).unwrap_or(0);
        let fits = depth.known().is_some_and(|depth| i64::from(depth) <= i64::from(room));
        let depth = if fits { depth } else { Depth::Unknown };
        let covering = listing.handlers.as_ref().map(|handlers| covering(handlers, current));
        Self { lasti, current, stack: values(python, code, frame, depth), blocks, covering }
    }
}

/// How many values there are by what the frame itself notes; `None` where it notes nothing while it executes.
fn noted_depth(python: &Python<'_>, code: &Code, frame: &RawFrame, settled: bool) -> Result<Option<u32>> {
    let layout = &python.layout.frame;
    if let (Some(top), Some(first)) = (layout.f_stacktop, layout.valuestack) {
        let top = python.get(frame.address, top)?;
        let first = python.get(frame.address, first)?;
        let bytes = top.zip(first).and_then(|(top, first)| top.get().checked_sub(first.get()));
        return Ok(bytes.and_then(|bytes| u32::try_from(bytes / POINTER).ok()));
    }
    if let Some(depth) = python.get_if(frame.address, layout.stackdepth)? {
        return Ok(u32::try_from(depth).ok());
    }
    if layout.stackpointer.is_some() && !settled {
        return Ok(None);
    }
    let locals = python.get_if(code.address, python.layout.code.nlocalsplus)?;
    let depth = frame.stacktop.zip(locals).and_then(|(top, locals)| top.checked_sub(locals));
    Ok(depth.and_then(|depth| u32::try_from(depth).ok()))
}

fn infer(opcodes: &Opcodes, listing: &Disassembly, current: u32, handling: Option<usize>) -> Depth {
    let mut found = states(opcodes, &listing.raws, listing.handlers.as_deref().unwrap_or_default(), current);
    // Where exceptions being handled are blocks of their own, they tell the ways apart.
    if let Some(handling) = handling
        && found.iter().any(|state| state.handling.len() == handling)
    {
        found.retain(|state| state.handling.len() == handling);
    }
    match found.split_first() {
        Some((first, rest)) if rest.iter().all(|other| other.depth == first.depth) => {
            u32::try_from(first.depth).map_or(Depth::Unknown, Depth::Inferred)
        }
        _ => Depth::Unknown,
    }
}

fn values(python: &Python<'_>, code: &Code, frame: &RawFrame, depth: Depth) -> ValueStack {
    let none = |complete| ValueStack { depth, slots: Vec::new(), complete };
    let Some(count) = depth.known() else { return none(false) };
    let first = match python.layout.frame.valuestack {
        Some(field) => python.get(frame.address, field).ok().flatten(),
        None => {
            let locals = python.get_if(code.address, python.layout.code.nlocalsplus).ok().flatten();
            let locals = locals.and_then(|locals| u64::try_from(locals).ok());
            locals.map(|locals| frame.localsplus(python.layout).offset(locals * POINTER))
        }
    };
    let Some(first) = first else { return none(count == 0) };
    let mut slots = Vec::new();
    for index in 0..i64::from(count).min(MAX_VALUES).cast_unsigned() {
        let Ok(word) = python.memory.pointer(first.offset(index * POINTER)) else { return none(false) };
        slots.push(slot(python, word));
    }
    let complete = slots.len() == count as usize;
    ValueStack { depth, slots, complete }
}

fn slot(python: &Python<'_>, word: Option<Addr>) -> Slot {
    let value = python.untag(word).map(|object| objects::describe(python, object, &VALUES));
    let tagged = python.tagged_int(word);
    Slot { value, tagged }
}

fn blocks(python: &Python<'_>, opcodes: &Opcodes, frame: &RawFrame) -> Option<Vec<Block>> {
    let (layout, block) = (&python.layout.frame, &python.layout.block);
    let first = frame.address.offset(u64::from(layout.blockstack?.offset));
    let count = python.get_if(frame.address, layout.iblock).ok()??;
    let mut blocks = Vec::new();
    for index in 0..count.clamp(0, MAX_BLOCKS).unsigned_abs() {
        let at = first.offset(u64::from(index) * u64::from(block.size?.0));
        let kind = python.get_if(at, block.kind).ok()??;
        let handler = python.get_if(at, block.handler).ok()??;
        let setter = u8::try_from(kind).ok().and_then(|code| opcodes.get(code));
        blocks.push(Block {
            kind: match setter {
                _ if kind == EXCEPT_HANDLER => BlockKind::Handling,
                Some(opcode) => BlockKind::SetUp(Rc::from(opcode.name.as_str())),
                None => return None,
            },
            handler: u32::try_from(handler).ok().and_then(|handler| handler.checked_mul(opcodes.jump_unit)),
            level: python.get_if(at, block.level).ok()??,
        });
    }
    Some(blocks)
}

/// The handler of the instruction at `current`, that of this handler, and so on.
fn covering(handlers: &[Handler], current: Option<u32>) -> Vec<Handler> {
    let mut found: Vec<Handler> = Vec::new();
    let mut at = current;
    while let Some(offset) = at {
        let next = handlers.iter().find(|handler| handler.start <= offset && offset < handler.end);
        let Some(next) = next.filter(|next| !found.contains(next) && found.len() < MAX_BLOCKS as usize) else { break };
        found.push(*next);
        at = Some(next.target);
    }
    found
}
