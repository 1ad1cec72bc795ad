//! Interpreters and their threads.

use crate::address::Addr;
use crate::python::{Fault, Partial, Python, Result};

/// One interpreter of a process.
#[derive(Clone, Copy, Debug)]
pub struct InterpreterState {
    /// Where its `PyInterpreterState` lies.
    pub address: Addr,
    /// Its number; `None` before 3.7.
    pub id: Option<i64>,
}

/// One thread of an interpreter.
#[derive(Clone, Copy, Debug)]
pub struct ThreadState {
    /// Where its `PyThreadState` lies.
    pub address: Addr,
    /// `threading.get_ident()`.
    pub id: u64,
    /// The kernel's thread id, as the target's pid namespace numbers it; `None` before 3.11.
    pub native_id: Option<u64>,
    /// 0 detached, 1 attached, 2 suspended; `None` before 3.13.
    pub attached: Option<i32>,
}

/// No process has more interpreters: a longer list is a loop.
const MAX_INTERPRETERS: usize = 10_000;
/// No process has more threads: a longer list is a loop. Linux allows 32,768 by default.
const MAX_THREADS: usize = 200_000;

impl Python<'_> {
    /// The interpreters of the list that the pointer at `head` begins, the main one first.
    pub fn interpreters(&self, head: Addr) -> Partial<InterpreterState> {
        let first = self.memory.pointer(head).map_err(Fault::from);
        let mut list = self.list(first, MAX_INTERPRETERS, |address| {
            let id = self.get_if(address, self.layout.interpreter.id)?;
            let next = self.get(address, self.layout.interpreter.next)?;
            Ok((InterpreterState { address, id }, next))
        });
        // CPython puts the newest in front.
        list.items.reverse();
        list
    }

    /// The threads of `interpreter`, the oldest first.
    pub fn threads(&self, interpreter: InterpreterState) -> Partial<ThreadState> {
        let layout = &self.layout.thread;
        let first = self.get(interpreter.address, self.layout.interpreter.threads_head);
        let mut list = self.list(first, MAX_THREADS, |address| {
            // Not so where the thread has ended and its memory serves another purpose.
            if self.get(address, layout.interpreter)? != Some(interpreter.address) {
                return Err(Fault::Implausible(address, "a thread of the interpreter"));
            }
            let thread = ThreadState {
                address,
                id: self.get(address, layout.thread_id)?,
                native_id: self.get_if(address, layout.native_thread_id)?,
                attached: self.get_if(address, layout.state)?,
            };
            Ok((thread, self.get(address, layout.next)?))
        });
        list.items.reverse();
        list
    }

    fn list<T>(
        &self,
        first: Result<Option<Addr>>,
        max: usize,
        read: impl Fn(Addr) -> Result<(T, Option<Addr>)>,
    ) -> Partial<T> {
        let mut list = Partial { items: Vec::new(), fault: None };
        let mut next = first;
        let mut seen = std::collections::HashSet::new();
        loop {
            let address = match next {
                Ok(Some(address)) => address,
                Ok(None) => return list,
                Err(fault) => {
                    list.fault = Some(fault);
                    return list;
                }
            };
            if list.items.len() >= max || !seen.insert(address) {
                list.fault = Some(Fault::Implausible(address, "a list that does not end"));
                return list;
            }
            next = read(address).map(|(item, next)| {
                list.items.push(item);
                next
            });
        }
    }
}
