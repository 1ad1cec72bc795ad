//! Which table a build is read with. Refuses rather than guesses.

use crate::address::{Level, Version};
use crate::binary::Machine;
use crate::error::{Error, Kind, Result};
use crate::layout::debug_offsets;
use crate::layout::table::{Flavour, Table};
use crate::layout::{Layout, Source};
use std::collections::{BTreeMap, BTreeSet};

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
    series(version).filter_map(|(name, text)| Some(((*name).to_owned(), Table::parse(name, text).ok()?))).collect()
}

fn series(version: Version) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let wanted = (version.major, version.minor);
    let newest = TABLES.iter().filter_map(|(name, _)| series_of(name)).max().unwrap_or(wanted);
    TABLES.iter().filter(move |(name, _)| series_of(name) == Some(wanted.min(newest)))
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
    let (name, table) = choose(build, tables)?;
    read_by(build, name, table)
}

/// The layout of `build`, out of the tables that are compiled in: as [`select`] would do it, but that of
/// tables that are not chosen nothing is read but what says for which builds they are.
pub fn select_known(build: &Build) -> Result<Layout> {
    let head = |text: &'static str| text.split_once("\n[words]").map_or(text, |(head, _)| head);
    let heads: Vec<(String, Table)> = series(build.version)
        .filter_map(|(name, text)| Some(((*name).to_owned(), Table::parse(name, head(text)).ok()?)))
        .collect();
    let (chosen, head) = choose(build, &heads)?;
    match TABLES.iter().find(|(name, _)| name == chosen) {
        Some((name, text)) => read_by(build, name, &Table::parse(name, text)?),
        None => read_by(build, chosen, head),
    }
}

fn choose<'t>(build: &Build, tables: &'t [(String, Table)]) -> Result<&'t (String, Table)> {
    let mut fitting: Vec<(u32, &(String, Table))> = tables
        .iter()
        .filter(|(_, table)| is_for(build, table))
        .filter_map(|entry| Some((fit(build, &entry.1)?, entry)))
        .collect();
    fitting.sort_by_key(|(score, entry)| (std::cmp::Reverse(*score), std::cmp::Reverse(entry.1.versions)));
    fitting.first().map(|(_, entry)| *entry).ok_or_else(|| unsupported(build, tables))
}

fn read_by(build: &Build, name: &str, table: &Table) -> Result<Layout> {
    let covered = table.covers(build.version);
    let source = if table.same_series(build.version) {
        Source::Table { name: name.to_owned(), own: build.debug_offsets.is_some(), covered }
    } else {
        Source::NewerThanKnown { name: name.to_owned() }
    };
    let what = format!("{source} cannot be true of CPython {}", build.version);
    load(build, table, source).map_err(|problem| Error::new(Kind::Unsupported, what).because(problem))
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
        let known = table.clone();
        warnings = debug_offsets::apply(&mut table, bytes);
        if known.same_series(build.version) {
            warnings.extend(debug_offsets::forget_moved(&mut table, &known));
        }
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

/// The symbol whose size is that of an object's header: a build with another is of another kind.
const HEADER: &str = "_Py_NoneStruct";

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
    if disagreeing.contains(&HEADER) {
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
    let Build { version, flavour, machine, .. } = build;
    Error::new(Kind::Unsupported, format!("no offset table for CPython {version} ({flavour}, {})", machine.name()))
        .because(why_none_fits(build, tables))
        .hint("make a table from a build of this very release and flavour that has debug info: `pitviper offsets BINARY > my.toml`, then add `--offsets my.toml`")
}

/// What the tables that come nearest to `build` lack.
fn why_none_fits(build: &Build, tables: &[(String, Table)]) -> String {
    let ((major, minor), (last_major, last_minor)) = supported_series();
    let series: Vec<&Table> =
        tables.iter().map(|(_, table)| table).filter(|table| table.same_series(build.version)).collect();
    let alike: Vec<&Table> = series.iter().copied().filter(|table| is_for(build, table)).collect();
    let names = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
    if series.is_empty() {
        format!("tables exist for {major}.{minor} to {last_major}.{last_minor}")
    } else if alike.is_empty() {
        let kinds = |table: &&Table| {
            let flavours: Vec<&str> = table.flavours.iter().map(|flavour| flavour.name()).collect();
            let machines: Vec<&str> = table.machines.iter().map(|machine| machine.name()).collect();
            format!("{} on {}", flavours.join(" and "), machines.join(" and "))
        };
        format!("tables of this series are for {}", names(series.iter().map(kinds).collect()))
    } else if let Some(size) = build.symbol_sizes.get(HEADER).filter(|size| !knows_header(&alike, **size)) {
        format!("it is an unusual build, whose objects have another header: None takes {size} bytes")
    } else if alike.iter().any(|table| table.covers(build.version)) {
        let symbols = names(alike.iter().flat_map(|table| &table.requires).cloned().collect());
        format!("builds of it are told apart by symbols, and it exports none of {symbols}")
    } else {
        let ranges = alike.iter().filter_map(|table| table.versions).map(|(first, last)| format!("{first} to {last}"));
        let own = match build.debug_offsets {
            Some(_) if build.version.level != Level::Final => "; pre-releases order their own debug offsets otherwise",
            _ => "",
        };
        format!("tables of this series hold for {}{own}", names(ranges.collect()))
    }
}

/// Whether objects of a build whose `None` takes `size` bytes are known to any of `tables`.
fn knows_header(tables: &[&Table], size: u64) -> bool {
    tables.iter().any(|table| table.fingerprints.get(HEADER).is_some_and(|sizes| sizes.contains(&size)))
}

/// Whether `table` is for the flavour and machine of `build`.
fn is_for(build: &Build, table: &Table) -> bool {
    table.flavours.contains(&build.flavour) && table.machines.contains(&build.machine)
}
