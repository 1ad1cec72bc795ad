//! `collections.deque`: blocks of 64 items, linked (Modules/_collectionsmodule.c).

use crate::address::Addr;
use crate::layout::Word;
use crate::python::{Fault, Python, Result};

impl Python<'_> {
    /// The items of the deque at `address`, at most `max`, and how many it has.
    pub fn deque_items(&self, address: Addr, max: usize) -> Result<(Vec<Addr>, u64)> {
        let layout = &self.layout.deque;
        let unknown = Fault::Null("the layout of a deque");
        let (Some(left), Some(index), Some(data), Some(next), Some(size)) =
            (layout.left, layout.left_index, layout.block_data, layout.block_next, layout.block_size)
        else {
            return Err(unknown);
        };
        let length = match layout.length {
            Some(field) => self.get(address, field)?,
            None => self.get(address, self.layout.object.ob_size)?,
        };
        let length = u64::try_from(length).map_err(|_| Fault::Implausible(address, "the length of a deque"))?;
        // A block is two links and its items.
        let room = u64::from(size.0).saturating_sub(16) / Addr::SIZE as u64;
        let mut block = self.pointer(address, left, "the first block of a deque")?;
        let mut at = u64::try_from(self.get(address, index)?).ok().filter(|at| *at < room);
        let mut items = Vec::new();
        while (items.len() as u64) < length.min(max as u64) {
            let place = at.ok_or(Fault::Implausible(address, "a deque"))?;
            let slot = block.offset(u64::from(data.offset) + place * Addr::SIZE as u64);
            items.push(self.memory.pointer(slot)?.ok_or(Fault::Null("an item of a deque"))?);
            at = Some(place + 1);
            if place + 1 >= room && (items.len() as u64) < length {
                block = self.pointer(block, next, "a block of a deque")?;
                at = Some(0);
            }
        }
        Ok((items, length))
    }
}
