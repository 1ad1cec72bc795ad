//! Recordings know which task of asyncio runs: on every Python that has tasks, those of C code and of Python code.
//!
//! The program tells which functions only which task calls, and which none does.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code)] // Every file of tests uses a part of it.
mod support;

use pitviper::profile::Read;
use pitviper::stacks::Pausing;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};
use support::interpreters::Interpreter;
use support::programs::Program;
use support::recorded::{Folder, Pace, options, record};
use support::run::{Problems, alone, everywhere};

/// What the program says: of each function, the task that alone calls it, and in which thread.
struct Truth {
    tasks: BTreeMap<String, (String, String)>,
    outside: BTreeSet<String>,
}

impl Truth {
    fn of(program: &Program) -> Self {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let list = |name: &str| program.extra()[name].as_array().cloned().unwrap_or_default();
        let tasks = list("tasks").iter().map(|row| (text(&row[2]), (text(&row[0]), text(&row[1])))).collect();
        Self { tasks, outside: list("outside").iter().map(text).collect() }
    }

    /// The task that calls `function`, if it is one of the program's.
    fn task_of(&self, function: &str) -> Option<Option<&str>> {
        let task = self.tasks.get(function).map(|(task, _)| Some(task.as_str()));
        task.or_else(|| self.outside.contains(function).then_some(None))
    }
}

/// How many looks are checked, each way of pausing: `PITVIPER_LOOKS=1000000` for figures worth quoting.
fn looks() -> u64 {
    std::env::var("PITVIPER_LOOKS").ok().and_then(|looks| looks.parse().ok()).unwrap_or(4000)
}

#[test]
fn every_run_is_of_the_task_that_calls_its_function() {
    let _alone = alone();
    everywhere("async_tasks", &[], checked);
}

#[test]
fn tasks_of_python_code_are_known_as_well() {
    let _alone = alone();
    everywhere("async_tasks", &["python"], checked);
}

fn checked(python: &Interpreter, program: &Program) -> Problems {
    let ways = [Pausing::IfNeeded, Pausing::Always, Pausing::Never];
    ways.into_iter().flat_map(|pausing| compared(python, program, pausing)).collect()
}

/// Records, and compares the task of each run with the one that calls its innermost function.
fn compared(python: &Interpreter, program: &Program, pausing: Pausing) -> Problems {
    let truth = Truth::of(program);
    let began = Instant::now();
    let enough = |taken: u64| taken >= looks() || began.elapsed() > Duration::from_secs(20);
    let recorded = match record(program.pid(), options(pausing), Pace::Every(Duration::from_micros(200)), |session| {
        enough(session.writer.accounting.taken)
    }) {
        Ok(recorded) => recorded,
        Err(problem) => return vec![problem],
    };
    let mut problems = recorded.unsound();
    let (mut checked, mut wrong, mut untold) = (0_u64, 0_u64, 0_u64);
    let mut undecided = 0_u64;
    let mut seen = BTreeSet::new();
    for run in &recorded.runs {
        let function = recorded.innermost(run.stack);
        let Some(expected) = truth.task_of(function) else { continue };
        let task = run.task.map(|task| recorded.tables.text(task));
        seen.insert(function.to_owned());
        checked += u64::from(run.looks);
        let thread = recorded.tables.thread(run.thread).name.as_deref();
        let of = truth.tasks.get(function).map(|(_, thread)| thread.as_str());
        if of == Some("second") && thread != of {
            problems.push(format!("{function} runs in thread {thread:?}"));
        }
        let exact = matches!(run.read, Read::Blocked | Read::Stopped);
        match (task == expected, exact) {
            (true, _) => {}
            // It may mix two moments, and says so.
            (false, false) if run.read == Read::Undecided => undecided += u64::from(run.looks),
            (false, true) => problems.push(format!("{function}, exact: in task {task:?}, not {expected:?}")),
            (false, false) if task.is_none() => untold += u64::from(run.looks),
            (false, false) => {
                println!("{} {:?} {function}: {task:?}", python.name, run.read);
                wrong += u64::from(run.looks);
            }
        }
    }
    let account = recorded.accounting;
    println!(
        "{} {pausing:?}: of {checked} looks {wrong} in the wrong task, {untold} in none ({undecided} more undecided); \
         {} deduced, {} stopped, {} undecided, {} ns each",
        python.name,
        account.deduced,
        account.stopped,
        account.undecided,
        account.profiler_cpu / account.taken.max(1)
    );
    // Without a stop it may stay unknown which task a thread executes that changes it all the time. The program does
    // nothing but what is hard to tell.
    let untold = if pausing == Pausing::Never { 0 } else { untold };
    if wrong + untold > checked / 1000 + 1 {
        problems.push(format!("{pausing:?}: of {checked} looks {wrong} are in the wrong task and {untold} in none"));
    }
    let missing = truth.tasks.keys().filter(|name| !seen.contains(*name)).count();
    // Each takes some hundredth of the time.
    if pausing == Pausing::IfNeeded && checked > 2000 && missing > truth.tasks.len() / 4 {
        problems.push(format!("{pausing:?}: of {} functions {missing} were never seen", truth.tasks.len()));
    }
    problems
}

#[test]
fn each_task_is_a_root_of_the_report() {
    let _alone = alone();
    everywhere("async_tasks", &[], |_, program| reported(program).err().into_iter().flatten().collect());
}

/// Runs it, and returns what share of the looks at a running thread it says to have left undecided.
fn pitviper(arguments: &[&str]) -> Result<f64, Problems> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_pitviper")).args(arguments).output().map_err(|e| vec![e.to_string()])?;
    // 4 says that some looks remained undecided, as on a machine without a processor to spare.
    match output.status.code() {
        Some(0 | 4) => {
            let told = String::from_utf8_lossy(&output.stderr);
            let words: Vec<&str> = told.split([' ', ',', ';']).collect();
            let count = |name: &str| -> f64 {
                let number = words.windows(2).find(|pair| pair[1] == name).and_then(|pair| pair[0].parse().ok());
                number.unwrap_or(0.0)
            };
            let undecided = count("undecided");
            Ok(undecided / (count("deduced") + count("stopped") + undecided).max(1.0))
        }
        _ => Err(vec![format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr))]),
    }
}

fn reported(program: &Program) -> Result<(), Problems> {
    let folder = Folder::new();
    let path = |name: &str| folder.join(name).display().to_string();
    let (raw, pid) = (path("raw.pv"), program.pid().to_string());
    let direct = path("direct.folded");
    let direct = pitviper(&["record", &pid, "-o", &direct, "--tasks", "--duration", "1s", "--rate", "2khz"])?;
    let later = pitviper(&["record", &pid, "-o", &raw, "--duration", "1s", "--rate", "2khz"])?;
    pitviper(&["report", &raw, "-o", &path("tasks.folded"), "--by", "task"])?;
    pitviper(&["report", &raw, "-o", &path("same.folded"), "--tasks"])?;
    let read = |name: &str| std::fs::read_to_string(path(name)).map_err(|error| vec![error.to_string()]);
    let mut problems = Problems::new();
    if read("tasks.folded")? != read("same.folded")? {
        problems.push("--tasks and --by task differ".to_owned());
    }
    let truth = Truth::of(program);
    // What was not decided may mix two moments, and is told.
    for (name, undecided) in [("direct.folded", direct), ("tasks.folded", later)] {
        let text = read(name)?;
        let (mut right, mut all) = (0_u64, 0_u64);
        for line in text.lines() {
            let Some((stack, weight)) = line.rsplit_once(' ') else { continue };
            let places: Vec<&str> = stack.split(';').collect();
            let leaf = places.last().and_then(|place| place.split(' ').next()).unwrap_or_default();
            let Some(Some(task)) = truth.task_of(leaf) else { continue };
            let weight: u64 = weight.parse().unwrap_or(0);
            all += weight;
            right += if places.first() == Some(&task) { weight } else { 0 };
        }
        let wrong = (all - right) as f64 / all.max(1) as f64;
        if all == 0 || wrong > 0.01 + undecided {
            problems.push(format!(
                "{name}: {right} of {all} µs are below the right task, {undecided:.3} of looks undecided:\n{text}"
            ));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}
