//! `str`, `bytes`, and the strings of Python 2.

use crate::address::Addr;
use crate::layout::StrText;
use crate::python::{Fault, Python, Result};

/// The text of a `str`, perhaps only its beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// Code points; a lone surrogate, which Python allows, is one of them.
    pub points: Vec<u32>,
    /// How many code points (before 3.3: code units) the whole string has.
    pub length: u64,
}

impl Text {
    /// Whether it is only the beginning.
    pub fn is_cut(&self) -> bool {
        (self.points.len() as u64) < self.length
    }

    /// The text; a lone surrogate, which no UTF-8 can carry, becomes six characters: `\udc80`.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.points.len());
        for point in &self.points {
            match char::from_u32(*point) {
                Some(point) => text.push(point),
                None if *point <= 0xffff => text.push_str(&format!("\\u{point:04x}")),
                None => text.push(char::REPLACEMENT_CHARACTER),
            }
        }
        text
    }
}

/// The text of Python 2's names, which are bytes: UTF-8 where they are that, else Latin-1.
fn bytes_to_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect())
}

/// A string object of the longest kind that fits an address space; a greater length is garbage.
const MAX_LENGTH: i64 = 1 << 46;

/// No more of one string is read at once, whoever asks: a length in a target is no reason to
/// allocate.
const MAX_TAKE: usize = 64 << 20;

/// Names of functions, files and attributes are cut at this many code points.
pub const MAX_NAME: usize = 16 * 1024;

impl Python<'_> {
    /// The text of the `str` at `address`, at most `max` code points of it.
    pub fn text(&self, address: Addr, max: usize) -> Result<Text> {
        let length = self.get(address, self.layout.str_object.length)?;
        if !(0..=MAX_LENGTH).contains(&length) {
            return Err(Fault::Implausible(address, "the length of a str"));
        }
        let length = length.cast_unsigned();
        let take = usize::try_from(length).unwrap_or(usize::MAX).min(max).min(MAX_TAKE / 4);
        let points = match self.layout.words.str_text {
            StrText::Compact => {
                let (data, kind) = self.compact_data(address)?;
                self.units(data, take, kind)?
            }
            StrText::Units => self.wide_text(address, take)?,
        };
        // Pairs of surrogates became one code point each.
        let length = if (points.len() < take) && take as u64 == length { points.len() as u64 } else { length };
        Ok(Text { points, length })
    }

    /// Where the text of a PEP 393 string lies, and how many bytes a code point takes.
    fn compact_data(&self, address: Addr) -> Result<(Addr, usize)> {
        let layout = &self.layout.str_object;
        let (Some(kind), Some(compact), Some(ascii), Some(ascii_size), Some(compact_size)) =
            (layout.kind, layout.compact, layout.ascii, layout.ascii_size, layout.compact_size)
        else {
            return Err(Fault::Implausible(address, "the layout of str"));
        };
        let kind = match self.bits(address, kind)? {
            kind @ (1 | 2 | 4) => kind as usize,
            _ => return Err(Fault::Implausible(address, "the kind of a str")),
        };
        let data = match (self.bits(address, compact)?, self.bits(address, ascii)?) {
            (0, _) => self.pointer(address, layout.data, "the text of a str")?,
            (_, 0) => address.offset(u64::from(compact_size.0)),
            _ => address.offset(u64::from(ascii_size.0)),
        };
        Ok((data, kind))
    }

    fn wide_text(&self, address: Addr, take: usize) -> Result<Vec<u32>> {
        let layout = &self.layout.str_object;
        let size = layout.unit_size.map_or(4, |size| size.0);
        let data = self.pointer(address, layout.data, "the text of a str")?;
        if size != 2 {
            return self.units(data, take, 4);
        }
        let units: Vec<u16> = self.units(data, take, 2)?.into_iter().map(|unit| unit as u16).collect();
        Ok(char::decode_utf16(units)
            .map(|point| point.map_or_else(|lone| u32::from(lone.unpaired_surrogate()), u32::from))
            .collect())
    }

    fn units(&self, data: Addr, count: usize, size: usize) -> Result<Vec<u32>> {
        let mut bytes = vec![0; count.saturating_mul(size)];
        self.memory.read(data, &mut bytes)?;
        let unit = |bytes: &[u8]| bytes.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        Ok(bytes.chunks_exact(size).map(unit).collect())
    }

    /// The bytes of the `bytes` object at `address` (2.7: `str`), at most `max` of them, and how
    /// many it has.
    pub fn bytes(&self, address: Addr, max: usize) -> Result<(Vec<u8>, u64)> {
        self.sized_bytes(address, address.offset(u64::from(self.layout.bytes_object.data.offset)), max)
    }

    /// The bytes of the `bytearray` at `address`.
    pub fn bytearray(&self, address: Addr, max: usize) -> Result<(Vec<u8>, u64)> {
        match self.get(address, self.layout.bytearray_object.data)? {
            Some(data) => self.sized_bytes(address, data, max),
            None => Ok((Vec::new(), 0)),
        }
    }

    fn sized_bytes(&self, address: Addr, data: Addr, max: usize) -> Result<(Vec<u8>, u64)> {
        let length = self.get(address, self.layout.object.ob_size)?;
        if !(0..=MAX_LENGTH).contains(&length) {
            return Err(Fault::Implausible(address, "the length of a bytes object"));
        }
        let length = length.cast_unsigned();
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX).min(max).min(MAX_TAKE)];
        self.memory.read(data, &mut bytes)?;
        Ok((bytes, length))
    }

    /// A name: the text of a `str`, or in Python 2 of a `bytes`; cut at 16 k code points.
    pub fn name(&self, address: Addr) -> Result<String> {
        use crate::python::flag;
        if self.type_flags(address)?.has(flag::BYTES_SUBCLASS) {
            let (bytes, _) = self.bytes(address, MAX_NAME)?;
            return Ok(bytes_to_text(bytes));
        }
        Ok(self.text(address, MAX_NAME)?.to_text())
    }
}
