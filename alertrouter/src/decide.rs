//! What a payload means: stored state and alerts in, transitions and a decision out.
//!
//! Pure: no clock, no store, no target is asked. The state of an alert is identified by its group, its fingerprint
//! and its start, never by the bytes of a request, so that retries, replicas and restarts of the sender change nothing.
//!
//! Invariants:
//! - A payload that says nothing new has no side effect at all.
//! - An alert that is absent from a payload has not changed: it may be silenced, cut off, or told before.
//! - A resolve that belongs to an older run never ends a newer one.
//! - An alert that fires again with the start of a run that has ended is a ghost (replicas of the sender race) until
//!   it has stayed for a while; then it is told. It must never be dropped for good.

use std::collections::HashMap;
use std::time::Duration;

use crate::moment::Moment;
use crate::payload::Status;

/// What is stored about one group of one receiver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Counts up each time the group fires after all of it was resolved.
    pub episode: i64,
    /// Counts up each time anything about it changes.
    pub revision: i64,
    /// When something was last decided to be told aloud.
    pub notified_at: Option<Moment>,
    /// The alerts by fingerprint.
    pub alerts: HashMap<u64, Known>,
}

/// What is stored about one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its state.
    pub status: Status,
    /// When this run started, by the sender's clock.
    pub starts_at: Option<Moment>,
    /// When this run ended, by the sender's clock.
    pub ends_at: Option<Moment>,
    /// When the run before this one ended, by the sender's clock: what starts before it is stale.
    pub ended_before: Option<Moment>,
    /// Hash of annotations and links.
    pub content: u64,
    /// When this state was stored, by our clock.
    pub changed_at: Moment,
    /// The group's episode in which it last changed its status.
    pub episode: i64,
    /// The group's revision with which this run was first told as firing; 0 when we never saw it fire.
    pub fired: i64,
}

/// What a payload says about one alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Which alert.
    pub fingerprint: u64,
    /// Its state.
    pub status: Status,
    /// When it started.
    pub starts_at: Option<Moment>,
    /// When it ended.
    pub ends_at: Option<Moment>,
    /// Hash of annotations and links.
    pub content: u64,
}

/// What the route says about telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// A group that still fires is told again after this.
    pub repeat_interval: Duration,
    /// An alert that fires again with its old start must stay this long before it is told.
    pub ghost_window: Duration,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transition {
    /// It fires, and did not before.
    Fired,
    /// It no longer fires.
    Resolved,
    /// It fires again with the start of a run that had ended.
    Ghost,
    /// It was resolved before we ever saw it fire.
    ResolvedUnseen,
    /// Its start, annotations or links changed.
    Edited,
}

/// One alert's new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the list of seen alerts.
    pub at: usize,
    /// Its fingerprint.
    pub fingerprint: u64,
    /// What happened.
    pub transition: Transition,
    /// What is stored from now on.
    pub known: Known,
}

/// Everything that follows from one payload for one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The alerts whose stored state changes.
    pub changes: Vec<Change>,
    /// The group's episode from now on.
    pub episode: i64,
    /// Whether somebody is told.
    pub decision: Decision,
}

/// Whether somebody is told, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Tell it.
    Notify(Reason),
    /// Do not.
    Skip(Skipped),
}

/// Why something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The group fires and did not before.
    First,
    /// More alerts fire.
    NewAlerts,
    /// Some no longer fire.
    SomeResolved,
    /// None fires any more.
    AllResolved,
    /// It still fires after the repeat interval.
    Repeat,
    /// It fires again with an old start; told when that lasts.
    Refired,
    /// Only texts changed: for messages that can be edited.
    Edited,
}

/// Why nothing is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skipped {
    /// Everything in it is known.
    Duplicate,
    /// It tells of runs that are over.
    Stale,
    /// It tells only of ends whose starts were never seen.
    ResolvedUnseen,
    /// The target does not want to hear of resolved alerts.
    ResolvedNotWanted,
    /// Only texts changed, and the target cannot edit what it has sent.
    CannotEdit,
}

/// Decides what a payload means for a group.
pub fn decide(group: &Group, seen: &[Seen], policy: &Policy, now: Moment) -> Verdict {
    let firing_before = group.firing();
    let mut changes: Vec<Change> = Vec::new();
    let mut stale = false;
    let mut unseen: Vec<Change> = Vec::new();
    for (at, alert) in seen.iter().enumerate() {
        match compare(group.alerts.get(&alert.fingerprint), alert, policy, now) {
            Difference::None => {}
            Difference::Stale => stale = true,
            Difference::Change(transition, known) => {
                let to = if transition == Transition::ResolvedUnseen { &mut unseen } else { &mut changes };
                to.push(Change { at, fingerprint: alert.fingerprint, transition, known });
            }
        }
    }
    let count = |wanted| changes.iter().filter(|change| change.transition == wanted).count();
    let (fired, ghosts, resolved) =
        (count(Transition::Fired), count(Transition::Ghost), count(Transition::Resolved));
    // with nothing firing there is nothing that shows it
    let shown = firing_before + fired + ghosts > 0;
    let unseen_only = !shown && !unseen.is_empty();
    if shown {
        changes.append(&mut unseen);
    }
    let decision = if fired > 0 {
        Decision::Notify(if firing_before == 0 { Reason::First } else { Reason::NewAlerts })
    } else if resolved > 0 {
        let left = firing_before + ghosts - resolved;
        Decision::Notify(if left == 0 { Reason::AllResolved } else { Reason::SomeResolved })
    } else if ghosts > 0 {
        Decision::Notify(Reason::Refired)
    } else if !changes.is_empty() {
        Decision::Notify(Reason::Edited)
    } else if firing_before > 0 && repeat_is_due(group, seen, policy, now) {
        Decision::Notify(Reason::Repeat)
    } else if stale {
        Decision::Skip(Skipped::Stale)
    } else if unseen_only {
        Decision::Skip(Skipped::ResolvedUnseen)
    } else {
        Decision::Skip(Skipped::Duplicate)
    };
    let episode = group.episode + i64::from(fired > 0 && firing_before == 0);
    for change in &mut changes {
        change.known.episode = episode;
        if change.transition == Transition::Fired {
            change.known.fired = group.revision + 1;
        }
    }
    Verdict { changes, episode, decision }
}

impl Group {
    /// How many alerts fire.
    pub fn firing(&self) -> usize {
        self.alerts.values().filter(|alert| alert.status == Status::Firing).count()
    }

    /// Takes over what was decided.
    pub fn apply(&mut self, verdict: &Verdict, now: Moment) {
        self.episode = verdict.episode;
        self.revision += i64::from(!verdict.changes.is_empty());
        for change in &verdict.changes {
            self.alerts.insert(change.fingerprint, change.known.clone());
        }
        if let Decision::Notify(reason) = verdict.decision
            && reason != Reason::Edited
        {
            self.notified_at = Some(now);
        }
    }
}

impl Decision {
    /// What a target makes of the group's decision.
    #[must_use]
    pub fn for_target(self, send_resolved: bool, edits: bool) -> Self {
        match self {
            Self::Notify(Reason::SomeResolved | Reason::AllResolved) if !send_resolved => {
                Self::Skip(Skipped::ResolvedNotWanted)
            }
            Self::Notify(Reason::Edited) if !edits => Self::Skip(Skipped::CannotEdit),
            other => other,
        }
    }

    /// The closed set of names for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Notify(reason) => reason.name(),
            Self::Skip(Skipped::Duplicate) => "duplicate",
            Self::Skip(Skipped::Stale) => "stale",
            Self::Skip(Skipped::ResolvedUnseen) => "resolved_unseen",
            Self::Skip(Skipped::ResolvedNotWanted) => "resolved_not_wanted",
            Self::Skip(Skipped::CannotEdit) => "cannot_edit",
        }
    }
}

impl Reason {
    /// The name under which it is stored and counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::NewAlerts => "new_alerts",
            Self::SomeResolved => "some_resolved",
            Self::AllResolved => "all_resolved",
            Self::Repeat => "repeat",
            Self::Refired => "refired",
            Self::Edited => "edited",
        }
    }
}

impl Transition {
    /// The closed set of names for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Resolved => "resolved",
            Self::Ghost => "ghost",
            Self::ResolvedUnseen => "resolved_unseen",
            Self::Edited => "edited",
        }
    }
}

enum Difference {
    None,
    Stale,
    Change(Transition, Known),
}

fn compare(known: Option<&Known>, seen: &Seen, policy: &Policy, now: Moment) -> Difference {
    let fresh = |ended_before| Known {
        status: seen.status,
        starts_at: seen.starts_at,
        ends_at: seen.ends_at,
        ended_before,
        content: seen.content,
        changed_at: now,
        episode: 0,
        fired: known.map_or(0, |known| known.fired),
    };
    let Some(known) = known else {
        return match seen.status {
            Status::Firing => Difference::Change(Transition::Fired, fresh(None)),
            Status::Resolved => Difference::Change(Transition::ResolvedUnseen, fresh(None)),
        };
    };
    if let (Some(start), Some(ended_before)) = (seen.starts_at, known.ended_before)
        && start < ended_before
    {
        return Difference::Stale;
    }
    match (known.status, seen.status) {
        (Status::Firing, Status::Firing) => still_firing(known, seen, now),
        (Status::Firing, Status::Resolved) => {
            // the same start is the same run, whatever its end says: senders' clocks differ
            let over_before = match (seen.starts_at, known.starts_at) {
                (Some(start), Some(known)) => {
                    start < known && seen.ends_at.unwrap_or(start).plus(SKEW) < known
                }
                _ => false,
            };
            if over_before {
                return Difference::Stale;
            }
            Difference::Change(
                Transition::Resolved,
                Known {
                    status: Status::Resolved,
                    ends_at: seen.ends_at.or(Some(now)),
                    content: seen.content,
                    changed_at: now,
                    ..known.clone()
                },
            )
        }
        (Status::Resolved, Status::Firing) => {
            let new_run = match (seen.starts_at, known.ends_at) {
                (Some(start), Some(end)) => start > end,
                _ => false,
            };
            if new_run || now.since(known.changed_at) >= policy.ghost_window {
                Difference::Change(Transition::Fired, fresh(known.ends_at.filter(|_| new_run)))
            } else {
                let starts_at = moved(known.starts_at, seen.starts_at, now);
                Difference::Change(Transition::Ghost, Known { starts_at, ..fresh(known.ended_before) })
            }
        }
        (Status::Resolved, Status::Resolved) => Difference::None,
    }
}

/// How far the clocks of two senders of one alert may be apart.
const SKEW: Duration = Duration::from_mins(5);

/// The start may move: earlier, because the sender keeps the earliest; later than what we know of, when a resolve was
/// missed.
fn moved(old: Option<Moment>, new: Option<Moment>, known_at: Moment) -> Option<Moment> {
    match (old, new) {
        (Some(old), Some(new)) if new < old || new > known_at => Some(new),
        (None, new) => new,
        (old, _) => old,
    }
}

fn still_firing(known: &Known, seen: &Seen, now: Moment) -> Difference {
    let starts_at = moved(known.starts_at, seen.starts_at, known.changed_at);
    if starts_at == known.starts_at && seen.content == known.content {
        return Difference::None;
    }
    // a later start means that the run with the old one is over
    let ended_before = match known.starts_at {
        Some(old) if starts_at > Some(old) => Some(Moment(old.0 + 1)),
        _ => known.ended_before,
    };
    let known = Known { starts_at, ended_before, content: seen.content, changed_at: now, ..known.clone() };
    Difference::Change(Transition::Edited, known)
}

/// A repeat needs the word of a sender: what it no longer sends may be silenced.
fn repeat_is_due(group: &Group, seen: &[Seen], policy: &Policy, now: Moment) -> bool {
    let fires = |alert: &Seen| {
        let known = group.alerts.get(&alert.fingerprint);
        alert.status == Status::Firing && known.is_some_and(|known| known.status == Status::Firing)
    };
    seen.iter().any(fires) && group.notified_at.is_none_or(|at| now.since(at) >= policy.repeat_interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy =
        Policy { repeat_interval: Duration::from_hours(4), ghost_window: Duration::from_secs(330) };

    fn at(seconds: i64) -> Moment {
        Moment(seconds * 1_000_000)
    }

    /// `A+10` fires since second 10; `A-10:50` fired from 10 to 50; a `!` behind means other texts.
    fn seen(word: &str) -> Seen {
        let (word, content) = match word.strip_suffix('!') {
            Some(word) => (word, 2),
            None => (word, 1),
        };
        let name = word.bytes().next().unwrap();
        let span = word.get(2..).unwrap();
        let (start, end) = match span.split_once(':') {
            Some((start, end)) => (start, Some(at(end.parse().unwrap()))),
            None => (span, None),
        };
        let status = if word.as_bytes()[1] == b'+' { Status::Firing } else { Status::Resolved };
        Seen {
            fingerprint: u64::from(name),
            status,
            starts_at: Some(at(start.parse().unwrap())),
            ends_at: end,
            content,
        }
    }

    /// A time line: (second, payload, expected decision, expected number of changes).
    fn check(timeline: &[(i64, &str, &str, usize)]) -> Group {
        let mut group = Group::default();
        for (second, payload, decision, changes) in timeline {
            let payload: Vec<Seen> = payload.split_whitespace().map(seen).collect();
            let verdict = decide(&group, &payload, &POLICY, at(*second));
            assert_eq!(
                (verdict.decision.name(), verdict.changes.len()),
                (*decision, *changes),
                "second {second} of {timeline:?}"
            );
            group.apply(&verdict, at(*second));
        }
        group
    }

    #[test]
    fn a_life() {
        let group = check(&[
            (30, "A+10", "first", 1),
            (60, "A+10 B+50", "new_alerts", 1),
            (90, "A-10:80 B+50", "some_resolved", 1),
            (95, "B+50!", "edited", 1),
            (120, "B-50:110", "all_resolved", 1),
            (900, "A+800", "first", 1),
        ]);
        assert_eq!(group.episode, 2);
        assert_eq!(group.firing(), 1);
    }

    #[test]
    fn what_is_known_changes_nothing() {
        check(&[
            (30, "A+10 B+20", "first", 2),
            (31, "A+10 B+20", "duplicate", 0),
            (32, "B+20", "duplicate", 0),
            (33, "", "duplicate", 0),
            (60, "A-10:50", "some_resolved", 1),
            (61, "A-10:50", "duplicate", 0),
            (62, "A-10:50 B-20:55", "all_resolved", 1),
            (63, "A-10:50 B-20:55", "duplicate", 0),
        ]);
    }

    #[test]
    fn ghosts_wait_and_stale_words_are_ignored() {
        // firing, resolved, and both again from a replica that is late
        check(&[
            (30, "A+10", "first", 1),
            (90, "A-10:80", "all_resolved", 1),
            (100, "A+10", "refired", 1),
            (110, "A+10", "duplicate", 0),
            (400, "A-10:80", "all_resolved", 1),
        ]);
        // the same start after the window is a real alert
        check(&[(30, "A+10", "first", 1), (90, "A-10:80", "all_resolved", 1), (500, "A+10", "first", 1)]);
        // words of an older run do not touch a newer one
        check(&[
            (30, "A+10", "first", 1),
            (90, "A-10:80", "all_resolved", 1),
            (200, "A+190", "first", 1),
            (201, "A-10:80", "stale", 0),
            (202, "A+10", "stale", 0),
            (300, "A-190:290", "all_resolved", 1),
        ]);
        // an end whose start was never seen: shown where something is shown, never told by itself
        check(&[
            (30, "A-10:20", "resolved_unseen", 0),
            (40, "B+35", "first", 1),
            (50, "A-10:20 B+35", "edited", 1),
        ]);
    }

    #[test]
    fn starts_move() {
        check(&[
            (30, "A+20", "first", 1),
            (40, "A+10", "edited", 1),
            (50, "A+20", "duplicate", 0),
            (60, "A+10", "duplicate", 0),
            (99, "A+70", "edited", 1),
            (100, "A-10:65", "stale", 0),
            (101, "A-70:90", "all_resolved", 1),
        ]);
        // a sender whose clock is slow ends the alert before it began, for us
        check(&[(30, "A+20", "first", 1), (40, "A-10:15", "all_resolved", 1)]);
        check(&[(30, "A+20", "first", 1), (40, "A-20:15", "all_resolved", 1)]);
        // a run that was over long before is another one
        check(&[(1000, "A+900", "first", 1), (1010, "A-10:500", "stale", 0)]);
    }

    #[test]
    fn repeats_follow_the_route() {
        check(&[
            (0, "A+0", "first", 1),
            (4 * 3600 - 1, "A+0", "duplicate", 0),
            (4 * 3600, "A+0", "repeat", 0),
            (4 * 3600 + 15, "A+0", "duplicate", 0),
            (9 * 3600, "", "duplicate", 0),
        ]);
    }

    #[test]
    fn targets_hear_what_they_want() {
        use Decision::{Notify, Skip};
        for (decision, send_resolved, edits, expected) in [
            (Notify(Reason::First), false, false, Notify(Reason::First)),
            (Notify(Reason::AllResolved), true, false, Notify(Reason::AllResolved)),
            (Notify(Reason::AllResolved), false, true, Skip(Skipped::ResolvedNotWanted)),
            (Notify(Reason::Edited), true, false, Skip(Skipped::CannotEdit)),
            (Notify(Reason::Edited), false, true, Notify(Reason::Edited)),
            (Skip(Skipped::Duplicate), true, true, Skip(Skipped::Duplicate)),
        ] {
            assert_eq!(decision.for_target(send_resolved, edits), expected);
        }
    }

    fn any_seen() -> impl proptest::strategy::Strategy<Value = Seen> {
        use proptest::prelude::*;
        (0..3u64, 0..20i64, proptest::option::of(0..30i64), 0..2u64).prop_map(
            |(name, start, end, content)| Seen {
                fingerprint: name,
                status: if end.is_some() { Status::Resolved } else { Status::Firing },
                starts_at: Some(at(start * 60)),
                ends_at: end.map(|end| at(end * 60)),
                content,
            },
        )
    }

    proptest::proptest! {
        /// Whatever came before: the same payload again, from a replica or a retry, changes nothing and tells nobody.
        #[test]
        fn the_same_again_says_nothing(
            payloads in proptest::collection::vec(proptest::collection::vec(any_seen(), 0..4), 1..12),
            steps in proptest::collection::vec(0..600i64, 12),
        ) {
            let mut group = Group::default();
            let mut now = 0;
            for (mut payload, step) in payloads.into_iter().zip(steps) {
                // the parser has made fingerprints unique
                payload.sort_by_key(|seen| seen.fingerprint);
                payload.dedup_by_key(|seen| seen.fingerprint);
                now += step;
                let verdict = decide(&group, &payload, &POLICY, at(now));
                let firing = group.firing();
                group.apply(&verdict, at(now));
                let fired = verdict.changes.iter().any(|change| change.transition == Transition::Fired);
                proptest::prop_assert!(!fired || matches!(verdict.decision, Decision::Notify(_)));
                proptest::prop_assert!(group.firing() >= firing || matches!(verdict.decision, Decision::Notify(_)));
                let again = decide(&group, &payload, &POLICY, at(now + 1));
                proptest::prop_assert_eq!(&again.changes, &vec![]);
                proptest::prop_assert!(matches!(again.decision, Decision::Skip(_)), "{:?}", again.decision);
            }
        }
    }
}
