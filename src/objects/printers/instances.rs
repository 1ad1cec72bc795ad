//! Everything that has no printer of its own: instances of classes of Python code, and of C types
//! not known here.

use crate::objects::printers::{Printer, Types, short_name};
use crate::objects::{Out, Subject};
use crate::python::{Python, Result, flag};

/// Type and address, as `object.__repr__` writes them, but without the module; and attributes.
pub const PRINTER: Printer = Printer { types: Types::Rest, attributes: true, print };

/// Writes type and address.
pub fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let name = short_name(&out.python(), subject);
    out.text(&format!("<{name} at {}>", subject.address));
    Ok(())
}

/// The name of the class of an old-style instance (2.7), whose type is always `instance`.
pub fn old_style_class(python: &Python<'_>, subject: &Subject) -> Option<String> {
    let (class, name) = (python.layout.old_instance.class?, python.layout.old_class.name?);
    if subject.tp_name != "instance" || subject.flags.has(flag::HEAPTYPE) {
        return None;
    }
    let class = python.get(subject.address, class).ok()??;
    python.name(python.get(class, name).ok()??).ok()
}
