//! `decimal.Decimal` and `fractions.Fraction`.

use crate::objects::out::Brackets;
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::{Decimal, Fault, Result};

/// Decimals of C code (3.3+).
pub const DECIMAL: Printer = Printer { types: Types::Named(&["decimal.Decimal"]), attributes: false, print: decimal };

/// Decimals of Python code.
pub const PYTHON_DECIMAL: Printer = Printer {
    types: Types::Classes(&[("decimal", "Decimal"), ("_pydecimal", "Decimal")]),
    attributes: false,
    print: python_decimal,
};

/// Fractions, by what they keep.
pub const FRACTION: Printer =
    Printer { types: Types::Classes(&[("fractions", "Fraction")]), attributes: false, print: fraction };

fn decimal(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let value = out.python().decimal(subject.address)?;
    write(out, &value);
    Ok(())
}

fn python_decimal(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let value = out.python().python_decimal(subject.address)?;
    write(out, &value);
    Ok(())
}

fn write(out: &mut Out<'_>, value: &Decimal) {
    // The beginning of a number reads like another number.
    if value.length > out.left() as u64 || value.length > value.digits.len() as u64 {
        return out.cut(&format!("<Decimal of {} digits>", value.length));
    }
    out.mark("Decimal('");
    out.text(&value.text());
    out.mark("')");
}

fn fraction(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let python = out.python();
    let mut parts = Vec::new();
    for name in ["_numerator", "_denominator"] {
        let part = python.attribute_or_slot(subject.address, name)?;
        parts.push(Some(part.ok_or(Fault::Null("a part of a Fraction"))?));
    }
    let brackets = Brackets { open: "Fraction(", close: ")", cycle: "Fraction(...)" };
    out.sequence(subject, parts.len() as u64, brackets, &parts);
    Ok(())
}
