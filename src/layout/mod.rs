//! What a Python's bytes mean: tables, the target's own `_Py_DebugOffsets`, checks.
//!
//! Pure: works on bytes and text it is given, reads no process and no file. The only room besides
//! `target/` that may compare versions; every other asks a field whether it exists (`Option`) or
//! matches a word.
//!
//! A layout comes from, in this order: the target's own table (3.13+), the table of
//! `python_offsets/` for exactly this version and flavour, the debug info of the binary. It is
//! never guessed from the nearest version.
//!
//! ```
//! use pitviper::layout::{Build, Flavour};
//! let build = Build::new("3.11.7".parse().unwrap(), Flavour::Gil, pitviper::binary::Machine::X86_64);
//! let layout = pitviper::layout::select_known(&build).unwrap();
//! assert!(layout.frame.stacktop.is_some());
//! ```

mod check;
pub mod debug_offsets;
pub mod extract;
mod field;
pub mod opcodes;
mod select;
mod slots;
pub mod structs;
pub mod support;
pub mod table;
mod texts;
mod words;

pub use check::check;
pub use field::{Bits, Constant, Field, Inline, Number, Path, Size, Word};
pub use opcodes::Opcodes;
pub use select::{Build, all_tables, from_user_table, known_tables, load, select, select_known, supported_series};
pub use slots::{Suite, suites};
pub use structs::Structs;
pub use table::{Flavour, Table};
pub use texts::Texts;
pub use words::*;

use crate::address::Version;
use std::fmt;

/// Where a layout comes from, as `doctor` tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A table of `python_offsets/`, by name; with the target's own numbers where it has them.
    Table {
        /// The table's name.
        name: String,
        /// How many numbers the target told itself.
        own: bool,
        /// Whether the table's range covers the version; else its fingerprints were the proof.
        covered: bool,
    },
    /// The table of an older series under the target's own numbers: an unreleased Python.
    NewerThanKnown {
        /// The table's name.
        name: String,
    },
    /// A table the user gave.
    User(String),
    /// The debug info of a file.
    DebugInfo(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table { name, own, covered } => {
                write!(f, "table {name}")?;
                f.write_str(if *own { ", and the target's own debug offsets" } else { "" })?;
                f.write_str(match (covered, own) {
                    (true, _) => "",
                    (false, true) => "; the release is newer than the table",
                    (false, false) => "; the release is newer than the table, the sizes of its symbols agree",
                })
            }
            Self::NewerThanKnown { name } => write!(f, "the target's own debug offsets, and table {name}"),
            Self::User(name) => write!(f, "your table {name}"),
            Self::DebugInfo(name) => write!(f, "the debug info of {name}"),
        }
    }
}

/// What the bytes of one Python build mean.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Which build.
    pub version: Version,
    /// Its flavour.
    pub flavour: Flavour,
    /// Where the numbers come from.
    pub source: Source,
    /// Doubts about the numbers, one sentence each.
    pub warnings: Vec<String>,
    /// How things are encoded.
    pub words: Words,
    /// Where things are.
    pub structs: Structs,
}

impl std::ops::Deref for Layout {
    type Target = Structs;
    fn deref(&self) -> &Structs {
        &self.structs
    }
}

impl Layout {
    /// Gives the numbers and words of `table` their types and checks them. The error is a sentence
    /// about the first thing that is missing or cannot be.
    pub fn from_table(table: &Table, version: Version, flavour: Flavour, source: Source) -> Result<Self, String> {
        let structs = Structs::load(table)?;
        let words = Words::load(|name| table.word(name))?;
        let layout = Self { version, flavour, source, warnings: Vec::new(), words, structs };
        check(&layout)?;
        Ok(layout)
    }

    /// Whether the build has no GIL by design.
    pub fn free_threaded(&self) -> bool {
        self.flavour.is_free_threaded()
    }
}
