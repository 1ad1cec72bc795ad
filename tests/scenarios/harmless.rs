//! Nothing in the target changes: no call is interrupted, no thread stays stopped, no signal is left.

use crate::scenario::{Folder, Target, dump, pitviper, run, these, threads, until};
use crate::stopped::BUSY;
use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Threads blocked in calls that the kernel does not begin anew after a stop, and one that computes.
const BLOCKED: &str = include_str!("blocked.py");

/// ptrace and SIGSTOP make these calls fail with EINTR, which Python 2 hands on to the program.
#[test]
fn no_call_is_interrupted() {
    for python in these(&["2.7-pyenv", "3.8-pyenv", "3.12-pyenv", "3.13t"]) {
        let mut target = Target::start(python.command().args(["-c", BLOCKED]));
        let count: usize = target.line().parse().expect("how many threads are blocked");
        until("all threads are blocked", || blocked(target.pid) == count);
        let pid = target.pid.to_string();
        for round in 0..500 {
            let options: &[&str] = if round % 2 == 0 { &["dump", &pid] } else { &["dump", "--pause", &pid] };
            let answer = run(options);
            answer.check_talk();
            assert!(matches!(answer.code, Some(0 | 4)), "{answer:?}");
        }
        target.tell("");
        assert_eq!(target.line(), "interrupted: []", "{}", python.name);
    }
}

fn blocked(pid: u32) -> usize {
    let wanted = [
        libc::SYS_epoll_wait,
        libc::SYS_poll,
        libc::SYS_semop,
        libc::SYS_semtimedop,
        libc::SYS_rt_sigtimedwait,
        libc::SYS_recvfrom,
    ];
    let call = |tid: &u32| fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).unwrap_or_default();
    let is_blocked = |tid: &u32| wanted.iter().any(|number| call(tid).starts_with(&format!("{number} ")));
    threads(pid).iter().filter(|tid| is_blocked(tid)).count()
}

/// Killed at growing delays: the kernel must let go of whatever was held.
#[test]
fn killed_while_it_holds_a_thread() {
    killed(&["dump", "--pause"], None);
}

/// The same, where threads are stopped twenty thousand times a second.
#[test]
fn killed_while_it_records() {
    let folder = Folder::new();
    let output = folder.join("killed.pv");
    let output = output.to_str().expect("a path");
    killed(&["record", "--pause", "--rate", "20khz", "-o", output], Some(Duration::from_millis(60)));
}

/// Runs `arguments` and a pid, killed at growing delays up to `whole`, or as long as it takes.
fn killed(arguments: &[&str], whole: Option<Duration>) {
    for python in these(&["2.7-pyenv", "3.8-pyenv", "3.12-pyenv", "3.13t"]) {
        let mut target = Target::start(python.command().args(["-c", BUSY]));
        target.wait_for("ready");
        let pid = target.pid.to_string();
        let began = Instant::now();
        let arguments: Vec<&str> = arguments.iter().copied().chain([pid.as_str()]).collect();
        let whole = whole.unwrap_or_else(|| {
            run(arguments.iter().copied());
            began.elapsed()
        });
        for step in 0..200 {
            kill_after(&arguments, whole * step / 200);
        }
        let is_free = || {
            threads(target.pid).iter().all(|tid| {
                let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).unwrap_or_default();
                text.contains("TracerPid:\t0\n") && !text.contains("State:\tT") && !text.contains("State:\tt")
            })
        };
        until("nothing holds it", is_free);
        runs_on(&mut target);
        dump(target.pid).check_talk();
        runs_on(&mut target);
        assert_eq!(target.finish().1, Some(0));
    }
}

fn kill_after(arguments: &[&str], delay: Duration) {
    let mut command = Command::new(pitviper());
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("pitviper");
    let began = Instant::now();
    while began.elapsed() < delay {
        std::hint::spin_loop();
    }
    child.kill().expect("killed");
    child.wait().expect("its end");
}

fn runs_on(target: &mut Target) {
    let mut count = || {
        target.tell("");
        let line = target.line();
        line.strip_prefix("count ").and_then(|n| n.parse::<u64>().ok()).expect("a count")
    };
    let before = count();
    until("it counts on", || count() > before);
}

/// What the kernel says of a process and its threads that our looking might change.
fn facts(pid: u32) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for tid in threads(pid) {
        let folder = format!("/proc/{pid}/task/{tid}");
        let text = fs::read_to_string(format!("{folder}/status")).expect("status");
        // The sizes may change without our doing: pages are written out, or counted late. SigQ counts
        // the signals of all processes of the user.
        let is_ours = |line: &&str| !["Vm", "Rss", "SigQ"].iter().any(|key| line.starts_with(key));
        facts.extend(text.lines().filter(is_ours).map(|line| {
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            (format!("{tid} {key}"), value.to_owned())
        }));
        for file in ["syscall", "schedstat"] {
            facts.insert(format!("{tid} {file}"), fs::read_to_string(format!("{folder}/{file}")).expect("a file"));
        }
    }
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps");
    let memory = fs::File::open(format!("/proc/{pid}/mem")).expect("mem");
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split_once(' ').and_then(|(range, _)| range.split_once('-')).expect("a range");
        let address = |text| u64::from_str_radix(text, 16).expect("an address");
        let mut bytes = vec![0; (address(to) - address(from)) as usize];
        let read = memory.read_exact_at(&mut bytes, address(from)).map(|()| {
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            hasher.finish()
        });
        facts.insert(format!("memory {from}"), format!("{read:?}"));
    }
    facts.insert("maps".to_owned(), maps);
    let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("fd").count();
    facts.insert("files".to_owned(), files.to_string());
    facts
}

/// Signals, masks, switches, the turns on a processor, every byte it may write: a blocked thread does not
/// even wake up.
#[test]
fn a_blocked_target_does_not_change_at_all() {
    let folder = Folder::new();
    for python in these(&["2.7-pyenv", "3.8-pyenv", "system", "3.12-pyenv", "3.13-pyenv", "3.14", "3.13t"]) {
        let target = Target::of(&python);
        let before = facts(target.pid);
        let pid = target.pid.to_string();
        for command in ["dump", "doctor"] {
            for options in [&[][..], &["--pause"], &["--no-pause"], &["--json"]] {
                run([command].iter().chain(options).copied().chain([pid.as_str()])).ended(0);
            }
        }
        run(["dump", "--locals=2", &pid]).ended(0);
        run(["dump", "--children", &pid]).ended(0);
        run(["ps"]).ended(0);
        let output = folder.join("blocked.pv");
        let output = output.to_str().expect("a path");
        for options in [&[][..], &["--pause"], &["--no-pause"], &["--children"]] {
            let record = ["record", &pid, "-o", output, "--rate", "20khz", "--duration", "100ms"];
            run(record.into_iter().chain(options.iter().copied())).ended(0);
        }
        let after = facts(target.pid);
        let changed: Vec<_> = before.iter().filter(|(key, value)| after.get(*key) != Some(*value)).collect();
        assert!(changed.is_empty() && before.len() == after.len(), "{}: {changed:#?} {after:#?}", python.name);
    }
}
