//! Runs as columns: what is alike stands side by side, and a number tells only what is new.

use crate::profile::wire::{Cursor, Decoded, put, put_signed};
use crate::profile::{End, Read, Run, StackId, State, StringId, Tables, ThreadId};

/// Columns of measured times: noise that packing does not shrink, and that would cost most of the time
/// to pack and unpack.
const NOISE: [usize; 3] = [START, WALL, CPU];

/// How many columns there are. Their numbers in the file are their places here.
const COLUMNS: usize = 10;
const THREAD: usize = 0;
const HOW: usize = 1;
const SHAPE: usize = 2;
const START: usize = 3;
const WALL: usize = 4;
const CPU: usize = 5;
const LOOKS: usize = 6;
const STACK: usize = 7;
const WAITS: usize = 8;
const TASK: usize = 9;

/// Bits of `SHAPE`, beside the two of [`End`]: which columns have nothing of this run.
const CONTIGUOUS: u8 = 1 << 2;
const NO_CPU: u8 = 1 << 3;
const ALL_CPU: u8 = 1 << 4;
const ONE_LOOK: u8 = 1 << 5;
const HAS_WAITS: u8 = 1 << 6;
const HAS_TASK: u8 = 1 << 7;

/// What the next run of a thread is told relative to.
#[derive(Clone, Copy, Default)]
struct Last {
    /// The block that this is about, so that a new block need not clear all threads.
    block: u64,
    stop: u64,
    /// 0 for none, else one more than the number.
    stack: u64,
}

/// What runs are told relative to: begins anew with every block.
#[derive(Default)]
struct Context {
    block: u64,
    threads: Vec<Last>,
    thread: u64,
    start: u64,
    wall: u64,
}

impl Context {
    fn next_block(&mut self) {
        self.block += 1;
        (self.thread, self.start, self.wall) = (0, 0, 0);
    }

    /// What the run after this one is told relative to, if it is of the same thread. A thread that is
    /// new in this block goes on where the run before began.
    fn last(&mut self, thread: usize) -> &mut Last {
        if thread >= self.threads.len() {
            self.threads.resize(thread + 1, Last::default());
        }
        let last = &mut self.threads[thread];
        if last.block != self.block {
            *last = Last { block: self.block, stop: self.start, stack: 0 };
        }
        last
    }
}

/// Runs on their way into a block.
#[derive(Default)]
pub(super) struct Columns {
    count: u64,
    bytes: [Vec<u8>; COLUMNS],
    context: Context,
}

impl Columns {
    pub(super) fn push(&mut self, run: &Run) {
        if self.count == 0 {
            self.context.next_block();
        }
        self.count += 1;
        let stack = run.stack.map_or(0, |stack| u64::from(stack.0) + 1);
        let (thread, bytes) = (u64::from(run.thread.0), &mut self.bytes);
        let difference = |new: u64, old: u64| new.wrapping_sub(old).cast_signed();
        let last = self.context.last(run.thread.index());
        let mut shape = run.end.code();
        if run.start == last.stop {
            shape |= CONTIGUOUS;
        } else {
            put_signed(&mut bytes[START], difference(run.start, last.stop));
        }
        put_signed(&mut bytes[STACK], difference(stack, last.stack));
        (last.stop, last.stack) = (run.start.wrapping_add(run.wall), stack);
        put_signed(&mut bytes[THREAD], difference(thread, self.context.thread));
        put_signed(&mut bytes[WALL], difference(run.wall, self.context.wall));
        (self.context.thread, self.context.start, self.context.wall) = (thread, run.start, run.wall);
        match run.cpu {
            0 => shape |= NO_CPU,
            cpu if cpu == run.wall => shape |= ALL_CPU,
            cpu => put_signed(&mut bytes[CPU], difference(run.wall, cpu)),
        }
        if run.looks == 1 {
            shape |= ONE_LOOK;
        } else {
            put(&mut bytes[LOOKS], u64::from(run.looks));
        }
        for (id, flag, column) in [(run.waits, HAS_WAITS, WAITS), (run.task, HAS_TASK, TASK)] {
            if let Some(id) = id {
                shape |= flag;
                put(&mut bytes[column], u64::from(id.0));
            }
        }
        bytes[SHAPE].push(shape);
        let gil = run.gil.map_or(0, |held| 1 + u8::from(held));
        bytes[HOW].push(run.state.code() | gil << 3 | run.read.code() << 5);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.iter().map(Vec::len).sum()
    }

    /// Moves the runs away: their count to `out`, then each column, as its number, its length and its
    /// bytes, to `out` or, if it is noise, to `plain`.
    pub(super) fn drain(&mut self, out: &mut Vec<u8>, plain: &mut Vec<u8>) {
        put(out, self.count);
        for (number, bytes) in self.bytes.iter_mut().enumerate() {
            if !bytes.is_empty() {
                let out = if NOISE.contains(&number) { &mut *plain } else { &mut *out };
                out.push(number as u8);
                put(out, bytes.len() as u64);
                out.append(bytes);
            }
        }
        self.count = 0;
    }
}

/// Reads columns back.
#[derive(Default)]
pub(super) struct RunReader {
    context: Context,
}

impl RunReader {
    /// Adds the runs of a section, and of the plain part of its block, to `runs`. What they refer to is
    /// in `tables`.
    pub(super) fn read(
        &mut self,
        mut section: Cursor<'_>,
        plain: Cursor<'_>,
        tables: &Tables,
        runs: &mut Vec<Run>,
    ) -> Decoded<()> {
        self.context.next_block();
        let count = section.number()?;
        let mut columns = [Cursor(&[]); COLUMNS];
        for mut part in [section, plain] {
            while !part.is_empty() {
                let number = usize::from(part.byte()?);
                let length = part.number()?;
                let bytes = part.take(length)?;
                // A later version may know more.
                if let Some(column) = columns.get_mut(number) {
                    *column = Cursor(bytes);
                }
            }
        }
        if columns[HOW].0.len() as u64 != count || columns[SHAPE].0.len() as u64 != count {
            return Err("its columns differ in length");
        }
        runs.reserve(count as usize);
        for _ in 0..count {
            runs.push(self.run(&mut columns, tables)?);
        }
        if columns.iter().all(Cursor::is_empty) { Ok(()) } else { Err("its columns differ in length") }
    }

    fn run(&mut self, columns: &mut [Cursor<'_>; COLUMNS], tables: &Tables) -> Decoded<Run> {
        let (how, shape) = (columns[HOW].byte()?, columns[SHAPE].byte()?);
        let number = self.context.thread.wrapping_add_signed(columns[THREAD].signed()?);
        if number >= tables.threads.len() as u64 {
            return Err("a run is of an unknown thread");
        }
        let wall = self.context.wall.wrapping_add_signed(columns[WALL].signed()?);
        let last = self.context.last(number as usize);
        let start = match shape & CONTIGUOUS {
            0 => last.stop.wrapping_add_signed(columns[START].signed()?),
            _ => last.stop,
        };
        let stack = last.stack.wrapping_add_signed(columns[STACK].signed()?);
        if stack > tables.stacks.len() as u64 {
            return Err("a run has an unknown stack");
        }
        last.stop = start.wrapping_add(wall);
        last.stack = stack;
        (self.context.thread, self.context.start, self.context.wall) = (number, start, wall);
        let cpu = match shape & (NO_CPU | ALL_CPU) {
            0 => wall.wrapping_sub(columns[CPU].signed()?.cast_unsigned()),
            NO_CPU => 0,
            _ => wall,
        };
        let looks = if shape & ONE_LOOK != 0 { 1 } else { columns[LOOKS].small()? };
        let mut text = |flag: u8, column: usize| -> Decoded<Option<StringId>> {
            if shape & flag == 0 {
                return Ok(None);
            }
            tables.known_string(columns[column].small()?).map(Some)
        };
        Ok(Run {
            thread: ThreadId(number as u32),
            start,
            wall,
            cpu,
            looks,
            stack: stack.checked_sub(1).map(|stack| StackId(stack as u32)),
            waits: text(HAS_WAITS, WAITS)?,
            task: text(HAS_TASK, TASK)?,
            state: State::from_code(u64::from(how & 7)).ok_or("a state is not known")?,
            gil: match how >> 3 & 3 {
                0 => None,
                1 => Some(false),
                2 => Some(true),
                _ => return Err("a state of the GIL is not known"),
            },
            read: Read::from_code(u64::from(how >> 5 & 3)).ok_or("a way of reading is not known")?,
            end: End::from_code(u64::from(shape & 3)).ok_or("an end is not known")?,
        })
    }
}
