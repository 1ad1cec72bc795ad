//! The command line: arguments, one file per command, the terminal.

mod common;
mod doctor;
mod dump;
mod offsets;
mod ps;
mod terminal;

use crate::error::{Kind, Result};
use clap::{Parser, Subcommand};

/// See inside any running CPython, from outside: nothing is injected, nothing is changed
#[derive(Parser, Debug)]
#[command(name = "pitviper", version, about, max_term_width = 100, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Dump(dump::Args),
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
}

/// Runs the program and returns its exit code: 0 a complete answer, 1 failed, 2 usage, 3 not
/// permitted, 4 answered, but part of it could not be read.
pub fn run() -> u8 {
    let arguments = Arguments::parse();
    match carry_out(&arguments.command) {
        Ok(Outcome::Complete) => 0,
        Ok(Outcome::Partial) => 4,
        Err(error) => {
            terminal::complain(&error);
            match error.kind() {
                Kind::Usage => 2,
                Kind::Denied => 3,
                Kind::Failed | Kind::Gone | Kind::NotPython | Kind::Unsupported => 1,
            }
        }
    }
}

fn carry_out(command: &Command) -> Result<Outcome> {
    match command {
        Command::Dump(args) => dump::run(args),
        Command::Ps(args) => ps::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Offsets(args) => offsets::run(args),
    }
}
