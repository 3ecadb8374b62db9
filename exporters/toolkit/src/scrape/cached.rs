//! A collector whose result is kept for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::fanout::{CollectError, Collecting, Collector, Scrape};
use super::flights::Flights;
use crate::expo::{Desc, Kind, Samples};

/// How long a refresh that nobody waits for may take.
const BACKGROUND_LIMIT: Duration = Duration::from_mins(1);

const AGE: Desc<'_> = Desc {
    name: "scrape_collector_age_seconds",
    help: "How old the kept result of this collector is; collectors that are not kept have no sample.",
    kind: Kind::Gauge,
    labels: &["collector"],
};

/// Keeps the result of an expensive collector for its time to live.
///
/// Fresh: the kept result is shown. Stale: the kept result is shown once more and a refresh starts behind it, so
/// that no scrape waits. Nothing kept yet: the scrape waits, but only until its own deadline; the work goes on
/// behind it and the next scrape shows it. A failed refresh keeps the old result, whose age then grows, and the
/// collector reports the failure.
pub struct Cached<C> {
    shared: Arc<Shared<C>>,
    time_to_live: Duration,
}

struct Shared<C> {
    collector: C,
    namespace: String,
    kept: Mutex<Option<Kept>>,
    flights: Flights<(), Result<Kept, Failure>>,
}

#[derive(Clone)]
struct Kept {
    samples: Arc<Samples>,
    taken: Instant,
    failed_since: Option<Failure>,
}

#[derive(Clone, Debug)]
struct Failure {
    reason: &'static str,
    message: String,
}

impl<C: Collector + 'static> Cached<C> {
    /// `namespace` is that of the page the collector writes for.
    pub fn new(namespace: &str, collector: C, time_to_live: Duration) -> Self {
        let shared = Shared {
            collector,
            namespace: namespace.to_owned(),
            kept: Mutex::default(),
            flights: Flights::default(),
        };
        Self { shared: Arc::new(shared), time_to_live }
    }

    async fn current(&self, scrape: &Scrape) -> Result<Kept, Failure> {
        let kept = self.shared.kept();
        match kept {
            Some(kept) if kept.taken.elapsed() < self.time_to_live => Ok(kept),
            Some(kept) => {
                let shared = Arc::clone(&self.shared);
                tokio::spawn(async move { shared.refresh().await });
                Ok(kept)
            }
            None => {
                let refreshed = tokio::time::timeout_at(scrape.deadline, self.shared.refresh()).await;
                refreshed.unwrap_or_else(|_| Err(Failure::timeout()))
            }
        }
    }
}

impl<C: Collector + 'static> Collector for Cached<C> {
    fn name(&self) -> &str {
        self.shared.collector.name()
    }

    fn collect<'a>(&'a self, scrape: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
        Box::pin(async move {
            let kept = self.current(scrape).await.map_err(Failure::into_error)?;
            samples.copy_from(&kept.samples);
            samples.add(&AGE, &[self.name()], kept.taken.elapsed().as_secs_f64());
            kept.failed_since.map_or(Ok(()), |failure| Err(failure.into_error()))
        })
    }
}

impl<C: Collector + 'static> Shared<C> {
    fn kept(&self) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Collects anew; those who ask meanwhile share the work.
    async fn refresh(self: &Arc<Self>) -> Result<Kept, Failure> {
        let shared = Arc::clone(self);
        let deadline = Instant::now() + BACKGROUND_LIMIT;
        let landed = self.flights.join((), deadline, || async move { shared.collect_now(deadline).await });
        landed.await.map_or_else(|| Err(Failure::panicked()), |result| (*result).clone())
    }

    async fn collect_now(&self, deadline: Instant) -> Result<Kept, Failure> {
        let mut samples = Samples::new(&self.namespace);
        let taken = Instant::now();
        let scrape = Scrape { deadline };
        let outcome = tokio::time::timeout_at(deadline, self.collector.collect(&scrape, &mut samples)).await;
        let failure = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Failure { reason: error.reason(), message: error.to_string() }),
            Err(_) => Some(Failure::timeout()),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match (failure, kept.as_mut()) {
            (None, _) => {
                let fresh = Kept { samples: Arc::new(samples), taken, failed_since: None };
                *kept = Some(fresh.clone());
                Ok(fresh)
            }
            (Some(failure), Some(kept)) => {
                kept.failed_since = Some(failure.clone());
                Err(failure)
            }
            (Some(failure), None) => Err(failure),
        }
    }
}

impl Failure {
    fn timeout() -> Self {
        Self { reason: "timeout", message: "the deadline passed".to_owned() }
    }

    fn panicked() -> Self {
        Self { reason: "panic", message: "the collector panicked".to_owned() }
    }

    fn into_error(self) -> CollectError {
        CollectError::new(self.reason, self.message)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::{advance, sleep};

    use super::*;

    const RUN: Desc<'_> = Desc { name: "run", help: "Which run.", kind: Kind::Gauge, labels: &[] };

    /// Takes two seconds; fails in its third run.
    struct Slow(AtomicU32);

    impl Collector for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn collect<'a>(&'a self, _: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
            Box::pin(async move {
                sleep(Duration::from_secs(2)).await;
                let run = self.0.fetch_add(1, Ordering::SeqCst) + 1;
                if run == 3 {
                    return Err(CollectError::new("refused", "third run"));
                }
                samples.add(&RUN, &[], f64::from(run));
                Ok(())
            })
        }
    }

    async fn run(cached: &Cached<Slow>, timeout: u64) -> (String, Result<(), &'static str>) {
        let scrape = Scrape { deadline: Instant::now() + Duration::from_secs(timeout) };
        let mut samples = Samples::new("t");
        let result = cached.collect(&scrape, &mut samples).await.map_err(|error| error.reason());
        let mut page = crate::expo::Page::new();
        page.section(samples);
        let text = page.finish().0.encode(crate::expo::Format::Text, crate::expo::Compression::Identity);
        let lines = String::from_utf8(text.to_vec()).unwrap();
        let samples: Vec<&str> = lines.lines().filter(|line| !line.starts_with('#')).collect();
        (samples.join("; "), result)
    }

    #[tokio::test(start_paused = true)]
    async fn first_waits_then_fresh_then_stale_while_refreshing_then_failed() {
        let cached = Cached::new("t", Slow(AtomicU32::new(0)), Duration::from_secs(10));
        let age = |run: u32, age: u32| {
            (format!("t_run {run}; t_scrape_collector_age_seconds{{collector=\"slow\"}} {age}"), Ok(()))
        };
        assert_eq!(run(&cached, 1).await, (String::new(), Err("timeout")));
        sleep(Duration::from_secs(1)).await; // the work went on behind the scrape that gave up
        assert_eq!(run(&cached, 1).await, age(1, 2));
        advance(Duration::from_secs(7)).await;
        assert_eq!(run(&cached, 1).await, age(1, 9));
        advance(Duration::from_secs(1)).await;
        assert_eq!(run(&cached, 1).await, age(1, 10)); // stale, and a refresh begins
        sleep(Duration::from_secs(3)).await;
        assert_eq!(run(&cached, 1).await, age(2, 3));
        sleep(Duration::from_secs(8)).await;
        assert_eq!(run(&cached, 1).await, age(2, 11)); // the refresh behind this one fails
        sleep(Duration::from_secs(3)).await;
        assert_eq!(run(&cached, 1).await, (age(2, 14).0, Err("refused")));
        sleep(Duration::from_secs(3)).await;
        assert_eq!(run(&cached, 1).await, age(4, 3));
    }
}
