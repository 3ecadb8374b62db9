//! Asking providers, each on its own cadence, and rendering the page when one has answered. A scrape reads the page that
//! is there.
//!
//! Invariants: a provider is asked once at a time; what fails costs itself and nobody else; what was read last stays
//! until something newer is whole.

mod due;
mod lane;
mod load;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use toolkit::clock::Clock;
use toolkit::expo::{Finished, Page};

use crate::calendar::Calendar;
use crate::config::Config;
use crate::http::Http;
use crate::metrics;
use crate::store::{Store, StoreError};

pub(crate) use lane::{Lane, Phase, State};
pub(crate) use load::{entries, labelled};

/// Providers that are asked at the same time: each holds its answers in memory until they are whole. More than anybody has
/// that could hang together, so that those that hang keep nobody waiting.
const MOST_AT_ONCE: usize = 64;

/// The longest time after which the page is rendered again without news.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// All providers and the page.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) http: Http,
    pub(crate) clock: Clock,
    pub(crate) places: Semaphore,
    config: RwLock<Arc<Config>>,
    lanes: RwLock<Vec<Arc<Lane>>>,
    tasks: Mutex<Vec<AbortHandle>>,
    page: RwLock<Arc<Finished>>,
    /// Samples that were left out of all pages so far.
    dropped: AtomicU64,
}

impl Engine {
    /// Nobody is asked yet.
    pub(crate) fn new(store: Store, http: Http, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            store,
            http,
            clock,
            places: Semaphore::new(MOST_AT_ONCE),
            config: RwLock::default(),
            lanes: RwLock::default(),
            tasks: Mutex::default(),
            page: RwLock::new(Arc::new(Page::new().finish().0)),
            dropped: AtomicU64::new(0),
        })
    }

    /// Asks the providers of this configuration from now on, and no others.
    ///
    /// # Errors
    /// The store cannot be read; then the old configuration stands.
    pub(crate) async fn take(self: &Arc<Self>, config: Config) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut old: BTreeMap<Arc<str>, Arc<Lane>> =
            self.lanes().into_iter().map(|lane| (Arc::clone(&lane.provider.name), lane)).collect();
        let config = Arc::new(config);
        let mut lanes = Vec::with_capacity(config.providers.len());
        for provider in &config.providers {
            let (meter, state) = match old.remove(&provider.name) {
                Some(lane) => (lane.meter.clone(), State { phase: Phase::Waiting, ..lane.state() }),
                None => Default::default(),
            };
            let lane = Lane::new(provider.clone(), meter, Arc::clone(&config), state);
            lane.load(&self.store, now).await?;
            lanes.push(Arc::new(lane));
        }
        self.stop();
        *write(&self.config) = config;
        write(&self.lanes).clone_from(&lanes);
        self.render();
        let asking = lanes.into_iter().map(|lane| tokio::spawn(lane.run(Arc::clone(self))));
        let mut tasks: Vec<AbortHandle> = asking.map(|task| task.abort_handle()).collect();
        tasks.push(tokio::spawn(Arc::clone(self).follow_the_clock()).abort_handle());
        *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
        Ok(())
    }

    /// Asks nobody any more. What is being written is written to its end.
    pub(crate) fn stop(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    /// The configuration in use.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// All providers, in the file's order.
    pub(crate) fn lanes(&self) -> Vec<Arc<Lane>> {
        self.lanes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The page as it was rendered last.
    pub(crate) fn page(&self) -> Arc<Finished> {
        Arc::clone(&self.page.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Renders the page from what is known.
    pub(crate) fn render(&self) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        let mut page = Page::new();
        page.section(metrics::render(&self.config(), &self.lanes(), self.clock.now(), dropped));
        let (finished, more) = page.finish();
        self.dropped.fetch_add(more.duplicate + more.invalid + more.capped, Ordering::Relaxed);
        *write(&self.page) = Arc::new(finished);
    }

    /// Renders the page again when a day or a period begins, also when nobody says anything new.
    async fn follow_the_clock(self: Arc<Self>) {
        loop {
            let now = self.clock.now();
            let max_age = self.config().max_age;
            let midnights =
                [Calendar::Utc, Calendar::Pacific].map(|calendar| calendar.end_of(calendar.day_of(now)));
            let books = self.lanes().into_iter().filter_map(|lane| lane.book(now, max_age));
            let next = books.map(|book| book.next_change()).chain(midnights).min().unwrap_or(now);
            let left = Duration::try_from(next.duration_since(now)).unwrap_or_default();
            // a moment later, so that it surely is the next day
            sleep(left.min(LONGEST_PAUSE) + Duration::from_millis(20)).await;
            self.render();
        }
    }
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
