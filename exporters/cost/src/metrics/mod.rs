//! The page: from what is known of each provider to samples.

mod amounts;
mod outlook;
mod table;
mod told;

use std::sync::Arc;

use jiff::Timestamp;
use toolkit::expo::{Desc, Samples};

use crate::config::Config;
use crate::figures::Book;
use crate::refresh::Lane;

pub use table::{METRICS, NAMESPACE};

/// Series of one page: of 500 providers with 200 pairs of account and service each.
const MAX_SERIES: usize = 1_000_000;

/// The commit of the build, where the one who built it told it.
const COMMIT: &str = match option_env!("WATCHFIRE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// Writes samples that carry a provider's own labels too.
pub(crate) struct Writer<'a> {
    samples: &'a mut Samples,
    provider: &'a str,
    labels: &'a [(String, String)],
}

impl Writer<'_> {
    /// Adds a sample; `values` are those after the label `provider`.
    fn add(&mut self, desc: &Desc<'_>, values: &[&str], value: f64) {
        let family = self.samples.family(desc);
        let own = || self.labels.iter();
        let names: Vec<&str> =
            desc.labels.iter().copied().chain(own().map(|(name, _)| name.as_str())).collect();
        let values: Vec<&str> = std::iter::once(self.provider)
            .chain(values.iter().copied())
            .chain(own().map(|(_, value)| value.as_str()))
            .collect();
        let labels = self.samples.labels(&names, &values);
        self.samples.push(family, labels, value);
    }
}

/// The page's samples.
pub(crate) fn render(config: &Config, lanes: &[Arc<Lane>], now: Timestamp, dropped: u64) -> Samples {
    let mut samples = Samples::new(NAMESPACE);
    samples.limit_series(MAX_SERIES);
    let mut books: Vec<Book> = Vec::with_capacity(lanes.len());
    for lane in lanes {
        let provider = &lane.provider;
        let mut writer = Writer { samples: &mut samples, provider: &provider.name, labels: &provider.labels };
        told::write_state(lane, &mut writer);
        if let Some(book) = lane.book(now, config.max_age) {
            amounts::write_months(&book, config.exchange.as_ref(), &mut writer);
            amounts::write_counters(&book, &lane.state().counters, &mut writer);
            told::write_told(&book, &mut writer);
            outlook::write_forecasts(&book, &lane.state().made, &mut writer);
            outlook::write_anomalies(&book, &config.anomaly_floor, &mut writer);
            books.push(book);
        }
    }
    outlook::write_budgets(config, lanes, &books, now, &mut samples);
    told::write_rates(config.exchange.as_ref(), &mut samples);
    samples.add(&table::DROPPED, &[], told::float(dropped));
    samples.add(&table::BUILD, &[env!("CARGO_PKG_VERSION"), COMMIT], 1.0);
    samples
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::METRICS;
    use crate::providers::is_free_label;

    #[test]
    fn names_are_there_once_and_their_labels_are_not_free() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        // those that carry a provider's own labels
        let own = METRICS.iter().filter(|metric| metric.labels.first() == Some(&"provider"));
        for label in own.flat_map(|metric| metric.labels) {
            assert!(!is_free_label(label), "{label}: add it to TAKEN");
        }
    }
}
