//! Deliveries out: takes lanes that are due and sends what they have to say.
//!
//! ```text
//! store changed | a lane becomes due | an attempt ended
//!   → due lanes (not of targets that are full or down) → pace → lease → plan → send → outcome → store
//! ```
//!
//! Invariants: one attempt at a time per lane; a target that hangs or refuses everything costs itself only; what was
//! sent is remembered before the lane is free again; between two events nothing runs.

mod lane;
mod storm;
mod targets;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use toolkit::clock::Clock;

use crate::metrics::Metrics;
use crate::moment::Moment;
use crate::routing::Current;
use crate::store::{Due, Finish, Outcome, Store, StoreError};
use crate::watch::Alarm;
use lane::Lane;
use storm::Storms;
use targets::{Health, Targets};

/// Attempts at the same time, over all targets: each holds a message and a connection.
const MAX_IN_FLIGHT: usize = 64;

/// Longest sleep, so that a clock that was set back cannot stop deliveries for long, and `dlq retry`, which is another
/// process, is seen soon.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// Pause when the store cannot be read.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The delivering half of the router.
pub struct Deliverer {
    /// Where lanes come from.
    pub store: Store,
    /// Where targets come from.
    pub routing: Current,
    /// What is counted.
    pub metrics: Metrics,
    /// The time.
    pub clock: Clock,
    /// Who is told when something is given up.
    pub alarm: Alarm,
}

impl Deliverer {
    /// Delivers until told to stop; then lets attempts under way end for a moment.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let deliverer = Arc::new(self);
        let mut targets = Targets::default();
        let mut lanes: HashMap<Id, Due> = HashMap::new();
        let mut attempts: JoinSet<Health> = JoinSet::new();
        let mut storms = Storms::default();
        while !*stop.borrow() {
            let sleep = match deliverer
                .start_due(&mut targets, &mut storms, &mut lanes, &mut attempts, &stop)
                .await
            {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::error!(%error, "the outbox cannot be read");
                    STORE_PAUSE
                }
            };
            tokio::select! {
                () = deliverer.store.changed() => {}
                () = tokio::time::sleep(sleep) => {}
                _ = stop.changed() => {}
                Some(ended) = attempts.join_next_with_id(), if !attempts.is_empty() => {
                    deliverer.ended(ended, &mut targets, &mut lanes).await;
                }
                Some((target, health)) = storms.next_card(), if storms.is_flying() => {
                    targets.heard(&target, health, deliverer.now());
                }
            }
        }
        let finish = async {
            while attempts.join_next().await.is_some() {}
            storms.finish().await;
        };
        if tokio::time::timeout(STOP, finish).await.is_err() {
            tracing::warn!(
                "some deliveries were cut off; they are in doubt and will be repeated after the start"
            );
        }
    }

    /// Starts every lane that is due and may start; says how long there is nothing to do.
    async fn start_due(
        self: &Arc<Self>,
        targets: &mut Targets,
        storms: &mut Storms,
        lanes: &mut HashMap<Id, Due>,
        attempts: &mut JoinSet<Health>,
        stop: &watch::Receiver<bool>,
    ) -> Result<Duration, StoreError> {
        let now = self.now();
        let card = storms.step(self, targets, now, stop).await?;
        loop {
            let before = lanes.len();
            if before >= MAX_IN_FLIGHT {
                break;
            }
            // those that fly may still look due, while they wait for their pace
            let most = u32::try_from(MAX_IN_FLIGHT + before).unwrap_or(u32::MAX);
            for due in self.store.due(now, targets.closed(now), most).await? {
                let known = lanes.values().any(|lane| lane.thread == due.thread);
                if lanes.len() >= MAX_IN_FLIGHT || known || !targets.admit(&due.target, now) {
                    continue;
                }
                let lane = Lane {
                    deliverer: self.clone(),
                    due: due.clone(),
                    stop: stop.clone(),
                    storms: storms.open(),
                };
                let id = attempts.spawn(lane.deliver()).id();
                lanes.insert(id, due);
            }
            // the many of a target that is full now must not hide those of another
            if lanes.len() == before {
                break;
            }
        }
        self.metrics.targets_down.set(targets.down());
        let next = [self.store.next_due(now).await?, targets.next(now), card].into_iter().flatten().min();
        Ok(next.map_or(LONGEST_SLEEP, |next| next.since(now)).clamp(SHORTEST_SLEEP, LONGEST_SLEEP))
    }

    async fn ended(
        &self,
        ended: Result<(Id, Health), tokio::task::JoinError>,
        targets: &mut Targets,
        lanes: &mut HashMap<Id, Due>,
    ) {
        let (id, health) = match ended {
            Ok((id, health)) => (id, Some(health)),
            Err(error) => (error.id(), None),
        };
        let Some(due) = lanes.remove(&id) else { return };
        if health.is_none() {
            self.panicked(&due).await;
        }
        targets.ended(&due.target, health.unwrap_or(Health::Unknown), self.now());
    }

    /// A mistake of ours in one lane: it is tried again later like any failure, and costs nobody else anything.
    async fn panicked(&self, due: &Due) {
        tracing::error!(target_name = %due.target, "a delivery panicked");
        let now = self.now();
        self.finish(Finish {
            thread: due.thread,
            revision: 0,
            at: now,
            took: Duration::ZERO,
            reason: "panic",
            detail: String::new(),
            outcome: Outcome::Again { due_at: now.plus(AFTER_PANIC), counts: true, progress: None },
        })
        .await;
    }

    /// Remembers an outcome. What was sent cannot be unsent, so this tries until it is on the disk.
    async fn finish(&self, finish: Finish) {
        loop {
            match self.store.finish(finish.clone()).await {
                Ok(()) | Err(StoreError::Closed) => return,
                Err(error) => {
                    self.metrics.store_errors.inc();
                    tracing::error!(%error, "the outcome of a delivery cannot be stored yet");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    fn now(&self) -> Moment {
        self.clock.now().into()
    }
}

/// Time for attempts under way when the program stops.
const STOP: Duration = Duration::from_secs(5);

/// Shortest sleep, so that rounding never makes a busy loop.
const SHORTEST_SLEEP: Duration = Duration::from_millis(2);

/// Pause of a lane whose delivery panicked.
const AFTER_PANIC: Duration = Duration::from_mins(1);
