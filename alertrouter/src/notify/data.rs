//! What templates are told of a message: Alertmanager's `template.Data`.

use std::cmp::Ordering;

use gotemplate::Value;

use super::Message;
use super::webhook::payload::{common, reason, word};
use crate::commands::sample;
use crate::labels::Labels;
use crate::moment::Moment;
use crate::notify::Action;
use crate::payload::{Payload, Status, quote};
use crate::store::LiveAlert;
use crate::template::{Alert, Data, Facts, Kv};

/// The data of a message, as Alertmanager passes it: by its address.
pub(crate) fn data(message: &Message<'_>) -> Value {
    let view = message.view;
    let fires = message.alerts.iter().any(|alert| alert.status == Status::Firing);
    let mut alerts: Vec<&LiveAlert> = message.alerts.clone();
    alerts.sort_by(|one, other| order(&one.labels, &other.labels));
    Value::pointer(Data {
        receiver: quote(&view.receiver).into(),
        status: word(if fires { Status::Firing } else { Status::Resolved }).into(),
        alerts: Some(alerts.iter().map(|alert| facts(alert, message.now)).collect()),
        notification_reason: reason(message, fires).into(),
        group_labels: Kv::new(view.labels.iter()),
        common_labels: Kv::new(common(&alerts, |alert| &alert.labels).iter()),
        common_annotations: Kv::new(common(&alerts, |alert| &alert.annotations).iter()),
        route_labels: Kv::new::<&str, &str>([]),
        external_url: view.external_url.as_str().into(),
    })
}

fn facts(alert: &LiveAlert, now: Moment) -> Alert {
    let ended = (alert.status == Status::Resolved).then(|| alert.ends_at.unwrap_or(now));
    Alert::new(Facts::new(
        word(alert.status),
        Kv::new(alert.labels.iter()),
        Kv::new(alert.annotations.iter()),
        alert.starts_at.unwrap_or(alert.first_seen).timestamp(),
        ended.map(Moment::timestamp),
        &alert.generator_url,
        format!("{:016x}", alert.fingerprint),
    ))
}

/// Alertmanager's order of alerts: by job, then by instance, then by all labels, those with fewer first.
fn order(one: &Labels, other: &Labels) -> Ordering {
    for name in ["job", "instance"] {
        // one that has no such label comes later
        let key = |labels: &Labels| (labels.value(name).is_empty(), labels.value(name).to_owned());
        let first = key(one).cmp(&key(other));
        if first.is_ne() {
            return first;
        }
    }
    one.len().cmp(&other.len()).then_with(|| {
        for ((name, value), (other_name, other_value)) in one.iter().zip(other.iter()) {
            // of the first name that only one of them has, the one that has it comes later
            let different = other_name.cmp(name).then_with(|| value.cmp(other_value));
            if different.is_ne() {
                return different;
            }
        }
        Ordering::Equal
    })
}

/// What templates are tried with when a configuration is read: a group that fires in part, the same when it is over,
/// and an alert that says as little as one can.
pub(crate) fn samples() -> Vec<Value> {
    let (example, now) = sample::example();
    let mut over = example.clone();
    for alert in &mut over.alerts {
        alert.status = Status::Resolved;
        alert.ends_at.get_or_insert_with(|| now.timestamp());
    }
    let mut bare = Payload { alerts: example.alerts.iter().take(1).cloned().collect(), ..Payload::default() };
    for alert in &mut bare.alerts {
        alert.labels = [("alertname", "Down")].into_iter().collect();
        alert.annotations = Labels::default();
        alert.generator_url.clear();
    }
    let data = |payload: &Payload| {
        let view = sample::view("team", payload, now);
        data(&sample::message(&view, Action::Post, now))
    };
    [example, over, bare].iter().map(data).collect()
}
