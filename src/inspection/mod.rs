//! One object, with all that memory tells of it: its references, its size, what it consists of, and the
//! objects it refers to, as a tree within a budget.
//!
//! Nothing here is a guess: what cannot be known is `None`. Nothing runs in the target.

mod classes;
mod facts;
mod fields;
mod generators;
mod node;
mod size;
mod syntax;

pub use classes::{CMember, ClassFacts, Slot};
pub use facts::Fact;
pub use fields::{RawField, raw_fields};
pub use generators::{GeneratorState, Waiting};
pub use node::{Child, ChildKind, Inspector, Limits, Link, Node};
pub use syntax::{SyntaxTree, syntax_tree};

use crate::address::Addr;
use crate::python::{Python, Result, flag};

/// How many references there are to an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct References {
    /// The count; `None` where the object is immortal, since then it counts nothing, or cannot be read.
    pub count: Option<i64>,
    /// Whether the object is immortal (3.12+): its count is never changed.
    pub immortal: Option<bool>,
}

/// The references to the object at `address` (Include/refcount.h, before 3.14 Include/object.h).
pub fn references(python: &Python<'_>, address: Addr) -> Result<References> {
    let layout = &python.layout.object;
    if let (Some(local), Some(shared)) = (layout.ref_local, layout.ref_shared) {
        let local = python.get(address, local)?;
        let immortal = local == u32::MAX;
        // The lowest two bits of the shared count are a state.
        let count = i64::from(local) + (python.get(address, shared)? >> 2);
        return Ok(References { count: (!immortal).then_some(count), immortal: Some(immortal) });
    }
    let Some(field) = layout.refcnt else { return Ok(References::default()) };
    let word = python.get(address, field)?;
    // Since 3.12 half of the word is the count, and its sign bit marks an object that is immortal.
    if layout.split.is_none() && layout.flags.is_none() {
        return Ok(References { count: Some(word), immortal: None });
    }
    let count = word as i32;
    let immortal = count < 0;
    Ok(References { count: (!immortal).then_some(i64::from(count)), immortal: Some(immortal) })
}

/// Whether the garbage collector knows the object at `address`; `None` where that cannot be told.
pub fn is_tracked(python: &Python<'_>, address: Addr) -> Option<bool> {
    if !python.type_flags(address).ok()?.has(flag::HAVE_GC) {
        return Some(false);
    }
    if let Some(bits) = python.layout.object.gc_bits {
        // _PyGC_BITS_TRACKED, Include/internal/pycore_gc.h.
        return Some(python.get(address, bits).ok()? & 1 != 0);
    }
    // A static class has no header before it.
    if python.type_flags(address).ok()?.has(flag::TYPE_SUBCLASS) && !python.flags_of(address).ok()?.has(flag::HEAPTYPE)
    {
        return Some(false);
    }
    let gc = &python.layout.gc;
    // Up to 3.7 the link of what is not tracked may be left over.
    let (size, next) = (gc.head_size.filter(|size| size.0 == 16)?, gc.head_next?);
    Some(python.get(address.before(u64::from(size.0))?, next).ok()? != 0)
}
