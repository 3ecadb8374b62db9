//! A page in the text format, as a test looks at it.

use std::collections::{BTreeMap, BTreeSet};

/// A page in the text format.
pub(crate) struct Page(pub(crate) String);

impl Page {
    /// The value of a series, written as it stands on the page.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let found = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        found.map(|value| value.parse().unwrap())
    }

    /// The same page without the label `server`, which carries a port.
    pub(crate) fn without_server(&self, port: u16) -> Self {
        let label = format!("server=\"127.0.0.1:{port}\"");
        let text = self.0.replace(&format!("{{{label}}}"), "").replace(&format!(",{label}"), "");
        Self(text.replace(&format!("{label},"), ""))
    }

    /// Lines of a metric family, without the comments.
    pub(crate) fn family(&self, name: &str) -> Vec<&str> {
        let of_family = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
        };
        self.0.lines().filter(of_family).collect()
    }

    /// The names of all families.
    pub(crate) fn families(&self) -> BTreeSet<&str> {
        let names = self.0.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        names.filter_map(|rest| rest.split(' ').next()).collect()
    }

    /// Every metric as `name type label,label`, the labels in order.
    pub(crate) fn shapes(&self) -> BTreeSet<String> {
        let mut types: BTreeMap<&str, &str> = BTreeMap::new();
        let mut shapes = BTreeSet::new();
        for line in self.0.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                types.extend(rest.split_once(' '));
            } else if !line.starts_with('#') {
                shapes.insert(shape(line, &types));
            }
        }
        shapes
    }
}

/// A series with its labels in order and without those that carry nothing, and its value.
pub(crate) fn series(line: &str) -> (String, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let mut labels: Vec<&str> = labels.strip_suffix('}').unwrap().split_inclusive("\",").collect();
    for label in &mut labels {
        *label = label.trim_end_matches(',');
    }
    labels.retain(|label| !label.ends_with("=\"\"") && !label.is_empty());
    labels.sort_unstable();
    (format!("{name}{{{}}}", labels.join(",")), value.parse().unwrap())
}

fn shape(line: &str, types: &BTreeMap<&str, &str>) -> String {
    let (series, _) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let stem = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
    let family =
        stem.filter(|stem| matches!(types.get(stem), Some(&("histogram" | "summary")))).unwrap_or(name);
    let kind = types.get(family).copied().unwrap_or("untyped");
    let own = match kind {
        "histogram" => "le",
        "summary" => "quantile",
        _ => "",
    };
    // a label name follows `{` or `",`, both of which values cannot hold unescaped
    let mut labels: Vec<&str> = labels
        .split("\",")
        .filter_map(|label| label.split_once("=\""))
        .map(|(name, _)| name)
        .filter(|name| *name != own)
        .collect();
    labels.sort_unstable();
    format!("{family} {kind} {}", labels.join(",")).trim_end().to_owned()
}
