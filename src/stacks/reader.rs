//! Reads the threads of a target one after another.

use crate::address::Addr;
use crate::memory::{Copies, Pages, Part};
use crate::objects;
use crate::os::{self, Activity, ThreadStatus, Tracer};
use crate::python::{CodeCache, End, InterpreterState, Python, RawFrame, ThreadState, Walk};
use crate::stacks::gil::{Gil, GilPlace};
use crate::stacks::identity::{self, NativeId, NativeIds};
use crate::stacks::look::{Pausing, look};
use crate::stacks::{BlockedOn, Dump, Frame, Interpreter, Local, Locals, Options, State, Thread};
use crate::target::Target;
use std::cell::RefCell;
use std::collections::HashMap;

/// More threads than this, of all interpreters together, are garbage.
const MAX_THREADS: usize = 200_000;

/// What stays the same while the threads of a target are read.
pub struct Reader<'t> {
    target: &'t Target,
    options: &'t Options,
    codes: &'t CodeCache,
    tracer: &'t Tracer,
    pages: Pages<'t>,
    /// Who held which GIL when last asked: it moves on while the threads are read one by one.
    holders: RefCell<HashMap<Addr, Addr>>,
}

/// What is read of an interpreter before its threads are looked at, all of it in one look.
struct Listed {
    state: InterpreterState,
    threads: Vec<ThreadState>,
    /// By `threading.get_ident()`.
    names: HashMap<u64, String>,
    interactive: bool,
    gil: GilPlace,
}

/// The frames of a thread, as one look yields them.
struct Stack {
    frames: Vec<Frame>,
    end: End,
    /// Whether CPython was between two instructions that change it.
    torn: bool,
}

impl<'t> Reader<'t> {
    /// Reads `target` with the code objects known so far.
    pub fn new(target: &'t Target, options: &'t Options, codes: &'t CodeCache, tracer: &'t Tracer) -> Self {
        Self { target, options, codes, tracer, pages: Pages::new(&target.memory), holders: RefCell::default() }
    }

    fn python(&self) -> Python<'_> {
        Python::new(&self.pages, &self.target.layout)
    }

    /// Every thread of every interpreter.
    pub fn dump(&self) -> Dump {
        self.tracer.let_go();
        let mut dump = Dump { interpreters: Vec::new(), problems: self.target.layout.warnings.clone() };
        if !self.target.initialised {
            dump.problems.push("Python is starting up or has finished: there is no interpreter".to_owned());
        }
        let Some(head) = self.target.interpreters_head() else { return dump };
        self.pages.begin(head, &self.target.footprints, &mut Vec::new());
        let list = self.python().interpreters(head);
        if let Some(fault) = list.fault {
            dump.problems.push(format!("the list of interpreters is cut short: {fault}"));
        }
        let mut found: Vec<Listed> = Vec::new();
        let mut count = 0;
        for state in list.items {
            // Lists of a hostile target may share their threads: each alone is short then.
            if count >= MAX_THREADS {
                dump.problems.push(format!("the list of interpreters is cut short: they have {count} threads"));
                break;
            }
            let threads = self.python().threads(state);
            if let Some(fault) = threads.fault {
                dump.problems.push(format!("the list of threads is cut short: {fault}"));
            }
            count += threads.items.len();
            found.push(self.listed(state, threads.items));
        }
        let all: Vec<ThreadState> = found.iter().flat_map(|listed| &listed.threads).copied().collect();
        let native_ids = NativeIds::read(self.target.process.pid, &self.python(), &all);
        self.pages.end(head, &self.target.footprints);
        for (index, listed) in found.into_iter().enumerate() {
            dump.interpreters.push(self.interpreter(index as i64, &listed, &native_ids));
        }
        self.keep_last_holders(&mut dump);
        dump
    }

    /// A thread that held a GIL when it was read holds it no longer if another did later: of each
    /// GIL there is one holder at most.
    fn keep_last_holders(&self, dump: &mut Dump) {
        let holders = self.holders.borrow();
        let threads = dump.interpreters.iter_mut().flat_map(|interpreter| &mut interpreter.threads);
        for thread in threads.filter(|thread| thread.gil == Some(true)) {
            thread.gil = Some(holders.values().any(|holder| *holder == thread.address));
        }
    }

    fn listed(&self, state: InterpreterState, threads: Vec<ThreadState>) -> Listed {
        Listed {
            state,
            threads,
            names: identity::names(&self.python(), state),
            interactive: identity::is_interactive(&self.python(), state),
            gil: GilPlace::find(self.target, &self.python(), state),
        }
    }

    fn interpreter(&self, index: i64, listed: &Listed, native_ids: &NativeIds) -> Interpreter {
        let read = |thread: &ThreadState| {
            let mut read = self.thread(&listed.gil, thread, native_ids.of(thread));
            read.name = listed.names.get(&thread.id).cloned();
            read.at_prompt = listed.interactive && read.state == State::Idle && waits_for_input(&read);
            read
        };
        Interpreter { id: listed.state.id.unwrap_or(index), threads: listed.threads.iter().map(read).collect() }
    }

    fn thread(&self, place: &GilPlace, thread: &ThreadState, id: NativeId) -> Thread {
        let (pid, native_id) = (self.target.process.pid, id.known());
        let look = look(
            pid,
            id,
            self.options.pausing,
            self.tracer,
            || self.as_it_stands(place, thread),
            || self.deduce(place, thread),
            |(stack, _)| stack.torn,
        );
        let (stack, gil) = look.value;
        if let (Some(identity), true) = (place.identity(), gil.holder == Some(thread.address)) {
            self.holders.borrow_mut().insert(identity, thread.address);
        }
        let (state, blocked_on) = self.state(look.status, thread, place, &gil);
        Thread {
            id: thread.id,
            native_id,
            name: None,
            comm: native_id.and_then(|tid| os::thread_name(pid, tid)),
            state,
            gil: gil.known.then_some(gil.holder == Some(thread.address)),
            blocked_on,
            at_prompt: false,
            read: look.read,
            frames: stack.frames,
            end: stack.end,
            address: thread.address,
        }
    }

    fn state(
        &self,
        status: Option<ThreadStatus>,
        thread: &ThreadState,
        place: &GilPlace,
        gil: &Gil,
    ) -> (State, Option<BlockedOn>) {
        /// `_Py_THREAD_SUSPENDED` (Include/internal/pycore_pystate.h, 3.13+).
        const SUSPENDED: i32 = 2;
        let holds = gil.holder == Some(thread.address);
        let collects = gil.collecting && (holds || self.target.layout.free_threaded());
        match status.map(|status| status.activity) {
            Some(Activity::Running) if collects => (State::Gc, None),
            Some(Activity::Running) => (State::Running, None),
            Some(Activity::Blocked(call)) => {
                let futex = call.futex().or(call.continued());
                let blocked_on = BlockedOn { call, target: call.target(self.target.process.pid) };
                let state = match futex {
                    Some(futex) if !holds && place.is_awaited_by(futex) => State::WaitingGil,
                    Some(_) if thread.attached == Some(SUSPENDED) => State::Suspended,
                    _ => State::Idle,
                };
                (state, Some(blocked_on))
            }
            Some(Activity::Asleep) => (State::Idle, None),
            Some(Activity::Stopped) => (State::Stopped, None),
            Some(Activity::Gone) | None => (State::Unknown, None),
        }
    }

    /// The frames of `thread` and the GIL, as they stand: thread state and GIL in one system call,
    /// frames by page.
    fn as_it_stands(&self, place: &GilPlace, thread: &ThreadState) -> (Stack, Gil) {
        let span = self.target.layout.thread.span;
        let mut parts = place.parts(&self.python());
        parts.push(Part::new(thread.address.offset(u64::from(span.0)), (span.1 - span.0) as usize));
        self.pages.begin(thread.address, &self.target.footprints, &mut parts);
        let copies = Copies::new(&parts, &self.pages);
        let python = Python::new(&copies, &self.target.layout);
        let stack = match python.current_frame(thread.address) {
            Ok(first) => self.frames(&python, python.walk(first)),
            Err(fault) => Stack { frames: Vec::new(), end: End::Unreadable(fault), torn: true },
        };
        self.pages.end(thread.address, &self.target.footprints);
        (stack, place.read(&python))
    }

    /// The frames of `thread` while it runs, deduced from one copy of them.
    ///
    /// Variables are not: the objects they name may be gone before they are read, so with variables
    /// a thread is rather stopped.
    fn deduce(&self, place: &GilPlace, thread: &ThreadState) -> Option<(Stack, Gil)> {
        if self.options.locals.is_some() && self.options.pausing != Pausing::Never {
            return None;
        }
        self.pages.forget();
        let gil = place.parts(&self.python());
        let frontier = self.python().frontier(&self.pages.direct(), thread.address, gil, self.codes)?;
        let copies = Copies::new(&frontier.parts, &self.pages);
        let python = Python::new(&copies, &self.target.layout);
        let gil = place.read(&python);
        Some((self.frames(&python, frontier.walk), gil))
    }

    fn frames(&self, python: &Python<'_>, walk: Walk) -> Stack {
        let mut frames = Vec::with_capacity(walk.frames.len());
        for raw in walk.frames.iter().filter(|raw| !raw.is_entry(python.layout)) {
            match self.frame(python, raw) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => {}
                Err(fault) => return Stack { frames, end: End::Unreadable(fault), torn: true },
            }
        }
        // A generator is always called by someone: the one that has no caller is just yielding
        // (YIELD_VALUE, Python/bytecodes.c, clears `previous` before it leaves the frame).
        let torn = walk.end != End::Root || walk.frames.last().is_some_and(|raw| self.is_in_generator(raw));
        Stack { frames, end: walk.end, torn }
    }

    /// `None` for a frame that has not begun: CPython does not count it either
    /// (`_PyFrame_IsIncomplete`, Include/internal/pycore_frame.h).
    fn frame(&self, python: &Python<'_>, raw: &RawFrame) -> crate::python::Result<Option<Frame>> {
        let Some(address) = raw.code else { return Ok(None) };
        let code = match self.codes.known(address) {
            Some(code) => code,
            None => self.codes.get(python, address)?,
        };
        // A frame takes memory here, and finding its line a pass over the table: thousands of frames
        // of one function with a vast table would take hours.
        let passes = code.lines.bytes.len() as u64 / 64;
        self.pages.charge(address, passes, size_of::<Frame>() as u64)?;
        let lasti = code.lasti(python, raw);
        if raw.owner.is_some() && !self.is_in_generator(raw) && lasti < code.first_traceable {
            return Ok(None);
        }
        let locals = self.options.locals.as_ref().and_then(|limits| self.locals(python, raw, &code, limits));
        Ok(Some(Frame { lasti, position: code.position(lasti), locals, code }))
    }

    fn is_in_generator(&self, raw: &RawFrame) -> bool {
        let mark = self.target.layout.frame.owner_generator;
        mark.is_some_and(|mark| Some(mark.0) == raw.owner.map(i64::from))
    }

    fn locals(
        &self,
        python: &Python<'_>,
        raw: &RawFrame,
        code: &crate::python::Code,
        limits: &objects::Limits,
    ) -> Option<Locals> {
        match python.variables(raw, code) {
            Ok(None) => None,
            Ok(Some(variables)) => {
                let describe = |variable: crate::python::Variable| Local {
                    value: objects::describe(python, variable.value, limits),
                    name: variable.name,
                    kind: variable.kind,
                };
                Some(Locals { variables: variables.into_iter().map(describe).collect(), fault: None })
            }
            Err(fault) => Some(Locals { variables: Vec::new(), fault: Some(fault.to_string()) }),
        }
    }
}

/// Whether a thread of an interactive interpreter is at the prompt: it runs no code but, from 3.13
/// on, that of the prompt itself.
fn waits_for_input(thread: &Thread) -> bool {
    thread.frames.first().is_none_or(|frame| frame.code.filename.contains("_pyrepl"))
}
