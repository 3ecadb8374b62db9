//! Storms: when more threads of a target want a message of their own than it can take, one card stands for all.
//!
//! ```text
//! more than CROWD new messages wait at a target → a storm: the card takes them, now and for as long as it lasts
//!   → sent at once, edited at most every EVERY → calm for QUIET → over
//!   → groups that fire anew have messages of their own again; the card follows those that it shows
//! ```
//!
//! Invariants: what a card stands for is in the store before the card is sent, and stays in the outbox until it was;
//! one attempt at a time per card; a card that fails costs its own target only.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use super::lane::{ATTEMPT, NO_TARGET};
use super::targets::{CLOSED, Health, Targets};
use super::{AFTER_PANIC, Deliverer};
use crate::moment::Moment;
use crate::notify::{Action, Cause, Outcome as Sent, Size, Target};
use crate::outbox::backoff;
use crate::store::{CardEnd, StoreError, Storm, StormView};

/// New messages that may wait at a target: with more, the last would come later than a person waits for it.
const CROWD: u32 = 10;

/// How often a card is edited.
const EVERY: Duration = Duration::from_secs(5);

/// How often a card is posted where nothing can be edited.
const EVERY_POST: Duration = Duration::from_secs(20);

/// A storm is over when fewer than [`CALM`] groups have joined it for this long.
const QUIET: Duration = Duration::from_secs(30);

/// Groups that may join within [`QUIET`] although the storm is over: messages of their own suffice for them.
const CALM: u32 = 5;

/// With so many groups left that fire when a storm is over, each of them gets its own message.
const FEW: u32 = 10;

/// Transactions in a row that gather what is due: more would keep other targets waiting.
const GATHERS: usize = 8;

/// All storms.
#[derive(Debug)]
pub(super) struct Storms {
    open: watch::Sender<BTreeSet<String>>,
    cards: JoinSet<Health>,
    flying: HashMap<Id, Storm>,
    /// Whether those that were open when the program last ended are known.
    loaded: bool,
    /// Whether the store may have storms: it may after a start.
    some: bool,
}

impl Default for Storms {
    fn default() -> Self {
        let open = watch::Sender::new(BTreeSet::new());
        Self { open, cards: JoinSet::new(), flying: HashMap::new(), loaded: false, some: true }
    }
}

impl Storms {
    /// Targets that are in a storm, as it changes.
    pub(super) fn open(&self) -> watch::Receiver<BTreeSet<String>> {
        self.open.subscribe()
    }

    /// Whether a card is under way.
    pub(super) fn is_flying(&self) -> bool {
        !self.cards.is_empty()
    }

    /// The next card that has ended: its target, and what that tells about it.
    pub(super) async fn next_card(&mut self) -> Option<(String, Health)> {
        let (id, health) = match self.cards.join_next_with_id().await? {
            Ok(ended) => ended,
            Err(error) => (error.id(), Health::Unknown),
        };
        Some((self.flying.remove(&id)?.target, health))
    }

    /// Lets cards under way end.
    pub(super) async fn finish(&mut self) {
        while self.cards.join_next().await.is_some() {}
    }

    /// Begins, feeds and ends storms, and starts their cards. Says when there is something to do again.
    pub(super) async fn step(
        &mut self,
        deliverer: &Arc<Deliverer>,
        targets: &Targets,
        now: Moment,
        stop: &watch::Receiver<bool>,
    ) -> Result<Option<Moment>, StoreError> {
        if !self.loaded {
            let storms = deliverer.store.storms(before(now, QUIET)).await?;
            let open = storms.into_iter().filter(|storm| storm.ended_at.is_none());
            self.open.send_replace(open.map(|storm| storm.target).collect());
            self.loaded = true;
        }
        self.gather(deliverer, now).await?;
        if !self.some {
            return Ok(None);
        }
        let storms = deliverer.store.storms(before(now, QUIET)).await?;
        self.some = !storms.is_empty();
        let mut next: Option<Moment> = None;
        let mut soon = |moment: Moment| next = Some(next.map_or(moment, |next| next.min(moment)));
        for storm in storms {
            let flies = self.flying.values().any(|flying| flying.id == storm.id);
            match storm.due_at {
                _ if flies => {}
                Some(due_at) if now < due_at => soon(due_at),
                Some(_) if targets.rests(&storm.target, now) => {}
                Some(_) => self.fly(deliverer, storm, stop),
                None if is_over(&storm, now) => {
                    tracing::info!(target_name = %storm.target, "the storm is over");
                    deliverer.store.end_storm(storm.id, now, FEW).await?;
                    self.open.send_if_modified(|open| open.remove(&storm.target));
                }
                None => soon(now.plus(CHECK)),
            }
        }
        deliverer.metrics.storms.set(i64::try_from(self.open.borrow().len()).unwrap_or(i64::MAX));
        Ok(next)
    }

    /// Lets storms take what is due: open ones everything that wants a message, those that are over what they show.
    async fn gather(&mut self, deliverer: &Deliverer, now: Moment) -> Result<(), StoreError> {
        let routing = deliverer.routing.get();
        let collapsing = |target: &&Arc<Target>| target.collapses();
        let names: Vec<String> =
            routing.targets().filter(collapsing).map(|target| target.settings.id.to_string()).collect();
        if names.is_empty() {
            return Ok(());
        }
        for _ in 0..GATHERS {
            let crowding = deliverer.store.crowding(now, names.clone(), CROWD + 1).await?;
            let followers = crowding.followers;
            let mut taken = !followers.is_empty();
            if taken {
                deliverer.store.follow(followers, now).await?;
            }
            for (target, crowd) in crowding.crowds {
                let open = self.open.borrow().contains(&target);
                if open || crowd > CROWD {
                    taken = deliverer.store.gather(&target, now).await? > 0 || taken;
                }
                if !open && crowd > CROWD {
                    tracing::warn!(target_name = %target, "a storm: one card stands for its groups");
                    self.open.send_if_modified(|open| open.insert(target));
                }
            }
            if !taken {
                break;
            }
            self.some = true;
        }
        Ok(())
    }

    fn fly(&mut self, deliverer: &Arc<Deliverer>, storm: Storm, stop: &watch::Receiver<bool>) {
        let card = Card { deliverer: deliverer.clone(), storm: storm.clone() };
        let mut stop = stop.clone();
        let id = self.cards.spawn(async move {
            if let Ok(health) = tokio::spawn(card.deliver(stop.clone())).await {
                return health;
            }
            // a mistake of ours: it is still due, so it is tried again, but not at once
            tracing::error!("the card of a storm panicked");
            drop(tokio::time::timeout(AFTER_PANIC, stop.changed()).await);
            Health::Unknown
        });
        self.flying.insert(id.id(), storm);
    }
}

/// How often it is looked whether a storm is over.
const CHECK: Duration = Duration::from_secs(2);

fn before(now: Moment, long: Duration) -> Moment {
    Moment(now.0.saturating_sub(i64::try_from(long.as_micros()).unwrap_or(i64::MAX)))
}

fn is_over(storm: &Storm, now: Moment) -> bool {
    storm.ended_at.is_none() && storm.joined < CALM && now.since(storm.started_at) >= QUIET
}

/// One attempt to send a card.
struct Card {
    deliverer: Arc<Deliverer>,
    storm: Storm,
}

impl Card {
    async fn deliver(self, mut stop: watch::Receiver<bool>) -> Health {
        let target = self.deliverer.routing.get().target(&self.storm.target);
        let action = if self.storm.place.is_some() { Action::Edit } else { Action::Post };
        if let Some(target) = &target {
            tokio::select! {
                () = target.admit(action) => {}
                _ = stop.changed() => return Health::Unknown,
            }
        }
        // what joined while it waited is shown, too
        let view = match self.deliverer.store.storm_view(self.storm.id, self.storm.started_at).await {
            Ok(Some(view)) => view,
            Ok(None) => return Health::Unknown,
            Err(error) => {
                tracing::error!(%error, "a storm cannot be read");
                tokio::time::sleep(super::STORE_PAUSE).await;
                return Health::Unknown;
            }
        };
        let started = Instant::now();
        let sent = match &target {
            Some(target) => tokio::time::timeout(ATTEMPT, send(target, &view, self.deliverer.now())).await,
            None => Ok(Sent::TargetFails(Cause::new("no_target", "the configuration has no such target"))),
        };
        let sent = sent.unwrap_or_else(|_| Sent::Retry {
            cause: Cause::new("timeout", "the attempt took too long"),
            progress: None,
        });
        let (health, end) = self.judge(target.as_deref(), &view, sent, started.elapsed());
        let at = self.deliverer.now();
        while let Err(error) = self.deliverer.store.storm_card(view.clone(), at, end.clone()).await {
            if error == StoreError::Closed {
                break;
            }
            self.deliverer.metrics.store_errors.inc();
            tracing::error!(%error, "the outcome of a card cannot be stored yet");
            tokio::time::sleep(super::STORE_PAUSE).await;
        }
        health
    }

    /// What is remembered of an attempt, with its log line and its count.
    fn judge(
        &self,
        target: Option<&Target>,
        view: &StormView,
        sent: Sent,
        took: Duration,
    ) -> (Health, CardEnd) {
        let now = self.deliverer.now();
        let again = |after: Duration, counts| CardEnd::Again { due_at: now.plus(after), counts, gone: false };
        let pause = backoff(self.storm.attempts, self.storm.id.cast_unsigned());
        let (health, cause, end) = match sent {
            Sent::Done { place, .. } => {
                let every = if target.is_some_and(Target::edits) { EVERY } else { EVERY_POST };
                (Health::Works, Cause::new("delivered", ""), CardEnd::Told { place, next: now.plus(every) })
            }
            Sent::Retry { cause, .. } => (Health::Unknown, cause, again(pause, true)),
            Sent::Patience { cause, after } => (Health::Unknown, cause, again(after, false)),
            Sent::Gone(cause) => {
                (Health::Works, cause, CardEnd::Again { due_at: now, counts: true, gone: true })
            }
            Sent::TargetFails(cause) if target.is_none() => (Health::Unknown, cause, again(NO_TARGET, true)),
            Sent::TargetFails(cause) => (Health::Refuses, cause, again(CLOSED, true)),
            Sent::Smaller(cause) | Sent::Refused(cause) => (Health::Works, cause, again(pause, true)),
        };
        let metrics = &self.deliverer.metrics;
        let integration = super::lane::integration(&self.storm.target);
        metrics.deliveries.with_label_values(&[integration, cause.reason]).inc();
        metrics.target_results.with_label_values(&[self.storm.target.as_str(), cause.reason]).inc();
        if matches!(end, CardEnd::Told { .. }) {
            let lag = view.oldest.map(|oldest| now.since(oldest)).unwrap_or_default();
            metrics.delivery_lag.with_label_values(&[integration]).observe(lag.as_secs_f64());
            tracing::info!(target_name = %self.storm.target, groups = view.groups, ?took, "a storm's card was delivered");
            return (health, end);
        }
        let (target_name, reason, detail) = (&self.storm.target, cause.reason, &cause.detail);
        let give_up = self.deliverer.routing.get().delivery.give_up_after;
        if view.oldest.is_some_and(|oldest| now.since(oldest) >= give_up) {
            metrics.dead_letters.with_label_values(&[integration, "storm"]).inc();
            self.deliverer.alarm.raise();
            tracing::error!(%target_name, reason, %detail, "a storm's card is given up; kept as dead letters");
            return (health, CardEnd::Dead);
        }
        tracing::warn!(%target_name, reason, %detail, "a storm's card is not delivered yet");
        (health, end)
    }
}

/// Sends a card; what is refused for its form is sent as plain text.
async fn send(target: &Target, view: &StormView, now: Moment) -> Sent {
    match target.send_storm(view, Size::Full, now).await {
        Sent::Smaller(_) => target.send_storm(view, Size::Plain, now).await,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_over_when_few_join_it() {
        let at = |seconds: i64| Moment(seconds * 1_000_000);
        let storm = |joined, ended_at| Storm {
            id: 1,
            target: "team/slack/0".to_owned(),
            started_at: at(100),
            ended_at,
            place: None,
            due_at: None,
            attempts: 0,
            joined,
        };
        for (joined, now, ended_at, expected) in [
            (0, 100, None, false),
            (0, 129, None, false),
            (0, 130, None, true),
            (4, 130, None, true),
            (5, 130, None, false),
            (1000, 10_000, None, false),
            (0, 200, Some(at(150)), false),
        ] {
            assert_eq!(is_over(&storm(joined, ended_at), at(now)), expected, "{joined} joined, {now}");
        }
    }
}
