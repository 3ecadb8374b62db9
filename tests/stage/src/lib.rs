//! The whole suite on real servers on loopback: what `cargo xtask demo` shows, and what the end-to-end tests look at and
//! break.
//!
//! ```text
//! Postgres, Redis ← shop ← customers                        (what a small product has)
//!   ↑ exporters ← Prometheus + rules/ → Alertmanager → alertrouter → doubles of Slack and mail
//! ```
//!
//! | what | where |
//! |---|---|
//! | PostgreSQL, its replica, postgres-exporter | [`postgres`] |
//! | Redis, its replica, redis-exporter | [`redis`] |
//! | the application and its customers | [`shop`] |
//! | TLS servers, files with certificates, cert-exporter | [`certificates`] |
//! | probes, journeys, services: synthetic-exporter | [`checks`] |
//! | an endpoint that is not ours | [`payments`] |
//! | the job whose heartbeat and file are watched | [`backup`] |
//! | bills with history, cost-exporter | [`bills`] |
//! | the machine: node_exporter | [`node`] |
//! | alertrouter, Alertmanager, from `rules/stack/` | [`delivery`] |
//! | Prometheus: the jobs, the rules | [`prometheus`] |
//! | what can be broken | [`faults`] |
//! | in which order all of it starts | `waves` |
//!
//! It starts in three waves: what is watched and what is delivered to; then who watches it; then the first scrape, which
//! Prometheus makes some five seconds after its start. Within a wave everything starts side by side. Dropping a stage ends all of it.

pub mod backup;
pub mod bills;
pub mod certificates;
pub mod checks;
pub mod delivery;
pub mod faults;
pub mod node;
pub mod payments;
pub mod ports;
pub mod postgres;
pub mod program;
pub mod prometheus;
pub mod redis;
pub mod shop;
pub mod steps;
mod waves;

use std::sync::Arc;

use anyhow::Result;
use kit::inbox::Inbox;
use kit::prometheus::Prometheus;
use kit::slack::Slack;
use kit::smtp::Smtp;

use backup::Backup;
use bills::Bills;
use certificates::Certificates;
use payments::Payments;
use ports::Ports;
use postgres::Database;
use program::Program;
use prometheus::Pace;
use redis::Cache;
use shop::Shop;
use steps::Audience;
use waves::Watched;

/// All that runs. Dropping it ends all of it.
pub struct Stage {
    /// PostgreSQL that the shop writes to.
    pub postgres: Database,
    /// Its replica.
    pub postgres_replica: Database,
    /// PostgreSQL that the shop does not use: it gets the shop's orders.
    pub reports: Database,
    /// Redis that the shop uses.
    pub redis: Cache,
    /// Its replica.
    pub redis_replica: Cache,
    /// The application.
    pub shop: Shop,
    /// The TLS servers.
    pub certificates: Certificates,
    /// The endpoint that is not ours.
    pub payments: Payments,
    /// The job.
    pub backup: Backup,
    /// The providers.
    pub bills: Bills,
    /// The double of Slack.
    pub slack: Arc<Slack>,
    /// The double of a mail server.
    pub smtp: Arc<Smtp>,
    /// Where people see what arrived at the doubles.
    pub inbox: Inbox,
    /// The programs.
    pub programs: Programs,
    /// The Prometheus.
    pub prometheus: Prometheus,
}

/// The programs that watch and deliver.
#[expect(missing_docs, reason = "each is what its name says")]
pub struct Programs {
    pub postgres_exporter: Program,
    pub redis_exporter: Program,
    pub cert_exporter: Program,
    pub synthetic_exporter: Program,
    pub cost_exporter: Program,
    pub node_exporter: Program,
    pub alertrouter: Program,
    pub alertmanager: Program,
}

/// How a stage is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which ports.
    pub ports: Ports,
    /// How fast.
    pub pace: Pace,
    /// The page to which the links of alerts lead, without a slash at its end.
    pub page: String,
}

impl Stage {
    /// Starts everything, and waits until it really works together.
    pub async fn start(options: &Options, audience: &dyn Audience) -> Result<Self> {
        let first = Box::pin(Watched::start(options, audience)).await?;
        Box::pin(first.be_watched(options, audience)).await
    }

    /// Ends all in order.
    pub async fn stop(self) {
        let programs = self.programs;
        // what does not end in order is killed when it is dropped
        drop(tokio::join!(
            self.prometheus.stop(),
            programs.alertmanager.stop(),
            programs.alertrouter.stop(),
            programs.postgres_exporter.stop(),
            programs.redis_exporter.stop(),
            programs.cert_exporter.stop(),
            programs.synthetic_exporter.stop(),
            programs.cost_exporter.stop(),
            programs.node_exporter.stop(),
        ));
        drop((self.shop, self.backup));
        drop(tokio::join!(
            self.redis_replica.stop(),
            self.redis.stop(),
            self.postgres_replica.stop(),
            self.postgres.stop(),
            self.reports.stop(),
        ));
    }
}
