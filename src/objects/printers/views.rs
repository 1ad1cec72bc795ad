//! What shows something else: `memoryview`, weak references, read-only views of dicts, capsules.

use crate::address::Addr;
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::{Fault, Python, Result, flag};

/// Views of memory, by address only, as `repr` does.
pub const MEMORY: Printer = Printer { types: Types::Named(&["memoryview"]), attributes: false, print: memory };

/// Weak references.
pub const WEAK: Printer =
    Printer { types: Types::Named(&["weakref", "weakref.ReferenceType"]), attributes: false, print: weak };

/// Views of mappings.
pub const PROXY: Printer =
    Printer { types: Types::Named(&["mappingproxy", "dictproxy", "dict_proxy"]), attributes: false, print: proxy };

/// Pointers of C code.
pub const CAPSULE: Printer = Printer { types: Types::Named(&["PyCapsule"]), attributes: false, print: capsule };

fn memory(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    out.text(&format!("<memory at {}>", subject.address));
    Ok(())
}

fn weak(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, address) = (out.python(), subject.address);
    let referent = python.get(address, python.layout.weak_ref.object)?;
    // What is gone has left a null, or None, behind.
    let kind = match referent {
        Some(at) => python.tp_name(python.type_of(at)?)?,
        None => String::new(),
    };
    let text = match referent.filter(|_| kind != "NoneType") {
        None => format!("<weakref at {address}; dead>"),
        Some(at) => match name(&python, at, &kind) {
            Some(name) => format!("<weakref at {address}; to '{kind}' at {at} ({name})>"),
            None => format!("<weakref at {address}; to '{kind}' at {at}>"),
        },
    };
    out.text(&text);
    Ok(())
}

/// `__name__` of a class or function.
fn name(python: &Python<'_>, at: Addr, kind: &str) -> Option<String> {
    if python.type_flags(at).ok()?.has(flag::TYPE_SUBCLASS) {
        return python.type_name(at).ok();
    }
    let name = (kind == "function").then(|| python.get(at, python.layout.function.name).ok().flatten());
    name.flatten().and_then(|name| python.name(name).ok())
}

fn proxy(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let python = out.python();
    let mapping = python.get_if(subject.address, python.layout.mapping_proxy.mapping)?;
    let mapping = mapping.flatten().ok_or(Fault::Null("the mapping behind a proxy"))?;
    if python.type_flags(mapping)?.has(flag::DICT_SUBCLASS) {
        let total = python.get(mapping, python.layout.dict_object.used)?;
        out.length(u64::try_from(total).unwrap_or(0));
    }
    let word = if subject.tp_name == "mappingproxy" { "mappingproxy" } else { "dict_proxy" };
    out.nest(subject, "mappingproxy(...)", |out| {
        out.mark(word);
        out.mark("(");
        out.object(Some(mapping));
        out.mark(")");
        Ok(())
    })
}

fn capsule(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    const MAX_NAME: usize = 1024;
    let (python, address) = (out.python(), subject.address);
    let name = python.get_if(address, python.layout.capsule.name)?.flatten();
    let name = match name {
        Some(name) => format!("\"{}\"", String::from_utf8_lossy(&python.memory.c_string(name, MAX_NAME)?)),
        None => "NULL".to_owned(),
    };
    out.text(&format!("<capsule object {name} at {address}>"));
    Ok(())
}
