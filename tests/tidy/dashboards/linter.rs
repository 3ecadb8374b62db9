//! What Grafana's dashboard-linter asks of dashboards on Prometheus, rule by rule under its names.
//!
//! Stricter than it: every kind of panel that has queries is looked at, tables and bar gauges as well.

use std::collections::BTreeSet;

use promql_parser::label::MatchOp;
use promql_parser::parser::Expr;
use serde_json::Value;

use crate::promql::{RATE_INTERVAL, chosen};

use super::model::{Dashboard, Panel, Target, Variable, text};
use super::units::UNITS;
use super::{Asks, Rule, World};

pub(super) static RULES: [Rule; 15] = [
    Rule { name: "template-datasource-rule", asks: Asks::Dashboard(template_datasource) },
    Rule { name: "template-job-rule", asks: Asks::Dashboard(|_, it| template(it, "job", "Job")) },
    Rule {
        name: "template-instance-rule",
        asks: Asks::Dashboard(|_, it| template(it, "instance", "Instance")),
    },
    Rule { name: "template-label-promql-rule", asks: Asks::Variable(template_label_promql) },
    Rule { name: "template-on-time-change-reload-rule", asks: Asks::Variable(template_reload) },
    Rule { name: "panel-datasource-rule", asks: Asks::Panel(panel_datasource) },
    Rule { name: "panel-title-description-rule", asks: Asks::Panel(panel_title_description) },
    Rule { name: "panel-units-rule", asks: Asks::Panel(panel_units) },
    Rule { name: "panel-no-targets-rule", asks: Asks::Panel(panel_no_targets) },
    Rule { name: "target-promql-rule", asks: Asks::Target(target_promql) },
    Rule { name: "target-rate-interval-rule", asks: Asks::Target(target_rate_interval) },
    Rule { name: "target-job-rule", asks: Asks::Target(|_, _, it| target_matcher(it, "job")) },
    Rule { name: "target-instance-rule", asks: Asks::Target(|_, _, it| target_matcher(it, "instance")) },
    Rule { name: "target-counter-agg-rule", asks: Asks::Target(target_counter_agg) },
    Rule { name: "uneditable-dashboard", asks: Asks::Dashboard(uneditable) },
];

/// How a panel, a target or a variable names the data source that was chosen.
const CHOSEN: [&str; 2] = ["${datasource}", "$datasource"];

/// What a variable may ask.
const FUNCTIONS: [&str; 4] = ["label_names", "label_values", "metrics", "query_result"];

fn template_datasource(_: &World, dashboard: &Dashboard) -> Vec<String> {
    let sources: Vec<&Variable> =
        dashboard.variables.iter().filter(|variable| variable.kind == "datasource").collect();
    match sources.as_slice() {
        [one] if one.name == "datasource" && one.json["label"] == "Data source" => Vec::new(),
        _ => vec!["one variable of type datasource, named `datasource`, labelled `Data source`".to_owned()],
    }
}

fn template(dashboard: &Dashboard, name: &str, label: &str) -> Vec<String> {
    let Some(variable) = dashboard.variable(name) else { return vec![format!("no variable `{name}`")] };
    let json = &variable.json;
    let wanted = [
        (variable.kind == "query", "type query".to_owned()),
        (is_chosen(&json["datasource"]), "data source ${datasource}".to_owned()),
        (json["label"] == label, format!("label `{label}`")),
        (json["multi"] == true, "multi: true".to_owned()),
        (json["allValue"] == ".+", "allValue `.+`".to_owned()),
    ];
    let missing = wanted.into_iter().filter(|(good, _)| !good);
    missing.map(|(_, what)| format!("the variable `{name}` must have {what}")).collect()
}

fn template_label_promql(_: &World, dashboard: &Dashboard, variable: &Variable) -> Vec<String> {
    let Some(query) = variable.query() else { return Vec::new() };
    let inner = query.split_once('(').and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)));
    let Some((function, arguments)) = inner.filter(|(name, _)| FUNCTIONS.contains(name)) else {
        return vec![format!("`{query}` is none of {FUNCTIONS:?}")];
    };
    let selector = match function {
        "label_values" => arguments.rsplit_once(',').map_or("", |(selector, _)| selector),
        "query_result" => arguments,
        _ => "",
    };
    if selector.is_empty() {
        return Vec::new();
    }
    dashboard.parse(selector).err().map(|error| format!("`{selector}`: {error}")).into_iter().collect()
}

fn template_reload(_: &World, _: &Dashboard, variable: &Variable) -> Vec<String> {
    let good = variable.kind != "query" || variable.json["refresh"] == 2;
    if good {
        Vec::new()
    } else {
        vec!["refresh: 2, so that it is asked when the time range changes".to_owned()]
    }
}

fn panel_datasource(_: &World, _: &Dashboard, panel: &Panel) -> Vec<String> {
    let mut found = Vec::new();
    if panel.has_queries() && !is_chosen(&panel.json["datasource"]) {
        found.push("the panel's data source is not ${datasource}".to_owned());
    }
    for target in &panel.targets {
        if !is_chosen(&target.json["datasource"]) {
            found.push(format!("the data source of target {} is not ${{datasource}}", target.id));
        }
    }
    found
}

fn is_chosen(source: &Value) -> bool {
    source["type"] == "prometheus" && CHOSEN.contains(&text(&source["uid"]).as_str())
}

fn panel_title_description(_: &World, _: &Dashboard, panel: &Panel) -> Vec<String> {
    let empty = |key: &str| text(&panel.json[key]).trim().is_empty();
    let mut found = Vec::new();
    if empty("title") {
        found.push(format!("panel {} has no title", panel.json["id"]));
    }
    if panel.kind != "row" && empty("description") {
        found.push("no description".to_owned());
    }
    found
}

fn panel_units(_: &World, _: &Dashboard, panel: &Panel) -> Vec<String> {
    let unit = text(&panel.defaults()["unit"]);
    let overrides: Vec<String> = panel.overrides("unit").map(text).collect();
    if !panel.has_queries() || (shows_labels(panel) && unit.is_empty()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if unit.is_empty() && overrides.is_empty() {
        found.push("no unit; write `none` where there is none".to_owned());
    }
    for unit in overrides.iter().chain([&unit]).filter(|unit| !unit.is_empty()) {
        let known = UNITS.contains(&unit.as_str())
            || ["prefix:", "suffix:", "currency:"].iter().any(|begin| unit.starts_with(begin));
        if !known {
            found.push(format!("`{unit}` is no unit of Grafana's that tests/tidy/dashboards/units.rs knows"));
        }
    }
    found
}

/// A stat that shows a label, or a table that leaves the number out.
fn shows_labels(panel: &Panel) -> bool {
    let options = &panel.json["options"];
    let mut transformations = panel.json["transformations"].as_array().into_iter().flatten();
    match panel.kind.as_str() {
        "stat" => options["textMode"] == "name" || !text(&options["reduceOptions"]["fields"]).is_empty(),
        "table" => transformations.any(|one| one["options"]["excludeByName"]["Value"] == true),
        _ => false,
    }
}

fn panel_no_targets(_: &World, _: &Dashboard, panel: &Panel) -> Vec<String> {
    let missing = panel.has_queries() && panel.targets.is_empty();
    if missing { vec!["no targets".to_owned()] } else { Vec::new() }
}

fn target_promql(_: &World, _: &Dashboard, target: &Target) -> Vec<String> {
    target.expr.as_ref().err().map(|error| format!("target {}: {error}", target.id)).into_iter().collect()
}

fn target_rate_interval(_: &World, _: &Dashboard, target: &Target) -> Vec<String> {
    let mut found = Vec::new();
    for one in target.expr.iter().flat_map(chosen) {
        if matches!(one.function, Some("rate" | "irate"))
            && one.range.is_some_and(|range| range != RATE_INTERVAL)
        {
            found.push(format!("target {}: `{}` without $__rate_interval", target.id, one.selector));
        }
    }
    found
}

/// `job=~"$job"` in every selector.
fn target_matcher(target: &Target, label: &str) -> Vec<String> {
    let value = format!("${label}");
    let mut found = BTreeSet::new();
    for one in target.expr.iter().flat_map(chosen) {
        let mut matchers = one.matchers();
        let good = matchers.any(|matcher| {
            matcher.name == label && matcher.value == value && matches!(matcher.op, MatchOp::Re(_))
        });
        if !good {
            found.insert(format!("target {}: `{}` without {label}=~\"{value}\"", target.id, one.selector));
        }
    }
    found.into_iter().collect()
}

fn target_counter_agg(_: &World, _: &Dashboard, target: &Target) -> Vec<String> {
    let mut found = Vec::new();
    for one in target.expr.iter().flat_map(chosen) {
        let counts = one.metric().is_some_and(|metric| metric.ends_with("_total"));
        if counts && !matches!(one.function, Some("rate" | "irate" | "increase")) {
            found.push(format!("target {}: `{}` is not in rate, irate or increase", target.id, one.selector));
        }
    }
    found
}

fn uneditable(_: &World, dashboard: &Dashboard) -> Vec<String> {
    if dashboard.json["editable"] == false { Vec::new() } else { vec!["editable: false".to_owned()] }
}

/// Only here so that the rules can be tried on expressions alone.
#[cfg(test)]
fn target_of(expr: &str) -> Target {
    let parsed: Result<Expr, String> = crate::promql::parse(&crate::promql::fill(expr, |_| None));
    Target { id: "A".to_owned(), written: expr.to_owned(), expr: parsed, json: Value::Null }
}

#[test]
fn selectors_without_their_variables_are_found() {
    let good = target_of("rate(x_total{job=~\"$job\", instance=~\"$instance\"}[$__rate_interval])");
    assert!(target_matcher(&good, "job").is_empty() && target_matcher(&good, "instance").is_empty());
    let bad = target_of("up{job=\"$job\"} + on () x{instance=~\"$instance\"}");
    assert_eq!(target_matcher(&bad, "job").len(), 2);
    assert_eq!(target_matcher(&bad, "instance").len(), 1);
}
