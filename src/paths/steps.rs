//! One step from an object: its attributes, items, and what follows it in a chain.

use crate::address::Addr;
use crate::paths::Key;
use crate::python::{Int, Part, Python, flag};

/// Items of one container that are searched for a key.
const MAX_ITEMS: usize = 4_000_000;
/// No named tuple has more fields.
const MAX_FIELDS: usize = 10_000;
/// A chain of objects is followed so far.
const MAX_CHAIN: usize = 10_000;

/// What an attribute is.
pub enum Attribute {
    /// An object.
    Object(Addr),
    /// A value that is no object.
    Plain(Part),
    /// C code computes it (a getset descriptor), or Python code (a property): not without running it.
    Computed(&'static str),
}

/// The attribute `name` of the object at `address`: of the instance, of what it consists of, then of the
/// classes of its method resolution order; of a class, of its own resolution order first.
pub fn attribute(python: &Python<'_>, address: Addr, name: &str) -> Option<Attribute> {
    if let Some(found) = own(python, address, name) {
        return Some(found);
    }
    let class = python.type_of(address).ok()?;
    if name == "__class__" {
        return Some(Attribute::Object(class));
    }
    match of_classes(python, class, name) {
        // Of an instance it is not the property that is meant.
        Some(Attribute::Object(value)) if is_a(python, value, "property") => {
            Some(Attribute::Computed("a property computes it"))
        }
        found => found,
    }
}

fn own(python: &Python<'_>, address: Addr, name: &str) -> Option<Attribute> {
    let flags = python.type_flags(address).ok()?;
    if flags.has(flag::TYPE_SUBCLASS) {
        let fields = &python.layout.type_object;
        let field = match name {
            "__mro__" => Some(fields.mro),
            "__bases__" => Some(fields.bases),
            "__base__" => Some(fields.base),
            _ => None,
        };
        if name == "__dict__" {
            return python.class_dict(address).ok().flatten().map(Attribute::Object);
        }
        if let Some(field) = field {
            return python.get(address, field).ok().flatten().map(Attribute::Object);
        }
        // Of a class a descriptor is itself meant, not what it computes.
        return in_classes(python, address, name).map(Attribute::Object);
    }
    if let Ok(Some(dict)) = module_dict(python, address)
        && let Ok(Some(value)) = python.item_named(dict, name)
    {
        return Some(Attribute::Object(value));
    }
    if let Ok(Some(value)) = python.attribute(address, name) {
        return Some(Attribute::Object(value));
    }
    if flags.has(flag::TUPLE_SUBCLASS)
        && let Some(value) = named_item(python, address, name)
    {
        return Some(Attribute::Object(value));
    }
    let slots = python.slots(address).unwrap_or_default();
    if let Some((_, value)) = slots.into_iter().find(|(slot, _)| slot == name) {
        return Some(Attribute::Object(value));
    }
    part(python, address, name)
}

/// The item called `name` of a named tuple: its class lists the names in `_fields`.
fn named_item(python: &Python<'_>, address: Addr, name: &str) -> Option<Addr> {
    let fields = match of_classes(python, python.type_of(address).ok()?, "_fields")? {
        Attribute::Object(fields) => fields,
        _ => return None,
    };
    let is_tuple = python.type_flags(fields).is_ok_and(|flags| flags.has(flag::TUPLE_SUBCLASS));
    let (names, _) = python.tuple_items(fields, MAX_FIELDS).ok().filter(|_| is_tuple)?;
    let index = names.iter().position(|field| field.is_some_and(|field| python.is_named(field, name)))?;
    python.tuple_items(address, index + 1).ok()?.0.get(index).copied()?
}

fn part(python: &Python<'_>, address: Addr, name: &str) -> Option<Attribute> {
    let parts = python.parts(address).unwrap_or_default();
    parts.into_iter().find(|(part, _)| part == name).map(|(_, part)| match part {
        Part::Object(value) => Attribute::Object(value),
        part => Attribute::Plain(part),
    })
}

/// The dict of the module at `address`; `None` if it is no module.
pub fn module_dict(python: &Python<'_>, address: Addr) -> crate::python::Result<Option<Addr>> {
    let class = python.type_of(address)?;
    let is_module =
        python.mro(class)?.into_iter().any(|class| python.tp_name(class).is_ok_and(|name| name == "module"));
    if is_module { python.get(address, python.layout.module.dict) } else { Ok(None) }
}

fn of_classes(python: &Python<'_>, class: Addr, name: &str) -> Option<Attribute> {
    let value = in_classes(python, class, name)?;
    let kind = python.type_of(value).and_then(|kind| python.tp_name(kind)).unwrap_or_default();
    Some(match kind.as_str() {
        "getset_descriptor" => Attribute::Computed("C code computes it"),
        _ => Attribute::Object(value),
    })
}

/// What the first of the classes in the resolution order of `class` has under `name`.
fn in_classes(python: &Python<'_>, class: Addr, name: &str) -> Option<Addr> {
    let of = |class: Addr| python.item_named(python.class_dict(class).ok()??, name).ok()?;
    python.mro(class).ok()?.into_iter().find_map(of)
}

/// The item under `key` of the object at `address`. The error says why there is none.
pub fn item(python: &Python<'_>, address: Addr, key: &Key) -> Result<Addr, String> {
    let unreadable = |fault: crate::python::Fault| fault.to_string();
    let flags = python.type_flags(address).map_err(unreadable)?;
    let is_deque = || is_a(python, address, "collections.deque");
    if flags.has(flag::DICT_SUBCLASS) || is_a(python, address, "frozendict") {
        return dict_item(python, address, key);
    }
    if is_a(python, address, "mappingproxy") || is_a(python, address, "dictproxy") {
        let mapping = python.parts(address).map_err(unreadable)?.into_iter().find(|(name, _)| name == "mapping");
        return match mapping {
            Some((_, Part::Object(mapping))) => dict_item(python, mapping, key),
            _ => Err("it shows no mapping".to_owned()),
        };
    }
    let Key::Int(index) = key else {
        return Err(format!("it has no key {key}"));
    };
    let (items, length) = if flags.has(flag::TUPLE_SUBCLASS) {
        python.tuple_items(address, MAX_ITEMS).map_err(unreadable)?
    } else if flags.has(flag::LIST_SUBCLASS) {
        python.list_items(address, MAX_ITEMS).map_err(unreadable)?
    } else if is_deque() {
        let items = python.deque_items(address, MAX_ITEMS).map_err(unreadable)?;
        (items.0.into_iter().map(Some).collect(), items.1)
    } else {
        return Err("it has no items".to_owned());
    };
    let at = if *index < 0 { i64::try_from(length).unwrap_or(0).saturating_add(*index) } else { *index };
    let found = usize::try_from(at).ok().and_then(|at| items.get(at).copied());
    found.flatten().ok_or_else(|| format!("it has {length} items"))
}

fn dict_item(python: &Python<'_>, dict: Addr, key: &Key) -> Result<Addr, String> {
    let (items, _) = python.dict_items(dict, MAX_ITEMS).map_err(|fault| fault.to_string())?;
    if let Key::Text(text) = key
        && let Ok(Some(item)) = python.find_named(&items, text)
    {
        return Ok(item.value);
    }
    let found = items.iter().find(|item| is_key(python, item.key, key));
    found.map(|item| item.value).ok_or_else(|| format!("it has no key {key}"))
}

/// Whether the object at `address` is equal to `key`, as far as a key may be written.
fn is_key(python: &Python<'_>, address: Addr, key: &Key) -> bool {
    let kind = || python.type_of(address).and_then(|class| python.tp_name(class)).unwrap_or_default();
    match key {
        Key::None => kind() == "NoneType",
        Key::Bool(wanted) => kind() == "bool" && is_int(python, address, i64::from(*wanted)),
        Key::Int(wanted) => matches!(kind().as_str(), "int" | "long") && is_int(python, address, *wanted),
        Key::Text(text) => python.is_named(address, text),
        Key::Bytes(bytes) => {
            let is_bytes = python.type_flags(address).is_ok_and(|flags| flags.has(flag::BYTES_SUBCLASS));
            is_bytes && python.bytes(address, bytes.len() + 1).is_ok_and(|(found, _)| found == *bytes)
        }
        Key::Tuple(keys) => {
            let is_tuple = python.type_flags(address).is_ok_and(|flags| flags.has(flag::TUPLE_SUBCLASS));
            let items = python.tuple_items(address, keys.len() + 1).ok().filter(|_| is_tuple);
            items.is_some_and(|(items, length)| {
                length == keys.len() as u64
                    && items.iter().zip(keys).all(|(item, key)| item.is_some_and(|item| is_key(python, item, key)))
            })
        }
    }
}

fn is_int(python: &Python<'_>, address: Addr, wanted: i64) -> bool {
    matches!(python.int(address), Ok(Int::Value(value)) if i64::try_from(&value) == Ok(wanted))
}

/// Whether a class of the object at `address` is called `tp_name`.
pub fn is_a(python: &Python<'_>, address: Addr, tp_name: &str) -> bool {
    let class = python.type_of(address).ok();
    let mro = class.and_then(|class| python.mro(class).ok()).unwrap_or_default();
    mro.into_iter().any(|class| python.c_type_name(class).is_ok_and(|name| name.as_deref() == Some(tp_name)))
}

/// The object at `address` and those that follow it, each with the link that led there.
pub fn chain(python: &Python<'_>, address: Addr) -> Vec<(Addr, &'static str)> {
    let mut chain = vec![(address, "")];
    while let Some((last, _)) = chain.last().copied().filter(|_| chain.len() < MAX_CHAIN) {
        match next(python, last) {
            Some((next, link)) if chain.iter().all(|(known, _)| *known != next) => chain.push((next, link)),
            _ => break,
        }
    }
    chain
}

/// What follows the object at `address` in its chain.
fn next(python: &Python<'_>, address: Addr) -> Option<(Addr, &'static str)> {
    let flags = python.type_flags(address).ok()?;
    let links: &[&'static str] = if flags.has(flag::TYPE_SUBCLASS) {
        &["__base__"]
    } else if flags.has(flag::BASE_EXCEPTION_SUBCLASS) {
        &["__cause__", "__context__"]
    } else {
        &["tb_next", "f_back", "gi_yieldfrom", "cr_await", "ag_await"]
    };
    links.iter().find_map(|link| match attribute(python, address, link) {
        Some(Attribute::Object(next)) if !is_a(python, next, "NoneType") => Some((next, *link)),
        _ => None,
    })
}
