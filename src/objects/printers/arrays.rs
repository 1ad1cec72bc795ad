//! numpy: arrays with their first values, scalars, dtypes.

use crate::address::Addr;
use crate::objects::literals::{Form, complex_text, float_text, quote};
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::{Array, Element, Fault, Result, Unit};

/// Arrays: their values as nested lists, shape and dtype.
pub const PRINTER: Printer = Printer { types: Types::Named(&["numpy.ndarray"]), attributes: false, print: array };

/// Scalars, as numpy 2 writes them; older ones write only the value.
pub const SCALAR: Printer = Printer { types: Types::Where(is_scalar), attributes: false, print: scalar };

/// Types of elements.
pub const DTYPE: Printer = Printer { types: Types::Where(is_dtype), attributes: false, print: dtype };

/// Elements longer than this are named only by their dtype.
const MAX_ELEMENT: u64 = 4096;

/// Kind and size of the scalars of these names (numpy/_core/src/multiarray/scalartypes.c.src).
const SCALARS: &[(&str, char, u64)] = &[
    ("bool", 'b', 1),
    ("bool_", 'b', 1),
    ("int8", 'i', 1),
    ("int16", 'i', 2),
    ("int32", 'i', 4),
    ("int64", 'i', 8),
    ("intc", 'i', 4),
    ("longlong", 'i', 8),
    ("uint8", 'u', 1),
    ("uint16", 'u', 2),
    ("uint32", 'u', 4),
    ("uint64", 'u', 8),
    ("uintc", 'u', 4),
    ("ulonglong", 'u', 8),
    ("float16", 'f', 2),
    ("float32", 'f', 4),
    ("float64", 'f', 8),
    ("complex64", 'c', 8),
    ("complex128", 'c', 16),
    ("datetime64", 'M', 8),
    ("timedelta64", 'm', 8),
];

fn scalar_kind(subject: &Subject) -> Option<(&'static str, char, u64)> {
    let name = subject.tp_name.strip_prefix("numpy.")?;
    SCALARS.iter().find(|(known, ..)| *known == name).copied()
}

fn is_scalar(_: &crate::python::Python<'_>, subject: &Subject) -> bool {
    scalar_kind(subject).is_some()
}

fn is_dtype(python: &crate::python::Python<'_>, subject: &Subject) -> bool {
    subject.tp_name.starts_with("numpy.dtype")
        && python
            .mro(subject.class)
            .is_ok_and(|mro| mro.iter().any(|class| python.tp_name(*class).is_ok_and(|name| name == "numpy.dtype")))
}

fn dtype(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let element = out.python().array_element(subject.address)?;
    out.text(&format!("dtype('{}')", element.name()));
    Ok(())
}

fn scalar(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (name, kind, size) = scalar_kind(subject).ok_or(Fault::Null("the kind of a number"))?;
    let (python, head) = (out.python(), u64::from(out.python().layout.object.size.0));
    let value = subject.address.offset(head);
    // Behind the value of a time stands its unit.
    let unit = if matches!(kind, 'M' | 'm') { python.time_unit(value.offset(8))? } else { None };
    let element = Element { kind, size, swapped: false, unit };
    let bytes = read(out, value, size)?;
    let text = text(&element, &bytes).ok_or(Fault::Null("the text of a number"))?;
    out.text(&match (kind, unit) {
        ('b', _) => format!("np.{text}_"),
        (_, Some((count, unit))) if unit.name != "generic" && (kind == 'm' || text == "'NaT'") => {
            let count = if count == 1 { String::new() } else { count.to_string() };
            format!("np.{name}({text},'{count}{}')", unit.name)
        }
        ('c', _) => format!("np.{name}({})", text.trim_matches(['(', ')'])),
        _ => format!("np.{name}({text})"),
    });
    Ok(())
}

fn array(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let array = out.python().array(subject.address)?;
    if let Some(length) = array.shape.first() {
        out.length(length.unsigned_abs());
    }
    out.nest(subject, "array(...)", |out| {
        out.mark("array(");
        values(out, &array)?;
        let shape: Vec<String> = array.shape.iter().map(i64::to_string).collect();
        let comma = if shape.len() == 1 { "," } else { "" };
        out.mark(&format!(", shape=({}{comma}), dtype={})", shape.join(", "), array.element.name()));
        Ok(())
    })
}

/// Writes the values of an array as nested lists.
pub fn values(out: &mut Out<'_>, array: &Array) -> Result<()> {
    if array.element.size > MAX_ELEMENT || !is_known(&array.element) {
        out.cut("…");
        return Ok(());
    }
    level(out, array, 0, array.data)
}

/// Writes the value at `place` of an array of one dimension.
pub fn value(out: &mut Out<'_>, array: &Array, place: u64) -> Result<()> {
    let (Some(length), Some(stride)) = (array.shape.first(), array.strides.first()) else {
        return Err(Fault::Null("the items of an array"));
    };
    let place = i64::try_from(place).unwrap_or(i64::MAX);
    let at = Addr::new(array.data.get().wrapping_add_signed(place.wrapping_mul(*stride)));
    match at.filter(|_| place < *length && is_known(&array.element)) {
        Some(at) => element(out, &array.element, at),
        None => Err(Fault::Null("an item of an array")),
    }
}

/// Writes the part of an array that begins at `at`, from dimension `dimension` on: there are 64 at most.
fn level(out: &mut Out<'_>, array: &Array, dimension: usize, at: Addr) -> Result<()> {
    let (Some(length), Some(stride)) = (array.shape.get(dimension), array.strides.get(dimension)) else {
        return element(out, &array.element, at);
    };
    let shown = usize::try_from(*length).unwrap_or(0).min(out.max_items());
    out.mark("[");
    let places: Vec<Addr> =
        (0..shown as i64).filter_map(|n| Addr::new(at.get().wrapping_add_signed(n.wrapping_mul(*stride)))).collect();
    let mut outcome = Ok(());
    out.list(length.unsigned_abs(), &places, |out, place| {
        if outcome.is_ok() {
            outcome = level(out, array, dimension + 1, *place);
        }
    });
    out.mark("]");
    outcome
}

fn element(out: &mut Out<'_>, element: &Element, at: Addr) -> Result<()> {
    if element.kind == 'O' {
        let object = out.python().memory.pointer(at)?;
        match object {
            // What was never set is None to numpy.
            None => out.text("None"),
            object => out.object(object),
        }
        return Ok(());
    }
    let bytes = read(out, at, element.size)?;
    match text(element, &bytes) {
        Some(text) => out.text(&text),
        None => out.cut("…"),
    }
    Ok(())
}

fn read(out: &Out<'_>, at: Addr, size: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(size.min(MAX_ELEMENT)).unwrap_or(0)];
    out.python().memory.read(at, &mut bytes)?;
    Ok(bytes)
}

fn is_known(element: &Element) -> bool {
    match element.kind {
        'b' | 'O' | 'S' | 'U' | 'M' | 'm' => true,
        'i' | 'u' => matches!(element.size, 1 | 2 | 4 | 8),
        'f' => matches!(element.size, 2 | 4 | 8),
        'c' => matches!(element.size, 8 | 16),
        _ => false,
    }
}

/// The text of one element; `None` where it has none here.
fn text(element: &Element, bytes: &[u8]) -> Option<String> {
    let word = |bytes: &[u8]| -> u64 {
        let value = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if element.swapped { bytes.iter().fold(0, value) } else { bytes.iter().rev().fold(0, value) }
    };
    let signed = |value: u64| {
        let unused = 64_u32.saturating_sub(u32::try_from(element.size).unwrap_or(8) * 8).min(63);
        (value << unused).cast_signed() >> unused
    };
    let float = |bytes: &[u8]| match bytes.len() {
        2 => Some(half(word(bytes) as u16)),
        // Its shortest digits are fewer than those of the same number with twice the bits.
        4 => format!("{:e}", f32::from_bits(word(bytes) as u32)).parse().ok(),
        8 => Some(f64::from_bits(word(bytes))),
        _ => None,
    };
    Some(match element.kind {
        'b' => if word(bytes) != 0 { "True" } else { "False" }.to_owned(),
        'u' => word(bytes).to_string(),
        'i' => signed(word(bytes)).to_string(),
        'f' => float_text(float(bytes)?),
        'c' => {
            let (real, imaginary) = bytes.split_at_checked(bytes.len() / 2)?;
            complex_text(float(real)?, float(imaginary)?)
        }
        'S' => {
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let points: Vec<u32> = bytes.get(..end)?.iter().map(|byte| u32::from(*byte)).collect();
            quote(&points, Form { prefix: "b", ascii: true, always_escape_single: false }, usize::MAX).text
        }
        'U' => {
            let mut points: Vec<u32> = bytes.chunks_exact(4).map(|point| word(point) as u32).collect();
            let end = points.iter().rposition(|point| *point != 0).map_or(0, |last| last + 1);
            points.truncate(end);
            quote(&points, Form { prefix: "", ascii: false, always_escape_single: false }, usize::MAX).text
        }
        'M' | 'm' if signed(word(bytes)) == i64::MIN => "'NaT'".to_owned(),
        'M' => moment(signed(word(bytes)), element.unit)?,
        'm' => signed(word(bytes)).to_string(),
        _ => return None,
    })
}

/// A float of 16 bits.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (fraction + 1024.0) * 2_f64.powi(exponent - 25),
    }
}

/// A time in ISO 8601, as precise as its unit; a bare number where that has no fixed length.
fn moment(value: i64, unit: Option<(i64, Unit)>) -> Option<String> {
    const DAY: i128 = 86_400;
    let Some((count, unit)) = unit else { return Some(value.to_string()) };
    let Some(length) = unit.seconds else { return Some(value.to_string()) };
    let value = i128::from(value) * i128::from(count);
    let (seconds, fraction, digits) = if length > 0 {
        (value * i128::from(length), 0, 0)
    } else {
        let scale = 10_i128.pow(length.unsigned_abs() as u32);
        (value.div_euclid(scale), value.rem_euclid(scale), length.unsigned_abs() as usize)
    };
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let date = format!("{year:04}-{month:02}-{day:02}");
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let clock = match (unit.name, digits) {
        ("W" | "D", _) => String::new(),
        ("h", _) => format!("T{hour:02}"),
        ("m", _) => format!("T{hour:02}:{minute:02}"),
        (_, 0) => format!("T{hour:02}:{minute:02}:{second:02}"),
        _ => format!("T{hour:02}:{minute:02}:{second:02}.{fraction:0digits$}"),
    };
    Some(format!("'{date}{clock}'"))
}

/// Year, month and day of the Gregorian calendar, so many days after 1970-01-01. Years begin in March here: the day
/// that leap years have is the last.
fn civil(days: i128) -> (i128, i128, i128) {
    const ERA: i128 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i128::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_numpy_does() {
        let unit = |name, seconds| Some((1, Unit { name, seconds: Some(seconds) }));
        // str(numpy.datetime64(value, unit)) of numpy 2.5.5.
        let rows = [
            (0, unit("D", 86_400), "'1970-01-01'"),
            (-1, unit("D", 86_400), "'1969-12-31'"),
            (11_016, unit("D", 86_400), "'2000-02-29'"),
            (1_577_836_800, unit("s", 1), "'2020-01-01T00:00:00'"),
            (-1, unit("ns", -9), "'1969-12-31T23:59:59.999999999'"),
            (1_577_836_800_123, unit("ms", -3), "'2020-01-01T00:00:00.123'"),
            (7, unit("h", 3600), "'1970-01-01T07'"),
        ];
        for (value, unit, expected) in rows {
            assert_eq!(moment(value, unit).as_deref(), Some(expected));
        }
    }
}
