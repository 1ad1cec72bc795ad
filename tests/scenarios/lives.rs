//! Targets that are not the same from one moment to the next: they start, import, exec, fork, end.

use crate::scenario::{
    Answer, Python, STANDING, Target, children, dump, names, run, settle, signal, status, these, thread_in, threads,
    threads_of, until,
};
use nix::sys::signal::Signal;
use std::process::Stdio;
use std::time::{Duration, Instant};

const KINDS: &[&str] =
    &["2.7-pyenv", "3.6-pyenv", "3.8-pyenv", "3.11-pyenv", "3.12-pyenv", "3.13-pyenv", "3.14", "3.13t"];

/// Fails unless `answer` is one that may be given about a Python of `versions` at any moment: true, or
/// openly incomplete, or a clear error.
#[track_caller]
fn check_any_moment(answer: &Answer, versions: &[&str]) {
    answer.check_talk();
    match answer.code {
        Some(0 | 4) => {
            let document = answer.json();
            let version = document["python"]["version"].as_str().expect("a version");
            assert!(versions.contains(&version), "{version} is none of {versions:?}");
            assert_eq!(document["complete"] == true, answer.code == Some(0), "{document:#}");
        }
        Some(1) => assert!(answer.out.is_empty() && !answer.error().is_empty(), "{answer:?}"),
        _ => panic!("{answer:?}"),
    }
}

/// Stopped at growing delays after it was started, from before exec to the end.
#[test]
fn every_instant_of_starting_up() {
    const STEPS: u32 = 60;
    for python in these(KINDS) {
        let began = Instant::now();
        assert!(python.command().args(["-c", "pass"]).status().expect("python").success());
        let whole = began.elapsed();
        let mut seen = [0; 5];
        for step in 0..STEPS {
            let mut child = python.command().args(["-c", "pass"]).stdin(Stdio::null()).spawn().expect("python");
            spin(whole * step / STEPS);
            signal(child.id(), Signal::SIGSTOP);
            until("it stands or has ended", || {
                status(child.id(), "State").is_some_and(|state| state.starts_with(['T', 'Z']))
            });
            let answer = dump(child.id());
            signal(child.id(), Signal::SIGCONT);
            assert!(child.wait().expect("its end").success(), "{} was disturbed", python.name);
            check_any_moment(&answer, &[&python.version]);
            seen[answer.code.unwrap_or(2) as usize] += 1;
        }
        println!("{}: {} complete, {} incomplete, {} no Python", python.name, seen[0], seen[4], seen[1]);
    }
}

/// Not stopped: what is read changes under the reader's hands.
#[test]
fn every_instant_of_a_short_life() {
    const STEPS: u32 = 40;
    for python in these(KINDS) {
        let script = "import json, decimal, threading\nt = threading.Thread(target=sum, args=(range(1000),))\nt.start()\nt.join()";
        let began = Instant::now();
        assert!(python.command().args(["-c", script]).status().expect("python").success());
        let whole = began.elapsed();
        for step in 0..STEPS {
            let mut child = python.command().args(["-c", script]).stdin(Stdio::null()).spawn().expect("python");
            spin(whole * step / STEPS);
            check_any_moment(&dump(child.id()), &[&python.version]);
            assert!(child.wait().expect("its end").success(), "{} was disturbed", python.name);
        }
    }
}

/// Here a time is what is varied: nothing depends on its being kept.
fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::thread::yield_now();
    }
}

/// Imports the same modules again and again: code objects and dicts come and go.
#[test]
fn importing_for_ever() {
    let script = "
import os, sys, threading
def importing():
    while True:
        for name in list(sys.modules):
            if name.split('.')[0] in ('json', 'email', 'unittest', 'decimal'):
                del sys.modules[name]
        import json, decimal, unittest
def main():
    os.read(0, 1)
worker = threading.Thread(target=importing, name='worker')
worker.daemon = True
worker.start()
sys.stdout.write('ready\\n')
sys.stdout.flush()
main()
os._exit(0)
";
    for python in these(&["2.7-pyenv", "3.8-pyenv", "3.12-pyenv", "3.13t"]) {
        let mut target = Target::start(python.command().args(["-c", script]));
        target.wait_for("ready");
        for _ in 0..40 {
            let answer = dump(target.pid);
            check_any_moment(&answer, &[&python.version]);
            assert_ne!(answer.code, Some(1), "{answer:?}");
        }
        assert_eq!(target.finish().1, Some(0));
    }
}

/// Replaces its program again and again, by another release of Python each time. A function is named
/// after the release that runs it.
#[test]
fn exec_in_a_loop() {
    let script = "
import os, sys
os.environ['TURN'] = str(int(os.environ['TURN']) + 1)
exec('def in_%d_%d(): os.execv(other, [other, \"-c\", os.environ[\"SCRIPT\"]])' % sys.version_info[:2])
pythons = os.environ['PYTHONS'].split(':')
other = pythons[int(os.environ['TURN']) % len(pythons)]
globals()['in_%d_%d' % sys.version_info[:2]]()
";
    let pythons = these(&["3.8-pyenv", "3.13-pyenv", "2.7-pyenv", "3.12-pyenv", "system"]);
    let versions: Vec<&str> = pythons.iter().map(|python| python.version.as_str()).collect();
    let paths: Vec<String> = pythons.iter().map(|python| python.path.display().to_string()).collect();
    let target = Target::start(
        pythons[0]
            .command()
            .args(["-c", script])
            .env("SCRIPT", script)
            .env("TURN", "0")
            .env("PYTHONS", paths.join(":")),
    );
    let mut complete = 0;
    for _ in 0..300 {
        let answer = dump(target.pid);
        check_any_moment(&answer, &versions);
        if answer.code != Some(0) {
            continue;
        }
        complete += 1;
        let document = answer.json();
        let version = document["python"]["version"].as_str().expect("a version");
        let series = version.rsplit_once('.').expect("a series").0.replace('.', "_");
        assert!(threads_of(&document).len() <= 1, "{document:#}");
        for name in threads_of(&document).into_iter().flat_map(names).filter(|name| name.starts_with("in_")) {
            assert_eq!(name, format!("in_{series}"), "{document:#}");
        }
    }
    println!("{complete} of 300 were complete");
    assert_eq!(status(target.pid, "TracerPid").as_deref(), Some("0"));
}

/// Told to end while it is looked at.
#[test]
fn ends_meanwhile() {
    for python in these(&["2.7-pyenv", "3.8-pyenv", "3.13-pyenv"]) {
        for _ in 0..25 {
            let mut target = Target::of(&python);
            target.tell("");
            check_any_moment(&dump(target.pid), &[&python.version]);
            assert_eq!(target.finish().1, Some(0));
        }
    }
}

/// In an atexit handler the interpreter is still whole; daemon threads too.
#[test]
fn at_exit() {
    for python in these(KINDS) {
        let script = format!("import atexit\n{}", STANDING.replace("\nmain()\nos._exit(0)", "\natexit.register(main)"));
        let mut target = Target::start(python.command().args(["-c", &script]));
        target.wait_for("ready");
        target.settle(2);
        let document = dump(target.pid).ended(0).json();
        assert_eq!(names(thread_in(&document, "main"))[0], "main");
        assert_eq!(names(thread_in(&document, "inner"))[..2], ["inner", "outer"]);
        target.tell("");
        // The daemon thread is blocked for ever, and the process ends all the same.
        let began = Instant::now();
        check_any_moment(&dump(target.pid), &[&python.version]);
        assert_eq!(target.finish().1, Some(0), "after {:?}", began.elapsed());
    }
}

/// The child of a fork has one thread; the parent keeps its own.
#[test]
fn fork_without_exec() {
    for python in these(KINDS) {
        let script = STANDING.replace(
            "main()\nos._exit(0)",
            "\ndef in_child():\n    os.read(0, 1)\n\npid = os.fork()\nif pid == 0:\n    in_child()\n    os._exit(0)\nmain()\nos._exit(0)",
        );
        let mut target = Target::start(python.command().args(["-W", "ignore", "-c", &script]));
        target.wait_for("ready");
        until("it has a child", || !children(target.pid).is_empty());
        let child = children(target.pid)[0];
        settle(child, 1);
        target.settle(2);
        fork_is_told(&python, target.pid, child);
    }
}

fn fork_is_told(python: &Python, parent: u32, child: u32) {
    // 2.7 goes on listing the threads that the fork has not copied.
    let answer = dump(child);
    check_any_moment(&answer, &[&python.version]);
    let document = answer.json();
    let thread = thread_in(&document, "in_child");
    assert_eq!(names(thread), ["in_child", "<module>"]);
    assert_eq!((&thread["native_id"], &thread["state"]), (&child.into(), &"idle".into()), "{document:#}");
    let listed = if python.series() == "2.7" { 2 } else { 1 };
    assert_eq!((answer.code, threads_of(&document).len()), (Some(0), listed), "{document:#}");
    run(["doctor", &child.to_string()]).ended(0);
    // What the others left is shown as that, and not as if it were exact.
    for other in threads_of(&document).into_iter().filter(|other| other["id"] != thread["id"]) {
        let how = ["state", "read", "native_id"].map(|what| &other[what]);
        assert_eq!(how, [&"ended".into(), &"undecided".into(), &serde_json::Value::Null], "{other:#}");
    }
    assert_eq!(threads(child).len(), 1);
    let whole = run(["dump", "--children", "--json", &parent.to_string()]);
    let document = whole.json();
    assert_eq!(threads_of(&document).len(), 2, "{document:#}");
    assert_eq!(document["children"][0]["target"]["pid"], child, "{document:#}");
}

/// Four threads that start others, which end at once.
const CHURN: &str = "
import threading, sys, time
def work():
    return sum(range(200))
def spawn():
    while True:
        t = threading.Thread(target=work)
        t.start()
        t.join()
for _ in range(3):
    t = threading.Thread(target=spawn)
    t.daemon = True
    t.start()
sys.stdout.write('ready\\n')
sys.stdout.flush()
spawn()
";

/// A thread that starts or ends during the look is there wholly or not at all, and costs no other.
#[test]
fn threads_that_come_and_go() {
    const LOOKS: usize = 100;
    for python in these(KINDS) {
        let mut target = Target::start(python.command().args(["-c", CHURN]));
        target.wait_for("ready");
        let mut incomplete = 0;
        for _ in 0..LOOKS {
            let answer = dump(target.pid);
            assert!(matches!(answer.code, Some(0 | 4)), "{}: {answer:?}", python.name);
            let document = answer.json();
            let threads = threads_of(&document);
            let roots: Vec<_> = threads.iter().filter_map(|thread| names(thread).last().cloned()).collect();
            assert!(roots.iter().any(|root| root == "<module>"), "{}: {document:#}", python.name);
            let mut ids: Vec<_> = threads.iter().map(|thread| thread["native_id"].to_string()).collect();
            ids.retain(|id| id != "null");
            ids.sort_unstable();
            assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{}: {document:#}", python.name);
            for thread in &threads {
                let lives =
                    thread["native_id"].is_u64() && !["unknown", "ended"].map(Into::into).contains(&thread["state"]);
                assert!(lives, "{}: {thread:#}", python.name);
            }
            incomplete += usize::from(answer.code == Some(4));
        }
        println!("{}: {incomplete} of {LOOKS} looks are incomplete", python.name);
        // A thread that wakes and blocks all the time may escape the look now and then.
        assert!(incomplete <= LOOKS / 33, "{}: {incomplete} of {LOOKS} looks are incomplete", python.name);
    }
}

/// Who collects garbage holds the GIL, where there is one, however it is passed around.
#[test]
fn collectors_hold_the_gil() {
    let script = "
import gc, sys, threading
heap = [[] for _ in range(20000)]
def work():
    while True:
        gc.collect()
for _ in range(3):
    t = threading.Thread(target=work)
    t.daemon = True
    t.start()
sys.stdout.write('ready\\n')
sys.stdout.flush()
work()
";
    for python in these(&["3.8-pyenv", "3.12-pyenv", "3.14", "3.15", "3.13t"]) {
        let mut target = Target::start(python.command().args(["-c", script]));
        target.wait_for("ready");
        let mut collecting = 0;
        for _ in 0..200 {
            let document = dump(target.pid).json();
            for thread in threads_of(&document).into_iter().filter(|thread| thread["state"] == "gc") {
                assert_ne!(thread["gil"], false, "{}: {document:#}", python.name);
                collecting += 1;
            }
        }
        println!("{}: {collecting} threads were collecting", python.name);
        assert!(collecting > 0, "{}", python.name);
    }
}
