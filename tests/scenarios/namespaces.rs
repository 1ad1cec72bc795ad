//! Targets in containers, seen from outside.

use crate::scenario::{Python, STANDING, Target, assert_standing, has_program, is_root, names, run, these, threads_of};
use std::process::Command;

/// One of each kind: old, shared library, static and stripped, its own debug offsets, free-threaded.
const KINDS: &[&str] = &["2.7-pyenv", "3.8-pyenv", "system", "3.12-pyenv", "3.13-pyenv", "3.13t"];

fn inside(launcher: &[&str], python: &Python) -> Target {
    let mut command = Command::new(launcher[0]);
    let mut target = Target::start(command.args(&launcher[1..]).arg(&python.path).args(["-c", STANDING]));
    target.wait_for("ready");
    let mut target = target.descend();
    target.settle(2);
    target
}

#[test]
fn chrooted() {
    if !is_root() {
        return;
    }
    for python in these(&["2.7-bullseye", "3.9-bullseye", "3.11-bookworm", "3.13", "3.14", "3.15", "3.14-debug"]) {
        let root = python.root.as_ref().expect("a root");
        let path = std::path::Path::new("/").join(python.binary.strip_prefix(root).expect("inside the root"));
        let target = Target::standing(Command::new("chroot").arg(root).arg(path).args(["-c", STANDING]));
        assert_standing(target.pid, &python.version);
    }
}

/// Python knows its threads by the ids of its own namespace: they are 1 and 2 inside.
#[test]
fn pid_namespace() {
    if !is_root() || !has_program("unshare") {
        return;
    }
    for python in these(KINDS) {
        let target = inside(&["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"], &python);
        let ids = crate::scenario::status(target.pid, "NSpid").expect("NSpid");
        assert_eq!(ids.split_ascii_whitespace().last(), Some("1"), "it is the first of its namespace: {ids}");
        assert_standing(target.pid, &python.version);
    }
}

/// From inside a pid namespace, where /proc shows only it.
#[test]
fn pitviper_inside_the_pid_namespace() {
    if !is_root() || !has_program("nsenter") {
        return;
    }
    for python in these(&["3.8-pyenv", "3.13-pyenv"]) {
        let target = inside(&["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"], &python);
        let pid = target.pid.to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &pid, "--pid", "--mount"]).arg(crate::scenario::pitviper());
        let answer = crate::scenario::run_command(command.args(["dump", "--json", "1"])).ended(0);
        let document = answer.json();
        let ids: Vec<_> = threads_of(&document).iter().map(|thread| thread["native_id"].as_u64()).collect();
        assert!(ids.contains(&Some(1)) && !ids.contains(&None), "{document:#}");
    }
}

#[test]
fn user_namespace() {
    if !is_root() || !has_program("unshare") {
        return;
    }
    for python in these(KINDS) {
        let target = inside(&["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"], &python);
        assert_standing(target.pid, &python.version);
    }
}

/// In its mount namespace another file lies over the interpreter, and outside too there may be none
/// by that name: only the mapping itself leads to the right one.
#[test]
fn the_interpreter_is_hidden_by_a_mount() {
    if !is_root() || !has_program("nsenter") {
        return;
    }
    for python in these(KINDS) {
        let target = inside(&["unshare", "--mount"], &python);
        let pid = target.pid.to_string();
        for file in [&python.binary, &python.path] {
            let mut command = Command::new("nsenter");
            let done = command.args(["--target", &pid, "--mount", "mount", "--bind", "/etc/passwd"]).arg(file).status();
            assert!(done.expect("nsenter").success());
        }
        assert_standing(target.pid, &python.version);
    }
}

/// A tree of processes across the border of a namespace.
#[test]
fn children_in_a_pid_namespace() {
    if !is_root() || !has_program("unshare") {
        return;
    }
    for python in these(&["3.12-pyenv"]) {
        let launcher = inside(&["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"], &python);
        let parent = crate::scenario::status(launcher.pid, "PPid").expect("a parent");
        let document = run(["dump", "--children", "--json", &parent]).ended(0).json();
        assert_eq!(document["target"]["pid"], launcher.pid);
        assert!(threads_of(&document).iter().any(|thread| names(thread).contains(&"inner".to_owned())));
    }
}
