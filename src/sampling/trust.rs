//! Whether the stacks of a thread can be deduced, or every look has to be exact.

/// Whether the stacks of a thread can be deduced. A look that cannot be decided is made exactly, some 30 us
/// later: what runs for less time than a copy takes would be seen too seldom, by no more than the share of such
/// looks. As soon as that exceeds a percent every look is exact, whatever the thread does: then no stack is
/// favoured, and none is deduced wrongly in a program that calls faster than can be copied.
#[derive(Clone, Copy, Default, Debug)]
pub struct Trust {
    /// The share of looks that could not be decided, of late.
    undecided: f32,
    lost: bool,
    /// Looks since it was tried last.
    untried: u8,
}

impl Trust {
    /// So many looks are of late.
    const LATE: f32 = 128.0;
    /// It is lost above this share of undecided looks, and back below that.
    const BOUNDS: (f32, f32) = (0.0125, 0.003);
    /// Where it is lost, one look in so many finds out whether it could have been decided.
    const TRIED: u8 = 16;

    /// A look could be decided, or not.
    pub fn note(&mut self, decided: bool) {
        self.undecided += (f32::from(!decided) - self.undecided) / Self::LATE;
        let (lost, back) = Self::BOUNDS;
        self.lost = self.undecided > if self.lost { back } else { lost };
    }

    /// Whether every look is to be exact.
    pub fn is_lost(self) -> bool {
        self.lost
    }

    /// Whether to find out this time if it could be decided.
    pub fn is_to_be_tried(&mut self) -> bool {
        self.untried = (self.untried + 1) % Self::TRIED;
        self.untried == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_lost_and_comes_back() {
        let mut trust = Trust::default();
        let mut look = |every: u32, looks: u32| {
            (1..=looks).for_each(|look| trust.note(look % every != 0));
            trust.is_lost()
        };
        assert!(!look(1000, 10_000), "one in a thousand is too few");
        assert!(look(50, 500), "two in a hundred are too many");
        assert!(look(100, 500), "one in a hundred is too many, once it is lost");
        assert!(!look(2000, 1000), "it comes back");
    }
}
