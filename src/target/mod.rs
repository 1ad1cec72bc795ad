//! Which Python this is: attach, find the runtime, its version and flavour, and choose the layout.
//!
//! The only room that knows a live process from a dead one: what comes out of it is a memory, a
//! layout and the anchors from which `python/` reads on.

mod anchors;
mod debug_info;
mod find;
mod functions;
mod identify;
mod modules;
mod symbols;
mod validate;
mod version;

pub use anchors::Anchors;
pub use debug_info::{DebugTables, InterpreterFile, identify_file};
pub use find::{How, Root};
pub use functions::{FunctionName, Functions};
pub use modules::{Module, modules};

use crate::address::{Addr, Pid};
use crate::binary::Machine;
use crate::error::{Error, Kind, Result};
use crate::layout::Layout;
use crate::memory::{Footprints, Memory, Pages, ProcessMemory, Why};
use crate::os::{self, Process, ProcessState};
use anchors::head;
use find::Effort;
use identify::{Identified, identify};

/// An offset table that the user gave.
#[derive(Clone, Debug)]
pub struct UserTable {
    /// Its file, for errors.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A Python process that can be looked at.
#[derive(Debug)]
pub struct Target {
    /// Facts about the process.
    pub process: Process,
    /// Its memory.
    pub memory: ProcessMemory,
    /// Where in its memory the looks so far found what they needed.
    pub footprints: Footprints,
    /// What its bytes mean.
    pub layout: Layout,
    /// From where to read on.
    pub anchors: Anchors,
    /// The file that holds the interpreter.
    pub module: Module,
    /// The machine it runs on.
    pub machine: Machine,
    /// Whether it has an interpreter yet, or still.
    pub initialised: bool,
}

impl Target {
    /// Attaches to the Python in process `pid`. Nothing in it is stopped or changed.
    pub fn attach(pid: Pid, table: Option<&UserTable>) -> Result<Self> {
        let process = live_process(pid)?;
        let error = match Self::open(process.clone(), table, &Effort::ALL, &DebugTables::default()) {
            Err(error) if !error.is_gone() => error,
            target => return target,
        };
        // A process that ended or replaced its program meanwhile explains any failure better.
        let now = live_process(pid)?;
        if now.start_time != process.start_time || now.executable != process.executable {
            return Self::open(now, table, &Effort::ALL, &DebugTables::default());
        }
        Err(if error.kind() == Kind::NotPython { with_children(error, pid) } else { error })
    }

    /// Looks at `process` quickly, for a list of many: without reading through all its data, and
    /// through debug info only where `tables` do not know it.
    pub fn probe(process: &Process, tables: &DebugTables) -> Result<Self> {
        Self::open(process.clone(), None, &[Effort::MappedSymbols, Effort::Files], tables)
    }

    /// As [`Target::attach`], by what a Python exports and no other effort: for a process that is hardly
    /// one, or not yet, and is looked at again soon.
    pub fn glance(pid: Pid, table: Option<&UserTable>) -> Result<Self> {
        Self::open(live_process(pid)?, table, &[Effort::MappedSymbols], &DebugTables::default())
    }

    /// The process `pid`, which was forked from this one and has executed nothing since: all lies where
    /// it lies here.
    pub fn forked(&self, pid: Pid) -> Result<Self> {
        let process = live_process(pid)?;
        let Self { layout, anchors, module, machine, initialised, .. } = self;
        Ok(Self {
            memory: ProcessMemory::new(pid),
            footprints: Footprints::default(),
            layout: layout.clone(),
            anchors: anchors.clone(),
            module: module.clone(),
            machine: *machine,
            initialised: *initialised,
            process,
        })
    }

    fn open(process: Process, table: Option<&UserTable>, efforts: &[Effort], tables: &DebugTables) -> Result<Self> {
        let pid = process.pid;
        let mappings = os::maps(pid).map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => os::denied(pid),
            std::io::ErrorKind::NotFound => gone(pid),
            _ => Error::failed(format!("pid {pid}: cannot read its memory map")).because(error),
        })?;
        let memory = ProcessMemory::new(pid);
        let modules = modules(&mappings);
        check_access(pid, &memory, &mappings, &modules)?;
        let pages = Pages::new(&memory);
        let mut unsupported = None;
        let mut starting = None;
        for effort in efforts {
            for module in &modules {
                match identify(*effort, pid, &pages, module, table, tables) {
                    Ok(Some(python)) if python.initialised => return Ok(python.into_target(process, memory, module)),
                    Ok(Some(python)) if starting.is_none() => starting = Some((python, module)),
                    Ok(_) => {}
                    Err(error) if unsupported.is_none() => unsupported = Some(error),
                    Err(_) => {}
                }
            }
            if let Some((python, module)) = starting {
                return Ok(python.into_target(process, memory, module));
            }
            if unsupported.is_some() {
                break;
            }
        }
        Err(unsupported.unwrap_or_else(|| {
            let name = process.command_in_sentence();
            Error::new(Kind::NotPython, format!("pid {pid} ({name}) is not a Python process"))
        }))
    }

    /// The address of the pointer to the first interpreter.
    pub fn interpreters_head(&self) -> Option<Addr> {
        head(&self.layout, self.anchors.root)
    }
}

impl Identified {
    fn into_target(self, process: Process, memory: ProcessMemory, module: &Module) -> Target {
        let Self { layout, anchors, machine, initialised } = self;
        Target {
            process,
            memory,
            footprints: Footprints::default(),
            layout,
            anchors,
            module: module.clone(),
            machine,
            initialised,
        }
    }
}

/// Facts about `pid`, if it lives and has memory.
fn live_process(pid: Pid) -> Result<Process> {
    let process = os::process(pid).map_err(|_| gone(pid))?;
    match process.state {
        ProcessState::Alive => Ok(process),
        ProcessState::Zombie => Err(Error::new(Kind::Gone, format!("pid {pid} ({}) has ended", process.name))
            .because("its parent has not collected its exit status yet, and its memory is gone")),
    }
}

#[cold]
fn gone(pid: Pid) -> Error {
    Error::new(Kind::Gone, format!("there is no process {pid}"))
        .hint("`pitviper ps` lists the Python processes of this machine")
}

/// Fails early, with hints, where the kernel will not let us read.
fn check_access(pid: Pid, memory: &ProcessMemory, mappings: &[os::Mapping], modules: &[Module]) -> Result<()> {
    if mappings.is_empty() {
        // The kernel shows no map of a process that is ending, nor of one of its own threads.
        live_process(pid)?;
        return Err(Error::new(
            Kind::NotPython,
            format!("pid {pid} has no memory: it is a kernel thread, or just ending"),
        ));
    }
    let Some(base) = modules.iter().find_map(Module::base) else { return Ok(()) };
    match memory.read(base, &mut [0; 8]).map_err(|error| error.why) {
        Err(Why::Denied) => Err(os::denied(pid)),
        Err(Why::Gone) => Err(gone(pid)),
        _ => Ok(()),
    }
}

/// Adds to the error for a process that is no Python which Pythons it started.
#[cold]
fn with_children(error: Error, pid: Pid) -> Error {
    let children = os::children(pid).unwrap_or_default();
    let tables = DebugTables::default();
    let pythons: Vec<String> = children
        .iter()
        .filter(|child| child.pid != pid && Target::probe(child, &tables).is_ok())
        .map(|child| format!("{} ({})", child.pid, child.command_in_sentence()))
        .take(20)
        .collect();
    if pythons.is_empty() {
        return error.hint("`pitviper ps` lists the Python processes of this machine");
    }
    error.hint(format!("it started Python as pid {}", pythons.join(", pid ")))
}
