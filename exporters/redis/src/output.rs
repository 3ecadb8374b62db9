//! What collectors write to: samples that carry labels of their node, where there are any.

use toolkit::expo::{Desc, Samples};

/// A label that all samples of a node get: its name and value.
pub type NodeLabel = (&'static str, String);

/// Takes samples.
pub struct Output<'a> {
    samples: &'a mut Samples,
    node: &'a [NodeLabel],
}

impl<'a> Output<'a> {
    /// Writes to `samples`; the labels of the node stand behind those of each sample, but for names that it has itself.
    pub fn new(samples: &'a mut Samples, node: &'a [NodeLabel]) -> Self {
        Self { samples, node }
    }

    /// Adds a sample without labels of its own.
    pub fn set(&mut self, desc: &Desc<'_>, value: f64) {
        self.add(desc, &[], value);
    }

    /// Adds a sample; a value that is not there adds none.
    pub fn add(&mut self, desc: &Desc<'_>, values: &[&str], value: impl Into<Option<f64>>) {
        let Some(value) = value.into() else { return };
        self.with_node(desc, values, |samples, desc, values| samples.add(desc, values, value));
    }

    /// Adds a histogram of cumulative buckets.
    pub fn histogram(
        &mut self,
        desc: &Desc<'_>,
        values: &[&str],
        buckets: &[(f64, u64)],
        sum: f64,
        count: u64,
    ) {
        self.with_node(desc, values, |samples, desc, values| {
            samples.histogram(desc, values, buckets, sum, count);
        });
    }

    /// Adds a summary.
    pub fn summary(
        &mut self,
        desc: &Desc<'_>,
        values: &[&str],
        quantiles: &[(f64, f64)],
        sum: f64,
        count: u64,
    ) {
        self.with_node(desc, values, |samples, desc, values| {
            samples.summary(desc, values, quantiles, sum, count);
        });
    }

    fn with_node(
        &mut self,
        desc: &Desc<'_>,
        values: &[&str],
        add: impl FnOnce(&mut Samples, &Desc<'_>, &[&str]),
    ) {
        if self.node.is_empty() {
            return add(self.samples, desc, values);
        }
        let mut labels = desc.labels.to_vec();
        let mut values = values.to_vec();
        for (label, value) in self.node {
            // a label of the sample's own stands, as `role` does in instance_info
            if !desc.labels.contains(label) {
                labels.push(label);
                values.push(value);
            }
        }
        add(self.samples, &Desc { labels: &labels, ..*desc }, &values);
    }
}
