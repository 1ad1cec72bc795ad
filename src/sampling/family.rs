//! The processes that one has started: which there are, and when to try whether one is a Python.

use crate::address::Pid;
use crate::os::{self, Births};
use crate::profile::ProcessId;
use crate::sampling::clock::nanoseconds;
use std::collections::HashMap;

/// The processes below one.
#[derive(Debug)]
pub struct Family {
    root: Pid,
    births: Option<Births>,
    /// All of them, each with its parent.
    known: HashMap<Pid, Pid>,
    /// Ids that were given, and stood for nothing when they were asked.
    unborn: Vec<Pid>,
    /// When to ask for births, and when to go through all there are, in ns since the start.
    asked: u64,
    listed: u64,
}

/// To ask for births is left alone for so many times as long as it took in vain, and the whole listing,
/// which finds what the births do not tell, for so many: together half a percent of a processor at most.
const ASK_REST: u64 = 250;
const LIST_REST: u64 = 1000;
/// If more processes and threads than this were started in between, on a machine that starts so many,
/// only the next listing tells.
const MAX_BIRTHS: u32 = 64;

impl Family {
    /// The processes below `root`, of which none is known yet.
    pub fn new(root: Pid) -> Self {
        Self { root, births: Births::new(), known: HashMap::new(), unborn: Vec::new(), asked: 0, listed: 0 }
    }

    /// The processes that have not been told yet, each with its parent.
    pub fn newborn(&mut self, now: u64) -> Vec<(Pid, Pid)> {
        let mut found = Vec::new();
        if now >= self.asked {
            let cost = cost(|| self.born(&mut found));
            // Where there was one there will be another.
            self.asked = if found.is_empty() { now + ASK_REST * cost } else { now };
        }
        if now >= self.listed {
            self.listed = now + LIST_REST * cost(|| self.list(&mut found));
        }
        found
    }

    /// Looks at what was started since this was asked last: whoever is gone within a millisecond was
    /// there, and a process of many threads costs no more than another.
    fn born(&mut self, found: &mut Vec<(Pid, Pid)>) {
        let Some(ids) = self.births.as_mut().and_then(|births| births.next(MAX_BIRTHS)) else { return };
        // An id is given a moment before its process can be seen: once more, then.
        let again = std::mem::take(&mut self.unborn).into_iter().map(|id| (id, true));
        for (id, again) in again.chain(ids.map(|id| (id, false))) {
            match os::Stat::of(id) {
                Some(stat) if self.is_known(stat.parent) && os::is_process(id) => {
                    self.known.insert(id, stat.parent);
                    found.push((id, stat.parent));
                }
                None if !again => self.unborn.push(id),
                _ => {}
            }
        }
    }

    fn is_known(&self, pid: Pid) -> bool {
        pid == self.root || self.known.contains_key(&pid)
    }

    fn list(&mut self, found: &mut Vec<(Pid, Pid)>) {
        let tree = os::descendants(self.root);
        found.extend(tree.iter().filter(|(pid, _)| !self.known.contains_key(pid)));
        self.known = tree.into_iter().collect();
    }
}

/// The processor time that `work` takes, in ns.
pub fn cost(work: impl FnOnce()) -> u64 {
    let before = os::own_processor_time();
    work();
    nanoseconds(os::own_processor_time().saturating_sub(before))
}

/// A process that is no Python, or not yet.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// The process.
    pub pid: Pid,
    /// Who started it.
    pub parent: Pid,
    /// What it was before it executed another program, if it was recorded.
    pub was: Option<ProcessId>,
    /// Since when it is one, when it is to be tried, and from when on thoroughly, in ns.
    pub since: u64,
    /// When it is to be tried.
    pub due: u64,
    thorough: u64,
}

/// A Python is looked for by what it exports as long as a process is so young, in ns: nearly every one
/// does, and to look for another takes milliseconds.
const YOUNG: u64 = 100_000_000;
/// No try follows another sooner, in ns.
const MIN_REST: u64 = 1_000_000;
/// Nor later than that, in ns, for its cost.
const MAX_REST: u64 = 1_000_000_000;
/// Nor sooner than this many times what it took.
const TRY_REST: u64 = 10;

impl Candidate {
    /// To be tried now.
    pub fn new(pid: Pid, parent: Pid, was: Option<ProcessId>, now: u64) -> Self {
        Self { pid, parent, was, since: now, due: now, thorough: now + YOUNG }
    }

    /// The same, to be tried thoroughly at once.
    pub fn thorough(self) -> Self {
        Self { thorough: self.since, ..self }
    }

    /// Whether a try now is to be thorough: seldom, the older it is.
    pub fn is_thorough(&mut self, now: u64) -> bool {
        let thorough = now >= self.thorough;
        if thorough {
            self.thorough = now + (now - self.since).max(YOUNG);
        }
        thorough
    }

    /// It was tried in vain, and that took so much processor time. An interpreter that starts is found
    /// an eighth of its age late.
    pub fn rest(&mut self, now: u64, cost: u64) {
        let rest = ((now - self.since) / 8).clamp(MIN_REST, MAX_REST);
        self.due = now + rest.max(TRY_REST * cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn what_is_no_python_is_tried_less_and_less() {
        let mut candidate = Candidate::new(Pid(2), Pid(1), None, 0);
        let (mut now, mut tries, mut thorough) = (0, Vec::new(), 0);
        while now < 3600 * 1000 * MS {
            tries.push(now);
            let cost = if candidate.is_thorough(now) { 10 * MS } else { MS / 3 };
            thorough += u32::from(cost > MS);
            candidate.rest(now, cost);
            now = candidate.due;
        }
        let until = |time: u64| tries.iter().filter(|at| **at < time).count();
        assert!(until(40 * MS) >= 9 && until(1000 * MS) <= 60, "{tries:?}");
        assert!(until(3600 * 1000 * MS) <= 3700 && (8..30).contains(&thorough), "{thorough} of {}", tries.len());
        assert!(Candidate::new(Pid(2), Pid(1), None, 7).thorough().is_thorough(7));
    }
}
