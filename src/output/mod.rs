//! Formats: each file turns plain answers into text or JSON, as a pure function of its input. The
//! only room that serialises.

mod compared;
pub mod dis_json;
pub mod dis_text;
pub mod doctor;
pub mod dump_json;
pub mod dump_text;
mod escape;
pub mod firefox;
pub mod folded;
pub mod formats;
pub mod html;
pub mod inspect_json;
pub mod inspect_text;
pub mod jsonl;
mod lanes;
pub mod locks_json;
pub mod locks_text;
pub mod otlp;
mod places;
pub mod pprof;
mod protobuf;
pub mod ps;
pub mod pstats;
pub mod speedscope;
pub mod state_json;
pub mod state_text;
mod style;
mod summary;
pub mod svg;
pub mod table;

pub use compared::Compared;
pub use escape::escape;
pub use formats::{FORMATS, Format, Source, View};
pub use style::Style;

use crate::python::VariableKind;
use crate::stacks::{Read, State, Thread};

/// The word for what a thread does in text and JSON.
fn state(thread: &Thread) -> &'static str {
    if thread.ended {
        return "ended";
    }
    match thread.state {
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
