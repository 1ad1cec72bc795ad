//! What the kernel says of a process as a whole.

use crate::address::Pid;
use crate::error::{MAX_COMMAND, MAX_COMMAND_IN_SENTENCE, brief};
use crate::os::OnDisk;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Whether a process can still be looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProcessState {
    /// It lives.
    Alive,
    /// It has ended and waits for its parent: its memory is gone.
    Zombie,
}

/// Facts about a process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its id here.
    pub pid: Pid,
    /// Its parent's id here; 0 when the parent lives outside our namespace.
    pub parent: Pid,
    /// Whether it lives.
    pub state: ProcessState,
    /// When it started, in clock ticks since boot: with the pid this names a process for ever.
    pub start_time: u64,
    /// The kernel's short name for it.
    pub name: String,
    /// Its command line; empty for a kernel thread.
    pub command: Vec<OsString>,
    /// Its executable, as its mount namespace names it, without ` (deleted)`. `None` where we may
    /// not know.
    pub executable: Option<PathBuf>,
    /// The user it runs as.
    pub user: u32,
}

impl Process {
    /// The command line as a shell would show it, bytes that are no text replaced.
    pub fn command_text(&self) -> String {
        let words: Vec<_> = self.command.iter().map(|word| word.to_string_lossy()).collect();
        if words.is_empty() { format!("[{}]", self.name) } else { words.join(" ") }
    }

    /// The same, cut where it is long.
    pub fn command_brief(&self) -> String {
        brief(&self.command_text(), MAX_COMMAND).into_owned()
    }

    /// Its beginning, for errors and hints.
    pub fn command_in_sentence(&self) -> String {
        brief(&self.command_text(), MAX_COMMAND_IN_SENTENCE).into_owned()
    }

    /// What has become of its executable since it was started; `None` where that cannot be told.
    pub fn executable_on_disk(&self) -> Option<OnDisk> {
        let mapped = std::fs::metadata(super::folder(self.pid).join("exe")).ok()?;
        let path = super::in_root_of(self.pid, self.executable.as_ref()?);
        match std::fs::metadata(path) {
            Ok(now) if (now.dev(), now.ino()) == (mapped.dev(), mapped.ino()) => Some(OnDisk::Same),
            Ok(_) => Some(OnDisk::Replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(OnDisk::Deleted),
            Err(_) => None,
        }
    }
}

/// Facts about `pid`; an error if there is no such process.
pub fn process(pid: Pid) -> io::Result<Process> {
    let folder = super::folder(pid);
    let stat = std::fs::read(folder.join("stat"))?;
    let stat = Stat::parse(&stat).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    let state = match stat.state {
        'Z' | 'X' | 'x' => ProcessState::Zombie,
        _ => ProcessState::Alive,
    };
    let command = std::fs::read(folder.join("cmdline")).unwrap_or_default();
    Ok(Process {
        pid,
        parent: stat.parent,
        state,
        start_time: stat.start_time,
        name: stat.name,
        command: command
            .strip_suffix(b"\0")
            .map(|line| line.split(|b| *b == 0).map(|word| OsString::from_vec(word.to_vec())).collect())
            .unwrap_or_default(),
        executable: std::fs::read_link(folder.join("exe")).ok().map(without_deleted),
        user: std::fs::metadata(&folder).map(|meta| meta.uid()).unwrap_or(u32::MAX),
    })
}

fn without_deleted(path: PathBuf) -> PathBuf {
    let bytes = path.into_os_string().into_vec();
    let kept = bytes.strip_suffix(b" (deleted)").unwrap_or(&bytes);
    PathBuf::from(OsString::from_vec(kept.to_vec()))
}

/// What /proc/PID/stat, or that of a thread, says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stat {
    /// The kernel's short name.
    pub name: String,
    /// R, S, D, T, t, Z, X.
    pub state: char,
    /// The parent; 0 where that lives outside our namespace.
    pub parent: Pid,
    /// In clock ticks since boot.
    pub start_time: u64,
    /// Where its stack begins, which no two programs that a process executes one after the other have in
    /// common but by chance; 0 where we may not know.
    pub stack_start: u64,
    /// Whether it was forked and has executed no program since.
    pub forked: bool,
}

/// PF_FORKNOEXEC (include/linux/sched.h).
const FORKED: u64 = 0x40;

impl Stat {
    /// Of process or thread `tid`; `None` if there is none.
    pub fn of(tid: Pid) -> Option<Self> {
        Self::parse(super::small_file(&super::folder(tid).join("stat")).ok()?.as_bytes())
    }

    /// Reads such a `text`; `None` where it is none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        // The name stands in parentheses and may itself hold spaces and parentheses: the last counts.
        let start = text.iter().position(|byte| *byte == b'(')?;
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let fields = std::str::from_utf8(text.get(end.checked_add(2)?..)?).ok()?;
        let field = |index: usize| fields.split(' ').nth(index).and_then(|text| text.trim().parse::<u64>().ok());
        Some(Self {
            name: String::from_utf8_lossy(text.get(start.checked_add(1)?..end)?).into_owned(),
            state: fields.chars().next()?,
            parent: Pid(field(1).and_then(|parent| u32::try_from(parent).ok()).unwrap_or(0)),
            start_time: field(19).unwrap_or(0),
            stack_start: field(25).unwrap_or(0),
            forked: field(6).is_some_and(|flags| flags & FORKED != 0),
        })
    }
}

/// Every process we can see, in order of pid.
pub fn processes() -> io::Result<Vec<Pid>> {
    let entries = std::fs::read_dir("/proc")?;
    let mut pids: Vec<Pid> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().map(Pid)).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// The descendants of `root`, parents before children, each with its parent: cheaply, from what the
/// kernel lists of each thread (/proc/PID/task/TID/children), or, where it does not, from all
/// processes there are.
pub fn descendants(root: Pid) -> Vec<(Pid, Pid)> {
    let mut found: Vec<(Pid, Pid)> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop().filter(|_| found.len() < MAX_DESCENDANTS) {
        let Some(children) = listed_children(parent) else {
            let tree = children(root).unwrap_or_default();
            return tree.into_iter().skip(1).map(|process| (process.pid, process.parent)).collect();
        };
        found.extend(children.iter().map(|child| (*child, parent)));
        parents.extend(children);
    }
    found
}

/// More processes of one tree are not looked for.
const MAX_DESCENDANTS: usize = 100_000;

/// The children of `parent`; `None` where the kernel does not list them.
fn listed_children(parent: Pid) -> Option<Vec<Pid>> {
    let threads = super::threads::thread_ids(parent).unwrap_or_default();
    let mut children = Vec::new();
    for tid in threads {
        match std::fs::read_to_string(super::folder(parent).join(format!("task/{tid}/children"))) {
            Ok(text) => children.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok().map(Pid))),
            // The thread has ended; or there is no such file.
            Err(_) if super::folder(parent).join(format!("task/{tid}")).exists() => return None,
            Err(_) => {}
        }
    }
    Some(children)
}

/// `root` and all its descendants, parents before children.
pub fn children(root: Pid) -> io::Result<Vec<Process>> {
    let all: Vec<Process> = processes()?.into_iter().filter_map(|pid| process(pid).ok()).collect();
    let mut tree: Vec<Process> = all.iter().filter(|p| p.pid == root).cloned().collect();
    let mut next = 0;
    // Bounded: every process is added once at most.
    while let Some(parent) = tree.get(next).map(|p| p.pid) {
        next += 1;
        let found: Vec<Process> = all.iter().filter(|p| p.parent == parent && p.pid != root).cloned().collect();
        tree.extend(found);
        if tree.len() > all.len() {
            break;
        }
    }
    Ok(tree)
}
