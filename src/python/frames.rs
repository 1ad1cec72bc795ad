//! Chains of frames.

use crate::address::Addr;
use crate::layout::{Structs, Word};
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
    /// Where it is, encoded as the word `instruction` says.
    pub instruction: u64,
    /// Who owns its memory; `None` before 3.11.
    pub owner: Option<u8>,
    /// Live slots, or -1 while it executes (3.11–3.13).
    pub stacktop: Option<i32>,
    /// Which copy of the bytecode it runs (free-threaded 3.14+).
    pub tlbc_index: Option<i32>,
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

/// A stack deeper than this is cut: Python code that recurses 100,000 deep is legal since 3.12, but
/// no one reads on after that.
pub const MAX_FRAMES: usize = 250_000;

impl RawFrame {
    /// Reads a frame out of `bytes`, which start at the first byte of its layout's span.
    fn parse(layout: &Structs, address: Addr, bytes: &[u8]) -> Option<Self> {
        let layout = &layout.frame;
        let start = layout.span.0;
        fn value<T: Word>(bytes: &[u8], start: u32, offset: u32) -> Option<T::Value> {
            let at = offset.checked_sub(start)? as usize;
            Some(T::decode(bytes.get(at..at.checked_add(T::SIZE)?)?))
        }
        Some(Self {
            address,
            previous: value::<Addr>(bytes, start, layout.previous.offset)?,
            code: value::<Addr>(bytes, start, layout.code.offset)?,
            instruction: value::<u64>(bytes, start, layout.instruction.offset)?,
            owner: layout.owner.and_then(|field| value::<u8>(bytes, start, field.offset)),
            stacktop: layout.stacktop.and_then(|field| value::<i32>(bytes, start, field.offset)),
            tlbc_index: layout.tlbc_index.and_then(|field| value::<i32>(bytes, start, field.offset)),
        })
    }

    /// Whether it is an entry frame on the C stack: a mark, not a call of a Python function.
    pub fn is_entry(&self, layout: &Structs) -> bool {
        let marks = [layout.frame.owner_cstack, layout.frame.owner_interpreter];
        let owned = self.owner.is_some_and(|owner| marks.iter().flatten().any(|mark| mark.0 == i64::from(owner)));
        owned || self.code.is_none()
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
        Some(RawFrame { code: self.untag(frame.code), ..frame })
    }

    /// The innermost frame of the thread at `thread`; `None` if it runs no Python code.
    pub fn current_frame(&self, thread: Addr) -> Result<Option<Addr>> {
        self.follow(thread, &self.layout.thread.current_frame)
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
