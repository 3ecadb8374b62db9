//! When a certificate should have been renewed, for any lifetime.
//!
//! Whoever renews does so when two thirds of the lifetime are over (certbot, cert-manager, lego); certificates with a long
//! life when as much is left as the longest public ones have then. A renewal that has not come a while after that is
//! stalled: weeks before anything breaks for a certificate of 90 days, hours before for one of 6 days.

const DAY: i64 = 86_400;

/// The longest lifetime that public authorities gave until 2026. What lives longer is renewed by hand, late in its life.
const LONGEST_PUBLIC: i64 = 398 * DAY;

/// Those who renew look once or twice a day, and may fail a day or two without harm when much of the lifetime is left.
const LONGEST_GRACE: i64 = 3 * DAY;

/// Part of the lifetime that is granted beyond the day on which it is due.
const GRACE_PART: i64 = 12;

/// Limits of lifetimes of public certificates (CA/Browser Forum, ballot SC-081), in days, and the day from which they stand.
pub const POLICIES: [(i64, &str); 3] = [(200, "2026-03-15"), (100, "2027-03-15"), (47, "2029-03-15")];

/// When a certificate is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Renewal {
    /// The part of the lifetime after which it is renewed.
    pub after: f64,
    /// Seconds that a renewal may be late; by itself a twelfth of the lifetime, at most three days.
    pub grace: Option<i64>,
}

impl Default for Renewal {
    fn default() -> Self {
        Self { after: 2.0 / 3.0, grace: None }
    }
}

/// Seconds that a certificate is good for; both ends are part of it (RFC 5280, 4.1.2.5).
pub fn lifetime(not_before: i64, not_after: i64) -> i64 {
    not_after.saturating_sub(not_before).saturating_add(1).max(0)
}

/// What is left of the lifetime: 1 when it begins, 0 when it ends, less when it is over.
pub fn remaining_ratio(not_before: i64, not_after: i64, now: i64) -> Option<f64> {
    let lifetime = lifetime(not_before, not_after);
    (lifetime > 1).then(|| as_float(not_after.saturating_sub(now)) / as_float(lifetime))
}

impl Renewal {
    /// When it is due, in Unix time.
    pub fn due(&self, not_before: i64, not_after: i64) -> i64 {
        let left = as_float(lifetime(not_before, not_after).min(LONGEST_PUBLIC)) * (1.0 - self.after);
        #[expect(clippy::cast_possible_truncation, reason = "at most 398 days")]
        let left = left as i64;
        not_after.saturating_sub(left)
    }

    /// Whether it should have been renewed.
    pub fn is_overdue(&self, not_before: i64, not_after: i64, now: i64) -> bool {
        let usual = (lifetime(not_before, not_after) / GRACE_PART).min(LONGEST_GRACE);
        now > self.due(not_before, not_after).saturating_add(self.grace.unwrap_or(usual))
    }
}

/// Whether a certificate lives no longer than a policy of so many days allows.
pub fn is_within(not_before: i64, not_after: i64, days: i64) -> bool {
    lifetime(not_before, not_after) <= days * DAY
}

#[expect(clippy::cast_precision_loss, reason = "seconds far below 2^53")]
fn as_float(seconds: i64) -> f64 {
    seconds as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    /// Two years of one who renews at `part` of the lifetime and looks every `every` seconds, probed each minute of it
    /// that matters: just before each renewal.
    fn renewed_in_time(days: i64, part: f64, every: i64) {
        let renewal = Renewal::default();
        let (mut not_before, mut now) = (0, 0);
        while now < 730 * DAY {
            let not_after = not_before + days * DAY - 1;
            now += every;
            assert!(!renewal.is_overdue(not_before, not_after, now), "{days} days, {part}, at {now}");
            if as_float(now - not_before) >= as_float(days * DAY) * part {
                // authorities date certificates an hour back
                not_before = now - HOUR;
            }
        }
    }

    #[test]
    fn two_years_of_renewals_are_never_overdue() {
        let two_thirds = 2.0 / 3.0;
        for (days, part, every) in [
            (6, 0.5, 24 * HOUR),
            (6, two_thirds, 8 * HOUR),
            (47, two_thirds, 24 * HOUR),
            (90, two_thirds, 24 * HOUR),
            (90, two_thirds, 12 * HOUR),
            (200, two_thirds, 24 * HOUR),
            (398, two_thirds, 24 * HOUR),
            (1, two_thirds, HOUR),
        ] {
            renewed_in_time(days, part, every);
        }
    }

    #[test]
    fn a_stall_is_found_with_the_first_look_after_the_grace() {
        for (days, due_day, grace) in [
            (6, 4, DAY / 2),
            (47, 31, 3 * DAY),
            (90, 60, 3 * DAY),
            (398, 265, 3 * DAY),
            (3650, 3650 - 133, 3 * DAY),
        ] {
            let renewal = Renewal::default();
            let not_after = days * DAY - 1;
            let due = renewal.due(0, not_after);
            assert_eq!(due / DAY, due_day, "{days}");
            assert!(!renewal.is_overdue(0, not_after, due + grace), "{days}");
            assert!(renewal.is_overdue(0, not_after, due + grace + 1), "{days}");
            assert!(due + grace < not_after);
        }
        let own = Renewal { after: 0.5, grace: Some(0) };
        assert!(own.is_overdue(0, 10 * DAY - 1, 5 * DAY + 1));
    }

    #[test]
    fn ratios_and_policies() {
        assert_eq!(remaining_ratio(0, 99, 99), Some(0.0));
        assert_eq!(remaining_ratio(0, 99, 49), Some(0.5));
        assert!(remaining_ratio(0, 99, 199).is_some_and(|ratio| ratio < 0.0));
        assert_eq!(remaining_ratio(5, 5, 5), None);
        assert_eq!(remaining_ratio(i64::MIN, i64::MAX, 0).map(|ratio| ratio > 0.0), Some(true));
        assert!(is_within(0, 90 * DAY - 1, 100) && !is_within(0, 90 * DAY - 1, 47));
        assert!(is_within(0, 200 * DAY - 1, 200) && !is_within(0, 200 * DAY, 200));
    }
}
