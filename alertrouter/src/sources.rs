//! Which alerts fire that inhibit others: [`crate::inhibit`] with a memory.
//!
//! Invariant: a source that nobody has spoken of for long inhibits nothing any more, because a sender that lost its
//! state never tells of its end, and an alert too many is better than one that is never told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::inhibit::{InhibitRule, Inhibitor};
use crate::labels::Labels;
use crate::moment::Moment;
use crate::payload::{Alert, Status};

/// The alerts that inhibit. Clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Sources(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    inhibitor: Inhibitor,
    /// Each source, and when it was last spoken of.
    seen: HashMap<u64, (Labels, Moment)>,
}

/// Twice the time after which Alertmanager repeats what still fires.
const FORGOTTEN: Duration = Duration::from_hours(8);

impl Sources {
    /// Starts anew with these rules and what fires now.
    pub fn replace(&self, rules: &[InhibitRule], firing: Vec<(Labels, Moment)>) {
        let mut state = State { inhibitor: Inhibitor::new(rules.iter().cloned()), seen: HashMap::new() };
        for (labels, at) in firing {
            state.fires(&labels, at);
        }
        if let Ok(mut current) = self.0.lock() {
            *current = state;
        }
    }

    /// Hears what a payload says, then says which of its alerts are inhibited, in their order.
    pub fn hear(&self, alerts: &[Alert], now: Moment) -> Vec<bool> {
        self.ask(alerts, |state| {
            for alert in alerts {
                match alert.status {
                    Status::Firing => state.fires(&alert.labels, now),
                    Status::Resolved => state.ended(&alert.labels),
                }
            }
        })
    }

    /// Which of these alerts are inhibited, in their order; empty when none can be.
    pub fn inhibited(&self, alerts: &[Alert]) -> Vec<bool> {
        self.ask(alerts, |_| {})
    }

    /// Forgets sources that nobody has spoken of for long.
    pub fn forget_old(&self, now: Moment) {
        if let Ok(mut state) = self.0.lock() {
            let old = |at: Moment| now.since(at) > FORGOTTEN;
            let ended: Vec<Labels> =
                state.seen.values().filter(|(_, at)| old(*at)).map(|(labels, _)| labels.clone()).collect();
            for labels in ended {
                state.ended(&labels);
            }
        }
    }

    fn ask(&self, alerts: &[Alert], before: impl FnOnce(&mut State)) -> Vec<bool> {
        let Ok(mut state) = self.0.lock() else { return Vec::new() };
        if state.inhibitor.is_empty() {
            return Vec::new();
        }
        before(&mut state);
        alerts.iter().map(|alert| state.inhibitor.inhibited(&alert.labels).is_some()).collect()
    }
}

impl State {
    fn fires(&mut self, labels: &Labels, now: Moment) {
        if self.inhibitor.is_source(labels) {
            self.inhibitor.fires(labels);
            self.seen.insert(labels.fingerprint(), (labels.clone(), now));
        }
    }

    fn ended(&mut self, labels: &Labels) {
        self.inhibitor.ended(labels);
        self.seen.remove(&labels.fingerprint());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::{Matcher, Operator};

    fn alert(name: &str, status: Status) -> Alert {
        let labels: Labels = [("alertname", name)].into_iter().collect();
        Alert {
            fingerprint: labels.fingerprint(),
            status,
            labels,
            annotations: Labels::default(),
            starts_at: None,
            ends_at: None,
            generator_url: String::new(),
        }
    }

    #[test]
    fn sources_come_and_go_and_are_forgotten() {
        use Status::{Firing, Resolved};
        let matcher = |value| vec![Matcher::new("alertname", Operator::Equal, value).unwrap()];
        let rule = InhibitRule {
            name: String::new(),
            source: matcher("Down"),
            target: matcher("Slow"),
            equal: Vec::new(),
        };
        let at = |hours: i64| Moment(hours * 3_600_000_000);
        let sources = Sources::default();
        assert_eq!(sources.hear(&[alert("Slow", Firing)], at(0)), [] as [bool; 0]);
        sources.replace(std::slice::from_ref(&rule), Vec::new());
        assert_eq!(sources.hear(&[alert("Slow", Firing), alert("Down", Firing)], at(0)), [true, false]);
        assert_eq!(sources.hear(&[alert("Down", Resolved)], at(1)), [false]);
        assert_eq!(sources.inhibited(&[alert("Slow", Firing)]), [false]);
        // after a start what fires is known
        sources.replace(&[rule], vec![(alert("Down", Firing).labels, at(2))]);
        assert_eq!(sources.inhibited(&[alert("Slow", Firing)]), [true]);
        sources.forget_old(at(9));
        assert_eq!(sources.inhibited(&[alert("Slow", Firing)]), [true]);
        sources.forget_old(at(11));
        assert_eq!(sources.inhibited(&[alert("Slow", Firing)]), [false]);
    }
}
