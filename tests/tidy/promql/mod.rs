//! Prometheus' queries as trees, with Grafana's variables filled in.

mod labels;
mod variables;

use std::time::Duration;

use promql_parser::label::{METRIC_NAME, MatchOp, Matcher};
use promql_parser::parser::{self, Expr, VectorSelector};

pub(crate) use labels::{Labels, Scope};
pub(crate) use variables::{RATE_INTERVAL, fill, used};

/// Parses an expression that has no variables (any more).
pub(crate) fn parse(expr: &str) -> Result<Expr, String> {
    parser::parse(expr)
}

/// One place where series are chosen.
pub(crate) struct Chosen<'a> {
    pub(crate) selector: &'a VectorSelector,
    /// The window, where there is one.
    pub(crate) range: Option<Duration>,
    /// The function that is applied to it directly.
    pub(crate) function: Option<&'static str>,
}

impl Chosen<'_> {
    /// The metric's name, where it is written as a name.
    pub(crate) fn metric(&self) -> Option<&str> {
        name(self.selector)
    }

    /// All matchers, those of its alternatives too, without the one of the name.
    pub(crate) fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        matchers(self.selector)
    }
}

/// The name of the metric that a selector wants, where it is one.
pub(crate) fn name(selector: &VectorSelector) -> Option<&str> {
    let written = selector.matchers.matchers.iter().find(|matcher| matcher.name == METRIC_NAME);
    let matched =
        written.filter(|matcher| matcher.op == MatchOp::Equal).map(|matcher| matcher.value.as_str());
    selector.name.as_deref().or(matched)
}

/// All matchers of a selector without the one of the name.
pub(crate) fn matchers(selector: &VectorSelector) -> impl Iterator<Item = &Matcher> {
    let all = selector.matchers.matchers.iter().chain(selector.matchers.or_matchers.iter().flatten());
    all.filter(|matcher| matcher.name != METRIC_NAME)
}

/// All places of an expression where series are chosen.
pub(crate) fn chosen(expr: &Expr) -> Vec<Chosen<'_>> {
    let mut found = Vec::new();
    walk(expr, None, &mut |expr, function| match expr {
        Expr::VectorSelector(selector) => found.push(Chosen { selector, range: None, function }),
        Expr::MatrixSelector(matrix) => {
            found.push(Chosen { selector: &matrix.vs, range: Some(matrix.range), function });
        }
        _ => {}
    });
    found
}

/// Visits an expression and all its parts, each with the function that it is a direct argument of.
pub(crate) fn walk<'a>(
    expr: &'a Expr,
    function: Option<&'static str>,
    visit: &mut impl FnMut(&'a Expr, Option<&'static str>),
) {
    visit(expr, function);
    match expr {
        Expr::Aggregate(aggregate) => {
            walk(&aggregate.expr, None, visit);
            if let Some(parameter) = &aggregate.param {
                walk(parameter, None, visit);
            }
        }
        Expr::Unary(unary) => walk(&unary.expr, None, visit),
        Expr::Paren(paren) => walk(&paren.expr, function, visit),
        Expr::Subquery(subquery) => walk(&subquery.expr, None, visit),
        Expr::Binary(binary) => {
            walk(&binary.lhs, None, visit);
            walk(&binary.rhs, None, visit);
        }
        Expr::Call(call) => {
            for argument in &call.args.args {
                walk(argument, Some(call.func.name), visit);
            }
        }
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => {}
    }
}

/// Without brackets around it.
pub(crate) fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(paren) => bare(&paren.expr),
        other => other,
    }
}

/// The value of an expression of numbers only.
pub(crate) fn constant(expr: &Expr) -> Option<f64> {
    match bare(expr) {
        Expr::NumberLiteral(number) => Some(number.val),
        Expr::Unary(unary) => constant(&unary.expr).map(|value| -value),
        Expr::Binary(binary) => {
            let (left, right) = (constant(&binary.lhs)?, constant(&binary.rhs)?);
            match binary.op.to_string().as_str() {
                "+" => Some(left + right),
                "-" => Some(left - right),
                "*" => Some(left * right),
                "/" => Some(left / right),
                "^" => Some(left.powf(right)),
                _ => None,
            }
        }
        _ => None,
    }
}

#[test]
fn what_is_chosen_is_found() {
    let expr =
        parse("sum by (a) (rate(x_total{b=\"1\"}[5m])) / on (a) group_left () (up or {__name__=\"y\"})")
            .unwrap();
    let found: Vec<_> =
        chosen(&expr).iter().map(|one| (one.metric().unwrap().to_owned(), one.range, one.function)).collect();
    let five = Some(Duration::from_mins(5));
    let expected = [("x_total", five, Some("rate")), ("up", None, None), ("y", None, None)];
    assert_eq!(found, expected.map(|(name, range, function)| (name.to_owned(), range, function)));
}

#[test]
fn constants_are_calculated() {
    for (expr, expected) in [("7 * 24 * 3600", Some(604_800.0)), ("-(1 + 1)", Some(-2.0)), ("up", None)] {
        assert_eq!(constant(&parse(expr).unwrap()), expected, "{expr}");
    }
}
