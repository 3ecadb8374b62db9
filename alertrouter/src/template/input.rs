//! `--template.data`: JSON as Go reads it into `template.Data`.

use gotemplate::Str;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value as Json};

use super::data::{Alert, Data, Facts, Kv};
use super::layout;
use super::time::{Time, ZERO};

/// Reads the file.
///
/// # Errors
/// It is not JSON (in our words), or a value has another type (in Go's).
pub(super) fn read(json: &[u8]) -> Result<Data, String> {
    let json: Json = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let top = match json {
        Json::Null => return Ok(Data::default()),
        Json::Object(top) => top,
        other => {
            return Err(format!(
                "json: cannot unmarshal {} into Go value of type template.Data",
                kind(&other)
            ));
        }
    };
    let mut data = Data::default();
    for (key, value) in fields(&top) {
        match key.as_str() {
            "receiver" => data.receiver = string(value, "Data.receiver")?,
            "status" => data.status = string(value, "Data.status")?,
            "notification_reason" => data.notification_reason = string(value, "Data.notification_reason")?,
            "externalurl" => data.external_url = string(value, "Data.externalURL")?,
            "grouplabels" => data.group_labels = kv(&data.group_labels, value, "Data.groupLabels")?,
            "commonlabels" => data.common_labels = kv(&data.common_labels, value, "Data.commonLabels")?,
            "commonannotations" => {
                data.common_annotations = kv(&data.common_annotations, value, "Data.commonAnnotations")?;
            }
            "routelabels" => data.route_labels = kv(&data.route_labels, value, "Data.routeLabels")?,
            "alerts" => {
                data.alerts = match value {
                    Json::Null => None,
                    Json::Array(alerts) => Some(alerts.iter().map(alert).collect::<Result<_, _>>()?),
                    other => return Err(wrong(other, "Data.alerts", "template.Alerts")),
                }
            }
            _ => {}
        }
    }
    Ok(data)
}

fn alert(json: &Json) -> Result<Alert, String> {
    let mut facts = Facts {
        status: Str::default(),
        labels: Kv::default(),
        annotations: Kv::default(),
        starts_at: Time::utc(ZERO),
        ends_at: Time::utc(ZERO),
        generator_url: Str::default(),
        fingerprint: Str::default(),
    };
    let object = match json {
        Json::Null => return Ok(Alert::new(facts)),
        Json::Object(object) => object,
        other => return Err(wrong(other, "Data.alerts", "template.Alert")),
    };
    for (key, value) in fields(object) {
        match key.as_str() {
            "status" => facts.status = string(value, "Data.alerts.status")?,
            "labels" => facts.labels = kv(&facts.labels, value, "Data.alerts.labels")?,
            "annotations" => facts.annotations = kv(&facts.annotations, value, "Data.alerts.annotations")?,
            "startsat" => facts.starts_at = time(value)?,
            "endsat" => facts.ends_at = time(value)?,
            "generatorurl" => facts.generator_url = string(value, "Data.alerts.generatorURL")?,
            "fingerprint" => facts.fingerprint = string(value, "Data.alerts.fingerprint")?,
            _ => {}
        }
    }
    Ok(Alert::new(facts))
}

/// The fields with their names in small letters: Go looks for them so.
fn fields(object: &Map<String, Json>) -> impl Iterator<Item = (String, &Json)> {
    object.iter().map(|(key, value)| (key.to_lowercase(), value))
}

fn string(json: &Json, field: &str) -> Result<Str, String> {
    match json {
        Json::Null => Ok(Str::default()),
        Json::String(text) => Ok(text.as_str().into()),
        other => Err(wrong(other, field, "string")),
    }
}

/// A map adds to what the same field under another spelling has given.
fn kv(known: &Kv, json: &Json, field: &str) -> Result<Kv, String> {
    match json {
        Json::Null => Ok(Kv::default()),
        Json::Object(pairs) => {
            let pair = |(name, value): (&String, &Json)| {
                Ok((Str::from(name.as_str()), string(value, &format!("{field}.{name}"))?))
            };
            Ok(known.with(pairs.iter().map(pair).collect::<Result<_, String>>()?))
        }
        other => Err(wrong(other, field, "template.KV")),
    }
}

fn time(json: &Json) -> Result<Time, String> {
    match json {
        Json::Null => Ok(Time::utc(ZERO)),
        Json::String(text) => layout::parse("2006-01-02T15:04:05Z07:00", text).map(Time),
        _ => Err("Time.UnmarshalJSON: input is not a JSON string".to_owned()),
    }
}

fn wrong(json: &Json, field: &str, wanted: &str) -> String {
    format!("json: cannot unmarshal {} into Go struct field {field} of type {wanted}", kind(json))
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// Two alerts, one of each kind: what a text is tried with unless there is a file.
pub(super) fn example(now: Timestamp) -> Data {
    let ago = |minutes: i64| Time::utc(now.saturating_sub(SignedDuration::from_mins(minutes)).unwrap_or(now));
    let common = [("commonlabelkey1", "commonlabelvalue1"), ("commonlabelkey2", "commonlabelvalue2")];
    let notes = [
        ("commonannotationkey1", "commonannotationvalue1"),
        ("commonannotationkey2", "commonannotationvalue2"),
    ];
    let firing = Facts {
        status: "firing".into(),
        labels: Kv::new(
            [("label1", "value1"), ("label2", "value2"), ("instance", "foo.bar:1234")]
                .into_iter()
                .chain(common),
        ),
        annotations: Kv::new([("annotation1", "value1"), ("annotation2", "value2")].into_iter().chain(notes)),
        starts_at: ago(5),
        ends_at: ago(0),
        generator_url: "https://generatorurl.com".into(),
        fingerprint: "fingerprint1".into(),
    };
    let resolved = Facts {
        status: "resolved".into(),
        labels: Kv::new([("foo", "bar"), ("baz", "qux")].into_iter().chain(common)),
        annotations: Kv::new([("aaa", "bbb"), ("ccc", "ddd")].into_iter().chain(notes)),
        starts_at: ago(10),
        ends_at: ago(0),
        generator_url: "https://generatorurl.com".into(),
        fingerprint: "fingerprint2".into(),
    };
    Data {
        receiver: "receiver".into(),
        status: "alertstatus".into(),
        alerts: Some([Alert::new(firing), Alert::new(resolved)].into()),
        group_labels: Kv::new([
            ("grouplabelkey1", "grouplabelvalue1"),
            ("grouplabelkey2", "grouplabelvalue2"),
        ]),
        common_labels: Kv::new(common),
        common_annotations: Kv::new(notes),
        external_url: "https://example.com".into(),
        ..Data::default()
    }
}
