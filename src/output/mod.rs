//! Formats: each file turns plain answers into text or JSON, as a pure function of its input. The
//! only room that serialises.

pub mod doctor;
pub mod dump_json;
pub mod dump_text;
mod escape;
pub mod ps;
mod style;

pub use escape::escape;
pub use style::Style;

use crate::python::VariableKind;
use crate::stacks::{Read, State};

/// The word for a thread's state in text and JSON.
fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Idle => "idle",
        State::WaitingGil => "waiting-gil",
        State::Gc => "gc",
        State::Suspended => "suspended",
        State::Stopped => "stopped",
        State::Unknown => "unknown",
    }
}

/// The word for how a stack was obtained.
fn read(read: Read) -> &'static str {
    match read {
        Read::Blocked => "blocked",
        Read::Deduced => "deduced",
        Read::Stopped => "stopped",
        Read::Undecided => "undecided",
    }
}

/// The word for the kind of a variable.
fn kind(kind: VariableKind) -> &'static str {
    match kind {
        VariableKind::Argument => "argument",
        VariableKind::Local => "local",
        VariableKind::Cell => "cell",
        VariableKind::Free => "free",
    }
}
