//! One provider: what is known of it, and one refresh after the other.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use super::due::Pace;
use super::{Engine, load};
use crate::charge::{Snapshot, Source};
use crate::config::Config;
use crate::figures::{Book, Entries, forecast};
use crate::http::{FetchError, Ledger, Meter, Reason};
use crate::providers::Provider;
use crate::store::{Counter, Due, MadeForecast, Publish, Spent, Store, StoreError};
use crate::window::Window;

/// How long a refresh may take, whatever its interval.
const LONGEST: Duration = Duration::from_mins(15);

/// The longest sleep: the machine may sleep too, and its clock may be set.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// A provider and what is known of it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) provider: Arc<Provider>,
    pub(crate) meter: Meter,
    config: Arc<Config>,
    state: Mutex<State>,
}

/// What is known of a provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// What the store has; none before its first snapshot.
    pub(crate) entries: Option<Arc<Entries>>,
    pub(crate) counters: Arc<[Counter]>,
    /// Forecasts that were made, to be held against what came.
    pub(crate) made: Arc<[MadeForecast]>,
    pub(crate) spent: Spent,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) due: Option<Timestamp>,
    /// Why the last refresh failed, if it did.
    pub(crate) failure: Option<FetchError>,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// How long the last refresh took.
    pub(crate) took: Option<Duration>,
    /// Refreshes that succeeded and that failed.
    pub(crate) done: (u64, u64),
}

/// What a lane does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is not due yet.
    #[default]
    Waiting,
    /// It is due, and others are asked first.
    Queued,
    /// It is being asked, since then, when so many requests had been sent.
    Asking { since: Instant, requests: u64 },
}

impl Lane {
    pub(crate) fn new(provider: Provider, meter: Meter, config: Arc<Config>, state: State) -> Self {
        Self { provider: Arc::new(provider), meter, config, state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    /// What is known, as it is read at some moment; nothing when it is older than is shown.
    pub(crate) fn book(&self, now: Timestamp, max_age: Duration) -> Option<Book> {
        let state = self.lock();
        let age = state.last_success.map(|success| now.duration_since(success));
        let entries = state
            .entries
            .as_ref()
            .filter(|_| age.is_some_and(|age| Duration::try_from(age).unwrap_or_default() <= max_age));
        Some(Book::new(Arc::clone(&self.provider), Arc::clone(entries?), now))
    }

    /// Reads what the store has of it.
    pub(crate) async fn load(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let name = || Arc::clone(&self.provider.name);
        let known = store.known(name()).await?;
        let spent = store.spent(name()).await?;
        let counters = store.counters(name()).await?;
        let made = store.forecasts(name()).await?;
        let entries = load::entries(store, &self.provider, &self.config.budgets, known.told, now, None)
            .await?
            .map(Arc::new);
        let mut state = self.lock();
        state.entries = entries;
        state.counters = counters.into();
        state.made = made.into();
        state.spent = spent;
        state.last_success = known.succeeded_at;
        state.due = known.due_at;
        Ok(())
    }

    /// Asks the provider again and again.
    pub(crate) async fn run(self: Arc<Self>, engine: Arc<Engine>) {
        let planned = self.lock().due;
        let mut due = self.pace().after_start(engine.clock.now(), planned);
        loop {
            self.lock().due = Some(due);
            sleep_until(&engine, due).await;
            self.lock().phase = Phase::Queued;
            // it is never closed
            let Ok(place) = engine.places.acquire().await else { return };
            due = self.refresh(&engine).await;
            drop(place);
            engine.render();
        }
    }

    /// Asks once, and tells when to ask again.
    async fn refresh(&self, engine: &Engine) -> Timestamp {
        let (started, now) = (Instant::now(), engine.clock.now());
        self.lock().phase = Phase::Asking { since: started, requests: self.requests() };
        let outcome = self.ask(engine, started, now).await;
        let ended = engine.clock.now();
        let name = &*self.provider.name;
        let due = match &outcome {
            Ok(due) => *due,
            Err(error) => {
                let failures = self.lock().failures.saturating_add(1);
                let due = self.pace().after_failure(ended, failures, error);
                warn!(provider = name, reason = error.reason.as_str(), error = error.message, next = %due, "cannot be read");
                self.note_failure(engine, error, due).await;
                due
            }
        };
        if let Err(error) = self.load(&engine.store, ended).await {
            warn!(provider = name, %error, "the store cannot be read");
        }
        if outcome.is_ok()
            && let Err(error) = self.keep_forecasts(engine, ended).await
        {
            warn!(provider = name, %error, "forecasts cannot be kept");
        }
        let mut state = self.lock();
        state.phase = Phase::Waiting;
        state.took = Some(started.elapsed());
        match outcome {
            Ok(_) => {
                state.done.0 += 1;
                (state.failure, state.failures) = (None, 0);
                info!(provider = name, took = ?started.elapsed(), next = %due, "was read");
            }
            Err(error) => {
                state.done.1 += 1;
                (state.failure, state.failures) = (Some(error), state.failures.saturating_add(1));
            }
        }
        due
    }

    /// Fetches and publishes; nothing of a refresh that fails is kept.
    async fn ask(&self, engine: &Engine, started: Instant, now: Timestamp) -> Result<Timestamp, FetchError> {
        let name = || Arc::clone(&self.provider.name);
        let pace = self.pace();
        if pace.is_paid {
            // should we die before the answer is kept, it was paid all the same
            engine.store.set_due(name(), Due::At(pace.after_success(now))).await?;
        }
        let window = self.window(engine, now).await?;
        let deadline = started + LONGEST;
        let ledger = Ledger::of(engine.store.clone(), name(), self.provider.max_requests_per_month);
        let http = engine.http.for_refresh(ledger, self.meter.clone(), deadline);
        let fetch = AssertUnwindSafe(self.provider.kind.fetch(&http, &window)).catch_unwind();
        let snapshot: Snapshot = match timeout_at(deadline, fetch).await {
            Ok(Ok(fetched)) => fetched?,
            Ok(Err(_panic)) => {
                return Err(FetchError::new(
                    Reason::Internal,
                    "the refresh broke off; the log has the cause",
                ));
            }
            Err(_elapsed) => {
                return Err(FetchError::new(Reason::Timeout, "the refresh took longer than 15 minutes"));
            }
        };
        let due = pace.after_success(engine.clock.now());
        let publish = Publish {
            provider: Provider::clone(&self.provider),
            snapshot,
            now,
            due,
            services: engine.config().top_services,
        };
        engine.store.publish(publish).await?;
        Ok(due)
    }

    /// Keeps what is foretold on some days of a period: it is held against what comes.
    async fn keep_forecasts(&self, engine: &Engine, now: Timestamp) -> Result<(), StoreError> {
        let made = self.book(now, Duration::MAX).map(|book| forecast::to_keep(&book)).unwrap_or_default();
        let is_kept = |one: &MadeForecast| {
            let same = |kept: &MadeForecast| {
                (&kept.account, &kept.currency, kept.period, kept.horizon)
                    == (&one.account, &one.currency, one.period, one.horizon)
            };
            self.lock().made.iter().any(same)
        };
        if made.iter().all(is_kept) {
            return Ok(());
        }
        let name = || Arc::clone(&self.provider.name);
        engine.store.keep_forecasts(name(), made).await?;
        let made = engine.store.forecasts(name()).await?;
        self.lock().made = made.into();
        Ok(())
    }

    /// What it is asked about.
    async fn window(&self, engine: &Engine, now: Timestamp) -> Result<Window, FetchError> {
        let mut window = Window::new(now, self.provider.kind.calendar(), 1);
        if self.provider.kind.facts().source == Source::Estimated {
            // a period of a provider's own may begin a month before
            let since = crate::calendar::days_after(window.first, -31);
            let observed = engine.store.observed(Arc::clone(&self.provider.name), since).await;
            window.observed = observed?.into();
        }
        Ok(window)
    }

    /// Of a provider that costs nothing, a restart may ask again at once.
    async fn note_failure(&self, engine: &Engine, error: &FetchError, due: Timestamp) {
        if !self.pace().is_paid {
            return;
        }
        let due = if Pace::is_free(error) { Due::Now } else { Due::At(due) };
        if let Err(error) = engine.store.set_due(Arc::clone(&self.provider.name), due).await {
            warn!(provider = &*self.provider.name, %error, "the store cannot be written");
        }
    }

    pub(crate) fn requests(&self) -> u64 {
        self.meter.counts().iter().map(|(_, _, count)| count).sum()
    }

    fn pace(&self) -> Pace<'_> {
        let provider = &*self.provider;
        Pace {
            name: &provider.name,
            interval: provider.interval,
            is_paid: provider.max_requests_per_month.is_some(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sleep_until(engine: &Engine, due: Timestamp) {
    loop {
        let left = due.duration_since(engine.clock.now());
        let Ok(left) = Duration::try_from(left) else { return };
        if left.is_zero() {
            return;
        }
        sleep(left.min(LONGEST_SLEEP)).await;
    }
}
