//! A recording summed up: what formats without a time axis are made of, and the figures that tell how
//! good it is.

use crate::error::Result;
use crate::output::escape;
use crate::output::formats::{Source, View};
use crate::output::places::{headings, process};
use crate::profile::{Accounting, Aggregate, Ending, Filter, Mode, Tables, aggregate};

/// A recording summed up.
pub struct Summary {
    /// What it is called.
    pub title: String,
    /// What the weights are, in words.
    pub measure: String,
    /// The weighted stacks.
    pub aggregate: Aggregate,
    /// For each group, what stands above its stacks.
    pub headings: Vec<Vec<String>>,
    /// The interval that was asked for, in ns.
    pub interval: u64,
    /// What became of the looks.
    pub accounting: Accounting,
    /// How the recording ended.
    pub ending: Ending,
}

impl Summary {
    /// Reads a recording from front to back.
    pub fn of(recording: &dyn Source, view: &View) -> Result<Self> {
        let mut reader = recording.open()?;
        let aggregate = aggregate(&mut reader, &view.filter);
        let tables = reader.tables();
        Ok(Self {
            title: view.title.as_deref().map_or_else(|| title(tables), |title| escape(title).into_owned()),
            measure: measure(&view.filter),
            headings: headings(view.filter.by, &aggregate, tables),
            aggregate,
            interval: reader.header().interval,
            accounting: *reader.accounting(),
            ending: reader.ending().clone(),
        })
    }

    /// The time of all stacks, in ns.
    pub fn weight(&self) -> u64 {
        self.aggregate.groups.iter().fold(0, |sum, group| sum.saturating_add(group.weight()))
    }

    /// How good the recording is: names and measured figures.
    pub fn figures(&self) -> Vec<(&'static str, String)> {
        let of = &self.accounting;
        let mut figures = vec![
            ("duration", time(of.duration)),
            ("samples", format!("{} of {} wanted", count(of.taken), count(of.wanted))),
            ("asleep", count(of.blocked)),
            ("unchanged", count(of.unchanged)),
            ("deduced", count(of.deduced)),
            ("stopped", count(of.stopped)),
            ("undecided", count(of.undecided)),
            ("unreadable", count(of.unreadable)),
            ("late", count(of.late)),
            ("lost", count(of.lost)),
            ("ran between looks", time(of.unseen)),
            ("pauses", pauses(of)),
            ("pitviper's processor time", time(of.profiler_cpu)),
        ];
        if self.interval > 0 {
            figures.insert(1, ("interval asked for", time(self.interval)));
        }
        figures
    }

    /// The figures that matter most, on one line.
    pub fn line(&self) -> String {
        let of = &self.accounting;
        let counts = [
            ("deduced", of.deduced),
            ("stopped", of.stopped),
            ("undecided", of.undecided),
            ("late", of.late),
            ("lost", of.lost),
        ];
        let counts: Vec<String> = counts.iter().map(|(name, number)| format!("{} {name}", count(*number))).collect();
        format!("{} samples in {}: {}", count(of.taken), time(of.duration), counts.join(", "))
    }

    /// What is wrong with the recording.
    pub fn problem(&self) -> Option<String> {
        match &self.ending {
            Ending::Complete => None,
            Ending::Open => Some("the recording was not read to its end".to_owned()),
            Ending::CutShort { .. } => Some("the recording was cut short: its last second may be missing".to_owned()),
            Ending::Damaged { at, why } => {
                Some(format!("the recording is damaged from byte {at} on ({}): the rest is missing", escape(why)))
            }
        }
    }
}

fn title(tables: &Tables) -> String {
    let first = tables.processes().next().map(|(_, first)| process(first));
    let first = first.unwrap_or_else(|| "nothing recorded".to_owned());
    match tables.processes().len() {
        0 | 1 => first,
        2 => format!("{first}, and 1 more process"),
        number => format!("{first}, and {} more processes", number - 1),
    }
}

fn measure(filter: &Filter) -> String {
    let mut measure = match (filter.mode, filter.idle) {
        (Mode::Wall, false) => "wall-clock time of threads that are not idle",
        (Mode::Wall, true) => "wall-clock time of all threads",
        (Mode::Cpu, _) => "processor time",
        (Mode::Gil, _) => "wall-clock time holding the GIL",
    }
    .to_owned();
    if let Some(range) = &filter.time {
        measure += &format!(", from {} to {}", time(range.start), time(range.end));
    }
    if !filter.threads.is_empty() {
        measure += ", of chosen threads";
    }
    if !filter.include.is_empty() || !filter.exclude.is_empty() {
        measure += ", of chosen stacks";
    }
    measure
}

fn pauses(of: &Accounting) -> String {
    match of.stops {
        0 => "none".to_owned(),
        stops => format!("{}: {} in all, {} at most", count(stops), time(of.stopped_total), time(of.stopped_longest)),
    }
}

/// A number with its thousands set apart: `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds as people write them, to three digits or to the second: `4.56 ms`, `12.3 s`, `3,600 s`.
pub fn time(ns: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "µs")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| ns >= *unit) else {
        return format!("{ns} ns");
    };
    let value = ns as f64 / unit as f64;
    match value {
        ..9.995 => format!("{value:.2} {name}"),
        ..99.95 => format!("{value:.1} {name}"),
        _ => format!("{} {name}", count(value.round() as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        let rows =
            [(0, "0 ns"), (999, "999 ns"), (1_000, "1.00 µs"), (4_560_000, "4.56 ms"), (12_345_000_000, "12.3 s")];
        for (ns, text) in rows {
            assert_eq!(time(ns), text);
        }
        assert_eq!(time(3_600_000_000_000), "3,600 s");
        assert_eq!([0, 999, 1000, 12_345, 1_234_567].map(count).join(" "), "0 999 1,000 12,345 1,234,567");
    }
}
