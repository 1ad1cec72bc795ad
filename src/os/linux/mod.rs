//! Linux: /proc, `process_vm_readv` and ptrace.

mod denied;
mod files;
mod maps;
mod memory;
mod process;
mod stop;
mod syscalls;
mod threads;

pub use denied::{access, denied, hints as denied_hints};
pub use files::{FileBytes, open_mapping, read_file};
pub use maps::{Mapping, maps, parse_maps};
pub use memory::{ReadFailure, RemoteMemory};
pub use process::{Process, ProcessState, Stat, children, process, processes};
pub use stop::{StopError, StoppedThread, Tracer};
pub use syscalls::{Syscall, SyscallTarget};
pub use threads::{Activity, ThreadStatus, native_ids, parse_syscall, thread_ids, thread_name};

use crate::address::Pid;
use std::path::PathBuf;

/// The folder of `pid` in /proc.
fn folder(pid: Pid) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// The text of a file of /proc that is always short, in one read: half of what `std::fs::read`
/// takes, and there are several for each of thousands of threads.
fn small_file(path: &std::path::Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut buffer = [0; 512];
    let size = std::fs::File::open(path)?.read(&mut buffer)?;
    Ok(String::from_utf8_lossy(buffer.get(..size).unwrap_or_default()).into_owned())
}
