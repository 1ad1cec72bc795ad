//! `pitviper state`: the state of runtime, interpreters, threads, GIL, collector, imports, hooks and allocator.

use crate::address::Pid;
use crate::cli::common::{Meaning, Shown, parse_target};
use crate::cli::terminal::Talk;
use crate::cli::{Outcome, found, terminal};
use crate::error::Result;
use crate::output::{state_json, state_text};
use crate::state::{self, Options, Section};

/// Print what state Python is in: threads, GIL, garbage collector, imports, hooks, allocator
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  pitviper state 1234                  everything
  pitviper state 1234 gil threads      who holds the GIL and who waits for it; what each thread is at
  pitviper state 1234 imports --all    and where every module comes from
  pitviper state 1234 gc --json        for a program

Exit codes: 0 complete, 1 failed, 2 usage, 3 not permitted, 4 part of it could not be read")]
pub struct Args {
    /// Process id
    #[arg(value_name = "TARGET", value_parser = parse_target)]
    pid: Pid,
    /// What to print; everything by default
    #[arg(value_enum, value_name = "SECTION")]
    sections: Vec<Part>,
    /// With imports: where each module comes from
    #[arg(long)]
    all: bool,
    /// With interpreters and threads: their C members, with offset, size and value
    #[arg(long)]
    layout: bool,
    #[command(flatten)]
    meaning: Meaning,
    #[command(flatten)]
    shown: Shown,
}

/// A part of what is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Part {
    /// Version, build, flags, arguments, prefixes, allocator
    #[value(alias = "config")]
    Runtime,
    /// Interpreters, with their threads and modules
    Interpreters,
    /// Threads: ids, recursion, exceptions, trace functions; and those Python does not know
    Threads,
    /// Who holds each GIL, who waits, switch interval, requests
    Gil,
    /// Garbage collector: thresholds, counts, objects of each generation
    Gc,
    /// Modules in progress, import locks, finders
    Imports,
    /// Trace functions, audit hooks, watchers, monitoring tools, signal handlers
    Hooks,
    /// Arenas, pools and size classes of the object allocator
    Alloc,
}

impl Part {
    fn section(self) -> Section {
        match self {
            Self::Runtime => Section::Runtime,
            Self::Interpreters => Section::Interpreters,
            Self::Threads => Section::Threads,
            Self::Gil => Section::Gil,
            Self::Gc => Section::Gc,
            Self::Imports => Section::Imports,
            Self::Hooks => Section::Hooks,
            Self::Alloc => Section::Alloc,
        }
    }
}

/// Prints the state of the target.
pub fn run(args: &Args, talk: Talk) -> Result<Outcome> {
    let table = args.meaning.table()?;
    let target = found::attach(talk, args.pid, table.as_ref())?;
    let sections = args.sections.iter().map(|part| part.section()).collect();
    let state = state::read(&target, &Options { sections, origins: args.all, members: args.layout });
    if args.shown.json {
        terminal::document(&state_json::document(&target, &state))?;
    } else {
        terminal::data(|out| state_text::write(out, &target, &state, args.shown.color.style()))?;
    }
    Ok(if state.problems.is_empty() { Outcome::Complete } else { Outcome::Partial })
}
