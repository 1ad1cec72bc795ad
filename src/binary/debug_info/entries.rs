//! The tree of debugging information entries, read one entry at a time.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gimli::{
    Abbreviation, Abbreviations, Attribute, AttributeValue, DebugAbbrev, DebugAbbrevOffset, DebugAddr, DebugAddrBase,
    DebugInfo, DebugStrOffsets, DebugStrOffsetsBase, DwTag, Encoding, EndianSlice, EntriesRaw, Error, LittleEndian,
    Operation, Result, UnitHeader, UnitOffset, constants as dw,
};

use crate::binary::elf::ElfFile;

pub(super) type Slice<'s> = EndianSlice<'s, LittleEndian>;

/// No compiler gives one entry more attributes; damaged abbreviations claim millions.
const MAX_ATTRIBUTES: usize = 128;

/// A longer name is damage. Offsets into strings overlap: without this bound every byte of a file
/// could name a megabyte.
const MAX_NAME: usize = 4096;

/// How many attributes are read of one file in all: an interpreter's debug info has ten million,
/// and is gone through a few times. A damaged file refers from everywhere to everywhere.
const MAX_WORK: u64 = 1 << 28;

/// Which file an entry is in: the one asked for, or the one dwz moved shared entries to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Origin {
    Main,
    Supplement,
}

/// Where an entry is: the offset counts from the start of `.debug_info`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub origin: Origin,
    pub offset: usize,
}

/// The sections that types are read from; none of line numbers, code ranges or locations.
struct Sections<'a> {
    info: Cow<'a, [u8]>,
    abbrev: Cow<'a, [u8]>,
    str: Cow<'a, [u8]>,
    /// `.debug_str` of the supplement.
    shared_str: Cow<'a, [u8]>,
    line_str: Cow<'a, [u8]>,
    str_offsets: Cow<'a, [u8]>,
    addr: Cow<'a, [u8]>,
}

/// The part of `.debug_info` that one source file was compiled to.
pub(super) struct Unit {
    start: usize,
    end: usize,
    root: usize,
    encoding: Encoding,
    abbreviations: Arc<Abbreviations>,
    str_offsets_base: usize,
    addr_base: usize,
}

/// The debug info of one file.
pub(super) struct Entries<'a> {
    origin: Origin,
    sections: Sections<'a>,
    units: Vec<Unit>,
    /// Attributes that may still be read.
    work_left: Cell<u64>,
}

/// What this room wants to know of an entry.
pub(super) struct Entry<'s> {
    pub place: Place,
    pub tag: DwTag,
    pub has_children: bool,
    pub name: Option<Slice<'s>>,
    /// `DW_AT_type`.
    pub target: Option<Place>,
    /// The declaration or abstract variable that this entry completes.
    pub completes: Option<Place>,
    pub is_declaration: bool,
    pub byte_size: Option<u64>,
    /// `DW_AT_data_member_location`.
    pub offset: MemberOffset,
    pub bit_size: Option<u64>,
    pub data_bit_offset: Option<u64>,
    /// `DW_AT_bit_offset`: counted from the most significant bit, before DWARF 5.
    pub old_bit_offset: Option<i64>,
    /// The elements of an array's dimension.
    pub count: Option<u64>,
    pub encoding: Option<u64>,
    pub value: Option<i64>,
    pub address: Option<u64>,
    sibling: Option<usize>,
}

/// Where a member lies in its struct.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MemberOffset {
    /// Not said: at the start, as all members of a union.
    Absent,
    At(u64),
    /// Computed at run time, as no C compiler does.
    Computed,
}

impl<'a> Entries<'a> {
    /// Finds the units of `elf`'s debug info; those that are damaged are left out. `supplement` is
    /// the file whose strings it may use.
    pub fn read(elf: &ElfFile<'a>, origin: Origin, supplement: Option<&ElfFile<'a>>) -> crate::error::Result<Self> {
        let section = |name| elf.section_data(name).map(Option::unwrap_or_default);
        let shared_str = supplement.map(|elf| elf.section_data(".debug_str")).transpose()?;
        let sections = Sections {
            info: section(".debug_info")?,
            abbrev: section(".debug_abbrev")?,
            str: section(".debug_str")?,
            shared_str: shared_str.flatten().unwrap_or_default(),
            line_str: section(".debug_line_str")?,
            str_offsets: section(".debug_str_offsets")?,
            addr: section(".debug_addr")?,
        };
        let mut entries = Self { origin, sections, units: Vec::new(), work_left: Cell::new(MAX_WORK) };
        entries.units = entries.find_units();
        Ok(entries)
    }

    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The entry at `offset`.
    pub fn entry(&self, offset: usize) -> Result<Entry<'_>> {
        let unit = self.unit_at(offset)?;
        let mut raw = self.raw(unit, offset)?;
        self.next(unit, &mut raw)?.ok_or(Error::NoEntryAtGivenOffset(offset as u64))
    }

    /// The entries directly below that at `offset`.
    pub fn children(&self, offset: usize) -> Result<Children<'_, 'a>> {
        let unit = self.unit_at(offset)?;
        let mut raw = self.raw(unit, offset)?;
        let parent = self.next(unit, &mut raw)?;
        let is_done = !parent.is_some_and(|parent| parent.has_children);
        Ok(Children { entries: self, unit, raw, is_done })
    }

    /// The entries on file level of `unit`.
    pub fn top_level(&self, unit: &Unit) -> Result<Children<'_, 'a>> {
        self.children(unit.root)
    }

    fn find_units(&self) -> Vec<Unit> {
        let headers = || {
            let mut headers = DebugInfo::new(&self.sections.info, LittleEndian).units();
            std::iter::from_fn(move || headers.next().ok().flatten())
        };
        // Units of a link-time-optimised or dwz'ed file share their abbreviations. Tables lie one
        // behind the other: each ends where the next begins, at the latest.
        let starts: BTreeSet<usize> = headers().map(|header| header.debug_abbrev_offset().0).collect();
        let ends = starts.iter().skip(1).copied().chain([self.sections.abbrev.len()]);
        let table = |(start, end): (&usize, usize)| {
            let abbrevs = DebugAbbrev::new(self.sections.abbrev.get(..end)?, LittleEndian);
            Some((*start, Arc::new(abbrevs.abbreviations(DebugAbbrevOffset(*start)).ok()?)))
        };
        let known: BTreeMap<usize, Arc<Abbreviations>> = starts.iter().zip(ends).filter_map(table).collect();
        headers()
            .filter_map(|header| self.unit(&header, Arc::clone(known.get(&header.debug_abbrev_offset().0)?)))
            .collect()
    }

    /// Notes that `abbreviation` is about to be read, and refuses where there is no end to it.
    fn charge(&self, abbreviation: &Abbreviation) -> Result<()> {
        let cost = 1 + abbreviation.attributes().len() as u64;
        let left = self.work_left.get().checked_sub(cost);
        self.work_left.set(left.unwrap_or(0));
        let fits = left.is_some() && abbreviation.attributes().len() <= MAX_ATTRIBUTES;
        if fits { Ok(()) } else { Err(Error::InvalidAbbreviationCode(abbreviation.code())) }
    }

    fn unit(&self, header: &UnitHeader<Slice<'_>>, abbreviations: Arc<Abbreviations>) -> Option<Unit> {
        let start = header.debug_info_offset()?.0;
        let mut unit = Unit {
            start,
            end: start.checked_add(header.length_including_self())?,
            root: start.checked_add(header.root_offset().0)?,
            encoding: header.encoding(),
            abbreviations,
            str_offsets_base: 0,
            addr_base: 0,
        };
        let mut raw = self.raw(&unit, unit.root).ok()?;
        let root = raw.read_abbreviation().ok()??;
        let (mut str_offsets_base, mut addr_base) = (0, 0);
        for &specification in root.attributes().iter().take(MAX_ATTRIBUTES) {
            match raw.read_attribute(specification).ok()?.value() {
                AttributeValue::DebugStrOffsetsBase(base) => str_offsets_base = base.0,
                AttributeValue::DebugAddrBase(base) => addr_base = base.0,
                _ => {}
            }
        }
        (unit.str_offsets_base, unit.addr_base) = (str_offsets_base, addr_base);
        Some(unit)
    }

    fn unit_at(&self, offset: usize) -> Result<&Unit> {
        let after = self.units.partition_point(|unit| unit.start <= offset);
        let unit = after.checked_sub(1).and_then(|index| self.units.get(index));
        unit.filter(|unit| (unit.root..unit.end).contains(&offset)).ok_or(Error::NoEntryAtGivenOffset(offset as u64))
    }

    fn raw<'s>(&'s self, unit: &'s Unit, offset: usize) -> Result<EntriesRaw<'s, Slice<'s>>> {
        let bytes = self.sections.info.get(offset..unit.end);
        let bytes = bytes.ok_or(Error::NoEntryAtGivenOffset(offset as u64))?;
        let at = UnitOffset(offset.saturating_sub(unit.start));
        let bytes = EndianSlice::new(bytes, LittleEndian);
        Ok(EntriesRaw::new(bytes, unit.encoding, &unit.abbreviations, at))
    }

    /// Reads one entry; `None` is the end of a list of children.
    fn next<'s>(&'s self, unit: &Unit, raw: &mut EntriesRaw<'s, Slice<'s>>) -> Result<Option<Entry<'s>>> {
        let offset = unit.start.saturating_add(raw.next_offset().0);
        let Some(abbreviation) = raw.read_abbreviation()? else {
            return Ok(None);
        };
        self.charge(abbreviation)?;
        let place = Place { origin: self.origin, offset };
        let mut entry = Entry::new(place, abbreviation.tag(), abbreviation.has_children());
        for &specification in abbreviation.attributes() {
            self.take(unit, &mut entry, &raw.read_attribute_inline(specification)?);
        }
        Ok(Some(entry))
    }

    fn take<'s>(&'s self, unit: &Unit, entry: &mut Entry<'s>, attribute: &Attribute<Slice<'s>>) {
        match attribute.name() {
            dw::DW_AT_name => entry.name = self.string(unit, attribute.raw_value()),
            dw::DW_AT_type => entry.target = self.reference(unit, attribute),
            dw::DW_AT_specification | dw::DW_AT_abstract_origin => {
                entry.completes = self.reference(unit, attribute);
            }
            dw::DW_AT_sibling => {
                let sibling = self.reference(unit, attribute);
                entry.sibling = sibling.map(|place| place.offset);
            }
            dw::DW_AT_declaration => {
                entry.is_declaration = attribute.value() == AttributeValue::Flag(true);
            }
            dw::DW_AT_byte_size => entry.byte_size = attribute.udata_value(),
            dw::DW_AT_bit_size => entry.bit_size = attribute.udata_value(),
            dw::DW_AT_data_bit_offset => entry.data_bit_offset = attribute.udata_value(),
            dw::DW_AT_bit_offset => entry.old_bit_offset = attribute.sdata_value(),
            dw::DW_AT_data_member_location => {
                let offset = attribute.udata_value();
                entry.offset = offset.map_or(MemberOffset::Computed, MemberOffset::At);
            }
            dw::DW_AT_count => entry.count = attribute.udata_value(),
            // C arrays begin at 0; an absent or negative bound is that of `T x[]` and `T x[0]`.
            dw::DW_AT_upper_bound => {
                let last = attribute.udata_value();
                entry.count = last.map(|last| last.checked_add(1).unwrap_or(0));
            }
            dw::DW_AT_encoding => {
                if let AttributeValue::Encoding(encoding) = attribute.value() {
                    entry.encoding = Some(encoding.0.into());
                }
            }
            dw::DW_AT_const_value => entry.value = constant(attribute.raw_value()),
            dw::DW_AT_location => entry.address = self.address(unit, attribute),
            _ => {}
        }
    }

    fn string<'s>(&'s self, unit: &Unit, value: AttributeValue<Slice<'s>>) -> Option<Slice<'s>> {
        let sections = &self.sections;
        match value {
            AttributeValue::String(text) => Some(text).filter(|text| text.len() < MAX_NAME),
            AttributeValue::DebugStrRef(at) => text_at(&sections.str, at.0),
            AttributeValue::DebugStrRefSup(at) => text_at(&sections.shared_str, at.0),
            AttributeValue::DebugLineStrRef(at) => text_at(&sections.line_str, at.0),
            AttributeValue::DebugStrOffsetsIndex(index) => {
                let offsets: DebugStrOffsets<Slice<'s>> =
                    DebugStrOffsets::from(EndianSlice::new(&sections.str_offsets, LittleEndian));
                let base = DebugStrOffsetsBase(unit.str_offsets_base);
                let at = offsets.get_str_offset(unit.encoding.format, base, index).ok()?;
                text_at(&sections.str, at.0)
            }
            _ => None,
        }
    }

    fn reference(&self, unit: &Unit, attribute: &Attribute<Slice<'_>>) -> Option<Place> {
        let (origin, offset) = match attribute.raw_value() {
            AttributeValue::UnitRef(at) => (self.origin, unit.start.checked_add(at.0)?),
            AttributeValue::DebugInfoRef(at) => (self.origin, at.0),
            AttributeValue::DebugInfoRefSup(at) => (Origin::Supplement, at.0),
            _ => return None,
        };
        Some(Place { origin, offset })
    }

    /// The address of a variable that has but one.
    fn address(&self, unit: &Unit, attribute: &Attribute<Slice<'_>>) -> Option<u64> {
        let expression = attribute.exprloc_value()?;
        let mut operations = expression.operations(unit.encoding);
        let operation = operations.next().ok()??;
        // Whatever else follows turns the address into something else, as for thread-locals.
        if operations.next().ok()?.is_some() {
            return None;
        }
        match operation {
            Operation::Address { address } => Some(address),
            Operation::AddressIndex { index } => {
                let addresses = DebugAddr::from(EndianSlice::new(&self.sections.addr, LittleEndian));
                let base = DebugAddrBase(unit.addr_base);
                addresses.get_address(unit.encoding.address_size, base, index).ok()
            }
            _ => None,
        }
    }
}

impl Entry<'_> {
    fn new(place: Place, tag: DwTag, has_children: bool) -> Self {
        Self {
            place,
            tag,
            has_children,
            name: None,
            target: None,
            completes: None,
            is_declaration: false,
            byte_size: None,
            offset: MemberOffset::Absent,
            bit_size: None,
            data_bit_offset: None,
            old_bit_offset: None,
            count: None,
            encoding: None,
            value: None,
            address: None,
            sibling: None,
        }
    }
}

/// The NUL-terminated text at `offset`, if it is no longer than [`MAX_NAME`].
fn text_at(strings: &[u8], offset: usize) -> Option<Slice<'_>> {
    let rest = strings.get(offset..)?;
    let end = rest.iter().take(MAX_NAME).position(|byte| *byte == 0)?;
    Some(EndianSlice::new(rest.get(..end)?, LittleEndian))
}

/// A constant as C means it: compilers write an enumerator of 200 in one byte, and a negative one
/// as a signed number.
fn constant(value: AttributeValue<Slice<'_>>) -> Option<i64> {
    match value {
        AttributeValue::Data1(value) => Some(value.into()),
        AttributeValue::Data2(value) => Some(value.into()),
        AttributeValue::Data4(value) => Some(value.into()),
        AttributeValue::Data8(value) => Some(value.cast_signed()),
        AttributeValue::Udata(value) => Some(value.cast_signed()),
        AttributeValue::Sdata(value) => Some(value),
        _ => None,
    }
}

/// The entries directly below another, in order; what lies below them is passed over.
pub(super) struct Children<'s, 'a> {
    entries: &'s Entries<'a>,
    unit: &'s Unit,
    raw: EntriesRaw<'s, Slice<'s>>,
    is_done: bool,
}

impl<'s> Children<'s, '_> {
    /// The next child, or `None` behind the last.
    pub fn next(&mut self) -> Result<Option<Entry<'s>>> {
        if self.is_done || self.raw.is_empty() {
            return Ok(None);
        }
        let Some(entry) = self.entries.next(self.unit, &mut self.raw)? else {
            self.is_done = true;
            return Ok(None);
        };
        if entry.has_children {
            self.skip_below(&entry)?;
        }
        Ok(Some(entry))
    }

    /// Moves from the first entry below `entry` to its sibling.
    fn skip_below(&mut self, entry: &Entry<'s>) -> Result<()> {
        let here = self.unit.start.saturating_add(self.raw.next_offset().0);
        // Only forward, so that a damaged reference cannot lead in circles.
        if let Some(sibling) = entry.sibling.filter(|&at| at > here && at < self.unit.end) {
            self.raw = self.entries.raw(self.unit, sibling)?;
            return Ok(());
        }
        let depth = self.raw.next_depth();
        while self.raw.next_depth() >= depth && !self.raw.is_empty() {
            if let Some(abbreviation) = self.raw.read_abbreviation()? {
                self.entries.charge(abbreviation)?;
                self.raw.skip_attributes(abbreviation.attributes())?;
            }
        }
        Ok(())
    }
}
