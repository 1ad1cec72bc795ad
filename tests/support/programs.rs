//! Runs a program of tests/programs and hears what it says of itself.

use crate::support::interpreters::Interpreter;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// A program that has told the truth and stays as it is.
///
/// Dropped, it is killed; [`Program::end`] lets it end by itself.
pub struct Program {
    child: Child,
    /// While it is open, the program waits.
    stdin: Option<ChildStdin>,
    /// Kept open: a closed pipe would be an error for what it may yet write.
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<String>>,
    /// What it says of itself.
    pub truth: Value,
}

/// A program that has told nothing after this time never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came of starting a program.
pub enum Started {
    /// It stands still, or runs as it should.
    Tells(Box<Program>),
    /// This version cannot show it, for a reason.
    Skips(String),
}

/// The folder of the programs.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
}

/// The first version that a program runs on: its line `# requires: X.Y`.
fn required_version(name: &str) -> Option<(u64, u64)> {
    let source = std::fs::read_to_string(folder().join(format!("{name}.py"))).expect("a program of tests/programs");
    let line = source.lines().take(5).find_map(|line| line.strip_prefix("# requires: "))?;
    let (major, minor) = line.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

impl Program {
    /// Starts `name` under `python` and waits until it has told the truth.
    pub fn start(python: &Interpreter, name: &str, arguments: &[&str]) -> Result<Started, String> {
        if let Some((major, minor)) = required_version(name)
            && !python.since(major, minor)
        {
            return Ok(Started::Skips(format!("requires {major}.{minor}")));
        }
        let mut child = Command::new(&python.path)
            .arg(folder().join(format!("{name}.py")))
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PITVIPER_TEST_PYTHON", &python.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", python.path.display()))?;
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut errors = child.stderr.take().expect("stderr is a pipe");
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            // What was read before an error is worth showing.
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let (told, teller) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line);
            // The one who waited may have given up.
            let _ = told.send((read.map(|_| line), stdout));
        });
        let (line, stdout) = match teller.recv_timeout(PATIENCE) {
            Ok((Ok(line), stdout)) => (line, Some(stdout)),
            _ => (String::new(), None),
        };
        let mut program = Self { child, stdin, stdout, stderr: Some(stderr), truth: Value::Null };
        match serde_json::from_str::<Value>(&line) {
            Ok(truth) => match truth["skip"].as_str() {
                Some(reason) => Ok(Started::Skips(reason.to_owned())),
                None => {
                    program.truth = truth;
                    program.settle()?;
                    Ok(Started::Tells(Box::new(program)))
                }
            },
            Err(_) => Err(format!("{name} told nothing: {}", program.last_words())),
        }
    }

    /// Waits until the threads that told are where they said they would go: blocked in `read`. The
    /// line is here before they are.
    fn settle(&self) -> Result<(), String> {
        let threads = self.truth["threads"].as_array().into_iter().flatten();
        for tid in threads.filter(|thread| thread["telling"] == true).filter_map(|thread| thread["native_id"].as_u64())
        {
            let path = format!("/proc/{}/task/{tid}/syscall", self.pid());
            let is_there = || match std::fs::read_to_string(&path) {
                Ok(call) => Ok(call.split(' ').next() == Some(&libc::SYS_read.to_string())),
                Err(error) => Err(format!("{path}: {error}")),
            };
            while !is_there()? {
                std::thread::yield_now();
            }
        }
        Ok(())
    }

    /// The process that told.
    pub fn pid(&self) -> u32 {
        let pid = self.truth["pid"].as_u64().expect("the truth has a pid");
        u32::try_from(pid).expect("a pid fits 32 bits")
    }

    /// Facts of its own.
    pub fn extra(&self) -> &Value {
        &self.truth["extra"]
    }

    /// Tells it to go on, for those that wait more than once.
    pub fn go_on(&self) -> Result<(), String> {
        let mut stdin = self.stdin.as_ref().ok_or("its input is closed")?;
        stdin.write_all(b"\n").map_err(|error| format!("it cannot be told to go on: {error}"))
    }

    /// Whether it still lives.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Lets it end, and returns what it tells at the end.
    pub fn last_truth(mut self) -> Result<Value, String> {
        drop(self.stdin.take());
        let mut line = String::new();
        let stdout = self.stdout.as_mut().ok_or("its output is closed")?;
        stdout.read_line(&mut line).map_err(|error| error.to_string())?;
        let truth = serde_json::from_str(&line);
        self.end()?;
        truth.map_err(|error| format!("what it told at its end is no JSON: {error}"))
    }

    /// Lets it end; an error unless it ends well: to be looked at must not harm it.
    pub fn end(mut self) -> Result<(), String> {
        drop(self.stdin.take());
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() {
            return Ok(());
        }
        Err(format!("it was let go and ended with {status}: {}", self.last_words()))
    }

    /// Ends it and tells what it wrote to stderr.
    fn last_words(&mut self) -> String {
        self.stop();
        let text = self.stderr.take().map(|reader| reader.join().expect("the reader of stderr does not panic"));
        text.unwrap_or_default()
    }

    fn stop(&mut self) {
        drop(self.stdin.take());
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
    }
}
