//! Incidents: from when to when a service had trouble, as people remember it.
//!
//! Invariants: one incident of a service at a time; it ends when the service is seen healthy; what nobody can say neither
//! begins nor ends one, and a gap in which nobody looked is not told as an outage.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::rollup::State;

/// From the last look at the trouble to the first at its end, more than this is a gap in which nobody looked.
const GAP: SignedDuration = SignedDuration::from_mins(5);

/// Trouble of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// The service.
    pub service: Arc<str>,
    /// When it began.
    pub began: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// When the trouble was seen last.
    pub seen: Timestamp,
    /// Whether the service did not work at all at some time.
    pub failed: bool,
    /// How long.
    pub down: Duration,
    /// The service whose trouble caused it.
    pub caused_by: Option<Arc<str>>,
}

impl Incident {
    /// How long it was, or has been.
    pub fn lasted(&self, now: Timestamp) -> Duration {
        self.ended.unwrap_or(now).duration_since(self.began).unsigned_abs()
    }

    /// Ends it.
    pub fn end(&mut self, now: Timestamp) {
        let looked = now.duration_since(self.seen) <= GAP;
        self.ended = Some(if looked { now } else { self.seen });
    }
}

/// The incidents of one service: the one that is going on, and the latest that are over.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    open: Option<Incident>,
    /// The newest last.
    over: Vec<Incident>,
}

/// How a service is seen at a moment.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// Its state; planned maintenance is no trouble.
    pub state: State,
    /// Whether it is in maintenance.
    pub maintenance: bool,
    /// The service whose trouble causes its own.
    pub caused_by: Option<&'a Arc<str>>,
    /// How long it did not work, of the time since it was seen last.
    pub down: Duration,
}

/// Incidents of one service that are remembered; the page shows fewer.
const MAX_OVER: usize = 50;

impl Incidents {
    /// Takes what was kept, in any order.
    pub fn of(kept: impl IntoIterator<Item = Incident>) -> Self {
        let (open, mut over): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|incident| incident.ended.is_none());
        over.sort_by_key(|incident| incident.began);
        let mut incidents = Self { open: open.into_iter().max_by_key(|incident| incident.began), over };
        incidents.bound();
        incidents
    }

    /// Takes how the service is seen. Gives the incident that changed, when people should be told.
    pub fn see(&mut self, service: &Arc<str>, seen: &Seen<'_>, now: Timestamp) -> Option<&Incident> {
        let trouble = matches!(seen.state, State::Degraded | State::Unhealthy) && !seen.maintenance;
        let over = seen.state == State::Healthy || seen.maintenance;
        if let Some(incident) = &mut self.open {
            incident.down += seen.down;
        }
        match &mut self.open {
            Some(incident) if trouble => {
                incident.seen = now;
                incident.failed |= seen.state == State::Unhealthy;
                if incident.caused_by.is_none() {
                    incident.caused_by = seen.caused_by.cloned();
                }
                None
            }
            Some(incident) if over => {
                incident.end(now);
                self.over.extend(self.open.take());
                self.bound();
                self.over.last()
            }
            None if trouble => {
                let caused_by = seen.caused_by.cloned();
                let (failed, down) = (seen.state == State::Unhealthy, Duration::ZERO);
                let incident = Incident {
                    service: Arc::clone(service),
                    began: now,
                    ended: None,
                    seen: now,
                    failed,
                    down,
                    caused_by,
                };
                Some(self.open.insert(incident))
            }
            _ => None,
        }
    }

    /// The one that is going on.
    pub fn open(&self) -> Option<&Incident> {
        self.open.as_ref()
    }

    /// All, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Incident> {
        self.open.iter().chain(self.over.iter().rev())
    }

    fn bound(&mut self) {
        let surplus = self.over.len().saturating_sub(MAX_OVER);
        self.over.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters are states, one a minute (h, d, u; ? unknown, m unhealthy in maintenance, . nobody looks); then each
    /// incident as `began-ended down`, in minutes.
    fn check(states: &str, expected: &[&str]) {
        let service: Arc<str> = "shop".into();
        let minute = Duration::from_mins(1);
        let mut incidents = Incidents::default();
        let mut told = 0;
        let mut before = '.';
        for (at, letter) in states.chars().enumerate() {
            let now = Timestamp::UNIX_EPOCH + minute * u32::try_from(at).unwrap();
            let (state, maintenance) = match letter {
                'h' => (State::Healthy, false),
                'd' => (State::Degraded, false),
                'u' => (State::Unhealthy, false),
                '?' => (State::Unknown, false),
                'm' => (State::Unhealthy, true),
                _ => {
                    before = letter;
                    continue;
                }
            };
            let down = if before == 'u' { minute } else { Duration::ZERO };
            before = letter;
            let seen = Seen { state, maintenance, caused_by: None, down };
            told += usize::from(incidents.see(&service, &seen, now).is_some());
        }
        let minutes = |at: Timestamp| at.as_second() / 60;
        let text = |incident: &Incident| {
            let ended = incident.ended.map(|ended| minutes(ended).to_string()).unwrap_or_default();
            format!("{}-{ended} {}", minutes(incident.began), incident.down.as_secs() / 60)
        };
        assert_eq!(incidents.newest_first().map(text).collect::<Vec<_>>(), expected, "{states}");
        let changes = expected.iter().map(|text| if text.contains("- ") { 1 } else { 2 }).sum::<usize>();
        assert_eq!(told, changes, "{states}");
    }

    #[test]
    fn trouble_has_a_beginning_and_an_end() {
        check("hhhh", &[]);
        check("huuuh", &["1-4 3"]);
        check("hdduudh", &["1-6 2"]);
        check("huuhhuu", &["5- 1", "1-3 2"]);
        check("??h??", &[]);
        // what nobody can say ends nothing
        check("hu??uh", &["1-5 2"]);
        // and what was not looked at was no outage
        check("huu..........h", &["1-2 1"]);
        check("huu??????????h", &["1-2 2"]);
        // maintenance is planned
        check("hmmmh", &[]);
        check("hmmuh", &["3-4 1"]);
        check("huumm", &["1-3 2"]);
    }

    #[test]
    fn a_restart_goes_on_with_it_and_old_ones_go() {
        let incident = |minute: i64, over: bool| Incident {
            service: "shop".into(),
            began: Timestamp::from_second(minute * 60).unwrap(),
            ended: over.then(|| Timestamp::from_second(minute * 60 + 30).unwrap()),
            seen: Timestamp::from_second(minute * 60).unwrap(),
            failed: false,
            down: Duration::ZERO,
            caused_by: None,
        };
        let kept = (0..100).rev().map(|minute| incident(minute, minute != 99));
        let incidents = Incidents::of(kept);
        assert_eq!(incidents.open(), Some(&incident(99, false)));
        assert_eq!(incidents.newest_first().count(), MAX_OVER + 1);
        assert_eq!(incidents.newest_first().nth(1), Some(&incident(98, true)));
    }
}
