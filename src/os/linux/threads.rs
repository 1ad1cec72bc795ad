//! The threads of a process and what the kernel says of each.

use crate::address::Pid;
use crate::os::Syscall;
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

/// What the kernel says of a thread at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThreadStatus {
    /// What it is doing.
    pub activity: Activity,
    /// How often it has been put on a processor (/proc/PID/task/TID/schedstat). Unchanged between
    /// two looks at a thread that slept at both: it slept all the while. `None` where the kernel
    /// does not count.
    pub turns: Option<u64>,
}

impl ThreadStatus {
    /// What thread `tid` of `pid` is doing now.
    pub fn read(pid: Pid, tid: Pid) -> Self {
        let folder = task(pid, tid);
        let turns = turns(&folder);
        Self { activity: activity(&folder), turns }
    }

    /// Whether the thread cannot have run between `self` and the later look `after`.
    pub fn slept_until(&self, after: &Self) -> bool {
        let asleep = !matches!(self.activity, Activity::Running | Activity::Gone);
        asleep && self.activity == after.activity && self.turns == after.turns
    }
}

fn task(pid: Pid, tid: Pid) -> PathBuf {
    super::folder(pid).join(format!("task/{tid}"))
}

fn turns(folder: &std::path::Path) -> Option<u64> {
    let text = super::small_file(&folder.join("schedstat")).ok()?;
    text.split_ascii_whitespace().nth(2)?.parse().ok()
}

fn activity(folder: &std::path::Path) -> Activity {
    match super::small_file(&folder.join("syscall")) {
        Ok(text) => match parse_syscall(&text) {
            Some(Activity::Running) => Activity::Running,
            // A thread that was stopped in a system call stands in it still: only the letter tells.
            Some(Activity::Blocked(call)) => match by_state_letter(folder) {
                Activity::Stopped => Activity::Stopped,
                _ => Activity::Blocked(call),
            },
            _ => by_state_letter(folder),
        },
        // Without the right to trace, or on a kernel without this file, the letter must do.
        Err(_) => by_state_letter(folder),
    }
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

fn by_state_letter(folder: &std::path::Path) -> Activity {
    let Ok(text) = super::small_file(&folder.join("stat")) else { return Activity::Gone };
    match super::Stat::parse(text.as_bytes()).map(|stat| stat.state) {
        Some('R') => Activity::Running,
        Some('T' | 't') => Activity::Stopped,
        Some('Z' | 'X' | 'x') | None => Activity::Gone,
        Some(_) => Activity::Asleep,
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
