//! Results of collectors that do not run in every scrape.
//!
//! Fresh: shown. Stale: shown once more while a refresh runs behind it. Nothing yet: the scrape waits until its
//! deadline, and the work goes on behind it. A refresh that fails keeps the old result until it is too old.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolkit::expo::Samples;
use toolkit::scrape::Flights;

use crate::state::State;

/// How long a refresh that nobody waits for may take.
pub const BACKGROUND_LIMIT: Duration = Duration::from_mins(1);

/// A result whose refreshes failed is shown until it is this many times older than it should be.
const OLDEST: u32 = 10;

/// A collector and the database it ran in.
pub type Key = (String, String);

/// What a collector gave.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The samples of the last run that worked, at least in part.
    pub samples: Arc<Samples>,
    /// When that was.
    pub taken: Instant,
    /// What became of the last run.
    pub state: State,
    /// How long it took.
    pub seconds: f64,
}

/// All results that are kept for one server.
#[derive(Debug, Default)]
pub struct KeptResults {
    entries: Mutex<HashMap<Key, Entry>>,
    /// The round of refreshes that is under way.
    pub flights: Flights<(), ()>,
}

impl KeptResults {
    /// What is kept, and whether it is fresh.
    pub fn get(&self, key: &Key, time_to_live: Duration) -> Option<(Entry, bool)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(key)?;
        let age = entry.taken.elapsed();
        // a first run that failed is tried again by the next scrape
        let fresh = age < time_to_live && entry.state.succeeded();
        (age < time_to_live.saturating_mul(OLDEST)).then(|| (entry.clone(), fresh))
    }

    /// Keeps what a run gave.
    pub fn put(&self, key: Key, samples: Samples, state: State, seconds: f64) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.get_mut(&key) {
            Some(entry) if !state.succeeded() && samples.is_empty() => {
                entry.state = state;
                entry.seconds = seconds;
            }
            _ => {
                let entry = Entry { samples: Arc::new(samples), taken: Instant::now(), state, seconds };
                entries.insert(key, entry);
            }
        }
    }

    /// Forgets databases that are not there any more.
    pub fn retain(&self, databases: &[String]) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|(_, database), _| database.is_empty() || databases.contains(database));
    }
}

#[cfg(test)]
mod tests {
    use toolkit::expo::{Desc, Kind};

    use super::*;
    use crate::conn::Reason;

    #[tokio::test(start_paused = true)]
    async fn a_failed_refresh_keeps_the_old_result_for_a_while() {
        let kept = KeptResults::default();
        let key = ("sizes".to_owned(), "d".to_owned());
        let ttl = Duration::from_secs(10);
        assert!(kept.get(&key, ttl).is_none());
        let mut samples = Samples::new("");
        samples.add(&Desc { name: "a", help: "", kind: Kind::Gauge, labels: &[] }, &[], 1.0);
        kept.put(key.clone(), samples, State::Done, 0.1);
        assert!(kept.get(&key, ttl).unwrap().1);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(!kept.get(&key, ttl).unwrap().1);
        kept.put(key.clone(), Samples::new(""), State::Failed(Reason::Timeout, String::new()), 0.1);
        let (entry, fresh) = kept.get(&key, ttl).unwrap();
        assert_eq!((entry.samples.len(), entry.state.as_str(), fresh), (1, "failed", false));
        tokio::time::advance(Duration::from_secs(90)).await;
        assert!(kept.get(&key, ttl).is_none());
        kept.retain(&[]);
        assert!(kept.entries.lock().unwrap().is_empty());
    }
}
