//! C types as DWARF tells them: what a type is once its names are taken off, how large it is, and
//! where its members lie.

use gimli::constants as dw;

use super::entries::{Children, Entries, Entry, MemberOffset, Origin, Place, Slice};

/// Typedefs of typedefs, and qualifiers: a longer chain is a circle.
const MAX_CHAIN: u32 = 64;

/// Arrays of arrays, through typedefs.
const MAX_ARRAY_NESTING: u32 = 16;

/// Dimensions of one array.
const MAX_DIMENSIONS: usize = 16;

/// How deep unnamed structs and unions sit in one another.
const MAX_UNNAMED_NESTING: u32 = 16;

/// How many members a search may look at. The largest structs of CPython have some thousands,
/// unnamed parts included; damaged ones contain themselves.
const MAX_MEMBERS: u32 = 1 << 16;

/// A pointer where the compiler does not say: both machines have 64-bit ones.
const POINTER_SIZE: u64 = 8;

/// The types of a file and of its supplement, if it has one.
pub(super) struct Types<'a> {
    main: Entries<'a>,
    supplement: Option<Entries<'a>>,
}

/// A member of a struct or union.
pub(super) struct Field {
    /// Its first bit, counted from the first bit of the struct.
    pub first_bit: u64,
    /// How many bits it has, where it is a bit-field.
    pub bit_size: Option<u64>,
    pub target: Place,
}

/// The dimensions of an array and what it is made of. A dimension without a count is open-ended.
pub(super) struct Array {
    pub dimensions: Vec<Option<u64>>,
    pub element: Place,
}

impl<'a> Types<'a> {
    pub fn new(main: Entries<'a>, supplement: Option<Entries<'a>>) -> Self {
        Self { main, supplement }
    }

    pub fn files(&self) -> impl Iterator<Item = &Entries<'a>> {
        std::iter::once(&self.main).chain(&self.supplement)
    }

    pub fn entry(&self, place: Place) -> Option<Entry<'_>> {
        self.file(place.origin)?.entry(place.offset).ok()
    }

    pub fn children(&self, place: Place) -> Option<Children<'_, 'a>> {
        self.file(place.origin)?.children(place.offset).ok()
    }

    /// The type at `place` without typedefs and qualifiers; `None` is `void`.
    pub fn stripped(&self, mut place: Place) -> Option<Entry<'_>> {
        for _ in 0..MAX_CHAIN {
            let entry = self.entry(place)?;
            match entry.tag {
                dw::DW_TAG_typedef
                | dw::DW_TAG_const_type
                | dw::DW_TAG_volatile_type
                | dw::DW_TAG_restrict_type
                | dw::DW_TAG_atomic_type => place = entry.target?,
                _ => return Some(entry),
            }
        }
        None
    }

    /// The name of what `entry` completes. A definition has it from its declaration; after
    /// link-time optimisation it also comes by way of an abstract definition in another unit.
    pub fn completed_name(&self, entry: &Entry<'_>) -> Option<Slice<'_>> {
        let mut next = entry.completes;
        for _ in 0..MAX_CHAIN {
            let completed = self.entry(next?)?;
            if completed.name.is_some() {
                return completed.name;
            }
            next = completed.completes;
        }
        None
    }

    /// How large the stripped type `entry` is, as far as its own unit knows.
    pub fn own_size(&self, entry: &Entry<'_>) -> Option<u64> {
        self.own_size_within(entry, MAX_ARRAY_NESTING)
    }

    fn own_size_within(&self, entry: &Entry<'_>, nesting: u32) -> Option<u64> {
        match entry.tag {
            _ if entry.is_declaration => None,
            dw::DW_TAG_pointer_type => Some(entry.byte_size.unwrap_or(POINTER_SIZE)),
            dw::DW_TAG_array_type if entry.byte_size.is_none() => {
                let array = self.array(entry)?;
                let element = self.stripped(array.element)?;
                let size = self.own_size_within(&element, nesting.checked_sub(1)?)?;
                array.size_below(0, size)
            }
            _ => entry.byte_size,
        }
    }

    /// The stripped type `entry` as an array, if it is one.
    pub fn array(&self, entry: &Entry<'_>) -> Option<Array> {
        if entry.tag != dw::DW_TAG_array_type {
            return None;
        }
        let mut dimensions = Vec::new();
        let mut children = self.children(entry.place)?;
        while let Some(child) = children.next().ok()? {
            if child.tag == dw::DW_TAG_subrange_type && dimensions.len() < MAX_DIMENSIONS {
                dimensions.push(child.count);
            }
        }
        Some(Array { dimensions, element: entry.target? })
    }

    /// The member `name` of the struct or union at `place`; those of unnamed structs and unions in
    /// it count as its own, as in C.
    pub fn field(&self, place: Place, name: &[u8]) -> Option<Field> {
        let mut members_left = MAX_MEMBERS;
        self.field_within(place, name, MAX_UNNAMED_NESTING, &mut members_left)
    }

    fn field_within(&self, place: Place, name: &[u8], nesting: u32, members_left: &mut u32) -> Option<Field> {
        let nesting = nesting.checked_sub(1)?;
        let mut children = self.children(place)?;
        while let Some(child) = children.next().ok()? {
            *members_left = members_left.checked_sub(1)?;
            if child.tag != dw::DW_TAG_member {
                continue;
            }
            match child.name {
                Some(found) if found.slice() == name => return self.placed(&child),
                Some(_) => {}
                None => {
                    let within = child.target.and_then(|target| self.stripped(target));
                    let inner = within.and_then(|within| self.field_within(within.place, name, nesting, members_left));
                    if let Some(inner) = inner {
                        let first_bit = self.placed(&child)?.first_bit.checked_add(inner.first_bit)?;
                        return Some(Field { first_bit, ..inner });
                    }
                }
            }
        }
        None
    }

    fn placed(&self, member: &Entry<'_>) -> Option<Field> {
        let target = member.target?;
        let first_byte = match member.offset {
            MemberOffset::Absent => 0,
            MemberOffset::At(offset) => offset,
            MemberOffset::Computed => return None,
        };
        let mut first_bit = first_byte.checked_mul(8)?;
        if let Some(offset) = member.data_bit_offset {
            first_bit = first_bit.checked_add(offset)?;
        } else if let (Some(offset), Some(count)) = (member.old_bit_offset, member.bit_size) {
            // Before DWARF 5: the distance from the most significant bit of the storage to that of
            // the field; negative where the field reaches beyond the storage.
            let storage = match member.byte_size {
                Some(size) => size,
                None => self.own_size(&self.stripped(target)?)?,
            };
            let storage_bits = storage.checked_mul(8)?;
            let end = storage_bits.checked_add_signed(offset.checked_neg()?)?;
            first_bit = first_bit.checked_add(end.checked_sub(count)?)?;
        }
        Some(Field { first_bit, bit_size: member.bit_size, target })
    }

    fn file(&self, origin: Origin) -> Option<&Entries<'a>> {
        match origin {
            Origin::Main => Some(&self.main),
            Origin::Supplement => self.supplement.as_ref(),
        }
    }
}

impl Array {
    /// The bytes of one element after `taken` indices, where one element after all of them has
    /// `element_size`.
    pub fn size_below(&self, taken: usize, element_size: u64) -> Option<u64> {
        let inner = self.dimensions.get(taken..)?;
        inner.iter().try_fold(element_size, |size, count| size.checked_mul(count.unwrap_or(0)))
    }
}
