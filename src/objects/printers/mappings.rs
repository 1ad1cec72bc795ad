//! `dict`.

use crate::objects::out::Brackets;
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::Result;

/// Mappings, in their own order.
pub const PRINTER: Printer = Printer { types: Types::Named(&["dict"]), attributes: false, print };

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (items, total) = out.dict_items(subject.address)?;
    let brackets = Brackets { open: "{", close: "}", cycle: "{...}" };
    out.container(subject, total, brackets, &items, |out, item| {
        out.object(Some(item.key));
        out.mark(": ");
        out.object(Some(item.value));
    });
    Ok(())
}
