//! The import system: what is being imported, who waits for whom, and where modules come from.

use crate::address::Addr;
use crate::objects::Value;
use crate::python::{Int, InterpreterState, Item, flag};
use crate::state::{Look, ThreadName};
use std::collections::BTreeMap;

/// The import system of an interpreter.
#[derive(Clone, Debug)]
pub struct Imports {
    /// The number of the interpreter.
    pub interpreter: i64,
    /// `len(sys.modules)`.
    pub modules: Option<u64>,
    /// The modules whose code has begun and not ended; `None` before 3.4, which keeps no account of them.
    pub in_progress: Option<Vec<InProgress>>,
    /// The locks of modules that a thread holds or waits for (3.3+).
    pub locks: Option<Vec<ImportLock>>,
    /// The thread that holds the one import lock there was (before 3.3, where the file tells).
    pub lock_holder: Option<ThreadName>,
    /// The threads that wait for it.
    pub lock_waiting: Vec<ThreadName>,
    /// `sys.meta_path`.
    pub meta_path: Option<Vec<Value>>,
    /// `sys.path_hooks`.
    pub path_hooks: Option<Vec<Value>>,
    /// `len(sys.path_importer_cache)`.
    pub importer_cache: Option<u64>,
    /// Where each module comes from, if wanted.
    pub origins: Option<Vec<Origin>>,
}

/// A module being imported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InProgress {
    /// Its name in `sys.modules`.
    pub name: String,
    /// The thread that imports it, by its lock.
    pub thread: Option<ThreadName>,
}

/// The lock of a module (`importlib._bootstrap._ModuleLock`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportLock {
    /// The name of the module.
    pub name: String,
    /// `threading.get_ident()` of the thread that holds it.
    pub owner_id: Option<u64>,
    /// That thread, if there is one.
    pub owner: Option<ThreadName>,
    /// The threads that wait for it.
    pub waiting: Vec<ThreadName>,
}

/// Where a module comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Its name in `sys.modules`.
    pub name: String,
    /// What kind it is.
    pub kind: Kind,
    /// The file, or what the loader says instead.
    pub origin: Option<String>,
}

/// What kind of module it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Compiled into Python.
    Builtin,
    /// Its bytecode is compiled into Python.
    Frozen,
    /// A shared library.
    Extension,
    /// A source file.
    Source,
    /// A bytecode file without a source.
    Bytecode,
    /// A namespace package: folders without a file.
    Namespace,
    /// Loaded by something else: the class of the loader.
    Loader(String),
    /// It does not tell.
    Unknown,
}

/// At most so many modules are looked at.
const MAX_MODULES: usize = 100_000;
/// `__spec__` and `__file__` are set before the code of a module runs: they are among its first names.
const FIRST_NAMES: usize = 12;
/// No more locks are held or waited for.
const MAX_LOCKS: usize = 10_000;

impl Look<'_> {
    /// The import system of each interpreter.
    pub(super) fn imports(&self, origins: bool) -> Vec<Imports> {
        let one = |(index, interpreter): (usize, &InterpreterState)| self.imports_of(index, *interpreter, origins);
        self.interpreters.iter().enumerate().map(one).collect()
    }

    fn imports_of(&self, index: usize, interpreter: InterpreterState, origins: bool) -> Imports {
        let layout = self.python.layout;
        let modules = self.noted("sys.modules", self.python.get(interpreter.address, layout.interpreter.modules));
        let items =
            modules.flatten().and_then(|dict| self.noted("sys.modules", self.python.dict_items(dict, MAX_MODULES)));
        let (items, count) = items.unzip();
        let items: Vec<Item> = items.unwrap_or_default();
        let locks = layout.interpreter.importlib.and_then(|field| {
            let importlib = self.noted("importlib", self.python.get(interpreter.address, field))?;
            self.locks(importlib?)
        });
        let in_progress = layout.interpreter.importlib.map(|_| self.in_progress(&items, locks.as_deref()));
        let list = |name| self.sys(interpreter, name).and_then(|address| self.values(name, address));
        let cache = self.sys(interpreter, "path_importer_cache");
        let holder = self.static_long("import_lock_thread").filter(|_| layout.interpreter.importlib.is_none());
        Imports {
            interpreter: self.number(index),
            modules: count,
            in_progress,
            locks,
            lock_holder: holder.and_then(|id| self.thread_of(id)),
            lock_waiting: holder.map_or_else(Vec::new, |_| self.waiting_for_the_lock()),
            meta_path: list("meta_path"),
            path_hooks: list("path_hooks"),
            importer_cache: cache.and_then(|dict| Some(self.python.dict_items(dict, 0).ok()?.1)),
            origins: origins.then(|| items.iter().filter_map(|item| self.origin(*item)).collect()),
        }
    }

    fn static_long(&self, name: &str) -> Option<u64> {
        self.python.memory.u64(self.places.static_at(name)?).ok()
    }

    /// The threads that sleep on the futex in the one import lock, a semaphore.
    fn waiting_for_the_lock(&self) -> Vec<ThreadName> {
        /// The size of a `sem_t`.
        const SEMAPHORE: u64 = 32;
        let Some(lock) = self.static_long("import_lock") else { return Vec::new() };
        let sleeps = |thread: &&crate::stacks::Thread| {
            let futex = thread.blocked_on.as_ref().and_then(|blocked_on| blocked_on.call.futex());
            futex.is_some_and(|futex| (lock..lock.saturating_add(SEMAPHORE)).contains(&futex))
        };
        self.known().map(|(_, thread)| thread).filter(sleeps).map(ThreadName::of).collect()
    }

    fn in_progress(&self, items: &[Item], locks: Option<&[ImportLock]>) -> Vec<InProgress> {
        let begun = items.iter().filter(|item| self.is_initializing(item.value));
        let named = begun.filter_map(|item| {
            let name = self.text(item.key)?;
            let lock = locks.into_iter().flatten().find(|lock| lock.name == name);
            Some(InProgress { thread: lock.and_then(|lock| lock.owner.clone()), name })
        });
        named.collect()
    }

    /// `__spec__._initializing`.
    fn is_initializing(&self, module: Addr) -> bool {
        let told = || {
            let spec = self.first_name(module, "__spec__")?;
            self.python.attribute(spec, "_initializing").ok()?
        };
        told().is_some_and(|told| self.is_true(told))
    }

    fn is_true(&self, address: Addr) -> bool {
        matches!(self.python.int(address), Ok(Int::Value(value)) if value == 1.into())
    }

    /// What `name` is in the module at `module`: looked for among its first names, then among all.
    fn first_name(&self, module: Addr, name: &str) -> Option<Addr> {
        let found = |max| {
            let items = self.python.attributes(module, max).ok()?;
            self.python.find_named(&items, name).ok()?
        };
        found(FIRST_NAMES).or_else(|| found(MAX_MODULES)).map(|item| item.value)
    }

    /// The locks that a thread holds or waits for, as the module at `importlib` keeps them.
    fn locks(&self, importlib: Addr) -> Option<Vec<ImportLock>> {
        let dict = self.noted("importlib", self.python.get(importlib, self.python.layout.module.dict))??;
        let named = |name| self.noted("importlib", self.python.item_named(dict, name)).flatten();
        let mut locks: BTreeMap<Addr, ImportLock> = BTreeMap::new();
        for item in self.mapping(named("_module_locks")?) {
            let Some(lock) = self.referent(item.value) else { continue };
            let Some(found) = self.lock(lock) else { continue };
            locks.insert(lock, found);
        }
        for item in named("_blocking_on").map_or_else(Vec::new, |waiting| self.mapping(waiting)) {
            let Some(thread) = self.number_of(item.key).and_then(|id| self.thread_of(id)) else { continue };
            for lock in self.awaited(item.value) {
                let Some(found) = self.lock(lock) else { continue };
                locks.entry(lock).or_insert(found).waiting.push(thread.clone());
            }
        }
        Some(locks.into_values().filter(|lock| lock.owner_id.is_some() || !lock.waiting.is_empty()).collect())
    }

    /// What a thread waits for: a lock, or from 3.12 on a list of them.
    fn awaited(&self, value: Addr) -> Vec<Addr> {
        let Some(value) = self.referent(value) else { return Vec::new() };
        if self.python.type_flags(value).is_ok_and(|flags| flags.has(flag::LIST_SUBCLASS)) {
            return self.items("importlib._bootstrap._blocking_on", value).unwrap_or_default();
        }
        vec![value]
    }

    /// The items of a dict, or of what holds one as `data` (a `WeakValueDictionary`).
    fn mapping(&self, address: Addr) -> Vec<Item> {
        let is_dict = self.python.type_flags(address).is_ok_and(|flags| flags.has(flag::DICT_SUBCLASS));
        let dict = if is_dict { Some(address) } else { self.python.attribute(address, "data").ok().flatten() };
        let items = dict.and_then(|dict| self.noted("importlib", self.python.dict_items(dict, MAX_LOCKS)));
        items.map_or_else(Vec::new, |(items, _)| items)
    }

    /// What a weak reference refers to; any other object itself.
    fn referent(&self, address: Addr) -> Option<Addr> {
        let mut class = self.python.type_of(address).ok();
        for _ in 0..8 {
            let Some(at) = class else { break };
            // `weakref`, and `weakref.ReferenceType` from 3.9 on.
            if matches!(self.python.tp_name(at).ok()?.as_str(), "weakref" | "weakref.ReferenceType") {
                let object = self.python.get(address, self.python.layout.weak_ref.object).ok()??;
                // Once dead it refers to None, which has no attributes.
                return (self.python.type_name(self.python.type_of(object).ok()?).ok()? != "NoneType")
                    .then_some(object);
            }
            class = self.python.get(at, self.python.layout.type_object.base).ok().flatten();
        }
        Some(address)
    }

    fn lock(&self, lock: Addr) -> Option<ImportLock> {
        let attribute = |name| self.python.attribute(lock, name).ok().flatten();
        let name = self.text(attribute("name")?)?;
        // None, 0 or an identity.
        let owner_id = attribute("owner").and_then(|owner| self.number_of(owner)).filter(|id| *id != 0);
        Some(ImportLock { name, owner_id, owner: owner_id.and_then(|id| self.thread_of(id)), waiting: Vec::new() })
    }

    /// The value of the int at `address`; `None` if it is none.
    fn number_of(&self, address: Addr) -> Option<u64> {
        let flags = self.python.type_flags(address).ok()?;
        if !flags.has(flag::LONG_SUBCLASS | flag::INT_SUBCLASS) {
            return None;
        }
        match self.python.int(address).ok()? {
            Int::Value(value) => u64::try_from(value).ok(),
            Int::Huge { .. } => None,
        }
    }

    fn origin(&self, item: Item) -> Option<Origin> {
        let name = self.text(item.key)?;
        let spec = self
            .first_name(item.value, "__spec__")
            .filter(|spec| self.class_name(*spec).as_deref() != Some("NoneType"));
        let Some(spec) = spec else {
            let file = self.first_name(item.value, "__file__").and_then(|file| self.text(file));
            return Some(Origin { kind: by_file(file.as_deref()), name, origin: file });
        };
        let attribute = |name| self.python.attribute(spec, name).ok().flatten();
        let origin = attribute("origin").and_then(|origin| self.text(origin));
        let loader = attribute("loader");
        // The loaders of builtin and frozen modules are classes.
        let loader = loader.and_then(|loader| {
            let flags = self.python.type_flags(loader).ok()?;
            if flags.has(flag::TYPE_SUBCLASS) { self.python.type_name(loader).ok() } else { self.class_name(loader) }
        });
        let kind = match (loader.as_deref(), origin.as_deref()) {
            (Some("BuiltinImporter"), _) | (None, Some("built-in")) => Kind::Builtin,
            (Some("FrozenImporter"), _) | (None, Some("frozen")) => Kind::Frozen,
            (Some("ExtensionFileLoader"), _) => Kind::Extension,
            (Some("SourceFileLoader"), _) => Kind::Source,
            (Some("SourcelessFileLoader"), _) => Kind::Bytecode,
            (Some("NamespaceLoader" | "_NamespaceLoader" | "NoneType"), _) => Kind::Namespace,
            (Some(other), _) => Kind::Loader(other.to_owned()),
            (None, _) => Kind::Unknown,
        };
        Some(Origin { name, kind, origin })
    }

    fn class_name(&self, address: Addr) -> Option<String> {
        self.python.type_name(self.python.type_of(address).ok()?).ok()
    }
}

/// Before 3.4 only the name of its file tells what a module is.
fn by_file(file: Option<&str>) -> Kind {
    match file {
        None => Kind::Unknown,
        Some(file) if file.ends_with(".so") => Kind::Extension,
        Some(file) if file.ends_with(".py") || file.ends_with(".pyc") || file.ends_with(".pyo") => Kind::Source,
        Some(_) => Kind::Unknown,
    }
}
