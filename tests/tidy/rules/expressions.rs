//! What rules ask Prometheus: metrics and labels that there are, windows that hold enough samples, guarded divisions.

use std::collections::BTreeMap;
use std::time::Duration;

use promql_parser::parser::Expr;

use crate::dashboards::variables;
use crate::findings::Finding;
use crate::metrics::Catalogue;
use crate::promql::{Scope, bare, chosen, constant, parse, walk};
use crate::tree::files;

use super::Rule;
use super::alerts::DASHBOARD;

/// Four scrapes of an interval of one minute, and one to spare.
const SHORTEST: Duration = Duration::from_mins(5);

pub(super) fn findings(rules: &[Rule], catalogue: &Catalogue) -> Vec<Finding> {
    let mut found = Vec::new();
    let dashboards = variables();
    for rule in rules {
        let expr = match parse(&rule.expr) {
            Ok(expr) => expr,
            Err(error) => {
                found.push(rule.finding("promql", error));
                continue;
            }
        };
        let mut scope = Scope::new(catalogue);
        let mut labels = scope.labels(&expr);
        labels.names.extend(rule.labels.iter().map(|(name, _)| name.clone()));
        found.extend(scope.problems.iter().map(|cause| rule.finding("metrics-and-labels", cause)));
        found.extend(windows(rule, &expr));
        found.extend(divisions(rule, &expr));
        found.extend(counters(&expr, catalogue).into_iter().map(|cause| rule.finding("counters", cause)));
        for (name, text) in &rule.annotations {
            for label in labels_in(text).into_iter().filter(|label| !labels.has(label)) {
                let cause = format!("{name} uses $labels.{label}, which the result does not have");
                found.push(rule.finding("annotation-labels", cause));
            }
            for query in queries_in(text) {
                found.extend(inner_query(rule, &query, catalogue));
            }
        }
        if rule.is_alert {
            found.extend(dashboard(rule, &dashboards));
        }
    }
    found.extend(unused_records(rules));
    found
}

fn windows(rule: &Rule, expr: &Expr) -> Vec<Finding> {
    let mut found = Vec::new();
    walk(expr, None, &mut |part, _| {
        let range = match part {
            Expr::MatrixSelector(matrix) => matrix.range,
            Expr::Subquery(subquery) => subquery.range,
            _ => return,
        };
        if range < SHORTEST {
            found.push(rule.finding("range", format!("{range:?} is shorter than 5m")));
        }
    });
    found
}

/// A divisor is compared with 0, or cannot be 0.
fn divisions(rule: &Rule, expr: &Expr) -> Vec<Finding> {
    let mut found = Vec::new();
    walk(expr, None, &mut |part, _| {
        if let Expr::Binary(binary) = part
            && binary.op.to_string() == "/"
            && constant(&binary.rhs).is_none()
            && !is_guarded(&binary.rhs)
        {
            let cause = format!("`{}` may be 0: write (… > 0)", binary.rhs);
            found.push(rule.finding("division-guard", cause));
        }
    });
    found
}

fn is_guarded(divisor: &Expr) -> bool {
    match bare(divisor) {
        Expr::Binary(binary) => {
            let op = binary.op.to_string();
            let compares = matches!(op.as_str(), ">" | "!=" | ">=")
                && constant(&binary.rhs).is_some_and(|limit| limit >= 0.0);
            compares || (matches!(op.as_str(), "and" | "unless" | "*") && is_guarded(&binary.lhs))
        }
        Expr::Aggregate(aggregate) => is_guarded(&aggregate.expr),
        Expr::Call(call) => {
            let floor = call.args.args.get(1).and_then(|floor| constant(floor));
            (call.func.name == "clamp_min" && floor.is_some_and(|floor| floor > 0.0))
                || call.args.args.first().is_some_and(|first| is_guarded(first))
        }
        Expr::Subquery(subquery) => is_guarded(&subquery.expr),
        _ => false,
    }
}

/// `rate` and its like are for counters.
pub(crate) fn counters(expr: &Expr, catalogue: &Catalogue) -> Vec<String> {
    let mut found = Vec::new();
    for one in chosen(expr) {
        let Some(metric) = one.metric() else { continue };
        let Some(known) = catalogue.metric(metric) else { continue };
        let function = one.function.unwrap_or_default();
        if matches!(function, "rate" | "irate" | "increase") && known.kind == "gauge" {
            found.push(format!("{metric} is a gauge ({}): {function} is for counters", known.source));
        }
        if matches!(function, "delta" | "deriv" | "idelta" | "predict_linear") && known.kind == "counter" {
            found.push(format!("{metric} is a counter ({}): {function} is for gauges", known.source));
        }
    }
    found
}

/// The names after `$labels.`.
fn labels_in(text: &str) -> Vec<&str> {
    let names = text.split("$labels.").skip(1);
    names
        .map(|after| {
            let end = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            after.split_at(end.unwrap_or(after.len())).0
        })
        .collect()
}

/// Queries that an annotation's template makes: `printf "metric{job=%q}"`.
fn queries_in(text: &str) -> Vec<String> {
    let formats = text.split("printf \"").skip(1).map(unquoted);
    let queries = formats.filter(|format| format.contains('{'));
    queries.map(|query| query.replace("%q", "\"x\"").replace("%s", "1")).collect()
}

/// The text up to the quote that ends it, without the backslashes that quote others.
fn unquoted(text: &str) -> String {
    let mut inner = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => inner.extend(letters.next()),
            letter => inner.push(letter),
        }
    }
    inner
}

fn inner_query(rule: &Rule, query: &str, catalogue: &Catalogue) -> Vec<Finding> {
    let expr = match parse(query) {
        Ok(expr) => expr,
        Err(error) => return vec![rule.finding("promql", format!("in an annotation: {error}"))],
    };
    let mut scope = Scope::new(catalogue);
    scope.labels(&expr);
    scope
        .problems
        .iter()
        .map(|cause| rule.finding("metrics-and-labels", format!("in an annotation: {cause}")))
        .collect()
}

/// The link leads to a dashboard, and sets variables that it has.
fn dashboard(rule: &Rule, dashboards: &BTreeMap<String, Vec<String>>) -> Vec<Finding> {
    let link = rule.annotation("dashboard_url").strip_prefix(DASHBOARD).unwrap_or_default();
    let (uid, variables) = link.split_once('?').unwrap_or((link, ""));
    let Some(known) = dashboards.get(uid) else {
        return vec![rule.finding("dashboard_url", format!("there is no dashboard with the uid `{uid}`"))];
    };
    let mut found = Vec::new();
    for part in variables.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.strip_prefix("var-") {
            Some(variable) if known.iter().any(|one| one == variable) => {}
            Some(variable) => {
                found.push(rule.finding("dashboard_url", format!("{uid} has no variable {variable}")));
            }
            None if matches!(name, "from" | "to" | "viewPanel") => {}
            None => found.push(rule.finding("dashboard_url", format!("`{part}` sets no variable"))),
        }
        if value.contains("{{") && !value.contains("| urlquery }}") {
            found.push(rule.finding("dashboard_url", format!("`{value}` is not escaped: | urlquery")));
        }
    }
    found
}

/// A recording rule is used by another rule or a dashboard.
fn unused_records(rules: &[Rule]) -> Vec<Finding> {
    let boards = files(".json").into_iter().filter(|file| file.path.starts_with("dashboards/"));
    let texts: Vec<String> =
        boards.map(|file| file.text).chain(rules.iter().map(|rule| rule.expr.clone())).collect();
    let records = rules.iter().filter(|rule| !rule.is_alert);
    let unused = records.filter(|rule| !texts.iter().any(|text| text.contains(&rule.name)));
    unused.map(|rule| rule.finding("unused", "no rule and no dashboard uses it")).collect()
}
