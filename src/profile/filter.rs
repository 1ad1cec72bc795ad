//! Which runs of a recording count, and how much.

use crate::error::{Error, Kind, Result};
use crate::profile::{Function, Mode, Run, State, Tables, Thread};
use regex_lite::Regex;
use std::ops::Range;

/// A regular expression that is searched for anywhere in a text.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads what a user wrote.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |cause| Error::new(Kind::Usage, format!("{text:?} is no regular expression")).because(cause);
        Regex::new(text).map(Self).map_err(refused)
    }

    /// Whether it is found in `text`.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Whether it is found in the name of a function or of its file.
    fn names(&self, tables: &Tables, function: &Function) -> bool {
        let texts = [Some(function.name), function.qualname, function.file];
        texts.into_iter().flatten().any(|id| self.is_in(tables.text(id)))
    }
}

/// A choice of threads.
#[derive(Clone, Debug)]
pub enum ThreadChoice {
    /// Those whose `threading.get_ident()` or kernel number this is.
    Number(u64),
    /// Those whose name it is found in.
    Name(Pattern),
}

impl ThreadChoice {
    /// Reads what a user wrote: a number, or a regular expression for the name.
    pub fn parse(text: &str) -> Result<Self> {
        match text.parse() {
            Ok(number) => Ok(Self::Number(number)),
            Err(_) => Pattern::parse(text).map(Self::Name),
        }
    }

    /// Whether it chooses this thread.
    pub fn chooses(&self, thread: &Thread) -> bool {
        match self {
            Self::Number(number) => {
                thread.ident == *number || thread.native_id.is_some_and(|pid| u64::from(pid.0) == *number)
            }
            Self::Name(pattern) => thread.name.as_ref().is_some_and(|name| pattern.is_in(name)),
        }
    }
}

/// How finely places in a program are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Grain {
    /// By function.
    #[default]
    Functions,
    /// By function and line.
    Lines,
}

/// What is summed up apart.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum By {
    /// Nothing: all is one.
    #[default]
    All,
    /// Each process.
    Process,
    /// Each thread.
    Thread,
    /// Each asyncio task of each process, by name.
    Task,
}

/// What of a recording counts, and what is told apart. The default is all threads in wall-clock time,
/// without the idle, by function.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only threads that one of these chooses; all, if there are none. They are judged by the names
    /// that the recording ends with.
    pub threads: Vec<ThreadChoice>,
    /// Only this time, in ns since the start. Of a run that reaches beyond, the part within counts,
    /// its processor time in proportion.
    pub time: Option<Range<u64>>,
    /// What time is counted.
    pub mode: Mode,
    /// Whether wall-clock time in [`State::Idle`] and [`State::Stopped`] counts. All other states
    /// count always: a thread that waits for the GIL wants to work.
    pub idle: bool,
    /// Only stacks with a function whose name, or whose file's name, one of these is found in; all, if
    /// there are none.
    pub include: Vec<Pattern>,
    /// No stacks with such a function.
    pub exclude: Vec<Pattern>,
    /// How finely places are told apart.
    pub grain: Grain,
    /// What is summed up apart.
    pub by: By,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            threads: Vec::new(),
            time: None,
            mode: Mode::Wall,
            idle: false,
            include: Vec::new(),
            exclude: Vec::new(),
            grain: Grain::default(),
            by: By::default(),
        }
    }
}

impl Filter {
    /// How much a run counts, in ns, by its time and state; 0 for not at all.
    pub fn weight(&self, run: &Run) -> u64 {
        let time = match self.mode {
            Mode::Wall if !self.idle && matches!(run.state, State::Idle | State::Stopped) => 0,
            Mode::Gil if run.gil != Some(true) => 0,
            Mode::Wall | Mode::Gil => run.wall,
            Mode::Cpu => run.cpu,
        };
        let Some(range) = &self.time else { return time };
        let within = run.stop().min(range.end).saturating_sub(run.start.max(range.start));
        match run.wall {
            // It has no length, but a place.
            0 => time * u64::from(range.contains(&run.start)),
            wall if within >= wall => time,
            wall => (u128::from(time) * u128::from(within) / u128::from(wall)) as u64,
        }
    }

    /// Whether it chooses this thread.
    pub fn chooses(&self, thread: &Thread) -> bool {
        self.threads.is_empty() || self.threads.iter().any(|choice| choice.chooses(thread))
    }

    /// For each stack, by its number, whether its functions let it count.
    pub fn stacks(&self, tables: &Tables) -> Vec<bool> {
        let any = |patterns: &[Pattern]| -> Vec<bool> {
            let hit = |function| patterns.iter().any(|pattern| pattern.names(tables, function));
            let functions: Vec<bool> = tables.functions().map(|(_, function)| hit(function)).collect();
            let mut stacks: Vec<bool> = Vec::with_capacity(tables.stacks().len());
            for (_, node) in tables.stacks() {
                let above = node.parent.is_some_and(|parent| stacks[parent.index()]);
                stacks.push(above || functions[tables.frame(node.frame).function.index()]);
            }
            stacks
        };
        let mut counts = match self.include.as_slice() {
            [] => vec![true; tables.stacks().len()],
            patterns => any(patterns),
        };
        if !self.exclude.is_empty() {
            counts.iter_mut().zip(any(&self.exclude)).for_each(|(counts, excluded)| *counts &= !excluded);
        }
        counts
    }
}
