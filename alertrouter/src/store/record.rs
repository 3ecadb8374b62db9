//! What is kept for people: unreadable requests, and the bounds of everything that would grow for ever.

use std::time::Duration;

use rusqlite::params;

use super::{Store, StoreError};
use crate::moment::Moment;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Groups of which nothing fires are forgotten after this.
    pub resolved: Duration,
    /// Bytes of requests in the inbox.
    pub inbox_bytes: u64,
    /// Rows in the log of deliveries.
    pub deliveries: u32,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Groups.
    pub groups: usize,
    /// Requests.
    pub inbox: usize,
    /// Log rows.
    pub deliveries: usize,
}

/// Bytes of an unreadable request that are kept: its head tells what it was.
const QUARANTINE_HEAD: usize = 64 * 1024;

/// Unreadable requests that are kept: the newest.
const QUARANTINE_ROWS: u32 = 1000;

/// Rows removed in one transaction, so that webhooks wait a few milliseconds at most.
const STEP: u32 = 500;

impl Store {
    /// Keeps a request that cannot be read.
    pub async fn quarantine(
        &self,
        at: Moment,
        reason: &'static str,
        body: &[u8],
        size: u64,
    ) -> Result<(), StoreError> {
        let head = body.get(..QUARANTINE_HEAD).unwrap_or(body).to_vec();
        self.write_new(move |session| {
            session
                .connection
                .prepare_cached("INSERT INTO quarantine (at, reason, size, body) VALUES (?, ?, ?, ?)")?
                .execute(params![at.0, reason, i64::try_from(size).unwrap_or(i64::MAX), head])?;
            session
                .connection
                .prepare_cached("DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?")?
                .execute([QUARANTINE_ROWS])?;
            Ok(())
        })
        .await
    }

    /// Removes what is beyond the limits, in steps, so that webhooks pass in between.
    pub async fn prune(&self, now: Moment, limits: Limits) -> Result<Pruned, StoreError> {
        let before =
            Moment(now.0.saturating_sub(i64::try_from(limits.resolved.as_micros()).unwrap_or(i64::MAX)));
        let most = i64::try_from(limits.inbox_bytes).unwrap_or(i64::MAX);
        // counting all requests takes its time, so it is not the writer's
        let old = self
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT coalesce(max(id), 0)
                         FROM (SELECT id, sum(size) OVER (ORDER BY id DESC) AS newer FROM inbox)
                         WHERE newer > ?",
                    )?
                    .query_row([most], |row| row.get::<_, i64>(0))
            })
            .await?;
        let mut all = Pruned::default();
        loop {
            let step = self.prune_step(before, old, limits.deliveries).await?;
            if step == Pruned::default() {
                return Ok(all);
            }
            all.groups += step.groups;
            all.inbox += step.inbox;
            all.deliveries += step.deliveries;
        }
    }

    /// Removes groups that were over `before`, requests up to `old`, and deliveries beyond so many.
    async fn prune_step(&self, before: Moment, old: i64, deliveries: u32) -> Result<Pruned, StoreError> {
        self.write(move |session| {
            let groups = session
                .connection
                .prepare_cached(
                    "DELETE FROM groups WHERE id IN (
                         SELECT id FROM groups WHERE changed_at < ?
                            AND NOT EXISTS (SELECT 1 FROM alerts WHERE group_id = groups.id AND firing)
                            AND NOT EXISTS (SELECT 1 FROM outbox JOIN threads ON threads.id = thread_id
                                            WHERE threads.group_id = groups.id)
                         LIMIT ?)",
                )?
                .execute(params![before.0, STEP])?;
            if groups > 0 {
                session.cache.forget();
            }
            let inbox = session
                .connection
                .prepare_cached(
                    "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE id <= ? ORDER BY id LIMIT ?)",
                )?
                .execute(params![old, STEP])?;
            let deliveries = session
                .connection
                .prepare_cached(
                    "DELETE FROM deliveries WHERE id IN (
                         SELECT id FROM deliveries WHERE id <= (SELECT max(id) FROM deliveries) - ? LIMIT ?)",
                )?
                .execute(params![deliveries, STEP])?;
            Ok(Pruned { groups, inbox, deliveries })
        })
        .await
    }
}
