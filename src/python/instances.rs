//! The attributes of instances, wherever a version keeps them.

use crate::address::Addr;
use crate::layout::ManagedDict;
use crate::python::{Fault, Item, Python, Result, TypeFlags, flag};

/// What an instance keeps its attributes in.
enum Storage {
    Dict(Addr),
    /// Keys of the class, and where the values begin.
    Values(Addr),
    Nothing,
}

/// A word before an object, counted from its start, by Include/internal/pycore_object.h.
const WORD: u64 = 8;

impl Python<'_> {
    /// The attributes that the instance at `address` has in its dict or values, at most `max`.
    /// Slots are not among them: see [`Python::slots`].
    pub fn attributes(&self, address: Addr, max: usize) -> Result<Vec<Item>> {
        let class = self.type_of(address)?;
        match self.storage(address, class)? {
            Storage::Dict(dict) => Ok(self.dict_items(dict, max)?.0),
            Storage::Values(values) => {
                let keys = self.get_if(class, self.layout.type_object.cached_keys)?.flatten();
                let keys = keys.ok_or(Fault::Null("the shared keys of a class"))?;
                self.split_items(keys, values, max)
            }
            Storage::Nothing => Ok(Vec::new()),
        }
    }

    /// The attribute `name` out of the dict or values of the instance at `address`.
    pub fn attribute(&self, address: Addr, name: &str) -> Result<Option<Addr>> {
        const MAX_ATTRIBUTES: usize = 10_000;
        let items = self.attributes(address, MAX_ATTRIBUTES)?;
        Ok(self.find_named(&items, name)?.map(|item| item.value))
    }

    /// What the instance at `address` has under `name`: in its dict or values, or in a slot.
    pub fn attribute_or_slot(&self, address: Addr, name: &str) -> Result<Option<Addr>> {
        if let Some(found) = self.attribute(address, name)? {
            return Ok(Some(found));
        }
        Ok(self.slots(address)?.into_iter().rev().find(|(slot, _)| slot == name).map(|(_, value)| value))
    }

    fn storage(&self, address: Addr, class: Addr) -> Result<Storage> {
        if let Some(field) = self.layout.old_instance.dict
            && self.type_name(class)? == "instance"
        {
            return Ok(self.get(address, field)?.map_or(Storage::Nothing, Storage::Dict));
        }
        let flags = self.flags_of(class)?;
        if self.layout.words.managed_dict != ManagedDict::None && flags.has(flag::MANAGED_DICT) {
            return self.managed(address, class, flags);
        }
        let offset = self.get(class, self.layout.type_object.dictoffset)?;
        let at = match offset {
            0 => None,
            1.. => Some(address.offset(offset.cast_unsigned())),
            _ => self.behind_items(address, class, offset)?,
        };
        let dict = at.map(|at| self.memory.pointer(at)).transpose()?.flatten();
        Ok(dict.map_or(Storage::Nothing, Storage::Dict))
    }

    /// A negative `tp_dictoffset` counts from the end of an object with items
    /// (`_PyObject_GetDictPtr`, Objects/object.c).
    fn behind_items(&self, address: Addr, class: Addr, offset: i64) -> Result<Option<Addr>> {
        let basic = self.get(class, self.layout.type_object.basicsize)?;
        let item = self.get(class, self.layout.type_object.itemsize)?;
        let count = self.get(address, self.layout.object.ob_size)?.saturating_abs();
        let size = basic.saturating_add(item.saturating_mul(count)).saturating_add(7) & !7;
        let from_start = u64::try_from(size.saturating_add(offset)).ok();
        Ok(from_start.map(|from_start| address.offset(from_start)))
    }

    fn managed(&self, address: Addr, class: Addr, flags: TypeFlags) -> Result<Storage> {
        let word = |words: u64| -> Result<u64> {
            let at = address.before(words * WORD).ok_or(Fault::Null("an object"))?;
            Ok(self.memory.u64(at)?)
        };
        match self.layout.words.managed_dict {
            ManagedDict::None => Ok(Storage::Nothing),
            ManagedDict::Pair => Ok(match (Addr::new(word(4)?), Addr::new(word(3)?)) {
                (Some(values), _) => Storage::Values(values),
                (None, Some(dict)) => Storage::Dict(dict),
                (None, None) => Storage::Nothing,
            }),
            ManagedDict::Tagged => Ok(match word(3)? {
                0 => Storage::Nothing,
                values if values & 1 == 1 => {
                    Addr::new(values.wrapping_add(1)).map_or(Storage::Nothing, Storage::Values)
                }
                dict => Addr::new(dict).map_or(Storage::Nothing, Storage::Dict),
            }),
            ManagedDict::Inline => {
                // Free-threaded builds have no GC header between the word and the object.
                let dict = Addr::new(word(if self.layout.free_threaded() { 1 } else { 3 })?);
                if let Some(dict) = dict {
                    return Ok(Storage::Dict(dict));
                }
                let layout = &self.layout.dict_values;
                let size = u64::try_from(self.get(class, self.layout.type_object.basicsize)?).unwrap_or(0);
                let values = address.offset(size);
                let inline = flags.has(flag::INLINE_VALUES);
                let valid = inline && self.get_if(values, layout.valid)?.is_some_and(|valid| valid != 0);
                let first = values.offset(self.values_offset());
                Ok(if valid { Storage::Values(first) } else { Storage::Nothing })
            }
        }
    }

    /// The filled `__slots__` of the instance at `address`, base classes first: name and value.
    pub fn slots(&self, address: Addr) -> Result<Vec<(String, Addr)>> {
        /// `Py_T_OBJECT_EX` (Include/descrobject.h): how slots are declared.
        const OBJECT_EX: i32 = 16;
        /// Of all classes together: more are garbage.
        const MAX_MEMBERS: usize = 4096;
        let layout = &self.layout.member;
        let (mut slots, mut left) = (Vec::new(), MAX_MEMBERS);
        for class in self.mro(self.type_of(address)?)?.into_iter().rev() {
            // 2.7: among the bases may be old-style classes, which are no types.
            if !self.type_flags(class)?.has(flag::TYPE_SUBCLASS) || !self.flags_of(class)?.has(flag::HEAPTYPE) {
                continue;
            }
            let Some(members) = self.get(class, self.layout.type_object.members)? else { continue };
            for index in 0.. {
                left = left.checked_sub(1).ok_or(Fault::Implausible(class, "the slots of a class"))?;
                let member = members.offset(index * u64::from(layout.size.0));
                let Some(name) = self.get(member, layout.name)? else { break };
                if self.get(member, layout.kind)? != OBJECT_EX {
                    continue;
                }
                let offset = u64::try_from(self.get(member, layout.offset)?).unwrap_or(0);
                if let Some(value) = self.memory.pointer(address.offset(offset))? {
                    let name = self.memory.c_string(name, 1024)?;
                    slots.push((String::from_utf8_lossy(&name).into_owned(), value));
                }
            }
        }
        Ok(slots)
    }
}
