//! What a thread waits for in the words of Python: by the functions of the library in which it stands.

use crate::address::Addr;
use crate::locks::Kind;
use crate::locks::scene::{Call, Scene};

/// What it means that a thread stands in a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// It waits for a thing of this kind, which the variable of the row is.
    Waits(Kind),
    /// It waits for whatever the function that it calls waits for.
    Passes,
    /// It takes a recursive lock that is written in Python.
    TakesRLock,
}

/// A function of the library.
#[derive(Debug)]
pub struct Row {
    /// How the name of its file ends.
    file: &'static str,
    function: &'static str,
    /// Classes of the variable, the one of which derives from any; none for any class.
    classes: &'static [&'static str],
    /// The variable that is waited for; empty if there is none.
    variable: &'static str,
    /// What it means.
    pub meaning: Meaning,
}

use Meaning::{Passes, TakesRLock, Waits};

const fn row(
    file: &'static str,
    function: &'static str,
    classes: &'static [&'static str],
    variable: &'static str,
    meaning: Meaning,
) -> Row {
    Row { file, function, classes, variable, meaning }
}

/// `threading.Condition`, and its name in 2.7.
pub const CONDITION_CLASSES: &[&str] = &["Condition", "_Condition"];
/// `threading.Semaphore`, and its name in 2.7.
pub const SEMAPHORE_CLASSES: &[&str] = &["Semaphore", "_Semaphore"];
const CONDITION: &[&str] = CONDITION_CLASSES;
const SEMAPHORE: &[&str] = SEMAPHORE_CLASSES;
const EVENT: &[&str] = &["Event", "_Event"];

/// The functions of the library in which threads wait, as of 2.7 to 3.15. Of functions that call each other
/// the outermost says what the thread waits for.
const ROWS: &[Row] = &[
    row("threading.py", "wait", CONDITION, "self", Waits(Kind::Condition)),
    row("threading.py", "wait_for", CONDITION, "self", Passes),
    row("threading.py", "__enter__", CONDITION, "self", Passes),
    row("threading.py", "wait", EVENT, "self", Waits(Kind::Event)),
    row("threading.py", "acquire", SEMAPHORE, "self", Waits(Kind::Semaphore)),
    row("threading.py", "wait", &["Barrier"], "self", Waits(Kind::Barrier)),
    row("threading.py", "_wait", &["Barrier"], "self", Passes),
    row("threading.py", "_enter", &["Barrier"], "self", Passes),
    row("threading.py", "acquire", &["_RLock"], "self", TakesRLock),
    row("threading.py", "_wait_for_tstate_lock", &["Thread"], "self", Passes),
    row("threading.py", "join", &["Thread"], "self", Waits(Kind::Join)),
    row("threading.py", "start", &["Thread"], "self", Waits(Kind::Start)),
    row("threading.py", "_exitfunc", &[], "", Waits(Kind::Shutdown)),
    row("threading.py", "_shutdown", &[], "", Waits(Kind::Shutdown)),
    row("queue.py", "get", &[], "self", Waits(Kind::QueueGet)),
    row("queue.py", "put", &[], "self", Waits(Kind::QueuePut)),
    row("queue.py", "join", &[], "self", Waits(Kind::QueueJoin)),
    row("Queue.py", "get", &[], "self", Waits(Kind::QueueGet)),
    row("Queue.py", "put", &[], "self", Waits(Kind::QueuePut)),
    row("Queue.py", "join", &[], "self", Waits(Kind::QueueJoin)),
    row("concurrent/futures/_base.py", "result", &["Future"], "self", Waits(Kind::Future)),
    row("concurrent/futures/_base.py", "exception", &["Future"], "self", Waits(Kind::Future)),
    row("concurrent/futures/_base.py", "wait", &[], "fs", Waits(Kind::Futures)),
    row("concurrent/futures/_base.py", "as_completed", &[], "fs", Waits(Kind::Futures)),
    row("multiprocessing/pool.py", "wait", &["ApplyResult"], "self", Waits(Kind::PoolResult)),
    row("multiprocessing/pool.py", "get", &["ApplyResult"], "self", Waits(Kind::PoolResult)),
    row("multiprocessing/synchronize.py", "__enter__", &["SemLock"], "self", Passes),
    row("subprocess.py", "_try_wait", &["Popen"], "self", Waits(Kind::Process)),
    row("subprocess.py", "_wait", &["Popen"], "self", Waits(Kind::Process)),
    row("subprocess.py", "wait", &["Popen"], "self", Waits(Kind::Process)),
    row("subprocess.py", "_eintr_retry_call", &[], "", Passes),
    row("multiprocessing/popen_fork.py", "poll", &["Popen"], "self", Waits(Kind::Process)),
    row("multiprocessing/popen_fork.py", "wait", &["Popen"], "self", Waits(Kind::Process)),
    row("multiprocessing/forking.py", "poll", &["Popen"], "self", Waits(Kind::Process)),
    row("multiprocessing/forking.py", "wait", &["Popen"], "self", Waits(Kind::Process)),
    row("multiprocessing/process.py", "join", &["BaseProcess", "Process"], "self", Waits(Kind::Process)),
    row("<frozen importlib._bootstrap>", "acquire", &["_ModuleLock"], "self", Waits(Kind::Import)),
    row("importlib/_bootstrap.py", "acquire", &["_ModuleLock"], "self", Waits(Kind::Import)),
];

/// A frame that stands in a function of the table.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Its number.
    pub frame: usize,
    /// The row.
    pub row: &'static Row,
    /// The variable of the row.
    pub object: Option<Addr>,
}

impl Scene<'_> {
    /// The innermost frames as far as they stand in functions of the table.
    pub fn library(&self) -> Vec<Standing> {
        let standing = |(frame, call)| self.standing(frame, call);
        self.calls.iter().enumerate().map_while(standing).collect()
    }

    /// What it means that the frame of number `frame` stands where it does.
    pub fn standing(&self, frame: usize, call: &Call) -> Option<Standing> {
        let file = call.code.filename.as_str();
        let named = |row: &&Row| row.function == call.code.name && is_file(file, row.file);
        let mut object = None;
        let mut classes = None;
        for row in ROWS.iter().filter(named) {
            if !row.variable.is_empty() && object.is_none() {
                object = self.variable(call, row.variable);
            }
            let own = || object.map_or_else(Vec::new, |object| self.classes(object));
            let fits = row.classes.is_empty() || {
                let known = classes.get_or_insert_with(own);
                known.iter().any(|class| row.classes.contains(&class.as_str()))
            };
            if fits {
                return Some(Standing { frame, row, object });
            }
        }
        None
    }
}

/// Whether `file` is `name`, in whatever folder.
pub fn is_file(file: &str, name: &str) -> bool {
    file.strip_suffix(name).is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
}
