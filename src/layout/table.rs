//! A table of `python_offsets/`: the numbers and words of one layout, the builds it holds for, and
//! what tells those builds from others.

use crate::address::Version;
use crate::binary::Machine;
use crate::error::{Error, Kind, Result};
use crate::layout::field::{Bits, Number};
use crate::layout::structs::Lookup;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// How an interpreter was configured, as far as it moves fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Flavour {
    /// An ordinary build.
    Gil,
    /// `--with-pydebug`.
    Debug,
    /// `--disable-gil` (3.13+).
    FreeThreaded,
    /// Both.
    FreeThreadedDebug,
}

impl Flavour {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gil, Self::Debug, Self::FreeThreaded, Self::FreeThreadedDebug];

    /// The flavour with these two switches.
    pub fn of(free_threaded: bool, debug: bool) -> Self {
        match (free_threaded, debug) {
            (false, false) => Self::Gil,
            (false, true) => Self::Debug,
            (true, false) => Self::FreeThreaded,
            (true, true) => Self::FreeThreadedDebug,
        }
    }

    /// Whether it was built with `--disable-gil`.
    pub fn is_free_threaded(self) -> bool {
        matches!(self, Self::FreeThreaded | Self::FreeThreadedDebug)
    }

    /// Its name in tables and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gil => "gil",
            Self::Debug => "debug",
            Self::FreeThreaded => "free-threaded",
            Self::FreeThreadedDebug => "free-threaded-debug",
        }
    }

    /// The flavour called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flavour| flavour.name() == name)
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The layout of one or more CPython builds, as text in `python_offsets/` holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// First and last release known to be laid out like this.
    pub versions: Option<(Version, Version)>,
    /// The flavours it holds for.
    pub flavours: Vec<Flavour>,
    /// The machines it holds for.
    pub machines: Vec<Machine>,
    /// Sizes of exported data symbols by which such a build is recognised without debug info: each
    /// symbol with every size seen.
    pub fingerprints: BTreeMap<String, Vec<u64>>,
    /// Exported symbols that a build must have, and of a size that `fingerprints` lists where it
    /// does: this table is for an unusual build of its version and flavour.
    pub requires: Vec<String>,
    /// The words, by name.
    pub words: BTreeMap<String, String>,
    /// The numbers, by section and field.
    pub numbers: BTreeMap<String, BTreeMap<String, Number>>,
    /// Where in the target's `_Py_DebugOffsets` each number lies that the target tells itself, by
    /// C member path; and the size of the whole under `size`.
    pub debug_offsets: BTreeMap<String, u32>,
}

/// No offset that pitviper reads lies further from the start of its struct: the largest known are
/// in `PyInterpreterState`, at 393,000 in 3.12. A greater one is a broken table.
const MAX_OFFSET: i64 = 1 << 24;

impl Table {
    /// Reads the text of a table. `name` is the file, for errors.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let fail = |what: String| {
            Error::new(Kind::Usage, format!("{name} is not an offset table: {what}"))
                .hint("make one with `pitviper offsets BINARY > table.toml` from an interpreter with debug info")
        };
        let document: toml::Table = text.parse().map_err(|e: toml::de::Error| fail(e.message().to_owned()))?;
        let mut table = Self::default();
        for (key, value) in &document {
            table.take(key, value).map_err(&fail)?;
        }
        if table.versions.is_none() || table.flavours.is_empty() || table.machines.is_empty() {
            return Err(fail("it lacks versions, flavours or machines".to_owned()));
        }
        Ok(table)
    }

    fn take(&mut self, key: &str, value: &toml::Value) -> Result<(), String> {
        let bad = || format!("{key} cannot be this {}", value.type_str());
        match (key, value) {
            ("versions", _) => {
                let texts = strings(value).ok_or_else(bad)?;
                let versions: Vec<Version> = texts.iter().filter_map(|t| t.parse().ok()).collect();
                match versions.as_slice() {
                    [first, last] if texts.len() == 2 && first <= last => self.versions = Some((*first, *last)),
                    _ => return Err(bad()),
                }
            }
            ("flavours", _) => {
                let texts = strings(value).ok_or_else(bad)?;
                self.flavours = texts.iter().map(|t| Flavour::named(t).ok_or_else(bad)).collect::<Result<_, _>>()?;
            }
            ("machines", _) => {
                let texts = strings(value).ok_or_else(bad)?;
                self.machines = texts.iter().map(|t| Machine::named(t).ok_or_else(bad)).collect::<Result<_, _>>()?;
            }
            ("requires", _) => {
                self.requires = strings(value).ok_or_else(bad)?.into_iter().map(str::to_owned).collect();
            }
            ("fingerprints", toml::Value::Table(rows)) => {
                for (symbol, sizes) in rows {
                    let sizes = sizes.as_array().ok_or_else(bad)?;
                    let sizes =
                        sizes.iter().map(|s| s.as_integer().and_then(|s| u64::try_from(s).ok()).ok_or_else(bad));
                    self.fingerprints.insert(symbol.clone(), sizes.collect::<Result<_, _>>()?);
                }
            }
            ("words", toml::Value::Table(rows)) => {
                for (word, value) in rows {
                    self.words.insert(word.clone(), value.as_str().ok_or_else(bad)?.to_owned());
                }
            }
            ("debug_offsets", toml::Value::Table(rows)) => {
                for (slot, value) in rows {
                    let number = value.as_integer().and_then(|n| u32::try_from(n).ok()).ok_or_else(bad)?;
                    self.debug_offsets.insert(slot.clone(), number);
                }
            }
            (section, toml::Value::Table(rows)) => {
                let numbers = self.numbers.entry(section.to_owned()).or_default();
                for (field, value) in rows {
                    let number = number(value)
                        .ok_or_else(|| format!("{section}.{field} cannot be this {}", value.type_str()))?;
                    numbers.insert(field.clone(), number);
                }
            }
            _ => return Err(format!("it has an unknown entry {key}")),
        }
        Ok(())
    }

    /// The words by name, as [`crate::layout::Words::load`] wants them.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.words.get(name).map(String::as_str)
    }

    /// Whether `version` lies in the range that was checked.
    pub fn covers(&self, version: Version) -> bool {
        self.versions.is_some_and(|(first, last)| first <= version && version <= last)
    }

    /// Whether the table is for the series of `version`, 3.11 for 3.11.7.
    pub fn same_series(&self, version: Version) -> bool {
        self.versions.is_some_and(|(first, _)| first.same_series(version))
    }

    /// Sets one number, as a more trusted source tells it.
    pub fn set(&mut self, section: &str, field: &str, number: Number) {
        self.numbers.entry(section.to_owned()).or_default().insert(field.to_owned(), number);
    }

    /// Takes a number away.
    pub fn forget(&mut self, section: &str, field: &str) {
        if let Some(numbers) = self.numbers.get_mut(section) {
            numbers.remove(field);
        }
    }

    /// The text of the table, each number with the C member path `origin` tells for it.
    pub fn to_text(&self, origin: impl Fn(&str, &str) -> String) -> String {
        let mut text = String::from("# Made by `pitviper offsets`. Do not edit: make it anew (scripts/offsets).\n");
        // Writing to a String cannot fail.
        let _ = self.write(&mut text, origin);
        text
    }

    fn write(&self, out: &mut String, origin: impl Fn(&str, &str) -> String) -> fmt::Result {
        if let Some((first, last)) = self.versions {
            writeln!(out, "versions = [\"{first}\", \"{last}\"]")?;
        }
        let flavours: Vec<&str> = self.flavours.iter().map(|f| f.name()).collect();
        writeln!(out, "flavours = {flavours:?}")?;
        let machines: Vec<&str> = self.machines.iter().map(|m| m.name()).collect();
        writeln!(out, "machines = {machines:?}")?;
        if !self.requires.is_empty() {
            writeln!(out, "requires = {:?}  # symbols that only such builds export, or of this size", self.requires)?;
        }
        writeln!(out, "\n[fingerprints]  # sizes of exported symbols")?;
        for (symbol, sizes) in &self.fingerprints {
            writeln!(out, "{symbol} = {sizes:?}")?;
        }
        writeln!(out, "\n[words]")?;
        for (word, value) in &self.words {
            writeln!(out, "{word} = {value:?}")?;
        }
        for section in crate::layout::structs::SECTIONS {
            let Some(numbers) = self.numbers.get(section.name) else { continue };
            writeln!(out, "\n[{}]", section.name)?;
            for field in section.fields {
                let Some(number) = numbers.get(field.name) else { continue };
                let value = match number {
                    Number::One(value) => value.to_string(),
                    Number::Path(path) => format!("{path:?}"),
                    Number::Bits(b) => format!("{{ offset = {}, bit = {}, bits = {} }}", b.offset, b.first, b.count),
                };
                writeln!(out, "{} = {value}  # {}", field.name, origin(section.name, field.name))?;
            }
        }
        if !self.debug_offsets.is_empty() {
            writeln!(out, "\n[debug_offsets]  # where _Py_DebugOffsets holds the target's own numbers")?;
        }
        for (slot, offset) in &self.debug_offsets {
            writeln!(out, "\"{slot}\" = {offset}")?;
        }
        Ok(())
    }
}

impl Lookup for Table {
    fn number(&self, section: &str, field: &str) -> Option<&Number> {
        self.numbers.get(section)?.get(field)
    }
}

fn strings(value: &toml::Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(toml::Value::as_str).collect()
}

fn number(value: &toml::Value) -> Option<Number> {
    let offset = |value: &toml::Value| {
        let offset = value.as_integer().filter(|n| (0..=MAX_OFFSET).contains(n))?;
        u32::try_from(offset).ok()
    };
    match value {
        toml::Value::Integer(n) => (-MAX_OFFSET..=MAX_OFFSET).contains(n).then_some(Number::One(*n)),
        toml::Value::Array(path) if (1..=4).contains(&path.len()) => {
            path.iter().map(offset).collect::<Option<_>>().map(Number::Path)
        }
        toml::Value::Table(bits) => {
            let small = |key: &str| bits.get(key)?.as_integer().and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= 64);
            let (first, count) = (small("bit")?, small("bits")?);
            let offset = offset(bits.get("offset")?)?;
            (bits.len() == 3 && count > 0).then_some(Number::Bits(Bits { offset, first, count }))
        }
        _ => None,
    }
}
