//! The router watches its own work: what waits goes to a stand-in, what is long over becomes one line, and what is wrong
//! is told to the fallback receiver.
//!
//! What it says about itself are alerts like any others, in the same outbox. They follow the state: while something is
//! wrong they fire, then they are resolved, and a restart changes nothing about that.
//!
//! Invariants: a word about a delivery never causes another word; there is one alert for each kind and target, whatever
//! happens how often.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use toolkit::clock::Clock;

use crate::decide::Policy;
use crate::labels::Labels;
use crate::moment::Moment;
use crate::payload::{Alert, Status};
use crate::routing::Current;
use crate::store::{Accept, Facts, InternalAlert, Origin, Routed, Store, StoreError, TargetPolicy, Trouble};

/// Between two looks when nobody raises the alarm.
const LOOK: Duration = Duration::from_secs(10);

/// Between two looks at least.
const REST: Duration = Duration::from_secs(1);

/// What happened at one time is told for so long.
const RECENT: Duration = Duration::from_hours(1);

/// What the router says about itself is repeated as often as Alertmanager repeats by default.
const POLICY: Policy =
    Policy { repeat_interval: Duration::from_hours(4), ghost_window: Duration::from_secs(30) };

/// Tells the watch to look now. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Alarm(Arc<Bell>);

#[derive(Debug, Default)]
struct Bell {
    rung: Notify,
    refused: AtomicU64,
    refused_at: AtomicI64,
}

impl Alarm {
    /// Something is wrong that the store knows.
    pub fn raise(&self) {
        self.0.rung.notify_one();
    }

    /// A webhook was refused: its sender drops alerts.
    pub fn refused(&self, now: Moment) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        self.0.refused_at.store(now.0, Ordering::Relaxed);
        self.raise();
    }

    fn refusals(&self, since: Moment) -> u64 {
        if Moment(self.0.refused_at.load(Ordering::Relaxed)) < since {
            self.0.refused.store(0, Ordering::Relaxed);
        }
        self.0.refused.load(Ordering::Relaxed)
    }
}

/// The watch.
pub struct Watch {
    /// What is looked at.
    pub store: Store,
    /// Who is told.
    pub routing: Current,
    /// The time.
    pub clock: Clock,
    /// Looks sooner when it rings.
    pub alarm: Alarm,
}

impl Watch {
    /// Watches until told to stop.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            let pause = async {
                tokio::time::sleep(REST).await;
                drop(tokio::time::timeout(LOOK.saturating_sub(REST), self.alarm.0.rung.notified()).await);
            };
            tokio::select! {
                _ = stop.changed() => return,
                () = pause => {}
            }
            if let Err(error) = self.look(self.clock.now().into()).await {
                tracing::debug!(%error, "the router cannot watch itself now");
            }
        }
    }

    /// One look, and what follows from it.
    ///
    /// # Errors
    /// Those of the store; the next look tries again.
    pub async fn look(&self, now: Moment) -> Result<(), StoreError> {
        let routing = self.routing.get();
        let waiting = self.store.waiting_targets().await?;
        routing.retire(&waiting);
        let late = before(now, routing.delivery.late_after);
        for target in &waiting {
            let stand_ins: Arc<[Arc<str>]> =
                routing.failover(receiver(target)).iter().map(|target| target.id.clone()).collect();
            if stand_ins.is_empty() {
                continue;
            }
            let lanes = self.store.hand_over(target.as_str().into(), stand_ins, late, now).await?;
            if lanes > 0 {
                tracing::warn!(target_name = %target, lanes, "what waits is told by the failover receiver");
            }
        }
        let stale = routing.delivery.stale_after;
        if !stale.is_zero() {
            let lanes = self.store.collapse_stale(before(now, stale), now).await?;
            if lanes > 0 {
                tracing::info!(lanes, "what was over before it could be told becomes one line");
            }
        }
        let recent = before(now, RECENT);
        let facts = self.store.facts(now, recent, late).await?;
        let firing = self.store.internal_firing().await?;
        let fallback = routing.delivery.fallback_receiver.clone();
        let mut notices = Vec::new();
        if let Some(fallback) = &fallback {
            notices = self::notices(&facts, self.alarm.refusals(recent));
            self.say(fallback, routing.fallback(), &notices, &firing, now).await?;
        }
        self.take_back(&notices, firing, fallback.as_deref(), now).await
    }

    /// Says what is wrong.
    async fn say(
        &self,
        to: &Arc<str>,
        targets: &[TargetPolicy],
        notices: &[Notice],
        firing: &[InternalAlert],
        now: Moment,
    ) -> Result<(), StoreError> {
        let alerts = notices.iter().map(|notice| {
            let labels = notice.labels();
            let fingerprint = labels.fingerprint();
            let known = firing.iter().find(|known| known.alert.fingerprint == fingerprint);
            Alert {
                fingerprint,
                status: Status::Firing,
                labels,
                annotations: notice.annotations(),
                starts_at: known.map_or_else(|| Some(now.timestamp()), |known| known.alert.starts_at),
                ends_at: None,
                generator_url: String::new(),
            }
        });
        self.accept(to, targets, alerts.collect(), now).await
    }

    /// Resolves what no longer holds.
    async fn take_back(
        &self,
        notices: &[Notice],
        firing: Vec<InternalAlert>,
        fallback: Option<&str>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let routing = self.routing.get();
        for InternalAlert { receiver, alert } in firing {
            let holds = notices.iter().any(|notice| notice.labels() == alert.labels);
            if holds && Some(receiver.as_str()) == fallback {
                continue;
            }
            let over = Alert { status: Status::Resolved, ends_at: Some(now.timestamp()), ..alert };
            self.accept(&receiver.as_str().into(), routing.receiver(&receiver), vec![over], now).await?;
        }
        Ok(())
    }

    async fn accept(
        &self,
        receiver: &Arc<str>,
        targets: &[TargetPolicy],
        alerts: Vec<Alert>,
        now: Moment,
    ) -> Result<(), StoreError> {
        if alerts.is_empty() {
            return Ok(());
        }
        let targets: Arc<[TargetPolicy]> = targets.into();
        let mut groups: Vec<Routed> = Vec::new();
        for (at, alert) in alerts.iter().enumerate() {
            let labels = alert.labels.only(&["alertname".to_owned()]);
            match groups.iter_mut().find(|group| group.labels == labels) {
                Some(group) => group.alerts.push(at),
                None => groups.push(Routed {
                    receiver: receiver.clone(),
                    labels,
                    policy: POLICY,
                    targets: targets.clone(),
                    alerts: vec![at],
                }),
            }
        }
        let accept = Accept {
            now,
            sender: String::new(),
            external_url: String::new(),
            body: Vec::new(),
            alerts,
            groups,
            grouping: Labels::default(),
            held: Vec::new(),
            origin: Origin::Internal,
        };
        self.store.accept(accept).await.map(drop)
    }
}

/// Something that is wrong, as people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Notice {
    name: &'static str,
    target: String,
    summary: String,
    description: String,
}

impl Notice {
    fn labels(&self) -> Labels {
        let labels = [("alertname", self.name), ("severity", "warning"), ("target", self.target.as_str())];
        labels.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    fn annotations(&self) -> Labels {
        [("summary", &self.summary), ("description", &self.description)].into_iter().collect()
    }
}

/// What people are told of these facts.
fn notices(facts: &Facts, refused: u64) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut add = |name, target: &str, summary: String, description: String| {
        notices.push(Notice { name, target: target.to_owned(), summary, description });
    };
    if let Some(Trouble { count, reason, .. }) = &facts.quarantined {
        add(
            "AlertrouterQuarantine",
            "",
            format!("{count} requests of the last hour could not be read"),
            format!(
                "Something else than Alertmanager may post to /webhook. They are kept; last reason: {reason}."
            ),
        );
    }
    if refused > 0 {
        add(
            "AlertrouterUnauthorized",
            "",
            "Webhooks with a wrong token were refused".to_owned(),
            "Alertmanager drops what is refused: correct the credentials of its webhook_config.".to_owned(),
        );
    }
    for Trouble { target, count, reason, .. } in &facts.dead {
        add(
            "AlertrouterDeadLetter",
            target,
            format!("{count} deliveries to {target} of the last hour were given up"),
            format!(
                "Last reason: {reason}. `alertrouter dlq list` shows them, `alertrouter dlq retry` sends them."
            ),
        );
    }
    for Trouble { target, since, reason, .. } in &facts.late {
        let since = since.timestamp().strftime("%Y-%m-%d %H:%M");
        add(
            "AlertrouterDeliveryLate",
            target,
            format!("Messages to {target} wait since {since} UTC"),
            format!("Last reason: {reason}. They are kept and sent when that is repaired."),
        );
    }
    notices
}

/// receiver/integration/index → receiver; its name may hold slashes.
fn receiver(target: &str) -> &str {
    target.rsplitn(3, '/').nth(2).unwrap_or(target)
}

fn before(now: Moment, span: Duration) -> Moment {
    Moment(now.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_notice_for_each_kind_and_target() {
        let trouble = |target: &str| Trouble {
            target: target.to_owned(),
            count: 3,
            since: Moment(1_785_578_400_000_000),
            reason: "auth".to_owned(),
        };
        let facts = Facts {
            quarantined: Some(trouble("")),
            dead: vec![trouble("a/slack/0"), trouble("b/slack/0")],
            late: vec![trouble("a/slack/0")],
        };
        let said: Vec<String> = notices(&facts, 1)
            .iter()
            .map(|notice| format!("{} {}", notice.labels(), notice.summary))
            .collect();
        assert_eq!(
            said,
            [
                r#"{alertname="AlertrouterQuarantine", severity="warning"} 3 requests of the last hour could not be read"#,
                r#"{alertname="AlertrouterUnauthorized", severity="warning"} Webhooks with a wrong token were refused"#,
                r#"{alertname="AlertrouterDeadLetter", severity="warning", target="a/slack/0"} 3 deliveries to a/slack/0 of the last hour were given up"#,
                r#"{alertname="AlertrouterDeadLetter", severity="warning", target="b/slack/0"} 3 deliveries to b/slack/0 of the last hour were given up"#,
                r#"{alertname="AlertrouterDeliveryLate", severity="warning", target="a/slack/0"} Messages to a/slack/0 wait since 2026-08-01 10:00 UTC"#,
            ]
        );
        assert_eq!(notices(&Facts::default(), 0), []);
        assert_eq!(receiver("a/b/slack/0"), "a/b");
    }
}
