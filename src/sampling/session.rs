//! A recording in progress: one process, or a tree of them.

use crate::address::Pid;
use crate::error::{Error, Kind, Result};
use crate::os;
use crate::profile::{Event, EventKind, FunctionId, State, Writer};
use crate::sampling::clock::nanoseconds;
use crate::sampling::family::{Candidate, Family, cost};
use crate::sampling::process::{SampledProcess, Tick};
use crate::stacks::Pausing;
use crate::target::{Target, UserTable};
use std::io::Write;
use std::time::Duration;

/// What is recorded, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether running threads may be stopped for the microseconds of a copy.
    pub pausing: Pausing,
    /// Whether the processes that the first one starts are recorded as well.
    pub children: bool,
    /// An offset table of the user's.
    pub table: Option<UserTable>,
}

/// A recording in progress.
pub struct Session<W: Write> {
    options: Options,
    /// What was seen; the caller finishes it.
    pub writer: Writer<W>,
    root: Pid,
    processes: Vec<SampledProcess>,
    /// The processes below it, where they are wanted.
    family: Option<Family>,
    /// Processes that are no Python, or not yet.
    candidates: Vec<Candidate>,
    started: Duration,
    last: u64,
    flushed: u64,
    /// Processor time of pitviper when the recording began.
    spent: Duration,
}

/// How long Python may take to begin after a process has executed another program, in ns.
const EXEC_TAKES: u64 = 10_000_000_000;
/// How often runs that go on are written, in ns.
const FLUSH_EVERY: u64 = 1_000_000_000;

impl<W: Write> Session<W> {
    /// To record `pid` into `writer`; begins with [`Session::attach`].
    pub fn new(pid: Pid, options: Options, writer: Writer<W>) -> Self {
        Self {
            family: options.children.then(|| Family::new(pid)),
            options,
            writer,
            root: pid,
            processes: Vec::new(),
            candidates: Vec::new(),
            started: os::now(),
            last: 0,
            flushed: 0,
            spent: os::processor_time(),
        }
    }

    /// Attaches, and then begins to count time. Where it fails nothing has begun, and it may be tried
    /// again. With its children recorded, the process itself need not be a Python if one of them is.
    pub fn attach(&mut self) -> Result<()> {
        self.spent = os::processor_time();
        let table = self.options.table.as_ref();
        let stack = os::Stat::of(self.root).map_or(0, |stat| stat.stack_start);
        let first = Target::attach(self.root, table)
            .and_then(|target| SampledProcess::open(target, stack, None, &mut self.writer, 0));
        match first {
            Ok(first) => self.processes.push(first),
            Err(error) if self.options.children && error.kind() == Kind::NotPython => {
                self.find_children(0);
                self.candidates = self.candidates.drain(..).map(Candidate::thorough).collect();
                self.try_candidates(0)?;
                if self.processes.is_empty() {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        // What it took to attach is no time of whatever is seen first.
        self.started = os::now();
        Ok(())
    }

    /// Nanoseconds since the recording began.
    pub fn elapsed(&self) -> u64 {
        nanoseconds(os::now().saturating_sub(self.started))
    }

    /// How many processes and threads are recorded now.
    pub fn counts(&self) -> (usize, usize) {
        (self.processes.len(), self.processes.iter().map(SampledProcess::thread_count).sum())
    }

    /// The innermost functions that run now.
    pub fn running(&self) -> Vec<FunctionId> {
        let tables = self.writer.tables();
        let runs = self.processes.iter().flat_map(SampledProcess::runs);
        let stacks = runs.filter(|run| run.state == State::Running).filter_map(|run| run.stack);
        stacks.map(|stack| tables.frame(tables.stack(stack).frame).function).collect()
    }

    /// Notes that looks are `interval` apart from now on.
    pub fn note_interval(&mut self, interval: Duration) -> Result<()> {
        let value = i64::try_from(interval.as_nanos()).ok();
        self.writer.event(&Event { value, ..Event::new(self.elapsed(), EventKind::RateChanged) })
    }

    /// Writes everything that was seen so far.
    pub fn flush(&mut self) -> Result<()> {
        self.account();
        self.flushed = self.last;
        self.processes.iter_mut().try_for_each(|process| process.end_runs(&mut self.writer))?;
        self.writer.flush()
    }

    /// Looks at every thread of every process, once. `lost` looks that were due before were never
    /// made. False once no process is left.
    pub fn tick(&mut self, lost: u64) -> Result<bool> {
        let now = self.elapsed();
        let tick = Tick { started: self.started, now, gap: now - self.last, pausing: self.options.pausing };
        self.last = now;
        let threads = self.counts().1 as u64;
        let accounting = &mut self.writer.accounting;
        accounting.wanted += lost * threads;
        accounting.lost += lost * threads;
        accounting.late += u64::from(lost > 0) * threads;
        let mut gone = Vec::new();
        for (index, process) in self.processes.iter_mut().enumerate() {
            if !process.tick(&mut self.writer, tick)? {
                gone.push(index);
            }
        }
        for index in gone.into_iter().rev() {
            self.end(index, now)?;
        }
        self.find_children(now);
        self.try_candidates(now)?;
        if now - self.flushed >= FLUSH_EVERY {
            self.flush()?;
        }
        let goes_on = !self.processes.is_empty() || self.candidates.iter().any(|candidate| candidate.was.is_some());
        // What is no Python may yet start one.
        Ok(goes_on || self.family.is_some() && lives(self.root))
    }

    /// Ends the recording; the caller finishes the writer.
    pub fn finish(mut self) -> Result<Writer<W>> {
        self.processes.iter_mut().try_for_each(|process| process.end(&mut self.writer))?;
        self.account();
        Ok(self.writer)
    }

    /// What the recording has taken so far: as far as [`crate::profile::Accounting`] knows, up to the last flush.
    pub fn account(&mut self) {
        self.writer.accounting.duration = self.elapsed();
        self.writer.accounting.profiler_cpu = nanoseconds(os::processor_time().saturating_sub(self.spent));
    }

    /// The process at `index` is gone, or has become another program.
    fn end(&mut self, index: usize, now: u64) -> Result<()> {
        let mut process = self.processes.remove(index);
        process.end(&mut self.writer)?;
        let of = &process.target.process;
        self.candidates.push(Candidate::new(of.pid, of.parent, Some(process.id), now));
        Ok(())
    }

    fn find_children(&mut self, now: u64) {
        let Some(family) = &mut self.family else { return };
        for (pid, parent) in family.newborn(now) {
            let is_recorded = self.processes.iter().any(|process| process.target.process.pid == pid);
            if !is_recorded && !self.candidates.iter().any(|candidate| candidate.pid == pid) {
                self.candidates.push(Candidate::new(pid, parent, None, now));
            }
        }
    }

    /// Goes on with those that are a Python by now, and gives up those that have ended.
    fn try_candidates(&mut self, now: u64) -> Result<()> {
        for mut candidate in std::mem::take(&mut self.candidates) {
            if now < candidate.due {
                self.candidates.push(candidate);
                continue;
            }
            let mut tried = Ok(false);
            let cost = cost(|| tried = self.begin(&mut candidate, now));
            if tried? {
                continue;
            }
            let lives = lives(candidate.pid);
            if lives {
                candidate.rest(now, cost);
            }
            let given_up = !lives || now - candidate.since >= EXEC_TAKES;
            if let Some(id) = candidate.was.filter(|_| given_up) {
                self.writer.event(&Event { process: Some(id), ..Event::new(now, EventKind::ProcessEnded) })?;
                candidate.was = None;
            }
            if lives && (candidate.was.is_some() || self.family.is_some()) {
                self.candidates.push(candidate);
            }
        }
        Ok(())
    }

    /// Begins to record `candidate` if it is a Python.
    fn begin(&mut self, candidate: &mut Candidate, now: u64) -> Result<bool> {
        let parent = match candidate.was {
            Some(id) => self.writer.tables().process(id).parent,
            None => self.recorded(candidate.parent).map(|parent| parent.id),
        };
        // Before anything else is read: should it execute another program now, that is noticed.
        let Some(stat) = os::Stat::of(candidate.pid) else { return Ok(false) };
        let Ok(target) = self.target(candidate, &stat, now) else { return Ok(false) };
        let Ok(process) = SampledProcess::open(target, stat.stack_start, parent, &mut self.writer, now) else {
            return Ok(false);
        };
        self.processes.push(process);
        if candidate.was.is_some() {
            self.writer.event(&Event { process: candidate.was, ..Event::new(now, EventKind::ProcessExec) })?;
        }
        Ok(true)
    }

    fn recorded(&self, pid: Pid) -> Option<&SampledProcess> {
        self.processes.iter().find(|process| process.target.process.pid == pid)
    }

    fn target(&self, candidate: &mut Candidate, stat: &os::Stat, now: u64) -> Result<Target> {
        let pid = candidate.pid;
        if let Some(parent) = self.recorded(stat.parent).filter(|parent| stat.forked && parent.is_at(stat)) {
            // What it would show is its parent.
            if os::share_memory(pid, stat.parent) {
                return Err(Error::failed(format!("pid {pid} is about to execute another program")));
            }
            return parent.target.forked(pid);
        }
        let table = self.options.table.as_ref();
        if candidate.is_thorough(now) { Target::attach(pid, table) } else { Target::glance(pid, table) }
    }
}

fn lives(pid: Pid) -> bool {
    os::Stat::of(pid).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}
