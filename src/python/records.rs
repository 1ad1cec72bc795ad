//! Tuples whose items have names: named tuples, and the struct sequences of C code.

use crate::address::Addr;
use crate::python::{Fault, Python, Result, flag};

/// An item with its name; null where C code has not filled it yet.
pub type Named = (String, Option<Addr>);

/// More names than this no record has.
const MAX_FIELDS: usize = 4096;

impl Python<'_> {
    /// The names of the items of the named tuple at `address`: `_fields` of its class, if these are as many names
    /// as it has items. `None` if it is no named tuple.
    pub fn namedtuple_fields(&self, address: Addr) -> Result<Option<Vec<String>>> {
        let class = self.type_of(address)?;
        let flags = self.flags_of(class)?;
        if !flags.has(flag::TUPLE_SUBCLASS) || !flags.has(flag::HEAPTYPE) {
            return Ok(None);
        }
        let Some(fields) = self.class_attribute(class, "_fields")? else { return Ok(None) };
        if !self.type_flags(fields)?.has(flag::TUPLE_SUBCLASS) {
            return Ok(None);
        }
        let (names, total) = self.tuple_items(fields, MAX_FIELDS)?;
        if total != self.size(address)? || total > MAX_FIELDS as u64 {
            return Ok(None);
        }
        let name = |at: Option<Addr>| at.and_then(|at| self.name(at).ok());
        Ok(names.into_iter().map(name).collect())
    }

    /// The items of the struct sequence at `address` by name (Objects/structseq.c), the hidden ones left out; `None`
    /// if it is none. Names are those of the members that its type declares.
    pub fn structseq_fields(&self, address: Addr) -> Result<Option<Vec<Named>>> {
        let class = self.type_of(address)?;
        let named = self.type_object_is_structseq(class)?;
        if !named {
            return Ok(None);
        }
        let count = self.size(address)?;
        if count > MAX_FIELDS as u64 {
            return Err(Fault::Implausible(address, "the size of a struct sequence"));
        }
        let names = self.member_defs(class)?.into_iter().filter(|(_, kind, _)| is_object(*kind)).map(|(name, ..)| name);
        let (items, _) = self.tuple_items(address, count as usize)?;
        // Names and items are counted off as `repr` does it: an item without a name, of which `os.stat_result` has
        // three, goes by the name of one that is hidden.
        let found: Vec<_> = names.zip(items).collect();
        Ok((!found.is_empty()).then_some(found))
    }

    /// Whether the objects of `class` are struct sequences: of C code, laid out as tuples, with members that lie
    /// where the items do.
    fn type_object_is_structseq(&self, class: Addr) -> Result<bool> {
        let layout = &self.layout.type_object;
        if self.get(class, layout.members)?.is_none() {
            return Ok(false);
        }
        let first = i64::from(self.layout.tuple_object.items.offset);
        let tuple = self.flags_of(class)?.has(flag::TUPLE_SUBCLASS);
        // In 2.7 they are no tuples.
        let counted = || self.class_attribute(class, "n_sequence_fields").is_ok_and(|found| found.is_some());
        if !tuple && !counted() || self.is_python_class(class) {
            return Ok(false);
        }
        Ok(self.member_defs(class)?.first().is_some_and(|(_, kind, offset)| is_object(*kind) && *offset == first))
    }

    /// The members that the class at `class` declares: name, kind and offset of each.
    fn member_defs(&self, class: Addr) -> Result<Vec<(String, i32, i64)>> {
        let layout = &self.layout.member;
        let Some(table) = self.get(class, self.layout.type_object.members)? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for index in 0..MAX_FIELDS as u64 {
            let at = table.offset(index * u64::from(layout.size.0));
            let Some(name) = self.get(at, layout.name)? else { break };
            let name = String::from_utf8_lossy(&self.memory.c_string(name, 1024)?).into_owned();
            found.push((name, self.get(at, layout.kind)?, self.get(at, layout.offset)?));
        }
        Ok(found)
    }
}

/// Whether a member is an object: `T_OBJECT` or `T_OBJECT_EX` (Include/structmember.h).
fn is_object(kind: i32) -> bool {
    matches!(kind, 6 | 16)
}
