//! The house as a test: who may import whom, where `unsafe`, `cfg(target_os)`, version comparisons
//! and printing may stand, how long files and functions may be, and that what is public is
//! documented (the compiler checks the last: `missing_docs`).

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, bottom up. A room may import those before it and nothing else; those of one row are
/// siblings and do not know each other.
const ROOMS: &[&[&str]] = &[
    &["address", "error"],
    &["os"],
    &["memory"],
    &["binary"],
    &["layout"],
    &["target", "python"],
    &["objects"],
    &["stacks"],
    &["paths"],
    &["inspection"],
    &["state"],
    &["disassembly"],
    &["locks"],
    &["profile"],
    &["sampling"],
    &["output"],
    &["cli"],
];

/// Every outside crate and the rooms that may use it: one home each, so that it can be replaced in
/// one place. `serde_json` builds documents in `output` and writes them in `cli`; `toml` is what tables
/// are written in, and a user's printers.
const CRATES: &[(&str, &[&str])] = &[
    ("clap", &["cli"]),
    ("flate2", &["binary", "profile", "output"]),
    ("gimli", &["binary"]),
    ("goblin", &["binary"]),
    ("inferno", &["output"]),
    ("libc", &["os"]),
    ("memmap2", &["os"]),
    ("nix", &["os"]),
    ("num_bigint", &["python"]),
    ("regex_lite", &["profile"]),
    ("rustyline", &["cli"]),
    ("serde_json", &["output", "cli"]),
    ("syscalls", &["os"]),
    ("terminal_size", &["cli"]),
    ("toml", &["layout", "objects"]),
    ("unicode_properties", &["output", "objects"]),
];

const MAX_FILE: usize = 600;
/// A declaration, a line for each member of CPython's structs: a table, which is long and not deep.
const TABLES: &[&str] = &["src/layout/structs.rs"];
const MAX_FUNCTION: usize = 80;

struct Source {
    path: PathBuf,
    room: String,
    /// The text without its tests.
    text: String,
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let source = |path: PathBuf| {
        let relative = path.strip_prefix(&root).unwrap();
        let room = relative.components().next().unwrap().as_os_str().to_string_lossy();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap().to_owned();
        Source { room: room.trim_end_matches(".rs").to_owned(), path, text }
    };
    let is_test = |source: &Source| source.path.file_stem().is_some_and(|stem| stem == "tests");
    paths.into_iter().map(source).filter(|source| !is_test(source)).collect()
}

fn level(room: &str) -> Option<usize> {
    ROOMS.iter().position(|row| row.contains(&room))
}

fn check(rule: &str, violations: Vec<String>) {
    assert!(violations.is_empty(), "{rule}:\n  {}", violations.join("\n  "));
}

/// Lines of code, comments left out, with their numbers.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let lines = source.text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn rooms_import_downward_only() {
    let mut violations = Vec::new();
    for source in sources() {
        let Some(own) = level(&source.room) else { continue };
        for (number, line) in code(&source) {
            for part in line.split("crate::").skip(1) {
                let room: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let allowed = room == source.room || level(&room).is_none_or(|other| other < own);
                if !allowed {
                    violations.push(format!("{}:{number} imports {room}", source.path.display()));
                }
            }
        }
    }
    check("a room imports only rooms below it", violations);
}

#[test]
fn every_room_has_its_place() {
    let rooms = sources().into_iter().map(|source| source.room).filter(|room| room != "lib" && room != "main");
    check("a room is missing in ROOMS", rooms.filter(|room| level(room).is_none()).collect());
}

#[test]
fn every_crate_has_one_home() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<String> =
        dependencies.lines().filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_"))).collect();
    let listed: Vec<&str> = CRATES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, listed, "Cargo.toml and CRATES name the same crates in the same order");
    let mut violations = Vec::new();
    for source in sources() {
        for (number, line) in code(&source) {
            for (name, homes) in CRATES {
                let used = line.contains(&format!("{name}::")) && !line.contains(&format!("::{name}::"));
                if used && !homes.contains(&source.room.as_str()) {
                    violations.push(format!("{}:{number} uses {name}", source.path.display()));
                }
            }
        }
    }
    check("a crate is used outside its home", violations);
}

#[test]
fn dangerous_things_stay_in_their_rooms() {
    let rules: &[(&str, &[&str], &str)] = &[
        ("unsafe ", &["os"], "unsafe code"),
        ("target_os", &["os"], "a choice by operating system"),
        (".minor", &["address", "layout", "target"], "a comparison of versions"),
        ("println!", &[], "printing past cli::terminal"),
        ("panic!(", &[], "a panic"),
        ("todo!(", &[], "unfinished code"),
        ("super::super", &[], "an import by position"),
        ("process::exit", &[], "an exit past main"),
    ];
    let mut violations = Vec::new();
    for source in sources() {
        for (number, line) in code(&source) {
            for (text, rooms, what) in rules {
                if line.contains(text) && !rooms.contains(&source.room.as_str()) {
                    violations.push(format!("{}:{number}: {what}", source.path.display()));
                }
            }
        }
    }
    check("some things have their rooms", violations);
}

#[test]
fn every_unsafe_block_says_why_it_holds() {
    let mut violations = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if line.trim_start().starts_with("//") || !line.contains("unsafe {") {
                continue;
            }
            let above = lines[index.saturating_sub(5)..index].iter();
            if !above.clone().any(|line| line.trim_start().starts_with("// SAFETY:")) {
                violations.push(format!("{}:{}", source.path.display(), index + 1));
            }
        }
    }
    check("an unsafe block lacks its SAFETY sentence", violations);
}

#[test]
fn files_and_functions_stay_short() {
    let mut violations = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        if lines.len() > MAX_FILE && !TABLES.iter().any(|table| source.path.ends_with(table)) {
            violations.push(format!("{}: {} lines", source.path.display(), lines.len()));
        }
        for (index, line) in lines.iter().enumerate() {
            let start = line.trim_start();
            let head = start.trim_start_matches("pub ").trim_start_matches("pub(super) ").trim_start_matches("const ");
            // A declaration in a trait has no body.
            if !head.starts_with("fn ") || line.ends_with(';') {
                continue;
            }
            let indent = &line[..line.len() - start.len()];
            let end = format!("{indent}}}");
            let length = lines[index..].iter().position(|line| *line == end).unwrap_or(0);
            if length > MAX_FUNCTION {
                violations.push(format!("{}:{}: {length} lines", source.path.display(), index + 1));
            }
        }
    }
    check("something is too long", violations);
}

#[test]
fn every_room_tells_what_it_is_for() {
    let untold = sources().into_iter().filter(|source| !source.text.starts_with("//! "));
    check("a file lacks its first sentence", untold.map(|source| source.path.display().to_string()).collect());
}
