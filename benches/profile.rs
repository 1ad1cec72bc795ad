//! What a recording costs: `cargo bench --bench profile`.
//!
//! Two synthetic recordings: one thread that always moves, and fifty threads of which one does. Times
//! and weights are those of a sampler at 1 kHz that comes a little late by chance. What is measured is
//! processor time, which tells the same on a machine that has other things to do.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/dice.rs"]
mod dice;

use dice::Dice;
use pitviper::address::Pid;
use pitviper::profile::*;
use std::hint::black_box;
use std::io::{self, Write};

const RUNS: u64 = 2_000_000;
const ROUNDS: usize = 3;

fn main() {
    println!("{:>24} {:>10} {:>10} {:>10} {:>10}", "", "bytes/run", "encode ns", "decode ns", "sum ns");
    for (name, threads, calm) in
        [("1 busy thread", 1, false), ("50 busy threads", 50, false), ("49 of 50 idle", 50, true)]
    {
        measure(name, threads, calm);
    }
}

fn measure(name: &str, threads: u64, calm: bool) {
    let (mut encode, mut decode, mut sum, mut size) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let start = Cpu::now();
        let generated = record(threads, calm, None);
        let generating = start.per_run();
        black_box(generated);
        let start = Cpu::now();
        let bytes = record(threads, calm, Some(Vec::new())).unwrap();
        encode.push(start.per_run() - generating);
        size = bytes.len();
        let start = Cpu::now();
        let mut reader = Reader::open(bytes.as_slice()).unwrap();
        let mut runs = 0;
        while let Some(block) = reader.next_block() {
            runs += black_box(block.runs).len();
        }
        assert_eq!((runs as u64, reader.ending()), (RUNS, &Ending::Complete));
        decode.push(start.per_run());
        let start = Cpu::now();
        let mut reader = Reader::open(bytes.as_slice()).unwrap();
        black_box(aggregate(&mut reader, &Filter { idle: true, ..Filter::default() }));
        sum.push(start.per_run());
    }
    let bytes = size as f64 / RUNS as f64;
    println!("{name:>24} {bytes:10.1} {:10.1} {:10.1} {:10.1}", median(encode), median(decode), median(sum));
}

/// Processor time of this thread.
struct Cpu(u64);

impl Cpu {
    fn now() -> Self {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Self(text.split(' ').next().unwrap().parse().unwrap())
    }

    /// So far, in ns for each run.
    fn per_run(&self) -> f64 {
        (Self::now().0 - self.0) as f64 / RUNS as f64
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Records into `sink`; without one, only makes the runs.
fn record(threads: u64, calm: bool, sink: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut writer = Writer::new(io::sink(), &Header::default()).unwrap();
    let mut out = sink.map(|sink| Writer::new(sink, &Header::default()).unwrap());
    let stacks = names(&mut writer, threads);
    if let Some(out) = &mut out {
        assert_eq!(names(out, threads), stacks);
    }
    let threads: Vec<ThreadId> = writer.tables().threads().map(|(id, _)| id).collect();
    let waits = writer.string("futex");
    out.as_mut().map(|out| out.string("futex"));
    let (mut dice, mut now, mut made) = (Dice(7), 0, 0);
    let mut stops = vec![0; threads.len()];
    while made < RUNS {
        now += 950_000 + dice.roll(100_000);
        for (index, thread) in threads.iter().enumerate() {
            let idle = calm && index > 0;
            // A thread that sleeps is told of once a second.
            if made == RUNS || idle && now / 1_000_000 % 1000 != 0 {
                continue;
            }
            let (wall, looks) = (now + dice.roll(3000) - stops[index], if idle { 1000 } else { 1 });
            let run = Run {
                wall,
                cpu: if idle { 0 } else { wall - dice.roll(20_000) },
                looks,
                stack: Some(if idle { stacks[index] } else { stacks[dice.roll(5000) as usize] }),
                state: if idle { State::Idle } else { State::Running },
                gil: Some(!idle),
                read: if idle { Read::Blocked } else { Read::Deduced },
                waits: idle.then_some(waits),
                ..Run::new(*thread, stops[index])
            };
            stops[index] = run.stop();
            made += 1;
            match &mut out {
                Some(out) => out.run(&run).unwrap(),
                None => {
                    black_box(&run);
                }
            }
        }
        if let Some(out) = &mut out {
            out.flush_if_due(now).unwrap();
        }
    }
    out.map(|out| out.finish().unwrap())
}

/// Numbers threads and 5,000 stacks, 30 deep, of 500 functions.
fn names<W: Write>(writer: &mut Writer<W>, threads: u64) -> Vec<StackId> {
    let process = writer.add_process(Process::new(Pid(1)));
    for ident in 0..threads {
        writer.add_thread(Thread::new(process, ident));
    }
    let frames: Vec<FrameId> = (0..500)
        .map(|index| {
            let (name, file) = (writer.string(&format!("function_{index}")), writer.string("/srv/app/module.py"));
            let function = writer.function(Function { file: Some(file), ..Function::new(Kind::Python, name) });
            writer.frame(Frame { line: Some(index * 7), lasti: Some(index * 2), ..Frame::new(function) })
        })
        .collect();
    let mut dice = Dice(1);
    let mut stack = |depth: u64| {
        // The outer half is the same for many.
        let mut seed = Dice(1 + dice.roll(40));
        (0..depth).fold(None, |parent, level| {
            let die = if level < 15 { &mut seed } else { &mut dice };
            Some(writer.stack(parent, frames[die.roll(500) as usize]))
        })
    };
    (0..5000).map(|_| stack(30).unwrap()).collect()
}
