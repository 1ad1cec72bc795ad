//! Threads: what Python's own records of them say beyond their stacks.

use crate::address::{Addr, Pid};
use crate::objects::Value;
use crate::os::{self, Activity, ThreadFiles};
use crate::python::{End, ThreadState};
use crate::stacks::{self, BlockedOn, Dump, Read};
use crate::state::{Exception, Look, Member};
use std::collections::HashSet;

/// The threads of a process.
#[derive(Clone, Debug)]
pub struct Threads {
    /// Those that Python knows, interpreter by interpreter, the oldest first.
    pub known: Vec<Thread>,
    /// Those of the process that it does not.
    pub strangers: Vec<Stranger>,
}

/// A thread that Python knows.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its place among all threads, from 0.
    pub index: usize,
    /// The number of its interpreter.
    pub interpreter: i64,
    /// Who it is and what it does.
    pub thread: stacks::Thread,
    /// A number of its own in its interpreter (3.3+).
    pub number: Option<u64>,
    /// How deep its calls are nested.
    pub recursion: Option<Recursion>,
    /// The exceptions it handles, the innermost first: more than one where generators handle some of their own.
    pub handling: Vec<Exception>,
    /// The exception that is being raised.
    pub pending: Option<Exception>,
    /// The exception that another thread has sent it.
    pub sent: Option<Value>,
    /// The function of `sys.settrace()`.
    pub trace: Option<Value>,
    /// The function of `sys.setprofile()`.
    pub profile: Option<Value>,
    /// How many values `PyThreadState_GetDict()` has; `None` where it has no dict.
    pub locals: Option<u64>,
    /// What it is asked to do between two instructions (3.13+).
    pub requests: Option<Vec<&'static str>>,
    /// Members of its `PyThreadState`, if wanted.
    pub members: Option<Vec<Member>>,
}

/// How deep calls are nested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recursion {
    /// How many there are: of Python functions, and before 3.12 of some C functions too.
    pub depth: i64,
    /// How many there may be.
    pub limit: Option<i64>,
}

/// A thread of the process that Python does not know.
#[derive(Clone, Debug)]
pub struct Stranger {
    /// The kernel's thread id.
    pub native_id: Pid,
    /// The kernel's name of it.
    pub comm: Option<String>,
    /// The system call it waits in.
    pub blocked_on: Option<BlockedOn>,
}

/// The bits of `PyThreadState.eval_breaker` (Include/internal/pycore_ceval.h, 3.13+).
const REQUESTS: [&str; 8] =
    ["gil-drop", "signals", "pending-calls", "async-exception", "gc", "stop", "explicit-merge", "jit-invalidate-cold"];

/// A longer chain of handled exceptions is a loop.
const MAX_HANDLING: usize = 1000;

/// The threads of `pid` that are not in `dump`.
pub(super) fn strangers(pid: Pid, dump: &Dump) -> Vec<Stranger> {
    let threads = dump.interpreters.iter().flat_map(|interpreter| &interpreter.threads);
    let known: HashSet<Pid> = threads.filter_map(|thread| thread.native_id).collect();
    let unknown = os::thread_ids(pid).unwrap_or_default().into_iter().filter(|tid| !known.contains(tid));
    let stranger = |native_id| {
        let blocked_on = match ThreadFiles::open(pid, native_id).activity() {
            Activity::Blocked(call) => Some(BlockedOn { call, target: call.target(pid) }),
            _ => None,
        };
        Stranger { native_id, comm: os::thread_name(pid, native_id), blocked_on }
    };
    unknown.map(stranger).collect()
}

/// A thread of which nothing is known but its state in memory.
pub(super) fn unseen(thread: &ThreadState) -> stacks::Thread {
    stacks::Thread {
        id: thread.id,
        native_id: None,
        name: None,
        comm: None,
        state: stacks::State::Unknown,
        ended: false,
        gil: None,
        blocked_on: None,
        at_prompt: false,
        read: Read::Undecided,
        frames: Vec::new(),
        end: End::Root,
        address: thread.address,
    }
}

impl Look<'_> {
    /// The threads of all interpreters.
    pub(super) fn threads(&self, members: bool) -> Threads {
        let known = self.known().enumerate();
        let known =
            known.map(|(index, (interpreter, thread))| self.thread(index, interpreter, thread, members)).collect();
        Threads { known, strangers: self.strangers.clone() }
    }

    fn thread(&self, index: usize, interpreter: i64, thread: &stacks::Thread, members: bool) -> Thread {
        let layout = &self.python.layout.thread;
        let at = thread.address;
        let fields = || [layout.fields(), self.python.layout.thread_state.fields()].concat();
        let object = |what: &str, field| self.noted(what, self.python.get(at, field)).flatten();
        let dict = object("thread-local data", layout.dict);
        let count = |dict| self.noted("thread-local data", self.python.dict_items(dict, 0)).map(|(_, count)| count);
        Thread {
            index,
            interpreter,
            thread: thread.clone(),
            number: self.python.get_if(at, layout.number).ok().flatten(),
            recursion: self.recursion(at),
            handling: self.handling(at).into_iter().map(|address| self.exception(address)).collect(),
            pending: self.pending(at),
            sent: object("an exception sent to a thread", layout.async_exc).map(|address| self.describe(address)),
            trace: self.tracing(at, layout.c_tracefunc, layout.c_traceobj),
            profile: self.tracing(at, layout.c_profilefunc, layout.c_profileobj),
            locals: dict.and_then(count),
            requests: self.requests(at),
            members: members.then(|| self.members(at, fields())),
        }
    }

    /// The trace or profile function; one in C may have no object.
    pub(super) fn tracing(
        &self,
        thread: Addr,
        function: crate::layout::Field<Addr>,
        object: crate::layout::Field<Addr>,
    ) -> Option<Value> {
        let function = self.noted("a trace function", self.python.get(thread, function))??;
        let object = self.noted("a trace function", self.python.get(thread, object))?;
        Some(self.describe(object.unwrap_or(function)))
    }

    fn recursion(&self, thread: Addr) -> Option<Recursion> {
        let layout = self.python.layout;
        let get =
            |field| self.noted("the depth of recursion", self.python.get_if(thread, field)).flatten().map(i64::from);
        if let Some(remaining) = get(layout.thread.recursion_remaining) {
            let limit = get(layout.thread.recursion_limit)?;
            return Some(Recursion { depth: limit.saturating_sub(remaining), limit: Some(limit) });
        }
        let depth = get(layout.thread.recursion_depth)?;
        let interpreter = self.python.get(thread, layout.thread.interpreter).ok().flatten();
        let own = interpreter.and_then(|at| self.python.get_if(at, layout.interpreter.recursion_limit).ok().flatten());
        let shared = || self.python.get_if(self.places.runtime?, layout.runtime.recursion_limit).ok().flatten();
        let old = || self.u32(self.places.recursion_limit?).ok().map(u32::cast_signed);
        Some(Recursion { depth, limit: own.or_else(shared).or_else(old).map(i64::from) })
    }

    /// The exceptions that the thread handles, the innermost first.
    fn handling(&self, thread: Addr) -> Vec<Addr> {
        let (layout, item) = (&self.python.layout.thread, &self.python.layout.exc_item);
        let real = |address: &Addr| self.is_exception(*address);
        if let Some(value) = layout.exc_value {
            let value = self.noted("the exception being handled", self.python.get(thread, value)).flatten();
            return value.filter(real).into_iter().collect();
        }
        let mut found = Vec::new();
        let mut next = self.python.get_if(thread, layout.exc_info).map(Option::flatten);
        for _ in 0..MAX_HANDLING {
            let Some(Some(at)) = self.noted("the exceptions being handled", next) else { break };
            let value = self.noted("the exceptions being handled", self.python.get_if(at, item.value));
            found.extend(value.flatten().flatten().filter(real));
            next = self.python.get_if(at, item.previous).map(Option::flatten);
        }
        found
    }

    /// The exception being raised. Before 3.12 what becomes one may be its class alone.
    fn pending(&self, thread: Addr) -> Option<Exception> {
        let layout = &self.python.layout.thread;
        let get =
            |field| self.noted("the exception being raised", self.python.get_if(thread, field)).flatten().flatten();
        if let Some(raised) = get(layout.current_exception).or_else(|| get(layout.curexc_value)) {
            return Some(self.exception(raised))
                .filter(|_| self.is_exception(raised))
                .or_else(|| self.raised_class(thread));
        }
        self.raised_class(thread)
    }

    fn raised_class(&self, thread: Addr) -> Option<Exception> {
        let class = self.python.get_if(thread, self.python.layout.thread.curexc_type).ok()??;
        let type_name = self.python.type_name(class?).ok()?;
        Some(Exception { address: class?, type_name, text: None, chain: Vec::new() })
    }

    fn requests(&self, thread: Addr) -> Option<Vec<&'static str>> {
        let word = self.python.get_if(thread, self.python.layout.thread_state.eval_breaker);
        let word = self.noted("the requests to a thread", word)??;
        let set = REQUESTS.iter().enumerate().filter(|(bit, _)| word >> bit & 1 == 1);
        Some(set.map(|(_, name)| *name).collect())
    }
}
