//! What a look at a thread stands for: time that was measured, not the chance that led the look there.
//!
//! A look counts for the time since the one before. But who looks and who is looked at want the same processors: a
//! look tends to come when the thread has just gone to sleep, the more the fuller the machine, and what runs for less than an
//! interval at a time would be seen far too seldom. The kernel counts how long a thread had a processor or waited for
//! one. So that time, and no other, goes to what it was seen to run, and the rest to what it slept in, however often it
//! was seen doing either.
//!
//! Where it ran between two looks that found it asleep, nobody saw what. That time goes to one of the last looks
//! that found it running, drawn by chance, and is told as unseen.

use crate::os::Leaves;
use crate::profile::Run;
use crate::sampling::clock::Random;

/// How a look found a thread, as the kernel's scheduler sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// On a processor.
    Running,
    /// Ready, without a processor: it has just woken up, and its stack is that of its sleep still, or it was interrupted.
    Waiting,
    /// Neither.
    Asleep,
}

/// What is owed to looks at one thread: time that has passed and has not been given to any, in ns.
#[derive(Clone, Copy, Default, Debug)]
pub struct Ledger {
    /// How the last look found it.
    last: Option<Found>,
    /// On a processor, or interrupted and about to go on.
    running: i64,
    cpu: i64,
    waiting: i64,
    asleep: i64,
    /// How often it went to sleep, and how often it was interrupted, without having waited for that yet.
    left: (u64, u64),
}

/// What the kernel has counted of a thread since the last look, in ns.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counted {
    /// How long it had a processor. That lags behind while it runs: what is missing is told later.
    pub cpu: u64,
    /// How long it had waited for one each time that it got one.
    pub waited: u64,
    /// How long we had it stopped.
    pub stood: u64,
    /// How it left them, if that is known.
    pub leaves: Option<Leaves>,
}

/// Time that a look stands for, in ns.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Share {
    /// Wall-clock time.
    pub wall: u64,
    /// Processor time.
    pub cpu: u64,
}

/// What is given after a look.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Given {
    /// To the look before, which found the thread otherwise: that was until some moment in between.
    pub before: Share,
    /// To this look.
    pub now: Share,
}

impl Ledger {
    /// A look has `found` the thread, `gap` ns after the last one. `goes_on`: whether the look before can be given
    /// anything.
    pub fn look(&mut self, found: Found, gap: u64, counted: Counted, goes_on: bool) -> Given {
        let (woken, interrupted) = self.waited(found, counted);
        let interrupted = interrupted + counted.stood;
        let most = gap.saturating_add(interrupted).cast_signed();
        let cpu = counted.cpu.cast_signed();
        let (woken, interrupted) = (woken.cast_signed(), interrupted.cast_signed());
        self.asleep += gap.cast_signed() - cpu - woken - interrupted;
        self.running += cpu + interrupted;
        self.waiting += woken;
        self.cpu += cpu;
        let last = self.last.replace(found).filter(|last| goes_on && *last != found);
        let before = last.map_or(Share::default(), |last| self.take(last, most));
        Given { before, now: self.take(found, most) }
    }

    /// How long it waited to begin after it had slept, and to go on after it was interrupted. One wait is taken to be as
    /// long as another: more the kernel does not tell.
    fn waited(&mut self, found: Found, Counted { waited, leaves, .. }: Counted) -> (u64, u64) {
        let Some(leaves) = leaves else { return if found == Found::Running { (0, waited) } else { (waited, 0) } };
        self.left = (self.left.0 + leaves.slept, self.left.1 + leaves.interrupted);
        if waited == 0 {
            return (0, 0);
        }
        // The last time that it left, if it has not come back.
        let open = match found {
            Found::Asleep | Found::Waiting => (1, 0),
            Found::Running => (0, u64::from(leaves.has_none)),
        };
        let ended = (self.left.0.saturating_sub(open.0), self.left.1.saturating_sub(open.1));
        self.left = open;
        let part = ended.1 as f64 / (ended.0 + ended.1).max(1) as f64;
        let interrupted = ((waited as f64 * part) as u64).min(waited);
        (waited - interrupted, interrupted)
    }

    /// What goes to a look that found it so: never more than has passed in all; of the time that it ran, not more than `most`.
    fn take(&mut self, found: Found, most: i64) -> Share {
        if found == Found::Asleep {
            // It was not seen waiting.
            self.asleep += std::mem::take(&mut self.waiting);
        }
        let passed = (self.running + self.waiting + self.asleep).max(0);
        let owed = match found {
            Found::Running => &mut self.running,
            Found::Waiting => &mut self.waiting,
            Found::Asleep => &mut self.asleep,
        };
        let wall = (*owed).clamp(0, passed);
        let wall = if found == Found::Running { wall.min(most) } else { wall };
        *owed -= wall;
        let cpu = if found == Found::Running { self.cpu.clamp(0, most) } else { 0 };
        self.cpu -= cpu;
        Share { wall: wall.cast_unsigned(), cpu: cpu.cast_unsigned() }
    }

    /// The time that it ran and was not seen to, if that is as much as `least` ns.
    pub fn unseen(&mut self, least: u64) -> Option<Share> {
        let enough = self.running > 0 && self.running >= least.cast_signed();
        enough.then(|| self.take(Found::Running, i64::MAX))
    }
}

/// The last looks at a thread that found it running.
#[derive(Debug)]
pub struct Recent {
    runs: Vec<Run>,
    next: usize,
    random: Random,
}

impl Recent {
    /// Enough to be drawn from, and few enough to be recent.
    const MOST: usize = 16;

    /// None yet; `seed` makes two threads differ.
    pub fn new(seed: u64) -> Self {
        Self { runs: Vec::new(), next: 0, random: Random::new(seed) }
    }

    /// Another.
    pub fn push(&mut self, run: Run) {
        match self.runs.get_mut(self.next) {
            Some(oldest) => *oldest = run,
            None => self.runs.push(run),
        }
        self.next = (self.next + 1) % Self::MOST;
    }

    /// One of them, by chance.
    pub fn draw(&mut self) -> Option<Run> {
        let index = (self.random.next() >> 32) as usize % self.runs.len().max(1);
        self.runs.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Found::{Asleep, Running, Waiting};

    /// It had a processor for `cpu`, and waited for one.
    fn counted(cpu: u64, waited: u64) -> Counted {
        Counted { cpu, waited, ..Counted::default() }
    }

    #[test]
    fn time_goes_to_what_was_seen() {
        let mut ledger = Ledger::default();
        // It runs 1 ms of three, and only every fourth look finds it running.
        let (mut running, mut asleep) = (Share::default(), 0);
        for turn in 0..400 {
            let found = if turn % 4 == 3 { Running } else { Asleep };
            let given = ledger.look(found, 3, counted(1, 0), true);
            let other = if found == Running { Asleep } else { Running };
            for (found, share) in
                [(other, given.before), (found, given.now), (Running, ledger.unseen(2).unwrap_or_default())]
            {
                match found {
                    Running => (running.wall, running.cpu) = (running.wall + share.wall, running.cpu + share.cpu),
                    _ => asleep += share.wall,
                }
            }
        }
        assert_eq!((running, asleep), (Share { wall: 400, cpu: 400 }, 800));
    }

    #[test]
    fn who_wakes_up_has_not_run() {
        let mut ledger = Ledger::default();
        let leaves = |slept, interrupted, has_none| Some(Leaves { slept, interrupted, has_none });
        ledger.look(Asleep, 1, counted(0, 0), true);
        // It ran, slept, and is about to run again: what it ran is not of the stack of its sleep.
        let woke = Counted { leaves: leaves(1, 0, true), ..counted(4, 1) };
        let given = ledger.look(Waiting, 10, woke, true);
        assert_eq!((given.before.wall + given.now.wall, given.before.cpu + given.now.cpu), (6, 0));
        let given = ledger.look(Running, 3, Counted { leaves: leaves(0, 0, false), ..counted(1, 2) }, true);
        assert_eq!(given, Given { before: Share { wall: 2, cpu: 0 }, now: Share { wall: 3, cpu: 3 } });
        assert_eq!(ledger.unseen(1), Some(Share { wall: 2, cpu: 2 }));
        // It is interrupted, and goes on later: that is no sleep.
        let given = ledger.look(Running, 5, Counted { leaves: leaves(0, 1, true), ..counted(1, 0) }, true);
        assert_eq!(given.now, Share { wall: 1, cpu: 1 });
        let given = ledger.look(Asleep, 5, Counted { leaves: leaves(1, 0, true), ..counted(2, 6) }, true);
        assert_eq!(given, Given { before: Share { wall: 8, cpu: 2 }, now: Share { wall: 1, cpu: 0 } });
    }

    #[test]
    fn what_a_counter_tells_late_is_no_time_that_was_slept() {
        let mut ledger = Ledger::default();
        // It waits for a processor, and the counters say nothing yet.
        assert_eq!(ledger.look(Running, 10, counted(0, 0), true).now, Share::default());
        assert_eq!(ledger.look(Running, 2, counted(1, 11), true).now, Share { wall: 12, cpu: 1 });
        assert_eq!(ledger.take(Asleep, 0), Share::default());
        // More was believed than it had.
        assert_eq!(ledger.look(Running, 5, counted(7, 0), true).now, Share { wall: 5, cpu: 5 });
        let given = ledger.look(Asleep, 5, counted(0, 0), true);
        assert_eq!(given, Given { before: Share { wall: 2, cpu: 2 }, now: Share { wall: 3, cpu: 0 } });
    }
}
