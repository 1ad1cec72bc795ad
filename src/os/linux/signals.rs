//! Signals that ask a long command to end, or to report meanwhile.

use crate::address::Pid;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

static ENDS: AtomicU32 = AtomicU32::new(0);
static REPORTS: AtomicU32 = AtomicU32::new(0);

/// The process to which SIGTERM and SIGHUP are passed on; 0 for none.
static PROGRAM: AtomicI32 = AtomicI32::new(0);

/// When the process was first asked to end, in ns.
static FIRST: AtomicU64 = AtomicU64::new(0);

/// A second signal counts only after so many ns: one Ctrl-C may arrive twice, from the terminal and
/// from a program such as timeout(1) that passes it on.
const SAME: u64 = 300_000_000;

extern "C" fn end(signal: i32) {
    let program = PROGRAM.load(Ordering::Relaxed);
    // A terminal sends SIGINT to both.
    if program > 0 && signal != libc::SIGINT {
        // SAFETY: kill is safe in a signal handler. The process is our child: its number is nobody else's until it was
        // waited for, after which this is 0.
        unsafe { libc::kill(program, signal) };
    }
    let now = u64::try_from(super::now().as_nanos()).unwrap_or(u64::MAX);
    if ENDS.fetch_add(1, Ordering::Relaxed) == 0 {
        FIRST.store(now, Ordering::Relaxed);
    } else if now.saturating_sub(FIRST.load(Ordering::Relaxed)) > SAME {
        // SAFETY: _exit is safe in a signal handler.
        unsafe { libc::_exit(128 + signal) };
    }
}

extern "C" fn report(_: i32) {
    REPORTS.fetch_add(1, Ordering::Relaxed);
}

/// From now on SIGINT, SIGTERM and SIGHUP are counted instead of ending the process, and so is
/// SIGUSR1. The second that asks to end, some time later, does end it, at once.
pub fn count_signals() {
    let handle = |signal, handler| {
        let action = SigAction::new(SigHandler::Handler(handler), SaFlags::SA_RESTART, SigSet::empty());
        // SAFETY: the handlers use atomic numbers, the clock and _exit, all safe in a signal handler.
        let _ = unsafe { sigaction(signal, &action) };
    };
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        handle(signal, end);
    }
    handle(Signal::SIGUSR1, report);
}

/// From now on SIGTERM and SIGHUP are passed on to `program`, a child of ours; to none, once it has ended. Who stops a
/// service knows only the process that it has started.
pub fn pass_signals_to(program: Option<Pid>) {
    PROGRAM.store(program.map_or(0, |pid| pid.0.cast_signed()), Ordering::Relaxed);
}

/// Whether the process was asked to end.
pub fn asked_to_end() -> bool {
    ENDS.load(Ordering::Relaxed) > 0
}

/// How often the process was asked to report since this was asked last.
pub fn asked_to_report() -> u32 {
    REPORTS.swap(0, Ordering::Relaxed)
}

/// The name of a signal: `SIGINT`. `None` for one without a name, as real-time signals are.
pub fn signal_name(number: u32) -> Option<&'static str> {
    let signal = Signal::try_from(i32::try_from(number).ok()?).ok()?;
    Some(signal.as_str())
}
