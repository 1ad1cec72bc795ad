//! The one error of the library: a lower-case sentence that names the thing, its causes, and hints
//! that say what to do next.

use std::borrow::Cow;
use std::fmt;

/// What kind of failure it was, as the exit code tells it. See [`Error::kind`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Anything that has no kind of its own. Exit code 1.
    Failed,
    /// The command line cannot be carried out as written. Exit code 2.
    Usage,
    /// The kernel refuses to let us look. Exit code 3.
    Denied,
    /// The process is not there, or no longer. Exit code 1.
    Gone,
    /// The process runs, but it is no Python. Exit code 1.
    NotPython,
    /// A Python, but one that pitviper has no layout for. Exit code 1.
    Unsupported,
}

/// Why something could not be done: a sentence, its causes, and hints for the user.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: Kind,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
}

/// A command line is shown to people in at most this many characters: what is worth reading of one
/// stands at its beginning, and `python -c` may hold a whole program.
pub const MAX_COMMAND: usize = 300;

/// As [`MAX_COMMAND`], within a sentence that says something else.
pub const MAX_COMMAND_IN_SENTENCE: usize = 60;

/// `text` as far as people want to read it: cut after `max` characters, with how many are left out.
pub fn brief(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let (kept, rest) = text.split_at(end);
            Cow::Owned(format!("{kept}… ({} more characters)", rest.chars().count()))
        }
    }
}

/// What fallible functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of kind `kind`. `message` is lower case, names the pid, address or file, and has
    /// no full stop.
    #[cold]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), causes: Vec::new(), hints: Vec::new() }))
    }

    /// A plain failure.
    #[cold]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// Adds what led to it; the nearest cause first.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.causes.push(cause.to_string());
        self
    }

    /// Adds advice: what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Whether the kernel refused to let us look.
    pub fn is_denied(&self) -> bool {
        self.0.kind == Kind::Denied
    }

    /// Whether the process is not there, or no longer.
    pub fn is_gone(&self) -> bool {
        self.0.kind == Kind::Gone
    }

    /// What the user can do about it, in order of promise.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        self.0.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Error {}
