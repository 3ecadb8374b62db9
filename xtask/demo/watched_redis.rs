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

    /// Stops it; says what a person should know now.
    pub(crate) async fn stop(&self) -> Result<&'static str> {
        let mut redis = self.redis.lock().await;
        if redis.server().is_err() {
            return Ok("Redis is stopped already");
        }
        redis.stop().await?;
        Ok("Redis is stopped; the alert comes in some ten seconds")
    }

    /// Starts it on its old port; says what a person should know now.
    pub(crate) async fn start_again(&self) -> Result<&'static str> {
        let mut redis = self.redis.lock().await;
        if redis.server().is_ok() {
            return Ok("Redis runs already");
        }
        redis.start_again().await?;
        Ok("Redis runs again; the alert resolves in some seconds")
    }
}
