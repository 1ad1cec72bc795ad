//! Code and a frame of it, as one look shows them.

use crate::address::Addr;
use crate::disassembly::{Disassembly, Scope, Stand, disassemble, scopes, subject};
use crate::layout::Opcodes;
use crate::python::{Code, Python, RawFrame};
use crate::stacks::Read;
use std::rc::Rc;

/// A frame and its code, as one look shows them.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The code.
    pub code: Rc<Code>,
    /// Its instructions.
    pub listing: Disassembly,
    /// Where the frame stands in them; `None` for code without a frame.
    pub stand: Option<Stand>,
    /// What its names are; or why they cannot be told.
    pub scopes: Result<Vec<Scope>, String>,
    /// How the thread was read; `None` for what belongs to none.
    pub read: Option<Read>,
}

impl Looked {
    /// What `python` shows of `code`, and of `frame` in it.
    pub fn read(
        python: &Python<'_>,
        opcodes: &Opcodes,
        code: Rc<Code>,
        frame: Option<&RawFrame>,
        settled: bool,
    ) -> crate::python::Result<Self> {
        let listing = disassemble(python, opcodes, &code, frame)?;
        let stand = frame.map(|frame| Stand::read(python, opcodes, &code, &listing, frame, settled));
        let scopes = scopes(python, &code, &listing.instructions, frame).map_err(|fault| fault.to_string());
        Ok(Self { code, listing, stand, scopes, read: None })
    }

    /// The code of the object at `at`, a function, method, code object, generator or frame; `None` if it is nothing of
    /// the kind.
    pub fn of(python: &Python<'_>, opcodes: &Opcodes, at: Addr) -> crate::python::Result<Option<Self>> {
        let Some(subject) = subject(python, at)? else { return Ok(None) };
        let code = Rc::new(python.code(subject.code)?);
        let frame = subject.frame.and_then(|frame| python.frame(frame).ok());
        Self::read(python, opcodes, code, frame.as_ref(), subject.settled).map(Some)
    }
}
