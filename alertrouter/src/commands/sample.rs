//! Messages that no alert is behind: for `render` and for `send-test`.

use crate::config::{Config, TargetSettings};
use crate::labels::Labels;
use crate::moment::Moment;
use crate::notify::pace::Paces;
use crate::notify::{Action, Message, Size, Target};
use crate::payload::{Alert, Payload, Status};
use crate::store::{LiveAlert, View};

use super::Failed;

/// What `render` shows unless it gets a payload: two instances down, a third that is up again.
const EXAMPLE: &str = r#"{
  "version": "4",
  "externalURL": "http://alertmanager.example:9093",
  "groupLabels": {"alertname": "RedisDown", "cluster": "eu-west-1"},
  "alerts": [
    {
      "status": "firing", "startsAt": "2026-08-01T10:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
      "labels": {"alertname": "RedisDown", "cluster": "eu-west-1", "instance": "cache-1:6379", "job": "redis", "severity": "critical"},
      "annotations": {
        "summary": "Redis cache-1:6379 is down",
        "description": "It has not answered for a minute. Sessions are lost, and people must log in again.",
        "runbook_url": "https://runbooks.example/RedisDown",
        "dashboard_url": "https://grafana.example/d/redis?var-instance=cache-1:6379"
      },
      "generatorURL": "http://prometheus.example/graph?g0.expr=redis_up%20%3D%3D%200&g0.tab=1"
    },
    {
      "status": "firing", "startsAt": "2026-08-01T10:02:30Z", "endsAt": "0001-01-01T00:00:00Z",
      "labels": {"alertname": "RedisDown", "cluster": "eu-west-1", "instance": "cache-2:6379", "job": "redis", "severity": "critical"},
      "annotations": {"summary": "Redis cache-2:6379 is down", "runbook_url": "https://runbooks.example/RedisDown"},
      "generatorURL": "http://prometheus.example/graph?g0.expr=redis_up%20%3D%3D%200&g0.tab=1"
    },
    {
      "status": "resolved", "startsAt": "2026-08-01T09:40:00Z", "endsAt": "2026-08-01T10:05:00Z",
      "labels": {"alertname": "RedisDown", "cluster": "eu-west-1", "instance": "cache-3:6379", "job": "redis", "severity": "warning"},
      "annotations": {"summary": "Redis cache-3:6379 is down"},
      "generatorURL": "http://prometheus.example/graph?g0.expr=redis_up%20%3D%3D%200&g0.tab=1"
    }
  ]
}"#;

/// When the example is looked at: later than all that it tells.
const EXAMPLE_NOW: &str = "2026-08-01T10:30:00Z";

/// The example, and its time.
pub(crate) fn example() -> (Payload, Moment) {
    let payload = Payload::parse(EXAMPLE.as_bytes()).unwrap_or_default();
    let now = EXAMPLE_NOW.parse().map_or_else(|_| Moment::now(), |now: jiff::Timestamp| now.into());
    (payload, now)
}

/// One alert that says that it is none.
pub(super) fn test_alert(now: Moment) -> Payload {
    let labels: Labels = [("alertname", "TestOfAlertrouter"), ("severity", "info")].into_iter().collect();
    let annotations: Labels = [
        ("summary", "This is a test of alertrouter. Nothing is wrong."),
        ("description", "Somebody has run `alertrouter send-test` to see whether alerts arrive here."),
    ]
    .into_iter()
    .collect();
    let alert = Alert {
        fingerprint: labels.fingerprint(),
        status: Status::Firing,
        labels: labels.clone(),
        annotations,
        starts_at: Some(now.timestamp()),
        ends_at: None,
        generator_url: String::new(),
    };
    Payload {
        group_labels: labels.only(&["alertname".to_owned()]),
        alerts: vec![alert],
        ..Payload::default()
    }
}

/// A group as the store would show it when nothing of it has been told.
pub(crate) fn view(receiver: &str, payload: &Payload, now: Moment) -> View {
    let alerts = payload.alerts.iter().map(|alert| LiveAlert {
        fingerprint: alert.fingerprint,
        status: alert.status,
        starts_at: alert.starts_at.map(Moment::from),
        ends_at: alert.ends_at.map(Moment::from),
        episode: 1,
        fired: 1,
        first_seen: alert.starts_at.map_or(now, Moment::from),
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        generator_url: alert.generator_url.clone(),
        content: 0,
    });
    let mut alerts: Vec<LiveAlert> = alerts.collect();
    alerts.sort_by_key(|alert| (alert.status != Status::Firing, alert.starts_at, alert.fingerprint));
    View {
        thread: now.0,
        receiver: receiver.to_owned(),
        labels: payload.group_labels.clone(),
        episode: 1,
        group_revision: 1,
        sent_revision: 0,
        external_url: payload.external_url.clone(),
        alerts,
        sent: None,
        sent_count: 0,
        place: None,
        revision: 1,
        again: false,
        in_doubt: false,
        attempts: 0,
        created_at: now,
        progress: None,
    }
}

/// A message about all of it.
pub(crate) fn message(view: &View, action: Action, now: Moment) -> Message<'_> {
    Message {
        view,
        alerts: view.alerts.iter().collect(),
        action,
        size: Size::Full,
        delivery: format!("sample-{}-{}", view.thread, view.sent_count),
        now,
        progress: None,
    }
}

/// The targets of a receiver, ready to be used; one of them if it is named, by its whole name or without the
/// receiver's.
pub(super) fn targets(config: Config, receiver: &str, only: Option<&String>) -> Result<Vec<Target>, Failed> {
    let Config { mut receivers, .. } = config;
    let names: Vec<String> = receivers.keys().map(ToString::to_string).collect();
    let Some(mut settings) = receivers.remove(receiver) else {
        return Err(format!("there is no receiver {receiver:?}; there are: {}", names.join(", ")).into());
    };
    let known: Vec<String> = settings.iter().map(|target| target.id.to_string()).collect();
    if let Some(only) = only {
        let named =
            |target: &TargetSettings| *target.id == **only || *target.id == *format!("{receiver}/{only}");
        settings.retain(named);
    }
    match (settings.is_empty(), known.is_empty(), only) {
        (true, false, Some(only)) => {
            Err(format!("there is no target {only:?}; there are: {}", known.join(", ")).into())
        }
        (true, ..) => {
            Err(format!("the receiver {receiver:?} has no integrations: what it gets is dropped").into())
        }
        _ => {
            let paces = Paces::default();
            let build = |settings| Target::build(settings, &paces).map_err(Failed::from);
            settings.into_iter().map(build).collect()
        }
    }
}
