//! What is counted of one check from its first run on: runs by what they came to, and a histogram of how long they took.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::result::{CheckResult, Status};

/// Upper bounds of the buckets in seconds: those that Prometheus' own libraries take.
pub(super) const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The counters of one check; kept over reloads.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<Numbers>);

/// They, at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    /// Runs by status, in the order of [`Status::ALL`].
    runs: [u64; Status::ALL.len()],
    /// Runs by the bucket that they fall into.
    buckets: [u64; BOUNDS.len()],
    /// Runs in the histogram.
    pub(super) count: u64,
    /// Their seconds.
    pub(super) sum: f64,
}

impl Counts {
    /// Counts a run. One in which this machine could not find out took no time of the target's.
    pub(super) fn add(&self, result: &CheckResult) {
        let mut numbers = self.lock();
        if let Some(count) = numbers.runs.get_mut(result.status as usize) {
            *count += 1;
        }
        if result.status == Status::Unknown {
            return;
        }
        let took = result.took.as_secs_f64();
        let place = BOUNDS.iter().position(|bound| took <= *bound);
        if let Some(count) = place.and_then(|place| numbers.buckets.get_mut(place)) {
            *count += 1;
        }
        numbers.count += 1;
        numbers.sum += took;
    }

    /// What was counted until now.
    pub(super) fn now(&self) -> Numbers {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Numbers {
    /// Runs that came to this.
    pub(super) fn runs(&self, status: Status) -> u64 {
        self.runs.get(status as usize).copied().unwrap_or_default()
    }

    /// Upper bound and how many took at most as long.
    pub(super) fn buckets(&self) -> [(f64, u64); BOUNDS.len()] {
        let mut all = 0;
        let mut counts = self.buckets.iter();
        BOUNDS.map(|bound| {
            all += counts.next().copied().unwrap_or_default();
            (bound, all)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    fn result(status: Status, millis: u64) -> CheckResult {
        CheckResult { took: Duration::from_millis(millis), ..CheckResult::empty(status, Instant::now(), 0.0) }
    }

    #[test]
    fn statuses_stand_in_their_order() {
        for (place, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, place);
        }
    }

    #[test]
    fn what_this_machine_could_not_find_out_is_in_no_bucket() {
        let counts = Counts::default();
        for (status, millis) in [
            (Status::Ok, 5),
            (Status::Ok, 6),
            (Status::Fail, 20_000),
            (Status::Unknown, 7),
            (Status::Warn, 1_000),
        ] {
            counts.add(&result(status, millis));
        }
        let numbers = counts.now();
        assert_eq!(Status::ALL.map(|status| numbers.runs(status)), [2, 1, 1, 1]);
        assert_eq!(numbers.buckets().map(|(_, count)| count), [1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3]);
        assert_eq!(numbers.count, 4);
        assert!((numbers.sum - 21.011).abs() < 1e-9);
    }
}
