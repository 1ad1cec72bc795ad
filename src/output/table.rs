//! The functions of a profile as a table for people.

use crate::output::escape;
use crate::profile::{Aggregate, Group, Label, Mode};
use std::io::{self, Write};

/// Writes the functions of `sum` that took most time of their own, the most costly first: at most
/// `rows` for each group.
pub fn write(out: &mut dyn Write, sum: &Aggregate, rows: usize) -> io::Result<()> {
    let what = match sum.mode {
        Mode::Wall => "wall-clock time",
        Mode::Cpu => "processor time",
        Mode::Gil => "time with the GIL",
    };
    for (index, group) in sum.groups.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let all = group.weight();
        let name = if group.name.is_empty() { String::new() } else { format!("{}: ", escape(&group.name)) };
        writeln!(out, "{name}{} of {what} in {} looks", seconds(all), group.looks())?;
        writeln!(out, "{:>9} {:>7} {:>9} {:>7}  function", "own", "", "total", "")?;
        for (label, own, total) in by_own(sum, group).into_iter().take(rows) {
            let share = |part: u64| format!("{:.1} %", 100.0 * part as f64 / all.max(1) as f64);
            writeln!(
                out,
                "{:>9} {:>7} {:>9} {:>7}  {}",
                seconds(own),
                share(own),
                seconds(total),
                share(total),
                place(label)
            )?;
        }
    }
    if sum.groups.is_empty() {
        writeln!(out, "no time was recorded that these options let through")?;
    }
    Ok(())
}

/// Writes what takes more of the time in the second group of `compared` than in the first, and what
/// less: the greatest differences of own time first.
pub fn write_diff(out: &mut dyn Write, compared: &Aggregate, rows: usize) -> io::Result<()> {
    let [before, after] = compared.groups.as_slice() else { return Ok(()) };
    let (old, new) = (compared.table(before), compared.table(after));
    let share = |part: u64, group: &Group| 100.0 * part as f64 / group.weight().max(1) as f64;
    let mut changes: Vec<(f64, f64, f64, &Label)> = compared
        .labels
        .iter()
        .zip(old.iter().zip(&new))
        .map(|(label, (old, new))| (share(old.own, before), share(new.own, after), label))
        .map(|(old, new, label)| (new - old, old, new, label))
        .collect();
    changes.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    writeln!(out, "before: {}, after: {}", seconds(before.weight()), seconds(after.weight()))?;
    writeln!(out, "{:>8} {:>8} {:>8}  function (shares of own time)", "before", "after", "change")?;
    for (change, old, new, label) in changes.into_iter().take(rows).filter(|change| change.0.abs() >= 0.05) {
        writeln!(out, "{old:>6.1} % {new:>6.1} % {change:>+6.1} %  {}", place(label))?;
    }
    Ok(())
}

fn by_own<'a>(sum: &'a Aggregate, group: &Group) -> Vec<(&'a Label, u64, u64)> {
    let table = sum.table(group);
    let mut rows: Vec<(&Label, u64, u64)> =
        sum.labels.iter().zip(&table).map(|(label, row)| (label, row.own, row.total)).collect();
    rows.retain(|(_, _, total)| *total > 0);
    rows.sort_by_key(|(_, own, total)| (std::cmp::Reverse(*own), std::cmp::Reverse(*total)));
    rows
}

fn place(label: &Label) -> String {
    let line = label.line.or(label.first_line).map_or_else(String::new, |line| format!(":{line}"));
    match &label.file {
        Some(file) => format!("{} ({}{line})", escape(label.full_name()), escape(file)),
        None => escape(label.full_name()).into_owned(),
    }
}

fn seconds(nanoseconds: u64) -> String {
    format!("{:.3} s", nanoseconds as f64 / 1e9)
}
