//! Classes: where they come from, how their objects are laid out, and the C code behind them.

use crate::address::Addr;
use crate::python::{Python, Result, flag};

/// What a class is.
#[derive(Clone, Debug, Default)]
pub struct ClassFacts {
    /// `__mro__`, by qualified name, itself first.
    pub mro: Vec<(String, Addr)>,
    /// `__bases__`.
    pub bases: Vec<(String, Addr)>,
    /// `__subclasses__()`, by qualified name; `None` where these are kept elsewhere (static types of 3.12+).
    pub subclasses: Option<Vec<String>>,
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
}

/// More entries of one table of a class are garbage.
const MAX_ENTRIES: u64 = 4096;
const MAX_BASES: usize = 1024;

/// What the class at `class` is.
pub fn class_facts(python: &Python<'_>, class: Addr) -> Result<ClassFacts> {
    let layout = &python.layout.type_object;
    let named = |at: Addr| (qualified(python, at), at);
    let bases = match python.get(class, layout.bases)? {
        Some(bases) => python.tuple_items(bases, MAX_BASES)?.0.into_iter().flatten().map(named).collect(),
        None => Vec::new(),
    };
    let flags = python.flags_of(class)?;
    Ok(ClassFacts {
        mro: python.mro(class)?.into_iter().map(named).collect(),
        bases,
        subclasses: subclasses(python, class),
        metatype: python.type_of(class).ok().map(|metatype| qualified(python, metatype)),
        basicsize: python.get(class, layout.basicsize)?,
        itemsize: python.get(class, layout.itemsize)?,
        dictoffset: python.get(class, layout.dictoffset)?,
        weaklistoffset: python.get(class, layout.weaklistoffset)?,
        flags: flags.0,
        heap_type: flags.has(flag::HEAPTYPE),
        members: members(python, class)?,
        getset: getset(python, class)?,
        methods: methods(python, class)?,
    })
}

/// Weak references to the classes that derive from `class`: values of a dict, before 3.4 a list.
fn subclasses(python: &Python<'_>, class: Addr) -> Option<Vec<String>> {
    /// The classes of a large program.
    const MAX_SUBCLASSES: usize = 100_000;
    // A small number is no pointer (`_Py_TPFLAGS_STATIC_BUILTIN`, 3.12+).
    const FIRST_PAGE: u64 = 4096;
    let kept = match python.get(class, python.layout.type_object.subclasses).ok()? {
        None => return Some(Vec::new()),
        Some(kept) if kept.get() < FIRST_PAGE => return None,
        Some(kept) => kept,
    };
    let references: Vec<Addr> = if python.type_flags(kept).ok()?.has(flag::DICT_SUBCLASS) {
        let (items, _) = python.dict_items(kept, MAX_SUBCLASSES).ok()?;
        items.into_iter().map(|item| item.value).collect()
    } else {
        python.list_items(kept, MAX_SUBCLASSES).ok()?.0.into_iter().flatten().collect()
    };
    let referent = |at: Addr| python.get(at, python.layout.weak_ref.object).ok().flatten();
    let is_class = |at: &Addr| python.type_flags(*at).is_ok_and(|flags| flags.has(flag::TYPE_SUBCLASS));
    Some(references.into_iter().filter_map(referent).filter(is_class).map(|at| qualified(python, at)).collect())
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
        found.push(Slot { name: text(python, name)?, function: python.get(at, layout.get)? });
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
        found.push(Slot { name: text(python, name)?, function: python.get(at, layout.function)? });
    }
    Ok(found)
}
