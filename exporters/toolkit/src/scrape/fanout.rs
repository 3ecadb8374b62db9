//! Collectors side by side.

use std::collections::HashMap;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, error, info, warn};

use crate::expo::{Desc, Kind, Page, Samples};

/// Which collector succeeded; node_exporter's and postgres_exporter's names.
const SUCCESS: Desc<'_> = Desc {
    name: "scrape_collector_success",
    help: "Whether the collector gave all it has in this scrape (1) or failed, at least in part (0).",
    kind: Kind::Gauge,
    labels: &["collector"],
};
const DURATION: Desc<'_> = Desc {
    name: "scrape_collector_duration_seconds",
    help: "How long the collector took in this scrape.",
    kind: Kind::Gauge,
    labels: &["collector"],
};

/// What every collector has on the page.
pub const COLLECTOR_METRICS: [Desc<'_>; 2] = [SUCCESS, DURATION];

/// What a collector knows of the scrape it works for.
#[derive(Clone, Copy, Debug)]
pub struct Scrape {
    /// When the answer must be complete. A collector is dropped at this moment; what it wrote until then is kept.
    pub deadline: Instant,
    /// How long that was when the request came.
    pub budget: Duration,
}

/// A part of a page that is collected on its own.
pub trait Collector: Send + Sync {
    /// The value of the `collector` label: a short word in snake_case.
    fn name(&self) -> &str;

    /// Writes samples. Those written before an error, a panic or the deadline stay on the page.
    fn collect<'a>(&'a self, scrape: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a>;
}

/// The work of one collector.
pub type Collecting<'a> = BoxFuture<'a, Result<(), CollectError>>;

/// Why a collector failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CollectError {
    reason: &'static str,
    message: String,
}

impl CollectError {
    /// `reason` is one of a closed set of words; `message` is one sentence without secrets.
    pub fn new(reason: &'static str, message: impl Display) -> Self {
        Self { reason, message: message.to_string() }
    }

    /// The word for labels.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

/// Which collectors fail, and why: what was logged last. Kept for each target from scrape to scrape, so that the log
/// has a line when something changes, and not one for each scrape.
#[derive(Debug, Default)]
pub struct Failures {
    reasons: Mutex<HashMap<String, &'static str>>,
}

impl Failures {
    fn note(&self, collector: &str, error: Option<&CollectError>) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        match error {
            None => {
                if reasons.remove(collector).is_some() {
                    info!(collector, "the collector works again");
                }
            }
            Some(error) => {
                let before = reasons.insert(collector.to_owned(), error.reason);
                if error.reason == "panic" {
                    error!(collector, %error, "a collector panicked");
                } else if before != Some(error.reason) {
                    warn!(collector, reason = error.reason, %error, "a collector failed");
                }
            }
        }
    }
}

/// Runs all collectors at once and adds what they wrote to the page, with each one's success and duration.
///
/// Returns the number of collectors that failed, by error, panic or deadline.
pub async fn collect_all(
    namespace: &str,
    scrape: &Scrape,
    collectors: &[&dyn Collector],
    failures: &Failures,
    page: &mut Page,
) -> usize {
    let outcomes = join_all(collectors.iter().map(|collector| run(namespace, scrape, *collector))).await;
    let mut report = Samples::new(namespace);
    let mut failed = 0;
    for (collector, outcome) in collectors.iter().zip(outcomes) {
        let name = collector.name();
        let succeeded = outcome.error.is_none();
        failures.note(name, outcome.error.as_ref());
        failed += usize::from(!succeeded);
        report.add(&SUCCESS, &[name], if succeeded { 1.0 } else { 0.0 });
        report.add(&DURATION, &[name], outcome.seconds);
        page.section(outcome.samples);
    }
    page.section(report);
    failed
}

/// Adds what collectors report when none of them could be run, because the target does not answer: each failed.
pub fn none_collected<'a>(namespace: &str, collectors: impl IntoIterator<Item = &'a str>, page: &mut Page) {
    let mut report = Samples::new(namespace);
    for collector in collectors {
        report.add(&SUCCESS, &[collector], 0.0);
        report.add(&DURATION, &[collector], 0.0);
    }
    page.section(report);
}

struct Outcome {
    samples: Samples,
    error: Option<CollectError>,
    seconds: f64,
}

async fn run(namespace: &str, scrape: &Scrape, collector: &dyn Collector) -> Outcome {
    let started = Instant::now();
    let mut samples = Samples::new(namespace);
    // `samples` is only ever added to, so what a panic leaves behind is whole
    let collecting = AssertUnwindSafe(async { collector.collect(scrape, &mut samples).await }).catch_unwind();
    let error = match timeout_at(scrape.deadline, collecting).await {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(error))) => Some(error),
        Ok(Err(panic)) => Some(CollectError::new("panic", panic_text(panic.as_ref()))),
        Err(_) => Some(CollectError::new("timeout", "the scrape's deadline passed")),
    };
    let seconds = started.elapsed().as_secs_f64();
    debug!(collector = collector.name(), seconds, samples = samples.len(), "collected");
    Outcome { samples, error, seconds }
}

/// What a panic said, when it said it in text.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::expo::{Compression, Format};

    const VALUE: Desc<'_> = Desc { name: "value", help: "A value.", kind: Kind::Gauge, labels: &["from"] };

    enum Scripted {
        Works,
        Fails,
        Panics,
        Hangs,
    }

    impl Collector for Scripted {
        fn name(&self) -> &str {
            match self {
                Self::Works => "works",
                Self::Fails => "fails",
                Self::Panics => "panics",
                Self::Hangs => "hangs",
            }
        }

        fn collect<'a>(&'a self, _: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
            Box::pin(async move {
                samples.add(&VALUE, &[self.name()], 1.0);
                match self {
                    Self::Works => Ok(()),
                    Self::Fails => Err(CollectError::new("refused", "no")),
                    Self::Panics => panic!("boom"),
                    Self::Hangs => std::future::pending().await,
                }
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_costs_only_itself() {
        let started = Instant::now();
        let budget = Duration::from_secs(3);
        let scrape = Scrape { deadline: started + budget, budget };
        let mut page = Page::new();
        let collectors: [&dyn Collector; 4] =
            [&Scripted::Hangs, &Scripted::Panics, &Scripted::Works, &Scripted::Fails];
        let failed = collect_all("t", &scrape, &collectors, &Failures::default(), &mut page).await;
        assert_eq!((failed, started.elapsed()), (3, Duration::from_secs(3)));

        let (page, _) = page.finish();
        let text = page.encode(Format::Text, Compression::Identity);
        let text = std::str::from_utf8(&text).unwrap();
        for line in [
            "t_value{from=\"hangs\"} 1\n",
            "t_value{from=\"panics\"} 1\n",
            "t_value{from=\"works\"} 1\n",
            "t_value{from=\"fails\"} 1\n",
            "t_scrape_collector_success{collector=\"hangs\"} 0\n",
            "t_scrape_collector_success{collector=\"panics\"} 0\n",
            "t_scrape_collector_success{collector=\"works\"} 1\n",
            "t_scrape_collector_success{collector=\"fails\"} 0\n",
            "t_scrape_collector_duration_seconds{collector=\"hangs\"} 3\n",
            "t_scrape_collector_duration_seconds{collector=\"works\"} 0\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
