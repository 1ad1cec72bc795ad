//! What a thread holds by the `with` blocks in which it stands.
//!
//! Blindly searching its value stacks would be wrong: while `with B:` waits in `__enter__`, what leaves B lies
//! on the stack already. Only the blocks tell what is held: the block stack of a frame before 3.11, the
//! exception table of its code since (Objects/exception_handling_notes.txt). They say how many values were on
//! the stack as a block was entered, and the last of these is what leaves it.

use crate::address::Addr;
use crate::disassembly::{Handler, parse_exception_table};
use crate::locks::How;
use crate::locks::kinds::{Kinds, Native};
use crate::locks::meanings::{Meaning, is_file};
use crate::locks::scene::{Call, Scene};
use crate::locks::{Kind, meanings};
use crate::python::{CodeCache, Python};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Something that a thread holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// The lock, or what stands for one: a semaphore, a recursive lock written in Python.
    pub object: Addr,
    /// How that is known.
    pub how: How,
    /// Whether leaving the block is sure to give it back: not known of classes that are none of Python's.
    pub certain: bool,
    /// The number of the frame that took it.
    pub frame: usize,
}

/// Exception tables of code objects, by serial number.
#[derive(Debug, Default)]
pub struct Tables(RefCell<HashMap<u64, Rc<[Handler]>>>);

/// `CO_MAXBLOCKS` (Include/cpython/code.h): so many blocks a frame has at most.
const MAX_BLOCKS: usize = 20;
/// A longer table is garbage.
const MAX_TABLE: usize = 16 << 20;
/// No code object has more names.
const MAX_NAMES: usize = 10_000;
/// Context managers within generators within context managers.
const MAX_NESTING: usize = 4;
/// Of one thread so many locks are told.
const MAX_HELD: usize = 1000;

impl Tables {
    fn of(&self, python: &Python<'_>, call: &Call) -> Option<Rc<[Handler]>> {
        if let Some(known) = self.0.borrow().get(&call.code.serial) {
            return Some(Rc::clone(known));
        }
        let table = python.get_if(call.code.address, python.layout.code.exceptiontable).ok()??;
        let bytes = table.map_or_else(Vec::new, |at| python.bytes(at, MAX_TABLE).map_or_else(|_| Vec::new(), |b| b.0));
        let parsed: Rc<[Handler]> = parse_exception_table(&bytes).into();
        self.0.borrow_mut().insert(call.code.serial, Rc::clone(&parsed));
        Some(parsed)
    }
}

/// What a scene is searched with.
pub struct Search<'a> {
    /// The scene.
    pub scene: &'a Scene<'a>,
    /// Exception tables.
    pub tables: &'a Tables,
    /// Code objects.
    pub codes: &'a CodeCache,
}

impl Search<'_> {
    /// What the thread holds, innermost first.
    pub fn held(&self) -> Vec<Held> {
        let mut held: Vec<Held> = Vec::new();
        for (frame, call) in self.scene.calls.iter().enumerate() {
            for (object, certain) in self.in_frame(call, MAX_NESTING) {
                let new = held.iter().all(|known| known.object != object);
                if new && held.len() < MAX_HELD {
                    held.push(Held { object, how: How::With, certain, frame });
                }
            }
        }
        let given_back = self.given_back();
        held.retain(|held| !given_back.contains(&held.object));
        held
    }

    /// The locks of conditions that the thread waits for: to wait gives the lock back until one is notified,
    /// though the block that took it goes on.
    fn given_back(&self) -> Vec<Addr> {
        let calls = self.scene.calls.iter().enumerate();
        let waits = calls.filter(|(_, call)| call.code.name == "wait").filter_map(|(frame, call)| {
            let standing = self.scene.standing(frame, call)?;
            (standing.row.meaning == Meaning::Waits(Kind::Condition)).then_some(standing.object?)
        });
        waits.filter_map(|condition| self.scene.attribute_of(condition, CONDITION_LOCK)).collect()
    }

    /// What one frame holds, innermost first, and whether that is certain.
    fn in_frame(&self, call: &Call, nesting: usize) -> Vec<(Addr, bool)> {
        let depths = self.depths(call);
        let managers = depths.into_iter().filter_map(|depth| self.manager(call, depth));
        let held: Vec<(Addr, bool)> = managers.flat_map(|(manager, exit)| self.of(manager, exit, nesting)).collect();
        // Who gives something back within a block may have given back just this.
        let certain = held.is_empty() || !self.releases(call);
        held.into_iter().map(|(lock, sure)| (lock, sure && certain)).collect()
    }

    /// Whether the code of a call releases anything itself.
    fn releases(&self, call: &Call) -> bool {
        self.names(call.code.address).iter().any(|name| name == "release")
    }

    /// The names that the code object at `code` uses.
    fn names(&self, code: Addr) -> Vec<String> {
        let python = &self.scene.python;
        let names = python.get(code, python.layout.code.names).ok().flatten();
        let names = names.and_then(|names| python.tuple_items(names, MAX_NAMES).ok()).unwrap_or_default().0;
        names.into_iter().flatten().filter_map(|name| python.name(name).ok()).collect()
    }

    /// How many values lay on the stack as the blocks were entered in which the frame stands, innermost first.
    fn depths(&self, call: &Call) -> Vec<u64> {
        let python = &self.scene.python;
        if let Some(first) = python.layout.frame.blockstack {
            return self.block_levels(call, u64::from(first.offset)).unwrap_or_default();
        }
        let Some(handlers) = self.tables.of(python, call) else { return Vec::new() };
        let mut depths: Vec<u64> = Vec::new();
        let mut at = u32::try_from(call.lasti).ok();
        for _ in 0..MAX_BLOCKS {
            let Some(offset) = at else { break };
            // Entries are sorted and do not overlap.
            let behind = handlers.partition_point(|handler| handler.start <= offset);
            let Some(handler) = behind.checked_sub(1).and_then(|last| handlers.get(last)) else { break };
            if offset >= handler.end {
                break;
            }
            // The code that cleans up after a handler is no block, and stands deeper than that.
            let depth = u64::from(handler.depth);
            if depths.last().is_none_or(|last| depth < *last) {
                depths.push(depth);
            }
            at = Some(handler.target);
        }
        depths
    }

    /// The block stack, before 3.11.
    fn block_levels(&self, call: &Call, first: u64) -> Option<Vec<u64>> {
        let python = &self.scene.python;
        let (layout, block) = (&python.layout.frame, &python.layout.block);
        let count = python.get_if(call.raw.address, layout.iblock).ok()??;
        let size = u64::from(block.size?.0);
        let count = usize::try_from(count).unwrap_or(0).min(MAX_BLOCKS);
        let level = |index: usize| {
            let at = call.raw.address.offset(first + index as u64 * size);
            u64::try_from(python.get_if(at, block.level).ok()??).ok()
        };
        let mut levels: Vec<u64> = (0..count).rev().filter_map(level).collect();
        levels.dedup();
        Some(levels)
    }

    /// The context manager whose block was entered with `depth` values on the stack, and what leaves it: the
    /// method that is the last of them, bound to it, or from 3.14 on followed by it.
    fn manager(&self, call: &Call, depth: u64) -> Option<(Addr, Addr)> {
        let scene = self.scene;
        let last = scene.slot(call, depth.checked_sub(1)?)?;
        if self.is_exit(last) {
            return Some((scene.bound_to(last)?, last));
        }
        let below = scene.slot(call, depth.checked_sub(2)?)?;
        self.is_exit(below).then_some((last, below))
    }

    /// Whether the object at `address` is a method with the name of one that leaves a block.
    fn is_exit(&self, address: Addr) -> bool {
        let (scene, layout) = (self.scene, self.scene.python.layout);
        let python = &scene.python;
        let function = |at: Addr| python.get(at, layout.function.code).ok().flatten();
        let name = || match scene.type_of(address)?.as_str() {
            "builtin_function_or_method" | "builtin_method" => {
                let definition = python.get(address, layout.cfunction.definition).ok()??;
                let name = python.get(definition, layout.method_def.name).ok()??;
                Some(String::from_utf8_lossy(&python.memory.c_string(name, 64).ok()?).into_owned())
            }
            "method_descriptor" => python.name(python.get(address, layout.descriptor.name).ok()??).ok(),
            // It may be `__exit__ = release`.
            "method" | "instancemethod" => {
                let inner = python.get(address, layout.method.function).ok()??;
                function(inner).map(|_| EXIT.to_owned())
            }
            "function" => function(address).map(|_| EXIT.to_owned()),
            _ => None,
        };
        name().is_some_and(|name| name == EXIT)
    }

    /// The locks that one holds in a block of the context manager at `address`, which `exit` leaves.
    fn of(&self, address: Addr, exit: Addr, nesting: usize) -> Vec<(Addr, bool)> {
        let scene = self.scene;
        if scene.kinds.of(&scene.python, address).is_some() {
            return vec![(address, true)];
        }
        let classes = scene.classes(address);
        let is = |names: &[&str]| classes.iter().any(|class| names.contains(&class.as_str()));
        if is(meanings::CONDITION_CLASSES) {
            let lock = scene.attribute_of(address, CONDITION_LOCK);
            return lock.map(|lock| (lock, true)).into_iter().collect();
        }
        if is(&["_RLock"]) || is(meanings::SEMAPHORE_CLASSES) {
            return vec![(address, true)];
        }
        if is(&["SemLock"])
            && let Some(lock) = scene.attribute(address, "_semlock")
        {
            return vec![(lock, true)];
        }
        if is(&["_GeneratorContextManager", "GeneratorContextManager"])
            && let Some(left) = nesting.checked_sub(1)
        {
            return self.in_generator(address, left);
        }
        if is(&["ExitStack"])
            && let Some(left) = nesting.checked_sub(1)
        {
            let entered = self.in_stack(address).into_iter();
            return entered.flat_map(|(manager, exit)| self.of(manager, exit, left)).collect();
        }
        // A class of whoever wrote the program: what its own method to leave a block releases.
        let names = self.code_of(exit).map_or_else(Vec::new, |code| self.names(code));
        if !names.iter().any(|name| name == "release" || name == EXIT) {
            return Vec::new();
        }
        let attributes = scene.attributes(address).into_iter().filter(|(name, _)| names.contains(name));
        let locks = attributes.filter(|(_, value)| is_lock(scene.kinds, &scene.python, *value));
        locks.map(|(_, lock)| (lock, false)).collect()
    }

    /// The code of a function, or of the one behind a bound method.
    fn code_of(&self, function: Addr) -> Option<Addr> {
        let (python, layout) = (&self.scene.python, self.scene.python.layout);
        let function = match self.scene.type_of(function)?.as_str() {
            "function" => function,
            "method" | "instancemethod" => python.get(function, layout.method.function).ok()??,
            _ => return None,
        };
        let is_function = self.scene.type_of(function)? == "function";
        is_function.then(|| python.get(function, layout.function.code).ok().flatten())?
    }

    /// What a generator holds that waits within a `with` block until the block which it stands for is left.
    fn in_generator(&self, manager: Addr, nesting: usize) -> Vec<(Addr, bool)> {
        let call = || {
            let generator = self.scene.attribute(manager, "gen")?;
            let found = crate::disassembly::subject(&self.scene.python, generator).ok()??;
            let raw = self.scene.python.frame(found.frame?).ok()?;
            let placed = self.scene.python.call(self.codes, &raw).ok()??;
            Some(Call { raw: placed.frame, code: placed.code, lasti: placed.lasti })
        };
        call().map_or_else(Vec::new, |call| self.in_frame(&call, nesting))
    }

    /// The context managers that a `contextlib.ExitStack` has entered, the last first: it keeps a pair for each,
    /// of which the second is the method that leaves it (3.8+).
    fn in_stack(&self, stack: Addr) -> Vec<(Addr, Addr)> {
        let python = &self.scene.python;
        let callbacks = self.scene.attribute(stack, "_exit_callbacks");
        let callbacks = callbacks.and_then(|at| python.deque_items(at, MAX_HELD).ok()).unwrap_or_default().0;
        let manager = |pair: Addr| {
            let (items, _) = python.tuple_items(pair, 2).ok()?;
            let exit = (*items.get(1)?)?;
            Some((self.scene.bound_to(exit)?, exit))
        };
        callbacks.into_iter().rev().filter_map(manager).collect()
    }

    /// The futures whose functions the thread runs, as a worker of `concurrent.futures.thread`, and the
    /// numbers of the frames that do.
    pub fn runs(&self) -> Vec<(Addr, usize)> {
        let calls = self.scene.calls.iter().enumerate();
        let workers = calls.filter(|(_, call)| is_file(&call.code.filename, "concurrent/futures/thread.py"));
        let future = |(frame, call): (usize, &Call)| {
            let item = match call.code.name.as_str() {
                "run" => self.scene.variable(call, "self"),
                _ => None,
            };
            Some((self.scene.attribute(item?, "future")?, frame))
        };
        workers.filter_map(future).collect()
    }

    /// The queue from which the thread takes what it runs, as a worker of `concurrent.futures.thread`, with the
    /// futures that wait in it, and how many workers there may be.
    pub fn serves(&self) -> Option<Served> {
        let scene = self.scene;
        let is_worker =
            |call: &&Call| call.code.name == "_worker" && is_file(&call.code.filename, "concurrent/futures/thread.py");
        let worker = scene.calls.iter().rev().find(is_worker)?;
        let queue = scene.variable(worker, "work_queue")?;
        let items = match scene.kinds.of(&scene.python, queue) {
            Some(native) => native.items(&scene.python, MAX_ITEMS)?,
            None => scene.python.deque_items(scene.attribute(queue, "queue")?, MAX_ITEMS as usize).ok()?.0,
        };
        let most = || {
            let executor = scene.variable(worker, "executor_reference")?;
            let executor = scene.python.get(executor, scene.python.layout.weak_ref.object).ok()??;
            scene.number(scene.attribute(executor, "_max_workers")?)
        };
        let futures = items.into_iter().filter_map(|item| scene.attribute(item, "future")).collect();
        Some(Served { queue, futures, most: most() })
    }
}

/// What a worker of an executor serves.
#[derive(Clone, Debug)]
pub struct Served {
    /// The queue.
    pub queue: Addr,
    /// The futures that wait in it.
    pub futures: Vec<Addr>,
    /// How many workers there may be.
    pub most: Option<u64>,
}

/// So many calls that wait for a worker are looked at.
const MAX_ITEMS: u64 = 10_000;
const EXIT: &str = "__exit__";
/// The lock of a condition, and its name in 2.7.
const CONDITION_LOCK: &[&str] = &["_lock", "_Condition__lock"];

fn is_lock(kinds: &Kinds, python: &Python<'_>, address: Addr) -> bool {
    kinds.of(python, address).is_some_and(|lock: Native| lock.is_held_for_long())
}
