//! Recordings of every Python there is: whether each sample is true, whether they are fair, and
//! whether the target and the recording survive whatever happens.
//!
//! The programs (tests/programs) know the truth and tell it. `PITVIPER_ONLY=3.14` tests only Pythons
//! whose name starts so. By default little is looked at; for figures worth quoting:
//! `PITVIPER_LOOKS=1000000 PITVIPER_SECONDS=10 cargo test --release --test record -- --nocapture`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code)] // Every file of tests uses a part of it.
mod support;

use nix::sys::signal::Signal;
use pitviper::address::Pid;
use pitviper::profile::{Ending, EventKind, FunctionId, Read, Run, State};
use pitviper::sampling::{Options, Session};
use pitviper::stacks::Pausing;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::calltree::CallTree;
use support::interpreters::Interpreter;
use support::programs::Program;
use support::recorded::{Folder, Pace, Recorded, Recorder, frames_of, options, record};
use support::run::{Problems, alone, each_python, everywhere, everywhere_to_the_end};

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// How many looks are checked, each way of pausing.
fn looks() -> u64 {
    number("PITVIPER_LOOKS").unwrap_or(1000)
}

/// How long a recording is that must show shares of time.
fn seconds(usual: f64) -> u64 {
    (number("PITVIPER_SECONDS").unwrap_or(usual) * 1e9) as u64
}

/// At 1 kHz, as `pitviper record` does unless told otherwise.
const USUAL: Pace = Pace::Every(Duration::from_millis(1));

/// Problems of a check that could not be made are problems, too.
fn all(problems: Result<Problems, String>) -> Problems {
    problems.unwrap_or_else(|problem| vec![problem])
}

/// Until so many looks were made, or so much time has passed: a deep stack without frame memory of its
/// own (before 3.11) takes milliseconds.
fn enough(count: u64) -> impl FnMut(&Session<Vec<u8>>) -> bool {
    let began = Instant::now();
    let limit = Duration::from_secs(if number::<u64>("PITVIPER_LOOKS").is_some() { 120 } else { 2 });
    move |session| session.writer.accounting.taken >= count || began.elapsed() > limit
}

/// Whether function `name` runs now, innermost.
fn runs(session: &Session<Vec<u8>>, name: &str) -> bool {
    let tables = session.writer.tables();
    let is = |function: FunctionId| tables.text(tables.function(function).name) == name;
    session.running().into_iter().any(is)
}

// --- shares of time -------------------------------------------------------------------------------

/// The shares of time of functions, as recorded at 1 kHz and as the program has measured them.
#[test]
fn shares_of_time_are_those_that_the_program_measures() {
    let _alone = alone();
    everywhere_to_the_end("ratios", &[], |python, program| all(ratios(python, program)));
}

fn ratios(python: &Interpreter, program: Program) -> Result<Problems, String> {
    let time = seconds(1.5);
    let recorded = record(program.pid(), Options::default(), USUAL, |session| session.elapsed() >= time)?;
    let names: Vec<String> = texts(&program.extra()["functions"]);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let truth = program.last_truth()?;
    let began = recorded.started.as_nanos() as f64;
    let window = (began, began + recorded.accounting.duration as f64);
    let (mut wall, mut cpu) = (BTreeMap::new(), BTreeMap::new());
    let mut ends = Vec::new();
    for call in truth["extra"]["calls"].as_array().into_iter().flatten() {
        let of = |index: usize| call[index].as_f64().unwrap_or(0.0);
        let within = of(2).min(window.1) - of(1).max(window.0);
        if within > 0.0 {
            ends.push(of(2));
            let name = call[0].as_str().unwrap_or("?").to_owned();
            *wall.entry(name.clone()).or_insert(0.0) += within;
            *cpu.entry(name).or_insert(0.0) += of(3) * within / (of(2) - of(1));
        }
    }
    let mut problems = recorded.unsound();
    type Weight = fn(&Run) -> f64;
    let modes: [(&str, _, Weight); 2] = [("wall", wall, |run| run.wall as f64), ("cpu", cpu, |run| run.cpu as f64)];
    for (mode, told, weight) in modes {
        let mut seen: BTreeMap<&str, f64> = BTreeMap::new();
        for run in &recorded.runs {
            if let Some(name) = recorded.which(run.stack, &names) {
                *seen.entry(name).or_default() += weight(run);
            }
        }
        // The time between two looks goes to the later one. Where a call begins or ends within it, at a
        // moment that is chance, some of it belongs to others: a variance of at most a quarter of its square.
        let (mut since, mut variance) = (0, 0.0);
        for run in recorded.runs.iter().filter(|run| weight(run) > 0.0) {
            let (from, to) = (began + since as f64, began + run.stop() as f64);
            let gap = weight(run) / f64::from(if mode == "wall" { run.looks } else { 1 });
            if ends.iter().any(|end| (from..to).contains(end)) {
                variance += gap.powi(2) / 4.0;
            }
            since = run.stop();
        }
        let total: f64 = told.values().sum();
        let sigma = variance.sqrt() / total * 100.0;
        let all: f64 = seen.values().sum();
        let mut worst: f64 = 0.0;
        for name in &names {
            let is = told.get(*name).copied().unwrap_or(0.0) / total * 100.0;
            let says = seen.get(name).copied().unwrap_or(0.0) / all * 100.0;
            worst = worst.max((is - says).abs());
            // FIXME: a percentage point is promised at 1 kHz, and kept for wall-clock time where the machine
            // has a processor for each of program and pitviper (0.3 points, PITVIPER_SECONDS=5). Where the
            // tests crowd it, what is late is late at moments that are not chance.
            if (is - says).abs() > if mode == "wall" { 10.0 } else { 20.0 } + 4.0 * sigma {
                problems.push(format!("{mode}: {name} takes {is:.2} %, pitviper says {says:.2} % (sigma {sigma:.2})"));
            }
        }
        println!("{} {mode}: off by {worst:.2} percentage points at most (sigma {sigma:.2})", python.name);
    }
    Ok(problems)
}

/// What runs for less than an interval at a time is seen seldom, and on a crowded machine hardly ever: looks come when it
/// has gone to sleep. How long it ran is known all the same, and belongs to what it runs.
#[test]
fn short_turns_count_as_long_as_they_take() {
    let _alone = alone();
    everywhere_to_the_end("turns", &[], |python, program| all(turns(python, program)));
}

fn turns(python: &Interpreter, program: Program) -> Result<Problems, String> {
    let time = seconds(1.5);
    let recorded = record(program.pid(), Options::default(), USUAL, |session| session.elapsed() >= time)?;
    let truth = program.last_truth()?;
    let told = |kind: &str| {
        let of = |index: usize| truth["extra"][kind][index].as_f64().unwrap_or(f64::NAN);
        of(0) / of(1) * 100.0
    };
    let share = |weight: fn(&Run) -> u64| {
        let sum = |which: &dyn Fn(&Run) -> bool| -> f64 {
            recorded.runs.iter().filter(|run| which(run)).map(|run| weight(run) as f64).sum()
        };
        sum(&|run| recorded.which(run.stack, &["works"]).is_some()) / sum(&|_| true) * 100.0
    };
    let (wall, cpu) = (share(|run| run.wall), share(|run| run.cpu));
    let on_processor = truth["extra"]["cpu"][0].as_f64().unwrap_or(f64::NAN)
        / truth["extra"]["wall"][1].as_f64().unwrap_or(f64::NAN)
        * 100.0;
    println!(
        "{} wall {wall:.1} % of {:.1} % ({on_processor:.1} % on a processor), cpu {cpu:.1} % of {:.1} %",
        python.name,
        told("wall"),
        told("cpu")
    );
    let mut problems = recorded.unsound();
    // While it waits for a processor, it may be about to work or to go on.
    // FIXME: most are within 3 points. Until 3.10, where each look is a stop, up to 10 points of processor time go to what
    // is not work, and once 26 did (3.7): what runs unseen is drawn from the few looks that have seen anything. Without
    // the kernel's counts it would be 50 and more.
    if wall < on_processor - 12.0 || wall > told("wall") + 12.0 {
        problems.push(format!("wall: works takes {on_processor:.1} to {:.1} %, pitviper says {wall:.1}", told("wall")));
    }
    if (cpu - told("cpu")).abs() > 35.0 {
        problems.push(format!("cpu: works takes {:.1} %, pitviper says {cpu:.1} %", told("cpu")));
    }
    Ok(problems)
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

// --- impossible stacks ----------------------------------------------------------------------------

/// How many looks were made in each way, and how many of them cannot be true.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<Read, (u64, u64)>,
    examples: Problems,
}

impl Tally {
    fn count(&mut self, run: &Run, verdict: Result<(), String>) {
        let row = self.counts.entry(run.read).or_default();
        row.0 += u64::from(run.looks);
        if let Err(problem) = verdict {
            row.1 += u64::from(run.looks);
            if run.read == Read::Undecided {
                return;
            }
            self.examples.push(format!(
                "{} {} times at {} us: {problem}",
                run.read.word(),
                run.looks,
                run.start / 1000
            ));
        }
    }

    /// Where every look has to be exact none may be wrong, else one in 1,000, and of a few hundred looks by
    /// chance some. Whoever may not stop a program that calls faster than can be copied sees some wrongly. Those
    /// that could not be decided are told apart, and no one says that they are true.
    fn untrue(self, pausing: Pausing) -> Problems {
        let decided = self.counts.iter().filter(|(read, _)| **read != Read::Undecided);
        let (all, wrong) = decided.fold((0, 0), |sum, (_, row)| (sum.0 + row.0, sum.1 + row.1));
        let tolerated = match pausing {
            Pausing::Always => 0,
            Pausing::IfNeeded => 8 + all / 1000,
            Pausing::Never => 8 + all / 40,
        };
        if wrong <= tolerated {
            return Problems::new();
        }
        let mut problems = vec![format!("{pausing:?}: {self}")];
        problems.extend(self.examples.into_iter().take(5));
        problems
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (read, (all, wrong)) in &self.counts {
            write!(f, "{} {all} ({wrong} wrong) ", read.word())?;
        }
        Ok(())
    }
}

const EVERY_WAY: [Pausing; 3] = [Pausing::IfNeeded, Pausing::Always, Pausing::Never];

/// Records the program as fast as can be, in every way of pausing, and judges every run.
fn judge(
    python: &Interpreter,
    program: &Program,
    count: u64,
    mut verdict: impl FnMut(&Recorded, &Run) -> Result<(), String>,
) -> Result<Problems, String> {
    let mut problems = Problems::new();
    for pausing in EVERY_WAY {
        let began = Instant::now();
        let recorded = record(program.pid(), options(pausing), Pace::Fastest, enough(count))?;
        let rate = recorded.accounting.taken as f64 / began.elapsed().as_secs_f64();
        let mut tally = Tally::default();
        for run in &recorded.runs {
            tally.count(run, verdict(&recorded, run));
        }
        println!("{} {pausing:?}: {tally}at {rate:.0} looks/s", python.name);
        problems.extend(tally.untrue(pausing));
        problems.extend(recorded.unsound());
    }
    Ok(problems)
}

/// Every stack of a tree of calls must be one that can exist.
fn possible(python: &Interpreter, program: &Program) -> Problems {
    all(possible_stacks(python, program, looks()))
}

fn possible_stacks(python: &Interpreter, program: &Program, count: u64) -> Result<Problems, String> {
    let busy: Vec<u64> =
        program.extra()["threads"].as_array().into_iter().flatten().filter_map(|t| t["ident"].as_u64()).collect();
    let mut tree = CallTree::new(program.extra());
    // A stack is judged once. Those of another recording have other numbers.
    let mut known = HashMap::new();
    let mut of = None;
    let mut problems = judge(python, program, count, |recorded, run| {
        let ident = recorded.tables.thread(run.thread).ident;
        if !busy.contains(&ident) {
            return Ok(());
        }
        if of.replace(recorded.started) != Some(recorded.started) {
            known.clear();
        }
        // On its way to the root it may be anywhere.
        if !tree.has_seen(ident) {
            return tree.check_frames(ident, &recorded.frames(run.stack));
        }
        let check = || tree.check_frames(ident, &recorded.frames(run.stack));
        known.entry((ident, run.stack)).or_insert_with(check).clone()
    })?;
    problems
        .extend(busy.iter().filter(|id| !tree.has_seen(**id)).map(|id| format!("thread {id} was never seen at work")));
    Ok(problems)
}

#[test]
fn stacks_of_a_tree_in_two_threads_are_possible() {
    let _alone = alone();
    everywhere("busy_tree", &["2", "10"], possible);
}

#[test]
fn stacks_of_a_tree_below_50_calls_are_possible() {
    let _alone = alone();
    everywhere("busy_tree", &["1", "50"], possible);
}

#[test]
fn stacks_of_a_tree_below_500_calls_are_possible() {
    let _alone = alone();
    everywhere("busy_tree", &["1", "500"], possible);
}

#[test]
fn stacks_of_a_tree_below_10000_calls_are_possible() {
    let _alone = alone();
    everywhere("busy_tree", &["1", "10000"], |python, program| all(possible_stacks(python, program, 100)));
}

#[test]
fn stacks_of_generators_in_two_threads_are_possible() {
    let _alone = alone();
    everywhere("busy_generators", &["2", "10"], possible);
}

#[test]
fn stacks_of_generators_below_500_calls_are_possible() {
    let _alone = alone();
    everywhere("busy_generators", &["1", "500"], possible);
}

/// Every function and line that is seen is one that is executed.
#[test]
fn lines_are_those_that_are_executed() {
    let _alone = alone();
    everywhere("known_lines", &[], |python, program| {
        let extra = program.extra();
        let line = |lines: &Value| lines.as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        let lines = extra["lines"].as_object().expect("extra.lines is an object");
        let known: HashMap<String, BTreeSet<i64>> =
            lines.iter().map(|(name, lines)| (name.clone(), line(lines))).collect();
        let file = extra["file"].as_str().unwrap_or("?");
        let executed = |recorded: &Recorded, run: &Run| {
            let tables = &recorded.tables;
            let here = |frame: &_| tables.function_of(*frame).file.is_some_and(|name| tables.text(name) == file);
            for frame in tables.frames(run.stack).filter(here) {
                let name = tables.text(tables.function_of(frame).name);
                // What the compiler adds, such as the end of an except block, has no line (3.11+).
                let Some(line) = tables.frame(frame).line.map(i64::from) else { continue };
                if !known.get(name).is_some_and(|lines| lines.contains(&line)) {
                    return Err(format!("line {line} of {name} is never executed"));
                }
            }
            Ok(())
        };
        all(judge(python, program, looks(), executed))
    });
}

/// A code object that lies where another lay before is not taken for it.
#[test]
fn code_that_comes_and_goes_has_its_own_name() {
    let _alone = alone();
    everywhere("made_code", &[], |python, program| {
        let mut newest = 0;
        let fits = |recorded: &Recorded, run: &Run| {
            let frames = recorded.frames(run.stack);
            for pair in frames.windows(3) {
                let Some(made) = pair[0].0.strip_prefix("made_") else { continue };
                let (site, number) = made.split_once('_').unwrap_or(("?", "?"));
                let number: u64 = number.parse().unwrap_or(0);
                if pair[2].0 != format!("call_{site}") || pair[1].0 != "<module>" {
                    return Err(format!("{} was called by {} in {}", pair[0].0, pair[1].0, pair[2].0));
                }
                if number < newest {
                    return Err(format!("{} was seen after {newest}", pair[0].0));
                }
                newest = number;
            }
            Ok(())
        };
        all(judge(python, program, looks(), fits))
    });
}

// --- no bias --------------------------------------------------------------------------------------

/// How many recordings of each kind are compared, in turns.
const PAIRS: usize = 20;

/// The shares of functions and of depths, innermost, are those that exact looks yield.
fn fair(python: &Interpreter, program: &Program) -> Result<Problems, String> {
    let time = seconds(2.4) / (2 * PAIRS as u64);
    // For each thing that may be seen its share in percent in each recording, by the way of pausing.
    let mut shares: BTreeMap<String, [Vec<f64>; 2]> = BTreeMap::new();
    let (mut deduced, mut count) = (0, 0);
    let (began, waited) = (Instant::now(), waited_for_processors(program.pid()));
    for pair in 0..PAIRS {
        // Neither all of one length nor always in this order: the program does one thing after the other, in a
        // rhythm of its own.
        let time = time * (10 + pair as u64 * 7 % 20) / 20;
        let sides = [(0, Pausing::IfNeeded), (1, Pausing::Always)];
        for (side, pausing) in if pair % 4 < 2 { [sides[0], sides[1]] } else { [sides[1], sides[0]] } {
            // Faster than looks can be made they are made when the one before is done, and what the program does
            // a certain time after it did something else is seen too often.
            let recorded = record(program.pid(), options(pausing), USUAL, |session| session.elapsed() >= time)?;
            let runs: Vec<&Run> = recorded.runs.iter().filter(|run| run.state == State::Running).collect();
            // Of time: where looks take long there are fewer.
            let total: f64 = runs.iter().map(|run| run.wall as f64).sum();
            deduced += recorded.accounting.deduced;
            count += recorded.accounting.taken;
            for run in runs {
                let share = 100.0 * run.wall as f64 / total;
                let depth = recorded.tables.frames(run.stack).count();
                for what in [recorded.innermost(run.stack).to_owned(), format!("depth {depth}")] {
                    let of = &mut shares.entry(what).or_insert_with(|| [vec![0.0; PAIRS], vec![0.0; PAIRS]])[side];
                    of[pair] += share;
                }
            }
        }
        if deduced == 0 {
            // Every look is exact in both: there is nothing to compare.
            return Ok(Problems::new());
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mut rows: Vec<(String, f64, f64, f64)> = Vec::new();
    for (what, [usual, exact]) in &shares {
        let differences: Vec<f64> = usual.iter().zip(exact).map(|(a, b)| a - b).collect();
        let off = mean(&differences);
        let variance = differences.iter().map(|d| (d - off).powi(2)).sum::<f64>() / (PAIRS - 1) as f64;
        rows.push((what.clone(), mean(exact), off, (variance / PAIRS as f64).sqrt()));
    }
    // Twenty of each: what is seldom has no share that could be off.
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    rows.truncate(40);
    let worst = rows.iter().map(|row| row.2.abs()).fold(0.0, f64::max);
    let sigma = rows.iter().map(|row| row.3).fold(0.0, f64::max);
    // Where it stands for want of a processor it is seen in one place for as long as that lasts: so many
    // looks are one.
    let stood = 100.0 * (waited_for_processors(program.pid()) - waited) / began.elapsed().as_secs_f64();
    let quality = format!("{count} looks, {deduced} deduced, {stood:.1} % of the time without a processor");
    println!("{}: {quality}: off by {worst:.2} points (sigma {sigma:.2})", python.name);
    // Of some hundred rows on every Python none is off by five sigma more by chance.
    let is_off = |row: &&(String, f64, f64, f64)| row.2.abs() > 1.0 + 5.0 * row.3 + stood / 2.0;
    let show = |(what, exact, off, sigma): &(String, f64, f64, f64)| {
        format!("{what}: {exact:.2} % when stopped, off by {off:.2} by default (sigma {sigma:.2})")
    };
    Ok(rows.iter().filter(is_off).map(show).collect())
}

/// How long the threads of a process were ready and had no processor, in seconds.
fn waited_for_processors(pid: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let waited = |task: std::fs::DirEntry| -> Option<f64> {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').nth(1)?.parse().ok()
    };
    tasks.filter_map(waited).sum::<f64>() / 1e9
}

#[test]
fn shares_of_a_tree_are_fair() {
    let _alone = alone();
    everywhere("busy_tree", &["1", "3"], |python, program| all(fair(python, program)));
}

#[test]
fn shares_of_the_standard_library_are_fair() {
    let _alone = alone();
    everywhere("stdlib_work", &[], |python, program| all(fair(python, program)));
}

// --- the target is not disturbed ------------------------------------------------------------------

/// A call that a stop interrupts begins again: it is never seen to fail.
#[test]
fn no_system_call_is_interrupted() {
    let _alone = alone();
    everywhere_to_the_end("epoll_loop", &[], |python, program| {
        let calls = program.extra()["calls"].as_u64().unwrap_or(0);
        let mut problems = Problems::new();
        let mut stops = 0;
        for pausing in [Pausing::IfNeeded, Pausing::Always] {
            let time = seconds(0.3);
            let recorded = record(program.pid(), options(pausing), Pace::Fastest, |session| session.elapsed() >= time);
            match recorded {
                Ok(recorded) => {
                    problems.extend(recorded.unsound());
                    stops += recorded.accounting.stops;
                }
                Err(problem) => problems.push(problem),
            }
        }
        let told = match program.last_truth() {
            Ok(told) => told,
            Err(problem) => return vec![problem],
        };
        let extra = &told["extra"];
        println!("{}: {stops} stops, {} calls", python.name, extra["made"]);
        let made = extra["made"].as_object().map_or(0, |made| made.values().filter(|times| **times != 0).count());
        if calls != made as u64 {
            problems.push(format!("of {calls} calls {made} were made: {}", extra["made"]));
        }
        for (call, times) in extra["interrupted"].as_object().into_iter().flatten() {
            if *times != 0 {
                problems.push(format!("{call} failed with EINTR {times} times"));
            }
        }
        problems
    });
}

/// A thread that is blocked is never stopped, not even where all are to be.
#[test]
fn blocked_threads_are_never_stopped() {
    let _alone = alone();
    everywhere("blocked_calls", &[], |_, program| {
        let told = program.truth["threads"].as_array().map_or(0, Vec::len) as u64;
        let recorded = record(program.pid(), options(Pausing::Always), Pace::Fastest, enough(100 * told));
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(problem) => return vec![problem],
        };
        let mut problems = recorded.unsound();
        let account = recorded.accounting;
        if account.stops > 0 || account.stopped > 0 || account.undecided > 0 {
            problems.push(format!("all threads are blocked: {account:?}"));
        }
        problems
    });
}

/// Killed in the middle of it, pitviper leaves a target that runs and a recording that can be read.
#[test]
fn killed_it_leaves_the_target_running_and_a_recording() {
    let _alone = alone();
    everywhere("busy_tree", &["1", "3"], |_, program| {
        let folder = Folder::new();
        let mut problems = Problems::new();
        for number in 0..4 {
            let raw = folder.join(&format!("{number}.pv"));
            problems.extend(kill_one(program, &raw).err());
        }
        problems
    });
}

fn kill_one(program: &Program, raw: &std::path::Path) -> Result<(), String> {
    let pid = program.pid().to_string();
    let path = raw.to_str().unwrap_or("?");
    let recorder = Recorder::begin(&[&pid, "-o", path, "--pause", "--rate", "10khz"], raw)?;
    recorder.signal(Signal::SIGKILL);
    recorder.wait()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| error.to_string())?;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| error.to_string())? {
        let stat = thread.map(|thread| thread.path().join("stat")).map_err(|error| error.to_string())?;
        // The state is behind the name, which is in parentheses.
        let stat = std::fs::read_to_string(stat).unwrap_or_default();
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
        if matches!(state, Some('t' | 'T')) {
            return Err(format!("a thread is left stopped: {stat} {status}"));
        }
    }
    let seen = Recorded::read_file(raw)?;
    if !matches!(seen.ending, Ending::CutShort { .. }) || !seen.runs.iter().any(|run| run.stack.is_some()) {
        return Err(format!("the recording ends with {:?} and has {} runs", seen.ending, seen.runs.len()));
    }
    expect(&pitviper(&["report", path]), 4)
}

// --- the command line -----------------------------------------------------------------------------

fn pitviper(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pitviper"));
    command.args(arguments).stdin(std::process::Stdio::null()).output().expect("pitviper runs")
}

fn expect(output: &Output, code: i32) -> Result<(), String> {
    if output.status.code() == Some(code) {
        return Ok(());
    }
    let talk = String::from_utf8_lossy(&output.stderr);
    Err(format!("pitviper ended with {} instead of {code}: {}", output.status, talk.trim()))
}

/// Signals end a recording or have it reported, and what was seen is written.
#[test]
fn signals_end_and_report() {
    let _alone = alone();
    everywhere("busy_tree", &["0", "3"], |_, program| {
        let folder = Folder::new();
        let ends =
            [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].map(|signal| end_by(program, &folder, signal).err());
        ends.into_iter().flatten().chain(report_by_signal(program, &folder).err()).collect()
    });
}

fn end_by(program: &Program, folder: &Folder, signal: Signal) -> Result<(), String> {
    let raw = folder.join(&format!("{signal}.pv"));
    let recorder = Recorder::begin(&[&program.pid().to_string(), "-o", raw.to_str().unwrap_or("?")], &raw)?;
    recorder.signal(signal);
    let (status, talk) = recorder.wait()?;
    let recorded = Recorded::read_file(&raw)?;
    let problems = recorded.unsound();
    // 4 says that of some looks no stack could be made.
    let expected = if recorded.accounting.undecided + recorded.accounting.unreadable > 0 { 4 } else { 0 };
    if status.code() != Some(expected) || !problems.is_empty() {
        return Err(format!("after {signal}: {status} instead of {expected}: {talk} {}", problems.join(", ")));
    }
    Ok(())
}

fn report_by_signal(program: &Program, folder: &Folder) -> Result<(), String> {
    let (result, raw) = (folder.join("live.folded"), folder.join("live.folded.pv"));
    let path = result.to_str().unwrap_or("?");
    let mut recorder = Recorder::begin(&[&program.pid().to_string(), "-o", path], &raw)?;
    recorder.signal(Signal::SIGUSR1);
    let report = |_: &mut Recorder| Ok(std::fs::read_to_string(&result).is_ok_and(|text| text.contains("f_0")));
    recorder.until("a report is written", report)?;
    std::fs::remove_file(&result).map_err(|error| error.to_string())?;
    recorder.signal(Signal::SIGTERM);
    let (_, talk) = recorder.wait()?;
    if !std::fs::read_to_string(&result).is_ok_and(|text| text.contains("f_0")) || raw.exists() {
        return Err(format!("nothing is written at the end, or {} is left: {talk}", raw.display()));
    }
    Ok(())
}

/// `--duration` leaves the program running; `--every` and `--keep` write a series.
#[test]
fn time_limits_are_kept() {
    let _alone = alone();
    everywhere("busy_tree", &["0", "3"], |_, program| {
        let folder = Folder::new();
        let mut problems = Problems::new();
        problems.extend(short(program, &folder).err());
        problems.extend(series(program, &folder).err());
        problems
    });
}

fn short(program: &Program, folder: &Folder) -> Result<(), String> {
    let raw = folder.join("short.pv");
    let path = raw.to_str().unwrap_or("?");
    let output = pitviper(&["record", &program.pid().to_string(), "-o", path, "--duration", "200ms"]);
    let recorded = Recorded::read_file(&raw)?;
    expect(&output, if recorded.accounting.undecided + recorded.accounting.unreadable > 0 { 4 } else { 0 })?;
    let length = Duration::from_nanos(recorded.accounting.duration);
    // Attaching takes part of it.
    if length < Duration::from_millis(50) || recorded.events.iter().any(|e| e.kind == EventKind::ProcessEnded) {
        return Err(format!("it lasted {length:?}: {:?}", recorded.events));
    }
    let problems = recorded.unsound();
    if problems.is_empty() { Ok(()) } else { Err(problems.join(", ")) }
}

fn series(program: &Program, folder: &Folder) -> Result<(), String> {
    let raw = folder.join("part.pv");
    let path = raw.to_str().unwrap_or("?");
    let arguments = ["-o", path, "--every", "100ms", "--keep", "2", "--duration", "450ms"];
    let output = pitviper(&[&["record", &program.pid().to_string()], &arguments[..]].concat());
    let parts: Vec<u32> = (1..20).filter(|n| folder.join(&format!("part.{n:04}.pv")).exists()).collect();
    let consecutive = matches!(parts.as_slice(), [a, b] if *b == a + 1 && *b > 2);
    if !consecutive || raw.exists() {
        return Err(format!("parts {parts:?} are left: {}", String::from_utf8_lossy(&output.stderr)));
    }
    for part in parts {
        let recorded = Recorded::read_file(&folder.join(&format!("part.{part:04}.pv")))?;
        let problems = recorded.unsound();
        if !problems.is_empty() {
            return Err(format!("part {part}: {}", problems.join(", ")));
        }
    }
    Ok(())
}

/// What cannot be written is noticed before anything is attached to.
#[test]
fn an_output_that_cannot_be_written_is_noticed_first() {
    let _alone = alone();
    everywhere("busy_tree", &["0", "3"], |_, program| {
        let output = pitviper(&["record", &program.pid().to_string(), "-o", "/proc/none/profile.pv"]);
        let mut problems: Problems = expect(&output, 2).err().into_iter().collect();
        // A program would have been started in vain.
        let folder = Folder::new();
        let trace = folder.join("started");
        let trace = trace.to_str().unwrap_or("?");
        let output = pitviper(&["record", "-o", "/proc/none/profile.pv", "--", "touch", trace]);
        problems.extend(expect(&output, 2).err());
        if std::path::Path::new(trace).exists() {
            problems.push("the command was started".to_owned());
        }
        problems
    });
}

/// The exit status of a command is passed on, however it ends and whatever is done to it.
#[test]
fn the_exit_status_of_a_command_is_passed_on() {
    let _alone = alone();
    const BUSY: &str = "import os, sys, time\nend = time.time() + 0.06\nwhile time.time() < end: pass\n";
    let ends = [("sys.exit(7)", 7), ("os._exit(3)", 3), ("os.kill(os.getpid(), 9)", 137)];
    each_python("-- COMMAND", |python| {
        let folder = Folder::new();
        let mut problems = Problems::new();
        for (end, code) in ends {
            let raw = folder.join("command.pv");
            let (path, program) = (raw.to_str().unwrap_or("?"), python.path.to_str().unwrap_or("?"));
            let source = format!("{BUSY}{end}");
            let output = pitviper(&["record", "-o", path, "--pause", "--rate", "20khz", "--", program, "-c", &source]);
            problems.extend(expect(&output, code).err().map(|problem| format!("{end}: {problem}")));
            match Recorded::read_file(&raw) {
                Ok(recorded) if !recorded.saw("<module>") => problems.push(format!("{end}: nothing was seen")),
                Ok(recorded) => problems.extend(recorded.unsound()),
                Err(problem) => problems.push(problem),
            }
        }
        problems
    });
}

/// Who asks pitviper to end means the program that it has started: that may clean up, and says how it ended.
#[test]
fn a_command_is_asked_to_end_as_well() {
    let _alone = alone();
    const ENDS: &str = "import signal, sys\n\
        def ready_to_end():\n    while True: pass\n\
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n\
        ready_to_end()\n";
    each_python("-- COMMAND", |python| {
        let folder = Folder::new();
        let raw = folder.join("command.pv");
        let (path, program) = (raw.to_str().unwrap_or("?"), python.path.to_str().unwrap_or("?"));
        let end = || -> Result<Problems, String> {
            let mut recorder = Recorder::begin(&["-o", path, "--", program, "-c", ENDS], &raw)?;
            let ready = |recorder: &mut Recorder| Ok(Recorded::read_file(&recorder.raw)?.saw("ready_to_end"));
            recorder.until("the program is ready", ready)?;
            recorder.signal(Signal::SIGTERM);
            let (status, talk) = recorder.wait()?;
            let mut problems = Recorded::read_file(&raw)?.unsound();
            if status.code() != Some(9) {
                problems.push(format!("pitviper ended with {status}: {talk}"));
            }
            Ok(problems)
        };
        all(end())
    });
}

// --- what comes and goes --------------------------------------------------------------------------

/// A process that ends in the middle ends the recording, well.
#[test]
fn the_end_of_the_process_ends_the_recording() {
    let _alone = alone();
    everywhere_to_the_end("busy_tree", &["1", "3"], |_, program| {
        let folder = Folder::new();
        let raw = folder.join("ends.pv");
        let end = || -> Result<Problems, String> {
            let recorder = Recorder::begin(&[&program.pid().to_string(), "-o", raw.to_str().unwrap_or("?")], &raw)?;
            program.end()?;
            let (status, talk) = recorder.wait()?;
            let recorded = Recorded::read_file(&raw)?;
            let mut problems = recorded.unsound();
            if !matches!(status.code(), Some(0 | 4)) {
                problems.push(format!("pitviper ended with {status}: {talk}"));
            }
            if !recorded.events.iter().any(|event| event.kind == EventKind::ProcessEnded) {
                problems.push(format!("the end of the process is missing: {:?}", recorded.events));
            }
            Ok(problems)
        };
        all(end())
    });
}

/// A process that executes another program, or the same again, is followed.
#[test]
fn a_process_that_executes_python_again_is_followed() {
    let _alone = alone();
    everywhere("exec_midway", &[], |_, program| {
        let mut told = false;
        let recorded = record(program.pid(), Options::default(), USUAL, |session| {
            if !told && runs(session, "before_exec") {
                told = program.go_on().is_ok();
            }
            runs(session, "after_exec")
        });
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(problem) => return vec![problem],
        };
        let mut problems = recorded.unsound();
        if !recorded.saw("before_exec") || !recorded.saw("after_exec") {
            problems.push(format!("not seen before or after: {:?}", recorded.events));
        }
        if !recorded.events.iter().any(|event| event.kind == EventKind::ProcessExec) {
            problems.push(format!("no event tells of it: {:?}", recorded.events));
        }
        problems
    });
}

/// Two thousand threads that live for a moment.
#[test]
fn threads_may_come_and_go() {
    let _alone = alone();
    everywhere("short_threads", &["2000"], |python, program| {
        let mut told = false;
        let recorded = record(program.pid(), Options::default(), Pace::Fastest, |_| {
            if !told {
                told = program.go_on().is_ok();
            }
            false
        });
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(problem) => return vec![problem],
        };
        let mut problems = recorded.unsound();
        let mut tally = Tally::default();
        for run in &recorded.runs {
            let frames = recorded.frames(run.stack);
            let wrong = frames.windows(2).find(|pair| pair[0].0 == "deeper" && pair[1].0 != "brief");
            let wrong = wrong.map(|pair| format!("deeper was called by {}", pair[1].0));
            tally.count(run, wrong.map_or(Ok(()), Err));
        }
        let seen = recorded.tables.threads().len();
        let account = recorded.accounting;
        println!("{}: {seen} threads seen: {tally}{} unreadable", python.name, account.unreadable);
        // A thread that ends while it is looked at has ended: nothing is left undecided for that.
        // On a machine without a processor to spare it is left alone after a stop that took long.
        if account.undecided > account.taken / 1000 && account.stopped_longest < 1_000_000 {
            problems.push(format!("{} of {} looks undecided", account.undecided, account.taken));
        }
        problems.extend(tally.untrue(Pausing::IfNeeded));
        problems
    });
}

/// A process that executes itself again and again is followed, and each of its lives told apart.
#[test]
fn exec_in_a_loop_is_followed() {
    let _alone = alone();
    const TURNS: usize = 6;
    everywhere_to_the_end("exec_loop", &[&TURNS.to_string()], |_, program| {
        let mut told = false;
        let recorded = record(program.pid(), Options::default(), USUAL, |_| {
            told = told || program.go_on().is_ok();
            false
        });
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(problem) => return vec![problem],
        };
        let mut problems = recorded.unsound();
        // Each life runs a function of its own, and only that.
        let mut lives: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for run in &recorded.runs {
            let life = format!("{:?}", recorded.tables.thread(run.thread).process);
            let turns = recorded.frames(run.stack).into_iter().filter(|frame| frame.0.starts_with("turn_"));
            lives.entry(life).or_default().extend(turns.map(|frame| frame.0));
        }
        let seen: BTreeSet<&String> = lives.values().flatten().collect();
        if lives.values().any(|turns| turns.len() > 1) || seen.len() != lives.values().map(BTreeSet::len).sum::<usize>()
        {
            problems.push(format!("lives are mixed up: {lives:?}"));
        }
        // One that lasts for 60 ms may go by unseen on a machine that is overloaded.
        if seen.len() < TURNS / 2 {
            problems.push(format!("only {seen:?} were seen: {:?}", recorded.events));
        }
        let of = |kind| recorded.events.iter().filter(|event| event.kind == kind).count();
        if of(EventKind::ProcessExec) + 1 != of(EventKind::ProcessStarted) || of(EventKind::ProcessEnded) != 1 {
            problems.push(format!("not one life after the other: {:?}", recorded.events));
        }
        problems.extend(program.end().err());
        problems
    });
}

/// Garbage in cycles, collected all the time, with finalizers and code of its own.
#[test]
fn stacks_amid_garbage_are_possible() {
    let _alone = alone();
    everywhere("gc_churn", &[], |python, program| {
        let callers: HashMap<&str, &[&str]> = HashMap::from([
            ("finalise", &["__del__"][..]),
            ("__del__", &["churn", "cycle", "__init__", "finalise"]),
            ("__init__", &["cycle"]),
            ("cycle", &["churn"]),
            ("churn", &["<module>"]),
        ]);
        let possible = |recorded: &Recorded, run: &Run| {
            for pair in recorded.frames(run.stack).windows(2) {
                let known = callers.get(pair[0].0.as_str());
                if known.is_some_and(|callers| !callers.contains(&pair[1].0.as_str())) {
                    return Err(format!("{} was called by {}", pair[0].0, pair[1].0));
                }
            }
            Ok(())
        };
        all(judge(python, program, looks(), possible))
    });
}

/// Greenlets: a C extension exchanges the whole stack of a thread, again and again.
#[test]
fn stacks_of_greenlets_are_those_of_one() {
    let _alone = alone();
    let tested = std::cell::Cell::new(0);
    everywhere("greenlets", &[], |python, program| {
        tested.set(tested.get() + 1);
        let of_one = |recorded: &Recorded, run: &Run| {
            let frames = recorded.frames(run.stack);
            let names: Vec<&str> = frames.iter().map(|frame| frame.0.as_str()).collect();
            let names = names.strip_prefix(&["work"]).unwrap_or(&names);
            // `red_3` is called by `red_2`, and so on down to `red_0`, which nobody calls. A greenlet that
            // begins or ends has no frame.
            let is_one = match names.first().and_then(|name| name.rsplit_once('_')) {
                Some((colour, depth)) => {
                    let depth: usize = depth.parse().map_err(|_| format!("{names:?}"))?;
                    names.iter().copied().eq((0..=depth).rev().map(|depth| format!("{colour}_{depth}")))
                }
                None => names.is_empty() || names.last() == Some(&"<module>") && names.iter().all(|n| !n.contains('_')),
            };
            if is_one { Ok(()) } else { Err(format!("{names:?}")) }
        };
        all(judge(python, program, looks(), of_one))
    });
    println!("greenlets on {} Pythons", tested.get());
    let in_ci = std::env::var("CI").as_deref() == Ok("true");
    assert!(tested.get() > 0 || !in_ci, "missing in CI: greenlet (scripts/get-readers)");
}

/// A garbage collection is the state of the thread that runs it, and of no other.
#[test]
fn garbage_collections_are_seen() {
    let _alone = alone();
    everywhere("gc_running", &[], |python, program| {
        let collector = &program.extra()["collector"]["ident"];
        // Before 3.7 nothing that can be found says so.
        let known = python.since(3, 7);
        let mut looks = 0;
        let recorded = record(program.pid(), Options::default(), USUAL, |_| {
            looks += 1;
            looks > 100
        });
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(problem) => return vec![problem],
        };
        let mut problems = recorded.unsound();
        let collecting = recorded.runs.iter().filter(|run| run.state == State::Gc);
        let (own, others) =
            collecting.partition::<Vec<&Run>, _>(|run| recorded.tables.thread(run.thread).ident == *collector);
        if own.is_empty() == known || !others.is_empty() {
            problems.push(format!("collecting: {} runs, and {} of other threads", own.len(), others.len()));
        }
        problems
    });
}

/// Children that are forked and children that are started are recorded, each as what it is.
#[test]
fn children_are_recorded() {
    let _alone = alone();
    everywhere("family", &[], |_, program| {
        let with_children = Options { children: true, ..Options::default() };
        let mut told = false;
        let recorded = record(program.pid(), with_children, USUAL, |session| {
            if !told {
                told = program.go_on().is_ok();
            }
            runs(session, "in_fork") && runs(session, "in_spawned")
        });
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(problem) => return vec![problem],
        };
        let mut problems = recorded.unsound();
        for name in ["in_fork", "in_spawned"] {
            let is = |run: &&Run| frames_of(&recorded.tables, run.stack).first().is_some_and(|f| f.0 == name);
            let processes: BTreeSet<_> =
                recorded.runs.iter().filter(is).map(|run| recorded.tables.thread(run.thread).process).collect();
            let process = processes.first().map(|process| recorded.tables.process(*process));
            let parent = process.and_then(|process| process.parent).map(|parent| recorded.tables.process(parent).pid);
            if processes.len() != 1 || parent != Some(Pid(program.pid())) {
                problems.push(format!("{name} ran in {processes:?}, children of {parent:?}"));
            }
        }
        problems
    });
}

/// How many brief children each way of starting them is tried with.
const CHILDREN: usize = 16;

/// Children that run for 10 ms are found, however they were started, and told as what they are. What is
/// promised is that half a percent of a processor is spent on looking for them: on a machine that starts
/// hundreds of processes and threads a second, as tests do, some are missed. They end as they would.
fn brief_children(way: &str) {
    everywhere_to_the_end("brief_children", &[way, &CHILDREN.to_string()], |python, program| {
        all(found_children(way, python, program))
    });
}

fn found_children(way: &str, python: &Interpreter, program: Program) -> Result<Problems, String> {
    // Stopped at every look: whoever traces a process could take its end from its parent.
    let with_children = Options { children: true, ..options(Pausing::Always) };
    let (mut told, mut ticks, mut wanted) = (false, Vec::new(), 0);
    let recorded = record(program.pid(), with_children, USUAL, |session| {
        told = told || program.go_on().is_ok();
        if std::mem::replace(&mut wanted, session.writer.accounting.wanted) < session.writer.accounting.wanted {
            ticks.push(pitviper::os::now().as_nanos() as u64);
        }
        false
    })?;
    let mut problems = recorded.unsound();
    let root = Pid(program.pid());
    let truth = program.last_truth()?;
    let children = truth["extra"]["children"].as_array().ok_or("no children are told")?;
    for end in truth["extra"]["ends"].as_array().ok_or("no ends are told")? {
        if end[0] != end[1] {
            problems.push(format!("a child ended with {} instead of {}", end[1], end[0]));
        }
    }
    let (mut found, mut missed) = (0, Vec::new());
    for child in children {
        let of = |index: usize| child[index].as_u64().unwrap_or(0);
        let pid = Pid(of(0) as u32);
        let looks = ticks.iter().filter(|at| (of(1)..of(2)).contains(at)).count();
        let is = |run: &&Run| {
            let process = recorded.tables.process(recorded.tables.thread(run.thread).process);
            process.pid == pid && frames_of(&recorded.tables, run.stack).iter().any(|frame| frame.0 == "in_child")
        };
        match recorded.runs.iter().find(is) {
            Some(run) => {
                found += 1;
                let process = recorded.tables.process(recorded.tables.thread(run.thread).process);
                let parent = process.parent.map(|parent| recorded.tables.process(parent).pid);
                // The children of a fork server are its own.
                if (parent == Some(root)) == (way == "forkserver") || parent.is_none() {
                    problems.push(format!("the parent of {pid} is {parent:?} and not {root}"));
                }
            }
            // Where pitviper got no processor it could not look.
            None if looks >= 5 => missed.push(looks),
            None => {}
        }
    }
    println!("{} {way}: {found} of {} found, missed in looks: {missed:?}", python.name, children.len());
    if missed.len() > CHILDREN / 4 {
        problems.push(format!("only {found} of {} were found, missed in looks: {missed:?}", children.len()));
    }
    Ok(problems)
}

#[test]
fn brief_children_by_fork_are_found() {
    let _alone = alone();
    brief_children("fork");
}

#[test]
fn brief_children_by_subprocess_are_found() {
    let _alone = alone();
    brief_children("subprocess");
}

#[test]
fn brief_children_by_fork_and_exec_are_found() {
    let _alone = alone();
    brief_children("exec");
}

#[test]
fn brief_children_by_spawn_are_found() {
    let _alone = alone();
    brief_children("spawn");
}

#[test]
fn brief_children_by_a_fork_server_are_found() {
    let _alone = alone();
    brief_children("forkserver");
}
