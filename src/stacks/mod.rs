//! What every thread is doing now: frames, state, GIL, variables, as plain structs.
//!
//! Reading never fails as a whole once a target is attached: a thread that cannot be read costs no
//! other, and says so. No thread blocked in a system call is ever stopped.
//!
//! ```no_run
//! use pitviper::{address::Pid, stacks, target::Target};
//! let target = Target::attach(Pid(1234), None)?;
//! let dump = stacks::dump(&target, &stacks::Options::default());
//! for thread in dump.interpreters.iter().flat_map(|i| &i.threads) {
//!     println!("{:?} {:?}", thread.name, thread.frames.first().map(|f| f.code.name.clone()));
//! }
//! # Ok::<(), pitviper::error::Error>(())
//! ```

mod collector;
mod gil;
mod identity;
mod look;
mod reader;
mod state;

pub use collector::collector;
pub use gil::{Gil, GilPlace};
pub use identity::{NativeId, NativeIds, names};
pub use look::{Pausing, Subject, look};

use crate::address::{Addr, Pid};
use crate::objects::{Limits, Value};
use crate::os::{Syscall, SyscallTarget, Tracer};
use crate::python::{Code, CodeCache, End, Position, VariableKind};
use crate::target::Target;
use std::rc::Rc;

/// What to read, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether running threads may be stopped for the microseconds of a copy.
    pub pausing: Pausing,
    /// How much of each variable is shown; `None` for no variables at all.
    pub locals: Option<Limits>,
}

/// Everything that was read of a target.
#[derive(Clone, Debug)]
pub struct Dump {
    /// The interpreters, the main one first.
    pub interpreters: Vec<Interpreter>,
    /// What could not be read, one sentence each.
    pub problems: Vec<String>,
}

impl Dump {
    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        let mut threads = self.interpreters.iter().flat_map(|interpreter| &interpreter.threads);
        self.problems.is_empty() && threads.all(Thread::is_complete)
    }
}

/// One interpreter.
#[derive(Clone, Debug)]
pub struct Interpreter {
    /// Its number, 0 for the main one. Before 3.7, which does not number them, counted from 0.
    pub id: i64,
    /// Its threads, the oldest first.
    pub threads: Vec<Thread>,
}

/// What a thread is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// On a processor, or ready to be.
    Running,
    /// Waiting in a system call or for a page.
    Idle,
    /// Waiting for the GIL.
    WaitingGil,
    /// Collecting garbage.
    Gc,
    /// Held up while another thread stops the world (free-threaded builds).
    Suspended,
    /// Stopped by a signal such as SIGSTOP, or by a debugger.
    Stopped,
    /// Its kernel thread is not known, or has ended ([`Thread::ended`]).
    Unknown,
}

/// What a thread waits for.
#[derive(Clone, Debug)]
pub struct BlockedOn {
    /// The system call.
    pub call: Syscall,
    /// The file it works on.
    pub target: Option<SyscallTarget>,
}

/// How a stack was obtained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// The thread slept all the while: exact.
    Blocked,
    /// From one copy of its frame memory, without stopping it.
    Deduced,
    /// It was stopped for the copy: exact.
    Stopped,
    /// It ran while it was read: the stack may mix two moments.
    Undecided,
}

/// One thread.
#[derive(Clone, Debug)]
pub struct Thread {
    /// `threading.get_ident()`.
    pub id: u64,
    /// The kernel's thread id here; `None` if it cannot be told.
    pub native_id: Option<Pid>,
    /// The name Python gave it; `None` where it gave none.
    pub name: Option<String>,
    /// The kernel's name of it.
    pub comm: Option<String>,
    /// What it is doing.
    pub state: State,
    /// Whether its kernel thread has ended, though Python lists it still: a child of fork lists the
    /// threads of its parent (2.7), and a daemon thread may end without Python's knowing. Its frames
    /// are what it left behind; that memory is nobody's, so what is read of it is never exact.
    pub ended: bool,
    /// Whether it holds the GIL; `None` where there is none, or it cannot be told.
    pub gil: Option<bool>,
    /// The system call it waits in.
    pub blocked_on: Option<BlockedOn>,
    /// Whether it waits for input at the interactive prompt.
    pub at_prompt: bool,
    /// How the stack was obtained.
    pub read: Read,
    /// The frames, innermost first.
    pub frames: Vec<Frame>,
    /// Why there are no more.
    pub end: End,
    /// Where its `PyThreadState` lies.
    pub address: Addr,
}

impl Thread {
    /// Whether nothing of it is missing; of a thread that has ended nothing can be.
    pub fn is_complete(&self) -> bool {
        let variables = |frame: &Frame| frame.locals.as_ref().is_none_or(|locals| locals.fault.is_none());
        if self.ended {
            return true;
        }
        self.end == End::Root && self.read != Read::Undecided && self.frames.iter().all(variables)
    }
}

/// One call of a Python function in progress.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What it executes.
    pub code: Rc<Code>,
    /// `frame.f_lasti`.
    pub lasti: i64,
    /// Where in the source it is.
    pub position: Position,
    /// Its variables, if wanted, and if it is a function's.
    pub locals: Option<Locals>,
}

/// The variables of a frame.
#[derive(Clone, Debug, Default)]
pub struct Locals {
    /// The bound ones: arguments first, then in the order of the source.
    pub variables: Vec<Local>,
    /// Why they could not be read.
    pub fault: Option<String>,
}

/// A variable and its value.
#[derive(Clone, Debug)]
pub struct Local {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: VariableKind,
    /// What it is bound to.
    pub value: Value,
}

/// Reads every thread of every interpreter of `target`.
pub fn dump(target: &Target, options: &Options) -> Dump {
    dump_with(target, options, &CodeCache::default(), &Tracer::default())
}

/// As [`dump`], with the code objects that earlier looks have decoded, and the threads that are
/// traced already.
pub fn dump_with(target: &Target, options: &Options, codes: &CodeCache, tracer: &Tracer) -> Dump {
    reader::Reader::new(target, options, codes, tracer).dump()
}
