//! Heartbeats: jobs that call us when they have run. One that does not come in time has failed.
//!
//! Invariants: what was answered with `ok` is in the store, up to [`BRIEF`]; a token is never shown; a call costs a bounded
//! time and a bounded body, and what it may change is one small row, once in that time.

mod answer;
mod report;
mod state;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};
use toolkit::clock::Clock;
use toolkit::expo::Samples;
use tracing::{debug, warn};

use super::counts::Counts;
use super::page::Writer;
use super::result::{CheckResult, Listener};
use super::table as metric;
use crate::config::{Check, Heartbeat, Kind};
use crate::health::store::{Beat, Store};
use crate::metrics::float;
use state::{Kept, Now, Report, State, Terms};

pub(super) use answer::routes;

/// How long a beat may wait for the disk before its caller is answered all the same.
const KEEP: Duration = Duration::from_secs(5);

/// A heartbeat that came again so soon, and says the same, is not written again: whoever may call us cannot keep the disk
/// busy.
const BRIEF: Duration = Duration::from_secs(1);

/// Tokens that are read at the same time: one may come from a file, or from a program.
const READERS: usize = 4;

/// All heartbeats that are waited for.
pub(super) struct Heartbeats {
    clock: Clock,
    listener: Arc<dyn Listener>,
    store: Store,
    book: Mutex<BTreeMap<Arc<str>, Entry>>,
    /// One write at a time, so that the store is never too busy for us.
    writing: tokio::sync::Mutex<()>,
    readers: Semaphore,
    changed: Notify,
    not_kept: AtomicU64,
    refused: [AtomicU64; answer::Refused::ALL.len()],
    task: Mutex<Option<AbortHandle>>,
}

struct Entry {
    check: Check,
    counts: Arc<Counts>,
    state: State,
    /// What was handed to the store last, and when.
    written: Option<(Instant, bool)>,
}

impl Heartbeats {
    /// Waits for nothing yet.
    pub(super) fn start(clock: Clock, listener: Arc<dyn Listener>, store: Store) -> Arc<Self> {
        let heartbeats = Arc::new(Self {
            clock,
            listener,
            store,
            book: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            readers: Semaphore::new(READERS),
            changed: Notify::new(),
            not_kept: AtomicU64::new(0),
            refused: Default::default(),
            task: Mutex::default(),
        });
        let running = Arc::clone(&heartbeats);
        let task = tokio::spawn(async move {
            loop {
                running.step().await;
            }
        });
        *heartbeats.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
        heartbeats
    }

    /// Waits for these from now on; what is known of them stays known.
    pub(super) async fn take(&self, checks: Vec<(Check, Arc<Counts>)>) {
        let names: Vec<Arc<str>> = checks.iter().map(|(check, _)| Arc::clone(&check.settings.name)).collect();
        let stored = if checks.is_empty() { Vec::new() } else { self.stored() };
        let added = self.swap(checks, &stored);
        self.changed.notify_one();
        for beat in added {
            self.keep(beat).await;
        }
        if let Err(error) = self.store.keep_beats(names).await {
            warn!(%error, "the store cannot forget old heartbeats");
        }
    }

    fn stored(&self) -> Vec<Beat> {
        self.store.beats().unwrap_or_else(|error| {
            warn!(%error, "the store cannot say which heartbeats came; they are waited for anew");
            Vec::new()
        })
    }

    /// Gives those that nobody waited for before.
    fn swap(&self, checks: Vec<(Check, Arc<Counts>)>, stored: &[Beat]) -> Vec<Beat> {
        let now = self.now();
        let mut added = Vec::new();
        let mut book = self.book();
        let mut old = std::mem::take(&mut *book);
        for (check, counts) in checks {
            let name = Arc::clone(&check.settings.name);
            let Some(terms) = terms(&check) else { continue };
            let state = match (old.remove(&name), stored.iter().find(|beat| beat.name == name)) {
                (Some(mut entry), _) => {
                    entry.state.renew(terms, now);
                    entry.state
                }
                (None, Some(beat)) => {
                    let kept = Kept { awaited: beat.awaited, came: beat.came, failed: beat.failed };
                    let state = State::restored(kept, terms, now);
                    if let Some(result) = &state.last {
                        self.listener.heard(&check, result);
                    }
                    state
                }
                (None, None) => {
                    let state = State::new(terms, now);
                    added.push(beat(&name, state.kept));
                    state
                }
            };
            book.insert(name, Entry { check, counts, state, written: None });
        }
        added
    }

    /// Waits until one may be missed.
    async fn step(&self) {
        let changed = self.changed.notified();
        let next = self.book().values().map(|entry| entry.state.due).min();
        match next {
            None => changed.await,
            Some(due) => {
                tokio::select! {
                    () = changed => return,
                    () = sleep_until(due) => {}
                }
                for beat in self.miss() {
                    self.keep(beat).await;
                }
            }
        }
    }

    /// Those that are missed by now.
    fn miss(&self) -> Vec<Beat> {
        let now = self.now();
        let mut missed = Vec::new();
        for (name, entry) in &mut *self.book() {
            let Some(terms) = terms(&entry.check) else { continue };
            if let Some(result) = entry.state.look(terms, now) {
                debug!(check = &**name, "the heartbeat did not come");
                entry.written = None;
                self.tell(entry, &result);
                missed.push(beat(name, entry.state.kept));
            }
        }
        missed
    }

    /// One came. Gives nothing when nobody waits for it any more, else whether it is kept.
    async fn beat(&self, name: &str, report: Report) -> Option<bool> {
        let now = self.now();
        let kept = {
            let mut book = self.book();
            let (name, _) = book.get_key_value(name)?;
            let name = Arc::clone(name);
            let entry = book.get_mut(&name)?;
            let result = entry.state.beat(report, terms(&entry.check)?, now);
            self.tell(entry, &result);
            let same = |(at, failed): &(Instant, bool)| *failed == report.failed && at.elapsed() < BRIEF;
            if entry.written.as_ref().is_some_and(same) {
                return Some(true);
            }
            entry.written = Some((now.instant, report.failed));
            beat(&name, entry.state.kept)
        };
        let written = self.keep(kept).await;
        if !written && let Some(entry) = self.book().get_mut(name) {
            entry.written = None;
        }
        Some(written)
    }

    fn tell(&self, entry: &Entry, result: &CheckResult) {
        entry.counts.add(result);
        self.listener.heard(&entry.check, result);
    }

    /// Writes to the store; whether that went well.
    async fn keep(&self, beat: Beat) -> bool {
        let name = Arc::clone(&beat.name);
        let kept = timeout(KEEP, async {
            let _turn = self.writing.lock().await;
            self.store.put_beat(beat).await
        });
        let error = match kept.await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => error.to_string(),
            Err(_late) => "the disk took too long".to_owned(),
        };
        self.not_kept.fetch_add(1, Ordering::Relaxed);
        warn!(check = &*name, error, "a heartbeat counts, and would not survive a restart");
        false
    }

    /// What an entry of this name says.
    fn settings(&self, name: &str) -> Option<Check> {
        self.book().get(name).map(|entry| entry.check.clone())
    }

    /// Writes the metrics.
    pub(super) fn write(&self, samples: &mut Samples) {
        let now = self.now();
        for entry in self.book().values() {
            let (state, counts) = (&entry.state, entry.counts.now());
            let mut page = Writer::new(&entry.check, samples);
            page.counts(&counts);
            if let Some(result) = &state.last {
                page.result(result);
            }
            page.add(&metric::BEATS, float(state.beats));
            page.add(&metric::MISSED, float(state.missed));
            let left = state.due.saturating_duration_since(now.instant).as_secs_f64();
            page.add(&metric::BEAT_EXPECTED, now.wall.as_duration().as_secs_f64() + left);
            if let Some(came) = state.kept.came {
                page.add(&metric::BEAT, came.as_duration().as_secs_f64());
            }
            if let Some(took) = state.took {
                page.add(&metric::BEAT_TOOK, took.as_secs_f64());
            }
        }
        for (reason, count) in answer::Refused::ALL.into_iter().zip(&self.refused) {
            samples.add(&metric::REFUSED, &[reason.as_str()], float(count.load(Ordering::Relaxed)));
        }
        samples.add(&metric::NOT_KEPT, &[], float(self.not_kept.load(Ordering::Relaxed)));
    }

    /// Misses nothing any more.
    pub(super) fn stop(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }

    fn book(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Entry>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        Now { instant: Instant::now(), wall: self.clock.now() }
    }
}

fn heartbeat(check: &Check) -> Option<&Heartbeat> {
    match &check.settings.kind {
        Kind::Heartbeat(heartbeat) => Some(heartbeat),
        Kind::Probe(_) => None,
    }
}

fn terms(check: &Check) -> Option<Terms> {
    heartbeat(check).map(|heartbeat| Terms { interval: check.settings.interval, grace: heartbeat.grace })
}

fn beat(name: &Arc<str>, kept: Kept) -> Beat {
    Beat { name: Arc::clone(name), awaited: kept.awaited, came: kept.came, failed: kept.failed }
}
