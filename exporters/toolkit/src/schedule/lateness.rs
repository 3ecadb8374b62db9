//! How late checks began: a histogram.

use std::time::Duration;

/// Upper bounds of the buckets, in seconds.
pub const LATE_BOUNDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// How late checks began that were due.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lateness {
    /// Checks that were at most as late as the bound in the same place, and later than the one before.
    counts: [u64; LATE_BOUNDS.len()],
    /// All checks.
    pub count: u64,
    /// Seconds of all of them together.
    pub sum: f64,
    /// Seconds of the latest.
    pub most: f64,
}

impl Lateness {
    /// Counts a check that began so late.
    pub fn add(&mut self, late: Duration) {
        let late = late.as_secs_f64();
        let place = LATE_BOUNDS.iter().position(|bound| late <= *bound);
        if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
            *count += 1;
        }
        self.count += 1;
        self.sum += late;
        self.most = self.most.max(late);
    }

    /// Upper bound and how many were at most as late, as the page's histograms want them.
    pub fn buckets(&self) -> [(f64, u64); LATE_BOUNDS.len()] {
        let mut all = 0;
        let mut counts = self.counts.iter();
        LATE_BOUNDS.map(|bound| {
            all += counts.next().copied().unwrap_or_default();
            (bound, all)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_all_that_were_not_later() {
        let mut late = Lateness::default();
        for millis in [0, 1, 2, 30, 9_000] {
            late.add(Duration::from_millis(millis));
        }
        let counts = late.buckets().map(|(_, count)| count);
        assert_eq!(counts, [2, 3, 3, 3, 4, 4, 4, 4, 4, 4]);
        assert_eq!((late.count, late.most), (5, 9.0));
        assert!((late.sum - 9.033).abs() < 1e-9);
    }
}
