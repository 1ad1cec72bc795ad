//! What is told of a recording: the line that changes while it goes on, and the account at its end.

use crate::output::escape;
use crate::profile::{Accounting, FunctionId, Tables};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// How often the line is drawn, in ns.
const EVERY: u64 = 500_000_000;
/// How often it is noted what runs, in ns.
const NOTE_EVERY: u64 = 5_000_000;

/// The line on a terminal that tells how a recording goes.
#[derive(Debug)]
pub struct StatusLine {
    wanted: bool,
    drawn: u64,
    noted: u64,
    running: HashMap<FunctionId, u64>,
    before: Accounting,
}

impl StatusLine {
    /// A line on standard error, if that is a terminal and `wanted`.
    pub fn new(wanted: bool) -> Self {
        let wanted = wanted && io::stderr().is_terminal();
        Self { wanted, drawn: 0, noted: 0, running: HashMap::new(), before: Accounting::default() }
    }

    /// Notes the innermost functions that run now, if it is time to.
    pub fn note(&mut self, now: u64, running: impl FnOnce() -> Vec<FunctionId>) {
        if self.wanted && now.saturating_sub(self.noted) >= NOTE_EVERY {
            self.noted = now;
            for function in running() {
                *self.running.entry(function).or_default() += 1;
            }
        }
    }

    /// Whether it is time to draw the line.
    pub fn is_due(&self, now: u64) -> bool {
        self.wanted && now.saturating_sub(self.drawn) >= EVERY
    }

    /// Draws the line.
    pub fn draw(&mut self, now: u64, threads: usize, accounting: &Accounting, tables: &Tables) {
        let seconds = (now - self.drawn) as f64 / 1e9;
        let since = |of: fn(&Accounting) -> u64| of(accounting).saturating_sub(of(&self.before));
        let per_second = since(|a| a.taken) as f64 / seconds / threads.max(1) as f64;
        let spent = since(|a| a.profiler_cpu) as f64 / 1e7 / seconds;
        let mut top: Vec<(FunctionId, u64)> = self.running.drain().collect();
        top.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
        let all = top.iter().map(|(_, count)| count).sum::<u64>().max(1);
        let mut line = format!(
            "{:.0} s  {} looks  {per_second:.0}/s at {threads} threads  {} stopped  {} undecided  {} lost  {spent:.1} % of a processor ",
            now as f64 / 1e9,
            accounting.taken,
            accounting.stopped,
            accounting.undecided,
            accounting.lost,
        );
        for (function, count) in top.iter().take(3) {
            let name = tables.text(tables.function(*function).name);
            let _ = write!(line, " {} {} %", escape(name), 100 * count / all);
        }
        // A line that wraps could not be drawn over.
        let width = terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| usize::from(width.0));
        let line: String = line.chars().take(width.saturating_sub(1)).collect();
        let _ = write!(io::stderr().lock(), "\r\x1b[K{line}");
        (self.drawn, self.before) = (now, *accounting);
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.wanted && self.drawn > 0 {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// What became of the looks, in sentences.
pub fn account(accounting: &Accounting) -> String {
    let seconds = accounting.duration as f64 / 1e9;
    let share = accounting.profiler_cpu as f64 / accounting.duration.max(1) as f64 * 100.0;
    let mut text = format!(
        "{seconds:.1} s, {} looks: {} unchanged, {} blocked, {} deduced, {} stopped, {} undecided; {} wanted, {} late, {} lost, {} without a whole stack; pitviper took {share:.1} % of a processor",
        accounting.taken,
        accounting.unchanged,
        accounting.blocked,
        accounting.deduced,
        accounting.stopped,
        accounting.undecided,
        accounting.wanted,
        accounting.late,
        accounting.lost,
        accounting.unreadable,
    );
    if accounting.stops > 0 {
        let _ = write!(
            text,
            "; {} stops of one thread, {:.1} ms in all, {:.0} µs at most",
            accounting.stops,
            accounting.stopped_total as f64 / 1e6,
            accounting.stopped_longest as f64 / 1e3,
        );
    }
    if accounting.unseen > 0 {
        let _ = write!(text, "; {:.1} ms ran between looks", accounting.unseen as f64 / 1e6);
    }
    text
}
