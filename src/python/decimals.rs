//! `decimal.Decimal`, of C code (3.3+) and of Python code.

use crate::address::Addr;
use crate::layout::Field;
use crate::python::{Fault, Python, Result};

/// A decimal number, as its `as_tuple()` tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decimal {
    /// Whether its sign is minus.
    pub negative: bool,
    /// What kind of number it is.
    pub kind: DecimalKind,
    /// Its digits in decimal, without leading zeros; of a NaN its payload.
    pub digits: String,
    /// How many digits it has: those read may be fewer.
    pub length: u64,
    /// The power of ten that they are multiplied by.
    pub exponent: i64,
}

/// What kind of number a decimal is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecimalKind {
    /// A number.
    Finite,
    /// Infinity.
    Infinity,
    /// Not a number.
    Nan,
    /// Not a number, and it does not go unnoticed.
    SignalingNan,
}

/// Words of digits of one number that are read at most: 19 digits each.
const MAX_WORDS: usize = 1 << 16;
/// `MPD_RDIGITS` of 64-bit machines (Modules/_decimal/libmpdec/mpdecimal.h).
const DIGITS_PER_WORD: usize = 19;

/// Where things are in `PyDecObject` behind the head, the same from 3.3 to 3.15: a hash, then an `mpd_t`
/// (Modules/_decimal/_decimal.c, Modules/_decimal/libmpdec/mpdecimal.h).
mod mpd {
    pub const FLAGS: u32 = 8;
    pub const EXPONENT: u32 = 16;
    pub const DIGITS: u32 = 24;
    pub const LENGTH: u32 = 32;
    pub const ALLOCATED: u32 = 40;
    pub const DATA: u32 = 48;

    pub const NEGATIVE: u8 = 1;
    pub const INFINITY: u8 = 2;
    pub const NAN: u8 = 4;
    pub const SIGNALING_NAN: u8 = 8;
    /// `MPD_STATIC_DATA`, `MPD_SHARED_DATA`, `MPD_CONST_DATA`: its words were not allocated for it.
    pub const NOT_OWN_DATA: u8 = 0xe0;
}

impl Python<'_> {
    fn mpd<T: crate::layout::Word>(&self, address: Addr, offset: u32) -> Result<T::Value> {
        self.get(address, Field::<T>::at(self.layout.object.size.0 + offset))
    }

    /// The `decimal.Decimal` of C code at `address`.
    pub fn decimal(&self, address: Addr) -> Result<Decimal> {
        let flags = self.mpd::<u8>(address, mpd::FLAGS)?;
        let kind = match () {
            () if flags & mpd::INFINITY != 0 => DecimalKind::Infinity,
            () if flags & mpd::NAN != 0 => DecimalKind::Nan,
            () if flags & mpd::SIGNALING_NAN != 0 => DecimalKind::SignalingNan,
            () => DecimalKind::Finite,
        };
        let implausible = Fault::Implausible(address, "a decimal number");
        let words = usize::try_from(self.mpd::<i64>(address, mpd::LENGTH)?).map_err(|_| implausible.clone())?;
        let length = u64::try_from(self.mpd::<i64>(address, mpd::DIGITS)?).map_err(|_| implausible.clone())?;
        let data = self.mpd::<Addr>(address, mpd::DATA)?.ok_or(Fault::Null("the digits of a decimal number"))?;
        // The highest words come last.
        let read = if kind == DecimalKind::Infinity { 0 } else { words.min(MAX_WORDS) };
        let mut bytes = vec![0; read * 8];
        self.memory.read(data.offset((words - words.min(MAX_WORDS)) as u64 * 8), &mut bytes)?;
        let mut digits = String::with_capacity(read * DIGITS_PER_WORD);
        for word in bytes.chunks_exact(8).rev() {
            let word = word.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
            if word >= 10_u64.pow(DIGITS_PER_WORD as u32) {
                return Err(implausible);
            }
            digits.push_str(&format!("{word:019}"));
        }
        let digits = match (digits.trim_start_matches('0'), kind) {
            ("", DecimalKind::Finite) => "0".to_owned(),
            (digits, _) => digits.to_owned(),
        };
        let negative = flags & mpd::NEGATIVE != 0;
        Ok(Decimal { negative, kind, digits, length, exponent: self.mpd::<i64>(address, mpd::EXPONENT)? })
    }

    /// Bytes that the `decimal.Decimal` of C code at `address` has beside the object
    /// (`dec_sizeof`, Modules/_decimal/_decimal.c).
    pub fn decimal_own_data(&self, address: Addr) -> Result<u64> {
        if self.mpd::<u8>(address, mpd::FLAGS)? & mpd::NOT_OWN_DATA != 0 {
            return Ok(0);
        }
        Ok(u64::try_from(self.mpd::<i64>(address, mpd::ALLOCATED)?).unwrap_or(0).saturating_mul(8))
    }

    /// The `decimal.Decimal` of Python code at `address` (Lib/decimal.py, later Lib/_pydecimal.py).
    pub fn python_decimal(&self, address: Addr) -> Result<Decimal> {
        let slot = |name: &str| -> Result<Addr> {
            let found = self.attribute_or_slot(address, name)?;
            found.ok_or(Fault::Null("an attribute of a decimal number"))
        };
        let text = self.text_or_bytes(slot("_int")?, MAX_WORDS)?;
        let exponent = slot("_exp")?;
        // Of what is no number the exponent is a letter.
        let (kind, exponent) = match self.name(exponent).ok().as_deref() {
            Some("F") => (DecimalKind::Infinity, 0),
            Some("n") => (DecimalKind::Nan, 0),
            Some("N") => (DecimalKind::SignalingNan, 0),
            _ => (DecimalKind::Finite, self.small_int(exponent)?),
        };
        let negative = self.small_int(slot("_sign")?)? != 0;
        let (digits, length) = if kind == DecimalKind::Infinity { (String::new(), 0) } else { text };
        Ok(Decimal { negative, kind, digits, length, exponent })
    }

    fn text_or_bytes(&self, address: Addr, max: usize) -> Result<(String, u64)> {
        if self.type_flags(address)?.has(crate::python::flag::BYTES_SUBCLASS) {
            let (bytes, length) = self.bytes(address, max)?;
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), length));
        }
        let text = self.text(address, max)?;
        Ok((text.to_text(), text.length))
    }

    /// The int at `address`, if it fits.
    pub fn small_int(&self, address: Addr) -> Result<i64> {
        let implausible = Fault::Implausible(address, "an int");
        match self.int(address)? {
            crate::python::Int::Value(value) => i64::try_from(&value).map_err(|_| implausible),
            crate::python::Int::Huge { .. } => Err(implausible),
        }
    }
}

impl Decimal {
    /// `str()` of it (`_dec_str` with the flag that `repr` uses; General Decimal Arithmetic, "to-scientific-string").
    pub fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        match self.kind {
            DecimalKind::Infinity => return format!("{sign}Infinity"),
            DecimalKind::Nan => return format!("{sign}NaN{}", self.digits),
            DecimalKind::SignalingNan => return format!("{sign}sNaN{}", self.digits),
            DecimalKind::Finite => {}
        }
        let count = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        // Where the point stands, counted from the first digit.
        let point = self.exponent.saturating_add(count);
        let plain = self.exponent <= 0 && point > -6;
        let place = if plain { point } else { 1 };
        let digits = match usize::try_from(place) {
            Ok(place) if place >= self.digits.len() => self.digits.clone(),
            Ok(place) if place > 0 => match self.digits.split_at_checked(place) {
                Some((before, behind)) => format!("{before}.{behind}"),
                None => self.digits.clone(),
            },
            // At most five zeros.
            _ => format!("0.{}{}", "0".repeat(usize::try_from(-place).unwrap_or(0).min(8)), self.digits),
        };
        match point.saturating_sub(place) {
            0 => format!("{sign}{digits}"),
            exponent => format!("{sign}{digits}E{exponent:+}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_as_python_does() {
        // What CPython 3.11.2 says: repr(Decimal((sign, digits, exponent))).
        let rows = [
            (false, "125", -2, "1.25"),
            (false, "0", 0, "0"),
            (true, "0", -3, "-0.000"),
            (false, "1", 0, "1"),
            (false, "1", 3, "1E+3"),
            (false, "12", 3, "1.2E+4"),
            (false, "1", -6, "0.000001"),
            (false, "1", -7, "1E-7"),
            (true, "1234", -10, "-1.234E-7"),
            (false, "1234", -9, "0.000001234"),
            (false, "0", -7, "0E-7"),
            (false, "0", 2, "0E+2"),
            (false, "123456", -6, "0.123456"),
            (false, "123456", -3, "123.456"),
        ];
        for (negative, digits, exponent, text) in rows {
            let length = digits.len() as u64;
            let digits = digits.to_owned();
            let decimal = Decimal { negative, kind: DecimalKind::Finite, digits, length, exponent };
            assert_eq!(decimal.text(), text);
        }
    }
}
