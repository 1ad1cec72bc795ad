//! Stopping one running thread for the microseconds of a copy.

use crate::address::Pid;
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

/// Why a thread could not be stopped. It runs on undisturbed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopError {
    /// Another program traces it already, or we may not.
    Refused,
    /// It has ended.
    Gone,
    /// It blocked in a system call before it could be stopped, so there is no need to.
    Blocked,
    /// It did not stop in time: the machine is overloaded, or the thread waits for a device.
    TooSlow,
}

impl fmt::Display for StopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "another program traces it, or tracing is not permitted",
            Self::Gone => "it has ended",
            Self::Blocked => "it has blocked in a system call",
            Self::TooSlow => "it did not stop in time",
        })
    }
}

/// The right to stop threads of a target, one at a time.
///
/// Threads are traced with PTRACE_SEIZE, which sends no signal, and without PTRACE_O_EXITKILL:
/// should pitviper be killed, the kernel lets a stopped thread go and it runs on.
#[derive(Debug, Default)]
pub struct Tracer {
    /// Threads that are traced but run: a tracer can let go only of a thread that stands, so one
    /// that need not be stopped after all stays seized, without effect, until it is or we end.
    seized: RefCell<BTreeSet<Pid>>,
}

/// How long a running thread may take to stop: 40 µs is usual.
const PATIENCE: Duration = Duration::from_millis(100);

impl Tracer {
    /// Stops thread `tid` until the value returned is dropped. `still_running` is asked at the last
    /// moment; if it says no, nothing is interrupted: a thread blocked in a system call would see
    /// that call fail with EINTR.
    pub fn stop(&self, tid: Pid, still_running: impl FnOnce() -> bool) -> Result<StoppedThread<'_>, StopError> {
        let raw = nix::unistd::Pid::from_raw(tid.0.cast_signed());
        if !self.seized.borrow().contains(&tid) {
            ptrace::seize(raw, ptrace::Options::empty()).map_err(|errno| match errno {
                Errno::ESRCH => StopError::Gone,
                _ => StopError::Refused,
            })?;
            self.seized.borrow_mut().insert(tid);
        }
        if !still_running() {
            return Err(StopError::Blocked);
        }
        ptrace::interrupt(raw).map_err(|_| StopError::Gone)?;
        let signal = wait_for_stop(raw)?;
        if signal.is_none() {
            restart_interrupted_call(raw);
        }
        Ok(StoppedThread { tracer: self, tid, signal })
    }
}

/// Waits until the thread stands. Returns the signal that was on its way to it, if one stopped it.
fn wait_for_stop(tid: nix::unistd::Pid) -> Result<Option<Signal>, StopError> {
    let began = Instant::now();
    loop {
        match waitpid(tid, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) if began.elapsed() > PATIENCE => return Err(StopError::TooSlow),
            // The target usually runs on another processor and is there in a moment.
            Ok(WaitStatus::StillAlive) => std::thread::yield_now(),
            Ok(WaitStatus::PtraceEvent(..)) => return Ok(None),
            Ok(WaitStatus::Stopped(_, signal)) => return Ok(Some(signal)),
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => return Err(StopError::Gone),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return Err(StopError::Gone),
        }
    }
}

/// Makes a system call that our stop interrupted start again, as if it had not been.
///
/// A thread may enter a call such as epoll_wait in the microsecond between the last question
/// whether it runs and the stop. Such a call would then fail with EINTR, which the kernel restarts
/// for others (signal(7)) but not for these, and which Python before 3.5 and much C code takes for
/// an error. The registers are put back to where the call began: two bytes before, its number in
/// rax. Not if a signal waits for the thread, for then EINTR is what it ought to see.
#[cfg(target_arch = "x86_64")]
fn restart_interrupted_call(tid: nix::unistd::Pid) {
    let Ok(mut registers) = ptrace::getregs(tid) else { return };
    let in_call = registers.orig_rax.cast_signed() >= 0;
    let interrupted = registers.rax.cast_signed() == -i64::from(libc::EINTR);
    if in_call && interrupted && !super::threads::has_pending_signal(Pid(tid.as_raw().cast_unsigned())) {
        registers.rax = registers.orig_rax;
        registers.rip -= 2;
        // If it fails the thread has ended, or sees EINTR.
        let _ = ptrace::setregs(tid, registers);
    }
}

/// On aarch64 the kernel keeps the first argument of a call from tracers: nothing can be put back.
#[cfg(not(target_arch = "x86_64"))]
fn restart_interrupted_call(_: nix::unistd::Pid) {}

/// A thread that stands still while this value lives.
#[derive(Debug)]
pub struct StoppedThread<'t> {
    tracer: &'t Tracer,
    tid: Pid,
    /// A signal that was on its way to the thread; delivered as it is let go.
    signal: Option<Signal>,
}

impl Drop for StoppedThread<'_> {
    fn drop(&mut self) {
        self.tracer.seized.borrow_mut().remove(&self.tid);
        // Nothing can be done about a failure: the thread has ended.
        let _ = ptrace::detach(nix::unistd::Pid::from_raw(self.tid.0.cast_signed()), self.signal);
    }
}
