//! Options that mean the same in every command.

use crate::address::Pid;
use crate::cli::terminal::Colour;
use crate::error::{Error, Kind, Result};
use crate::stacks::Pausing;
use crate::target::UserTable;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// A greater file is no offset table.
const MAX_TABLE: u64 = 1 << 20;

/// How results are shown.
#[derive(clap::Args, Debug)]
pub struct Shown {
    /// Print one JSON document (schema: docs/json.md)
    #[arg(long)]
    pub json: bool,
    /// Use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Colour,
}

/// What a target's bytes mean.
#[derive(clap::Args, Debug)]
pub struct Meaning {
    /// Read with this offset table (made by `pitviper offsets`)
    #[arg(long, value_name = "FILE")]
    offsets: Option<PathBuf>,
}

/// How a target is read.
#[derive(clap::Args, Debug)]
pub struct Reading {
    #[command(flatten)]
    meaning: Meaning,
    /// Stop every running thread while it is copied: microseconds; with --locals, milliseconds
    #[arg(long, conflicts_with = "no_pause")]
    pause: bool,
    /// Never stop a thread; a stack that cannot be decided is marked so
    #[arg(long)]
    no_pause: bool,
}

impl Reading {
    /// Whether running threads may be stopped.
    pub fn pausing(&self) -> Pausing {
        match (self.pause, self.no_pause) {
            (true, _) => Pausing::Always,
            (_, true) => Pausing::Never,
            _ => Pausing::IfNeeded,
        }
    }

    /// The user's own offset table.
    pub fn table(&self) -> Result<Option<UserTable>> {
        self.meaning.table()
    }

    /// The options that were given: name and value.
    pub fn given(&self) -> Vec<(&'static str, Option<String>)> {
        let offsets = self.meaning.offsets.as_ref().map(|file| ("offsets", Some(file.display().to_string())));
        let pause = self.pause.then_some(("pause", None));
        let no_pause = self.no_pause.then_some(("no-pause", None));
        [offsets, pause, no_pause].into_iter().flatten().collect()
    }
}

impl Meaning {
    /// The user's own offset table.
    pub fn table(&self) -> Result<Option<UserTable>> {
        let Some(path) = &self.offsets else { return Ok(None) };
        let name = path.display().to_string();
        let unreadable = || Error::new(Kind::Usage, format!("cannot read the offset table {name}"));
        let mut text = String::new();
        // One byte more than is allowed shows that there is more; /dev/zero has no end.
        let file = File::open(path).map_err(|error| unreadable().because(error))?;
        file.take(MAX_TABLE + 1).read_to_string(&mut text).map_err(|error| unreadable().because(error))?;
        if text.len() as u64 > MAX_TABLE {
            return Err(unreadable().because("it is larger than a megabyte, and a table has some kilobytes"));
        }
        Ok(Some(UserTable { name, text }))
    }
}

/// A target on the command line.
pub fn parse_target(text: &str) -> Result<Pid, String> {
    match text.parse() {
        Ok(pid) if pid > 0 && pid <= i32::MAX as u32 => Ok(Pid(pid)),
        _ => Err(format!("{text:?} is not a process id; `pitviper ps` lists the Python processes")),
    }
}
