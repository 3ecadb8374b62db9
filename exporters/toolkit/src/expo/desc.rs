//! What a metric is: name, kind, help and label names.

/// Describes a metric family. Made to be a `const`; a family whose description comes from a file borrows it.
#[derive(Clone, Copy, Debug)]
pub struct Desc<'a> {
    /// The name without the namespace, e.g. `connected_clients`.
    pub name: &'a str,
    /// One sentence: what it is, its unit, and where the fact comes from (view, INFO field, RFC).
    pub help: &'a str,
    /// How the values behave.
    pub kind: Kind,
    /// Label names, in the order in which values are given.
    pub labels: &'a [&'a str],
}

/// The type of a metric family as it is announced on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, restarts at 0.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets with a sum and a count.
    Histogram,
    /// Quantiles with a sum and a count.
    Summary,
    /// Not known; `untyped` in the text format 0.0.4.
    Unknown,
}

/// Whether a text can be a metric name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub(super) fn is_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_' || first == b':')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}

/// Whether a text can be a label name: `[a-zA-Z_][a-zA-Z0-9_]*`, and not `__name__`, which is the metric's own.
pub(super) fn is_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name != "__name__"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, metric, label) in [
            ("up", true, true),
            ("_a1", true, true),
            ("job:x:rate", true, false),
            ("1a", false, false),
            ("", false, false),
            ("a-b", false, false),
            ("ä", false, false),
            ("__name__", true, false),
        ] {
            assert_eq!((is_metric_name(name), is_label_name(name)), (metric, label), "{name}");
        }
    }
}
