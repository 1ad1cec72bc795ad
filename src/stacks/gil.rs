//! Who holds the GIL, who waits for it, and whether garbage is being collected.

use crate::address::Addr;
use crate::memory::Part;
use crate::python::{InterpreterState, Python};
use crate::target::{Root, Target};

/// Where the GIL of one interpreter lies: found once, read at every look.
#[derive(Clone, Copy, Debug, Default)]
pub struct GilPlace {
    /// The GIL itself (3.12+).
    gil: Option<Addr>,
    /// A pointer to the thread that holds it (before 3.12).
    current_thread: Option<Addr>,
    /// Whether the collector runs.
    collecting: Option<Addr>,
    /// `[start, end)`: a thread that sleeps on a futex in here waits for it.
    range: Option<(u64, u64)>,
    /// The futex of 2.7's and 3.1's lock.
    lock: Option<u64>,
}

/// The GIL of one interpreter at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gil {
    /// Whether there is one, and its state can be told.
    pub known: bool,
    /// The thread that holds it.
    pub holder: Option<Addr>,
    /// Whether garbage is being collected; false where it cannot be told.
    pub collecting: bool,
}

impl GilPlace {
    /// Finds the GIL that `interpreter` uses.
    pub fn find(target: &Target, python: &Python<'_>, interpreter: InterpreterState) -> Self {
        let layout = python.layout;
        let field = |base: Addr, offset: u32| base.offset(u64::from(offset));
        let collecting = match (layout.interpreter.gc_collecting, target.anchors.root, layout.runtime.gc_collecting) {
            (Some(own), ..) => Some(field(interpreter.address, own.offset)),
            (None, Root::Runtime(at), Some(shared)) => Some(field(at, shared.offset)),
            _ => None,
        };
        let gil = layout.interpreter.gil.and_then(|own| python.get(interpreter.address, own).ok().flatten());
        let range = match (gil, layout.gil.size) {
            (Some(at), Some(size)) => Some((at.get(), field(at, size.0).get())),
            _ => target.anchors.gil_range,
        };
        let lock = target.anchors.gil_lock.and_then(|at| python.memory.u64(at).ok());
        Self { gil, current_thread: target.anchors.current_thread, collecting, range, lock }
    }

    /// What to read so that the state of the GIL is known.
    pub fn parts(&self, python: &Python<'_>) -> Vec<Part> {
        let (start, end) = python.layout.gil.span;
        let gil = self.gil.map(|at| Part::new(at.offset(u64::from(start)), (end - start) as usize));
        let holder = self.current_thread.map(|at| Part::new(at, 8));
        let collecting = self.collecting.map(|at| Part::new(at, 4));
        [gil, holder, collecting].into_iter().flatten().collect()
    }

    /// The state of the GIL now.
    pub fn read(&self, python: &Python<'_>) -> Gil {
        let collecting = self.collecting.is_some_and(|at| {
            let mut word = [0; 4];
            python.memory.read(at, &mut word).is_ok() && word != [0; 4]
        });
        let layout = &python.layout.gil;
        if let (Some(at), Some(locked), Some(last_holder)) = (self.gil, layout.locked, layout.last_holder) {
            let enabled = layout.enabled.is_none_or(|field| python.get(at, field).is_ok_and(|enabled| enabled != 0));
            let locked = python.get(at, locked);
            // The last holder is not cleared when the GIL is released: it counts only while locked.
            let held = enabled && locked == Ok(1);
            let holder = held.then(|| python.get(at, last_holder).ok().flatten()).flatten();
            return Gil { known: enabled && locked.is_ok(), holder, collecting };
        }
        let holder = self.current_thread.map(|at| python.memory.pointer(at));
        Gil { known: matches!(holder, Some(Ok(_))), holder: holder.and_then(Result::ok).flatten(), collecting }
    }

    /// What tells this GIL from others: interpreters may share one.
    pub fn identity(&self) -> Option<Addr> {
        self.gil.or(self.current_thread)
    }

    /// Whether a thread that sleeps on `futex` waits for this GIL.
    pub fn is_awaited_by(&self, futex: u64) -> bool {
        self.range.is_some_and(|(start, end)| (start..end).contains(&futex)) || self.lock == Some(futex)
    }
}
