//! `pitviper ps`: the Python processes of this machine.

use crate::cli::common::Shown;
use crate::cli::{Outcome, terminal};
use crate::error::{Error, Kind, Result};
use crate::os::{self, Process, ProcessState};
use crate::output::ps::{self, Row};
use crate::target::Target;

/// List the Python processes of this machine: version, flavour, whether they can be read
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    shown: Shown,
}

/// Lists them.
pub fn run(args: &Args) -> Result<Outcome> {
    let pids = os::processes().map_err(|error| Error::failed("cannot list the processes in /proc").because(error))?;
    let us = std::process::id();
    let rows: Vec<Row> = pids
        .into_iter()
        .filter(|pid| pid.0 != us)
        .filter_map(|pid| os::process(pid).ok())
        .filter(|process| process.state == ProcessState::Alive)
        .filter_map(|process| row(&process))
        .collect();
    if args.shown.json {
        terminal::document(&ps::document(&rows))?;
    } else {
        terminal::data(|out| ps::write(out, &rows, args.shown.color.style()))?;
    }
    Ok(Outcome::Complete)
}

/// `None` for a process that is no Python.
fn row(process: &Process) -> Option<Row> {
    let threads = os::thread_ids(process.pid).map(|ids| ids.len()).unwrap_or(0);
    let row = |version, flavour, obstacle| Row {
        pid: process.pid,
        version,
        flavour,
        threads,
        obstacle,
        command: process.command_text(),
    };
    match Target::probe(process) {
        Ok(target) => Some(row(Some(target.layout.version.to_string()), Some(target.layout.flavour.name()), None)),
        Err(error) if matches!(error.kind(), Kind::NotPython | Kind::Gone) => None,
        // Where we may not look, only the name tells; it may well be wrong, so it is listed as
        // unknown and not left out.
        Err(error) if error.is_denied() && !names_python(process) => None,
        Err(error) => Some(row(None, None, Some(error.hints().first().cloned().unwrap_or_else(|| error.to_string())))),
    }
}

fn names_python(process: &Process) -> bool {
    let first = process.command.first().map(|word| word.to_string_lossy().into_owned());
    first.iter().chain([&process.name]).any(|name| name.contains("python"))
}
