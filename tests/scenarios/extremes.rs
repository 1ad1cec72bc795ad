//! Very many threads, very deep stacks, very long texts, texts that a terminal would obey.

use crate::scenario::{Folder, STANDING, Target, dump, names, run, these, thread_in, threads, threads_of, until};
use std::collections::BTreeSet;

#[test]
fn five_thousand_threads() {
    let script = "
import os, sys, threading
gate, _ = os.pipe()
def inner():
    os.read(gate, 1)
def main():
    os.read(0, 1)
threading.stack_size(64 * 1024)
for n in range(4999):
    thread = threading.Thread(target=inner, name='worker-%d' % n)
    thread.daemon = True
    thread.start()
sys.stdout.write('ready\\n')
sys.stdout.flush()
main()
os._exit(0)
";
    for python in these(&["2.7-pyenv", "3.8-pyenv", "3.12-pyenv", "3.13t"]) {
        let mut target = Target::start(python.command().args(["-c", script]));
        target.wait_for("ready");
        target.settle(5000);
        let document = dump(target.pid).ended(0).json();
        let found = threads_of(&document);
        assert_eq!(found.len(), 5000);
        let ids: BTreeSet<_> = found.iter().map(|thread| thread["native_id"].as_u64()).collect();
        assert!(ids.len() == 5000 && !ids.contains(&None), "each has a kernel id of its own");
        let workers: BTreeSet<_> = found.iter().filter_map(|thread| thread["name"].as_str()).collect();
        assert_eq!(workers.len(), 5000, "and a name");
        assert!(found.iter().all(|thread| matches!(names(thread)[0].as_str(), "inner" | "main")));
    }
}

#[test]
fn a_hundred_thousand_frames() {
    let script = "
import os, sys, threading
sys.setrecursionlimit(200000)
threading.stack_size(1000 * 1024 * 1024)
gate, _ = os.pipe()
def bottom():
    os.read(gate, 1)
def deep(n):
    if n == 0:
        return bottom()
    return deep(n - 1)
def main():
    os.read(0, 1)
def start():
    deep(100000)
worker = threading.Thread(target=start)
worker.daemon = True
worker.start()
sys.stdout.write('ready\\n')
sys.stdout.flush()
main()
os._exit(0)
";
    for python in these(&["2.7-pyenv", "3.8-pyenv", "3.11-pyenv", "3.12-pyenv", "3.13-pyenv", "3.14", "3.13t"]) {
        let mut target = Target::start(python.command().args(["-c", script]));
        target.wait_for("ready");
        target.settle(2);
        let document = dump(target.pid).ended(0).json();
        let names = names(thread_in(&document, "bottom"));
        assert_eq!(names.iter().filter(|name| *name == "deep").count(), 100_001, "{}", python.name);
        assert_eq!(names.first().map(String::as_str), Some("bottom"));
        assert_eq!(thread_in(&document, "bottom")["end"], "root");
        assert_eq!(thread_in(&document, "main")["end"], "root");
    }
}

/// Whatever is ten million characters long: a variable, the name of a function, a file, a thread.
#[test]
fn ten_megabytes_of_text() {
    let script = "
import os, sys, threading
long = 10 * 1000 * 1000
gate, _ = os.pipe()
def inner(value, other):
    os.read(gate, 1)
scope = {'inner': inner}
source = 'def %s(value, other):\\n    inner(value, other)\\nfunction = %s\\n'
exec(compile(source % (('f' * long,) * 2), '/tmp/' + 'd' * long, 'exec'), scope)
def main():
    os.read(0, 1)
worker = threading.Thread(target=scope['function'], args=('v' * long, [b'b' * long]), name='n' * long)
worker.daemon = True
worker.start()
sys.stdout.write('ready\\n')
sys.stdout.flush()
main()
os._exit(0)
";
    for python in these(&["2.7-pyenv", "3.8-pyenv", "3.11-pyenv", "3.12-pyenv", "3.13-pyenv"]) {
        let mut target = Target::start(python.command().args(["-c", script]));
        target.wait_for("ready");
        target.settle(2);
        for options in [&["dump", "--json"][..], &["dump", "--json", "--locals"]] {
            let pid = target.pid.to_string();
            let answer = run(options.iter().copied().chain([pid.as_str()]));
            answer.check_talk();
            assert!(matches!(answer.code, Some(0 | 4)), "{:?} {}", answer.code, answer.err);
            let document = answer.json();
            assert_eq!(names(thread_in(&document, "main")), ["main", "<module>"]);
            assert_eq!(thread_in(&document, "main")["name"], "MainThread");
            assert_eq!(names(thread_in(&document, "inner"))[0], "inner");
            assert!(answer.out.len() < 50_000_000, "{} bytes", answer.out.len());
        }
    }
}

/// The escape sequences of a terminal, in every name the target chooses.
#[test]
fn names_that_a_terminal_would_obey() {
    let script = "
# -*- coding: utf-8 -*-
import os, sys, threading
bad = '\\x1b[31m\\x1b]0;title\\x07\\r\\n\\x9b2J\\x7f'
gate, _ = os.pipe()
def inner(value):
    os.read(gate, 1)
scope = {'inner': inner}
exec(compile('def function(value):\\n    inner(value)\\n', '/tmp/' + bad + '.py', 'exec'), scope)
def main():
    os.read(0, 1)
worker = threading.Thread(target=scope['function'], args=(bad,), name='name' + bad)
worker.daemon = True
worker.start()
sys.stdout.write('ready\\n')
sys.stdout.flush()
main()
os._exit(0)
";
    for python in these(&["2.7-pyenv", "3.8-pyenv", "3.12-pyenv", "3.13-pyenv", "3.14"]) {
        // Of a command line the beginning is shown: the program is in a file.
        let folder = Folder::new();
        std::fs::write(folder.join("program.py"), script).expect("a program");
        let mut target = Target::start(
            python.command().current_dir(folder.join("")).arg("program.py").arg("argument\x1b[31m\u{202e}"),
        );
        target.wait_for("ready");
        target.settle(2);
        let pid = target.pid.to_string();
        for command in [&["dump", &pid][..], &["dump", "--locals", &pid], &["doctor", &pid], &["ps"]] {
            let answer = run(command).ended(0);
            let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}' || c == '\u{9b}';
            assert!(!answer.out.contains(bad), "{command:?}: {:?}", answer.out);
            assert!(answer.out.contains("argument\\x1b[31m\\u202e"), "{command:?}: {:?}", answer.out);
        }
        let text = run(["dump", &pid]).out;
        assert!(text.contains("\"name\\x1b[31m\\x1b]0;title\\x07\\r\\n"), "{text}");
        assert!(text.contains("(/tmp/\\x1b[31m"), "{text}");
        // JSON says them exactly.
        let document = dump(target.pid).ended(0).json();
        let name = thread_in(&document, "inner")["name"].as_str().expect("a name").to_owned();
        assert!(name.starts_with("name\x1b[31m\x1b]0;title\x07\r\n"), "{name:?}");
    }
}

/// A thread that Python did not start and that has never run Python code is none of its threads.
#[test]
fn more_kernel_threads_than_python_threads() {
    for python in these(&["3.8-pyenv", "3.13-pyenv"]) {
        let foreign = "
import ctypes, os
libc = ctypes.CDLL(None)
identity = ctypes.c_ulong()
gate0 = os.pipe()[0]
# pause(): a thread that runs nothing of Python's.
libc.pthread_create(ctypes.byref(identity), None, ctypes.cast(libc.pause, ctypes.c_void_p), None)
";
        let script = format!("{foreign}{STANDING}");
        let mut target = Target::start(python.command().args(["-c", &script]));
        target.wait_for("ready");
        until("it has three threads", || threads(target.pid).len() == 3);
        target.settle(3);
        crate::scenario::assert_standing(target.pid, &python.version);
    }
}
