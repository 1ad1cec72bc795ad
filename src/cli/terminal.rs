//! What goes to the user: data to stdout, talk to stderr, and both survive a closed pipe.

use crate::error::{Error, Result};
use crate::output::{Style, escape};
use std::io::{self, BufWriter, IsTerminal, Write};

/// Whether to use colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// The style for standard output.
    pub fn style(self) -> Style {
        let auto = || std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && io::stdout().is_terminal();
        match self {
            Self::Always => Style::Colour,
            Self::Auto if auto() => Style::Colour,
            Self::Auto | Self::Never => Style::Plain,
        }
    }
}

/// Runs `write` on standard output, buffered. A reader that has seen enough and closed the pipe is
/// no failure.
pub fn data(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::failed("cannot write to standard output").because(error))
        }
        _ => Ok(()),
    }
}

/// Writes one JSON document on standard output.
pub fn document(document: &serde_json::Value) -> Result<()> {
    data(|out| {
        serde_json::to_writer(&mut *out, document).map_err(io::Error::from)?;
        writeln!(out)
    })
}

/// Tells the user that something failed, and what to do about it.
pub fn complain(error: &Error) {
    let mut talk = io::stderr().lock();
    // If even that fails there is no one left to tell.
    let _ = writeln!(talk, "error: {}", escape(&error.to_string()));
    for hint in error.hints() {
        let _ = writeln!(talk, "hint: {}", escape(hint));
    }
}
