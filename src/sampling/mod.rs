//! Looking at a process again and again, and recording what was seen.
//!
//! Every look is true, and none is thrown away: a thread that slept since the last look is not read
//! at all, one that sleeps now is read as it is, one that runs is deduced from a single copy of its
//! frame memory, and what that does not decide is read while the thread stands still for some
//! microseconds (design: "Every sample is true"). What a look stands for is measured: the time since
//! the one before, and the processor time that the kernel has counted meanwhile.
//!
//! A [`Session`] looks at one process, or with its children at a tree of them, and fills a
//! [`profile::Writer`](crate::profile::Writer). The caller decides when: [`Schedule`].

mod clock;
mod family;
mod ledger;
mod names;
mod process;
mod session;
mod thread;
mod trust;

pub use clock::Schedule;
pub use session::{Options, Session};
