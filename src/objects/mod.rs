//! What an object is, in words: from its address to a description that people and JSON can show.
//!
//! The text is what Python's `repr` says of None, `bool`, `int`, `float`, `complex`, the strings, and
//! of tuples, lists, dicts and sets of such; of classes what `type.__repr__` says, of functions what
//! `repr` says. So it is of the types of the standard library that `printers` has: dates, decimals,
//! `collections`, paths, patterns. Of everything else it is `<TYPE at 0xADDRESS>`. No code of the target
//! runs, so a class's own `__repr__` is never asked, and only exact types count: an instance of a subclass
//! of `list` is an instance. Where the fields of a class are the truth, subclasses count: `Point(x=1, y=2)`
//! of named tuples, data classes and struct sequences, `<Colour.RED: 1>` of enums, `ValueError('x')` of
//! exceptions. Attributes of instances are [`Value`]s of their own, as deep as [`Limits::depth`] says.
//!
//! What is not shown is always told, and [`Value::complete`] is false then:
//!
//! | text | meaning |
//! |---|---|
//! | `'abc'... (10485760 characters)` | a string (`bytes`: `(… bytes)`) of that length, of which this is the beginning |
//! | `[1, 2, ..., 999998 more]` | a container with so many more items; also where items vanished while they were read |
//! | `<int of 1000001 bits>` | an int too large for decimal digits |
//! | `<list at 0x7f…>` | containers within containers beyond [`MAX_NESTING`] |
//! | `<unreadable list at 0x7f…>` | memory that cannot be read, or makes no sense; `object` where even the type is unknown |
//! | `<NULL>` | an item that C code has not filled yet |
//! | `...` | no room left at all |
//! | `[...]` `{...}` `(...)` | a container within itself, as Python writes it; this one is complete |
//!
//! Nothing here ever fails, runs in the target, reads more of a string than it shows, or escapes
//! text for a terminal. Work, text and recursion are bounded by [`Out`], whatever the memory holds.
//! Printable characters are those of the Unicode version of the crate unicode-properties: an older
//! Python writes a character that is newer than itself as `\U…`.
//!
//! ```no_run
//! # use pitviper::{address::Addr, python::Python};
//! # fn example(python: &Python<'_>, address: Addr) {
//! use pitviper::objects::{Limits, describe};
//! let value = describe(python, address, &Limits { depth: 1, ..Limits::default() });
//! println!("{}: {}", value.type_name, value.text);
//! for (name, value) in &value.attributes {
//!     println!("  .{name} = {}", value.text);
//! }
//! # }
//! ```

mod literals;
mod out;
mod own;
mod printers;
#[cfg(test)]
mod tests;

pub use out::{MAX_NESTING, Out, Subject};
pub use own::OwnPrinters;
pub use printers::{PRINTERS, Printer, Types};

use crate::address::Addr;
use crate::python::Python;

/// How much of an object is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How deep attributes of instances are shown; 0 shows none. At most [`MAX_NESTING`] counts.
    pub depth: u32,
    /// Items of one container, and attributes of one instance.
    pub items: usize,
    /// Characters of text in all, attributes included. The marks that tell what was left out, and
    /// the brackets, come on top.
    pub width: usize,
    /// How the user wants classes to be written; read once, for all that this process shows.
    pub printers: Option<&'static OwnPrinters>,
}

impl Default for Limits {
    /// One line: what a person reads in a dump.
    fn default() -> Self {
        Self { depth: 0, items: 100, width: 1000, printers: None }
    }
}

/// The value of an object that JSON has a word for.
#[derive(Clone, PartialEq, Debug)]
pub enum Scalar {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An int that fits.
    Int(i64),
    /// A float, never NaN or infinite.
    Float(f64),
    /// A whole string without lone surrogates; in Python 2 also a `str` that is UTF-8.
    Str(String),
}

/// What an object is.
#[derive(Clone, PartialEq, Debug)]
pub struct Value {
    /// Where it lies.
    pub address: Addr,
    /// `type(value).__name__`; of an old-style instance the name of its class; `object` where it
    /// cannot be read.
    pub type_name: String,
    /// One line of text; see the top of this page. May hold any character that the target put into
    /// a name.
    pub text: String,
    /// Whether text and attributes are all there is to say at this depth.
    pub complete: bool,
    /// Whether the text tells of something that could not be read, or makes no sense.
    pub unreadable: bool,
    /// Its value, where JSON has a word for it.
    pub scalar: Option<Scalar>,
    /// `len(value)` of a string or container.
    pub length: Option<u64>,
    /// Attributes of an instance: those in its dict or values in the order they were set, then the
    /// slots, those of base classes first.
    pub attributes: Vec<(String, Value)>,
}

/// Describes the object at `address`. Never fails: what cannot be read says so in its text.
pub fn describe(python: &Python<'_>, address: Addr, limits: &Limits) -> Value {
    Out::new(*python, limits).value(address)
}
