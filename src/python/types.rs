//! Classes.

use crate::address::Addr;
use crate::python::{Python, Result};

/// Bits of `tp_flags` (Include/object.h).
pub mod flag {
    /// A static class of CPython itself, of which each interpreter keeps a dict of its own (3.12+; before, nothing).
    pub const STATIC_BUILTIN: u64 = 1 << 1;
    /// Made by a class statement.
    pub const HEAPTYPE: u64 = 1 << 9;
    /// Instances keep their attributes as the word `managed_dict` says (3.11+).
    pub const MANAGED_DICT: u64 = 1 << 4;
    /// Instances keep attribute values behind their fields (3.13+).
    pub const INLINE_VALUES: u64 = 1 << 2;
    /// A subclass of 2.7's `int`. In 3.12+ this bit means something else: it only counts where
    /// there is such a type.
    pub const INT_SUBCLASS: u64 = 1 << 23;
    /// A subclass of `int` (2.7: `long`).
    pub const LONG_SUBCLASS: u64 = 1 << 24;
    /// A subclass of `list`.
    pub const LIST_SUBCLASS: u64 = 1 << 25;
    /// A subclass of `tuple`.
    pub const TUPLE_SUBCLASS: u64 = 1 << 26;
    /// A subclass of `bytes` (2.7: `str`).
    pub const BYTES_SUBCLASS: u64 = 1 << 27;
    /// A subclass of `str` (2.7: `unicode`).
    pub const UNICODE_SUBCLASS: u64 = 1 << 28;
    /// A subclass of `dict`.
    pub const DICT_SUBCLASS: u64 = 1 << 29;
    /// A class.
    pub const TYPE_SUBCLASS: u64 = 1 << 31;
    /// An exception.
    pub const BASE_EXCEPTION_SUBCLASS: u64 = 1 << 30;
    /// Its objects are known to the garbage collector.
    pub const HAVE_GC: u64 = 1 << 14;
}

/// The flags of a class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TypeFlags(pub u64);

impl TypeFlags {
    /// Whether any of `bits` (see [`flag`]) is set.
    pub fn has(self, bits: u64) -> bool {
        self.0 & bits != 0
    }
}

/// The names of classes are cut at this many bytes.
const MAX_TYPE_NAME: usize = 1024;
/// Slots of dicts of a class and its bases that are looked at for one name: modules of thousands of constants are
/// no classes, and a class with more attributes than this is not asked for one.
const MAX_CLASS_SLOTS: u64 = 1 << 14;
/// CPython has some 200 static classes.
const MAX_STATIC: u64 = 1000;
/// No class has more bases in its method resolution order.
const MAX_MRO: usize = 1024;

impl Python<'_> {
    /// The class of the object at `address`.
    pub fn type_of(&self, address: Addr) -> Result<Addr> {
        self.pointer(address, self.layout.object.ob_type, "the type of an object")
    }

    /// The flags of the class of the object at `address`.
    pub fn type_flags(&self, address: Addr) -> Result<TypeFlags> {
        self.flags_of(self.type_of(address)?)
    }

    /// The flags of the class at `class`.
    pub fn flags_of(&self, class: Addr) -> Result<TypeFlags> {
        Ok(TypeFlags(self.get(class, self.layout.type_object.flags)?))
    }

    /// `tp_name` of the class at `class`: for a class of Python code its name, for one of C code
    /// often with its module.
    pub fn tp_name(&self, class: Addr) -> Result<String> {
        let at = self.pointer(class, self.layout.type_object.name, "the name of a class")?;
        Ok(String::from_utf8_lossy(&self.memory.c_string(at, MAX_TYPE_NAME)?).into_owned())
    }

    /// `tp_name` of the class at `class`, if C code made it: a class of Python code may be called anything. C code
    /// makes heap types, too, but gives them a name with a point.
    pub fn c_type_name(&self, class: Addr) -> Result<Option<String>> {
        let name = self.tp_name(class)?;
        let of_python =
            self.flags_of(class)?.has(flag::HEAPTYPE) && (!name.contains('.') || self.is_python_class(class));
        Ok((!of_python).then_some(name))
    }

    /// `__name__` of the class at `class`.
    pub fn type_name(&self, class: Addr) -> Result<String> {
        let name = self.tp_name(class)?;
        if self.flags_of(class)?.has(flag::HEAPTYPE) && !self.is_spec_name(class, &name)? {
            return Ok(name);
        }
        Ok(name.rsplit('.').next().unwrap_or(&name).to_owned())
    }

    /// Whether `name` is the dotted name that C code gave the heap type at `class`
    /// (`PyType_FromSpec`): its `__qualname__` is then only what follows the last dot.
    fn is_spec_name(&self, class: Addr, name: &str) -> Result<bool> {
        let Some((_, last)) = name.rsplit_once('.') else { return Ok(false) };
        let qualname = self.get_if(class, self.layout.type_object.qualname)?.flatten();
        Ok(qualname.is_some_and(|qualname| self.is_named(qualname, last)))
    }

    /// `__module__` and `__qualname__` of the class at `class`, as `repr` shows them; the module is
    /// `None` for builtins.
    pub fn qualified_name(&self, class: Addr) -> Result<(Option<String>, String)> {
        let name = self.tp_name(class)?;
        if !self.flags_of(class)?.has(flag::HEAPTYPE) {
            return Ok(match name.rsplit_once('.') {
                Some((module, name)) => (Some(module.to_owned()), name.to_owned()),
                None => (None, name),
            });
        }
        let qualname = self.get_if(class, self.layout.type_object.qualname)?.flatten();
        let qualname = qualname.and_then(|at| self.name(at).ok()).unwrap_or(name);
        let dict = self.get(class, self.layout.type_object.dict)?;
        let module = dict.and_then(|dict| self.item_named(dict, "__module__").ok().flatten());
        let module = module.and_then(|at| self.name(at).ok());
        let builtin = module.as_deref().is_some_and(|module| matches!(module, "builtins" | "__builtin__"));
        Ok((module.filter(|_| !builtin), qualname))
    }

    /// The classes in which attributes of the class at `class` are looked up, itself first.
    pub fn mro(&self, class: Addr) -> Result<Vec<Addr>> {
        match self.get(class, self.layout.type_object.mro)? {
            Some(mro) => Ok(self.tuple_items(mro, MAX_MRO)?.0.into_iter().flatten().collect()),
            None => Ok(vec![class]),
        }
    }

    /// What the class at `class`, or the first of its method resolution order that does, has under `name` in its
    /// dict. Static types of 3.12+ keep theirs elsewhere: they are passed over.
    pub fn class_attribute(&self, class: Addr, name: &str) -> Result<Option<Addr>> {
        let mut slots = MAX_CLASS_SLOTS;
        for class in self.mro(class)? {
            if let Some(found) = self.own_attribute(class, name, &mut slots)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Whether `__module__` of the class of Python code at `class` is `module`, or a module within it.
    pub fn is_of_module(&self, class: Addr, module: &str) -> bool {
        let found = self.own_attribute(class, "__module__", &mut MAX_CLASS_SLOTS.clone()).ok().flatten();
        let name = found.and_then(|at| self.name(at).ok()).unwrap_or_default();
        name.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// What the dict of the class at `class` has under `name`; takes the slots that were looked at from `slots`.
    fn own_attribute(&self, class: Addr, name: &str, slots: &mut u64) -> Result<Option<Addr>> {
        let Some(dict) = self.get(class, self.layout.type_object.dict)? else { return Ok(None) };
        // A dict that makes no sense is none of a class.
        let Ok((items, _)) = self.dict_items_within(dict, MAX_CLASS_SLOTS as usize, slots) else { return Ok(None) };
        Ok(self.find_named(&items, name).ok().flatten().map(|item| item.value))
    }

    /// Whether C code computes an attribute `name` for objects of the class at `class` itself (`tp_getset`).
    pub fn class_getset(&self, class: Addr, name: &str) -> Result<bool> {
        const MAX_ENTRIES: u64 = 4096;
        let layout = &self.layout.getset_def;
        let Some(table) = self.get(class, self.layout.type_object.getset)? else { return Ok(false) };
        for index in 0..MAX_ENTRIES {
            let at = table.offset(index * u64::from(layout.size.0));
            let Some(found) = self.get(at, layout.name)? else { break };
            if self.memory.c_string(found, MAX_TYPE_NAME)? == name.as_bytes() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `__dict__` of the class at `class`, as far as it lies in memory.
    pub fn class_dict(&self, class: Addr) -> Result<Option<Addr>> {
        match (self.static_type(class)?, self.layout.static_type.dict) {
            (Some(entry), Some(dict)) => self.get(entry, dict),
            _ => self.get(class, self.layout.type_object.dict),
        }
    }

    /// `__subclasses__()` of the class at `class`: at most `max`, the first made first; and whether there are more.
    /// `None` where an interpreter keeps them that was not named.
    pub fn subclasses(&self, class: Addr, max: usize) -> Result<Option<(Vec<Addr>, bool)>> {
        let list = match (self.static_type(class)?, self.layout.static_type.subclasses) {
            (Some(entry), Some(subclasses)) => self.get(entry, subclasses)?,
            _ if self.is_static_builtin(class)? => return Ok(None),
            _ => self.get(class, self.layout.type_object.subclasses)?,
        };
        let Some(list) = list else { return Ok(Some((Vec::new(), false))) };
        let flags = self.type_flags(list)?;
        // A dict from the address to a weak reference; before 3.5 a list of these.
        let (references, count) = if flags.has(flag::DICT_SUBCLASS) {
            let (items, count) = self.dict_items(list, max)?;
            (items.into_iter().map(|item| item.value).collect::<Vec<_>>(), count)
        } else if flags.has(flag::LIST_SUBCLASS) {
            let (items, count) = self.list_items(list, max)?;
            (items.into_iter().flatten().collect(), count)
        } else {
            return Err(crate::python::Fault::Implausible(list, "the subclasses of a class"));
        };
        let more = references.len() as u64 != count;
        let mut classes = Vec::new();
        for reference in references {
            let class = self.get(reference, self.layout.weak_ref.object)?;
            let is_class = |at: &Addr| self.type_flags(*at).is_ok_and(|flags| flags.has(flag::TYPE_SUBCLASS));
            classes.extend(class.filter(is_class));
        }
        Ok(Some((classes, more)))
    }

    fn is_static_builtin(&self, class: Addr) -> Result<bool> {
        let flags = self.flags_of(class)?;
        let marked = flags.has(flag::STATIC_BUILTIN) && !flags.has(flag::HEAPTYPE);
        Ok(marked && self.layout.static_type.class.is_some())
    }

    /// What the interpreter keeps of the static class at `class`; `None` if it is none, or no interpreter was named.
    fn static_type(&self, class: Addr) -> Result<Option<Addr>> {
        let layout = &self.layout.static_type;
        let (Some(interpreter), Some(first), Some(size), Some(own)) =
            (self.interpreter, self.layout.interpreter_state.static_types, layout.size, layout.class)
        else {
            return Ok(None);
        };
        if !self.is_static_builtin(class)? {
            return Ok(None);
        }
        // Their number stands in the place of their subclasses, counted from 1 (Objects/typeobject.c).
        let number = self.get(class, self.layout.type_object.subclasses)?.map_or(0, Addr::get);
        let Some(index) = number.checked_sub(1).filter(|index| *index < MAX_STATIC) else { return Ok(None) };
        let entry = interpreter.offset(u64::from(first.offset) + index * u64::from(size.0));
        Ok((self.get(entry, own)? == Some(class)).then_some(entry))
    }
}
