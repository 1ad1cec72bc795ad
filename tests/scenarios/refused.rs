//! Processes that are no Python, that are gone, or that we may not look at: one clear error each.

use crate::scenario::{
    Answer, Folder, STANDING, Target, dump, has_program, is_root, missing, pitviper, run, run_command, these,
};
use std::process::{Command, Stdio};

#[track_caller]
fn error_of(pid: u32, code: i32, words: &str) -> Answer {
    let answer = dump(pid).ended(code);
    assert!(answer.error().contains(words), "{words:?} is not in {answer:?}");
    assert!(answer.error().contains(&pid.to_string()), "it names the process: {answer:?}");
    assert_eq!(answer.out, "", "an error leaves stdout alone");
    answer
}

#[test]
fn not_python() {
    let target = Target::start(&mut Command::new("cat"));
    let answer = error_of(target.pid, 1, "is not a Python process");
    assert!(answer.err.contains("hint: `pitviper ps`"), "{answer:?}");
}

/// A shell that waits for the Python it has started, and its parent in turn.
#[test]
fn launcher() {
    for python in these(&["2.7-pyenv", "3.12-pyenv"]) {
        let mut command = Command::new("sh");
        command.args(["-c", "sh -c '\"$0\" -c \"$1\"; true' \"$0\" \"$1\"; true"]).arg(&python.path).arg(STANDING);
        let mut shell = Target::start(&mut command);
        shell.wait_for("ready");
        let launcher = shell.pid;
        let target = shell.descend();
        assert_ne!(launcher, target.pid);
        let answer = error_of(launcher, 1, "is not a Python process");
        assert!(answer.err.contains(&format!("hint: it started Python as pid {}", target.pid)), "{answer:?}");
        // And --children finds it.
        let answer = run(["dump", "--children", &launcher.to_string()]).ended(0);
        assert!(answer.out.contains("inner") && answer.out.contains("worker"), "{answer:?}");
    }
}

#[test]
fn dead() {
    let target = Target::start(&mut Command::new("true"));
    let pid = target.pid;
    target.finish();
    error_of(pid, 1, "there is no process");
}

#[test]
fn no_such_process() {
    // Above the greatest pid_max of Linux (4194304).
    error_of(5_000_000, 1, "there is no process");
}

#[test]
fn zombie() {
    let mut child = Command::new("true").stdout(Stdio::piped()).spawn().expect("true");
    let pid = child.id();
    crate::scenario::until("it is a zombie", || {
        crate::scenario::status(pid, "State").is_some_and(|s| s.starts_with('Z'))
    });
    error_of(pid, 1, "has ended");
    run(["doctor", &pid.to_string()]).ended(1);
    child.wait().expect("its end");
}

#[test]
fn zombie_python() {
    for python in these(&["3.12-pyenv"]) {
        let mut child = python.command().args(["-c", "pass"]).spawn().expect("python");
        let pid = child.id();
        crate::scenario::until("it is a zombie", || {
            crate::scenario::status(pid, "State").is_some_and(|s| s.starts_with('Z'))
        });
        error_of(pid, 1, "has ended");
        child.wait().expect("its end");
    }
}

#[test]
fn kernel_thread() {
    let is_one = std::fs::read_to_string("/proc/2/status").is_ok_and(|text| text.contains("kthreadd"));
    if !is_one {
        return missing("the sight of kernel threads");
    }
    error_of(2, 1, "kernel thread");
}

/// A thread's id is no process's, but /proc answers to it all the same.
#[test]
fn the_id_of_a_thread() {
    for python in these(&["3.13-pyenv"]) {
        let target = Target::of(&python);
        let thread = crate::scenario::threads(target.pid).into_iter().find(|id| *id != target.pid).expect("a thread");
        let answer = dump(thread);
        answer.check_talk();
        assert!(matches!(answer.code, Some(0 | 1)), "{answer:?}");
    }
}

/// As another user: exit code 3, and what to do about it.
#[test]
fn without_rights() {
    if !is_root() || !has_program("setpriv") {
        return;
    }
    // Where nobody may look is no place for a program that nobody shall run.
    let folder = Folder::new();
    let program = folder.join("pitviper");
    assert!(Command::new("cp").arg(pitviper()).arg(&program).status().expect("cp").success());
    let as_nobody = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&program).args(args);
        run_command(&mut command)
    };
    for python in these(&["3.8-pyenv", "3.13-pyenv"]) {
        let target = Target::of(&python);
        let pid = target.pid.to_string();
        for args in [&["dump", &pid][..], &["dump", "--json", &pid], &["doctor", &pid]] {
            let answer = as_nobody(args).ended(3);
            assert!(answer.error().contains(&format!("pid {pid}")), "{answer:?}");
            let all = format!("{}{}", answer.out, answer.err);
            assert!(
                all.contains("hint: the process belongs to user 0: run pitviper as that user or with sudo"),
                "{all}"
            );
        }
        let answer = as_nobody(&["dump", "--children", &pid]).ended(3);
        assert!(answer.err.contains("hint: "), "{answer:?}");
        assert_eq!(answer.err.matches("error: ").count(), 1, "it says so once: {answer:?}");
        // The list still tells that there is one.
        let answer = as_nobody(&["ps"]).ended(0);
        let row = answer.out.lines().find(|line| line.split_whitespace().next() == Some(&pid));
        assert!(row.is_some_and(|row| row.contains(" no ")), "{answer:?}");
    }
}

/// A parent that may be read has a child that may not: that is in the document too, and one that may
/// not be read has a child that may.
#[test]
fn without_rights_to_one_of_a_tree() {
    if !is_root() || !has_program("setpriv") {
        return;
    }
    let folder = Folder::new();
    let program = folder.join("pitviper");
    assert!(Command::new("cp").arg(pitviper()).arg(&program).status().expect("cp").success());
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    for python in these(&["system"]) {
        // Root's own parent, of nobody's process.
        let script = "import subprocess, sys\nsubprocess.call(sys.argv[1:])";
        let mut command = python.command();
        command.args(["-c", script, "setpriv"]).args(nobody).arg(&python.path).args(["-c", STANDING]);
        let mut parent = Target::start(&mut command);
        parent.wait_for("ready");
        let pid = parent.pid.to_string();
        let mut command = Command::new("setpriv");
        let answer = run_command(command.args(nobody).arg(&program).args(["dump", "--children", "--json", &pid]));
        let answer = answer.ended(4);
        assert_eq!(answer.err.matches("error: ").count(), 1, "{answer:?}");
        let document = answer.json();
        assert_eq!(document["complete"], false, "{document:#}");
        let problem = document["problems"][0].as_str().expect("a problem");
        assert_eq!(problem, format!("pid {pid}: not permitted to read its memory"));
        // All of this machine, of which nobody may look at nearly none.
        let mut command = Command::new("setpriv");
        let answer = run_command(command.args(nobody).arg(&program).args(["dump", "--children", "1"]));
        answer.check_talk();
        assert!(matches!(answer.code, Some(3 | 4)), "{answer:?}");
        assert_eq!(answer.err.matches("error: pid 1:").count(), 1, "{answer:?}");
        let mut hints: Vec<&str> = answer.err.lines().filter(|line| line.starts_with("hint: ")).collect();
        let all = hints.len();
        hints.sort_unstable();
        hints.dedup();
        assert_eq!(hints.len(), all, "{answer:?}");
    }
}

/// The target forbids it (PR_SET_DUMPABLE 0): so does ssh-agent.
#[test]
fn not_dumpable() {
    if !is_root() || !has_program("setpriv") {
        return;
    }
    for python in these(&["system"]) {
        let script = format!("import ctypes\nctypes.CDLL(None).prctl(4, 0)\n{STANDING}");
        let target = Target::standing(
            Command::new("setpriv")
                .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
                .arg(&python.path)
                .args(["-c", &script]),
        );
        let folder = Folder::new();
        let program = folder.join("pitviper");
        assert!(Command::new("cp").arg(pitviper()).arg(&program).status().expect("cp").success());
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&program).args(["dump"]);
        let answer = run_command(command.arg(target.pid.to_string())).ended(3);
        assert!(answer.err.contains("hint: the process forbids it"), "{answer:?}");
        // Root may.
        crate::scenario::assert_standing(target.pid, &python.version);
    }
}

/// Root without CAP_SYS_PTRACE, as in a container, and a target with more capabilities.
#[test]
fn root_without_the_capability() {
    if !is_root() || !has_program("setpriv") {
        return;
    }
    for python in these(&["3.12-pyenv"]) {
        let target = Target::of(&python);
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-sys_ptrace", "--"]).arg(pitviper()).args(["dump"]);
        let answer = run_command(command.arg(target.pid.to_string())).ended(3);
        assert!(answer.err.contains("SYS_PTRACE"), "{answer:?}");
    }
}
