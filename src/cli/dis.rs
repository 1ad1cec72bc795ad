//! `pitviper dis`: the bytecode of a frame, function or code object, and where a frame stands in it.

use crate::address::Pid;
use crate::cli::common::{Reading, Shown, parse_target};
use crate::cli::terminal::Talk;
use crate::cli::{Outcome, found, terminal};
use crate::disassembly::{Looked, Source};
use crate::error::{Error, Kind, Result};
use crate::layout::Opcodes;
use crate::memory::Pages;
use crate::output::{dis_json, dis_text};
use crate::paths::{self, Path, Place, Resolver};
use crate::python::{CodeCache, Python};
use crate::stacks::Read;
use crate::target::Target;

/// Print the bytecode of a frame or function, with the instruction being executed
#[derive(clap::Args, Debug)]
#[command(after_help = "PATH is any path of `pitviper inspect` to what has bytecode, such as
  t:THREAD.f[N]    frame N of a thread, the innermost is 0; THREAD is an index, a native id or a name
  t:THREAD.f[NAME] the innermost frame of the function NAME
  a.b.function     a function, method, code object, generator or frame
  code:PATH        the code behind it: of what decorators have wrapped, too
  task:NAME        the coroutine of a task of asyncio, where it stands
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
    #[arg(value_name = "PATH", value_parser = str::parse::<Path>, default_value = "t:0.f[0]", hide_default_value = true)]
    path: Path,
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
    let looked = look(args, &target, &opcodes)?;
    let source = if args.source { source(&target, &looked) } else { None };
    let mut problems = target.layout.warnings.clone();
    problems.extend(looked.listing.problems.iter().cloned());
    if looked.read == Some(Read::Undecided) {
        problems.push(found::MIXED.to_owned());
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
fn look(args: &Args, target: &Target, opcodes: &Opcodes) -> Result<Looked> {
    let pages = Pages::new(&target.memory);
    let codes = CodeCache::default();
    let resolver = Resolver::new(target, &pages, &codes, args.path.interpreter)?;
    let seen = paths::look(&resolver, &args.path, args.reading.pausing(), &mut |place, stopped| {
        bytecode(&args.path, &resolver, opcodes, &codes, place, stopped)
    })?;
    Ok(Looked { read: seen.read, ..seen.value })
}

/// The bytecode at `place`, to which `path` has led.
fn bytecode(
    path: &Path,
    resolver: &Resolver<'_>,
    opcodes: &Opcodes,
    codes: &CodeCache,
    place: Place,
    stopped: bool,
) -> Result<Looked> {
    let python = &resolver.python;
    let unreadable = |fault| Error::failed(format!("cannot disassemble {path}")).because(fault);
    let none = || {
        Error::failed(format!("{path} has no bytecode"))
            .hint("name a function, method, code object, generator or frame")
    };
    let innermost = |thread| resolver.frames(thread).first().map(|frame| (*frame, 0));
    let (frame, number) = match place {
        Place::Frame(frame, number) => (frame, number),
        Place::Thread(thread) => innermost(thread).ok_or_else(none)?,
        Place::Object(at) => {
            let at = resolver.executed(at);
            let looked = match Looked::of(python, opcodes, at).map_err(unreadable)? {
                Some(looked) => Some(looked),
                None => {
                    let code = resolver.code_of(at);
                    code.map_or(Ok(None), |code| Looked::of(python, opcodes, code)).map_err(unreadable)?
                }
            };
            return looked.ok_or_else(none);
        }
        Place::Plain(_) | Place::Instances(..) | Place::Chain(_) => return Err(none()),
    };
    let call = python.call(codes, &frame).map_err(unreadable)?.ok_or_else(none)?;
    // Only the innermost can execute; and while the thread sleeps it is in a call.
    let settled = number > 0 || !stopped;
    Looked::read(python, opcodes, call.code, Some(&frame), settled).map_err(unreadable)
}
