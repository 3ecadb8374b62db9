//! The process's own metrics, kept by the `prometheus` crate and appended to the page.
//!
//! | metric | says |
//! |---|---|
//! | `watchfire_build_info{program,version}` | which build this is |
//! | `watchfire_http_requests_total{handler,code}` | answers given |
//! | `watchfire_http_requests_in_flight` | scrapes being answered now |
//! | `watchfire_samples_dropped_total{reason}` | samples left out of pages: duplicate, invalid, capped |
//! | `watchfire_config_last_reload_successful` | 0 while a bad file is refused and the old configuration stands |
//! | `watchfire_config_last_reload_success_timestamp_seconds` | when the configuration in force was read |
//! | `watchfire_web_config_last_reload_successful` | the same for the web config file |
//! | `process_*` | CPU, memory, files, network of this process |
//!
//! All programs of the suite carry the same names, so that one rule watches them all.

mod process;

use std::sync::Arc;

use prometheus::core::Collector;
use prometheus::proto::{LabelPair, MetricFamily, MetricType};
use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, Opts, PullingGauge, Registry};

use crate::clock::Clock;
use crate::expo::{Desc, Dropped, Kind, Samples};
use crate::web::Access;

/// The metrics that every program has, and the registry for those that one has for itself.
#[derive(Clone, Debug)]
pub struct SelfMetrics {
    /// What `--web.disable-exporter-metrics` leaves out.
    common: Registry,
    /// What the program registers: never left out, for it is what the program is about.
    program: Registry,
    clock: Clock,
    requests: IntCounterVec,
    in_flight: IntGauge,
    dropped: IntCounterVec,
    reload_successful: IntGauge,
    reload_time: Gauge,
}

impl SelfMetrics {
    /// Registers the metrics of `program`, whose version is `version`.
    ///
    /// # Errors
    /// A name is invalid or taken: a mistake in the program, found by its first test.
    pub fn new(program: &str, version: &str, clock: Clock) -> Result<Self, prometheus::Error> {
        let build = IntGauge::with_opts(
            Opts::new("watchfire_build_info", "Which build this is; always 1.")
                .const_label("program", program)
                .const_label("version", version),
        )?;
        build.set(1);
        let metrics = Self {
            common: Registry::new(),
            program: Registry::new(),
            clock,
            requests: IntCounterVec::new(
                Opts::new("watchfire_http_requests_total", "Answers given over HTTP."),
                &["handler", "code"],
            )?,
            in_flight: IntGauge::new("watchfire_http_requests_in_flight", "Scrapes being answered now.")?,
            dropped: IntCounterVec::new(
                Opts::new("watchfire_samples_dropped_total", "Samples left out of pages, by reason."),
                &["reason"],
            )?,
            reload_successful: IntGauge::new(
                "watchfire_config_last_reload_successful",
                "Whether the newest configuration was taken (1) or refused, so that the old one stands (0).",
            )?,
            reload_time: Gauge::new(
                "watchfire_config_last_reload_success_timestamp_seconds",
                "When the configuration in force was read.",
            )?,
        };
        metrics.register(build)?;
        metrics.register(metrics.requests.clone())?;
        metrics.register(metrics.in_flight.clone())?;
        metrics.register(metrics.dropped.clone())?;
        metrics.register(metrics.reload_successful.clone())?;
        metrics.register(metrics.reload_time.clone())?;
        metrics.register(process::Process::new()?)?;
        metrics.count_dropped(Dropped::default());
        metrics.reloaded(true);
        Ok(metrics)
    }

    /// The registry for what the program counts of itself.
    pub fn program_registry(&self) -> &Registry {
        &self.program
    }

    /// Counts an answer. `handler` is one of the program's own routes, never a path as it came.
    pub fn count_request(&self, handler: &str, code: u16) {
        self.requests.with_label_values(&[handler, &code.to_string()]).inc();
    }

    /// Counts a scrape as being answered until the guard is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Counts the samples that were left out of a page.
    pub fn count_dropped(&self, dropped: Dropped) {
        for (reason, count) in
            [("duplicate", dropped.duplicate), ("invalid", dropped.invalid), ("capped", dropped.capped)]
        {
            let counter: IntCounter = self.dropped.with_label_values(&[reason]);
            counter.inc_by(count);
        }
    }

    /// Notes the outcome of reading the configuration.
    pub fn reloaded(&self, successful: bool) {
        self.reload_successful.set(i64::from(successful));
        if successful {
            self.reload_time.set(self.clock.unix_seconds());
        }
    }

    /// The gauge that [`SelfMetrics::reloaded`] sets.
    pub fn last_reload(&self) -> IntGauge {
        self.reload_successful.clone()
    }

    /// Shows whether the newest web config file is in use.
    ///
    /// # Errors
    /// It is watched already.
    pub fn watch_web_config(&self, access: Arc<Access>) -> Result<(), prometheus::Error> {
        self.register(PullingGauge::new(
            "watchfire_web_config_last_reload_successful",
            "Whether the newest web config file was taken (1) or refused, so that the old one stands (0).",
            Box::new(move || f64::from(u8::from(access.last_reload().successful))),
        )?)
    }

    /// What is counted now, as samples for a page; `common` is what every program has.
    pub fn samples(&self, common: bool) -> Samples {
        let mut samples = Samples::new("");
        let common = if common { self.common.gather() } else { Vec::new() };
        for family in self.program.gather().iter().chain(&common) {
            copy_family(family, &mut samples);
        }
        samples
    }

    fn register(&self, collector: impl Collector + 'static) -> Result<(), prometheus::Error> {
        self.common.register(Box::new(collector))
    }
}

/// A scrape that is being answered.
#[derive(Debug)]
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn copy_family(family: &MetricFamily, samples: &mut Samples) {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::GAUGE => Kind::Gauge,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::SUMMARY => Kind::Summary,
        // the crate has no way to make one
        MetricType::UNTYPED => return,
    };
    for metric in family.get_metric() {
        let pairs = metric.get_label();
        let names: Vec<&str> = pairs.iter().map(LabelPair::name).collect();
        let values: Vec<&str> = pairs.iter().map(LabelPair::value).collect();
        let desc = Desc { name: family.name(), help: family.help(), kind, labels: &names };
        match kind {
            Kind::Counter => samples.add(&desc, &values, metric.get_counter().get_value()),
            Kind::Gauge | Kind::Unknown => samples.add(&desc, &values, metric.get_gauge().get_value()),
            Kind::Histogram => {
                let histogram = metric.get_histogram();
                let buckets: Vec<(f64, u64)> = histogram
                    .get_bucket()
                    .iter()
                    .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
                    .collect();
                let (sum, count) = (histogram.get_sample_sum(), histogram.get_sample_count());
                samples.histogram(&desc, &values, &buckets, sum, count);
            }
            Kind::Summary => {
                let summary = metric.get_summary();
                let quantiles: Vec<(f64, f64)> = summary
                    .get_quantile()
                    .iter()
                    .map(|quantile| (quantile.quantile(), quantile.value()))
                    .collect();
                let (sum, count) = (summary.sample_sum(), summary.sample_count());
                samples.summary(&desc, &values, &quantiles, sum, count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{Histogram, HistogramOpts};

    use super::*;
    use crate::expo::{Compression, Format, Page};

    #[test]
    fn the_registry_is_appended_to_the_page() {
        let metrics = SelfMetrics::new("x-exporter", "1.2.3", Clock::system()).unwrap();
        metrics.count_request("metrics", 200);
        metrics.count_dropped(Dropped { duplicate: 2, ..Dropped::default() });
        metrics.reloaded(false);
        let histogram =
            Histogram::with_opts(HistogramOpts::new("h_seconds", "H.").buckets(vec![0.5, 1.0])).unwrap();
        histogram.observe(0.7);
        metrics.program_registry().register(Box::new(histogram)).unwrap();
        let scraping = metrics.in_flight();

        let mut page = Page::new();
        page.section(metrics.samples(true));
        drop(scraping);
        let text = page.finish().0.encode(Format::Text, Compression::Identity);
        let text = std::str::from_utf8(&text).unwrap();
        for line in [
            "watchfire_build_info{program=\"x-exporter\",version=\"1.2.3\"} 1\n",
            "# TYPE watchfire_http_requests_total counter\n",
            "watchfire_http_requests_total{code=\"200\",handler=\"metrics\"} 1\n",
            "watchfire_http_requests_in_flight 1\n",
            "watchfire_samples_dropped_total{reason=\"duplicate\"} 2\n",
            "watchfire_config_last_reload_successful 0\n",
            "h_seconds_bucket{le=\"0.5\"} 0\nh_seconds_bucket{le=\"1\"} 1\nh_seconds_bucket{le=\"+Inf\"} 1\n",
            "h_seconds_sum 0.7\nh_seconds_count 1\n",
            "# TYPE process_cpu_seconds_total counter\n",
            "# TYPE process_resident_memory_bytes gauge\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert_eq!(metrics.in_flight.get(), 0);
        assert_eq!(metrics.samples(false).len(), 5, "the program's own histogram stays");
    }
}
