//! Facts of an object that are no objects: how a str is kept, how much room a list has.

use crate::address::Addr;
use crate::python::{Python, flag};

/// A fact: a plain value with a name.
#[derive(Clone, PartialEq, Debug)]
pub enum Fact {
    /// A number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(String),
    /// An address of what is no object.
    Pointer(Addr),
}

/// The facts of the object at `address` that its type is known for.
pub fn facts(python: &Python<'_>, address: Addr) -> Vec<(&'static str, Fact)> {
    let Ok(flags) = python.type_flags(address) else { return Vec::new() };
    let found = match () {
        () if flags.has(flag::UNICODE_SUBCLASS) => of_str(python, address),
        () if flags.has(flag::LONG_SUBCLASS) => of_int(python, address),
        () if flags.has(flag::LIST_SUBCLASS) => python
            .get(address, python.layout.list_object.allocated)
            .ok()
            .map(|room| vec![("allocated", Fact::Int(room))]),
        () if flags.has(flag::DICT_SUBCLASS) => of_dict(python, address),
        () if crate::paths::is_a(python, address, "numpy.ndarray") => of_array(python, address),
        () => None,
    };
    found.unwrap_or_default()
}

/// Of a numpy array, and of its subclasses, which begin alike.
fn of_array(python: &Python<'_>, address: Addr) -> Option<Vec<(&'static str, Fact)>> {
    let array = python.array(address).ok()?;
    let numbers = |numbers: &[i64]| {
        let comma = if numbers.len() == 1 { "," } else { "" };
        format!("({}{comma})", numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", "))
    };
    let flag = |bit: i32| Fact::Bool(array.flags & bit != 0);
    let mut facts = vec![
        ("dtype", Fact::Text(array.element.name())),
        ("shape", Fact::Text(numbers(&array.shape))),
        ("strides", Fact::Text(numbers(&array.strides))),
        ("nbytes", Fact::Int(i64::try_from(array.bytes()).ok()?)),
        ("data", Fact::Pointer(array.data)),
        ("c_contiguous", flag(1)),
        ("f_contiguous", flag(2)),
        ("owndata", flag(4)),
        ("writeable", flag(0x400)),
    ];
    facts.extend(array.base.map(|base| ("base", Fact::Pointer(base))));
    Some(facts)
}

fn of_str(python: &Python<'_>, address: Addr) -> Option<Vec<(&'static str, Fact)>> {
    let layout = &python.layout.str_object;
    let mut facts = Vec::new();
    if let Some(kind) = layout.kind {
        facts.push(("kind", Fact::Int(python.bits(address, kind).ok()?.cast_signed())));
    }
    if let Some(ascii) = layout.ascii {
        facts.push(("ascii", Fact::Bool(python.bits(address, ascii).ok()? != 0)));
    }
    if let Some(interned) = layout.interned {
        facts.push(("interned", Fact::Bool(python.bits(address, interned).ok()? != 0)));
    }
    let hash = python.get(address, layout.hash).ok()?;
    if hash != -1 {
        facts.push(("hash", Fact::Int(hash)));
    }
    Some(facts)
}

fn of_int(python: &Python<'_>, address: Addr) -> Option<Vec<(&'static str, Fact)>> {
    let layout = &python.layout.int_object;
    let digits = match layout.tag {
        Some(tag) => (python.get(address, tag).ok()? >> 3).cast_signed(),
        None => python.get(address, python.layout.object.ob_size).ok()?.saturating_abs(),
    };
    let value = python.int(address).ok()?;
    let sign = match value.bits() {
        0 => 0,
        _ if value.is_negative() => -1,
        _ => 1,
    };
    let bits = value.bits();
    Some(vec![("digits", Fact::Int(digits)), ("bits", Fact::Int(i64::try_from(bits).ok()?)), ("sign", Fact::Int(sign))])
}

fn of_dict(python: &Python<'_>, address: Addr) -> Option<Vec<(&'static str, Fact)>> {
    let dict = &python.layout.dict_object;
    let mut facts = vec![("used", Fact::Int(python.get(address, dict.used).ok()?))];
    let Some(keys) = python.get_if(address, dict.keys).ok()?.flatten() else {
        if let Some(mask) = dict.mask {
            facts.push(("slots", Fact::Int(python.get(address, mask).ok()?.saturating_add(1))));
        }
        return Some(facts);
    };
    let layout = &python.layout.dict_keys;
    let slots = match (layout.log2_size, layout.size) {
        (Some(log2), _) => Some(1_i64 << python.get(keys, log2).ok()?.min(40)),
        (None, Some(size)) => python.get(keys, size).ok(),
        (None, None) => None,
    };
    facts.extend(slots.map(|slots| ("slots", Fact::Int(slots))));
    if let Some(entries) = layout.nentries {
        facts.push(("entries", Fact::Int(python.get(keys, entries).ok()?)));
    }
    if let Some(usable) = layout.usable {
        facts.push(("usable", Fact::Int(python.get(keys, usable).ok()?)));
    }
    let split = python.get_if(address, dict.values).ok()?.flatten().is_some();
    facts.push(("split", Fact::Bool(split)));
    Some(facts)
}
