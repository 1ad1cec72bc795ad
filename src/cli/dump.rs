//! `pitviper dump`: every thread's stack, now.

use crate::address::Pid;
use crate::cli::common::{Reading, Shown, parse_target};
use crate::cli::{Outcome, terminal};
use crate::error::{Kind, Result};
use crate::objects::Limits;
use crate::os;
use crate::output::{dump_json, dump_text};
use crate::stacks::{self, Options};
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
    reading: Reading,
    #[command(flatten)]
    shown: Shown,
}

/// One variable is shown in at most this many characters, and of a container this many items.
const WIDTH: usize = 1000;
const ITEMS: usize = 50;

/// Dumps the target.
pub fn run(args: &Args) -> Result<Outcome> {
    let table = args.reading.table()?;
    let locals = args.locals.map(|depth| Limits { depth, items: ITEMS, width: WIDTH });
    let options = Options { pausing: args.reading.pausing(), locals };
    if !args.children {
        return one(args, args.pid, table.as_ref(), &options, true);
    }
    let tree = os::children(args.pid).unwrap_or_default();
    let mut outcome = Outcome::Complete;
    let mut found = false;
    let mut documents = Vec::new();
    for process in &tree {
        match Target::attach(process.pid, table.as_ref()) {
            Ok(target) => {
                let dump = stacks::dump(&target, &options);
                if !dump.is_complete() {
                    outcome = Outcome::Partial;
                }
                if args.shown.json {
                    documents.push(dump_json::document(&target, &dump));
                } else {
                    show_text(args, &target, &dump, !found)?;
                }
                found = true;
            }
            // A shell among them is nothing to complain about, nor one that ended meanwhile.
            Err(error) if matches!(error.kind(), Kind::NotPython | Kind::Gone) => {}
            Err(error) => {
                terminal::complain(&error);
                outcome = Outcome::Partial;
            }
        }
    }
    if !found {
        return one(args, args.pid, table.as_ref(), &options, true);
    }
    if args.shown.json {
        // The document of the root, with those of its descendants beside it.
        let mut rest = documents.into_iter();
        let mut first = rest.next().unwrap_or_default();
        if let Some(fields) = first.as_object_mut() {
            fields.insert("children".to_owned(), rest.collect());
        }
        terminal::document(&first)?;
    }
    Ok(outcome)
}

fn one(args: &Args, pid: Pid, table: Option<&UserTable>, options: &Options, first: bool) -> Result<Outcome> {
    let target = Target::attach(pid, table)?;
    let dump = stacks::dump(&target, options);
    if args.shown.json {
        terminal::document(&dump_json::document(&target, &dump))?;
    } else {
        show_text(args, &target, &dump, first)?;
    }
    Ok(if dump.is_complete() { Outcome::Complete } else { Outcome::Partial })
}

fn show_text(args: &Args, target: &Target, dump: &stacks::Dump, first: bool) -> Result<()> {
    terminal::data(|out| {
        if !first {
            writeln!(out)?;
        }
        dump_text::write(out, target, dump, args.shown.color.style())
    })
}
