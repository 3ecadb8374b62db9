//! Redis: a primary, a replica, and their exporter.

use anyhow::{Context, Result};
use kit::process::Folder;
use kit::redis::Redis;
use tokio::sync::Mutex;

use crate::program::{Program, ours};

/// What the primary may take, and what it does then.
const LIMIT: (&str, &str) = ("64mb", "allkeys-lru");

/// How much of the limit is used when a Redis is nearly full: over the alert's threshold, and some room left.
const NEARLY_FULL: f64 = 0.94;

/// A Redis that may be stopped and started while all look on.
pub struct Cache {
    redis: Mutex<Redis>,
    port: u16,
}

impl Cache {
    /// The primary. Its limit is far from what the shop needs; somebody has once asked it for nonsense.
    pub(crate) async fn primary() -> Result<Self> {
        let (memory, policy) = LIMIT;
        let builder = Redis::builder().config(&format!("maxmemory {memory}"));
        let redis = builder.config(&format!("maxmemory-policy {policy}")).start().await?;
        redis.cli_reading(&[], "SET motto watchfire\nINCR motto\n").await?;
        Ok(Self::of(redis))
    }

    /// A replica of another one, which it has copied.
    pub(crate) async fn replica_of(primary: &Self) -> Result<Self> {
        let builder = Redis::builder().replica_of(&*primary.redis.lock().await);
        let redis = builder.start().await?;
        redis.replicating().await?;
        Ok(Self::of(redis))
    }

    fn of(redis: Redis) -> Self {
        Self { port: redis.port(), redis: Mutex::new(redis) }
    }

    /// What it is called on dashboards and in alerts: `127.0.0.1:PORT`.
    pub fn instance(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.instance())
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it runs.
    pub async fn runs(&self) -> bool {
        self.redis.lock().await.server().is_ok()
    }

    /// The server itself, for whoever breaks it.
    pub async fn server(&self) -> tokio::sync::MutexGuard<'_, Redis> {
        self.redis.lock().await
    }

    /// Leaves it little room, and forbids it to evict; or all it had.
    pub async fn fill(&self, full: bool) -> Result<()> {
        let redis = self.redis.lock().await;
        if full {
            let memory = redis.cli(&["INFO", "memory"]).await?;
            let used = memory.lines().find_map(|line| line.strip_prefix("used_memory:"));
            let used: f64 = used.context("Redis does not say what it uses")?.trim().parse()?;
            redis.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await?;
            redis.cli(&["CONFIG", "SET", "maxmemory", &format!("{:.0}", used / NEARLY_FULL)]).await?;
        } else {
            // the room first: else it would evict
            let (memory, policy) = LIMIT;
            redis.cli(&["CONFIG", "SET", "maxmemory", memory]).await?;
            redis.cli(&["CONFIG", "SET", "maxmemory-policy", policy]).await?;
        }
        Ok(())
    }

    /// Stops it, unless it is stopped.
    pub async fn stop(&self) -> Result<()> {
        let mut redis = self.redis.lock().await;
        if redis.server().is_ok() { redis.stop().await } else { Ok(()) }
    }

    /// Starts it on its old port, unless it runs.
    pub async fn start_again(&self) -> Result<()> {
        let mut redis = self.redis.lock().await;
        if redis.server().is_err() { redis.start_again().await } else { Ok(()) }
    }
}

/// The exporter: `/metrics` is about the primary, `/scrape?target=redis://HOST:PORT` about any other.
pub(crate) async fn exporter(primary: &Cache, port: u16) -> Result<Program> {
    let folder = Folder::new()?;
    let launch = ours("redis-exporter", &folder)?.arg(format!("--redis.addr={}", primary.url()));
    Program::ours(launch, folder, port).await
}
