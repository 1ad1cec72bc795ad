//! Members of enumerations.

use crate::objects::printers::{Printer, Types, short_name};
use crate::objects::{Out, Subject};
use crate::python::{Fault, Python, Result, flag};

/// Instances of classes whose metaclass is `enum.EnumMeta` (3.11+: `EnumType`) or derives from it, by `_name_` and
/// `_value_`.
pub const PRINTER: Printer = Printer { types: Types::Where(is_member), attributes: true, print };

fn is_member(python: &Python<'_>, subject: &Subject) -> bool {
    if !subject.flags.has(flag::HEAPTYPE) || subject.flags.has(flag::TYPE_SUBCLASS) {
        return false;
    }
    let Ok(metaclass) = python.type_of(subject.class) else { return false };
    let named = |class: &crate::address::Addr| {
        python.tp_name(*class).is_ok_and(|name| matches!(name.as_str(), "EnumMeta" | "EnumType"))
            && python.is_of_module(*class, "enum")
    };
    // Of most classes the metaclass is `type`, which has no heap type.
    python.flags_of(metaclass).is_ok_and(|flags| flags.has(flag::HEAPTYPE))
        && python.mro(metaclass).is_ok_and(|mro| mro.iter().any(named))
}

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (python, class) = (out.python(), short_name(&out.python(), subject));
    let value = python.attribute_or_slot(subject.address, "_value_")?.ok_or(Fault::Null("the value of an enum"))?;
    let name = python.attribute_or_slot(subject.address, "_name_")?.and_then(|name| python.name(name).ok());
    out.nest(subject, "<...>", |out| {
        out.mark("<");
        // Combinations of flags have no name (before 3.11, and where bits are unknown).
        out.text(&name.map_or_else(|| class.clone(), |name| format!("{class}.{name}")));
        out.mark(": ");
        out.object(Some(value));
        out.mark(">");
        Ok(())
    })
}
