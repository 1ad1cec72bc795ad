//! The shell of `pitviper inspect PID`: scripted, and on a terminal.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code)] // Every file of tests uses a part of it.
mod support;

use nix::pty::openpty;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use support::programs::{Program, Started};
use support::recorded::Folder;
use support::run::{Problems, each_python, everywhere};

/// Nothing here takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(20);

fn shell(program: &Program) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pitviper"));
    command.args(["inspect", &program.pid().to_string()]);
    command
}

/// What the shell makes of these lines.
fn scripted(program: &Program, lines: &[&str]) -> Output {
    let mut child = shell(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pitviper runs");
    // Few enough for the pipe.
    child.stdin.take().unwrap().write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn lines_are_commands_or_paths() {
    everywhere("inspected", &[], |_, program| {
        let lines = [
            "# Paths, and what they say.",
            "things['small'] --depth 0",
            "inspect things[(1, 2)] --quiet",
            "type:__main__.Plain.shared",
            "",
            "state gil --json",
            "dis t:MainThread.f[work] --json",
            "dump --json",
            "freeze",
            "dump --json",
            "t:MainThread.f[work].argument",
            "freeze",
            "thaw",
            "help",
            "exit",
            "nothing.known",
        ];
        let output = scripted(program, &lines);
        let text = String::from_utf8_lossy(&output.stdout);
        let mut problems = Problems::new();
        for part in [
            "things[\"small\"] = 7\n",
            "type:__main__.Plain.shared = 3\n",
            "asleep in system calls\n",
            "t:MainThread.f[work].argument = 'argument'\n",
            "all threads go on\n",
            "Commands, without naming the target again:",
        ] {
            if !text.contains(part) {
                problems.push(format!("{part:?} is missing: {text}"));
            }
        }
        let documents: Vec<Value> = text
            .lines()
            .filter(|line| line.starts_with('{'))
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        if documents.len() != 4 || documents.iter().any(|document| document["target"]["pid"] != program.pid()) {
            problems.push(format!("{} documents", documents.len()));
        }
        let stacks = |document: &Value| document["interpreters"][0]["threads"][0]["frames"].clone();
        if documents.len() == 4 && (stacks(&documents[2]) != stacks(&documents[3]) || stacks(&documents[2]).is_null()) {
            problems.push("the stacks of a frozen process are others".to_owned());
        }
        let talk = String::from_utf8_lossy(&output.stderr);
        // One line failed, and none was read behind `exit`.
        if output.status.code() != Some(1) || talk.matches("error:").count() != 1 || !talk.contains("no key (1, 2)") {
            problems.push(format!("{}: {talk}", output.status));
        }
        problems
    });
}

#[test]
fn the_exit_code_is_that_of_the_first_line_that_failed() {
    everywhere("inspected", &[], |_, program| {
        let rows: [(&[&str], i32); 7] = [
            (&[], 0),
            (&["things[small]", "help dis", "ps"], 0),
            (&["state none", "nothing.known"], 2),
            (&["nothing.known", "state none", "things[small]"], 1),
            (&["d['x"], 2),
            (&["inspect"], 2),
            (&["inspect --json"], 2),
        ];
        let code = |lines: &[&str]| scripted(program, lines).status.code();
        let wrong = rows.iter().filter(|(lines, expected)| code(lines) != Some(*expected));
        wrong.map(|(lines, expected)| format!("{lines:?}: {:?} instead of {expected}", code(lines))).collect()
    });
}

/// How often the thread that counts has come round.
fn count(program: &Program, name: &str) -> i64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pitviper"));
    let path = format!("counts['{name}']");
    let output = command.args(["inspect", &program.pid().to_string(), &path, "--json"]).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    document["objects"][0]["value"].as_i64().unwrap_or(-1)
}

/// Whether it goes on.
fn goes_on(program: &Program) -> bool {
    let (first, began) = (count(program, "busy"), Instant::now());
    while began.elapsed() < PATIENCE {
        if count(program, "busy") != first {
            return true;
        }
    }
    false
}

/// A shell that reads lines, and what it answers.
struct Scripted {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Scripted {
    fn start(program: &Program) -> Self {
        let mut child = shell(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("pitviper runs");
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    fn ask(&mut self, line: &str) -> String {
        self.child.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer
    }
}

/// Frozen, a process stands still; thawed, or if the shell ends or is killed, it goes on, and no call of it failed.
#[test]
fn a_frozen_process_stands_still_until_the_shell_is_gone() {
    everywhere("counting", &[], |_, program| {
        let mut problems = Problems::new();
        // Without a GIL a thread may come out of a call and be back before it is caught.
        let names = if program.extra()["gil"] == true { &["busy", "waits"][..] } else { &["busy"] };
        let counts = || names.iter().map(|name| count(program, name)).collect::<Vec<_>>();
        for end in ["thaw", "end of input", "kill -9"] {
            let mut asked = Scripted::start(program);
            let answer = asked.ask("freeze");
            let before = counts();
            // Long enough for a thread that waits to have come out of its call.
            let looked = Instant::now();
            while looked.elapsed() < Duration::from_millis(100) {
                count(program, "busy");
            }
            let after = counts();
            if !answer.contains("threads stopped") || answer.contains("run on") || before[0] < 0 {
                problems.push(format!("freeze: {answer}"));
            }
            if before != after {
                problems.push(format!("{end}: it was frozen, and has counted from {before:?} to {after:?}"));
            }
            match end {
                "thaw" => drop(asked.ask("thaw")),
                "kill -9" => asked.child.kill().unwrap(),
                _ => drop(asked.child.stdin.take()),
            }
            if end != "thaw" {
                asked.child.wait().unwrap();
            }
            if !goes_on(program) {
                problems.push(format!("{end}: it does not go on"));
            }
            drop(asked.child.stdin.take());
            asked.child.wait().unwrap();
        }
        if count(program, "interrupted") != 0 {
            problems.push(format!("{} calls were interrupted", count(program, "interrupted")));
        }
        problems
    });
}

/// A process that is frozen can be killed, and is gone then: its tracer stands in nobody's way.
#[test]
fn a_frozen_process_can_be_killed() {
    each_python("killed while it is frozen", |python| {
        let program = match Program::start(python, "counting", &[]) {
            Ok(Started::Tells(program)) => program,
            Ok(Started::Skips(_)) => return Problems::new(),
            Err(problem) => return vec![problem],
        };
        let mut asked = Scripted::start(&program);
        asked.ask("freeze");
        let pid = program.pid().to_string();
        let done = Command::new("kill").args(["-9", &pid]).status().unwrap();
        let began = Instant::now();
        // A zombie has no threads but the first: its parent is this test, which does not ask.
        let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let is_zombie = || state().rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('Z'));
        let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        while began.elapsed() < PATIENCE && !(is_zombie() && threads() <= 1) {
            std::thread::yield_now();
        }
        let mut problems = Problems::new();
        if !done.success() || !is_zombie() || threads() > 1 {
            problems.push(format!("it lives on with {} threads: {}", threads(), state()));
        }
        drop(asked.child.stdin.take());
        asked.child.wait().unwrap();
        problems
    });
}

/// A shell on a terminal of its own.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn start(program: &Program, state: &Folder) -> Self {
        let pair = openpty(None, None).unwrap();
        let end = |file: &File| Stdio::from(file.try_clone().unwrap());
        let slave = File::from(pair.slave);
        let mut command = shell(program);
        command.env("TERM", "xterm").env("NO_COLOR", "1").env("XDG_STATE_HOME", state.join("."));
        let child = command.stdin(end(&slave)).stdout(end(&slave)).stderr(end(&slave)).spawn().unwrap();
        let keyboard = File::from(pair.master);
        let mut shown = keyboard.try_clone().unwrap();
        let (tell, screen) = channel();
        // It ends with the shell, when nobody is left at the other end.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(size @ 1..) = shown.read(&mut buffer) {
                if tell.send(buffer[..size].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, screen, seen: String::new() }
    }

    /// Types `keys`, and reads up to `text`.
    fn shows(&mut self, keys: &str, text: &str) -> Result<(), String> {
        self.keyboard.write_all(keys.as_bytes()).map_err(|error| error.to_string())?;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return Ok(());
            }
            match self.screen.recv_timeout(PATIENCE) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => return Err(format!("{keys:?}: no {text:?} in {:?}", self.seen)),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Attributes, keys, threads, functions and commands are completed by what is in the target; lines are recalled.
#[test]
fn names_are_completed_on_a_terminal() {
    everywhere("inspected", &[], |_, program| typed(program).err().into_iter().collect());
}

fn typed(program: &Program) -> Result<(), String> {
    let state = Folder::new();
    let mut terminal = Terminal::start(program, &state);
    terminal.shows("", "pitviper> ")?;
    // The key is the only one that begins so, and so is the attribute.
    terminal.shows("thin\t['pla\t.sha\t\r", "things[\"plain\"].shared = 3")?;
    terminal.shows("", "pitviper> ")?;
    terminal.shows("t:MainT\t.\two\t.arg\t\r", "t:MainThread.f[work].argument = 'argument'")?;
    terminal.shows("", "pitviper> ")?;
    terminal.shows("dum\t --js\t\r", "\"interpreters\"")?;
    terminal.shows("", "pitviper> ")?;
    terminal.shows("fre\t\r", "pitviper (frozen)> ")?;
    terminal.shows("type:__main__.Pla\t.shared\r", "type:__main__.Plain.shared = 3")?;
    terminal.shows("", "(frozen)> ")?;
    // The line before, and the end.
    terminal.shows("\x1b[A\r", "type:__main__.Plain.shared = 3")?;
    terminal.shows("", "(frozen)> ")?;
    terminal.keyboard.write_all(b"\x04").map_err(|error| error.to_string())?;
    let ended = terminal.child.wait().map_err(|error| error.to_string())?;
    if ended.code() != Some(0) {
        return Err(format!("Ctrl-D: {ended}"));
    }
    let kept = std::fs::read_to_string(state.join("pitviper/history")).map_err(|error| error.to_string())?;
    if !kept.starts_with("things[\"plain\"].shared\n") {
        return Err(format!("the history is {kept:?}"));
    }
    let mut again = Terminal::start(program, &state);
    again.shows("", "pitviper> ")?;
    again.shows("\x1b[A\r", "type:__main__.Plain.shared = 3")
}
