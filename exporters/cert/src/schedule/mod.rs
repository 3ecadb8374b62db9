//! Targets on their own cadence: each at its own fixed place in its interval, never twice at once, and shown while its
//! result is fresh.
//!
//! Invariants:
//! - a target's place in its interval is the same from start to start, so that restarts do not bunch the load;
//! - at most so many checks at the same time; one that is due while it still runs is skipped and counted;
//! - a result is shown for three intervals and then no more: an old success never stands for the present.

mod grid;
mod lists;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use toolkit::clock::Clock;

use crate::config::Scheduled;
use crate::report::Report;

pub use lists::{Lists, watch};

/// Intervals for which a result is shown: one may be late, one may fail to come.
const SHOWN_INTERVALS: u32 = 3;

/// A check of one target.
pub type Checking = Pin<Box<dyn Future<Output = Report> + Send>>;

/// How a target is checked.
pub type Check = dyn Fn(&Scheduled) -> Checking + Send + Sync;

/// All targets and their results.
pub struct Schedule {
    check: Box<Check>,
    clock: Clock,
    plan: Mutex<Plan>,
    changed: Notify,
    places: Arc<Semaphore>,
    most: Mutex<usize>,
    counts: Counts,
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
#[derive(Default)]
struct Plan {
    slots: Vec<Slot>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
}

#[derive(Clone)]
struct Slot {
    target: Scheduled,
    /// A moment at which it is due; it is due again each interval after that.
    anchor: Instant,
    kept: Arc<Mutex<Kept>>,
}

/// What is kept of a target from check to check, and over a reload.
#[derive(Default)]
struct Kept {
    running: bool,
    last: Option<Shown>,
}

/// A result.
#[derive(Clone)]
pub struct Shown {
    /// What was found.
    pub report: Arc<Report>,
    /// When the check ended.
    pub at: Instant,
    /// The same in Unix time.
    pub at_unix: f64,
}

/// Numbers about the schedule, for the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
}

impl Schedule {
    /// Nothing is checked yet; at most `most` checks run at the same time.
    pub fn new(clock: Clock, most: usize, check: Box<Check>) -> Arc<Self> {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        let schedule = Arc::new(Self {
            most: Mutex::new(most),
            check,
            clock,
            plan: Mutex::default(),
            changed: Notify::new(),
            places: Arc::new(Semaphore::new(most)),
            counts: Counts::default(),
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
            *known = most;
        } else {
            // places that are taken now cannot be given up
            *known -= self.places.forget_permits(*known - most);
        }
    }

    /// Takes these targets instead of the old ones; results of targets that stay are kept.
    pub fn replace(&self, targets: Vec<Scheduled>) {
        let now = Instant::now();
        let unix = Duration::try_from(self.clock.now().as_duration()).unwrap_or_default();
        let mut plan = lock(&self.plan);
        let mut old: HashMap<_, _> =
            plan.slots.drain(..).map(|slot| (owned_key(&slot.target), slot.kept)).collect();
        let slots: Vec<Slot> = targets
            .into_iter()
            .map(|target| {
                let kept = old.remove(&owned_key(&target)).unwrap_or_default();
                let anchor = now + grid::first(target.number(), target.interval, unix);
                Slot { target, anchor, kept }
            })
            .collect();
        let place = |(index, slot): (usize, &Slot)| {
            let known = lock(&slot.kept).last.is_some();
            let soon = now + grid::start(slot.target.number());
            Reverse((if known { slot.anchor } else { slot.anchor.min(soon) }, index))
        };
        plan.due = slots.iter().enumerate().map(place).collect();
        plan.slots = slots;
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
                let Some(slot) = self.take_due() else { return };
                let running = Running::new(self, &slot.kept);
                let checking = (self.check)(&slot.target);
                let schedule = Arc::clone(self);
                tokio::spawn(async move {
                    let report = Arc::new(checking.await);
                    let at_unix = schedule.clock.unix_seconds();
                    lock(&slot.kept).last = Some(Shown { report, at: Instant::now(), at_unix });
                    schedule.counts.done.fetch_add(1, Ordering::Relaxed);
                    drop((running, place));
                });
            }
        }
    }

    /// The target that is due, unless its check still runs; it is due again an interval later.
    fn take_due(&self) -> Option<Slot> {
        let mut plan = lock(&self.plan);
        let now = Instant::now();
        let Reverse((due, index)) = *plan.due.peek().filter(|Reverse((due, _))| *due <= now)?;
        let slot = plan.slots.get(index)?.clone();
        let (next, missed) = grid::next(slot.anchor, slot.target.interval, due, now);
        plan.due.pop();
        plan.due.push(Reverse((next, index)));
        drop(plan);
        let busy = std::mem::replace(&mut lock(&slot.kept).running, true);
        self.counts.skipped.fetch_add(missed + u64::from(busy), Ordering::Relaxed);
        (!busy).then_some(slot)
    }

    /// Hands each fresh result to `show`, in the order of the targets.
    pub fn fresh(&self, mut show: impl FnMut(&Scheduled, &Shown)) -> Numbers {
        let slots = lock(&self.plan).slots.clone();
        let mut numbers = Numbers {
            done: self.counts.done.load(Ordering::Relaxed),
            skipped: self.counts.skipped.load(Ordering::Relaxed),
            running: self.counts.running.load(Ordering::Relaxed) as u64,
            ..Numbers::default()
        };
        for slot in &slots {
            let last = lock(&slot.kept).last.clone();
            match last {
                None => numbers.pending += 1,
                Some(shown) if shown.at.elapsed() > slot.target.interval * SHOWN_INTERVALS => {
                    numbers.stale += 1;
                }
                Some(shown) => {
                    numbers.fresh += 1;
                    show(&slot.target, &shown);
                }
            }
        }
        numbers
    }
}

/// A check under way; ends also when it panics.
struct Running {
    schedule: Arc<Schedule>,
    kept: Arc<Mutex<Kept>>,
}

impl Running {
    fn new(schedule: &Arc<Schedule>, kept: &Arc<Mutex<Kept>>) -> Self {
        schedule.counts.running.fetch_add(1, Ordering::Relaxed);
        Self { schedule: Arc::clone(schedule), kept: Arc::clone(kept) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.schedule.counts.running.fetch_sub(1, Ordering::Relaxed);
        lock(&self.kept).running = false;
    }
}

fn owned_key(target: &Scheduled) -> (Arc<str>, Arc<[(String, String)]>) {
    (Arc::clone(&target.target), Arc::clone(&target.labels))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
