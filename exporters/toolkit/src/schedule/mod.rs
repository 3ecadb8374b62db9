//! Targets on their own cadence: each at its own fixed place in its interval, never twice at once, and shown while its
//! result is fresh.
//!
//! Invariants:
//! - a target's place in its interval is the same from start to start, so that restarts do not bunch the load;
//! - at most so many checks at the same time; one that is due while it still runs is skipped and counted;
//! - a result is shown until its target says that it is stale and then no more: an old success never stands for the
//!   present.
//!
//! A check has to end: who writes one gives it a deadline.

mod grid;
mod lateness;
mod target;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;

pub use lateness::{LATE_BOUNDS, Lateness};
pub use target::{Target, number};

/// How targets are checked, and what becomes of it.
pub trait Work: Send + Sync + 'static {
    /// What is checked.
    type Target: Target;
    /// What a check finds.
    type Found: Send + Sync + 'static;

    /// Checks a target. It ends by itself, and before the target is due again where that can be.
    fn check(&self, target: &Self::Target) -> impl Future<Output = Self::Found> + Send;

    /// Is told of each check that ended, before its result is shown.
    fn ended(&self, _target: &Self::Target, _ended: &Ended<Self::Found>) {}
}

/// A check that ended.
#[derive(Debug)]
pub struct Ended<R> {
    /// What it found.
    pub found: Arc<R>,
    /// How long after its time it began.
    pub late: Duration,
    /// How long it took.
    pub took: Duration,
    /// When it ended.
    pub at: Instant,
    /// The same in Unix time.
    pub at_unix: f64,
}

impl<R> Clone for Ended<R> {
    fn clone(&self) -> Self {
        Self { found: Arc::clone(&self.found), ..*self }
    }
}

/// What is known of a target.
#[derive(Debug)]
pub enum Standing<'a, R> {
    /// It was not checked yet.
    Pending,
    /// Its last result is good for now.
    Fresh(&'a Ended<R>),
    /// Its last result is too old to say anything of the present.
    Stale(&'a Ended<R>),
}

/// Numbers about the schedule, for the page.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Numbers {
    /// Targets with a fresh result.
    pub fresh: u64,
    /// Targets that have none yet.
    pub pending: u64,
    /// Targets whose result is too old to be shown.
    pub stale: u64,
    /// Checks that ended.
    pub done: u64,
    /// Checks that were left out, since the one before was not over.
    pub skipped: u64,
    /// Checks under way.
    pub running: u64,
    /// How late checks began that were due.
    pub late: Lateness,
}

/// All targets and their results.
pub struct Schedule<W: Work> {
    work: W,
    clock: Clock,
    plan: Mutex<Plan<W>>,
    changed: Notify,
    places: Arc<Semaphore>,
    most: Mutex<usize>,
    counts: Counts,
    late: Mutex<Lateness>,
    /// The task that starts the checks.
    task: Mutex<Option<AbortHandle>>,
}

/// What became of the checks so far.
#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    skipped: AtomicU64,
    running: AtomicUsize,
}

/// Who is due when.
struct Plan<W: Work> {
    slots: Arc<[Arc<Slot<W>>]>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
}

struct Slot<W: Work> {
    target: W::Target,
    /// A moment at which it is due; it is due again each interval after that.
    anchor: Instant,
    kept: Arc<Mutex<Kept<W::Found>>>,
}

/// What is kept of a target from check to check, and over a reload.
struct Kept<R> {
    running: bool,
    last: Option<Ended<R>>,
}

impl<R> Default for Kept<R> {
    fn default() -> Self {
        Self { running: false, last: None }
    }
}

impl<W: Work> Schedule<W> {
    /// Nothing is checked yet; at most `most` checks run at the same time.
    pub fn new(clock: Clock, most: usize, work: W) -> Arc<Self> {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        let schedule = Arc::new(Self {
            most: Mutex::new(most),
            work,
            clock,
            plan: Mutex::new(Plan { slots: Arc::default(), due: BinaryHeap::new() }),
            changed: Notify::new(),
            places: Arc::new(Semaphore::new(most)),
            counts: Counts::default(),
            late: Mutex::default(),
            task: Mutex::default(),
        });
        let running = Arc::clone(&schedule);
        let task = tokio::spawn(async move {
            loop {
                running.step().await;
            }
        });
        *lock(&schedule.task) = Some(task.abort_handle());
        schedule
    }

    /// What does the checks.
    pub fn work(&self) -> &W {
        &self.work
    }

    /// Starts no more checks.
    pub fn stop(&self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }

    /// Lets so many checks run at the same time from now on; those that run already end by themselves.
    pub fn resize(&self, most: usize) {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        let mut known = lock(&self.most);
        if most > *known {
            self.places.add_permits(most - *known);
        } else {
            let surplus = *known - most;
            let taken = surplus - self.places.forget_permits(surplus);
            // places that are taken now are given up as they come back: they are handed out in the order of asking
            let places = Arc::clone(&self.places);
            tokio::spawn(async move {
                let taken = u32::try_from(taken).unwrap_or(u32::MAX);
                if let Ok(given_back) = places.acquire_many_owned(taken).await {
                    given_back.forget();
                }
            });
        }
        *known = most;
    }

    /// Takes these targets instead of the old ones; results of targets that stay are kept.
    pub fn replace(&self, targets: Vec<W::Target>) {
        let now = Instant::now();
        let unix = Duration::try_from(self.clock.now().as_duration()).unwrap_or_default();
        let mut plan = lock(&self.plan);
        let mut old: HashMap<_, _> =
            plan.slots.iter().map(|slot| (slot.target.key(), Arc::clone(&slot.kept))).collect();
        let mut due = Vec::with_capacity(targets.len());
        let slot = |(index, target): (usize, W::Target)| {
            let key = target.key();
            let kept = old.remove(&key).unwrap_or_default();
            let first = grid::first(number(&key), target.interval(), unix);
            let known = lock(&kept).last.is_some();
            due.push(Reverse((now + if known { first } else { grid::start(first) }, index)));
            Arc::new(Slot { target, anchor: now + first, kept })
        };
        plan.slots = targets.into_iter().enumerate().map(slot).collect();
        plan.due = due.into();
        drop(plan);
        self.changed.notify_one();
    }

    /// Waits until somebody is due and starts the check, or until the targets change.
    async fn step(self: &Arc<Self>) {
        let next = lock(&self.plan).due.peek().map(|Reverse((due, _))| *due);
        let changed = self.changed.notified();
        match next {
            None => changed.await,
            Some(due) => {
                tokio::select! {
                    () = changed => return,
                    () = sleep_until(due) => {}
                }
                let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
                if let Some((running, late)) = self.take_due() {
                    lock(&self.late).add(late);
                    tokio::spawn(running.run(late, place));
                }
            }
        }
    }

    /// The target that is due and how late it is, unless its check still runs; it is due again an interval later.
    fn take_due(self: &Arc<Self>) -> Option<(Running<W>, Duration)> {
        let mut plan = lock(&self.plan);
        let now = Instant::now();
        let Reverse((due, index)) = *plan.due.peek().filter(|Reverse((due, _))| *due <= now)?;
        let slot = Arc::clone(plan.slots.get(index)?);
        let (next, missed) = grid::next(slot.anchor, slot.target.interval(), due, now);
        plan.due.pop();
        plan.due.push(Reverse((next, index)));
        drop(plan);
        let running = Running::begin(self, &slot);
        self.counts.skipped.fetch_add(missed + u64::from(running.is_none()), Ordering::Relaxed);
        Some((running?, now.saturating_duration_since(due)))
    }

    /// Hands each target with what is known of it to `show`, in their order.
    pub fn look(&self, mut show: impl FnMut(&W::Target, Standing<'_, W::Found>)) -> Numbers {
        let slots = Arc::clone(&lock(&self.plan).slots);
        let mut numbers = Numbers {
            done: self.counts.done.load(Ordering::Relaxed),
            skipped: self.counts.skipped.load(Ordering::Relaxed),
            running: self.counts.running.load(Ordering::Relaxed) as u64,
            late: *lock(&self.late),
            ..Numbers::default()
        };
        for slot in &*slots {
            let last = lock(&slot.kept).last.clone();
            let (count, standing) = match &last {
                None => (&mut numbers.pending, Standing::Pending),
                Some(ended) if ended.at.elapsed() > slot.target.stale_after() => {
                    (&mut numbers.stale, Standing::Stale(ended))
                }
                Some(ended) => (&mut numbers.fresh, Standing::Fresh(ended)),
            };
            *count += 1;
            show(&slot.target, standing);
        }
        numbers
    }

    /// Hands each fresh result to `show`, in the order of the targets.
    pub fn fresh(&self, mut show: impl FnMut(&W::Target, &Ended<W::Found>)) -> Numbers {
        self.look(|target, standing| {
            if let Standing::Fresh(ended) = standing {
                show(target, ended);
            }
        })
    }
}

/// A check under way; ends also when it panics.
struct Running<W: Work> {
    schedule: Arc<Schedule<W>>,
    slot: Arc<Slot<W>>,
}

impl<W: Work> Running<W> {
    /// Nothing, where the target is being checked already.
    fn begin(schedule: &Arc<Schedule<W>>, slot: &Arc<Slot<W>>) -> Option<Self> {
        let busy = std::mem::replace(&mut lock(&slot.kept).running, true);
        (!busy).then(|| {
            schedule.counts.running.fetch_add(1, Ordering::Relaxed);
            Self { schedule: Arc::clone(schedule), slot: Arc::clone(slot) }
        })
    }

    async fn run(self, late: Duration, place: OwnedSemaphorePermit) -> Ended<W::Found> {
        let (schedule, slot) = (&self.schedule, &self.slot);
        let begun = Instant::now();
        let found = Arc::new(schedule.work.check(&slot.target).await);
        let at = Instant::now();
        let ended = Ended { found, late, took: at - begun, at, at_unix: schedule.clock.unix_seconds() };
        schedule.work.ended(&slot.target, &ended);
        lock(&slot.kept).last = Some(ended.clone());
        schedule.counts.done.fetch_add(1, Ordering::Relaxed);
        drop(place);
        ended
    }
}

impl<W: Work> Drop for Running<W> {
    fn drop(&mut self) {
        self.schedule.counts.running.fetch_sub(1, Ordering::Relaxed);
        lock(&self.slot.kept).running = false;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
