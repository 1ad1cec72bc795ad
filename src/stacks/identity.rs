//! Who a thread is: its name in Python and its number in the kernel.

use crate::address::{Addr, Pid};
use crate::os;
use crate::python::{Int, InterpreterState, Python, ThreadState};
use std::collections::HashMap;

/// The kernel's thread of a thread that Python knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NativeId {
    /// It lives, and this is its id here.
    Known(Pid),
    /// It has ended: a child of fork without exec may list the threads of its parent (2.7), and a
    /// daemon thread may have ended without Python's knowing.
    Ended,
    /// It cannot be told.
    Unknown,
}

impl NativeId {
    /// The id, if there is one.
    pub fn known(self) -> Option<Pid> {
        match self {
            Self::Known(id) => Some(id),
            Self::Ended | Self::Unknown => None,
        }
    }
}

/// The kernel's ids of the threads of a process, by what Python knows.
pub struct NativeIds {
    /// From the id inside the process's pid namespace to the id here.
    here: HashMap<u64, Pid>,
    /// From `pthread_t` to the id inside, where Python does not know that: before 3.11, and of a child of
    /// a fork that Python was not told of, as uWSGI makes them.
    by_pthread: HashMap<u64, u64>,
}

/// As much of glibc's `struct pthread` as is searched for the thread id: it lies at 720 on x86-64
/// and 208 on aarch64; in musl, within the first 64 bytes.
const PTHREAD_SIZE: usize = 1024;

impl NativeIds {
    /// The ids of the threads of `pid`; `threads` are those that Python knows.
    pub fn read(pid: Pid, python: &Python<'_>, threads: &[ThreadState]) -> Self {
        let pairs = os::native_ids(pid).unwrap_or_default();
        let here: HashMap<u64, Pid> = pairs.into_iter().map(|(inside, here)| (u64::from(inside.0), here)).collect();
        let is_unknown = |thread: &&ThreadState| thread.native_id.is_none_or(|id| id != 0 && !here.contains_key(&id));
        let unknown: Vec<u64> = threads.iter().filter(is_unknown).map(|thread| thread.id).collect();
        let by_pthread = if unknown.is_empty() { HashMap::new() } else { by_pthread(python, &unknown, &here) };
        Self { here, by_pthread }
    }

    /// The kernel's thread of `thread`.
    pub fn of(&self, thread: &ThreadState) -> NativeId {
        // 0 is a thread that is about to start.
        let told = thread.native_id.filter(|id| *id != 0);
        let found = || self.by_pthread.get(&thread.id).copied();
        let known = |inside: u64| self.here.get(&inside).copied();
        match told.and_then(known).or_else(|| found().and_then(known)) {
            Some(here) => NativeId::Known(here),
            None if told.or_else(found).is_some() => NativeId::Ended,
            None => NativeId::Unknown,
        }
    }
}

/// Finds the thread id in each C library thread: the place that holds, in more of them than any
/// other, the id of a thread of this process, and of a different one each. Not in all: a thread that
/// is just ending, or that a fork has not copied but 2.7 still lists, has no id any more.
///
/// No offset needs to be known, so that it works for any C library.
fn by_pthread(python: &Python<'_>, pthreads: &[u64], ids: &HashMap<u64, Pid>) -> HashMap<u64, u64> {
    let words = |pthread: u64| -> Option<Vec<u64>> {
        let mut bytes = vec![0; PTHREAD_SIZE];
        python.memory.read(Addr::new(pthread)?, &mut bytes).ok()?;
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        Some(bytes.chunks_exact(4).map(word).collect())
    };
    let structs: Vec<(u64, Vec<u64>)> =
        pthreads.iter().filter_map(|pthread| Some((*pthread, words(*pthread)?))).collect();
    let known_at = |index: usize| {
        let mut owners = HashMap::new();
        for (pthread, words) in &structs {
            let id = words.get(index).filter(|id| ids.contains_key(id));
            // The same thread may appear in several interpreters, but no id in two threads.
            if id.is_some_and(|id| owners.entry(*id).or_insert(*pthread) != pthread) {
                return None;
            }
        }
        Some(owners.len()).filter(|known| *known > 0)
    };
    // Of equally good places the first: reversed, because the last is what max_by_key takes.
    let places = (0..PTHREAD_SIZE / 4).rev().filter_map(|index| Some((known_at(index)?, index)));
    let Some((_, place)) = places.max_by_key(|(known, _)| *known) else { return HashMap::new() };
    structs.into_iter().filter_map(|(pthread, words)| Some((pthread, *words.get(place)?))).collect()
}

/// At most this many entries of `threading._active` are read.
const MAX_NAMES: usize = 100_000;

/// The names of the threads of `interpreter`, by `threading.get_ident()`: what the module threading
/// keeps in `_active`. Empty where it is not imported.
pub fn names(python: &Python<'_>, interpreter: InterpreterState) -> HashMap<u64, String> {
    let active = || {
        let modules = python.get(interpreter.address, python.layout.interpreter.modules).ok()??;
        let threading = python.item_named(modules, "threading").ok()??;
        let dict = python.get(threading, python.layout.module.dict).ok()??;
        let active = python.item_named(dict, "_active").ok()??;
        Some(python.dict_items(active, MAX_NAMES).ok()?.0)
    };
    let name = |thread: Addr| {
        let known = |attribute| python.attribute(thread, attribute).ok().flatten();
        // 2.7 keeps it private to the class.
        let name = known("_name").or_else(|| known("_Thread__name"))?;
        python.name(name).ok()
    };
    let entry = |item: crate::python::Item| match python.int(item.key).ok()? {
        Int::Value(id) => Some((u64::try_from(id).ok()?, name(item.value)?)),
        Int::Huge { .. } => None,
    };
    active().unwrap_or_default().into_iter().filter_map(entry).collect()
}

/// Whether `interpreter` is interactive: only then `sys.ps1` exists.
pub fn is_interactive(python: &Python<'_>, interpreter: InterpreterState) -> bool {
    let sys = python.get(interpreter.address, python.layout.interpreter.sysdict).ok().flatten();
    sys.is_some_and(|sys| python.item_named(sys, "ps1").is_ok_and(|found| found.is_some()))
}
