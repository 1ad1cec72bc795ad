//! `dict`, in all the ways it has been laid out.

use crate::address::Addr;
use crate::layout::{DictTable, Literals, SplitValues};
use crate::memory::Part;
use crate::python::{Fault, Python, Result, flag};

/// One item of a dict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item {
    /// The key.
    pub key: Addr,
    /// The value.
    pub value: Addr,
    /// Where the pointer to the value lies.
    pub value_at: Addr,
}

/// A greater count is garbage.
const MAX_ENTRIES: u64 = 1 << 40;
/// At most this many entries of one dict are looked at.
const MAX_LOOK: u64 = 1 << 22;
/// How many items are searched for a name: `sys.modules` has thousands, a class dict hundreds.
const MAX_SEARCH: usize = 100_000;

/// Where the entries of a dict lie.
struct Entries {
    first: Addr,
    count: u64,
    /// Bytes from one to the next, and where in each key and value lie.
    step: u64,
    key: u64,
    value: u64,
}

impl Python<'_> {
    /// The items of the `dict` at `address`, at most `max`, and how many it has. In insertion order
    /// where the version keeps it (3.6+).
    pub fn dict_items(&self, address: Addr, max: usize) -> Result<(Vec<Item>, u64)> {
        self.dict_items_within(address, max, &mut MAX_LOOK.clone())
    }

    /// As [`Python::dict_items`], but looks at no more than `slots` slots of the table, and takes
    /// from it those it looked at: for callers that read many dicts and must end.
    pub fn dict_items_within(&self, address: Addr, max: usize, slots: &mut u64) -> Result<(Vec<Item>, u64)> {
        let used = self.get(address, self.layout.dict_object.used)?;
        let used = u64::try_from(used).ok().filter(|used| *used < MAX_ENTRIES);
        let used = used.ok_or(Fault::Implausible(address, "the size of a dict"))?;
        let keys = match self.layout.dict_object.keys {
            None => return Ok((self.entries(&self.open_table(address)?, None, max.min(used as usize), slots)?, used)),
            Some(field) => self.pointer(address, field, "the keys of a dict")?,
        };
        let values = self.get_if(address, self.layout.dict_object.values)?.flatten();
        let values = values.map(|at| at.offset(self.values_offset()));
        Ok((self.entries(&self.keys_entries(keys)?, values, max.min(used as usize), slots)?, used))
    }

    /// The items that `keys` names and whose values lie at `values`, as instances share them.
    pub fn split_items(&self, keys: Addr, values: Addr, max: usize) -> Result<Vec<Item>> {
        self.entries(&self.keys_entries(keys)?, Some(values), max, &mut MAX_LOOK.clone())
    }

    /// The value under the key `name`, an ASCII str, of the `dict` at `dict`.
    pub fn item_named(&self, dict: Addr, name: &str) -> Result<Option<Addr>> {
        let (items, _) = self.dict_items(dict, MAX_SEARCH)?;
        Ok(self.find_named(&items, name)?.map(|item| item.value))
    }

    /// The item of `items` whose key is the str `name`. All keys are read at once: they lie all
    /// over the heap, and a system call for each would be most of what a dump costs.
    pub fn find_named(&self, items: &[Item], name: &str) -> Result<Option<Item>> {
        let Some(text_at) = self.ascii_text_offset() else {
            return Ok(items.iter().copied().find(|item| self.is_named(item.key, name)));
        };
        let size = text_at as usize + name.len();
        let mut parts: Vec<Part> = items.iter().map(|item| Part::new(item.key, size)).collect();
        self.memory.read_parts(&mut parts)?;
        let same_text = |part: &Part| part.bytes.get(text_at as usize..) == Some(name.as_bytes());
        // The text may only begin alike, or be that of something else: the few that remain are
        // looked at properly.
        let alike = items.iter().zip(&parts).filter(|(_, part)| same_text(part)).map(|(item, _)| *item);
        Ok(alike.into_iter().find(|item| self.is_named(item.key, name)))
    }

    /// Where the text of an ASCII str begins; `None` where it lies elsewhere (3.0–3.2).
    fn ascii_text_offset(&self) -> Option<u64> {
        match (self.layout.words.literals, self.layout.str_object.ascii_size) {
            // Names are bytes objects.
            (Literals::Python2, _) => Some(u64::from(self.layout.bytes_object.data.offset)),
            (Literals::Python3, size) => size.map(|size| u64::from(size.0)),
        }
    }

    /// Whether the object at `address` is a str of just this text.
    pub fn is_named(&self, address: Addr, name: &str) -> bool {
        let Ok(flags) = self.type_flags(address) else { return false };
        if flags.has(flag::UNICODE_SUBCLASS) {
            return self.text(address, name.len() + 1).is_ok_and(|text| text.to_text() == name);
        }
        let bytes = flags.has(flag::BYTES_SUBCLASS).then(|| self.bytes(address, name.len() + 1));
        bytes.is_some_and(|bytes| bytes.is_ok_and(|(bytes, _)| bytes == name.as_bytes()))
    }

    /// How far behind the pointer to split values the first value lies.
    pub fn values_offset(&self) -> u64 {
        match self.layout.words.split_values {
            SplitValues::Header => self.layout.dict_values.values.map_or(0, |field| u64::from(field.offset)),
            SplitValues::Array => 0,
        }
    }

    fn entries(&self, entries: &Entries, values: Option<Addr>, max: usize, slots: &mut u64) -> Result<Vec<Item>> {
        let order = values.map(|values| self.insertion_order(values)).transpose()?.flatten();
        let indices: Box<dyn Iterator<Item = u64>> = match order {
            Some(order) => Box::new(order.into_iter().map(u64::from).filter(|index| *index < entries.count)),
            None => Box::new(0..entries.count),
        };
        let mut items = Vec::new();
        for index in indices {
            if items.len() >= max || *slots == 0 {
                break;
            }
            *slots -= 1;
            let entry = entries.first.offset(index.saturating_mul(entries.step));
            let Some(key) = self.memory.pointer(entry.offset(entries.key))? else { continue };
            let value_at = match values {
                Some(values) => values.offset(index * 8),
                None => entry.offset(entries.value),
            };
            // A deleted item, or one that this instance does not have.
            if let Some(value) = self.memory.pointer(value_at)? {
                items.push(Item { key, value, value_at });
            }
        }
        Ok(items)
    }

    /// In which order the split values, the first of which is at `values`, were set: indices into
    /// the keys. `None` before 3.11, where all instances have the order of the keys.
    ///
    /// `_PyDictValues_AddToInsertionOrder` (Include/internal/pycore_dict.h): bytes before the values,
    /// downwards, until 3.12; behind all the values there is room for since.
    fn insertion_order(&self, values: Addr) -> Result<Option<Vec<u8>>> {
        if self.layout.words.dict_table != DictTable::Log2Indices {
            return Ok(None);
        }
        let null = Fault::Null("the values of an instance");
        match self.layout.words.split_values {
            SplitValues::Array => {
                let size_at = values.before(2).ok_or(null.clone())?;
                let mut size = [0];
                self.memory.read(size_at, &mut size)?;
                let mut order = vec![0; usize::from(size[0])];
                self.memory.read(size_at.before(order.len() as u64).ok_or(null)?, &mut order)?;
                order.reverse();
                Ok(Some(order))
            }
            SplitValues::Header => {
                let layout = &self.layout.dict_values;
                let header = values.before(self.values_offset()).ok_or(null)?;
                let capacity = self.get_if(header, layout.capacity)?;
                let (Some(capacity), Some(size)) = (capacity, self.get_if(header, layout.size)?) else {
                    return Ok(None);
                };
                let mut order = vec![0; usize::from(size)];
                self.memory.read(values.offset(u64::from(capacity) * 8), &mut order)?;
                Ok(Some(order))
            }
        }
    }

    /// The hash table of a dict before 3.3.
    fn open_table(&self, address: Addr) -> Result<Entries> {
        let layout = &self.layout.dict_object;
        let (Some(table), Some(mask)) = (layout.table, layout.mask) else {
            return Err(Fault::Implausible(address, "the layout of dict"));
        };
        let mask = u64::try_from(self.get(address, mask)?).ok().filter(|mask| *mask < MAX_ENTRIES);
        let count = mask.ok_or(Fault::Implausible(address, "the mask of a dict"))? + 1;
        Ok(self.general(self.pointer(address, table, "the table of a dict")?, count))
    }

    fn general(&self, first: Addr, count: u64) -> Entries {
        let layout = &self.layout.dict_entry;
        let (key, value) = (u64::from(layout.key.offset), u64::from(layout.value.offset));
        Entries { first, count, step: u64::from(layout.size.0), key, value }
    }

    fn keys_entries(&self, keys: Addr) -> Result<Entries> {
        let layout = &self.layout.dict_keys;
        let garbage = Fault::Implausible(keys, "the keys of a dict");
        let sane = |count: i64| u64::try_from(count).ok().filter(|count| *count < MAX_ENTRIES);
        let size = || self.get_if(keys, layout.size)?.and_then(sane).ok_or(garbage.clone());
        let nentries = || self.get_if(keys, layout.nentries)?.and_then(sane).ok_or(garbage.clone());
        let at = |field: Option<crate::layout::Field<u8>>| field.map(|field| keys.offset(u64::from(field.offset)));
        match self.layout.words.dict_table {
            DictTable::Table => Err(garbage),
            DictTable::Entries => Ok(self.general(at(layout.entries).ok_or(garbage.clone())?, size()?)),
            DictTable::Indices => {
                let size = size()?;
                // DK_IXSIZE (Objects/dict-common.h, 3.6).
                let width = match size {
                    0..=0xff => 1,
                    0x100..=0xffff => 2,
                    0x1_0000..=0xffff_ffff => 4,
                    _ => 8,
                };
                let indices = at(layout.indices).ok_or(garbage.clone())?;
                Ok(self.general(indices.offset(size * width), nentries()?))
            }
            DictTable::Log2Indices => {
                let log2 = self.get_if(keys, layout.log2_index_bytes)?.filter(|log2| *log2 < 48);
                let bytes = 1_u64 << log2.ok_or(garbage.clone())?;
                let first = at(layout.indices).ok_or(garbage.clone())?.offset(bytes);
                let unicode = &self.layout.dict_unicode_entry;
                match (self.get_if(keys, layout.kind)?, unicode.key, unicode.value, unicode.size) {
                    (Some(0), ..) => Ok(self.general(first, nentries()?)),
                    (Some(1 | 2), Some(key), Some(value), Some(size)) => Ok(Entries {
                        first,
                        count: nentries()?,
                        step: u64::from(size.0),
                        key: u64::from(key.offset),
                        value: u64::from(value.offset),
                    }),
                    _ => Err(garbage),
                }
            }
        }
    }
}
