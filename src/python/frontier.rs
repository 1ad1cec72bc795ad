//! The frontier walk: the stack of a *running* thread, deduced from one copy of its frame memory
//! (3.11+).
//!
//! Frames lie one behind the other in chunks of memory that the thread owns. One system call copies
//! the thread state, all live chunks, the frames outside of them that are known (generators, entry
//! frames), and the thread state again. Parents and leaf then come from neighbouring bytes, copied
//! within some tens of nanoseconds; which frame is the leaf is decided by the marks that CPython
//! leaves in the frames themselves and not by comparing two reads of a pointer, which would favour
//! threads that happen to stand still (guides: the bias trap). Frames that do not lie side by side in one
//! page are copied apart: they count if a second copy, right behind the first, shows that none has moved.
//! What cannot be decided is not guessed: the caller stops the thread instead.

use crate::address::Addr;
use crate::layout::Word;
use crate::memory::{Copies, Part};
use crate::python::copy_plan::share_page;
use crate::python::stack_copy::{MAX_OUTSIDE, StackCopy};
use crate::python::{Code, CodeCache, MAX_FRAMES, Python, RawFrame};
use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

/// Why copies yield no stack.
pub(super) enum Undecided {
    /// Copies of these frames outside the chunks as well may do.
    Missing(BTreeSet<Addr>),
    /// It cannot be told from copies.
    Give,
}

/// The stack pointer of a frame that executes (`stacktop`, 3.11–3.13).
const EXECUTES: i32 = -1;

/// The frames in the chunks, the outermost first, and those that the last of them has called outside,
/// innermost first.
pub(super) type Decided = (Vec<Found>, Vec<RawFrame>);

/// The copies of one look, being made sense of.
pub(super) struct Frontier<'c> {
    pub python: &'c Python<'c>,
    pub copy: &'c StackCopy,
    pub codes: &'c CodeCache,
}

/// A frame found in a chunk, with the frames outside that lead from it to the one before.
#[derive(Debug)]
pub(super) struct Found {
    pub frame: RawFrame,
    pub code: Rc<Code>,
    /// `frame.f_lasti`.
    pub lasti: i64,
    /// Its callers outside the chunks, innermost first.
    pub callers: Vec<RawFrame>,
    /// The chunk it lies in, and where it ends there.
    pub chunk: usize,
    pub end: Addr,
    /// How many calls of the stack made from it there are, up to its own; `None` before.
    pub placed: Option<usize>,
}

impl Found {
    /// Whether its pointer to an instruction is one into its own code.
    pub fn is_inside(&self) -> bool {
        (0..self.code.size).contains(&self.lasti)
    }
}

impl Frontier<'_> {
    /// The frames in the chunks, the outermost first, and those that the last of them has called
    /// outside, innermost first. `kept` of them are known.
    pub fn decide(&self, mut kept: Vec<Found>) -> Result<Decided, Undecided> {
        let current = self.copy.current(self.python);
        // A thread that has no Python code to run may have no chunk.
        let Some(newest) = self.copy.plan.chunks.len().checked_sub(1) else {
            return self.choose_leaf(Vec::new(), current, true);
        };
        let top = self.python.layout.thread.datastack_top.ok_or(Undecided::Give)?;
        let tops = [false, true].map(|last| self.copy.thread_field(last, self.python, top).flatten());
        let end = tops.into_iter().flatten().max().ok_or(Undecided::Give)?;
        let header = u64::from(self.python.layout.frame.localsplus.offset);
        // What a call has left behind may look as it did.
        while kept.last().is_some_and(|last| last.chunk == newest && last.frame.address.offset(header) > end) {
            kept.pop();
        }
        let found = self.frames_in_chunks(kept, current)?;
        self.choose_leaf(found, current, newest == 0 && end <= self.first_slot(0))
    }

    /// Where the first frame of a chunk lies. The first slot of the first chunk is left free
    /// (push_chunk, Python/pystate.c).
    fn first_slot(&self, index: usize) -> Addr {
        let data = u64::from(self.python.layout.chunk.data.map_or(24, |field| field.offset));
        self.copy.plan.chunks[index].0.offset(data + if index == 0 { 8 } else { 0 })
    }

    /// The frames that lie one behind the other in the chunks, the outermost first.
    fn frames_in_chunks(&self, kept: Vec<Found>, current: [Option<Addr>; 2]) -> Result<Vec<Found>, Undecided> {
        let mut found = kept;
        let header = u64::from(self.python.layout.frame.localsplus.offset);
        let chunks = &self.copy.plan.chunks;
        let first = found.last().map_or(0, |last| last.chunk);
        for (index, (chunk, bytes)) in chunks.iter().enumerate().skip(first) {
            let newest = index + 1 == chunks.len();
            let mut at = match found.last().filter(|last| last.chunk == index) {
                Some(last) => last.end,
                None => self.first_slot(index),
            };
            // Not where the live part ended before or after: meanwhile it may have been longer.
            let limit = chunk.offset(*bytes);
            while at.offset(header) <= limit {
                if found.len() >= MAX_FRAMES {
                    return Err(Undecided::Give);
                }
                match self.next_frame(at, index, &found, current)? {
                    Some(next) => {
                        at = next.end;
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
    fn next_frame(
        &self,
        at: Addr,
        chunk: usize,
        found: &[Found],
        current: [Option<Addr>; 2],
    ) -> Result<Option<Found>, Undecided> {
        let Some(frame) = self.copied(at) else { return Ok(None) };
        let Some(address) = frame.code else { return Ok(None) };
        if frame.stacktop == Some(0) && self.marks_leaf() && frame.owner != Some(0) {
            return Ok(None);
        }
        // If it is no code object, the slot holds what an earlier call left.
        let Ok(code) = self.codes.get(self.python, address) else { return Ok(None) };
        // It has returned: its stack pointer counts its variables until then.
        if frame.stacktop == Some(0) && code.has_variables {
            return Ok(None);
        }
        // A generator function's frame lies here only until it has made the generator, and what it
        // leaves behind looks alive (RETURN_GENERATOR does not clear it).
        if code.is_generator() && current != [Some(at); 2] {
            return Ok(None);
        }
        let Some(callers) = self.callers(&frame, chunk, found)? else { return Ok(None) };
        let caller = callers.first().or(found.last().map(|last| &last.frame));
        if caller.is_some_and(|caller| self.calls_none(caller, &frame)) {
            return Ok(None);
        }
        if let Some(caller) = caller.filter(|caller| callers.is_empty() && !self.calls(caller, &frame)) {
            self.unmoved(caller, &frame)?;
        }
        let header = u64::from(self.python.layout.frame.localsplus.offset);
        let size = code.frame_bytes.filter(|size| *size >= header).ok_or(Undecided::Give)?;
        let lasti = code.lasti(self.python, &frame);
        Ok(Some(Found { frame, code, lasti, callers, chunk, end: at.offset(size), placed: None }))
    }

    /// The frames outside the chunks between `frame`, in the chunk of this number, and the last of `found`; `None` if it was not
    /// called from there, so that it is a left-over.
    fn callers(&self, frame: &RawFrame, chunk: usize, found: &[Found]) -> Result<Option<Vec<RawFrame>>, Undecided> {
        let layout = self.python.layout;
        let expected = found.last().map(|last| last.frame.address);
        let mut callers = Vec::new();
        let mut next = frame.previous;
        while next != expected {
            let Some(at) = next else { return Ok(None) };
            if self.copy.is_in_chunks(at) || callers.len() > MAX_OUTSIDE {
                return Ok(None);
            }
            let outside = self.caller(at)?;
            next = outside.previous;
            callers.push(outside);
        }
        // Nor are chunks, or pages, copied at the same moment.
        let apart = |last: &Found| last.chunk != chunk || !share_page(last.frame.address, frame.localsplus(layout));
        if !callers.is_empty() || found.last().is_some_and(apart) {
            self.led(frame)?;
            found.last().map_or(Ok(()), |last| self.waited(&last.frame))?;
        }
        Ok(Some(callers))
    }

    /// The frame at `at`, outside the chunks, of which another was called. Frames outside lie apart, and are
    /// copied apart: only if none has moved between two copies were all of them as they are here at one
    /// moment.
    fn caller(&self, at: Addr) -> Result<RawFrame, Undecided> {
        // What is not copied at the same moment has to be, with what lies behind it.
        let frame = self.copied(at).ok_or_else(|| self.missing(at))?;
        self.waited(&frame)?;
        self.running(frame)
    }

    /// `frame`, if it lies in no generator or in one that runs: one that has ended still says who called it.
    fn running(&self, frame: RawFrame) -> Result<RawFrame, Undecided> {
        let layout = &self.python.layout;
        let (Some(before), Some(executing)) = (RawFrame::state_before(layout), layout.generator.executing) else {
            return Ok(frame);
        };
        let copies = Copies::new(&self.copy.parts, self.python.memory);
        let state = frame.address.before(before).and_then(|at| copies.copied(at, 1)?.first().copied());
        let runs = state.is_some_and(|state| i64::from(state) == executing.0);
        if runs || !frame.is_in_generator(layout) { Ok(frame) } else { Err(Undecided::Give) }
    }

    /// The frame at `at`, outside the chunks, that called no other.
    fn innermost(&self, at: Addr) -> Result<RawFrame, Undecided> {
        let frame = self.copied(at).ok_or_else(|| self.missing(at))?;
        self.led(&frame)?;
        self.running(frame)
    }

    /// Nothing, if `frame` has not moved between two copies, or was copied once.
    fn waited(&self, frame: &RawFrame) -> Result<(), Undecided> {
        let again = self.second(frame.address);
        again.filter(|again| again != frame).map_or(Ok(()), |_| Err(Undecided::Give))
    }

    /// Nothing, if `frame` was called from where it says in both copies of it. It may be the innermost, and have
    /// moved.
    fn led(&self, frame: &RawFrame) -> Result<(), Undecided> {
        // Its stack pointer is 0 once it has returned.
        let same = |again: &RawFrame| {
            again.code == frame.code
                && again.previous == frame.previous
                && (again.stacktop == Some(0)) == (frame.stacktop == Some(0))
        };
        self.second(frame.address).filter(|again| !same(again)).map_or(Ok(()), |_| Err(Undecided::Give))
    }

    /// Nothing, if a second copy shows that `caller` and `callee` were as they are here at one moment.
    fn unmoved(&self, caller: &RawFrame, callee: &RawFrame) -> Result<(), Undecided> {
        let copied = self.second(caller.address).and(self.second(callee.address));
        copied.ok_or(Undecided::Give)?;
        self.waited(caller)?;
        self.led(callee)
    }

    /// Whether `caller` may have called `callee`, without C code in between. Of two frames one lies behind the
    /// other, and so the caller's was copied first: by the time that the callee's was, it may have gone on to call
    /// another function in the same place. But what a frame calls stays on its value stack, where its stack
    /// pointer points (CALL, Python/bytecodes.c; up to 3.12 behind an empty slot), until that returns.
    fn calls(&self, caller: &RawFrame, callee: &RawFrame) -> bool {
        let (Some(function), Some(top)) = (callee.function, caller.stacktop.and_then(|top| u64::try_from(top).ok()))
        else {
            return true;
        };
        let at = caller.localsplus(self.python.layout).offset(top.saturating_mul(Addr::SIZE as u64));
        let copies = Copies::new(&self.copy.parts, self.python.memory);
        let Some(slots) = copies.copied(at, 2 * Addr::SIZE) else { return true };
        let called = |slot: &[u8]| self.python.untag(Addr::decode(slot)) == Some(function);
        slots.chunks(Addr::SIZE).any(called) || !self.are_functions(caller, callee)
    }

    /// Whether two frames execute functions: not so the one that CPython makes itself to call `__init__`
    /// (`_Py_InitCleanup`, 3.12+).
    fn are_functions(&self, caller: &RawFrame, callee: &RawFrame) -> bool {
        let kind = |frame: &RawFrame| self.python.type_of(frame.function?).ok();
        kind(caller) == kind(callee)
    }

    /// The second copy of the frame at `at`.
    fn second(&self, at: Addr) -> Option<RawFrame> {
        self.parsed(at, self.copy.second())
    }

    /// `first` and all other frames outside the chunks that the thread executes now have to be copied too:
    /// from 3.12 on, every call from C leaves one.
    fn missing(&self, first: Addr) -> Undecided {
        let copies = Copies::new(&self.copy.parts, self.python.memory);
        let python = Python::new(&copies, self.python.layout);
        let current = self.python.current_frame(self.copy.thread).ok().flatten();
        let mut missing = BTreeSet::from([first]);
        // What calls have left behind may lead in circles.
        let mut seen = HashSet::new();
        for from in [Some(first), current] {
            let mut next = from;
            while let Some(at) = next.filter(|at| seen.insert(*at)) {
                if !self.copy.is_in_chunks(at) && self.copied(at).is_none() {
                    missing.insert(at);
                }
                if missing.len() > MAX_OUTSIDE {
                    return Undecided::Give;
                }
                next = python.frame(at).ok().and_then(|frame| frame.previous);
            }
        }
        if missing.len() + self.copy.plan.outside.len() > MAX_OUTSIDE {
            return Undecided::Give;
        }
        Undecided::Missing(missing)
    }

    fn copied(&self, at: Addr) -> Option<RawFrame> {
        self.parsed(at, &self.copy.parts)
    }

    fn parsed(&self, at: Addr, parts: &[Part]) -> Option<RawFrame> {
        let span = self.python.layout.frame.span;
        let copies = Copies::new(parts, self.python.memory);
        let bytes = copies.copied(at.offset(u64::from(span.0)), (span.1 - span.0) as usize)?;
        self.python.parse_frame(at, bytes)
    }

    /// Whether this build's frames say themselves whether they execute (`stacktop`, 3.11–3.13).
    fn marks_leaf(&self) -> bool {
        self.python.layout.frame.stacktop.is_some()
    }

    /// Whether `caller` executes and so has not called `callee`: calls from C are marked, in the callee or by a
    /// frame of their own.
    fn calls_none(&self, caller: &RawFrame, callee: &RawFrame) -> bool {
        let not_by_c = match callee.called_by_c {
            Some(by_c) => !by_c,
            None => self.tells_entries() && !caller.is_entry(self.python.layout),
        };
        caller.stacktop == Some(EXECUTES) && not_by_c
    }

    /// Finds the innermost frame. `empty` tells that the chunks hold none.
    fn choose_leaf(
        &self,
        mut found: Vec<Found>,
        current: [Option<Addr>; 2],
        empty: bool,
    ) -> Result<Decided, Undecided> {
        let [before, after] = current;
        if empty && current == [None; 2] {
            return Ok((Vec::new(), Vec::new()));
        }
        let outside = |at: &Addr| !self.copy.is_in_chunks(*at);
        if before == after && before.as_ref().is_some_and(outside) {
            return self.led_from_outside(before, found);
        }
        if self.hides(&found, current) {
            return Err(Undecided::Give);
        }
        if !self.marks_leaf() {
            if before.as_ref().is_some_and(outside) || after.as_ref().is_some_and(outside) {
                return Err(Undecided::Give);
            }
            let last = found.last().ok_or(Undecided::Give)?;
            // One that has returned says so, if it has variables.
            if last.frame.stacktop == Some(0) {
                let leaf = agreed(&found, current).ok_or(Undecided::Give)?;
                found.truncate(leaf + 1);
            }
            return Ok((found, Vec::new()));
        }
        // A generator began or ended meanwhile: it tells itself whether it executes.
        for at in [after, before].into_iter().flatten().filter(outside) {
            let frame = self.copied(at).ok_or_else(|| self.missing(at))?;
            if frame.stacktop == Some(EXECUTES) {
                return self.led_from_outside(Some(at), found);
            }
        }
        let leaf = self.marked_leaf(&found, agreed(&found, current)).ok_or(Undecided::Give)?;
        found.truncate(leaf + 1);
        Ok((found, Vec::new()))
    }

    /// Whether the innermost frame lies in a chunk, but not behind those `found`: what runs while a frame is
    /// cleared is called by that frame's caller.
    fn hides(&self, found: &[Found], current: [Option<Addr>; 2]) -> bool {
        let at = current[0].filter(|_| current[0] == current[1] && agreed(found, current).is_none());
        let Some(frame) = at.and_then(|at| self.copied(at)) else { return false };
        if self.marks_leaf() {
            return frame.stacktop == Some(EXECUTES);
        }
        let callers = found.split_last().map_or(&[][..], |(_, callers)| callers);
        callers.iter().rev().any(|caller| Some(caller.frame.address) == frame.previous)
    }

    /// The innermost of `found`, by the marks that frames bear until 3.13: one that executes has no
    /// stack pointer, and neither have those that wait for a call of C. A frame that calls a Python
    /// function has one, so that while a call or a return is being made none may be marked.
    fn marked_leaf(&self, found: &[Found], agreed: Option<usize>) -> Option<usize> {
        let executing = found.iter().rposition(|found| found.frame.stacktop == Some(EXECUTES));
        let Some(executing) = executing else { return agreed };
        if let Some(agreed) = agreed.filter(|agreed| *agreed >= executing) {
            // One call further, from C, it is just being made or has just returned; more have come and gone.
            return Some(agreed).filter(|agreed| *agreed <= executing + 1);
        }
        // Something above it was called from C, or C has called it before.
        (executing + 1 == found.len()).then_some(executing)
    }

    /// Whether calls from C are marked by a frame of their own (3.12+).
    fn tells_entries(&self) -> bool {
        self.python.layout.frame.owner_cstack.is_some()
    }

    /// The innermost frame, `at`, lies outside the chunks: a generator or coroutine runs.
    fn led_from_outside(&self, at: Option<Addr>, mut found: Vec<Found>) -> Result<Decided, Undecided> {
        let mut chain = Vec::new();
        let mut next = at;
        while let Some(at) = next {
            if let Some(index) = found.iter().rposition(|found| found.frame.address == at) {
                let executing = |found: &Found| found.frame.stacktop == Some(EXECUTES);
                if found.iter().skip(index + 1).any(executing) {
                    return Err(Undecided::Give);
                }
                self.waited(&found[index].frame)?;
                found.truncate(index + 1);
                // What executes has called no generator, unless by way of C: it was copied before.
                let by_c = chain.iter().any(|frame: &RawFrame| frame.is_entry(self.python.layout));
                if found.last().is_some_and(executing) && self.tells_entries() && !by_c {
                    chain.clear();
                }
                return Ok((found, chain));
            }
            if self.copy.is_in_chunks(at) || chain.len() > MAX_OUTSIDE {
                return Err(Undecided::Give);
            }
            let frame = if chain.is_empty() { self.innermost(at)? } else { self.caller(at)? };
            if chain.last().is_some_and(|callee| self.calls_none(&frame, callee)) {
                return Err(Undecided::Give);
            }
            next = frame.previous;
            chain.push(frame);
        }
        // It leads to the root without touching a chunk: then nothing may be alive in them.
        if found.is_empty() { Ok((found, chain)) } else { Err(Undecided::Give) }
    }
}

/// Which of `found` both copies of the pointer to the innermost frame point at. The leaf is at the
/// end: looking for it from there is short.
fn agreed(found: &[Found], [before, after]: [Option<Addr>; 2]) -> Option<usize> {
    let at = before.filter(|_| before == after)?;
    found.iter().rposition(|found| found.frame.address == at)
}
