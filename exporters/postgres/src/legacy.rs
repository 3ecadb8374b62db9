//! postgres_exporter's `queries.yaml`: one map entry a query, with the usage of each column.
//!
//! It is read as that program reads it: a file that cannot be read is no reason not to start, a query that is wrong
//! costs only itself.

use std::path::Path;
use std::time::Duration;

use toolkit::config::{Document, Fields, Item};
use tracing::warn;

use crate::collector::{
    Collector, Kind, Metric, Needs, Null, Query, Reading, Scope, Session, Value, Variant, When,
};

/// The file, for `pg_exporter_user_queries_load_error`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryFile {
    /// Its path.
    pub path: String,
    /// What its content hashes to.
    pub hash: String,
    /// Why it could not be read.
    pub error: Option<String>,
}

/// Reads a file: what it is, and the collectors in it.
pub fn read(path: &Path, in_databases: bool) -> (QueryFile, Vec<Collector>) {
    let mut file = QueryFile { path: path.display().to_string(), ..QueryFile::default() };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            file.error = Some(format!("cannot be read: {error}"));
            warn!(file = file.path, error = file.error, "the file of queries is left out");
            return (file, Vec::new());
        }
    };
    file.hash = hash(&text);
    match parse(&file.path, &text, in_databases) {
        Ok(collectors) => (file, collectors),
        Err(error) => {
            warn!(file = file.path, %error, "the file of queries is left out");
            file.error = Some(error.to_string());
            (file, Vec::new())
        }
    }
}

/// Parses the text of a file. With `in_databases`, queries that are not `master` run in every database.
///
/// # Errors
/// Every problem of the file.
pub fn parse(
    file: &str,
    text: &str,
    in_databases: bool,
) -> Result<Vec<Collector>, toolkit::config::ConfigError> {
    Document::parse(file, text)?.decode(|mut fields| {
        let names: Vec<&str> = fields.keys().collect();
        names
            .into_iter()
            .filter_map(|name| {
                let item = fields.item(name)?;
                collector(name, &item, in_databases)
            })
            .collect()
    })
}

fn collector(name: &str, item: &Item<'_>, in_databases: bool) -> Option<Collector> {
    let mut fields = item.fields()?;
    let sql = fields.string("query");
    // without a query the entry is named after the view that it reads; an empty one switches it off
    let sql = match sql {
        None if fields.has("query") => return None,
        None => format!("SELECT * FROM {name}"),
        Some(sql) => sql.trim().trim_end_matches(';').trim_end().to_owned(),
    };
    let master = fields.bool("master").unwrap_or(false);
    let seconds = fields.integer("cache_seconds", 0..=i64::from(u32::MAX)).unwrap_or(0);
    let ranges = fields.parsed("runonserver", ranges).unwrap_or_default();
    let columns = columns(&mut fields);
    if sql.is_empty() {
        return None;
    }
    let usage = |wanted: Usage| columns.iter().filter(move |column| column.usage == wanted);
    let query = Query {
        labels: usage(Usage::Label).map(|column| column.name.clone()).collect(),
        null_label: String::new(),
        server_label: true,
        reading: Reading::Columns {
            metrics: columns.iter().filter_map(|column| metric(name, column)).collect(),
            unlisted: Some(name.to_owned()),
            discarded: usage(Usage::Discard).map(|column| column.name.clone()).collect(),
        },
        variants: vec![Variant { when: When { ranges, ..When::default() }, sql }],
    };
    Some(Collector {
        name: name.to_owned(),
        help: format!("Query {name} of the user's file."),
        default: true,
        scope: if master || !in_databases { Scope::Cluster } else { Scope::Database },
        ttl: u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs),
        timeout: None,
        session: Session::Kept,
        max_series: None,
        needs: Needs::default(),
        parameters: Vec::new(),
        queries: vec![query],
        own_search_path: true,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Usage {
    Discard,
    Label,
    Counter,
    Gauge,
    Histogram,
    Mapped,
    Duration,
}

struct ColumnUse {
    name: String,
    usage: Usage,
    help: String,
    mapping: Vec<(String, f64)>,
}

/// `metrics` is a list of maps with one column each, sometimes with several.
fn columns(fields: &mut Fields<'_>) -> Vec<ColumnUse> {
    let usages = [
        ("DISCARD", Usage::Discard),
        ("LABEL", Usage::Label),
        ("COUNTER", Usage::Counter),
        ("GAUGE", Usage::Gauge),
        ("HISTOGRAM", Usage::Histogram),
        ("MAPPEDMETRIC", Usage::Mapped),
        ("DURATION", Usage::Duration),
    ];
    let lists = fields.list("metrics", |item| {
        Some(item.map(|name, column| {
            let mut column = column.fields()?;
            column.require("usage");
            let usage = column.choice("usage", &usages);
            let help = column.string("description").unwrap_or_default();
            let mapping = column.map("metric_mapping", |text, value| Some((text.to_owned(), value.float()?)));
            column.ignore("supported_versions");
            Some(ColumnUse { name: name.to_owned(), usage: usage?, help, mapping })
        }))
    });
    lists.into_iter().flatten().collect()
}

fn metric(namespace: &str, column: &ColumnUse) -> Option<Metric> {
    let name = format!("{namespace}_{}", column.name);
    let (name, kind, value) = match column.usage {
        Usage::Discard | Usage::Label => return None,
        Usage::Counter => (name, Kind::Counter, Value::Number),
        Usage::Gauge => (name, Kind::Gauge, Value::Number),
        Usage::Histogram => (name, Kind::Histogram, Value::Number),
        Usage::Mapped => (name, Kind::Gauge, Value::Mapped(column.mapping.clone())),
        Usage::Duration => (format!("{name}_milliseconds"), Kind::Gauge, Value::Duration),
    };
    let (column, help) = (column.name.clone(), column.help.clone());
    Some(Metric { name, help, kind, column, scale: 1.0, null: Null::Nan, value })
}

/// Ranges of versions as Go's semver library reads them: comparisons that must all hold, with blanks between them,
/// and `||` between alternatives.
fn ranges(text: &str) -> Result<Vec<(u32, u32)>, String> {
    text.split("||").map(range).collect()
}

fn range(text: &str) -> Result<(u32, u32), String> {
    let wrong = || "expected versions such as `>=10.0.0 <12.0.0 || 13.x`".to_owned();
    let (mut from, mut below) = (0, u32::MAX);
    let joined = [">= ", "<= ", "> ", "< ", "= ", "== "]
        .iter()
        .fold(text.trim().to_owned(), |text, operator| text.replace(operator, operator.trim_end()));
    for word in joined.split_whitespace() {
        let digits = word.find(|character: char| character.is_ascii_digit()).ok_or_else(wrong)?;
        let (operator, version) = word.split_at(digits);
        let (first, after) = numbers(version).ok_or_else(wrong)?;
        match operator {
            ">=" => from = from.max(first),
            ">" => from = from.max(after),
            "<" => below = below.min(first),
            "<=" => below = below.min(after),
            "" | "=" | "==" => (from, below) = (from.max(first), below.min(after)),
            _ => return Err(wrong()),
        }
    }
    if joined.is_empty() { Err(wrong()) } else { Ok((from, below)) }
}

/// The first `server_version_num` that a version names, and the first after it. Since 10 the second part is the
/// minor version; postgres_exporter calls 15.4 `15.4.0`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let parts: Vec<&str> = version.split('.').collect();
    let open = |part: &&str| matches!(*part, "x" | "X" | "*");
    let major: u32 = parts.first()?.parse().ok()?;
    let number = |at: usize| match parts.get(at) {
        None => Some(None),
        Some(part) if open(part) => Some(None),
        Some(part) => part.parse::<u32>().ok().map(Some),
    };
    let (minor, patch) = (number(1)?, number(2)?);
    Some(match (major, minor, patch) {
        (10.., None, _) => (major * 10_000, (major + 1) * 10_000),
        (10.., Some(minor), _) => (major * 10_000 + minor, major * 10_000 + minor + 1),
        (_, None, _) => (major * 10_000, (major + 1) * 10_000),
        (_, Some(minor), None) => (major * 10_000 + minor * 100, major * 10_000 + (minor + 1) * 100),
        (_, Some(minor), Some(patch)) => {
            (major * 10_000 + minor * 100 + patch, major * 10_000 + minor * 100 + patch + 1)
        }
    })
}

/// FNV-1a: names a file's content; nothing depends on it.
fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
pg_sample:
  query: |
    SELECT a FROM b;
  master: true
  cache_seconds: 30
  runonserver: '>=10.0.0 <14.0.0 || 9.6.x'
  metrics:
  - l: {usage: LABEL, description: A label}
  - c: {usage: COUNTER, description: A counter}
  - g: {usage: GAUGE, description: A gauge}
  - d: {usage: DISCARD}
  - t: {usage: DURATION, description: A time}
  - m: {usage: MAPPEDMETRIC, description: A map, metric_mapping: {a: 1, b: 2.5}}
  - h: {usage: HISTOGRAM, description: A histogram}
pg_stat_other:
  metrics: [{x: {usage: GAUGE, description: X}}]
";

    #[test]
    fn a_file() {
        let found = parse("queries.yaml", FILE, true).unwrap();
        let [first, second] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((first.scope, first.ttl), (Scope::Cluster, Some(Duration::from_secs(30))));
        assert_eq!(first.queries[0].variants[0].sql, "SELECT a FROM b");
        assert_eq!(first.queries[0].variants[0].when.ranges, [(100_000, 140_000), (90_600, 90_700)]);
        let Reading::Columns { metrics, unlisted, discarded } = &first.queries[0].reading else { panic!() };
        let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(
            names,
            ["pg_sample_c", "pg_sample_g", "pg_sample_t_milliseconds", "pg_sample_m", "pg_sample_h"]
        );
        assert_eq!(metrics[3].value, Value::Mapped(vec![("a".to_owned(), 1.0), ("b".to_owned(), 2.5)]));
        assert_eq!((unlisted.as_deref(), discarded.as_slice()), (Some("pg_sample"), &["d".to_owned()][..]));
        assert_eq!(
            (second.scope, second.queries[0].variants[0].sql.as_str()),
            (Scope::Database, "SELECT * FROM pg_stat_other")
        );
    }

    #[test]
    fn versions() {
        for (text, expected) in [
            (">=9.6.0", Ok(vec![(90_600, u32::MAX)])),
            ("> 13.2.0 <= 15.0.0", Ok(vec![(130_003, 150_001)])),
            ("15.x", Ok(vec![(150_000, 160_000)])),
            ("new", Err(())),
            ("", Err(())),
        ] {
            assert_eq!(ranges(text).map_err(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn a_bad_file_is_told_and_left_out() {
        let (file, collectors) = read(Path::new("/no/such/queries.yaml"), false);
        assert!(file.error.is_some_and(|error| error.starts_with("cannot be read")) && collectors.is_empty());
        let error =
            parse("q.yml", "a:\n  query: SELECT 1\n  metrics: [{x: {usage: NUMBER}}]\n", false).unwrap_err();
        assert!(error.to_string().starts_with("q.yml:3:25: `usage`: expected one of `DISCARD`"), "{error}");
    }
}
