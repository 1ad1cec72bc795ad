//! `str`, `bytes`, `bytearray`, and the `unicode` of Python 2.

use crate::layout::Literals;
use crate::objects::literals::{Form, quote};
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Scalar, Subject};
use crate::python::Result;

/// Text and bytes. No more of one is read than there is room to show.
pub const PRINTER: Printer =
    Printer { types: Types::Named(&["str", "unicode", "bytes", "bytearray"]), attributes: false, print };

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, address, max) = (out.python(), subject.address, out.left());
    let old = python.layout.words.literals == Literals::Python2;
    match subject.tp_name.as_str() {
        "bytearray" => {
            let (bytes, length) = python.bytearray(address, max)?;
            // Before 3.15 repr() escapes ' even between ": its own bug, but its text.
            let always = python.layout.bytearray_object.bytes_object.is_none();
            let form = Form { prefix: "b", ascii: true, always_escape_single: always };
            out.mark("bytearray(");
            bytes_in(out, form, &bytes, length);
            out.mark(")");
        }
        "str" if old => {
            let (bytes, length) = python.bytes(address, max)?;
            if let Some(text) = whole(bytes.len(), length).and_then(|()| String::from_utf8(bytes.clone()).ok()) {
                out.scalar(Scalar::Str(text));
            }
            bytes_in(out, Form { prefix: "", ascii: true, always_escape_single: false }, &bytes, length);
        }
        "bytes" => {
            let (bytes, length) = python.bytes(address, max)?;
            bytes_in(out, Form { prefix: "b", ascii: true, always_escape_single: false }, &bytes, length);
        }
        _ => {
            let text = python.text(address, max)?;
            let chars = || text.points.iter().map(|point| char::from_u32(*point)).collect::<Option<String>>();
            if let Some(text) = whole(text.points.len(), text.length).and_then(|()| chars()) {
                out.scalar(Scalar::Str(text));
            }
            let form = Form { prefix: if old { "u" } else { "" }, ascii: old, always_escape_single: false };
            literal(out, form, &text.points, text.length, "characters");
        }
    }
    Ok(())
}

fn whole(shown: usize, length: u64) -> Option<()> {
    (shown as u64 >= length).then_some(())
}

fn bytes_in(out: &mut Out<'_>, form: Form, bytes: &[u8], length: u64) {
    let points: Vec<u32> = bytes.iter().map(|byte| u32::from(*byte)).collect();
    literal(out, form, &points, length, "bytes");
}

/// Writes the whole string of these code points, as far as there is room.
pub fn quoted(out: &mut Out<'_>, points: &[u32]) {
    let quoted = quote(points, Form { prefix: "", ascii: false, always_escape_single: false }, out.left());
    out.mark(&quoted.text);
    if quoted.shown < points.len() {
        out.cut(&format!("… ({} characters)", points.len()));
    }
}

fn literal(out: &mut Out<'_>, form: Form, points: &[u32], length: u64, unit: &str) {
    out.length(length);
    let quoted = quote(points, form, out.left());
    // Quotes and prefix may take more than the room there was.
    out.mark(&quoted.text);
    if (quoted.shown as u64) < length {
        out.cut(&format!("… ({length} {unit})"));
    }
}
