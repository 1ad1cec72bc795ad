//! Which handler an exception goes to (3.11+; Objects/exception_handling_notes.txt).

use crate::python::{Code, Python, Result};

/// A range of instructions whose exceptions go to a handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handler {
    /// The first byte of the range.
    pub start: u32,
    /// The byte behind it.
    pub end: u32,
    /// Where it goes on.
    pub target: u32,
    /// To how many values the stack is cut before the exception is put on it.
    pub depth: u32,
    /// Whether the position of the exception is put below it.
    pub lasti: bool,
}

/// A longer table is garbage: 13 bytes an entry, and every instruction has one.
const MAX_TABLE: usize = 16 << 20;
/// More entries than that are not shown.
const MAX_ENTRIES: usize = 100_000;

/// The table of `code`; `None` where there are none, before 3.11.
pub fn read(python: &Python<'_>, code: &Code) -> Result<Option<Vec<Handler>>> {
    let Some(table) = python.get_if(code.address, python.layout.code.exceptiontable)? else { return Ok(None) };
    Ok(Some(match table {
        Some(table) => parse(&python.bytes(table, MAX_TABLE)?.0),
        None => Vec::new(),
    }))
}

/// The entries in `bytes`, as far as they make sense: four numbers each, start, length and target in code
/// units, then depth and flag.
pub fn parse(bytes: &[u8]) -> Vec<Handler> {
    let mut bytes = bytes.iter().copied();
    let mut entries = Vec::new();
    let mut entry = || {
        let (start, length, target, depth) =
            (number(&mut bytes)?, number(&mut bytes)?, number(&mut bytes)?, number(&mut bytes)?);
        Some(Handler {
            start: start.checked_mul(2)?,
            end: start.checked_add(length)?.checked_mul(2)?,
            target: target.checked_mul(2)?,
            depth: depth >> 1,
            lasti: depth & 1 == 1,
        })
    };
    while let Some(handler) = entry() {
        entries.push(handler);
        if entries.len() >= MAX_ENTRIES {
            break;
        }
    }
    entries
}

/// Six bits a byte, the highest first; bit 6 says that more follow, bit 7 that an entry begins.
fn number(bytes: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let mut value = 0_u32;
    loop {
        let byte = bytes.next()?;
        value = value.checked_mul(64)? | u32::from(byte & 63);
        if byte & 64 == 0 {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_until_they_make_no_sense() {
        let first = Handler { start: 40, end: 60, target: 200, depth: 2, lasti: true };
        let bytes = [0x80 | 20, 10, 0x41, 36, 5];
        assert_eq!(parse(&bytes), [first]);
        assert_eq!(parse(&[&bytes[..], &[0xff; 9], &bytes[..]].concat()), [first]);
        assert_eq!(parse(&bytes[..4]), []);
    }
}
