//! Copies of a few ranges, taken at one moment, laid over the memory they come from.

use crate::address::Addr;
use crate::memory::{Memory, Part, ReadError};

/// Serves reads from copies where one holds all the bytes wanted, else from the memory below.
pub struct Copies<'m> {
    parts: &'m [Part],
    under: &'m dyn Memory,
}

impl<'m> Copies<'m> {
    /// Lays `parts` over `under`. Where two overlap the first counts.
    pub fn new(parts: &'m [Part], under: &'m dyn Memory) -> Self {
        Self { parts, under }
    }

    /// The memory below, without the copies.
    pub fn under(&self) -> &'m dyn Memory {
        self.under
    }

    /// The copied bytes at `addr`, if a copy holds all `len`.
    pub fn copied(&self, addr: Addr, len: usize) -> Option<&'m [u8]> {
        self.parts.iter().find_map(|part| {
            let skip = usize::try_from(addr.get().checked_sub(part.addr.get())?).ok()?;
            part.bytes.get(skip..skip.checked_add(len)?)
        })
    }
}

impl Memory for Copies<'_> {
    fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        match self.copied(addr, buffer.len()) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                Ok(())
            }
            None => self.under.read(addr, buffer),
        }
    }
}
