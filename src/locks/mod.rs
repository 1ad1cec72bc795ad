//! Who waits for whom: what every blocked thread waits for, who holds that, and the cycles and chains which
//! follow.
//!
//! A thread asleep on a futex leads to the lock object it waits for: the object of its own frames in which
//! that futex lies. Who holds a lock says the lock itself, where it keeps account (`RLock`, buffered files,
//! import locks), or the `with` block in which a thread stands: **proved**. A call of `acquire` that no
//! `release` follows makes a thread a **possible** holder, and the two are never mixed up. A deadlock is told
//! only if all its threads slept at one and the same moment: each is looked at twice and has not run between.
//!
//! ```no_run
//! use pitviper::{address::Pid, locks, stacks, target::Target};
//! let target = Target::attach(Pid(1234), None)?;
//! let dump = stacks::dump(&target, &stacks::Options::default());
//! let found = locks::read(&target, &dump, locks::Options::default());
//! for deadlock in &found.deadlocks {
//!     println!("{} threads wait for each other", deadlock.threads.len());
//! }
//! # Ok::<(), pitviper::error::Error>(())
//! ```

mod acquired;
mod files;
mod graph;
mod held;
mod kinds;
mod look;
mod meanings;
mod names;
mod owners;
mod scene;
mod wait;

use crate::address::{Addr, Pid};
use crate::stacks::{self, Dump, Pausing};
use crate::target::Target;

/// What is known of who waits for whom.
#[derive(Clone, Debug, Default)]
pub struct Locks {
    /// Every thread, in the order of the dump.
    pub threads: Vec<Thread>,
    /// Threads that wait for each other in a circle.
    pub deadlocks: Vec<Deadlock>,
    /// Threads that wait for one which is in no deadlock, those for which most wait first.
    pub chains: Vec<Chain>,
    /// What could not be read, a sentence each.
    pub problems: Vec<String>,
}

/// A thread, and what it waits for and holds.
#[derive(Clone, Debug)]
pub struct Thread {
    /// The number of its interpreter.
    pub interpreter: i64,
    /// Who it is, and its frames as they were when this was found out.
    pub thread: stacks::Thread,
    /// What it waits for; `None` if it does not wait.
    pub wait: Option<Wait>,
    /// What it holds by the `with` blocks in which it stands, innermost first.
    pub holds: Vec<Hold>,
}

/// An object as it is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object {
    /// Where it lies.
    pub address: Addr,
    /// `type(object).__name__`.
    pub type_name: String,
    /// What it is bound to: `self._lock of <Pool at 0x7f…>`, `module.NAME`, or a variable. `None` where that
    /// was not found.
    pub name: Option<String>,
}

/// What a thread can wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The GIL.
    Gil,
    /// A `threading.Lock`.
    Lock,
    /// A `threading.RLock`.
    RLock,
    /// A `threading.Condition` to be notified.
    Condition,
    /// A `threading.Event` to be set.
    Event,
    /// A `threading.Semaphore`.
    Semaphore,
    /// A `threading.Barrier`.
    Barrier,
    /// An item of a queue.
    QueueGet,
    /// Room in a queue.
    QueuePut,
    /// The items of a queue to be done.
    QueueJoin,
    /// A thread to end.
    Join,
    /// A thread to start.
    Start,
    /// The end of all threads, at the end of the program.
    Shutdown,
    /// A `concurrent.futures.Future`.
    Future,
    /// One or all of several futures.
    Futures,
    /// A result of a `multiprocessing` pool.
    PoolResult,
    /// A module that another thread imports.
    Import,
    /// A buffered file that another thread reads or writes.
    Buffer,
    /// A lock that processes share.
    Shared,
    /// A process to end.
    Process,
    /// An object's own mutex (free-threaded builds).
    ObjectMutex,
    /// A thread to let the others go (free-threaded builds).
    StopTheWorld,
    /// A lock in C, of which no Python object is known.
    Native,
    /// What its system call waits for.
    Call,
}

/// What a thread waits for.
#[derive(Clone, Debug)]
pub struct Wait {
    /// What kind of thing it is.
    pub kind: Kind,
    /// The object.
    pub object: Option<Object>,
    /// What else there is to say: `module json.decoder`, `3 of at most 3 items`, the other end of a socket.
    pub detail: Option<String>,
    /// Whether it gives up after a time.
    pub timed: bool,
    /// Those that have to do something first; empty where nobody in particular has to. One of them is
    /// enough, and more than one are only candidates.
    pub owners: Vec<Owner>,
    /// Which of its frames waits: those further in belong to the library.
    pub frame: Option<usize>,
}

/// Who has to do something before a wait ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// This thread, without a doubt.
    Proved(Holder),
    /// This thread, as it seems.
    Possible(Holder),
    /// A thread with this `threading.get_ident()`, of which there is none any more.
    Gone(u64),
    /// It is held, and nobody can be told; in a process that was forked it may have been held by a thread
    /// that was not copied.
    Unknown {
        /// Whether the process was forked, and has executed no program since.
        forked: bool,
    },
}

/// A thread that holds something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holder {
    /// Its index in [`Locks::threads`].
    pub thread: usize,
    /// How that is known.
    pub how: How,
    /// The frame in which it was taken, where that is known.
    pub frame: Option<usize>,
}

/// How it is known who holds something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// The object itself says so.
    Field,
    /// It runs the code of a module that it imports.
    Imports,
    /// It stands in a `with` block of it.
    With,
    /// It has called `acquire`, and no `release` since.
    Acquire,
    /// It is the thread that has to end.
    Lives,
    /// It runs the function whose result is waited for.
    Runs,
    /// It is a worker that has to take the call of the function first.
    Worker,
    /// The interpreter says that it has the GIL.
    Gil,
    /// It has stopped the others.
    Stopped,
}

/// What a thread holds.
#[derive(Clone, Debug)]
pub struct Hold {
    /// The object.
    pub object: Object,
    /// How that is known.
    pub how: How,
    /// Whether it is certain.
    pub proved: bool,
    /// The frame that took it.
    pub frame: usize,
}

/// Threads each of which waits for the next, and the last for the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deadlock {
    /// Indices into [`Locks::threads`].
    pub threads: Vec<usize>,
    /// Whether every wait and every holder is proved; else it is a possible deadlock.
    pub proved: bool,
    /// Whether one of them gives up after a time, so that it will end.
    pub timed: bool,
    /// Threads outside the circle that wait for one within it.
    pub waiting: Vec<usize>,
}

/// Threads that wait, directly or through others, for one thread that waits for none of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    /// The one that all of them wait for: its index in [`Locks::threads`].
    pub end: usize,
    /// Those that wait for it, in the order of the dump.
    pub waiting: Vec<usize>,
}

impl Wait {
    /// Those of its owners that are threads.
    pub fn holders(&self) -> impl Iterator<Item = Holder> {
        self.owners.iter().filter_map(|owner| match owner {
            Owner::Proved(holder) | Owner::Possible(holder) => Some(*holder),
            Owner::Gone(_) | Owner::Unknown { .. } => None,
        })
    }

    /// Whether who has to act is known without a doubt.
    pub fn is_proved(&self) -> bool {
        !self.owners.is_empty() && self.owners.iter().all(|owner| matches!(owner, Owner::Proved(_)))
    }
}

impl Locks {
    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.problems.is_empty()
    }

    /// What is known of `thread` of the dump, if it waits and was seen in the same call as there.
    pub fn wait_of(&self, thread: &stacks::Thread) -> Option<&Thread> {
        let call = |thread: &stacks::Thread| thread.blocked_on.as_ref().map(|blocked_on| blocked_on.call);
        let same = |known: &&Thread| known.thread.address == thread.address && call(&known.thread) == call(thread);
        self.threads.iter().find(same).filter(|known| known.wait.is_some())
    }
}

/// How much is found out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Whether running threads are stopped while they are read; of those that are not nothing is proved.
    pub pausing: Pausing,
    /// Whether only what concerns those that wait is found out: not what threads hold for which none waits.
    pub waits_only: bool,
}

/// Who waits for whom among the threads of `dump`, which is one of `target` a moment ago.
pub fn read(target: &Target, dump: &Dump, options: Options) -> Locks {
    graph::read(target, dump, options)
}

/// The process or thread with the number `id` inside the target, as numbered here; the number itself where
/// the target lives in no other namespace.
fn child(id: u64) -> Option<Pid> {
    u32::try_from(id).ok().filter(|id| *id > 0).map(Pid)
}
