//! How one heartbeat stands: what came, what is waited for, what that means. Pure; the time is given.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::checks::{CheckResult, Status};
use crate::outcome::Failed;
use crate::reason::Reason;

/// The time, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) wall: Timestamp,
}

/// When it must come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) interval: Duration,
    pub(super) grace: Duration,
}

impl Terms {
    /// How long after the one before it is missed.
    fn span(self) -> Duration {
        self.interval + self.grace
    }
}

/// What a caller says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Report {
    /// Whether the job failed.
    pub(super) failed: bool,
    /// How long it took.
    pub(super) took: Option<Duration>,
}

/// What is kept over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Since when it is waited for.
    pub(super) awaited: Timestamp,
    /// When it came last.
    pub(super) came: Option<Timestamp>,
    /// Whether it said that the job failed, or was missed.
    pub(super) failed: bool,
}

/// How a heartbeat stands.
#[derive(Debug)]
pub(super) struct State {
    pub(super) kept: Kept,
    pub(super) took: Option<Duration>,
    /// When it is missed.
    pub(super) due: Instant,
    pub(super) beats: u64,
    pub(super) missed: u64,
    pub(super) last: Option<CheckResult>,
}

impl State {
    /// One that is new.
    pub(super) fn new(terms: Terms, now: Now) -> Self {
        let kept = Kept { awaited: now.wall, came: None, failed: false };
        Self { kept, took: None, due: now.instant + terms.span(), beats: 0, missed: 0, last: None }
    }

    /// One that was known before this program began. What should have come while nobody listened has its grace once more;
    /// what was known to be missing is missing.
    pub(super) fn restored(kept: Kept, terms: Terms, now: Now) -> Self {
        let mut state = Self { kept, ..Self::new(terms, now) };
        state.due = state.due_at(terms, now);
        let overdue = state.due <= now.instant;
        if overdue {
            state.due = now.instant + terms.grace;
        }
        state.last = match (kept.failed, overdue, kept.came) {
            (true, true, _) => Some(missed(terms, now)),
            (true, false, Some(_)) => Some(result(Some(said_failed()), now)),
            (false, false, Some(_)) => Some(result(None, now)),
            (false, true, _) | (_, false, None) => None,
        };
        if let (Some(last), Some(came)) = (&mut state.last, kept.came.filter(|_| !overdue)) {
            last.at_unix = came.as_duration().as_secs_f64();
        }
        state
    }

    /// It came.
    pub(super) fn beat(&mut self, report: Report, terms: Terms, now: Now) -> CheckResult {
        self.kept.came = Some(now.wall);
        self.kept.failed = report.failed;
        self.took = report.took;
        self.due = now.instant + terms.span();
        self.beats += 1;
        let result = result(report.failed.then(said_failed), now);
        let result = CheckResult { took: report.took.unwrap_or_default(), ..result };
        self.last = Some(result.clone());
        result
    }

    /// It is missed, if it is time; once for each interval that passes without it.
    pub(super) fn look(&mut self, terms: Terms, now: Now) -> Option<CheckResult> {
        if now.instant < self.due {
            return None;
        }
        self.due = now.instant + terms.interval;
        self.kept.failed = true;
        self.missed += 1;
        self.took = None;
        let result = missed(terms, now);
        self.last = Some(result.clone());
        Some(result)
    }

    /// Takes other terms.
    pub(super) fn renew(&mut self, terms: Terms, now: Now) {
        self.due = self.due_at(terms, now).max(now.instant);
    }

    /// When it is missed, counted from what came last.
    fn due_at(&self, terms: Terms, now: Now) -> Instant {
        let since = self.kept.came.unwrap_or(self.kept.awaited);
        // a clock that was set back makes nothing come from the future
        let passed = Duration::try_from(now.wall.duration_since(since)).unwrap_or_default();
        match terms.span().checked_sub(passed) {
            Some(left) => now.instant + left,
            None => now.instant,
        }
    }
}

fn result(failed: Option<Failed>, now: Now) -> CheckResult {
    let status = if failed.is_some() { Status::Fail } else { Status::Ok };
    let empty = CheckResult::empty(status, now.instant, now.wall.as_duration().as_secs_f64());
    CheckResult { failure: failed.map(Into::into), ..empty }
}

fn missed(terms: Terms, now: Now) -> CheckResult {
    let message = format!("no heartbeat came within {:?} and {:?} of grace", terms.interval, terms.grace);
    result(Some(Failed::new("check", Reason::HeartbeatMissed, message)), now)
}

fn said_failed() -> Failed {
    Failed::new("check", Reason::HeartbeatFailed, "the job says that it failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { interval: Duration::from_hours(24), grace: Duration::from_hours(1) };

    /// So many hours after a moment.
    struct Hours(Now);

    impl Hours {
        fn new() -> Self {
            Self(Now { instant: Instant::now(), wall: "2026-11-20T00:00:00Z".parse().unwrap() })
        }

        fn at(&self, hours: u64) -> Now {
            let passed = Duration::from_hours(hours);
            Now { instant: self.0.instant + passed, wall: self.0.wall + passed }
        }
    }

    fn reason(result: Option<&CheckResult>) -> &'static str {
        let failed =
            |result: &CheckResult| result.failure.as_ref().map_or("ok", |failed| failed.reason.as_str());
        result.map_or("nothing", failed)
    }

    #[test]
    fn it_comes_is_missed_and_comes_again() {
        let time = Hours::new();
        let mut state = State::new(TERMS, time.at(0));
        assert!(state.look(TERMS, time.at(24)).is_none());
        assert_eq!(state.beat(Report::default(), TERMS, time.at(24)).status, Status::Ok);
        assert!(state.look(TERMS, time.at(48)).is_none());
        let missed = state.look(TERMS, time.at(49));
        assert_eq!(reason(missed.as_ref()), "heartbeat_missed");
        // and once more for each interval
        assert!(state.look(TERMS, time.at(72)).is_none());
        assert!(state.look(TERMS, time.at(73)).is_some());
        let failed = Report { failed: true, took: Some(Duration::from_secs(7)) };
        let said = state.beat(failed, TERMS, time.at(74));
        assert_eq!((reason(Some(&said)), said.took), ("heartbeat_failed", Duration::from_secs(7)));
        assert_eq!((state.beats, state.missed), (2, 2));
    }

    #[test]
    fn what_is_known_after_a_restart() {
        let time = Hours::new();
        let wall = |hours| time.at(hours).wall;
        for (came, failed, restart, expected, due) in [
            // it goes on as if nothing had happened
            (Some(0), false, 10, "ok", 25),
            (Some(0), true, 10, "heartbeat_failed", 25),
            (None, false, 10, "nothing", 25),
            // it should have come while nobody listened
            (Some(0), false, 30, "nothing", 31),
            (None, false, 30, "nothing", 31),
            // it was missed already
            (Some(0), true, 30, "heartbeat_missed", 31),
            (None, true, 30, "heartbeat_missed", 31),
        ] {
            let kept = Kept { awaited: wall(0), came: came.map(wall), failed };
            let state = State::restored(kept, TERMS, time.at(restart));
            assert_eq!(reason(state.last.as_ref()), expected, "{came:?} {failed} {restart}");
            assert_eq!(state.due, time.at(due).instant, "{came:?} {failed} {restart}");
        }
        let kept = Kept { awaited: wall(0), came: Some(wall(5)), failed: false };
        // the clock was set back
        assert_eq!(State::restored(kept, TERMS, time.at(2)).due, time.at(2 + 25).instant);
    }

    #[test]
    fn other_terms_count_from_what_came_last() {
        let time = Hours::new();
        let mut state = State::new(TERMS, time.at(0));
        state.beat(Report::default(), TERMS, time.at(0));
        let shorter = Terms { interval: Duration::from_hours(2), grace: Duration::from_hours(1) };
        state.renew(shorter, time.at(1));
        assert_eq!(state.due, time.at(3).instant);
        state.renew(shorter, time.at(9));
        assert_eq!(state.due, time.at(9).instant);
    }
}
