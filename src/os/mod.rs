//! Facts about processes: maps, threads, states, pausing, namespaces, and why access is denied.
//!
//! The only room with `cfg(target_os)` and the only one with `unsafe`. It knows nothing of Python.
//! Another operating system is a folder beside `linux/` with the same names.

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod system;

pub use system::*;

use crate::address::Addr;

/// What has become of a file that a process has mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnDisk {
    /// It is where it was.
    Same,
    /// There is no file of that name any more.
    Deleted,
    /// There is another file of that name.
    Replaced,
}

/// One of several ranges of memory to be read at once.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where it begins.
    pub addr: Addr,
    /// Where the bytes go; its length is how many are wanted. Cut to what could be read.
    pub bytes: Vec<u8>,
}

impl Part {
    /// A range of `len` bytes at `addr`.
    pub fn new(addr: Addr, len: usize) -> Self {
        Self { addr, bytes: vec![0; len] }
    }
}
