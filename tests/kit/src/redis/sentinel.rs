//! Sentinels that watch a master and its replica.

use anyhow::{Result, ensure};

use super::{Builder, Redis, START_BOUND, Version};
use crate::wait::eventually;

/// What the Sentinels call the master.
pub const MASTER_NAME: &str = "mymaster";

/// Running Sentinels, a master and its replica.
pub struct Sentinel {
    /// The master, as long as nobody makes the replica it.
    pub master: Redis,
    /// The replica.
    pub replica: Redis,
    /// Those who watch them; [`Redis::url`] and [`Redis::cli`] are theirs.
    pub sentinels: Vec<Redis>,
}

/// How Sentinels are to be started.
#[derive(Clone, Debug)]
pub struct SentinelBuilder {
    servers: Builder,
    each: Builder,
    count: usize,
    lines: Vec<String>,
}

impl Sentinel {
    /// Starts three, without passwords.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Options first.
    pub fn builder() -> SentinelBuilder {
        SentinelBuilder {
            servers: Redis::builder(),
            each: Redis::builder().sentinel(),
            count: 3,
            lines: Vec::new(),
        }
    }
}

impl SentinelBuilder {
    /// Another version than the system's, of all.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.servers = self.servers.version(version);
        self.each = self.each.version(version);
        self
    }

    /// So many Sentinels.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// The master and its replica ask for this password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.servers = self.servers.password(password);
        self
    }

    /// The Sentinels ask for this password.
    #[must_use]
    pub fn sentinel_password(mut self, password: &str) -> Self {
        self.each = self.each.password(password);
        self
    }

    /// Adds a line to the configuration of each Sentinel, after `sentinel monitor mymaster`.
    #[must_use]
    pub fn config(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Starts all, and waits until every Sentinel knows the replica and the other Sentinels.
    pub async fn start(self) -> Result<Sentinel> {
        let master = self.servers.clone().start().await?;
        let replica = self.servers.replica_of(&master).start().await?;
        replica.replicating().await?;
        let quorum = self.count / 2 + 1;
        let mut each =
            self.each.config(&format!("sentinel monitor {MASTER_NAME} 127.0.0.1 {} {quorum}", master.port));
        if let Some(password) = &master.options.password {
            each = each.config(&format!("sentinel auth-pass {MASTER_NAME} {password}"));
        }
        let each = self.lines.iter().fold(each, |each, line| each.config(line));
        let mut sentinels = Vec::new();
        for _ in 0..self.count {
            sentinels.push(each.clone().start().await?);
        }
        let wanted = format!("slaves=1,sentinels={}", self.count);
        for sentinel in &sentinels {
            eventually(START_BOUND, "a Sentinel to know all others", async || {
                let info = sentinel.cli(&["INFO", "sentinel"]).await?;
                ensure!(info.contains("status=ok") && info.contains(&wanted), "{info}");
                Ok(())
            })
            .await?;
        }
        Ok(Sentinel { master, replica, sentinels })
    }
}
