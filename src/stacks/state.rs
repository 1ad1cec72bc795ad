//! What a thread is doing, out of what the kernel says and what CPython's memory says.

use crate::os::Activity;
use crate::python::ThreadState;
use crate::stacks::State;
use crate::stacks::gil::{Gil, GilPlace};

impl State {
    /// What `thread` is doing, of which the kernel says `activity`, with the `gil` as it was then.
    pub fn of(activity: Option<Activity>, thread: &ThreadState, place: &GilPlace, gil: &Gil) -> Self {
        /// `_Py_THREAD_SUSPENDED` (Include/internal/pycore_pystate.h, 3.13+).
        const SUSPENDED: i32 = 2;
        let holds = gil.holder == Some(thread.address);
        match activity {
            Some(Activity::Running) if gil.collector == Some(thread.address) => Self::Gc,
            Some(Activity::Running) => Self::Running,
            Some(Activity::Blocked(call)) => match call.futex().or(call.continued()) {
                Some(futex) if !holds && place.is_awaited_by(futex) => Self::WaitingGil,
                Some(_) if thread.attached == Some(SUSPENDED) => Self::Suspended,
                _ => Self::Idle,
            },
            Some(Activity::Asleep) => Self::Idle,
            Some(Activity::Stopped) => Self::Stopped,
            Some(Activity::Gone) | None => Self::Unknown,
        }
    }
}
