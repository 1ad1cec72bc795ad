//! Each GIL: who holds it, who waits for it, and what they wait for.

use crate::stacks::{self, BlockedOn};
use crate::state::{Look, ThreadName};

/// A GIL, which interpreters may share.
#[derive(Clone, Debug)]
pub struct Gil {
    /// The numbers of the interpreters that use it.
    pub interpreters: Vec<i64>,
    /// Whether it is in use at all (free-threaded builds).
    pub enabled: Option<bool>,
    /// Whether a thread holds it; `None` where that cannot be told.
    pub locked: Option<bool>,
    /// The thread that holds it.
    pub holder: Option<ThreadName>,
    /// What the holder waits for in a system call, while all others wait for it.
    pub holder_blocked_on: Option<BlockedOn>,
    /// The threads that wait for it.
    pub waiting: Vec<ThreadName>,
    /// `sys.getswitchinterval()` in microseconds (3.2+).
    pub interval: Option<u64>,
    /// `sys.getcheckinterval()` in instructions (2.7).
    pub check_interval: Option<i64>,
    /// How often it has changed hands (3.7+).
    pub switches: Option<u64>,
    /// Whether a thread asks the holder to let it go (3.7+).
    pub requested: Option<bool>,
    /// How many calls wait to be made between two instructions, in all its interpreters (3.7+).
    pub pending_calls: Option<i64>,
}

impl Look<'_> {
    /// Each GIL.
    pub(super) fn gil(&self) -> Vec<Gil> {
        let own = |index: usize| {
            let interpreter = self.interpreters.get(index)?;
            let own = self.python.get_if(interpreter.address, self.python.layout.interpreter.gil);
            self.noted("a GIL", own)
        };
        self.shared(own).into_iter().map(|(_, indices)| self.one_gil(&indices)).collect()
    }

    fn one_gil(&self, indices: &[usize]) -> Gil {
        let layout = self.python.layout;
        let interpreters: Vec<i64> = indices.iter().map(|index| self.number(*index)).collect();
        let first = indices.first().and_then(|index| self.interpreters.get(*index));
        let own = first.and_then(|interpreter| self.python.get_if(interpreter.address, layout.interpreter.gil).ok());
        let shared = || Some(self.at(self.places.runtime?, layout.runtime.gil?.offset));
        let at = own.flatten().flatten().or_else(shared);
        let word = |field| at.and_then(|at| self.noted("a GIL", self.python.get_if(at, field)).flatten());
        let count = |field| at.and_then(|at| self.noted("a GIL", self.python.get_if(at, field)).flatten());
        let enabled = word(layout.gil.enabled).map(|enabled| enabled != 0);
        let mine = || self.known().filter(|(id, _)| interpreters.contains(id)).map(|(_, thread)| thread);
        let holder = mine().find(|thread| thread.gil == Some(true));
        let known = mine().any(|thread| thread.gil.is_some());
        let locked = match holder {
            Some(_) => Some(true),
            // What memory says is of another moment than what was said of the threads, of which none had it.
            None if enabled == Some(false) => None,
            None => word(layout.gil.locked).map(|locked| locked == 1).or(known.then_some(false)),
        };
        Gil {
            enabled,
            locked,
            holder: holder.map(ThreadName::of),
            holder_blocked_on: holder.and_then(|holder| holder.blocked_on.clone()),
            waiting: mine().filter(|thread| thread.state == stacks::State::WaitingGil).map(ThreadName::of).collect(),
            interval: count(layout.gil.interval).or_else(|| self.interval()),
            check_interval: self.places.check_interval.and_then(|at| Some(i64::from(self.u32(at).ok()?.cast_signed()))),
            switches: count(layout.gil.switch_number)
                .or_else(|| Some(u64::from(self.static_word("gil_switch_number")?.cast_unsigned()))),
            requested: self.requested(indices, &interpreters),
            pending_calls: self.pending_calls(indices),
            interpreters,
        }
    }

    fn interval(&self) -> Option<u64> {
        self.noted("the switch interval", self.python.memory.u64(self.places.switch_interval?).map_err(Into::into))
    }

    fn requested(&self, indices: &[usize], interpreters: &[i64]) -> Option<bool> {
        let layout = self.python.layout;
        let states = indices.iter().filter_map(|index| self.interpreters.get(*index));
        let own = states.filter_map(|state| {
            self.python.get_if(state.address, layout.interpreter_state.gil_drop_request).ok().flatten()
        });
        let shared = || self.python.get_if(self.places.runtime?, layout.runtime_state.gil_drop_request).ok().flatten();
        let shared = || shared().or_else(|| self.static_word("gil_drop_request"));
        if let Some(request) = own.reduce(|a, b| a | b).or_else(shared) {
            return Some(request != 0);
        }
        let threads = self.known().filter(|(id, _)| interpreters.contains(id));
        let words = threads.filter_map(|(_, thread)| {
            self.python.get_if(thread.address, layout.thread_state.eval_breaker).ok().flatten()
        });
        words.reduce(|a, b| a | b).map(|word| word & 1 == 1)
    }

    fn pending_calls(&self, indices: &[usize]) -> Option<i64> {
        let layout = self.python.layout;
        let states = indices.iter().filter_map(|index| self.interpreters.get(*index));
        let own = states.filter_map(|state| {
            let count = self.python.get_if(state.address, layout.interpreter_state.pending_calls);
            self.noted("the pending calls", count).flatten()
        });
        let shared = || self.python.get_if(self.places.runtime?, layout.runtime_state.pending_calls).ok().flatten();
        own.map(i64::from)
            .reduce(i64::saturating_add)
            .or_else(|| shared().or_else(|| self.static_word("pendingcalls_to_do")).map(i64::from))
    }
}
