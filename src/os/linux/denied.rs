//! Why the kernel does not let us look, and what would help. Everything pitviper knows about
//! ptrace_scope, capabilities, other users and containers is in this file.

use crate::address::Pid;
use crate::error::{Error, Kind};
use std::os::unix::fs::MetadataExt;

/// CAP_SYS_PTRACE (include/uapi/linux/capability.h).
const CAP_SYS_PTRACE: u32 = 19;

/// The error for a process that we may not look at.
#[cold]
pub fn denied(pid: Pid) -> Error {
    let error = Error::new(Kind::Denied, format!("pid {pid}: not permitted to read its memory"));
    hints(pid).into_iter().fold(error, Error::hint)
}

/// Whether we may look at `pid`: asks the kernel, by the check that reading memory makes.
pub fn access(pid: Pid) -> bool {
    // Opening makes the same check as process_vm_readv (ptrace_may_access, mm_access).
    std::fs::File::open(super::folder(pid).join("mem")).is_ok()
}

/// What would let us look at `pid`, the likeliest first.
pub fn hints(pid: Pid) -> Vec<String> {
    let mut hints = Vec::new();
    let capable = has_capability(CAP_SYS_PTRACE);
    let (ours, theirs) = (nix::unistd::geteuid().as_raw(), owner(pid));
    if theirs.is_some_and(|theirs| theirs != ours) && !capable {
        hints.push(format!(
            "the process belongs to user {}: run pitviper as that user or with sudo",
            theirs.unwrap_or_default()
        ));
    }
    if !capable && theirs == Some(ours) && is_not_dumpable(pid) {
        hints.push(
            "the process forbids it (setuid program, or prctl PR_SET_DUMPABLE): run pitviper with sudo".to_owned(),
        );
    }
    let scope = ptrace_scope();
    match scope {
        Some(1) if !capable && theirs == Some(ours) => hints.push(
            "ptrace_scope is 1, so only descendants may be read: run with sudo, or `sudo sysctl kernel.yama.ptrace_scope=0`"
                .to_owned(),
        ),
        Some(2) if !capable => {
            hints.push("ptrace_scope is 2, so only programs with CAP_SYS_PTRACE may read others: run with sudo".to_owned());
        }
        Some(3) => hints.push(
            "ptrace_scope is 3: nobody may read other processes until the next boot".to_owned(),
        ),
        _ => {}
    }
    if !capable && in_container() {
        hints.push(
            "inside a container the capability SYS_PTRACE is needed: `docker run --cap-add SYS_PTRACE`, or in Kubernetes securityContext.capabilities.add: [\"SYS_PTRACE\"]; or run pitviper on the host"
                .to_owned(),
        );
    }
    if hints.is_empty() && !capable {
        hints.push("run pitviper with sudo, or give it the capability CAP_SYS_PTRACE".to_owned());
    }
    if hints.is_empty() {
        hints.push(
            "the process may have forbidden it (prctl PR_SET_DUMPABLE), or a security module does (see `dmesg`)"
                .to_owned(),
        );
    }
    hints
}

/// The effective user of `pid`.
fn owner(pid: Pid) -> Option<u32> {
    std::fs::metadata(super::folder(pid)).ok().map(|meta| meta.uid())
}

/// Whether `pid` may be read by root only: the folder is its user's all the same, the files in it are
/// root's (`task_dump_owner`, fs/proc/base.c).
fn is_not_dumpable(pid: Pid) -> bool {
    let files = std::fs::metadata(super::folder(pid).join("stat")).ok().map(|meta| meta.uid());
    files == Some(0) && owner(pid).is_some_and(|owner| owner != 0)
}

fn ptrace_scope() -> Option<u8> {
    std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?.trim().parse().ok()
}

fn has_capability(bit: u32) -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
    set & (1 << bit) != 0
}

fn in_container() -> bool {
    let marks = ["/.dockerenv", "/run/.containerenv", "/var/run/secrets/kubernetes.io"];
    marks.iter().any(|path| std::path::Path::new(path).exists()) || std::env::var_os("container").is_some()
}
