//! What watches what Python does, or replaces a part of it.

use crate::address::Addr;
use crate::layout::Inline;
use crate::objects::Value;
use crate::os;
use crate::python::{InterpreterState, flag};
use crate::state::{Look, ThreadName};

/// What watches or replaces something.
#[derive(Clone, Debug)]
pub struct Hooks {
    /// The threads with a function of `sys.settrace()`, and that.
    pub trace: Vec<(ThreadName, Value)>,
    /// The threads with a function of `sys.setprofile()`, and that.
    pub profile: Vec<(ThreadName, Value)>,
    /// How many audit hooks of C code there are (3.8–3.11; later it cannot be told where they are).
    pub c_audit_hooks: Option<u64>,
    /// The signals that Python code handles or has asked to ignore; `None` before 3.12 where the file does not tell.
    pub signals: Option<Vec<Signal>>,
    /// Those of each interpreter.
    pub interpreters: Vec<InterpreterHooks>,
}

/// What watches or replaces something in one interpreter.
#[derive(Clone, Debug)]
pub struct InterpreterHooks {
    /// The number of the interpreter.
    pub interpreter: i64,
    /// Functions of `sys.addaudithook()` (3.8+).
    pub audit_hooks: Option<Vec<Value>>,
    /// What C code has asked to be told of.
    pub watchers: Vec<Watchers>,
    /// The tools of `sys.monitoring`, by their numbers (3.12+).
    pub monitoring: Option<Vec<(u8, Value)>>,
    /// What evaluates frames instead of Python itself (PEP 523); `None` where it is Python.
    pub eval_frame: Option<Addr>,
    /// How many functions `atexit` will call.
    pub atexit: Option<u64>,
    /// Hooks of `sys` and `threading` that are not those they began with, by name.
    pub replaced: Vec<(&'static str, Value)>,
}

/// The watchers of one kind of thing.
#[derive(Clone, Debug)]
pub struct Watchers {
    /// What they watch: `dict`, `type`, `code`, `function`, `context`.
    pub kind: &'static str,
    /// Those there are.
    pub set: Vec<Watcher>,
}

/// A C function that is told of changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watcher {
    /// Its number.
    pub id: u8,
    /// Where it lies.
    pub function: Addr,
}

/// What is done about a signal.
#[derive(Clone, Debug)]
pub struct Signal {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: Option<&'static str>,
    /// `signal.getsignal()`: a function, or 1 for `SIG_IGN`.
    pub handler: Value,
}

/// `TYPE_MAX_WATCHERS` and its like, `PY_MONITORING_TOOL_IDS` (Include/internal).
const SLOTS: u8 = 8;
/// `NSIG` on Linux.
const SIGNALS: u32 = 65;
/// A longer list of audit hooks is a loop.
const MAX_AUDIT_HOOKS: u64 = 10_000;
/// `Handlers[]` of signalmodule.c: an int, and behind it the function.
const OLD_SIGNAL: (u64, u64) = (8, 16);

impl Look<'_> {
    /// What watches or replaces something.
    pub(super) fn hooks(&self) -> Hooks {
        let layout = &self.python.layout.thread;
        let threads = |function, object| {
            let set = self.known().filter_map(|(_, thread)| {
                Some((ThreadName::of(thread), self.tracing(thread.address, function, object)?))
            });
            set.collect()
        };
        let interpreters = self.interpreters.iter().enumerate();
        Hooks {
            trace: threads(layout.c_tracefunc, layout.c_traceobj),
            profile: threads(layout.c_profilefunc, layout.c_profileobj),
            c_audit_hooks: self.c_audit_hooks(),
            signals: self.signals(),
            interpreters: interpreters.map(|(index, interpreter)| self.hooks_of(index, *interpreter)).collect(),
        }
    }

    fn c_audit_hooks(&self) -> Option<u64> {
        let head = self.python.get_if(self.places.runtime?, self.python.layout.runtime_state.audit_hooks);
        let mut next = self.noted("audit hooks", head)??;
        let mut count = 0;
        while let Some(at) = next {
            count += 1;
            if count > MAX_AUDIT_HOOKS {
                self.problem("the list of audit hooks does not end".to_owned());
                return None;
            }
            // The next hook is the first member (`_Py_AuditHookEntry`).
            next = self.noted("audit hooks", self.python.memory.pointer(at).map_err(Into::into))?;
        }
        Some(count)
    }

    fn signals(&self) -> Option<Vec<Signal>> {
        let layout = &self.python.layout.runtime_state;
        let (first, step) = match (layout.signal_0, layout.signal_1) {
            (Some(first), Some(second)) => {
                (self.at(self.places.runtime?, first.offset), u64::from(second.offset.checked_sub(first.offset)?))
            }
            _ => (self.places.static_at("Handlers")?.offset(OLD_SIGNAL.0), OLD_SIGNAL.1),
        };
        let mut found = Vec::new();
        for number in 1..SIGNALS {
            let at = first.offset(u64::from(number) * step);
            let function = self.noted("signal handlers", self.python.memory.pointer(at).map_err(Into::into))?;
            let Some(function) = function.filter(|function| self.is_handler(*function)) else { continue };
            let name = os::signal_name(number);
            found.push(Signal { number, name, handler: self.describe(function) });
        }
        Some(found)
    }

    /// Whether it is not `None`, which says that Python does not know, nor `SIG_DFL`, which is 0.
    fn is_handler(&self, function: Addr) -> bool {
        let value = self.describe(function);
        let is_default = value.scalar == Some(crate::objects::Scalar::Int(0)) || value.text == "Handlers.SIG_DFL";
        value.scalar != Some(crate::objects::Scalar::None) && !is_default
    }

    fn hooks_of(&self, index: usize, interpreter: InterpreterState) -> InterpreterHooks {
        let layout = &self.python.layout.interpreter;
        let audit =
            layout.audit_hooks.map(|place| self.python.memory.pointer(self.at(interpreter.address, place.offset)));
        let audit = audit.and_then(|list| self.noted("audit hooks", list.map_err(Into::into)));
        let kinds = [
            ("dict", layout.dict_watchers),
            ("type", layout.type_watchers),
            ("code", layout.code_watchers),
            ("function", layout.func_watchers),
            ("context", self.python.layout.interpreter_state.context_watchers),
        ];
        let watchers =
            |(kind, place): (_, Option<Inline>)| Some(Watchers { kind, set: self.watchers(interpreter, place?)? });
        InterpreterHooks {
            interpreter: self.number(index),
            audit_hooks: audit
                .and_then(|list| list.map_or_else(|| Some(Vec::new()), |list| self.values("audit hooks", list))),
            watchers: kinds.into_iter().filter_map(watchers).collect(),
            monitoring: layout.monitoring_tools.and_then(|place| self.monitoring(interpreter, place)),
            eval_frame: self.eval_frame(interpreter),
            atexit: self.atexit(interpreter),
            replaced: self.replaced(interpreter),
        }
    }

    /// The pointers in the slots at `place` that are not null.
    fn slots(&self, interpreter: InterpreterState, place: Inline) -> Option<Vec<(u8, Addr)>> {
        let first = self.at(interpreter.address, place.offset);
        let mut found = Vec::new();
        for id in 0..SLOTS {
            let pointer = self.python.memory.pointer(first.offset(u64::from(id) * 8));
            found.extend(self.noted("watchers", pointer.map_err(Into::into))?.map(|pointer| (id, pointer)));
        }
        Some(found)
    }

    fn watchers(&self, interpreter: InterpreterState, place: Inline) -> Option<Vec<Watcher>> {
        let slots = self.slots(interpreter, place)?;
        Some(slots.into_iter().map(|(id, function)| Watcher { id, function }).collect())
    }

    fn monitoring(&self, interpreter: InterpreterState, place: Inline) -> Option<Vec<(u8, Value)>> {
        let slots = self.slots(interpreter, place)?;
        Some(slots.into_iter().map(|(id, name)| (id, self.describe(name))).collect())
    }

    fn eval_frame(&self, interpreter: InterpreterState) -> Option<Addr> {
        let function = self.python.get_if(interpreter.address, self.python.layout.interpreter.eval_frame);
        let function = self.noted("what evaluates frames", function)???;
        // Where it is not known what would be right, nothing can be said to be wrong.
        (self.places.eval_frame? != function).then_some(function)
    }

    fn atexit(&self, interpreter: InterpreterState) -> Option<u64> {
        let layout = &self.python.layout.interpreter_state;
        if layout.atexit_count.is_some() {
            let count = self.python.get_if(interpreter.address, layout.atexit_count);
            return u64::try_from(self.noted("atexit", count)??).ok();
        }
        if layout.atexit_callbacks.is_some() {
            let list = self.python.get_if(interpreter.address, layout.atexit_callbacks);
            let list = self.noted("atexit", list)???;
            return self.noted("atexit", self.python.list_items(list, 0)).map(|(_, count)| count);
        }
        // 2.7: a module of Python code.
        let list = self.in_module(interpreter, "atexit", "_exithandlers")?;
        self.noted("atexit", self.python.list_items(list, 0)).map(|(_, count)| count)
    }

    fn replaced(&self, interpreter: InterpreterState) -> Vec<(&'static str, Value)> {
        let sys = [
            ("sys.excepthook", "excepthook", "__excepthook__"),
            ("sys.displayhook", "displayhook", "__displayhook__"),
            ("sys.unraisablehook", "unraisablehook", "__unraisablehook__"),
            ("sys.breakpointhook", "breakpointhook", "__breakpointhook__"),
        ];
        let pair = |(name, now, first)| (name, self.sys(interpreter, now), self.sys(interpreter, first));
        let mut pairs: Vec<(&'static str, Option<Addr>, Option<Addr>)> = sys.into_iter().map(pair).collect();
        let threading = self.in_module(interpreter, "threading", "excepthook");
        let first = self.in_module(interpreter, "_thread", "_excepthook");
        pairs.push(("threading.excepthook", threading, first));
        let changed = pairs.into_iter().filter_map(|(name, now, first)| {
            let (now, first) = (now?, first?);
            (now != first && !self.same_function(now, first)).then(|| (name, self.describe(now)))
        });
        changed.collect()
    }

    /// Whether both are the same function of C code: 3.10 and newer make one for each that asks.
    fn same_function(&self, a: Addr, b: Addr) -> bool {
        let is_function = |at: Addr| {
            let class = self.python.type_of(at).ok()?;
            let plain = !self.python.flags_of(class).ok()?.has(flag::HEAPTYPE);
            (plain && self.python.type_name(class).ok()? == "builtin_function_or_method").then_some(())
        };
        let definition = |at| self.python.get(at, self.python.layout.cfunction.definition).ok().flatten();
        is_function(a).and(is_function(b)).is_some() && definition(a).is_some_and(|own| definition(b) == Some(own))
    }
}
