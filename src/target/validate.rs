//! Whether a layout and an anchor fit the memory they are to be used on: the structures of a live
//! interpreter prove themselves.

use crate::address::Addr;
use crate::layout::{Field, Layout, Word};
use crate::memory::{Memory, ReadError};

/// Why an anchor is not believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// There is no interpreter with a thread: Python is starting up or has finished.
    NoInterpreter,
    /// The structures contradict each other.
    Contradiction(&'static str),
    /// Something could not be read.
    Unreadable(ReadError),
}

impl From<ReadError> for Doubt {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

/// A thread list longer than this is followed no further for the sake of proof.
const MAX_PROOF: usize = 64;

/// How far the structures proved themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Proof {
    /// Threads that point back at their interpreter.
    pub threads: usize,
    /// Interpreters whose `sys.modules` is a dict.
    pub modules: usize,
}

/// Checks that `head` points at a list of interpreters, laid out by `layout`: the threads of each
/// point back at it, there is at least one, and what is `sys.modules` is a dict.
pub fn interpreters(memory: &dyn Memory, layout: &Layout, head: Addr) -> Result<Proof, Doubt> {
    let mut interpreter = memory.pointer(head)?;
    if interpreter.is_none() {
        return Err(Doubt::NoInterpreter);
    }
    let mut proof = Proof::default();
    for _ in 0..MAX_PROOF {
        let Some(at) = interpreter else { break };
        let mut thread = field(memory, at, layout.interpreter.threads_head)?;
        for _ in 0..MAX_PROOF {
            let Some(thread_at) = thread else { break };
            if field(memory, thread_at, layout.thread.interpreter)? != Some(at) {
                return Err(Doubt::Contradiction("a thread belongs to another interpreter"));
            }
            proof.threads += 1;
            thread = field(memory, thread_at, layout.thread.next)?;
        }
        // Null until sys is made.
        if let Some(modules) = field(memory, at, layout.interpreter.modules)? {
            if !is_dict(memory, layout, modules)? {
                return Err(Doubt::Contradiction("sys.modules is no dict"));
            }
            proof.modules += 1;
        }
        interpreter = field(memory, at, layout.interpreter.next)?;
    }
    // Nothing has proved itself: zeros fit every layout.
    if proof.threads == 0 {
        return Err(Doubt::NoInterpreter);
    }
    Ok(proof)
}

/// Whether the type of the object at `address` is called dict: `sys.modules` may be an instance of
/// a subclass of it, so its flags are asked.
fn is_dict(memory: &dyn Memory, layout: &Layout, address: Addr) -> Result<bool, ReadError> {
    /// Py_TPFLAGS_DICT_SUBCLASS (Include/object.h).
    const DICT_SUBCLASS: u64 = 1 << 29;
    let Some(type_at) = field(memory, address, layout.object.ob_type)? else { return Ok(false) };
    let flags: u64 = field(memory, type_at, layout.type_object.flags)?;
    Ok(flags & DICT_SUBCLASS != 0)
}

fn field<T: Word>(memory: &dyn Memory, base: Addr, field: Field<T>) -> Result<T::Value, ReadError> {
    let mut buffer = [0; 8];
    let bytes = &mut buffer[..T::SIZE];
    memory.read(base.offset(u64::from(field.offset)), bytes)?;
    Ok(T::decode(bytes))
}
