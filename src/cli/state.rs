//! `pitviper state`: the state of runtime, interpreters, threads, GIL, collector, imports, hooks and allocator.

use crate::address::Pid;
use crate::cli::common::{Meaning, Shown, parse_target};
use crate::cli::terminal::Talk;
use crate::cli::{Outcome, found, terminal};
use crate::error::Result;
use crate::output::{state_json, state_text};
use crate::state::{self, Options, Section};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

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
    #[arg(value_parser = sections(), value_name = "SECTION")]
    sections: Vec<Section>,
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

/// The sections, and what `--help` says of each.
fn sections() -> impl TypedValueParser<Value = Section> {
    let value = |section: Section| {
        let (name, aliases) = section.names();
        PossibleValue::new(name).aliases(aliases.iter().copied()).help(section.about())
    };
    let is_called = |section: &Section, text: &str| {
        let (name, aliases) = section.names();
        name == text || aliases.contains(&text)
    };
    PossibleValuesParser::new(Section::ALL.map(value))
        .try_map(move |text| Section::ALL.into_iter().find(|s| is_called(s, &text)).ok_or("there is no such section"))
}

/// Prints the state of the target.
pub fn run(args: &Args, talk: Talk) -> Result<Outcome> {
    let table = args.meaning.table()?;
    let target = found::attach(talk, args.pid, table.as_ref())?;
    let state =
        state::read(&target, &Options { sections: args.sections.clone(), origins: args.all, members: args.layout });
    if args.shown.json {
        terminal::document(&state_json::document(&target, &state))?;
    } else {
        terminal::data(|out| state_text::write(out, &target, &state, args.shown.color.style()))?;
    }
    Ok(if state.problems.is_empty() { Outcome::Complete } else { Outcome::Partial })
}
