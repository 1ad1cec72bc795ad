//! One thread's frames as one look shows them, and the objects that are at hand there.

use crate::address::Addr;
use crate::locks::kinds::{Kinds, Native};
use crate::locks::names::Globals;
use crate::python::{Code, CodeCache, End, Python, RawFrame, flag};
use std::collections::HashSet;
use std::rc::Rc;

/// A call of a Python function in progress.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its frame.
    pub raw: RawFrame,
    /// What it executes.
    pub code: Rc<Code>,
    /// `frame.f_lasti`.
    pub lasti: i64,
}

/// What is read with, and the calls of one thread, innermost first.
pub struct Scene<'a> {
    /// The memory of one moment.
    pub python: Python<'a>,
    /// Which classes are types of locks.
    pub kinds: &'a Kinds,
    /// The calls.
    pub calls: Vec<Call>,
    /// Why there are no more.
    pub end: End,
    /// Whether CPython was between two instructions that change them.
    pub torn: bool,
    /// The dict of the module sys.
    sys: Option<Addr>,
    /// `sys.modules`.
    pub modules: Option<Addr>,
    /// What modules hold.
    pub globals: &'a Globals,
}

/// So many of the innermost frames are searched for the object that a thread sleeps on.
const NEAR: usize = 6;
/// No more slots for values are looked at.
const MAX_SLOTS: u64 = 256;
/// Of one object so many attributes are looked at.
const MAX_ATTRIBUTES: usize = 200;
/// And so many objects in all, for one thread.
const MAX_OBJECTS: usize = 1000;
/// Frames of one thread that are looked at: more only recursion has.
pub const MAX_CALLS: usize = 10_000;

impl<'a> Scene<'a> {
    /// The thread whose `PyThreadState` lies at `thread`.
    pub fn read(
        python: Python<'a>,
        (kinds, globals): (&'a Kinds, &'a Globals),
        codes: &CodeCache,
        thread: Addr,
    ) -> Self {
        let stack = python.stack(thread);
        let interpreter = python.get(thread, python.layout.thread.interpreter).ok().flatten();
        let sys = interpreter.and_then(|at| python.get(at, python.layout.interpreter.sysdict).ok().flatten());
        let modules = interpreter.and_then(|at| python.get(at, python.layout.interpreter.modules).ok().flatten());
        let cut = stack.walk.frames.len() > MAX_CALLS;
        let (end, torn) = (if cut { End::TooDeep } else { stack.walk.end }, stack.torn);
        let mut scene = Self { python, kinds, calls: Vec::new(), end, torn, sys, modules, globals };
        for raw in stack.walk.frames.iter().take(MAX_CALLS) {
            match python.call(codes, raw) {
                Ok(Some(placed)) => {
                    scene.calls.push(Call { raw: placed.frame, code: placed.code, lasti: placed.lasti });
                }
                Ok(None) => {}
                Err(fault) => {
                    (scene.end, scene.torn) = (End::Unreadable(fault), true);
                    break;
                }
            }
        }
        scene
    }

    /// The bound variables of a call: its slots, or the mapping that a module or class body has instead.
    pub fn variables(&self, call: &Call) -> Vec<(String, Addr)> {
        match self.python.variables(&call.raw, &call.code) {
            Ok(Some(variables)) => variables.into_iter().map(|variable| (variable.name, variable.value)).collect(),
            Ok(None) => {
                let dict = self.python.get(call.raw.address, self.python.layout.frame.locals).ok().flatten();
                dict.map_or_else(Vec::new, |dict| self.entries(dict, MAX_ATTRIBUTES))
            }
            Err(_) => Vec::new(),
        }
    }

    /// The variable `name` of a call.
    pub fn variable(&self, call: &Call, name: &str) -> Option<Addr> {
        self.variables(call).into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Names and values of a dict whose keys are names.
    pub fn entries(&self, dict: Addr, max: usize) -> Vec<(String, Addr)> {
        let items = self.python.dict_items(dict, max).map_or_else(|_| Vec::new(), |(items, _)| items);
        items.into_iter().filter_map(|item| Some((self.python.name(item.key).ok()?, item.value))).collect()
    }

    /// Where the value `index` of the value stack of a call is.
    fn slot_at(&self, call: &Call) -> Option<Addr> {
        let layout = self.python.layout;
        if let Some(field) = layout.frame.valuestack {
            return self.python.get(call.raw.address, field).ok()?;
        }
        let locals = self.python.get_if(call.code.address, layout.code.nlocalsplus).ok()??;
        Some(call.raw.localsplus(layout).offset(u64::try_from(locals).ok()?.checked_mul(8)?))
    }

    /// The object in the place `index` of the value stack.
    pub fn slot(&self, call: &Call, index: u64) -> Option<Addr> {
        let at = self.slot_at(call)?.offset(index.min(MAX_SLOTS) * 8);
        self.python.untag(self.python.memory.pointer(at).ok()?)
    }

    /// The objects on the value stack and those that lay there last: of what is on it a thread that sleeps in
    /// a call may not have told yet.
    fn slots(&self, call: &Call) -> Vec<Addr> {
        let room = self.python.get(call.code.address, self.python.layout.code.stacksize).unwrap_or(0);
        let room = u64::try_from(room).unwrap_or(0).min(MAX_SLOTS);
        (0..room).filter_map(|index| self.slot(call, index)).collect()
    }

    /// What the type of the object at `address` is called in C.
    pub fn type_of(&self, address: Addr) -> Option<String> {
        self.python.tp_name(self.python.type_of(address).ok()?).ok()
    }

    /// The object that the method at `address` is bound to.
    pub fn bound_to(&self, address: Addr) -> Option<Addr> {
        let layout = self.python.layout;
        match self.type_of(address)?.as_str() {
            "builtin_function_or_method" | "builtin_method" => {
                self.python.get(address, layout.cfunction.self_object).ok()?
            }
            "method" | "instancemethod" => self.python.get(address, layout.method.self_object).ok()?,
            "method-wrapper" => self.python.get_if(address, layout.method_wrapper.self_object).ok()??,
            _ => None,
        }
    }

    /// The attributes of an instance of a class of Python code, and what a C object holds that wraps a file.
    pub fn attributes(&self, address: Addr) -> Vec<(String, Addr)> {
        let Ok(class) = self.python.type_of(address) else { return Vec::new() };
        let Ok(flags) = self.python.flags_of(class) else { return Vec::new() };
        if flags.has(flag::TYPE_SUBCLASS) {
            return Vec::new();
        }
        let name = self.python.tp_name(class).unwrap_or_default();
        if name == "_io.TextIOWrapper" {
            let parts = self.python.parts(address).unwrap_or_default();
            return parts
                .into_iter()
                .filter_map(|(name, part)| match part {
                    crate::python::Part::Object(at) => Some((name, at)),
                    _ => None,
                })
                .collect();
        }
        if !flags.has(flag::HEAPTYPE) && name != "instance" {
            return Vec::new();
        }
        let items = self.python.attributes(address, MAX_ATTRIBUTES).unwrap_or_default();
        let own = items.into_iter().filter_map(|item| Some((self.python.name(item.key).ok()?, item.value)));
        let slots = self.python.slots(address).unwrap_or_default();
        own.chain(slots).collect()
    }

    /// The attribute `name` of an instance.
    pub fn attribute(&self, address: Addr, name: &str) -> Option<Addr> {
        let own = self.python.attribute(address, name).ok().flatten();
        own.or_else(|| self.python.slots(address).ok()?.into_iter().find(|(slot, _)| slot == name).map(|(_, at)| at))
    }

    /// The first of the attributes `names` that the instance at `address` has.
    pub fn attribute_of(&self, address: Addr, names: &[&str]) -> Option<Addr> {
        names.iter().find_map(|name| self.attribute(address, name))
    }

    /// The value of the int at `address`, if that is one which fits.
    pub fn number(&self, address: Addr) -> Option<u64> {
        let flags = self.python.type_flags(address).ok()?;
        if !flags.has(flag::LONG_SUBCLASS | flag::INT_SUBCLASS) {
            return None;
        }
        match self.python.int(address).ok()? {
            crate::python::Int::Value(value) => u64::try_from(value).ok(),
            crate::python::Int::Huge { .. } => None,
        }
    }

    /// The names of the classes that the object at `address` is an instance of, its own first; of an
    /// old-style instance that of its class.
    pub fn classes(&self, address: Addr) -> Vec<String> {
        let Ok(class) = self.python.type_of(address) else { return Vec::new() };
        let classes = self.python.mro(class).unwrap_or_default();
        classes.into_iter().filter_map(|class| self.python.type_name(class).ok()).collect()
    }

    /// The lock that a thread which sleeps on `word` waits for, among the objects at hand: those on the value
    /// stacks and in the variables of its innermost frames, what methods there are bound to, and attributes
    /// of these, up to two steps away.
    pub fn lock_at(&self, word: u64) -> Option<Native> {
        if let Some(found) = Native::around(self.kinds, &self.python, word) {
            return Some(found);
        }
        let mut seen = HashSet::new();
        let mut near = Vec::new();
        for call in self.calls.iter().take(NEAR) {
            near.extend(self.slots(call));
            near.extend(self.variables(call).into_iter().map(|(_, value)| value));
        }
        for _ in 0..3 {
            let mut next = Vec::new();
            for address in near {
                for object in [Some(address), self.bound_to(address)].into_iter().flatten() {
                    if seen.len() >= MAX_OBJECTS || !seen.insert(object) {
                        continue;
                    }
                    if let Some(lock) = self.kinds.of(&self.python, object)
                        && lock.is_awaited_at(&self.python, word)
                    {
                        return Some(lock);
                    }
                    next.extend(self.attributes(object).into_iter().map(|(_, value)| value));
                }
            }
            near = next;
        }
        self.standard_streams().into_iter().find(|lock| lock.is_awaited_at(&self.python, word))
    }

    /// The buffers of `sys.stdout` and its like, which `print` uses without their being at hand.
    fn standard_streams(&self) -> Vec<Native> {
        let Some(sys) = self.sys else { return Vec::new() };
        let stream = |name: &&str| self.python.item_named(sys, name).ok().flatten();
        let streams = ["stdout", "stderr", "stdin"].iter().filter_map(stream);
        streams
            .flat_map(|stream| self.attributes(stream))
            .filter_map(|(_, at)| self.kinds.of(&self.python, at))
            .collect()
    }
}
