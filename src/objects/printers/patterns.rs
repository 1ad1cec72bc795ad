//! Compiled regular expressions.

use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::{Fault, Part, Result, flag};

/// As `re.compile(…)`, which is what `repr` writes from 3.4 on.
pub const PRINTER: Printer =
    Printer { types: Types::Named(&["re.Pattern", "_sre.SRE_Pattern"]), attributes: false, print };

/// Flags by name, in the order of `repr` (Modules/_sre/sre.c).
const FLAGS: &[(i64, &str)] = &[
    (1, "re.TEMPLATE"),
    (2, "re.IGNORECASE"),
    (4, "re.LOCALE"),
    (8, "re.MULTILINE"),
    (16, "re.DOTALL"),
    (32, "re.UNICODE"),
    (64, "re.VERBOSE"),
    (128, "re.DEBUG"),
    (256, "re.ASCII"),
];
const UNICODE: i64 = 32;
const LOCALE_OR_ASCII: i64 = 4 | 256;

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let python = out.python();
    // Its type declares both as members.
    let parts = python.parts(subject.address)?;
    let part = |name: &str| parts.iter().find(|(known, _)| known == name).map(|(_, part)| part.clone());
    let (Some(Part::Object(pattern)), Some(Part::Int(flags))) = (part("pattern"), part("flags")) else {
        return Err(Fault::Null("the pattern of a regular expression"));
    };
    let is_text = python.type_flags(pattern)?.has(flag::UNICODE_SUBCLASS);
    let understood = python.layout.texts().unicode_is_understood && is_text;
    let mut left = if understood && flags & (LOCALE_OR_ASCII | UNICODE) == UNICODE { flags & !UNICODE } else { flags };
    let mut names = Vec::new();
    for (bit, name) in FLAGS {
        if left & bit != 0 {
            names.push((*name).to_owned());
            left &= !bit;
        }
    }
    if left != 0 {
        names.push(format!("0x{left:x}"));
    }
    out.nest(subject, "re.compile(...)", |out| {
        out.mark("re.compile(");
        // No more than 200 characters of the pattern are in `repr`; here the width decides.
        out.object(Some(pattern));
        if !names.is_empty() {
            out.text(&format!(", {}", names.join("|")));
        }
        out.mark(")");
        Ok(())
    })
}
