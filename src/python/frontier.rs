//! The frontier walk: the stack of a *running* thread, deduced from one copy of its frame memory
//! (3.11+).
//!
//! Frames lie one behind the other in chunks of memory that the thread owns. One system call copies
//! the thread state, all live chunks, the frames outside of them that are known (generators, entry
//! frames), and the thread state again. Parents and leaf then come from neighbouring bytes, copied
//! within some tens of nanoseconds; which frame is the leaf is decided by the marks that CPython
//! leaves in the frames themselves and not by comparing two reads of a pointer, which would favour
//! threads that happen to stand still (guides: the bias trap). What cannot be decided is not
//! guessed: the caller stops the thread instead.

use crate::address::Addr;
use crate::layout::{Field, Word};
use crate::memory::{Copies, Memory, Part};
use crate::python::{Code, CodeCache, End, MAX_FRAMES, Python, RawFrame, Walk};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// A stack that was deduced, and the copies it was deduced from.
#[derive(Debug)]
pub struct Frontier {
    /// The frames.
    pub walk: Walk,
    /// The copied bytes, for whatever else is read of the same moment.
    pub parts: Vec<Part>,
}

/// How often the plan of what to copy may turn out to be outdated: a chunk was added, or a frame
/// outside the chunks was met. Each time is one more system call.
const MAX_PLANS: usize = 4;
/// With more chunks (16 kB each) a thread is stopped instead.
const MAX_CHUNKS: usize = 500;
/// Nor one whose chunks take more in all: 64 MB hold half a million frames.
const MAX_CHUNK_BYTES: u64 = 64 << 20;
/// With more frames outside the chunks in one stack, too.
const MAX_OUTSIDE: usize = 256;
/// What is copied behind the live part of the newest chunk: calls made since the plan.
const SLACK: u64 = 2048;

/// What is copied in one system call.
struct Plan {
    thread: Addr,
    /// Where the pointer to the innermost frame lies.
    current: Addr,
    /// Chunks, the oldest first: address, and how many bytes.
    chunks: Vec<(Addr, u64)>,
    /// Frames outside the chunks.
    outside: BTreeSet<Addr>,
}

/// Why a copy yields no stack.
enum Undecided {
    /// Another copy with these frames outside the chunks, or of other chunks, may do.
    PlanAgain(BTreeSet<Addr>),
    /// It cannot be told from a copy.
    Give,
}

impl Python<'_> {
    /// Deduces the stack of the running thread at `thread`. `memory` must have no cache, as nothing
    /// that was read before counts; `extra` is copied at the same moment. `None` where that cannot be
    /// done, or does not decide it.
    pub fn frontier(&self, memory: &dyn Memory, thread: Addr, extra: Vec<Part>, codes: &CodeCache) -> Option<Frontier> {
        let mut outside = BTreeSet::new();
        for _ in 0..MAX_PLANS {
            let plan = self.plan(memory, thread, std::mem::take(&mut outside))?;
            let mut parts = plan.parts(self);
            // Behind the thread state, which has to come first.
            parts.splice(2..2, extra.iter().cloned());
            memory.read_parts(&mut parts).ok()?;
            let walk = Copy { python: self, plan: &plan, parts: &parts, codes }.decide();
            match walk {
                Ok(frames) => return Some(Frontier { walk: Walk { frames, end: End::Root }, parts }),
                Err(Undecided::PlanAgain(more)) if more.len() <= MAX_OUTSIDE => outside = more,
                Err(_) => return None,
            }
        }
        None
    }

    fn plan(&self, memory: &dyn Memory, thread: Addr, outside: BTreeSet<Addr>) -> Option<Plan> {
        let (layout, chunk_layout) = (&self.layout.thread, &self.layout.chunk);
        let mut state = [Part::new(thread.offset(u64::from(layout.span.0)), (layout.span.1 - layout.span.0) as usize)];
        memory.read_parts(&mut state).ok()?;
        let copies = Copies::new(&state, memory);
        let direct = Python::new(&copies, self.layout);
        let newest = direct.get(thread, layout.datastack_chunk?).ok()??;
        let top = direct.get(thread, layout.datastack_top?).ok()??;
        let data = u64::from(chunk_layout.data?.offset);
        let mut chunks: Vec<(Addr, u64)> = Vec::new();
        let mut left = MAX_CHUNK_BYTES;
        let mut next = Some(newest);
        while let Some(chunk) = next {
            let mut header = [Part::new(chunk, data as usize)];
            memory.read_parts(&mut header).ok()?;
            let copies = Copies::new(&header, memory);
            let header = Python::new(&copies, self.layout);
            let size = header.get(chunk, chunk_layout.size?).ok()?;
            let live = if chunks.is_empty() {
                // Never read beyond its end, where nothing may be mapped.
                top.get().checked_sub(chunk.get())?.checked_add(SLACK)?.min(size)
            } else {
                header.get(chunk, chunk_layout.top?).ok()?.checked_mul(8)?.checked_add(data)?
            };
            left = left.checked_sub(live).filter(|_| chunks.len() < MAX_CHUNKS)?;
            chunks.push((chunk, live));
            next = header.get(chunk, chunk_layout.previous?).ok()?;
        }
        chunks.reverse();
        let (last, first) = layout.current_frame.0.split_last()?;
        let mut at = thread;
        for offset in first {
            let mut pointer = [Part::new(at.offset(u64::from(*offset)), Addr::SIZE)];
            memory.read_parts(&mut pointer).ok()?;
            at = pointer
                .first()
                .filter(|part| part.bytes.len() == Addr::SIZE)
                .and_then(|part| Addr::decode(&part.bytes))?;
        }
        Some(Plan { thread, current: at.offset(u64::from(*last)), chunks, outside })
    }
}

impl Plan {
    /// Thread, chunks, frames outside, thread.
    fn parts(&self, python: &Python<'_>) -> Vec<Part> {
        let (start, end) = python.layout.thread.span;
        let thread = || Part::new(self.thread.offset(u64::from(start)), (end - start) as usize);
        let current = || Part::new(self.current, 8);
        let frame = python.layout.frame.span;
        let mut parts = vec![thread(), current()];
        parts.extend(self.chunks.iter().map(|(at, bytes)| Part::new(*at, *bytes as usize)));
        let outside = |at: &Addr| Part::new(at.offset(u64::from(frame.0)), (frame.1 - frame.0) as usize);
        parts.extend(self.outside.iter().map(outside));
        parts.extend([current(), thread()]);
        parts
    }
}

/// One copy, being made sense of.
struct Copy<'c> {
    python: &'c Python<'c>,
    plan: &'c Plan,
    parts: &'c [Part],
    codes: &'c CodeCache,
}

/// A frame found in a chunk, with the frames outside that lead from it to the one before.
struct Found {
    frame: RawFrame,
    code: Rc<Code>,
    /// Its callers outside the chunks, innermost first.
    callers: Vec<RawFrame>,
}

impl Copy<'_> {
    fn decide(&self) -> Result<Vec<RawFrame>, Undecided> {
        let layout = &self.python.layout.thread;
        let (chunk, top) =
            (layout.datastack_chunk.ok_or(Undecided::Give)?, layout.datastack_top.ok_or(Undecided::Give)?);
        let newest = self.plan.chunks.last().ok_or(Undecided::Give)?;
        let before = self.thread_field(0, chunk)?;
        let after = self.thread_field(self.parts.len() - 1, chunk)?;
        let end =
            self.thread_field(0, top)?.max(self.thread_field(self.parts.len() - 1, top)?).ok_or(Undecided::Give)?;
        if before != Some(newest.0) || after != before || end > newest.0.offset(newest.1) {
            return Err(Undecided::PlanAgain(self.plan.outside.clone()));
        }
        let current = [1, self.parts.len() - 2].map(|part| self.parts.get(part).and_then(|p| Addr::decode(&p.bytes)));
        let found = self.frames_in_chunks(end, current)?;
        self.choose_leaf(found, current)
    }

    fn thread_field(&self, part: usize, field: Field<Addr>) -> Result<Option<Addr>, Undecided> {
        let skip = (field.offset - self.python.layout.thread.span.0) as usize;
        let bytes = self.parts.get(part).and_then(|part| part.bytes.get(skip..skip + 8));
        bytes.map(Addr::decode).ok_or(Undecided::Give)
    }

    /// The frames that lie one behind the other in the chunks, the outermost first.
    fn frames_in_chunks(&self, end: Addr, current: [Option<Addr>; 2]) -> Result<Vec<Found>, Undecided> {
        let mut found: Vec<Found> = Vec::new();
        let data = u64::from(self.python.layout.chunk.data.map_or(24, |field| field.offset));
        for (index, (chunk, bytes)) in self.plan.chunks.iter().enumerate() {
            let newest = index + 1 == self.plan.chunks.len();
            // The first slot of the first chunk is left free (push_chunk, Python/pystate.c).
            let mut at = chunk.offset(data + if index == 0 { 8 } else { 0 });
            let limit = if newest { end } else { chunk.offset(*bytes) };
            let header = u64::from(self.python.layout.frame.localsplus.offset);
            while at.offset(header) <= limit {
                if found.len() >= MAX_FRAMES {
                    return Err(Undecided::Give);
                }
                match self.next_frame(at, &found, current)? {
                    Some(next) => {
                        let size = next.code.frame_bytes.filter(|size| *size >= header).ok_or(Undecided::Give)?;
                        at = at.offset(size);
                        found.push(next);
                    }
                    None if newest => return Ok(found),
                    None => break,
                }
            }
        }
        Ok(found)
    }

    /// The frame at `at`, if there is a live one that was called by the last of `found`.
    fn next_frame(&self, at: Addr, found: &[Found], current: [Option<Addr>; 2]) -> Result<Option<Found>, Undecided> {
        let Some(frame) = self.copied(at) else { return Ok(None) };
        let Some(address) = frame.code else { return Ok(None) };
        if frame.stacktop == Some(0) && self.marks_leaf() && frame.owner != Some(0) {
            return Ok(None);
        }
        let code = match self.codes.known(address) {
            Some(code) => code,
            // Not a code object: the slot holds what an earlier call left.
            None => match self.codes.get(self.python, address) {
                Ok(code) => code,
                Err(_) => return Ok(None),
            },
        };
        // A generator function's frame lies here only until it has made the generator, and what it
        // leaves behind looks alive (RETURN_GENERATOR does not clear it).
        if code.is_generator() && current != [Some(at); 2] {
            return Ok(None);
        }
        let callers = self.callers(&frame, found)?;
        Ok(callers.map(|callers| Found { frame, code, callers }))
    }

    /// The frames outside the chunks between `frame` and the last of `found`; `None` if it was not
    /// called from there, so that it is a left-over.
    fn callers(&self, frame: &RawFrame, found: &[Found]) -> Result<Option<Vec<RawFrame>>, Undecided> {
        let expected = found.last().map(|last| last.frame.address);
        let mut callers = Vec::new();
        let mut missing = self.plan.outside.clone();
        let mut next = frame.previous;
        while next != expected {
            let Some(at) = next else { return Ok(None) };
            if self.is_in_chunks(at) || callers.len() > MAX_OUTSIDE {
                return Ok(None);
            }
            match self.copied(at) {
                Some(outside) if self.plan.outside.contains(&at) => {
                    next = outside.previous;
                    callers.push(outside);
                }
                // Not copied at the same moment: copy again, with it and what lies behind it.
                _ => {
                    self.add_chain(at, &mut missing);
                    return Err(Undecided::PlanAgain(missing));
                }
            }
        }
        Ok(Some(callers))
    }

    /// Adds `first` and the frames outside the chunks behind it, read now, to `missing`.
    fn add_chain(&self, first: Addr, missing: &mut BTreeSet<Addr>) {
        let mut next = Some(first);
        while let Some(at) = next.filter(|at| !self.is_in_chunks(*at)) {
            if missing.len() > MAX_OUTSIDE || !missing.insert(at) {
                break;
            }
            next = self.direct().frame(at).ok().and_then(|frame| frame.previous);
        }
    }

    fn direct(&self) -> Python<'_> {
        *self.python
    }

    fn is_in_chunks(&self, at: Addr) -> bool {
        self.plan.chunks.iter().any(|(chunk, bytes)| (*chunk..chunk.offset(*bytes)).contains(&at))
    }

    fn copied(&self, at: Addr) -> Option<RawFrame> {
        let span = self.python.layout.frame.span;
        let copies = Copies::new(self.parts, self.python.memory);
        let bytes = copies.copied(at.offset(u64::from(span.0)), (span.1 - span.0) as usize)?;
        self.python.parse_frame(at, bytes)
    }

    /// Whether this build's frames say themselves whether they execute (`stacktop`, 3.11–3.13).
    fn marks_leaf(&self) -> bool {
        self.python.layout.frame.stacktop.is_some()
    }

    /// Finds the innermost frame, and joins everything into one stack, innermost first.
    fn choose_leaf(&self, mut found: Vec<Found>, current: [Option<Addr>; 2]) -> Result<Vec<RawFrame>, Undecided> {
        let [before, after] = current;
        let place: HashMap<Addr, usize> = found.iter().enumerate().map(|(i, f)| (f.frame.address, i)).collect();
        let outside = |at: Option<Addr>| at.is_some_and(|at| !self.is_in_chunks(at));
        if outside(before) || outside(after) {
            return match before.filter(|_| before == after) {
                Some(at) => self.led_from_outside(at, found, &place),
                None => Err(Undecided::Give),
            };
        }
        let agreed = before.filter(|_| before == after).and_then(|at| place.get(&at).copied());
        let leaf = if self.marks_leaf() {
            let executing = found.iter().rposition(|f| f.frame.stacktop == Some(-1)).ok_or(Undecided::Give)?;
            if agreed.is_some_and(|agreed| agreed > executing) {
                return Err(Undecided::Give);
            }
            // -1 marks a frame that executes: the innermost one, and those inside a C call. What lies
            // above it has returned and is empty; else a call is just being made, and the mark of its
            // frame is not set yet.
            let above = found.get(executing + 1);
            let empty = above.is_none_or(|f| f.frame.stacktop == Some(0) && f.code.has_variables);
            if !empty && agreed != Some(executing) {
                return Err(Undecided::Give);
            }
            executing
        } else {
            agreed.or(found.len().checked_sub(1)).ok_or(Undecided::Give)?
        };
        found.truncate(leaf + 1);
        self.join(Vec::new(), found)
    }

    /// The innermost frame lies outside the chunks: a generator or coroutine runs.
    fn led_from_outside(
        &self,
        at: Addr,
        mut found: Vec<Found>,
        place: &HashMap<Addr, usize>,
    ) -> Result<Vec<RawFrame>, Undecided> {
        let mut stack = Vec::new();
        let mut next = Some(at);
        while let Some(at) = next {
            if let Some(index) = place.get(&at) {
                found.truncate(index + 1);
                return self.join(stack, found);
            }
            if self.is_in_chunks(at) || stack.len() > MAX_OUTSIDE {
                return Err(Undecided::Give);
            }
            match self.copied(at) {
                Some(frame) if self.plan.outside.contains(&at) => {
                    next = frame.previous;
                    stack.push(frame);
                }
                _ => {
                    let mut missing = self.plan.outside.clone();
                    self.add_chain(at, &mut missing);
                    return Err(Undecided::PlanAgain(missing));
                }
            }
        }
        // It leads to the root without touching a chunk: then nothing may be alive in them.
        if found.is_empty() { Ok(stack) } else { Err(Undecided::Give) }
    }

    fn join(&self, mut stack: Vec<RawFrame>, found: Vec<Found>) -> Result<Vec<RawFrame>, Undecided> {
        for (index, found) in found.into_iter().rev().enumerate() {
            let lasti = found.code.lasti(self.python, &found.frame);
            let inside = (0..found.code.size).contains(&lasti);
            // The pointer of a frame that has just been made may still be that of an earlier call
            // in the same place; that of a caller cannot.
            if index > 0 && !inside {
                return Err(Undecided::Give);
            }
            if inside || !stack.is_empty() {
                stack.push(found.frame);
            }
            stack.extend(found.callers);
        }
        Ok(stack)
    }
}
