//! The kinds of number a table holds: where a field lies ([`Field`], [`Inline`], [`Path`], [`Bits`]), how big a
//! thing is ([`Size`]), and what a constant is worth ([`Constant`]).

use crate::address::Addr;
use std::marker::PhantomData;

/// A value that lies in a target's memory as little-endian bytes.
pub trait Word: Copy {
    /// What reading it yields.
    type Value;
    /// Its size in bytes.
    const SIZE: usize;
    /// Its value. `bytes` are [`Word::SIZE`] long; missing ones count as zero.
    fn decode(bytes: &[u8]) -> Self::Value;
}

macro_rules! words {
    ($($number:ty),*) => {$(
        impl Word for $number {
            type Value = $number;
            const SIZE: usize = size_of::<$number>();
            fn decode(bytes: &[u8]) -> $number {
                let mut buffer = [0; size_of::<$number>()];
                buffer.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                <$number>::from_le_bytes(buffer)
            }
        }
    )*};
}
words!(u8, i8, u16, u32, i32, u64, i64);

impl Word for Addr {
    type Value = Option<Addr>;
    const SIZE: usize = 8;
    fn decode(bytes: &[u8]) -> Option<Addr> {
        Addr::new(u64::decode(bytes))
    }
}

/// Where a member of a C struct lies: its offset in bytes.
pub struct Field<T> {
    /// Bytes from the start of the struct.
    pub offset: u32,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Field<T> {}

impl<T> std::fmt::Debug for Field<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "+{}", self.offset)
    }
}

impl<T> Field<T> {
    /// The field at `offset`.
    pub const fn at(offset: u32) -> Self {
        Self { offset, kind: PhantomData }
    }
}

/// How to reach a member through pointers: `[56, 8]` is "the pointer at 56, and at what it points
/// to, 8".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub Vec<u32>);

/// Where a bit-field lies. Bits are counted from the least significant of the bytes at `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// Bytes from the start of the struct.
    pub offset: u32,
    /// The first bit.
    pub first: u8,
    /// How many bits.
    pub count: u8,
}

impl Bits {
    /// The bit-field's value out of the eight bytes that start at its [`Bits::offset`].
    pub fn of(self, storage: u64) -> u64 {
        let mask = u64::MAX.checked_shr(64 - u32::from(self.count.clamp(1, 64))).unwrap_or(0);
        storage.checked_shr(u32::from(self.first)).unwrap_or(0) & mask
    }
}

/// Where a struct or an array lies that is a member of another, in bytes from its start. What is in it is
/// read by itself: it does not count among the bytes that reading the other touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inline {
    /// Bytes from the start of the struct.
    pub offset: u32,
}

/// The size of a C type in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u32);

/// The value of an enumerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant(pub i64);

/// What a table says of one field, before it is given its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Number {
    /// An offset, a size or a constant.
    One(i64),
    /// Offsets, one per pointer followed.
    Path(Vec<u32>),
    /// A bit-field.
    Bits(Bits),
}

/// A kind of number that a field of a layout struct may have.
pub trait FromNumber: Sized {
    /// The typed field. `None` when `number` is missing or of another kind.
    fn from_number(number: Option<&Number>) -> Option<Self>;
    /// The bytes `[start, end)` that reading the field touches, within its struct.
    fn extent(&self) -> Option<(u32, u32)> {
        None
    }
}

impl<T: Word> FromNumber for Field<T> {
    fn from_number(number: Option<&Number>) -> Option<Self> {
        match number? {
            Number::One(offset) => Some(Self::at(u32::try_from(*offset).ok()?)),
            Number::Path(_) | Number::Bits(_) => None,
        }
    }
    fn extent(&self) -> Option<(u32, u32)> {
        Some((self.offset, self.offset.saturating_add(T::SIZE as u32)))
    }
}

impl FromNumber for Path {
    fn from_number(number: Option<&Number>) -> Option<Self> {
        match number? {
            Number::One(offset) => Some(Self(vec![u32::try_from(*offset).ok()?])),
            Number::Path(path) => Some(Self(path.clone())),
            Number::Bits(_) => None,
        }
    }
    fn extent(&self) -> Option<(u32, u32)> {
        self.0.first().map(|first| (*first, first.saturating_add(8)))
    }
}

impl FromNumber for Bits {
    fn from_number(number: Option<&Number>) -> Option<Self> {
        match number? {
            Number::Bits(bits) => Some(*bits),
            // A bit-field that became a member of its own, as `interned` did in 3.14's
            // free-threaded builds.
            Number::One(offset) => Some(Self { offset: u32::try_from(*offset).ok()?, first: 0, count: 8 }),
            Number::Path(_) => None,
        }
    }
    fn extent(&self) -> Option<(u32, u32)> {
        Some((self.offset, self.offset.saturating_add(8)))
    }
}

impl FromNumber for Inline {
    fn from_number(number: Option<&Number>) -> Option<Self> {
        Field::<u8>::from_number(number).map(|field| Self { offset: field.offset })
    }
}

impl FromNumber for Size {
    fn from_number(number: Option<&Number>) -> Option<Self> {
        match number? {
            Number::One(size) => Some(Self(u32::try_from(*size).ok()?)),
            Number::Path(_) | Number::Bits(_) => None,
        }
    }
}

impl FromNumber for Constant {
    fn from_number(number: Option<&Number>) -> Option<Self> {
        match number? {
            Number::One(value) => Some(Self(*value)),
            Number::Path(_) | Number::Bits(_) => None,
        }
    }
}

impl<F: FromNumber> FromNumber for Option<F> {
    /// Absent is an answer; a number of another kind is a broken table.
    fn from_number(number: Option<&Number>) -> Option<Self> {
        match number {
            Some(_) => F::from_number(number).map(Some),
            None => Some(None),
        }
    }
    fn extent(&self) -> Option<(u32, u32)> {
        self.as_ref().and_then(F::extent)
    }
}
