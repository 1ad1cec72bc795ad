//! One look at one thread: choosing how to read it so that what is read is true.

use crate::address::Pid;
use crate::os::{Activity, StopError, ThreadStatus, Tracer};
use crate::stacks::Read;
use crate::stacks::identity::NativeId;

/// Whether running threads may be stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pausing {
    /// Only where a stack cannot be decided otherwise.
    #[default]
    IfNeeded,
    /// Every running thread.
    Always,
    /// None.
    Never,
}

/// How often a thread that wakes up while it is read, or was stopped between two instructions, is
/// begun with anew before it is given up: both are over in less than a microsecond.
const MAX_LOOKS: usize = 5;

/// A look at a thread: what the kernel said of it, how it was read, and what that yielded.
pub struct Look<T> {
    /// What the kernel said before.
    pub status: Option<ThreadStatus>,
    /// How it was read.
    pub read: Read,
    /// What was read.
    pub value: T,
}

/// Reads a thread in the way that is true at the least cost: as it is while it sleeps; by `deduce`
/// from a single copy while it runs; stopped, if that decides nothing; and if it may not or cannot
/// be stopped, as it is, marked undecided.
///
/// `exact` reads the thread as it stands, without regard to what it is doing; `is_torn` tells of what
/// it yields that the thread was stopped between two instructions that belong together: it then is
/// let go and stopped again, a moment later.
pub fn look<T>(
    pid: Pid,
    id: NativeId,
    pausing: Pausing,
    tracer: &Tracer,
    mut exact: impl FnMut() -> T,
    mut deduce: impl FnMut() -> Option<T>,
    is_torn: impl Fn(&T) -> bool,
) -> Look<T> {
    let tid = match id {
        NativeId::Known(tid) => tid,
        // What it left behind stays as it is.
        NativeId::Ended => return Look { status: None, read: Read::Blocked, value: exact() },
        NativeId::Unknown => return Look { status: None, read: Read::Undecided, value: exact() },
    };
    let mut status = ThreadStatus::read(pid, tid);
    for _ in 0..MAX_LOOKS {
        if !matches!(status.activity, Activity::Running | Activity::Gone) {
            let value = exact();
            let after = ThreadStatus::read(pid, tid);
            if status.slept_until(&after) {
                return Look { status: Some(status), read: Read::Blocked, value };
            }
            status = after;
            continue;
        }
        if pausing != Pausing::Always
            && let Some(value) = deduce()
        {
            return Look { status: Some(status), read: Read::Deduced, value };
        }
        if pausing == Pausing::Never {
            break;
        }
        let running = || ThreadStatus::read(pid, tid).activity == Activity::Running;
        match tracer.stop(tid, running) {
            Ok(stopped) => {
                let value = exact();
                drop(stopped);
                if !is_torn(&value) {
                    return Look { status: Some(status), read: Read::Stopped, value };
                }
            }
            Err(StopError::Blocked) => status = ThreadStatus::read(pid, tid),
            Err(StopError::Refused | StopError::Gone | StopError::TooSlow) => break,
        }
    }
    Look { status: Some(status), read: Read::Undecided, value: exact() }
}
