//! Slack's rate limits: a bucket for each channel's posts, and one for all edits.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::web::Reply;

/// So many at once, and then so many a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Calls that may come at once after a silence.
    pub burst: f64,
    /// Calls a minute that may go on forever.
    pub per_minute: f64,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self { burst: f64::INFINITY, per_minute: f64::INFINITY };
}

#[derive(Debug)]
pub(super) struct Rates {
    pub(super) post: Rate,
    pub(super) update: Rate,
    pub(super) workspace: Rate,
    posts: HashMap<String, Bucket>,
    updates: Option<Bucket>,
    all_posts: Option<Bucket>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            // "one message a second per channel, short bursts": bursts of about 25 have been measured.
            post: Rate { burst: 20.0, per_minute: 60.0 },
            // Tier 3, for an app in a workspace.
            update: Rate { burst: 50.0, per_minute: 50.0 },
            // "several hundred a minute" in a workspace
            workspace: Rate { burst: 100.0, per_minute: 300.0 },
            posts: HashMap::new(),
            updates: None,
            all_posts: None,
        }
    }
}

impl Rates {
    /// Takes one post to this channel out of its bucket and the workspace's, or says how many seconds to wait.
    pub(super) fn post(&mut self, channel: &str, now: Instant) -> Result<(), u32> {
        let all = Bucket::full(self.workspace, now);
        self.all_posts.get_or_insert(all).take(self.workspace, now)?;
        let full = Bucket::full(self.post, now);
        self.posts.entry(channel.to_owned()).or_insert(full).take(self.post, now)
    }

    /// Takes one edit out of the workspace's bucket, or says how many seconds to wait.
    pub(super) fn update(&mut self, now: Instant) -> Result<(), u32> {
        self.updates.get_or_insert_with(|| Bucket::full(self.update, now)).take(self.update, now)
    }
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    seen: Instant,
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { left: rate.burst, seen: now }
    }

    fn take(&mut self, rate: Rate, now: Instant) -> Result<(), u32> {
        let per_second = rate.per_minute / 60.0;
        let gained = now.saturating_duration_since(self.seen).as_secs_f64() * per_second;
        // An unlimited rate over no time at all is not a number; the burst holds then.
        self.left = if gained.is_nan() { rate.burst } else { (self.left + gained).min(rate.burst) };
        self.seen = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        let wait =
            Duration::try_from_secs_f64((1.0 - self.left) / per_second).unwrap_or(Duration::from_mins(1));
        Err(u32::try_from(wait.as_secs() + 1).unwrap_or(60))
    }
}

/// The 429 of the Web API, or of a webhook.
pub(super) fn refuse(hook: bool, seconds: u32) -> Reply {
    let body = if hook {
        json!({ "retry_after": seconds, "ok": false, "error": "rate_limited" })
    } else {
        json!({ "ok": false, "error": "ratelimited" })
    };
    Reply::json(429, &body).header("retry-after", &seconds.to_string())
}

/// A 429 whose `Retry-After` says this, or that has none.
pub(super) fn refuse_saying(retry_after: Option<&str>) -> Reply {
    let reply = Reply::json(429, &json!({ "ok": false, "error": "ratelimited" }));
    match retry_after {
        Some(text) => reply.header("retry-after", text),
        None => reply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_one_a_second() {
        let mut rates = Rates { post: Rate { burst: 2.0, per_minute: 60.0 }, ..Rates::default() };
        let start = Instant::now();
        let mut at =
            |milliseconds, channel: &str| rates.post(channel, start + Duration::from_millis(milliseconds));
        assert_eq!([at(0, "a"), at(0, "a"), at(0, "a"), at(0, "b")], [Ok(()), Ok(()), Err(2), Ok(())]);
        assert_eq!([at(500, "a"), at(1000, "a"), at(1000, "a")], [Err(1), Ok(()), Err(2)]);

        let mut rates = Rates { update: Rate::UNLIMITED, ..Rates::default() };
        assert!((0..1000).all(|_| rates.update(start).is_ok()));
    }
}
