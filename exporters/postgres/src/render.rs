//! Rows of text → samples. Columns are found once a result, labels are escaped once a row.

use std::borrow::Cow;

use toolkit::expo::{Desc, Family, Kind, Labels, Samples};

use crate::collector::{Dynamic, Metric, Null, Query, Reading, Value};
use crate::conn::{Column, Row, Rows};
use crate::number;

/// Labels that a series can have; more are left out, which no collector comes near.
const MAX_LABELS: usize = 24;

/// Type of a bool, which postgres_exporter writes as `true` or `false` in labels.
const BOOL: u32 = 16;

/// Types of times, which it writes as whole seconds in labels: date, timestamp, timestamptz.
const TIMES: [u32; 3] = [1082, 1114, 1184];

/// What every series of a server carries, beside the labels of its row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// The server's host and port, for queries that ask for the label `server`.
    pub server: String,
    /// Labels that the user gave to everything.
    pub constant: Vec<(String, String)>,
    /// What stands for `pg` at the beginning of names.
    pub prefix: String,
}

impl Extra {
    /// The name of a metric with the user's prefix.
    pub fn name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match name.strip_prefix("pg_") {
            Some(rest) if self.prefix != "pg" && !self.prefix.is_empty() => {
                Cow::Owned(format!("{}_{rest}", self.prefix))
            }
            _ => Cow::Borrowed(name),
        }
    }
}

/// Writes the rows of one query.
pub struct Renderer<'a> {
    labels: LabelPlan<'a>,
    samples: &'a mut Samples,
    bound: Bound<'a>,
    /// Rows so far.
    pub rows: u64,
    /// Values that were no number, which no sample stands for.
    pub unreadable: u64,
    /// How many samples the collector may have.
    most: usize,
    /// Rows that were left out since it has them.
    pub left_out: u64,
}

/// Which labels a series has, and where they come from.
struct LabelPlan<'a> {
    query: &'a Query,
    extra: &'a Extra,
    /// Names of labels: those of the row, then those of `extra`.
    names: Vec<&'a str>,
    /// Where the labels of the row are, and how they are written; `None` when the result lacks the column.
    places: Vec<Option<(usize, Writing)>>,
}

/// How a value is written in a label.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// As the server has it.
    Text,
    /// `true` or `false`.
    Bool,
    /// In whole seconds of Unix time.
    Seconds,
}

enum Bound<'a> {
    Nothing,
    Columns(Vec<BoundMetric<'a>>),
    Dynamic { spec: &'a Dynamic, name: usize, help: Option<usize>, value: usize },
}

struct BoundMetric<'a> {
    family: Option<Family>,
    /// Nobody named the column, so that it may hold anything.
    unlisted: bool,
    reading: Cell<'a>,
}

enum Cell<'a> {
    One { column: usize, scale: f64, null: Null, value: &'a Value },
    Histogram { metric: &'a Metric, bounds: usize, counts: usize, sum: usize, count: usize },
}

impl<'a> Renderer<'a> {
    /// Writes to `samples`, until they are `most`.
    pub fn new(query: &'a Query, extra: &'a Extra, samples: &'a mut Samples, most: usize) -> Self {
        let labels = LabelPlan::new(query, extra);
        Self { labels, samples, bound: Bound::Nothing, rows: 0, unreadable: 0, most, left_out: 0 }
    }

    fn bind(&mut self, metrics: &'a [Metric], columns: &[Column<'_>]) -> Vec<BoundMetric<'a>> {
        let find = |name: &str| columns.iter().position(|column| column.name == name);
        let mut bound = Vec::with_capacity(metrics.len());
        for metric in metrics {
            let Some(column) = find(&metric.column) else { continue };
            if metric.kind == Kind::Histogram {
                let part = |suffix: &str| find(&format!("{}_{suffix}", metric.column));
                let (Some(counts), Some(sum), Some(count)) = (part("bucket"), part("sum"), part("count"))
                else {
                    self.unreadable += 1;
                    continue;
                };
                let reading = Cell::Histogram { metric, bounds: column, counts, sum, count };
                bound.push(BoundMetric { family: None, unlisted: false, reading });
                continue;
            }
            let name = self.labels.extra.name(&metric.name);
            let desc = Desc { name: &name, help: &metric.help, kind: metric.kind, labels: &[] };
            let reading = Cell::One { column, scale: metric.scale, null: metric.null, value: &metric.value };
            bound.push(BoundMetric { family: Some(self.samples.family(&desc)), unlisted: false, reading });
        }
        bound
    }

    /// Columns that nobody named become untyped metrics, in the files of postgres_exporter.
    fn bind_unlisted(
        &mut self,
        beginning: &str,
        metrics: &[Metric],
        discarded: &[String],
        columns: &[Column<'_>],
    ) -> Vec<BoundMetric<'a>> {
        let is_part = |name: &str| {
            let histograms = metrics.iter().filter(|metric| metric.kind == Kind::Histogram);
            histograms
                .flat_map(|metric| {
                    ["_bucket", "_sum", "_count"].map(|part| format!("{}{part}", metric.column))
                })
                .any(|part| part == name)
        };
        let known = |name: &str| {
            metrics.iter().any(|metric| metric.column == name)
                || self.labels.query.labels.iter().any(|label| label == name)
                || discarded.iter().any(|column| column == name)
                || is_part(name)
        };
        let mut bound = Vec::new();
        for (column, described) in columns.iter().enumerate().filter(|(_, column)| !known(column.name)) {
            let name = format!("{beginning}_{}", described.name);
            let name = self.labels.extra.name(&name);
            let help = format!("Unknown metric from {beginning}");
            let desc = Desc { name: &name, help: &help, kind: Kind::Unknown, labels: &[] };
            let reading = Cell::One { column, scale: 1.0, null: Null::Nan, value: &Value::Number };
            bound.push(BoundMetric { family: Some(self.samples.family(&desc)), unlisted: true, reading });
        }
        bound
    }
}

impl<'a> LabelPlan<'a> {
    fn new(query: &'a Query, extra: &'a Extra) -> Self {
        let mut names: Vec<&str> = query.labels.iter().map(String::as_str).collect();
        if query.server_label {
            names.push("server");
        }
        for (name, _) in &extra.constant {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names.truncate(MAX_LABELS);
        Self { query, extra, names, places: Vec::new() }
    }

    fn bind(&mut self, columns: &[Column<'_>]) {
        // only its files have columns that nobody listed
        let as_the_peer = matches!(self.query.reading, Reading::Columns { unlisted: Some(_), .. });
        let place = |label: &String| {
            let at = columns.iter().position(|column| column.name == label)?;
            let writing = match columns.get(at).map(|column| column.oid) {
                Some(BOOL) => Writing::Bool,
                Some(kind) if as_the_peer && TIMES.contains(&kind) => Writing::Seconds,
                _ => Writing::Text,
            };
            Some((at, writing))
        };
        self.places = self.query.labels.iter().map(place).collect();
    }

    /// Labels of a row with those of the server.
    fn values<'r>(&'r self, row: &'r Row<'_>, values: &mut [Cow<'r, str>; MAX_LABELS]) -> usize {
        let from_row = self.places.iter().map(|place| match place {
            None => Cow::Borrowed(self.query.null_label.as_str()),
            Some((column, writing)) => match (row.get(*column), writing) {
                (None, _) => Cow::Borrowed(self.query.null_label.as_str()),
                (Some(b"t"), Writing::Bool) => Cow::Borrowed("true"),
                (Some(b"f"), Writing::Bool) => Cow::Borrowed("false"),
                (Some(bytes), Writing::Seconds) => match number::parse(bytes) {
                    Some(seconds) => Cow::Owned(format!("{:.0}", seconds.floor())),
                    None => String::from_utf8_lossy(bytes),
                },
                (Some(bytes), _) => String::from_utf8_lossy(bytes),
            },
        });
        let server = self.query.server_label.then_some(Cow::Borrowed(self.extra.server.as_str()));
        let taken = self.query.labels.len() + usize::from(self.query.server_label);
        let constant = self.names.iter().skip(taken).filter_map(|name| {
            let found = self.extra.constant.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| Cow::Borrowed(value.as_str()))
        });
        let mut count = 0;
        for (place, value) in values.iter_mut().zip(from_row.chain(server).chain(constant)) {
            *place = value;
            count += 1;
        }
        count
    }

    /// Escapes the labels of a row.
    fn write(&self, row: &Row<'_>, samples: &mut Samples) -> Labels {
        let mut owned = [const { Cow::Borrowed("") }; MAX_LABELS];
        let count = self.values(row, &mut owned);
        let mut values = [""; MAX_LABELS];
        for (place, value) in values.iter_mut().zip(&owned) {
            *place = value;
        }
        samples.labels(&self.names, values.get(..count).unwrap_or_default())
    }
}

impl Rows for Renderer<'_> {
    fn columns(&mut self, columns: &[Column<'_>]) {
        self.labels.bind(columns);
        let query = self.labels.query;
        let find = |name: &str| columns.iter().position(|column| column.name == name);
        self.bound = match &query.reading {
            Reading::Columns { metrics, unlisted, discarded } => {
                let mut bound = self.bind(metrics, columns);
                if let Some(beginning) = unlisted {
                    bound.extend(self.bind_unlisted(beginning, metrics, discarded, columns));
                }
                Bound::Columns(bound)
            }
            Reading::Dynamic(spec) => match (find(&spec.name), find(&spec.value)) {
                (Some(name), Some(value)) => Bound::Dynamic { spec, name, help: find(&spec.help), value },
                _ => Bound::Nothing,
            },
        };
    }

    fn row(&mut self, row: &Row<'_>) {
        self.rows += 1;
        // not even its labels are kept, so that a result without end fills no memory
        if self.samples.len() >= self.most {
            self.left_out += 1;
            return;
        }
        let labels = self.labels.write(row, self.samples);
        match &self.bound {
            Bound::Nothing => {}
            Bound::Dynamic { spec, name, help, value } => {
                let (Some(name), Some(value)) = (row.text(*name), row.get(*value)) else { return };
                let Some(value) = number::parse(value) else {
                    self.unreadable += 1;
                    return;
                };
                let help = match help {
                    Some(column) => row.text(*column).unwrap_or_default(),
                    None => Cow::Borrowed(spec.help.as_str()),
                };
                let name =
                    if spec.prefix.is_empty() { name } else { Cow::Owned(format!("{}{name}", spec.prefix)) };
                let name = self.labels.extra.name(&name);
                let family =
                    self.samples.family(&Desc { name: &name, help: &help, kind: spec.kind, labels: &[] });
                self.samples.push(family, labels, value);
            }
            Bound::Columns(metrics) => {
                for metric in metrics {
                    match (&metric.reading, metric.family) {
                        (Cell::One { column, scale, null, value }, Some(family)) => {
                            match read(row.get(*column), *null, value) {
                                Ok(Some(number)) => self.samples.push(family, labels, number * scale),
                                Ok(None) => {}
                                Err(()) => self.unreadable += u64::from(!metric.unlisted),
                            }
                        }
                        (Cell::Histogram { metric, bounds, counts, sum, count }, _) => {
                            let parts = [*bounds, *counts, *sum, *count].map(|column| row.get(column));
                            let mut owned = [const { Cow::Borrowed("") }; MAX_LABELS];
                            let filled = self.labels.values(row, &mut owned);
                            let values: Vec<&str> = owned.iter().take(filled).map(AsRef::as_ref).collect();
                            let Some(histogram) = histogram(parts) else {
                                self.unreadable += 1;
                                continue;
                            };
                            let name = self.labels.extra.name(&metric.name);
                            let desc = Desc {
                                name: &name,
                                help: &metric.help,
                                kind: Kind::Histogram,
                                labels: &self.labels.names,
                            };
                            self.samples.histogram(
                                &desc,
                                &values,
                                &histogram.buckets,
                                histogram.sum,
                                histogram.count,
                            );
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

/// The number of a column; `Ok(None)`: there is none, and none is due.
fn read(text: Option<&[u8]>, null: Null, value: &Value) -> Result<Option<f64>, ()> {
    let Some(text) = text else {
        return Ok(match null {
            Null::Omit => None,
            Null::Zero => Some(0.0),
            Null::Nan => Some(f64::NAN),
        });
    };
    match value {
        Value::Number => number::parse(text).map(Some).ok_or(()),
        Value::Duration => number::milliseconds(text).map(Some).ok_or(()),
        Value::Mapped(table) => {
            Ok(table.iter().find(|(known, _)| known.as_bytes() == text).map(|(_, value)| *value))
        }
    }
}

struct Cumulative {
    buckets: Vec<(f64, u64)>,
    sum: f64,
    count: u64,
}

fn histogram([bounds, counts, sum, count]: [Option<&[u8]>; 4]) -> Option<Cumulative> {
    let bounds = number::array(bounds.unwrap_or(b"{}"))?;
    let counts = number::array(counts.unwrap_or(b"{}"))?;
    let buckets =
        bounds.into_iter().zip(counts).map(|(bound, count)| (bound, number::count(count))).collect();
    let sum = sum.map_or(Some(f64::NAN), number::parse)?;
    Some(Cumulative { buckets, sum, count: number::count(count.map_or(Some(0.0), number::parse)?) })
}

#[cfg(test)]
mod tests;
