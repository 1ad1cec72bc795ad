//! The threads of a process and what the kernel says of each.

use crate::address::Pid;
use crate::os::Syscall;
use std::fs::File;
use std::io;
use std::path::PathBuf;

/// What a thread is doing, as the kernel sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// Running on a processor, or ready to.
    Running,
    /// Asleep in a system call: it cannot change anything until that returns.
    Blocked(Syscall),
    /// Asleep outside a system call: waiting for a page, or being looked at by a tracer.
    Asleep,
    /// Stopped by a signal such as SIGSTOP, or by a tracer.
    Stopped,
    /// It has ended.
    Gone,
}

fn task(pid: Pid, tid: Pid) -> PathBuf {
    super::folder(pid).join(format!("task/{tid}"))
}

/// What the `text` of a /proc/PID/task/TID/syscall says; `None` where it is none.
pub fn parse_syscall(text: &str) -> Option<Activity> {
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    if first == "running" {
        return Some(Activity::Running);
    }
    let number: i64 = first.parse().ok()?;
    let Ok(number) = u64::try_from(number) else { return Some(Activity::Asleep) };
    let mut next = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let args = [next()?, next()?, next()?, next()?, next()?, next()?];
    Some(Activity::Blocked(Syscall { number, args, sp: next()?, pc: next()? }))
}

/// What the kernel has counted of a thread (/proc/PID/task/TID/schedstat).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Turns {
    /// Nanoseconds on a processor. Counted when the thread leaves it, and at every tick of the clock
    /// (1 to 10 ms): behind while it runs.
    pub ran: u64,
    /// Nanoseconds for which it was ready and had none. Counted when it gets one.
    pub waited: u64,
    /// How often it has been put on a processor. Counted at once.
    pub turns: u64,
}

impl Turns {
    fn parse(schedstat: &str) -> Option<Self> {
        let mut words = schedstat.split_ascii_whitespace();
        let ran = words.next()?.parse().ok()?;
        Some(Self { ran, waited: words.next()?.parse().ok()?, turns: words.next()?.parse().ok()? })
    }
}

/// How a thread left its processors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaves {
    /// How often it went to sleep.
    pub slept: u64,
    /// How often it was interrupted, and was ready to go on.
    pub interrupted: u64,
    /// Whether it had no processor when it was last counted.
    pub has_none: bool,
}

/// What the kernel tells of one thread. Its files are held open, so that asking is one system call.
#[derive(Debug)]
pub struct ThreadFiles {
    pid: Pid,
    tid: Pid,
    schedstat: Option<File>,
    syscall: Option<File>,
    status: Option<File>,
    turns: Option<Turns>,
    /// How often it had gone to sleep, and been interrupted, when last asked.
    leaves: Option<(u64, u64)>,
    /// How often it was stopped since then.
    stops: u64,
}

impl ThreadFiles {
    /// Of thread `tid` of `pid`. What cannot be held open is opened whenever it is asked.
    pub fn open(pid: Pid, tid: Pid) -> Self {
        let open = |name: &str| File::open(task(pid, tid).join(name)).ok();
        let (schedstat, syscall, status) = (open("schedstat"), open("syscall"), open("status"));
        let mut files = Self { pid, tid, schedstat, syscall, status, turns: None, leaves: None, stops: 0 };
        files.count();
        files
    }

    /// The thread.
    pub fn tid(&self) -> Pid {
        self.tid
    }

    /// What was counted of it when last asked; `None` where the kernel does not count, or if it had ended.
    pub fn turns(&self) -> Option<Turns> {
        self.turns
    }

    /// Asks what is counted of it now. Returns what was before.
    pub fn count(&mut self) -> Option<Turns> {
        let mut buffer = [0; 64];
        let now = self.read(self.schedstat.as_ref(), "schedstat", &mut buffer).and_then(Turns::parse);
        std::mem::replace(&mut self.turns, now)
    }

    /// Asks how it left its processors since this was asked last: `voluntary_ctxt_switches` and `nonvoluntary_ctxt_switches`,
    /// /proc/PID/task/TID/status. `None` where that is not counted, and the first time.
    pub fn leaves(&mut self) -> Option<Leaves> {
        let mut buffer = [0; 4096];
        let text = self.read(self.status.as_ref(), "status", &mut buffer)?;
        let counts = text.rsplit('\n').filter_map(|line| line.split_once("ctxt_switches:"));
        let counts: Vec<u64> = counts.take(2).filter_map(|(_, count)| count.trim().parse().ok()).collect();
        let [interrupted, slept] = *counts.as_slice() else { return None };
        let stops = std::mem::take(&mut self.stops);
        let (slept_before, interrupted_before) = self.leaves.replace((slept, interrupted))?;
        Some(Leaves {
            // To be stopped looks like sleep, and is an interruption.
            slept: slept.saturating_sub(slept_before).saturating_sub(stops),
            interrupted: interrupted.saturating_sub(interrupted_before).saturating_add(stops),
            // Else it has been put on one once more.
            has_none: self.turns?.turns <= slept + interrupted,
        })
    }

    /// The same of a thread that is stopped: it will be put on a processor once more as it is let go.
    pub fn count_stopped(&mut self) {
        self.count();
        self.stops += 1;
        if let Some(turns) = &mut self.turns {
            turns.turns += 1;
        }
    }

    /// Whether it, asleep then, has slept since it was last counted. Counts it.
    pub fn slept_on(&mut self) -> bool {
        match (self.count(), self.turns) {
            (Some(before), Some(now)) => before.turns == now.turns,
            // Where the kernel does not count, that it sleeps again must do.
            _ => !matches!(self.activity(), Activity::Running | Activity::Gone),
        }
    }

    /// What it is doing now.
    pub fn activity(&self) -> Activity {
        self.activity_in(|_| true)
    }

    /// The same, for threads that wait on futexes all the time: of one that was stopped there it is said
    /// that it is blocked, since more would take as long again to ask.
    pub fn usual_activity(&self) -> Activity {
        self.activity_in(|call| call.futex().is_none())
    }

    /// What it is doing; whether it was stopped in a system call only where `may_be_stopped`.
    fn activity_in(&self, may_be_stopped: impl Fn(&Syscall) -> bool) -> Activity {
        let mut buffer = [0; 256];
        let text = self.read(self.syscall.as_ref(), "syscall", &mut buffer);
        match text.and_then(parse_syscall) {
            Some(Activity::Running) => Activity::Running,
            // A thread that was stopped in a system call stands in it still: only the letter tells.
            Some(Activity::Blocked(call)) if !may_be_stopped(&call) || self.letter() != Activity::Stopped => {
                Activity::Blocked(call)
            }
            // Without the right to trace, or on a kernel without this file, the letter must do.
            _ => self.letter(),
        }
    }

    /// What it is doing by the letter of its `stat`.
    fn letter(&self) -> Activity {
        let Ok(text) = super::small_file(&task(self.pid, self.tid).join("stat")) else { return Activity::Gone };
        match super::Stat::parse(text.as_bytes()).map(|stat| stat.state) {
            Some('R') => Activity::Running,
            Some('T' | 't') => Activity::Stopped,
            Some('Z' | 'X' | 'x') | None => Activity::Gone,
            Some(_) => Activity::Asleep,
        }
    }

    fn read<'b>(&self, file: Option<&File>, name: &str, buffer: &'b mut [u8]) -> Option<&'b str> {
        use std::os::unix::fs::FileExt;
        let size = match file {
            Some(file) => file.read_at(buffer, 0).ok()?,
            None => File::open(task(self.pid, self.tid).join(name)).ok()?.read_at(buffer, 0).ok()?,
        };
        std::str::from_utf8(buffer.get(..size)?).ok()
    }
}

/// Whether a signal waits to be delivered to thread `tid`.
pub(super) fn has_pending_signal(tid: Pid) -> bool {
    let Ok(text) = std::fs::read_to_string(super::folder(tid).join("status")) else { return true };
    let mask = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    };
    (mask("SigPnd:") | mask("ShdPnd:")) & !mask("SigBlk:") != 0
}

/// The threads of `pid`, in order of their ids.
pub fn thread_ids(pid: Pid) -> io::Result<Vec<Pid>> {
    let entries = std::fs::read_dir(super::folder(pid).join("task"))?;
    let mut ids: Vec<Pid> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().map(Pid)).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// The kernel's name of a thread: at most 15 bytes.
pub fn thread_name(pid: Pid, tid: Pid) -> Option<String> {
    Some(super::small_file(&task(pid, tid).join("comm")).ok()?.trim_end().to_owned())
}

/// The threads of `pid` as pairs: the id inside the process's own pid namespace, which is what
/// Python knows, and the id here. The same number twice unless the process lives in a namespace
/// below ours.
pub fn native_ids(pid: Pid) -> io::Result<Vec<(Pid, Pid)>> {
    let ids = thread_ids(pid)?;
    let nested = inner_id(pid, pid).is_some_and(|inner| inner != pid);
    Ok(ids.into_iter().map(|tid| (if nested { inner_id(pid, tid).unwrap_or(tid) } else { tid }, tid)).collect())
}

/// The last number of NSpid: the id in the innermost namespace.
fn inner_id(pid: Pid, tid: Pid) -> Option<Pid> {
    let text = std::fs::read(task(pid, tid).join("status")).ok()?;
    let line = text.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"NSpid:"))?;
    std::str::from_utf8(line).ok()?.split_ascii_whitespace().last()?.parse().ok().map(Pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syscall_lines() {
        assert_eq!(parse_syscall("running\n"), Some(Activity::Running));
        assert_eq!(parse_syscall("-1 0x7ffd 0x7f00\n"), Some(Activity::Asleep));
        let line = "0 0x3 0x7f1 0x1 0x0 0x0 0x0 0x7ffd 0x7f00\n";
        let Some(Activity::Blocked(call)) = parse_syscall(line) else { panic!("{line}") };
        assert_eq!((call.number, call.args[0], call.sp, call.pc), (0, 3, 0x7ffd, 0x7f00));
        for bad in ["", "x", "0", "0 1 2", "0 0x3 0x7f1"] {
            assert_eq!(parse_syscall(bad), None, "{bad}");
        }
    }
}
