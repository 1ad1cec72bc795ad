//! A page cache: objects lie close together, and a page costs hardly more to read than a word
//! (1.6 µs for 4 kB against 1.5 µs for 64 bytes, measured).

use crate::address::Addr;
use crate::memory::{Memory, Part, ReadError, Why};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

const PAGE: u64 = 4096;

/// At most 4 MB are kept: then the cache starts afresh. A dump of 200 threads uses a few hundred
/// kilobytes.
const MAX_PAGES: usize = 1024;

/// A memory that remembers the pages it has read: one moment's look. Drop it, or
/// [`Pages::forget`], before the next.
pub struct Pages<'m> {
    under: &'m dyn Memory,
    pages: RefCell<HashMap<u64, Page>>,
}

struct Page {
    /// `None` where nothing readable is mapped.
    bytes: Option<Box<[u8]>>,
    /// Whether anyone asked for it: one that was read ahead may be in vain.
    used: bool,
}

/// Which pages earlier looks at a thing have used: the next is likely to need the same, and reads
/// them in one system call. It says where to read, never what was read.
#[derive(Debug, Default)]
pub struct Footprints(RefCell<HashMap<Addr, Vec<u64>>>);

/// Ranges that lie in at most this many pages are read with all of these pages, in one system call.
const MAX_AHEAD: usize = 64;
/// Of one look at most 2 MB are read ahead.
const MAX_FOOTPRINT: usize = 512;
/// Beyond this many things the footprints start afresh: threads end, and others take their place.
const MAX_FOOTPRINTS: usize = 20_000;

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

    /// Begins a look at `what`: forgets everything, then reads `parts`, and the pages that the last
    /// look at it used, in one system call. What cannot be read is missing then, and no error.
    pub fn begin(&self, what: Addr, footprints: &Footprints, parts: &mut Vec<Part>) {
        self.forget();
        let wanted = parts.len();
        let footprints = footprints.0.borrow();
        let ahead = footprints.get(&what).into_iter().flatten().copied();
        parts.extend(whole_pages(ahead));
        // What is missing is asked for again, and missed, when it is needed.
        let _ = self.under.read_parts(parts);
        self.keep(parts.split_off(wanted));
    }

    /// Keeps those of `parts`, which are pages, that could be read.
    fn keep(&self, parts: Vec<Part>) {
        let whole = parts.into_iter().filter(|part| part.bytes.len() == PAGE as usize);
        let page = |part: Part| (part.addr.get(), Page { bytes: Some(part.bytes.into()), used: false });
        let mut pages = self.pages.borrow_mut();
        if pages.len() >= MAX_PAGES {
            pages.clear();
        }
        pages.extend(whole.map(page));
    }

    /// The pages in which `parts` lie and that are not known yet; `None` if they are many.
    fn missing(&self, parts: &[Part]) -> Option<BTreeSet<u64>> {
        let pages = self.pages.borrow();
        let mut missing = BTreeSet::new();
        for part in parts {
            let Some(last) = part.bytes.len().checked_sub(1) else { continue };
            let (first, last) = (part.addr.get() / PAGE, part.addr.offset(last as u64).get() / PAGE);
            let touched = (first..=last).take(MAX_AHEAD + 1).map(|page| page * PAGE);
            missing.extend(touched.filter(|page| !pages.contains_key(page)));
            if missing.len() > MAX_AHEAD {
                return None;
            }
        }
        Some(missing)
    }

    /// Ends the look at `what`: remembers which pages it used.
    pub fn end(&self, what: Addr, footprints: &Footprints) {
        let pages = self.pages.borrow();
        let used = pages.iter().filter(|(_, page)| page.used && page.bytes.is_some()).map(|(at, _)| *at);
        let mut footprints = footprints.0.borrow_mut();
        if footprints.len() >= MAX_FOOTPRINTS {
            footprints.clear();
        }
        footprints.insert(what, used.take(MAX_FOOTPRINT).collect());
    }

    fn copy_page(&self, page: u64, skip: usize, to: &mut [u8]) -> Result<(), Why> {
        let mut pages = self.pages.borrow_mut();
        if pages.len() >= MAX_PAGES {
            pages.clear();
        }
        let mut refused = None;
        let mut read = || {
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
        };
        let entry = pages.entry(page).or_insert_with(|| Page { bytes: read(), used: true });
        entry.used = true;
        if let Some(why) = refused.filter(|why| *why != Why::Unmapped) {
            pages.remove(&page);
            return Err(why);
        }
        let found = entry.bytes.as_ref().and_then(|bytes| bytes.get(skip..skip + to.len())).ok_or(Why::Unmapped)?;
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

    /// From the cache, or from a few more pages; if they lie in many, past the cache.
    fn read_parts(&self, parts: &mut [Part]) -> Result<(), ReadError> {
        let Some(missing) = self.missing(parts) else { return self.under.read_parts(parts) };
        let mut pages: Vec<Part> = whole_pages(missing.into_iter()).collect();
        self.under.read_parts(&mut pages)?;
        self.keep(pages);
        for part in parts {
            let mut bytes = std::mem::take(&mut part.bytes);
            if self.read(part.addr, &mut bytes).is_ok() {
                part.bytes = bytes;
            }
        }
        Ok(())
    }
}

fn whole_pages(pages: impl Iterator<Item = u64>) -> impl Iterator<Item = Part> {
    pages.filter_map(Addr::new).map(|page| Part::new(page, PAGE as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Image;
    use std::cell::Cell;

    /// Counts what a process would count as system calls.
    struct Counted(Image, Cell<usize>);

    impl Memory for Counted {
        fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
            self.1.set(self.1.get() + 1);
            self.0.read(addr, buffer)
        }

        fn read_parts(&self, parts: &mut [Part]) -> Result<(), ReadError> {
            self.1.set(self.1.get() + usize::from(!parts.is_empty()));
            self.0.read_parts(parts)
        }
    }

    #[test]
    fn the_second_look_reads_in_one_call_what_the_first_used() {
        let at = |address| Addr::new(address).unwrap();
        let image = (1..=4).fold(Image::new(), |image, page| image.with(page * PAGE, &[page as u8; PAGE as usize]));
        let memory = Counted(image, Cell::new(0));
        let (pages, footprints) = (Pages::new(&memory), Footprints::default());
        let look = |wanted: &[u64]| {
            let mut parts = vec![Part::new(at(PAGE), 8)];
            memory.1.set(0);
            pages.begin(at(1), &footprints, &mut parts);
            assert_eq!(parts.len(), 1);
            for page in wanted {
                assert_eq!(pages.u64(at(page * PAGE)), Ok(u64::from_ne_bytes([*page as u8; 8])));
            }
            pages.end(at(1), &footprints);
            memory.1.get()
        };
        assert_eq!(look(&[2, 3]), 3);
        assert_eq!(look(&[2, 3]), 1);
        // A page that is no longer needed is not read ahead for ever.
        assert_eq!(look(&[2, 4]), 2);
        assert_eq!(footprints.0.borrow()[&at(1)].len(), 2);
    }
}
