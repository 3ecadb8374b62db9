//! A group of 50 alerts in Alertmanager's own form for Slack, and as a list with all labels and annotations.
//!
//! `cargo bench -p alertrouter --bench templates`

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should stop")]

use std::hint::black_box;

use alertrouter::template::{Alert, Data, Facts, Kv, Templates, Text};
use criterion::{Criterion, criterion_group, criterion_main};
use gotemplate::Value;
use jiff::Timestamp;

/// Alerts of the group.
const ALERTS: usize = 50;

/// What Alertmanager renders for Slack where the file says nothing.
const SLACK: [&str; 11] = [
    r#"{{ template "slack.default.color" . }}"#,
    r#"{{ template "slack.default.username" . }}"#,
    r#"{{ template "slack.default.title" . }}"#,
    r#"{{ template "slack.default.titlelink" . }}"#,
    r#"{{ template "slack.default.iconemoji" . }}"#,
    r#"{{ template "slack.default.iconurl" . }}"#,
    r#"{{ template "slack.default.pretext" . }}"#,
    r#"{{ template "slack.default.text" . }}"#,
    r#"{{ template "slack.default.fallback" . }}"#,
    r#"{{ template "slack.default.callbackid" . }}"#,
    r#"{{ template "slack.default.footer" . }}"#,
];

/// What people put into `text`.
const LIST: &str = r#"{{ template "__text_alert_list" .Alerts.Firing }}"#;

fn group() -> Value {
    let alert = |number: usize| {
        let instance = format!("cache-{number}:6379");
        let labels = [
            ("alertname", "RedisDown"),
            ("cluster", "eu-west-1"),
            ("instance", instance.as_str()),
            ("job", "redis"),
            ("severity", "critical"),
        ];
        let annotations = [
            (
                "description",
                "It has not answered for a minute. Sessions are lost, and people must log in again.",
            ),
            ("runbook_url", "https://runbooks.example/RedisDown"),
            ("summary", "Redis is down"),
        ];
        let url = "http://prometheus.example/graph?g0.expr=redis_up%20%3D%3D%200&g0.tab=1";
        let start = Timestamp::UNIX_EPOCH;
        let fingerprint = format!("{number:016x}");
        Alert::new(Facts::new("firing", Kv::new(labels), Kv::new(annotations), start, None, url, fingerprint))
    };
    Value::pointer(Data {
        receiver: "team".into(),
        status: "firing".into(),
        alerts: Some((0..ALERTS).map(alert).collect()),
        group_labels: Kv::new([("alertname", "RedisDown"), ("cluster", "eu-west-1")]),
        common_labels: Kv::new([
            ("alertname", "RedisDown"),
            ("cluster", "eu-west-1"),
            ("job", "redis"),
            ("severity", "critical"),
        ]),
        common_annotations: Kv::new([("summary", "Redis is down")]),
        external_url: "http://alertmanager.example:9093".into(),
        ..Data::default()
    })
}

fn render(criterion: &mut Criterion) {
    let templates = Templates::new(Timestamp::now).unwrap();
    let slack = SLACK.map(|text| templates.text(text).unwrap());
    let list = templates.text(LIST).unwrap();
    let data = group();
    let render = |texts: &[Text]| texts.iter().map(|text| text.render(&data).unwrap().len()).sum::<usize>();
    assert!(render(&slack) > 200 && render(std::slice::from_ref(&list)) > 10_000, "they say something");
    criterion.bench_function("slack's default, 50 alerts", |bencher| {
        bencher.iter(|| black_box(render(black_box(&slack))));
    });
    criterion.bench_function("a list of 50 alerts", |bencher| {
        bencher.iter(|| black_box(render(black_box(std::slice::from_ref(&list)))));
    });
}

criterion_group!(benches, render);
criterion_main!(benches);
