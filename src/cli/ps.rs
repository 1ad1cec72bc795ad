//! `pitviper ps`: the Python processes of this machine.

use crate::cli::common::Shown;
use crate::cli::terminal::Talk;
use crate::cli::{Outcome, found, terminal};
use crate::error::{Error, Kind, Result};
use crate::os::{self, Process, ProcessState};
use crate::output::ps::{self, Row};
use crate::target::{DebugTables, Target};
use std::time::Instant;

/// List the Python processes of this machine: version, flavour, whether they can be read
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    shown: Shown,
}

/// Lists them.
pub fn run(args: &Args, talk: Talk) -> Result<Outcome> {
    let pids = os::processes().map_err(|error| Error::failed("cannot list the processes in /proc").because(error))?;
    let us = std::process::id();
    let tables = DebugTables::default();
    let rows: Vec<Row> = pids
        .into_iter()
        .filter(|pid| pid.0 != us)
        .filter_map(|pid| os::process(pid).ok())
        .filter(|process| process.state == ProcessState::Alive)
        .filter_map(|process| row(&process, &tables, talk))
        .collect();
    if args.shown.json {
        terminal::document(&ps::document(&rows))?;
    } else {
        terminal::data(|out| ps::write(out, &rows, args.shown.color.style()))?;
    }
    Ok(Outcome::Complete)
}

/// `None` for a process that is no Python.
fn row(process: &Process, tables: &DebugTables, talk: Talk) -> Option<Row> {
    let threads = os::thread_ids(process.pid).map(|ids| ids.len()).unwrap_or(0);
    let row = |version, flavour, obstacle| Row {
        pid: process.pid,
        version,
        flavour,
        threads,
        obstacle,
        command: process.command_text(),
    };
    let began = Instant::now();
    match Target::probe(process, tables) {
        Ok(target) => {
            found::tell(talk, &target, began);
            Some(row(Some(target.layout.version.to_string()), Some(target.layout.flavour.name()), None))
        }
        Err(error) if matches!(error.kind(), Kind::NotPython | Kind::Gone) => None,
        // Where we may not look, only the name tells; it may well be wrong, so it is listed as
        // unknown and not left out.
        Err(error) if error.is_denied() && !found::names_python(process) => None,
        Err(error) => {
            let advice = error.hints().first().filter(|_| error.is_denied()).cloned();
            Some(row(None, None, Some(advice.unwrap_or_else(|| error.to_string()))))
        }
    }
}
