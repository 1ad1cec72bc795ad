//! Every program of tests/programs under every Python there is, looked at while it lives.
//!
//! A program brings its threads into a state and tells the truth about itself; pitviper has to say
//! the same. Nothing is expected per version: the target knows best. tests/programs/README.md says
//! how programs tell, tests/support/ how they are run and compared.
//!
//! `PITVIPER_ONLY=3.14,3.13t cargo test --test live` tests only Pythons whose name starts so.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code)] // Every file of tests uses a part of it.
mod support;

use pitviper::address::Pid;
use pitviper::stacks::{self, Dump, Options, Pausing, Read, State, Thread};
use pitviper::target::Target;
use serde_json::Value;
use support::calltree::CallTree;
use support::compare::{differences, threads};
use support::interpreters::Interpreter;
use support::programs::Program;
use support::run::{Problems, dump, everywhere};

/// Programs that stand still: what they say of every thread, frame and variable is what
/// `pitviper dump --json --locals` must say.
macro_rules! still {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            everywhere(stringify!($name), &[], |_, program| same(program));
        })*

        /// Every program that needs no check of its own.
        const STILL: &[&str] = &[$(stringify!($name)),*];
    };
}

still! {
    budgets callbacks class_body comprehensions console coroutines decorators deep_recursion exec_self exiting
    fork_child fork_from_thread gc_callback generators huge_function import_time locals_all module_comprehensions
    module_level multiline_calls non_ascii odd_filenames odd_lines raw_fork shutdown_join subinterpreters threads_200
    very_deep_recursion
}

/// Programs with a check of their own, below.
const OWN: &[&str] = &[
    "blocked_calls",
    "busy_callbacks",
    "busy_generators",
    "busy_tree",
    "gc_running",
    "gil_contention",
    "gil_held",
    "many_threads",
    "prompt",
];

/// Programs of `tests/record.rs`.
const RECORDED: &[&str] = &[
    "brief_children",
    "epoll_loop",
    "exec_loop",
    "exec_midway",
    "family",
    "gc_churn",
    "greenlets",
    "known_lines",
    "made_code",
    "ratios",
    "short_threads",
    "stdlib_work",
    "turns",
];

/// Programs of `tests/inspect.rs`.
const INSPECTED: &[&str] = &["arrays", "classes", "counting", "hostile", "inspected", "trees", "valued"];
/// Programs of `tests/state.rs`.
const STATE: &[&str] = &["stateful"];
/// Programs of `tests/dis.rs`.
const DISASSEMBLED: &[&str] = &["disassembled"];

/// Programs of `tests/tasks.rs`.
const TASKS: &[&str] = &["async_tasks", "task_objects"];

/// Programs of `tests/locks.rs`.
const LOCKS: &[&str] = &["locked", "ordered_locks"];

/// No program is forgotten.
#[test]
fn every_program_is_tested() {
    let files = std::fs::read_dir(support::programs::folder()).unwrap();
    let mut names: Vec<String> = files
        .filter_map(|file| file.unwrap().file_name().to_str()?.strip_suffix(".py").map(str::to_owned))
        .filter(|name| !matches!(name.as_str(), "truth" | "calltree"))
        .collect();
    let own = [OWN, RECORDED, INSPECTED, STATE, DISASSEMBLED, TASKS, LOCKS].concat();
    let mut tested: Vec<&str> = STILL.iter().copied().chain(own).collect();
    names.sort();
    tested.sort_unstable();
    assert_eq!(names, tested);
}

/// What differs between the truth and a dump; nothing that stands still holds the GIL.
fn same(program: &Program) -> Problems {
    let seen = match dump(program.pid(), &["--locals"]) {
        Ok(seen) => seen,
        Err(problem) => return vec![problem],
    };
    let mut problems = differences(&program.truth, &seen);
    let holders = threads(&seen).filter(|(_, thread)| thread["gil"] == true);
    problems.extend(holders.map(|(_, thread)| format!("thread {} holds the GIL", thread["id"])));
    let prompts = threads(&seen).filter(|(_, thread)| thread["at_prompt"] == true);
    problems.extend(prompts.map(|(_, thread)| format!("thread {} is at a prompt", thread["id"])));
    problems
}

#[test]
fn blocked_calls() {
    everywhere("blocked_calls", &[], |_, program| {
        let seen = match dump(program.pid(), &[]) {
            Ok(seen) => seen,
            Err(problem) => return vec![problem],
        };
        let calls = program.extra()["calls"].as_object().expect("extra.calls is an object");
        let mut problems = same(program);
        for (name, told) in calls {
            match threads(&seen).find(|(_, thread)| thread["name"] == **name) {
                Some((_, thread)) => problems.extend(call_differs(name, told, thread)),
                None => problems.push(format!("there is no thread {name}")),
            }
        }
        problems
    });
}

fn call_differs(name: &str, told: &Value, thread: &Value) -> Problems {
    let mut problems = Problems::new();
    if thread["state"] != told["state"] {
        problems.push(format!("{name}: state is {}, pitviper says {}", told["state"], thread["state"]));
    }
    let seen = &thread["blocked_on"];
    if !told["syscalls"].as_array().into_iter().flatten().any(|call| *call == seen["name"]) {
        problems.push(format!("{name}: is in one of {}, pitviper says {}", told["syscalls"], seen["name"]));
    }
    if !told["fd"].is_null() && told["fd"] != seen["fd"] {
        problems.push(format!("{name}: fd is {}, pitviper says {}", told["fd"], seen["fd"]));
    }
    problems
}

#[test]
fn prompt() {
    everywhere("prompt", &[], |_, program| {
        let seen = match dump(program.pid(), &["--locals"]) {
            Ok(seen) => seen,
            Err(problem) => return vec![problem],
        };
        let mut problems = differences(&program.truth, &seen);
        for (_, thread) in threads(&seen) {
            let is_main = thread["native_id"] == program.truth["pid"];
            if thread["at_prompt"] != is_main {
                problems.push(format!("{}: at_prompt is {is_main}, pitviper says otherwise", thread["name"]));
            }
        }
        problems
    });
}

#[test]
fn many_threads() {
    // scenarios.rs has one with 5,000; 2.7 takes minutes to start so many.
    everywhere("many_threads", &["1000"], |python, program| {
        let mut problems = same(program);
        let (target, before) = (attach(program), cpu_time());
        let dump = stacks::dump(&target, &Options::default());
        let spent = cpu_time() - before;
        let count = dump.interpreters.iter().map(|interpreter| interpreter.threads.len()).sum::<usize>();
        println!("{}: {count} threads in {:.0} ms of processor time", python.name, spent * 1e3);
        if program.extra()["count"] != count {
            problems.push(format!("there are {} threads, pitviper says {count}", program.extra()["count"]));
        }
        if !dump.is_complete() {
            problems.push(format!("the dump is not complete: {:?}", dump.problems));
        }
        problems
    });
}

/// Seconds of processor time of this thread.
fn cpu_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel counts processor time");
    let first = text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok());
    first.expect("schedstat begins with a number") / 1e9
}

fn attach(program: &Program) -> Target {
    Target::attach(Pid(program.pid()), None).expect("the target can be attached to")
}

/// How often a program that does not stand still is looked at.
const LOOKS: usize = 200;

/// How often stacks that can be checked are: `PITVIPER_LOOKS=100000` for figures worth quoting.
fn looks_at_stacks() -> usize {
    std::env::var("PITVIPER_LOOKS").ok().and_then(|looks| looks.parse().ok()).unwrap_or(LOOKS)
}

/// Every stack of a tree of calls that runs for ever must be one that can exist.
fn possible(python: &Interpreter, program: &Program) -> Problems {
    let target = match Target::attach(Pid(program.pid()), None) {
        Ok(target) => target,
        Err(error) => return vec![format!("cannot attach: {error}")],
    };
    let busy: Vec<u64> =
        program.extra()["threads"].as_array().into_iter().flatten().filter_map(|t| t["ident"].as_u64()).collect();
    let mut tree = CallTree::new(program.extra());
    let mut problems = Problems::new();
    for pausing in [Pausing::IfNeeded, Pausing::Always, Pausing::Never] {
        let mut tally = Tally::default();
        let mut impossible = Problems::new();
        for _ in 0..looks_at_stacks() {
            let dump = stacks::dump(&target, &Options { pausing, locals: None });
            let threads = dump.interpreters.iter().flat_map(|interpreter| &interpreter.threads);
            for thread in threads.filter(|thread| busy.contains(&thread.id)) {
                let verdict = tree.check(thread);
                tally.count(thread.read, verdict.is_err());
                impossible.extend(verdict.err().map(|text| format!("{pausing:?}: {text}")));
            }
        }
        println!("{} {pausing:?}: {tally}", python.name);
        if tally.is_untrue(pausing) {
            problems.push(format!("{pausing:?}: {tally}"));
            problems.extend(impossible);
        }
    }
    problems
        .extend(busy.iter().filter(|id| !tree.has_seen(**id)).map(|id| format!("thread {id} was never seen at work")));
    problems
}

/// How stacks were read, and how many of them cannot exist.
#[derive(Default)]
struct Tally([(usize, usize); 4]);

impl Tally {
    /// What was read of a thread that could not move is true. Of deduced stacks one in 1,000 may mix
    /// two moments, where a caller was copied before it moved on and its callee after: 17 of 83,000
    /// were seen (PITVIPER_LOOKS=3000), so that a few hundred looks may by chance meet some: they come
    /// in bursts, when the copying thread is interrupted.
    fn is_untrue(&self, pausing: Pausing) -> bool {
        let [(_, blocked), (deduced, wrong), (_, stopped), (undecided, mixed)] = self.0;
        let rare = |wrong: usize, all: usize| wrong <= 8 + all / 1000;
        blocked + stopped > 0 || !rare(wrong, deduced) || pausing != Pausing::Never && !rare(mixed, undecided)
    }

    fn count(&mut self, read: Read, impossible: bool) {
        let row = &mut self.0[read as usize];
        row.0 += 1;
        row.1 += usize::from(impossible);
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, (all, impossible)) in ["blocked", "deduced", "stopped", "undecided"].iter().zip(self.0) {
            write!(f, "{name} {all} (impossible {impossible}) ")?;
        }
        Ok(())
    }
}

#[test]
fn busy_tree() {
    everywhere("busy_tree", &["2"], possible);
}

#[test]
fn busy_generators() {
    everywhere("busy_generators", &["2"], possible);
}

/// A fact that looks at a program which does not stand still are asked for, again and again.
fn looks(program: &Program, mut each: impl FnMut(&Dump) -> Problems) -> Problems {
    let target = match Target::attach(Pid(program.pid()), None) {
        Ok(target) => target,
        Err(error) => return vec![format!("cannot attach: {error}")],
    };
    (0..LOOKS).flat_map(|_| each(&stacks::dump(&target, &Options::default()))).collect()
}

/// Calls from C lie outside of the frame memory from 3.12 on. Without a stop a stack with many of them is
/// deduced all the same, at the first look.
#[test]
fn busy_callbacks() {
    const DEPTH: usize = 5;
    everywhere("busy_callbacks", &[&DEPTH.to_string()], |python, program| {
        let target = match Target::attach(Pid(program.pid()), None) {
            Ok(target) => target,
            Err(error) => return vec![format!("cannot attach: {error}")],
        };
        let is: Vec<&str> = (0..DEPTH).flat_map(|_| ["down", "<lambda>"]).chain(["down"]).collect();
        let options = Options { pausing: Pausing::Never, ..Options::default() };
        let (mut problems, mut deduced) = (Problems::new(), 0);
        for _ in 0..LOOKS {
            let dump = stacks::dump(&target, &options);
            let Some(thread) = find(&dump, &program.extra()["busy"]) else {
                problems.push("the thread is missing".to_owned());
                continue;
            };
            if thread.read == Read::Deduced {
                deduced += 1;
                let says: Vec<&str> = thread.frames.iter().map(|frame| frame.code.name.as_str()).collect();
                if !says.starts_with(&is) {
                    problems.push(format!("deduced: {says:?}"));
                }
            }
        }
        println!("{}: {deduced} of {LOOKS} deduced", python.name);
        // Before 3.11 frames do not lie in one piece.
        if python.since(3, 11) && deduced < LOOKS / 2 {
            problems.push(format!("only {deduced} of {LOOKS} looks deduced"));
        }
        problems
    });
}

/// The thread that `told` describes.
fn find<'d>(dump: &'d Dump, told: &Value) -> Option<&'d Thread> {
    let mut threads = dump.interpreters.iter().flat_map(|interpreter| &interpreter.threads);
    threads.find(|thread| Some(thread.id) == told["ident"].as_u64())
}

/// The threads that hold the GIL.
fn holders(dump: &Dump) -> Vec<u64> {
    let threads = dump.interpreters.iter().flat_map(|interpreter| &interpreter.threads);
    threads.filter(|thread| thread.gil == Some(true)).map(|thread| thread.id).collect()
}

fn innermost(thread: &Thread) -> &str {
    thread.frames.first().map_or("", |frame| frame.code.name.as_str())
}

/// Whether what is known of the GIL of `thread` fits a program that says whether there is one.
fn gil_is_known(thread: &Thread, there_is_one: bool) -> Option<String> {
    (thread.gil.is_some() != there_is_one)
        .then(|| format!("there is a GIL: {there_is_one}, pitviper says {:?}", thread.gil))
}

#[test]
fn gil_contention() {
    everywhere("gil_contention", &[], |_, program| {
        let extra = program.extra();
        let gil = extra["gil"] == true;
        let (mut waiting, mut running, mut held) = (0, 0, 0);
        let mut problems = looks(program, |dump| {
            let mut problems = Problems::new();
            let holders = holders(dump);
            held += usize::from(holders.len() == 1);
            if holders.len() > 1 {
                problems.push(format!("{holders:?} all hold the GIL"));
            }
            for told in extra["wanters"].as_array().into_iter().flatten().chain([&extra["spinner"]]) {
                let Some(thread) = find(dump, told) else {
                    problems.push(format!("{} is missing", told["name"]));
                    continue;
                };
                waiting += usize::from(thread.state == State::WaitingGil);
                running += usize::from(thread.state == State::Running);
                problems.extend(contender_differs(told, thread, gil));
            }
            problems
        });
        let mut seldom = |what: &str, seen: usize| {
            if seen == 0 {
                problems.push(format!("never seen in {LOOKS} looks: {what}"));
            }
        };
        seldom("a running thread", running);
        if gil {
            seldom("a thread that waits for the GIL", waiting);
            seldom("a thread that holds the GIL", held);
        }
        problems
    });
}

fn contender_differs(told: &Value, thread: &Thread, gil: bool) -> Problems {
    let mut problems: Problems = gil_is_known(thread, gil).into_iter().collect();
    let spins = told["name"] == "spinner";
    // Those that want it give it away in a system call that lasts no time.
    let may = matches!(thread.state, State::Running | State::WaitingGil) || !spins && thread.state == State::Idle;
    if !may || !gil && thread.state == State::WaitingGil {
        problems.push(format!("{} is {:?} in {:?}", told["name"], thread.state, thread.blocked_on));
    }
    if thread.state == State::WaitingGil && thread.gil == Some(true) {
        problems.push(format!("{} holds the GIL and waits for it", told["name"]));
    }
    let functions = told["functions"].as_array().into_iter().flatten();
    if !functions.into_iter().any(|function| function == innermost(thread)) {
        problems.push(format!("{} is in {:?}, not in {}", told["name"], innermost(thread), told["functions"]));
    }
    problems
}

#[test]
fn gil_held() {
    everywhere("gil_held", &[], |_, program| {
        let extra = program.extra();
        let gil = extra["gil"] == true;
        let mut waiting = 0;
        let mut problems = looks(program, |dump| {
            let mut problems = Problems::new();
            match find(dump, &extra["holder"]) {
                Some(thread) => problems.extend(holder_differs(&extra["holder"], thread, gil)),
                None => problems.push("the holder is missing".to_owned()),
            }
            for told in extra["wanters"].as_array().into_iter().flatten() {
                let Some(thread) = find(dump, told) else {
                    problems.push(format!("{} is missing", told["name"]));
                    continue;
                };
                waiting += usize::from(thread.state == State::WaitingGil);
                // From time to time it wakes up to ask for the GIL.
                let may =
                    matches!(thread.state, State::Running | State::WaitingGil) || !gil && thread.state == State::Idle;
                if !may || thread.gil == Some(true) || told["function"] != innermost(thread) {
                    let (state, gil) = (thread.state, thread.gil);
                    problems.push(format!("{}: {state:?}, GIL {gil:?}, in {}", told["name"], innermost(thread)));
                }
            }
            problems
        });
        if gil && waiting == 0 {
            problems.push(format!("never seen in {LOOKS} looks: a thread that waits for the GIL"));
        }
        problems
    });
}

fn holder_differs(told: &Value, thread: &Thread, gil: bool) -> Problems {
    let blocked = thread.blocked_on.as_ref();
    let line = thread.frames.first().and_then(|frame| frame.position.line);
    let is = serde_json::json!({
        "gil": gil.then_some(true), "state": "Idle", "function": told["function"], "line": told["line"],
        "syscall": told["syscall"], "fd": told["fd"], "native_id": told["native_id"],
    });
    let says = serde_json::json!({
        "gil": thread.gil, "state": format!("{:?}", thread.state), "function": innermost(thread), "line": line,
        "syscall": blocked.and_then(|blocked| blocked.call.name()),
        "fd": blocked.and_then(|blocked| Some(blocked.target.as_ref()?.fd)),
        "native_id": thread.native_id.map(|id| id.0),
    });
    (is != says).then(|| format!("the holder is {is}, pitviper says {says}")).into_iter().collect()
}

#[test]
fn gc_running() {
    everywhere("gc_running", &[], |python, program| {
        let told = &program.extra()["collector"];
        let (mut collecting, mut others) = (0, 0);
        let mut problems = looks(program, |dump| {
            let Some(thread) = find(dump, told) else { return vec!["the collector is missing".to_owned()] };
            collecting += usize::from(thread.state == State::Gc);
            let all = dump.interpreters.iter().flat_map(|interpreter| &interpreter.threads);
            others += all.filter(|other| other.id != thread.id && other.state == State::Gc).count();
            let line = thread.frames.first().and_then(|frame| frame.position.line);
            let at = (innermost(thread) == told["function"], line.map(Value::from) == Some(told["line"].clone()));
            // Between two collections it runs the loop, which is on the line before.
            let near = line.zip(told["line"].as_i64()).is_some_and(|(line, told)| line + 1 == told);
            let problem = || format!("the collector is in {} on line {line:?}", innermost(thread));
            (!at.0 || !(at.1 || near)).then(problem).into_iter().collect()
        });
        println!("{}: collecting in {collecting} of {LOOKS} looks", python.name);
        // Before 3.7 nothing that can be found says so.
        if python.since(3, 7) && collecting == 0 {
            problems.push(format!("never seen in {LOOKS} looks: collecting"));
        }
        if others > 0 {
            problems.push(format!("{others} times another thread was said to collect"));
        }
        problems
    });
}
