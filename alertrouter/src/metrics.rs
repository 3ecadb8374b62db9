//! The router's metrics about itself. No label ever holds a text of an alert.

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use crate::moment::Moment;
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
    /// Attempts by target and reason. The targets are those of the configuration.
    pub target_results: IntCounterVec,
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
    /// Targets at which one card stands for many groups.
    pub storms: IntGauge,
    /// Commits that failed.
    pub store_errors: IntCounter,
    levels: Levels,
}

/// What the store counts.
#[derive(Clone, Debug)]
struct Levels {
    outbox: IntGauge,
    in_flight: IntGauge,
    oldest: Gauge,
    dead: IntGauge,
    quarantined: IntGauge,
    firing: IntGauge,
    groups: IntGauge,
    held: IntGauge,
    target_depth: IntGaugeVec,
    target_oldest: GaugeVec,
}

impl Metrics {
    /// Registers all of them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help).namespace(NAMESPACE), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let histogram = |name: &str, help: &str, buckets: Vec<f64>| {
            let options = HistogramOpts::new(name, help).namespace(NAMESPACE).buckets(buckets);
            let histogram = Histogram::with_opts(options)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
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
            target_results: counters(
                "target_results_total",
                "Attempts to deliver, by target.",
                &["target", "reason"],
            )?,
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
                registry,
                "targets_down",
                "Targets that are only probed, because they refuse everything.",
            )?,
            storms: gauge(registry, "storms", "Targets at which one card stands for many groups now.")?,
            store_errors,
            levels: Levels::register(registry)?,
        };
        metrics.show_zeros();
        Ok(metrics)
    }

    /// What alerts are written about is there from the start, so that its first increase is seen.
    fn show_zeros(&self) {
        for result in ["accepted", "known", "held", "nothing", "quarantined", "too_large", "unauthorized"] {
            self.payloads.with_label_values(&[result]);
        }
        for integration in ["slack", "email", "webhook"] {
            self.deliveries.with_label_values(&[integration, "delivered"]);
        }
    }

    /// Takes over what the store counted. `targets`: those of the configuration, which are shown when nothing waits, too.
    pub fn set_counts<'a>(&self, counts: &Counts, targets: impl Iterator<Item = &'a str>, now: Moment) {
        self.levels.set(counts, targets, now);
    }
}

impl Levels {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name, help| gauge(registry, name, help);
        let options = |name, help| Opts::new(name, help).namespace(NAMESPACE);
        let oldest = options("outbox_oldest_seconds", "Age of the oldest change that was not told yet.");
        let oldest = Gauge::with_opts(oldest)?;
        registry.register(Box::new(oldest.clone()))?;
        let depth = options("target_outbox_depth", "Threads with a change that the target was not told yet.");
        let target_depth = IntGaugeVec::new(depth, &["target"])?;
        registry.register(Box::new(target_depth.clone()))?;
        let age =
            options("target_oldest_seconds", "Age of the oldest change that the target was not told yet.");
        let target_oldest = GaugeVec::new(age, &["target"])?;
        registry.register(Box::new(target_oldest.clone()))?;
        Ok(Self {
            outbox: gauge("outbox_depth", "Threads with a change that was not told yet.")?,
            in_flight: gauge("outbox_in_flight", "Threads with a delivery under way.")?,
            oldest,
            dead: gauge("dead_letters", "Deliveries that were given up and are kept.")?,
            quarantined: gauge("quarantined_payloads", "Requests that could not be read and are kept.")?,
            firing: gauge("firing_alerts", "Alerts that fire, once per group.")?,
            groups: gauge("firing_groups", "Groups in which something fires.")?,
            held: gauge("held_alerts", "Alerts whose telling is put off: muted or inhibited.")?,
            target_depth,
            target_oldest,
        })
    }

    fn set<'a>(&self, counts: &Counts, targets: impl Iterator<Item = &'a str>, now: Moment) {
        let age = |since: Moment| now.since(since).as_secs_f64();
        self.outbox.set(counts.pending + counts.in_flight);
        self.in_flight.set(counts.in_flight);
        self.oldest.set(counts.oldest.map_or(0.0, age));
        self.dead.set(counts.dead);
        self.quarantined.set(counts.quarantined);
        self.firing.set(counts.firing);
        self.groups.set(counts.groups);
        self.held.set(counts.held);
        self.target_depth.reset();
        self.target_oldest.reset();
        for target in targets {
            self.target_depth.with_label_values(&[target]);
            self.target_oldest.with_label_values(&[target]);
        }
        for waiting in &counts.targets {
            self.target_depth.with_label_values(&[&waiting.target]).set(waiting.lanes);
            self.target_oldest.with_label_values(&[&waiting.target]).set(age(waiting.oldest));
        }
    }
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    let gauge = IntGauge::with_opts(Opts::new(name, help).namespace(NAMESPACE))?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

/// Before every metric's name.
const NAMESPACE: &str = "alertrouter";

/// Buckets for times that should be milliseconds.
fn fine() -> Vec<f64> {
    vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0]
}
