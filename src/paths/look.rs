//! Looking at what a path names in a way that is true: what belongs to a thread is looked at while the thread
//! sleeps, or stands.

use crate::error::{Error, Result};
use crate::os::{Activity, ThreadFiles, Tracer};
use crate::paths::{Path, Place, Resolver, Root};
use crate::stacks::{self, Pausing, Read, Subject};

/// What was seen of a path.
#[derive(Clone, Debug)]
pub struct Seen<T> {
    /// What was made of it.
    pub value: T,
    /// How the thread was read that the path begins with; `None` if it begins with none.
    pub read: Option<Read>,
}

/// Calls `see` with what `path` leads to, and returns what it made of that. If the path begins with a thread, that
/// sleeps or stands meanwhile, as `pausing` allows; `see` is told whether it may stand between any two instructions
/// of C, rather than wait in a call. It is called again if the thread has woken up: what it returns last counts.
pub fn look<T>(
    resolver: &Resolver<'_>,
    path: &Path,
    pausing: Pausing,
    see: &mut dyn FnMut(Place, bool) -> Result<T>,
) -> Result<Seen<T>> {
    let Some(name) = thread_of(path) else {
        let value = see(resolver.resolve(path)?, false)?;
        return Ok(Seen { value, read: None });
    };
    let number = resolver.thread(name)?;
    let tid = resolver.threads.get(number).and_then(|thread| thread.tid);
    let Some(tid) = tid else {
        // The kernel cannot be asked what it does.
        let value = see(resolver.resolve(path)?, true)?;
        return Ok(Seen { value, read: Some(Read::Undecided) });
    };
    let ended = || Error::failed(format!("thread {name} of pid {} ended while it was read", resolver.pid()));
    let kernel = ThreadFiles::open(resolver.pid(), tid);
    let activity = kernel.activity();
    let mut looked = Look { resolver, path, see, kernel, found: Err(ended()) };
    let read = stacks::look(&mut looked, activity, pausing, &Tracer::default());
    let (_, read) = read.ok_or_else(ended)?;
    looked.found.map(|value| Seen { value, read: Some(read) })
}

/// The thread that a path begins with.
fn thread_of(path: &Path) -> Option<&str> {
    match &path.root {
        Root::Thread(name) => Some(name),
        Root::Code(inner) => thread_of(inner),
        _ => None,
    }
}

struct Look<'l, 'p, T> {
    resolver: &'l Resolver<'p>,
    path: &'l Path,
    see: &'l mut dyn FnMut(Place, bool) -> Result<T>,
    kernel: ThreadFiles,
    found: Result<T>,
}

impl<T> Subject for Look<'_, '_, T> {
    fn kernel(&mut self) -> &mut ThreadFiles {
        &mut self.kernel
    }

    fn activity(&mut self) -> Activity {
        self.kernel.activity()
    }

    fn exact(&mut self, stopped: bool) -> bool {
        // What was read before is of another moment.
        self.resolver.forget();
        // Someone else may have stopped it, too, at any instruction.
        let stopped = stopped || self.kernel.activity() == Activity::Stopped;
        self.found = self.resolver.resolve(self.path).and_then(|place| (self.see)(place, stopped));
        !self.resolver.is_torn()
    }

    /// Values of a running thread are gone before they are read: it is stopped rather.
    fn deduce(&mut self) -> bool {
        false
    }
}
