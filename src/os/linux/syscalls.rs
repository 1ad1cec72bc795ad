//! System calls by name, and what their arguments point at.

use crate::address::Pid;
use std::path::PathBuf;

/// The system call a thread is blocked in (/proc/PID/task/TID/syscall).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Syscall {
    /// Its number on this machine.
    pub number: u64,
    /// Its arguments.
    pub args: [u64; 6],
    /// The thread's stack pointer.
    pub sp: u64,
    /// The thread's program counter.
    pub pc: u64,
}

/// What a system call works on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyscallTarget {
    /// The file descriptor.
    pub fd: u32,
    /// What it is open on, as /proc/PID/fd names it: a path, `pipe:[…]`, `socket:[…]`.
    pub file: Option<PathBuf>,
}

/// System calls that can block and whose first argument is a file descriptor.
const ON_FILE: &[&str] = &[
    "read",
    "pread64",
    "readv",
    "preadv",
    "preadv2",
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "pwritev2",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "sendfile",
    "accept",
    "accept4",
    "connect",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "flock",
    "fcntl",
    "fsync",
    "fdatasync",
    "ioctl",
    "splice",
    "tee",
    "vmsplice",
    "getdents64",
    "fallocate",
    "ftruncate",
    "sync_file_range",
    "io_uring_enter",
    "copy_file_range",
    "openat",
];

impl Syscall {
    /// Its name; `None` for a number this build of pitviper does not know.
    pub fn name(&self) -> Option<&'static str> {
        syscalls::Sysno::new(usize::try_from(self.number).ok()?).map(|number| number.name())
    }

    /// The address of the futex it sleeps on, if it is a futex wait.
    pub fn futex(&self) -> Option<u64> {
        matches!(self.name(), Some("futex" | "futex_wait")).then_some(self.args[0])
    }

    /// The first argument of a wait with a timeout that goes on after the thread was stopped: the
    /// kernel shows `restart_syscall` with the arguments of the call it continues, a futex or not.
    pub fn continued(&self) -> Option<u64> {
        (self.name() == Some("restart_syscall")).then_some(self.args[0])
    }

    /// The file descriptor it works on, and what that is open on in `pid`.
    pub fn target(&self, pid: Pid) -> Option<SyscallTarget> {
        if !ON_FILE.contains(&self.name()?) {
            return None;
        }
        // AT_FDCWD and other negative numbers are no file.
        let fd = u32::try_from(self.args[0]).ok().filter(|fd| *fd < 1 << 31)?;
        let file = std::fs::read_link(super::folder(pid).join(format!("fd/{fd}"))).ok();
        Some(SyscallTarget { fd, file })
    }
}
