//! Signals that ask a long command to end, or to report meanwhile.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

static ENDS: AtomicU32 = AtomicU32::new(0);
static REPORTS: AtomicU32 = AtomicU32::new(0);

/// When the process was first asked to end, in ns.
static FIRST: AtomicU64 = AtomicU64::new(0);

/// A second signal counts only after so many ns: one Ctrl-C may arrive twice, from the terminal and
/// from a program such as timeout(1) that passes it on.
const SAME: u64 = 300_000_000;

extern "C" fn end(signal: i32) {
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
