//! How one check stands, from its results one after another: not every failure is an outage, and not every success the
//! end of one.
//!
//! Invariants: a state changes to failing only after so many failures in a row, and back only after so many successes; a
//! result that says nothing breaks no row; while a check flaps its state stays as it was.

use crate::checks::Status;

/// Results that are looked at for flapping.
const RECENT: u32 = 10;

/// Changes between working and failing among these with which a check flaps.
const FLAPS: u32 = 4;

/// How many results in a row change a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Failures until it is failing.
    pub(crate) down_after: u32,
    /// Successes until it is no more.
    pub(crate) up_after: u32,
}

/// How a check stands. Small: there is one of every check of every service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    status: Status,
    failures: u32,
    successes: u32,
    /// The latest results, the newest in the lowest bit: 1 is a failure.
    recent: u32,
    /// How many of them there are.
    known: u32,
}

impl Default for Standing {
    fn default() -> Self {
        Self { status: Status::Unknown, failures: 0, successes: 0, recent: 0, known: 0 }
    }
}

impl Standing {
    /// How it stands.
    pub(crate) fn status(&self) -> Status {
        self.status
    }

    /// Whether it goes back and forth.
    pub(crate) fn flapping(&self) -> bool {
        let pairs = self.known.saturating_sub(1);
        let changes = (self.recent ^ (self.recent >> 1)) & ((1 << pairs) - 1);
        changes.count_ones() >= FLAPS
    }

    /// Takes the next result.
    pub(crate) fn take(&mut self, result: Status, limits: Limits) {
        let failed = match result {
            Status::Unknown => {
                self.status = Status::Unknown;
                return;
            }
            Status::Fail => true,
            Status::Ok | Status::Warn => false,
        };
        (self.failures, self.successes) =
            if failed { (self.failures.saturating_add(1), 0) } else { (0, self.successes.saturating_add(1)) };
        self.recent = (self.recent << 1 | u32::from(failed)) & ((1 << RECENT) - 1);
        self.known = (self.known + 1).min(RECENT);
        // of a check that is not known nothing can stay
        if self.flapping() && self.status != Status::Unknown {
            return;
        }
        let changes = match self.status {
            Status::Fail => failed || self.successes >= limits.up_after,
            Status::Ok | Status::Warn | Status::Unknown => !failed || self.failures >= limits.down_after,
        };
        if changes {
            self.status = result;
        }
    }

    /// Its last result is too old: nothing that was counted stands.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Results as letters: o ok, w warn, f fail, u unknown; and the status after each.
    fn check(limits: (u32, u32), results: &str, expected: &str) -> Standing {
        let limits = Limits { down_after: limits.0, up_after: limits.1 };
        let mut standing = Standing::default();
        let mut seen = String::new();
        for letter in results.chars() {
            let result = Status::ALL.into_iter().find(|status| status.as_str().starts_with(letter)).unwrap();
            standing.take(result, limits);
            seen.extend(standing.status().as_str().chars().next());
        }
        assert_eq!(seen, expected, "{results}");
        standing
    }

    #[test]
    fn rows_of_results_change_the_state() {
        check((2, 1), "offo", "oofo");
        check((1, 1), "ofo", "ofo");
        check((3, 2), "offfoo", "oooffo");
        check((2, 1), "of", "oo");
        // the first result of all is no outage yet, and no health either
        check((2, 1), "ff", "uf");
        check((2, 3), "o", "o");
        // a warning is a success, at once
        check((2, 1), "owo", "owo");
        check((2, 2), "ffwo", "uffo");
        // what says nothing is told, and breaks no row
        check((2, 1), "ofuf", "oouf");
        check((2, 1), "ouo", "ouo");
    }

    #[test]
    fn while_it_flaps_the_state_stays() {
        let standing = check((1, 1), "ofof", "ofof");
        assert!(!standing.flapping(), "three changes");
        let standing = check((1, 1), "ofofo", "ofoff");
        assert!(standing.flapping());
        // it ends when the changes have left the ten results that are looked at
        let standing = check((1, 1), "ofofoooooo", "ofofffffff");
        assert!(standing.flapping());
        let standing = check((1, 1), "ofofooooooo", "ofofffffffo");
        assert!(!standing.flapping());
        // a check that began in flapping is told as it is
        let standing = check((2, 1), "ufofofu", "uuoooou");
        assert!(standing.flapping());
    }

    #[test]
    fn a_stale_one_begins_anew() {
        let mut standing = check((2, 1), "ofofoff", "ooooooo");
        standing.forget();
        assert_eq!(standing, Standing::default());
        standing.take(Status::Fail, Limits { down_after: 2, up_after: 1 });
        assert_eq!(standing.status(), Status::Unknown);
    }
}
