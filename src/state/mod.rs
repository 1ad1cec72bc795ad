//! What state a Python is in: how it was started, its interpreters and threads, who holds the GIL, what the
//! collector, the import system, the hooks and the allocator are about. One file for each section; plain structs.
//!
//! Nothing fails as a whole: what a build does not have is `None`, and what could not be read is `None` too and
//! has a sentence among [`State::problems`]. No function of the target is called, and no thread of it stopped.
//!
//! ```no_run
//! use pitviper::{address::Pid, state, target::Target};
//! let target = Target::attach(Pid(1234), None)?;
//! let state = state::read(&target, &state::Options::default());
//! for gil in state.gil.iter().flatten() {
//!     println!("{:?} holds the GIL", gil.holder);
//! }
//! # Ok::<(), pitviper::error::Error>(())
//! ```

mod alloc;
mod exceptions;
mod gc;
mod gil;
mod hooks;
mod imports;
mod interpreters;
mod places;
mod runtime;
mod threads;

pub use alloc::{Alloc, Allocator, SizeClass};
pub use exceptions::Exception;
pub use gc::{Gc, Generation};
pub use gil::Gil;
pub use hooks::{Hooks, InterpreterHooks, Signal, Watcher, Watchers};
pub use imports::{ImportLock, Imports, InProgress, Kind, Origin};
pub use interpreters::Interpreter;
pub use places::Places;
pub use runtime::{Allocators, Runtime};
pub use threads::{Recursion, Stranger, Thread, Threads};

use crate::address::{Addr, Pid};
use crate::memory::Pages;
use crate::objects::{Limits, Value, describe};
use crate::os;
use crate::python::{InterpreterState, Python, Result};
use crate::stacks::{self, Dump, Pausing};
use crate::target::Target;
use std::cell::RefCell;
use std::collections::HashMap;

/// A part of what is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Section {
    /// How Python was built and started.
    Runtime,
    /// Its interpreters.
    Interpreters,
    /// Its threads, and those of the process that it does not know.
    Threads,
    /// Each GIL.
    Gil,
    /// Each garbage collector.
    Gc,
    /// The import system.
    Imports,
    /// What watches or replaces something.
    Hooks,
    /// The object allocator.
    Alloc,
}

impl Section {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 8] = [
        Self::Runtime,
        Self::Interpreters,
        Self::Threads,
        Self::Gil,
        Self::Gc,
        Self::Imports,
        Self::Hooks,
        Self::Alloc,
    ];

    /// What it is called, and what else it may be called.
    pub fn names(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Runtime => ("runtime", &["config"]),
            Self::Interpreters => ("interpreters", &[]),
            Self::Threads => ("threads", &[]),
            Self::Gil => ("gil", &[]),
            Self::Gc => ("gc", &[]),
            Self::Imports => ("imports", &[]),
            Self::Hooks => ("hooks", &[]),
            Self::Alloc => ("alloc", &[]),
        }
    }

    /// What it tells, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Runtime => "Version, build, flags, arguments, prefixes, allocator",
            Self::Interpreters => "Interpreters, with their threads and modules",
            Self::Threads => "Threads: ids, recursion, exceptions, trace functions; and those Python does not know",
            Self::Gil => "Who holds each GIL, who waits, switch interval, requests",
            Self::Gc => "Garbage collector: thresholds, counts, objects of each generation",
            Self::Imports => "Modules in progress, import locks, finders",
            Self::Hooks => "Trace functions, audit hooks, watchers, monitoring tools, signal handlers",
            Self::Alloc => "Arenas, pools and size classes of the object allocator",
        }
    }
}

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The sections; all of them where none is named.
    pub sections: Vec<Section>,
    /// Whether to tell where each module comes from.
    pub origins: bool,
    /// Whether to tell the C members of interpreters and threads.
    pub members: bool,
}

impl Options {
    fn wants(&self, section: Section) -> bool {
        self.sections.is_empty() || self.sections.contains(&section)
    }
}

/// What was read. A section that was not asked for is `None`.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// How Python was built and started.
    pub runtime: Option<Runtime>,
    /// Its interpreters, the main one first.
    pub interpreters: Option<Vec<Interpreter>>,
    /// Its threads.
    pub threads: Option<Threads>,
    /// Each GIL: interpreters may share one.
    pub gil: Option<Vec<Gil>>,
    /// Each garbage collector: before 3.9 interpreters share one.
    pub gc: Option<Vec<Gc>>,
    /// The import system of each interpreter.
    pub imports: Option<Vec<Imports>>,
    /// What watches or replaces something.
    pub hooks: Option<Hooks>,
    /// Each object allocator: before 3.12 interpreters share one.
    pub alloc: Option<Vec<Alloc>>,
    /// What could not be read, a sentence each.
    pub problems: Vec<String>,
}

/// A member of a C struct, as it lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its name in the tables of offsets.
    pub name: &'static str,
    /// Where it lies in the struct.
    pub offset: u32,
    /// How many bytes it has.
    pub size: u32,
    /// Its bytes as a number.
    pub value: u64,
}

/// A thread as other sections name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ThreadName {
    /// `threading.get_ident()`.
    pub id: u64,
    /// The kernel's thread id here.
    pub native_id: Option<Pid>,
    /// The name Python gave it, or else the kernel.
    pub name: Option<String>,
}

impl ThreadName {
    /// The name of `thread`.
    pub fn of(thread: &stacks::Thread) -> Self {
        let name = thread.name.as_ref().or(thread.comm.as_ref()).cloned();
        Self { id: thread.id, native_id: thread.native_id, name }
    }
}

/// More problems than this say nothing new.
const MAX_PROBLEMS: usize = 100;

/// What all sections read with.
pub struct Look<'a> {
    python: Python<'a>,
    places: &'a Places,
    /// The interpreters, the main one first.
    interpreters: Vec<InterpreterState>,
    /// What their threads do.
    dump: Dump,
    /// Threads of the process that Python does not know.
    strangers: Vec<Stranger>,
    problems: RefCell<Vec<String>>,
}

/// Reads the state of `target`.
pub fn read(target: &Target, options: &Options) -> State {
    let dump = stacks::dump(target, &stacks::Options { pausing: Pausing::Never, locals: None });
    let places = Places::of(target);
    let pages = Pages::new(&target.memory);
    let python = Python::new(&pages, &target.layout);
    let list = target.interpreters_head().map(|head| python.interpreters(head));
    let interpreters = list.map_or_else(Vec::new, |list| list.items);
    let problems = RefCell::new(dump.problems.clone());
    let strangers = threads::strangers(target.process.pid, &dump);
    let mut state = Look { python, places: &places, interpreters, dump, strangers, problems }.read(options);
    if !os::process(target.process.pid).is_ok_and(|process| process.state == os::ProcessState::Alive) {
        state.problems.push("the process ended while it was read".to_owned());
    }
    state.problems.dedup();
    state
}

/// As [`read`], from a memory alone: the pointer to the first interpreter is at `head`, and what the kernel knows
/// of threads is not told.
pub fn read_memory(python: Python<'_>, head: Addr, places: &Places, options: &Options) -> State {
    let interpreters = python.interpreters(head).items;
    let known = interpreters.iter().map(|interpreter| {
        let threads = python.threads(*interpreter).items.iter().map(threads::unseen).collect();
        stacks::Interpreter { id: interpreter.id.unwrap_or(0), threads }
    });
    let dump = Dump { interpreters: known.collect(), problems: Vec::new() };
    Look { python, places, interpreters, dump, strangers: Vec::new(), problems: RefCell::default() }.read(options)
}

impl Look<'_> {
    fn read(self, options: &Options) -> State {
        let wants = |section| options.wants(section);
        let mut state = State {
            runtime: wants(Section::Runtime).then(|| self.runtime()),
            interpreters: wants(Section::Interpreters).then(|| self.all_interpreters(options.members)),
            threads: wants(Section::Threads).then(|| self.threads(options.members)),
            gil: wants(Section::Gil).then(|| self.gil()),
            gc: wants(Section::Gc).then(|| self.gc()),
            imports: wants(Section::Imports).then(|| self.imports(options.origins)),
            hooks: wants(Section::Hooks).then(|| self.hooks()),
            alloc: wants(Section::Alloc).then(|| self.alloc()),
            problems: Vec::new(),
        };
        state.problems = self.problems.into_inner();
        state
    }

    /// Notes that something could not be read.
    fn problem(&self, problem: String) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MAX_PROBLEMS && !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// What `read` has yielded of `what`, or a problem.
    fn noted<T>(&self, what: &str, read: Result<T>) -> Option<T> {
        read.map_err(|fault| self.problem(format!("{what} cannot be read: {fault}"))).ok()
    }

    /// The object `name` in the module sys of `interpreter`.
    fn sys(&self, interpreter: InterpreterState, name: &str) -> Option<Addr> {
        let sys = self.python.get(interpreter.address, self.python.layout.interpreter.sysdict);
        let sys = self.noted("sys", sys)??;
        self.noted("sys", self.python.item_named(sys, name))?
    }

    /// The module `name` of `interpreter`, as a dict.
    fn module(&self, interpreter: InterpreterState, name: &str) -> Option<Addr> {
        let modules = self.python.get(interpreter.address, self.python.layout.interpreter.modules).ok()??;
        let module = self.noted("sys.modules", self.python.item_named(modules, name))??;
        self.python.get(module, self.python.layout.module.dict).ok()?
    }

    /// The object `attribute` of the module `name` of `interpreter`.
    fn in_module(&self, interpreter: InterpreterState, name: &str, attribute: &str) -> Option<Addr> {
        let dict = self.module(interpreter, name)?;
        self.noted(name, self.python.item_named(dict, attribute))?
    }

    /// What the object at `address` is, in a line.
    fn describe(&self, address: Addr) -> Value {
        describe(&self.python, address, &Limits { depth: 0, items: MAX_ITEMS, width: WIDTH, printers: None })
    }

    /// The items of the list or tuple at `address`, which is `what`.
    fn items(&self, what: &str, address: Addr) -> Option<Vec<Addr>> {
        use crate::python::flag;
        let read = || {
            let flags = self.python.type_flags(address)?;
            let items = match (flags.has(flag::TUPLE_SUBCLASS), flags.has(flag::LIST_SUBCLASS)) {
                (true, _) => self.python.tuple_items(address, MAX_ITEMS)?.0,
                (_, true) => self.python.list_items(address, MAX_ITEMS)?.0,
                _ => return Err(crate::python::Fault::Implausible(address, "a list")),
            };
            Ok(items.into_iter().flatten().collect())
        };
        self.noted(what, read())
    }

    /// The same, described.
    fn values(&self, what: &str, address: Addr) -> Option<Vec<Value>> {
        Some(self.items(what, address)?.into_iter().map(|item| self.describe(item)).collect())
    }

    /// The text of the str at `address`.
    fn text(&self, address: Addr) -> Option<String> {
        self.python.name(address).ok()
    }

    /// The number of `interpreter`.
    fn number(&self, index: usize) -> i64 {
        let own = self.interpreters.get(index).and_then(|interpreter| interpreter.id);
        own.unwrap_or(i64::try_from(index).unwrap_or(0))
    }

    /// All threads that Python knows, each with the number of its interpreter.
    fn known(&self) -> impl Iterator<Item = (i64, &stacks::Thread)> {
        let interpreters = self.dump.interpreters.iter();
        interpreters.flat_map(|interpreter| interpreter.threads.iter().map(|thread| (interpreter.id, thread)))
    }

    /// The thread whose `threading.get_ident()` is `id`.
    fn thread_of(&self, id: u64) -> Option<ThreadName> {
        self.known().find(|(_, thread)| thread.id == id).map(|(_, thread)| ThreadName::of(thread))
    }

    /// The `fields` of the struct at `base`, in the order in which they lie there.
    fn members(&self, base: Addr, fields: Vec<(&'static str, (u32, u32))>) -> Vec<Member> {
        let read = |(name, (offset, end)): (&'static str, (u32, u32))| {
            let size = end.checked_sub(offset).filter(|size| (1..=8).contains(size))?;
            let mut bytes = [0; 8];
            let read = self.python.memory.read(self.at(base, offset), bytes.get_mut(..size as usize)?);
            self.noted(name, read.map_err(Into::into))?;
            Some(Member { name, offset, size, value: u64::from_le_bytes(bytes) })
        };
        let mut members: Vec<Member> = fields.into_iter().filter_map(read).collect();
        members.sort_by_key(|member| member.offset);
        members
    }

    /// Where a member lies that `offset` bytes behind `base`.
    fn at(&self, base: Addr, offset: u32) -> Addr {
        base.offset(u64::from(offset))
    }

    /// The 32 bits at `address`.
    fn u32(&self, address: Addr) -> Result<u32> {
        let mut word = [0; 4];
        self.python.memory.read(address, &mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    /// The value of the static int `name`, where the file tells where that is.
    fn static_word(&self, name: &str) -> Option<i32> {
        self.noted(name, self.u32(self.places.static_at(name)?)).map(u32::cast_signed)
    }

    /// The groups of interpreters, by their index, for which `of` yields the same, in order.
    fn shared<K: Eq + std::hash::Hash + Clone>(&self, of: impl Fn(usize) -> Option<K>) -> Vec<(Option<K>, Vec<usize>)> {
        let mut groups: Vec<(Option<K>, Vec<usize>)> = Vec::new();
        let mut places: HashMap<K, usize> = HashMap::new();
        for index in 0..self.interpreters.len() {
            let key = of(index);
            let known = key.as_ref().and_then(|key| places.get(key)).copied();
            match known.and_then(|place| groups.get_mut(place)) {
                Some((_, indices)) => indices.push(index),
                None => {
                    places.extend(key.clone().map(|key| (key, groups.len())));
                    groups.push((key, vec![index]));
                }
            }
        }
        groups
    }
}

/// Of a list so many items are told.
const MAX_ITEMS: usize = 1000;
/// And of one object so many characters.
const WIDTH: usize = 1000;
