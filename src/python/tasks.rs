//! Which task of asyncio a thread executes, and what that is called.
//!
//! asyncio says itself which task runs: in the thread state (3.14+), or in a dict from loop to task. But a
//! thread that runs has moved on when that is read, and a wrong name is worse than none. What belongs to
//! the moment of a look is its stack: the coroutine on it that no other coroutine awaits is what a task
//! executes, and never another's. So asyncio is only asked who the candidates are, and the task is the one
//! whose coroutine stands on the stack. That also tells which of several loops, in several threads, is
//! meant, without asking loops, some of which (uvloop) have nothing to be asked.
//!
//! What was found is remembered by the address of the coroutine. A task holds its coroutine until the end,
//! so as long as it does, no other coroutine can lie there: one read, of memory that a caller copies along
//! with the stack, proves both. The name is read anew with it, since it may be set at any time. Of a thread that has
//! gone on before that could be read, it is not guessed: the caller has to look again while the thread stands still.
//!
//! Tasks of Python code (`asyncio.tasks._PyTask`) leave their attributes behind when they end, and are not remembered.
//! What resumes their coroutine is a method of theirs: its frame says which task it is.
//!
//! A thread without coroutines on its stack costs nothing. Coroutines of C code (Cython) have no frame: a task
//! that executes nothing else is not seen.

use crate::address::Addr;
use crate::layout::{Layout, Size, Word};
use crate::memory::{Copies, Memory, Pages, Part};
use crate::python::stack_copy::Placed;
use crate::python::{Int, Python, flag};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// A coroutine on a stack that no other coroutine awaits: the first of a task, if a task executes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Root {
    /// Which call of the stack it is, counted from the outermost.
    pub depth: usize,
    /// The coroutine object.
    pub coroutine: Addr,
    /// The number of the code that it executes.
    code: u64,
    /// Its frame.
    frame: Addr,
    /// Where the first variable of its caller lies.
    caller_self: Option<Addr>,
}

/// Brings the `roots` of a `stack` up to date; of its calls before `same` they are known.
pub(super) fn find_roots(roots: &mut Vec<Root>, stack: &[Placed], same: usize, layout: &Layout) {
    roots.retain(|root| root.depth < same);
    for (depth, call) in stack.iter().enumerate().skip(same) {
        if !call.code.is_awaitable() {
            continue;
        }
        // Where calls from C leave a frame of their own (3.12+), that tells a coroutine which is awaited from
        // one that C code has begun on behalf of another: a task that starts eagerly.
        let awaits = |caller: &Placed| caller.code.is_generator() && call.frame.previous == Some(caller.frame.address);
        let caller = depth.checked_sub(1).and_then(|caller| stack.get(caller));
        if !caller.is_some_and(awaits)
            && let Some(coroutine) = call.frame.owning_generator(layout)
        {
            let caller_self = caller.map(|caller| caller.frame.localsplus(layout));
            let (code, frame) = (call.code.serial, call.frame.address);
            roots.push(Root { depth, coroutine, code, frame, caller_self });
        }
    }
}

/// A task of asyncio.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// `get_name()`; before tasks had names (3.8), [`Task::name_of`] its coroutine.
    pub name: String,
    /// What it executes.
    pub coroutine: Addr,
    /// Where it says so.
    coroutine_at: Addr,
    /// Whether that is cleared when it ends: of one of C code. The attributes of one of Python code remain where they
    /// were until something else lies there, and prove nothing.
    lasting: bool,
    /// Where its name lies.
    label: Label,
}

/// The name of a task, or of its coroutine, as it lies in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Label {
    /// Where the pointer to it lies.
    at: Addr,
    /// The object.
    object: Addr,
    /// All of its bytes, unless there are too many: as long as they are the same, so is the name.
    bytes: Vec<u8>,
}

impl Root {
    /// Whether nothing shows that the thread has gone on from its coroutine to another since `copies` were made: then
    /// what was read later of `task` may be of a task that lies where this one did. A loop makes a new
    /// handle for each step.
    fn is_as_copied(&self, task: &Task, copies: &Copies<'_>, layout: &Layout) -> bool {
        let copied = |at: Addr| Some((at, Addr::decode(copies.copied(at, Addr::SIZE)?)));
        let code = copied(self.frame.offset(u64::from(layout.frame.code.offset)));
        let handle = self.caller_self.and_then(copied);
        let coroutine = (task.coroutine_at, Some(self.coroutine));
        let name = (task.label.at, Some(task.label.object));
        let expected: Vec<(Addr, Option<Addr>)> = [coroutine, name].into_iter().chain(code).chain(handle).collect();
        let mut parts: Vec<Part> = expected.iter().map(|(at, _)| Part::new(*at, Addr::SIZE)).collect();
        copies.under().read_parts(&mut parts).is_ok()
            && parts
                .iter()
                .zip(&expected)
                .all(|(part, (_, word))| part.bytes.get(..Addr::SIZE).is_some_and(|bytes| Addr::decode(bytes) == *word))
    }
}

impl Task {
    /// Whether all that proves it was copied.
    fn is_copied(&self, copies: &Copies<'_>) -> bool {
        self.lasting && self.ranges().iter().all(|(at, len)| copies.copied(*at, *len).is_some())
    }

    /// What a task without a name of its own is called that executes the coroutine `qualname`.
    pub fn name_of(qualname: &str) -> String {
        format!("Task of {qualname}")
    }

    /// What has to be copied with a stack so that [`TaskCache::running`] need not read anything.
    pub fn ranges(&self) -> Vec<(Addr, usize)> {
        if !self.lasting {
            return Vec::new();
        }
        let Label { at, object, bytes } = &self.label;
        let name = (*object, bytes.len().max(1));
        let (first, last) = (self.coroutine_at.min(*at), self.coroutine_at.max(*at));
        match last.get() - first.get() {
            // They lie side by side, in an object of C code or in the values of an instance.
            span @ ..MAX_SPAN => vec![(first, span as usize + Addr::SIZE), name],
            _ => vec![(self.coroutine_at, Addr::SIZE), (*at, Addr::SIZE), name],
        }
    }
}

/// Two pointers further apart than this are not copied as one range.
const MAX_SPAN: u64 = 1024;
/// The object of a name is copied with a stack if it is not greater.
const MAX_COPIED_NAME: usize = 512;

/// Whose task is asked for.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// What was copied at the moment of the stack, over the memory as it is now.
    pub copies: &'a Copies<'a>,
    /// The interpreter.
    pub interpreter: Addr,
    /// The thread.
    pub thread: Addr,
    /// The coroutines on its stack that no other awaits, the outermost first.
    pub roots: &'a [Root],
    /// Whether the thread stands still.
    pub still: bool,
}

/// It cannot be told which task a thread executes: none that asyncio names has a coroutine on its stack. The
/// thread has moved on, or something else resumes its coroutine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missed;

/// The module is not imported.
struct NoAsyncio;

/// The tasks of one interpreter: true of it while it lives.
#[derive(Debug, Default)]
pub struct TaskCache(RefCell<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The dicts from loop to task; empty while asyncio has not been found.
    current: Vec<Addr>,
    /// Whether asyncio keeps such a dict for tasks of C code where it cannot be seen (3.6).
    by_handle: bool,
    /// How many modules there were when asyncio was last searched for, in vain.
    modules: Option<i64>,
    /// Tasks, by their coroutines.
    tasks: HashMap<Addr, Rc<Task>>,
    /// The code of coroutines that something else than a task resumes.
    strangers: HashSet<u64>,
}

/// Bits of an int in a digit of four bytes.
const DIGIT: u64 = 30;
/// With more tasks, or strangers, memory of them starts afresh.
const MAX_KNOWN: usize = 1 << 14;
/// How often asyncio is asked of a thread that stands still: a dict is changed within microseconds.
const MAX_TRIES: usize = 3;
/// One task per loop, and one loop per thread that has one.
const MAX_CURRENT: usize = 4096;
/// A task takes some 170 bytes, a class derived from it perhaps more.
const MAX_TASK: usize = 4096;
/// A task has a dozen attributes, and those that a program gives it.
const MAX_ATTRIBUTES: usize = 1000;

impl TaskCache {
    /// The task that a thread executes, if a coroutine is on its stack. Reads nothing that copies made with the stack
    /// hold: those of [`Task::ranges`], and [`TaskCache::pointer`].
    pub fn running(&self, layout: &Layout, asked: &Asked<'_>) -> Result<Option<Rc<Task>>, Missed> {
        let Some((root, task)) = self.found(layout, asked)? else { return Ok(None) };
        if asked.still || task.is_copied(asked.copies) || root.is_as_copied(&task, asked.copies, layout) {
            return Ok(Some(task));
        }
        Err(Missed)
    }

    /// The task, as it is now, and its coroutine on the stack.
    fn found<'a>(&self, layout: &Layout, asked: &Asked<'a>) -> Result<Option<(&'a Root, Rc<Task>)>, Missed> {
        let python = &Python::new(asked.copies, layout);
        let Some((innermost, outer)) = asked.roots.split_last() else { return Ok(None) };
        if outer.is_empty()
            && let Some(task) = self.known(python, innermost)
        {
            return Ok(Some((innermost, task)));
        }
        if let Some(task) = python.task_of_step(innermost) {
            return Ok(Some((innermost, Rc::new(task))));
        }
        // Other threads may be about to change what is read.
        let tries = if asked.still && !self.is_stranger(innermost) { MAX_TRIES } else { 1 };
        for _ in 0..tries {
            let pages = Pages::new(python.memory);
            match self.named_by_asyncio(&Python::new(&pages, layout), asked) {
                // Else a task has begun another, or a loop runs within a loop, and the inner task is not the one that
                // runs now; or a task resumes a coroutine by hand.
                Ok(Some((root, task))) if asked.still || root == innermost || self.is_stranger(innermost) => {
                    return Ok(Some((root, self.remember(root, task))));
                }
                Ok(_) => {}
                Err(NoAsyncio) => return Ok(None),
            }
        }
        let known = self.known(python, innermost);
        known.map(|task| Some((innermost, task))).ok_or(Missed)
    }

    /// Of the tasks that run now, as asyncio says, the one with the innermost coroutine of a stack.
    fn named_by_asyncio<'a>(
        &self,
        python: &Python<'_>,
        asked: &Asked<'a>,
    ) -> Result<Option<(&'a Root, Task)>, NoAsyncio> {
        let pointer = self.pointer(python.layout, asked.thread);
        let told = pointer.and_then(|at| asked.copies.pointer(at).ok().flatten());
        let current = match told {
            Some(task) => vec![task],
            None if self.find(python, asked.interpreter) => self.current(python),
            None => return Err(NoAsyncio),
        };
        let tasks = current.into_iter().filter_map(|task| python.task(task, asked.roots));
        let found = tasks.max_by_key(|(root, _)| root.depth);
        // Threads without a GIL may change the dict faster than it can be read.
        if found.is_some() || !(asked.still || self.0.borrow().by_handle) {
            return Ok(found);
        }
        Ok(asked.roots.iter().rev().find_map(|root| Some((root, python.task_of_handle(root)?))))
    }

    /// Where a thread's pointer to its task lies, in versions that have one (3.14+).
    pub fn pointer(&self, layout: &Layout, thread: Addr) -> Option<Addr> {
        layout.asyncio_thread.running_task.map(|own| thread.offset(u64::from(own.offset)))
    }

    /// Notes that of a thread that stood still no task had the innermost coroutine.
    pub fn note_stranger(&self, roots: &[Root]) {
        let strangers = &mut self.0.borrow_mut().strangers;
        if strangers.len() >= MAX_KNOWN {
            strangers.clear();
        }
        strangers.extend(roots.last().map(|root| root.code));
    }

    /// Whether something else than a task is known to resume coroutines such as the innermost of `roots`.
    pub fn is_strange(&self, roots: &[Root]) -> bool {
        roots.last().is_some_and(|root| self.is_stranger(root))
    }

    fn is_stranger(&self, root: &Root) -> bool {
        self.0.borrow().strangers.contains(&root.code)
    }

    /// The task that was found with this coroutine, if it has it still; with the name that it has now.
    fn known(&self, python: &Python<'_>, root: &Root) -> Option<Rc<Task>> {
        let task = Rc::clone(self.0.borrow().tasks.get(&root.coroutine)?);
        if python.memory.pointer(task.coroutine_at) != Ok(Some(root.coroutine)) {
            return None;
        }
        if python.is_label(&task.label) {
            return Some(task);
        }
        let now = python.named_task(root.coroutine, task.coroutine_at, Some(task.label.at), true)?;
        Some(self.remember(root, now))
    }

    fn remember(&self, root: &Root, task: Task) -> Rc<Task> {
        let known = &mut self.0.borrow_mut();
        if known.tasks.len() >= MAX_KNOWN {
            known.tasks.clear();
        }
        known.strangers.remove(&root.code);
        let task = Rc::new(task);
        if task.lasting {
            known.tasks.insert(task.coroutine, Rc::clone(&task));
        }
        task
    }

    /// The tasks that run now, by the dicts of asyncio.
    fn current(&self, python: &Python<'_>) -> Vec<Addr> {
        let known = self.0.borrow();
        let items = known.current.iter().filter_map(|dict| python.dict_items(*dict, MAX_CURRENT).ok());
        items.flat_map(|(items, _)| items).map(|item| item.value).collect()
    }

    /// Finds the dicts in which asyncio keeps which task runs in each loop. False while it is not imported.
    fn find(&self, python: &Python<'_>, interpreter: Addr) -> bool {
        let known = &mut self.0.borrow_mut();
        if !known.current.is_empty() {
            return true;
        }
        let modules = python.get(interpreter, python.layout.interpreter.modules).ok().flatten();
        let Some(modules) = modules else { return false };
        let count = python.get(modules, python.layout.dict_object.used).ok();
        if count.is_none() || known.modules == count {
            return false;
        }
        (known.current, known.by_handle) = python.current_tasks(modules);
        // It is searched for again once there are more.
        known.modules = count.filter(|_| known.current.is_empty());
        !known.current.is_empty()
    }
}

impl Python<'_> {
    /// The dicts from loop to task of the module `asyncio.tasks` in the dict `modules`: its own (3.7+), or those of
    /// its classes; and whether one of C code hides from us.
    fn current_tasks(&self, modules: Addr) -> (Vec<Addr>, bool) {
        const NAME: &str = "_current_tasks";
        let named = |dict: Addr, name: &str| self.item_named(dict, name).ok().flatten();
        let names = || {
            let module = named(modules, "asyncio.tasks")?;
            self.get(module, self.layout.module.dict).ok()?
        };
        let Some(names) = names() else { return (Vec::new(), false) };
        let of_class = |class: &str| {
            let class = named(names, class).filter(|class| self.is_a(*class, flag::TYPE_SUBCLASS))?;
            named(self.get(class, self.layout.type_object.dict).ok()??, NAME)
        };
        let found = [named(names, NAME), of_class("Task"), of_class("_PyTask")];
        let hidden = found.iter().take(2).all(Option::is_none);
        let mut dicts: Vec<Addr> =
            found.into_iter().flatten().filter(|dict| self.is_a(*dict, flag::DICT_SUBCLASS)).collect();
        dicts.sort_unstable();
        dicts.dedup();
        (dicts, hidden)
    }

    fn is_a(&self, object: Addr, bit: u64) -> bool {
        self.type_flags(object).is_ok_and(|flags| flags.has(bit))
    }

    /// The task at `address`, if its coroutine is one of `roots`, and that root.
    ///
    /// Where one of C code (`TaskObj`, Modules/_asynciomodule.c) has its coroutine differs even between patch releases
    /// (3.10). It need not be known: the word that points to the coroutine on the stack is the one, and the name lies
    /// right behind (3.8–3.15; before, what lies there is no name).
    fn task<'r>(&self, address: Addr, roots: &'r [Root]) -> Option<(&'r Root, Task)> {
        let root = |coroutine: Addr| roots.iter().find(|root| root.coroutine == coroutine);
        let words = self.words(address)?;
        let found = words.into_iter().find_map(|(at, word)| Some((at, root(word?)?)));
        if let Some((at, root)) = found {
            return Some((root, self.named_task(root.coroutine, at, Some(at.offset(Addr::SIZE as u64)), true)?));
        }
        self.task_of_attributes(address, roots)
    }

    /// The task of Python code at `address`, if its coroutine is one of `roots`, and that root. To read attributes of
    /// something else is in vain, but no harm.
    fn task_of_attributes<'r>(&self, address: Addr, roots: &'r [Root]) -> Option<(&'r Root, Task)> {
        let items = self.attributes(address, MAX_ATTRIBUTES).ok()?;
        let coroutine = self.find_named(&items, "_coro").ok()??;
        let root = roots.iter().find(|root| root.coroutine == coroutine.value)?;
        let name_at = self.find_named(&items, "_name").ok()?.map(|name| name.value_at);
        Some((root, self.named_task(coroutine.value, coroutine.value_at, name_at, false)?))
    }

    /// The words of the object at `address` behind its header, as pointers, and where each lies.
    pub(super) fn words(&self, address: Addr) -> Option<Vec<(Addr, Option<Addr>)>> {
        let size = self.get(self.type_of(address).ok()?, self.layout.type_object.basicsize).ok()?;
        let size = usize::try_from(size).ok().filter(|size| *size <= MAX_TASK)?;
        let header = self.layout.object.size.0 as usize;
        let first = address.offset(header as u64);
        let mut bytes = vec![0; size.checked_sub(header)?];
        self.memory.read(first, &mut bytes).ok()?;
        let words = bytes.chunks_exact(Addr::SIZE).map(Addr::decode).enumerate();
        Some(words.map(|(index, word)| (first.offset((index * Addr::SIZE) as u64), word)).collect())
    }

    /// The task of Python code that has resumed the coroutine of `root`: the `self` of its caller
    /// (`Task.__step_run_and_handle_result`, Lib/asyncio/tasks.py, 3.12+; `__step` before).
    fn task_of_step(&self, root: &Root) -> Option<Task> {
        let task = self.memory.pointer(root.caller_self?).ok()??;
        self.task_of_attributes(task, std::slice::from_ref(root)).map(|(_, task)| task)
    }

    /// The task that the handle of a loop goes on with, if its coroutine is that of `root`: `Handle._run` has called
    /// it, whose `_callback` is an object that refers to the task.
    fn task_of_handle(&self, root: &Root) -> Option<Task> {
        let handle = self.memory.pointer(root.caller_self?).ok()??;
        let slots = self.slots(handle).ok()?;
        let (_, callback) = slots.iter().find(|(name, _)| name == "_callback")?;
        let candidates = self.words(*callback)?.into_iter().filter_map(|(_, word)| word);
        candidates.filter_map(|task| self.task(task, std::slice::from_ref(root))).map(|(_, task)| task).next()
    }

    /// The task that has `coroutine` at one place, and at another perhaps its name.
    fn named_task(&self, coroutine: Addr, coroutine_at: Addr, name_at: Option<Addr>, lasting: bool) -> Option<Task> {
        let qualname_at = coroutine.offset(u64::from(self.layout.generator.qualname?.offset));
        let named = name_at.filter(|at| *at != qualname_at).and_then(|at| self.label(at));
        let (name, label) = match named {
            Some(named) => named,
            None => {
                let (qualname, label) = self.label(qualname_at)?;
                (Task::name_of(&qualname), label)
            }
        };
        Some(Task { name, coroutine, coroutine_at, lasting, label })
    }

    /// The name that the pointer at `at` leads to. C code makes an int a name when it is asked for
    /// (`_asyncio_Task_get_name_impl`, Modules/_asynciomodule.c, 3.12+).
    pub(super) fn label(&self, at: Addr) -> Option<(String, Label)> {
        let object = self.memory.pointer(at).ok()??;
        let flags = self.type_flags(object).ok()?;
        let (name, size) = if flags.has(flag::UNICODE_SUBCLASS) {
            let name = self.name(object).ok()?;
            let size = self.str_size(&name);
            (name, size)
        } else {
            let Int::Value(number) = self.int(object).ok().filter(|_| flags.has(flag::LONG_SUBCLASS))? else {
                return None;
            };
            let digits = self.layout.int_object.digits.offset as usize;
            (format!("Task-{number}"), digits + number.bits().div_ceil(DIGIT).max(1) as usize * size_of::<u32>())
        };
        let mut bytes = vec![0; if size <= MAX_COPIED_NAME { size } else { 0 }];
        self.memory.read(object, &mut bytes).ok()?;
        Some((name, Label { at, object, bytes }))
    }

    /// Whether the name is still as it was.
    fn is_label(&self, label: &Label) -> bool {
        let mut buffer = [0; MAX_COPIED_NAME];
        let Some(bytes) = buffer.get_mut(..label.bytes.len()).filter(|bytes| !bytes.is_empty()) else { return false };
        self.memory.pointer(label.at) == Ok(Some(label.object))
            && self.memory.read(label.object, bytes).is_ok()
            && *bytes == *label.bytes
    }

    /// How many bytes an object has whose text is `text`.
    fn str_size(&self, text: &str) -> usize {
        let layout = &self.layout.str_object;
        let size = |size: Option<Size>| size.map_or(0, |size| size.0 as usize);
        let compact = |width: usize| size(layout.compact_size) + width * text.chars().count();
        match text.chars().max() {
            None | Some('\0'..='\x7f') => size(layout.ascii_size) + text.len(),
            Some('\u{80}'..='\u{ff}') => compact(1),
            Some('\u{100}'..='\u{ffff}') => compact(2),
            Some(_) => compact(4),
        }
    }
}
