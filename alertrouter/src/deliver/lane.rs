//! One attempt in one lane.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Deliverer;
use super::targets::{CLOSED, Health};
use crate::notify::{Action, Cause, Message, Outcome as Sent, Size, Target};
use crate::outbox::{Told, backoff, delivery_id, plan, told};
use crate::routing::Routing;
use crate::store::{Due, Finish, Outcome, StoreError, View};

/// A lease is longer than any attempt; with one process it only matters after a crash.
const LEASE: Duration = Duration::from_mins(15);

/// An attempt with all its smaller forms ends by then, whatever the notifier does.
pub(super) const ATTEMPT: Duration = Duration::from_mins(10);

/// Lanes of a target that the configuration no longer has wait for it to come back.
pub(super) const NO_TARGET: Duration = Duration::from_mins(5);

/// One attempt in one lane.
pub(super) struct Lane {
    pub(super) deliverer: Arc<Deliverer>,
    pub(super) due: Due,
    pub(super) stop: watch::Receiver<bool>,
    /// Targets whose new messages a card stands for.
    pub(super) storms: watch::Receiver<BTreeSet<String>>,
}

impl Lane {
    /// Waits for the target's pace, takes the lane, sends, and remembers what became of it.
    pub(super) async fn deliver(mut self) -> Health {
        let expected = if self.due.placed { Action::Edit } else { Action::Post };
        if let Some(target) = self.deliverer.routing.get().target(&self.due.target) {
            // nothing was taken yet, so a program that stops need not wait for this
            tokio::select! {
                () = target.admit(expected) => {}
                _ = self.stop.changed() => return Health::Unknown,
                _ = self.storms.wait_for(|storms| storms.contains(&self.due.target)), if !self.due.placed => {
                    return Health::Unknown;
                }
            }
        }
        // the wait may have been long: what counts is the configuration now
        let routing = self.deliverer.routing.get();
        let target = routing.target(&self.due.target);
        let until = self.deliverer.now().plus(LEASE);
        let view = match self.deliverer.store.begin(self.due.thread, until).await {
            Ok(Some(view)) => view,
            Ok(None) => return Health::Unknown,
            Err(error) => {
                // a store that fails as a whole is reported by itself, once
                if let StoreError::Statement(_) = &error {
                    tracing::error!(%error, "a lane of the outbox cannot be taken");
                } else {
                    tracing::debug!(%error, "a lane of the outbox cannot be taken now");
                }
                tokio::time::sleep(super::STORE_PAUSE).await;
                return Health::Unknown;
            }
        };
        let started = Instant::now();
        let (health, end) = if let Some(target) = target {
            self.attempt(&routing, &target, &view, expected).await
        } else {
            let cause = Cause::new("no_target", "the configuration has no such target");
            (Health::Unknown, self.again(&routing, &view, cause, Some(NO_TARGET), true, None))
        };
        let finish = Finish { took: started.elapsed(), ..end };
        self.report(&view, &finish);
        self.deliverer.finish(finish).await;
        health
    }

    async fn attempt(
        &self,
        routing: &Routing,
        target: &Target,
        view: &View,
        expected: Action,
    ) -> (Health, Finish) {
        let (send_resolved, edits) = (target.settings.send_resolved, target.edits());
        let told = told(view, send_resolved, edits);
        let Some(action) = plan(view, &told, send_resolved, edits) else {
            let nothing = Cause::new("unchanged", "");
            return (Health::Unknown, self.end(view, nothing, Outcome::Unchanged));
        };
        if view.in_doubt && action == Action::Post {
            tracing::warn!(target_name = %self.due.target, "a delivery was cut off; it is sent again (possible repeat)");
        }
        if action != expected {
            target.admit(action).await;
        }
        let sent = match tokio::time::timeout(ATTEMPT, self.send(target, view, &told, action)).await {
            Ok(sent) => sent,
            Err(_) => {
                Sent::Retry { cause: Cause::new("timeout", "the attempt took too long"), progress: None }
            }
        };
        self.judge(routing, view, told, sent)
    }

    /// Sends; what is refused for its form is sent smaller, what is gone is sent anew.
    async fn send(&self, target: &Target, view: &View, told: &Told<'_>, action: Action) -> Sent {
        let key = told.sent.key;
        let progress = view.progress.as_ref().filter(|(_, of)| *of == key).map(|(word, _)| word.as_str());
        let mut message = Message {
            view,
            alerts: told.alerts.clone(),
            action,
            size: Size::Full,
            delivery: delivery_id(view, told),
            now: self.deliverer.now(),
            progress,
        };
        loop {
            match target.send(&message).await {
                Sent::Smaller(cause) => match message.size.smaller() {
                    Some(size) => {
                        tracing::warn!(target_name = %self.due.target, detail = %cause.detail, "sent smaller");
                        message.size = size;
                    }
                    None => return Sent::Refused(cause),
                },
                Sent::Gone(_) if message.action == Action::Edit => {
                    message.action = Action::Post;
                    target.admit(Action::Post).await;
                }
                Sent::Gone(cause) => return Sent::Refused(cause),
                other => return other,
            }
        }
    }

    /// Turns what the notifier says into what is done in the outbox.
    fn judge(&self, routing: &Routing, view: &View, told: Told<'_>, sent: Sent) -> (Health, Finish) {
        let key = told.sent.key;
        match sent {
            Sent::Done { place, refused } => {
                let outcome = Outcome::Done { sent: told.sent, place, refused };
                (Health::Works, self.end(view, Cause::new("delivered", ""), outcome))
            }
            Sent::Retry { cause, progress } => {
                let progress = progress.map(|word| (word, key));
                (Health::Unknown, self.again(routing, view, cause, None, true, progress))
            }
            Sent::Patience { cause, after } => {
                let progress = view.progress.clone();
                (Health::Unknown, self.again(routing, view, cause, Some(after), false, progress))
            }
            Sent::TargetFails(cause) => {
                let progress = view.progress.clone();
                (Health::Refuses, self.again(routing, view, cause, Some(CLOSED), true, progress))
            }
            // the target answers, so it is no worse for this
            Sent::Refused(cause) | Sent::Smaller(cause) | Sent::Gone(cause) => {
                (Health::Works, self.end(view, cause, Outcome::Dead))
            }
        }
    }

    fn again(
        &self,
        routing: &Routing,
        view: &View,
        cause: Cause,
        after: Option<Duration>,
        counts: bool,
        progress: Option<(String, u64)>,
    ) -> Finish {
        let now = self.deliverer.now();
        if now.since(view.created_at) >= routing.delivery.give_up_after {
            return self.end(view, cause, Outcome::Dead);
        }
        let after = after.unwrap_or_else(|| backoff(view.attempts, view.thread.cast_unsigned()));
        self.end(view, cause, Outcome::Again { due_at: now.plus(after), counts, progress })
    }

    fn end(&self, view: &View, cause: Cause, outcome: Outcome) -> Finish {
        Finish {
            thread: view.thread,
            revision: view.revision,
            at: self.deliverer.now(),
            took: Duration::ZERO,
            reason: cause.reason,
            detail: cause.detail,
            outcome,
        }
    }

    /// One log line and the counters for each attempt that meant something.
    fn report(&self, view: &View, finish: &Finish) {
        let metrics = &self.deliverer.metrics;
        let name = self.due.target.as_str();
        let integration = integration(name);
        let Finish { reason, detail, .. } = finish;
        if finish.outcome != Outcome::Unchanged {
            metrics.deliveries.with_label_values(&[integration, reason]).inc();
            metrics.target_results.with_label_values(&[name, reason]).inc();
        }
        match &finish.outcome {
            Outcome::Unchanged => {}
            Outcome::Done { refused, .. } => {
                let lag = finish.at.since(view.created_at);
                metrics.delivery_lag.with_label_values(&[integration]).observe(lag.as_secs_f64());
                tracing::info!(target_name = %name, thread = view.thread, lag_ms = millis(lag), "delivered");
                for detail in refused {
                    metrics.dead_letters.with_label_values(&[integration, "recipient_refused"]).inc();
                    self.deliverer.alarm.raise();
                    tracing::error!(target_name = %name, %detail, "a recipient will never get it");
                }
            }
            Outcome::Again { due_at, .. } => {
                let wait = millis(due_at.since(finish.at));
                tracing::warn!(target_name = %name, reason, %detail, retry_in_ms = wait, "not delivered yet");
            }
            Outcome::Dead => {
                metrics.dead_letters.with_label_values(&[integration, reason]).inc();
                self.deliverer.alarm.raise();
                tracing::error!(target_name = %name, reason, %detail, "given up; kept as a dead letter");
            }
        }
    }
}

/// receiver/integration/index → integration, from the closed set.
pub(super) fn integration(target: &str) -> &'static str {
    match target.rsplit('/').nth(1) {
        Some("slack") => "slack",
        Some("email") => "email",
        Some("webhook") => "webhook",
        _ => "unknown",
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
