//! What is kept for each target between scrapes: its connection, what it denied, its counters.
//!
//! Invariants: at most [`MAX_TARGETS`] targets are kept, the one unused for longest goes first; a connection that
//! nobody used for [`IDLE_LIMIT`] is closed; a connection is used by one scrape at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use toolkit::scrape::Failures;

use crate::cluster::discovery::Known;
use crate::collectors::clients::aggregates::LastCensus;
use crate::command::Denied;
use crate::custom::Refused;
use crate::error::Reason;
use crate::keys::passes::Passes;
use crate::lane::Lane;
use crate::memory::Memory;

/// Targets kept: twice what one exporter is meant to watch. Bounds what strangers at `/scrape` can make us hold.
pub const MAX_TARGETS: usize = 1_000;

/// An unused connection is closed after this time: longer than any sensible scrape interval.
const IDLE_LIMIT: Duration = Duration::from_mins(5);

/// How often unused connections are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// All targets that are kept.
#[derive(Default)]
pub struct KeptTargets {
    targets: Mutex<HashMap<String, (Arc<Kept>, Instant)>>,
}

/// What is kept for one target.
#[derive(Default)]
pub struct Kept {
    /// The connection for what every scrape asks.
    pub main: Lane,
    /// The connection for what can take long: scripts and custom commands. Never in the way of the page.
    pub side: Lane,
    /// The connection on which keys are looked through. Never in the way of either.
    pub scan: Lane,
    /// The passes over its keys.
    pub passes: Passes,
    /// Its clients, counted.
    pub census: LastCensus,
    /// Which collectors fail for it.
    pub failures: Failures,
    /// The cluster that it is part of, where it was asked for all nodes.
    pub cluster: Known,
    notes: Mutex<Notes>,
}

/// What was learned about one target.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// What it denied or lacks, as far as the configuration of this generation was concerned.
    pub denied: Denied,
    /// What it refused of the user's own scripts and commands, likewise.
    pub refused: Refused,
    /// Series of the user's own commands that were left out so far, by command.
    pub dropped: HashMap<String, u64>,
    /// The configuration that the target was last visited with.
    pub generation: u64,
    /// Scrapes so far.
    pub scrapes: u64,
    /// How long they took, in seconds.
    pub seconds: f64,
    /// Why the last scrape failed; a change is worth a line in the log.
    pub failing: Option<Reason>,
    /// Which process it was and when that started, in Unix time.
    pub started: Option<(String, f64)>,
    /// What is remembered of its answers; a page holds on to it while it is written.
    pub memory: Arc<Memory>,
}

impl KeptTargets {
    /// What is kept for the target with this key.
    pub fn of(&self, key: &str) -> Arc<Kept> {
        let now = Instant::now();
        let mut targets = lock(&self.targets);
        if let Some((kept, used)) = targets.get_mut(key) {
            *used = now;
            return Arc::clone(kept);
        }
        if targets.len() >= MAX_TARGETS
            && let Some(oldest) =
                targets.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone())
        {
            targets.remove(&oldest);
        }
        let kept = Arc::new(Kept::default());
        targets.insert(key.to_owned(), (Arc::clone(&kept), now));
        kept
    }

    /// Closes idle connections from now on, until all other owners are gone.
    pub fn sweep_in_background(self: &Arc<Self>) {
        let targets = Arc::downgrade(self);
        tokio::spawn(sweep(targets));
    }

    /// Closes the connections that nobody used for [`IDLE_LIMIT`].
    fn close_idle(&self, now: Instant) {
        let kept: Vec<Arc<Kept>> = lock(&self.targets).values().map(|(kept, _)| Arc::clone(kept)).collect();
        for kept in kept {
            for lane in [&kept.main, &kept.side, &kept.scan] {
                lane.close_if(|session| now - session.used >= IDLE_LIMIT);
            }
        }
    }
}

impl Notes {
    /// Counts series of a command that were left out; gives all so far.
    pub fn count_dropped(&mut self, command: &str, more: u64) -> u64 {
        let dropped = self.dropped.entry(command.to_owned()).or_default();
        *dropped += more;
        *dropped
    }
}

impl Kept {
    /// Forgets what was denied under an earlier configuration: a reload may be about just that.
    pub fn visit_as(&self, generation: u64) {
        let mut notes = self.notes();
        if notes.generation != generation {
            notes.generation = generation;
            notes.denied = Denied::default();
            notes.refused = Refused::default();
        }
    }

    /// What was learned so far.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        lock(&self.notes)
    }
}

async fn sweep(targets: Weak<KeptTargets>) {
    let mut ticks = interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = ticks.tick().await;
        match targets.upgrade() {
            Some(targets) => targets.close_idle(now),
            None => return,
        }
    }
}

/// What a panic left behind is whole: nothing here panics between two writes.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    #[tokio::test(start_paused = true)]
    async fn the_target_unused_for_longest_goes_first() {
        let targets = KeptTargets::default();
        for number in 0..MAX_TARGETS {
            targets.of(&format!("t{number}")).notes().scrapes = 1;
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        targets.of("t0");
        targets.of("new");
        assert_eq!(targets.targets.lock().unwrap().len(), MAX_TARGETS);
        assert_eq!((targets.of("t0").notes().scrapes, targets.of("t2").notes().scrapes), (1, 1));
        assert_eq!(targets.of("t1").notes().scrapes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_configuration_forgets_what_was_denied() {
        let now = Instant::now();
        let kept = Kept::default();
        for (generation, expected) in [(0, Some(Reason::NoPerm)), (1, None)] {
            kept.visit_as(0);
            kept.notes().denied.note(Command::SlowlogLen, Reason::NoPerm, now);
            kept.visit_as(generation);
            assert_eq!(kept.notes().denied.reason(Command::SlowlogLen, now), expected, "{generation}");
        }
    }
}
