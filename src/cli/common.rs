//! Options that mean the same in every command.

use crate::address::Pid;
use crate::cli::terminal::Colour;
use crate::error::{Error, Kind, Result};
use crate::objects::OwnPrinters;
use crate::stacks::Pausing;
use crate::target::UserTable;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A greater file is neither an offset table nor one of printers.
const MAX_FILE: u64 = 1 << 20;

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

/// How objects of the user's classes are written.
#[derive(clap::Args, Debug)]
pub struct Own {
    /// Write classes of your own as this file says (docs/printers.md)
    #[arg(long, value_name = "FILE")]
    printers: Option<PathBuf>,
}

impl Own {
    /// What the user's file says; it is kept until the command ends.
    pub fn printers(&self) -> Result<Option<&'static OwnPrinters>> {
        let Some(path) = &self.printers else { return Ok(None) };
        let name = path.display().to_string();
        let text = read_small(path, &format!("the printers {name}"))?;
        let printers = OwnPrinters::parse(&text).map_err(|mistake| {
            Error::new(Kind::Usage, format!("{name} says nothing of printers that can be understood"))
                .because(mistake)
                .hint("[\"module.Class\"] and below it show = [\"attribute\"] or format = \"{attribute}\"; docs/printers.md")
        })?;
        Ok(Some(Box::leak(Box::new(printers))))
    }
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
        let text = read_small(path, &format!("the offset table {name}"))?;
        Ok(Some(UserTable { name, text }))
    }
}

/// The text of a file of the user, which is `what`.
fn read_small(path: &Path, what: &str) -> Result<String> {
    let unreadable = || Error::new(Kind::Usage, format!("cannot read {what}"));
    let mut text = String::new();
    // One byte more than is allowed shows that there is more; /dev/zero has no end.
    let file = File::open(path).map_err(|error| unreadable().because(error))?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| unreadable().because(error))?;
    if text.len() as u64 > MAX_FILE {
        return Err(unreadable().because("it is larger than a megabyte, and such a file has some kilobytes"));
    }
    Ok(text)
}

/// A target on the command line.
pub fn parse_target(text: &str) -> Result<Pid, String> {
    match text.parse() {
        Ok(pid) if pid > 0 && pid <= i32::MAX as u32 => Ok(Pid(pid)),
        _ => Err(format!("{text:?} is not a process id; `pitviper ps` lists the Python processes")),
    }
}
