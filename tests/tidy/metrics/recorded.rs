//! Metrics of programs that have no generated reference, as a Prometheus that scraped them knows them.
//!
//! A line of a recording is a metric: its name, its type, its labels. To write them anew, run the suite with
//! `cargo xtask demo`, wait until every dashboard has data, and give this test the address of the demo's Prometheus:
//!
//! ```sh
//! WATCHFIRE_RECORD=http://127.0.0.1:9090 cargo nextest run --package tests recordings_are_in_order
//! ```
//! What an older recording knows and this Prometheus does not is kept: not every series is there on every machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use kit::http::http_get;
use serde_json::Value;

use crate::tree::{Source, files, root};

/// Where recordings are.
const FOLDER: &str = "tests/tidy/metrics/";

/// How they begin: what they hold.
const HEADER: &str = "# name type labels; recorded.rs says how this is made anew\n";

/// The recordings, and how the names begin that are in each.
const RECORDINGS: [(&str, &[&str]); 7] = [
    ("alertmanager.txt", &["alertmanager_"]),
    ("alertrouter.txt", &["alertrouter_"]),
    // what a program of the suite says of itself
    ("program.txt", &["watchfire_", "process_"]),
    ("application.txt", &["http_request", "database_", "ai_"]),
    ("node.txt", &["node_"]),
    // what does not come from a collector
    ("postgres.txt", &["pg_up", "pg_exporter_", "pg_scrape_collector_"]),
    ("prometheus.txt", &["prometheus_"]),
];

/// Types and labels by name.
type Recording = BTreeMap<String, (String, BTreeSet<String>)>;

/// All lines of all recordings: name, type, labels, and the file.
pub(super) fn recorded() -> Vec<(String, String, Vec<String>, String)> {
    let mut all = Vec::new();
    for page in files(".txt").into_iter().filter(|file| file.path.starts_with(FOLDER)) {
        for (name, (kind, labels)) in read(&page) {
            all.push((name, kind, labels.into_iter().collect(), page.path.clone()));
        }
    }
    all
}

fn read(page: &Source) -> Recording {
    let lines = page.text.lines().filter(|line| !line.starts_with('#'));
    let mut recording = Recording::new();
    for line in lines {
        let mut words = line.split(' ').map(str::to_owned);
        if let (Some(name), Some(kind)) = (words.next(), words.next()) {
            recording.insert(name, (kind, words.collect()));
        }
    }
    recording
}

fn written(recording: &Recording) -> String {
    let mut text = HEADER.to_owned();
    for (name, (kind, labels)) in recording {
        let words: Vec<&str> = [name, kind].into_iter().chain(labels).map(String::as_str).collect();
        writeln!(text, "{}", words.join(" ")).unwrap();
    }
    text
}

#[tokio::test]
async fn recordings_are_in_order() {
    let fresh = match std::env::var("WATCHFIRE_RECORD") {
        Ok(url) => ask(&url).await.unwrap(),
        Err(_) => Recording::new(),
    };
    for (file, begins) in RECORDINGS {
        let path = root().join(FOLDER).join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut recording = read(&Source { path: file.to_owned(), text: text.clone() });
        for (name, (kind, labels)) in &fresh {
            if begins.iter().any(|begin| name.starts_with(begin)) {
                let known = recording.entry(name.clone()).or_default();
                // a series that is gone from its page has no type any more
                if known.0.is_empty() || kind != "unknown" {
                    known.0.clone_from(kind);
                }
                known.1.extend(labels.iter().cloned());
            }
        }
        if !fresh.is_empty() {
            std::fs::write(&path, written(&recording)).unwrap();
            continue;
        }
        assert_eq!(text, written(&recording), "{file}: sorted, one metric a line");
        let strangers = recording.keys().filter(|name| !begins.iter().any(|begin| name.starts_with(begin)));
        assert_eq!(strangers.collect::<Vec<_>>(), Vec::<&String>::new(), "{file}");
    }
}

/// What a Prometheus knows of its series: the parts of a histogram under its name.
async fn ask(url: &str) -> anyhow::Result<Recording> {
    let kinds: BTreeMap<String, String> = get(url, "targets/metadata")
        .await?
        .iter()
        .map(|one| (text(&one["metric"]), text(&one["type"])))
        .collect();
    let mut recording = Recording::new();
    for series in get(url, "series?match[]={__name__!=\"\"}").await? {
        let Value::Object(labels) = series else { continue };
        let name = labels.get("__name__").map(text).unwrap_or_default();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let whole =
            base.filter(|base| kinds.get(*base).is_some_and(|kind| kind == "histogram" || kind == "summary"));
        let metric = whole.unwrap_or(&name).to_owned();
        // in OpenMetrics the type is that of the family, whose name has no `_total`
        let family = || kinds.get(metric.strip_suffix("_total")?);
        let kind = kinds.get(&metric).or_else(family).map_or("unknown", String::as_str);
        let made = ["__name__", "job", "instance", "le", "quantile"];
        let names = labels.keys().filter(|label| !made.contains(&label.as_str())).cloned();
        let known = recording.entry(metric).or_insert_with(|| (kind.to_owned(), BTreeSet::new()));
        known.1.extend(names);
    }
    Ok(recording)
}

async fn get(url: &str, what: &str) -> anyhow::Result<Vec<Value>> {
    let what = what.replace("[]={__name__!=\"\"}", "%5B%5D=%7B__name__%21%3D%22%22%7D");
    let answer: Value =
        serde_json::from_str(&http_get(&format!("{url}/api/v1/{what}"), &[]).await?.ok()?.text())?;
    Ok(answer["data"].as_array().cloned().unwrap_or_default())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
