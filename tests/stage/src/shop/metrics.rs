//! The shop's metrics: the names that `rules/application.rules.yml` and the dashboard of applications know.

use std::time::Duration;

use anyhow::Result;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

/// Seconds; an answer from the cache takes one millisecond, a language model some hundreds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// All of them.
pub(super) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_time: HistogramVec,
    queries: IntCounterVec,
    query_time: HistogramVec,
    asked: IntCounterVec,
    asked_time: HistogramVec,
    tokens: IntCounterVec,
}

impl Metrics {
    pub(super) fn new() -> Result<Self> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec> {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let histogram = |name: &str, help: &str, labels: &[&str]| -> Result<HistogramVec> {
            let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
            let histogram = HistogramVec::new(options, labels)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok(histogram)
        };
        let metrics = Self {
            requests: counter("http_requests_total", "Requests answered.", &["method", "route", "status"])?,
            request_time: histogram(
                "http_request_duration_seconds",
                "Time until the answer.",
                &["method", "route"],
            )?,
            queries: counter("database_queries_total", "Queries that ended.", &["operation", "result"])?,
            query_time: histogram(
                "database_query_duration_seconds",
                "Time until the result.",
                &["operation"],
            )?,
            asked: counter("ai_requests_total", "Requests to language models.", &["model", "result"])?,
            asked_time: histogram("ai_request_duration_seconds", "Time until the answer.", &["model"])?,
            tokens: counter("ai_tokens_total", "Tokens sent and received.", &["model", "kind"])?,
            registry,
        };
        Ok(metrics)
    }

    /// Counts an answer.
    pub(super) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        // what was never seen cannot be seen to grow: failures of a route begin with 0
        self.requests.with_label_values(&[method, route, "500"]).inc_by(u64::from(status == 500));
        if status != 500 {
            self.requests.with_label_values(&[method, route, &status.to_string()]).inc();
        }
        self.request_time.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }

    /// Counts a query.
    pub(super) fn queried(&self, operation: &str, good: bool, took: Duration) {
        for (result, count) in [("ok", good), ("error", !good)] {
            self.queries.with_label_values(&[operation, result]).inc_by(u64::from(count));
        }
        self.query_time.with_label_values(&[operation]).observe(took.as_secs_f64());
    }

    /// Counts what a language model was asked.
    pub(super) fn asked(&self, model: &str, input: u64, output: u64, took: Duration) {
        for (result, count) in [("ok", 1), ("error", 0)] {
            self.asked.with_label_values(&[model, result]).inc_by(count);
        }
        for (kind, count) in [("input", input), ("output", output)] {
            self.tokens.with_label_values(&[model, kind]).inc_by(count);
        }
        self.asked_time.with_label_values(&[model]).observe(took.as_secs_f64());
    }

    /// The page.
    pub(super) fn page(&self) -> Result<String> {
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}
