//! What turning a recording into each format costs: `cargo bench --bench formats`.
//!
//! A synthetic recording of a million runs of fifty threads: 5,000 stacks, 30 deep, of 2,000
//! functions, held in memory. What is measured is processor time, which tells the same on a machine
//! that has other things to do, and the most memory the process took so far beyond the recording.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/dice.rs"]
mod dice;

use dice::Dice;
use pitviper::address::Pid;
use pitviper::output::{FORMATS, View};
use pitviper::profile::*;
use std::io::{self, Write};

const RUNS: u64 = 1_000_000;
const ROUNDS: usize = 3;

fn main() {
    let recording = record();
    println!("{RUNS} runs, {} bytes", recording.len());
    println!("{:>12} {:>10} {:>14} {:>16}", "", "ms", "bytes", "memory so far kB");
    let before = most_memory();
    for format in FORMATS {
        let (mut times, mut size) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let mut out = Counted(0);
            let start = processor_time();
            (format.write)(&recording.as_slice(), &View::default(), &mut out).unwrap();
            times.push((processor_time() - start) as f64 / 1e6);
            size = out.0;
        }
        times.sort_by(f64::total_cmp);
        println!("{:>12} {:10.0} {size:14} {:16}", format.name, times[ROUNDS / 2], most_memory() - before);
    }
}

/// Counts bytes.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Of this thread, in ns.
fn processor_time() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Of this process, in kB.
fn most_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn record() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Header { interval: 1_000_000, ..Header::default() }).unwrap();
    let process = writer.add_process(Process::new(Pid(1)));
    let threads: Vec<ThreadId> = (0..50).map(|ident| writer.add_thread(Thread::new(process, ident))).collect();
    let mut dice = Dice(7);
    let frames: Vec<FrameId> = (0..2000).map(|index| frame(&mut writer, index)).collect();
    let stacks: Vec<Option<StackId>> = (0..5000)
        .map(|_| {
            // The outer half is the same for many.
            let mut outer = Dice(1 + dice.roll(40));
            (0..30).fold(None, |parent, level| {
                let die = if level < 15 { &mut outer } else { &mut dice };
                Some(writer.stack(parent, frames[die.roll(2000) as usize]))
            })
        })
        .collect();
    for made in 0..RUNS {
        let now = made / 50 * 1_000_000 + dice.roll(3000);
        let run = Run {
            wall: 990_000 + dice.roll(20_000),
            cpu: 900_000,
            stack: stacks[dice.roll(5000) as usize],
            state: State::Running,
            gil: Some(false),
            read: Read::Deduced,
            ..Run::new(threads[made as usize % 50], now)
        };
        writer.run(&run).unwrap();
        writer.flush_if_due(now).unwrap();
    }
    writer.finish().unwrap()
}

fn frame(writer: &mut Writer<Vec<u8>>, index: u32) -> FrameId {
    let name = writer.string(&format!("function_{index}"));
    let file = writer.string(&format!("/srv/app/module_{}.py", index / 20));
    let function = Function { file: Some(file), first_line: Some(index * 7), ..Function::new(Kind::Python, name) };
    let function = writer.function(function);
    writer.frame(Frame { line: Some(index * 7 + 3), lasti: Some(index * 2), ..Frame::new(function) })
}
