//! Dashboards that Grafana takes without a question, and whose every query can have data.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::tree::{Source, files};

/// Panel types of today; the old Angular ones are gone from Grafana.
const PANELS: [&str; 9] =
    ["alertlist", "bargauge", "gauge", "row", "stat", "state-timeline", "table", "text", "timeseries"];

/// Grafana's grid.
const COLUMNS: u64 = 24;

fn dashboards() -> Vec<(String, Value)> {
    let is_dashboard =
        |file: &&Source| file.path.starts_with("dashboards/") && !file.path.contains("provisioning");
    let read = |file: &Source| (file.path.clone(), serde_json::from_str(&file.text).unwrap());
    files(".json").iter().filter(is_dashboard).map(read).collect()
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = dashboard["panels"].as_array().unwrap();
    let nested = top.iter().filter_map(|panel| panel["panels"].as_array()).flatten();
    top.iter().chain(nested).collect()
}

#[test]
fn they_can_be_provisioned() {
    let mut uids = BTreeSet::new();
    for (path, dashboard) in dashboards() {
        assert!(
            dashboard["id"].is_null() && dashboard["__inputs"].is_null(),
            "{path}: exported, not written"
        );
        assert!((39..=41).contains(&dashboard["schemaVersion"].as_u64().unwrap()), "{path}");
        let uid = dashboard["uid"].as_str().unwrap().to_owned();
        assert!((8..=40).contains(&uid.len()) && uids.insert(uid.clone()), "{path}: {uid}");
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        for wanted in ["datasource", "job", "instance"] {
            assert!(variables.iter().any(|variable| variable["name"] == wanted), "{path}: no ${wanted}");
        }
    }
    assert!(!uids.is_empty(), "the dashboards were found");
}

#[test]
fn every_panel_says_what_it_shows() {
    for (path, dashboard) in dashboards() {
        let mut ids = BTreeSet::new();
        for panel in panels(&dashboard) {
            let title = panel["title"].as_str().unwrap();
            let kind = panel["type"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{path} `{title}`: its id is taken");
            assert!(PANELS.contains(&kind), "{path} `{title}`: {kind}");
            if kind == "row" {
                continue;
            }
            assert!(
                !panel["description"].as_str().unwrap_or_default().is_empty(),
                "{path} `{title}`: no description"
            );
            for target in panel["targets"].as_array().into_iter().flatten() {
                let query = target["expr"].as_str().unwrap();
                assert!(
                    !query.contains("rate(") || query.contains("$__rate_interval"),
                    "{path} `{title}`: {query}"
                );
            }
        }
    }
}

#[test]
fn no_panel_lies_on_another() {
    for (path, dashboard) in dashboards() {
        let place = |panel: &Value| {
            let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            (side("x"), side("y"), side("x") + side("w"), side("y") + side("h"))
        };
        let top: Vec<_> =
            dashboard["panels"].as_array().unwrap().iter().map(|panel| (place(panel), panel)).collect();
        for (at, (a, panel)) in top.iter().enumerate() {
            assert!(a.2 <= COLUMNS, "{path} {}", panel["title"]);
            for (b, other) in top.iter().skip(at + 1) {
                let apart = a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 || b.3 <= a.1;
                assert!(apart, "{path}: {} lies on {}", panel["title"], other["title"]);
            }
        }
    }
}

/// Every `redis_*` metric that a rule or a dashboard names is in the exporter's own documents.
#[test]
fn redis_metrics_exist() {
    let pages = files(".md").into_iter().filter(|page| page.path.starts_with("exporters/redis/"));
    let reference: String = pages.map(|page| page.text).collect();
    let rules = files(".rules.yml").into_iter().filter(|file| file.path == "rules/redis.rules.yml");
    let boards = files(".json").into_iter().filter(|file| file.path == "dashboards/redis.json");
    for file in rules.chain(boards) {
        for word in file.text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        {
            let Some(name) = word.strip_prefix("redis_") else { continue };
            let base =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            let known = [name, base].iter().any(|name| reference.contains(&format!("`redis_{name}`")));
            assert!(
                known || NOT_METRICS.contains(&word),
                "{}: {word} is not in exporters/redis/*.md",
                file.path
            );
        }
    }
}

/// Words in those files that look like metrics: a program, and labels.
const NOT_METRICS: [&str; 4] = ["redis_build_id", "redis_exporter", "redis_mode", "redis_version"];
