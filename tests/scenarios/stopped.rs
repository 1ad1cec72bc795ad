//! Targets that are stopped or traced already.

use crate::scenario::{
    STANDING, Target, assert_standing, check_standing, dump, has_program, names, run, signal, status, these, thread_in,
    threads, until,
};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use std::process::{Command, Stdio};

const KINDS: &[&str] = &["2.7-pyenv", "3.8-pyenv", "3.11-pyenv", "3.13-pyenv", "3.14", "3.13t"];

/// Two threads, one in read() and one that computes; "busy" is on its stack at every moment.
pub const BUSY: &str = include_str!("busy.py");

fn letter(pid: u32, tid: u32) -> char {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat")).expect("stat");
    text.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).expect("a state")
}

#[test]
fn by_sigstop() {
    for python in these(KINDS) {
        let target = Target::of(&python);
        signal(target.pid, Signal::SIGSTOP);
        let is_stopped = || threads(target.pid).iter().all(|tid| letter(target.pid, *tid) == 'T');
        until("it is stopped", is_stopped);
        for options in [&[][..], &["--pause"], &["--no-pause"]] {
            let pid = target.pid.to_string();
            let answer = run(["dump", "--json"].iter().chain(options).copied().chain([pid.as_str()])).ended(0);
            check_standing(&answer.json(), target.pid, &python.version, "stopped");
            assert!(is_stopped(), "it stays stopped");
        }
        signal(target.pid, Signal::SIGCONT);
        assert_eq!(target.finish().1, Some(0), "it runs on, undisturbed");
    }
}

/// Stopped while it computes: it stands, so its stack is exact.
#[test]
fn by_sigstop_while_running() {
    for python in these(KINDS) {
        let mut target = Target::start(python.command().args(["-c", BUSY]));
        target.wait_for("ready");
        signal(target.pid, Signal::SIGSTOP);
        until("it is stopped", || threads(target.pid).iter().all(|tid| letter(target.pid, *tid) == 'T'));
        let document = dump(target.pid).ended(0).json();
        let thread = thread_in(&document, "busy");
        assert_eq!((&thread["state"], &thread["read"]), (&"stopped".into(), &"blocked".into()), "{document:#}");
        assert_eq!(document["complete"], true);
        assert!(threads(target.pid).iter().all(|tid| letter(target.pid, *tid) == 'T'));
        signal(target.pid, Signal::SIGCONT);
    }
}

/// strace holds every thread: none can be stopped by us, and none need be, but the running one.
#[test]
fn traced_by_strace() {
    if !has_program("strace") {
        return;
    }
    for python in these(KINDS) {
        let mut target = Target::start(python.command().args(["-c", BUSY]));
        target.wait_for("ready");
        let pid = target.pid.to_string();
        let mut strace = Command::new("strace")
            .args(["-f", "-e", "trace=none", "-o", "/dev/null", "-p", &pid])
            .stderr(Stdio::null())
            .spawn()
            .expect("strace");
        let traced = || {
            let of = |tid: &u32| std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).unwrap_or_default();
            threads(target.pid).iter().all(|tid| of(tid).contains(&format!("TracerPid:\t{}", strace.id())))
        };
        until("all threads are traced", traced);
        // Being traced interrupts read(), which the kernel then begins anew.
        until("the main thread is blocked again", || {
            let call = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/syscall")).unwrap_or_default();
            call.starts_with(&format!("{} ", libc::SYS_read)) && letter(target.pid, target.pid) == 'S'
        });
        for options in [&[][..], &["--pause"], &["--no-pause"]] {
            check_traced(target.pid, options);
        }
        assert!(traced(), "it is still traced");
        signal(strace.id(), Signal::SIGINT);
        strace.wait().expect("its end");
        until("it is free", || status(target.pid, "TracerPid").as_deref() == Some("0"));
    }
}

fn check_traced(pid: u32, options: &[&str]) {
    let text = pid.to_string();
    let answer = run(["dump", "--json"].iter().chain(options).copied().chain([text.as_str()]));
    answer.check_talk();
    assert!(matches!(answer.code, Some(0 | 4)), "{answer:?}");
    let document = answer.json();
    let blocked = thread_in(&document, "main");
    assert_eq!((&blocked["read"], &blocked["end"]), (&"blocked".into(), &"root".into()), "{document:#}");
    assert_eq!(names(blocked), ["main", "<module>"]);
    let threads = crate::scenario::threads_of(&document);
    assert_eq!(threads.len(), 2, "{document:#}");
    let running = threads.iter().find(|thread| thread["name"] == "worker").expect("the worker");
    let read = running["read"].as_str().expect("a word");
    assert!(["deduced", "undecided", "blocked"].contains(&read), "{document:#}");
    assert_eq!(answer.code == Some(4), document["complete"] == false);
}

/// A debugger that has stopped the whole process.
#[test]
fn stopped_by_a_debugger() {
    for python in these(KINDS) {
        let target = Target::of(&python);
        // Traced by this very thread, which must also let go: nothing in here may panic before.
        let raw = |tid: &u32| nix::unistd::Pid::from_raw(tid.cast_signed());
        let all = threads(target.pid);
        for tid in &all {
            ptrace::seize(raw(tid), ptrace::Options::empty()).expect("seized");
            ptrace::interrupt(raw(tid)).expect("interrupted");
            nix::sys::wait::waitpid(raw(tid), Some(nix::sys::wait::WaitPidFlag::__WALL)).expect("stopped");
        }
        let answer = dump(target.pid);
        let letters: Vec<char> = all.iter().map(|tid| letter(target.pid, *tid)).collect();
        for tid in &all {
            ptrace::detach(raw(tid), None).expect("let go");
        }
        check_standing(&answer.ended(0).json(), target.pid, &python.version, "stopped");
        assert!(letters.iter().all(|letter| *letter == 't'), "{letters:?}");
        // It reads on: an interrupted read() is begun anew by the kernel.
        target_is_well(target, &python.version);
    }
}

fn target_is_well(mut target: Target, version: &str) {
    target.settle(2);
    assert_standing(target.pid, version);
    assert_eq!(target.finish().1, Some(0));
}

/// A stopped process whose leader has gone: what is left is a zombie leader and living threads.
#[test]
fn the_main_thread_has_ended() {
    for python in these(&["3.8-pyenv", "3.12-pyenv"]) {
        let script = STANDING.replace("main()\nos._exit(0)", "import ctypes\nctypes.CDLL(None).syscall(60, 0)\n");
        let mut target = Target::start(python.command().args(["-c", &script]));
        target.wait_for("ready");
        until("the leader has ended", || status(target.pid, "State").is_some_and(|state| state.starts_with('Z')));
        let answer = dump(target.pid);
        answer.check_talk();
        assert!(matches!(answer.code, Some(1 | 4)), "{answer:?}");
    }
}
