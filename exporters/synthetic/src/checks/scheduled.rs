//! A check as the schedule has it, and what a run of it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use toolkit::schedule::{Ended, Lateness, Target, Work};
use tracing::debug;

use super::counts::Counts;
use super::judge::judge;
use super::places::Share;
use super::result::{CheckResult, Listener, Status};
use crate::config::{Check, Kind, Probe};
use crate::probe::{Engine, Job};

/// A check that is probed.
#[derive(Clone)]
pub(super) struct Scheduled {
    pub(super) check: Check,
    pub(super) counts: Arc<Counts>,
    pub(super) share: Share,
}

/// What a run came to.
pub(super) struct Run {
    pub(super) result: CheckResult,
    /// How long it waited for its turn.
    waited: Duration,
}

/// What runs checks.
pub(super) struct Runs {
    engine: Arc<Engine>,
    listener: Arc<dyn Listener>,
    late: Mutex<Lateness>,
}

impl Target for Scheduled {
    type Key = super::Key;

    fn key(&self) -> Self::Key {
        super::key(&self.check)
    }

    fn interval(&self) -> Duration {
        self.check.settings.interval
    }

    fn stale_after(&self) -> Duration {
        self.check.stale_after().unwrap_or(Duration::MAX)
    }
}

impl Scheduled {
    /// How it is probed; heartbeats are not scheduled.
    fn probe(&self) -> Option<&Probe> {
        match &self.check.settings.kind {
            Kind::Probe(probe) => Some(probe),
            Kind::Heartbeat(_) => None,
        }
    }
}

impl Runs {
    pub(super) fn new(engine: Arc<Engine>, listener: Arc<dyn Listener>) -> Self {
        Self { engine, listener, late: Mutex::default() }
    }

    /// How late runs began, the wait for their turn included.
    pub(super) fn late(&self) -> Lateness {
        *self.lateness()
    }

    fn lateness(&self) -> MutexGuard<'_, Lateness> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, target: &Scheduled) -> Run {
        let asked = Instant::now();
        let _host = match &target.share.host {
            Some(places) => place(places).await,
            None => None,
        };
        let _place = place(&target.share.all).await;
        let start = Instant::now();
        let waited = start - asked;
        let result = match target.probe() {
            Some(probe) => self.probe(&target.check, probe, start).await,
            None => CheckResult::empty(Status::Unknown, start, self.engine.clock.unix_seconds()),
        };
        Run { result, waited }
    }

    async fn probe(&self, check: &Check, probe: &Probe, start: Instant) -> CheckResult {
        let job = Job {
            module: &probe.module,
            target: &check.target,
            hostname: probe.hostname.as_deref(),
            configured: true,
            deadline: start + probe.timeout,
        };
        let outcome = self.engine.probe(job).await;
        let result = judge(probe, &outcome, Instant::now(), self.engine.clock.unix_seconds());
        if let Some(failed) = &result.failure {
            let (check, target) = (check.name(), &*check.target);
            let (status, reason) = (result.status.as_str(), failed.reason.as_str());
            debug!(check, target, status, reason, message = failed.message, "the check ended");
        }
        result
    }
}

/// A place among so many; they are never closed.
async fn place(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(places).acquire_owned().await.ok()
}

impl Work for Runs {
    type Target = Scheduled;
    type Found = Run;

    async fn check(&self, target: &Scheduled) -> Run {
        self.run(target).await
    }

    fn ended(&self, target: &Scheduled, ended: &Ended<Run>) {
        self.lateness().add(ended.late + ended.found.waited);
        target.counts.add(&ended.found.result);
        self.listener.heard(&target.check, &ended.found.result);
    }
}
