//! Functions of Python code.

use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::{Fault, Result};

/// `def` and `lambda`, by qualified name where the version has one.
pub const PRINTER: Printer = Printer { types: Types::Named(&["function"]), attributes: false, print };

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, address) = (out.python(), subject.address);
    let qualname = python.get_if(address, python.layout.function.qualname)?.flatten();
    let name = match qualname {
        Some(qualname) => qualname,
        None => python.get(address, python.layout.function.name)?.ok_or(Fault::Null("the name of a function"))?,
    };
    let name = python.name(name)?;
    out.text(&format!("<function {name} at {address}>"));
    Ok(())
}
