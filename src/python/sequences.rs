//! Tuples, lists, sets.

use crate::address::Addr;
use crate::layout::{Literals, Word};
use crate::python::{Fault, Python, Result};

/// Greater sizes are garbage: no container has more items than fit an address space.
const MAX_SIZE: i64 = 1 << 44;
/// At most this many items of one container are read, whoever asks.
const MAX_TAKE: usize = 1 << 22;
/// At most this many slots of a set are looked at.
const MAX_SLOTS: u64 = 1 << 22;

impl Python<'_> {
    /// The items of the `tuple` at `address`, at most `max`, and how many it has.
    pub fn tuple_items(&self, address: Addr, max: usize) -> Result<(Vec<Option<Addr>>, u64)> {
        let size = self.size(address)?;
        let first = address.offset(u64::from(self.layout.tuple_object.items.offset));
        Ok((self.pointers(first, size, max)?, size))
    }

    /// The items of the `list` at `address`, at most `max`, and how many it has.
    pub fn list_items(&self, address: Addr, max: usize) -> Result<(Vec<Option<Addr>>, u64)> {
        let size = self.size(address)?;
        match self.get(address, self.layout.list_object.items)? {
            Some(first) => Ok((self.pointers(first, size, max)?, size)),
            None => Ok((Vec::new(), 0)),
        }
    }

    /// The members of the `set` or `frozenset` at `address` in the order of its table, at most
    /// `max`, and how many it has.
    pub fn set_items(&self, address: Addr, max: usize) -> Result<(Vec<Addr>, u64)> {
        self.set_items_within(address, max, &mut MAX_SLOTS.clone())
    }

    /// As [`Python::set_items`], but looks at no more than `slots` slots of the table, and takes
    /// from it those it looked at: for callers that read many sets and must end.
    pub fn set_items_within(&self, address: Addr, max: usize, slots: &mut u64) -> Result<(Vec<Addr>, u64)> {
        let layout = &self.layout.set_object;
        let used = self.get(address, layout.used)?;
        let mask = self.get(address, layout.mask)?;
        let table = self.pointer(address, layout.table, "the table of a set")?;
        if !(0..=MAX_SIZE).contains(&used) || !(used..=MAX_SIZE).contains(&mask) {
            return Err(Fault::Implausible(address, "the size of a set"));
        }
        let used = used.cast_unsigned();
        let (mut items, size) = (Vec::new(), u64::from(layout.entry_size.0));
        for slot in 0..=mask.cast_unsigned() {
            if items.len() as u64 >= used || items.len() >= max || *slots == 0 {
                break;
            }
            *slots -= 1;
            let entry = table.offset(slot * size);
            // A deleted entry keeps a dummy key and has the hash -1, which no object has; 2.7 keeps
            // the hash of what was deleted, and its dummy is a str.
            if let Some(key) = self.get(entry, layout.entry_key)?
                && self.get(entry, layout.entry_hash)? != -1
                && !(self.layout.words.literals == Literals::Python2 && self.is_named(key, "<dummy key>"))
            {
                items.push(key);
            }
        }
        Ok((items, used))
    }

    /// `ob_size` of the object at `address`, which must not be negative.
    pub fn size(&self, address: Addr) -> Result<u64> {
        let size = self.get(address, self.layout.object.ob_size)?;
        if (0..=MAX_SIZE).contains(&size) {
            Ok(size.cast_unsigned())
        } else {
            Err(Fault::Implausible(address, "the size of an object"))
        }
    }

    fn pointers(&self, first: Addr, count: u64, max: usize) -> Result<Vec<Option<Addr>>> {
        let take = usize::try_from(count).unwrap_or(usize::MAX).min(max).min(MAX_TAKE);
        let mut bytes = vec![0; take * 8];
        self.memory.read(first, &mut bytes)?;
        Ok(bytes.chunks_exact(8).map(Addr::decode).collect())
    }
}
