//! A file as the loader would lay it out in memory, so that what reads a mapped image reads a file
//! as well.

use crate::address::Addr;
use crate::binary::{ElfFile, Segment};
use crate::memory::{Memory, ReadError, Why};

/// The bytes of a file at the addresses it asks for.
pub struct FileImage<'a> {
    bytes: &'a [u8],
    segments: Vec<Segment>,
}

impl<'a> FileImage<'a> {
    /// The file `elf`, of which `bytes` are all the bytes.
    pub fn new(elf: &ElfFile<'_>, bytes: &'a [u8]) -> Self {
        // Address zero stands for null everywhere else, so everything is laid out one megabyte up.
        Self { bytes, segments: elf.segments().collect() }
    }

    /// What is added to an address in the file to get one in this image: null must not be one.
    pub const BIAS: u64 = 1 << 20;

    /// Where the ELF header lies.
    pub fn base(&self) -> Option<Addr> {
        let first = self.segments.iter().find(|segment| segment.file_offset == 0)?;
        Addr::new(first.vaddr.wrapping_add(self.bias()))
    }

    fn bias(&self) -> u64 {
        let fixed = self.segments.iter().all(|segment| segment.vaddr != 0);
        if fixed { 0 } else { Self::BIAS }
    }
}

impl Memory for FileImage<'_> {
    fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        let error = ReadError { addr, len: buffer.len(), why: Why::Unmapped };
        let at = addr.get().checked_sub(self.bias()).ok_or(error)?;
        let found = self.segments.iter().find_map(|segment| {
            let skip = at.checked_sub(segment.vaddr).filter(|skip| *skip < segment.mem_size)?;
            let left = usize::try_from(segment.file_size.saturating_sub(skip)).ok()?;
            let start = usize::try_from(segment.file_offset.checked_add(skip)?).ok()?;
            let from_file = self.bytes.get(start..)?;
            Some(from_file.get(..left).unwrap_or(from_file))
        });
        let found = found.ok_or(error)?;
        // Beyond the file's bytes a segment is zero (.bss).
        let given = found.len().min(buffer.len());
        buffer.fill(0);
        buffer.iter_mut().zip(found.iter().take(given)).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}
