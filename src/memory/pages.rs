//! A page cache: objects lie close together, and a page costs hardly more to read than a word
//! (1.6 µs for 4 kB against 1.5 µs for 64 bytes, measured).

use crate::address::Addr;
use crate::memory::{Memory, Part, ReadError, Why};
use std::cell::RefCell;
use std::collections::HashMap;

const PAGE: u64 = 4096;

/// At most 4 MB are kept: then the cache starts afresh. A dump of 200 threads uses a few hundred
/// kilobytes.
const MAX_PAGES: usize = 1024;

/// A memory that remembers the pages it has read: one moment's look. Drop it, or
/// [`Pages::forget`], before the next.
pub struct Pages<'m> {
    under: &'m dyn Memory,
    pages: RefCell<HashMap<u64, Option<Box<[u8]>>>>,
}

impl<'m> Pages<'m> {
    /// A cache over `under` that knows nothing yet.
    pub fn new(under: &'m dyn Memory) -> Self {
        Self { under, pages: RefCell::default() }
    }

    /// The memory without the cache.
    pub fn under(&self) -> &'m dyn Memory {
        self.under
    }

    /// Forgets everything: the next look reads anew.
    pub fn forget(&self) {
        self.pages.borrow_mut().clear();
    }

    fn copy_page(&self, page: u64, skip: usize, to: &mut [u8]) -> Result<(), Why> {
        let mut pages = self.pages.borrow_mut();
        if pages.len() >= MAX_PAGES {
            pages.clear();
        }
        let mut refused = None;
        let bytes = pages.entry(page).or_insert_with(|| {
            let mut bytes = vec![0; PAGE as usize].into_boxed_slice();
            // Page zero is never mapped, and its address is null.
            let addr = Addr::new(page)?;
            match self.under.read(addr, &mut bytes) {
                Ok(()) => Some(bytes),
                Err(error) => {
                    refused = Some(error.why);
                    None
                }
            }
        });
        if let Some(why) = refused.filter(|why| *why != Why::Unmapped) {
            pages.remove(&page);
            return Err(why);
        }
        let found = bytes.as_ref().and_then(|bytes| bytes.get(skip..skip + to.len())).ok_or(Why::Unmapped)?;
        to.copy_from_slice(found);
        Ok(())
    }
}

/// Longer reads go past the cache: they would only push everything else out.
const MAX_CACHED_READ: usize = 8 * PAGE as usize;

impl Memory for Pages<'_> {
    fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        if buffer.len() > MAX_CACHED_READ {
            return self.under.read(addr, buffer);
        }
        let len = buffer.len();
        let (mut at, mut rest) = (addr.get(), buffer);
        while !rest.is_empty() {
            let skip = (at % PAGE) as usize;
            let take = rest.len().min(PAGE as usize - skip);
            let (now, later) = rest.split_at_mut(take);
            self.copy_page(at - at % PAGE, skip, now).map_err(|why| ReadError { addr, len, why })?;
            rest = later;
            at = at.saturating_add(take as u64);
        }
        Ok(())
    }

    fn read_parts(&self, parts: &mut [Part]) -> Result<(), ReadError> {
        self.under.read_parts(parts)
    }
}
