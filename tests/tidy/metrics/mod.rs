//! Which metrics there are, and with which labels: what rules and dashboards may ask for.
//!
//! Ours are in the generated references (METRICS.md) of the exporters. Those of other programs, and of alertrouter, were
//! recorded ([`recorded`]).

mod recorded;

use std::collections::BTreeMap;

use crate::promql::Labels;
use crate::tree::{Source, files};

/// Labels that Prometheus gives to every series of a target.
const TARGET: [&str; 2] = ["job", "instance"];

/// What Prometheus makes itself for every target.
const OF_TARGETS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// What it makes of alerts, with whatever labels those have.
const OF_ALERTS: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// Labels that a whole reference leaves out of its rows, and says so in its first lines.
const LEFT_OUT: [(&str, &[&str]); 2] = [
    ("exporters/cert/METRICS.md", &["target"]),
    // of checks, which run on their own
    ("exporters/synthetic/METRICS.md", &["check", "target"]),
];

/// All metrics that are known.
#[derive(Default)]
pub(crate) struct Catalogue {
    metrics: BTreeMap<String, Metric>,
    /// Beginnings of names that a reference gives as `name_*`.
    families: Vec<(String, Metric)>,
}

/// What is known of a metric.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metric {
    /// `counter`, `gauge`, `histogram`, `summary`, `unknown`, or `recorded`.
    pub(crate) kind: String,
    pub(crate) labels: Labels,
    /// The file that names it.
    pub(crate) source: String,
}

impl Catalogue {
    /// Everything that the workspace knows of, but for recording rules.
    pub(crate) fn read() -> Self {
        let mut catalogue = Self::default();
        for page in files("METRICS.md") {
            catalogue.add_reference(&page);
        }
        for (name, kind, labels, source) in recorded::recorded() {
            catalogue.add(&name, &kind, labels, &source);
        }
        for name in OF_TARGETS {
            catalogue.add(name, "gauge", TARGET.map(str::to_owned).to_vec(), "Prometheus");
        }
        for name in OF_ALERTS {
            let labels = Labels::any();
            let metric = Metric { kind: "gauge".to_owned(), labels, source: "Prometheus".to_owned() };
            catalogue.metrics.insert(name.to_owned(), metric);
        }
        catalogue
    }

    /// The labels of a metric; `None` if there is no such metric.
    pub(crate) fn labels(&self, name: &str) -> Option<Labels> {
        self.metric(name).map(|metric| metric.labels.clone())
    }

    /// What is known of it.
    pub(crate) fn metric(&self, name: &str) -> Option<&Metric> {
        let family =
            || self.families.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, metric)| metric);
        self.metrics.get(name).or_else(family)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&String, &Metric)> {
        self.metrics.iter()
    }

    /// Adds what a recording rule makes.
    pub(crate) fn add_recorded(&mut self, name: &str, labels: Labels, source: &str) {
        let metric = Metric { kind: "recorded".to_owned(), labels, source: source.to_owned() };
        self.metrics.insert(name.to_owned(), metric);
    }

    /// The rows of a generated reference: name, labels, type, …
    fn add_reference(&mut self, page: &Source) {
        for row in page.text.lines().filter(|line| line.starts_with("| `")) {
            let mut cells = row.split('|').map(str::trim).skip(1);
            let (Some(name), Some(labels), Some(kind)) = (cells.next(), cells.next(), cells.next()) else {
                continue;
            };
            let left_out =
                LEFT_OUT.iter().filter(|(path, _)| *path == page.path).flat_map(|(_, labels)| *labels);
            let labels = labels.split(',').map(str::trim).chain(left_out.copied()).map(str::to_owned);
            self.add(
                name.trim_matches('`'),
                kind,
                labels.filter(|label| !label.is_empty()).collect(),
                &page.path,
            );
        }
    }

    /// Adds a metric, of a histogram or summary the series that it has.
    fn add(&mut self, name: &str, kind: &str, labels: Vec<String>, source: &str) {
        let part = |end: &str| format!("{name}_{end}");
        if kind == "histogram" || kind == "summary" {
            self.add_one(&part("sum"), "counter", labels.clone(), source);
            self.add_one(&part("count"), "counter", labels.clone(), source);
        }
        let more = |label: &str| labels.iter().cloned().chain([label.to_owned()]).collect();
        match kind {
            "histogram" => self.add_one(&part("bucket"), "counter", more("le"), source),
            "summary" => self.add_one(name, "gauge", more("quantile"), source),
            _ => self.add_one(name, kind, labels, source),
        }
    }

    /// Adds a series' shape; one that is known already gets its labels, too.
    fn add_one(&mut self, name: &str, kind: &str, labels: Vec<String>, source: &str) {
        let new = || Metric { kind: kind.to_owned(), source: source.to_owned(), ..Metric::default() };
        let metric = match name.strip_suffix('*') {
            Some(begin) => {
                self.families.push((begin.to_owned(), new()));
                self.families.last_mut().map(|(_, metric)| metric)
            }
            None => Some(self.metrics.entry(name.to_owned()).or_insert_with(new)),
        };
        if let Some(metric) = metric {
            metric.labels.names.extend(TARGET.map(str::to_owned));
            metric.labels.names.extend(labels);
        }
    }
}

/// A small catalogue, for tests: name, kind, labels.
#[cfg(test)]
pub(crate) fn catalogue_of(rows: &[(&str, &str, &str)]) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (name, kind, labels) in rows {
        catalogue.add(name, kind, labels.split(", ").map(str::to_owned).collect(), "test");
    }
    catalogue
}

#[test]
fn the_references_are_read() {
    let catalogue = Catalogue::read();
    for name in ["redis_up", "pg_up", "pg_settings_max_connections", "ssl_cert_not_after", "probe_success"] {
        assert!(catalogue.labels(name).is_some(), "{name}");
    }
    assert!(catalogue.labels("redis_nonsense").is_none());
}
