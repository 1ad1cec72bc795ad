//! Where things lie that nothing in the state of an interpreter leads to: found once, by symbols.

use crate::address::Addr;
use crate::target::{Root, Target};
use std::collections::BTreeMap;

/// The places of one target.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `_PyRuntime` (3.7+).
    pub runtime: Option<Addr>,
    /// `_PyGC_generation0`, a pointer to the youngest generation (before 3.7).
    pub generations: Option<Addr>,
    /// `_PyEval_EvalFrameDefault`, which evaluates frames if nothing else does (3.6+).
    pub eval_frame: Option<Addr>,
    /// The recursion limit (before 3.7).
    pub recursion_limit: Option<Addr>,
    /// The switch interval (3.6): a number of microseconds.
    pub switch_interval: Option<Addr>,
    /// The check interval (2.7): a number of instructions.
    pub check_interval: Option<Addr>,
    /// The thread that finalizes Python (3.6).
    pub finalizing: Option<Addr>,
    /// Other statics of older versions, by name: only the symbol table of a file that was not stripped of it
    /// tells where they are.
    pub statics: BTreeMap<String, Addr>,
}

/// The statics that are asked for: in gcmodule.c, obmalloc.c, signalmodule.c, ceval.c and import.c.
const STATICS: &[&str] = &[
    "enabled",
    "debug",
    "collecting",
    "arenas",
    "maxarenas",
    "_PyObject",
    "_PyMem_Raw",
    "Handlers",
    "pendingcalls_to_do",
    "gil_drop_request",
    "gil_switch_number",
    "import_lock_thread",
    "import_lock",
];

impl Places {
    /// Those of `target`.
    pub fn of(target: &Target) -> Self {
        let runtime = match target.anchors.root {
            Root::Runtime(at) => Some(at),
            Root::InterpreterHead(_) => None,
        };
        let mut places = Self { runtime, eval_frame: target.exported("_PyEval_EvalFrameDefault"), ..Self::default() };
        if runtime.is_none() {
            places.generations = target.exported("_PyGC_generation0");
            places.recursion_limit = target.exported("_Py_CheckRecursionLimit");
            places.switch_interval = target.referred_by("_PyEval_GetSwitchInterval").first().copied();
            places.check_interval = target.exported("_Py_CheckInterval");
            places.finalizing = target.exported("_Py_Finalizing");
        }
        if target.layout.interpreter_state.arenas.is_none() || target.layout.runtime_state.signal_0.is_none() {
            places.statics = target.statics(STATICS);
        }
        places
    }

    /// Where the static `name` lies, if the file tells.
    pub fn static_at(&self, name: &str) -> Option<Addr> {
        self.statics.get(name).copied()
    }
}
