//! How a Python was found and read: what `doctor` shows and `-v` tells.

use crate::address::Pid;
use crate::cli::terminal::Talk;
use crate::error::Result;
use crate::os::{self, OnDisk};
use crate::stacks::{self, Dump, Options, Read, Thread};
use crate::target::{Root, Target, UserTable};
use std::path::Path;
use std::time::Instant;

/// What is said where a thread was read that ran meanwhile.
pub const MIXED: &str = "the thread ran while it was read: what is shown may mix two moments";

/// How the Python of `target` was found, by subject.
pub fn findings(target: &Target) -> [(&'static str, String); 4] {
    let layout = &target.layout;
    let root = match target.anchors.root {
        Root::Runtime(at) => format!("_PyRuntime at {at}"),
        Root::InterpreterHead(at) => format!("interp_head at {at}"),
    };
    [
        ("library", library(target)),
        ("version", format!("CPython {} ({}, {})", layout.version, layout.flavour, target.machine.name())),
        ("runtime", format!("{root}, found {}", target.anchors.how)),
        ("layout", layout.source.to_string()),
    ]
}

/// What the executable of `process` is, and what has become of it on disk.
pub fn executable(process: &os::Process) -> String {
    match &process.executable {
        Some(path) => on_disk(path, process.executable_on_disk()),
        None => "may not be known".to_owned(),
    }
}

fn library(target: &Target) -> String {
    let fate = target.module.mappings.first().map(|mapping| mapping.on_disk(target.process.pid));
    on_disk(&target.module.path(), fate)
}

fn on_disk(path: &Path, fate: Option<OnDisk>) -> String {
    let path = path.display();
    match fate {
        Some(OnDisk::Same) | None => path.to_string(),
        Some(OnDisk::Deleted) => format!("{path} (deleted since: read as it lies in memory)"),
        Some(OnDisk::Replaced) => format!("{path} (replaced since: the process still runs the old file)"),
    }
}

/// Whether `process` is called after Python: a mere hint, for where we may not look.
pub fn names_python(process: &os::Process) -> bool {
    let first = process.command.first().map(|word| word.to_string_lossy().into_owned());
    first.iter().chain([&process.name]).any(|name| name.contains("python"))
}

/// Tells how the Python of `target` was found, and in what time since `began`.
pub fn tell(talk: Talk, target: &Target, began: Instant) {
    let pid = target.process.pid;
    talk.note(format!("pid {pid}: executable: {}", executable(&target.process)));
    for (subject, answer) in findings(target) {
        talk.note(format!("pid {pid}: {subject}: {answer}"));
    }
    for warning in &target.layout.warnings {
        talk.note(format!("pid {pid}: layout: {warning}"));
    }
    talk.note(format!("pid {pid}: found with {}", cost(target.memory.calls(), began)));
}

/// As [`stacks::dump`]; tells what it took, and how the stacks were obtained.
pub fn dump(talk: Talk, target: &Target, options: &Options) -> Dump {
    let (began, before) = (Instant::now(), target.memory.calls());
    let dump = stacks::dump(target, options);
    let threads: Vec<&Thread> = dump.interpreters.iter().flat_map(|interpreter| &interpreter.threads).collect();
    let read = |how: Read| threads.iter().filter(|thread| thread.read == how).count();
    talk.note(format!(
        "pid {}: read with {}; threads: {} blocked, {} deduced, {} stopped, {} undecided",
        target.process.pid,
        cost(target.memory.calls() - before, began),
        read(Read::Blocked),
        read(Read::Deduced),
        read(Read::Stopped),
        read(Read::Undecided),
    ));
    dump
}

/// Attaches to `pid` and tells how.
pub fn attach(talk: Talk, pid: Pid, table: Option<&UserTable>) -> Result<Target> {
    let began = Instant::now();
    let target = Target::attach(pid, table)?;
    tell(talk, &target, began);
    Ok(target)
}

fn cost(reads: u64, began: Instant) -> String {
    format!("{reads} reads of its memory in {:.1} ms", began.elapsed().as_secs_f64() * 1e3)
}
