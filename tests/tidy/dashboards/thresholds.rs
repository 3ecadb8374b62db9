//! Thresholds on panels are those of the rules that they show.

use std::collections::BTreeSet;

use promql_parser::parser::Expr;
use serde_json::Value;

use crate::promql::{constant, parse, walk};
use crate::rules::Rule as Alert;

use super::World;
use super::links::runbooks;
use super::model::{Dashboard, Panel, text};

/// Two numbers are the same if they differ by less than this part.
const ROUNDING: f64 = 1e-9;

/// How a unit shows the base unit of a metric.
fn scale(unit: &str) -> f64 {
    match unit {
        "percent" => 100.0,
        "ns" => 1e9,
        "µs" => 1e6,
        "ms" | "dtdurationms" => 1e3,
        "m" => 1.0 / 60.0,
        "h" => 1.0 / 3_600.0,
        "d" => 1.0 / 86_400.0,
        _ => 1.0,
    }
}

/// Each threshold is a limit of an alert whose runbook the panel links.
pub(super) fn thresholds(world: &World, dashboard: &Dashboard, panel: &Panel) -> Vec<String> {
    let _ = dashboard;
    let mut found = Vec::new();
    let alerts = runbooks(panel);
    let rules = world.alerts.iter().filter(|rule| rule.is_alert && alerts.contains(&rule.name));
    let limits: Vec<f64> = rules.flat_map(limits).collect();
    let unit = text(&panel.defaults()["unit"]);
    // a table's columns have units of their own
    let units: BTreeSet<String> = panel.overrides("unit").map(text).chain([unit]).collect();
    let mut steps = steps(&panel.defaults()["thresholds"]);
    steps.extend(panel.overrides("thresholds").flat_map(steps_of));
    if counts_alerts(panel) {
        return found;
    }
    for value in steps {
        let of_rule = |limit: &f64| {
            units.iter().any(|unit| is_same(value, limit * scale(unit)))
                // a step is where a colour begins: `> 0` of what is counted begins at 1
                || (limit.fract() == 0.0 && is_same(value, limit + 1.0))
        };
        if !limits.iter().any(of_rule) {
            let of = if alerts.is_empty() {
                "no alert: link its runbook".to_owned()
            } else {
                format!("{alerts:?}: {limits:?}")
            };
            found.push(format!("the threshold {value} is a limit of {of}"));
        }
    }
    found
}

fn is_same(one: f64, other: f64) -> bool {
    (one - other).abs() <= ROUNDING * one.abs().max(other.abs())
}

fn steps_of(thresholds: &Value) -> Vec<f64> {
    steps(thresholds)
}

fn steps(thresholds: &Value) -> Vec<f64> {
    thresholds["steps"].as_array().into_iter().flatten().filter_map(|step| step["value"].as_f64()).collect()
}

/// It shows alerts themselves: any that fires is one too many.
fn counts_alerts(panel: &Panel) -> bool {
    !panel.targets.is_empty() && panel.targets.iter().all(|target| target.written.contains("ALERTS"))
}

/// The numbers that an alert compares with.
fn limits(rule: &Alert) -> Vec<f64> {
    let Ok(expr) = parse(&rule.expr) else { return Vec::new() };
    let mut found = Vec::new();
    walk(&expr, None, &mut |part, _| {
        if let Expr::Binary(binary) = part
            && binary.op.is_comparison_operator()
        {
            found.extend(constant(&binary.rhs).or_else(|| constant(&binary.lhs)));
        }
    });
    found
}
