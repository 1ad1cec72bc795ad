//! Stopping all threads of a process for as long as a user looks at it.

use crate::address::Pid;
use crate::os::{Activity, StopError, StoppedThread, ThreadFiles, Tracer, thread_ids};
use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What stands of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Frozen {
    /// Threads that are stopped.
    pub stopped: usize,
    /// Threads asleep in system calls, which are left there; stopped as they come out.
    pub asleep: usize,
    /// Threads that run on: they may not be stopped, or did not stop in time.
    pub running: usize,
}

/// A process all of whose threads stand still, until this value is dropped.
///
/// A thread that is asleep in a system call is not stopped, since that would make some calls fail (see
/// [`Tracer`]): it is watched, and stopped within a millisecond or two once it runs. One that goes back to sleep
/// before that is not caught; with a GIL it gets no further than to wait for that, if a thread that was stopped has
/// it. Should pitviper be killed, the kernel lets all go.
#[derive(Debug)]
pub struct Freezer {
    /// Whoever drops this lets the threads go.
    hold: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    first: Frozen,
}

/// How often threads that were asleep, and those that are new, are looked for.
const WATCH: Duration = Duration::from_millis(1);
/// The watch rests for so many times as long as it took: of a thousand threads it would take a processor for itself.
const IDLE: u32 = 4;
/// The first look is over once two in a row found the same, and no thread that runs: one that hands the GIL on
/// sleeps for a moment. Or after so many.
const MAX_ROUNDS: usize = 50;
/// How often a thread that does not stand well is let go and stopped again.
const MAX_TRIES: usize = 10;
/// For so long it runs in between: stopped at once, it would stand where it stood.
const BETWEEN: Duration = Duration::from_micros(100);
/// So long it may take to get a processor.
const PATIENCE: Duration = Duration::from_millis(100);

impl Freezer {
    /// Stops the threads of `pid`. `stands_well` is asked of each that was stopped whether it stands well; if not it is
    /// let go, and stopped a moment later.
    pub fn start(pid: Pid, stands_well: impl Fn(Pid) -> bool + Send + 'static) -> io::Result<Self> {
        let (hold, held) = channel();
        let (tell, told) = channel();
        let watch =
            move || Threads { pid, tracer: Tracer::default(), known: HashMap::new() }.hold(&stands_well, &held, &tell);
        // All requests of ptrace have to come from the thread that has begun to trace.
        let thread = std::thread::Builder::new().name("freezer".to_owned()).spawn(watch)?;
        let first = told.recv().unwrap_or_default();
        Ok(Self { hold: Some(hold), thread: Some(thread), first })
    }

    /// What stood once the threads that ran had been stopped.
    pub fn first(&self) -> Frozen {
        self.first
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        drop(self.hold.take());
        // A panic in there has let all threads go, and there is nothing more to be done about it.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

struct Thread {
    files: ThreadFiles,
    stopped: Option<StoppedThread>,
}

/// The threads of a process, of which some are stopped.
struct Threads {
    pid: Pid,
    tracer: Tracer,
    known: HashMap<Pid, Thread>,
}

impl Threads {
    fn hold(mut self, stands_well: &dyn Fn(Pid) -> bool, held: &Receiver<()>, tell: &Sender<Frozen>) {
        let mut now = Frozen::default();
        for _ in 0..MAX_ROUNDS {
            let before = now;
            now = self.stop_those_that_run(stands_well);
            if now.running == 0 && now == before {
                break;
            }
            std::thread::sleep(WATCH);
        }
        // Who has asked waits for this; if not, all go on at once.
        let _ = tell.send(now);
        let mut pause = WATCH;
        while held.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let began = Instant::now();
            self.stop_those_that_run(stands_well);
            pause = WATCH.max(began.elapsed() * IDLE);
        }
    }

    fn stop_those_that_run(&mut self, stands_well: &dyn Fn(Pid) -> bool) -> Frozen {
        let mut frozen = Frozen::default();
        let Ok(ids) = thread_ids(self.pid) else {
            self.known.clear();
            return frozen;
        };
        self.tracer.let_go();
        self.known.retain(|tid, _| ids.binary_search(tid).is_ok());
        for tid in ids {
            let pid = self.pid;
            let thread =
                self.known.entry(tid).or_insert_with(|| Thread { files: ThreadFiles::open(pid, tid), stopped: None });
            match (thread.files.activity(), thread.stopped.is_some()) {
                // It was killed, and cannot end before its tracer has seen that.
                (Activity::Gone, _) => thread.stopped = None,
                (Activity::Running, false) => {
                    thread.stopped = stop(&self.tracer, tid, &mut thread.files, stands_well);
                    match &thread.stopped {
                        Some(_) => frozen.stopped += 1,
                        None if thread.files.activity() == Activity::Running => frozen.running += 1,
                        None => frozen.asleep += 1,
                    }
                }
                (_, true) | (Activity::Stopped, false) => frozen.stopped += 1,
                (Activity::Blocked(_) | Activity::Asleep, false) => frozen.asleep += 1,
            }
        }
        frozen
    }
}

fn stop(
    tracer: &Tracer,
    tid: Pid,
    files: &mut ThreadFiles,
    stands_well: &dyn Fn(Pid) -> bool,
) -> Option<StoppedThread> {
    for attempt in 1..=MAX_TRIES {
        match tracer.stop(tid, || files.activity() == Activity::Running) {
            Ok(stopped) if attempt == MAX_TRIES || stands_well(tid) => return Some(stopped),
            Ok(stopped) => {
                files.count();
                drop(stopped);
                let_run(files);
            }
            Err(StopError::Refused | StopError::Gone | StopError::Blocked | StopError::TooSlow) => return None,
        }
    }
    None
}

/// Waits until a thread that was let go has run on: where processors are rare it takes a while to get one.
fn let_run(files: &mut ThreadFiles) {
    let began = Instant::now();
    loop {
        std::thread::sleep(BETWEEN);
        let before = files.count().map(|turns| turns.turns);
        if before.is_none() || before != files.turns().map(|turns| turns.turns) || began.elapsed() > PATIENCE {
            return std::thread::sleep(BETWEEN);
        }
    }
}
