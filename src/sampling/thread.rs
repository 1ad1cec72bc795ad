//! One thread, looked at again and again.

use crate::address::{Addr, Pid};
use crate::layout::Word;
use crate::memory::Copies;
use crate::os::{self, Activity, Syscall, ThreadFiles, Tracer};
use crate::profile::{Accounting, Run, StackId, ThreadId};
use crate::python::{self, Asked, CodeCache, End, Missed, Python, StackCopy, Task, ThreadState};
use crate::sampling::clock::nanoseconds;
use crate::sampling::ledger::{Counted, Found, Ledger, Recent};
use crate::sampling::process::Watched;
use crate::sampling::trust::Trust;
use crate::stacks::{Gil, Pausing, Read, State, Subject, look};
use crate::target::Target;
use std::rc::Rc;
use std::time::Duration;

/// A thread of a recording.
#[derive(Debug)]
pub struct SampledThread {
    /// What CPython said of it when it was found.
    pub state: ThreadState,
    /// Its number in the recording.
    pub id: ThreadId,
    /// The kernel's thread; `None` if that is not known.
    pub tid: Option<Pid>,
    /// Whether its name is known.
    pub named: bool,
    /// Which interpreter of its process it belongs to.
    pub interpreter: usize,
    files: Option<ThreadFiles>,
    copy: StackCopy,
    trust: Trust,
    asleep: bool,
    meter: Meter,
    /// When it was looked at last, in ns since the start; `None` if never.
    pub looked: Option<u64>,
    /// Its stack in the recording, the outermost first: one for each call of `copy`.
    nodes: Vec<StackId>,
    /// The run that has not ended yet.
    pub run: Option<Run>,
    /// The last looks that found it running.
    pub recent: Recent,
    /// When it was found, in ns since the start.
    found: Option<u64>,
    /// For how long it stood in all when it was stopped for long, in ns.
    stood_long: u64,
    /// What is owed to its looks.
    pub ledger: Ledger,
    /// The task of asyncio that it was seen to execute.
    pub task: Option<Rc<Task>>,
    /// The task that is copied with its stack: the last that was seen.
    followed: Option<Rc<Task>>,
}

/// On a machine without a processor to spare, a stop may last until we get one. Stops of this length and more, in ns,
const LONG: u64 = 1_000_000;
/// may make up a tenth of the time, and so much more, in ns, to begin with; what cannot be decided after that remains
/// undecided for a while.
const LONG_AT_FIRST: u64 = 20_000_000;

/// What is needed to look at a thread.
pub struct Means<'m> {
    /// When the recording began.
    pub started: Duration,
    /// The time since then, in ns.
    pub now: u64,
    pub target: &'m Target,
    pub codes: &'m CodeCache,
    pub tracer: &'m Tracer,
    pub pausing: Pausing,
}

impl Means<'_> {
    /// A moment by [`os::now`], in ns since the start.
    fn since(&self, moment: Duration) -> u64 {
        nanoseconds(moment.saturating_sub(self.started))
    }
}

/// What a look has shown.
pub enum Look {
    /// The thread has slept since the last look.
    Unchanged,
    /// It was read.
    Seen(Seen),
    /// It has ended.
    Ended,
}

/// What was read of a thread; its stack is in [`SampledThread::parts`].
pub struct Seen {
    pub state: State,
    /// Whether it holds the GIL, if there is one.
    pub gil: Option<bool>,
    pub read: Read,
    /// The system call it sleeps in.
    pub call: Option<Syscall>,
    /// When it was read, in ns since the start.
    pub at: u64,
    /// Processor time since the last look, in ns.
    pub cpu: u64,
    /// How the scheduler treats it, if the kernel counts that.
    pub counted: Option<(Found, Counted)>,
    /// Whether the lists of interpreters or threads are not those known.
    pub relist: bool,
}

impl SampledThread {
    /// The thread `state`, of which nothing is known yet.
    pub fn new(
        pid: Pid,
        state: ThreadState,
        id: ThreadId,
        tid: Option<Pid>,
        interpreter: usize,
        extra: Vec<(Addr, usize)>,
    ) -> Self {
        Self {
            state,
            id,
            tid,
            named: false,
            interpreter,
            files: tid.map(|tid| ThreadFiles::open(pid, tid)),
            copy: StackCopy::new(state.address, extra),
            trust: Trust::default(),
            asleep: false,
            meter: Meter::default(),
            looked: None,
            nodes: Vec::new(),
            run: None,
            found: None,
            stood_long: 0,
            recent: Recent::new(state.address.get()),
            ledger: Ledger::default(),
            task: None,
            followed: None,
        }
    }

    /// Its stack, and what that is in the recording.
    pub fn parts(&mut self) -> (&mut StackCopy, &mut Vec<StackId>) {
        (&mut self.copy, &mut self.nodes)
    }

    /// Looks at the thread now.
    pub fn look(&mut self, means: &Means<'_>, watched: &Watched, accounting: &mut Accounting) -> Look {
        let Some(files) = &mut self.files else { return self.unknown(means, watched) };
        let before = files.count();
        let turns = files.turns();
        let counted = turns.is_some() && turns.map(|t| t.turns) == before.map(|t| t.turns);
        if self.asleep && counted {
            return Look::Unchanged;
        }
        // A thread that was running, has not been taken off its processor, and of which the kernel has
        // counted nothing meanwhile, is running still.
        let runs_on = self.looked.is_some() && !self.asleep && counted;
        let steady = runs_on && turns == before;
        let activity = if steady { Activity::Running } else { files.usual_activity() };
        if activity == Activity::Gone {
            return Look::Ended;
        }
        let leaves = if steady { None } else { files.leaves() };
        // Its stack is that of its sleep.
        let waits = activity == Activity::Running && leaves.is_some_and(|leaves| leaves.has_none && leaves.slept > 0);
        let began = os::now();
        let Some((activity, read, seen_standing)) = self.read(means, watched, activity, accounting) else {
            return Look::Ended;
        };
        if self.is_replaced(means) {
            return Look::Ended;
        }
        let ended = os::now();
        let at = match read {
            // It may take the scheduler long to stop a thread, and to let us go on.
            Read::Undecided | Read::Stopped => means.since(ended),
            _ => means.now,
        };
        let slept = self.asleep;
        self.asleep = matches!(activity, Activity::Blocked(_) | Activity::Asleep | Activity::Stopped);
        let gap = self.looked.map_or(0, |looked| at.saturating_sub(looked));
        let ran_since = match () {
            // What it has taken is counted when it leaves its processor.
            () if self.asleep || waits || read == Read::Stopped => 0,
            () if runs_on => gap,
            // It woke up in between, at no matter what moment.
            () if slept => gap / 2,
            () => 0,
        };
        let counted = self.files.as_ref().and_then(ThreadFiles::turns);
        let cpu = self.meter.since(counted.map_or(0, |turns| turns.ran), ran_since);
        let found = match () {
            () if self.asleep => Found::Asleep,
            () if waits => Found::Waiting,
            () => Found::Running,
        };
        // To be stopped it was given a processor, perhaps after a long wait. Then it stood, which was no sleep.
        let stood = match (read, counted, turns) {
            (Read::Stopped, Some(now), Some(turns)) => {
                let had = now.ran.saturating_sub(turns.ran) + now.waited.saturating_sub(turns.waited);
                nanoseconds(ended.saturating_sub(began)).saturating_sub(had).max(seen_standing)
            }
            _ => seen_standing,
        };
        if stood >= LONG {
            self.stood_long += stood;
        }
        accounting.stopped_total += stood;
        accounting.stopped_longest = accounting.stopped_longest.max(stood);
        let counted = counted.zip(before).map(|(now, before)| {
            (found, Counted { cpu, waited: now.waited.saturating_sub(before.waited), stood, leaves })
        });
        Look::Seen(Seen { cpu, counted, at, ..self.seen(means, watched, Some(activity), read) })
    }

    /// A thread that the kernel does not know, or we do not: read as it is.
    fn unknown(&mut self, means: &Means<'_>, watched: &Watched) -> Look {
        let python = Python::new(&means.target.memory, &means.target.layout);
        let taken = self.copy.take(&python);
        self.copy.exact(taken, &python, means.codes);
        self.task = running_task(&self.copy, &python, watched, false).ok().flatten();
        Look::Seen(self.seen(means, watched, None, Read::Undecided))
    }

    /// Reads its stack in the way that is true at the least cost, and tells what it does after all; `None` if
    /// it has ended.
    fn read(
        &mut self,
        means: &Means<'_>,
        watched: &Watched,
        activity: Activity,
        accounting: &mut Accounting,
    ) -> Option<(Activity, Read, u64)> {
        let Self { files: Some(files), copy, trust, .. } = self else { return None };
        let python = Python::new(&means.target.memory, &means.target.layout);
        let mut reading = Reading { files, copy, trust, python, means, watched, accounting, stood: 0, task: None };
        let since = means.now - *self.found.get_or_insert(means.now);
        let spared = self.stood_long > LONG_AT_FIRST + since / 10;
        let pausing = if spared { means.pausing.without_need() } else { means.pausing };
        let (activity, read) = look(&mut reading, activity, pausing, means.tracer)?;
        let stood = reading.stood;
        self.task = reading.task;
        self.follow_task(means, watched);
        Some((activity, read, stood))
    }

    /// Has what proves the task copied with the next stack.
    fn follow_task(&mut self, means: &Means<'_>, watched: &Watched) {
        let Some(task) = &self.task else { return };
        if self.copy.follows() && self.followed.as_ref().is_some_and(|followed| Rc::ptr_eq(followed, task)) {
            return;
        }
        let ranges = task.ranges();
        if ranges.is_empty() {
            return;
        }
        let pointer = watched.tasks.pointer(&means.target.layout, self.state.address);
        self.copy.follow(ranges.into_iter().chain(pointer.map(|at| (at, Addr::SIZE))).collect());
        self.followed = Some(Rc::clone(task));
    }

    /// Whether its state is another thread's meanwhile: Python lets go of it before the kernel's thread ends.
    fn is_replaced(&self, means: &Means<'_>) -> bool {
        let copies = Copies::new(self.copy.parts(), &means.target.memory);
        let id =
            Python::new(&copies, &means.target.layout).get(self.state.address, means.target.layout.thread.thread_id);
        id.is_ok_and(|id| id != self.state.id)
    }

    fn seen(&self, means: &Means<'_>, watched: &Watched, activity: Option<Activity>, read: Read) -> Seen {
        let layout = &means.target.layout;
        let copies = Copies::new(self.copy.parts(), &means.target.memory);
        let python = Python::new(&copies, layout);
        let gil: Gil = watched.place.read(&python);
        let attached = python.get_if(self.state.address, layout.thread.state).ok().flatten();
        let thread = ThreadState { attached, ..self.state };
        let state = State::of(activity, &thread, &watched.place, &gil);
        let call = match activity {
            Some(Activity::Blocked(call)) => Some(call),
            _ => None,
        };
        let gil = gil.known.then_some(gil.holder == Some(thread.address));
        Seen { state, gil, read, call, at: means.now, cpu: 0, counted: None, relist: watched.has_changed(&python) }
    }

    /// Why its stack has no more frames.
    pub fn end(&self) -> &End {
        self.copy.end()
    }
}

/// A thread of a recording, while it is looked at.
struct Reading<'s> {
    files: &'s mut ThreadFiles,
    copy: &'s mut StackCopy,
    trust: &'s mut Trust,
    python: Python<'s>,
    means: &'s Means<'s>,
    watched: &'s Watched,
    accounting: &'s mut Accounting,
    /// For how long it was seen to stand, in ns.
    stood: u64,
    /// The task of asyncio that it executes.
    task: Option<Rc<Task>>,
}

impl Subject for Reading<'_> {
    fn kernel(&mut self) -> &mut ThreadFiles {
        self.files
    }

    fn activity(&mut self) -> Activity {
        // Threads of a Python wait on futexes all the time.
        self.files.usual_activity()
    }

    fn exact(&mut self, stopped: bool) -> bool {
        if stopped {
            // Frames of before 3.11, generators and code objects lie outside the copy. No code object can be
            // replaced now, and asking them costs little beside the stop.
            self.means.codes.renew();
        }
        let taken = self.take();
        self.copy.exact(taken, &self.python, self.means.codes);
        if stopped {
            self.files.count_stopped();
        }
        // What cannot be told of a thread that stands still cannot be told at all.
        let _ = self.running_task(true);
        let innermost = self.copy.roots().last().map(|root| root.coroutine);
        if stopped && !self.copy.is_torn() && self.task.as_ref().map(|task| task.coroutine) != innermost {
            self.watched.tasks.note_stranger(self.copy.roots());
        }
        !self.copy.is_torn()
    }

    fn deduce(&mut self) -> bool {
        let moves = self.python.layout.thread.datastack_chunk.is_some();
        if !moves {
            // It stands, if this succeeds: asking code objects whether they are the same costs as little as in
            // a stop.
            self.means.codes.renew();
        }
        let exactly = moves && self.means.pausing == Pausing::IfNeeded && self.trust.is_lost();
        if exactly && !self.trust.is_to_be_tried() {
            return false;
        }
        let decided = self.take().is_ok_and(|()| self.copy.deduce(&self.python, self.means.codes));
        if moves {
            self.trust.note(decided);
        }
        // What was decided after all is not believed either: to be decided is no matter of chance.
        if !decided || exactly {
            return false;
        }
        // The stack is true whether its task is known or not. It is worth a stop to learn that, once.
        let may_not = self.means.pausing == Pausing::Never;
        self.running_task(false).is_ok() || may_not || self.watched.tasks.is_strange(self.copy.roots())
    }

    fn stood(&mut self, from: Duration, to: Duration) {
        self.accounting.stops += 1;
        self.stood += nanoseconds(to.saturating_sub(from));
    }
}

impl Reading<'_> {
    /// Finds the task that it executes, by what was copied of it.
    fn running_task(&mut self, still: bool) -> Result<(), Missed> {
        let task = running_task(self.copy, &self.python, self.watched, still);
        self.task = task.clone().ok().flatten();
        task.map(|_| ())
    }

    /// Copies its memory.
    fn take(&mut self) -> python::Result<()> {
        self.copy.take(&self.python)?;
        let copies = Copies::new(self.copy.parts(), &self.means.target.memory);
        self.watched.renew(&Python::new(&copies, self.python.layout), self.means.codes);
        Ok(())
    }
}

/// The task of asyncio that the thread executes of which this is a `copy`.
fn running_task(
    copy: &StackCopy,
    python: &Python<'_>,
    watched: &Watched,
    still: bool,
) -> Result<Option<Rc<Task>>, Missed> {
    if copy.roots().is_empty() {
        return Ok(None);
    }
    let copies = Copies::new(copy.parts(), python.memory);
    let (interpreter, thread, roots) = (watched.state.address, copy.thread, copy.roots());
    watched.tasks.running(python.layout, &Asked { copies: &copies, interpreter, thread, roots, still })
}

/// What a thread has taken of a processor, from a counter that lags behind.
#[derive(Clone, Copy, Default, Debug)]
struct Meter {
    /// The counter when last asked; `None` if never.
    counted: Option<u64>,
    /// What was told already and the counter does not know yet, less what it was found to know more, in
    /// ns.
    ahead: i64,
}

/// The counter lags at most by a tick of the kernel's clock, in ns.
const TICK: i64 = 10_000_000;

impl Meter {
    /// Processor time since this was asked last, the counter being at `ran` now. The thread is known to
    /// have been on its processor for the last `ran_since` ns, which the counter may not tell yet.
    fn since(&mut self, ran: u64, ran_since: u64) -> u64 {
        let Some(before) = self.counted.replace(ran) else { return 0 };
        let counted = ran.saturating_sub(before).cast_signed();
        let told = match ran_since.cast_signed() {
            // It waits for a processor if the counter stays behind for longer than it can.
            since @ 1.. => since.min(TICK + counted - self.ahead).max(0),
            _ => (counted - self.ahead).max(0),
        };
        self.ahead += told - counted;
        told.cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lagging_counter_is_run_ahead_of() {
        const MS: u64 = 1_000_000;
        let mut meter = Meter::default();
        assert_eq!(meter.since(100 * MS, 0), 0);
        // It runs on; the counter moves every 4 ms.
        let counters = [100, 100, 100, 104, 104, 104, 104, 108];
        let told: u64 = counters.iter().map(|ran| meter.since(ran * MS, MS)).sum();
        assert_eq!(told, 8 * MS);
        // Then it sleeps, and the counter is exact: nothing is counted twice, and nothing lost.
        assert_eq!(meter.since(109 * MS, 0), MS);
        assert_eq!(meter.since(109 * MS, MS / 2), MS / 2);
        assert_eq!(meter.since(111 * MS, 0), 3 * MS / 2);
        // A thread that waits for a processor takes none.
        let told: u64 = (0..100).map(|_| meter.since(111 * MS, MS)).sum();
        assert_eq!(told, TICK.cast_unsigned());
        assert_eq!(meter.since(121 * MS, 0), 0);
    }
}
