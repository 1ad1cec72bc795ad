//! Chains of frames.

use crate::address::Addr;
use crate::layout::{Field, Structs, Word};
use crate::python::{Fault, Python, Result};
use std::collections::HashSet;

/// A frame as it lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawFrame {
    /// Where it lies.
    pub address: Addr,
    /// The caller's frame.
    pub previous: Option<Addr>,
    /// What it executes, untagged; null for an entry frame (3.14+).
    pub code: Option<Addr>,
    /// The function that was called, untagged (3.11+); an object of another kind where none was.
    pub function: Option<Addr>,
    /// Where it is, encoded as the word `instruction` says.
    pub instruction: u64,
    /// Who owns its memory; `None` before 3.11.
    pub owner: Option<u8>,
    /// Live slots, variables included, or -1 while it executes (3.11–3.13). From 3.14 on, as it was when it
    /// called last.
    pub stacktop: Option<i32>,
    /// Whether it was called from C (3.11).
    pub called_by_c: Option<bool>,
    /// Which copy of the bytecode it runs (free-threaded 3.14+).
    pub tlbc_index: Option<i32>,
    /// The generator or coroutine that it belongs to (3.4–3.10; since, the frame lies inside of it).
    pub generator: Option<Addr>,
}

/// Why a chain of frames has no more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// It is complete.
    Root,
    /// What comes next could not be read.
    Unreadable(Fault),
    /// It leads back into itself.
    Loop,
    /// It has more than [`MAX_FRAMES`].
    TooDeep,
}

/// A chain of frames, innermost first, and why it ends.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The frames.
    pub frames: Vec<RawFrame>,
    /// Why there are no more.
    pub end: End,
}

/// The chain of frames of a thread.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The frames.
    pub walk: Walk,
    /// Whether CPython was between two instructions that change the chain.
    pub torn: bool,
}

/// A stack deeper than this is cut: Python code that recurses 100,000 deep is legal since 3.12, but
/// no one reads on after that.
pub const MAX_FRAMES: usize = 250_000;

impl Walk {
    /// Whether CPython was between two instructions that change the chain: it is cut short, or ends with
    /// a generator. Someone always calls a generator; the one that has no caller is just yielding
    /// (YIELD_VALUE, Python/bytecodes.c, clears `previous` before it leaves the frame).
    fn is_torn(&self, layout: &Structs) -> bool {
        self.end != End::Root || self.frames.last().is_some_and(|raw| raw.is_in_generator(layout))
    }
}

impl RawFrame {
    /// What to copy of the frame at `address`: its fields, and the state of the generator that it may lie in.
    pub fn range(address: Addr, layout: &Structs) -> (Addr, usize) {
        let (start, end) = layout.frame.span;
        let before = Self::state_before(layout).unwrap_or(0).saturating_sub(u64::from(start));
        let first = address.offset(u64::from(start)).before(before).unwrap_or(address);
        (first, (end - start) as usize + before as usize)
    }

    /// How far before the frame in a generator the state of that lies.
    pub fn state_before(layout: &Structs) -> Option<u64> {
        let (frame, state) = (layout.generator.iframe?, layout.generator.frame_state?);
        frame.offset.checked_sub(state.offset).map(u64::from)
    }

    /// Reads a frame out of `bytes`, which start at the first byte of its layout's span.
    fn parse(layout: &Structs, address: Addr, bytes: &[u8]) -> Option<Self> {
        let layout = &layout.frame;
        let start = layout.span.0;
        fn value<T: Word>(bytes: &[u8], start: u32, offset: u32) -> Option<T::Value> {
            let at = offset.checked_sub(start)? as usize;
            Some(T::decode(bytes.get(at..at.checked_add(T::SIZE)?)?))
        }
        let stacktop = |field: Field<i32>| value::<i32>(bytes, start, field.offset);
        let stackpointer = |field: Field<Addr>| {
            let first = address.get().checked_add(u64::from(layout.localsplus.offset))?;
            let slots = value::<Addr>(bytes, start, field.offset)??.get().checked_sub(first)? / Addr::SIZE as u64;
            i32::try_from(slots).ok()
        };
        Some(Self {
            address,
            previous: value::<Addr>(bytes, start, layout.previous.offset)?,
            code: value::<Addr>(bytes, start, layout.code.offset)?,
            function: layout.function.and_then(|field| value::<Addr>(bytes, start, field.offset)?),
            instruction: value::<u64>(bytes, start, layout.instruction.offset)?,
            owner: layout.owner.and_then(|field| value::<u8>(bytes, start, field.offset)),
            stacktop: layout.stacktop.and_then(stacktop).or_else(|| layout.stackpointer.and_then(stackpointer)),
            called_by_c: layout.is_entry.and_then(|field| Some(value::<u8>(bytes, start, field.offset)? != 0)),
            tlbc_index: layout.tlbc_index.and_then(|field| value::<i32>(bytes, start, field.offset)),
            generator: layout.generator.and_then(|field| value::<Addr>(bytes, start, field.offset)?),
        })
    }

    /// Where its variables begin.
    pub fn localsplus(&self, layout: &Structs) -> Addr {
        self.address.offset(u64::from(layout.frame.localsplus.offset))
    }

    /// Whether it is an entry frame on the C stack: a mark, not a call of a Python function.
    pub fn is_entry(&self, layout: &Structs) -> bool {
        let marks = [layout.frame.owner_cstack, layout.frame.owner_interpreter];
        let owned = self.owner.is_some_and(|owner| marks.iter().flatten().any(|mark| mark.0 == i64::from(owner)));
        owned || self.code.is_none()
    }

    /// The generator, coroutine or async generator whose frame it is (3.4+).
    pub fn owning_generator(&self, layout: &Structs) -> Option<Addr> {
        if self.is_in_generator(layout) {
            return self.address.before(u64::from(layout.generator.iframe?.offset));
        }
        self.generator
    }

    /// Whether it lies in a generator, coroutine or async generator (3.11+).
    pub fn is_in_generator(&self, layout: &Structs) -> bool {
        layout.frame.owner_generator.is_some_and(|mark| Some(mark.0) == self.owner.map(i64::from))
    }
}

impl Python<'_> {
    /// The frame at `address`.
    pub fn frame(&self, address: Addr) -> Result<RawFrame> {
        let (start, end) = self.layout.frame.span;
        let mut bytes = vec![0; (end - start) as usize];
        self.memory.read(address.offset(u64::from(start)), &mut bytes)?;
        self.parse_frame(address, &bytes).ok_or(Fault::Implausible(address, "the layout of a frame"))
    }

    /// The frame at `address` out of `bytes`, a copy of the span of its fields.
    pub(super) fn parse_frame(&self, address: Addr, bytes: &[u8]) -> Option<RawFrame> {
        let frame = RawFrame::parse(self.layout, address, bytes)?;
        Some(RawFrame { code: self.untag(frame.code), function: self.untag(frame.function), ..frame })
    }

    /// The innermost frame of the thread at `thread`; `None` if it runs no Python code.
    pub fn current_frame(&self, thread: Addr) -> Result<Option<Addr>> {
        self.follow(thread, &self.layout.thread.current_frame)
    }

    /// Whether the thread at `thread` has made a `CFrame` its current one that does not say yet which frame
    /// it executes (`_PyEval_EvalFrameDefault`, Python/ceval.c, 3.11 and 3.12: `tstate->cframe` comes first).
    /// Where no Python runs it is the thread's own, which never will.
    fn is_entering(&self, thread: Addr) -> bool {
        let layout = &self.layout.thread;
        let (Some(root), [cframe, frame]) = (layout.root_cframe, layout.current_frame.0.as_slice()) else {
            return false;
        };
        let cframe = self.memory.pointer(thread.offset(u64::from(*cframe))).ok().flatten();
        cframe
            .filter(|at| *at != thread.offset(u64::from(root.offset)))
            .is_some_and(|at| self.memory.pointer(at.offset(u64::from(*frame))) == Ok(None))
    }

    /// The stack of the thread at `thread`, entry frames included.
    pub fn stack(&self, thread: Addr) -> Stack {
        let walk = match self.current_frame(thread) {
            Ok(first) => self.walk(first),
            Err(fault) => Walk { frames: Vec::new(), end: End::Unreadable(fault) },
        };
        let torn = walk.is_torn(self.layout) || walk.frames.is_empty() && self.is_entering(thread);
        Stack { walk, torn }
    }

    /// The chain of frames that begins at `first`, entry frames included.
    pub fn walk(&self, first: Option<Addr>) -> Walk {
        let mut frames = Vec::new();
        let mut seen = HashSet::new();
        let mut next = first;
        let end = loop {
            let Some(address) = next else { break End::Root };
            if frames.len() >= MAX_FRAMES {
                break End::TooDeep;
            }
            if !seen.insert(address) {
                break End::Loop;
            }
            match self.frame(address) {
                Ok(frame) => {
                    next = frame.previous;
                    frames.push(frame);
                }
                Err(fault) => break End::Unreadable(fault),
            }
        };
        Walk { frames, end }
    }
}
