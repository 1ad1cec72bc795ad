//! Typed views of CPython's structures: interpreters, threads, frames, code objects, line tables,
//! objects. No operating system, no ELF, no version numbers: where builds differ, a field is an
//! `Option` or a word is matched.
//!
//! ```no_run
//! # fn example(target: &pitviper::target::Target) -> Option<()> {
//! use pitviper::memory::Pages;
//! use pitviper::python::Python;
//! let pages = Pages::new(&target.memory);
//! let python = Python::new(&pages, &target.layout);
//! for interpreter in python.interpreters(target.interpreters_head()?).items {
//!     println!("interpreter {:?}", interpreter.id);
//! }
//! # Some(())
//! # }
//! ```

mod all_tasks;
mod arrays;
mod code;
mod copy_plan;
mod decimals;
mod deques;
mod dicts;
mod frames;
mod frontier;
mod gc;
mod instances;
mod line_table;
mod numbers;
mod ordered;
mod parts;
mod records;
mod runtime;
mod sequences;
mod stack_copy;
mod strings;
mod tables;
mod tasks;
mod types;
mod variables;

pub use all_tasks::TaskObject;
pub use arrays::{Array, Element, Unit};
pub use code::{Code, CodeCache};
pub use decimals::{Decimal, DecimalKind};
pub use dicts::Item;
pub use frames::{End, MAX_FRAMES, RawFrame, Stack, Walk};
pub use gc::{Collector, Tracked};
pub use line_table::{LineTable, Position};
pub use numbers::Int;
pub use parts::Part;
pub use records::Named;
pub use runtime::{InterpreterState, ThreadState};
pub use stack_copy::{Placed, StackCopy};
pub use strings::Text;
pub use tables::{DataTable, Labels};
pub use tasks::{Asked, Missed, Root, Task, TaskCache};
pub use types::{TypeFlags, flag};
pub use variables::{Scoped, Variable, VariableKind};

use crate::address::Addr;
use crate::layout::{Bits, Field, Layout, Path, Word};
use crate::memory::{Memory, ReadError};
use std::fmt;

/// Why something in a target could not be made sense of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It could not be read.
    Unreadable(ReadError),
    /// It was read, and cannot be what it should be.
    Implausible(Addr, &'static str),
    /// A pointer that has to be there is null.
    Null(&'static str),
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Implausible(addr, what) => write!(f, "{what} at {addr} is implausible"),
            Self::Null(what) => write!(f, "{what} is null"),
        }
    }
}

/// What reading a part of a target yields.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

/// As many of some things as could be read, and what went wrong with the rest.
#[derive(Clone, Debug)]
pub struct Partial<T> {
    /// What could be read.
    pub items: Vec<T>,
    /// Why there are no more, if there ought to be.
    pub fault: Option<Fault>,
}

/// A memory and what its bytes mean: the reading vocabulary of everything above.
#[derive(Clone, Copy)]
pub struct Python<'a> {
    /// The bytes.
    pub memory: &'a dyn Memory,
    /// What they mean.
    pub layout: &'a Layout,
    /// The interpreter whose view of static classes is asked for; without it they have no dict from 3.12 on.
    interpreter: Option<Addr>,
}

impl<'a> Python<'a> {
    /// Reads `memory` by `layout`.
    pub fn new(memory: &'a dyn Memory, layout: &'a Layout) -> Self {
        Self { memory, layout, interpreter: None }
    }

    /// The same, as the interpreter at `interpreter` sees static classes.
    pub fn of_interpreter(self, interpreter: Addr) -> Self {
        Self { interpreter: Some(interpreter), ..self }
    }

    /// The value of `field` of the struct at `base`.
    pub fn get<T: Word>(&self, base: Addr, field: Field<T>) -> Result<T::Value> {
        let mut buffer = [0; 8];
        let bytes = &mut buffer[..T::SIZE];
        self.memory.read(base.offset(u64::from(field.offset)), bytes)?;
        Ok(T::decode(bytes))
    }

    /// The value of a field that only some builds have.
    pub fn get_if<T: Word>(&self, base: Addr, field: Option<Field<T>>) -> Result<Option<T::Value>> {
        field.map(|field| self.get(base, field)).transpose()
    }

    /// The pointer in `field` of the struct at `base`, which must not be null; `what` names it.
    pub fn pointer(&self, base: Addr, field: Field<Addr>, what: &'static str) -> Result<Addr> {
        self.get(base, field)?.ok_or(Fault::Null(what))
    }

    /// The bit-field `bits` of the struct at `base`.
    pub fn bits(&self, base: Addr, bits: Bits) -> Result<u64> {
        let storage = self.memory.u64(base.offset(u64::from(bits.offset)))?;
        Ok(bits.of(storage))
    }

    /// The pointer at the end of `path` from `base`; null as soon as one on the way is.
    pub fn follow(&self, base: Addr, path: &Path) -> Result<Option<Addr>> {
        let mut at = Some(base);
        for offset in &path.0 {
            let Some(here) = at else { return Ok(None) };
            at = self.memory.pointer(here.offset(u64::from(*offset)))?;
        }
        Ok(at)
    }

    /// The int that a reference in a frame is itself, without an object (3.15+).
    pub fn tagged_int(&self, reference: Option<Addr>) -> Option<i64> {
        use crate::layout::References;
        let word = reference?.get();
        let tagged = self.layout.words.references == References::Tagged && word & 3 == 3;
        tagged.then_some(word.cast_signed() >> 2)
    }

    /// A reference as frames hold it, without its tag bits.
    pub fn untag(&self, reference: Option<Addr>) -> Option<Addr> {
        use crate::layout::References;
        let word = reference?.get();
        match self.layout.words.references {
            References::Plain => Addr::new(word),
            // pycore_stackref.h: bit 0 marks a borrowed reference, and alone it is PyStackRef_NULL;
            // 3 in both bits marks an int in the word itself.
            References::Tagged if word & 3 == 3 => None,
            References::Tagged => Addr::new(word & !3),
        }
    }
}
