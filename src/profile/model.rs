//! The words of a recording: what is numbered, what is counted, and the run.

use crate::address::Pid;

/// Declares the numbers by which entries of [`Tables`](crate::profile::Tables) are known.
macro_rules! ids {
    ($($(#[$about:meta])* $name:ident)*) => { $(
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub(in crate::profile) u32);

        impl $name {
            /// The number itself: entries are numbered from 0, without gaps.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )* };
}

pub(super) use ids;

ids! {
    /// A text.
    StringId
    /// A [`Function`].
    FunctionId
    /// A [`Frame`].
    FrameId
    /// A stack: the [`Node`] of its innermost frame. That of its caller always has a lower number.
    StackId
    /// A [`Process`].
    ProcessId
    /// A [`Thread`].
    ThreadId
}

/// Declares an enum whose variants have a number in the file and a word for people.
macro_rules! words {
    ($($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $code:literal $word:literal)* })*) => { $(
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$of])* $variant = $code),* }

        impl $name {
            /// Each of them, in the order of their numbers in the file.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// What it is called in every output.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// Its number in the file.
            pub(super) const fn code(self) -> u8 {
                self as u8
            }

            pub(super) const fn from_code(code: u64) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    )* };
}

words! {
    /// What a function is.
    Kind {
        /// A Python function, with source lines.
        Python = 0 "python"
        /// A C function.
        Native = 1 "native"
        /// The garbage collector.
        Gc = 2 "gc"
        /// A frame that could not be read.
        Unreadable = 3 "unreadable"
        /// Stands for the callers of a stack that ends before its root.
        Truncated = 4 "truncated"
        /// Stands for a thread that executes no Python.
        Empty = 5 "empty"
    }

    /// What a thread was doing.
    State {
        /// On a processor, or ready to be.
        Running = 0 "running"
        /// Waiting in a system call or for a page.
        Idle = 1 "idle"
        /// Waiting for the GIL.
        WaitingGil = 2 "waiting-gil"
        /// Collecting garbage.
        Gc = 3 "gc"
        /// Held up while another thread stops the world (free-threaded builds).
        Suspended = 4 "suspended"
        /// Stopped by a signal such as SIGSTOP, or by a debugger.
        Stopped = 5 "stopped"
        /// It cannot be told.
        Unknown = 6 "unknown"
    }

    /// How a stack was obtained.
    Read {
        /// The thread slept all the while: exact.
        Blocked = 0 "blocked"
        /// From one copy of its frame memory, without stopping it.
        Deduced = 1 "deduced"
        /// It was stopped for the copy: exact.
        Stopped = 2 "stopped"
        /// It ran while it was read: the stack may mix two moments.
        Undecided = 3 "undecided"
    }

    /// Why a stack has no more frames.
    End {
        /// The outermost frame was reached.
        Root = 0 "root"
        /// The next one could not be read.
        Unreadable = 1 "unreadable"
        /// The next one was met before.
        Loop = 2 "loop"
        /// There are too many.
        TooDeep = 3 "too-deep"
    }

    /// What time is counted.
    Mode {
        /// Time by the clock on the wall, of all threads.
        Wall = 0 "wall"
        /// Processor time.
        Cpu = 1 "cpu"
        /// Time by the clock on the wall during which a thread held the GIL.
        Gil = 2 "gil"
    }

    /// What kind of thing happened. What [`Event::value`] and [`Event::duration`] mean depends on it.
    EventKind {
        /// A process was seen for the first time.
        ProcessStarted = 0 "process-started"
        /// A process executes another program. The text is its executable.
        ProcessExec = 1 "process-exec"
        /// A process is no more. The value is its exit code, or minus the signal that ended it.
        ProcessEnded = 2 "process-ended"
        /// A thread was seen for the first time.
        ThreadStarted = 3 "thread-started"
        /// A thread is no more.
        ThreadEnded = 4 "thread-ended"
        /// Garbage was collected, for the duration. The value is the generation.
        Gc = 5 "gc"
        /// From here on the interval between two looks is the value, in ns. The text says why.
        RateChanged = 6 "rate-changed"
        /// The sampler came too late, by the duration. The value is the number of looks left out.
        Late = 7 "late"
        /// Something the reader of the profile should know. The text says what.
        Note = 8 "note"
    }
}

/// What is known of a recording as it begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The version of pitviper that wrote it.
    pub pitviper: String,
    /// When time 0 was, in ns since 1970 (UTC).
    pub started: u64,
    /// The interval between two looks that was asked for, in ns; 0 if there was none.
    pub interval: u64,
    /// The time that was asked for. The recording holds what every mode needs.
    pub mode: Mode,
    /// The command line of pitviper.
    pub command: Vec<String>,
    /// How many processors the machine has.
    pub processors: Option<u32>,
    /// The kernel, as `uname -sr` writes it.
    pub kernel: Option<String>,
}

impl Default for Header {
    /// Written by this pitviper; the rest is not known.
    fn default() -> Self {
        Self {
            pitviper: env!("CARGO_PKG_VERSION").to_owned(),
            started: 0,
            interval: 0,
            mode: Mode::Wall,
            command: Vec::new(),
            processors: None,
            kernel: None,
        }
    }
}

/// A function, by which frames are named.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Function {
    /// What it is.
    pub kind: Kind,
    /// `co_name`, or the symbol of a C function.
    pub name: StringId,
    /// `co_qualname`; `None` before 3.11.
    pub qualname: Option<StringId>,
    /// `co_filename`, or the file of a C function's code.
    pub file: Option<StringId>,
    /// `co_firstlineno`.
    pub first_line: Option<u32>,
}

impl Function {
    /// A function of which only the name is known.
    pub const fn new(kind: Kind, name: StringId) -> Self {
        Self { kind, name, qualname: None, file: None, first_line: None }
    }
}

/// A place in a function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Frame {
    /// The function.
    pub function: FunctionId,
    /// The line of the source, from 1.
    pub line: Option<u32>,
    /// The line on which the expression ends.
    pub end_line: Option<u32>,
    /// Where in its line the expression begins, in bytes, from 0.
    pub column: Option<u32>,
    /// Where in its last line the expression ends, in bytes, from 0.
    pub end_column: Option<u32>,
    /// `frame.f_lasti`; `None` before the first instruction too.
    pub lasti: Option<u32>,
}

impl Frame {
    /// A frame of which only the function is known.
    pub const fn new(function: FunctionId) -> Self {
        Self { function, line: None, end_line: None, column: None, end_column: None, lasti: None }
    }
}

/// A stack: its innermost frame, and the stack of the caller.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// The stack of the caller; `None` for the outermost frame.
    pub parent: Option<StackId>,
    /// The innermost frame.
    pub frame: FrameId,
}

/// A process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Who started it, if that one is recorded too.
    pub parent: Option<ProcessId>,
    /// Its command line.
    pub command: Vec<String>,
    /// The file it executes.
    pub executable: Option<String>,
    /// The version of its Python, as `3.11.7`; `None` if it is none, or not yet.
    pub version: Option<String>,
    /// The flavour of its Python: `gil`, `debug`, `free-threaded`, `free-threaded-debug`.
    pub flavour: Option<String>,
}

impl Process {
    /// A process of which only the number is known.
    pub const fn new(pid: Pid) -> Self {
        Self { pid, parent: None, command: Vec::new(), executable: None, version: None, flavour: None }
    }
}

/// A thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Thread {
    /// The process it belongs to.
    pub process: ProcessId,
    /// The number of its interpreter, 0 for the main one.
    pub interpreter: i64,
    /// `threading.get_ident()`.
    pub ident: u64,
    /// The kernel's number of it.
    pub native_id: Option<Pid>,
    /// The name Python gave it.
    pub name: Option<String>,
}

impl Thread {
    /// A thread of the main interpreter of which only the identity is known.
    pub const fn new(process: ProcessId, ident: u64) -> Self {
        Self { process, interpreter: 0, ident, native_id: None, name: None }
    }
}

/// The record: a thread was seen with this stack and state, by one look or by several in a row that
/// found nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// The thread.
    pub thread: ThreadId,
    /// When the time it stands for begins, in ns since the start of the recording.
    pub start: u64,
    /// How much time it stands for, in ns: measured, not the interval that was asked for.
    pub wall: u64,
    /// How much of that the thread spent on a processor, in ns. May exceed `wall` by what clocks
    /// disagree.
    pub cpu: u64,
    /// How many looks it sums up.
    pub looks: u32,
    /// The stack; `None` if it executed no Python, or nothing of it could be read (`end` tells).
    pub stack: Option<StackId>,
    /// What the thread was doing.
    pub state: State,
    /// Whether it held the GIL; `None` where there is none, or it cannot be told.
    pub gil: Option<bool>,
    /// How the stack was obtained: the least exact way of all looks.
    pub read: Read,
    /// Why the stack has no more frames.
    pub end: End,
    /// The system call it waited in, and on what.
    pub waits: Option<StringId>,
    /// The name of the asyncio task it executed.
    pub task: Option<StringId>,
}

impl Run {
    /// One look at a thread of which nothing is known but that it was there.
    pub const fn new(thread: ThreadId, start: u64) -> Self {
        Self {
            thread,
            start,
            wall: 0,
            cpu: 0,
            looks: 1,
            stack: None,
            state: State::Unknown,
            gil: None,
            read: Read::Undecided,
            end: End::Root,
            waits: None,
            task: None,
        }
    }

    /// When the time it stands for ends.
    pub const fn stop(&self) -> u64 {
        self.start.saturating_add(self.wall)
    }
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When, in ns since the start of the recording.
    pub time: u64,
    /// How long it took, in ns; 0 for what has no length.
    pub duration: u64,
    /// The process it is about.
    pub process: Option<ProcessId>,
    /// The thread it is about.
    pub thread: Option<ThreadId>,
    /// What kind of thing.
    pub kind: EventKind,
    /// A number that belongs to it: [`EventKind`] says which.
    pub value: Option<i64>,
    /// A sentence, or a name; may be empty.
    pub text: String,
}

impl Event {
    /// Something without length of which only the time is known.
    pub const fn new(time: u64, kind: EventKind) -> Self {
        Self { time, duration: 0, process: None, thread: None, kind, value: None, text: String::new() }
    }
}

/// Declares [`Accounting`] and the order of its numbers in the file: new ones are added at the end.
macro_rules! accounting {
    ($($(#[$about:meta])* $name:ident)*) => {
        /// What became of the looks, and what they cost, since the start of the recording.
        #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
        pub struct Accounting { $($(#[$about])* pub $name: u64),* }

        impl Accounting {
            /// What each number is called, with the number.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }

            pub(super) fn numbers_mut(&mut self) -> impl Iterator<Item = &mut u64> {
                [$(&mut self.$name),*].into_iter()
            }
        }
    };
}

accounting! {
    /// Looks at a thread that the interval asked for.
    wanted
    /// Looks that were made.
    taken
    /// Of these: at a thread that slept, and is therefore read exactly.
    blocked
    /// Of these: at a thread that had not moved since the last look, so that nothing was read.
    unchanged
    /// Of these: deduced from one copy of a running thread's frame memory.
    deduced
    /// Of these: at a thread stopped for the copy.
    stopped
    /// Of these: at a thread that ran while it was read.
    undecided
    /// Looks that were made later than half an interval.
    late
    /// Looks that were wanted and never made.
    lost
    /// Looks that yielded no stack, or one without its root.
    unreadable
    /// Processor time of pitviper, in ns.
    profiler_cpu
    /// How often a thread was stopped.
    stops
    /// For how long in all, in ns.
    stopped_total
    /// For how long at most, in ns.
    stopped_longest
    /// How long the recording has lasted, in ns.
    duration
    /// How long threads had a processor, or waited for one, between two looks that found them asleep, in ns. It counts
    /// for what they were next seen to execute.
    unseen
}
