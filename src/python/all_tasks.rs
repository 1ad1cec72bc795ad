//! All tasks of asyncio that an interpreter has.
//!
//! asyncio itself notes them: in weak sets and a set, as attributes of the module `asyncio.tasks` or, before 3.7, of
//! its classes; tasks of C code from 3.14 on in a list of each thread, and one of those whose thread has ended. In 3.6
//! the weak set of tasks of C code is a static of the module `_asyncio`, which lies near the class.

use crate::address::Addr;
use crate::layout::Word;
use crate::python::{Fault, InterpreterState, Partial, Python, Result, flag};
use std::collections::{BTreeMap, HashSet};

/// A task, or a future that a program registered as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskObject {
    /// Where it lies.
    pub address: Addr,
    /// `get_name()` (3.8+). `None` where it cannot be told: of a task of C code that has ended, if there is no other.
    pub name: Option<String>,
    /// What it executes; `None` where it has ended, or that cannot be told.
    pub coroutine: Option<Addr>,
    /// `__qualname__` of its coroutine.
    pub qualname: Option<String>,
}

/// More tasks of one interpreter are garbage.
const MAX_TASKS: usize = 1_000_000;
/// A task has a dozen attributes, and those that a program gives it.
const MAX_ATTRIBUTES: usize = 1000;
/// Around the class of `_asyncio`, on either side, so many bytes may be statics of that module.
const STATICS: u64 = 64 * 1024;
const PAGE: usize = 4096;
/// How many bytes of a task of C code lie from its place in a list to its end: the two links
/// (`TaskObj.task_node`, Modules/_asynciomodule.c, 3.14+), in free-threaded builds also the id of a thread.
const BEHIND: [i64; 2] = [16, 24];

/// Where asyncio keeps tasks in one interpreter.
struct Asyncio {
    /// The names of the module `asyncio.tasks`.
    names: Addr,
    /// The class of tasks of C code.
    class: Option<Addr>,
}

impl Python<'_> {
    /// All tasks of `interpreter`, and why there may be more; none while asyncio is not imported. Of those that have
    /// ended, some: the ones that something refers to still.
    pub fn tasks(&self, interpreter: InterpreterState) -> Partial<TaskObject> {
        let mut found = Found { addresses: Vec::new(), known: HashSet::new(), fault: None };
        let Some(asyncio) = self.asyncio(interpreter) else { return Partial { items: Vec::new(), fault: None } };
        self.registered_tasks(&asyncio, &mut found);
        self.listed_tasks(&asyncio, interpreter, &mut found);
        let is_c = |at: Addr| {
            let mro = self.type_of(at).and_then(|class| self.mro(class)).unwrap_or_default();
            asyncio.class.is_some_and(|class| mro.contains(&class))
        };
        let (c, python): (Vec<Addr>, Vec<Addr>) = found.addresses.into_iter().partition(|at| is_c(*at));
        let mut items = self.tasks_of_c(&c);
        items.extend(python.into_iter().map(|at| self.task_of_python(at)));
        Partial { items, fault: found.fault }
    }

    fn asyncio(&self, interpreter: InterpreterState) -> Option<Asyncio> {
        let modules = self.get(interpreter.address, self.layout.interpreter.modules).ok()??;
        let dict_of = |name: &str| {
            let module = self.item_named(modules, name).ok()??;
            self.get(module, self.layout.module.dict).ok()?
        };
        let names = dict_of("asyncio.tasks")?;
        let is_class = |at: &Addr| self.type_flags(*at).is_ok_and(|flags| flags.has(flag::TYPE_SUBCLASS));
        let class = dict_of("_asyncio").and_then(|names| self.item_named(names, "Task").ok()?).filter(is_class);
        Some(Asyncio { names, class })
    }

    /// Tasks in the sets of Python code.
    fn registered_tasks(&self, asyncio: &Asyncio, found: &mut Found) {
        let named = |name: &str| self.item_named(asyncio.names, name).ok().flatten();
        let of_class = |class: &str| {
            let class = named(class).filter(|at| self.type_flags(*at).is_ok_and(|f| f.has(flag::TYPE_SUBCLASS)))?;
            let dict = self.get(class, self.layout.type_object.dict).ok()??;
            self.item_named(dict, "_all_tasks").ok()?
        };
        let own = [named("_all_tasks"), named("_scheduled_tasks"), of_class("Task"), of_class("_PyTask")];
        let is_hidden = own.iter().take(3).all(Option::is_none);
        let statics = asyncio.class.filter(|_| is_hidden).map(|class| self.weak_sets_around(class));
        for set in own.into_iter().flatten().chain(statics.into_iter().flatten()) {
            let members = self.weak_set(set);
            found.note(members, |member| self.get(member, self.layout.weak_ref.object).ok().flatten());
        }
        if let Some(set) = named("_eager_tasks") {
            found.note(self.set_items(set, MAX_TASKS).map(|(items, _)| items), Some);
        }
        let is_none = |at: &Addr| self.type_of(*at).and_then(|c| self.tp_name(c)).is_ok_and(|name| name == "NoneType");
        found.addresses.retain(|at| !is_none(at));
    }

    /// The weak references in the `weakref.WeakSet` at `set` (Lib/_weakrefset.py).
    fn weak_set(&self, set: Addr) -> Result<Vec<Addr>> {
        let data = self.attribute(set, "data")?.ok_or(Fault::Implausible(set, "a WeakSet"))?;
        Ok(self.set_items(data, MAX_TASKS)?.0)
    }

    /// Weak sets that statics refer to which lie near the static class at `class`.
    fn weak_sets_around(&self, class: Addr) -> Vec<Addr> {
        if self.flags_of(class).is_ok_and(|flags| flags.has(flag::HEAPTYPE)) {
            return Vec::new();
        }
        let first = class.get().saturating_sub(STATICS) / PAGE as u64 * PAGE as u64;
        let mut found = Vec::new();
        let mut page = vec![0; PAGE];
        for at in (first..class.get().saturating_add(STATICS)).step_by(PAGE).filter_map(Addr::new) {
            if self.memory.read(at, &mut page).is_err() {
                continue;
            }
            let words = page.chunks_exact(Addr::SIZE).filter_map(Addr::decode);
            let is_weak_set =
                |at: &Addr| self.type_of(*at).and_then(|class| self.tp_name(class)).is_ok_and(|name| name == "WeakSet");
            found.extend(words.filter(|at| at.get() % Addr::SIZE as u64 == 0).filter(is_weak_set));
        }
        found
    }

    /// Tasks in the lists of C code (3.14+).
    fn listed_tasks(&self, asyncio: &Asyncio, interpreter: InterpreterState, found: &mut Found) {
        let Some(class) = asyncio.class else { return };
        let within = |base: Addr, field: crate::layout::Inline| base.offset(u64::from(field.offset));
        let of_thread = self.layout.asyncio_thread.tasks;
        let threads = of_thread.map_or_else(Vec::new, |_| self.threads(interpreter).items);
        let heads = threads.iter().filter_map(|thread| Some(within(thread.address, of_thread?)));
        let ended = self.layout.interpreter_state.asyncio_tasks.map(|list| within(interpreter.address, list));
        for head in heads.chain(ended) {
            found.note(self.task_list(head, class), Some);
        }
    }

    /// The tasks of the list at `head`, which are of `class` or one that derives from it.
    fn task_list(&self, head: Addr, class: Addr) -> Result<Vec<Addr>> {
        let size = self.get(class, self.layout.type_object.basicsize)?;
        let task = |node: Addr| {
            let candidates = BEHIND.into_iter().filter_map(|behind| u64::try_from(size.checked_sub(behind)?).ok());
            let is_task = |at: &Addr| {
                self.type_of(*at).and_then(|class| self.mro(class)).is_ok_and(|classes| classes.contains(&class))
            };
            candidates.filter_map(|offset| node.before(offset)).find(is_task)
        };
        let (mut tasks, mut seen) = (Vec::new(), HashSet::new());
        // An empty list leads to itself; one that no task was ever put in may be null.
        let mut next = self.memory.pointer(head)?;
        while let Some(node) = next.filter(|node| *node != head) {
            if tasks.len() >= MAX_TASKS || !seen.insert(node) {
                return Err(Fault::Implausible(head, "the list of tasks"));
            }
            tasks.push(task(node).ok_or(Fault::Implausible(node, "a task of a list"))?);
            next = self.memory.pointer(node)?;
        }
        Ok(tasks)
    }

    /// Tasks of C code. Where they keep their coroutines differs even between patch releases: it is where most have
    /// one, and the name lies right behind (3.8+; before, what lies there is no name).
    fn tasks_of_c(&self, addresses: &[Addr]) -> Vec<TaskObject> {
        let words: Vec<_> = addresses.iter().map(|at| self.words(*at).unwrap_or_default()).collect();
        let mut votes: BTreeMap<usize, usize> = BTreeMap::new();
        for task in &words {
            for (index, (_, word)) in task.iter().enumerate() {
                if word.is_some_and(|at| self.is_coroutine(at)) {
                    *votes.entry(index).or_default() += 1;
                }
            }
        }
        let place = votes.into_iter().max_by_key(|(index, count)| (*count, usize::MAX - index)).map(|(index, _)| index);
        let task = |(address, words): (&Addr, &Vec<(Addr, Option<Addr>)>)| {
            let at = place.and_then(|index| words.get(index));
            let coroutine = at.and_then(|(_, word)| *word).filter(|at| self.is_coroutine(*at));
            let name = at.and_then(|(at, _)| self.label(at.offset(Addr::SIZE as u64))).map(|(name, _)| name);
            TaskObject { address: *address, name, coroutine, qualname: self.coroutine_name(coroutine) }
        };
        addresses.iter().zip(&words).map(task).collect()
    }

    /// A task of Python code.
    fn task_of_python(&self, address: Addr) -> TaskObject {
        let items = self.attributes(address, MAX_ATTRIBUTES).unwrap_or_default();
        let named = |name: &str| self.find_named(&items, name).ok().flatten();
        let coroutine = named("_coro").map(|item| item.value).filter(|at| self.is_coroutine(*at));
        let name = named("_name").and_then(|item| self.label(item.value_at)).map(|(name, _)| name);
        TaskObject { address, name, coroutine, qualname: self.coroutine_name(coroutine) }
    }

    /// Whether a task may execute the object at `at`: a coroutine, of Python code or Cython, or a generator.
    fn is_coroutine(&self, at: Addr) -> bool {
        let name = self.type_of(at).and_then(|class| self.tp_name(class)).unwrap_or_default();
        matches!(name.rsplit('.').next(), Some("coroutine" | "generator" | "CoroWrapper"))
    }

    /// `__qualname__` of a coroutine of Python code; before 3.5 the name of its code.
    fn coroutine_name(&self, coroutine: Option<Addr>) -> Option<String> {
        let coroutine = coroutine?;
        let class = self.type_of(coroutine).and_then(|class| self.tp_name(class)).ok()?;
        if !matches!(class.as_str(), "coroutine" | "generator") {
            return None;
        }
        let layout = &self.layout.generator;
        let name = match (layout.qualname, layout.code) {
            (Some(qualname), _) => self.get(coroutine, qualname),
            (None, Some(code)) => self.get(self.get(coroutine, code).ok()??, self.layout.code.name),
            (None, None) => return None,
        };
        self.name(name.ok()??).ok()
    }
}

/// Tasks found so far, each once.
struct Found {
    addresses: Vec<Addr>,
    known: HashSet<Addr>,
    fault: Option<Fault>,
}

impl Found {
    /// Notes what `of` makes of `members`, or why there are none.
    fn note(&mut self, members: Result<Vec<Addr>>, of: impl Fn(Addr) -> Option<Addr>) {
        match members {
            Ok(members) => {
                for at in members.into_iter().filter_map(of) {
                    if self.addresses.len() < MAX_TASKS && self.known.insert(at) {
                        self.addresses.push(at);
                    }
                }
            }
            Err(fault) => {
                self.fault.get_or_insert(fault);
            }
        }
    }
}
