//! Which labels the result of an expression has, and what in it names a label that is not there.

use std::collections::BTreeSet;

use promql_parser::label::{METRIC_NAME, MatchOp};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, StringLiteral, VectorMatchCardinality,
    VectorSelector,
};

use crate::metrics::Catalogue;

use super::{bare, matchers, name};

/// Labels that series may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) names: BTreeSet<String>,
    /// Those of them that some series have and others do not: one side of an `or` has them.
    maybe: BTreeSet<String>,
    /// There may be any others: alerts have whatever their rules give them.
    pub(crate) any: bool,
}

/// What an expression is judged with, and what was found in it.
pub(crate) struct Scope<'a> {
    catalogue: &'a Catalogue,
    pub(crate) problems: Vec<String>,
}

impl Labels {
    pub(crate) fn of(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Whatever there is.
    pub(crate) fn any() -> Self {
        Self { any: true, ..Self::default() }
    }

    pub(crate) fn has(&self, label: &str) -> bool {
        self.any || self.names.contains(label)
    }

    fn filtered(&self, any: bool, keep: impl Fn(&String) -> bool) -> Self {
        let of = |names: &BTreeSet<String>| names.iter().filter(|name| keep(name)).cloned().collect();
        Self { names: of(&self.names), maybe: of(&self.maybe), any }
    }

    fn kept(&self, labels: &[String]) -> Self {
        let mut kept = self.filtered(false, |name| labels.contains(name));
        if self.any {
            kept.names.extend(labels.iter().cloned());
        }
        kept
    }

    fn without(&self, labels: &[String]) -> Self {
        self.filtered(self.any, |name| !labels.contains(name))
    }

    /// Series of both kinds side by side.
    fn or(mut self, other: Self) -> Self {
        self.maybe.extend(self.names.symmetric_difference(&other.names).cloned().collect::<Vec<_>>());
        self.maybe.extend(other.maybe);
        self.names.extend(other.names);
        Self { any: self.any || other.any, ..self }
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn new(catalogue: &'a Catalogue) -> Self {
        Self { catalogue, problems: Vec::new() }
    }

    /// The labels of the result. What names a metric or a label that is not there is noted.
    pub(crate) fn labels(&mut self, expr: &Expr) -> Labels {
        match expr {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs),
            Expr::Paren(paren) => self.labels(&paren.expr),
            Expr::Unary(unary) => self.labels(&unary.expr),
            Expr::Subquery(subquery) => self.labels(&subquery.expr),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Call(call) => self.call(call),
            Expr::Binary(binary) => self.binary(binary),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Labels::default(),
        }
    }

    fn selector(&mut self, selector: &VectorSelector) -> Labels {
        let Some(metric) = name(selector) else { return self.by_pattern(selector) };
        let Some(labels) = self.catalogue.labels(metric) else {
            self.problems.push(format!("there is no metric {metric}"));
            return Labels::any();
        };
        for matcher in matchers(selector).filter(|matcher| !labels.has(&matcher.name)) {
            self.problems.push(format!("{metric} has no label {}", matcher.name));
        }
        labels
    }

    /// `{__name__=~"…"}`: whatever one of them has.
    fn by_pattern(&mut self, selector: &VectorSelector) -> Labels {
        let pattern = selector.matchers.matchers.iter().find(|matcher| matcher.name == METRIC_NAME);
        let all =
            self.catalogue.all().filter(|(name, _)| pattern.is_some_and(|pattern| pattern.is_match(name)));
        let labels = all.map(|(_, metric)| metric.labels.clone()).reduce(Labels::or);
        labels.unwrap_or_else(|| {
            self.problems.push(format!("`{selector}` names no metric"));
            Labels::any()
        })
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> Labels {
        let inner = self.labels(&aggregate.expr);
        let op = aggregate.op.to_string();
        if matches!(op.as_str(), "topk" | "bottomk" | "limitk" | "limit_ratio") {
            return inner;
        }
        let mut result = match &aggregate.modifier {
            None => Labels::default(),
            Some(LabelModifier::Include(by)) => {
                for label in by.labels.iter().filter(|label| !inner.has(label)) {
                    self.problems.push(format!("{op} by ({label}): nothing below has that label"));
                }
                inner.kept(&by.labels)
            }
            Some(LabelModifier::Exclude(without)) => {
                for label in without.labels.iter().filter(|label| !inner.has(label)) {
                    self.problems.push(format!("{op} without ({label}): nothing below has that label"));
                }
                inner.without(&without.labels)
            }
        };
        if let (true, Some(Expr::StringLiteral(label))) = (op == "count_values", aggregate.param.as_deref()) {
            result.names.insert(label.val.clone());
        }
        result
    }

    fn call(&mut self, call: &Call) -> Labels {
        let arguments: Vec<&Expr> = call.args.args.iter().map(|argument| bare(argument)).collect();
        let mut each: Vec<Labels> = arguments.iter().map(|argument| self.labels(argument)).collect();
        let texts: Vec<&str> = arguments.iter().filter_map(|argument| text(argument)).collect();
        match (call.func.name, texts.as_slice()) {
            ("label_replace", [into, _, from, ..]) => {
                let mut labels = each.swap_remove(0);
                self.wants(&labels, from, "label_replace");
                labels.names.insert((*into).to_owned());
                labels
            }
            ("label_join", [into, _, from @ ..]) => {
                let mut labels = each.swap_remove(0);
                for label in from {
                    self.wants(&labels, label, "label_join");
                }
                labels.names.insert((*into).to_owned());
                labels
            }
            ("absent" | "absent_over_time", _) => absent(arguments.first().copied()),
            ("histogram_quantile" | "histogram_fraction", _) => {
                let labels = each.pop().unwrap_or_default();
                self.wants(&labels, "le", call.func.name);
                labels.without(&["le".to_owned()])
            }
            ("time" | "vector" | "scalar" | "pi", _) => Labels::default(),
            _ => each.into_iter().reduce(Labels::or).unwrap_or_default(),
        }
    }

    fn wants(&mut self, labels: &Labels, label: &str, what: &str) {
        if !label.is_empty() && !labels.has(label) {
            self.problems.push(format!("{what}: nothing has the label {label}"));
        }
    }

    fn binary(&mut self, binary: &BinaryExpr) -> Labels {
        let (left, right) = (self.labels(&binary.lhs), self.labels(&binary.rhs));
        if is_number(&binary.lhs) {
            return right;
        }
        if is_number(&binary.rhs) {
            return left;
        }
        let op = binary.op.to_string();
        let modifier = binary.modifier.as_ref();
        let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
        if let Some(LabelModifier::Include(on)) = matching {
            for (side, labels) in [("left", &left), ("right", &right)] {
                for label in on.labels.iter().filter(|label| !labels.has(label)) {
                    self.problems.push(format!("`{op}` on ({label}): the {side} side has no such label"));
                }
            }
        }
        let unique = |labels: &Labels| match matching {
            Some(LabelModifier::Include(on)) => labels.kept(&on.labels),
            Some(LabelModifier::Exclude(ignoring)) => labels.without(&ignoring.labels),
            None => labels.clone(),
        };
        match op.as_str() {
            "or" => return left.or(right),
            "and" | "unless" => return left,
            _ => {}
        }
        let card = modifier.map_or(&VectorMatchCardinality::OneToOne, |modifier| &modifier.card);
        let (many, one, copied) = match card {
            VectorMatchCardinality::ManyToOne(copied) => (left, right, copied),
            VectorMatchCardinality::OneToMany(copied) => (right, left, copied),
            _ => {
                self.alike(&op, &unique(&left), &unique(&right));
                return unique(&left);
            }
        };
        for label in &copied.labels {
            self.wants(&one, label, "group_left or group_right");
        }
        let mut labels = many;
        labels.names.extend(copied.labels.iter().cloned());
        labels
    }

    /// Series with different labels never meet.
    fn alike(&mut self, op: &str, left: &Labels, right: &Labels) {
        if left.any || right.any {
            return;
        }
        for (side, one, other) in [("left", left, right), ("right", right, left)] {
            for label in one.names.difference(&other.names).filter(|label| !one.maybe.contains(*label)) {
                self.problems
                    .push(format!("`{op}`: only the {side} side has the label {label}, so nothing matches"));
            }
        }
    }
}

/// A scalar, or what is made of scalars.
fn is_number(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::NumberLiteral(_) => true,
        Expr::Unary(unary) => is_number(&unary.expr),
        Expr::Binary(binary) => is_number(&binary.lhs) && is_number(&binary.rhs),
        Expr::Call(call) => matches!(call.func.name, "scalar" | "time" | "pi"),
        _ => false,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::StringLiteral(StringLiteral { val }) => Some(val),
        _ => None,
    }
}

/// What is absent has the labels that were asked for by `=`.
fn absent(of: Option<&Expr>) -> Labels {
    let selector = match of {
        Some(Expr::VectorSelector(selector)) => selector,
        Some(Expr::MatrixSelector(matrix)) => &matrix.vs,
        _ => return Labels::default(),
    };
    Labels::of(matchers(selector).filter(|one| one.op == MatchOp::Equal).map(|one| one.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue_of;
    use crate::promql::parse;

    #[track_caller]
    fn check(expr: &str, labels: &[&str], problems: &[&str]) {
        let catalogue = catalogue_of(&[
            ("a_total", "counter", "x, y"),
            ("b", "gauge", "x"),
            ("h_seconds", "histogram", "x"),
        ]);
        let mut scope = Scope::new(&catalogue);
        let found = scope.labels(&parse(expr).unwrap());
        assert_eq!(found.names.iter().map(String::as_str).collect::<Vec<_>>(), labels, "{expr}");
        assert_eq!(scope.problems, problems, "{expr}");
    }

    #[test]
    fn labels_of_results() {
        check("a_total{z=\"\"}", &["instance", "job", "x", "y"], &["a_total has no label z"]);
        check("sum by (x) (rate(a_total[5m]))", &["x"], &[]);
        check(
            "sum without (x, z) (b)",
            &["instance", "job"],
            &["sum without (z): nothing below has that label"],
        );
        check("topk(3, b)", &["instance", "job", "x"], &[]);
        check("label_replace(b, \"to\", \"$1\", \"x\", \"(.*)\")", &["instance", "job", "to", "x"], &[]);
        check("histogram_quantile(0.9, sum by (le, x) (rate(h_seconds_bucket[5m])))", &["x"], &[]);
        check("absent(b{x=\"1\", job=~\".+\"})", &["x"], &[]);
        check("count(b) or vector(0)", &[], &[]);
        check("time() - b", &["instance", "job", "x"], &[]);
    }

    #[test]
    fn labels_of_two_sides() {
        check("a_total / on (x) b", &["x"], &[]);
        check("a_total * on (x, job) group_left () b", &["instance", "job", "x", "y"], &[]);
        check(
            "a_total unless on (z) b",
            &["instance", "job", "x", "y"],
            &[
                "`unless` on (z): the left side has no such label",
                "`unless` on (z): the right side has no such label",
            ],
        );
        check(
            "a_total / b",
            &["instance", "job", "x", "y"],
            &["`/`: only the left side has the label y, so nothing matches"],
        );
        check("c > 1", &[], &["there is no metric c"]);
        // one side of it has the label
        check("(a_total or b) / b", &["instance", "job", "x", "y"], &[]);
    }
}
