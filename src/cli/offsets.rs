//! `pitviper offsets`: the offset table of a CPython build, from its debug info.

use crate::address::Version;
use crate::binary::{DebugInfo, ElfFile};
use crate::cli::{Outcome, terminal};
use crate::error::{Error, Kind, Result};
use crate::layout::extract;
use crate::layout::{Flavour, Table};
use crate::os;
use crate::target;
use std::path::{Path, PathBuf};

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
}

fn parse_range(text: &str) -> Result<(Version, Version), String> {
    let (first, last) = text.split_once("..").ok_or("a range is written FIRST..LAST, as 3.7.4..3.7.17")?;
    let version = |text: &str| text.parse().map_err(|()| format!("{text:?} is not a version such as 3.7.4"));
    Ok((version(first)?, version(last)?))
}

/// Prints the table.
pub fn run(args: &Args) -> Result<Outcome> {
    let mut merged: Option<(Table, String)> = None;
    for binary in &args.binaries {
        let (table, text) = extract_from(binary, args.debug_file.as_deref())?;
        merged = Some(match merged {
            None => (table, text),
            Some((known, _)) => {
                let table = merge(known, table).map_err(|what| {
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

fn extract_from(path: &Path, debug_file: Option<&Path>) -> Result<(Table, String)> {
    let name = path.display();
    let open = |path: &Path| {
        os::read_file(path).map_err(|error| Error::failed(format!("cannot read {}", path.display())).because(error))
    };
    let bytes = open(path)?;
    let elf = ElfFile::parse(&bytes).map_err(|error| Error::failed(format!("{name} cannot be used")).because(error))?;
    let debug = match debug_file.map(Path::to_path_buf) {
        Some(file) => Some(file),
        None if elf.has_debug_info() => None,
        None => Some(separate_debug_file(path, &elf).ok_or_else(|| no_debug_info(path, &elf))?),
    };
    let debug_bytes = debug.as_deref().map(open).transpose()?;
    let debug_elf = debug_bytes.as_deref().map(ElfFile::parse).transpose()?;
    let info = DebugInfo::parse(debug_elf.as_ref().unwrap_or(&elf))?;
    let (version, debug_build) = target::identify_file(&elf, &bytes);
    let version = version.ok_or_else(|| {
        Error::failed(format!("{name} does not tell its version"))
            .hint("give the interpreter itself, or its libpython, and its debug file with --debug-file")
    })?;
    // Only free-threaded builds know which thread owns an object (Include/object.h).
    let flavour = Flavour::of(info.member("PyObject.ob_tid").is_some(), debug_build);
    let table = extract::table(&elf, &info, version, flavour)
        .map_err(|what| Error::failed(format!("the debug info of {name} is not CPython's")).because(what))?;
    let origins = extract::origins(&info);
    let origin = |section: &str, field: &str| {
        let found = origins.iter().find(|((s, f), _)| (*s, *f) == (section, field));
        found.map_or_else(String::new, |(_, origin)| origin.clone())
    };
    let text = table.to_text(origin);
    Ok((table, text))
}

/// Where distributions put separate debug info: by build id, or beside the file by its debug link.
fn separate_debug_file(path: &Path, elf: &ElfFile<'_>) -> Option<PathBuf> {
    let by_id = elf.build_id().and_then(|id| {
        let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let (folder, file) = hex.split_at_checked(2)?;
        let relative = format!("usr/lib/debug/.build-id/{folder}/{file}.debug");
        // Also under the root in which an unpacked interpreter lies.
        let real = path.canonicalize().ok()?;
        real.ancestors().skip(1).map(|root| root.join(&relative)).find(|file| file.exists())
    });
    by_id.or_else(|| {
        let link = elf.debug_link()?;
        let folder = path.parent()?;
        [folder.join(link), folder.join(".debug").join(link)].into_iter().find(|file| file.exists())
    })
}

#[cold]
fn no_debug_info(path: &Path, elf: &ElfFile<'_>) -> Error {
    let error = Error::failed(format!("{} has no debug info", path.display()));
    let error = match elf.build_id() {
        Some(id) => {
            let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            error.because(format!("and there is none for build id {hex} under /usr/lib/debug"))
        }
        None => error,
    };
    error.hint("install the debug package of this interpreter (Debian: python3.x-dbg, Fedora: python3-debuginfo), or give its file with --debug-file")
}

/// One table for the builds of both. The error names the first number that differs.
fn merge(mut known: Table, other: Table) -> Result<Table, String> {
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
