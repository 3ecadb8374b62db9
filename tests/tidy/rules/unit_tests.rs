//! Every alert has a case in which it fires and one in which it is silent, on series that its exporter has.

use std::collections::BTreeSet;

use toolkit::config::Document;

use crate::findings::{Finding, Place};
use crate::metrics::Catalogue;
use crate::promql::{Scope, parse};
use crate::tree::{Source, files, root};

use super::Rule;
use super::model::ignore_rest;

/// Fires always, by design: it is silent only when Prometheus is gone.
const NEVER_SILENT: &str = "Watchdog";

/// What one file of unit tests holds.
struct Tests {
    file: String,
    /// Alerts, and whether they are expected.
    cases: Vec<(String, bool)>,
    series: BTreeSet<String>,
}

pub(super) fn findings(rules: &[Rule], catalogue: &Catalogue) -> Vec<Finding> {
    let in_folder = |file: &Source| file.path.starts_with("rules/tests/");
    let tests: Vec<Tests> =
        files(".test.yml").into_iter().filter(in_folder).filter_map(|file| read(&file)).collect();
    let mut found = Vec::new();
    for rule in rules.iter().filter(|rule| rule.is_alert) {
        for (fires, word) in [(true, "fires"), (false, "is silent")] {
            let mut cases = tests.iter().flat_map(|tests| &tests.cases);
            let tested = cases.any(|(name, fired)| *name == rule.name && *fired == fires);
            if !tested && (fires || rule.name != NEVER_SILENT) {
                found.push(rule.finding("tested", format!("no case in rules/tests/ in which it {word}")));
            }
        }
    }
    for tests in &tests {
        let finding = |rule, cause| Finding { file: tests.file.clone(), place: Place::FILE, rule, cause };
        for (name, _) in &tests.cases {
            if !rules.iter().any(|rule| rule.is_alert && rule.name == *name) {
                found.push(finding("tested", format!("there is no alert {name}")));
            }
        }
        for series in &tests.series {
            let mut scope = Scope::new(catalogue);
            match parse(series) {
                Ok(expr) => drop(scope.labels(&expr)),
                Err(error) => scope.problems.push(error),
            }
            found.extend(
                scope
                    .problems
                    .into_iter()
                    .map(|cause| finding("metrics-and-labels", format!("series {cause}"))),
            );
        }
    }
    found
}

/// Reads a file; one that is no YAML is told of elsewhere.
fn read(file: &Source) -> Option<Tests> {
    let document = Document::read(&root().join(&file.path)).ok()?;
    let mut series = BTreeSet::new();
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
            series.extend(test.list("input_series", |input| {
                let mut input = input.fields()?;
                let series = input.required_string("series");
                ignore_rest(&mut input);
                Some(series)
            }));
            ignore_rest(&mut test);
            Some(cases)
        });
        ignore_rest(&mut top);
        tests
    });
    Some(Tests { file: file.path.clone(), cases: cases.ok()?.into_iter().flatten().collect(), series })
}
