//! What consists of named fields: named tuples, struct sequences, data classes, `SimpleNamespace`.

use crate::address::Addr;
use crate::objects::out::Brackets;
use crate::objects::printers::{Printer, Types, short_name};
use crate::objects::{Out, Subject};
use crate::python::{Fault, Python, Result, flag};

/// Subclasses of `tuple` with as many `_fields` as items.
pub const NAMED_TUPLE: Printer = Printer { types: Types::Where(is_named_tuple), attributes: false, print: named_tuple };

/// `sys.flags`, `time.struct_time`.
pub const STRUCT_SEQUENCE: Printer =
    Printer { types: Types::Where(is_struct_sequence), attributes: false, print: struct_sequence };

/// Instances of classes that have `__dataclass_fields__`.
pub const DATA_CLASS: Printer = Printer { types: Types::Where(is_data_class), attributes: true, print: data_class };

/// `types.SimpleNamespace`.
pub const NAMESPACE: Printer =
    Printer { types: Types::Named(&["types.SimpleNamespace", "namespace"]), attributes: true, print: namespace };

/// Fields of a data class.
const MAX_FIELDS: usize = 4096;

fn is_named_tuple(python: &Python<'_>, subject: &Subject) -> bool {
    subject.flags.has(flag::TUPLE_SUBCLASS)
        && subject.flags.has(flag::HEAPTYPE)
        && python.namedtuple_fields(subject.address).is_ok_and(|fields| fields.is_some())
}

fn is_struct_sequence(python: &Python<'_>, subject: &Subject) -> bool {
    subject.tp_name.contains('.') && python.structseq_fields(subject.address).is_ok_and(|fields| fields.is_some())
}

fn is_data_class(python: &Python<'_>, subject: &Subject) -> bool {
    subject.flags.has(flag::HEAPTYPE)
        && !subject.flags.has(flag::TYPE_SUBCLASS)
        && python.class_attribute(subject.class, "__dataclass_fields__").is_ok_and(|fields| fields.is_some())
}

/// The name of its class, and brackets behind it.
fn write(out: &mut Out<'_>, subject: &Subject, name: &str, total: u64, fields: &[(String, Option<Addr>)]) {
    let (open, cycle) = (format!("{name}("), format!("{name}(...)"));
    out.fields(subject, total, Brackets { open: &open, close: ")", cycle: &cycle }, fields);
}

fn named_tuple(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, name) = (out.python(), short_name(&out.python(), subject));
    let names = python.namedtuple_fields(subject.address)?.ok_or(Fault::Null("the fields of a named tuple"))?;
    let (items, total) = python.tuple_items(subject.address, out.max_items())?;
    let fields: Vec<_> = names.into_iter().zip(items).collect();
    out.length(total);
    write(out, subject, &name, total, &fields);
    Ok(())
}

fn struct_sequence(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let fields = out.python().structseq_fields(subject.address)?.ok_or(Fault::Null("the fields of a struct"))?;
    out.length(out.python().size(subject.address)?);
    let (total, shown) = (fields.len() as u64, out.max_items());
    write(out, subject, &subject.tp_name, total, fields.get(..shown).unwrap_or(&fields));
    Ok(())
}

/// Fields that `repr` shows: those of instances, with `repr=True` (Lib/dataclasses.py). What is not set is left out.
fn data_class(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let python = out.python();
    let declared = python.class_attribute(subject.class, "__dataclass_fields__")?;
    let declared = python.dict_items(declared.ok_or(Fault::Null("the fields of a data class"))?, MAX_FIELDS)?.0;
    let mut names = Vec::new();
    for item in declared {
        let of_field = python.slots(item.value)?;
        let slot = |name: &str| of_field.iter().find(|(slot, _)| slot == name).map(|(_, value)| *value);
        let shown = slot("repr").map(|shown| python.small_int(shown)).transpose()? != Some(0);
        // A class variable, or what only `__init__` takes, is no field.
        let kind = slot("_field_type").map(|kind| python.attribute_or_slot(kind, "name")).transpose()?.flatten();
        if shown && kind.is_none_or(|kind| python.is_named(kind, "_FIELD")) {
            names.push(python.name(item.key)?);
        }
    }
    let attributes = python.attributes(subject.address, MAX_FIELDS)?;
    let slots = python.slots(subject.address)?;
    let mut fields = Vec::new();
    for name in names {
        let slot = || slots.iter().rev().find(|(slot, _)| *slot == name).map(|(_, value)| *value);
        let value = python.find_named(&attributes, &name)?.map(|item| item.value).or_else(slot);
        // A default that was never set on the instance is the class's.
        let value = match value {
            Some(value) => Some(value),
            None => python.class_attribute(subject.class, &name)?,
        };
        fields.extend(value.map(|value| (name, Some(value))));
    }
    let (_, qualname) = python.qualified_name(subject.class)?;
    let total = fields.len() as u64;
    fields.truncate(out.max_items());
    write(out, subject, &qualname, total, &fields);
    Ok(())
}

fn namespace(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let python = out.python();
    let dict = python.get_if(subject.address, python.layout.namespace.dict)?.flatten();
    let (items, total) = match dict {
        Some(dict) => out.dict_items(dict)?,
        None => (Vec::new(), 0),
    };
    let mut fields = Vec::new();
    for item in items {
        fields.push((python.name(item.key)?, Some(item.value)));
    }
    if python.layout.texts().sorted_namespace {
        fields.sort();
    }
    write(out, subject, "namespace", total, &fields);
    Ok(())
}
