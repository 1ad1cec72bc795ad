//! Which Python this is: attach, find the runtime, its version and flavour, and choose the layout.
//!
//! The only room that knows a live process from a dead one: what comes out of it is a memory, a
//! layout and the anchors from which `python/` reads on.

mod find;
mod modules;
mod validate;
mod version;

pub use find::{How, Root};
pub use modules::{Module, modules};

use crate::address::{Addr, Pid, Version};
use crate::binary::{ElfFile, FileImage, Machine, MappedImage, Reference};
use crate::error::{Error, Kind, Result};
use crate::layout::{
    self, Build, Flavour, Layout, Source,
    extract::{CHARACTER_WIDTHS, FINGERPRINTS},
};
use crate::memory::{Footprints, Memory, Pages, ProcessMemory, Why};
use crate::os::{self, Process, ProcessState};
use find::{Effort, Found};
use validate::Doubt;

/// An offset table that the user gave.
#[derive(Clone, Debug)]
pub struct UserTable {
    /// Its file, for errors.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Where the things lie from which everything else is reached.
#[derive(Clone, Debug)]
pub struct Anchors {
    /// The runtime.
    pub root: Root,
    /// How it was found.
    pub how: How,
    /// A pointer to the thread that holds the GIL (before 3.12).
    pub current_thread: Option<Addr>,
    /// `[start, end)`: a futex in here is the GIL's (before 3.12).
    pub gil_range: Option<(u64, u64)>,
    /// A pointer to the GIL's lock (2.7 and 3.1): a futex at what it points to is the GIL's.
    pub gil_lock: Option<Addr>,
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
        let error = match Self::open(process.clone(), table, &Effort::ALL) {
            Err(error) if !error.is_gone() => error,
            target => return target,
        };
        // A process that ended or replaced its program meanwhile explains any failure better.
        let now = live_process(pid)?;
        if now.start_time != process.start_time || now.executable != process.executable {
            return Self::open(now, table, &Effort::ALL);
        }
        Err(if error.kind() == Kind::NotPython { with_children(error, pid) } else { error })
    }

    /// Looks at `process` quickly, for a list of many: without reading through all its data.
    pub fn probe(process: &Process) -> Result<Self> {
        Self::open(process.clone(), None, &[Effort::MappedSymbols, Effort::Files])
    }

    fn open(process: Process, table: Option<&UserTable>, efforts: &[Effort]) -> Result<Self> {
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
                match identify(*effort, pid, &pages, module, table) {
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
            let name = process.command_text();
            Error::new(Kind::NotPython, format!("pid {pid} ({name}) is not a Python process"))
        }))
    }

    /// The address of the pointer to the first interpreter.
    pub fn interpreters_head(&self) -> Option<Addr> {
        head(&self.layout, self.anchors.root)
    }
}

fn head(layout: &Layout, root: Root) -> Option<Addr> {
    match root {
        Root::Runtime(at) => Some(at.offset(u64::from(layout.runtime.interpreters_head?.offset))),
        Root::InterpreterHead(at) => Some(at),
    }
}

/// What was learned about the Python of one module.
struct Identified {
    layout: Layout,
    anchors: Anchors,
    machine: Machine,
    initialised: bool,
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

/// The Python in `module`: `None` if it holds none, an error if it holds one that cannot be read.
fn identify(
    effort: Effort,
    pid: Pid,
    pages: &Pages<'_>,
    module: &Module,
    table: Option<&UserTable>,
) -> Result<Option<Identified>> {
    let Some(image) = module.base().and_then(|base| MappedImage::at(pages, base)) else { return Ok(None) };
    let machine = image.machine();
    let found = find::find(effort, pid, pages, module, &image);
    if found.is_none() && effort != Effort::Scan {
        return Ok(None);
    }
    let builds = builds(pages, module, &image, found);
    let mut refused = None;
    let mut starting = None;
    for build in &builds {
        let layout = match layout_of(build, table) {
            Ok(layout) => layout,
            Err(error) => {
                refused.get_or_insert(error);
                continue;
            }
        };
        let found = match found {
            Some(found) => Some(found),
            None => by_scan(pages, module, &layout),
        };
        let Some(found) = found else { continue };
        let Some(head) = head(&layout, found.root) else {
            let doubt = Doubt::Contradiction("it does not tell where the list of interpreters is");
            refused.get_or_insert_with(|| contradiction(pid, &layout, &doubt));
            continue;
        };
        let doubt = validate::interpreters(pages, &layout, head).err();
        if doubt.is_none() || doubt == Some(Doubt::NoInterpreter) {
            let anchors = anchors(pages, module, &image, &layout, found);
            let initialised = doubt.is_none();
            let identified = Identified { layout, anchors, machine, initialised };
            if initialised {
                return Ok(Some(identified));
            }
            starting.get_or_insert(identified);
        } else if let Some(doubt) = doubt {
            refused.get_or_insert_with(|| contradiction(pid, &layout, &doubt));
        }
    }
    match (starting, refused, found) {
        (Some(starting), _, _) => Ok(Some(starting)),
        // Without an anchor the versions were only candidates, and this is just no Python.
        (None, Some(error), Some(_)) => Err(error),
        (None, _, _) => Ok(None),
    }
}

fn layout_of(build: &Build, table: Option<&UserTable>) -> Result<Layout> {
    match table {
        Some(table) => layout::from_user_table(build, &table.name, &table.text),
        None => layout::select(build, &layout::known_tables(build.version)),
    }
}

#[cold]
fn contradiction(pid: Pid, layout: &Layout, doubt: &Doubt) -> Error {
    let what = match doubt {
        Doubt::Contradiction(what) => (*what).to_owned(),
        Doubt::Unreadable(error) => error.to_string(),
        Doubt::NoInterpreter => "there is no interpreter".to_owned(),
    };
    let version = layout.version;
    if let Source::User(name) = &layout.source {
        return Error::new(Kind::Usage, format!("pid {pid}: CPython {version} is not laid out as {name} says"))
            .because(what)
            .hint("make a table from this very interpreter: `pitviper offsets BINARY > table.toml`");
    }
    Error::new(Kind::Unsupported, format!("pid {pid}: CPython {version} is not laid out as its table says"))
        .because(what)
        .hint("if it is a patched or pre-release build, make a table from it: `pitviper offsets BINARY > my.toml`, then add `--offsets my.toml`")
}

/// The builds that the Python in `module` may be, the likeliest first.
fn builds(pages: &Pages<'_>, module: &Module, image: &MappedImage<'_>, found: Option<Found>) -> Vec<Build> {
    let size = |name: &str| Some((name.to_owned(), image.symbol(name)?.size));
    let known = FINGERPRINTS.iter().chain(CHARACTER_WIDTHS.iter().map(|(_, name)| name));
    let symbol_sizes: std::collections::BTreeMap<_, _> = known.filter_map(|name| size(name)).collect();
    let (debug, machine) = (is_debug(image), image.machine());
    let build = |version, flavour, debug_offsets| Build {
        version,
        flavour,
        machine,
        symbol_sizes: symbol_sizes.clone(),
        debug_offsets,
    };
    if let Some((head, bytes)) = found.and_then(|found| find::debug_offsets(pages, found.root)) {
        return vec![build(head.version, Flavour::of(head.free_threaded, debug), Some(bytes))];
    }
    if let Some(version) = version::by_image(image, pages) {
        return vec![build(version, Flavour::of(false, debug), None)];
    }
    let (first, last) = layout::supported_series();
    let known = |version: &Version| (first..=last).contains(&(version.major, version.minor));
    version::by_text(pages, module)
        .into_iter()
        .filter(known)
        .flat_map(|version| [Flavour::Gil, Flavour::Debug].map(|flavour| build(version, flavour, None)))
        .collect()
}

/// Looks through the data of `module` for a pointer that proves itself to be the head of the list
/// of interpreters.
fn by_scan(pages: &Pages<'_>, module: &Module, layout: &Layout) -> Option<Found> {
    let behind = layout.runtime.interpreters_head.map(|field| u64::from(field.offset));
    find::scan(pages, module, |address, word| {
        if word % 8 != 0 || !(0x1000..=0x7fff_ffff_ffff).contains(&word) {
            return None;
        }
        let proof = validate::interpreters(pages, layout, address).ok()?;
        if proof.modules == 0 {
            return None;
        }
        let root = match behind {
            Some(behind) => Root::Runtime(address.before(behind)?),
            None => Root::InterpreterHead(address),
        };
        Some(Found { root, how: How::Scan })
    })
}

fn anchors(pages: &Pages<'_>, module: &Module, image: &MappedImage<'_>, layout: &Layout, found: Found) -> Anchors {
    let mut anchors =
        Anchors { root: found.root, how: found.how, current_thread: None, gil_range: None, gil_lock: None };
    match found.root {
        Root::Runtime(at) => {
            let offset = current_thread_offset(pages, image, at);
            let offset = offset.or(layout.runtime.current_thread.map(|field| u64::from(field.offset)));
            if layout.runtime.current_thread.is_some() {
                anchors.current_thread = offset.map(|offset| at.offset(offset));
            }
            if let (Some(gil), Some(size)) = (layout.runtime.gil, layout.gil.size) {
                let start = at.offset(u64::from(gil.offset));
                anchors.gil_range = Some((start.get(), start.offset(u64::from(size.0)).get()));
            }
        }
        Root::InterpreterHead(_) => {
            anchors.current_thread = image.symbol("_PyThreadState_Current").map(|symbol| symbol.address);
            let references = find::accessor(image, pages, "PyEval_ThreadsInitialized");
            anchors.gil_lock = references.into_iter().find_map(|reference| match reference {
                Reference::Static(address) if module.has_data_at(address) => Addr::new(address),
                _ => None,
            });
            // From 3.2 on the GIL is made of static condition variables, the only ones there are.
            anchors.gil_range = module.data.iter().copied().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        }
    }
    anchors
}

/// Where `_PyRuntime.gilstate.tstate_current` lies, read off the accessor that returns it: the
/// offset depends on the size of the C library's mutexes (3.7–3.11), which no table need know then.
fn current_thread_offset(pages: &Pages<'_>, image: &MappedImage<'_>, runtime: Addr) -> Option<u64> {
    let size = image.symbol("_PyRuntime")?.size;
    let mut behind_runtime = false;
    for reference in find::accessor(image, pages, "_PyThreadState_UncheckedGet") {
        match reference {
            Reference::Static(address) if (runtime.get()..runtime.offset(size).get()).contains(&address) => {
                // Either the field itself, or the runtime's address to which an offset is added.
                if address != runtime.get() {
                    return Some(address - runtime.get());
                }
                behind_runtime = true;
            }
            Reference::Static(got) => behind_runtime = pages.pointer(Addr::new(got)?).ok()? == Some(runtime),
            Reference::Offset(offset) if behind_runtime && offset < size => return Some(offset),
            Reference::Offset(_) => {}
        }
    }
    None
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
    let pythons: Vec<String> = children
        .iter()
        .filter(|child| child.pid != pid && is_python(child.pid))
        .map(|child| format!("{} ({})", child.pid, child.command_text()))
        .take(20)
        .collect();
    if pythons.is_empty() {
        return error.hint("`pitviper ps` lists the Python processes of this machine");
    }
    error.hint(format!("it started Python as pid {}", pythons.join(", pid ")))
}

/// Whether process `pid` is a Python that can be looked at.
pub fn is_python(pid: Pid) -> bool {
    live_process(pid).and_then(|process| Target::probe(&process)).is_ok()
}

/// The version and flavour of the interpreter in the file `elf`, of which `bytes` are all the
/// bytes; as far as they can be told without running it.
pub fn identify_file(elf: &ElfFile<'_>, bytes: &[u8]) -> (Option<Version>, bool) {
    let image = FileImage::new(elf, bytes);
    let mapped = image.base().and_then(|base| MappedImage::at(&image, base));
    let version = mapped.as_ref().and_then(|mapped| version::by_image(mapped, &image));
    (version, mapped.is_some_and(|mapped| is_debug(&mapped)))
}

/// Whether an image was built `--with-pydebug`: it exports what only Py_REF_DEBUG brings
/// (Include/object.h).
fn is_debug(image: &MappedImage<'_>) -> bool {
    image.symbol("_Py_NegativeRefcount").is_some()
}
