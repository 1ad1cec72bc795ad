//! `pitviper dis`: the bytecode of a frame, function or code object, and where a frame stands in it.

use crate::address::{Addr, Pid};
use crate::cli::common::{Reading, Shown, parse_target};
use crate::cli::terminal::Talk;
use crate::cli::{Outcome, found, terminal};
use crate::disassembly::{self, Choice, Looked, Source, look_at};
use crate::error::{Error, Kind, Result};
use crate::layout::Opcodes;
use crate::memory::Pages;
use crate::output::{dis_json, dis_text};
use crate::paths::{Path, Place, Resolver};
use crate::python::{CodeCache, InterpreterState, Python, ThreadState};
use crate::stacks::{self, NativeIds, Read};
use crate::target::Target;
use std::rc::Rc;

/// Print the bytecode of a frame or function, with the instruction being executed
#[derive(clap::Args, Debug)]
#[command(after_help = "PATH is one of:
  t:THREAD.f[N]    frame N of a thread, the innermost is 0; THREAD is an index, a native id or a name
  t:THREAD.f[NAME] the innermost frame of the function NAME
  a.b.function     a function, method, code object, generator or frame, by any path of `pitviper inspect`
  0xADDRESS        the same, by its address
Without PATH: the innermost frame of the main thread.

Examples:
  pitviper dis 1234                              what the main thread executes
  pitviper dis 1234 't:MainThread.f[work]' --stack   and the values it works on
  pitviper dis 1234 0x7f3c2a1d5e40 --source      a function, with its source

Exit codes: 0 complete, 1 failed, 2 usage, 3 not permitted, 4 part of it could not be read")]
pub struct Args {
    /// Process id
    #[arg(value_name = "TARGET", value_parser = parse_target)]
    pid: Pid,
    /// What to disassemble
    #[arg(value_name = "PATH", default_value = "t:0.f[0]", hide_default_value = true)]
    path: String,
    /// Show instructions as they are specialised, traced and optimized
    #[arg(long)]
    adaptive: bool,
    /// Show inline caches
    #[arg(long)]
    caches: bool,
    /// Show the value stack of the frame, its blocks and exception handlers
    #[arg(long)]
    stack: bool,
    /// Show what each name is: argument, local, cell, free, global, unbound
    #[arg(long)]
    scopes: bool,
    /// Show lines of source beside, as the target sees the file or keeps it
    #[arg(long)]
    source: bool,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    shown: Shown,
}

/// Disassembles what the path names.
pub fn run(args: &Args, talk: Talk) -> Result<Outcome> {
    let table = args.reading.table()?;
    let target = found::attach(talk, args.pid, table.as_ref())?;
    let opcodes = Opcodes::of(target.layout.version).map_err(|problem| {
        Error::new(Kind::Unsupported, format!("pid {}: cannot disassemble", args.pid)).because(problem)
    })?;
    let looked = resolve(args, &target, &opcodes)?;
    let source = if args.source { source(&target, &looked) } else { None };
    let mut problems = target.layout.warnings.clone();
    problems.extend(looked.listing.problems.iter().cloned());
    if looked.read == Some(Read::Undecided) {
        problems.push("the thread ran while it was read: what is shown may mix two moments".to_owned());
    }
    if let Err(fault) = &looked.scopes {
        problems.push(format!("the names cannot be told: {fault}"));
    }
    if args.source && source.is_none() {
        talk.tell(format!("the source of {} cannot be read, and linecache does not have it", looked.code.filename));
    }
    if args.shown.json {
        let wanted = dis_json::Wanted { caches: args.caches };
        terminal::document(&dis_json::document(&target, &looked, source.as_ref(), &problems, wanted))?;
    } else {
        let Args { adaptive, caches, stack, scopes, .. } = *args;
        let wanted = dis_text::Wanted { adaptive, caches, stack, scopes };
        let style = args.shown.color.style();
        terminal::data(|out| dis_text::write(out, &looked, source.as_ref(), &problems, wanted, style))?;
    }
    Ok(if problems.is_empty() { Outcome::Complete } else { Outcome::Partial })
}

fn source(target: &Target, looked: &Looked) -> Option<Source> {
    let pages = Pages::new(&target.memory);
    let python = Python::new(&pages, &target.layout);
    let main = target.interpreters_head().and_then(|head| python.interpreters(head).items.first().copied());
    let modules = main.and_then(|main| python.get(main.address, target.layout.interpreter.modules).ok().flatten());
    Source::of(&python, target.process.pid, modules, &looked.code)
}

/// What the path names, looked at.
fn resolve(args: &Args, target: &Target, opcodes: &Opcodes) -> Result<Looked> {
    let path = args.path.as_str();
    if let Some(rest) = path.strip_prefix("t:") {
        let (thread, choice) = parse_frame(rest).ok_or_else(|| malformed(path))?;
        return frame_of(args, target, opcodes, thread, &choice);
    }
    let pages = Pages::new(&target.memory);
    let python = Python::new(&pages, &target.layout);
    let address = object(target, python, path)?;
    let unreadable =
        |fault: &dyn std::fmt::Display| Error::failed(format!("cannot disassemble {address}")).because(fault);
    let subject = disassembly::subject(&python, address).map_err(|fault| unreadable(&fault))?;
    let Some(subject) = subject else {
        return Err(Error::failed(format!("the object at {address} has no bytecode"))
            .hint("name a function, method, code object, generator or frame"));
    };
    let code = Rc::new(python.code(subject.code).map_err(|fault| unreadable(&fault))?);
    let frame = subject.frame.and_then(|frame| python.frame(frame).ok());
    Looked::read(&python, opcodes, code, frame.as_ref(), subject.settled).map_err(|fault| unreadable(&fault))
}

/// The object that a path leads to.
fn object(target: &Target, python: Python<'_>, path: &str) -> Result<Addr> {
    let path: Path = path.parse().map_err(|problem: String| malformed(path).because(problem))?;
    let codes = CodeCache::default();
    let resolver = Resolver::new(target, python, &codes, path.interpreter)?;
    match resolver.resolve(&path)? {
        Place::Object(at) => Ok(at),
        _ => Err(Error::failed(format!("{path} is no object that has bytecode"))),
    }
}

#[cold]
fn malformed(path: &str) -> Error {
    Error::new(Kind::Usage, format!("{path:?} is not a path")).hint("see `pitviper dis --help` for what a path is")
}

/// Thread and frame of `THREAD.f[N]` or `THREAD.f[NAME]`.
fn parse_frame(text: &str) -> Option<(&str, Choice)> {
    let (thread, frame) = text.rsplit_once(".f[")?;
    let frame = frame.strip_suffix(']').filter(|frame| !frame.is_empty())?;
    let choice = frame.parse().map_or_else(|_| Choice::Named(frame.to_owned()), Choice::Index);
    (!thread.is_empty()).then_some((thread, choice))
}

fn frame_of(args: &Args, target: &Target, opcodes: &Opcodes, name: &str, choice: &Choice) -> Result<Looked> {
    let pages = Pages::new(&target.memory);
    let python = Python::new(&pages, &target.layout);
    let head = target.interpreters_head();
    let interpreters = head.map(|head| python.interpreters(head).items).unwrap_or_default();
    let listed: Vec<(InterpreterState, ThreadState)> = interpreters
        .into_iter()
        .flat_map(|interpreter| python.threads(interpreter).items.into_iter().map(move |thread| (interpreter, thread)))
        .collect();
    let threads: Vec<ThreadState> = listed.iter().map(|(_, thread)| *thread).collect();
    let natives = NativeIds::read(target.process.pid, &python, &threads);
    let is_named = |(interpreter, thread): &&(InterpreterState, ThreadState)| {
        let names = stacks::names(&python, *interpreter);
        names.get(&thread.id).is_some_and(|known| known == name)
    };
    let number: Option<u32> = name.parse().ok();
    let by_index = number.and_then(|index| threads.get(index as usize).copied());
    let by_id =
        || threads.iter().find(|thread| number.is_some() && natives.of(thread).known().map(|id| id.0) == number);
    let by_name = || listed.iter().find(is_named).map(|(_, thread)| *thread);
    let Some(thread) = by_index.or_else(|| by_id().copied()).or_else(by_name) else {
        return Err(Error::failed(format!("pid {}: there is no thread {name}", args.pid))
            .hint("`pitviper dump` lists the threads, with their native ids and names"));
    };
    let looked = look_at(target, opcodes, &thread, natives.of(&thread), choice, args.reading.pausing());
    let looked = looked.map_err(|problem| {
        Error::failed(format!("pid {}: cannot read the frame of thread {name}", args.pid)).because(problem)
    })?;
    looked.ok_or_else(|| {
        let what = match choice {
            Choice::Index(index) => format!("no frame {index}"),
            Choice::Named(function) => format!("no frame of {function}"),
        };
        Error::failed(format!("pid {}: thread {name} has {what}", args.pid))
            .hint("`pitviper dump` shows the frames of every thread, the innermost first")
    })
}
