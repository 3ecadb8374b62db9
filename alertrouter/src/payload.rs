//! Alertmanager's webhook payload, version 4, read with patience.
//!
//! What is odd but can be understood is accepted, counted as an [`Oddity`], and never refused: a refusal would make
//! Alertmanager drop the alert or send the same bytes for ever. Only a body that is no JSON object with alerts at all
//! is an error, and such a body is kept in quarantine.
//!
//! Invariants:
//! - A year-1 `endsAt` is "not ended", never a time.
//! - Of a fingerprint and labels that disagree, the labels are right.
//! - The status of the whole group is not used: it is computed after truncation and can lie.

use std::collections::HashSet;
use std::fmt;

use jiff::Timestamp;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::labels::Labels;

/// One webhook request: the visible alerts of one Alertmanager group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Payload {
    /// The receiver's name, as it stands in Alertmanager's file (it arrives quoted for a regexp).
    pub receiver: String,
    /// The labels Alertmanager grouped by.
    pub group_labels: Labels,
    /// Where Alertmanager is reachable; differs per replica and must never be part of an identity.
    pub external_url: String,
    /// Why it was sent (Alertmanager 0.32 and later), empty else.
    pub notification_reason: String,
    /// How many alerts `max_alerts` cut off.
    pub truncated_alerts: u64,
    /// The alerts, each fingerprint once.
    pub alerts: Vec<Alert>,
    /// What was odd about it.
    pub oddities: Vec<Oddity>,
}

/// One alert of a payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Alertmanager's fingerprint of the labels.
    pub fingerprint: u64,
    /// Firing or resolved.
    pub status: Status,
    /// The labels, which are the alert's identity.
    pub labels: Labels,
    /// The annotations, which may change while it fires.
    pub annotations: Labels,
    /// When it started; none when the sender did not say so in a way that can be read.
    pub starts_at: Option<Timestamp>,
    /// When it ended; none while it fires.
    pub ends_at: Option<Timestamp>,
    /// Link to the expression in Prometheus, or empty.
    pub generator_url: String,
}

/// The state of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It is true now.
    Firing,
    /// It was true.
    Resolved,
}

/// Something in a payload that was accepted but is not as documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Oddity {
    /// A version other than "4".
    Version,
    /// A key that is not known.
    UnknownKey,
    /// An alert status other than firing and resolved; taken as firing, unless the alert has ended.
    UnknownStatus,
    /// No fingerprint; computed.
    MissingFingerprint,
    /// A fingerprint that is not that of the labels; the labels are used.
    WrongFingerprint,
    /// Two alerts with the same labels; the firing, later one is used.
    DuplicateAlert,
    /// A time that cannot be read.
    BadTime,
    /// No alerts.
    Empty,
}

impl Oddity {
    /// The closed set of names for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::UnknownKey => "unknown_key",
            Self::UnknownStatus => "unknown_status",
            Self::MissingFingerprint => "missing_fingerprint",
            Self::WrongFingerprint => "wrong_fingerprint",
            Self::DuplicateAlert => "duplicate_alert",
            Self::BadTime => "bad_time",
            Self::Empty => "empty",
        }
    }
}

/// A body that is not a payload. The text never quotes the body.
#[derive(Debug, thiserror::Error)]
#[error("not a webhook payload: {kind} at line {line}, column {column}")]
pub struct PayloadError {
    kind: &'static str,
    line: usize,
    column: usize,
}

impl Payload {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<Self, PayloadError> {
        let raw: RawPayload = serde_json::from_slice(body).map_err(|error| PayloadError {
            kind: match error.classify() {
                serde_json::error::Category::Eof => "the body ends too early",
                serde_json::error::Category::Data => "a value has the wrong type",
                _ => "the body is not JSON",
            },
            line: error.line(),
            column: error.column(),
        })?;
        let Some(alerts) = raw.alerts else {
            return Err(PayloadError { kind: "there is no list of alerts", line: 1, column: 1 });
        };
        let mut oddities = raw.oddities;
        if raw.version != "4" {
            oddities.push(Oddity::Version);
        }
        if alerts.is_empty() {
            oddities.push(Oddity::Empty);
        }
        let alerts: Vec<Alert> = alerts.into_iter().map(|alert| alert.check(&mut oddities)).collect();
        Ok(Self {
            receiver: unquote(&raw.receiver),
            group_labels: raw.group_labels,
            external_url: raw.external_url,
            notification_reason: raw.notification_reason,
            truncated_alerts: raw.truncated_alerts,
            alerts: unique(alerts, &mut oddities),
            oddities,
        })
    }
}

impl Alert {
    /// The labels' `alertname`, or a name for an alert that has none.
    pub fn name(&self) -> &str {
        match self.labels.value("alertname") {
            "" => "alert",
            name => name,
        }
    }
}

/// Keeps one alert of each fingerprint: the one that started last, and of those the firing one, because missing a
/// page is worse than one too many.
fn unique(alerts: Vec<Alert>, oddities: &mut Vec<Oddity>) -> Vec<Alert> {
    let mut seen = HashSet::with_capacity(alerts.len());
    if alerts.iter().all(|alert| seen.insert(alert.fingerprint)) {
        return alerts;
    }
    let rank = |alert: &Alert| (alert.starts_at, alert.status == Status::Firing);
    let mut kept: Vec<Alert> = Vec::with_capacity(seen.len());
    for alert in alerts {
        match kept.iter_mut().find(|known| known.fingerprint == alert.fingerprint) {
            None => kept.push(alert),
            Some(known) => {
                oddities.push(Oddity::DuplicateAlert);
                if rank(&alert) > rank(known) {
                    *known = alert;
                }
            }
        }
    }
    kept
}

/// Undoes Go's `regexp.QuoteMeta`, which Alertmanager applies to the receiver's name.
fn unquote(quoted: &str) -> String {
    let mut name = String::with_capacity(quoted.len());
    let mut characters = quoted.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some(next)) if QUOTED.contains(*next) => {
                name.push(*next);
                characters.next();
            }
            _ => name.push(character),
        }
    }
    name
}

/// Does what Go's `regexp.QuoteMeta` does, for those who are told as Alertmanager would tell them.
pub(crate) fn quote(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len());
    for character in name.chars() {
        if QUOTED.contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

/// What `regexp.QuoteMeta` puts a backslash before.
const QUOTED: &str = r"\.+*?()|[]{}^$";

#[derive(Default)]
struct RawPayload {
    receiver: String,
    group_labels: Labels,
    external_url: String,
    version: String,
    notification_reason: String,
    truncated_alerts: u64,
    alerts: Option<Vec<RawAlert>>,
    oddities: Vec<Oddity>,
}

impl<'de> Deserialize<'de> for RawPayload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PayloadKeys)
    }
}

struct PayloadKeys;

impl<'de> Visitor<'de> for PayloadKeys {
    type Value = RawPayload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a webhook payload")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawPayload, A::Error> {
        let mut payload = RawPayload::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "receiver" => payload.receiver = text(&mut map)?,
                "groupLabels" => payload.group_labels = map.next_value()?,
                "externalURL" => payload.external_url = text(&mut map)?,
                "version" => payload.version = text(&mut map)?,
                "notification_reason" => payload.notification_reason = text(&mut map)?,
                "truncatedAlerts" => payload.truncated_alerts = number(&map.next_value()?),
                "alerts" => {
                    payload.alerts = Some(map.next_value::<Option<Vec<RawAlert>>>()?.unwrap_or_default());
                }
                "status" | "commonLabels" | "commonAnnotations" | "routeLabels" | "groupKey" => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    payload.oddities.push(Oddity::UnknownKey);
                }
            }
        }
        Ok(payload)
    }
}

#[derive(Default)]
struct RawAlert {
    status: String,
    labels: Labels,
    annotations: Labels,
    starts_at: String,
    ends_at: String,
    generator_url: String,
    fingerprint: String,
    unknown_keys: usize,
}

impl<'de> Deserialize<'de> for RawAlert {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AlertKeys)
    }
}

struct AlertKeys;

impl<'de> Visitor<'de> for AlertKeys {
    type Value = RawAlert;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an alert")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawAlert, A::Error> {
        let mut alert = RawAlert::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "status" => alert.status = text(&mut map)?,
                "labels" => alert.labels = map.next_value()?,
                "annotations" => alert.annotations = map.next_value()?,
                "startsAt" => alert.starts_at = text(&mut map)?,
                "endsAt" => alert.ends_at = text(&mut map)?,
                "generatorURL" => alert.generator_url = text(&mut map)?,
                "fingerprint" => alert.fingerprint = text(&mut map)?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    alert.unknown_keys += 1;
                }
            }
        }
        Ok(alert)
    }
}

impl RawAlert {
    fn check(self, oddities: &mut Vec<Oddity>) -> Alert {
        if self.unknown_keys > 0 {
            oddities.push(Oddity::UnknownKey);
        }
        let mut time = |text: &str| {
            let time = read_time(text);
            if time.is_err() {
                oddities.push(Oddity::BadTime);
            }
            time.unwrap_or(None)
        };
        let starts_at = time(&self.starts_at);
        let ends_at = time(&self.ends_at);
        let status = match self.status.as_str() {
            "firing" => Status::Firing,
            "resolved" => Status::Resolved,
            _ => {
                oddities.push(Oddity::UnknownStatus);
                if ends_at.is_some() { Status::Resolved } else { Status::Firing }
            }
        };
        let fingerprint = self.labels.fingerprint();
        if self.fingerprint.is_empty() {
            oddities.push(Oddity::MissingFingerprint);
        } else if u64::from_str_radix(&self.fingerprint, 16) != Ok(fingerprint) {
            oddities.push(Oddity::WrongFingerprint);
        }
        Alert {
            fingerprint,
            status,
            labels: self.labels,
            annotations: self.annotations,
            starts_at,
            ends_at: ends_at.filter(|_| status == Status::Resolved),
            generator_url: self.generator_url,
        }
    }
}

/// An RFC 3339 time; the empty text and year 1 (Go's zero time) are no time.
fn read_time(text: &str) -> Result<Option<Timestamp>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    let time: Timestamp = text.parse().map_err(|_| ())?;
    Ok((time > YEAR_2).then_some(time))
}

/// Go's zero time in any zone lies before this.
const YEAR_2: Timestamp = Timestamp::constant(-62_104_060_800, 0);

/// A text, or null for the empty one.
fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<String, A::Error> {
    Ok(map.next_value::<Option<String>>()?.unwrap_or_default())
}

/// A count that may be beyond what fits, or no number at all: display only, so it saturates.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float casts saturate, which is wanted"
)]
fn number(value: &serde_json::Value) -> u64 {
    value.as_u64().unwrap_or_else(|| value.as_f64().unwrap_or(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(alert: &str) -> Payload {
        Payload::parse(format!(r#"{{"version":"4","alerts":[{alert}]}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn a_real_payload() {
        let body = r#"{"receiver":"web\\.hook-1\\(a\\)","status":"firing","alerts":[{"status":"firing","labels":
            {"alertname":"test"},"annotations":{"summary":"a \u003c b"},"startsAt":"2026-08-01T10:00:00.123456789+02:00",
            "endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/graph","fingerprint":"1f56cb8f931d1bd4"}],
            "groupLabels":{"alertname":"test"},"commonLabels":{},"commonAnnotations":{},"routeLabels":{},
            "externalURL":"http://am:9093","version":"4","groupKey":"{}:{alertname=\"test\"}",
            "notification_reason":"first notification","truncatedAlerts":18446744073709551615}
            "#;
        let payload = Payload::parse(body.as_bytes()).unwrap();
        assert_eq!(payload.receiver, "web.hook-1(a)");
        assert_eq!(payload.truncated_alerts, u64::MAX);
        assert_eq!(payload.oddities, []);
        let alert = payload.alerts.first().unwrap();
        assert_eq!(alert.fingerprint, 0x1f56_cb8f_931d_1bd4);
        assert_eq!(alert.starts_at.unwrap().to_string(), "2026-08-01T08:00:00.123456789Z");
        assert_eq!(alert.ends_at, None);
        assert_eq!(alert.annotations.value("summary"), "a < b");
    }

    #[test]
    fn odd_alerts_are_taken() {
        let labels = r#""labels":{"foo":"bar"},"fingerprint":"3fff2c2d7595e046""#;
        for (alert, status, oddities) in [
            (format!(r#"{{{labels},"status":"firing"}}"#), Status::Firing, vec![]),
            (format!(r#"{{{labels},"status":"muted"}}"#), Status::Firing, vec![Oddity::UnknownStatus]),
            (
                format!(r#"{{{labels},"status":"x","endsAt":"2026-01-01T00:00:00Z"}}"#),
                Status::Resolved,
                vec![Oddity::UnknownStatus],
            ),
            (
                format!(r#"{{{labels},"status":"firing","new":{{"a":[1]}}}}"#),
                Status::Firing,
                vec![Oddity::UnknownKey],
            ),
            (
                format!(r#"{{{labels},"status":"firing","startsAt":"soon"}}"#),
                Status::Firing,
                vec![Oddity::BadTime],
            ),
            (
                r#"{"status":"firing","labels":{"foo":"bar"}}"#.to_owned(),
                Status::Firing,
                vec![Oddity::MissingFingerprint],
            ),
            (
                r#"{"status":"firing","labels":{"foo":"bar"},"fingerprint":"1"}"#.to_owned(),
                Status::Firing,
                vec![Oddity::WrongFingerprint],
            ),
        ] {
            let payload = parse(&alert);
            let read = payload.alerts.first().unwrap();
            assert_eq!((read.status, payload.oddities), (status, oddities), "{alert}");
            assert_eq!(read.fingerprint, 0x3fff_2c2d_7595_e046, "{alert}");
        }
    }

    #[test]
    fn odd_payloads_are_taken() {
        for (body, alerts, oddities) in [
            (
                r#"{"version":"1","orgId":1,"alerts":[]}"#,
                0,
                vec![Oddity::UnknownKey, Oddity::Version, Oddity::Empty],
            ),
            (r#"{"version":"4","alerts":null}"#, 0, vec![Oddity::Empty]),
            (
                r#"{"version":"4","alerts":[{"status":"resolved","labels":{"foo":"bar"},"fingerprint":"3fff2c2d7595e046"},
                   {"status":"firing","labels":{"foo":"bar"},"fingerprint":"3fff2c2d7595e046"}]}"#,
                1,
                vec![Oddity::DuplicateAlert],
            ),
        ] {
            let payload = Payload::parse(body.as_bytes()).unwrap();
            assert_eq!((payload.alerts.len(), payload.oddities), (alerts, oddities), "{body}");
            assert!(payload.alerts.iter().all(|alert| alert.status == Status::Firing));
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named_without_quoting_it() {
        for (body, expected) in [
            ("", "not a webhook payload: the body ends too early at line 1, column 0"),
            ("{\"alerts\":", "not a webhook payload: the body ends too early at line 1, column 10"),
            ("secret", "not a webhook payload: the body is not JSON at line 1, column 1"),
            ("{}", "not a webhook payload: there is no list of alerts at line 1, column 1"),
            ("[]", "not a webhook payload: a value has the wrong type at line 1, column 0"),
            (
                r#"{"alerts":[{"labels":"x"}]}"#,
                "not a webhook payload: a value has the wrong type at line 1, column 24",
            ),
        ] {
            assert_eq!(Payload::parse(body.as_bytes()).unwrap_err().to_string(), expected, "{body}");
        }
        assert!(Payload::parse(b"{\"alerts\":[],\"receiver\":\"\xff\"}").is_err());
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_payload_never_panics(
            cuts in proptest::collection::vec((0usize..400, 0usize..40, "[\\\\\"{}\\[\\]:,0-9a-z\u{0}-\u{20}]{0,8}"), 1..6),
        ) {
            let mut body = r#"{"receiver":"web\\.hook","status":"firing","alerts":[{"status":"firing","labels":
                {"alertname":"test","x":"\u003c\ud83d\ude42"},"annotations":{"summary":"a"},"startsAt":
                "2026-08-01T10:00:00.123456789+02:00","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p",
                "fingerprint":"1f56cb8f931d1bd4"}],"groupLabels":{"alertname":"test"},"version":"4",
                "truncatedAlerts":0}"#.as_bytes().to_vec();
            for (from, length, new) in cuts {
                let from = from.min(body.len());
                let to = (from + length).min(body.len());
                body.splice(from..to, new.bytes());
            }
            if let Ok(payload) = Payload::parse(&body) {
                let all: HashSet<u64> = payload.alerts.iter().map(|alert| alert.fingerprint).collect();
                proptest::prop_assert_eq!(all.len(), payload.alerts.len());
            }
        }

        #[test]
        fn no_body_panics(body in "\\PC{0,200}", name in "\\PC{0,20}", value in "\\PC{0,20}", time in "[0-9TZ:.+-]{0,30}") {
            drop(Payload::parse(body.as_bytes()));
            let alert = serde_json::json!({ "labels": { name: value }, "startsAt": time, "status": "firing" });
            let read = Payload::parse(serde_json::json!({ "alerts": [alert] }).to_string().as_bytes());
            proptest::prop_assert!(read.is_ok());
        }
    }
}
