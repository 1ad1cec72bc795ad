//! Processes that were started just now, told without a look at those there were.

use crate::address::Pid;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The ids that the kernel gives to new processes and threads, one after the other, as they can be seen
/// from outside: the last of them stands in /proc/loadavg. To ask takes a microsecond, whatever runs.
#[derive(Debug)]
pub struct Births {
    file: File,
    last: u32,
}

impl Births {
    /// From now on; `None` where the kernel does not tell.
    pub fn new() -> Option<Self> {
        let file = File::open("/proc/loadavg").ok()?;
        let last = last(&file)?;
        Some(Self { file, last })
    }

    /// The ids given since this was asked last: of processes, of threads, and of what has ended already.
    /// `None` if they are more than `most`, or cannot be told: the kernel has begun from the lowest again.
    pub fn next(&mut self, most: u32) -> Option<impl Iterator<Item = Pid> + use<>> {
        let last = last(&self.file)?;
        let before = std::mem::replace(&mut self.last, last);
        last.checked_sub(before).filter(|count| *count <= most)?;
        Some((before..last).map(|id| Pid(id + 1)))
    }
}

fn last(file: &File) -> Option<u32> {
    let mut buffer = [0; 128];
    let size = file.read_at(&mut buffer, 0).ok()?;
    std::str::from_utf8(buffer.get(..size)?).ok()?.split_ascii_whitespace().nth(4)?.parse().ok()
}

/// Whether `id` is that of a process, and not of one of its other threads.
pub fn is_process(id: Pid) -> bool {
    let text = std::fs::read_to_string(super::folder(id).join("status")).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix("Tgid:")).is_some_and(|first| first.trim().parse() == Ok(id.0))
}

/// Whether two processes have one memory: a child of vfork(2) has its parent's until it executes its
/// program. False where the kernel does not tell.
pub fn share_memory(one: Pid, other: Pid) -> bool {
    const KCMP_VM: libc::c_int = 1;
    // SAFETY: kcmp(2) compares what it is given numbers of, and reads and writes no memory of ours.
    let order = unsafe { libc::syscall(libc::SYS_kcmp, one.0, other.0, KCMP_VM, 0_u64, 0_u64) };
    order == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_was_started_is_told() {
        let mut births = Births::new().unwrap();
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let id = Pid(child.id());
        // The kernel may have begun from the lowest again just now, or others have started many.
        let told = births.next(10_000).is_none_or(|mut ids| ids.any(|born| born == id));
        let is_one = is_process(id);
        let ours = share_memory(id, Pid(std::process::id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(told && is_one && !ours);
        assert!(births.next(0).is_none_or(|mut ids| ids.next().is_none()));
        assert!(share_memory(Pid(std::process::id()), Pid(std::process::id())));
    }
}
