//! `pitviper offsets`: the offset table of a CPython build, from its debug info.

use crate::address::Version;
use crate::cli::terminal::Talk;
use crate::cli::{Outcome, terminal};
use crate::error::{Error, Kind, Result};
use crate::layout::Table;
use crate::target::InterpreterFile;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// Print the offset table of a CPython build, made from its debug info
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  pitviper offsets /usr/bin/python3.14 > my.toml     from an interpreter, or its build-id debug file
  pitviper dump --offsets my.toml 1234               use it
  pitviper offsets A.so B.so --versions 3.7.4..3.7.17    one table for builds that are laid out alike")]
pub struct Args {
    /// Interpreter, libpython or debug file; several, if they are laid out alike
    #[arg(value_name = "BINARY", required = true)]
    binaries: Vec<PathBuf>,
    /// File with the debug info of BINARY, where it is not found by build id
    #[arg(long, value_name = "FILE")]
    debug_file: Option<PathBuf>,
    /// Releases the table is known to hold for (default: the builds' own)
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_range)]
    versions: Option<(Version, Version)>,
    /// Structs of the table of which a number is left out where the builds do not agree on it
    #[arg(long, value_name = "STRUCT,…", value_delimiter = ',')]
    may_differ: Vec<String>,
}

fn parse_range(text: &str) -> Result<(Version, Version), String> {
    let (first, last) = text.split_once("..").ok_or("a range is written FIRST..LAST, as 3.7.4..3.7.17")?;
    let version = |text: &str| text.parse().map_err(|()| format!("{text:?} is not a version such as 3.7.4"));
    Ok((version(first)?, version(last)?))
}

/// Prints the table.
pub fn run(args: &Args, talk: Talk) -> Result<Outcome> {
    let mut merged: Option<(Table, String)> = None;
    for binary in &args.binaries {
        let began = Instant::now();
        let file = InterpreterFile::open(binary, args.debug_file.as_deref())?;
        let (table, text) = file.table()?;
        tell(talk, &file, &table, began);
        merged = Some(match merged {
            None => (table, text),
            Some((known, _)) => {
                let table = merge(known, table, &args.may_differ).map_err(|what| {
                    Error::new(Kind::Usage, format!("{} is laid out differently: {what}", binary.display()))
                        .hint("make a table of its own for it")
                })?;
                let text = with_origins(&table, &text);
                (table, text)
            }
        });
    }
    let Some((mut table, text)) = merged else { return Ok(Outcome::Complete) };
    let text = match args.versions {
        Some(range) => {
            table.versions = Some(range);
            with_origins(&table, &text)
        }
        None => text,
    };
    terminal::data(|out| out.write_all(text.as_bytes()))?;
    Ok(Outcome::Complete)
}

fn tell(talk: Talk, file: &InterpreterFile, table: &Table, began: Instant) {
    let name = file.path().display();
    for (version, flavour) in table.versions.iter().zip(&table.flavours) {
        talk.note(format!("{name}: CPython {} ({flavour})", version.0));
    }
    let numbers: usize = table.numbers.values().map(BTreeMap::len).sum();
    let elapsed = began.elapsed().as_secs_f64() * 1e3;
    talk.note(format!(
        "{name}: {numbers} numbers from the debug info of {} in {elapsed:.1} ms",
        file.debug_path().display()
    ));
}

/// The text of `table` with the origins that the comments of `text`, a table of the same numbers,
/// tell.
fn with_origins(table: &Table, text: &str) -> String {
    let mut section = "";
    let mut origins = std::collections::HashMap::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.split(']').next().unwrap_or_default();
        } else if let (Some((field, _)), Some((_, origin))) = (line.split_once(" = "), line.split_once("  # ")) {
            origins.insert((section, field), origin);
        }
    }
    table.to_text(|section, field| origins.get(&(section, field)).copied().unwrap_or_default().to_owned())
}

/// One table for the builds of both. The error names the first number that differs. Of a struct that the debug
/// info of one of them does not hold (those of extension modules lie in other files) the other tells.
fn merge(mut known: Table, mut other: Table, may_differ: &[String]) -> Result<Table, String> {
    complete(&mut known, &other);
    complete(&mut other, &known);
    for section in may_differ {
        if let (Some(ours), Some(theirs)) = (known.numbers.get_mut(section), other.numbers.get_mut(section)) {
            ours.retain(|field, number| theirs.get(field) == Some(number));
            theirs.retain(|field, _| ours.contains_key(field));
        }
    }
    let flat = |table: &Table| {
        let mut rows: Vec<(String, String)> = Vec::new();
        for (section, numbers) in &table.numbers {
            rows.extend(numbers.iter().map(|(field, number)| (format!("{section}.{field}"), format!("{number:?}"))));
        }
        rows.extend(table.words.iter().map(|(word, value)| (format!("words.{word}"), value.clone())));
        rows.extend(table.debug_offsets.iter().map(|(slot, at)| (format!("debug_offsets.{slot}"), at.to_string())));
        rows.push(("requires".to_owned(), table.requires.join(" ")));
        rows.into_iter().collect::<std::collections::BTreeMap<_, _>>()
    };
    let (ours, theirs) = (flat(&known), flat(&other));
    let names = ours.keys().chain(theirs.keys());
    if let Some(name) = names.into_iter().find(|name| ours.get(*name) != theirs.get(*name)) {
        return Err(format!("{name} is {:?} in one, {:?} in the other", ours.get(name), theirs.get(name)));
    }
    known.versions = match (known.versions, other.versions) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (known, other) => known.or(other),
    };
    known.flavours.extend(other.flavours);
    known.flavours.sort_unstable();
    known.flavours.dedup();
    known.machines.extend(other.machines);
    known.machines.sort_unstable();
    known.machines.dedup();
    for (symbol, sizes) in other.fingerprints {
        let row = known.fingerprints.entry(symbol).or_default();
        row.extend(sizes);
        row.sort_unstable();
        row.dedup();
    }
    Ok(known)
}

/// Adds to `table` the structs that it does not know.
fn complete(table: &mut Table, other: &Table) {
    for (section, numbers) in &other.numbers {
        table.numbers.entry(section.clone()).or_insert_with(|| numbers.clone());
    }
}
