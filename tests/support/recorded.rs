//! Recordings made by the sampler itself, or by `pitviper record`, and what every one must hold.

use crate::support::run::Problems;
use pitviper::address::Pid;
use pitviper::os;
use pitviper::profile::{Accounting, Ending, Event, Header, Reader, Run, StackId, Tables, Writer};
use pitviper::sampling::{Options, Schedule, Session};
use pitviper::stacks::Pausing;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A process is told to end after this time, whatever was to be seen.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a recording holds.
pub struct Recorded {
    /// When its time 0 was, by the clock that never goes back.
    pub started: Duration,
    pub tables: Tables,
    pub runs: Vec<Run>,
    pub events: Vec<Event>,
    pub accounting: Accounting,
    pub ending: Ending,
}

impl Recorded {
    /// Reads a recording.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = Reader::open(bytes).map_err(|error| format!("cannot be read: {error}"))?;
        let (mut runs, mut events) = (Vec::new(), Vec::new());
        while let Some(block) = reader.next_block() {
            runs.extend_from_slice(block.runs);
            events.extend_from_slice(block.events);
        }
        Ok(Self {
            started: Duration::ZERO,
            tables: reader.tables().clone(),
            runs,
            events,
            accounting: *reader.accounting(),
            ending: reader.ending().clone(),
        })
    }

    /// Reads the recording in a file.
    pub fn read_file(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::read(&bytes).map_err(|error| format!("{} {error}", path.display()))
    }

    /// The names and lines of a stack, the innermost first.
    pub fn frames(&self, stack: Option<StackId>) -> Vec<(String, i64)> {
        frames_of(&self.tables, stack)
    }

    /// The name of the innermost function of a stack.
    pub fn innermost(&self, stack: Option<StackId>) -> &str {
        let first = self.tables.frames(stack).next();
        first.map_or("", |frame| self.tables.text(self.tables.function_of(frame).name))
    }

    /// Whether `name` was seen, innermost.
    pub fn saw(&self, name: &str) -> bool {
        self.runs.iter().any(|run| self.innermost(run.stack) == name)
    }

    /// Which function of `names` a stack is in: the innermost of them.
    pub fn which<'n>(&self, stack: Option<StackId>, names: &[&'n str]) -> Option<&'n str> {
        let mut functions =
            self.tables.frames(stack).map(|frame| self.tables.text(self.tables.function_of(frame).name));
        functions.find_map(|function| names.iter().find(|name| **name == function).copied())
    }

    /// What is wrong with its account: every look that was made is in exactly one class and in one
    /// run, and the runs of a thread follow one another without gap or overlap.
    pub fn unsound(&self) -> Problems {
        let mut problems = Problems::new();
        let Accounting { wanted, taken, blocked, unchanged, deduced, stopped, undecided, lost, .. } = self.accounting;
        let classes = blocked + unchanged + deduced + stopped + undecided;
        if taken != classes {
            problems.push(format!("{taken} looks were taken, and {classes} are accounted for: {:?}", self.accounting));
        }
        let looks: u64 = self.runs.iter().map(|run| u64::from(run.looks)).sum();
        if looks != taken {
            problems.push(format!("{taken} looks were taken, and {looks} are in the runs"));
        }
        if taken + lost > wanted {
            problems.push(format!("{wanted} looks were wanted, {taken} taken and {lost} lost"));
        }
        if self.ending != Ending::Complete {
            problems.push(format!("the recording is not whole: {:?}", self.ending));
        }
        let mut ends = HashMap::new();
        let holes = self.runs.iter().filter(|run| {
            let end = ends.insert(run.thread, run.stop());
            end.is_some_and(|end| end != run.start)
        });
        problems
            .extend(holes.take(3).map(|run| format!("a run of a thread does not begin where the last ended: {run:?}")));
        problems
    }
}

/// The names and lines of a stack, the innermost first.
pub fn frames_of(tables: &Tables, stack: Option<StackId>) -> Vec<(String, i64)> {
    let frame =
        |frame| (tables.text(tables.function_of(frame).name).to_owned(), tables.frame(frame).line.map_or(0, i64::from));
    tables.frames(stack).map(frame).collect()
}

/// How often to look.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As often as possible.
    Fastest,
    /// As `pitviper record` does.
    Every(Duration),
}

/// Records `pid` through the sampler itself until `done`, or the process has ended.
pub fn record(
    pid: u32,
    options: Options,
    pace: Pace,
    mut done: impl FnMut(&Session<Vec<u8>>) -> bool,
) -> Result<Recorded, String> {
    let text = |error: pitviper::error::Error| format!("recording failed: {error}");
    os::sleep_precisely();
    let writer = Writer::new(Vec::new(), &Header::default()).map_err(text)?;
    let mut session = Session::new(Pid(pid), options, writer);
    session.attach().map_err(text)?;
    let started = os::now() - Duration::from_nanos(session.elapsed());
    let seed = u64::try_from(started.as_nanos()).unwrap_or(1);
    let mut schedule = match pace {
        Pace::Fastest => None,
        Pace::Every(interval) => Some(Schedule::new(interval, os::now(), seed)),
    };
    let began = Instant::now();
    while !done(&session) {
        if began.elapsed() > PATIENCE {
            return Err("what was to be seen never came".to_owned());
        }
        let now = os::now();
        let mut lost = 0;
        if let Some(schedule) = &mut schedule {
            if let Some(wait) = schedule.due().checked_sub(now).filter(|wait| !wait.is_zero()) {
                std::thread::sleep(wait);
                continue;
            }
            lost = schedule.advance(now);
        }
        if !session.tick(lost).map_err(text)? {
            break;
        }
    }
    let bytes = session.finish().and_then(Writer::finish).map_err(text)?;
    let mut recorded = Recorded::read(&bytes)?;
    recorded.started = started;
    Ok(recorded)
}

/// How to record with `pausing`.
pub fn options(pausing: Pausing) -> Options {
    Options { pausing, ..Options::default() }
}

/// A `pitviper record` that runs.
pub struct Recorder {
    child: Child,
    /// Where the recording grows.
    pub raw: PathBuf,
}

impl Recorder {
    /// Starts it with `arguments`, and waits until something has been seen and written to `raw`.
    pub fn begin(arguments: &[&str], raw: &Path) -> Result<Self, String> {
        let child = Command::new(env!("CARGO_BIN_EXE_pitviper"))
            .arg("record")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run pitviper: {error}"))?;
        let mut recorder = Self { child, raw: raw.to_owned() };
        let seen = |recorder: &mut Self| Ok(Recorded::read_file(&recorder.raw).is_ok_and(|seen| !seen.runs.is_empty()));
        recorder.until("anything is recorded", seen)?;
        Ok(recorder)
    }

    /// Waits until `done`; an error if pitviper ends before.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> Result<bool, String>) -> Result<(), String> {
        let began = Instant::now();
        while !done(self)? {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("pitviper ended with {status} before {what}: {}", self.talk()));
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("waited too long until {what}"));
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.child.id().cast_signed()), signal);
    }

    /// Its end: the status, and what it said.
    pub fn wait(mut self) -> Result<(ExitStatus, String), String> {
        let talk = self.talk();
        Ok((self.child.wait().map_err(|error| error.to_string())?, talk))
    }

    fn talk(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            // What was read before an error is worth showing.
            let _ = std::io::Read::read_to_string(&mut stderr, &mut text);
        }
        text
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that is deleted with this value.
pub struct Folder(PathBuf);

impl Folder {
    /// A new one.
    pub fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pitviper-record-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
