//! Who holds the GIL, who waits for it, and whether garbage is being collected.

use crate::address::Addr;
use crate::python::{InterpreterState, Python};
use crate::target::{Root, Target};

/// The GIL of one interpreter at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gil {
    /// Whether there is one, and its state can be told.
    pub known: bool,
    /// The thread that holds it.
    pub holder: Option<Addr>,
    /// `[start, end)`: a thread that sleeps on a futex in here waits for it.
    range: Option<(u64, u64)>,
    /// The futex of 2.7's and 3.1's lock.
    lock: Option<u64>,
    /// Whether garbage is being collected; false where it cannot be told.
    pub collecting: bool,
}

impl Gil {
    /// The GIL that `interpreter` uses.
    pub fn read(target: &Target, python: &Python<'_>, interpreter: InterpreterState) -> Self {
        let layout = python.layout;
        let mut gil = Self { collecting: collecting(target, python, interpreter), ..Self::default() };
        if let Some(field) = layout.interpreter.gil {
            gil.read_struct(python, python.get(interpreter.address, field).ok().flatten());
            return gil;
        }
        if let Some(at) = target.anchors.current_thread {
            gil.known = true;
            gil.holder = python.memory.pointer(at).ok().flatten();
        }
        gil.range = target.anchors.gil_range;
        gil.lock = target.anchors.gil_lock.and_then(|at| python.memory.u64(at).ok());
        gil
    }

    /// 3.12 and newer: the interpreter points at its GIL.
    fn read_struct(&mut self, python: &Python<'_>, address: Option<Addr>) {
        let layout = &python.layout.gil;
        let (Some(at), Some(locked), Some(holder)) = (address, layout.locked, layout.last_holder) else { return };
        let enabled = match layout.enabled {
            Some(field) => python.get(at, field).is_ok_and(|enabled| enabled != 0),
            None => true,
        };
        let Ok(locked) = python.get(at, locked) else { return };
        self.known = enabled;
        if enabled && locked == 1 {
            // Not cleared when the GIL is released: it counts only while locked.
            self.holder = python.get(at, holder).ok().flatten();
        }
        self.range = layout.size.map(|size| (at.get(), at.get() + u64::from(size.0)));
    }

    /// Whether a thread that sleeps on `futex` waits for this GIL.
    pub fn is_awaited_by(&self, futex: u64) -> bool {
        self.range.is_some_and(|(start, end)| (start..end).contains(&futex)) || self.lock == Some(futex)
    }
}

fn collecting(target: &Target, python: &Python<'_>, interpreter: InterpreterState) -> bool {
    let layout = python.layout;
    if let Some(field) = layout.interpreter.gc_collecting {
        return python.get(interpreter.address, field).is_ok_and(|collecting| collecting != 0);
    }
    match (target.anchors.root, layout.runtime.gc_collecting) {
        (Root::Runtime(at), Some(field)) => python.get(at, field).is_ok_and(|collecting| collecting != 0),
        _ => false,
    }
}
