//! Classes: where they come from, how their objects are laid out, and the C code behind them.

use crate::address::Addr;
use crate::layout::{Field, Word, suites};
use crate::python::{Python, Result, flag};
use crate::target::{FunctionName, Functions};

/// What a class is.
#[derive(Clone, Debug, Default)]
pub struct ClassFacts {
    /// `__mro__`, by qualified name, itself first.
    pub mro: Vec<(String, Addr)>,
    /// `__bases__`.
    pub bases: Vec<(String, Addr)>,
    /// `type(cls)`.
    pub metatype: Option<String>,
    /// `__basicsize__`, `__itemsize__`, `__dictoffset__`, `__weakrefoffset__`, in bytes.
    pub basicsize: i64,
    /// See [`ClassFacts::basicsize`].
    pub itemsize: i64,
    /// See [`ClassFacts::basicsize`]; negative: counted from the end, or kept before the object (3.12+).
    pub dictoffset: i64,
    /// See [`ClassFacts::basicsize`].
    pub weaklistoffset: i64,
    /// `__flags__`.
    pub flags: u64,
    /// Whether it was made while the program ran, and is no static struct of C code.
    pub heap_type: bool,
    /// Members of the C struct that Python sees.
    pub members: Vec<CMember>,
    /// Attributes that C code computes.
    pub getset: Vec<Slot>,
    /// Methods of C code.
    pub methods: Vec<Slot>,
    /// `tp_call`, `nb_add` and so on, those that it has: its own, and those it took over from its bases.
    pub slots: Vec<Slot>,
    /// `__subclasses__()`; `None` where they cannot be told.
    pub subclasses: Option<Vec<(String, Addr)>>,
}

/// A member of a C struct.
#[derive(Clone, Debug)]
pub struct CMember {
    /// Its name.
    pub name: String,
    /// Its kind, by Include/structmember.h.
    pub kind: i32,
    /// Bytes from the start of the object.
    pub offset: i64,
}

/// A name with the C function behind it.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Where the function lies.
    pub function: Option<Addr>,
    /// What it is called, where that was asked for.
    pub symbol: Option<FunctionName>,
}

/// The C function that the object at `address` stands for: of a builtin function or method, of a descriptor; of a
/// capsule the one that frees what it carries.
pub fn c_function(python: &Python<'_>, address: Addr) -> Option<Addr> {
    let layout = python.layout;
    let class = python.tp_name(python.type_of(address).ok()?).ok()?;
    let get = |at: Addr, field: Field<Addr>| python.get(at, field).ok().flatten();
    let method = |field| get(get(address, field)?, layout.method_def.function);
    match class.as_str() {
        "builtin_function_or_method" | "builtin_method" => method(layout.cfunction.definition),
        "method_descriptor" | "classmethod_descriptor" => method(layout.descriptor.method),
        "getset_descriptor" => get(get(address, layout.descriptor.getset)?, layout.getset_def.get),
        "wrapper_descriptor" | "slot wrapper" => get(address, layout.descriptor.wrapped),
        "method-wrapper" => get(get(address, layout.method_wrapper.descriptor?)?, layout.descriptor.wrapped),
        "PyCapsule" => get(address, layout.capsule.destructor?),
        _ => None,
    }
}

/// More entries of one table of a class are garbage.
const MAX_ENTRIES: u64 = 4096;
const MAX_BASES: usize = 1024;
const MAX_SUBCLASSES: usize = 10_000;

/// What the class at `class` is; its C functions are named by `functions`.
pub fn class_facts(python: &Python<'_>, class: Addr, functions: Option<&Functions<'_>>) -> Result<ClassFacts> {
    let layout = &python.layout.type_object;
    let named = |at: Addr| (qualified(python, at), at);
    let bases = match python.get(class, layout.bases)? {
        Some(bases) => python.tuple_items(bases, MAX_BASES)?.0.into_iter().flatten().map(named).collect(),
        None => Vec::new(),
    };
    let flags = python.flags_of(class)?;
    let symbols = |mut slots: Vec<Slot>| {
        for slot in &mut slots {
            slot.symbol = slot.function.zip(functions).map(|(at, functions)| functions.name(at));
        }
        slots
    };
    let subclasses = python.subclasses(class, MAX_SUBCLASSES)?.map(|(classes, _)| classes);
    Ok(ClassFacts {
        mro: python.mro(class)?.into_iter().map(named).collect(),
        bases,
        metatype: python.type_of(class).ok().map(|metatype| qualified(python, metatype)),
        basicsize: python.get(class, layout.basicsize)?,
        itemsize: python.get(class, layout.itemsize)?,
        dictoffset: python.get(class, layout.dictoffset)?,
        weaklistoffset: python.get(class, layout.weaklistoffset)?,
        flags: flags.0,
        heap_type: flags.has(flag::HEAPTYPE),
        members: members(python, class)?,
        getset: symbols(getset(python, class)?),
        methods: symbols(methods(python, class)?),
        slots: symbols(slots(python, class)?),
        subclasses: subclasses.map(|classes| classes.into_iter().map(named).collect()),
    })
}

/// The name of a class with its module.
pub fn qualified(python: &Python<'_>, class: Addr) -> String {
    match python.qualified_name(class) {
        Ok((Some(module), name)) => format!("{module}.{name}"),
        Ok((None, name)) => name,
        Err(_) => format!("<unreadable class at {class}>"),
    }
}

fn text(python: &Python<'_>, at: Addr) -> Result<String> {
    Ok(String::from_utf8_lossy(&python.memory.c_string(at, 1024)?).into_owned())
}

fn members(python: &Python<'_>, class: Addr) -> Result<Vec<CMember>> {
    let layout = &python.layout.member;
    let Some(table) = python.get(class, python.layout.type_object.members)? else { return Ok(Vec::new()) };
    let mut members = Vec::new();
    for index in 0..MAX_ENTRIES {
        let at = table.offset(index * u64::from(layout.size.0));
        let Some(name) = python.get(at, layout.name)? else { break };
        let (kind, offset) = (python.get(at, layout.kind)?, python.get(at, layout.offset)?);
        members.push(CMember { name: text(python, name)?, kind, offset });
    }
    Ok(members)
}

fn getset(python: &Python<'_>, class: Addr) -> Result<Vec<Slot>> {
    let layout = &python.layout.getset_def;
    let Some(table) = python.get(class, python.layout.type_object.getset)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for index in 0..MAX_ENTRIES {
        let at = table.offset(index * u64::from(layout.size.0));
        let Some(name) = python.get(at, layout.name)? else { break };
        found.push(Slot { name: text(python, name)?, function: python.get(at, layout.get)?, symbol: None });
    }
    Ok(found)
}

/// Methods of C code of the class at `class`.
pub fn methods(python: &Python<'_>, class: Addr) -> Result<Vec<Slot>> {
    let layout = &python.layout.method_def;
    let Some(table) = python.get(class, python.layout.type_object.methods)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for index in 0..MAX_ENTRIES {
        let at = table.offset(index * u64::from(layout.size.0));
        let Some(name) = python.get(at, layout.name)? else { break };
        found.push(Slot { name: text(python, name)?, function: python.get(at, layout.function)?, symbol: None });
    }
    Ok(found)
}

/// The slots of the class at `class` that hold a function.
fn slots(python: &Python<'_>, class: Addr) -> Result<Vec<Slot>> {
    let mut found = Vec::new();
    let name = class.offset(u64::from(python.layout.type_object.name.offset));
    let word = |base: Addr, index: u32| base.offset(u64::from(index) * Addr::SIZE as u64);
    for suite in suites(python.layout.version) {
        let base = match suite.pointer {
            None => Some(name),
            Some(index) => python.memory.pointer(word(name, index))?,
        };
        let Some(base) = base else { continue };
        for (index, name) in suite.slots() {
            let function = python.memory.pointer(word(base, index))?;
            found.extend(function.map(|at| Slot { name: name.to_owned(), function: Some(at), symbol: None }));
        }
    }
    Ok(found)
}
