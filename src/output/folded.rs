//! Collapsed stacks: what `flamegraph.pl`, speedscope and many others read.
//!
//! A line is a stack, the outermost place first, and its weight: `<module> (/app.py:1);work
//! (/app.py:3) 2000`. The weight is time in microseconds and not a number of looks, since looks do
//! not stand for the same time each. A stack that counts at all counts at least 1.

use crate::error::Result;
use crate::output::compared::{Compared, sides};
use crate::output::formats::{Format, Source, View, unwritten};
use crate::output::places::place;
use crate::output::summary::Summary;
use crate::profile::{Aggregate, BranchId};
use std::io::{self, BufWriter, Write};

/// Collapsed stacks.
pub const FORMAT: Format = Format {
    name: "folded",
    extensions: &[".folded", ".txt", ".collapsed"],
    about: "collapsed stacks, one line each, weighted in microseconds",
    write: |recording, view, out| write(recording, view, out),
    compare: Some(|compared, out| compare(compared, out)),
};

fn write(recording: &dyn Source, view: &View, out: &mut dyn Write) -> Result<()> {
    let summary = Summary::of(recording, view)?;
    let mut out = BufWriter::new(out);
    lines(&summary, |line| out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")))
        .and_then(|()| out.flush())
        .map_err(unwritten)
}

/// Gives each line to `of`.
pub(super) fn lines(summary: &Summary, mut of: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut paths = Paths::new(&summary.aggregate);
    let mut line = String::new();
    for (group, headings) in summary.aggregate.groups.iter().zip(&summary.headings) {
        let start: String = headings.iter().map(|heading| part(heading) + ";").collect();
        for stack in &group.stacks {
            line.clone_from(&start);
            paths.add(stack.branch, &mut line);
            line.push_str(&format!(" {}", microseconds(stack.weight).max(1)));
            of(&line)?;
        }
    }
    Ok(())
}

/// A line is a stack and its weights before and after, as `difffolded.pl` writes them.
fn compare(compared: &Compared, out: &mut dyn Write) -> Result<()> {
    let mut out = BufWriter::new(out);
    let mut paths = Paths::new(&compared.both);
    let mut write = || {
        for (branch, [before, after]) in sides(&compared.both) {
            let mut line = String::new();
            paths.add(branch, &mut line);
            writeln!(out, "{line} {} {}", microseconds(before), microseconds(after))?;
        }
        out.flush()
    };
    write().map_err(unwritten)
}

/// Stacks as text.
pub(super) struct Paths<'a> {
    aggregate: &'a Aggregate,
    places: Vec<String>,
    way: Vec<BranchId>,
}

impl<'a> Paths<'a> {
    /// Of the stacks of `aggregate`.
    pub fn new(aggregate: &'a Aggregate) -> Self {
        let places = aggregate.labels.iter().map(|label| part(&place(label))).collect();
        Self { aggregate, places, way: Vec::new() }
    }

    /// Adds the places of `branch` to `line`, the outermost first.
    pub fn add(&mut self, branch: BranchId, line: &mut String) {
        let branches = &self.aggregate.branches;
        self.way.clear();
        self.way.extend(std::iter::successors(Some(branch), |branch| branches[branch.index()].parent));
        for (index, branch) in self.way.iter().rev().enumerate() {
            line.push_str(if index == 0 { "" } else { ";" });
            line.push_str(&self.places[branches[branch.index()].label.index()]);
        }
    }
}

/// Rounded.
pub(super) fn microseconds(weight: u64) -> u64 {
    weight / 1000 + u64::from(weight % 1000 >= 500)
}

/// A place without what readers of collapsed stacks take for something else: the character that ends a
/// place, a number at the end of a line, a `#` at its beginning, and spaces around it.
pub(super) fn part(text: &str) -> String {
    let text = text.trim().replace(';', ":");
    let text = text.strip_prefix('#').map_or(text.clone(), |rest| format!("_{rest}"));
    match text.rsplit_once(char::is_whitespace) {
        _ if text.is_empty() => "<nameless>".to_owned(),
        Some((start, end)) if end.chars().all(|c| c.is_ascii_digit() || c == '.') => format!("{start}_{end}"),
        _ => text,
    }
}
