//! `check`: what is wrong with files of collectors, without a server.

use std::fmt::Write;
use std::path::Path;

use toolkit::config::{ConfigError, Document};

use crate::collector::{Collector, Query, Reading, decode};
use crate::legacy;

/// Checks files; the text is what to print.
pub(super) fn run<'a>(files: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let (mut good, mut bad) = (String::new(), Vec::new());
    for file in files {
        match read(file) {
            Ok(collectors) => {
                for collector in &collectors {
                    // what is written to a string arrives
                    let _ignored = writeln!(good, "{file}: {} is valid", collector.name);
                    for hint in hints(collector) {
                        let _ignored = writeln!(good, "{file}: {}: hint: {hint}", collector.name);
                    }
                }
            }
            Err(error) => bad.push(error.to_string()),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad.join("\n")) }
}

/// A file with `name` and `queries` holds a collector; any other is one of postgres_exporter.
fn read(file: &str) -> Result<Vec<Collector>, ConfigError> {
    let document = Document::read(Path::new(file))?;
    let ours = document.decode(|mut fields| {
        let ours = fields.has("queries");
        let keys: Vec<&str> = fields.keys().collect();
        for key in keys {
            fields.ignore(key);
        }
        ours
    })?;
    if ours {
        return decode::collector(&document).map(|collector| vec![collector]);
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| ConfigError::file(file, format!("cannot be read: {error}")))?;
    legacy::parse(file, &text, false)
}

/// What is allowed and yet often a mistake.
fn hints(collector: &Collector) -> Vec<String> {
    let mut hints = Vec::new();
    for (number, query) in (1..).zip(&collector.queries) {
        let texts = || query.variants.iter().map(|variant| variant.sql.to_lowercase());
        if texts().any(|sql| {
            sql.contains("pg_table_size")
                || sql.contains("pg_indexes_size")
                || sql.contains("pg_total_relation_size")
        }) && collector.ttl.is_none()
        {
            hints.push(format!(
                "query {number} opens every relation and waits for its lock: set `ttl` and `session: closed`"
            ));
        }
        if !collector.own_search_path && texts().any(|sql| sql.contains("from pg_stat_statements")) {
            hints.push(format!(
                "query {number}: only pg_catalog is searched; write {{schema}}.pg_stat_statements"
            ));
        }
        hints.extend(duplicate(query).map(|name| format!("query {number}: metric {name} is there twice")));
    }
    hints
}

fn duplicate(query: &Query) -> Option<&str> {
    let Reading::Columns { metrics, .. } = &query.reading else { return None };
    let repeated = |at: usize, name: &str| metrics.iter().take(at).any(|metric| metric.name == name);
    metrics
        .iter()
        .enumerate()
        .find(|(at, metric)| repeated(*at, &metric.name))
        .map(|(_, metric)| metric.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let ours = write(
            "ours.yml",
            "name: sizes\nhelp: S.\nqueries:\n- variants: [{sql: 'SELECT pg_table_size(1) AS a'}]\n  metrics: [{name: a, kind: gauge, help: A.}]\n",
        );
        let theirs = write(
            "theirs.yml",
            "pg_x:\n  query: SELECT 1 AS a\n  metrics: [{a: {usage: GAUGE, description: A}}]\n",
        );
        let found = run([ours.as_str(), theirs.as_str()].into_iter()).unwrap();
        assert!(
            found.contains("sizes is valid")
                && found.contains("hint: query 1 opens")
                && found.contains("pg_x is valid"),
            "{found}"
        );
        let bad = write("bad.yml", "name: x\nqueries: []\n");
        assert!(
            run([bad.as_str()].into_iter()).unwrap_err().contains("bad.yml:1:1: missing required key `help`")
        );
    }
}
