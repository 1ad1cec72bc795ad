//! What is copied of one thread in one system call.

use crate::address::Addr;
use crate::memory::{Copies, Part};
use crate::python::{Fault, Python, Result};

/// The kernel takes 1,024 ranges in one call: with more chunks (16 kB each) a stack is read frame by
/// frame instead.
const MAX_CHUNKS: usize = 500;
/// Nor are chunks copied that take more in all: 64 MB hold half a million frames.
const MAX_CHUNK_BYTES: u64 = 64 << 20;
/// What is copied behind the live part of the newest chunk: calls made since the plan.
pub(super) const SLACK: u64 = 2048;
/// So much of a chunk is its tip: what is copied behind the live part, and some tens of frames.
const TIP: u64 = 2 * SLACK;

/// What is copied in one system call: thread, extra, the pointer to the innermost frame where that is
/// not in the thread state, chunks, frames outside; and once more, in this order: the tip of the stack and
/// the frames outside, where the tip is not all in one range; that pointer; and the thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Whether it is known at all.
    pub(super) made: bool,
    /// Where the pointer to the innermost frame lies, if not in the thread state.
    pub(super) current: Option<Addr>,
    /// Chunks of frame memory, the oldest first: address, and how many bytes.
    pub(super) chunks: Vec<(Addr, u64)>,
    /// Frames outside the chunks, and how many looks ago each was met.
    pub(super) outside: Vec<(Addr, u8)>,
}

impl Plan {
    /// The ranges of the chunks that hold the innermost frames, where those are not all in one piece.
    pub(super) fn tips(&self) -> impl Iterator<Item = (Addr, usize)> + use<> {
        let mut chunks = self.chunks.iter().rev();
        let newest = chunks.next();
        let before = chunks.next().filter(|_| newest.is_some_and(|(_, bytes)| *bytes <= TIP));
        let tip = |(at, bytes): &(Addr, u64)| {
            let tip = TIP.min(*bytes);
            (at.offset(bytes - tip), tip as usize)
        };
        let in_pieces = |(at, bytes): &&(Addr, u64)| {
            let (first, len) = tip(&(*at, *bytes));
            !self.outside.is_empty() || before.is_some() || !share_page(first, first.offset(len as u64))
        };
        let newest = newest.filter(in_pieces).map(tip);
        before.map(tip).into_iter().chain(newest)
    }
}

/// Whether two addresses lie in one page: memory is copied page by page.
pub(super) fn share_page(one: Addr, other: Addr) -> bool {
    const PAGE: u64 = 4096;
    one.get() / PAGE == other.get() / PAGE
}

/// The chunks of frame memory from the `newest`, live up to `top`, back to the first: oldest first.
pub(super) fn chunks(python: &Python<'_>, newest: Addr, top: Addr) -> Result<Vec<(Addr, u64)>> {
    let layout = &python.layout.chunk;
    let missing = Fault::Null("the layout of a chunk of frames");
    let (Some(data), Some(size), Some(used), Some(previous)) = (layout.data, layout.size, layout.top, layout.previous)
    else {
        return Err(missing);
    };
    let data = u64::from(data.offset);
    let too_much = || Fault::Implausible(newest, "the frame memory of a thread");
    let mut chunks: Vec<(Addr, u64)> = Vec::new();
    let mut left = MAX_CHUNK_BYTES;
    let mut next = Some(newest);
    while let Some(chunk) = next {
        let mut header = [Part::new(chunk, data as usize)];
        python.memory.read_parts(&mut header)?;
        let copies = Copies::new(&header, python.memory);
        let header = Python::new(&copies, python.layout);
        let live = if chunks.is_empty() {
            let live = top.get().checked_sub(chunk.get()).and_then(|live| live.checked_add(SLACK));
            live.ok_or_else(too_much)?.min(header.get(chunk, size)?)
        } else {
            let live = header.get(chunk, used)?.checked_mul(8).and_then(|live| live.checked_add(data));
            live.ok_or_else(too_much)?
        };
        left = left.checked_sub(live).filter(|_| chunks.len() < MAX_CHUNKS).ok_or_else(too_much)?;
        chunks.push((chunk, live));
        next = header.get(chunk, previous)?;
    }
    chunks.reverse();
    Ok(chunks)
}
