//! `uuid.UUID`.

use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::{Fault, Result};

/// By the int that it is.
pub const PRINTER: Printer = Printer { types: Types::Classes(&[("uuid", "UUID")]), attributes: false, print };

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let python = out.python();
    let value = python.attribute_or_slot(subject.address, "int")?.ok_or(Fault::Null("the int of a UUID"))?;
    let value = python.wide_int(value)?;
    let hex = format!("{value:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
    out.text(&format!("UUID('{}')", parts.join("-")));
    Ok(())
}
