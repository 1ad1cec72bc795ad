//! One frame of a thread, looked at in a way that is true: while the thread sleeps, or is stopped.

use crate::disassembly::{Disassembly, Scope, Stand, disassemble, scopes};
use crate::layout::Opcodes;
use crate::memory::Pages;
use crate::os::{Activity, ThreadFiles, Tracer};
use crate::python::{Code, CodeCache, Python, RawFrame, ThreadState};
use crate::stacks::{NativeId, Pausing, Read, Subject, look};
use crate::target::Target;
use std::rc::Rc;

/// Which frame of a thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Choice {
    /// So many from the innermost, which is 0.
    Index(usize),
    /// The innermost of the function with this name, or qualified name.
    Named(String),
}

impl Choice {
    fn is(&self, index: usize, code: &Code) -> bool {
        match self {
            Self::Index(wanted) => *wanted == index,
            Self::Named(name) => code.name == *name || code.qualname.as_ref() == Some(name),
        }
    }
}

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
}

/// The frame `choice` of `thread`, whose kernel thread is `native`. `Ok(None)` if the thread has no such frame;
/// the error is a sentence.
pub fn look_at(
    target: &Target,
    opcodes: &Opcodes,
    thread: &ThreadState,
    native: NativeId,
    choice: &Choice,
    pausing: Pausing,
) -> Result<Option<Looked>, String> {
    let Some(tid) = native.known() else { return Err("its kernel thread is not known, or has ended".to_owned()) };
    let kernel = ThreadFiles::open(target.process.pid, tid);
    let activity = kernel.activity();
    let mut subject = Frame { target, opcodes, thread, choice, kernel, found: Err("it has ended".to_owned()) };
    let seen = look(&mut subject, activity, pausing, &Tracer::default());
    let Some((_, read)) = seen else { return Err("it ended while it was read".to_owned()) };
    subject.found.map(|found| found.map(|looked| Looked { read: Some(read), ..looked }))
}

struct Frame<'t> {
    target: &'t Target,
    opcodes: &'t Opcodes,
    thread: &'t ThreadState,
    choice: &'t Choice,
    kernel: ThreadFiles,
    found: Result<Option<Looked>, String>,
}

impl Frame<'_> {
    /// The frame as it stands; `stopped` says that the thread was stopped at any instruction of C. And whether
    /// the chain of frames was whole.
    fn find(&self, stopped: bool) -> (Result<Option<Looked>, String>, bool) {
        let pages = Pages::new(&self.target.memory);
        let python = Python::new(&pages, &self.target.layout);
        let codes = CodeCache::default();
        let stack = python.stack(self.thread.address);
        let mut index = 0;
        for raw in &stack.walk.frames {
            let call = match python.call(&codes, raw) {
                Ok(Some(call)) => call,
                Ok(None) => continue,
                Err(fault) => return (Err(fault.to_string()), false),
            };
            if self.choice.is(index, &call.code) {
                // Only the innermost can execute; and while the thread sleeps it is in a call.
                let settled = index > 0 || !stopped;
                let looked = Looked::read(&python, self.opcodes, call.code, Some(raw), settled);
                return (looked.map(Some).map_err(|fault| fault.to_string()), !stack.torn);
            }
            index += 1;
        }
        (Ok(None), !stack.torn)
    }
}

impl Subject for Frame<'_> {
    fn kernel(&mut self) -> &mut ThreadFiles {
        &mut self.kernel
    }

    fn activity(&mut self) -> Activity {
        self.kernel.activity()
    }

    fn exact(&mut self, stopped: bool) -> bool {
        let (found, whole) = self.find(stopped);
        self.found = found;
        whole
    }

    /// Values of a running thread are gone before they are read: it is stopped rather.
    fn deduce(&mut self) -> bool {
        false
    }
}
