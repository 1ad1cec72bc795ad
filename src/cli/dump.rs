//! `pitviper dump`: every thread's stack, now.

use crate::address::Pid;
use crate::cli::common::{Own, Reading, Shown, parse_target};
use crate::cli::terminal::Talk;
use crate::cli::{Outcome, found, terminal};
use crate::error::{Kind, Result};
use crate::locks::{self, Locks};
use crate::objects::Limits;
use crate::os;
use crate::output::{dump_json, dump_text};
use crate::stacks::{self, Options, Pausing};
use crate::target::{Target, UserTable};

/// Print the stack of every thread, now
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  pitviper dump 1234                    every thread: what it does, and where
  pitviper dump 1234 --locals           with variables
  pitviper dump 1234 --locals=2 --json  attributes two levels deep, for a program
  pitviper dump 1234 --children         and the processes it started

Exit codes: 0 complete, 1 failed, 2 usage, 3 not permitted, 4 part of it could not be read")]
pub struct Args {
    /// Process id
    #[arg(value_name = "TARGET", value_parser = parse_target)]
    pid: Pid,
    /// Show variables; with DEPTH, the attributes of instances so many levels deep
    #[arg(long, value_name = "DEPTH", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    locals: Option<u32>,
    /// Dump the processes it started as well
    #[arg(long)]
    children: bool,
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    shown: Shown,
}

/// One variable is shown in at most this many characters, and of a container this many items.
const WIDTH: usize = 1000;
const ITEMS: usize = 50;

/// Dumps the target.
pub fn run(args: &Args, talk: Talk) -> Result<Outcome> {
    let table = args.reading.table()?;
    let printers = args.own.printers()?;
    let locals = args.locals.map(|depth| Limits { depth, items: ITEMS, width: WIDTH, printers });
    let options = Options { pausing: args.reading.pausing(), locals };
    if !args.children {
        return one(args, talk, table.as_ref(), &options);
    }
    let tree = os::children(args.pid).unwrap_or_default();
    let (mut outcome, mut documents, mut refused) = (Outcome::Complete, Vec::new(), Vec::new());
    let (mut found, mut no_python) = (false, None);
    for process in &tree {
        match found::attach(talk, process.pid, table.as_ref()) {
            Ok(target) => {
                let dump = found::dump(talk, &target, &options);
                if !dump.is_complete() {
                    outcome = Outcome::Partial;
                }
                let locks = waits(&target, &dump);
                if args.shown.json {
                    documents.push(dump_json::document(&target, &dump, &locks));
                } else {
                    show_text(args, &target, (&dump, &locks), !found)?;
                }
                found = true;
            }
            // A shell among them is nothing to complain about, nor one that ended meanwhile.
            Err(error) if matches!(error.kind(), Kind::NotPython | Kind::Gone) => {
                no_python = no_python.or(Some(error).filter(|_| process.pid == args.pid));
            }
            // Nor one that is not called so, of the hundreds that one who may not look may find.
            Err(error) if error.is_denied() && process.pid != args.pid && !found::names_python(process) => {
                talk.note(error);
            }
            Err(error) => refused.push(error),
        }
    }
    if !found {
        return match refused.split_first() {
            Some((first, rest)) => {
                talk.complain_of_all(rest, first.hints());
                Err(first.clone())
            }
            None => no_python.map_or_else(|| one(args, talk, table.as_ref(), &options), Err),
        };
    }
    if !refused.is_empty() {
        outcome = Outcome::Partial;
    }
    talk.complain_of_all(&refused, &[]);
    if args.shown.json {
        terminal::document(&dump_json::tree(documents, &refused))?;
    }
    Ok(outcome)
}

fn one(args: &Args, talk: Talk, table: Option<&UserTable>, options: &Options) -> Result<Outcome> {
    let target = found::attach(talk, args.pid, table)?;
    let dump = found::dump(talk, &target, options);
    let locks = waits(&target, &dump);
    if args.shown.json {
        terminal::document(&dump_json::document(&target, &dump, &locks))?;
    } else {
        show_text(args, &target, (&dump, &locks), true)?;
    }
    Ok(if dump.is_complete() { Outcome::Complete } else { Outcome::Partial })
}

/// What the threads of `dump` wait for. No thread is stopped for it.
fn waits(target: &Target, dump: &stacks::Dump) -> Locks {
    locks::read(target, dump, locks::Options { pausing: Pausing::Never, waits_only: true })
}

fn show_text(args: &Args, target: &Target, seen: (&stacks::Dump, &Locks), first: bool) -> Result<()> {
    terminal::data(|out| {
        if !first {
            writeln!(out)?;
        }
        dump_text::write(out, target, seen.0, seen.1, args.shown.color.style())
    })
}
