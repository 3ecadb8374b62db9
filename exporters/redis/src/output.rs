//! What collectors write to: samples that carry the instance's role as a label when that is asked for.

use toolkit::expo::{Desc, Samples};

/// The label of `--append-instance-role-label`.
const ROLE: &str = "instance_role";

/// Takes samples.
pub struct Output<'a> {
    samples: &'a mut Samples,
    role: Option<&'a str>,
}

impl<'a> Output<'a> {
    /// Writes to `samples`; a role becomes a label of every sample.
    pub fn new(samples: &'a mut Samples, role: Option<&'a str>) -> Self {
        Self { samples, role }
    }

    /// Adds a sample without labels of its own.
    pub fn set(&mut self, desc: &Desc<'_>, value: f64) {
        self.add(desc, &[], value);
    }

    /// Adds a sample; a value that is not there adds none.
    pub fn add(&mut self, desc: &Desc<'_>, values: &[&str], value: impl Into<Option<f64>>) {
        let Some(value) = value.into() else { return };
        self.with_role(desc, values, |samples, desc, values| samples.add(desc, values, value));
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
        self.with_role(desc, values, |samples, desc, values| {
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
        self.with_role(desc, values, |samples, desc, values| {
            samples.summary(desc, values, quantiles, sum, count);
        });
    }

    fn with_role(
        &mut self,
        desc: &Desc<'_>,
        values: &[&str],
        add: impl FnOnce(&mut Samples, &Desc<'_>, &[&str]),
    ) {
        match self.role {
            None => add(self.samples, desc, values),
            Some(role) => {
                let labels = [desc.labels, &[ROLE]].concat();
                let values = [values, &[role]].concat();
                add(self.samples, &Desc { labels: &labels, ..*desc }, &values);
            }
        }
    }
}
