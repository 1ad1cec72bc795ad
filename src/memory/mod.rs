//! Bytes at addresses: the one door through which everything above reads a target.
//!
//! [`Memory`] is implemented by a live process ([`ProcessMemory`]), by a page cache over another
//! memory ([`Pages`]), by copies laid over another ([`Copies`]) and by an image of bytes for tests
//! ([`Image`]). Nothing in here knows what the bytes mean.
//!
//! ```
//! use pitviper::address::Addr;
//! use pitviper::memory::{Image, Memory};
//! let image = Image::new().with(0x1000, b"\x2a\0\0\0\0\0\0\0");
//! assert_eq!(image.u64(Addr::new(0x1000).unwrap()), Ok(42));
//! assert!(image.u64(Addr::new(0x2000).unwrap()).is_err());
//! ```

mod copies;
mod image;
mod pages;
mod process;

pub use copies::Copies;
pub use image::Image;
pub use pages::{Budget, Direct, Footprints, Pages};
pub use process::ProcessMemory;

pub use crate::os::Part;

use crate::address::Addr;
use std::fmt;

/// Why bytes could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Nothing is mapped there, or it may not be read.
    Unmapped,
    /// The kernel refuses to let us look at the process.
    Denied,
    /// The process is gone.
    Gone,
    /// The look has used up its [`Budget`].
    TooMuch,
}

/// Bytes that could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadError {
    /// Where reading began.
    pub addr: Addr,
    /// How many bytes were wanted.
    pub len: usize,
    /// Why it failed.
    pub why: Why,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Unmapped => "nothing readable is mapped there",
            Why::Denied => "not permitted",
            Why::Gone => "the process is gone",
            Why::TooMuch => "more was read already than any real process takes",
        };
        write!(f, "cannot read {} bytes at {}: {why}", self.len, self.addr)
    }
}

impl std::error::Error for ReadError {}

/// Bytes at addresses.
pub trait Memory {
    /// Fills `buffer` from `addr` on, wholly or not at all.
    fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), ReadError>;

    /// Reads all `parts` as nearly at one moment as the source can: in one system call from a live
    /// process. A part that cannot be read whole is cut to what could be read, perhaps nothing.
    fn read_parts(&self, parts: &mut [Part]) -> Result<(), ReadError> {
        for part in parts {
            let mut bytes = std::mem::take(&mut part.bytes);
            if self.read(part.addr, &mut bytes).is_ok() {
                part.bytes = bytes;
            }
        }
        Ok(())
    }

    /// The eight bytes at `addr` as a little-endian number.
    fn u64(&self, addr: Addr) -> Result<u64, ReadError> {
        let mut buffer = [0; 8];
        self.read(addr, &mut buffer)?;
        Ok(u64::from_le_bytes(buffer))
    }

    /// The pointer at `addr`, or `None` if it is null.
    fn pointer(&self, addr: Addr) -> Result<Option<Addr>, ReadError> {
        self.u64(addr).map(Addr::new)
    }

    /// The C string at `addr`, without its end; cut at `max` bytes.
    fn c_string(&self, addr: Addr, max: usize) -> Result<Vec<u8>, ReadError> {
        const STEP: u64 = 64;
        let mut text = Vec::new();
        let mut at = addr;
        while text.len() < max {
            // Up to the next multiple of 64, so that no read crosses into an unmapped page in
            // which nothing of the string lies.
            let mut piece = vec![0; (STEP - at.get() % STEP) as usize];
            self.read(at, &mut piece)?;
            let end = piece.iter().position(|byte| *byte == 0);
            text.extend_from_slice(piece.get(..end.unwrap_or(piece.len())).unwrap_or_default());
            if end.is_some() {
                break;
            }
            at = at.offset(piece.len() as u64);
        }
        text.truncate(max);
        Ok(text)
    }
}
