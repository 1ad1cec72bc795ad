//! `int`, `float`, `complex`.

use crate::address::Addr;
use crate::layout::{Field, IntSign};
use crate::python::{Fault, Python, Result, flag};
use num_bigint::{BigInt, BigUint, Sign};

/// An `int`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Int {
    /// Its value.
    Value(BigInt),
    /// It has so many bits that its value was left out.
    Huge {
        /// How many bits.
        bits: u64,
        /// Whether it is below zero.
        negative: bool,
    },
}

/// Ints of more digits than this (30 bits each) are not turned into decimal: it takes quadratic
/// time. 4,300 decimal digits, at which Python itself refuses, are 477.
const MAX_DIGITS: u64 = 1024;

impl Int {
    /// How many bits its absolute value takes.
    pub fn bits(&self) -> u64 {
        match self {
            Self::Value(value) => value.bits(),
            Self::Huge { bits, .. } => *bits,
        }
    }

    /// Whether it is less than 0.
    pub fn is_negative(&self) -> bool {
        match self {
            Self::Value(value) => value.sign() == Sign::Minus,
            Self::Huge { negative, .. } => *negative,
        }
    }
}

impl Python<'_> {
    /// The value of the `int` at `address` (2.7: `int` or `long`).
    pub fn int(&self, address: Addr) -> Result<Int> {
        let layout = &self.layout.int_object;
        if let Some(small) = layout.small
            && self.type_flags(address)?.has(flag::INT_SUBCLASS)
        {
            return Ok(Int::Value(BigInt::from(self.get(address, small)?)));
        }
        let (negative, digits) = self.sign_and_digits(address)?;
        let size = layout.digit_size.0;
        let bits_each = if size == 2 { 15 } else { 30 };
        if digits > MAX_DIGITS {
            let above = address.offset((digits - 1).saturating_mul(u64::from(size)));
            let highest = match size {
                2 => self.get(above, Field::<u16>::at(layout.digits.offset))?.into(),
                _ => self.get(above, layout.digits)?,
            };
            let bits = (digits - 1).saturating_mul(bits_each);
            return Ok(Int::Huge {
                bits: bits.saturating_add(u64::from(highest.checked_ilog2().map_or(0, |log| log + 1))),
                negative,
            });
        }
        let mut bytes = vec![0; (digits as usize).saturating_mul(size as usize)];
        self.memory.read(address.offset(u64::from(layout.digits.offset)), &mut bytes)?;
        let value = bytes.chunks_exact(size as usize).rev().fold(BigUint::ZERO, |value, digit| {
            let digit = digit.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
            (value << bits_each) + digit
        });
        let sign = if negative { Sign::Minus } else { Sign::Plus };
        Ok(Int::Value(BigInt::from_biguint(sign, value)))
    }

    /// The int at `address`, if it is not negative and fits 128 bits.
    pub fn wide_int(&self, address: Addr) -> Result<u128> {
        let value = match self.int(address)? {
            Int::Value(value) => u128::try_from(&value).ok(),
            Int::Huge { .. } => None,
        };
        value.ok_or(Fault::Implausible(address, "an int"))
    }

    fn sign_and_digits(&self, address: Addr) -> Result<(bool, u64)> {
        match (self.layout.words.int_sign, self.layout.int_object.tag) {
            // Include/internal/pycore_long.h: the two low bits are 0 for positive, 1 for zero, 2
            // for negative; the third marks small ints (3.14+).
            (IntSign::Tag, Some(tag)) => {
                let tag = self.get(address, tag)?;
                Ok((tag & 3 == 2, if tag & 3 == 1 { 0 } else { tag >> 3 }))
            }
            (IntSign::Tag, None) => Err(Fault::Implausible(address, "the layout of int")),
            (IntSign::Size, _) => {
                let size = self.get(address, self.layout.object.ob_size)?;
                Ok((size < 0, size.unsigned_abs()))
            }
        }
    }

    /// The value of the `float` at `address`.
    pub fn float(&self, address: Addr) -> Result<f64> {
        Ok(f64::from_bits(self.get(address, self.layout.float_object.value)?))
    }

    /// The parts of the `complex` at `address`.
    pub fn complex(&self, address: Addr) -> Result<(f64, f64)> {
        let real = self.get(address, self.layout.complex_object.value)?;
        let imaginary = self.get(address.offset(8), self.layout.complex_object.value)?;
        Ok((f64::from_bits(real), f64::from_bits(imaginary)))
    }
}
