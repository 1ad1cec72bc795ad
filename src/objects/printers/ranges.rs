//! `range` (2.7: `xrange`) and `slice`.

use crate::address::Addr;
use crate::layout::Field;
use crate::objects::out::Brackets;
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::{Fault, Result};

/// By begin, end and step.
pub const PRINTER: Printer = Printer { types: Types::Named(&["range", "xrange", "slice"]), attributes: false, print };

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, address) = (out.python(), subject.address);
    let (name, parts) = match subject.tp_name.as_str() {
        "slice" => {
            let layout = &python.layout.slice;
            let get = |field: Field<Addr>| python.get(address, field);
            ("slice(", vec![get(layout.start)?, get(layout.stop)?, get(layout.step)?])
        }
        "xrange" => return xrange(out, address),
        _ => {
            let layout = &python.layout.range;
            let get = |field: Option<Field<Addr>>| -> Result<Addr> {
                python.get_if(address, field)?.flatten().ok_or(Fault::Null("a part of a range"))
            };
            let (start, stop, step) = (get(layout.start)?, get(layout.stop)?, get(layout.step)?);
            let mut parts = vec![Some(start), Some(stop)];
            if python.small_int(step).ok() != Some(1) {
                parts.push(Some(step));
            }
            if let Ok(length) = get(layout.length).and_then(|length| python.small_int(length)) {
                out.length(length.cast_unsigned());
            }
            ("range(", parts)
        }
    };
    out.sequence(subject, parts.len() as u64, Brackets { open: name, close: ")", cycle: "..." }, &parts);
    Ok(())
}

/// Three C longs (Objects/rangeobject.c, 2.7).
fn xrange(out: &mut Out<'_>, address: Addr) -> Result<()> {
    let (python, layout) = (out.python(), &out.python().layout.range);
    let get = |field: Option<Field<Addr>>| -> Result<i64> {
        let field = field.ok_or(Fault::Null("the layout of xrange"))?;
        python.get(address, Field::<i64>::at(field.offset))
    };
    let (start, step, length) = (get(layout.start)?, get(layout.step)?, get(layout.length)?);
    out.length(length.cast_unsigned());
    let stop = start.saturating_add(length.saturating_mul(step));
    out.text(&match (start, step) {
        (0, 1) => format!("xrange({stop})"),
        (_, 1) => format!("xrange({start}, {stop})"),
        _ => format!("xrange({start}, {stop}, {step})"),
    });
    Ok(())
}
