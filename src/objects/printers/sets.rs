//! `set` and `frozenset`.

use crate::layout::Literals;
use crate::objects::out::Brackets;
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::Result;

/// Sets, in the order of their tables, which is that of iteration.
pub const PRINTER: Printer = Printer { types: Types::Named(&["set", "frozenset"]), attributes: false, print };

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (items, total) = out.set_items(subject.address)?;
    let frozen = subject.tp_name == "frozenset";
    let old = out.python().layout.words.literals == Literals::Python2;
    let cycle = if frozen { "frozenset(...)" } else { "set(...)" };
    let (open, close) = match (frozen, old, total) {
        (false, true, _) => ("set([", "])"),
        (true, true, _) => ("frozenset([", "])"),
        (false, false, 0) => ("set(", ")"),
        (true, false, 0) => ("frozenset(", ")"),
        (false, false, _) => ("{", "}"),
        (true, false, _) => ("frozenset({", "})"),
    };
    out.container(subject, total, Brackets { open, close, cycle }, &items, |out, item| out.object(Some(*item)));
    Ok(())
}
