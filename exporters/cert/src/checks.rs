//! Targets that are checked on their own: how a check of one goes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use toolkit::schedule::Work;
use toolkit::scrape::DEFAULT_TIMEOUT;
use tracing::debug;

use crate::config::Scheduled;
use crate::probe::{Engine, Job};
use crate::report::{Failed, Report};

/// The shortest time that a check has.
const LEAST_TIMEOUT: Duration = Duration::from_secs(1);

/// Checks targets by the engine that answers probes too.
pub struct Checks(pub Arc<Engine>);

impl Work for Checks {
    type Target = Scheduled;
    type Found = Report;

    async fn check(&self, scheduled: &Scheduled) -> Report {
        let module = &scheduled.module;
        let usual = DEFAULT_TIMEOUT.min(scheduled.interval.max(LEAST_TIMEOUT));
        let deadline = Instant::now() + module.timeout.unwrap_or(usual);
        let target = &*scheduled.target;
        let server_name = scheduled.server_name.as_deref();
        let job = Job { module, target, server_name, route: scheduled.route };
        let report = self.0.probe(job, deadline).await.unwrap_or_else(|denied| {
            let failed = Failed::new("target", "denied", format!("{target} {denied}"));
            Report::failed(module.prober_name, failed)
        });
        if let Some(failure) = &report.failure {
            debug!(target, reason = failure.reason, message = failure.message, "the check failed");
        }
        report
    }
}
