//! The files a process has mapped, whatever has become of their names.

use crate::address::Pid;
use crate::os::Mapping;
use memmap2::Mmap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The bytes of a file, mapped into our memory.
#[derive(Debug)]
pub struct FileBytes(Mmap);

impl std::ops::Deref for FileBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Maps the file at `path`.
pub fn read_file(path: &Path) -> io::Result<FileBytes> {
    map(&open(path)?)
}

/// Opens `path` for reading; a pipe that stands there cannot keep us waiting for someone to write.
fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Appends `text` to the file at `path`, which nobody else may read; made with its folders if it is not there.
pub fn append(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::options().create(true).append(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// `path`, which is absolute, as `pid` sees it: under its root.
pub fn in_root_of(pid: Pid, path: &Path) -> PathBuf {
    super::folder(pid).join("root").join(path.strip_prefix("/").unwrap_or(path))
}

/// `path`, which is relative, as `pid` sees it: under the folder it works in.
pub fn in_folder_of(pid: Pid, path: &Path) -> PathBuf {
    super::folder(pid).join("cwd").join(path)
}

fn map(file: &File) -> io::Result<FileBytes> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    // SAFETY: the mapping is private and only read. Should someone shorten the file meanwhile, a
    // read would raise SIGBUS, as for every program that maps files; interpreters are replaced by
    // renaming, not by truncation.
    unsafe { Mmap::map(file) }.map(FileBytes)
}

/// Maps the very file that `mapping` of `pid` shows, also if it was deleted, replaced or lies in
/// another mount namespace; and tells by which path it was found.
///
/// A path is believed only if device and inode are those of the mapping: for a chrooted process
/// seen from outside, the path in /proc/PID/maps is relative to *our* root.
pub fn open_mapping(pid: Pid, mapping: &Mapping) -> io::Result<(FileBytes, PathBuf)> {
    let folder = super::folder(pid);
    let candidates = [
        folder.join(format!("map_files/{:x}-{:x}", mapping.start, mapping.end)),
        folder.join("exe"),
        in_root_of(pid, &mapping.path),
        mapping.path.clone(),
    ];
    for path in candidates {
        let Ok(file) = open(&path) else { continue };
        let Ok(meta) = file.metadata() else { continue };
        if meta.ino() == mapping.inode && meta.is_file() {
            return Ok((map(&file)?, path));
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "the mapped file cannot be opened under any of its names"))
}
