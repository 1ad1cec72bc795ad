//! What Python's `pstats.Stats` loads, and with it snakeviz, gprof2dot and tuna.
//!
//! The file is one dict in the marshal format, `{(file, line, name): (calls without recursion, calls,
//! own time, total time, {caller: the same four})}`, in seconds. Samples tell how long a function was
//! on the stack and not how often it was called, so that both counts are 0: `pstats` then leaves the
//! time per call empty, where a number of samples would pass for a number of calls. Recursion counts
//! once in total times.

use crate::error::Result;
use crate::output::escape;
use crate::output::formats::{Format, Source, View, unwritten};
use crate::output::places::{line, name};
use crate::output::summary::Summary;
use crate::profile::{Aggregate, BranchId, Group, Label, Row};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, Write};

/// Statistics for Python's `pstats`.
pub const FORMAT: Format = Format {
    name: "pstats",
    extensions: &[".pstats", ".prof"],
    about: "own and total times with callers, for Python's pstats and snakeviz",
    write: |recording, view, out| write(recording, view, out),
    compare: None,
};

fn write(recording: &dyn Source, view: &View, out: &mut dyn Write) -> Result<()> {
    let summary = Summary::of(recording, view)?;
    let statistics = Statistics::of(&summary);
    let mut out = BufWriter::new(out);
    statistics.write(&mut out).and_then(|()| out.flush()).map_err(unwritten)
}

/// What `pstats` knows a function by: file, line, name. What has no file has `~` and 0, as built-in
/// functions do.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key(String, u32, String);

impl Key {
    fn of(label: &Label) -> Self {
        match &label.file {
            Some(file) => Self(escape(file).into_owned(), line(label).unwrap_or(0), name(label)),
            None => Self::nameless(&name(label)),
        }
    }

    fn nameless(name: &str) -> Self {
        let marked = name.starts_with('<') && name.ends_with('>');
        Self("~".to_owned(), 0, if marked { name.to_owned() } else { format!("<{name}>") })
    }
}

/// Own and total times, by functions and by pairs of caller and called.
struct Statistics {
    keys: Vec<Key>,
    rows: Vec<Row>,
    /// For each function, its callers.
    callers: Vec<BTreeMap<usize, Row>>,
}

impl Statistics {
    fn of(summary: &Summary) -> Self {
        let aggregate = &summary.aggregate;
        let mut keys = Keys::default();
        let of_labels: Vec<usize> = aggregate.labels.iter().map(|label| keys.number(Key::of(label))).collect();
        let headings: Vec<Vec<usize>> = summary
            .headings
            .iter()
            .map(|names| names.iter().map(|name| keys.number(Key::nameless(name))).collect())
            .collect();
        let count = keys.keys.len();
        let mut sums = Sums {
            rows: vec![Row::default(); count],
            pairs: HashMap::new(),
            on_stack: vec![0; count],
            above: HashMap::new(),
        };
        let children = aggregate.children();
        for (group, way) in aggregate.groups.iter().zip(&headings) {
            sums.group(aggregate, group, way, &of_labels, &children);
        }
        let mut callers = vec![BTreeMap::new(); count];
        for ((caller, called), row) in sums.pairs {
            callers[called].insert(caller, row);
        }
        Self { keys: keys.keys, rows: sums.rows, callers }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"{")?;
        for (index, key) in self.keys.iter().enumerate() {
            put_key(out, key)?;
            put_times(out, 5, &self.rows[index])?;
            out.write_all(b"{")?;
            for (caller, row) in &self.callers[index] {
                put_key(out, &self.keys[*caller])?;
                put_times(out, 4, row)?;
            }
            out.write_all(b"0")?;
        }
        out.write_all(b"0")
    }
}

/// Numbers keys: several places may have the same.
#[derive(Default)]
struct Keys {
    keys: Vec<Key>,
    known: HashMap<Key, usize>,
}

impl Keys {
    fn number(&mut self, key: Key) -> usize {
        let next = self.keys.len();
        let number = *self.known.entry(key.clone()).or_insert(next);
        if number == next {
            self.keys.push(key);
        }
        number
    }
}

struct Sums {
    rows: Vec<Row>,
    /// By caller and called.
    pairs: HashMap<(usize, usize), Row>,
    /// How often each function is on the stack.
    on_stack: Vec<u32>,
    /// How often each pair is.
    above: HashMap<(usize, usize), u32>,
}

impl Sums {
    fn group(
        &mut self,
        aggregate: &Aggregate,
        group: &Group,
        headings: &[usize],
        of_labels: &[usize],
        children: &[Vec<BranchId>],
    ) {
        let (own, totals) = (own(aggregate, group), aggregate.totals(group));
        let above = |depth: usize| depth.checked_sub(1).map(|above| headings[above]);
        for (depth, heading) in headings.iter().enumerate() {
            self.enter(above(depth), *heading, 0, group.weight());
        }
        walk(children, &totals, |branch, enters| {
            let of = &aggregate.branches[branch.index()];
            let called = of_labels[of.label.index()];
            let caller = match of.parent {
                Some(parent) => Some(of_labels[aggregate.branches[parent.index()].label.index()]),
                None => headings.last().copied(),
            };
            if enters {
                self.enter(caller, called, own[branch.index()], totals[branch.index()]);
            } else {
                self.leave(caller, called);
            }
        });
        for (depth, heading) in headings.iter().enumerate() {
            self.leave(above(depth), *heading);
        }
    }

    /// A function begins, with so much time in all of it. What is on the stack already counts it.
    fn enter(&mut self, caller: Option<usize>, called: usize, own: u64, total: u64) {
        let add = |row: &mut Row, above: &mut u32| {
            row.own = row.own.saturating_add(own);
            row.total = row.total.saturating_add(if *above == 0 { total } else { 0 });
            *above += 1;
        };
        add(&mut self.rows[called], &mut self.on_stack[called]);
        if let Some(caller) = caller {
            let pair = (caller, called);
            add(self.pairs.entry(pair).or_default(), self.above.entry(pair).or_default());
        }
    }

    fn leave(&mut self, caller: Option<usize>, called: usize) {
        self.on_stack[called] -= 1;
        if let Some(above) = caller.and_then(|caller| self.above.get_mut(&(caller, called))) {
            *above -= 1;
        }
    }
}

/// For each stack, by its number, the time for which exactly it was there, in ns.
fn own(aggregate: &Aggregate, group: &Group) -> Vec<u64> {
    let mut own = vec![0; aggregate.branches.len()];
    for stack in &group.stacks {
        own[stack.branch.index()] = stack.weight;
    }
    own
}

/// Goes down into every stack that weighs anything and up again: tells `of` each on the way down,
/// with true, and on the way up.
fn walk(children: &[Vec<BranchId>], totals: &[u64], mut of: impl FnMut(BranchId, bool)) {
    let mut open: Vec<(BranchId, bool)> = children.last().into_iter().flatten().map(|root| (*root, true)).collect();
    while let Some((branch, enters)) = open.pop() {
        if totals[branch.index()] == 0 {
            continue;
        }
        of(branch, enters);
        if enters {
            open.push((branch, false));
            open.extend(children[branch.index()].iter().map(|child| (*child, true)));
        }
    }
}

/// A tuple's head, no calls, own and total time: what else belongs to the tuple follows.
fn put_times(out: &mut dyn Write, length: u32, row: &Row) -> io::Result<()> {
    put_tuple(out, length)?;
    put_int(out, 0)?;
    put_int(out, 0)?;
    put_seconds(out, row.own)?;
    put_seconds(out, row.total)
}

fn put_key(out: &mut dyn Write, Key(file, line, name): &Key) -> io::Result<()> {
    put_tuple(out, 3)?;
    put_text(out, file)?;
    put_int(out, i32::try_from(*line).unwrap_or(i32::MAX))?;
    put_text(out, name)
}

fn put_tuple(out: &mut dyn Write, length: u32) -> io::Result<()> {
    out.write_all(b"(")?;
    out.write_all(&length.to_le_bytes())
}

fn put_int(out: &mut dyn Write, value: i32) -> io::Result<()> {
    out.write_all(b"i")?;
    out.write_all(&value.to_le_bytes())
}

fn put_seconds(out: &mut dyn Write, ns: u64) -> io::Result<()> {
    out.write_all(b"g")?;
    out.write_all(&(ns as f64 / 1e9).to_le_bytes())
}

/// `str`, or `unicode` before Python 3. Texts of a recording are far below 2 GiB.
fn put_text(out: &mut dyn Write, text: &str) -> io::Result<()> {
    out.write_all(b"u")?;
    out.write_all(&(text.len() as u32).to_le_bytes())?;
    out.write_all(text.as_bytes())
}
