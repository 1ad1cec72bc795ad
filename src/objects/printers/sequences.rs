//! `tuple` and `list`.

use crate::objects::out::Brackets;
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::Result;

/// Sequences of objects.
pub const PRINTER: Printer = Printer { types: Types::Named(&["tuple", "list"]), attributes: false, print };

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, max) = (out.python(), out.max_items());
    let (brackets, (items, total)) = if subject.tp_name == "tuple" {
        let found = python.tuple_items(subject.address, max)?;
        let close = if found.1 == 1 { ",)" } else { ")" };
        (Brackets { open: "(", close, cycle: "(...)" }, found)
    } else {
        let found = python.list_items(subject.address, max)?;
        (Brackets { open: "[", close: "]", cycle: "[...]" }, found)
    };
    out.container(subject, total, brackets, &items, |out, item| out.object(*item));
    Ok(())
}
