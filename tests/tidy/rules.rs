//! Every alert has its annotations, its runbook, and unit tests in which it fires and in which it is silent.

use std::collections::BTreeSet;

use toolkit::config::{Document, Fields};

use crate::tree::{Source, files, root};

/// Annotations that every alert carries.
const ANNOTATIONS: [&str; 4] = ["summary", "description", "runbook_url", "dashboard_url"];

/// Fires always, by design: it is silent only when Prometheus is gone.
const NEVER_SILENT: &str = "Watchdog";

struct Alert {
    name: String,
    severity: String,
    annotations: Vec<(String, String)>,
}

#[test]
fn every_alert_says_how_bad_it_is_and_where_to_read_on() {
    let alerts = alerts();
    assert!(alerts.len() > 10, "the rules were found");
    for alert in &alerts {
        let name = &alert.name;
        assert!(["critical", "warning", "info", "none"].contains(&alert.severity.as_str()), "{name}");
        for wanted in ANNOTATIONS {
            let found = alert.annotations.iter().find(|(key, _)| key == wanted);
            assert!(found.is_some_and(|(_, value)| !value.is_empty()), "{name} has no {wanted}");
        }
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let alerts: BTreeSet<String> = alerts().into_iter().map(|alert| alert.name).collect();
    let runbooks: BTreeSet<String> = files(".md")
        .iter()
        .filter_map(|page| page.path.strip_prefix("rules/runbooks/")?.strip_suffix(".md").map(str::to_owned))
        .collect();
    assert_eq!(alerts, runbooks);
}

#[test]
fn every_alert_is_tested_firing_and_silent() {
    let cases: Vec<(String, bool)> = files(".test.yml")
        .iter()
        .filter(|file| file.path.starts_with("rules/tests/"))
        .flat_map(cases)
        .collect();
    for alert in alerts() {
        for fires in [true, false] {
            if fires || alert.name != NEVER_SILENT {
                let tested = cases.iter().any(|(name, fired)| *name == alert.name && *fired == fires);
                assert!(
                    tested,
                    "{}: no unit test in which it {}",
                    alert.name,
                    if fires { "fires" } else { "is silent" }
                );
            }
        }
    }
}

fn alerts() -> Vec<Alert> {
    let mut found = Vec::new();
    for file in files(".rules.yml") {
        let document = Document::read(&root().join(&file.path)).unwrap();
        let alerts = document.decode(|mut top| {
            top.list("groups", |group| {
                let mut group = group.fields()?;
                let rules = group.list("rules", |rule| rule.fields().map(alert));
                ignore_rest(&mut group);
                Some(rules)
            })
        });
        found.extend(alerts.unwrap().into_iter().flatten());
    }
    found
}

fn alert(mut rule: Fields<'_>) -> Alert {
    let labels = rule.string_map("labels");
    let severity = labels.into_iter().find(|(key, _)| key == "severity").map(|(_, value)| value);
    let alert = Alert {
        name: rule.required_string("alert"),
        severity: severity.unwrap_or_default(),
        annotations: rule.string_map("annotations"),
    };
    ignore_rest(&mut rule);
    alert
}

/// The alerts that a file of unit tests names, and whether they are expected.
fn cases(file: &Source) -> Vec<(String, bool)> {
    let document = Document::read(&root().join(&file.path)).unwrap();
    let cases = document.decode(|mut top| {
        let tests = top.list("tests", |test| {
            let mut test = test.fields()?;
            let cases = test.list("alert_rule_test", |case| {
                let mut case = case.fields()?;
                let name = case.required_string("alertname");
                let fires = !case.list("exp_alerts", |_| Some(())).is_empty();
                ignore_rest(&mut case);
                Some((name, fires))
            });
            ignore_rest(&mut test);
            Some(cases)
        });
        ignore_rest(&mut top);
        tests
    });
    cases.unwrap().into_iter().flatten().collect()
}

fn ignore_rest(fields: &mut Fields<'_>) {
    let keys: Vec<&str> = fields.keys().collect();
    for key in keys {
        fields.ignore(key);
    }
}
