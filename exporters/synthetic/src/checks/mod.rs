//! Checks: what is probed on its own cadence, and heartbeats; each result goes to the page and to the health of services.
//!
//! | file | holds |
//! |---|---|
//! | `scheduled`, `places` | a run: its turn, in all and against its host, then the probe |
//! | `judge` | from what a probe found to a result: limits, `expect: refused` |
//! | `result` | what one run came to, and who is told |
//! | `counts`, `page`, `table` | what is counted, and how all of it stands on the page |
//! | `heartbeat` | jobs that call us |
//!
//! Invariants: a check never runs twice at once; a result is shown while it is fresh and then no more; counters of a check
//! go on over reloads; what this machine cannot do is no failure of a target.

mod counts;
mod heartbeat;
mod judge;
mod page;
mod places;
mod result;
mod scheduled;
mod table;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use toolkit::expo::Samples;
use toolkit::schedule::{Schedule, Standing, Target};

use crate::config::{self, Check, Kind};
use crate::health::store::Store;
use crate::probe::Engine;
use counts::Counts;
use heartbeat::Heartbeats;
use page::Writer;
use places::Places;
use scheduled::{Runs, Scheduled};

pub use result::{CheckResult, Fact, Listener, Status};
pub use table::METRICS;

/// Series of all checks: 10,000 of them with all that a check may have.
const MAX_SERIES: usize = 1_000_000;

/// How many runs the schedule starts at once: all. They wait for their turn in `places`, where a host that is slow does
/// not hold up others.
const ALL: usize = 1 << 20;

/// What tells a check from others, over reloads.
type Key = (Arc<str>, Arc<str>);

/// All checks, as long as the program runs.
pub struct Checks {
    schedule: Arc<Schedule<Runs>>,
    heartbeats: Arc<Heartbeats>,
    places: Places,
    counts: Mutex<HashMap<Key, Arc<Counts>>>,
}

impl Checks {
    /// Nothing is checked before [`Checks::take`]. Heartbeats are kept in `store`.
    pub fn new(engine: &Arc<Engine>, listener: &Arc<dyn Listener>, store: Store) -> Self {
        let runs = Runs::new(Arc::clone(engine), Arc::clone(listener));
        Self {
            schedule: Schedule::new(engine.clock.clone(), ALL, runs),
            heartbeats: Heartbeats::start(engine.clock.clone(), Arc::clone(listener), store),
            places: Places::new(),
            counts: Mutex::default(),
        }
    }

    /// Checks these from now on. Of those that were there before, results and counters stay.
    pub async fn take(&self, config: &config::Checks) {
        let (heartbeats, probes): (Vec<_>, Vec<_>) =
            config.all.iter().partition(|check| matches!(check.settings.kind, Kind::Heartbeat(_)));
        let targets = probes.iter().map(|check| &*check.target);
        let shares = self.places.share(config.most, config.most_per_host, targets);
        let scheduled: Vec<Scheduled> = probes
            .into_iter()
            .zip(shares)
            .map(|(check, share)| Scheduled { check: check.clone(), counts: self.counts_of(check), share })
            .collect();
        let heartbeats: Vec<_> =
            heartbeats.into_iter().map(|check| (check.clone(), self.counts_of(check))).collect();
        let known = scheduled.iter().map(|one| (one.key(), Arc::clone(&one.counts)));
        let beating = heartbeats.iter().map(|(check, counts)| (key(check), Arc::clone(counts)));
        *self.lock() = known.chain(beating).collect();
        self.schedule.replace(scheduled);
        self.heartbeats.take(heartbeats).await;
    }

    fn counts_of(&self, check: &Check) -> Arc<Counts> {
        self.lock().get(&key(check)).cloned().unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Counts>>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The route `/heartbeat/NAME`.
    pub fn routes(&self) -> axum::Router {
        heartbeat::routes(&self.heartbeats)
    }

    /// Writes the metrics; those of journeys, whose names begin otherwise, apart.
    pub fn write_metrics(&self, samples: &mut Samples, journeys: &mut Samples) {
        samples.limit_series(MAX_SERIES);
        journeys.limit_series(MAX_SERIES);
        let numbers = self.schedule.look(|scheduled, standing| {
            let mut page = Writer::new(&scheduled.check, samples);
            let counts = scheduled.counts.now();
            page.counts(&counts);
            page.durations(&counts);
            if let Kind::Probe(probe) = &scheduled.check.settings.kind {
                page.timeout(probe.timeout);
            }
            if let Standing::Fresh(ended) = standing {
                page.result(&ended.found.result);
                if let Some(facts) = &ended.found.result.journey {
                    Writer::new(&scheduled.check, journeys).journey(facts);
                }
            }
        });
        page::schedule(&numbers, &self.schedule.work().late(), samples);
        self.heartbeats.write(samples);
    }

    /// Starts no more runs.
    pub fn stop(&self) {
        self.schedule.stop();
        self.heartbeats.stop();
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.stop();
    }
}

fn key(check: &Check) -> Key {
    (Arc::clone(&check.settings.name), Arc::clone(&check.target))
}

#[cfg(test)]
mod tests;
