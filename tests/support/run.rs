//! Runs one check over all Pythons and reports every failure, not only the first.

use crate::support::interpreters::{self, Interpreter};
use crate::support::programs::{Program, Started};
use serde_json::Value;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a check has to complain of.
pub type Problems = Vec<String>;

/// Of one Python at most so many problems are shown.
const MOST: usize = 25;

/// Held by tests that have to run one after the other: they measure what happens within microseconds, on
/// programs that take a processor each.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // One that failed leaves nothing behind.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the program `name` under every Python and `check` on each.
///
/// # Panics
/// After the last, if any of them had problems: with all of them.
pub fn everywhere(name: &str, arguments: &[&str], check: impl Fn(&Interpreter, &Program) -> Problems) {
    everywhere_to_the_end(name, arguments, |python, program| {
        let mut problems = check(python, &program);
        problems.extend(program.end().err());
        problems
    });
}

/// As [`everywhere`], where the check lets the program end.
pub fn everywhere_to_the_end(name: &str, arguments: &[&str], check: impl Fn(&Interpreter, Program) -> Problems) {
    each_python(name, |python| match Program::start(python, name, arguments) {
        Ok(Started::Tells(program)) => check(python, *program),
        Ok(Started::Skips(reason)) => {
            eprintln!("{name} on {}: not tested: {reason}", python.name);
            Problems::new()
        }
        Err(problem) => vec![problem],
    });
}

/// Runs `check`, called `name`, on every Python.
pub fn each_python(name: &str, check: impl Fn(&Interpreter) -> Problems) {
    let mut failures = Vec::new();
    let pythons = interpreters::all();
    for python in pythons {
        let problems = check(python);
        if !problems.is_empty() {
            failures.push(report(python, &problems));
        }
    }
    assert!(failures.is_empty(), "{name}: {} of {} Pythons\n{}", failures.len(), pythons.len(), failures.join("\n"));
}

fn report(python: &Interpreter, problems: &[String]) -> String {
    let mut text = format!("== {} ({} problems)\n", python.name, problems.len());
    for problem in problems.iter().take(MOST) {
        text.push_str(&format!("   {}\n", problem.trim()));
    }
    if problems.len() > MOST {
        text.push_str(&format!("   … and {} more\n", problems.len() - MOST));
    }
    text
}

/// What `pitviper dump PID --json` with `options` prints, if it exits with 0.
pub fn dump(pid: u32, options: &[&str]) -> Result<Value, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_pitviper"))
        .args(["dump", &pid.to_string(), "--json"])
        .args(options)
        .output()
        .map_err(|error| format!("cannot run pitviper: {error}"))?;
    let document = serde_json::from_slice::<Value>(&output.stdout);
    let talk = String::from_utf8_lossy(&output.stderr);
    let talk = talk.trim().replace('\n', " | ");
    match document {
        Ok(document) if output.status.success() => Ok(document),
        Ok(document) => {
            let faults: Vec<String> = crate::support::compare::threads(&document)
                .filter(|(_, thread)| thread["end"] != "root" || thread["read"] != "blocked")
                .take(3)
                .map(|(_, thread)| {
                    format!("{}: {} {} {}", thread["name"], thread["read"], thread["end"], thread["fault"])
                })
                .collect();
            Err(format!("pitviper: {}: {talk} {} {}", output.status, document["problems"], faults.join("; ")))
        }
        Err(_) => Err(format!("pitviper: {}: {talk}", output.status)),
    }
}
