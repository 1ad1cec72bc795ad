//! One look at one thread: choosing how to read it so that what is read is true.

use crate::os::{self, Activity, StopError, ThreadFiles, Tracer};
use crate::stacks::Read;
use std::time::Duration;

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

impl Pausing {
    /// The same, if there is no need.
    pub fn without_need(self) -> Self {
        if self == Self::Always { self } else { Self::Never }
    }
}

/// A thread to look at, and the ways in which its stack can be read.
pub trait Subject {
    /// What the kernel tells of it.
    fn kernel(&mut self) -> &mut ThreadFiles;

    /// What it is doing.
    fn activity(&mut self) -> Activity {
        self.kernel().activity()
    }

    /// Reads it as it stands, without regard to what it is doing; `stopped` tells that it cannot be
    /// doing anything. False if it stood between two instructions that belong together.
    fn exact(&mut self, stopped: bool) -> bool;

    /// Reads it while it runs, from a single copy. False if that does not decide its stack.
    fn deduce(&mut self) -> bool;

    /// It stood still from then to then, by [`os::now`].
    fn stood(&mut self, _from: Duration, _to: Duration) {}
}

/// How often a thread that wakes up while it is read, or was stopped between two instructions, is
/// begun with anew before it is given up: both are over in less than a microsecond.
const MAX_LOOKS: usize = 5;

/// Reads a thread in the way that is true at the least cost: as it is while it sleeps; deduced from a
/// single copy while it runs; stopped, if that decides nothing; and if it may not or cannot be stopped,
/// as it is, marked undecided. `activity` is what it did a moment ago, after the kernel was asked how
/// often it had run; returns what it did when it was read, or `None` if it has ended.
pub fn look(
    subject: &mut impl Subject,
    mut activity: Activity,
    pausing: Pausing,
    tracer: &Tracer,
) -> Option<(Activity, Read)> {
    for _ in 0..MAX_LOOKS {
        match activity {
            Activity::Gone => break,
            Activity::Running => {}
            Activity::Blocked(_) | Activity::Asleep | Activity::Stopped => {
                subject.exact(false);
                if subject.kernel().slept_on() {
                    return Some((activity, Read::Blocked));
                }
                activity = subject.activity();
                continue;
            }
        }
        if pausing != Pausing::Always && subject.deduce() {
            return Some((activity, Read::Deduced));
        }
        if pausing == Pausing::Never {
            break;
        }
        let tid = subject.kernel().tid();
        match tracer.stop(tid, || subject.activity() == Activity::Running) {
            Ok(stopped) => {
                let from = os::now();
                let whole = subject.exact(true);
                // The thread runs before its tracer does: on a crowded machine the call that lets it go may
                // take long to return.
                let to = os::now();
                drop(stopped);
                subject.stood(from, to);
                if whole {
                    return Some((activity, Read::Stopped));
                }
                // It is let go and stopped again, a moment later.
            }
            Err(StopError::Blocked) => activity = subject.activity(),
            Err(StopError::Refused | StopError::Gone | StopError::TooSlow) => break,
        }
    }
    // What a thread that has ended left behind means nothing.
    if subject.activity() == Activity::Gone {
        return None;
    }
    subject.exact(false);
    Some((activity, Read::Undecided))
}
