//! How far a certificate's life has gone, whether its renewal is late, and whether it fits the rules to come.
//!
//! Fixed numbers of days before the end are wrong for certificates of six days and for those of a year alike, so all
//! of this is in parts of the lifetime. Pure functions of dates in seconds since 1970.

use super::Certificate;
use super::der::days;

const DAY: i64 = 24 * 60 * 60;

/// The longest lifetime that is counted: the longest that public authorities ever gave since 2020. A third of it is 132
/// days. Internal certificates of two or ten years are due then too: nobody renews them eight months or three years
/// before their end.
const MAX_COUNTED: i64 = 398 * DAY;

/// The grace that a renewal has after two thirds of the lifetime, in parts of the lifetime: a twentieth.
const GRACE_PART: i64 = 20;

/// The least grace: most renewers look once a day, and may find it due just after they looked.
const MIN_GRACE: i64 = DAY;

/// The most grace, in parts of the lifetime, whatever [`MIN_GRACE`] says: half of what is left must stay to act in.
const MAX_GRACE_PART: i64 = 6;

/// Seconds from the first to the last moment; never negative.
pub fn lifetime(not_before: i64, not_after: i64) -> i64 {
    not_after.saturating_sub(not_before).max(0)
}

/// The part of the lifetime that is left: 1 before it begins, 0 after its end.
pub fn remaining_ratio(not_before: i64, not_after: i64, now: i64) -> f64 {
    let all = lifetime(not_before, not_after);
    let left = not_after.saturating_sub(now).clamp(0, all);
    if all == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a ratio; 2^53 seconds are 285 million years")]
    let ratio = left as f64 / all as f64;
    ratio
}

/// When a renewal is due: in the last third of the lifetime, which is when cert-manager, certbot's 30 of 90 days and
/// Let's Encrypt's advice have it done; of lifetimes above 398 days, in the last third of 398 days.
pub fn renewal_due(not_before: i64, not_after: i64) -> i64 {
    let counted = lifetime(not_before, not_after).min(MAX_COUNTED);
    not_after.max(not_before).saturating_sub(counted / 3 + i64::from(counted % 3 > 0))
}

/// How long after it is due a renewal may take before it counts as stalled.
pub fn grace(lifetime: i64) -> i64 {
    let lifetime = lifetime.min(MAX_COUNTED);
    (lifetime / GRACE_PART).max(MIN_GRACE).min(lifetime / MAX_GRACE_PART)
}

/// Whether the renewal is overdue: nobody renewed the certificate when it was due, nor in the grace after it.
pub fn renewal_overdue(not_before: i64, not_after: i64, now: i64) -> bool {
    now > renewal_due(not_before, not_after).saturating_add(grace(lifetime(not_before, not_after)))
}

/// A limit on lifetimes that public authorities keep from a day on (ballot SC-081 of the CA/Browser Forum).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its word in labels.
    pub name: &'static str,
    /// The first second of the day on which it begins to hold for new certificates.
    pub from: i64,
    /// The longest lifetime, in days.
    pub days: i64,
}

/// The limits to come, in order.
pub const POLICIES: [Policy; 3] = [
    Policy { name: "sc081_200d", from: days(2026, 3, 15) * DAY, days: 200 },
    Policy { name: "sc081_100d", from: days(2027, 3, 15) * DAY, days: 100 },
    Policy { name: "sc081_47d", from: days(2029, 3, 15) * DAY, days: 47 },
];

impl Policy {
    /// Whether a lifetime fits it. Both ends of a lifetime belong to it, so it is one second longer than it looks.
    pub fn is_met(&self, not_before: i64, not_after: i64) -> bool {
        lifetime(not_before, not_after) < self.days * DAY
    }

    /// Whether it holds for certificates made at `now`.
    pub fn is_in_force(&self, now: i64) -> bool {
        now >= self.from
    }
}

impl Certificate {
    /// Seconds that it is valid in all.
    pub fn lifetime(&self) -> i64 {
        lifetime(self.not_before, self.not_after)
    }

    /// See [`remaining_ratio`].
    pub fn remaining_ratio(&self, now: i64) -> f64 {
        remaining_ratio(self.not_before, self.not_after, now)
    }

    /// See [`renewal_due`].
    pub fn renewal_due(&self) -> i64 {
        renewal_due(self.not_before, self.not_after)
    }

    /// See [`renewal_overdue`].
    pub fn renewal_overdue(&self, now: i64) -> bool {
        renewal_overdue(self.not_before, self.not_after, now)
    }
}
