//! Exceptions.

use crate::objects::out::Brackets;
use crate::objects::printers::{Printer, Types, short_name};
use crate::objects::{Out, Subject};
use crate::python::{Fault, Result, flag};

/// Exceptions of any class, by `args`, as `BaseException.__repr__` writes them.
pub const PRINTER: Printer = Printer { types: Types::Flagged(flag::BASE_EXCEPTION_SUBCLASS), attributes: true, print };

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, name) = (out.python(), short_name(&out.python(), subject));
    let args = python.pointer(subject.address, python.layout.exception.args, "the args of an exception")?;
    if !python.type_flags(args)?.has(flag::TUPLE_SUBCLASS) {
        return Err(Fault::Implausible(args, "the args of an exception"));
    }
    let (items, total) = python.tuple_items(args, out.max_items())?;
    let comma = total == 1 && python.layout.texts().comma_after_one_argument;
    let (open, cycle) = (format!("{name}("), format!("{name}(...)"));
    out.sequence(
        subject,
        total,
        Brackets { open: &open, close: if comma { ",)" } else { ")" }, cycle: &cycle },
        &items,
    );
    Ok(())
}
