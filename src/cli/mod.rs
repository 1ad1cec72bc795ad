//! The command line: arguments, one file per command, the terminal.

mod common;
mod dis;
mod doctor;
mod dump;
mod found;
mod inspect;
mod locks;
mod offsets;
mod ps;
mod record;
mod report;
mod shell;
mod state;
mod terminal;
mod units;
mod view;

use crate::error::{Kind, Result};
use clap::{Parser, Subcommand};
use terminal::Talk;

/// See inside any running CPython, from outside: nothing is injected, nothing is changed
#[derive(Parser, Debug)]
#[command(name = "pitviper", version, about, max_term_width = 100, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Say nothing on stderr but errors: no hints either
    #[arg(short, long, global = true, display_order = 100, conflicts_with = "verbose")]
    quiet: bool,
    /// Tell on stderr how things were found, and what that took
    #[arg(short, long, global = true, display_order = 101)]
    verbose: bool,
}

impl Arguments {
    fn talk(&self) -> Talk {
        match (self.quiet, self.verbose) {
            (true, _) => Talk::Quiet,
            (_, true) => Talk::Verbose,
            _ => Talk::Normal,
        }
    }
}

#[derive(Subcommand, Debug)]
enum Command {
    Dump(dump::Args),
    Locks(locks::Args),
    Dis(dis::Args),
    Record(record::Args),
    Report(report::Args),
    Inspect(inspect::Args),
    State(state::Args),
    Ps(ps::Args),
    Doctor(doctor::Args),
    Offsets(offsets::Args),
}

/// How complete an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// Nothing is missing.
    Complete,
    /// Part of it could not be read.
    Partial,
    /// Whatever the program that was started has returned.
    Exit(u8),
}

/// Runs the program and returns its exit code: 0 a complete answer, 1 failed, 2 usage, 3 not
/// permitted, 4 answered, but part of it could not be read.
pub fn run() -> u8 {
    let arguments = Arguments::parse();
    let talk = arguments.talk();
    code_of(carry_out(&arguments.command, talk), talk)
}

/// The exit code of what was done; what failed is told.
fn code_of(done: Result<Outcome>, talk: Talk) -> u8 {
    match done {
        Ok(Outcome::Complete) => 0,
        Ok(Outcome::Partial) => 4,
        Ok(Outcome::Exit(code)) => code,
        Err(error) => {
            talk.complain(&error);
            match error.kind() {
                Kind::Usage => 2,
                Kind::Denied => 3,
                Kind::Failed | Kind::Gone | Kind::NotPython | Kind::Unsupported => 1,
            }
        }
    }
}

fn carry_out(command: &Command, talk: Talk) -> Result<Outcome> {
    match command {
        Command::Dump(args) => dump::run(args, talk),
        Command::Locks(args) => locks::run(args, talk),
        Command::Dis(args) => dis::run(args, talk),
        Command::Record(args) => record::run(args, talk),
        Command::Report(args) => report::run(args, talk),
        Command::Inspect(args) => inspect::run(args, talk),
        Command::State(args) => state::run(args, talk),
        Command::Ps(args) => ps::run(args, talk),
        Command::Doctor(args) => doctor::run(args, talk),
        Command::Offsets(args) => offsets::run(args, talk),
    }
}
