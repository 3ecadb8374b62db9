//! The Redis of the demo, which may be stopped and started while all look on.

use anyhow::Result;
use kit::redis::Redis;
use tokio::sync::Mutex;

/// A Redis that several may stop and start.
pub(crate) struct WatchedRedis {
    redis: Mutex<Redis>,
    url: String,
}

impl WatchedRedis {
    pub(crate) async fn start() -> Result<Self> {
        let redis = Redis::start().await?;
        Ok(Self { url: redis.url(), redis: Mutex::new(redis) })
    }

    /// `redis://127.0.0.1:port`
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn runs(&self) -> bool {
        self.redis.lock().await.server().is_ok()
    }

    /// Stops it; tells whether it ran.
    pub(crate) async fn stop(&self) -> Result<bool> {
        let mut redis = self.redis.lock().await;
        if redis.server().is_err() {
            return Ok(false);
        }
        redis.stop().await?;
        Ok(true)
    }

    /// Starts it on its old port; tells whether it was stopped.
    pub(crate) async fn start_again(&self) -> Result<bool> {
        let mut redis = self.redis.lock().await;
        if redis.server().is_ok() {
            return Ok(false);
        }
        redis.start_again().await?;
        Ok(true)
    }
}
