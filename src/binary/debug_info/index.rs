//! What the names of a program mean: types, enumerators and variables, from one pass over all
//! units.

use std::collections::HashMap;

use gimli::constants as dw;

use super::entries::{Entry, Place, Slice};
use super::types::Types;

/// One meaning of a type name.
#[derive(Clone, Copy)]
pub(super) struct Meaning {
    pub place: Place,
    /// `None` where this unit has only a declaration.
    pub size: Option<u64>,
}

/// Names, each with its meanings and in how many units it has them.
///
/// Units repeat what their headers define, and the same name may mean something else in another:
/// every C file is free to call its own struct `block`.
struct Names<T> {
    meanings: HashMap<Box<[u8]>, Vec<(T, u32)>>,
    /// How many bytes of memory may still be taken.
    left: usize,
}

/// Names of one kind take no more memory in all: CPython's take 2 MB.
const MAX_BYTES: usize = 128 << 20;
/// No name means more different things; a damaged file gives all its types one name.
const MAX_MEANINGS: usize = 64;

/// The names on file level.
pub(super) struct Index {
    typedefs: Names<Meaning>,
    /// Structs, unions and enums, which C keeps apart from typedefs.
    tags: Names<Meaning>,
    enumerators: Names<i64>,
    variables: Names<u64>,
}

impl<T> Names<T> {
    fn new() -> Self {
        Self { meanings: HashMap::new(), left: MAX_BYTES }
    }

    fn add(&mut self, name: Slice<'_>, meaning: T, same: impl Fn(&T, &T) -> bool) {
        if !self.meanings.contains_key(name.slice()) {
            let Some(left) = self.left.checked_sub(name.slice().len() + size_of::<(&[u8], Vec<T>, T)>()) else {
                return;
            };
            self.left = left;
            self.meanings.insert(name.slice().into(), Vec::new());
        }
        let Some(meanings) = self.meanings.get_mut(name.slice()) else {
            return;
        };
        let has_room = meanings.len() < MAX_MEANINGS;
        match meanings.iter_mut().find(|(known, _)| same(known, &meaning)) {
            Some((_, units)) => *units = units.saturating_add(1),
            None if has_room => meanings.push((meaning, 1)),
            None => {}
        }
    }

    /// All meanings, the one that most units agree on first, then by appearance.
    fn ranked(&self, name: &[u8]) -> Vec<&T> {
        let mut meanings: Vec<&(T, u32)> = self.meanings.get(name).into_iter().flatten().collect();
        meanings.sort_by_key(|(_, units)| std::cmp::Reverse(*units));
        meanings.into_iter().map(|(meaning, _)| meaning).collect()
    }

    fn only(&self, name: &[u8]) -> Option<&T> {
        match self.meanings.get(name)?.as_slice() {
            [(meaning, _)] => Some(meaning),
            _ => None,
        }
    }
}

impl Index {
    /// Reads the names of all units. A unit that is damaged contributes what comes before the
    /// damage.
    pub fn read(types: &Types<'_>) -> Self {
        let mut index =
            Self { typedefs: Names::new(), tags: Names::new(), enumerators: Names::new(), variables: Names::new() };
        for entries in types.files() {
            for unit in entries.units() {
                let Ok(mut children) = entries.top_level(unit) else {
                    continue;
                };
                while let Ok(Some(entry)) = children.next() {
                    index.add(types, &entry);
                }
            }
        }
        index
    }

    /// What `name` means as a typedef, in the order of [`Names::ranked`].
    pub fn typedefs(&self, name: &[u8]) -> Vec<&Meaning> {
        self.typedefs.ranked(name)
    }

    /// The definitions of the struct, union or enum `name`, in the same order.
    pub fn tags(&self, name: &[u8]) -> Vec<&Meaning> {
        self.tags.ranked(name)
    }

    pub fn enumerator(&self, name: &[u8]) -> Option<i64> {
        self.enumerators.ranked(name).first().map(|value| **value)
    }

    /// The address of the variable `name`, if there is only one: statics may share a name.
    pub fn variable(&self, name: &[u8]) -> Option<u64> {
        self.variables.only(name).copied()
    }

    fn add(&mut self, types: &Types<'_>, entry: &Entry<'_>) {
        match entry.tag {
            dw::DW_TAG_typedef | dw::DW_TAG_base_type => self.add_typedef(types, entry),
            dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type => {
                self.add_tag(entry);
            }
            dw::DW_TAG_enumeration_type => {
                self.add_tag(entry);
                self.add_enumerators(types, entry);
            }
            dw::DW_TAG_variable => self.add_variable(types, entry),
            _ => {}
        }
    }

    fn add_typedef(&mut self, types: &Types<'_>, entry: &Entry<'_>) {
        let Some(name) = entry.name else {
            return;
        };
        if let Some(target) = types.stripped(entry.place) {
            let size = types.own_size(&target);
            let same = |a: &Meaning, b: &Meaning| a.size == b.size;
            self.typedefs.add(name, Meaning { place: target.place, size }, same);
        }
    }

    fn add_tag(&mut self, entry: &Entry<'_>) {
        if let (Some(name), Some(size), false) = (entry.name, entry.byte_size, entry.is_declaration) {
            let meaning = Meaning { place: entry.place, size: Some(size) };
            self.tags.add(name, meaning, |a, b| a.size == b.size);
        }
    }

    fn add_enumerators(&mut self, types: &Types<'_>, entry: &Entry<'_>) {
        let Some(mut children) = types.children(entry.place) else {
            return;
        };
        while let Ok(Some(child)) = children.next() {
            if let (Some(name), Some(value)) = (child.name, child.value) {
                self.enumerators.add(name, value, |a, b| a == b);
            }
        }
    }

    fn add_variable(&mut self, types: &Types<'_>, entry: &Entry<'_>) {
        let Some(address) = entry.address else {
            return;
        };
        if let Some(name) = entry.name.or_else(|| types.completed_name(entry)) {
            self.variables.add(name, address, |a, b| a == b);
        }
    }
}
