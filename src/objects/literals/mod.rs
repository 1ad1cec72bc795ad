//! Python's notation of numbers and strings, as pure functions.

#[cfg(test)]
mod tests;

use std::fmt::Write;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// `repr` of a float: the shortest digits that read back as the same number.
pub fn float_text(value: f64) -> String {
    let text = short(value);
    let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if whole { text + ".0" } else { text }
}

/// `repr` of a complex number. Its real part goes unsaid where it is 0.0, but not where it is -0.0.
pub fn complex_text(real: f64, imaginary: f64) -> String {
    let end = short(imaginary);
    if real == 0.0 && real.is_sign_positive() {
        return format!("{end}j");
    }
    let sign = if end.starts_with('-') { "" } else { "+" };
    format!("({}{sign}{end}j)", short(real))
}

/// As `format_float_short` (Python/pystrtod.c) with format `r`: without an exponent from 1e-4 up to
/// 1e16.
fn short(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}inf");
    }
    // Rust's shortest digits are the same: both choose the nearest of the shortest.
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|digit| *digit != '.').collect();
    let (first, rest) = digits.split_at(1);
    if !(-4..16).contains(&exponent) {
        let point = if rest.is_empty() { "" } else { "." };
        let sign_of_exponent = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{point}{rest}e{sign_of_exponent}{:02}", exponent.abs());
    }
    if exponent < 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = exponent.unsigned_abs() as usize + 1;
    match digits.split_at_checked(whole) {
        Some((digits, "")) => format!("{sign}{digits}"),
        Some((before, behind)) => format!("{sign}{before}.{behind}"),
        None => format!("{sign}{digits:0<whole$}"),
    }
}

/// How a kind of string is written.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Before the quote: `b`, `u` or nothing.
    pub prefix: &'static str,
    /// Whether everything beyond ASCII is escaped.
    pub ascii: bool,
    /// Whether `'` is escaped even between `"`.
    pub always_escape_single: bool,
}

/// A literal, perhaps of only the beginning of a string.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quoted {
    /// The literal, closed.
    pub text: String,
    /// How many of the code points it shows.
    pub shown: usize,
}

/// `repr` of the string of code points `points`, as many as `room` characters between the quotes
/// hold.
pub fn quote(points: &[u32], form: Form, room: usize) -> Quoted {
    let single = u32::from('\'');
    let plain = !points.contains(&single) || points.contains(&u32::from('"'));
    let mark = if plain { '\'' } else { '"' };
    let mut text = format!("{}{mark}", form.prefix);
    let (mut shown, mut left) = (0, room);
    for point in points {
        let start = text.len();
        if *point == u32::from(mark) || (form.always_escape_single && *point == single) {
            text.push('\\');
            text.push(char::from_u32(*point).unwrap_or(mark));
        } else {
            push_escaped(&mut text, *point, form.ascii);
        }
        let took = text.get(start..).map_or(0, |new| new.chars().count());
        if took > left {
            text.truncate(start);
            break;
        }
        left -= took;
        shown += 1;
    }
    text.push(mark);
    Quoted { text, shown }
}

fn push_escaped(text: &mut String, point: u32, ascii: bool) {
    match char::from_u32(point) {
        Some('\\') => text.push_str("\\\\"),
        Some('\t') => text.push_str("\\t"),
        Some('\n') => text.push_str("\\n"),
        Some('\r') => text.push_str("\\r"),
        Some(char @ ' '..='~') => text.push(char),
        Some(char) if !ascii && is_printable(char) => text.push(char),
        _ => {
            // Writing to a String cannot fail.
            let _ = match point {
                0..=0xff => write!(text, "\\x{point:02x}"),
                0x100..=0xffff => write!(text, "\\u{point:04x}"),
                _ => write!(text, "\\U{point:08x}"),
            };
        }
    }
}

/// `str.isprintable()` (Objects/unicodectype.c): everything but what Unicode calls "other" and
/// separators other than the space.
fn is_printable(char: char) -> bool {
    use GeneralCategory as Category;
    !matches!(
        char.general_category(),
        Category::Control
            | Category::Format
            | Category::Surrogate
            | Category::PrivateUse
            | Category::Unassigned
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::SpaceSeparator
    )
}
