//! Linux: /proc, `process_vm_readv` and ptrace.

mod births;
mod clock;
mod denied;
mod ends;
mod files;
mod freeze;
mod maps;
mod memory;
mod process;
mod program;
mod signals;
mod stop;
mod syscalls;
mod threads;

pub use births::{Births, is_process, share_memory};
pub use clock::{allow_many_files, kernel, now, own_processor_time, processor_time, sleep_precisely};
pub use denied::{access, denied, hints as denied_hints};
pub use ends::{PipeEnds, Socket, inode, pipe_ends, sockets};
pub use files::{FileBytes, append, in_folder_of, in_root_of, open_mapping, read_file};
pub use freeze::{Freezer, Frozen};
pub use maps::{Mapping, maps, parse_maps};
pub use memory::{ReadFailure, RemoteMemory};
pub use process::{Process, ProcessState, Stat, children, descendants, process, processes};
pub use program::Program;
pub use signals::{asked_to_end, asked_to_report, count_signals, pass_signals_to, signal_name};
pub use stop::{StopError, StoppedThread, Tracer};
pub use syscalls::{Syscall, SyscallTarget};
pub use threads::{Activity, Leaves, ThreadFiles, Turns, native_ids, parse_syscall, thread_ids, thread_name};

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
