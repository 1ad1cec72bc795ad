//! The memory in which the frames of one thread lie, copied in one system call, look after look.
//!
//! What a look has shown says where the next one has to read, and what has not changed since is not
//! made sense of again: a thread that stands still costs a comparison of bytes, one that moves at the
//! tip of a deep stack only the frames at the tip.

use crate::address::Addr;
use crate::layout::{Field, Word};
use crate::memory::{Copies, Part};
use crate::python::copy_plan::{Plan, SLACK, chunks};
use crate::python::frontier::{Found, Frontier, Undecided};
use crate::python::tasks::{self, Root};
use crate::python::{Code, CodeCache, End, Fault, Python, RawFrame, Result};
use std::rc::Rc;
use std::time::Instant;

/// A call in progress: a frame, and what it executes.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The frame.
    pub frame: RawFrame,
    /// What it executes.
    pub code: Rc<Code>,
    /// `frame.f_lasti`.
    pub lasti: i64,
}

impl PartialEq for Placed {
    /// Whether both are the same call at the same instruction.
    fn eq(&self, other: &Self) -> bool {
        self.frame == other.frame && Rc::ptr_eq(&self.code, &other.code) && self.lasti == other.lasti
    }
}

/// Copies of the memory of one thread's frames, and the stack made from them.
#[derive(Debug)]
pub struct StackCopy {
    /// The thread.
    pub thread: Addr,
    /// Ranges that are copied at the same moment.
    extra: Vec<(Addr, usize)>,
    /// Ranges that are copied with them for as long as they can be.
    followed: Vec<(Addr, usize)>,
    pub(super) plan: Plan,
    pub(super) parts: Vec<Part>,
    /// From which of them on they are second copies.
    again: usize,
    /// Whether they were made without interruption.
    at_once: bool,
    /// How many times as long as at least a copy takes here.
    pace: f64,
    /// The copies that the stack was made from, unless those are `parts`.
    before: Vec<Part>,
    /// Whether the stack was made from `parts`.
    made: bool,
    stack: Vec<Placed>,
    roots: Vec<Root>,
    same: usize,
    end: End,
    torn: bool,
    /// What a deduced stack was made from, for the next look to go on from.
    found: Vec<Found>,
    /// The state of the code cache at that time.
    epoch: u64,
}

/// How often the plan of what to copy may turn out to be outdated: a chunk was added, or a frame
/// outside the chunks was met. Each time is one more system call.
const MAX_PLANS: usize = 4;
/// What a copy takes at least: so long, so much longer for each range and for each kB (guides: layouts.md
/// §8.1), all in ns.
const COPY_TAKES: (f64, f64, f64) = (2000.0, 150.0, 200.0);
/// One that takes so many times as long as usual was interrupted.
const INTERRUPTED: f64 = 1.6;
/// How often an interrupted copy is made again.
const MAX_COPIES: usize = 4;
/// More frames outside the chunks are not copied with the rest.
pub(super) const MAX_OUTSIDE: usize = 500;
/// A frame outside the chunks is copied for so many looks that do not meet it: coroutines take turns.
const MAX_AGE: u8 = 16;

impl StackCopy {
    /// Of the thread at `thread`; `extra` is copied at the same moment.
    pub fn new(thread: Addr, extra: Vec<(Addr, usize)>) -> Self {
        Self {
            thread,
            extra,
            followed: Vec::new(),
            plan: Plan::default(),
            parts: Vec::new(),
            again: 0,
            at_once: false,
            pace: 1.0,
            before: Vec::new(),
            made: false,
            stack: Vec::new(),
            roots: Vec::new(),
            same: 0,
            end: End::Root,
            torn: false,
            found: Vec::new(),
            epoch: 0,
        }
    }

    /// The copies, for whatever else is read of the same moment.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The calls in progress, the outermost first.
    pub fn stack(&self) -> &[Placed] {
        &self.stack
    }

    /// The coroutines among them that no other coroutine awaits, the outermost first.
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// Copies `ranges` as well from now on, instead of those that were given before. Memory that goes away is
    /// left out from then on.
    pub fn follow(&mut self, ranges: Vec<(Addr, usize)>) {
        if ranges.len() != self.followed.len() {
            // What was copied before lies elsewhere in the row: it compares with nothing.
            (self.made, self.before) = (false, Vec::new());
            self.found.clear();
        }
        self.followed = ranges;
    }

    /// Whether there are any.
    pub fn follows(&self) -> bool {
        !self.followed.is_empty()
    }

    /// How many of [`StackCopy::stack`], the outermost, have not moved since this was asked before.
    pub fn take_same(&mut self) -> usize {
        std::mem::replace(&mut self.same, usize::MAX).min(self.stack.len())
    }

    /// Why there are no more.
    pub fn end(&self) -> &End {
        &self.end
    }

    /// Whether the thread was stopped between two instructions of CPython that belong together.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    /// Copies the memory of the thread as it is now. `python` has to read past any cache.
    pub fn take(&mut self, python: &Python<'_>) -> Result<()> {
        if std::mem::take(&mut self.made) {
            std::mem::swap(&mut self.parts, &mut self.before);
        }
        for _ in 0..MAX_PLANS {
            if !self.plan.made {
                self.make_plan(python)?;
            }
            self.prepare(python);
            self.copy(python)?;
            if self.followed_into_nothing() {
                continue;
            }
            if self.is_current(python)? {
                return Ok(());
            }
            self.plan.made = false;
        }
        Err(Fault::Implausible(self.thread, "a stack that grows and shrinks without end"))
    }

    /// Whether a range that is followed is not there: then the kernel was asked again for what lies behind it, and
    /// the copies are of two moments. None is followed any more.
    fn followed_into_nothing(&mut self) -> bool {
        let copied = self.parts.iter().skip(1 + self.extra.len()).zip(&self.followed);
        let gone = copied.into_iter().any(|(part, (_, len))| part.bytes.len() < *len);
        if gone {
            self.follow(Vec::new());
        }
        gone
    }

    /// How many parts there are between the first copy of the thread state and those of its stack.
    fn extras(&self) -> usize {
        self.extra.len() + self.followed.len()
    }

    /// Copies, and notes whether that was interrupted.
    fn copy(&mut self, python: &Python<'_>) -> Result<()> {
        let bytes: usize = self.parts.iter().map(|part| part.bytes.len()).sum();
        let (call, range, kilobyte) = COPY_TAKES;
        let least = call + range * self.parts.len() as f64 + kilobyte * bytes as f64 / 1000.0;
        let began = Instant::now();
        python.memory.read_parts(&mut self.parts)?;
        let took = began.elapsed().as_nanos() as f64 / least;
        self.at_once = took <= self.pace * INTERRUPTED;
        // It comes to lie where half of them take longer, whatever the machine.
        self.pace *= if took > self.pace { 1.05 } else { 1.0 / 1.05 };
        Ok(())
    }

    /// Copies again what was interrupted: whoever looks may lose its processor in the middle, and a copy that took
    /// a millisecond is of no one moment. That has nothing to do with what the thread does meanwhile, so it
    /// favours no stack. False if it is interrupted every time.
    fn is_of_one_moment(&mut self, python: &Python<'_>) -> bool {
        (1..MAX_COPIES).all(|_| self.at_once || self.take(python).is_ok()) && self.at_once
    }

    /// Makes the stack from the copies of a thread that cannot have moved while they were `taken`.
    pub fn exact(&mut self, taken: Result<()>, python: &Python<'_>, codes: &CodeCache) {
        if let Err(fault) = taken {
            (self.same, self.torn, self.end) = (0, true, End::Unreadable(fault));
            self.stack.clear();
            self.roots.clear();
            self.found.clear();
            return;
        }
        if self.is_unchanged(codes) {
            self.made = true;
            return;
        }
        let copies = Copies::new(&self.parts, python.memory);
        let here = Python::new(&copies, python.layout);
        let crate::python::Stack { walk, torn } = here.stack(self.thread);
        let (mut stack, mut end) = (Vec::with_capacity(walk.frames.len()), walk.end);
        let known = if self.epoch == codes.epoch() { self.stack.as_slice() } else { &[] };
        for raw in &walk.frames {
            // Of two stacks of one thread it is the outermost calls that agree.
            let depth = (walk.frames.len() - stack.len()).checked_sub(1);
            match place(&here, codes, raw, depth.and_then(|depth| known.get(depth))) {
                Ok(placed) => stack.extend(placed),
                Err(fault) => {
                    end = End::Unreadable(fault);
                    break;
                }
            }
        }
        stack.reverse();
        self.torn = torn || end != End::Root;
        let same = self.stack.iter().zip(&stack).take_while(|(old, new)| old == new).count();
        self.meet(walk.frames.iter().map(|raw| raw.address));
        self.keep(stack, Vec::new(), same, end, codes);
        tasks::find_roots(&mut self.roots, &self.stack, same, python.layout);
    }

    /// Makes the stack from the copies of a thread that runs; copies again where that takes more.
    /// False if it cannot be deduced from copies.
    pub fn deduce(&mut self, python: &Python<'_>, codes: &CodeCache) -> bool {
        for _ in 0..MAX_PLANS {
            match python.layout.thread.datastack_chunk {
                None if !self.stands_still(python) => return false,
                Some(_) if !self.is_of_one_moment(python) => return false,
                _ => {}
            }
            let kept = self.unchanged(python, codes);
            let decided = Frontier { python, copy: self, codes }.decide(kept);
            match decided {
                Ok((found, chain)) => return self.settle(python, codes, found, &chain).is_some(),
                Err(Undecided::Missing(outside)) => {
                    self.meet(outside.into_iter());
                    if self.take(python).is_err() {
                        return false;
                    }
                }
                Err(Undecided::Give) => return false,
            }
        }
        false
    }

    /// Whether a second copy is as the first: the thread is ready to run and has no processor. Where frames lie
    /// anywhere (up to 3.10), a thread that moves while they are copied leaves no marks by which the copy could
    /// be understood.
    fn stands_still(&mut self, python: &Python<'_>) -> bool {
        let first = self.parts.clone();
        self.take(python).is_ok() && self.is_like(&first)
    }

    /// Whether the copies are as the `others`, but for what is copied with the thread's memory.
    fn is_like(&self, others: &[Part]) -> bool {
        let skip = 1..=self.extras();
        self.parts.len() == others.len()
            && self.parts.iter().zip(others).enumerate().all(|(index, (one, other))| {
                skip.contains(&index) || one.addr == other.addr && one.bytes == other.bytes
            })
    }

    /// Joins `found`, the frames in the chunks, and `chain`, those called by them outside, innermost
    /// first, into the stack.
    fn settle(
        &mut self,
        python: &Python<'_>,
        codes: &CodeCache,
        mut found: Vec<Found>,
        chain: &[RawFrame],
    ) -> Option<()> {
        let kept = found.iter().take_while(|found| found.placed.is_some()).count();
        let base = kept.checked_sub(1).and_then(|last| found[last].placed).unwrap_or(0);
        let leaf = found.len().checked_sub(1);
        let known = if self.epoch == codes.epoch() { self.stack.get(base..).unwrap_or_default() } else { &[] };
        let mut rest: Vec<Placed> = Vec::new();
        for (index, found) in found.iter_mut().enumerate().skip(kept) {
            for caller in found.callers.iter().rev() {
                rest.extend(place(python, codes, caller, known.get(rest.len())).ok()?);
            }
            let innermost = Some(index) == leaf && chain.is_empty();
            let inside = found.is_inside();
            // The pointer of a frame that has just been made may still be that of an earlier call
            // in the same place; that of a caller cannot.
            if !inside && !innermost {
                return None;
            }
            if inside && has_begun(python, &found.frame, &found.code, found.lasti) {
                rest.push(Placed { frame: found.frame, code: Rc::clone(&found.code), lasti: found.lasti });
            }
            found.placed = Some(base + rest.len());
        }
        // What is innermost now may have been a caller before, and the other way round.
        if let Some(last) = found.last_mut().filter(|last| chain.is_empty() && !last.is_inside()) {
            last.placed = None;
        }
        for raw in chain.iter().rev() {
            rest.extend(place(python, codes, raw, known.get(rest.len())).ok()?);
        }
        let same = base + known.iter().zip(&rest).take_while(|(old, new)| old == new).count();
        let mut stack = std::mem::take(&mut self.stack);
        stack.truncate(base);
        stack.append(&mut rest);
        let callers = found.iter().flat_map(|found| &found.callers);
        let outside: Vec<Addr> = chain.iter().chain(callers).map(|raw| raw.address).collect();
        self.meet(outside.into_iter());
        self.torn = false;
        self.keep(stack, found, same, End::Root, codes);
        tasks::find_roots(&mut self.roots, &self.stack, same, python.layout);
        Some(())
    }

    fn keep(&mut self, stack: Vec<Placed>, found: Vec<Found>, same: usize, end: End, codes: &CodeCache) {
        (self.stack, self.found, self.end) = (stack, found, end);
        self.same = self.same.min(same);
        self.epoch = codes.epoch();
        self.made = true;
    }

    /// Those frames in the chunks that look as they did when the stack was made, with all that is
    /// outside of them.
    fn unchanged(&mut self, python: &Python<'_>, codes: &CodeCache) -> Vec<Found> {
        let mut found = std::mem::take(&mut self.found);
        if self.made {
            return found;
        }
        let first = self.first_chunk();
        let (now, before) = (self.parts.get(first..), self.before.get(first..));
        let (now, before) = (now.unwrap_or_default(), before.unwrap_or_default());
        let pairs = self.plan.chunks.iter().zip(now.iter().zip(before));
        let mut whole = 0;
        let mut limit = None;
        for (chunk, (now, before)) in pairs {
            if before.addr != chunk.0 {
                break;
            }
            let common = common_prefix(&now.bytes, &before.bytes);
            limit = Some(chunk.0.offset(common as u64));
            if common < now.bytes.len() {
                break;
            }
            whole += 1;
        }
        let fresh = self.epoch == codes.epoch();
        let is_kept = |found: &Found| {
            let in_whole = found.chunk < whole;
            let in_part = found.chunk == whole && limit.is_some_and(|limit| found.end <= limit);
            let as_was =
                found.callers.iter().all(|caller| self.as_before(RawFrame::range(caller.address, python.layout).0));
            (in_whole || in_part) && as_was && (fresh || codes.is_same(python, &found.code))
        };
        let kept = found.iter().take_while(|found| found.placed.is_some() && is_kept(found)).count();
        found.truncate(kept);
        found
    }

    /// Whether the frame outside the chunks whose copy begins at `at` is as it was before, and has not moved
    /// since.
    fn as_before(&self, at: Addr) -> bool {
        let Some(before) = self.before.iter().find(|part| part.addr == at) else { return false };
        let mut now = self.parts.iter().filter(|part| part.addr == at).peekable();
        now.peek().is_some() && now.all(|now| now.bytes == before.bytes)
    }

    /// The copies of the frames outside and of the tip that were made after all others.
    pub(super) fn second(&self) -> &[Part] {
        self.parts.get(self.again..).unwrap_or_default()
    }

    /// Whether everything that the stack was made from is as it was.
    fn is_unchanged(&self, codes: &CodeCache) -> bool {
        self.epoch == codes.epoch() && self.end == End::Root && !self.torn && self.is_like(&self.before)
    }

    /// Remembers that the frames at `addresses` were met, so that the next look copies those outside
    /// the chunks, and forgets those that have not been met for long.
    fn meet(&mut self, addresses: impl Iterator<Item = Addr>) {
        for (_, age) in &mut self.plan.outside {
            *age = age.saturating_add(1);
        }
        for address in addresses {
            if self.is_in_chunks(address) {
                continue;
            }
            let outside = &mut self.plan.outside;
            match outside.iter().position(|(known, _)| *known == address) {
                Some(index) => outside[index].1 = 0,
                None if outside.len() < MAX_OUTSIDE => outside.push((address, 0)),
                None => {}
            }
        }
        self.plan.outside.retain(|(_, age)| *age <= MAX_AGE);
    }

    pub(super) fn is_in_chunks(&self, at: Addr) -> bool {
        self.plan.chunks.iter().rev().any(|(chunk, bytes)| (*chunk..chunk.offset(*bytes)).contains(&at))
    }

    /// Where the copies of the chunks begin.
    fn first_chunk(&self) -> usize {
        1 + self.extras() + usize::from(self.plan.current.is_some())
    }

    /// A pointer of the thread state, in its first or its last copy.
    pub(super) fn thread_field(&self, last: bool, python: &Python<'_>, field: Field<Addr>) -> Option<Option<Addr>> {
        self.thread_word(last, python, field.offset)
    }

    /// The pointer at `offset` in the first or the last copy of the thread state.
    fn thread_word(&self, last: bool, python: &Python<'_>, offset: u32) -> Option<Option<Addr>> {
        let part = if last { self.parts.last() } else { self.parts.first() };
        let skip = offset.checked_sub(python.layout.thread.span.0)? as usize;
        part?.bytes.get(skip..skip + Addr::SIZE).map(Addr::decode)
    }

    /// The pointer to the innermost frame, in its first and its last copy.
    pub(super) fn current(&self, python: &Python<'_>) -> [Option<Addr>; 2] {
        match (self.plan.current, python.layout.thread.current_frame.0.as_slice()) {
            (None, [offset]) => [false, true].map(|last| self.thread_word(last, python, *offset).flatten()),
            _ => {
                let at = |index: Option<usize>| {
                    let part = self.parts.get(index?)?;
                    Addr::decode(part.bytes.get(..Addr::SIZE)?)
                };
                [at(Some(1 + self.extras())), at(self.parts.len().checked_sub(2))]
            }
        }
    }
}

impl StackCopy {
    /// Finds out what has to be copied, reading bit by bit; keeps the frames outside the chunks.
    fn make_plan(&mut self, python: &Python<'_>) -> Result<()> {
        let layout = &python.layout.thread;
        let (start, end) = layout.span;
        let mut state = [Part::new(self.thread.offset(u64::from(start)), (end - start) as usize)];
        python.memory.read_parts(&mut state)?;
        let copies = Copies::new(&state, python.memory);
        let here = Python::new(&copies, python.layout);
        self.plan.chunks = match (here.get_if(self.thread, layout.datastack_chunk)?.flatten(), layout.datastack_top) {
            (Some(newest), Some(top)) => {
                let top = here.pointer(self.thread, top, "the end of the frame memory")?;
                chunks(python, newest, top)?
            }
            _ => Vec::new(),
        };
        let (last, first) = layout.current_frame.0.split_last().ok_or(Fault::Null("the way to a frame"))?;
        self.plan.current = None;
        if !first.is_empty() {
            let mut at = self.thread;
            for offset in first {
                let next = here.memory.pointer(at.offset(u64::from(*offset)))?;
                at = next.ok_or(Fault::Null("the way to a frame"))?;
            }
            self.plan.current = Some(at.offset(u64::from(*last)));
        }
        self.plan.made = true;
        Ok(())
    }

    /// Makes room for the copies that the plan wants.
    fn prepare(&mut self, python: &Python<'_>) {
        let (start, end) = python.layout.thread.span;
        let thread = (self.thread.offset(u64::from(start)), (end - start) as usize);
        let current = self.plan.current.map(|at| (at, Addr::SIZE));
        let chunks = self.plan.chunks.iter().map(|(at, bytes)| (*at, *bytes as usize));
        let outside = self.plan.outside.iter().map(|(at, _)| RawFrame::range(*at, python.layout));
        let tips = self.plan.tips();
        self.again = self.first_chunk() + self.plan.chunks.len() + self.plan.outside.len();
        let wanted = std::iter::once(thread)
            .chain(self.extra.iter().chain(&self.followed).copied())
            .chain(current)
            .chain(chunks)
            .chain(outside.clone())
            .chain(tips)
            .chain(outside)
            .chain(current)
            .chain(std::iter::once(thread));
        let mut count = 0;
        for (addr, len) in wanted {
            match self.parts.get_mut(count) {
                Some(part) => {
                    part.addr = addr;
                    part.bytes.resize(len, 0);
                }
                None => self.parts.push(Part::new(addr, len)),
            }
            count += 1;
        }
        self.parts.truncate(count);
    }

    /// Whether the copies show that the plan they were made by holds; the newest chunk is then copied
    /// as far as it was live now.
    fn is_current(&mut self, python: &Python<'_>) -> Result<bool> {
        let layout = &python.layout.thread;
        let gone = Fault::Implausible(self.thread, "a thread state that cannot be read");
        if self.thread_word(false, python, layout.next.offset).is_none()
            || self.thread_word(true, python, layout.next.offset).is_none()
        {
            return Err(gone);
        }
        if let (Some(current), [first, last]) = (self.plan.current, layout.current_frame.0.as_slice()) {
            let at = |last_copy| self.thread_word(last_copy, python, *first).flatten();
            let expected = current.before(u64::from(*last));
            if at(false) != expected || at(true) != expected {
                return Ok(false);
            }
        }
        let (Some(chunk), Some(top)) = (layout.datastack_chunk, layout.datastack_top) else { return Ok(true) };
        let newest = self.plan.chunks.last().copied();
        let ends = [false, true].map(|last| self.thread_field(last, python, chunk).flatten());
        if ends != [newest.map(|(chunk, _)| chunk); 2] {
            return Ok(false);
        }
        let Some((chunk, copied)) = newest else { return Ok(true) };
        let tops = [false, true].map(|last| self.thread_field(last, python, top).flatten());
        let live = tops.into_iter().flatten().max().and_then(|top| top.get().checked_sub(chunk.get()));
        let live = live.ok_or_else(|| gone.clone())?;
        if live > copied {
            return Ok(false);
        }
        if let Some(size) = self.newest_size(python)
            && let Some(last) = self.plan.chunks.last_mut()
        {
            last.1 = (live + SLACK).min(size);
        }
        Ok(true)
    }

    /// The size of the newest chunk: never read beyond it, where nothing may be mapped.
    fn newest_size(&self, python: &Python<'_>) -> Option<u64> {
        let part = self.parts.get(self.first_chunk() + self.plan.chunks.len().checked_sub(1)?)?;
        let at = python.layout.chunk.size?.offset as usize;
        Some(u64::decode(part.bytes.get(at..at + 8)?))
    }
}

/// The call that `raw` is: `known` if that is the same.
fn place(python: &Python<'_>, codes: &CodeCache, raw: &RawFrame, known: Option<&Placed>) -> Result<Option<Placed>> {
    match known.filter(|known| known.frame == *raw) {
        Some(known) => Ok(Some(known.clone())),
        None => python.call(codes, raw),
    }
}

impl Python<'_> {
    /// The call that the frame `raw` is; `None` for an entry frame, and for one that has not begun.
    pub fn call(&self, codes: &CodeCache, raw: &RawFrame) -> Result<Option<Placed>> {
        let Some(address) = raw.code.filter(|_| !raw.is_entry(self.layout)) else { return Ok(None) };
        let code = codes.get(self, address)?;
        let lasti = code.lasti(self, raw);
        Ok(has_begun(self, raw, &code, lasti).then_some(Placed { frame: *raw, code, lasti }))
    }
}

/// Whether CPython counts the frame: one that has not begun it does not (`_PyFrame_IsIncomplete`,
/// Include/internal/pycore_frame.h).
fn has_begun(python: &Python<'_>, raw: &RawFrame, code: &Code, lasti: i64) -> bool {
    raw.owner.is_none() || raw.is_in_generator(python.layout) || lasti >= code.first_traceable
}

/// How many bytes both begin with.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 256;
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    let same = a.chunks(STEP).zip(b.chunks(STEP)).take_while(|(a, b)| a == b).count();
    let start = (same * STEP).min(len);
    start + a[start..].iter().zip(&b[start..]).take_while(|(a, b)| a == b).count()
}
