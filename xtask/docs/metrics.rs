//! References of metrics, from the descriptors that write the page.
//!
//! Here a program's tables of descriptors become rows.

use std::collections::BTreeMap;

use postgres_exporter::collector::{Reading, built_in};
use toolkit::expo::{Desc, Kind};

/// All metrics of redis-exporter, one row each.
pub(crate) fn redis() -> String {
    table("redis", redis_exporter::metrics().into_iter())
}

/// All metrics of cert-exporter's probes and targets, and of itself, one row each.
pub(crate) fn cert() -> String {
    table(cert_exporter::NAMESPACE, cert_exporter::METRICS.iter().copied().chain(cert_exporter::OWN_METRICS))
}

/// All metrics of synthetic-exporter, one row each: of probes and checks, of services, of the exporter itself.
pub(crate) fn synthetic() -> String {
    let tables = synthetic_exporter::all_metrics();
    tables.map(|(namespace, descriptors)| table(namespace, descriptors.into_iter())).join("\n")
}

/// All metrics of cost-exporter, one row each.
pub(crate) fn cost() -> String {
    table(cost_exporter::NAMESPACE, cost_exporter::METRICS.iter().copied())
}

/// The metrics of Postgres' collectors, one row each.
pub(crate) fn postgres() -> String {
    let mut rows = BTreeMap::new();
    for collector in built_in::collectors().unwrap_or_default() {
        for query in &collector.queries {
            let server = query.server_label.then(|| "server".to_owned());
            let labels = query.labels.iter().cloned().chain(server).collect::<Vec<_>>().join(", ");
            let mut add = |name: &str, kind, help: &str| {
                let (kind, help) = (word(kind), help.replace('|', "\\|"));
                let row = format!("| `{name}` | {labels} | {kind} | {} | {help} |\n", collector.name);
                rows.entry(name.to_owned()).or_insert(row);
            };
            match &query.reading {
                Reading::Columns { metrics, .. } => {
                    for metric in metrics {
                        add(&metric.name, metric.kind, &metric.help);
                    }
                }
                Reading::Dynamic(dynamic) => {
                    let prefix = if dynamic.prefix.is_empty() { "pg_settings_" } else { &dynamic.prefix };
                    add(&format!("{prefix}*"), dynamic.kind, &collector.help);
                }
            }
        }
    }
    let rows = rows.into_values().collect::<Vec<_>>().concat();
    "| Metric | Labels | Type | Collector | Meaning |\n|---|---|---|---|---|\n".to_owned() + &rows
}

fn table<'a>(namespace: &str, descriptors: impl Iterator<Item = Desc<'a>>) -> String {
    let mut rows: Vec<_> = descriptors.collect();
    rows.sort_by_key(|desc| desc.name);
    rows.dedup_by_key(|desc| desc.name);
    let rows = rows.iter().map(|Desc { name, help, kind, labels }| {
        let (labels, help) = (labels.join(", "), help.replace('|', "\\|"));
        let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}_") };
        format!("| `{prefix}{name}` | {labels} | {} | {help} |\n", word(*kind))
    });
    "| Metric | Labels | Type | Meaning |\n|---|---|---|---|\n".to_owned()
        + &rows.collect::<Vec<_>>().concat()
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
        Kind::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_each_name_is_there_once() {
        let desc = |name, labels| Desc { name, help: "What | why.", kind: Kind::Gauge, labels };
        let table = table("x", [desc("b", &["a", "c"][..]), desc("a", &[]), desc("a", &[])].into_iter());
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            ["| `x_a` |  | gauge | What \\| why. |", "| `x_b` | a, c | gauge | What \\| why. |"]
        );
    }
}
