//! Reading the memory of another process without stopping it.

use crate::address::{Addr, Pid};
use crate::os::Part;
use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, pread, process_vm_readv};
use std::cell::OnceCell;
use std::fs::File;
use std::io::IoSliceMut;

/// Why the kernel would not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadFailure {
    /// Nothing readable is mapped there.
    Fault,
    /// No permission to look at this process.
    Denied,
    /// There is no such process.
    Gone,
}

/// The memory of a process: `process_vm_readv`, or /proc/PID/mem where a seccomp filter forbids
/// that call.
#[derive(Debug)]
pub struct RemoteMemory {
    pid: Pid,
    file: OnceCell<Option<File>>,
}

impl RemoteMemory {
    /// The memory of `pid`.
    pub fn new(pid: Pid) -> Self {
        Self { pid, file: OnceCell::new() }
    }

    /// Reads from `addr` into `buffer`; returns how many bytes.
    pub fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<usize, ReadFailure> {
        if let Some(Some(file)) = self.file.get() {
            return pread_at(file, addr, buffer);
        }
        let remote = [RemoteIoVec { base: base(addr), len: buffer.len() }];
        let done = process_vm_readv(self.nix_pid(), &mut [IoSliceMut::new(buffer)], &remote);
        match done {
            Err(Errno::ENOSYS) => match self.mem_file() {
                Some(file) => pread_at(file, addr, buffer),
                None => Err(ReadFailure::Denied),
            },
            done => done.map_err(failure),
        }
    }

    /// Reads all of `parts` in one system call; returns how many bytes of them, in order.
    pub fn read_parts(&self, parts: &mut [Part]) -> Result<usize, ReadFailure> {
        if let Some(Some(file)) = self.file.get() {
            return read_parts_by_file(file, parts);
        }
        let remote: Vec<RemoteIoVec> =
            parts.iter().map(|part| RemoteIoVec { base: base(part.addr), len: part.bytes.len() }).collect();
        let mut local: Vec<IoSliceMut<'_>> = parts.iter_mut().map(|part| IoSliceMut::new(&mut part.bytes)).collect();
        match process_vm_readv(self.nix_pid(), &mut local, &remote) {
            Err(Errno::ENOSYS) => match self.mem_file() {
                Some(file) => read_parts_by_file(file, parts),
                None => Err(ReadFailure::Denied),
            },
            done => done.map_err(failure),
        }
    }

    fn nix_pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.pid.0.cast_signed())
    }

    fn mem_file(&self) -> Option<&File> {
        self.file.get_or_init(|| File::open(super::folder(self.pid).join("mem")).ok()).as_ref()
    }
}

fn base(addr: Addr) -> usize {
    // Addresses are 64 bits wide on every machine that has a layout table.
    addr.get() as usize
}

fn pread_at(file: &File, addr: Addr, buffer: &mut [u8]) -> Result<usize, ReadFailure> {
    pread(file, buffer, addr.get().cast_signed()).map_err(failure)
}

fn read_parts_by_file(file: &File, parts: &mut [Part]) -> Result<usize, ReadFailure> {
    let mut total = 0;
    for part in parts {
        let done = match pread_at(file, part.addr, &mut part.bytes) {
            Err(ReadFailure::Fault) if total > 0 => 0,
            done => done?,
        };
        total += done;
        if done < part.bytes.len() {
            break;
        }
    }
    Ok(total)
}

fn failure(errno: Errno) -> ReadFailure {
    match errno {
        Errno::ESRCH => ReadFailure::Gone,
        Errno::EPERM | Errno::EACCES => ReadFailure::Denied,
        // EFAULT; EIO is what /proc/PID/mem says of an unmapped page.
        _ => ReadFailure::Fault,
    }
}
