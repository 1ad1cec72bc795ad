//! Finding what a path names.

use crate::address::{Addr, Pid};
use crate::error::{Error, Result};
use crate::memory::Pages;
use crate::paths::steps::{Attribute, attribute, chain, item, module_dict};
use crate::paths::{Key, Path, Root, Step};
use crate::python::{CodeCache, Collector, InterpreterState, Part, Python, RawFrame, TaskObject, ThreadState, flag};
use crate::stacks::{self, NativeId, NativeIds, names};
use crate::target::Target;
use std::cell::Cell;
use std::collections::HashMap;

/// What a path leads to.
#[derive(Clone, PartialEq, Debug)]
pub enum Place {
    /// An object.
    Object(Addr),
    /// A value that is no object: a member of a C struct.
    Plain(Part),
    /// A frame of a thread, and its number: 0 is the innermost.
    Frame(RawFrame, usize),
    /// A thread, by its number among those of its interpreter.
    Thread(usize),
    /// All objects of a class that the garbage collector knows, or all tasks with a name, and why there may be more.
    Instances(Vec<Addr>, Option<String>),
    /// Objects that follow one another, each with the name of the link that led there.
    Chain(Vec<(Addr, &'static str)>),
}

/// A thread that paths may begin with.
#[derive(Clone, Debug)]
pub struct Known {
    /// What CPython says of it.
    pub state: ThreadState,
    /// The kernel's id of it here, where it can be told.
    pub tid: Option<Pid>,
    /// The name Python gave it.
    pub name: Option<String>,
}

/// Finds what paths name, in one interpreter of a target.
pub struct Resolver<'p> {
    target: &'p Target,
    pages: &'p Pages<'p>,
    /// What paths are read with.
    pub python: Python<'p>,
    pub(super) codes: &'p CodeCache,
    pub(super) interpreter: InterpreterState,
    /// Its threads, the oldest first: the order of `dump`.
    pub threads: Vec<Known>,
    /// Whether the stack that was read last was between two instructions that change it.
    torn: Cell<bool>,
}

/// Objects of a target that are gone through for those of a class.
const MAX_OBJECTS: u64 = 50_000_000;
/// Dicts of classes and modules that are searched for a type.
const MAX_MODULES: usize = 20_000;
/// Wrappers within wrappers: a partial of a method of a decorated function.
const MAX_WRAPPERS: usize = 8;

impl<'p> Resolver<'p> {
    /// For paths into interpreter `number` (`None`: the main one) of `target`, read through `pages`.
    pub fn new(target: &'p Target, pages: &'p Pages<'p>, codes: &'p CodeCache, number: Option<i64>) -> Result<Self> {
        let python = Python::new(pages, &target.layout);
        let pid = target.process.pid;
        let head = target.interpreters_head().ok_or_else(|| {
            Error::failed(format!("pid {pid}: Python is starting up or has finished: there is no interpreter"))
        })?;
        let interpreters = python.interpreters(head).items;
        let is_wanted = |index: usize, state: &InterpreterState| {
            number.map_or(index == 0, |number| state.id.unwrap_or(index as i64) == number)
        };
        let found = interpreters.iter().enumerate().find(|(index, state)| is_wanted(*index, state));
        let Some((_, interpreter)) = found else {
            let known: Vec<String> =
                interpreters.iter().enumerate().map(|(at, state)| state.id.unwrap_or(at as i64).to_string()).collect();
            let wanted = number.map_or_else(|| "main interpreter".to_owned(), |number| format!("interpreter {number}"));
            return Err(Error::failed(format!("pid {pid}: there is no {wanted}"))
                .hint(format!("its interpreters are {}", known.join(", "))));
        };
        let python = python.of_interpreter(interpreter.address);
        let states = python.threads(*interpreter).items;
        let ids = NativeIds::read(pid, &python, &states);
        let mut names: HashMap<u64, String> = names(&python, *interpreter);
        let known = |state: ThreadState| Known {
            tid: match ids.of(&state) {
                NativeId::Known(tid) => Some(tid),
                NativeId::Ended | NativeId::Unknown => None,
            },
            name: names.remove(&state.id),
            state,
        };
        let threads = states.into_iter().map(known).collect();
        let torn = Cell::new(false);
        Ok(Self { target, pages, python, codes, interpreter: *interpreter, threads, torn })
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        self.target.process.pid
    }

    /// Forgets what was read: the next read is of now.
    pub(super) fn forget(&self) {
        self.pages.forget();
        self.codes.renew();
        self.torn.set(false);
    }

    /// Whether the stack that was read since was between two instructions that change it.
    pub(super) fn is_torn(&self) -> bool {
        self.torn.get()
    }

    /// What `path` leads to. The error names the step that leads nowhere, and what is there instead.
    pub fn resolve(&self, path: &Path) -> Result<Place> {
        let (mut place, mut so_far, steps) = match &path.root {
            Root::Name(name) => self.dotted(name)?,
            Root::Address(address) => {
                let at = Addr::new(*address).ok_or_else(|| Error::failed("0x0 is no object"))?;
                self.python
                    .type_of(at)
                    .and_then(|class| self.python.tp_name(class))
                    .map_err(|fault| Error::failed(format!("{at} is no object")).because(fault))?;
                (Place::Object(at), path.root.to_string(), Vec::new())
            }
            Root::Type(name) => {
                let (class, rest) = self.class(name)?;
                (Place::Object(class), path.root.to_string(), rest)
            }
            Root::All(name) => {
                let (class, rest) = self.class(name)?;
                if let Some(step) = rest.first() {
                    return Err(Error::failed(format!("all:{name} is no class: it ends in {step}")));
                }
                (self.instances(class, name)?, path.root.to_string(), Vec::new())
            }
            Root::Code(inner) => (self.code(inner)?, path.root.to_string(), Vec::new()),
            Root::Thread(name) => (Place::Thread(self.thread(name)?), path.root.to_string(), Vec::new()),
            Root::Task(name) => self.task(name)?,
        };
        for step in steps.iter().chain(&path.steps) {
            place = self.step(&place, step, &so_far)?;
            so_far.push_str(&step.to_string());
        }
        Ok(place)
    }

    /// The garbage collector of the interpreter; `None` where it cannot be found.
    pub fn collector(&self) -> Option<Collector> {
        stacks::collector(self.target, &self.python, self.interpreter).ok().flatten()
    }

    /// All objects of the class at `class`, or of one that derives from it, that the garbage collector knows.
    fn instances(&self, class: Addr, name: &str) -> Result<Place> {
        if self.python.layout.free_threaded() {
            return Err(Error::failed(format!(
                "all:{name} cannot be told: free-threaded builds keep no lists of objects"
            )));
        }
        let cannot = || Error::failed(format!("all:{name}: the lists of the garbage collector cannot be read"));
        let found = stacks::collector(self.target, &self.python, self.interpreter);
        let collector = found.map_err(|fault| cannot().because(fault))?.ok_or_else(cannot)?;
        let known = self.python.gc_objects(&collector, MAX_OBJECTS);
        // Millions of objects have some thousand classes.
        let mut derive: HashMap<Addr, bool> = HashMap::new();
        let mut is_one = |at: Addr| {
            let Ok(of) = self.python.type_of(at) else { return false };
            *derive.entry(of).or_insert_with(|| self.python.mro(of).is_ok_and(|mro| mro.contains(&class)))
        };
        let instances = known.items.into_iter().map(|object| object.address).filter(|at| is_one(*at)).collect();
        Ok(Place::Instances(instances, known.fault.map(|fault| fault.to_string())))
    }

    /// The thread that `name` is: the name or kernel id of one, or its number in this interpreter.
    pub fn thread(&self, name: &str) -> Result<usize> {
        let by_name = self.threads.iter().position(|thread| thread.name.as_deref() == Some(name));
        let number: Option<usize> = name.parse().ok();
        let by_tid = || self.threads.iter().position(|t| t.tid.is_some_and(|tid| Some(tid.0 as usize) == number));
        let by_number = || number.filter(|number| *number < self.threads.len());
        by_name.or_else(by_tid).or_else(by_number).ok_or_else(|| {
            let known: Vec<String> = self
                .threads
                .iter()
                .enumerate()
                .take(20)
                .map(|(at, thread)| {
                    thread.name.as_ref().map_or_else(|| at.to_string(), |name| format!("{at} {name:?}"))
                })
                .collect();
            Error::failed(format!("there is no thread {name:?}")).hint(format!("its threads are {}", known.join(", ")))
        })
    }

    /// The tasks that the longest prefix of `name` names; the rest are steps.
    fn task(&self, name: &str) -> Result<(Place, String, Vec<Step>)> {
        let tasks = self.python.tasks(self.interpreter);
        let ends = name.rmatch_indices('.').map(|(end, _)| end);
        for end in std::iter::once(name.len()).chain(ends) {
            let (prefix, rest) = name.split_at(end);
            let is_wanted =
                |task: &&TaskObject| task.name.as_deref() == Some(prefix) || task.qualname.as_deref() == Some(prefix);
            let found: Vec<Addr> = tasks.items.iter().filter(is_wanted).map(|task| task.address).collect();
            let place = match found.as_slice() {
                [] => continue,
                [task] => Place::Object(*task),
                _ => Place::Instances(found, tasks.fault.as_ref().map(ToString::to_string)),
            };
            let steps = rest.split('.').skip(1).map(|name| Step::Attribute(name.to_owned())).collect();
            return Ok((place, format!("task:{prefix}"), steps));
        }
        let error = Error::failed(format!("there is no task {name:?}"));
        let error = match tasks.fault {
            Some(fault) => error.because(fault),
            None => error,
        };
        let known: Vec<String> = self.task_names(&tasks.items).into_iter().take(20).collect();
        Err(match known.as_slice() {
            [] => error.hint("asyncio knows no task in this interpreter"),
            known => error.hint(format!("its tasks are {}", known.join(", "))),
        })
    }

    /// What the task at `at` executes; `None` if it is none.
    fn coroutine(&self, at: Addr) -> Option<Addr> {
        self.python.tasks(self.interpreter).items.into_iter().find(|task| task.address == at)?.coroutine
    }

    /// What `tasks` are called: each name once.
    pub(super) fn task_names(&self, tasks: &[TaskObject]) -> std::collections::BTreeSet<String> {
        let name = |task: &TaskObject| task.name.clone().or_else(|| task.qualname.clone());
        tasks.iter().filter_map(name).collect()
    }

    /// The longest prefix of `name` that is a module; the rest are steps.
    fn dotted(&self, name: &str) -> Result<(Place, String, Vec<Step>)> {
        let parts: Vec<&str> = name.split('.').collect();
        let rest = |from: usize| parts.iter().skip(from).map(|part| Step::Attribute((*part).to_owned())).collect();
        for count in (1..=parts.len()).rev() {
            let module = parts.get(..count).unwrap_or_default().join(".");
            if let Some(module_at) = self.module(&module) {
                return Ok((Place::Object(module_at), module, rest(count)));
            }
        }
        let first = parts.first().copied().unwrap_or_default();
        let main = self.module("__main__").and_then(|main| module_dict(&self.python, main).ok().flatten());
        let builtins =
            self.python.get(self.interpreter.address, self.python.layout.interpreter.builtins).ok().flatten();
        for dict in [main, builtins].into_iter().flatten() {
            if let Ok(Some(value)) = self.python.item_named(dict, first) {
                return Ok((Place::Object(value), first.to_owned(), rest(1)));
            }
        }
        Err(Error::failed(format!("there is no module {first:?}, and no such name in __main__ or builtins"))
            .hint(self.similar(first).unwrap_or_else(|| "t:THREAD.f[0].NAME names a variable of a frame".to_owned())))
    }

    pub(super) fn modules(&self) -> Option<Addr> {
        self.python.get(self.interpreter.address, self.python.layout.interpreter.modules).ok().flatten()
    }

    pub(super) fn module(&self, name: &str) -> Option<Addr> {
        self.python.item_named(self.modules()?, name).ok().flatten()
    }

    /// Names like `name` in `__main__` and among the modules.
    fn similar(&self, name: &str) -> Option<String> {
        let main = self.module("__main__").and_then(|main| module_dict(&self.python, main).ok().flatten());
        let mut near: Vec<String> = Vec::new();
        for dict in [main, self.modules()].into_iter().flatten() {
            let (items, _) = self.python.dict_items(dict, MAX_MODULES).ok()?;
            let names = items.iter().filter_map(|item| self.python.name(item.key).ok());
            near.extend(names.filter(|known| is_near(known, name)).take(5));
        }
        (!near.is_empty()).then(|| format!("did you mean {}", near.join(", ")))
    }

    /// The class that the longest prefix of `name` is, and the attributes that follow: `module.Class`, or a
    /// builtin; where no module holds it, by the classes of what modules hold.
    fn class(&self, name: &str) -> Result<(Addr, Vec<Step>)> {
        let ends = name.rmatch_indices('.').map(|(end, _)| end);
        let prefixes: Vec<&str> = std::iter::once(name.len()).chain(ends).filter_map(|end| name.get(..end)).collect();
        let rest = |prefix: &str| {
            let rest = name.get(prefix.len()..).unwrap_or_default().trim_start_matches('.');
            rest.split('.').filter(|part| !part.is_empty()).map(|part| Step::Attribute(part.to_owned())).collect()
        };
        let is_class = |at: Addr| self.python.type_flags(at).is_ok_and(|flags| flags.has(flag::TYPE_SUBCLASS));
        for prefix in &prefixes {
            let Ok((place, _, steps)) = self.dotted(prefix) else { continue };
            let found = steps.iter().try_fold(place, |place, step| self.step(&place, step, name));
            match found {
                Ok(Place::Object(at)) if is_class(at) => return Ok((at, rest(prefix))),
                _ => {}
            }
        }
        let seen = self.seen_classes();
        let find = |prefix: &&str| Some((*seen.iter().find(|class| self.is_called(**class, prefix))?, rest(prefix)));
        prefixes.iter().find_map(find).ok_or_else(|| {
            Error::failed(format!("there is no class {name:?}"))
                .hint("write it as module.Class, or as a builtin's name")
        })
    }

    fn is_called(&self, class: Addr, name: &str) -> bool {
        let Ok((module, qualname)) = self.python.qualified_name(class) else { return false };
        let full = module.map_or_else(|| qualname.clone(), |module| format!("{module}.{qualname}"));
        full == name || qualname == name || self.python.tp_name(class).is_ok_and(|tp_name| tp_name == name)
    }

    /// Classes of what modules hold: their values, and the classes of these.
    fn seen_classes(&self) -> Vec<Addr> {
        let python = &self.python;
        let modules = self.modules().and_then(|dict| python.dict_items(dict, MAX_MODULES).ok());
        let mut seen = std::collections::BTreeSet::new();
        for module in modules.unwrap_or_default().0 {
            let Ok(Some(dict)) = module_dict(python, module.value) else { continue };
            for item in python.dict_items(dict, MAX_MODULES).unwrap_or_default().0 {
                let is_class = python.type_flags(item.value).is_ok_and(|flags| flags.has(flag::TYPE_SUBCLASS));
                seen.extend(is_class.then_some(item.value));
                seen.extend(python.type_of(item.value).ok());
            }
        }
        seen.into_iter().collect()
    }

    /// The code object behind what `path` leads to.
    fn code(&self, path: &Path) -> Result<Place> {
        match self.resolve(path)? {
            Place::Frame(frame, _) => {
                frame.code.map(Place::Object).ok_or_else(|| Error::failed(format!("{path} executes nothing")))
            }
            Place::Object(at) => self.code_of(at).map(Place::Object).ok_or_else(|| {
                Error::failed(format!("{path} has no code object"))
                    .hint("a function, method, generator or frame has one")
            }),
            _ => Err(Error::failed(format!("{path} is no function"))),
        }
    }

    /// The code object behind the object at `at`: of a method its function, of what is decorated what it wraps, of
    /// that its code.
    pub fn code_of(&self, mut at: Addr) -> Option<Addr> {
        for _ in 0..MAX_WRAPPERS {
            if self.python.type_of(at).and_then(|class| self.python.tp_name(class)).is_ok_and(|name| name == "code") {
                return Some(at);
            }
            let links =
                ["__code__", "__func__", "__wrapped__", "func", "fget", "gi_code", "cr_code", "ag_code", "f_code"];
            at = links.iter().find_map(|link| match attribute(&self.python, at, link) {
                Some(Attribute::Object(next)) => Some(next),
                _ => None,
            })?;
        }
        None
    }

    /// The object at `at`, or if that is a task of asyncio what it executes.
    pub fn executed(&self, at: Addr) -> Addr {
        // Who is no task need not be looked for among all tasks.
        let may_be_task = attribute(&self.python, at, "_coro").is_some();
        may_be_task.then(|| self.coroutine(at)).flatten().unwrap_or(at)
    }

    fn step(&self, place: &Place, step: &Step, so_far: &str) -> Result<Place> {
        match (place, step) {
            (Place::Thread(thread), step) => self.of_thread(*thread, step, so_far),
            (Place::Frame(frame, _), Step::Attribute(name)) => self.of_frame(frame, name, so_far),
            (Place::Frame(..), Step::Chain) => {
                Err(Error::failed(format!("{so_far} is a frame; `pitviper dump` shows those that called it")))
            }
            (Place::Object(at), Step::Attribute(name)) => match attribute(&self.python, *at, name) {
                Some(Attribute::Object(value)) => Ok(Place::Object(value)),
                Some(Attribute::Plain(part)) => Ok(Place::Plain(part)),
                Some(Attribute::Computed(how)) => {
                    // Of a task of C code it is known all the same.
                    if name == "_coro"
                        && let Some(coroutine) = self.coroutine(*at)
                    {
                        return Ok(Place::Object(coroutine));
                    }
                    Err(Error::failed(format!("{so_far}.{name} is nowhere in memory: {how}, and nothing is executed")))
                }
                None => Err(self.no_attribute(*at, name, so_far)),
            },
            (Place::Object(at), Step::Item(key)) => item(&self.python, *at, key)
                .map(Place::Object)
                .map_err(|why| Error::failed(format!("{so_far}[{key}]: {why}"))),
            (Place::Object(at), Step::Chain) => Ok(Place::Chain(chain(&self.python, *at))),
            (Place::Instances(all, _), Step::Item(Key::Int(index))) => {
                let found = usize::try_from(*index).ok().and_then(|index| all.get(index));
                let found = found.copied().map(Place::Object);
                found.ok_or_else(|| Error::failed(format!("{so_far}[{index}]: there are {}", all.len())))
            }
            (Place::Instances(all, _), step) => Err(Error::failed(format!("{so_far} has no {step}"))
                .hint(format!("there are {}: {so_far}[0] is the first", all.len()))),
            (_, step) => Err(Error::failed(format!("{so_far} has no {step}"))),
        }
    }

    fn no_attribute(&self, at: Addr, name: &str, so_far: &str) -> Error {
        let class = self.python.type_of(at).and_then(|class| self.python.type_name(class));
        let kind = class.map_or_else(|_| "an unreadable object".to_owned(), |class| format!("a {class}"));
        let error = Error::failed(format!("{so_far} is {kind} and has no attribute {name}"));
        let dict = module_dict(&self.python, at).ok().flatten();
        let items = match dict {
            Some(dict) => self.python.dict_items(dict, MAX_MODULES).map(|found| found.0),
            None => self.python.attributes(at, MAX_MODULES),
        };
        let names: Vec<String> =
            items.unwrap_or_default().iter().filter_map(|i| self.python.name(i.key).ok()).collect();
        let near: Vec<&str> = names.iter().map(String::as_str).filter(|known| is_near(known, name)).take(5).collect();
        if near.is_empty() { error } else { error.hint(format!("did you mean {}", near.join(", "))) }
    }

    /// The frames of thread `number` that execute Python code, the innermost first.
    pub fn frames(&self, number: usize) -> Vec<RawFrame> {
        let Some(known) = self.threads.get(number) else { return Vec::new() };
        let stack = self.python.stack(known.state.address);
        self.torn.set(stack.torn);
        let is_call = |frame: &RawFrame| matches!(self.python.call(self.codes, frame), Ok(Some(_)));
        stack.walk.frames.into_iter().filter(is_call).collect()
    }

    fn of_thread(&self, thread: usize, step: &Step, so_far: &str) -> Result<Place> {
        let frames = self.frames(thread);
        let found = match step {
            Step::Frame(index) => Some(*index),
            Step::FrameOf(name) => frames.iter().position(|frame| {
                let code = frame.code.and_then(|code| self.codes.get(&self.python, code).ok());
                code.is_some_and(|code| code.name == *name || code.qualname.as_deref() == Some(name))
            }),
            _ => {
                return Err(Error::failed(format!(
                    "{so_far} is a thread: .f[N] or .f[FUNCTION] name one of its frames"
                )));
            }
        };
        let found = found.and_then(|number| Some(Place::Frame(*frames.get(number)?, number)));
        found.ok_or_else(|| {
            Error::failed(format!("{so_far} has no frame {step}"))
                .hint(format!("it has {} frames; `pitviper dump` shows them, the innermost first", frames.len()))
        })
    }

    /// A variable of `frame`, or what else Python calls an attribute of a frame.
    fn of_frame(&self, frame: &RawFrame, name: &str, so_far: &str) -> Result<Place> {
        let layout = &self.python.layout.frame;
        let field = match name {
            "f_globals" => Some(layout.globals),
            "f_builtins" => Some(layout.builtins),
            "f_locals" => Some(layout.locals),
            _ => None,
        };
        if let Some(field) = field {
            let value = self.python.get(frame.address, field).ok().flatten();
            return value.map(Place::Object).ok_or_else(|| Error::failed(format!("{so_far} has no {name}")));
        }
        if name == "f_code" {
            return frame.code.map(Place::Object).ok_or_else(|| Error::failed(format!("{so_far} executes nothing")));
        }
        let code = frame.code.and_then(|code| self.codes.get(&self.python, code).ok());
        let code = code.ok_or_else(|| Error::failed(format!("{so_far} executes nothing that can be read")))?;
        let variables = self.python.variables(frame, &code).map_err(|fault| Error::failed(so_far).because(fault))?;
        let mut names = Vec::new();
        if let Some(variables) = variables {
            if let Some(found) = variables.iter().find(|variable| variable.name == name) {
                return Ok(Place::Object(found.value));
            }
            names = variables.into_iter().map(|variable| variable.name).collect();
        }
        // As the compiler looks a name up: the mapping of a class body or module, globals, builtins.
        for field in [layout.locals, layout.globals, layout.builtins] {
            let Some(dict) = self.python.get(frame.address, field).ok().flatten() else { continue };
            if let Ok(Some(value)) = self.python.item_named(dict, name) {
                return Ok(Place::Object(value));
            }
        }
        let error = Error::failed(format!("{so_far} ({}) has no variable {name}, or it is unbound", code.name));
        Err(if names.is_empty() { error } else { error.hint(format!("its variables are {}", names.join(", "))) })
    }
}

/// Whether a user who wrote `wanted` may have meant `known`: the same but for case, or one within the other.
fn is_near(known: &str, wanted: &str) -> bool {
    let (known, wanted) = (known.to_lowercase(), wanted.to_lowercase());
    known == wanted || wanted.len() > 2 && (known.contains(&wanted) || wanted.contains(&known) && known.len() > 2)
}
