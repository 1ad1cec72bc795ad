//! Which table a build is read with. Refuses rather than guesses.

use crate::address::{Level, Version};
use crate::binary::Machine;
use crate::error::{Error, Kind, Result};
use crate::layout::debug_offsets;
use crate::layout::table::{Flavour, Table};
use crate::layout::{Layout, Source};
use std::collections::BTreeMap;

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// What is known of the interpreter before its layout is: enough to choose one.
#[derive(Clone, Debug)]
pub struct Build {
    /// Its version.
    pub version: Version,
    /// Its flavour.
    pub flavour: Flavour,
    /// The machine it runs on.
    pub machine: Machine,
    /// Those of its exported symbols that tables know, with their sizes, where they could be read.
    pub symbol_sizes: BTreeMap<String, u64>,
    /// The start of its `_PyRuntime`, if that is a `_Py_DebugOffsets`.
    pub debug_offsets: Option<Vec<u8>>,
}

impl Build {
    /// A build of which nothing else is known.
    pub fn new(version: Version, flavour: Flavour, machine: Machine) -> Self {
        Self { version, flavour, machine, symbol_sizes: BTreeMap::new(), debug_offsets: None }
    }
}

/// Every table that is compiled in, with its name, in the order of the names.
pub fn all_tables() -> impl Iterator<Item = (&'static str, Result<Table>)> {
    TABLES.iter().map(|(name, text)| (*name, Table::parse(name, text)))
}

/// The compiled-in tables of the series of `version`; if there are none and the version is newer
/// than all, those of the newest series. A table that cannot be parsed is left out: a test sees to
/// it that there is none.
pub fn known_tables(version: Version) -> Vec<(String, Table)> {
    let series = |(major, minor): (u8, u8)| {
        let prefix = format!("{major}.{minor}.");
        TABLES.iter().filter(move |(name, _)| name.starts_with(&prefix))
    };
    let wanted = (version.major, version.minor);
    let newest = TABLES.iter().filter_map(|(name, _)| series_of(name)).max().unwrap_or(wanted);
    series(wanted.min(newest))
        .filter_map(|(name, text)| Some(((*name).to_owned(), Table::parse(name, text).ok()?)))
        .collect()
}

fn series_of(name: &str) -> Option<(u8, u8)> {
    let mut parts = name.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The first and last series that tables cover, as 2.7 and 3.15.
pub fn supported_series() -> ((u8, u8), (u8, u8)) {
    let series = || TABLES.iter().filter_map(|(name, _)| series_of(name));
    (series().min().unwrap_or((0, 0)), series().max().unwrap_or((0, 0)))
}

/// The layout of `build`, out of `tables`.
///
/// A table whose range covers the version is taken; among several the one whose fingerprints fit
/// best. A release outside every range of its series is read only if the sizes of its symbols speak
/// for a table, with a warning, or, where it is later, its own `_Py_DebugOffsets`. Everything else is
/// refused with a hint.
pub fn select(build: &Build, tables: &[(String, Table)]) -> Result<Layout> {
    let mut fitting: Vec<(u32, &(String, Table))> = tables
        .iter()
        .filter(|(_, table)| table.flavours.contains(&build.flavour) && table.machines.contains(&build.machine))
        .filter_map(|entry| Some((fit(build, &entry.1)?, entry)))
        .collect();
    fitting.sort_by_key(|(score, entry)| (std::cmp::Reverse(*score), std::cmp::Reverse(entry.1.versions)));
    let Some((_, (name, table))) = fitting.first() else { return Err(unsupported(build, tables)) };
    let covered = table.covers(build.version);
    let source = if table.same_series(build.version) {
        Source::Table { name: name.clone(), own: build.debug_offsets.is_some(), covered }
    } else {
        Source::NewerThanKnown { name: name.clone() }
    };
    load(build, table, source).map_err(|problem| unsupported(build, tables).because(problem))
}

/// The layout of `build` by a table that the user vouches for. That of another series or machine is
/// a mistake: it may fit by chance as far as it is checked, and nothing read with it would be true.
pub fn from_user_table(build: &Build, name: &str, text: &str) -> Result<Layout> {
    let table = Table::parse(name, text)?;
    if !table.same_series(build.version) || !table.machines.contains(&build.machine) {
        let (first, last) = table.versions.unwrap_or((build.version, build.version));
        let machines: Vec<&str> = table.machines.iter().map(|machine| machine.name()).collect();
        let what = format!("{name} is the offset table of CPython {first} to {last} ({})", machines.join(", "));
        return Err(Error::new(Kind::Usage, what)
            .because(format!("it cannot be used for {} ({})", build.version, build.machine.name()))
            .hint("make one with `pitviper offsets BINARY > table.toml` from this very interpreter with debug info"));
    }
    load(build, &table, Source::User(name.to_owned())).map_err(|problem| {
        Error::new(Kind::Usage, format!("{name} is not an offset table for CPython {}", build.version))
            .because(problem)
            .hint("make one with `pitviper offsets BINARY > table.toml` from this very interpreter with debug info")
    })
}

/// The layout of `build` by the numbers of `table` and, above them, the target's own.
pub fn load(build: &Build, table: &Table, source: Source) -> Result<Layout, String> {
    let mut table = table.clone();
    let mut warnings = Vec::new();
    if let Some(bytes) = &build.debug_offsets {
        warnings = debug_offsets::apply(&mut table, bytes);
    }
    if let (Source::Table { covered: false, own: false, .. }, Some((_, last))) = (&source, table.versions) {
        warnings.push(format!(
            "CPython {} is not among the releases whose layout was checked, the last of which is {last}",
            build.version
        ));
    }
    if let Source::NewerThanKnown { name } = &source {
        warnings.push(format!(
            "CPython {} is newer than this pitviper knows; it is read by its own debug offsets and, where those are silent, as {name}",
            build.version
        ));
    }
    let mut layout = Layout::from_table(&table, build.version, build.flavour, source)?;
    layout.warnings = warnings;
    Ok(layout)
}

/// How well `table` fits: `None` where it must not be used.
fn fit(build: &Build, table: &Table) -> Option<u32> {
    if !table.requires.iter().all(|symbol| build.symbol_sizes.contains_key(symbol)) {
        return None;
    }
    let mut agreeing = 0;
    let mut disagreeing = Vec::new();
    for (symbol, sizes) in &table.fingerprints {
        match build.symbol_sizes.get(symbol) {
            Some(size) if sizes.contains(size) => agreeing += 1,
            Some(_) => disagreeing.push(symbol.as_str()),
            None => {}
        }
    }
    // The size of an object's header: of another kind of build.
    if disagreeing.contains(&"_Py_NoneStruct") {
        return None;
    }
    let score = 10 * agreeing + u32::from(disagreeing.is_empty());
    if table.covers(build.version) {
        return Some(1000 + score);
    }
    let later = table.versions.is_some_and(|(_, last)| last < build.version);
    let holds = match build.debug_offsets {
        // Their positions are known for the releases of the table and grow from there: those of the
        // pre-releases before it are others (3.13.0a1 to rc1 had four).
        Some(_) => later,
        None => agreeing >= 2 && may_extend(build.version, table, later, &disagreeing),
    };
    holds.then_some(score)
}

/// Whether `table` may be stretched to `version`, outside its range (`later` or not), although the sizes
/// of the symbols in `disagreeing` are other than known.
///
/// Maintenance releases add to the end of what `_PyRuntime` holds (3.8.14, 3.10.7, 3.12.4), so its
/// size proves less the later the release; the types must stay as they are.
fn may_extend(version: Version, table: &Table, later: bool, disagreeing: &[&str]) -> bool {
    version.level == Level::Final
        && table.same_series(version)
        && disagreeing.iter().all(|symbol| later && *symbol == "_PyRuntime")
}

#[cold]
fn unsupported(build: &Build, tables: &[(String, Table)]) -> Error {
    let (first, last) = supported_series();
    let Build { version, flavour, machine, .. } = build;
    let mut error =
        Error::new(Kind::Unsupported, format!("no offset table for CPython {version} ({flavour}, {})", machine.name()));
    let ranges: Vec<String> = tables
        .iter()
        .filter(|(_, table)| table.same_series(*version))
        .filter_map(|(_, table)| table.versions.map(|(a, b)| format!("{a} to {b}")))
        .collect();
    if ranges.is_empty() {
        error = error.because(format!("tables exist for {}.{} to {}.{}", first.0, first.1, last.0, last.1));
    } else {
        error = error.because(format!("tables of this series hold for {}", ranges.join(", ")));
    }
    error
        .hint("make a table from this interpreter's debug info: `pitviper offsets BINARY > my.toml`, then add `--offsets my.toml`")
}
