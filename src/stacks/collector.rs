//! Where the garbage collector of an interpreter is.

use crate::python::{Collector, InterpreterState, Python, Result};
use crate::target::{Root, Target};

/// The collector of `interpreter`, with the lists of all objects it knows: see [`Python::gc_objects`]. `None` where
/// there is none to be found.
pub fn collector(target: &Target, python: &Python<'_>, interpreter: InterpreterState) -> Result<Option<Collector>> {
    match target.anchors.root {
        Root::Runtime(runtime) => python.collector(interpreter.address, Some(runtime), None),
        Root::InterpreterHead(_) => python.collector(interpreter.address, None, target.exported("_PyGC_generation0")),
    }
}
