//! Memory made of bytes at addresses, for tests of everything above and for fuzzing.

use crate::address::Addr;
use crate::memory::{Memory, ReadError, Why};
use std::collections::BTreeMap;

/// Bytes at addresses, and nothing anywhere else.
#[derive(Clone, Debug, Default)]
pub struct Image(BTreeMap<u64, Vec<u8>>);

impl Image {
    /// An image in which nothing is mapped.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `bytes` at `addr`.
    #[must_use]
    pub fn with(mut self, addr: u64, bytes: &[u8]) -> Self {
        self.0.insert(addr, bytes.to_vec());
        self
    }
}

impl Memory for Image {
    fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        let error = ReadError { addr, len: buffer.len(), why: Why::Unmapped };
        let (start, bytes) = self.0.range(..=addr.get()).next_back().ok_or(error)?;
        let skip = usize::try_from(addr.get() - start).map_err(|_| error)?;
        let found = skip.checked_add(buffer.len()).and_then(|end| bytes.get(skip..end)).ok_or(error)?;
        buffer.copy_from_slice(found);
        Ok(())
    }
}
