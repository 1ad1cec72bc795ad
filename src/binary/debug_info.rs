//! C layouts, read from DWARF 4 and 5: where a member lies, how large a type is, what an
//! enumerator is worth.

mod entries;
mod index;
mod path;
mod types;

use gimli::constants as dw;

use self::entries::{Entries, Entry, Origin, Place};
use self::index::{Index, Meaning};
use self::path::{Path, Step};
use self::types::Types;
use super::elf::ElfFile;
use crate::error::{Error, Result};

/// Where a member lies, by a path from a type of known address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Offsets in bytes, one more than the path has dereferences: `[56, 8]` is "add 56, read the
    /// pointer there, add 8".
    pub offsets: Vec<u64>,
    /// How many bytes to read; for a bit-field those that hold its bits. `None` where the type is
    /// incomplete.
    pub size: Option<u64>,
    /// Which bits of these bytes, for a bit-field.
    pub bits: Option<Bits>,
    /// Whether it is a pointer.
    pub is_pointer: bool,
    /// Whether it is a signed number.
    pub is_signed: bool,
}

/// Which bits a bit-field takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bits {
    /// The first bit, from the least significant of the byte at the member's offset; 0 to 7.
    pub first: u8,
    /// How many bits.
    pub count: u8,
}

/// The types, enumerators and variables of a program.
///
/// Types are found by typedef, then by tag: `PyThreadState` and `_ts` are the same, and
/// `struct _ts` is accepted too. Where a name means different things in different source files, it
/// is taken in the sense that most of them give it and that has the member asked for.
pub struct DebugInfo<'a> {
    types: Types<'a>,
    index: Index,
}

/// How far a path has been followed.
struct Cursor {
    target: Place,
    /// How many indices of the array `target` have been taken.
    indices: usize,
    offset: u64,
    bits: Option<Bits>,
}

impl<'a> DebugInfo<'a> {
    /// Reads the names of all types of `elf`, which takes a fraction of a second for a whole
    /// interpreter; layouts are read when they are asked for.
    pub fn parse(elf: &ElfFile<'a>) -> Result<Self> {
        Self::parse_with_supplement(elf, None)
    }

    /// As [`parse`](Self::parse), for a file that shares debug info with others: `supplement` is
    /// the file that [`ElfFile::debug_alt_link`] names, read with [`ElfFile::parse_supplement`].
    /// Without it, types that were moved there are missing.
    pub fn parse_with_supplement(elf: &ElfFile<'a>, supplement: Option<&ElfFile<'a>>) -> Result<Self> {
        let main = Entries::read(elf, Origin::Main, supplement)?;
        if main.units().is_empty() {
            return Err(Error::failed("the file has no readable debug info"));
        }
        let supplement = supplement.map(|elf| Entries::read(elf, Origin::Supplement, None)).transpose()?;
        let types = Types::new(main, supplement);
        let index = Index::read(&types);
        Ok(Self { types, index })
    }

    /// Where a member lies: `PyThreadState.interp`, `_PyRuntimeState.ceval.gil.locked`,
    /// `PyThreadState.cframe->current_frame`, `PyInterpreterState.gc.generations[1].head`.
    pub fn member(&self, path: &str) -> Option<Member> {
        let path = Path::parse(path)?;
        let meanings = self.types_named(path.type_name);
        meanings.into_iter().find_map(|place| self.follow(place, &path.steps))
    }

    /// `sizeof(type_name)`.
    pub fn size_of(&self, type_name: &str) -> Option<u64> {
        self.types_named(type_name).into_iter().find_map(|place| self.size(place))
    }

    /// The value of an enumerator, such as `FRAME_OWNED_BY_CSTACK`.
    pub fn constant(&self, enumerator: &str) -> Option<i64> {
        self.index.enumerator(enumerator.as_bytes())
    }

    /// The address, before the load bias, of a variable on file level, static ones included.
    /// `None` where several have that name.
    pub fn variable(&self, name: &str) -> Option<u64> {
        self.index.variable(name.as_bytes())
    }

    /// All that `name` can mean, the likeliest first: complete types by typedef, then by tag.
    fn types_named(&self, name: &str) -> Vec<Place> {
        let tag = ["struct ", "union ", "enum "].iter().find_map(|word| name.strip_prefix(word));
        let typedefs = match tag {
            Some(_) => Vec::new(),
            None => self.index.typedefs(name.as_bytes()),
        };
        // A unit that only declares the type says nothing that the definition does not say better.
        let (defined, declared): (Vec<&Meaning>, Vec<&Meaning>) =
            typedefs.into_iter().partition(|meaning| meaning.size.is_some());
        let declared = declared.into_iter().filter_map(|meaning| self.complete(meaning.place));
        let tags = self.index.tags(tag.unwrap_or(name).as_bytes());
        defined
            .iter()
            .map(|meaning| meaning.place)
            .chain(declared.map(|entry| entry.place))
            .chain(tags.iter().map(|meaning| meaning.place))
            .collect()
    }

    fn follow(&self, start: Place, steps: &[Step<'_>]) -> Option<Member> {
        let mut offsets = Vec::new();
        let mut at = Cursor::new(start);
        for step in steps {
            match step {
                Step::Member(name) => self.enter(&mut at, name)?,
                Step::Index(index) => self.take_element(&mut at, *index)?,
                Step::Dereference => {
                    offsets.push(at.offset);
                    at = Cursor::new(self.pointee(&at)?);
                }
            }
        }
        offsets.push(at.offset);
        // A row of a larger array is no value of the element's type.
        let value = (at.indices == 0).then(|| self.types.stripped(at.target)).flatten();
        Some(Member {
            offsets,
            size: self.bytes_at(&at),
            bits: at.bits,
            is_pointer: value.as_ref().is_some_and(|entry| entry.tag == dw::DW_TAG_pointer_type),
            is_signed: value.is_some_and(|entry| self.is_signed(&entry)),
        })
    }

    /// The type at `place`, stripped; if its unit only declares it, its definition in another.
    fn complete(&self, place: Place) -> Option<Entry<'_>> {
        let entry = self.types.stripped(place)?;
        if !entry.is_declaration {
            return Some(entry);
        }
        self.types.entry(self.index.tags(entry.name?.slice()).first()?.place)
    }

    fn size(&self, place: Place) -> Option<u64> {
        let entry = self.complete(place)?;
        match self.types.array(&entry) {
            // The elements of an array may be complete only in another unit.
            Some(array) => array.size_below(0, self.types.own_size(&self.complete(array.element)?)?),
            None => self.types.own_size(&entry),
        }
    }

    fn bytes_at(&self, at: &Cursor) -> Option<u64> {
        if let Some(bits) = at.bits {
            return Some(u64::from(bits.first).checked_add(bits.count.into())?.div_ceil(8));
        }
        match at.indices {
            0 => self.size(at.target),
            taken => {
                let array = self.types.array(&self.types.stripped(at.target)?)?;
                array.size_below(taken, self.size(array.element)?)
            }
        }
    }

    fn enter(&self, at: &mut Cursor, name: &str) -> Option<()> {
        if at.indices != 0 || at.bits.is_some() {
            return None;
        }
        let field = self.types.field(self.complete(at.target)?.place, name.as_bytes())?;
        at.offset = at.offset.checked_add(field.first_bit / 8)?;
        at.target = field.target;
        if let Some(count) = field.bit_size {
            let first = u8::try_from(field.first_bit % 8).ok()?;
            at.bits = Some(Bits { first, count: u8::try_from(count).ok()? });
        }
        Some(())
    }

    fn take_element(&self, at: &mut Cursor, index: u64) -> Option<()> {
        let array = self.types.array(&self.types.stripped(at.target)?)?;
        // `T x[]`, `T x[0]` and `T x[1]` at the end of a struct are C's ways to say "and more".
        let is_inside = array.dimensions.get(at.indices)?.is_none_or(|count| count <= 1 || index < count);
        if !is_inside {
            return None;
        }
        at.indices = at.indices.checked_add(1)?;
        let stride = array.size_below(at.indices, self.size(array.element)?)?;
        at.offset = at.offset.checked_add(index.checked_mul(stride)?)?;
        if at.indices == array.dimensions.len() {
            (at.target, at.indices) = (array.element, 0);
        }
        Some(())
    }

    fn pointee(&self, at: &Cursor) -> Option<Place> {
        let pointer = self.types.stripped(at.target)?;
        (at.indices == 0 && pointer.tag == dw::DW_TAG_pointer_type).then_some(pointer.target?)
    }

    fn is_signed(&self, entry: &Entry<'_>) -> bool {
        let number = match (entry.tag, entry.target) {
            (dw::DW_TAG_enumeration_type, Some(target)) => self.types.stripped(target),
            _ => None,
        };
        let encoding = number.as_ref().unwrap_or(entry).encoding;
        let signed = [dw::DW_ATE_signed, dw::DW_ATE_signed_char];
        signed.iter().any(|signed| encoding == Some(signed.0.into()))
    }
}

impl Cursor {
    fn new(target: Place) -> Self {
        Self { target, indices: 0, offset: 0, bits: None }
    }
}

#[cfg(test)]
mod tests;
