//! A page in the text format, as a test looks at it.

use std::collections::BTreeSet;

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
        kit::page::shapes(&self.0).unwrap()
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
