//! A dashboard's file, as far as rules look at it.

use promql_parser::parser::Expr;
use serde_json::Value;

use crate::findings::{Finding, Place};
use crate::promql::{fill, parse};
use crate::tree::{Source, files};

/// Panels that show no numbers of Prometheus.
pub(super) const WITHOUT_QUERIES: [&str; 5] = ["row", "text", "alertlist", "dashlist", "news"];

pub(super) struct Dashboard {
    /// Below the workspace's root.
    pub(super) file: String,
    pub(super) uid: String,
    pub(super) json: Value,
    pub(super) variables: Vec<Variable>,
    /// Rows, and the panels in them, too.
    pub(super) panels: Vec<Panel>,
    /// The file as it is written.
    pub(super) text: String,
}

pub(super) struct Variable {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) json: Value,
}

pub(super) struct Panel {
    pub(super) title: String,
    pub(super) kind: String,
    pub(super) json: Value,
    pub(super) targets: Vec<Target>,
}

pub(super) struct Target {
    /// Its `refId`.
    pub(super) id: String,
    /// As it is written.
    pub(super) written: String,
    /// With values for the variables.
    pub(super) expr: Result<Expr, String>,
    pub(super) json: Value,
}

impl Variable {
    /// The query of a variable that asks for one.
    pub(super) fn query(&self) -> Option<&str> {
        let query = &self.json["query"];
        (self.kind == "query").then(|| query.as_str().or_else(|| query["query"].as_str()).unwrap_or_default())
    }

    /// A value that it may have.
    fn value(&self) -> Option<String> {
        let first = |value: &Value| value.as_str().or_else(|| value[0].as_str()).map(str::to_owned);
        let current =
            first(&self.json["current"]["value"]).filter(|value| !value.is_empty() && value != "$__all");
        let option = || first(&self.json["options"][0]["value"]).filter(|value| value != "$__all");
        let written = || {
            let query =
                self.json["query"].as_str().filter(|_| self.kind != "query" && self.kind != "datasource")?;
            query.split(',').next().map(|first| first.rsplit(" : ").next().unwrap_or(first).trim().to_owned())
        };
        current.or_else(option).or_else(written)
    }
}

impl Dashboard {
    /// Reads a file; one that is no JSON is told of elsewhere.
    pub(super) fn read(file: Source) -> Option<Self> {
        let json: Value = serde_json::from_str(&file.text).ok()?;
        let list = json["templating"]["list"].as_array().cloned().unwrap_or_default();
        let variables: Vec<Variable> = list
            .into_iter()
            .map(|json| Variable { name: text(&json["name"]), kind: text(&json["type"]), json })
            .collect();
        let top = json["panels"].as_array().cloned().unwrap_or_default();
        let nested = top.iter().filter_map(|panel| panel["panels"].as_array()).flatten().cloned();
        let panels = top.iter().cloned().chain(nested).map(|panel| Panel::read(panel, &variables)).collect();
        Some(Self { file: file.path, uid: text(&json["uid"]), json, variables, panels, text: file.text })
    }

    pub(super) fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name)
    }

    /// A query with values for the variables.
    pub(super) fn parse(&self, query: &str) -> Result<Expr, String> {
        parse_with(query, &self.variables)
    }
}

impl Panel {
    fn read(json: Value, variables: &[Variable]) -> Self {
        let list = json["targets"].as_array().cloned().unwrap_or_default();
        let targets = list.into_iter().map(|json| {
            let written = text(&json["expr"]);
            let expr = parse_with(&written, variables);
            Target { id: text(&json["refId"]), written, expr, json }
        });
        Self { title: text(&json["title"]), kind: text(&json["type"]), targets: targets.collect(), json }
    }

    /// It asks Prometheus for numbers.
    pub(super) fn has_queries(&self) -> bool {
        !WITHOUT_QUERIES.contains(&self.kind.as_str())
    }

    pub(super) fn defaults(&self) -> &Value {
        &self.json["fieldConfig"]["defaults"]
    }

    /// Values of a property in its overrides.
    pub(super) fn overrides<'a>(&'a self, property: &'a str) -> impl Iterator<Item = &'a Value> {
        let overrides = self.json["fieldConfig"]["overrides"].as_array().into_iter().flatten();
        let properties = overrides.filter_map(|one| one["properties"].as_array()).flatten();
        properties.filter(move |one| one["id"] == property).map(|one| &one["value"])
    }
}

fn parse_with(query: &str, variables: &[Variable]) -> Result<Expr, String> {
    let value = |name: &str| variables.iter().find(|variable| variable.name == name)?.value();
    parse(&fill(query, value))
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// All dashboards.
pub(super) fn dashboards() -> Vec<Dashboard> {
    let found: Vec<_> = sources().into_iter().filter_map(Dashboard::read).collect();
    assert!(!found.is_empty(), "the dashboards were found");
    found
}

/// Dashboards' files that are no JSON.
pub(super) fn unreadable() -> Vec<Finding> {
    let errors = sources().into_iter().filter_map(|file| {
        let error = serde_json::from_str::<Value>(&file.text).err()?;
        Some(Finding { file: file.path, place: Place::FILE, rule: "json", cause: error.to_string() })
    });
    errors.collect()
}

fn sources() -> Vec<Source> {
    let is_dashboard =
        |file: &Source| file.path.starts_with("dashboards/") && !file.path.contains("provisioning");
    files(".json").into_iter().filter(is_dashboard).collect()
}
