//! Classes, and Python 2's old-style ones.

use crate::layout::Literals;
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::{Fault, Result, flag};

/// Classes of any metaclass, as `type.__repr__` writes them.
pub const PRINTER: Printer = Printer { types: Types::Flagged(flag::TYPE_SUBCLASS), attributes: false, print };

/// Old-style classes (2.7).
pub const OLD_STYLE: Printer = Printer { types: Types::Named(&["classobj"]), attributes: false, print: old_style };

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, class) = (out.python(), subject.address);
    let (module, name) = python.qualified_name(class)?;
    let heap = python.flags_of(class)?.has(flag::HEAPTYPE);
    let word = if python.layout.words.literals == Literals::Python2 && !heap { "type" } else { "class" };
    match module {
        Some(module) => out.text(&format!("<{word} '{module}.{name}'>")),
        None => out.text(&format!("<{word} '{name}'>")),
    }
    Ok(())
}

fn old_style(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, class) = (out.python(), subject.address);
    let layout = &python.layout.old_class;
    let name = python.get_if(class, layout.name)?.flatten().ok_or(Fault::Null("the name of a class"))?;
    let name = python.name(name)?;
    let dict = python.get_if(class, layout.dict)?.flatten();
    let module = dict.and_then(|dict| python.item_named(dict, "__module__").ok().flatten());
    // What class_repr() says where there is none (Objects/classobj.c, 2.7).
    let module = module.and_then(|module| python.name(module).ok()).unwrap_or_else(|| "?".to_owned());
    out.text(&format!("<class {module}.{name} at {class}>"));
    Ok(())
}
