//! One file per family of types. To add one: a file with a `PRINTER`, and a line in [`PRINTERS`].
//!
//! A printer reads first and writes then, through [`Out`], which bounds what it can write, how deep
//! it can go and how much it can look at. When it returns an error, what it wrote is taken back.

mod arrays;
mod atoms;
mod classes;
mod collections;
mod dates;
mod enums;
mod exact_numbers;
mod exceptions;
mod file_paths;
mod functions;
mod instances;
mod mappings;
mod modules;
mod patterns;
mod ranges;
mod records;
mod sequences;
mod sets;
mod strings;
mod tables;
mod uuids;
mod views;

use crate::objects::{Out, Subject};
use crate::python::{Python, Result, flag};

/// Which types a printer handles.
#[derive(Clone, Copy, Debug)]
pub enum Types {
    /// Types written in C, by `tp_name`; subclasses do not count. A name without a dot is a
    /// builtin's: a class of Python code that has the same name is another.
    Named(&'static [&'static str]),
    /// All types with one of these bits of `tp_flags`: a builtin and its subclasses.
    Flagged(u64),
    /// Classes of Python code, by module and name; subclasses do not count.
    Classes(&'static [(&'static str, &'static str)]),
    /// Types that something else tells: what their classes have.
    Where(fn(&Python<'_>, &Subject) -> bool),
    /// All that no other printer handles.
    Rest,
}

impl Types {
    /// Whether these are classes of Python code, whose objects have what Python code has given them.
    pub fn is_of_python(self) -> bool {
        matches!(self, Self::Classes(_) | Self::Where(_))
    }

    /// Whether `subject` is of these types.
    fn has(self, python: &Python<'_>, subject: &Subject) -> bool {
        match self {
            Self::Named(names) => {
                names.contains(&subject.tp_name.as_str())
                    && python.c_type_name(subject.class).is_ok_and(|name| name.is_some())
            }
            Self::Flagged(bits) => subject.flags.has(bits),
            Self::Classes(classes) => {
                let named = |(module, name): &(&str, &str)| {
                    *name == subject.tp_name && python.is_of_module(subject.class, module)
                };
                subject.flags.has(flag::HEAPTYPE) && classes.iter().any(named)
            }
            Self::Where(is) => is(python, subject),
            Self::Rest => true,
        }
    }
}

/// How objects of some types are written.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    /// The types.
    pub types: Types,
    /// Whether such an object is an instance whose attributes are shown.
    pub attributes: bool,
    print: fn(&mut Out<'_>, &Subject) -> Result<()>,
}

impl Printer {
    /// Writes `subject` to `out`.
    pub fn print(&self, out: &mut Out<'_>, subject: &Subject) -> Result<()> {
        (self.print)(out, subject)
    }
}

/// Every printer. The first that handles a type prints it.
pub const PRINTERS: &[Printer] = &[
    atoms::PRINTER,
    atoms::SINGLE,
    strings::PRINTER,
    sequences::PRINTER,
    mappings::PRINTER,
    sets::PRINTER,
    classes::OLD_STYLE,
    classes::PRINTER,
    functions::PRINTER,
    modules::PRINTER,
    dates::PRINTER,
    exact_numbers::DECIMAL,
    collections::ORDERED,
    collections::DEFAULT,
    collections::DEQUE,
    ranges::PRINTER,
    views::MEMORY,
    views::WEAK,
    views::PROXY,
    views::CAPSULE,
    patterns::PRINTER,
    records::NAMESPACE,
    arrays::PRINTER,
    arrays::SCALAR,
    arrays::DTYPE,
    // What follows looks at a class, since its name says nothing.
    collections::PYTHON_ORDERED,
    collections::COUNTER,
    exact_numbers::PYTHON_DECIMAL,
    exact_numbers::FRACTION,
    uuids::PRINTER,
    file_paths::PRINTER,
    tables::FRAME,
    tables::SERIES,
    records::NAMED_TUPLE,
    records::STRUCT_SEQUENCE,
    enums::PRINTER,
    records::DATA_CLASS,
    exceptions::PRINTER,
    instances::PRINTER,
];

/// The printer for `subject`.
pub fn find(python: &Python<'_>, subject: &Subject) -> &'static Printer {
    PRINTERS.iter().find(|printer| printer.types.has(python, subject)).unwrap_or(&instances::PRINTER)
}

/// Writes type and address of `subject`.
pub fn print_plainly(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    instances::print(out, subject)
}

/// `type(value).__name__`; of an old-style instance the name of its class.
pub fn short_name(python: &Python<'_>, subject: &Subject) -> String {
    let old_style = instances::old_style_class(python, subject);
    old_style.or_else(|| python.type_name(subject.class).ok()).unwrap_or_else(|| subject.tp_name.clone())
}
