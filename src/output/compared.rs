//! Two recordings, one beside the other.

use crate::error::Result;
use crate::output::formats::{Source, View};
use crate::output::summary::{Summary, time};
use crate::profile::{Aggregate, BranchId, diff};
use std::collections::BTreeMap;

/// Two recordings, compared: what formats make of them.
pub struct Compared {
    /// The first.
    pub before: Summary,
    /// The second.
    pub after: Summary,
    /// Both as one tree: the first group is all of the first, the second all of the second.
    pub both: Aggregate,
}

impl Compared {
    /// Reads both from front to back.
    pub fn of(before: &dyn Source, after: &dyn Source, view: &View) -> Result<Self> {
        let (before, after) = (Summary::of(before, view)?, Summary::of(after, view)?);
        let both = diff(&before.aggregate, &after.aggregate);
        Ok(Self { before, after, both })
    }

    /// What they are called.
    pub fn title(&self) -> String {
        match (&self.before.title, &self.after.title) {
            (before, after) if before == after => format!("{after}, before and after"),
            (before, after) => format!("{before} → {after}"),
        }
    }

    /// What is compared, in words.
    pub fn measure(&self) -> String {
        format!("{}: {} before, {} after", self.after.measure, time(self.before.weight()), time(self.after.weight()))
    }

    /// What is wrong with either.
    pub fn problem(&self) -> Option<String> {
        let of = |name: &str, summary: &Summary| summary.problem().map(|problem| format!("{name}: {problem}"));
        let problems: Vec<String> = of("before", &self.before).into_iter().chain(of("after", &self.after)).collect();
        (!problems.is_empty()).then(|| problems.join("; "))
    }
}

/// For each stack in either group of `both`, in the order of their numbers, its time before and after, in ns.
pub(super) fn sides(both: &Aggregate) -> BTreeMap<BranchId, [u64; 2]> {
    let mut stacks: BTreeMap<BranchId, [u64; 2]> = BTreeMap::new();
    for (side, group) in both.groups.iter().take(2).enumerate() {
        for stack in &group.stacks {
            stacks.entry(stack.branch).or_default()[side] = stack.weight;
        }
    }
    stacks
}
