//! `None`, `bool`, `int`, `float`, `complex`, and the `long` of Python 2.

use crate::objects::literals::{complex_text, float_text};
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Scalar, Subject};
use crate::python::{Int, Result};

/// What JSON has words for, and `complex`.
pub const PRINTER: Printer =
    Printer { types: Types::Named(&["NoneType", "bool", "int", "long", "float", "complex"]), attributes: false, print };

/// Objects of which there is one: `...` and `NotImplemented`.
pub const SINGLE: Printer =
    Printer { types: Types::Named(&["ellipsis", "NotImplementedType"]), attributes: false, print: single };

fn single(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    out.text(if subject.tp_name == "ellipsis" { "Ellipsis" } else { "NotImplemented" });
    Ok(())
}

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let python = out.python();
    match subject.tp_name.as_str() {
        "NoneType" => {
            out.text("None");
            out.scalar(Scalar::None);
        }
        "float" => {
            let value = python.float(subject.address)?;
            out.text(&float_text(value));
            if value.is_finite() {
                out.scalar(Scalar::Float(value));
            }
        }
        "complex" => {
            let (real, imaginary) = python.complex(subject.address)?;
            out.text(&complex_text(real, imaginary));
        }
        kind => int(out, kind, python.int(subject.address)?),
    }
    Ok(())
}

fn int(out: &mut Out<'_>, kind: &str, value: Int) {
    let value = match value {
        Int::Value(value) => value,
        Int::Huge { bits, negative } => return huge(out, kind, bits, negative),
    };
    let small = i64::try_from(&value).ok();
    if kind == "bool" {
        let truth = small != Some(0);
        out.scalar(Scalar::Bool(truth));
        return out.text(if truth { "True" } else { "False" });
    }
    let suffix = if kind == "long" { "L" } else { "" };
    let text = format!("{value}{suffix}");
    // The beginning of a number reads like another number.
    if text.len() > out.left() {
        return huge(out, kind, value.bits(), text.starts_with('-'));
    }
    out.text(&text);
    if let Some(small) = small {
        out.scalar(Scalar::Int(small));
    }
}

fn huge(out: &mut Out<'_>, kind: &str, bits: u64, negative: bool) {
    let sign = if negative { "negative " } else { "" };
    out.cut(&format!("<{sign}{kind} of {bits} bits>"));
}
