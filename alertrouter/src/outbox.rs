//! What a lane of the outbox still has to say, and when it says it again after a failure.
//!
//! Pure. A sync carries no message: it says that the target may be behind the state. What is sent is the state at the
//! time of sending, so that any number of changes while a target is down become one message.
//!
//! Invariants:
//! - A run of an alert that fired is told at least once, even when it is over by then.
//! - An alert that fires after all was told as resolved is a new message: an edit makes nobody's phone ring.
//! - The same state is not told twice, unless the route's repeat asks for it.

use std::time::Duration;

use crate::labels::Fnv64;
use crate::notify::Action;
use crate::payload::Status;
use crate::store::{LiveAlert, Sent, View};

/// What a target would be told now.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<'a> {
    /// The alerts it is told of.
    pub alerts: Vec<&'a LiveAlert>,
    /// What is remembered of it when it was told.
    pub sent: Sent,
}

/// Collects what a target would be told now. `edits`: changed texts matter too.
pub fn told(view: &View, send_resolved: bool, edits: bool) -> Told<'_> {
    let alerts: Vec<&LiveAlert> = view
        .alerts
        .iter()
        .filter(|alert| {
            let untold = alert.fired > view.sent_revision;
            alert.status == Status::Firing || untold || (send_resolved && alert.episode == view.episode)
        })
        .collect();
    let firing = alerts.iter().filter(|alert| alert.status == Status::Firing).count();
    let mut key = Fnv64::default();
    key.write(&view.episode.to_be_bytes());
    // the order in which they are shown may change with their starts
    let mut sorted: Vec<&LiveAlert> = alerts.clone();
    sorted.sort_by_key(|alert| alert.fingerprint);
    for alert in sorted {
        key.write(&alert.fingerprint.to_be_bytes());
        key.write(&alert.fired.to_be_bytes());
        key.write(&[u8::from(alert.status == Status::Firing)]);
        if edits {
            key.write(&alert.content.to_be_bytes());
            key.write(&alert.starts_at.map_or(0, |moment| moment.0).to_be_bytes());
        }
    }
    let sent = Sent {
        key: key.0,
        firing: u32::try_from(firing).unwrap_or(u32::MAX),
        episode: view.episode,
        revision: view.group_revision,
    };
    Told { alerts, sent }
}

/// Decides whether that is worth a message, and which kind. None: there is nothing to say.
pub fn plan(view: &View, told: &Told<'_>, send_resolved: bool, edits: bool) -> Option<Action> {
    if told.alerts.is_empty() || (view.again && told.sent.firing == 0 && view.sent.is_some()) {
        return None;
    }
    let Some(sent) = &view.sent else {
        return (told.sent.firing > 0 || has_untold(view, told)).then_some(Action::Post);
    };
    if sent.key == told.sent.key && !view.again {
        return None;
    }
    if told.sent.firing == 0 && sent.firing == 0 && !has_untold(view, told) {
        // only ends whose starts nobody here was told: where there is a message that shows them it is kept right
        let shows = edits && view.place.is_some() && sent.episode == told.sent.episode;
        return shows.then_some(Action::Edit);
    }
    let other_episode = sent.episode != told.sent.episode;
    let rings = told.sent.firing > 0 && sent.firing == 0;
    // the end of the last episode was told, or never will be
    let closed = other_episode && (sent.firing == 0 || !send_resolved);
    let edit = edits && view.place.is_some() && !rings && !closed;
    Some(if edit { Action::Edit } else { Action::Post })
}

/// Whether something fired of which the target has not heard, even if it is over.
fn has_untold(view: &View, told: &Told<'_>) -> bool {
    told.alerts.iter().any(|alert| alert.fired > view.sent_revision)
}

/// The name of a delivery: the same for every attempt to tell the same, different after each success.
pub fn delivery_id(view: &View, told: &Told<'_>) -> String {
    format!("{}-{}-{:016x}", view.thread, view.sent_count, told.sent.key)
}

/// First pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause: a target that comes back is used again within minutes.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// How long to wait after this many failures: doubling, with a jitter of a quarter either way, so that the lanes of
/// a target that comes back do not come all at once. `seed` differs by lane.
pub fn backoff(failures: u32, seed: u64) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
    let mut hash = Fnv64::default();
    hash.write(&seed.to_be_bytes());
    hash.write(&failures.to_be_bytes());
    // 75 % to 125 %
    pause * u32::try_from(75 + (hash.0 >> 16) % 51).unwrap_or(100) / 100
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use crate::moment::Moment;

    fn alert(name: u8, status: Status, episode: i64, fired: i64) -> LiveAlert {
        LiveAlert {
            fingerprint: u64::from(name),
            status,
            starts_at: None,
            ends_at: None,
            episode,
            fired,
            first_seen: Moment(0),
            labels: Labels::default(),
            annotations: Labels::default(),
            generator_url: String::new(),
            content: 0,
        }
    }

    fn view(episode: i64, sent: Option<Sent>, alerts: Vec<LiveAlert>) -> View {
        View {
            thread: 1,
            receiver: "team".to_owned(),
            labels: Labels::default(),
            episode,
            group_revision: 9,
            sent_revision: sent.as_ref().map_or(0, |sent| sent.revision),
            external_url: String::new(),
            alerts,
            sent_count: 1,
            place: sent.as_ref().map(|_| "here".to_owned()),
            sent,
            revision: 1,
            again: false,
            in_doubt: false,
            attempts: 0,
            created_at: Moment(0),
            progress: None,
        }
    }

    fn sent(firing: u32, episode: i64, revision: i64) -> Sent {
        Sent { key: 1, firing, episode, revision }
    }

    /// What was sent and is now, and what the target can do → how many alerts are shown, and how.
    fn check(
        what: &str,
        (episode, sent): (i64, Option<Sent>),
        alerts: Vec<LiveAlert>,
        (send_resolved, edits): (bool, bool),
        expected: (usize, Option<Action>),
    ) {
        let view = view(episode, sent, alerts);
        let told = told(&view, send_resolved, edits);
        assert_eq!((told.alerts.len(), plan(&view, &told, send_resolved, edits)), expected, "{what}");
    }

    #[test]
    fn within_an_episode() {
        use Action::{Edit, Post};
        use Status::{Firing, Resolved};
        let one = || alert(1, Firing, 1, 1);
        let over = || alert(1, Resolved, 1, 1);
        let two = || alert(2, Firing, 1, 2);
        let told = || (1, Some(sent(1, 1, 1)));
        check("first", (1, None), vec![one()], (true, true), (1, Some(Post)));
        check("over before it was told", (1, None), vec![over()], (false, true), (1, Some(Post)));
        check("more", told(), vec![one(), two()], (false, true), (2, Some(Edit)));
        check("more, no edits", told(), vec![two()], (false, false), (1, Some(Post)));
        check("over", told(), vec![over()], (true, true), (1, Some(Edit)));
        check("over, not wanted", told(), vec![over()], (false, true), (0, None));
        check("a ghost that stayed", (1, Some(sent(0, 1, 2))), vec![one()], (true, true), (1, Some(Post)));
    }

    #[test]
    fn from_one_episode_to_the_next() {
        use Action::{Edit, Post};
        use Status::{Firing, Resolved};
        let anew = || vec![alert(1, Firing, 2, 3)];
        let short = || vec![alert(1, Resolved, 2, 3)];
        check("end told", (2, Some(sent(0, 1, 2))), anew(), (true, true), (1, Some(Post)));
        check("end not told yet", (2, Some(sent(1, 1, 1))), anew(), (true, true), (1, Some(Edit)));
        check("end never told", (2, Some(sent(1, 1, 1))), anew(), (false, true), (1, Some(Post)));
        check("over before it was told", (2, Some(sent(0, 1, 2))), short(), (false, true), (1, Some(Post)));
    }

    #[test]
    fn the_same_is_not_told_twice() {
        let mut view = view(1, Some(sent(1, 1, 1)), vec![alert(1, Status::Firing, 1, 1)]);
        let key = told(&view, true, false).sent.key;
        view.sent = Some(Sent { key, firing: 1, episode: 1, revision: 1 });
        assert_eq!(plan(&view, &told(&view, true, false), true, false), None);
        view.again = true;
        assert_eq!(plan(&view, &told(&view, true, false), true, false), Some(Action::Post));
        // a message that can be edited shows for how long it fires, and its thread says it
        view.sent = Some(Sent { key: told(&view, true, true).sent.key, firing: 1, episode: 1, revision: 1 });
        assert_eq!(plan(&view, &told(&view, true, true), true, true), Some(Action::Edit));
        view.alerts = vec![alert(1, Status::Resolved, 1, 1)];
        assert_eq!(plan(&view, &told(&view, true, false), false, false), None);
    }

    #[test]
    fn pauses_grow_and_differ() {
        for (failures, least, most) in
            [(0, 750, 1250), (1, 1500, 2500), (5, 24_000, 40_000), (99, 225_000, 375_000)]
        {
            for seed in 0..50 {
                let pause = backoff(failures, seed).as_millis();
                assert!((least..=most).contains(&pause), "{failures} failures: {pause} ms");
            }
        }
        assert_ne!(backoff(3, 1), backoff(3, 2));
    }
}
