//! The Pythons that are tested: what scripts/get-pythons made, or what this machine has.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A Python to be tested.
#[derive(Clone, Debug)]
pub struct Interpreter {
    /// Its name in the list: `3.14-debug`.
    pub name: String,
    /// Its version.
    pub version: (u64, u64, u64),
    /// The program, or a script that replaces itself by it.
    pub path: PathBuf,
}

impl Interpreter {
    /// Whether its version is at least `major.minor`.
    pub fn since(&self, major: u64, minor: u64) -> bool {
        (self.version.0, self.version.1) >= (major, minor)
    }
}

/// The names that must all be there in CI: one per series and flavour that is promised. A newer
/// patch release takes its place under the same name.
const REQUIRED: &[&str] = &[
    "2.7-pyenv",
    "3.6-pyenv",
    "3.7-pyenv",
    "3.8-pyenv",
    "3.9-pyenv",
    "3.10-pyenv",
    "3.11-pyenv",
    "3.12-pyenv",
    "3.13-pyenv",
    "3.13",
    "3.13-debug",
    "3.14",
    "3.14-debug",
    "3.15",
    "3.15-debug",
    "3.11-bookworm",
    "3.11-debug-bookworm",
    "3.13t",
];

/// Every Python to be tested; with `PITVIPER_ONLY=3.14,3.13t` in the environment, those that start so.
///
/// # Panics
/// In CI, if one of [`REQUIRED`] is missing; anywhere, if there is none at all.
pub fn all() -> &'static [Interpreter] {
    static ALL: OnceLock<Vec<Interpreter>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut found = from_cache().unwrap_or_else(from_machine);
        report_missing(&found);
        if let Ok(only) = std::env::var("PITVIPER_ONLY") {
            found.retain(|python| only.split(',').any(|start| python.name.starts_with(start)));
        }
        assert!(!found.is_empty(), "there is no Python to test: run scripts/get-pythons");
        found
    })
}

fn report_missing(found: &[Interpreter]) {
    let names: BTreeSet<&str> = found.iter().map(|python| python.name.as_str()).collect();
    let missing: Vec<&str> = REQUIRED.iter().copied().filter(|name| !names.contains(name)).collect();
    if missing.is_empty() {
        return;
    }
    let missing = missing.join(", ");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "missing in CI: {missing}");
    eprintln!("not tested, because not here (scripts/get-pythons gets them): {missing}");
}

fn from_cache() -> Option<Vec<Interpreter>> {
    let folder = match std::env::var_os("PITVIPER_PYTHONS") {
        Some(folder) => PathBuf::from(folder),
        None => home()?.join(".cache/pitviper/pythons"),
    };
    let text = std::fs::read_to_string(folder.join("pythons.json")).ok()?;
    let entries: Vec<Value> = serde_json::from_str(&text).expect("pythons.json is a list");
    let interpreter = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().expect("pythons.json: text").to_owned();
        let path = PathBuf::from(text("path"));
        path.exists().then(|| Interpreter { name: text("name"), version: parse_version(&text("version")), path })
    };
    Some(entries.iter().filter_map(interpreter).collect())
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

fn parse_version(text: &str) -> (u64, u64, u64) {
    let mut numbers = text.split('.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a version is made of numbers")
    });
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

/// Without a cache: pyenv's Pythons, and those on the PATH.
fn from_machine() -> Vec<Interpreter> {
    let pyenv = std::env::var_os("PYENV_ROOT").map(PathBuf::from).or_else(|| Some(home()?.join(".pyenv")));
    let versions = pyenv.and_then(|root| std::fs::read_dir(root.join("versions")).ok()).into_iter().flatten();
    let mut paths: Vec<(PathBuf, &str)> =
        versions.filter_map(|entry| Some((entry.ok()?.path().join("bin/python"), "-pyenv"))).collect();
    paths.sort();
    let folders = std::env::var_os("PATH").unwrap_or_default();
    for folder in std::env::split_paths(&folders).filter(|folder| !folder.ends_with("shims")) {
        paths.push((folder.join("python2.7"), ""));
        paths.extend((6..=20).map(|minor| (folder.join(format!("python3.{minor}")), "")));
        paths.push((folder.join("python3"), ""));
    }
    let mut seen = BTreeSet::new();
    let fresh = |path: &Path| path.canonicalize().is_ok_and(|real| seen.insert(real));
    let mut fresh = fresh;
    paths.into_iter().filter(|(path, _)| fresh(path)).filter_map(|(path, suffix)| ask(path, suffix)).collect()
}

/// What the Python at `path` says of itself; `None` if it is none, or too old.
fn ask(path: PathBuf, suffix: &str) -> Option<Interpreter> {
    const QUESTION: &str = "import sys, sysconfig as s; v = sys.version_info
assert v[:2] == (2, 7) or v >= (3, 6)
assert getattr(getattr(sys, 'implementation', None), 'name', 'cpython') == 'cpython'
f = ['free-threaded'] * bool(s.get_config_var('Py_GIL_DISABLED')) + ['debug'] * hasattr(sys, 'gettotalrefcount')
print('%d.%d.%d %s' % (v[0], v[1], v[2], '-'.join(f) or 'gil'))";
    let output = Command::new(&path).args(["-c", QUESTION]).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (version, flavour) = text.trim().split_once(' ')?;
    let version = parse_version(version);
    let letter = if flavour.starts_with("free-threaded") { "t" } else { "" };
    let debug = if flavour.ends_with("debug") { "-debug" } else { "" };
    let name = format!("{}.{}{letter}{debug}{suffix}", version.0, version.1);
    Some(Interpreter { name, version, path })
}
