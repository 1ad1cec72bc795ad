//! Interpreters whose file was deleted, replaced, renamed or stripped of all it says about itself.

use crate::scenario::{Folder, Python, STANDING, Target, assert_standing, dump, run, these};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Shared libraries and static interpreters, old and new.
const KINDS: &[&str] =
    &["2.7-pyenv", "3.6-pyenv", "3.8-pyenv", "3.10-pyenv", "system", "3.11-pyenv", "3.12-pyenv", "3.13-pyenv", "3.13t"];

/// The files of an interpreter in a folder of their own; the standard library stays where it is.
struct Copy {
    folder: Folder,
    /// The program.
    program: PathBuf,
    /// The file with the interpreter's code: the program itself where that is static.
    binary: PathBuf,
    python: Python,
}

impl Copy {
    fn of(python: &Python) -> Self {
        let folder = Folder::new();
        let copy = |from: &Path| {
            let to = folder.join(from.file_name().expect("a name"));
            copy_file(from, &to);
            to
        };
        let program = copy(&fs::canonicalize(&python.path).expect("the program"));
        let is_static = fs::canonicalize(&python.path).ok() == fs::canonicalize(&python.binary).ok();
        let binary = if is_static { program.clone() } else { copy(&python.binary) };
        Self { folder, program, binary, python: python.clone() }
    }

    fn command(&self) -> Command {
        let mut command = self.python.command();
        let mut copied = Command::new(&self.program);
        copied.envs(command.env_remove("LD_LIBRARY_PATH").get_envs().filter_map(|(k, v)| Some((k, v?))));
        copied.env("PYTHONHOME", self.python.prefix()).env("LD_LIBRARY_PATH", self.folder.join(""));
        copied
    }

    fn start(&self) -> Target {
        let target = Target::standing(self.command().args(["-c", STANDING]));
        let maps = fs::read_to_string(format!("/proc/{}/maps", target.pid)).expect("maps");
        assert!(maps.contains(self.binary.to_str().expect("UTF-8")), "it runs the copy: {maps}");
        target
    }

    /// Changes the bytes of `file` before the program is started.
    fn edit(file: &Path, change: impl FnOnce(&mut [u8])) {
        let mut bytes = fs::read(file).expect("the copy");
        change(&mut bytes);
        let staged = file.with_extension("staged");
        fs::write(&staged, bytes).expect("the copy");
        copy_file(&staged, file);
    }
}

/// By a program of its own: a file that we ourselves had open for writing while another test forks
/// cannot be executed until that child has closed it ("Text file busy").
fn copy_file(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().expect("cp").success());
}

#[test]
fn library_deleted() {
    for python in these(KINDS) {
        let copy = Copy::of(&python);
        let target = copy.start();
        file_is_said(&target, "library", "");
        fs::remove_file(&copy.binary).expect("deleted");
        assert_standing(target.pid, &python.version);
        file_is_said(&target, "library", "deleted since");
    }
}

#[test]
fn executable_deleted() {
    for python in these(KINDS) {
        let copy = Copy::of(&python);
        let target = copy.start();
        file_is_said(&target, "executable", "");
        fs::remove_file(&copy.program).expect("deleted");
        assert_standing(target.pid, &python.version);
        file_is_said(&target, "executable", "deleted since");
    }
}

/// Fails unless `doctor` says `words` of the file `subject`, and of no file where these are none.
#[track_caller]
fn file_is_said(target: &Target, subject: &str, words: &str) {
    let answer = run(["doctor", &target.pid.to_string()]).ended(0);
    let line = answer.out.lines().find(|line| line.starts_with(&format!("ok   {subject} ")));
    let line = line.unwrap_or_else(|| panic!("{answer:?}"));
    assert!(line.contains(words) && line.contains("since") != words.is_empty(), "{line}");
}

#[test]
fn library_renamed_since_the_start() {
    for python in these(KINDS) {
        let copy = Copy::of(&python);
        let target = copy.start();
        fs::rename(&copy.binary, copy.folder.join("elsewhere")).expect("renamed");
        assert_standing(target.pid, &python.version);
    }
}

/// An upgrade: by that name there is now the library of another release.
#[test]
fn library_replaced_by_another_release() {
    let other = these(&["3.9-pyenv"]).pop().expect("3.9");
    for python in these(KINDS) {
        let copy = Copy::of(&python);
        let target = copy.start();
        let new = copy.folder.join("new");
        copy_file(&other.binary, &new);
        fs::rename(&new, &copy.binary).expect("replaced");
        assert_standing(target.pid, &python.version);
        file_is_said(&target, "library", "replaced since");
    }
}

/// And by rubbish.
#[test]
fn library_replaced_by_text() {
    for python in these(KINDS) {
        let copy = Copy::of(&python);
        let target = copy.start();
        let new = copy.folder.join("new");
        fs::write(&new, "this is no library").expect("written");
        fs::rename(&new, &copy.binary).expect("replaced");
        assert_standing(target.pid, &python.version);
    }
}

/// Neither the program nor the library says "python" in its name.
#[test]
fn names_without_python() {
    for python in these(KINDS) {
        let mut copy = Copy::of(&python);
        let rename = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            let new = copy.folder.join(name.replace("python", "mypthn"));
            fs::rename(path, &new).expect("renamed");
            new
        };
        let old = copy.binary.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let is_static = copy.binary == copy.program;
        let program = rename(&copy.program);
        let binary = if is_static { program.clone() } else { rename(&copy.binary) };
        (copy.program, copy.binary) = (program, binary);
        if !is_static {
            Copy::edit(&copy.program, |bytes| {
                replace(bytes, old.as_bytes(), old.replace("python", "mypthn").as_bytes())
            });
        }
        let target = copy.start();
        assert_standing(target.pid, &python.version);
    }
}

#[test]
fn stripped() {
    if !crate::scenario::has_program("objcopy") {
        return;
    }
    for python in these(KINDS) {
        let copy = Copy::of(&python);
        let done = Command::new("objcopy").arg("--strip-all").arg(&copy.binary).status().expect("objcopy");
        assert!(done.success());
        let target = copy.start();
        assert_standing(target.pid, &python.version);
    }
}

#[test]
fn without_section_headers() {
    for python in these(KINDS) {
        let copy = Copy::of(&python);
        Copy::edit(&copy.binary, remove_section_headers);
        let target = copy.start();
        assert_standing(target.pid, &python.version);
    }
}

/// What anchors and versions are found by, in the order they are tried.
const TELLTALES: &[&str] = &[
    "_PyRuntime",
    "interp_head",
    "PyInterpreterState_Head",
    "_PyThreadState_Current",
    "_PyThreadState_UncheckedGet",
    "PyEval_ThreadsInitialized",
    "Py_Version",
    "Py_GetVersion",
];

/// Static interpreters: nothing needs their symbols, so that they run without. 3.13 and newer are
/// found by the cookie of their debug offsets, the others by a scan for what proves itself.
const STATIC: &[&str] = &["system", "3.13t"];

/// The same from other releases of Debian, which are started through their own loader.
const STATIC_IN_ROOTS: &[&str] = &["2.7-bullseye", "3.9-bullseye", "3.13", "3.14", "3.15"];

fn doctor_says(pid: u32, words: &str) {
    let answer = run(["doctor", &pid.to_string()]).ended(0);
    assert!(answer.out.contains(words), "{words:?} is not in {}", answer.out);
}

fn way_without_symbols(python: &Python) -> &'static str {
    match python.version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()) {
        Some(13..) => "by the cookie of its debug offsets",
        _ => "by a scan of writable data",
    }
}

#[test]
fn static_without_symbols() {
    for python in these(STATIC) {
        let copy = Copy::of(&python);
        Copy::edit(&copy.binary, |bytes| {
            remove_section_headers(bytes);
            hide(bytes, TELLTALES);
        });
        let target = copy.start();
        assert_standing(target.pid, &python.version);
        doctor_says(target.pid, way_without_symbols(&python));
    }
}

#[test]
fn static_without_symbols_through_the_loader() {
    for python in these(STATIC_IN_ROOTS) {
        let root = python.root.as_ref().expect("a root");
        let folder = Folder::new();
        let binary = folder.join("program");
        copy_file(&python.binary, &binary);
        Copy::edit(&binary, |bytes| {
            remove_section_headers(bytes);
            hide(bytes, TELLTALES);
        });
        let target = Target::standing(&mut by_loader(root, &binary));
        assert_standing(target.pid, &python.version);
        doctor_says(target.pid, way_without_symbols(&python));
    }
}

/// The anchor is told, but not the version: it is found as a text.
#[test]
fn without_a_version() {
    for python in these(&["system", "3.13t"]) {
        let copy = Copy::of(&python);
        Copy::edit(&copy.binary, |bytes| hide(bytes, &["Py_Version", "Py_GetVersion"]));
        let target = copy.start();
        assert_standing(target.pid, &python.version);
    }
}

/// A pre-release, for which there is no table: read by its own debug info.
#[test]
fn release_without_a_table() {
    for python in these(&["3.11-pyenv", "3.12-pyenv", "3.13-pyenv", "3.13t"]) {
        let copy = Copy::of(&python);
        let version = make_alpha(&copy.binary, &python.version);
        let target = copy.start();
        assert_standing(target.pid, &version);
        doctor_says(target.pid, &format!("the debug info of {}", copy.binary.display()));
    }
}

/// A later release, to which the table of its series may be stretched: debug info leaves no doubt.
#[test]
fn release_later_than_its_table() {
    for python in these(&["3.8-pyenv", "3.10-pyenv"]) {
        let copy = Copy::of(&python);
        let (series, micro) = python.version.rsplit_once('.').expect("a version");
        let version = format!("{series}.99");
        assert_eq!(micro.len(), 2, "as long as its name");
        Copy::edit(&copy.binary, |bytes| overwrite(bytes, python.version.as_bytes(), version.as_bytes()));
        let target = copy.start();
        assert_standing(target.pid, &version);
        doctor_says(target.pid, &format!("the debug info of {}", copy.binary.display()));
    }
}

/// The same where the debug info lies in a file of its own, named by build id.
#[test]
fn release_without_a_table_and_its_debug_file() {
    for python in these(&["3.11-bookworm", "3.14", "3.15"]) {
        let root = python.root.as_ref().expect("a root");
        let folder = Folder::new();
        let binary = folder.join("program");
        copy_file(&python.binary, &binary);
        let version = make_alpha(&binary, &python.version);
        let target = Target::standing(&mut by_loader(root, &binary));
        let answer = dump(target.pid).ended(1);
        assert!(answer.error().contains("there is none for build id"), "{answer:?}");
        assert!(answer.err.contains("hint: install the debug package"), "{answer:?}");
        fs::create_dir_all(folder.join("usr/lib")).expect("a folder");
        std::os::unix::fs::symlink(root.join("usr/lib/debug"), folder.join("usr/lib/debug")).expect("a link");
        assert_standing(target.pid, &version);
        doctor_says(target.pid, ".debug");
    }
}

/// Makes of `binary`, a release of `version`, the first alpha of its series; returns that version.
fn make_alpha(binary: &Path, version: &str) -> String {
    let numbers: Vec<u32> = version.split('.').map(|number| number.parse().expect("a number")).collect();
    let &[major, minor, micro] = numbers.as_slice() else { panic!("{version}") };
    // PY_VERSION_HEX, as it stands in Py_Version and in the debug offsets.
    let hex = |micro: u32, level: u32| (major << 24 | minor << 16 | micro << 8 | level).to_le_bytes();
    Copy::edit(binary, |bytes| overwrite(bytes, &hex(micro, 0xf0), &hex(0, 0xa1)));
    format!("{major}.{minor}.0a1")
}

/// Writes `new` wherever `old` stands in the data of a program.
fn overwrite(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], old) {
        bytes[from + at..from + at + new.len()].copy_from_slice(new);
        from += at + new.len();
    }
}

/// /proc/PID/exe is the loader then.
#[test]
fn started_through_the_loader() {
    for python in these(KINDS) {
        let loader = "/lib64/ld-linux-x86-64.so.2";
        let mut command = Command::new(loader);
        let target =
            Target::standing(command.arg(&python.path).args(["-c", STANDING]).env("PYTHONHOME", python.prefix()));
        let program = fs::read_link(format!("/proc/{}/exe", target.pid)).expect("exe");
        assert!(program.to_string_lossy().contains("ld-"), "{program:?}");
        assert_standing(target.pid, &python.version);
    }
}

fn by_loader(root: &Path, program: &Path) -> Command {
    let mut command = Command::new(root.join("lib64/ld-linux-x86-64.so.2"));
    let libraries = root.join("usr/lib/x86_64-linux-gnu");
    command.arg("--library-path").arg(libraries).arg(program).args(["-S", "-c", STANDING]);
    command.env("PYTHONHOME", root.join("usr"));
    command
}

/// As `strip --strip-section-headers` does: e_shoff, e_shnum and e_shstrndx of a 64-bit header.
fn remove_section_headers(bytes: &mut [u8]) {
    assert_eq!(&bytes[..5], b"\x7fELF\x02");
    bytes[0x28..0x30].fill(0);
    bytes[0x3c..0x40].fill(0);
}

/// Overwrites the first letter of `names` wherever they stand as whole strings.
fn hide(bytes: &mut [u8], names: &[&str]) {
    for name in names {
        let whole = [b"\0", name.as_bytes(), b"\0"].concat();
        let mut from = 0;
        while let Some(at) = find(&bytes[from..], &whole) {
            bytes[from + at + 1] = b'x';
            from += at + whole.len() - 1;
        }
    }
}

fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let at = find(bytes, old).expect("the name of the library");
    bytes[at..at + new.len()].copy_from_slice(new);
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    // By the first byte first: these files have many megabytes.
    let first = *wanted.first()?;
    let mut from = 0;
    loop {
        from += bytes.get(from..)?.iter().position(|byte| *byte == first)?;
        if bytes[from..].starts_with(wanted) {
            return Some(from);
        }
        from += 1;
    }
}
