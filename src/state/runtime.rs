//! How Python was built and started, as `sys` tells it.

use crate::address::Addr;
use crate::layout::Inline;
use crate::objects::Value;
use crate::state::Look;

/// How Python was built and started.
#[derive(Clone, Debug, Default)]
pub struct Runtime {
    /// `sys.version`: version, build and compiler.
    pub version: Option<String>,
    /// `sys.implementation.cache_tag` (3.3+).
    pub cache_tag: Option<String>,
    /// `sys.platform`.
    pub platform: Option<String>,
    /// `sys.executable`.
    pub executable: Option<String>,
    /// `sys.prefix`, `sys.exec_prefix` and, from 3.3 on, `sys.base_prefix` and `sys.base_exec_prefix`, by name.
    pub prefixes: Vec<(&'static str, String)>,
    /// `sys.argv`.
    pub argv: Option<Vec<Value>>,
    /// `sys.orig_argv` (3.10+).
    pub orig_argv: Option<Vec<Value>>,
    /// `sys.flags`, by name.
    pub flags: Vec<(String, Value)>,
    /// `sys._xoptions` (3.2+).
    pub xoptions: Option<Vec<(String, Value)>>,
    /// `sys.warnoptions`.
    pub warnoptions: Option<Vec<Value>>,
    /// `sys.path`.
    pub path: Option<Vec<Value>>,
    /// What gives memory.
    pub allocators: Option<Allocators>,
    /// Whether Python is ending (3.6+).
    pub finalizing: Option<bool>,
}

/// What gives memory, told apart by their functions (3.12+; before, where the file tells).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allocators {
    /// Whether `PyObject_Malloc()` has an allocator of its own (pymalloc, or mimalloc in free-threaded builds), and
    /// not that of `PyMem_RawMalloc()`, which is `malloc()` unless a program has set another.
    pub own_objects: bool,
    /// Whether debug hooks surround it (`PYTHONMALLOC=debug`, `-X dev`, debug builds); `None` before 3.12.
    pub debug: Option<bool>,
}

/// No structure of `sys` has more fields.
const MAX_FIELDS: u64 = 128;

impl Look<'_> {
    /// How Python was built and started.
    pub(super) fn runtime(&self) -> Runtime {
        let Some(main) = self.interpreters.first().copied() else { return Runtime::default() };
        let object = |name| self.sys(main, name);
        let text = |name| object(name).and_then(|address| self.text(address));
        let list = |name| object(name).and_then(|address| self.values(name, address));
        let prefixes = ["prefix", "exec_prefix", "base_prefix", "base_exec_prefix"];
        let attribute = |of, name| self.python.attribute(of, name).ok().flatten();
        Runtime {
            version: text("version"),
            cache_tag: object("implementation").and_then(|at| self.text(attribute(at, "cache_tag")?)),
            platform: text("platform"),
            executable: text("executable"),
            prefixes: prefixes.into_iter().filter_map(|name| Some((name, text(name)?))).collect(),
            argv: list("argv"),
            orig_argv: list("orig_argv"),
            flags: object("flags").map_or_else(Vec::new, |flags| self.fields("sys.flags", flags)),
            xoptions: object("_xoptions").and_then(|dict| self.named_values(dict)),
            warnoptions: list("warnoptions"),
            path: list("path"),
            allocators: self.allocators(),
            finalizing: self.finalizing(),
        }
    }

    fn finalizing(&self) -> Option<bool> {
        let runtime = || self.python.get_if(self.places.runtime?, self.python.layout.runtime.finalizing).ok();
        let old = || self.python.memory.pointer(self.places.finalizing?).ok();
        runtime().flatten().or_else(old).map(|thread| thread.is_some())
    }

    /// The items of the dict at `address`, whose keys are str.
    fn named_values(&self, address: Addr) -> Option<Vec<(String, Value)>> {
        let (items, _) = self.noted("sys._xoptions", self.python.dict_items(address, super::MAX_ITEMS))?;
        Some(items.into_iter().filter_map(|item| Some((self.text(item.key)?, self.describe(item.value)))).collect())
    }

    /// The named fields of the structure at `address`, as its class lists them (`PyStructSequence`).
    fn fields(&self, what: &str, address: Addr) -> Vec<(String, Value)> {
        let layout = &self.python.layout.member;
        let read = || {
            let class = self.python.type_of(address)?;
            let Some(members) = self.python.get(class, self.python.layout.type_object.members)? else {
                return Ok(Vec::new());
            };
            let mut fields = Vec::new();
            for index in 0..MAX_FIELDS {
                let member = members.offset(index * u64::from(layout.size.0));
                let Some(name) = self.python.get(member, layout.name)? else { break };
                let name = String::from_utf8_lossy(&self.python.memory.c_string(name, 256)?).into_owned();
                let offset = u64::try_from(self.python.get(member, layout.offset)?).unwrap_or(0);
                if let Some(value) = self.python.memory.pointer(address.offset(offset))? {
                    fields.push((name, self.describe(value)));
                }
            }
            Ok(fields)
        };
        self.noted(what, read()).unwrap_or_default()
    }

    fn allocators(&self) -> Option<Allocators> {
        let layout = &self.python.layout.runtime_state;
        let function = |at: Addr| self.python.get_if(at, layout.allocator_malloc).ok().flatten().flatten();
        let within = |place: Option<Inline>| Some(self.at(self.places.runtime?, place?.offset));
        let Some((raw, object)) = within(layout.raw_allocator).zip(within(layout.object_allocator)) else {
            let (raw, object) = (self.places.static_at("_PyMem_Raw")?, self.places.static_at("_PyObject")?);
            // With debug hooks both have the same function.
            let own_objects = function(raw)? != function(object)?;
            return own_objects.then_some(Allocators { own_objects, debug: None });
        };
        // The hooks are given what they surround: the allocator kept beside the others (`ctx`, the first member).
        let hooked = self.python.memory.pointer(object).ok()?;
        let beneath = within(layout.debug_object_allocator)?;
        let near = |at: Addr| (at.get()..at.offset(64).get()).contains(&hooked.map_or(0, Addr::get).saturating_add(8));
        let debug = near(beneath);
        let (raw, object) = if debug { (within(layout.debug_raw_allocator)?, beneath) } else { (raw, object) };
        Some(Allocators { own_objects: function(raw)? != function(object)?, debug: Some(debug) })
    }
}
