//! `datetime`: dates, times, differences, and time zones of C code.

use crate::address::Addr;
use crate::layout::Field;
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::{Python, Result};

/// As `repr` writes them. Subclasses do not count; 2.7 has no `timezone`.
pub const PRINTER: Printer = Printer {
    types: Types::Named(&[
        "datetime.date",
        "datetime.time",
        "datetime.datetime",
        "datetime.timedelta",
        "datetime.timezone",
    ]),
    attributes: false,
    print,
};

/// Where things are behind the head, the same from 2.7 to 3.15 (Include/datetime.h): a hash and whether there is a
/// time zone, then the bytes; in a difference three ints behind the hash.
mod at {
    pub const HAS_ZONE: u32 = 8;
    pub const DATA: u32 = 9;
    pub const DAYS: u32 = 8;
    pub const SECONDS: u32 = 12;
    pub const MICROSECONDS: u32 = 16;
    /// Of a `time`; its six bytes are followed by `fold` (3.6+).
    pub const TIME_ZONE: u32 = 16;
    /// Of a `datetime`, which has ten bytes.
    pub const DATETIME_ZONE: u32 = 24;
    /// Of a `timezone` (Modules/_datetimemodule.c, 3.2+).
    pub const OFFSET: u32 = 0;
    pub const NAME: u32 = 8;
}

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, address) = (out.python(), subject.address);
    let head = python.layout.object.size.0;
    let bytes = |count: usize| -> Result<Vec<u32>> {
        let mut bytes = vec![0; count];
        python.memory.read(address.offset(u64::from(head + at::DATA)), &mut bytes)?;
        Ok(bytes.into_iter().map(u32::from).collect())
    };
    match subject.tp_name.as_str() {
        "datetime.timedelta" => {
            let text = delta(&python, address)?;
            out.text(&text);
        }
        "datetime.timezone" => return zone(out, subject),
        "datetime.date" => {
            if let [high, low, month, day] = bytes(4)?.as_slice() {
                out.text(&format!("datetime.date({}, {month}, {day})", high << 8 | low));
            }
        }
        "datetime.time" => {
            if let [hour, minute, second, a, b, c, fold] = bytes(7)?.as_slice() {
                let parts = clock([*hour, *minute, *second, a << 16 | b << 8 | c]);
                return moment(out, subject, &format!("datetime.time({}", parts.join(", ")), *fold, at::TIME_ZONE);
            }
        }
        _ => {
            if let [high, low, month, day, hour, minute, second, a, b, c, fold] = bytes(11)?.as_slice() {
                let parts = clock([*hour, *minute, *second, a << 16 | b << 8 | c]);
                let text = format!("datetime.datetime({}, {month}, {day}, {}", high << 8 | low, parts.join(", "));
                return moment(out, subject, &text, *fold, at::DATETIME_ZONE);
            }
        }
    }
    Ok(())
}

/// Hour and minute, and as much of seconds and microseconds as is not 0.
fn clock([hour, minute, second, micro]: [u32; 4]) -> Vec<String> {
    let parts = match (second, micro) {
        (0, 0) => vec![hour, minute],
        (_, 0) => vec![hour, minute, second],
        _ => vec![hour, minute, second, micro],
    };
    parts.iter().map(u32::to_string).collect()
}

/// The end of a `time` or `datetime`: `fold` and time zone.
fn moment(out: &mut Out<'_>, subject: &Subject, start: &str, fold: u32, zone: u32) -> Result<()> {
    let (python, address) = (out.python(), subject.address);
    let head = python.layout.object.size.0;
    // Before 3.6 that byte is unused, and may be anything.
    let folds = || python.class_getset(subject.class, "fold");
    let fold = if fold != 0 && folds()? { ", fold=1" } else { "" };
    let has_zone = python.get(address, Field::<u8>::at(head + at::HAS_ZONE))? != 0;
    let zone = if has_zone { python.get(address, Field::<Addr>::at(head + zone))? } else { None };
    out.nest(subject, "datetime(...)", |out| {
        out.text(start);
        out.mark(fold);
        if has_zone {
            out.mark(", tzinfo=");
            out.object(zone);
        }
        out.mark(")");
        Ok(())
    })
}

fn delta(python: &Python<'_>, address: Addr) -> Result<String> {
    let head = python.layout.object.size.0;
    let get = |offset: u32| python.get(address, Field::<i32>::at(head + offset));
    let (days, seconds, micros) = (get(at::DAYS)?, get(at::SECONDS)?, get(at::MICROSECONDS)?);
    if !python.layout.texts().named_parts_of_timedelta {
        return Ok(match (seconds, micros) {
            (0, 0) => format!("datetime.timedelta({days})"),
            (_, 0) => format!("datetime.timedelta({days}, {seconds})"),
            _ => format!("datetime.timedelta({days}, {seconds}, {micros})"),
        });
    }
    let parts = [("days", days), ("seconds", seconds), ("microseconds", micros)];
    let named: Vec<String> =
        parts.iter().filter(|(_, value)| *value != 0).map(|(name, value)| format!("{name}={value}")).collect();
    let text = if named.is_empty() { "0".to_owned() } else { named.join(", ") };
    Ok(format!("datetime.timedelta({text})"))
}

fn zone(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, address) = (out.python(), subject.address);
    let head = python.layout.object.size.0;
    let offset = python.pointer(address, Field::at(head + at::OFFSET), "the offset of a time zone")?;
    let name = python.get(address, Field::<Addr>::at(head + at::NAME))?;
    let text = delta(&python, offset)?;
    // There is only one such, which `repr` knows.
    let is_utc = text.trim_start_matches("datetime.timedelta") == "(0)" && name.is_none();
    out.nest(subject, "timezone(...)", |out| {
        if is_utc {
            out.text("datetime.timezone.utc");
            return Ok(());
        }
        out.text(&format!("datetime.timezone({text}"));
        if name.is_some() {
            out.mark(", ");
            out.object(name);
        }
        out.mark(")");
        Ok(())
    })
}
