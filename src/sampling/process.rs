//! One process of a recording: its interpreters and threads, as they come and go.

use crate::address::Addr;
use crate::error::{Error, Result};
use crate::layout::Word;
use crate::memory::Pages;
use crate::os::{self, Tracer};
use crate::profile::{self, Event, EventKind, ProcessId, Run, StackId, StringId, Thread, Writer};
use crate::python::{CodeCache, End, InterpreterState, Python, TaskCache, ThreadState};
use crate::sampling::ledger::{Counted, Found, Share};
use crate::sampling::names::Names;
use crate::sampling::thread::{Look, Means, SampledThread, Seen};
use crate::stacks::{self, GilPlace, NativeId, NativeIds, Pausing, Read, State};
use crate::target::Target;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::time::Duration;

/// An interpreter that is watched: where its GIL and its list of threads lie.
#[derive(Debug)]
pub struct Watched {
    /// What CPython says of it.
    pub state: InterpreterState,
    /// Its tasks of asyncio.
    pub tasks: TaskCache,
    /// Its GIL.
    pub place: GilPlace,
    /// Pointers at the heads of lists, and what they were: others mean that the lists have changed.
    heads: Vec<(Addr, Option<Addr>)>,
    /// Where it is counted how often a code object was freed (3.14+), and how often that was.
    generation: Option<(Addr, Cell<Option<u64>>)>,
}

/// A range more to copy takes the kernel as long as some 5 kB more in a range (guides: layouts.md
/// §8.1).
const WORTH_A_GAP: u64 = 4096;

impl Watched {
    /// Whether a list has another head than it had; not, where it was not copied.
    pub fn has_changed(&self, python: &Python<'_>) -> bool {
        self.heads.iter().any(|(at, head)| python.memory.pointer(*at).is_ok_and(|now| now != *head))
    }

    /// Tells `codes` if a code object was freed since this was called before: another may lie there now.
    pub fn renew(&self, python: &Python<'_>, codes: &CodeCache) {
        let Some((at, known)) = &self.generation else { return };
        let now = python.memory.u64(*at).ok();
        if now.is_none() || known.replace(now) != now {
            codes.renew();
        }
    }

    /// What is read with every stack.
    fn ranges(&self, python: &Python<'_>) -> Vec<(Addr, usize)> {
        let mut ranges = self.place.ranges(python);
        ranges.extend(self.heads.iter().map(|(at, _)| (*at, Addr::SIZE)));
        ranges.extend(self.generation.iter().map(|(at, _)| (*at, 8)));
        ranges.sort_unstable();
        let mut joined: Vec<(Addr, usize)> = Vec::new();
        for (at, len) in ranges {
            match joined.last_mut() {
                Some((first, all)) if at.get() - first.get() <= *all as u64 + WORTH_A_GAP => {
                    *all = (*all).max((at.get() - first.get()) as usize + len);
                }
                _ => joined.push((at, len)),
            }
        }
        joined
    }
}

/// A process of a recording.
#[derive(Debug)]
pub struct SampledProcess {
    /// The process.
    pub target: Target,
    /// Its number in the recording.
    pub id: ProcessId,
    codes: CodeCache,
    tracer: Tracer,
    names: Names,
    interpreters: Vec<Watched>,
    threads: Vec<SampledThread>,
    /// When the names of threads were last asked for, in ns since the start.
    named: u64,
    /// When code objects were last asked whether they are the same, in ns since the start.
    renewed: u64,
    replaced: u64,
    relist: bool,
    /// In how many ticks, one after the other, no thread could be read, and since when, in ns since the start.
    unreadable: (u32, u64),
    /// Where its stack begins: elsewhere, once it executes another program.
    stack: u64,
    /// When that was last asked for, in ns since the start.
    asked: u64,
    /// Since when it is recorded, in ns since the start.
    opened: u64,
}

/// What a look at a thread means for its process.
#[derive(Clone, Copy, Default)]
struct Told {
    /// When it was made, in ns since the start.
    at: u64,
    /// The lists of interpreters or threads are not those known.
    relist: bool,
    /// Nothing of its stack could be read.
    unreadable: bool,
}

/// One tick of the recording.
#[derive(Clone, Copy, Debug)]
pub struct Tick {
    /// When the recording began.
    pub started: Duration,
    /// Nanoseconds since the start.
    pub now: u64,
    /// Nanoseconds since the tick before: what a look stands for.
    pub gap: u64,
    /// Whether threads may be stopped.
    pub pausing: Pausing,
}

/// If nothing of a process can be read for so many ticks and so many ns, it is not what it was.
const MAX_UNREADABLE: (u32, u64) = (3, 10_000_000);
/// So long, in ns, a process may have threads of which the kernel knows nothing: in a child just forked
/// they have the number of the parent's until the child has had its turn on a processor.
const YOUNG: u64 = 100_000_000;
/// How often it is asked whether it executes another program, in ns.
const EXEC_EVERY: u64 = 20_000_000;
/// Threads without a name are asked for it so often, in ns.
const NAMES_EVERY: u64 = 200_000_000;
/// A code object is believed to be the same for so long, in ns; not at all once one was not, or where
/// every look has to be exact.
const BELIEVED_FOR: u64 = 50_000_000;

impl SampledProcess {
    /// Begins with `target`, whose stack began at `stack` before anything else was read of it, and tells
    /// the recording of it.
    pub fn open<W: Write>(
        target: Target,
        stack: u64,
        parent: Option<ProcessId>,
        writer: &mut Writer<W>,
        now: u64,
    ) -> Result<Self> {
        let pid = target.process.pid;
        if !target.initialised {
            return Err(Error::failed(format!("pid {pid}: Python is starting up or has finished")));
        }
        let id = writer.add_process(profile::Process {
            parent,
            command: target.process.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            executable: target.process.executable.as_ref().map(|path| path.display().to_string()),
            version: Some(target.layout.version.to_string()),
            flavour: Some(target.layout.flavour.to_string()),
            ..profile::Process::new(pid)
        });
        writer.event(&Event { process: Some(id), ..Event::new(now, EventKind::ProcessStarted) })?;
        let mut process = Self {
            target,
            id,
            codes: CodeCache::default(),
            tracer: Tracer::default(),
            names: Names::default(),
            interpreters: Vec::new(),
            threads: Vec::new(),
            named: 0,
            renewed: 0,
            replaced: 0,
            relist: false,
            unreadable: (0, now),
            stack,
            asked: now,
            opened: now,
        };
        process.list(writer, now)?;
        process.name_threads(writer, now);
        Ok(process)
    }

    fn is_young(&self, now: u64) -> bool {
        now.saturating_sub(self.opened) < YOUNG
    }

    /// Whether what `stat` is of executes the program that this was found to execute.
    pub fn is_at(&self, stat: &os::Stat) -> bool {
        stat.stack_start == self.stack
    }

    /// How many threads it has.
    pub fn thread_count(&self) -> usize {
        self.threads.len()
    }

    /// Looks at every thread. False if the process is there no more.
    pub fn tick<W: Write>(&mut self, writer: &mut Writer<W>, mut tick: Tick) -> Result<bool> {
        self.tracer.let_go();
        let exact = tick.pausing == Pausing::Always;
        // From 3.14 on, CPython itself tells.
        let told = self.interpreters.iter().all(|interpreter| interpreter.generation.is_some());
        // Before, whether it replaces code objects all the time is found out at the beginning.
        let new = tick.now.saturating_sub(self.opened) < BELIEVED_FOR;
        if exact || !told && (new || tick.now - self.renewed >= BELIEVED_FOR || self.replaced > 0) {
            self.codes.renew();
            (self.renewed, self.replaced) = (tick.now, self.codes.replaced());
        }
        let (mut relist, mut ended, mut failed) = (self.relist, Vec::new(), 0);
        for index in 0..self.threads.len() {
            match self.look(index, writer, tick)? {
                Some(told) => {
                    tick.now = tick.now.max(told.at);
                    relist |= told.relist;
                    failed += usize::from(told.unreadable);
                }
                None => ended.push(index),
            }
        }
        for index in ended.iter().rev() {
            let mut thread = self.threads.swap_remove(*index);
            end_thread(&mut thread, writer)?;
            writer.event(&Event { thread: Some(thread.id), ..Event::new(tick.now, EventKind::ThreadEnded) })?;
        }
        let none = failed == self.threads.len();
        let waits = self.threads.is_empty() && self.is_young(tick.now);
        self.unreadable = if none && !waits { (self.unreadable.0 + 1, self.unreadable.1) } else { (0, tick.now) };
        let changed = relist || none || !ended.is_empty();
        // Another program may have the same Python at the same addresses: then all looks as if threads had come and gone.
        if changed || tick.now.saturating_sub(self.asked) >= EXEC_EVERY {
            self.asked = tick.now;
            if os::Stat::of(self.target.process.pid).is_none_or(|stat| !self.is_at(&stat)) {
                return Ok(false);
            }
        }
        if changed && self.list(writer, tick.now).is_err() {
            return Ok(false);
        }
        let (ticks, since) = self.unreadable;
        if ticks >= MAX_UNREADABLE.0 && tick.now - since >= MAX_UNREADABLE.1 {
            return Ok(false);
        }
        if tick.now - self.named >= NAMES_EVERY && self.threads.iter().any(|thread| !thread.named) {
            self.name_threads(writer, tick.now);
        }
        Ok(true)
    }

    /// Looks at one thread, and tells what that means for the process; `None` if it has ended.
    fn look<W: Write>(&mut self, index: usize, writer: &mut Writer<W>, tick: Tick) -> Result<Option<Told>> {
        let Self { target, codes, tracer, names, interpreters, threads, .. } = self;
        let Some(thread) = threads.get_mut(index) else { return Ok(None) };
        let Some(watched) = interpreters.get(thread.interpreter) else { return Ok(None) };
        let means = Means { target, codes, tracer, pausing: tick.pausing, started: tick.started, now: tick.now };
        let look = thread.look(&means, watched, &mut writer.accounting);
        writer.accounting.wanted += 1;
        writer.accounting.taken += u64::from(!matches!(look, Look::Ended));
        match look {
            Look::Ended => Ok(None),
            Look::Unchanged => {
                writer.accounting.unchanged += 1;
                let gap = gap(thread, tick.now, tick.gap);
                let share = thread.ledger.look(Found::Asleep, gap, Counted::default(), true).now;
                if let Some(run) = &mut thread.run {
                    run.wall += share.wall;
                    run.looks += 1;
                }
                Ok(Some(Told::default()))
            }
            Look::Seen(seen) => {
                count(&mut writer.accounting, &seen, thread.end());
                let stack = stack(thread, names, writer);
                let unreadable = stack.is_none() && matches!(thread.end(), End::Unreadable(_));
                let Share { wall, cpu } = share(thread, &seen, tick.gap);
                let ran = matches!(seen.counted, Some((Found::Running, _)));
                if !ran {
                    write_unseen(thread, writer, tick.gap)?;
                }
                let start = thread.run.map_or(seen.at.saturating_sub(wall), |run| run.stop());
                let run = Run {
                    wall,
                    cpu,
                    stack,
                    state: state(seen.state),
                    gil: seen.gil,
                    read: read(seen.read),
                    end: end(thread.end()),
                    task: task(thread, names, writer),
                    waits: seen.call.and_then(|call| call.name()).map(|name| writer.string(name)),
                    ..Run::new(thread.id, start)
                };
                if ran {
                    thread.recent.push(run);
                }
                add(thread, writer, run)?;
                Ok(Some(Told { at: seen.at, relist: seen.relist, unreadable }))
            }
        }
    }

    /// Finds the interpreters and threads that there are now.
    fn list<W: Write>(&mut self, writer: &mut Writer<W>, now: u64) -> Result<()> {
        let pid = self.target.process.pid;
        let gone = || Error::failed(format!("pid {pid}: the interpreters cannot be read"));
        let head = self.target.interpreters_head().ok_or_else(gone)?;
        let pages = Pages::new(&self.target.memory);
        let python = Python::new(&pages, &self.target.layout);
        let first = python.memory.pointer(head).map_err(|fault| gone().because(fault))?;
        let list = python.interpreters(head);
        let mut found: Vec<(ThreadState, usize)> = Vec::new();
        // A list that changes while it is read may be cut short: it is read again at the next tick.
        self.relist = list.fault.is_some();
        let mut tasks: HashMap<Addr, TaskCache> =
            self.interpreters.drain(..).map(|old| (old.state.address, old.tasks)).collect();
        for (index, state) in list.items.into_iter().enumerate() {
            let threads = python.threads(state);
            self.relist |= threads.fault.is_some();
            found.extend(threads.items.into_iter().map(|thread| (thread, index)));
            let at = state.address.offset(u64::from(self.target.layout.interpreter.threads_head.offset));
            let newest = python.memory.pointer(at).ok().flatten();
            let place = GilPlace::find(&self.target, &python, state);
            let generation = self.target.layout.interpreter.code_object_generation;
            let generation = generation.map(|own| (state.address.offset(u64::from(own.offset)), Cell::new(None)));
            let tasks = tasks.remove(&state.address).unwrap_or_default();
            let heads = vec![(head, first), (at, newest)];
            self.interpreters.push(Watched { state, tasks, place, heads, generation });
        }
        let all: Vec<ThreadState> = found.iter().map(|(thread, _)| *thread).collect();
        let ids = NativeIds::read(pid, &python, &all);
        let mut known: HashMap<(Addr, u64), SampledThread> =
            self.threads.drain(..).map(|thread| ((thread.state.address, thread.state.id), thread)).collect();
        for (thread, interpreter) in found {
            let tid = match ids.of(&thread) {
                NativeId::Known(tid) => Some(tid),
                NativeId::Ended => continue,
                // It is about to start.
                NativeId::Unknown if thread.native_id == Some(0) || self.is_young(now) => {
                    self.relist = true;
                    continue;
                }
                NativeId::Unknown => None,
            };
            let key = (thread.address, thread.id);
            let is_same = known.get(&key).is_some_and(|old| old.tid == tid);
            let old = if is_same { known.remove(&key) } else { None };
            let sampled = match old {
                Some(mut old) => {
                    old.interpreter = interpreter;
                    old
                }
                None => {
                    let id = writer.add_thread(Thread {
                        interpreter: self.interpreters[interpreter].state.id.unwrap_or(interpreter as i64),
                        native_id: tid,
                        ..Thread::new(self.id, thread.id)
                    });
                    writer.event(&Event { thread: Some(id), ..Event::new(now, EventKind::ThreadStarted) })?;
                    let extra = self.interpreters[interpreter].ranges(&python);
                    SampledThread::new(pid, thread, id, tid, interpreter, extra)
                }
            };
            self.threads.push(sampled);
        }
        if self.relist {
            let count = self.interpreters.len();
            let listed: HashSet<Addr> = self.threads.iter().map(|thread| thread.state.address).collect();
            let stays = |thread: &SampledThread| thread.interpreter < count && !listed.contains(&thread.state.address);
            self.threads.extend(known.extract_if(|_, thread| stays(thread)).map(|(_, thread)| thread));
        }
        for mut thread in known.into_values() {
            end_thread(&mut thread, writer)?;
            writer.event(&Event { thread: Some(thread.id), ..Event::new(now, EventKind::ThreadEnded) })?;
        }
        Ok(())
    }

    fn name_threads<W: Write>(&mut self, writer: &mut Writer<W>, now: u64) {
        self.named = now;
        let pages = Pages::new(&self.target.memory);
        let python = Python::new(&pages, &self.target.layout);
        for (index, watched) in self.interpreters.iter().enumerate() {
            let names = stacks::names(&python, watched.state);
            for thread in self.threads.iter_mut().filter(|thread| thread.interpreter == index && !thread.named) {
                let Some(name) = names.get(&thread.state.id) else { continue };
                thread.named = true;
                let told = Thread {
                    interpreter: watched.state.id.unwrap_or(index as i64),
                    native_id: thread.tid,
                    name: Some(name.clone()),
                    ..Thread::new(self.id, thread.state.id)
                };
                writer.set_thread(thread.id, told);
            }
        }
    }

    /// Nothing follows.
    pub fn end<W: Write>(&mut self, writer: &mut Writer<W>) -> Result<()> {
        self.threads.iter_mut().try_for_each(|thread| end_thread(thread, writer))
    }

    /// Ends every run, so that what was seen so far is in the recording.
    pub fn end_runs<W: Write>(&mut self, writer: &mut Writer<W>) -> Result<()> {
        self.threads.iter_mut().try_for_each(|thread| end_run(thread, writer))
    }

    /// What its threads are doing, for a status line.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.threads.iter().filter_map(|thread| thread.run.as_ref())
    }
}

/// The time since the last look at `thread`, which is looked at now, `at`.
fn gap(thread: &mut SampledThread, at: u64, gap: u64) -> u64 {
    thread.looked.replace(at).map_or(gap, |looked| at.saturating_sub(looked))
}

/// What `seen` stands for. The rest of the time since the last look belongs to what that has shown.
fn share(thread: &mut SampledThread, seen: &Seen, tick: u64) -> Share {
    let first = thread.looked.is_none();
    let gap = gap(thread, seen.at, tick);
    let Some((found, counted)) = seen.counted.filter(|_| !first) else {
        return Share { wall: gap, cpu: seen.cpu };
    };
    let run = thread.run.as_mut().filter(|run| run.looks > 0);
    let given = thread.ledger.look(found, gap, counted, run.is_some());
    if let Some(run) = run {
        run.wall += given.before.wall;
        run.cpu += given.before.cpu;
    }
    given.now
}

/// The number of the stack of `thread` as it is now. Of what has not moved it is known.
fn stack<W: Write>(thread: &mut SampledThread, names: &mut Names, writer: &mut Writer<W>) -> Option<StackId> {
    let (copy, nodes) = thread.parts();
    nodes.truncate(copy.take_same());
    for call in copy.stack().iter().skip(nodes.len()) {
        let node = names.stack(writer, nodes.last().copied(), call);
        nodes.push(node);
    }
    nodes.last().copied()
}

/// The number of the name of the task that `thread` executes.
fn task<W: Write>(thread: &mut SampledThread, names: &mut Names, writer: &mut Writer<W>) -> Option<StringId> {
    let task = thread.task.clone()?;
    let (copy, _) = thread.parts();
    let root = copy.roots().iter().find(|root| root.coroutine == task.coroutine);
    let call = root.and_then(|root| copy.stack().get(root.depth));
    Some(names.task(writer, &task, call.map(|call| &*call.code)))
}

fn count(accounting: &mut profile::Accounting, seen: &Seen, end: &End) {
    match seen.read {
        Read::Blocked => accounting.blocked += 1,
        Read::Deduced => accounting.deduced += 1,
        Read::Stopped => accounting.stopped += 1,
        Read::Undecided => accounting.undecided += 1,
    }
    accounting.unreadable += u64::from(*end != End::Root);
}

/// Adds a look to the run of `thread`, or begins another.
fn add<W: Write>(thread: &mut SampledThread, writer: &mut Writer<W>, new: Run) -> Result<()> {
    if let Some(run) = &mut thread.run {
        let alike = Run { start: run.start, wall: run.wall, cpu: run.cpu, looks: run.looks, ..new };
        if *run == alike {
            run.wall += new.wall;
            run.cpu += new.cpu;
            run.looks += new.looks;
            return Ok(());
        }
        // It has none if it was written a moment ago.
        if run.looks > 0 {
            writer.run(run)?;
        }
    }
    thread.run = Some(new);
    Ok(())
}

/// Writes what `thread` ran and was not seen to, if that is as much as `least` ns.
fn write_unseen<W: Write>(thread: &mut SampledThread, writer: &mut Writer<W>, least: u64) -> Result<()> {
    let (Some(run), Some(drawn)) = (&mut thread.run, thread.recent.draw()) else { return Ok(()) };
    let Some(Share { wall, cpu }) = thread.ledger.unseen(least) else { return Ok(()) };
    if run.looks > 0 {
        writer.run(run)?;
    }
    let unseen = Run { start: run.stop(), wall, cpu, looks: 0, ..drawn };
    writer.accounting.unseen += cpu;
    (run.start, run.wall, run.cpu, run.looks) = (unseen.stop(), 0, 0, 0);
    writer.run(&unseen)
}

/// Writes the run of `thread`, after which none follows.
fn end_thread<W: Write>(thread: &mut SampledThread, writer: &mut Writer<W>) -> Result<()> {
    end_run(thread, writer)?;
    write_unseen(thread, writer, 1)
}

/// Writes the run of `thread`; the next look goes on with the same.
fn end_run<W: Write>(thread: &mut SampledThread, writer: &mut Writer<W>) -> Result<()> {
    let Some(run) = &mut thread.run else { return Ok(()) };
    if run.looks > 0 {
        writer.run(run)?;
    }
    (run.start, run.wall, run.cpu, run.looks) = (run.stop(), 0, 0, 0);
    Ok(())
}

fn state(state: State) -> profile::State {
    match state {
        State::Running => profile::State::Running,
        State::Idle => profile::State::Idle,
        State::WaitingGil => profile::State::WaitingGil,
        State::Gc => profile::State::Gc,
        State::Suspended => profile::State::Suspended,
        State::Stopped => profile::State::Stopped,
        State::Unknown => profile::State::Unknown,
    }
}

fn read(read: Read) -> profile::Read {
    match read {
        Read::Blocked => profile::Read::Blocked,
        Read::Deduced => profile::Read::Deduced,
        Read::Stopped => profile::Read::Stopped,
        Read::Undecided => profile::Read::Undecided,
    }
}

fn end(end: &End) -> profile::End {
    match end {
        End::Root => profile::End::Root,
        End::Unreadable(_) => profile::End::Unreadable,
        End::Loop => profile::End::Loop,
        End::TooDeep => profile::End::TooDeep,
    }
}
