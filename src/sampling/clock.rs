//! When to look: jittered, on time, and never in bursts.

use std::time::Duration;

/// Marsaglia's xorshift64: chance enough to beat with nothing, and none that anybody may rely on.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    /// `seed` makes two differ.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// The times of the looks to come.
///
/// Looks at equal distances would beat with whatever the target does at equal distances. Each gap is
/// drawn anew between half and three halves of the interval. A look that could not be made in time is
/// not made up for: what it would have stood for is in the weight of the next.
#[derive(Debug)]
pub struct Schedule {
    interval: Duration,
    due: Duration,
    random: Random,
}

impl Schedule {
    /// Begins at `now`; `seed` makes two recordings differ.
    pub fn new(interval: Duration, now: Duration, seed: u64) -> Self {
        Self { interval, due: now, random: Random::new(seed) }
    }

    /// The interval in use.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Looks further apart, or closer together.
    pub fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// When the next look is due.
    pub fn due(&self) -> Duration {
        self.due
    }

    /// A look has been made at `now`: draws when the next one is due, and tells how many that were
    /// due by now are lost.
    pub fn advance(&mut self, now: Duration) -> u64 {
        let next = self.due + self.gap();
        if next > now {
            self.due = next;
            return 0;
        }
        let lost = (now - self.due).as_nanos() / self.interval.as_nanos().max(1);
        self.due = now + self.gap();
        u64::try_from(lost).unwrap_or(u64::MAX)
    }

    fn gap(&mut self) -> Duration {
        self.interval / 2 + self.interval.mul_f64((self.random.next() >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// `time` as recordings count it; the greatest number there is for what is beyond it.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_average_to_the_interval_and_what_is_late_is_lost() {
        let interval = Duration::from_millis(1);
        let mut schedule = Schedule::new(interval, Duration::ZERO, 7);
        let mut gaps = Vec::new();
        for _ in 0..10_000 {
            let before = schedule.due();
            assert_eq!(schedule.advance(before), 0);
            gaps.push(schedule.due() - before);
        }
        let mean = gaps.iter().sum::<Duration>() / 10_000;
        assert!(mean > interval.mul_f64(0.99) && mean < interval.mul_f64(1.01), "{mean:?}");
        assert!(gaps.iter().all(|gap| *gap >= interval / 2 && *gap <= interval * 3 / 2));
        let late = schedule.due() + Duration::from_millis(50);
        assert_eq!(schedule.advance(late), 50);
        assert!(schedule.due() > late);
    }
}
