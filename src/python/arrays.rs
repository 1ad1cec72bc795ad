//! numpy: arrays, their element types, scalars. Not CPython's, and all the same one of the types that a stuck program
//! is likely to hold its data in.

use crate::address::Addr;
use crate::layout::Field;
use crate::python::{Fault, Part, Python, Result};

/// A `numpy.ndarray` (`PyArrayObject_fields`, numpy/ndarraytypes.h: a public ABI, the same from 1.0 to 2.5).
#[derive(Clone, PartialEq, Debug)]
pub struct Array {
    /// Its first element.
    pub data: Addr,
    /// How many elements each dimension has.
    pub shape: Vec<i64>,
    /// Bytes from one element to the next, of each dimension.
    pub strides: Vec<i64>,
    /// What its elements are.
    pub element: Element,
    /// What owns the memory, if not the array itself.
    pub base: Option<Addr>,
    /// `NPY_ARRAY_C_CONTIGUOUS` (1), `NPY_ARRAY_F_CONTIGUOUS` (2), `NPY_ARRAY_OWNDATA` (4), `NPY_ARRAY_WRITEABLE` (1024).
    pub flags: i32,
}

/// What the elements of an array are: `numpy.dtype`.
#[derive(Clone, PartialEq, Debug)]
pub struct Element {
    /// `b` bool, `i` int, `u` unsigned, `f` float, `c` complex, `S` bytes, `U` text, `O` object, `M` time, `m`
    /// difference of times, `V` what has fields, or other.
    pub kind: char,
    /// Bytes of one.
    pub size: u64,
    /// Whether its bytes come in the order that the machine does not have.
    pub swapped: bool,
    /// Of times: how many of which unit one is.
    pub unit: Option<(i64, Unit)>,
}

/// A unit of time (`NPY_DATETIMEUNIT`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unit {
    /// As numpy writes it.
    pub name: &'static str,
    /// Seconds that one has, or (negative) the power of ten that it is of a second; `None` where that is not fixed.
    pub seconds: Option<i64>,
}

const UNITS: &[(i64, Unit)] = &[
    (0, Unit { name: "Y", seconds: None }),
    (1, Unit { name: "M", seconds: None }),
    (2, Unit { name: "W", seconds: Some(604_800) }),
    (4, Unit { name: "D", seconds: Some(86_400) }),
    (5, Unit { name: "h", seconds: Some(3_600) }),
    (6, Unit { name: "m", seconds: Some(60) }),
    (7, Unit { name: "s", seconds: Some(1) }),
    (8, Unit { name: "ms", seconds: Some(-3) }),
    (9, Unit { name: "us", seconds: Some(-6) }),
    (10, Unit { name: "ns", seconds: Some(-9) }),
    (11, Unit { name: "ps", seconds: None }),
    (12, Unit { name: "fs", seconds: None }),
    (13, Unit { name: "as", seconds: None }),
    (14, Unit { name: "generic", seconds: None }),
];

/// Where the unit of times is found from a `PyArray_Descr`, by the size of that: 96 bytes in numpy 1, 88 in 2
/// (numpy/ndarraytypes.h: `c_metadata`).
const METADATA: &[(i64, u32)] = &[(96, 80), (88, 112)];
/// `PyArray_DatetimeDTypeMetaData`: behind an `NpyAuxData`.
const UNIT_IN_METADATA: u32 = 32;

/// `NPY_MAXDIMS` of numpy 2.
const MAX_DIMENSIONS: usize = 64;

impl Python<'_> {
    fn behind_head<T: crate::layout::Word>(&self, address: Addr, offset: u32) -> Result<T::Value> {
        self.get(address, Field::<T>::at(self.layout.object.size.0 + offset))
    }

    /// The `numpy.ndarray` at `address`.
    pub fn array(&self, address: Addr) -> Result<Array> {
        let data = self.behind_head::<Addr>(address, 0)?.ok_or(Fault::Null("the memory of an array"))?;
        let dimensions = usize::try_from(self.behind_head::<i32>(address, 8)?).unwrap_or(usize::MAX);
        if dimensions > MAX_DIMENSIONS {
            return Err(Fault::Implausible(address, "the dimensions of an array"));
        }
        let numbers = |at: Option<Addr>| -> Result<Vec<i64>> {
            let Some(at) = at.filter(|_| dimensions > 0) else { return Ok(Vec::new()) };
            (0..dimensions as u64).map(|n| Ok(self.memory.u64(at.offset(n * 8))?.cast_signed())).collect()
        };
        let shape = numbers(self.behind_head::<Addr>(address, 16)?)?;
        let strides = numbers(self.behind_head::<Addr>(address, 24)?)?;
        if shape.len() != dimensions || strides.len() != dimensions || shape.iter().any(|length| *length < 0) {
            return Err(Fault::Implausible(address, "the shape of an array"));
        }
        let element = self.behind_head::<Addr>(address, 40)?.ok_or(Fault::Null("the dtype of an array"))?;
        Ok(Array {
            data,
            shape,
            strides,
            element: self.array_element(element)?,
            base: self.behind_head::<Addr>(address, 32)?,
            flags: self.behind_head::<i32>(address, 48)?,
        })
    }

    /// The `numpy.dtype` at `address`: its type declares what is asked for as members.
    pub fn array_element(&self, address: Addr) -> Result<Element> {
        let parts = self.parts(address)?;
        let part = |name: &str| parts.iter().find(|(known, _)| known == name).map(|(_, part)| part);
        let letter = |name: &str| match part(name) {
            Some(Part::Text(text)) => text.chars().next(),
            _ => None,
        };
        let (Some(kind), Some(Part::Int(size))) = (letter("kind"), part("itemsize")) else {
            return Err(Fault::Implausible(address, "the dtype of an array"));
        };
        let size = u64::try_from(*size).map_err(|_| Fault::Implausible(address, "the size of a dtype"))?;
        // Both machines that are read have the lowest byte first.
        let swapped = letter("byteorder") == Some('>');
        let unit = if matches!(kind, 'M' | 'm') { self.unit_of(address)? } else { None };
        Ok(Element { kind, size, swapped, unit })
    }

    fn unit_of(&self, dtype: Addr) -> Result<Option<(i64, Unit)>> {
        for class in self.mro(self.type_of(dtype)?)? {
            if self.tp_name(class)? == "numpy.dtype" {
                let size = self.get(class, self.layout.type_object.basicsize)?;
                let Some((_, offset)) = METADATA.iter().find(|(of, _)| *of == size) else { return Ok(None) };
                let Some(metadata) = self.get(dtype, Field::<Addr>::at(*offset))? else { return Ok(None) };
                return self.time_unit(metadata.offset(u64::from(UNIT_IN_METADATA)));
            }
        }
        Ok(None)
    }

    /// The `PyArray_DatetimeMetaData` at `at`.
    pub fn time_unit(&self, at: Addr) -> Result<Option<(i64, Unit)>> {
        let base = i64::from(self.get(at, Field::<i32>::at(0))?);
        let count = i64::from(self.get(at, Field::<i32>::at(4))?);
        Ok(UNITS.iter().find(|(number, _)| *number == base).map(|(_, unit)| (count, *unit)))
    }
}

impl Element {
    /// `str()` of the dtype; of one with fields only its size.
    pub fn name(&self) -> String {
        let (kind, size, bits) = (self.kind, self.size, self.size.saturating_mul(8));
        let order = if self.swapped { '>' } else { '<' };
        let unit = || match self.unit {
            Some((_, Unit { name: "generic", .. })) | None => String::new(),
            Some((1, unit)) => format!("[{}]", unit.name),
            Some((count, unit)) => format!("[{count}{}]", unit.name),
        };
        match kind {
            'b' => "bool".to_owned(),
            'O' => "object".to_owned(),
            'S' | 'V' => format!("|{kind}{size}"),
            'U' => format!("{order}U{}", size / 4),
            'i' | 'u' | 'f' | 'c' if self.swapped => format!(">{kind}{size}"),
            'M' | 'm' if self.swapped => format!(">{kind}{size}{}", unit()),
            'i' => format!("int{bits}"),
            'u' => format!("uint{bits}"),
            'f' => format!("float{bits}"),
            'c' => format!("complex{bits}"),
            'M' => format!("datetime64{}", unit()),
            'm' => format!("timedelta64{}", unit()),
            _ => format!("{kind}{size}"),
        }
    }
}

impl Array {
    /// `arr.nbytes`.
    pub fn bytes(&self) -> u64 {
        self.count().saturating_mul(self.element.size)
    }

    /// `arr.size`: how many elements it has.
    pub fn count(&self) -> u64 {
        self.shape.iter().fold(1, |count: u64, length| count.saturating_mul(length.unsigned_abs()))
    }
}
