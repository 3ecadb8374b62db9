//! What is kept for each watched server between scrapes: its sessions, its results, what was said of it last.
//!
//! Invariants: at most [`MAX_TARGETS`] servers are kept, the one unused for longest goes first; sessions that nobody
//! uses are closed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::conn::{Link, Slots};
use crate::kept::KeptResults;
use crate::state::State;

/// Sessions for what is asked once a server.
const CLUSTER_SESSIONS: usize = 2;

/// Servers kept. Bounds what strangers at `/probe` can make us hold.
const MAX_TARGETS: usize = 1_000;

/// How often unused sessions are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// One watched server.
pub struct Target {
    /// How it is reached.
    pub link: Link,
    /// Its host and port, for the label `server`.
    pub name: String,
    /// Sessions for what is asked once a server.
    pub cluster: Slots,
    /// Sessions for what is asked in each database.
    pub databases: Slots,
    /// Results of collectors that do not run in every scrape.
    pub kept: KeptResults,
    notes: Mutex<Notes>,
}

/// What was learned about a server.
#[derive(Debug, Default)]
pub struct Notes {
    /// Scrapes so far.
    pub scrapes: u64,
    /// What each collector, or the server itself, was said to be last: only a change is worth a line in the log.
    said: HashMap<String, &'static str>,
}

/// All servers that are kept.
#[derive(Default)]
pub struct Targets {
    targets: Mutex<HashMap<String, (Arc<Target>, Instant)>>,
}

impl Target {
    /// A server that nobody asked yet.
    pub fn new(link: Link, database_sessions: usize) -> Self {
        let name = link.places.iter().map(crate::conn::Place::name).collect::<Vec<_>>().join(",");
        Self {
            link,
            name,
            cluster: Slots::new(CLUSTER_SESSIONS),
            databases: Slots::new(database_sessions),
            kept: KeptResults::default(),
            notes: Mutex::default(),
        }
    }

    /// What was learned so far.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        lock(&self.notes)
    }

    /// Writes a line when what became of a collector differs from the last time.
    pub fn say(&self, collector: &str, state: &State) {
        let before = self.notes().said.insert(collector.to_owned(), state.as_str());
        if before.unwrap_or("ok") == state.as_str() {
            return;
        }
        let server = self.name.as_str();
        match state {
            State::Done => info!(server, collector, "works again"),
            State::Unsupported(why) => info!(server, collector, why, "the server does not have this"),
            State::NotPermitted(why) => {
                warn!(server, collector, why, "our role may not read this (hint: postgres-exporter grants)");
            }
            State::Failed(reason, error) => {
                warn!(server, collector, reason = reason.as_str(), error, "a collector failed");
            }
        }
    }

    async fn sweep(&self, now: Instant) {
        self.cluster.sweep(now).await;
        self.databases.sweep(now).await;
    }

    /// Closes all sessions that rest.
    pub async fn close(&self) {
        self.cluster.close().await;
        self.databases.close().await;
    }
}

impl Targets {
    /// The server with this key, made by `make` when it is not kept yet.
    pub fn of(&self, key: &str, make: impl FnOnce() -> Target) -> Arc<Target> {
        let now = Instant::now();
        let mut targets = lock(&self.targets);
        if let Some((target, used)) = targets.get_mut(key) {
            *used = now;
            return Arc::clone(target);
        }
        if targets.len() >= MAX_TARGETS {
            let oldest = targets.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            // its sessions are closed as it is dropped
            drop(oldest.and_then(|key| targets.remove(&key)));
        }
        let target = Arc::new(make());
        targets.insert(key.to_owned(), (Arc::clone(&target), now));
        target
    }

    /// Has the idle sessions of these servers closed too.
    pub fn keep(&self, mains: &[Arc<Target>]) {
        let mut targets = lock(&self.targets);
        for (place, target) in mains.iter().enumerate() {
            targets.insert(format!("main {place}"), (Arc::clone(target), Instant::now()));
        }
    }

    /// Forgets all servers and closes their sessions.
    pub async fn clear(&self) {
        let leaving: Vec<_> = std::mem::take(&mut *lock(&self.targets)).into_values().collect();
        for (target, _) in leaving {
            target.close().await;
        }
    }

    /// Closes idle sessions from now on, until all other owners are gone.
    pub fn sweep_in_background(self: &Arc<Self>) {
        let targets = Arc::downgrade(self);
        tokio::spawn(sweep(targets));
    }
}

async fn sweep(targets: Weak<Targets>) {
    let mut ticks = interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = ticks.tick().await;
        let Some(targets) = targets.upgrade() else { return };
        let kept: Vec<Arc<Target>> =
            lock(&targets.targets).values().map(|(target, _)| Arc::clone(target)).collect();
        drop(targets);
        for target in kept {
            target.sweep(now).await;
        }
    }
}

/// What a panic left behind is whole: nothing here panics between two writes.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
