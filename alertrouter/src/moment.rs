//! A point in time as it is stored: whole microseconds since 1970 in UTC.
//!
//! Decisions compare moments that come from the sender's clock with each other, and moments that come from ours with
//! each other; they must never mix the two.

use std::time::Duration;

use jiff::Timestamp;

/// Microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// The wall clock. Only the edges of the program ask it; everything else gets the time passed in.
    pub fn now() -> Self {
        Timestamp::now().into()
    }

    /// This moment and a while, without overflow.
    #[must_use]
    pub fn plus(self, while_: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(while_.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; nothing when it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// As a timestamp, held inside the range that can be shown.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
    }
}

impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.as_microsecond())
    }
}
