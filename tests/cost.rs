//! What a look costs, in counts: system calls, stops, memory. Times are for `cargo bench`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)] // Every file of tests uses a part of it.
mod support;

use pitviper::address::Pid;
use pitviper::os::Tracer;
use pitviper::python::CodeCache;
use pitviper::stacks::{self, Options, Read, Thread};
use pitviper::target::Target;
use std::io::{BufRead, BufReader};
use std::mem::MaybeUninit;
use std::process::{Command, Stdio};
use support::run::everywhere;

/// A second look at threads that all are blocked, their code objects known, may read memory this
/// often for each; all that is not of one thread, such as the names, included.
const MAX_READS: u64 = 3;

/// A dump of a small process may need this much memory, in kilobytes.
const MAX_KILOBYTES: i64 = 16 << 10;

#[test]
fn a_second_look_takes_three_reads_a_thread() {
    for (program, arguments) in [("many_threads", &["3"][..]), ("many_threads", &["40"]), ("deep_recursion", &[])] {
        everywhere(program, arguments, |_, program| {
            let target = Target::attach(Pid(program.pid()), None).unwrap();
            let (codes, tracer) = (CodeCache::default(), Tracer::default());
            let look = || {
                let before = target.memory.calls();
                let dump = stacks::dump_with(&target, &Options::default(), &codes, &tracer);
                (dump, target.memory.calls() - before)
            };
            look();
            let (dump, calls) = look();
            let threads: Vec<&Thread> = dump.interpreters.iter().flat_map(|i| &i.threads).collect();
            let mut problems = Vec::new();
            if calls > MAX_READS * threads.len() as u64 {
                problems.push(format!("{calls} reads for {} threads", threads.len()));
            }
            let otherwise = threads.iter().filter(|thread| thread.read != Read::Blocked);
            problems.extend(otherwise.map(|thread| format!("{:?} was {:?}", thread.name, thread.read)));
            problems
        });
    }
}

#[test]
fn a_dump_needs_little_memory() {
    everywhere("many_threads", &["3"], |_, program| {
        let kilobytes = peak_kilobytes(program.pid());
        let problem = || format!("{kilobytes} kB at the peak");
        (kilobytes >= MAX_KILOBYTES).then(problem).into_iter().collect()
    });
}

/// What `pitviper dump PID` needs at its peak.
///
/// `ru_maxrss` begins with the memory of whoever called exec, which here is a test of any size. So a
/// shell starts it, and when that has ended this process waits for it in the shell's place.
fn peak_kilobytes(pid: u32) -> i64 {
    const SCRIPT: &str = r#"exec 3<&0; (read gone <&3; exec "$0" dump "$1" >/dev/null) & echo $!"#;
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) }, 0);
    let mut shell = Command::new("sh")
        .args(["-c", SCRIPT, env!("CARGO_BIN_EXE_pitviper"), &pid.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let go = shell.stdin.take();
    let mut text = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut text).unwrap();
    let child: i32 = text.trim().parse().unwrap();
    assert!(shell.wait().unwrap().success());
    drop(go);
    let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both pointers are to locals of the right types.
    let waited = unsafe { libc::wait4(child, &mut status, 0, usage.as_mut_ptr()) };
    assert_eq!((waited, status), (child, 0));
    // SAFETY: all zeroes is a valid rusage, and the kernel has filled it in.
    unsafe { usage.assume_init() }.ru_maxrss
}

#[test]
fn blocked_threads_are_not_traced() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        eprintln!("not tested: strace is not here");
        return;
    }
    everywhere("many_threads", &["3"], |_, program| {
        let output = Command::new("strace")
            .args(["-f", "-e", "trace=ptrace,kill,tkill,tgkill", env!("CARGO_BIN_EXE_pitviper"), "dump"])
            .arg(program.pid().to_string())
            .output()
            .unwrap();
        let talk = String::from_utf8_lossy(&output.stderr);
        let calls = talk.lines().filter(|line| line.contains("trace(") || line.contains("kill("));
        let mut problems: Vec<String> = calls.map(str::to_owned).collect();
        if !output.status.success() {
            problems.push(talk.clone().into_owned());
        }
        problems
    });
}
