//! Weighted stacks: what a recording comes to.

use crate::profile::model::ids;
use crate::profile::{Kind, Mode, ProcessId, ThreadId};

ids! {
    /// A [`Label`].
    LabelId
    /// A [`Branch`]. That of its caller always has a lower number.
    BranchId
}

/// A place in a program, as finely as the [`Filter`](crate::profile::Filter) tells them apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Label {
    /// What the function is.
    pub kind: Kind,
    /// `co_name`, or what it stands for.
    pub name: String,
    /// `co_qualname`.
    pub qualname: Option<String>,
    /// `co_filename`.
    pub file: Option<String>,
    /// `co_firstlineno`.
    pub first_line: Option<u32>,
    /// The line, if lines are told apart.
    pub line: Option<u32>,
}

impl Label {
    /// The longest name there is: `qualname`, or `name`.
    pub fn full_name(&self) -> &str {
        self.qualname.as_deref().unwrap_or(&self.name)
    }
}

/// A stack: its innermost place, and the stack of the caller.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Branch {
    /// The stack of the caller; `None` for the outermost.
    pub parent: Option<BranchId>,
    /// The innermost place.
    pub label: LabelId,
}

/// A stack and what it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weighted {
    /// The stack.
    pub branch: BranchId,
    /// The time for which exactly this was the stack, in ns.
    pub weight: u64,
    /// How many looks found it.
    pub looks: u64,
}

/// What is summed up apart: see [`By`](crate::profile::By).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Group {
    /// What it is called.
    pub name: String,
    /// The process, if all is of one by choice.
    pub process: Option<ProcessId>,
    /// The thread, if all is of one by choice.
    pub thread: Option<ThreadId>,
    /// The stacks, in the order of their numbers, each once.
    pub stacks: Vec<Weighted>,
}

impl Group {
    /// The time of all stacks, in ns.
    pub fn weight(&self) -> u64 {
        self.stacks.iter().fold(0, |sum: u64, stack| sum.saturating_add(stack.weight))
    }

    /// The looks at all stacks.
    pub fn looks(&self) -> u64 {
        self.stacks.iter().fold(0, |sum: u64, stack| sum.saturating_add(stack.looks))
    }
}

/// A line of the table of places.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Row {
    /// The time for which it was the innermost place, in ns.
    pub own: u64,
    /// The time for which it was on the stack, in ns. Recursion counts once.
    pub total: u64,
}

/// Weighted stacks, in groups that share one tree.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// What the weights are.
    pub mode: Mode,
    /// The places.
    pub labels: Vec<Label>,
    /// The stacks: callers come before what they call.
    pub branches: Vec<Branch>,
    /// What is summed up apart, in the order of first appearance.
    pub groups: Vec<Group>,
}

impl Aggregate {
    /// The place with this number.
    pub fn label(&self, id: LabelId) -> &Label {
        &self.labels[id.index()]
    }

    /// The places of a stack, the innermost first.
    pub fn path(&self, branch: BranchId) -> impl Iterator<Item = &Label> {
        let next = |branch: &BranchId| self.branches[branch.index()].parent;
        let ids = std::iter::successors(Some(branch), next);
        ids.map(|id| self.label(self.branches[id.index()].label))
    }

    /// For each stack, by its number, its time and that of all that it calls, in ns: the widths of a
    /// flame graph.
    pub fn totals(&self, group: &Group) -> Vec<u64> {
        let mut totals = vec![0_u64; self.branches.len()];
        for stack in &group.stacks {
            totals[stack.branch.index()] = stack.weight;
        }
        for (index, branch) in self.branches.iter().enumerate().rev() {
            if let Some(parent) = branch.parent {
                totals[parent.index()] = totals[parent.index()].saturating_add(totals[index]);
            }
        }
        totals
    }

    /// For each stack, by its number, those that it calls directly; behind them, those that have no
    /// caller.
    pub fn children(&self) -> Vec<Vec<BranchId>> {
        let mut children = vec![Vec::new(); self.branches.len() + 1];
        for (index, branch) in self.branches.iter().enumerate() {
            let of = branch.parent.map_or(self.branches.len(), BranchId::index);
            children[of].push(BranchId(index as u32));
        }
        children
    }

    /// For each place, by its number, its line of the table.
    pub fn table(&self, group: &Group) -> Vec<Row> {
        let mut rows = vec![Row::default(); self.labels.len()];
        for stack in &group.stacks {
            let row = &mut rows[self.branches[stack.branch.index()].label.index()];
            row.own = row.own.saturating_add(stack.weight);
        }
        let (totals, children) = (self.totals(group), self.children());
        // Down into each stack and up again: a place counts where it is met first.
        let mut above = vec![0_u32; self.labels.len()];
        let roots = children.last().into_iter().flatten();
        let mut open: Vec<(BranchId, bool)> = roots.map(|root| (*root, false)).collect();
        while let Some((branch, done)) = open.pop() {
            let label = self.branches[branch.index()].label.index();
            if done {
                above[label] -= 1;
                continue;
            }
            if above[label] == 0 {
                rows[label].total = rows[label].total.saturating_add(totals[branch.index()]);
            }
            above[label] += 1;
            open.push((branch, true));
            open.extend(children[branch.index()].iter().map(|child| (*child, false)));
        }
        rows
    }
}
