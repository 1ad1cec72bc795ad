//! `pitviper locks`: who waits for whom, and who holds what.

use crate::address::Pid;
use crate::cli::common::{Reading, Shown, parse_target};
use crate::cli::terminal::Talk;
use crate::cli::{Outcome, found, terminal};
use crate::error::Result;
use crate::locks;
use crate::output::{locks_json, locks_text};
use crate::stacks::Options;

/// Print who waits for whom: deadlocks, what each thread waits for, who holds it
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  pitviper locks 1234         deadlocks first, then the thread that most wait for, then every thread
  pitviper locks 1234 --json  for a program

A holder is proved (the lock says so, or a with block), or possible (it has called acquire, and no
release since). Waits between processes are not followed.

Exit codes: 0 complete, 1 failed, 2 usage, 3 not permitted, 4 part of it could not be read")]
pub struct Args {
    /// Process id
    #[arg(value_name = "TARGET", value_parser = parse_target)]
    pid: Pid,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    shown: Shown,
}

/// Prints who waits for whom in the target.
pub fn run(args: &Args, talk: Talk) -> Result<Outcome> {
    let table = args.reading.table()?;
    let target = found::attach(talk, args.pid, table.as_ref())?;
    let pausing = args.reading.pausing();
    let dump = found::dump(talk, &target, &Options { pausing, locals: None });
    let locks = locks::read(&target, &dump, locks::Options { pausing, waits_only: false });
    if args.shown.json {
        terminal::document(&locks_json::document(&target, &locks))?;
    } else {
        terminal::data(|out| locks_text::write(out, &target, &locks, args.shown.color.style()))?;
    }
    Ok(if locks.is_complete() { Outcome::Complete } else { Outcome::Partial })
}
