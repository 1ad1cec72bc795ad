//! What of a recording is shown: the options that `record` and `report` have in common.

use crate::cli::units;
use crate::error::Result;
use crate::output::formats::View;
use crate::profile::{By, Filter, Grain, Mode, Pattern, ThreadChoice};
use std::ops::Range;

/// What of a recording is shown.
#[derive(clap::Args, Debug)]
pub struct Viewing {
    /// What time counts: wall-clock time, processor time, or time with the GIL
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    mode: Kind,
    /// Show idle threads too
    #[arg(long)]
    idle: bool,
    /// Only threads with this number, or a name that this regular expression is found in
    #[arg(long, value_name = "THREAD")]
    thread: Vec<String>,
    /// Only this time, as 1s..2.5s since the start
    #[arg(long, value_name = "A..B", value_parser = units::range)]
    time: Option<Range<u64>>,
    /// Only stacks with a function or file that this regular expression is found in
    #[arg(long, value_name = "REGEX")]
    include: Vec<String>,
    /// No stacks with such a function or file
    #[arg(long, value_name = "REGEX")]
    exclude: Vec<String>,
    /// Tell lines apart
    #[arg(long, conflicts_with = "functions")]
    lines: bool,
    /// Tell functions apart, not lines (the default)
    #[arg(long)]
    functions: bool,
    /// Show each process, thread or asyncio task apart
    #[arg(long, value_enum, value_name = "WHAT")]
    by: Option<Apart>,
    /// Show each asyncio task apart: the same as --by task
    #[arg(long, conflicts_with = "by")]
    tasks: bool,
}

/// What time counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
enum Kind {
    /// Wall-clock time
    #[default]
    Wall,
    /// Processor time
    Cpu,
    /// Time with the GIL
    Gil,
}

/// What is shown apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Apart {
    Process,
    Thread,
    Task,
}

impl Viewing {
    /// What time counts.
    pub fn mode(&self) -> Mode {
        match self.mode {
            Kind::Wall => Mode::Wall,
            Kind::Cpu => Mode::Cpu,
            Kind::Gil => Mode::Gil,
        }
    }

    /// What is shown.
    pub fn view(&self) -> Result<View> {
        let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>>>();
        let filter = Filter {
            threads: self.thread.iter().map(|text| ThreadChoice::parse(text)).collect::<Result<_>>()?,
            time: self.time.clone(),
            mode: self.mode(),
            idle: self.idle,
            include: patterns(&self.include)?,
            exclude: patterns(&self.exclude)?,
            grain: if self.lines { Grain::Lines } else { Grain::Functions },
            by: match self.by {
                None if self.tasks => By::Task,
                None => By::All,
                Some(Apart::Process) => By::Process,
                Some(Apart::Thread) => By::Thread,
                Some(Apart::Task) => By::Task,
            },
        };
        Ok(View { filter, title: None })
    }
}
