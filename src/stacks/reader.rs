//! Reads the threads of a target one after another.

use crate::address::Addr;
use crate::memory::{Copies, Pages, Part};
use crate::objects;
use crate::os::{self, Activity, ProcessState, ThreadFiles, Tracer};
use crate::python::{CodeCache, End, InterpreterState, Placed, Python, RawFrame, StackCopy, ThreadState};
use crate::stacks::gil::{Gil, GilPlace};
use crate::stacks::identity::{self, NativeId, NativeIds};
use crate::stacks::look::{Pausing, Subject, look};
use crate::stacks::{BlockedOn, Dump, Frame, Interpreter, Local, Locals, Options, Read, State, Thread};
use crate::target::Target;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// More threads than this, of all interpreters together, are garbage.
const MAX_THREADS: usize = 200_000;

/// How often the lists of interpreters and threads are read until they are believed: threads that
/// start and end change them under our hands.
const MAX_LISTINGS: usize = 10;

/// How often a thread without a kernel thread is asked for again before it is believed.
const CONFIRMATIONS: usize = 3;

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

/// The interpreters of a target and their threads.
struct Lists {
    interpreters: Vec<(InterpreterState, Vec<ThreadState>)>,
    /// Why they break off, if they do.
    problems: Vec<String>,
}

impl Lists {
    /// Where each list ends. A walk that came upon a thread just ended, whose memory another is given
    /// already, ends there as if that were the oldest; it does not end there twice.
    fn oldest(&self) -> Vec<Option<Addr>> {
        self.interpreters.iter().map(|(_, threads)| threads.first().map(|thread| thread.address)).collect()
    }
}

/// The frames of a thread, as one look yields them.
struct Stack {
    frames: Vec<Frame>,
    end: End,
    /// Whether CPython was between two instructions that change it.
    torn: bool,
    /// Whether the thread state is another thread's meanwhile: the one that was listed has ended.
    replaced: bool,
}

impl Stack {
    /// Where the thread state is another thread's.
    fn replaced() -> Self {
        Self { frames: Vec::new(), end: End::Root, torn: false, replaced: true }
    }
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
        self.codes.renew();
        let mut dump = Dump { interpreters: Vec::new(), problems: self.target.layout.warnings.clone() };
        if !self.target.initialised {
            dump.problems.push("Python is starting up or has finished: there is no interpreter".to_owned());
        }
        let Some(head) = self.target.interpreters_head() else { return dump };
        let mut lists = self.lists(head);
        // A process of one thread changes no list but by that thread.
        let alone = os::thread_ids(self.target.process.pid).is_ok_and(|threads| threads.len() == 1);
        for _ in 1..MAX_LISTINGS {
            if alone && lists.problems.is_empty() {
                break;
            }
            let again = self.lists(head);
            let settled = again.problems.is_empty() && again.oldest() == lists.oldest();
            lists = again;
            if settled {
                break;
            }
        }
        dump.problems.append(&mut lists.problems);
        let found: Vec<Listed> =
            lists.interpreters.into_iter().map(|(state, threads)| self.listed(state, threads)).collect();
        let all: Vec<ThreadState> = found.iter().flat_map(|listed| &listed.threads).copied().collect();
        let native_ids = NativeIds::read(self.target.process.pid, &self.python(), &all);
        self.pages.end(head, &self.target.footprints);
        for (index, listed) in found.into_iter().enumerate() {
            dump.interpreters.push(self.interpreter(index as i64, &listed, &native_ids));
        }
        if !os::process(self.target.process.pid).is_ok_and(|process| process.state == ProcessState::Alive) {
            dump.problems.push("the process ended while it was read".to_owned());
        }
        if self.target.initialised && dump.interpreters.iter().all(|interpreter| interpreter.threads.is_empty()) {
            dump.problems.push("Python has no thread that the kernel knows".to_owned());
        }
        self.keep_last_holders(&mut dump);
        dump
    }

    /// The interpreters with their threads, as one walk finds them.
    fn lists(&self, head: Addr) -> Lists {
        self.pages.begin(head, &self.target.footprints, &mut Vec::new());
        let list = self.python().interpreters(head);
        let mut lists = Lists { interpreters: Vec::new(), problems: Vec::new() };
        if let Some(fault) = list.fault {
            lists.problems.push(format!("the list of interpreters is cut short: {fault}"));
        }
        let mut count = 0;
        for state in list.items {
            // Lists of a hostile target may share their threads: each alone is short then.
            if count >= MAX_THREADS {
                lists.problems.push(format!("the list of interpreters is cut short: they have {count} threads"));
                break;
            }
            let threads = self.python().threads(state);
            if let Some(fault) = threads.fault {
                lists.problems.push(format!("the list of threads is cut short: {fault}"));
            }
            count += threads.items.len();
            lists.interpreters.push((state, threads.items));
        }
        lists
    }

    /// A thread that held a GIL when it was read holds it no longer if another did later: of each
    /// GIL there is one holder at most. Nor does it collect garbage any more, which takes the GIL.
    fn keep_last_holders(&self, dump: &mut Dump) {
        let holders = self.holders.borrow();
        let threads = dump.interpreters.iter_mut().flat_map(|interpreter| &mut interpreter.threads);
        for thread in threads.filter(|thread| thread.gil == Some(true)) {
            let holds = holders.values().any(|holder| *holder == thread.address);
            thread.gil = Some(holds);
            if !holds && thread.state == State::Gc {
                thread.state = State::Running;
            }
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
            let id = native_ids.of(thread);
            let mut read = self.thread(&listed.gil, thread, id)?;
            let left_nothing = read.ended && (runs_nothing(&read) || read.end != End::Root);
            if left_nothing {
                return None;
            }
            read.name = listed.names.get(&thread.id).cloned();
            read.at_prompt = listed.interactive && read.state == State::Idle && waits_for_input(&read);
            Some(read)
        };
        // 3.12 and newer say of a thread that it has not started.
        let started = listed.threads.iter().filter(|thread| thread.native_id != Some(0));
        let mut threads: Vec<Thread> = started.filter_map(read).collect();
        self.keep_lasting(listed, native_ids, &mut threads);
        // Before, a thread that is about to start bears the ids of the one that starts it: first both,
        // then the kernel's.
        let (mut ids, mut native_ids) = (HashSet::new(), HashSet::new());
        threads.retain(|thread| {
            let new = (ids.insert(thread.id), thread.native_id.is_none_or(|id| native_ids.insert(id)));
            new == (true, true) || (!runs_nothing(thread) && self.is_still_called(thread))
        });
        Interpreter { id: listed.state.id.unwrap_or(index), threads }
    }

    /// Leaves out those of `threads` without a kernel thread that are not so for long: a thread that
    /// ends during the look has none in the end, and one that starts has none at first. Python may
    /// give both the same memory and the same name, so that once is not enough.
    fn keep_lasting(&self, listed: &Listed, native_ids: &NativeIds, threads: &mut Vec<Thread>) {
        let then: HashMap<Addr, &ThreadState> = listed.threads.iter().map(|state| (state.address, state)).collect();
        for _ in 0..CONFIRMATIONS {
            if threads.iter().all(|thread| thread.native_id.is_some()) {
                return;
            }
            self.pages.forget();
            let now = self.python().threads(listed.state).items;
            let ids_now = NativeIds::read(self.target.process.pid, &self.python(), &now);
            let now: HashMap<Addr, &ThreadState> = now.iter().map(|state| (state.address, state)).collect();
            threads.retain(|thread| {
                if thread.native_id.is_some() {
                    return true;
                }
                let both = then.get(&thread.address).zip(now.get(&thread.address));
                both.is_some_and(|(then, now)| {
                    (then.id, then.native_id, native_ids.of(then)) == (now.id, now.native_id, ids_now.of(now))
                })
            });
        }
    }

    /// Whether `thread` has the id still that it had when it was listed.
    fn is_still_called(&self, thread: &Thread) -> bool {
        self.pages.forget();
        let id = self.python().get(thread.address, self.target.layout.thread.thread_id);
        id.is_ok_and(|id| id == thread.id)
    }

    /// What `thread` is doing; `None` if it ended while it was read, or its state is another thread's
    /// meanwhile.
    fn thread(&self, place: &GilPlace, thread: &ThreadState, id: NativeId) -> Option<Thread> {
        let (pid, native_id) = (self.target.process.pid, id.known());
        let (activity, read, (stack, gil)) = match native_id {
            // What it left behind may be freed, and given to another thread, at any moment.
            None => (None, Read::Undecided, self.as_it_stands(place, thread)),
            Some(tid) => {
                let kernel = ThreadFiles::open(pid, tid);
                let activity = kernel.activity();
                let mut dumped = DumpedThread { reader: self, place, thread, kernel, value: None };
                let (activity, read) = look(&mut dumped, activity, self.options.pausing, self.tracer)?;
                if read == Read::Deduced && dumped.kernel.activity() == Activity::Gone {
                    return None;
                }
                (Some(activity), read, dumped.value.unwrap_or_else(|| self.as_it_stands(place, thread)))
            }
        };
        if stack.replaced {
            return None;
        }
        if let (Some(identity), true) = (place.identity(), gil.holder == Some(thread.address)) {
            self.holders.borrow_mut().insert(identity, thread.address);
        }
        let state = State::of(activity, thread, place, &gil);
        let blocked_on = match activity {
            Some(Activity::Blocked(call)) => Some(BlockedOn { call, target: call.target(pid) }),
            _ => None,
        };
        Some(Thread {
            id: thread.id,
            native_id,
            name: None,
            comm: native_id.and_then(|tid| os::thread_name(pid, tid)),
            state,
            ended: id == NativeId::Ended,
            gil: gil.known.then_some(gil.holder == Some(thread.address)),
            blocked_on,
            at_prompt: false,
            read,
            frames: stack.frames,
            end: stack.end,
            address: thread.address,
        })
    }

    /// Whether what was copied is the state of `thread`, and not of one that has taken its place.
    fn is_its_own(&self, copied: &Python<'_>, thread: &ThreadState) -> bool {
        copied.get(thread.address, copied.layout.thread.thread_id) == Ok(thread.id)
    }

    /// The frames of `thread` and the GIL, as they stand: thread state and GIL in one system call,
    /// frames by page.
    fn as_it_stands(&self, place: &GilPlace, thread: &ThreadState) -> (Stack, Gil) {
        let span = self.target.layout.thread.span;
        let mut parts: Vec<Part> =
            place.ranges(&self.python()).into_iter().map(|(at, len)| Part::new(at, len)).collect();
        parts.push(Part::new(thread.address.offset(u64::from(span.0)), (span.1 - span.0) as usize));
        self.pages.begin(thread.address, &self.target.footprints, &mut parts);
        let copies = Copies::new(&parts, &self.pages);
        let python = Python::new(&copies, &self.target.layout);
        let stack = if self.is_its_own(&python, thread) {
            self.frames(&python, python.stack(thread.address))
        } else {
            Stack::replaced()
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
        let direct = self.pages.direct();
        let python = Python::new(&direct, &self.target.layout);
        let mut copy = StackCopy::new(thread.address, place.ranges(&python));
        copy.take(&python).ok()?;
        let copies = Copies::new(copy.parts(), &self.pages);
        let copied = Python::new(&copies, &self.target.layout);
        if !self.is_its_own(&copied, thread) {
            return Some((Stack::replaced(), Gil::default()));
        }
        if !copy.deduce(&python, self.codes) {
            return None;
        }
        let copies = Copies::new(copy.parts(), &self.pages);
        let python = Python::new(&copies, &self.target.layout);
        let frames = copy.stack().iter().rev().map(|call| self.frame(&python, call.clone())).collect::<Result<_, _>>();
        let stack = Stack { frames: frames.ok()?, end: End::Root, torn: false, replaced: false };
        Some((stack, place.read(&python)))
    }

    fn frames(&self, python: &Python<'_>, crate::python::Stack { walk, torn }: crate::python::Stack) -> Stack {
        let mut frames = Vec::with_capacity(walk.frames.len());
        for raw in &walk.frames {
            let frame = python.call(self.codes, raw).and_then(|call| call.map(|c| self.frame(python, c)).transpose());
            match frame {
                Ok(frame) => frames.extend(frame),
                Err(fault) => return Stack { frames, end: End::Unreadable(fault), torn: true, replaced: false },
            }
        }
        Stack { frames, end: walk.end, torn, replaced: false }
    }

    fn frame(&self, python: &Python<'_>, call: Placed) -> crate::python::Result<Frame> {
        let Placed { frame: raw, code, lasti } = call;
        // A frame takes memory here, and finding its line a pass over the table: thousands of frames
        // of one function with a vast table would take hours.
        let passes = code.lines.bytes.len() as u64 / 64;
        self.pages.charge(code.address, passes, size_of::<Frame>() as u64)?;
        let locals = self.options.locals.as_ref().and_then(|limits| self.locals(python, &raw, &code, limits));
        Ok(Frame { lasti, position: code.position(lasti), locals, code })
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

/// A thread of a dump, while it is looked at.
struct DumpedThread<'r, 't> {
    reader: &'r Reader<'t>,
    place: &'r GilPlace,
    thread: &'r ThreadState,
    kernel: ThreadFiles,
    /// What was read.
    value: Option<(Stack, Gil)>,
}

impl Subject for DumpedThread<'_, '_> {
    fn kernel(&mut self) -> &mut ThreadFiles {
        &mut self.kernel
    }

    fn exact(&mut self, _: bool) -> bool {
        let (stack, gil) = self.reader.as_it_stands(self.place, self.thread);
        let whole = !stack.torn;
        self.value = Some((stack, gil));
        whole
    }

    fn deduce(&mut self) -> bool {
        self.value = self.reader.deduce(self.place, self.thread);
        self.value.is_some()
    }
}

/// Whether there is no Python code that the thread runs.
fn runs_nothing(thread: &Thread) -> bool {
    thread.frames.is_empty() && thread.end == End::Root
}

/// Whether a thread of an interactive interpreter is at the prompt: it runs no code but, from 3.13
/// on, that of the prompt itself.
fn waits_for_input(thread: &Thread) -> bool {
    thread.frames.first().is_none_or(|frame| frame.code.filename.contains("_pyrepl"))
}
