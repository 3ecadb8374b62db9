//! The arena that one collector writes.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::desc::{Desc, Kind, is_label_name, is_metric_name};

/// Samples of one collector may not exceed this many series unless the collector asks for another limit: enough
/// for 2,000 tables of 30 metrics, and a page that Prometheus still takes.
const DEFAULT_SERIES_LIMIT: usize = 200_000;

/// Bytes of text that one arena may hold. Positions in it are `u32`; this keeps them far from wrapping.
const TEXT_LIMIT: usize = 1 << 30;

/// What one collector wrote: families, label sets and samples in one arena.
///
/// Nothing here fails: a sample that may not stand on a page is dropped and counted, so that one bad row never
/// costs its neighbours.
#[derive(Debug)]
pub struct Samples {
    prefix: String,
    /// Names, help texts and escaped label sets, one after the other.
    text: String,
    families: Vec<FamilyEntry>,
    /// Open addressing over `families` by name: index + 1, 0 is free.
    by_name: Vec<u32>,
    /// The family that was asked for last.
    last_family: u32,
    /// The label names that were judged last, and found good.
    last_names: Vec<String>,
    written: Vec<Sample>,
    series_limit: usize,
    /// Samples left out because a name or a label was invalid.
    pub(super) invalid: u64,
    /// Samples left out because the collector was at its limit.
    pub(super) capped: u64,
}

/// A metric family within [`Samples`]; made by [`Samples::family`] and good only there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family(u32);

/// A label set within [`Samples`], escaped once; made by [`Samples::labels`] and good only there.
#[derive(Clone, Copy, Debug)]
pub struct Labels(Span);

/// A piece of the arena's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    length: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct FamilyEntry {
    pub(super) name: Span,
    pub(super) help: Span,
    pub(super) kind: Kind,
    valid: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) family: u32,
    pub(super) part: Part,
    pub(super) labels: Span,
    /// The `le` or `quantile` of [`Part::Bucket`] and [`Part::Quantile`], else 0.
    pub(super) bound: f64,
    pub(super) value: f64,
}

/// Which line of its family a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Value,
    Bucket,
    Quantile,
    Sum,
    Count,
}

impl Span {
    const INVALID: Self = Self { start: u32::MAX, length: u32::MAX };
}

impl Samples {
    /// An empty arena whose metric names begin with `namespace` and `_`; an empty namespace leaves names alone.
    pub fn new(namespace: &str) -> Self {
        Self {
            prefix: if namespace.is_empty() { String::new() } else { format!("{namespace}_") },
            text: String::new(),
            families: Vec::new(),
            by_name: Vec::new(),
            last_family: 0,
            last_names: Vec::new(),
            written: Vec::new(),
            series_limit: DEFAULT_SERIES_LIMIT,
            invalid: 0,
            capped: 0,
        }
    }

    /// Sets how many samples are kept; what comes after them is dropped and counted.
    pub fn limit_series(&mut self, limit: usize) {
        self.series_limit = limit;
    }

    /// How many samples are held.
    pub fn len(&self) -> usize {
        self.written.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Adds one sample; `values` stand in the order of [`Desc::labels`].
    pub fn add(&mut self, desc: &Desc<'_>, values: &[&str], value: f64) {
        let family = self.family(desc);
        let labels = self.labels(desc.labels, values);
        self.push(family, labels, value);
    }

    /// The family that `desc` describes; asking again gives the same one. For loops that add many samples.
    pub fn family(&mut self, desc: &Desc<'_>) -> Family {
        // most samples belong to the family of the one before
        if self.is_named(self.last_family, desc.name) {
            return Family(self.last_family);
        }
        let family = self.find_or_make_family(desc);
        self.last_family = family.0;
        family
    }

    /// Escapes a label set once, for the many samples that carry it. Names and values pair up in order.
    pub fn labels(&mut self, names: &[&str], values: &[&str]) -> Labels {
        if names.len() != values.len() || self.text.len() >= TEXT_LIMIT || !self.are_label_names(names) {
            return Labels(Span::INVALID);
        }
        let start = self.text.len();
        for (name, value) in names.iter().zip(values) {
            if self.text.len() > start {
                self.text.push(',');
            }
            self.text.push_str(name);
            self.text.push_str("=\"");
            push_escaped(&mut self.text, value);
            self.text.push('"');
        }
        Labels(self.span_from(start))
    }

    /// Adds one sample of a family made by [`Samples::family`] with labels made by [`Samples::labels`].
    pub fn push(&mut self, family: Family, labels: Labels, value: f64) {
        self.push_part(family, Part::Value, labels, 0.0, value);
    }

    /// Adds a histogram. `buckets` are (upper bound, cumulative count); the `+Inf` bucket is added from `count`.
    pub fn histogram(
        &mut self,
        desc: &Desc<'_>,
        values: &[&str],
        buckets: &[(f64, u64)],
        sum: f64,
        count: u64,
    ) {
        let family = self.family(desc);
        let labels = self.labels(desc.labels, values);
        for &(bound, cumulative) in buckets.iter().filter(|(bound, _)| bound.is_finite()) {
            self.push_part(family, Part::Bucket, labels, bound, count_value(cumulative));
        }
        self.push_part(family, Part::Bucket, labels, f64::INFINITY, count_value(count));
        self.push_part(family, Part::Sum, labels, 0.0, sum);
        self.push_part(family, Part::Count, labels, 0.0, count_value(count));
    }

    /// Adds a summary. `quantiles` are (quantile, value).
    pub fn summary(
        &mut self,
        desc: &Desc<'_>,
        values: &[&str],
        quantiles: &[(f64, f64)],
        sum: f64,
        count: u64,
    ) {
        let family = self.family(desc);
        let labels = self.labels(desc.labels, values);
        for &(quantile, value) in quantiles {
            self.push_part(family, Part::Quantile, labels, quantile, value);
        }
        self.push_part(family, Part::Sum, labels, 0.0, sum);
        self.push_part(family, Part::Count, labels, 0.0, count_value(count));
    }

    /// Adds everything that `other`, of the same namespace, holds.
    pub fn copy_from(&mut self, other: &Self) {
        let families: Vec<Family> = other
            .families
            .iter()
            .map(|entry| {
                let name = other.text(entry.name);
                let name = name.strip_prefix(self.prefix.as_str()).unwrap_or(name).to_owned();
                let help = other.text(entry.help);
                self.family(&Desc { name: &name, help, kind: entry.kind, labels: &[] })
            })
            .collect();
        let mut last = None;
        for sample in &other.written {
            // samples of a wide row share one label set; copy it once
            let labels = match last {
                Some((span, labels)) if span == sample.labels => labels,
                _ => self.copy_labels(other.text(sample.labels)),
            };
            last = Some((sample.labels, labels));
            if let Some(&family) = families.get(sample.family as usize) {
                self.push_part(family, sample.part, labels, sample.bound, sample.value);
            }
        }
        self.invalid += other.invalid;
        self.capped += other.capped;
    }

    pub(super) fn families(&self) -> &[FamilyEntry] {
        &self.families
    }

    pub(super) fn samples(&self) -> &[Sample] {
        &self.written
    }

    pub(super) fn text(&self, span: Span) -> &str {
        let start = span.start as usize;
        self.text.get(start..start + span.length as usize).unwrap_or_default()
    }

    fn copy_labels(&mut self, escaped: &str) -> Labels {
        if self.text.len() >= TEXT_LIMIT {
            return Labels(Span::INVALID);
        }
        let start = self.text.len();
        self.text.push_str(escaped);
        Labels(self.span_from(start))
    }

    fn push_part(&mut self, family: Family, part: Part, labels: Labels, bound: f64, value: f64) {
        let entry = self.families.get(family.0 as usize);
        let known = entry.is_some_and(|entry| entry.valid) && labels.0 != Span::INVALID;
        // a counter that is negative or not a number is no counter, and OpenMetrics forbids it
        let impossible =
            entry.is_some_and(|entry| entry.kind == Kind::Counter) && (value.is_nan() || value < 0.0);
        if !known || impossible {
            self.invalid += 1;
        } else if self.written.len() >= self.series_limit {
            self.capped += 1;
        } else {
            self.written.push(Sample { family: family.0, part, labels: labels.0, bound, value });
        }
    }

    fn find_or_make_family(&mut self, desc: &Desc<'_>) -> Family {
        if self.by_name.len() < (self.families.len() + 1) * 2 {
            self.grow_index();
        }
        let mask = self.by_name.len() - 1;
        let mut slot = hash_name(desc.name) & mask;
        while let Some(&taken) = self.by_name.get(slot)
            && taken != 0
        {
            let candidate = taken - 1;
            if self.is_named(candidate, desc.name) {
                return Family(candidate);
            }
            slot = (slot + 1) & mask;
        }
        self.new_family(desc, slot)
    }

    fn new_family(&mut self, desc: &Desc<'_>, slot: usize) -> Family {
        let start = self.text.len();
        self.text.push_str(&self.prefix);
        self.text.push_str(desc.name);
        let name = self.span_from(start);
        let start = self.text.len();
        self.text.push_str(desc.help);
        let help = self.span_from(start);
        let valid = is_metric_name(self.text(name));
        let family = u32::try_from(self.families.len()).unwrap_or(u32::MAX);
        self.families.push(FamilyEntry { name, help, kind: desc.kind, valid });
        if let Some(free) = self.by_name.get_mut(slot) {
            *free = family + 1;
        }
        Family(family)
    }

    /// Whether each is a label name and none is there twice. Most label sets carry the names of the one before,
    /// which are compared rather than judged again.
    fn are_label_names(&mut self, names: &[&str]) -> bool {
        let same = self.last_names.len() == names.len()
            && self
                .last_names
                .iter()
                .zip(names)
                .all(|(known, name)| is_same_short_text(known.as_bytes(), name.as_bytes()));
        if same {
            return true;
        }
        let repeated = |(at, name): (usize, &&str)| names.iter().take(at).any(|earlier| earlier == name);
        if !names.iter().all(|name| is_label_name(name)) || names.iter().enumerate().any(repeated) {
            return false;
        }
        self.last_names = names.iter().map(|name| (*name).to_owned()).collect();
        true
    }

    fn is_named(&self, family: u32, name: &str) -> bool {
        let entry = self.families.get(family as usize);
        entry.is_some_and(|entry| {
            let known = self.text(entry.name).as_bytes().get(self.prefix.len()..);
            known.is_some_and(|known| is_same_short_text(known, name.as_bytes()))
        })
    }

    fn grow_index(&mut self) {
        let size = (self.by_name.len() * 2).max(64);
        let mask = size - 1;
        self.by_name = vec![0; size];
        for (family, entry) in (1_u32..).zip(&self.families) {
            let start = entry.name.start as usize + self.prefix.len();
            let end = entry.name.start as usize + entry.name.length as usize;
            let mut slot = hash_name(self.text.get(start..end).unwrap_or_default()) & mask;
            while self.by_name.get(slot).is_some_and(|&taken| taken != 0) {
                slot = (slot + 1) & mask;
            }
            if let Some(free) = self.by_name.get_mut(slot) {
                *free = family;
            }
        }
    }

    fn span_from(&self, start: usize) -> Span {
        match (u32::try_from(start), u32::try_from(self.text.len() - start)) {
            (Ok(start), Ok(length)) => Span { start, length },
            _ => Span::INVALID,
        }
    }
}

/// Family names come from our own tables and users' configuration, never from the watched server, so a fixed hash
/// is safe here.
fn hash_name(name: &str) -> usize {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(name.as_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "only some bits are needed")]
    let hash = hasher.finish() as usize;
    hash
}

/// Compares names byte by byte. These are short and compared for each sample, where libc's `memcmp` was a third of all
/// the time of a page of 100,000 series.
fn is_same_short_text(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a == b)
}

/// Label values escape backslash, quote and line feed, in every format alike.
fn push_escaped(out: &mut String, value: &str) {
    let mut rest = value;
    while let Some(at) = memchr::memchr3(b'\\', b'"', b'\n', rest.as_bytes()) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        out.push_str(match characters.next() {
            Some('\\') => "\\\\",
            Some('"') => "\\\"",
            _ => "\\n",
        });
        rest = characters.as_str();
    }
    out.push_str(rest);
}

#[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 lose bits in Prometheus too")]
fn count_value(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: Desc<'_> = Desc { name: "up", help: "Whether it answers.", kind: Kind::Gauge, labels: &[] };
    const KEYS: Desc<'_> = Desc { name: "keys", help: "Keys.", kind: Kind::Counter, labels: &["db", "kind"] };

    #[test]
    fn a_family_is_found_again_by_name() {
        let mut samples = Samples::new("redis");
        let up = samples.family(&UP);
        for number in 0..500 {
            let name = format!("m{number}");
            samples.family(&Desc { name: &name, ..UP });
        }
        assert_eq!(samples.family(&UP), up);
        assert_eq!(samples.families().len(), 501);
        assert_eq!(samples.text(samples.families()[0].name), "redis_up");
    }

    #[test]
    fn label_values_are_escaped_once() {
        let mut samples = Samples::new("");
        let labels = samples.labels(&["a", "b"], &["x\"y\\z\n", "ünïcode"]);
        assert_eq!(samples.text(labels.0), r#"a="x\"y\\z\n",b="ünïcode""#);
    }

    #[test]
    fn what_may_not_stand_is_dropped_and_counted() {
        let mut samples = Samples::new("");
        samples.limit_series(2);
        samples.add(&KEYS, &["db0", "a"], 1.0);
        samples.add(&KEYS, &["db0"], 1.0); // a value is missing
        samples.add(&KEYS, &["db0", "b"], -1.0); // a counter below zero
        samples.add(&KEYS, &["db0", "b"], f64::NAN);
        samples.add(&Desc { name: "bad-name", ..UP }, &[], 1.0);
        samples.add(&Desc { labels: &["bad-label", "kind"], ..KEYS }, &["x", "y"], 1.0);
        samples.add(&Desc { labels: &["kind", "kind"], ..KEYS }, &["x", "y"], 1.0);
        assert_eq!((samples.len(), samples.invalid, samples.capped), (1, 6, 0));
        samples.add(&UP, &[], f64::NAN);
        samples.add(&KEYS, &["db1", "a"], 1.0);
        assert_eq!((samples.len(), samples.invalid, samples.capped), (2, 6, 1));
    }
}
