//! The words and exit codes of the command line: the contract that scripts and people rely on.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/scenario.rs"]
mod scenario;

use scenario::{Answer, Folder, Target, pitviper, pythons, run, run_command, these, threads_of};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

/// The commands there are, as the program itself lists them.
fn commands() -> Vec<String> {
    let help = run(["--help"]).ended(0).out;
    let list = help.split("Commands:").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Compares `text` with tests/golden/`name`; PITVIPER_GOLDEN=write writes it anew.
fn check_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("PITVIPER_GOLDEN").is_some_and(|value| value == "write") {
        fs::write(&path, text).expect("written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text,
        expected,
        "{} differs; if that is meant: PITVIPER_GOLDEN=write cargo test --test cli",
        path.display()
    );
}

// --- help -------------------------------------------------------------------------------------------

#[test]
fn help_of_every_command() {
    check_golden("help.txt", &run(["--help"]).ended(0).out);
    for command in commands() {
        let long = run([&command, "--help"]).ended(0);
        assert_eq!(long.err, "");
        check_golden(&format!("help-{command}.txt"), &long.out);
        let short = run([&command, "-h"]).ended(0);
        assert!(short.out.contains("Usage: pitviper ") && short.out.contains(&command), "{short:?}");
        assert!(short.out.lines().all(|line| line.chars().count() <= 100), "{}", short.out);
        assert_eq!(run(["help", &command]).ended(0).out, long.out);
    }
}

#[test]
fn every_command_of_the_contract_so_far() {
    let found: BTreeSet<String> = commands().into_iter().collect();
    for name in ["ps", "dump", "dis", "doctor", "offsets"] {
        assert!(found.contains(name), "{name} is none of {found:?}");
    }
}

#[test]
fn version() {
    let expected = format!("pitviper {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(["--version"]).ended(0).out, expected);
    assert_eq!(run(["-V"]).ended(0).out, expected);
}

// --- usage ------------------------------------------------------------------------------------------

/// Clap's own words are its own; the exit code and the streams are ours.
#[track_caller]
fn usage_error(args: &[&str]) -> Answer {
    let answer = run(args);
    assert_eq!(answer.code, Some(2), "{args:?}: {answer:?}");
    assert_eq!(answer.out, "", "{args:?}");
    assert!(answer.err.starts_with("error: ") || answer.err.contains("Usage: "), "{args:?}: {answer:?}");
    assert!(!answer.err.contains("panicked"), "{answer:?}");
    answer
}

#[test]
fn what_cannot_be_carried_out_is_a_usage_error() {
    usage_error(&[]);
    usage_error(&["nonsense"]);
    usage_error(&["--nonsense"]);
    for command in commands() {
        usage_error(&[&command, "--nonsense"]);
    }
    usage_error(&["dump"]);
    usage_error(&["dump", "1", "2"]);
    usage_error(&["dump", "--pause", "--no-pause", "1"]);
    usage_error(&["dump", "--locals=deep", "1"]);
    usage_error(&["dump", "--color=sometimes", "1"]);
    usage_error(&["offsets"]);
    usage_error(&["offsets", "--versions", "3.8", "/bin/true"]);
    usage_error(&["offsets", "--versions", "a..b", "/bin/true"]);
}

#[test]
fn what_is_no_pid() {
    let words = [
        "0",
        "-1",
        "abc",
        "",
        " 1",
        "1.5",
        "0x10",
        "1e3",
        "99999999999999999999",
        "2147483648",
        "4294967297",
        "1 ",
        "\u{663}",
    ];
    for command in ["dump", "dis", "doctor"] {
        for word in words {
            let answer = usage_error(&[command, "--", word]);
            assert!(answer.err.contains("is not a process id"), "{answer:?}");
        }
    }
}

#[test]
fn a_pid_that_is_not_text() {
    use std::os::unix::ffi::OsStrExt;
    let answer = run([std::ffi::OsStr::new("dump"), std::ffi::OsStr::from_bytes(b"\xff\x1b[31m")]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(!answer.err.contains('\x1b'), "{answer:?}");
}

// --- offset tables ------------------------------------------------------------------------------------

/// Whatever is in the file: exit code 2, and the file is named.
#[test]
fn offset_tables_that_are_none() {
    let python = these(&["3.8-pyenv"]).pop().expect("3.8");
    let target = Target::of(&python);
    let pid = target.pid.to_string();
    let whole = run(["offsets".as_ref(), python.binary.as_os_str()]).ended(0).out;
    let wrong_type = replace_number(&whole, "\"text\"");
    let cut = &whole[..whole.len() / 2];
    let negative = replace_number(&whole, "-1");
    let huge = replace_number(&whole, "9223372036854775807");
    let empty_section = whole.lines().filter(|line| !line.contains('=')).collect::<Vec<_>>().join("\n");
    let rows: &[(&str, &[u8])] = &[
        ("empty", b""),
        ("text", b"this is no table"),
        ("binary", b"\x7fELF\x02\x01\x00\xff\xfe"),
        ("other", b"[package]\nname = \"x\"\n"),
        ("zeros", &[0; 4096]),
        ("cut", cut.as_bytes()),
        ("quote", wrong_type.as_bytes()),
        ("negative", negative.as_bytes()),
        ("huge", huge.as_bytes()),
        ("sections only", empty_section.as_bytes()),
        ("deep", "[".repeat(100_000).leak().as_bytes()),
    ];
    let folder = Folder::new();
    for (name, bytes) in rows {
        let path = folder.join(format!("{name}.toml"));
        fs::write(&path, bytes).expect("written");
        let path = path.to_str().expect("UTF-8");
        for command in ["dump", "doctor"] {
            let answer = run([command, "--offsets", path, &pid]);
            assert_eq!(answer.code, Some(2), "{name}: {answer:?}");
            answer.check_talk();
            let said = format!("{}{}", answer.err, answer.out);
            assert!(said.contains(path), "{name}: the file is named: {said}");
        }
    }
    for path in ["/nonexistent.toml", "/"] {
        let answer = run(["dump", "--offsets", path, &pid]).ended(2);
        assert!(answer.error().contains(path), "{answer:?}");
    }
}

/// `table` with its first offset replaced.
fn replace_number(table: &str, number: &str) -> String {
    let mut done = false;
    let line = |line: &str| match line.split_once(" = ") {
        Some((name, value)) if !done && value.starts_with(|c: char| c.is_ascii_digit()) => {
            done = true;
            format!("{name} = {number}\n")
        }
        _ => format!("{line}\n"),
    };
    table.lines().map(line).collect()
}

/// The table of another release, which does not fit: refused, not believed.
#[test]
fn the_table_of_another_release() {
    let all = these(&["2.7-pyenv", "3.8-pyenv", "3.11-pyenv", "3.13-pyenv"]);
    let folder = Folder::new();
    for wrong in &all {
        let path = folder.join(&wrong.name);
        fs::write(&path, run(["offsets".as_ref(), wrong.binary.as_os_str()]).ended(0).out).expect("written");
        for python in &all {
            let target = Target::of(python);
            let answer =
                run(["dump".as_ref(), "--offsets".as_ref(), path.as_os_str(), target.pid.to_string().as_ref()]);
            answer.check_talk();
            let expected = if wrong.name == python.name { 0 } else { 2 };
            assert_eq!(answer.code, Some(expected), "{} by {}: {answer:?}", python.name, wrong.name);
            assert!(expected == 0 || answer.error().contains(path.to_str().expect("UTF-8")), "{answer:?}");
        }
    }
}

#[test]
fn offsets_of_files_that_have_none() {
    let folder = Folder::new();
    let text = folder.join("text");
    fs::write(&text, "no ELF").expect("written");
    let cut = folder.join("cut");
    fs::write(&cut, b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0").expect("written");
    let stripped = folder.join("stripped");
    let rows = [
        (text.to_str().expect("UTF-8"), 1),
        (cut.to_str().expect("UTF-8"), 1),
        ("/nonexistent", 1),
        ("/", 1),
        ("/dev/null", 1),
        ("/bin/true", 1),
        (env!("CARGO_BIN_EXE_pitviper"), 1),
    ];
    for (path, code) in rows {
        let answer = run(["offsets", path]).ended(code);
        assert!(answer.error().contains(path) && answer.out.is_empty(), "{answer:?}");
    }
    if scenario::has_program("objcopy") {
        let python = these(&["3.12-pyenv"]).pop().expect("3.12");
        assert!(
            Command::new("objcopy").arg("--strip-all").arg(&python.binary).arg(&stripped).status().unwrap().success()
        );
        let answer = run(["offsets".as_ref(), stripped.as_os_str()]).ended(1);
        assert!(answer.error().contains("stripped") && answer.err.contains("hint: "), "{answer:?}");
    }
}

/// What `offsets` makes, `--offsets` takes; also through a pipe.
#[test]
fn offsets_round_trip() {
    let folder = Folder::new();
    for python in these(&["2.7-pyenv", "3.8-pyenv", "3.12-pyenv", "3.13t"]) {
        let table = run(["offsets".as_ref(), python.binary.as_os_str()]).ended(0).out;
        let path = folder.join(&python.name);
        fs::write(&path, table).expect("written");
        let target = Target::of(&python);
        let pid = target.pid.to_string();
        let path = path.to_str().expect("UTF-8");
        let document = run(["dump", "--json", "--offsets", path, &pid]).ended(0).json();
        scenario::check_standing(&document, target.pid, &python.version, "idle");
    }
}

// --- output -------------------------------------------------------------------------------------------

#[test]
fn colours() {
    let python = these(&["3.12-pyenv"]).pop().expect("3.12");
    let target = Target::of(&python);
    let pid = target.pid.to_string();
    for command in [&["dump", &pid][..], &["doctor", &pid], &["ps"]] {
        let plain = run(command).ended(0).out;
        assert!(!plain.contains('\x1b'), "a pipe is no terminal: {plain:?}");
        let with = |option| run(command.iter().copied().chain([option])).ended(0).out;
        assert!(with("--color=always").contains("\x1b["), "{command:?}");
        assert!(!with("--color=never").contains('\x1b'));
        assert!(!with("--color=auto").contains('\x1b'));
    }
}

/// On a terminal there are colours, unless NO_COLOR says otherwise; an empty one says nothing.
#[test]
fn colours_on_a_terminal() {
    if !scenario::has_program("script") {
        return;
    }
    let python = these(&["3.12-pyenv"]).pop().expect("3.12");
    let target = Target::of(&python);
    let line = format!("{} dump {}", pitviper().display(), target.pid);
    let on_terminal = |value: Option<&str>| {
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
        let output =
            command.envs(value.map(|value| ("NO_COLOR", value))).stdin(Stdio::null()).output().expect("script");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert!(on_terminal(None).contains("\x1b["));
    assert!(on_terminal(Some("")).contains("\x1b["));
    assert!(!on_terminal(Some("1")).contains('\x1b'));
}

/// A reader that has seen enough is no failure: exit code 0, and not a word.
#[test]
fn closed_pipe() {
    // A deep stack: more than any pipe holds.
    let script = "
import os, sys
sys.setrecursionlimit(30000)
def deep(n):
    return deep(n - 1) if n else os.read(0, 1)
sys.stdout.write('ready\\n')
sys.stdout.flush()
deep(9000)
";
    let python = these(&["3.12-pyenv"]).pop().expect("3.12");
    let mut target = Target::start(python.command().args(["-c", script]));
    target.wait_for("ready");
    target.settle(1);
    let pid = target.pid.to_string();
    for args in [&["dump", &pid][..], &["dump", "--json", &pid]] {
        let mut command = Command::new(pitviper());
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("pitviper");
        let mut first = [0];
        let mut out = child.stdout.take().expect("piped");
        out.read_exact(&mut first).expect("a byte");
        drop(out);
        let mut talk = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut talk).expect("stderr");
        assert_eq!((child.wait().expect("its end").code(), talk.as_str()), (Some(0), ""), "{args:?}");
    }
    // Closed before the first byte.
    for args in [&["ps"][..], &["doctor", &pid], &["--help"], &["dump", "--help"], &["--version"]] {
        let (read, write) = nix_pipe();
        drop(read);
        let mut child =
            Command::new(pitviper()).args(args).stdout(write).stderr(Stdio::piped()).spawn().expect("pitviper");
        let mut talk = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut talk).expect("stderr");
        assert_eq!((child.wait().expect("its end").code(), talk.as_str()), (Some(0), ""), "{args:?}");
    }
}

fn nix_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    std::io::pipe().expect("a pipe")
}

/// A full disk is a failure, and is told.
#[test]
fn full_disk() {
    let python = these(&["3.12-pyenv"]).pop().expect("3.12");
    let target = Target::of(&python);
    let pid = target.pid.to_string();
    for args in [&["dump", &pid][..], &["dump", "--json", &pid], &["dis", &pid], &["doctor", &pid], &["ps"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let output = Command::new(pitviper()).args(args).stdout(full).output().expect("pitviper");
        let talk = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{talk}");
        assert!(talk.starts_with("error: cannot write to standard output: "), "{talk}");
    }
}

// --- documents ------------------------------------------------------------------------------------------

#[track_caller]
fn check_keys(value: &Json, keys: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    for key in keys {
        assert!(object.contains_key(*key), "{key:?} is missing: {value:#}");
    }
}

/// docs/json.md's promise: one document, and keys are added, never renamed.
#[test]
fn document_of_dump() {
    for python in these(&["2.7-pyenv", "3.8-pyenv", "3.12-pyenv", "3.13t"]) {
        let target = Target::of(&python);
        let answer = run(["dump", "--json", "--locals", &target.pid.to_string()]).ended(0);
        assert_eq!((answer.err.as_str(), answer.out.lines().count()), ("", 1));
        let document = answer.json();
        check_keys(&document, &["pitviper", "target", "python", "complete", "problems", "interpreters"]);
        check_keys(&document["target"], &["pid", "kind", "command"]);
        check_keys(&document["python"], &["version", "executable", "free_threaded", "debug"]);
        assert_eq!(document["pitviper"], env!("CARGO_PKG_VERSION"));
        assert_eq!(document["target"]["kind"], "process");
        assert_eq!(document["python"]["free_threaded"], python.name.ends_with('t'));
        assert_eq!(document["python"]["debug"], false);
        let executable = document["python"]["executable"].as_str().expect("a path");
        assert_eq!(fs::canonicalize(executable).ok(), fs::canonicalize(&python.path).ok());
        for thread in threads_of(&document) {
            check_keys(thread, &["id", "native_id", "name", "state", "gil", "blocked_on", "read", "frames", "end"]);
            for frame in thread["frames"].as_array().expect("frames") {
                let keys =
                    ["kind", "name", "qualname", "file", "lasti", "line", "end_line", "column", "end_column", "locals"];
                check_keys(frame, &keys);
                assert_eq!(frame["kind"], "python");
                for local in frame["locals"].as_array().into_iter().flatten() {
                    check_keys(local, &["name", "kind", "type", "repr", "value"]);
                }
            }
        }
    }
}

#[test]
fn document_of_ps() {
    let all = these(&["2.7-pyenv", "3.8-pyenv", "system", "3.12-pyenv", "3.13t"]);
    let targets: Vec<(Target, &scenario::Python)> = all.iter().map(|python| (Target::of(python), python)).collect();
    let document = run(["ps", "--json"]).ended(0).json();
    let rows = document["processes"].as_array().expect("processes");
    let text = run(["ps"]).ended(0).out;
    for (target, python) in &targets {
        let row =
            rows.iter().find(|row| row["pid"] == target.pid).unwrap_or_else(|| panic!("{} is missing", python.name));
        check_keys(row, &["pid", "version", "flavour", "threads", "attach", "command"]);
        assert_eq!(
            (&row["version"], &row["threads"], &row["attach"]),
            (&python.version.as_str().into(), &2.into(), &true.into())
        );
        let pid = target.pid.to_string();
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(&pid)).expect("a line");
        assert!(line.contains(&python.version) && line.contains(" yes "), "{line}");
    }
    // Neither this test nor pitviper is a Python.
    assert!(rows.iter().all(|row| row["pid"] != std::process::id()));
}

#[test]
fn documents_of_doctor() {
    let python = these(&["3.12-pyenv"]).pop().expect("3.12");
    let target = Target::of(&python);
    let document = run(["doctor", "--json", &target.pid.to_string()]).ended(0).json();
    check_keys(&document, &["pitviper", "pid", "good", "findings"]);
    assert_eq!((&document["pid"], &document["good"]), (&target.pid.into(), &true.into()));
    for finding in document["findings"].as_array().expect("findings") {
        check_keys(finding, &["subject", "answer", "good", "hints"]);
        assert_eq!(finding["good"], true, "{finding:#}");
    }
    let other = Target::start(&mut Command::new("cat"));
    let answer = run(["doctor", "--json", &other.pid.to_string()]).ended(1);
    assert_eq!(answer.json()["good"], false);
    assert!(answer.json()["findings"].to_string().contains("is not a Python process"), "{answer:?}");
    let answer = run(["doctor", &other.pid.to_string()]).ended(1);
    assert!(answer.out.contains("FAIL access"), "{answer:?}");
    let pid = other.pid;
    drop(other);
    let answer = run(["doctor", &pid.to_string()]).ended(1);
    assert!(answer.out.contains("there is no process"), "{answer:?}");
}

#[test]
fn doctor_of_every_interpreter() {
    for python in pythons() {
        let target = Target::of(&python);
        let answer = run(["doctor", &target.pid.to_string()]);
        answer.check_talk();
        assert!(answer.out.contains(&python.version), "{}: {answer:?}", python.name);
    }
}

/// A whole program on the command line is cut for people, and only for them.
#[test]
fn long_command_lines() {
    let python = these(&["3.12-pyenv"]).pop().expect("3.12");
    let script = format!("{}\n#{}END", scenario::STANDING, "é\x1b".repeat(20_000));
    let target = Target::standing(python.command().args(["-c", &script]));
    let pid = target.pid.to_string();
    for command in [&["dump", &pid][..], &["doctor", &pid], &["ps"]] {
        let text = run(command).ended(0).out;
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest < Some(2000) && text.contains(" more characters)"), "{longest:?}");
        assert!(!text.contains("END") && !text.contains('\x1b'));
        let document = run(command.iter().copied().chain(["--json"])).ended(0);
        assert!(document.out.contains("END") && !document.out.contains("more characters"));
    }
    let mut other = Command::new("sh");
    let other = Target::start(other.args(["-c", "read line; exit", &"x".repeat(100_000)]));
    let answer = run(["dump", &other.pid.to_string()]).ended(1);
    assert!(answer.err.len() < 2000 && answer.error().ends_with("is not a Python process"), "{answer:?}");
}

/// `-v` tells on stderr how things were found, wherever it stands; stdout stays as it is.
#[test]
fn verbose() {
    let python = these(&["3.12-pyenv"]).pop().expect("3.12");
    let target = Target::of(&python);
    let pid = target.pid.to_string();
    let found = [&*python.version, "library: ", "_PyRuntime at 0x", "layout: table 3.12.0", "reads of its memory in "];
    let read = ["threads: 2 blocked, 0 deduced, 0 stopped, 0 undecided"];
    let rows: [(&[&str], &[&str]); 4] = [
        (&["dump", &pid, "-v"], &[&found[..], &read].concat()),
        (&["-v", "dump", "--children", &pid], &[&found[..], &read].concat()),
        (&["doctor", "--verbose", &pid], &[&found[..], &read].concat()),
        (
            &["offsets", "-v", python.binary.to_str().expect("UTF-8")],
            &[&python.version, "numbers from the debug info of"],
        ),
    ];
    for (args, expected) in rows {
        let plain = run(args.iter().filter(|arg| !["-v", "--verbose"].contains(arg))).ended(0);
        let verbose = run(args).ended(0);
        assert_eq!((plain.out.as_str(), plain.err.as_str()), (verbose.out.as_str(), ""), "{args:?}");
        assert!(verbose.err.lines().all(|line| line.starts_with("note: ")), "{verbose:?}");
        expected.iter().for_each(|text| assert!(verbose.err.contains(text), "{text:?}: {verbose:?}"));
    }
    let listed = run(["ps", "-v"]).ended(0);
    found.iter().for_each(|text| assert!(listed.err.contains(text), "{text:?}: {listed:?}"));
    let failed = run(["dump", "-v", "5000000"]).ended(1);
    assert!(failed.err.contains("error: ") && failed.err.contains("hint: "), "{failed:?}");
}

/// `-q` leaves errors, and nothing else.
#[test]
fn quiet() {
    for args in
        [&["dump", "-q", "5000000"][..], &["--quiet", "dump", "--children", "5000000"], &["offsets", "-q", "/bin/true"]]
    {
        let answer = run(args).ended(1);
        assert_eq!(answer.err.lines().count(), 1, "{answer:?}");
        assert!(answer.error().contains(args[args.len() - 1]), "{answer:?}");
    }
    usage_error(&["dump", "-q", "-v", "1"]);
}

/// A document of an error is none: stdout stays empty.
#[test]
fn errors_leave_stdout_alone() {
    for options in [&["dump", "--json"][..], &["dump"], &["dump", "--children"]] {
        let answer = run(options.iter().copied().chain(["5000000"])).ended(1);
        assert_eq!((answer.out.as_str(), answer.error().contains("5000000")), ("", true), "{answer:?}");
    }
}

/// stderr closed, stdin closed, an empty environment: still the same answer.
#[test]
fn bare_surroundings() {
    let python = these(&["3.12-pyenv"]).pop().expect("3.12");
    let target = Target::of(&python);
    let line = format!("exec {} dump --json {} <&- 2>&-", pitviper().display(), target.pid);
    let document = run_command(Command::new("sh").args(["-c", &line]).env_clear().current_dir("/")).ended(0).json();
    scenario::check_standing(&document, target.pid, &python.version, "idle");
}
