//! Queries ask for metrics and labels that there are, and legends show labels that the result has.

use super::model::{Dashboard, Panel, Target, Variable};
use super::{Asks, Rule, World};
use crate::promql::{Labels, Scope};
use crate::rules::counters;

pub(super) static RULES: [Rule; 5] = [
    Rule { name: "metrics-and-labels", asks: Asks::Target(targets) },
    Rule { name: "legend-labels", asks: Asks::Target(legends) },
    Rule { name: "counters", asks: Asks::Target(counter_functions) },
    Rule { name: "variable-metrics", asks: Asks::Variable(variables) },
    Rule { name: "data-link-labels", asks: Asks::Panel(data_links) },
];

fn targets(world: &World, _: &Dashboard, target: &Target) -> Vec<String> {
    let Ok(expr) = &target.expr else { return Vec::new() };
    let mut scope = Scope::new(&world.catalogue);
    scope.labels(expr);
    scope.problems.iter().map(|problem| format!("target {}: {problem}", target.id)).collect()
}

fn result(world: &World, target: &Target) -> Option<Labels> {
    Some(Scope::new(&world.catalogue).labels(target.expr.as_ref().ok()?))
}

fn legends(world: &World, _: &Dashboard, target: &Target) -> Vec<String> {
    let Some(labels) = result(world, target) else { return Vec::new() };
    let legend = target.json["legendFormat"].as_str().unwrap_or_default();
    let names =
        legend.split("{{").skip(1).filter_map(|after| after.split_once("}}")).map(|(name, _)| name.trim());
    let missing = names.filter(|name| *name != "__name__" && !labels.has(name));
    missing
        .map(|name| format!("target {}: {{{{{name}}}}}, which the result does not have", target.id))
        .collect()
}

fn counter_functions(world: &World, _: &Dashboard, target: &Target) -> Vec<String> {
    target
        .expr
        .iter()
        .flat_map(|expr| counters(expr, &world.catalogue))
        .map(|cause| format!("target {}: {cause}", target.id))
        .collect()
}

/// `label_values(SELECTOR, LABEL)`.
fn variables(world: &World, dashboard: &Dashboard, variable: &Variable) -> Vec<String> {
    let Some(query) = variable.query() else { return Vec::new() };
    let Some(arguments) = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')) else {
        return Vec::new();
    };
    let Some((selector, label)) = arguments.rsplit_once(',') else { return Vec::new() };
    let Ok(expr) = dashboard.parse(selector) else { return Vec::new() };
    let mut scope = Scope::new(&world.catalogue);
    let labels = scope.labels(&expr);
    let label = label.trim();
    if !labels.has(label) {
        scope.problems.push(format!("`{selector}` has no label {label}"));
    }
    scope.problems
}

/// `${__field.labels.NAME}` in a link of a value.
fn data_links(world: &World, _: &Dashboard, panel: &Panel) -> Vec<String> {
    let written = panel.json["fieldConfig"].to_string();
    let names = written.split("${__field.labels.").skip(1).filter_map(|after| after.split(['}', ':']).next());
    let results: Vec<Labels> = panel.targets.iter().filter_map(|target| result(world, target)).collect();
    let missing = names.filter(|name| !results.iter().any(|labels| labels.has(name)));
    missing.map(|name| format!("a link uses the label {name}, which no result has")).collect()
}
