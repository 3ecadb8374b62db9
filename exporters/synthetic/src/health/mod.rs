//! The health of the product: from results of checks to services, their metrics, their answers, and the status page.
//!
//! ```text
//! checks → standing (hysteresis) → roll-up → Board ─┬→ /metrics
//!             windows (maintenance) ────────────────┼→ /health, /health/{service}   (JSON, 200 or 503)
//!                                                   ├→ /status                      (a page for customers)
//!                                                   └→ uptime, incidents → store    (SQLite)
//! ```
//!
//! | file | holds |
//! |---|---|
//! | [`rollup`], `standing`, [`windows`] | the rules, pure |
//! | [`uptime`], [`incident`] | days and troubles, pure |
//! | `board`, `tracked` | all services as they are now; the time is given |
//! | [`store`] | what outlives a restart |
//! | `metrics`, `answer`, `page` | what is told, and to whom |
//!
//! Invariants: the exporter's own health never depends on a service's; nothing that is told to customers names a target,
//! an error of ours, or a service that is not theirs to see; a store that fails costs the past, never the present.

mod answer;
mod board;
pub mod incident;
mod metrics;
mod page;
pub mod rollup;
mod standing;
pub mod store;
mod tracked;
pub mod uptime;
pub mod windows;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use toolkit::clock::Clock;
use toolkit::expo::Samples;
use tracing::{info, warn};

use crate::checks::{CheckResult, Listener};
use crate::config::{Check, Services};
use board::{Board, Now, SHOWN_DAYS};
use page::Cache;
use store::{Store, StoreError};
use uptime::first_of;

pub use metrics::{METRICS, NAMESPACE};

/// Between two looks at everything: what is stale, which maintenance begins, how the time is counted.
const LOOK: Duration = Duration::from_secs(1);

/// After a look, so that a thousand results at once are one look. Who asks is told what is so at that moment.
const REST: Duration = Duration::from_millis(100);

/// Between two writes; a beginning and an end of trouble are written at once. `kill -9` costs no more than this.
const WRITE: Duration = Duration::from_secs(10);

/// Series of all services: each member has seven, and there may be 100,000 checks.
const MAX_SERIES: usize = 1_000_000;

/// The health of all services, as long as the program runs.
#[derive(Debug)]
pub struct Health {
    board: Mutex<Board>,
    store: Store,
    clock: Clock,
    started: Instant,
    /// The status page as it was rendered last.
    page: Mutex<Cache>,
    wakes: Arc<Wakes>,
    write_errors: AtomicU64,
    write_fails: AtomicBool,
    task: Mutex<Option<AbortHandle>>,
}

impl Health {
    /// Begins to watch these services.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn start(services: Arc<Services>, store: Store, clock: Clock) -> Result<Arc<Self>, StoreError> {
        let health = Arc::new(Self {
            board: Mutex::default(),
            store,
            clock,
            started: Instant::now(),
            page: Mutex::default(),
            wakes: Arc::default(),
            write_errors: AtomicU64::new(0),
            write_fails: AtomicBool::new(false),
            task: Mutex::default(),
        });
        if !services.list.is_empty() && !health.store.is_kept() {
            warn!("uptime and incidents are kept in memory only (hint: --storage.path)");
        }
        health.take(services)?;
        let task = tokio::spawn(watch(Arc::downgrade(&health), Arc::clone(&health.wakes)));
        *lock(&health.task) = Some(task.abort_handle());
        Ok(health)
    }

    /// Watches other services from now on; what is the same goes on.
    ///
    /// # Errors
    /// The store cannot be read; everything stays as it was.
    pub async fn renew(&self, services: Arc<Services>) -> Result<(), StoreError> {
        // so that a service that goes and comes again finds its past
        self.look();
        self.write().await;
        self.take(services)
    }

    /// The routes `/health` and `/status`, with what is below them.
    pub fn routes(self: &Arc<Self>) -> axum::Router {
        answer::routes(self)
    }

    /// Writes the metrics.
    pub fn write_metrics(&self, samples: &mut Samples) {
        self.look();
        samples.limit_series(MAX_SERIES);
        metrics::write(&lock(&self.board), self.clock.now(), samples);
        metrics::write_own(self.write_errors.load(Ordering::Relaxed), samples);
    }

    /// Writes what is not written yet.
    pub async fn stop(&self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
        self.look();
        self.write().await;
    }

    fn take(&self, services: Arc<Services>) -> Result<(), StoreError> {
        let now = self.now();
        let since = first_of(SHOWN_DAYS, services.page.zone.to_datetime(now.wall).date());
        let load = |name: &Arc<str>| Ok((Arc::clone(name), self.store.history(name, since)?));
        let kept: Result<_, StoreError> = services.list.iter().map(|service| load(&service.name)).collect();
        lock(&self.board).renew(services, kept?, now.wall);
        lock(&self.page).forget();
        self.look();
        Ok(())
    }

    fn now(&self) -> Now {
        Now { instant: Instant::now(), wall: self.clock.now() }
    }

    fn look(&self) {
        let told = lock(&self.board).look(self.now());
        if told {
            lock(&self.page).forget();
            self.wakes.told.notify_one();
        }
    }

    async fn write(&self) {
        let batch = lock(&self.board).unsaved(self.clock.now());
        if batch.is_empty() {
            return;
        }
        let result = self.store.write(batch.clone()).await;
        let failed_before = self.write_fails.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Ok(()) if failed_before => info!("uptime is written again"),
            Ok(()) => {}
            Err(error) => {
                lock(&self.board).not_saved(&batch);
                self.write_errors.fetch_add(1, Ordering::Relaxed);
                if !failed_before {
                    warn!(%error, "uptime cannot be written; it is tried again");
                }
            }
        }
    }
}

impl Listener for Health {
    fn heard(&self, check: &Check, result: &CheckResult) {
        if lock(&self.board).take(check, result) {
            self.wakes.changed.notify_one();
        }
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

/// What the one who watches is woken by.
#[derive(Debug, Default)]
struct Wakes {
    /// A result may have changed a state.
    changed: Notify,
    /// A look found what people would see.
    told: Notify,
}

/// Looks and writes until nobody needs it any more.
async fn watch(health: Weak<Health>, wakes: Arc<Wakes>) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut written = Instant::now();
    loop {
        let at_once = tokio::select! {
            _ = looks.tick() => false,
            () = wakes.changed.notified() => false,
            () = wakes.told.notified() => true,
        };
        let Some(health) = health.upgrade() else { return };
        health.look();
        if at_once || written.elapsed() >= WRITE {
            health.write().await;
            written = Instant::now();
        }
        drop(health);
        sleep(REST).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
