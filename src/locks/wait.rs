//! What one thread waits for, out of its system call and its frames; who has to act is found later.

use crate::address::Addr;
use crate::disassembly::disassemble;
use crate::layout::Opcodes;
use crate::locks::kinds::{Native, Primitive, parked_at};
use crate::locks::meanings::{Meaning, Standing};
use crate::locks::scene::{Call, Scene};
use crate::locks::{Kind, Object};
use crate::os::Syscall;
use crate::python::flag;

/// Where it stands who has to act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Want {
    /// Nobody in particular has to.
    Nothing,
    /// Whoever holds this lock, which keeps no account of it.
    Lock(Addr),
    /// The thread with this identity; `None` if the lock says that nobody holds it.
    Ident(Option<u64>),
    /// Whoever has taken from this semaphore.
    Permit(Addr),
    /// The thread with this identity, by living.
    Life(u64),
    /// The threads with these identities, by living.
    Lives(Vec<u64>),
    /// Whoever runs the function of this future.
    Future(Addr),
    /// Whoever runs the code of a module that it imports, where there is one lock for all imports: its
    /// identity, where that is known.
    Import(Option<u64>),
    /// Whoever has the GIL: its `PyThreadState`.
    Gil(Option<Addr>),
    /// Whoever has stopped the others: its `PyThreadState`.
    Stopper(Option<Addr>),
}

/// The one lock for all imports, in versions that have no more (before 3.3; Python/import.c).
#[derive(Debug)]
pub struct ImportLock {
    /// Where the pointer to it lies, where the file tells.
    pub lock: Option<Addr>,
    /// Where the identity of the thread lies that holds it.
    pub thread: Option<Addr>,
    /// The instructions.
    pub opcodes: Option<Opcodes>,
}

impl ImportLock {
    /// The module that `call` imports at this moment.
    fn imported(&self, scene: &Scene<'_>, call: &Call) -> Option<String> {
        let listing = disassemble(&scene.python, self.opcodes.as_ref()?, &call.code, Some(&call.raw)).ok()?;
        let instruction = listing.at(call.lasti).filter(|instruction| &*instruction.name == "IMPORT_NAME")?;
        instruction.bare_name.as_deref().map(str::to_owned)
    }
}

/// What a thread waits for.
#[derive(Clone, Debug)]
pub struct Raw {
    /// What kind of thing it is.
    pub kind: Kind,
    /// The object.
    pub object: Option<Object>,
    /// What else there is to say.
    pub detail: Option<String>,
    /// Whether it gives up after a time.
    pub timed: bool,
    /// Who has to act.
    pub want: Want,
    /// Which frame waits.
    pub frame: Option<usize>,
}

/// So many threads are looked at, of those that a program waits for as it ends.
const MAX_THREADS: usize = 10_000;
/// Of the modules that one waits for, names are cut after so many characters.
const MAX_NAME: usize = 200;

impl Scene<'_> {
    /// What the thread waits for, that sleeps in `call`.
    pub fn wait(&self, call: &Syscall, import_lock: Option<&ImportLock>) -> Raw {
        let library = self.library();
        match call.futex() {
            Some(futex) => {
                let raw = self.wait_on(futex, call, &library);
                let imports = import_lock.filter(|_| raw.kind == Kind::Native);
                imports.and_then(|lock| self.wait_for_import(futex, lock)).unwrap_or(raw)
            }
            // 2.7 waits with a timeout by sleeping again and again.
            None => self.wait_in_call(call, &library),
        }
    }

    /// The frame that called the library, and the object of its outermost function there.
    fn outer(&self, frame: usize) -> usize {
        (frame + 1).min(self.calls.len().saturating_sub(1))
    }

    fn wait_on(&self, futex: u64, call: &Syscall, library: &[Standing]) -> Raw {
        // A wait for a futex has a timeout, or no pointer to one (FUTEX_WAIT: the fourth argument).
        let timed = call.args[3] != 0;
        let parked = parked_at(&self.python, futex);
        let lock = self.lock_at(parked.unwrap_or(futex));
        if let Some(raw) = self.wait_in_library(lock, library) {
            return Raw { timed, ..raw };
        }
        if let Some(lock) = lock {
            return Raw { timed, ..self.wait_for(lock, library) };
        }
        let owner = parked.and_then(|word| self.owner_of_mutex(word));
        let (kind, object) = match owner {
            Some(object) => (Kind::ObjectMutex, Some(self.object(object, 0))),
            None => (Kind::Native, None),
        };
        let frame = (!self.calls.is_empty()).then_some(0);
        Raw { kind, object, detail: None, timed, want: Want::Nothing, frame }
    }

    /// The one lock for all imports (before 3.3), if the thread sleeps on that.
    fn wait_for_import(&self, futex: u64, lock: &ImportLock) -> Option<Raw> {
        let call = self.calls.first()?;
        let word = |at: Addr| self.python.memory.u64(at).ok();
        let module = lock.imported(self, call);
        let is_it = match lock.lock {
            Some(at) => word(at) == Some(futex),
            None => module.is_some(),
        };
        let owner = lock.thread.and_then(word);
        let detail = module.map(|module| format!("module {}", cut(&module)));
        let want = Want::Import(owner);
        is_it.then_some(Raw { kind: Kind::Import, object: None, detail, timed: false, want, frame: Some(0) })
    }

    /// A lock of C code that a frame wants, be it one of the library's.
    fn wait_for(&self, lock: Native, library: &[Standing]) -> Raw {
        let want = if lock.has_owner() { Want::Ident(lock.owner(&self.python)) } else { Want::Lock(lock.address) };
        let (kind, want) = match lock.primitive() {
            Primitive::Lock => (Kind::Lock, want),
            Primitive::RLock => (Kind::RLock, want),
            Primitive::SimpleQueue => (Kind::QueueGet, Want::Nothing),
            Primitive::Buffer => (Kind::Buffer, want),
            // Another process may hold it: it tells only of threads of its own.
            Primitive::Shared => {
                (Kind::Shared, lock.owner(&self.python).map_or(Want::Nothing, |id| Want::Ident(Some(id))))
            }
        };
        let frame = library.last().map_or(0, |last| self.outer(last.frame));
        let frame = (!self.calls.is_empty()).then_some(frame);
        Raw { kind, object: Some(self.object(lock.address, 0)), detail: None, timed: false, want, frame }
    }

    /// What functions of the library wait for, if that is what the innermost frames do: not if these want a
    /// lock of the thing itself, as every queue and condition has one.
    fn wait_in_library(&self, lock: Option<Native>, library: &[Standing]) -> Option<Raw> {
        let first = library.first()?;
        let call = self.calls.get(first.frame)?;
        let last = library.iter().rev().find(|standing| matches!(standing.row.meaning, Meaning::Waits(_)));
        match first.row.meaning {
            Meaning::TakesRLock => {
                let own = self.attribute_of(first.object?, &["_RLock__block", "_block"]);
                let is_own = lock.is_none_or(|lock| Some(lock.address) == own);
                return is_own.then(|| self.python_rlock(first));
            }
            Meaning::Waits(Kind::Condition) => {
                let waiter = self.variable(call, "waiter");
                if lock.is_some_and(|lock| Some(lock.address) != waiter) {
                    return None;
                }
            }
            Meaning::Waits(Kind::Join | Kind::Import | Kind::Shutdown) => {}
            Meaning::Passes if call.code.name == "_wait_for_tstate_lock" => {}
            // It wants a lock, and no more is to be said of it.
            Meaning::Waits(_) | Meaning::Passes => return None,
        }
        Some(self.named(last?))
    }

    /// A recursive lock that is written in Python: 2.7's, or what replaces that of C code.
    fn python_rlock(&self, standing: &Standing) -> Raw {
        let owner = standing.object.and_then(|lock| self.attribute_of(lock, &["_RLock__owner", "_owner"]));
        let owner = owner.and_then(|owner| self.number(owner)).filter(|ident| *ident != 0);
        let frame = self.outer(standing.frame);
        let object = standing.object.map(|lock| self.object(lock, frame));
        Raw { kind: Kind::RLock, object, detail: None, timed: false, want: Want::Ident(owner), frame: Some(frame) }
    }

    /// What a function of the library waits for.
    fn named(&self, standing: &Standing) -> Raw {
        let Meaning::Waits(kind) = standing.row.meaning else { return self.python_rlock(standing) };
        let frame = self.outer(standing.frame);
        let object = standing.object.map(|object| self.object(object, frame));
        let at = standing.object;
        let (want, detail) = match (kind, at) {
            (Kind::Join | Kind::Start, Some(thread)) => {
                let ident = self.attribute_of(thread, &["_ident", "_Thread__ident"]);
                let ident = ident.and_then(|ident| self.number(ident));
                (ident.filter(|_| kind == Kind::Join).map_or(Want::Nothing, Want::Life), self.thread_name(thread))
            }
            (Kind::Import, Some(lock)) => {
                let owner = self.attribute(lock, "owner").and_then(|owner| self.number(owner));
                let name = self.attribute(lock, "name").and_then(|name| self.python.name(name).ok());
                (Want::Ident(owner.filter(|id| *id != 0)), name.map(|name| format!("module {}", cut(&name))))
            }
            (Kind::Future, Some(future)) => (Want::Future(future), self.future_state(future)),
            (Kind::Shutdown, _) => (Want::Lives(self.lasting(standing.frame)), None),
            (Kind::Semaphore, Some(semaphore)) => (Want::Permit(semaphore), None),
            (Kind::QueueGet | Kind::QueuePut | Kind::QueueJoin, Some(queue)) => (Want::Nothing, self.room(queue)),
            _ => (Want::Nothing, None),
        };
        Raw { kind, object, detail, timed: false, want, frame: Some(frame) }
    }

    /// The identities of the threads that a program waits for as it ends: all that the module threading, whose
    /// function frame number `frame` stands in, lists as active and that are no daemons.
    fn lasting(&self, frame: usize) -> Vec<u64> {
        let listed = || {
            let call = self.calls.get(frame)?;
            let globals = self.python.get(call.raw.address, self.python.layout.frame.globals).ok()??;
            let active = self.python.item_named(globals, "_active").ok()??;
            Some(self.python.dict_items(active, MAX_THREADS).ok()?.0)
        };
        let lasts = |thread: Addr| {
            let daemon = self.attribute_of(thread, &["_daemonic", "_Thread__daemonic"])?;
            let daemon = self.number(daemon)? != 0;
            Some(!daemon && !self.classes(thread).iter().any(|class| class == "_MainThread"))
        };
        let lasting = listed().unwrap_or_default().into_iter().filter(|item| lasts(item.value) == Some(true));
        lasting.filter_map(|item| self.number(item.key)).collect()
    }

    fn thread_name(&self, thread: Addr) -> Option<String> {
        let name = self.attribute_of(thread, &["_name", "_Thread__name"])?;
        Some(format!("thread {:?}", cut(&self.python.name(name).ok()?)))
    }

    fn future_state(&self, future: Addr) -> Option<String> {
        let state = self.attribute(future, "_state")?;
        Some(cut(&self.python.name(state).ok()?).to_lowercase())
    }

    /// How many items a queue has, and how many at most.
    fn room(&self, queue: Addr) -> Option<String> {
        let items = self.attribute(queue, "queue").or_else(|| self.attribute(queue, "_queue"))?;
        let flags = self.python.type_flags(items).ok()?;
        let count = if flags.has(flag::LIST_SUBCLASS) {
            self.python.list_items(items, 0).ok()?.1
        } else {
            self.python.deque_items(items, 0).ok()?.1
        };
        let most = self.attribute(queue, "maxsize").and_then(|most| self.number(most)).filter(|most| *most > 0);
        Some(most.map_or_else(|| format!("{count} items"), |most| format!("{count} of at most {most} items")))
    }

    /// A system call that is no futex: what the library says it is for, or else what it is.
    fn wait_in_call(&self, call: &Syscall, library: &[Standing]) -> Raw {
        let last = library.iter().rev().find(|standing| matches!(standing.row.meaning, Meaning::Waits(_)));
        let sleeps = matches!(
            call.name(),
            Some("clock_nanosleep" | "nanosleep" | "select" | "pselect6" | "poll" | "ppoll" | "wait4" | "waitid")
        );
        let mut raw = match last.filter(|_| sleeps) {
            Some(standing) => Raw { timed: !matches!(call.name(), Some("wait4" | "waitid")), ..self.named(standing) },
            None => {
                let frame = (!self.calls.is_empty()).then_some(0);
                Raw { kind: Kind::Call, object: None, detail: None, timed: false, want: Want::Nothing, frame }
            }
        };
        let child = match call.name() {
            Some("wait4") => Some(call.args[0]),
            // P_PID.
            Some("waitid") if call.args[0] == 1 => Some(call.args[1]),
            _ => None,
        };
        if let Some(child) = child.and_then(crate::locks::child) {
            raw.kind = Kind::Process;
            raw.detail = Some(format!("process {child}"));
        } else if raw.kind == Kind::Process {
            let popen = raw.object.as_ref().map(|object| object.address);
            let pid = popen.and_then(|popen| self.number(self.attribute(popen, "pid")?));
            raw.detail = pid.map(|pid| format!("process {pid}"));
        }
        raw
    }

    /// The object whose own mutex lies at `word` (free-threaded builds).
    fn owner_of_mutex(&self, word: u64) -> Option<Addr> {
        /// `PyObject.ob_mutex` (Include/object.h, 3.13 to 3.15, free-threaded builds).
        const OB_MUTEX: u64 = 10;
        if !self.python.layout.free_threaded() {
            return None;
        }
        let object = Addr::new(word)?.before(OB_MUTEX)?;
        let class = self.python.type_of(object).ok()?;
        let is_type = self.python.type_flags(class).is_ok_and(|flags| flags.has(flag::TYPE_SUBCLASS));
        is_type.then_some(object)
    }
}

/// A name, cut where it is long.
fn cut(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}
