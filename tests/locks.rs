//! `pitviper locks` against what programs say of themselves, under every Python: who waits for what, who holds
//! it, and which threads are in a deadlock. And a program that never is in one.
//!
//! `PITVIPER_ONLY=3.14,3.13t cargo test --test locks` tests only Pythons whose name starts so;
//! `PITVIPER_LOOKS=1000` looks so often at the program without deadlocks.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code)] // Every file of tests uses a part of it.
mod support;

use pitviper::address::Pid;
use pitviper::locks::{self, Kind};
use pitviper::stacks::{self, Options};
use pitviper::target::Target;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Output};
use support::programs::Program;
use support::run::{Problems, everywhere};

fn pitviper(program: &Program, command: &str, options: &[&str]) -> Output {
    let mut pitviper = Command::new(env!("CARGO_BIN_EXE_pitviper"));
    pitviper.args([command, &program.pid().to_string()]).args(options).output().expect("pitviper runs")
}

/// The document of `command`, if it exits with 0.
fn document(program: &Program, command: &str, options: &[&str]) -> Result<Value, String> {
    let output = pitviper(program, command, &[&["--json"], options].concat());
    let talk = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ");
    match serde_json::from_slice::<Value>(&output.stdout) {
        Ok(document) if output.status.success() => Ok(document),
        Ok(document) => Err(format!("pitviper: {}: {talk} {}", output.status, document["problems"])),
        Err(_) => Err(format!("pitviper: {}: {talk}", output.status)),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn names(threads: &Value) -> Vec<&str> {
    items(threads).iter().filter_map(|thread| thread["name"].as_str()).collect()
}

/// What is said of who waits for whom differs from what the program says in these.
fn differences(program: &Program) -> Problems {
    let seen = match document(program, "locks", &[]) {
        Ok(seen) => seen,
        Err(problem) => return vec![problem],
    };
    let told = program.extra();
    let mut problems = Problems::new();
    for (name, told) in told["waits"].as_object().expect("extra.waits is an object") {
        let thread = items(&seen["threads"]).iter().find(|thread| thread["name"] == name.as_str());
        let wait = &thread.unwrap_or(&Value::Null)["wait"];
        let object = told["object"].as_u64().map(|at| format!("{at:#x}"));
        let any = told["owners"][0][0] == "any";
        let certainty = |owner: &Value| if any { json!("any") } else { owner["certainty"].clone() };
        let owners: Vec<Value> =
            items(&wait["owners"]).iter().map(|owner| json!([certainty(owner), owner["thread"]["name"]])).collect();
        let seen =
            json!([wait["kind"], if object.is_some() { wait["object"]["addr"].clone() } else { Value::Null }, owners]);
        let told_all = json!([told["kind"], object, told["owners"]]);
        if seen != told_all {
            problems.push(format!("{name} waits for {told_all}, pitviper says {seen} of {}", wait));
        }
        let called = told["object"].as_u64().map(|at| &program.extra()["name"][at.to_string()]);
        if let Some(called) = called.filter(|called| !called.is_null() && **called != wait["object"]["name"]) {
            problems.push(format!("{name} waits for {called}, pitviper says {}", wait["object"]["name"]));
        }
    }
    for (name, held) in told["holds"].as_object().expect("extra.holds is an object") {
        let thread = items(&seen["threads"]).iter().find(|thread| thread["name"] == name.as_str());
        let holds = items(&thread.unwrap_or(&Value::Null)["holds"]);
        let told: Vec<Value> =
            items(held).iter().filter_map(Value::as_u64).map(|at| json!([format!("{at:#x}"), "with", true])).collect();
        let seen: Vec<Value> =
            holds.iter().map(|hold| json!([hold["object"]["addr"], hold["how"], hold["proved"]])).collect();
        if told != seen {
            problems.push(format!("{name} holds {told:?}, pitviper says {seen:?}"));
        }
    }
    for (name, detail) in told["details"].as_object().expect("extra.details is an object") {
        let thread = items(&seen["threads"]).iter().find(|thread| thread["name"] == name.as_str());
        let wait = &thread.unwrap_or(&Value::Null)["wait"];
        if wait["detail"] != *detail {
            problems.push(format!("{name} waits for {detail}, pitviper says {wait}"));
        }
    }
    let circle = |deadlock: &Value, names: Vec<&str>| {
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let least = names.iter().enumerate().min_by_key(|(_, name)| (*name).clone()).map_or(0, |(at, _)| at);
        names.rotate_left(least);
        let proved = if told["deadlocks"][0]["proved"].is_null() { &Value::Null } else { &deadlock["proved"] };
        json!([names, proved, deadlock["timed"]]).to_string()
    };
    let told: BTreeSet<String> = items(&told["deadlocks"])
        .iter()
        .map(|one| circle(one, items(&one["threads"]).iter().filter_map(Value::as_str).collect()))
        .collect();
    let found: BTreeSet<String> =
        items(&seen["deadlocks"]).iter().map(|one| circle(one, names(&one["threads"]))).collect();
    if told != found {
        problems.push(format!("the deadlocks are {told:?}, pitviper says {found:?}"));
    }
    problems
}

/// Scenarios of the program `locked`.
macro_rules! scenarios {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            everywhere("locked", &[stringify!($name)], |_, program| differences(program));
        })*
    };
}

scenarios! {
    attribute_locks blocks buffered busy_locks chain conditions ends forked full_executor generator_locks given_back guards import_and_join kinds
    lock_and_future lock_and_join logging_lock one_lock plain_locks recursive_locks semaphores stacked_locks three_locks timed_locks try_locks
    with_locks
}

/// The text names the deadlock, both threads with what they hold and want, and both stacks.
#[test]
fn the_text_tells_the_deadlock() {
    everywhere("locked", &["with_locks"], |_, program| {
        let output = pitviper(program, "locks", &[]);
        let text = String::from_utf8_lossy(&output.stdout);
        let wanted = [
            "deadlock 1: thread ",
            "\"dl0\" holds __main__.LOCK_A, wants __main__.LOCK_B; thread ",
            "\"dl1\" holds __main__.LOCK_B, wants __main__.LOCK_A\n",
        ];
        let mut problems: Problems = wanted
            .iter()
            .filter(|wanted| !text.contains(**wanted))
            .map(|wanted| format!("{wanted:?} is missing in {text}"))
            .collect();
        if text.matches("    take_with (").count() < 2 {
            problems.push(format!("a stack is missing: {text}"));
        }
        problems
    });
}

/// A program that ends waits for its threads that are no daemons.
#[test]
fn the_end_waits_for_threads() {
    everywhere("shutdown_join", &[], |_, program| {
        let seen = match document(program, "locks", &[]) {
            Ok(seen) => seen,
            Err(problem) => return vec![problem],
        };
        let main = items(&seen["threads"]).iter().find(|thread| thread["native_id"] == program.pid());
        let wait = &main.unwrap_or(&Value::Null)["wait"];
        let owners: Vec<&Value> = items(&wait["owners"]).iter().map(|owner| &owner["thread"]["native_id"]).collect();
        let others = items(&program.truth["threads"]).iter().map(|thread| &thread["native_id"]);
        let others: Vec<&Value> = others.filter(|id| **id != program.pid()).collect();
        let right = wait["kind"] == "shutdown" && owners == others && !others.is_empty();
        if right { Problems::new() } else { vec![format!("the end waits for {others:?}, pitviper says {wait}")] }
    });
}

/// How often threads that wait for the GIL are looked at: they wake up all the time to ask for it.
const LOOKS: usize = 50;

/// Who waits for the GIL waits for the thread that blocks in C and keeps it.
#[test]
fn the_gil_has_a_holder() {
    everywhere("gil_held", &[], |_, program| {
        let told = program.extra();
        if told["gil"] == false {
            return Problems::new();
        }
        let wanters: BTreeSet<u64> = items(&told["wanters"]).iter().filter_map(|one| one["ident"].as_u64()).collect();
        let mut waiting = BTreeSet::new();
        for _ in 0..LOOKS {
            let seen = match document(program, "locks", &[]) {
                Ok(seen) => seen,
                Err(problem) => return vec![problem],
            };
            for thread in items(&seen["threads"]).iter().filter(|thread| thread["wait"]["kind"] == "gil") {
                let owner = &thread["wait"]["owners"][0];
                if owner["certainty"] != "proved" || owner["thread"]["id"] != told["holder"]["ident"] {
                    return vec![format!("{} waits for the GIL of {owner}", thread["name"])];
                }
                waiting.extend(thread["id"].as_u64());
            }
            if waiting == wanters {
                let holder = &seen["chains"][0]["end"]["id"];
                let right = *holder == told["holder"]["ident"];
                return if right { Problems::new() } else { vec![format!("they wait for {holder}")] };
            }
        }
        vec![format!("{wanters:?} wait for the GIL, pitviper says {waiting:?}")]
    });
}

/// `dump` says of each thread what `locks` says of it, and names the deadlock.
#[test]
fn dump_tells_it_too() {
    everywhere("locked", &["with_locks"], |_, program| {
        let dump = document(program, "dump", &[]);
        let locks = document(program, "locks", &[]);
        let (dump, locks) = match (dump, locks) {
            (Ok(dump), Ok(locks)) => (dump, locks),
            (dump, locks) => return [dump.err(), locks.err()].into_iter().flatten().collect(),
        };
        let mut problems = Problems::new();
        let waits = |threads: &Value, wait: &dyn Fn(&Value) -> Value| {
            json!(items(threads).iter().map(|thread| json!([thread["name"], wait(thread)])).collect::<Vec<_>>())
        };
        let in_locks = waits(&locks["threads"], &|thread| {
            // A thread that reads has nothing to be said of it that its call does not say.
            if thread["wait"]["kind"] == "call" { Value::Null } else { thread["wait"].clone() }
        });
        let in_dump = waits(&dump["interpreters"][0]["threads"], &|thread| thread["blocked_on"]["wait"].clone());
        if in_locks != in_dump {
            problems.push(format!("locks says {in_locks}, dump {in_dump}"));
        }
        if locks["deadlocks"] != dump["deadlocks"] || items(&dump["deadlocks"]).len() != 1 {
            problems.push(format!("locks says {}, dump {}", locks["deadlocks"], dump["deadlocks"]));
        }
        let text = pitviper(program, "dump", &[]);
        let text = String::from_utf8_lossy(&text.stdout);
        for wanted in ["    blocked on lock __main__.LOCK_A <lock at 0x", ">, held by thread ", "\ndeadlock 1: thread "]
        {
            if !text.contains(wanted) {
                problems.push(format!("{wanted:?} is missing in {text}"));
            }
        }
        problems
    });
}

/// How often the program without deadlocks is looked at.
fn looks() -> usize {
    std::env::var("PITVIPER_LOOKS").ok().and_then(|looks| looks.parse().ok()).unwrap_or(100)
}

/// Threads that take locks in one order are in no deadlock, whatever moments of them are seen.
#[test]
fn no_false_alarm() {
    everywhere("ordered_locks", &[], |python, program| {
        let target = match Target::attach(Pid(program.pid()), None) {
            Ok(target) => target,
            Err(error) => return vec![error.to_string()],
        };
        let (mut waits, mut held, mut proved) = (0, 0, 0);
        for _ in 0..looks() {
            let dump = stacks::dump(&target, &Options::default());
            let found = locks::read(&target, &dump, locks::Options::default());
            let named = |deadlock: &locks::Deadlock| {
                let names = deadlock.threads.iter().map(|index| format!("{:?}", found.threads[*index]));
                names.collect::<Vec<_>>().join("\n")
            };
            if let Some(deadlock) = found.deadlocks.first() {
                return vec![format!("a deadlock: {}", named(deadlock))];
            }
            for wait in found.threads.iter().filter_map(|thread| thread.wait.as_ref()) {
                waits += usize::from(matches!(wait.kind, Kind::Lock | Kind::RLock));
                held += usize::from(wait.kind == Kind::Lock && wait.holders().count() > 0);
                proved += usize::from(wait.kind == Kind::Lock && wait.is_proved());
            }
        }
        println!("{}: {waits} waits for locks, of {held} plain ones the holder, {proved} proved", python.name);
        if waits == 0 { vec!["no thread was ever seen to wait for a lock".to_owned()] } else { Problems::new() }
    });
}
