//! What goes to the user: data to stdout, talk to stderr, and both survive a closed pipe.

use crate::error::{Error, Result};
use crate::output::{Style, escape};
use std::fmt::Display;
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

/// How much is said on standard error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Talk {
    /// Errors alone.
    Quiet,
    /// And what to do about them.
    Normal,
    /// And how things were found.
    Verbose,
}

impl Talk {
    /// Tells the user that something failed, and what to do about it.
    pub fn complain(self, error: &Error) {
        say("error", &error.to_string());
        if self >= Self::Normal {
            error.hints().iter().for_each(|hint| say("hint", hint));
        }
    }

    /// Tells what was done, unless nothing is to be said.
    pub fn tell(self, text: impl Display) {
        if self >= Self::Normal {
            say("note", &text.to_string());
        }
    }

    /// Tells the user that several things failed; what to do about them once, and not if `told` so.
    pub fn complain_of_all(self, errors: &[Error], told: &[String]) {
        errors.iter().for_each(|error| say("error", &error.to_string()));
        let mut hints: Vec<&String> = Vec::new();
        for hint in errors.iter().flat_map(Error::hints) {
            if self >= Self::Normal && !told.contains(hint) && !hints.contains(&hint) {
                say("hint", hint);
                hints.push(hint);
            }
        }
    }

    /// Tells who wants to know it how something was found.
    pub fn note(self, text: impl Display) {
        if self >= Self::Verbose {
            say("note", &text.to_string());
        }
    }
}

fn say(what: &str, text: &str) {
    // If even that fails there is no one left to tell.
    let _ = writeln!(io::stderr().lock(), "{what}: {}", escape(text));
}
