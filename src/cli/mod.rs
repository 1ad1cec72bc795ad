//! The command line: arguments, one file per command, the terminal.

mod offsets;

use crate::error::{Kind, Result};
use clap::{Parser, Subcommand};
use std::io::Write;

/// See inside any running CPython, from outside
#[derive(Parser, Debug)]
#[command(name = "pitviper", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Offsets(offsets::Args),
}

/// Runs the program and returns its exit code.
pub fn run() -> u8 {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout().lock();
    let result: Result<()> = match &arguments.command {
        Command::Offsets(args) => offsets::run(args, &mut out),
    };
    let _ = out.flush();
    match result { Ok(()) => 0, Err(e) => { eprintln!("error: {e}"); for h in e.hints() { eprintln!("hint: {h}") } if e.kind()==Kind::Usage {2} else {1} } }
}
