//! /proc/PID/maps.

use crate::address::Pid;
use crate::os::OnDisk;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A mapped range of a process's address space: a line of /proc/PID/maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// The address behind the last.
    pub end: u64,
    /// Whether it may be read.
    pub read: bool,
    /// Whether it may be written.
    pub write: bool,
    /// Whether it may be executed.
    pub execute: bool,
    /// Where in the file it begins.
    pub offset: u64,
    /// The device of the file, as `st_dev` encodes it; 0 without a file.
    pub device: u64,
    /// The inode of the file; 0 without one.
    pub inode: u64,
    /// The file as the process's mount namespace names it, without the kernel's ` (deleted)`; or a
    /// name in brackets such as `[heap]`; empty for anonymous memory.
    pub path: PathBuf,
    /// Whether the kernel says that the file is deleted.
    pub deleted: bool,
}

impl Mapping {
    /// Whether it maps a file.
    pub fn is_file(&self) -> bool {
        self.inode != 0
    }

    /// Its size in bytes.
    pub fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether it has no bytes, which the kernel never shows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has become of its file since `pid` has mapped it.
    pub fn on_disk(&self, pid: Pid) -> OnDisk {
        match self.deleted {
            false => OnDisk::Same,
            true if super::in_root_of(pid, &self.path).exists() => OnDisk::Replaced,
            true => OnDisk::Deleted,
        }
    }

    /// The last part of its path.
    pub fn file_name(&self) -> Option<&str> {
        Path::new(&self.path).file_name()?.to_str()
    }
}

/// What is mapped in `pid`, in order of address. Empty for a kernel thread and for a process that
/// is ending.
pub fn maps(pid: Pid) -> io::Result<Vec<Mapping>> {
    let text = std::fs::read(super::folder(pid).join("maps"))?;
    Ok(parse_maps(&text))
}

/// The mappings that the `text` of a /proc/PID/maps lists. A line that is none is left out.
pub fn parse_maps(text: &[u8]) -> Vec<Mapping> {
    text.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<Mapping> {
    // start-end perms offset major:minor inode      path with any bytes but a newline
    let mut rest = line;
    let mut word = || {
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        let word = std::str::from_utf8(rest.get(..end)?).ok()?;
        rest = rest.get(end..)?.trim_ascii_start();
        Some(word)
    };
    let (start, end) = word()?.split_once('-')?;
    let permissions = word()?.as_bytes();
    let offset = word()?;
    let (major, minor) = word()?.split_once(':')?;
    let inode = word()?.parse().ok()?;
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    const DELETED: &[u8] = b" (deleted)";
    let (path, deleted) = match rest.strip_suffix(DELETED) {
        Some(path) if inode != 0 => (path, true),
        _ => (rest, false),
    };
    Some(Mapping {
        start: hex(start)?,
        end: hex(end)?,
        read: permissions.first() == Some(&b'r'),
        write: permissions.get(1) == Some(&b'w'),
        execute: permissions.get(2) == Some(&b'x'),
        offset: hex(offset)?,
        device: libc::makedev(hex(major)? as u32, hex(minor)? as u32),
        inode,
        path: PathBuf::from(OsString::from_vec(unescape(path))),
        deleted,
    })
}

/// The kernel writes a newline in a path as `\012` (seq_file's mangle_path).
fn unescape(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, tail)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"\\012") {
            out.push(b'\n');
            rest = after;
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let line = b"7f00-7f10 r-xp 00001000 fe:00 42                         /a  b/lib \\012\xff.so (deleted)";
        let mapping = parse_line(line).unwrap();
        assert_eq!((mapping.start, mapping.end, mapping.offset, mapping.inode), (0x7f00, 0x7f10, 0x1000, 42));
        assert!(mapping.read && !mapping.write && mapping.execute && mapping.deleted);
        assert_eq!(mapping.path.into_os_string().into_vec(), b"/a  b/lib \n\xff.so");
        let heap = parse_line(b"7f00-7f10 rw-p 00000000 00:00 0                          [heap]").unwrap();
        assert!(!heap.is_file() && heap.path == Path::new("[heap]"));
        for bad in [&b""[..], b"7f00 rw-p", b"x-y rw-p 0 0:0 0", b"1-2 rw-p 0 00 0"] {
            assert_eq!(parse_line(bad), None);
        }
    }
}
