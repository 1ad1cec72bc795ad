//! One thread, looked at in a way that is true: while it sleeps, or is stopped.

use crate::address::Addr;
use crate::disassembly::Disassembly;
use crate::layout::Opcodes;
use crate::locks::held::{Held, Search, Served, Tables};
use crate::locks::kinds::Kinds;
use crate::locks::names::Globals;
use crate::locks::scene::Scene;
use crate::locks::wait::{ImportLock, Raw, Want};
use crate::locks::{Kind, Object};
use crate::memory::{Budget, Footprints, Pages};
use crate::os::{self, Activity, Syscall, ThreadFiles, Tracer};
use crate::python::{CodeCache, End, InterpreterState, Python, ThreadState};
use crate::stacks::{self, Gil, GilPlace, Pausing, Read, State, Subject, look};
use crate::target::Target;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

/// What stays the same while the threads of a target are looked at.
pub struct Room<'t> {
    pub target: &'t Target,
    pub codes: CodeCache,
    pub kinds: Kinds,
    globals: Globals,
    pub tables: Tables,
    /// The instructions, unless those of the version are not known.
    pub opcodes: Option<Opcodes>,
    /// Instructions of code objects, by serial number; `None` of those that cannot be read.
    pub listings: RefCell<HashMap<u64, Option<Rc<Disassembly>>>>,
    places: RefCell<HashMap<Addr, GilPlace>>,
    import_lock: Option<ImportLock>,
    tracer: Tracer,
    /// Where the look at the thread before found what it needed: types, code and modules are the same for most.
    footprints: Footprints,
    began: Duration,
}

/// Under this the pages that threads have in common are noted: no address of anything.
const SHARED: Addr = match Addr::new(1) {
    Some(one) => one,
    None => unreachable!(),
};

/// No real thread takes as much; a dump of its frames with all variables takes a tenth.
const BUDGET: Budget = Budget { work: 1 << 24, bytes: 64 << 20 };
/// After so long no more threads are looked at: a hostile target may have any number that take all they may.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was seen of one thread.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Its frames; `None` where it was not read anew.
    pub frames: Option<(Vec<stacks::Frame>, End)>,
    /// The system call that it sleeps in.
    pub call: Option<Syscall>,
    /// What it waits for, if it sleeps.
    pub raw: Option<Raw>,
    /// What it holds, and how that is called.
    pub held: Vec<(Held, Object)>,
    /// The futures whose functions it runs, with the numbers of the frames.
    pub runs: Vec<(Addr, usize)>,
    /// Whether it runs the code of a module that it imports.
    pub imports: bool,
    /// What it serves as a worker.
    pub serves: Option<Served>,
    /// Which of the wanted locks it has acquired, as it seems, and in which frame.
    pub acquired: Vec<(Addr, usize)>,
    /// Whether it stood still while it was read.
    pub still: bool,
    /// How often it had been put on a processor, if it slept.
    pub turns: Option<u64>,
}

impl<'t> Room<'t> {
    pub fn new(target: &'t Target) -> Self {
        Self {
            target,
            codes: CodeCache::default(),
            kinds: Kinds::default(),
            globals: Globals::default(),
            tables: Tables::default(),
            opcodes: Opcodes::of(target.layout.version).ok(),
            listings: RefCell::default(),
            places: RefCell::default(),
            import_lock: target.layout.interpreter.importlib.is_none().then(|| import_lock(target)),
            tracer: Tracer::default(),
            footprints: Footprints::default(),
            began: os::now(),
        }
    }

    /// Looks at `thread`. Of locks that are `wanted` is told whether it has acquired them without a block.
    pub fn look_at(&self, thread: &stacks::Thread, pausing: Pausing, wanted: &HashSet<Addr>) -> Seen {
        let Some(tid) = thread.native_id.filter(|_| !thread.ended && !self.is_out_of_time()) else {
            return Seen::default();
        };
        let kernel = ThreadFiles::open(self.target.process.pid, tid);
        let activity = kernel.activity();
        let mut looked = Looked { room: self, thread, wanted, kernel, activity, seen: Seen::default() };
        let Some((activity, read)) = look(&mut looked, activity, pausing, &self.tracer) else {
            return Seen::default();
        };
        let mut seen = looked.seen;
        seen.still = matches!(read, Read::Blocked | Read::Stopped);
        match activity {
            Activity::Blocked(call) if read == Read::Blocked => seen.call = Some(call),
            _ => seen.raw = None,
        }
        if read == Read::Blocked {
            seen.turns = looked.kernel.turns().map(|turns| turns.turns);
        }
        seen
    }

    /// Whether it takes longer than any real target does.
    pub fn is_out_of_time(&self) -> bool {
        os::now().saturating_sub(self.began) > PATIENCE
    }

    /// Whether `thread`, which slept when it had been put on a processor `turns` times, sleeps since.
    pub fn has_slept_since(&self, thread: &stacks::Thread, turns: Option<u64>) -> bool {
        let Some(tid) = thread.native_id else { return false };
        let now = ThreadFiles::open(self.target.process.pid, tid);
        match (turns, now.turns()) {
            (Some(then), Some(now)) => then == now.turns,
            // Where the kernel does not count: it has been seen in the same place twice.
            _ => matches!(now.activity(), Activity::Blocked(_)),
        }
    }

    fn read(&self, thread: &stacks::Thread, activity: Activity, wanted: &HashSet<Addr>) -> (Seen, bool) {
        let pages = Pages::within(&self.target.memory, BUDGET);
        pages.begin(SHARED, &self.footprints, &mut Vec::new());
        let python = Python::new(&pages, &self.target.layout);
        if python.get(thread.address, python.layout.thread.thread_id) != Ok(thread.id) {
            // It has ended, and another thread has taken the place of its state.
            return (Seen::default(), true);
        }
        let scene = Scene::read(python, (&self.kinds, &self.globals), &self.codes, thread.address);
        let search = Search { scene: &scene, tables: &self.tables, codes: &self.codes };
        let raw = match activity {
            Activity::Blocked(call) => Some(match self.waits_for_python(&python, thread, activity) {
                Some((kind, want)) => Raw {
                    kind,
                    object: None,
                    detail: None,
                    timed: false,
                    want,
                    frame: Some(0).filter(|_| !scene.calls.is_empty()),
                },
                None => scene.wait(&call, self.import_lock.as_ref()),
            }),
            _ => None,
        };
        let held = search.held().into_iter().map(|held| (held, scene.object(held.object, held.frame))).collect();
        let frames = scene.calls.iter().map(|call| stacks::Frame {
            lasti: call.lasti,
            position: call.code.position(call.lasti),
            locals: None,
            code: Rc::clone(&call.code),
        });
        let frames = Some((frames.collect(), scene.end.clone()));
        let acquired = if wanted.is_empty() { Vec::new() } else { self.acquired(&scene, wanted) };
        // The outermost code of a program is a module, too.
        let inner = scene.calls.split_last().map_or(&[][..], |(_, inner)| inner);
        let imports = inner.iter().any(|call| call.code.name == "<module>");
        let (runs, serves, torn) = (search.runs(), search.serves(), scene.torn);
        pages.end(SHARED, &self.footprints);
        (Seen { frames, call: None, raw, held, runs, imports, serves, acquired, still: false, turns: None }, !torn)
    }

    /// Whether the thread, asleep in a call, waits for the GIL or for one that has stopped all threads.
    fn waits_for_python(
        &self,
        python: &Python<'_>,
        thread: &stacks::Thread,
        activity: Activity,
    ) -> Option<(Kind, Want)> {
        let layout = python.layout;
        let interpreter = python.get(thread.address, layout.thread.interpreter).ok()??;
        let place = self.places.borrow().get(&interpreter).copied();
        let place = place.unwrap_or_else(|| {
            let found = GilPlace::find(self.target, python, InterpreterState { address: interpreter, id: None });
            self.places.borrow_mut().insert(interpreter, found);
            found
        });
        let attached = python.get_if(thread.address, layout.thread.state).ok().flatten();
        let state = ThreadState { address: thread.address, id: thread.id, native_id: None, attached };
        let gil: Gil = place.read(python);
        match State::of(Some(activity), &state, &place, &gil) {
            State::WaitingGil => Some((Kind::Gil, Want::Gil(gil.holder))),
            State::Suspended => {
                let requester = layout.interpreter.stop_the_world_requester;
                let requester = python.get_if(interpreter, requester).ok().flatten().flatten();
                Some((Kind::StopTheWorld, Want::Stopper(requester)))
            }
            _ => None,
        }
    }
}

/// Where the one lock for all imports lies, which the symbol table of the file tells, if there is one.
fn import_lock(target: &Target) -> ImportLock {
    let found = target.statics(&["import_lock", "import_lock_thread"]);
    let opcodes = Opcodes::of(target.layout.version).ok();
    ImportLock { lock: found.get("import_lock").copied(), thread: found.get("import_lock_thread").copied(), opcodes }
}

/// A thread while it is looked at.
struct Looked<'r, 't> {
    room: &'r Room<'t>,
    thread: &'r stacks::Thread,
    wanted: &'r HashSet<Addr>,
    kernel: ThreadFiles,
    /// What it did when last asked.
    activity: Activity,
    seen: Seen,
}

impl Subject for Looked<'_, '_> {
    fn kernel(&mut self) -> &mut ThreadFiles {
        &mut self.kernel
    }

    fn activity(&mut self) -> Activity {
        self.activity = self.kernel.activity();
        self.activity
    }

    fn exact(&mut self, _: bool) -> bool {
        let (seen, whole) = self.room.read(self.thread, self.activity, self.wanted);
        self.seen = seen;
        whole
    }

    /// What a running thread holds is given back before it is read: it is stopped rather.
    fn deduce(&mut self) -> bool {
        false
    }
}
