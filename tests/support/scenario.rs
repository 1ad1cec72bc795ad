//! Targets in unusual situations, and what every answer about them must hold.
//!
//! Nothing here sleeps to be on time: a target says over a pipe that it has come so far, and the
//! kernel says of each thread whether it has blocked.

#![allow(dead_code)]

use serde_json::Value as Json;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// No call of pitviper and no wait for a target may last longer; the machine may be slow, but not
/// that slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program of most scenarios: the main thread stands in `main`, a second one in `inner`, called
/// by `outer`, both blocked in read().
pub const STANDING: &str = include_str!("../scenarios/standing.py");

// --- interpreters ---------------------------------------------------------------------------------

/// An interpreter of scripts/get-pythons.
#[derive(Clone, Debug)]
pub struct Python {
    /// `3.11-pyenv`.
    pub name: String,
    /// `3.11.7`.
    pub version: String,
    /// What to start.
    pub path: PathBuf,
    /// The file with the interpreter's code.
    pub binary: PathBuf,
    /// The root it can be chrooted into.
    pub root: Option<PathBuf>,
}

impl Python {
    /// `3.11`.
    pub fn series(&self) -> &str {
        self.version.rsplit_once('.').map_or(&self.version, |(series, _)| series)
    }

    /// A command that starts it. Nothing of the caller's environment leads it astray.
    pub fn command(&self) -> Command {
        clean(Command::new(&self.path))
    }

    /// Where its standard library lies: `sys.prefix`.
    pub fn prefix(&self) -> PathBuf {
        let bin = self.path.parent().expect("a folder");
        bin.parent().expect("a prefix").to_path_buf()
    }
}

fn clean(mut command: Command) -> Command {
    for name in ["PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONUNBUFFERED"] {
        command.env_remove(name);
    }
    command
}

/// All interpreters that scripts/get-pythons found.
pub fn pythons() -> Vec<Python> {
    let cache = std::env::var_os("PITVIPER_PYTHONS").map(PathBuf::from).unwrap_or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME")).join(".cache");
        cache.unwrap_or_else(home).join("pitviper/pythons")
    });
    let list = cache.join("pythons.json");
    let text = fs::read_to_string(&list).unwrap_or_else(|e| panic!("{}: {e}; run scripts/get-pythons", list.display()));
    let rows: Json = serde_json::from_str(&text).expect("pythons.json");
    let text = |row: &Json, key: &str| row[key].as_str().map(str::to_owned);
    rows.as_array()
        .expect("a list")
        .iter()
        .map(|row| Python {
            name: text(row, "name").expect("name"),
            version: text(row, "version").expect("version"),
            path: text(row, "path").expect("path").into(),
            binary: text(row, "binary").expect("binary").into(),
            root: text(row, "root").map(PathBuf::from),
        })
        .collect()
}

/// Those of the interpreters `names` that are there. One that is missing fails the test on CI and is
/// noted elsewhere; Debian's own `system` is wherever it is, of whatever version.
pub fn these(names: &[&str]) -> Vec<Python> {
    let all = pythons();
    let found: Vec<Python> = names.iter().filter_map(|name| all.iter().find(|p| p.name == *name).cloned()).collect();
    for name in names.iter().filter(|name| !all.iter().any(|p| p.name == **name)) {
        missing(&format!("interpreter {name}"));
    }
    found
}

/// Says that `what` is not to be had here: a failure on CI, a note elsewhere.
pub fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "CI lacks {what}");
    println!("note: not tested here, for want of {what}");
}

/// Whether we are root, which namespaces, chroot and other users need.
pub fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        missing("root");
    }
    root
}

/// Whether program `name` is installed.
pub fn has_program(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|folder| folder.join(name).exists());
    if !found {
        missing(name);
    }
    found
}

// --- targets --------------------------------------------------------------------------------------

/// A started program that ends with this value.
pub struct Target {
    child: Child,
    /// The process to look at: the child itself, unless a launcher started it.
    pub pid: u32,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Target {
    /// Starts `command`.
    pub fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let (pid, input) = (child.id(), child.stdin.take());
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, pid, input, output }
    }

    /// Starts `command`, which runs [`STANDING`], and waits until both threads stand.
    pub fn standing(command: &mut Command) -> Self {
        let mut target = Self::start(command);
        target.wait_for("ready");
        target.settle(2);
        target
    }

    /// Starts `python` with [`STANDING`].
    pub fn of(python: &Python) -> Self {
        Self::standing(python.command().args(["-c", STANDING]))
    }

    /// The next line it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("its output");
        assert!(line.ends_with('\n'), "the target ended early, after {line:?}");
        line.trim_end().to_owned()
    }

    /// Reads lines up to one that is `text`.
    pub fn wait_for(&mut self, text: &str) {
        while self.line() != text {}
    }

    /// Makes the Python that a launcher started the process to look at: the first descendant that
    /// has no child of its own.
    pub fn descend(mut self) -> Self {
        while let Some(child) = children(self.pid).first() {
            self.pid = *child;
        }
        self
    }

    /// Waits until it has `threads` threads and all are blocked.
    pub fn settle(&mut self, threads: usize) {
        settle(self.pid, threads);
    }

    /// Writes a line to its input.
    pub fn tell(&mut self, text: &str) {
        let input = self.input.as_mut().expect("its input");
        writeln!(input, "{text}").and_then(|()| input.flush()).expect("its input");
    }

    /// Closes its input, waits for its end; returns what it printed last and its exit code.
    pub fn finish(mut self) -> (String, Option<i32>) {
        self.input = None;
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("its output");
        (rest, self.child.wait().expect("its end").code())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.input = None;
        for pid in descendants(self.child.id()) {
            signal(pid, nix::sys::signal::Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends `signal` to `pid`, if that lives.
pub fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), signal);
}

/// The children of `pid`.
pub fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for thread in threads(pid) {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/children")).unwrap_or_default();
        found.extend(text.split_ascii_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    found
}

fn descendants(pid: u32) -> Vec<u32> {
    let mut found = children(pid);
    let mut next = 0;
    while let Some(child) = found.get(next).copied() {
        found.extend(children(child));
        next += 1;
    }
    found
}

/// The kernel's ids of the threads of `pid`.
pub fn threads(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// A line of /proc/PID/status.
pub fn status(pid: u32, key: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix(':')?.trim().to_owned()))
}

/// Waits until `done`; fails when that takes too long. Asks again and again, and never assumes that
/// some time is enough.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::yield_now();
    }
}

/// Waits until `pid` has `count` threads and all of them sleep in a call that the programs of the
/// scenarios block in. Any other, such as a futex for the GIL or a mapping, is soon over.
pub fn settle(pid: u32, count: usize) {
    let asleep = |thread: &u32| {
        let call = fs::read_to_string(format!("/proc/{pid}/task/{thread}/syscall")).unwrap_or_default();
        let number = call.split_ascii_whitespace().next().and_then(|word| word.parse::<i64>().ok());
        number.is_some_and(|number| [libc::SYS_read, libc::SYS_pause].contains(&number))
    };
    until(&format!("{count} threads of {pid} are blocked"), || {
        let threads = threads(pid);
        threads.len() == count && threads.iter().all(asleep)
    });
}

// --- pitviper -------------------------------------------------------------------------------------

/// What a run of pitviper yielded.
#[derive(Debug)]
pub struct Answer {
    /// Its exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Answer {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Its one JSON document.
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("not one document: {e}: {self:?}"))
    }

    /// Fails unless it ended with `code`, without a panic, and said nothing but what the contract
    /// on errors allows.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self.check_talk();
        self
    }

    /// Whether stderr keeps to the contract: `error: `, lower case, no full stop, then hints.
    #[track_caller]
    pub fn check_talk(&self) {
        assert!(!self.err.contains("panicked"), "{self:#?}");
        for line in self.err.lines() {
            let text = ["error: ", "hint: ", "note: "].iter().find_map(|what| line.strip_prefix(what));
            let Some(text) = text else { panic!("neither error, hint nor note: {line:?}") };
            assert!(!text.ends_with('.'), "a full stop: {line:?}");
            assert!(!text.starts_with(char::is_whitespace) && !text.is_empty(), "{line:?}");
        }
    }

    /// The line that begins with `error: `.
    #[track_caller]
    pub fn error(&self) -> &str {
        let line = self.err.lines().next().and_then(|line| line.strip_prefix("error: "));
        line.unwrap_or_else(|| panic!("no error: {self:?}"))
    }
}

/// The program under test.
pub fn pitviper() -> PathBuf {
    env!("CARGO_BIN_EXE_pitviper").into()
}

/// Runs pitviper with `args`.
pub fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Answer {
    run_command(Command::new(pitviper()).args(args))
}

/// Runs `command`, in which pitviper runs, and ends it when it hangs.
pub fn run_command(command: &mut Command) -> Answer {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("NO_COLOR")
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let (send, done) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let errors = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            err.read_to_end(&mut bytes).expect("stderr");
            bytes
        });
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).expect("stdout");
        let both = (bytes, errors.join().expect("stderr"));
        let _ = send.send(());
        both
    });
    if done.recv_timeout(PATIENCE).is_err() {
        let _ = child.kill();
        panic!("{command:?} hangs");
    }
    let (stdout, stderr) = reader.join().expect("output");
    Answer::of(Output { status: child.wait().expect("its end"), stdout, stderr })
}

/// `pitviper dump --json` of `pid`.
pub fn dump(pid: u32) -> Answer {
    run(["dump", "--json", &pid.to_string()])
}

// --- what an answer must hold ----------------------------------------------------------------------

/// The threads of a dump, of all its interpreters.
pub fn threads_of(dump: &Json) -> Vec<&Json> {
    let interpreters = dump["interpreters"].as_array().expect("interpreters");
    interpreters.iter().flat_map(|i| i["threads"].as_array().expect("threads")).collect()
}

/// The thread of `dump` that runs function `name`.
#[track_caller]
pub fn thread_in<'j>(dump: &'j Json, name: &str) -> &'j Json {
    let threads = threads_of(dump);
    let runs = |thread: &&Json| names(thread).iter().any(|n| n == name);
    threads.into_iter().find(runs).unwrap_or_else(|| panic!("no thread is in {name}: {dump:#}"))
}

/// The names of the frames of a thread, innermost first.
pub fn names(thread: &Json) -> Vec<String> {
    let frames = thread["frames"].as_array().expect("frames");
    frames.iter().map(|frame| frame["name"].as_str().expect("a name").to_owned()).collect()
}

/// Fails unless `pitviper dump` tells the whole truth about a process of `version` that runs
/// [`STANDING`].
#[track_caller]
pub fn assert_standing(pid: u32, version: &str) -> Json {
    let document = dump(pid).ended(0).json();
    check_standing(&document, pid, version, "idle");
    document
}

/// Fails unless `document` is the whole truth about [`STANDING`], with both threads in `state`.
#[track_caller]
pub fn check_standing(document: &Json, pid: u32, version: &str, state: &str) {
    assert_eq!(document["complete"], true, "{document:#}");
    assert_eq!(document["python"]["version"], version, "{document:#}");
    assert_eq!(document["target"]["pid"], pid);
    assert_eq!(threads_of(document).len(), 2, "{document:#}");
    let known = threads(pid);
    for (frame, stack, name) in
        [("main", &["main", "<module>"][..], "MainThread"), ("inner", &["inner", "outer"], "worker")]
    {
        let thread = thread_in(document, frame);
        assert!(names(thread).iter().zip(stack).all(|(a, b)| a == b), "{thread:#}");
        assert_eq!(thread["end"], "root", "{thread:#}");
        assert_eq!(thread["state"], state, "{thread:#}");
        assert_eq!(thread["read"], "blocked", "{thread:#}");
        assert_eq!(thread["name"], name, "{thread:#}");
        if state == "idle" {
            assert_eq!(thread["blocked_on"]["name"], "read", "{thread:#}");
        }
        let id = thread["native_id"].as_u64().unwrap_or_else(|| panic!("no kernel id: {thread:#}"));
        assert!(known.contains(&(id as u32)), "{id} is none of {known:?}");
        assert_eq!(id as u32 == pid, frame == "main", "{thread:#}");
        let lines: Vec<_> = thread["frames"].as_array().expect("frames").iter().map(|f| f["line"].as_u64()).collect();
        assert!(lines.iter().all(|line| line.is_some_and(|line| line > 0)), "{thread:#}");
    }
}

// --- files ------------------------------------------------------------------------------------------

/// A folder that is deleted with this value.
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder that everyone may look into.
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pitviper-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a new folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its rights");
        Self(path)
    }

    /// A path in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
