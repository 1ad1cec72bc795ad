//! A recording by threads: what each of them did, in the order of time.
//!
//! A recording tells of all threads at once, and the formats that have a time axis want one after the
//! other. So it is read more than once: first for what there is, then for the samples of as many
//! threads as fit into a bounded memory, as often as it takes.

use crate::error::{Error, Result};
use crate::output::formats::{Source, View};
use crate::output::{escape, places};
use crate::profile::{
    BranchId, By, Ending, Event, Filter, Mode, Projection, Reader, Run, State, StringId, Tables, ThreadId,
};
use std::collections::HashMap;
use std::io;
use std::ops::Range;

/// How many runs are held at once, of threads that have no more than that: 160 MiB.
const MAX_HELD: u64 = 4 << 20;

/// How many events are held: those beyond are counted.
const MAX_EVENTS: usize = 100_000;

/// A thread, or what it did in one task if tasks are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lane {
    /// The thread.
    pub thread: ThreadId,
    /// The task, if tasks are told apart and it executed one.
    pub task: Option<StringId>,
    /// How many runs of it there are, of those that count by time and state.
    runs: u64,
}

impl Lane {
    /// `MainThread (8)`, with the task if there is one.
    pub fn name(&self, tables: &Tables) -> String {
        let thread = places::thread(tables.thread(self.thread));
        match self.task {
            Some(task) => format!("{thread} {}", escape(tables.text(task))),
            None => thread,
        }
    }
}

/// The time for which a thread was seen with one stack and state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// When it begins, in ns since the start of the recording; never before the one before ends.
    pub start: u64,
    /// How long it is, in ns.
    pub wall: u64,
    /// How much of it the thread spent on a processor, in ns.
    pub cpu: u64,
    /// How many looks it sums up.
    pub looks: u64,
    /// The stack.
    pub branch: BranchId,
    /// What the thread was doing.
    pub state: State,
}

impl Sample {
    /// When it ends, in ns since the start of the recording.
    pub const fn stop(&self) -> u64 {
        self.start.saturating_add(self.wall)
    }

    /// How much it counts, in ns.
    pub const fn weight(&self, mode: Mode) -> u64 {
        match mode {
            Mode::Cpu => self.cpu,
            Mode::Wall | Mode::Gil => self.wall,
        }
    }

    /// Takes the next one in, if it is but more of the same.
    fn join(&mut self, next: &Self) -> bool {
        let same = self.branch == next.branch && self.state == next.state && self.stop() == next.start;
        if same {
            self.wall = self.wall.saturating_add(next.wall);
            self.cpu = self.cpu.saturating_add(next.cpu);
            self.looks = self.looks.saturating_add(next.looks);
        }
        same
    }
}

/// Measures runs: how much of them counts, by each clock.
#[derive(Clone, Debug)]
pub struct Measure {
    filter: Filter,
    wall: Filter,
    cpu: Filter,
}

impl Measure {
    /// By what a filter lets count.
    pub fn new(filter: &Filter) -> Self {
        let by = |mode| Filter { mode, idle: true, time: filter.time.clone(), ..Filter::default() };
        Self { filter: filter.clone(), wall: by(Mode::Wall), cpu: by(Mode::Cpu) }
    }

    /// What of a run counts; nothing if it does not.
    pub fn of(&self, run: &Run) -> Option<Measured> {
        let start = || self.filter.time.as_ref().map_or(run.start, |range| run.start.max(range.start));
        let counts = self.filter.weight(run) > 0;
        counts.then(|| Measured { start: start(), wall: self.wall.weight(run), cpu: self.cpu.weight(run) })
    }
}

/// What of a run counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measured {
    /// When it begins, in ns since the start of the recording.
    pub start: u64,
    /// How long it is, in ns.
    pub wall: u64,
    /// How much of it the thread spent on a processor, in ns.
    pub cpu: u64,
}

/// What a recording holds, as its end tells it.
pub struct Survey<'a> {
    recording: &'a dyn Source,
    filter: &'a Filter,
    /// Read to its end.
    pub reader: Reader<Box<dyn io::Read + 'a>>,
    /// The threads that did anything that counts by time and state, process by process.
    pub lanes: Vec<Lane>,
    /// What happened, in the order of the file.
    pub events: Vec<Event>,
    /// How many more events there are than are held.
    pub events_left_out: u64,
    blocks: u64,
}

impl<'a> Survey<'a> {
    /// Reads a recording once.
    pub fn of(recording: &'a dyn Source, view: &'a View) -> Result<Self> {
        let filter = &view.filter;
        let measure = Measure::new(filter);
        let mut reader = recording.open()?;
        let mut counts: HashMap<(ThreadId, Option<StringId>), u64> = HashMap::new();
        let (mut events, mut events_left_out, mut blocks) = (Vec::new(), 0, 0);
        while let Some(block) = reader.next_block() {
            blocks += 1;
            for run in block.runs.iter().filter(|run| measure.of(run).is_some()) {
                *counts.entry(key(filter, run)).or_default() += 1;
            }
            let room = (MAX_EVENTS - events.len()).min(block.events.len());
            events.extend_from_slice(&block.events[..room]);
            events_left_out += (block.events.len() - room) as u64;
        }
        let tables = reader.tables();
        let lane = |((thread, task), runs)| Lane { thread, task, runs };
        let mut lanes: Vec<Lane> = counts.into_iter().map(lane).collect();
        lanes.retain(|lane| filter.chooses(tables.thread(lane.thread)));
        lanes.sort_unstable_by_key(|lane| (tables.thread(lane.thread).process, lane.thread, lane.task));
        Ok(Self { recording, filter, reader, lanes, events, events_left_out, blocks })
    }

    /// Everything that is numbered.
    pub fn tables(&self) -> &Tables {
        self.reader.tables()
    }

    /// Gives each run that counts by time, state and thread to `of`, with what it measures and the
    /// number of its lane, in the order of the file.
    pub fn each_run(&self, mut of: impl FnMut(&Run, Measured, usize) -> Result<()>) -> Result<()> {
        let numbers: HashMap<_, usize> =
            self.lanes.iter().enumerate().map(|(number, lane)| ((lane.thread, lane.task), number)).collect();
        let measure = Measure::new(self.filter);
        let mut reader = self.recording.open()?;
        if reader.header() != self.reader.header() {
            return Err(Error::failed("the recording was replaced while it was read"));
        }
        // No more than was surveyed: it may have grown.
        for _ in 0..self.blocks {
            let Some(block) = reader.next_block() else { break };
            for run in block.runs {
                let Some(measured) = measure.of(run) else { continue };
                let Some(number) = numbers.get(&key(self.filter, run)) else { continue };
                of(run, measured, *number)?;
            }
        }
        Ok(())
    }

    /// Gives the samples of each lane to `of`, in the order of time; none for a lane of which no stack
    /// counts.
    pub fn each_lane(
        &self,
        projection: &mut Projection<'_>,
        mut of: impl FnMut(&Lane, &[Sample], &Projection<'_>) -> Result<()>,
    ) -> Result<()> {
        for batch in self.batches(MAX_HELD) {
            let mut held: Vec<Vec<Sample>> = vec![Vec::new(); batch.len()];
            self.each_run(|run, Measured { start, wall, cpu }, number| {
                if !batch.contains(&number) {
                    return Ok(());
                }
                let Some(branch) = projection.branch(run.stack, run.end) else { return Ok(()) };
                let samples = &mut held[number - batch.start];
                let start = start.max(samples.last().map_or(0, Sample::stop));
                let sample = Sample { start, wall, cpu, looks: u64::from(run.looks), branch, state: run.state };
                if !samples.last_mut().is_some_and(|last| last.join(&sample)) {
                    samples.push(sample);
                }
                Ok(())
            })?;
            for (lane, samples) in self.lanes[batch].iter().zip(held) {
                of(lane, &samples, projection)?;
            }
        }
        Ok(())
    }

    /// Lanes that are held together.
    fn batches(&self, most: u64) -> Vec<Range<usize>> {
        let mut batches: Vec<(Range<usize>, u64)> = Vec::new();
        for (number, lane) in self.lanes.iter().enumerate() {
            match batches.last_mut() {
                Some((batch, runs)) if *runs + lane.runs <= most => {
                    batch.end = number + 1;
                    *runs += lane.runs;
                }
                _ => batches.push((number..number + 1, lane.runs)),
            }
        }
        batches.into_iter().map(|(batch, _)| batch).collect()
    }

    /// What to call the whole: by default after the first process.
    pub fn title(&self, view: &View) -> String {
        let first = || self.tables().processes().next().map(|(_, process)| places::process(process));
        view.title.as_ref().map(|title| escape(title).into_owned()).or_else(first).unwrap_or_default()
    }
}

/// Who made a recording, what became of the looks, and how it ended, for people: names and values, only
/// of what was counted.
pub fn quality<R: io::Read>(reader: &Reader<R>) -> Vec<(String, String)> {
    let mut rows = vec![("pitviper".to_owned(), escape(&reader.header().pitviper).into_owned())];
    let counted = reader.accounting().named().filter(|(_, value)| *value > 0);
    rows.extend(counted.map(|(name, value)| (name.replace('_', " "), value.to_string())));
    let ending = match reader.ending() {
        Ending::Open | Ending::Complete => None,
        Ending::CutShort { .. } => Some("cut short"),
        Ending::Damaged { .. } => Some("damaged"),
    };
    rows.extend(ending.map(|word| ("the recording is".to_owned(), word.to_owned())));
    rows
}

fn key(filter: &Filter, run: &Run) -> (ThreadId, Option<StringId>) {
    (run.thread, run.task.filter(|_| filter.by == By::Task))
}
