//! A program that pitviper starts to look at it: it is never killed, and its exit status passed on.

use crate::address::Pid;
use crate::error::{Error, Kind, Result};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

/// A program that was started to be looked at.
#[derive(Debug)]
pub struct Program {
    child: Child,
    name: String,
    status: Option<ExitStatus>,
}

impl Program {
    /// Starts `command`. SIGTERM and SIGHUP are passed on to it.
    pub fn start(command: &[OsString]) -> Result<Self> {
        let missing = || Error::new(Kind::Usage, "there is no command behind --");
        let (program, arguments) = command.split_first().ok_or_else(missing)?;
        let name = program.to_string_lossy().into_owned();
        let child = Command::new(program)
            .args(arguments)
            .spawn()
            .map_err(|error| Error::new(Kind::Usage, format!("cannot start {name}")).because(error))?;
        super::pass_signals_to(Some(Pid(child.id())));
        Ok(Self { child, name, status: None })
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid(self.child.id())
    }

    /// What it is called on the command line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
            if self.status.is_some() {
                super::pass_signals_to(None);
            }
        }
        self.status.is_some()
    }

    /// Waits for its end and returns the exit code that a shell would give it.
    pub fn wait(&mut self) -> u8 {
        // A signal that ends a recording interrupts no wait: it is for the program too.
        let status = self.status.or_else(|| self.child.wait().ok());
        super::pass_signals_to(None);
        let code = status.and_then(|status| status.code().or_else(|| status.signal().map(|signal| 128 + signal)));
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
    }
}
