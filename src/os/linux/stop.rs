//! Stopping one running thread for the microseconds of a copy.

use crate::address::Pid;
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use std::cell::RefCell;
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
    /// Threads that did not stop in time. Nothing but waiting lets go of them: left alone they would
    /// stand as soon as they stop.
    late: RefCell<Vec<Pid>>,
}

/// How long a running thread may take to stop: 40 µs is usual. On an overloaded machine it stops
/// when it gets its turn.
const PATIENCE: Duration = Duration::from_millis(200);

/// How long a thread takes to stop that runs on another processor.
const USUAL: Duration = Duration::from_micros(40);
/// A thread that runs as it is interrupted has stopped by then.
const PROMPT: Duration = Duration::from_micros(150);
/// How often one that has not is looked at.
const UNHURRIED: Duration = Duration::from_micros(50);

impl Tracer {
    /// Stops thread `tid` until the value returned is dropped. `still_running` is asked at the last
    /// moment; if it says no, nothing is interrupted.
    pub fn stop(&self, tid: Pid, still_running: impl FnOnce() -> bool) -> Result<StoppedThread, StopError> {
        self.let_go();
        if self.late.borrow().contains(&tid) {
            return Err(StopError::TooSlow);
        }
        if !still_running() {
            return Err(StopError::Blocked);
        }
        ptrace::seize(raw(tid), ptrace::Options::empty()).map_err(|errno| match errno {
            Errno::ESRCH => StopError::Gone,
            _ => StopError::Refused,
        })?;
        // Fails only if the thread has ended, which waiting tells.
        let _ = ptrace::interrupt(raw(tid));
        let signal = wait_for_stop(tid, PATIENCE).inspect_err(|error| {
            if *error == StopError::TooSlow {
                self.late.borrow_mut().push(tid);
            }
        })?;
        if signal.is_none() {
            restart_interrupted_call(tid);
        }
        Ok(StoppedThread { tid, signal })
    }

    /// Lets go of the threads that have stopped too late, if any: to be called before every look.
    pub fn let_go(&self) {
        self.wait_for_late(Duration::ZERO);
    }

    fn wait_for_late(&self, patience: Duration) {
        self.late.borrow_mut().retain(|tid| match wait_for_stop(*tid, patience) {
            Ok(signal) => {
                restart_interrupted_call(*tid);
                drop(StoppedThread { tid: *tid, signal });
                false
            }
            Err(error) => error == StopError::TooSlow,
        });
    }
}

/// How long the last word of a tracer may take. A thread that stops later stands until pitviper ends,
/// when the kernel lets it go.
const LAST_PATIENCE: Duration = Duration::from_secs(10);

impl Drop for Tracer {
    fn drop(&mut self) {
        self.wait_for_late(LAST_PATIENCE);
    }
}

fn raw(tid: Pid) -> nix::unistd::Pid {
    nix::unistd::Pid::from_raw(tid.0.cast_signed())
}

/// Whether it is the first thread of a process that we have started. The others of such a process have
/// us as parent as well, but only its tracer can see their end.
fn is_our_program(tid: Pid) -> bool {
    let status = std::fs::read_to_string(super::folder(tid).join("status")).unwrap_or_default();
    let of = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u32>().ok());
    of("Tgid:") == Some(tid.0) && of("PPid:") == Some(std::process::id())
}

/// Waits until the thread stands. Returns the signal that was on its way to it, if one stopped it.
fn wait_for_stop(tid: Pid, patience: Duration) -> Result<Option<Signal>, StopError> {
    let began = Instant::now();
    // Only looked at: the exit status of a program that we have started is not for us to take.
    let any = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::__WALL;
    loop {
        match waitid(Id::Pid(raw(tid)), any | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::StillAlive) if began.elapsed() > patience => return Err(StopError::TooSlow),
            // The target usually runs on another processor and is there in a moment: it would stand while we wait to
            // get ours back.
            Ok(WaitStatus::StillAlive) if began.elapsed() < USUAL => std::hint::spin_loop(),
            Ok(WaitStatus::StillAlive) if began.elapsed() < PROMPT => std::thread::yield_now(),
            // Else it waits for a processor, perhaps for this one.
            Ok(WaitStatus::StillAlive) => std::thread::sleep(UNHURRIED),
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => {
                if !is_our_program(tid) {
                    // A traced thread stays until its tracer has seen its end.
                    let _ = waitpid(raw(tid), Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG));
                }
                return Err(StopError::Gone);
            }
            Ok(_) => match waitpid(raw(tid), Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::PtraceEvent(..)) => return Ok(None),
                Ok(WaitStatus::Stopped(_, signal)) => return Ok(Some(signal)),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return Err(StopError::Gone),
            },
            Err(Errno::EINTR) => {}
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
fn restart_interrupted_call(tid: Pid) {
    let Ok(mut registers) = ptrace::getregs(raw(tid)) else { return };
    let in_call = registers.orig_rax.cast_signed() >= 0;
    let interrupted = registers.rax.cast_signed() == -i64::from(libc::EINTR);
    if in_call && interrupted && !super::threads::has_pending_signal(tid) {
        registers.rax = registers.orig_rax;
        registers.rip -= 2;
        // If it fails the thread has ended, or sees EINTR.
        let _ = ptrace::setregs(raw(tid), registers);
    }
}

/// On aarch64 the kernel keeps the first argument of a call from tracers: nothing can be put back.
#[cfg(not(target_arch = "x86_64"))]
fn restart_interrupted_call(_: Pid) {}

/// A thread that stands still while this value lives.
#[derive(Debug)]
pub struct StoppedThread {
    tid: Pid,
    /// A signal that was on its way to the thread; delivered as it is let go.
    signal: Option<Signal>,
}

impl Drop for StoppedThread {
    fn drop(&mut self) {
        if ptrace::detach(raw(self.tid), self.signal).is_err() {
            // It was killed as it stood, and its process cannot end before its tracer has seen that.
            let _ = wait_for_stop(self.tid, PATIENCE);
        }
    }
}
