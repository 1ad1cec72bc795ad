//! pandas: shape, columns and what these hold.

use crate::objects::printers::arrays;
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::{DataTable, Labels, Result};

/// Tables.
pub const FRAME: Printer =
    Printer { types: Types::Classes(&[("pandas", "DataFrame")]), attributes: false, print: frame };

/// One column.
pub const SERIES: Printer =
    Printer { types: Types::Classes(&[("pandas", "Series")]), attributes: false, print: series };

fn frame(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let table = out.python().data_frame(subject.address)?;
    out.length(table.rows);
    out.nest(subject, "DataFrame(...)", |out| {
        out.text(&format!("DataFrame(shape=({}, {}), dtypes={{", table.rows, table.width));
        let shown = table.columns.len().min(out.max_items());
        let columns = table.columns.get(..shown).unwrap_or_default();
        let mut outcome = Ok(());
        out.list(table.width, columns, |out, (place, dtype)| {
            let written = label(out, &table, *place);
            if outcome.is_ok() {
                outcome = written;
            }
            out.text(&format!(": {dtype}"));
        });
        out.mark("}");
        memory(out, &table);
        outcome
    })
}

fn series(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let table = out.python().series(subject.address)?;
    out.length(table.rows);
    out.nest(subject, "Series(...)", |out| {
        out.mark("Series(");
        match &table.first {
            Some(array) => arrays::values(out, array)?,
            None => out.cut("…"),
        }
        out.mark(", name=");
        label(out, &table, 0)?;
        let dtype = table.columns.first().map_or("?", |(_, dtype)| dtype);
        out.text(&format!(", shape=({},), dtype={dtype}", table.rows));
        memory(out, &table);
        Ok(())
    })
}

fn memory(out: &mut Out<'_>, table: &DataTable) {
    match table.bytes {
        Some(bytes) => out.mark(&format!(", bytes={bytes})")),
        None => out.mark(")"),
    }
}

/// Writes the label of the column at `place`.
fn label(out: &mut Out<'_>, table: &DataTable, place: u64) -> Result<()> {
    match &table.labels {
        Labels::Array(array) => return arrays::value(out, array, place),
        Labels::Range(first, step) => {
            let place = i64::try_from(place).unwrap_or(i64::MAX);
            out.text(&first.saturating_add(step.saturating_mul(place)).to_string());
        }
        Labels::Name(name) => out.object(Some(*name)),
        Labels::Unknown => out.cut("…"),
    }
    Ok(())
}
