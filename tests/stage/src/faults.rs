//! What can be broken on a stage, and mended again.

use anyhow::Result;
use kit::slack;

use crate::Stage;
use crate::certificates::Left;
use crate::payments::Mood;

/// Something that can be broken by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "`says` is what each is")]
pub enum Fault {
    Redis,
    RedisMemory,
    Postgres,
    Reports,
    Connections,
    Lock,
    Slot,
    Lag,
    Endpoint,
    SlowEndpoint,
    Certificate,
    ExpiredCertificate,
    Backup,
    Bill,
    Slack,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Redis,
        Self::RedisMemory,
        Self::Postgres,
        Self::Reports,
        Self::Connections,
        Self::Lock,
        Self::Slot,
        Self::Lag,
        Self::Endpoint,
        Self::SlowEndpoint,
        Self::Certificate,
        Self::ExpiredCertificate,
        Self::Backup,
        Self::Bill,
        Self::Slack,
    ];

    /// How it is called on the command line, and what is so while it is broken.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Redis => ("redis", "Redis is stopped"),
            Self::RedisMemory => ("redis-memory", "Redis is nearly full and may not evict"),
            Self::Postgres => ("postgres", "the shop's Postgres is stopped"),
            Self::Reports => ("reports", "another Postgres is stopped"),
            Self::Connections => ("connections", "every connection of that Postgres is taken"),
            Self::Lock => ("lock", "a session of Postgres waits for a lock (told after a minute)"),
            Self::Slot => ("slot", "a replication slot that nobody reads holds WAL back"),
            Self::Lag => ("lag", "the replica does not replay (told after a minute)"),
            Self::Endpoint => ("endpoint", "the payment provider answers 500"),
            Self::SlowEndpoint => ("slow-endpoint", "the payment provider takes some seconds to answer"),
            Self::Certificate => ("certificate", "a certificate has five days left"),
            Self::ExpiredCertificate => ("expired-certificate", "another certificate is over"),
            Self::Backup => ("backup", "the nightly backup does not run"),
            Self::Bill => ("bill", "today's bill of the language models is ten times the usual"),
            Self::Slack => ("slack", "Slack refuses everything"),
        }
    }

    /// How it is called on the command line.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// What is so while it is broken.
    pub fn says(self) -> &'static str {
        self.words().1
    }

    /// The one of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Breaks it.
    pub async fn begin(self, stage: &Stage) -> Result<()> {
        match self {
            Self::Redis => stage.redis.stop().await?,
            Self::RedisMemory => stage.redis.fill(true).await?,
            Self::Postgres => stage.postgres.stop().await?,
            Self::Reports => stage.reports.stop().await?,
            Self::Connections => stage.reports.crowd().await?,
            Self::Lock => stage.postgres.block().await?,
            Self::Slot => stage.postgres.forget_slot().await?,
            Self::Lag => stage.postgres_replica.replay(false).await?,
            Self::Endpoint => stage.payments.set(Mood::Broken),
            Self::SlowEndpoint => stage.payments.set(Mood::Slow),
            Self::Certificate => stage.certificates.serve("api", Left::Days(5))?,
            Self::ExpiredCertificate => stage.certificates.serve("old-shop", Left::Nothing)?,
            Self::Backup => stage.backup.run(false),
            Self::Bill => stage.bills.spike(10.0),
            Self::Slack => {
                stage.slack.fault(slack::Times::Always, slack::Fault::Error("account_inactive".to_owned()));
            }
        }
        Ok(())
    }

    /// Mends it; what is not broken stays as it is.
    pub async fn end(self, stage: &Stage) -> Result<()> {
        match self {
            Self::Redis => stage.redis.start_again().await?,
            Self::RedisMemory => stage.redis.fill(false).await?,
            Self::Postgres => stage.postgres.start_again().await?,
            Self::Reports => stage.reports.start_again().await?,
            Self::Connections => stage.reports.disperse().await,
            Self::Lock => stage.postgres.unblock().await?,
            Self::Slot => stage.postgres.drop_slot().await?,
            Self::Lag => stage.postgres_replica.replay(true).await?,
            Self::Endpoint | Self::SlowEndpoint => stage.payments.set(Mood::Good),
            Self::Certificate => stage.certificates.serve("api", Left::AsEver)?,
            Self::ExpiredCertificate => stage.certificates.serve("old-shop", Left::AsEver)?,
            Self::Backup => stage.backup.run(true),
            Self::Bill => stage.bills.spike(1.0),
            Self::Slack => stage.slack.heal(),
        }
        Ok(())
    }
}
