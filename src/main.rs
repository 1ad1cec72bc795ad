//! The program `pitviper`: runs a command, prints its error and hints, ends with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(pitviper::cli::run())
}
