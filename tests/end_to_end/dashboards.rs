//! The dashboards' queries as Grafana would send them.

use std::path::{Path, PathBuf};

use kit::prometheus::Prometheus;
use serde_json::Value;
use toolkit::config::Document;

/// Grafana's own variables, for a graph of the last minutes of a Prometheus that scrapes every second.
const GLOBAL: [(&str, &str); 6] = [
    ("__rate_interval", "30s"),
    ("__interval", "5s"),
    ("__interval_ms", "5000"),
    ("__range", "5m"),
    ("__range_s", "300"),
    ("__range_ms", "300000"),
];

/// A query of a panel.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Which dashboard, panel and target.
    pub(crate) place: Place,
    /// Its text, with values for all variables.
    pub(crate) text: String,
    /// Whether it is about now alone, and not about a time.
    instant: bool,
}

/// What a graph shows, which looks back so far, every so often.
const GRAPH: &str = "3m:3s";

impl Query {
    /// What is asked: a value now, or the largest one of a graph.
    pub(crate) fn shown(&self) -> String {
        let text = &self.text;
        if self.instant { text.clone() } else { format!("max_over_time(({text})[{GRAPH}])") }
    }
}

/// Where a query stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file's name.
    pub(crate) dashboard: String,
    /// The panel's title.
    pub(crate) panel: String,
    /// The target's `refId`.
    pub(crate) target: String,
}

/// A panel that may be empty here, as `dashboards/.lint.yml` says.
pub(crate) struct MayBeEmpty {
    dashboard: String,
    panel: String,
    target: Option<String>,
}

impl MayBeEmpty {
    /// Whether it is about this query.
    pub(crate) fn allows(&self, place: &Place) -> bool {
        let target = self.target.as_ref().is_none_or(|target| *target == place.target);
        self.dashboard == place.dashboard && self.panel == place.panel && target
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards")
}

/// Every query of every dashboard.
pub(crate) async fn queries(prometheus: &Prometheus) -> Vec<Query> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty(), "the dashboards were found");
    let mut queries = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let json: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let variables = variables(&json, prometheus).await;
        for panel in panels(&json) {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let place = Place {
                    dashboard: name.clone(),
                    panel: text(&panel["title"]),
                    target: text(&target["refId"]),
                };
                let instant = target["instant"] == true;
                queries.push(Query { place, text: fill(&text(&target["expr"]), &variables), instant });
            }
        }
    }
    queries
}

/// The panels that may be empty.
pub(crate) fn may_be_empty() -> Vec<MayBeEmpty> {
    let document = Document::read(&folder().join(".lint.yml")).unwrap();
    let found = document.decode(|mut top| {
        let names: Vec<String> = top.keys().map(str::to_owned).collect();
        let mut found = Vec::new();
        for dashboard in names {
            let exceptions = top.list(&dashboard, |item| {
                let mut fields = item.fields()?;
                fields.ignore("reason");
                fields.ignore("variable");
                let (rule, panel) = (fields.required_string("rule"), fields.string("panel"));
                Some((rule, panel.unwrap_or_default(), fields.string("target")))
            });
            let empty = exceptions.into_iter().filter(|(rule, ..)| rule == "allow_empty");
            found.extend(empty.map(|(_, panel, target)| MayBeEmpty {
                dashboard: dashboard.clone(),
                panel,
                target,
            }));
        }
        found
    });
    found.unwrap()
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    let top: Vec<&Value> = dashboard["panels"].as_array().into_iter().flatten().collect();
    let nested = top.iter().filter_map(|panel| panel["panels"].as_array()).flatten();
    top.iter().copied().chain(nested).collect()
}

/// Each variable with the value that a person finds when the dashboard opens: all, or the first there is. Those that
/// depend on others stand behind them.
async fn variables(dashboard: &Value, prometheus: &Prometheus) -> Vec<(String, String)> {
    let mut known = Vec::new();
    for variable in dashboard["templating"]["list"].as_array().into_iter().flatten() {
        let name = text(&variable["name"]);
        let value = match text(&variable["type"]).as_str() {
            "datasource" => continue,
            "query" if variable["includeAll"] == true && variable["allValue"].is_string() => {
                text(&variable["allValue"])
            }
            "query" => {
                let asked = variable["query"]["query"].as_str().or_else(|| variable["query"].as_str());
                let values = values(&fill(asked.unwrap_or_default(), &known), prometheus).await;
                let all = variable["includeAll"] == true;
                if all { values.join("|") } else { values.first().cloned().unwrap_or_default() }
            }
            _ => {
                let current = &variable["current"]["value"];
                current.as_str().or_else(|| current[0].as_str()).unwrap_or_default().to_owned()
            }
        };
        known.push((name, value));
    }
    known
}

/// What `label_values(SELECTOR, LABEL)` or `label_values(LABEL)` gives.
async fn values(query: &str, prometheus: &Prometheus) -> Vec<String> {
    let inner = query.trim().strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
    let inner =
        inner.unwrap_or_else(|| panic!("a variable asks for `{query}`, which this test does not know"));
    let (selector, label) = match inner.rsplit_once(',') {
        Some((selector, label)) => (selector.to_owned(), label.trim()),
        None => (format!("{{{inner}!=\"\"}}"), inner),
    };
    let samples = prometheus.query(&format!("sort(group by ({label}) ({selector}))")).await.unwrap();
    let mut values: Vec<String> = samples.iter().map(|sample| sample.label(label).to_owned()).collect();
    values.sort();
    values
}

/// Puts values in the place of `$name`, `${name}` and `${name:format}`.
fn fill(query: &str, known: &[(String, String)]) -> String {
    let mut filled = String::new();
    let mut rest = query;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        let braced = after.strip_prefix('{').and_then(|braced| braced.split_once('}'));
        let (name, left) = braced.unwrap_or_else(|| {
            let end = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            after.split_at(end.unwrap_or(after.len()))
        });
        let name = name.split(':').next().unwrap_or(name);
        let global = GLOBAL.iter().find(|(global, _)| *global == name).map(|(_, value)| *value);
        let of_dashboard = || Some(known.iter().find(|(known, _)| known == name)?.1.as_str());
        match global.or_else(of_dashboard) {
            Some(value) => filled += value,
            // what is no variable is the end of a regular expression
            None => filled += &["$", name].concat(),
        }
        rest = left;
    }
    filled + rest
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn queries_are_filled_as_grafana_does() {
    let known = [("job".to_owned(), ".+".to_owned()), ("top".to_owned(), "5".to_owned())];
    for (query, expected) in [
        ("topk($top, rate(x{job=~\"$job\"}[$__rate_interval]))", "topk(5, rate(x{job=~\".+\"}[30s]))"),
        ("x{job=~\"${job:regex}\"} > ${top}", "x{job=~\".+\"} > 5"),
        ("x{a=~\"b$\"}", "x{a=~\"b$\"}"),
    ] {
        assert_eq!(fill(query, &known), expected);
    }
}
