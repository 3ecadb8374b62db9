//! When a target is due: at a fixed place of its interval that its name decides.

use std::time::Duration;

use tokio::time::Instant;

/// Targets without a result are checked for the first time within this span, spread over it: after a start the page is
/// complete soon, and 10,000 targets do not begin in the same moment.
const START_SPREAD: Duration = Duration::from_secs(30);

/// How long until a target's next place in its interval.
pub(super) fn first(number: u64, interval: Duration, unix: Duration) -> Duration {
    let length = millis(interval).max(1);
    let (offset, now) = (number % length, millis(unix) % length);
    Duration::from_millis((offset + length - now) % length)
}

/// How long after a start a target is checked first whose place comes after `first`. From then to its place it is a
/// multiple of the span, so that the first check is over by then.
pub(super) fn start(first: Duration) -> Duration {
    Duration::from_millis(millis(first) % millis(START_SPREAD))
}

/// The first place after `now` on the grid that goes through `anchor`, and how many places of it have passed since `due`
/// without a check.
pub(super) fn next(anchor: Instant, interval: Duration, due: Instant, now: Instant) -> (Instant, u64) {
    let length = millis(interval).max(1);
    let passed = |until: Instant| match until.checked_duration_since(anchor) {
        Some(span) => millis(span) / length + 1,
        None => 0,
    };
    let places = passed(now);
    let next = anchor + Duration::from_millis(length.saturating_mul(places));
    (next, places.saturating_sub(passed(due)))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_place_in_the_interval_is_always_the_same() {
        let number = 61_234; // at 1.234 s of each minute
        for (unix, expected) in [(0, 1_234), (1_233, 1), (1_234, 0), (1_235, 59_999), (6_000_000, 1_234)] {
            let found = first(number, MINUTE, Duration::from_millis(unix));
            assert_eq!(found, Duration::from_millis(expected), "{unix}");
        }
        for (first, expected) in [(0, 0), (29, 29), (30, 0), (95, 5)] {
            assert_eq!(start(Duration::from_secs(first)), Duration::from_secs(expected));
        }
    }

    #[test]
    fn the_next_place_and_those_that_were_missed() {
        let anchor = Instant::now() + MINUTE;
        let at = |seconds: u64| anchor + Duration::from_secs(seconds);
        let before = anchor.checked_sub(Duration::from_secs(30)).unwrap();
        for (due, now, expected, missed) in [
            (before, before, at(0), 0),
            (at(0), at(0), at(60), 0),
            (at(0), at(59), at(60), 0),
            (at(0), at(60), at(120), 1),
            (at(0), at(200), at(240), 3),
            (before, at(61), at(120), 2),
        ] {
            assert_eq!(next(anchor, MINUTE, due, now), (expected, missed));
        }
    }
}
