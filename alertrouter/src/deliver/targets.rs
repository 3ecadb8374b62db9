//! How the targets fare: how much is under way to each, and which refuse everything.
//!
//! Pure, the time is passed in. A target that refuses everything (bad token, archived channel) is closed; once a
//! minute one lane may try it, and the first success opens it again.

use std::collections::HashMap;
use std::time::Duration;

use crate::moment::Moment;

/// Attempts to one target at the same time: enough to use a slow one, too few to trip a quick one's limits.
const MAX_PER_TARGET: usize = 8;

/// Pause of a target that refuses everything.
pub(super) const CLOSED: Duration = Duration::from_mins(1);

/// What an attempt told about its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It took something.
    Works,
    /// It refuses everything.
    Refuses,
    /// Nothing for sure.
    Unknown,
}

/// All targets that were used lately.
#[derive(Debug, Default)]
pub(super) struct Targets(HashMap<String, State>);

#[derive(Debug, Default)]
struct State {
    flying: usize,
    closed_until: Option<Moment>,
}

impl State {
    /// A closed target takes one attempt when its pause is over.
    fn is_full(&self, now: Moment) -> bool {
        match self.closed_until {
            Some(until) => now < until || self.flying > 0,
            None => self.flying >= MAX_PER_TARGET,
        }
    }
}

impl Targets {
    /// Takes a place at a target, if there is one.
    pub(super) fn admit(&mut self, target: &str, now: Moment) -> bool {
        let state = self.0.entry(target.to_owned()).or_default();
        let free = !state.is_full(now);
        state.flying += usize::from(free);
        free
    }

    /// Gives the place back.
    pub(super) fn ended(&mut self, target: &str, health: Health, now: Moment) {
        let Some(state) = self.0.get_mut(target) else { return };
        state.flying = state.flying.saturating_sub(1);
        match (health, state.closed_until) {
            (Health::Works, Some(_)) => {
                tracing::info!(target_name = %target, "the target takes messages again");
                state.closed_until = None;
            }
            (Health::Refuses, _) => state.closed_until = Some(now.plus(CLOSED)),
            _ => {}
        }
        if state.flying == 0 && state.closed_until.is_none() {
            self.0.remove(target);
        }
    }

    /// Takes over what something else than a lane has learned about a target.
    pub(super) fn heard(&mut self, target: &str, health: Health, now: Moment) {
        self.0.entry(target.to_owned()).or_default().flying += 1;
        self.ended(target, health, now);
    }

    /// Whether a target refuses everything, and its pause is not over.
    pub(super) fn rests(&self, target: &str, now: Moment) -> bool {
        self.0.get(target).and_then(|state| state.closed_until).is_some_and(|until| now < until)
    }

    /// Targets at which there is no place.
    pub(super) fn closed(&self, now: Moment) -> Vec<String> {
        self.0.iter().filter(|(_, state)| state.is_full(now)).map(|(target, _)| target.clone()).collect()
    }

    /// When the next closed target may be tried.
    pub(super) fn next(&self, now: Moment) -> Option<Moment> {
        self.0.values().filter_map(|state| state.closed_until).filter(|until| *until > now).min()
    }

    /// How many refuse everything.
    pub(super) fn down(&self) -> i64 {
        let down = self.0.values().filter(|state| state.closed_until.is_some()).count();
        i64::try_from(down).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment(seconds * 1_000_000)
    }

    #[test]
    fn a_target_that_refuses_is_probed() {
        let mut targets = Targets::default();
        assert!(targets.admit("a", at(0)));
        assert!(targets.admit("a", at(0)));
        targets.ended("a", Health::Refuses, at(1));
        targets.ended("a", Health::Unknown, at(2));
        assert_eq!((targets.admit("a", at(30)), targets.down()), (false, 1));
        assert_eq!(targets.next(at(30)), Some(at(61)));
        assert!(targets.admit("a", at(61)));
        assert!(!targets.admit("a", at(61)), "one probe at a time");
        targets.ended("a", Health::Refuses, at(62));
        assert!(!targets.admit("a", at(100)));
        assert!(targets.admit("a", at(122)));
        targets.ended("a", Health::Works, at(123));
        assert_eq!((targets.closed(at(123)), targets.down()), (Vec::new(), 0));
    }

    #[test]
    fn a_slow_target_fills_up_alone() {
        let mut targets = Targets::default();
        for _ in 0..MAX_PER_TARGET {
            assert!(targets.admit("a", at(0)));
        }
        assert!(!targets.admit("a", at(0)));
        assert!(targets.admit("b", at(0)));
        assert_eq!(targets.closed(at(0)), ["a"]);
    }
}
