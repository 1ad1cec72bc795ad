//! The memory of a live process.

use crate::address::{Addr, Pid};
use crate::memory::{Memory, Part, ReadError, Why};
use crate::os;
use std::cell::Cell;

/// The memory of a live process. Every look is one system call, and they are counted.
#[derive(Debug)]
pub struct ProcessMemory {
    source: os::RemoteMemory,
    calls: Cell<u64>,
}

impl ProcessMemory {
    /// The memory of `pid`. Opens nothing yet: whether it may be read shows at the first look.
    pub fn new(pid: Pid) -> Self {
        Self { source: os::RemoteMemory::new(pid), calls: Cell::new(0) }
    }

    /// How many system calls have read memory so far.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    fn count(&self) {
        self.calls.set(self.calls.get().saturating_add(1));
    }
}

/// The kernel takes at most this many ranges in one call (UIO_MAXIOV, include/uapi/linux/uio.h).
const MAX_PARTS: usize = 1024;

impl Memory for ProcessMemory {
    fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.count();
        let len = buffer.len();
        let error = |why| ReadError { addr, len, why };
        match self.source.read(addr, buffer) {
            Ok(done) if done == len => Ok(()),
            Ok(_) => Err(error(Why::Unmapped)),
            Err(failure) => Err(error(why(failure))),
        }
    }

    fn read_parts(&self, parts: &mut [Part]) -> Result<(), ReadError> {
        for group in parts.chunks_mut(MAX_PARTS) {
            let mut rest = group;
            // The kernel stops at the first range that cannot be read: what follows it is asked
            // for again.
            while let Some(first) = rest.first() {
                self.count();
                let (addr, len) = (first.addr, first.bytes.len());
                let done = self.source.read_parts(rest);
                let mut left = match done {
                    Ok(done) => done,
                    Err(os::ReadFailure::Fault) => 0,
                    Err(failure) => return Err(ReadError { addr, len, why: why(failure) }),
                };
                let whole = rest
                    .iter()
                    .take_while(|part| {
                        let fits = left >= part.bytes.len();
                        left = left.saturating_sub(if fits { part.bytes.len() } else { 0 });
                        fits
                    })
                    .count();
                if let Some(cut) = rest.get_mut(whole) {
                    cut.bytes.truncate(left);
                }
                rest = rest.get_mut(whole + 1..).unwrap_or_default();
            }
        }
        Ok(())
    }
}

fn why(failure: os::ReadFailure) -> Why {
    match failure {
        os::ReadFailure::Fault => Why::Unmapped,
        os::ReadFailure::Denied => Why::Denied,
        os::ReadFailure::Gone => Why::Gone,
    }
}
