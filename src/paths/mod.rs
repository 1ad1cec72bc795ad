//! Paths to objects: the words in which a user names one thing in a target, and how it is found there.
//!
//! ```text
//! PATH := ROOT STEP*
//! ROOT := dotted name | 0xADDRESS | type:dotted.Type | all:dotted.Type | code:PATH | t:THREAD
//!       | task:NAME | interp:N/PATH
//! STEP := .name | [key] | .f[N] | .f[FUNCTION] | !chain
//! ```
//!
//! Nothing is ever executed in the target: an attribute is what the object, or a class of its method
//! resolution order, holds; what C code would compute is told as such.
//!
//! ```
//! use pitviper::paths::{Path, Root, Step};
//! let path: Path = "t:MainThread.f[0].request.user".parse().unwrap();
//! assert_eq!(path.root, Root::Thread("MainThread".to_owned()));
//! assert_eq!(path.steps.len(), 3);
//! ```

mod look;
mod names;
mod parse;
mod resolve;
mod steps;

pub use look::{Seen, look};
pub use resolve::{Known, Place, Resolver};
pub use steps::{is_a, module_dict};

use std::fmt;

/// A path, as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// Which interpreter; `None` for the main one.
    pub interpreter: Option<i64>,
    /// Where it begins.
    pub root: Root,
    /// How it goes on.
    pub steps: Vec<Step>,
}

/// Where a path begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Root {
    /// The longest prefix that is a module, then attributes; a bare name is one of `__main__`, or a builtin.
    Name(String),
    /// The object at an address.
    Address(u64),
    /// A class, by its module and name, wherever an object refers to it.
    Type(String),
    /// Every object of a class, or of one that derives from it, that the garbage collector knows.
    All(String),
    /// The code object behind a function, method, generator or frame.
    Code(Box<Path>),
    /// A thread: its number, kernel id, or name.
    Thread(String),
    /// The tasks of asyncio with this name, or whose coroutine has this qualified name. If attributes follow, they are
    /// part of it: names have dots, too.
    Task(String),
}

/// A step from one object to the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// An attribute, or a variable of a frame.
    Attribute(String),
    /// An item.
    Item(Key),
    /// A frame of a thread, 0 for the innermost.
    Frame(usize),
    /// The innermost frame of a thread that runs this function.
    FrameOf(String),
    /// All that follow: `f_back`, `tb_next`, `__cause__` and `__context__`, what is awaited, `tp_base`.
    Chain,
}

/// A key or an index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer; of a sequence it counts from the end if it is negative.
    Int(i64),
    /// Text, quoted or bare.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A tuple of keys.
    Tuple(Vec<Key>),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(value) => value.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Self::Tuple(keys) => {
                let keys: Vec<String> = keys.iter().map(Self::to_string).collect();
                write!(f, "({}{})", keys.join(", "), if keys.len() == 1 { "," } else { "" })
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(name) => write!(f, ".{name}"),
            Self::Item(key) => write!(f, "[{key}]"),
            Self::Frame(index) => write!(f, ".f[{index}]"),
            Self::FrameOf(name) => write!(f, ".f[{name}]"),
            Self::Chain => f.write_str("!chain"),
        }
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => write!(f, "{address:#x}"),
            Self::Type(name) => write!(f, "type:{name}"),
            Self::All(name) => write!(f, "all:{name}"),
            Self::Code(path) => write!(f, "code:{path}"),
            Self::Thread(thread) => write!(f, "t:{thread}"),
            Self::Task(name) => write!(f, "task:{name}"),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.interpreter {
            write!(f, "interp:{number}/")?;
        }
        self.root.fmt(f)?;
        self.steps.iter().try_for_each(|step| step.fmt(f))
    }
}
