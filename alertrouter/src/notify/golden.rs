//! How messages look: one group in its forms, kept as snapshots; and that no input breaks a limit.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::card::Card;
use super::slack::blocks;
use super::{Size, email};
use crate::labels::Labels;
use crate::moment::Moment;
use crate::payload::Status;
use crate::store::{LiveAlert, View};

const NOW: Moment = Moment(1_785_580_200_000_000);

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn alert(instance: &str, status: Status) -> LiveAlert {
    let since = Moment(NOW.0 - 1_800_000_000);
    LiveAlert {
        fingerprint: 1,
        status,
        starts_at: Some(since),
        ends_at: (status == Status::Resolved).then_some(Moment(NOW.0 - 60_000_000)),
        episode: 1,
        fired: 1,
        first_seen: since,
        labels: labels(&[
            ("alertname", "RedisDown"),
            ("instance", instance),
            ("severity", "critical"),
            ("job", "redis"),
        ]),
        annotations: labels(&[
            ("summary", "Redis <is> down & out"),
            ("description", "No answer\nfor a minute."),
            ("runbook_url", "https://runbooks.example/RedisDown"),
        ]),
        generator_url: "http://prometheus.example/graph?g0.expr=redis_up&g0.tab=1".to_owned(),
        content: 1,
    }
}

fn view(alerts: Vec<LiveAlert>) -> View {
    View {
        thread: 1,
        receiver: "team".to_owned(),
        labels: labels(&[("alertname", "RedisDown"), ("cluster", "eu")]),
        episode: 1,
        group_revision: 1,
        sent_revision: 0,
        external_url: "http://alertmanager.example:9093".to_owned(),
        alerts,
        sent: None,
        sent_count: 0,
        place: None,
        revision: 1,
        again: false,
        in_doubt: false,
        attempts: 0,
        created_at: NOW,
        progress: None,
    }
}

fn slack(view: &View, size: Size) -> Value {
    let alerts: Vec<&LiveAlert> = view.alerts.iter().collect();
    let rendered = blocks::render(&Card::new(view, &alerts), size, NOW);
    json!({ "text": rendered.text, "attachments": rendered.attachments })
}

#[test]
fn slack_messages() {
    let mixed = view(vec![alert("a:6379", Status::Firing), alert("b:6379", Status::Resolved)]);
    let over = view(vec![alert("a:6379", Status::Resolved)]);
    let show = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    insta::assert_snapshot!("slack_full", show(&slack(&mixed, Size::Full)));
    insta::assert_snapshot!("slack_plain", show(&slack(&mixed, Size::Plain)));
    insta::assert_snapshot!("slack_resolved", show(&slack(&over, Size::Compact)));
}

#[test]
fn mails() {
    let mixed = view(vec![alert("a:6379", Status::Firing), alert("b:6379", Status::Resolved)]);
    let alerts: Vec<&LiveAlert> = mixed.alerts.iter().collect();
    let card = Card::new(&mixed, &alerts);
    insta::assert_snapshot!("mail_text", email::render::text(&card, Size::Full, NOW));
    insta::assert_snapshot!("mail_html", email::render::html(&card, Size::Full, NOW).replace("><", ">\n<"));
}

/// Every text in a message, wherever it stands.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => map.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_input_breaks_slacks_limits(
        text in "(\\PC|[<>&!|@`*\n]){0,6000}",
        count in 1_usize..60,
        url in "(https://|javascript:)?\\PC{0,3500}",
    ) {
        let mut one = alert(&text, Status::Firing);
        one.annotations = [("summary", &text), ("description", &text), ("runbook_url", &url)].into_iter().collect();
        let view = view(vec![one; count]);
        for size in [Size::Full, Size::Compact, Size::Plain] {
            let message = slack(&view, size);
            let blocks = message["attachments"][0]["blocks"].as_array().map_or(0, Vec::len);
            prop_assert!(blocks <= 50);
            let mut found = Vec::new();
            texts(&message, &mut found);
            let length = |text: &String| text.encode_utf16().count();
            prop_assert!(found.iter().all(|text| length(text) <= 3000));
            prop_assert!(found.iter().map(length).sum::<usize>() <= 13_200);
            for text in &found {
                // what stands in angle brackets is ours: a link to the web or a date
                for inside in text.split('<').skip(1) {
                    prop_assert!(inside.starts_with("http") || inside.starts_with("!date^"), "{}", inside);
                }
            }
        }
    }
}
