//! The router's metrics about itself. No label ever holds a text of an alert.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use crate::store::Counts;

/// All of them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Requests by what became of them.
    pub payloads: IntCounterVec,
    /// Alerts by status.
    pub alerts: IntCounterVec,
    /// Odd things in payloads.
    pub oddities: IntCounterVec,
    /// What happened to alerts.
    pub transitions: IntCounterVec,
    /// What was decided for targets.
    pub decisions: IntCounterVec,
    /// Attempts by integration and reason; `delivered` is success.
    pub deliveries: IntCounterVec,
    /// From the first decision that waited to the delivery.
    pub delivery_lag: HistogramVec,
    /// What was given up.
    pub dead_letters: IntCounterVec,
    /// Requests in one transaction.
    pub batch: Histogram,
    /// Time of one transaction with its fsync.
    pub commit: Histogram,
    /// Time from a request's last byte to its answer.
    pub intake: Histogram,
    /// Targets that nothing is sent to until a probe succeeds.
    pub targets_down: IntGauge,
    /// Commits that failed.
    pub store_errors: IntCounter,
    outbox: IntGauge,
    in_flight: IntGauge,
    oldest: prometheus::Gauge,
    dead: IntGauge,
    quarantined: IntGauge,
    firing: IntGauge,
    groups: IntGauge,
}

impl Metrics {
    /// Registers all of them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help).namespace(NAMESPACE), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::with_opts(Opts::new(name, help).namespace(NAMESPACE))?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let histogram = |name: &str, help: &str, buckets: Vec<f64>| {
            let options = HistogramOpts::new(name, help).namespace(NAMESPACE).buckets(buckets);
            let histogram = Histogram::with_opts(options)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let oldest = prometheus::Gauge::with_opts(
            Opts::new("outbox_oldest_seconds", "Age of the oldest change that was not told yet.")
                .namespace(NAMESPACE),
        )?;
        registry.register(Box::new(oldest.clone()))?;
        let options = HistogramOpts::new("delivery_lag_seconds", "Time from a decision to its delivery.")
            .namespace(NAMESPACE)
            .buckets(vec![0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3600.0]);
        let delivery_lag = HistogramVec::new(options, &["integration"])?;
        registry.register(Box::new(delivery_lag.clone()))?;
        let store_errors = IntCounter::with_opts(
            Opts::new("store_errors_total", "Requests to the store that failed.").namespace(NAMESPACE),
        )?;
        registry.register(Box::new(store_errors.clone()))?;
        let metrics = Self {
            payloads: counters(
                "received_payloads_total",
                "Webhook requests by what became of them.",
                &["result"],
            )?,
            alerts: counters("received_alerts_total", "Alerts in webhook requests.", &["status"])?,
            oddities: counters("payload_oddities_total", "Odd things in accepted requests.", &["kind"])?,
            transitions: counters("transitions_total", "Changes of alerts' states.", &["kind"])?,
            decisions: counters("decisions_total", "Decisions whether a target is told.", &["decision"])?,
            deliveries: counters("deliveries_total", "Attempts to deliver.", &["integration", "reason"])?,
            delivery_lag,
            dead_letters: counters(
                "dead_letters_total",
                "Deliveries that were given up.",
                &["integration", "reason"],
            )?,
            batch: histogram(
                "commit_batch_size",
                "Jobs in one transaction of the store.",
                vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0],
            )?,
            commit: histogram(
                "commit_seconds",
                "Time of one transaction of the store with its fsync.",
                fine(),
            )?,
            intake: histogram(
                "intake_seconds",
                "Time from a request's last byte to its durable answer.",
                fine(),
            )?,
            targets_down: gauge(
                "targets_down",
                "Targets that are only probed, because they refuse everything.",
            )?,
            store_errors,
            outbox: gauge("outbox_depth", "Threads with a change that was not told yet.")?,
            in_flight: gauge("outbox_in_flight", "Threads with a delivery under way.")?,
            oldest,
            dead: gauge("dead_letters", "Deliveries that were given up and are kept.")?,
            quarantined: gauge("quarantined_payloads", "Requests that could not be read and are kept.")?,
            firing: gauge("firing_alerts", "Alerts that fire, once per group.")?,
            groups: gauge("firing_groups", "Groups in which something fires.")?,
        };
        metrics.show_zeros();
        Ok(metrics)
    }

    /// What alerts are written about is there from the start, so that its first increase is seen.
    fn show_zeros(&self) {
        for result in ["accepted", "known", "nothing", "quarantined", "too_large"] {
            self.payloads.with_label_values(&[result]);
        }
        for integration in ["slack", "email"] {
            self.deliveries.with_label_values(&[integration, "delivered"]);
        }
    }

    /// Takes over what the store counted.
    pub fn set_counts(&self, counts: &Counts, oldest_seconds: f64) {
        self.outbox.set(counts.pending + counts.in_flight);
        self.in_flight.set(counts.in_flight);
        self.oldest.set(oldest_seconds);
        self.dead.set(counts.dead);
        self.quarantined.set(counts.quarantined);
        self.firing.set(counts.firing);
        self.groups.set(counts.groups);
    }
}

/// Before every metric's name.
const NAMESPACE: &str = "alertrouter";

/// Buckets for times that should be milliseconds.
fn fine() -> Vec<f64> {
    vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0]
}
