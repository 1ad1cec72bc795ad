//! What the hot paths cost: `cargo bench`.
//!
//! Beside each time stands its ratio to one system call that reads 64 bytes of the same process,
//! measured in the same run: less cannot be had without stopping it, and ratios carry over from
//! machine to machine where times do not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)] // Every file of tests uses a part of it.
#[path = "../tests/support/mod.rs"]
mod support;

use pitviper::address::{Addr, Pid};
use pitviper::memory::{Memory, Pages};
use pitviper::objects::{self, Limits};
use pitviper::os::Tracer;
use pitviper::profile::{Header, Writer};
use pitviper::python::{CodeCache, Python, StackCopy};
use pitviper::sampling::{self, Session};
use pitviper::stacks::{self, Dump, Options, Thread};
use pitviper::target::Target;
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};
use support::interpreters::{self, Interpreter};
use support::programs::{Program, Started};

/// A version for each way in which frames have been kept.
const SERIES: &[(u64, u64)] = &[(3, 8), (3, 11), (3, 13), (3, 15)];

/// Each thing is measured for so long, in this many pieces, of which the median counts.
const PATIENCE: Duration = Duration::from_millis(300);
const PIECES: u32 = 31;

fn main() {
    let here = interpreters::all();
    for (major, minor) in SERIES {
        match here.iter().find(|python| (python.version.0, python.version.1) == (*major, *minor)) {
            Some(python) => of(python),
            None => println!("{major}.{minor}: not here"),
        }
    }
}

/// A target, and what one system call costs that reads 64 bytes of it.
struct Bench {
    target: Target,
    /// Dropped, it ends.
    _program: Box<Program>,
    limit: Duration,
}

impl Bench {
    fn new(python: &Interpreter, name: &str, arguments: &[&str]) -> Self {
        let Ok(Started::Tells(program)) = Program::start(python, name, arguments) else {
            panic!("{name} does not run on {}", python.name);
        };
        let target = Target::attach(Pid(program.pid()), None).unwrap();
        let at = target.interpreters_head().unwrap();
        let limit = median(|| target.memory.read(at, &mut black_box([0; 64])).unwrap());
        Self { target, _program: program, limit }
    }

    fn print(&self, what: &str, time: Duration, calls: Option<f64>) {
        let micros = time.as_secs_f64() * 1e6;
        let ratio = time.as_secs_f64() / self.limit.as_secs_f64();
        let calls = calls.map_or_else(String::new, |calls| format!(" {calls:>7.2} reads"));
        println!("  {what:<52} {micros:>9.2} µs {ratio:>8.2} × limit{calls}");
    }

    /// Measures `work`, which is done on `parts` things at once.
    fn measure(&self, what: &str, parts: usize, mut work: impl FnMut()) {
        let (before, mut times) = (self.target.memory.calls(), 0_u64);
        let time = median(|| {
            times += 1;
            work();
        });
        let calls = (self.target.memory.calls() - before) as f64 / times as f64;
        self.print(what, time / parts as u32, Some(calls / parts as f64));
    }
}

/// The median of many times of `work`; short work is repeated until the clock can tell its length.
fn median(mut work: impl FnMut()) -> Duration {
    work();
    let piece = PATIENCE / PIECES;
    let mut times: Vec<Duration> = (0..PIECES)
        .map(|_| {
            let (start, mut count) = (Instant::now(), 0);
            while count == 0 || start.elapsed() < piece {
                for _ in 0..4 {
                    work();
                }
                count += 4;
            }
            start.elapsed() / count
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn of(python: &Interpreter) {
    let (major, minor, patch) = python.version;
    println!("CPython {major}.{minor}.{patch}");
    blocked(python);
    running(python);
}

fn threads(dump: &Dump) -> impl Iterator<Item = &Thread> {
    dump.interpreters.iter().flat_map(|interpreter| &interpreter.threads)
}

fn blocked(python: &Interpreter) {
    let bench = Bench::new(python, "many_threads", &["3"]);
    let target = &bench.target;
    let (codes, tracer, options) = (CodeCache::default(), Tracer::default(), Options::default());
    let dump = stacks::dump_with(target, &options, &codes, &tracer);
    let size = 16 << 10;
    bench.print("one read of 64 bytes: the limit", bench.limit, Some(1.0));
    let text = target.module.mappings.iter().find(|m| m.execute && m.end - m.start >= size as u64).unwrap();
    let text = Addr::new(text.start).unwrap();
    bench.measure("one read of 16 kB", 1, || target.memory.read(text, &mut vec![0; size]).unwrap());
    let count = threads(&dump).count();
    bench.measure("dump of 4 blocked threads, per thread", count, || {
        black_box(stacks::dump_with(target, &options, &codes, &tracer));
    });
    let mut calls = 0;
    let time = median(|| {
        let first = Target::attach(target.process.pid, None).unwrap();
        black_box(stacks::dump(&first, &options));
        calls = first.memory.calls();
    });
    bench.print("attach and the first such dump, per thread", time / count as u32, Some(calls as f64 / count as f64));
    let code = threads(&dump).flat_map(|t| &t.frames).map(|f| &f.code).max_by_key(|c| c.lines.bytes.len()).unwrap();
    let what = format!("line of an instruction, {} bytes of table", code.lines.bytes.len());
    // Behind the last instruction: the whole table is decoded.
    bench.measure(&what, 1, || {
        black_box(code.position(black_box(i64::from(u32::MAX))));
    });
    describe(&bench);
}

fn describe(bench: &Bench) {
    let target = &bench.target;
    let pages = Pages::new(&target.memory);
    let python = Python::new(&pages, &target.layout);
    let modules = || {
        let interpreter = python.interpreters(target.interpreters_head()?).items.first()?.address;
        python.get(interpreter, target.layout.interpreter.modules).ok()?
    };
    let modules: Addr = modules().unwrap();
    let limits = Limits { depth: 0, items: 50, width: 1000, printers: None };
    bench.measure("description of sys.modules, nothing known", 1, || {
        pages.forget();
        black_box(objects::describe(&python, modules, &limits));
    });
    bench.measure("the same, its pages known", 1, || {
        black_box(objects::describe(&python, modules, &limits));
    });
}

fn running(python: &Interpreter) {
    let bench = Bench::new(python, "busy_tree", &["1"]);
    let target = &bench.target;
    let (codes, tracer) = (CodeCache::default(), Tracer::default());
    let dump = stacks::dump_with(target, &Options::default(), &codes, &tracer);
    let busy = threads(&dump).find(|thread| thread.name.as_deref() == Some("busy-0")).unwrap().address;
    let reader = Python::new(&target.memory, &target.layout);
    let mut copy = StackCopy::new(busy, Vec::new());
    let (mut decided, mut all) = (0_u64, 0_u64);
    bench.measure("stack of a running thread, copied", 1, || {
        black_box(copy.take(&reader).is_ok());
    });
    bench.measure("the same, deduced", 1, || {
        all += 1;
        decided += u64::from(copy.take(&reader).is_ok() && copy.deduce(&reader, &codes));
    });
    let mut parts = copy.parts().to_vec();
    bench.measure("its ranges, read by the bare system call", 1, || {
        black_box(target.memory.read_parts(&mut parts).is_ok());
    });
    println!("  {:<52} {:>9.2} %", "of these decided", 100.0 * decided as f64 / all as f64);
    recording(&bench);
    let stop = Options { pausing: stacks::Pausing::Always, ..Options::default() };
    bench.measure("dump of it and one blocked, stopped, per thread", 2, || {
        black_box(stacks::dump_with(target, &stop, &codes, &tracer));
    });
}

/// A recording at the highest rate: one thread that runs, and one that is blocked.
fn recording(bench: &Bench) {
    let writer = Writer::new(io::sink(), &Header::default()).unwrap();
    let mut session = Session::new(bench.target.process.pid, sampling::Options::default(), writer);
    session.attach().unwrap();
    let time = median(|| {
        black_box(session.tick(0).unwrap());
    });
    let looks = session.writer.accounting;
    bench.print("a tick of a recording: it and one blocked", time, None);
    let share = 100.0 * looks.deduced as f64 / (looks.deduced + looks.stopped).max(1) as f64;
    println!("  {:<52} {share:>9.2} %", "of its looks at the first deduced");
}
