//! Who holds the GIL, who waits for it, and whether garbage is being collected.

use crate::address::Addr;
use crate::layout::Word;
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
    /// A pointer to the thread that has stopped all others (3.13+).
    requester: Option<Addr>,
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
    /// The thread that collects garbage: it holds the GIL, or without one has stopped all others. `None`
    /// where it cannot be told; without a GIL also while finalizers run, for which it lets the others go.
    pub collector: Option<Addr>,
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
        let requester = layout.interpreter.stop_the_world_requester.filter(|_| layout.free_threaded());
        let requester = requester.map(|own| field(interpreter.address, own.offset));
        let gil = layout.interpreter.gil.and_then(|own| python.get(interpreter.address, own).ok().flatten());
        let range = match (gil, layout.gil.size) {
            (Some(at), Some(size)) => Some((at.get(), field(at, size.0).get())),
            _ => target.anchors.gil_range,
        };
        let lock = target.anchors.gil_lock.and_then(|at| python.memory.u64(at).ok());
        Self { gil, current_thread: target.anchors.current_thread, collecting, requester, range, lock }
    }

    /// What to read so that the state of the GIL is known: address, and how many bytes.
    pub fn ranges(&self, python: &Python<'_>) -> Vec<(Addr, usize)> {
        let (start, end) = python.layout.gil.span;
        let gil = self.gil.map(|at| (at.offset(u64::from(start)), (end - start) as usize));
        let holder = self.current_thread.map(|at| (at, Addr::SIZE));
        let collecting = self.collecting.map(|at| (at, 4));
        let requester = self.requester.map(|at| (at, Addr::SIZE));
        [gil, holder, collecting, requester].into_iter().flatten().collect()
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
            let requester = || self.requester.and_then(|at| python.memory.pointer(at).ok().flatten());
            let collector = if enabled { holder } else { requester() };
            return Gil { known: enabled && locked.is_ok(), holder, collector: collector.filter(|_| collecting) };
        }
        let known = self.current_thread.map(|at| python.memory.pointer(at));
        let holder = known.as_ref().and_then(|holder| holder.as_ref().ok().copied().flatten());
        Gil { known: matches!(known, Some(Ok(_))), holder, collector: holder.filter(|_| collecting) }
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
