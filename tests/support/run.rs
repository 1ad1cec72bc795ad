//! Runs one check over all Pythons and reports every failure, not only the first.

use crate::support::interpreters::{self, Interpreter};
use crate::support::programs::{Program, Started};
use serde_json::Value;
use std::process::Command;

/// What a check has to complain of.
pub type Problems = Vec<String>;

/// Of one Python at most so many problems are shown.
const MOST: usize = 25;

/// Runs the program `name` under every Python and `check` on each.
///
/// # Panics
/// After the last, if any of them had problems: with all of them.
pub fn everywhere(name: &str, arguments: &[&str], check: impl Fn(&Interpreter, &Program) -> Problems) {
    let mut failures = Vec::new();
    let pythons = interpreters::all();
    for python in pythons {
        let problems = match Program::start(python, name, arguments) {
            Ok(Started::Tells(program)) => {
                let mut problems = check(python, &program);
                problems.extend(program.end().err());
                problems
            }
            Ok(Started::Skips(reason)) => {
                eprintln!("{name} on {}: not tested: {reason}", python.name);
                continue;
            }
            Err(problem) => vec![problem],
        };
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
