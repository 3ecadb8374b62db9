//! Lanes of the outbox: which are due, taking one, and what became of it.
//!
//! A lane is a thread (a group at a target). It holds one sync at most, and one at a time is in flight, so nothing in
//! it can overtake.
//!
//! Invariants: a lane is leased on the disk before anything is sent, so that after a crash it is known to be in
//! doubt; a sync is done only if no newer decision came while it was in flight.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::storms::NEVER;
use super::view::{self, Sent, View};
use super::{Store, StoreError};
use crate::moment::Moment;

/// A lane that may be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The lane.
    pub thread: i64,
    /// receiver/integration/index
    pub target: String,
    /// Whether there is a message already, which will probably be edited.
    pub placed: bool,
}

/// What became of a lane that was begun.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// The lane.
    pub thread: i64,
    /// The decision that was shown.
    pub revision: i64,
    /// When it ended.
    pub at: Moment,
    /// How long the target took.
    pub took: Duration,
    /// The closed reason, for metrics and the log of deliveries.
    pub reason: &'static str,
    /// What the target said; never a secret.
    pub detail: String,
    /// What happens next.
    pub outcome: Outcome,
}

/// What happens next in a lane.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was told.
    Done {
        /// What is told from now on.
        sent: Sent,
        /// The notifier's word for where.
        place: Option<String>,
        /// Who of several recipients will never get it: kept as dead letters.
        refused: Vec<String>,
    },
    /// There was nothing to tell.
    Unchanged,
    /// Try again.
    Again {
        /// When.
        due_at: Moment,
        /// Whether this was a failure, not only a request for patience.
        counts: bool,
        /// The notifier's word for what is done already, and the state that belongs to.
        progress: Option<(String, u64)>,
    },
    /// Give it up.
    Dead,
}

/// What was in flight when the program died may or may not have arrived.
pub(super) fn recover(connection: &Connection) -> rusqlite::Result<usize> {
    connection.execute(
        "UPDATE outbox SET leased_until = NULL, in_doubt = 1, due_at = min(due_at, ?) WHERE leased_until IS NOT NULL",
        [Moment::now().0],
    )
}

impl Store {
    /// Lanes that are due, the one that waits longest first, without those of the targets in `without`.
    pub async fn due(&self, now: Moment, without: Vec<String>, limit: u32) -> Result<Vec<Due>, StoreError> {
        let without = serde_json::to_string(&without).unwrap_or_default();
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT outbox.thread_id, outbox.target, threads.place IS NOT NULL
                     FROM outbox JOIN threads ON threads.id = outbox.thread_id
                     WHERE leased_until IS NULL AND due_at <= ?
                       AND outbox.target NOT IN (SELECT value FROM json_each(?))
                     ORDER BY due_at LIMIT ?",
                )?
                .query_map(params![now.0, without, limit], |row| {
                    Ok(Due { thread: row.get(0)?, target: row.get(1)?, placed: row.get(2)? })
                })?
                .collect()
        })
        .await
    }

    /// When the next lane that is not due yet becomes due.
    pub async fn next_due(&self, now: Moment) -> Result<Option<Moment>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT min(due_at) FROM outbox WHERE leased_until IS NULL AND due_at > ?")?
                .query_row([now.0], |row| row.get::<_, Option<i64>>(0))
        })
        .await
        .map(|due| due.map(Moment))
    }

    /// Takes a lane: leases it on the disk, then reads its state. None when it is gone or taken.
    pub async fn begin(&self, thread: i64, until: Moment) -> Result<Option<View>, StoreError> {
        let leased = self
            .write(move |session| {
                session
                    .connection
                    .prepare_cached(
                        "UPDATE outbox SET leased_until = ?, leased_revision = revision
                         WHERE thread_id = ? AND leased_until IS NULL AND due_at < ?",
                    )?
                    .execute(params![until.0, thread, NEVER])
            })
            .await?;
        if leased == 0 {
            return Ok(None);
        }
        let view = self.read(move |connection| view::read(connection, thread)).await;
        if view.is_err() {
            // a lane that was taken and cannot be sent must not stay taken
            self.release(thread).await?;
        }
        view
    }

    /// Ends what was begun.
    pub async fn finish(&self, finish: Finish) -> Result<(), StoreError> {
        self.write(move |session| {
            log(&session.connection, &finish)?;
            match &finish.outcome {
                Outcome::Done { sent, place, refused } => {
                    for detail in refused {
                        bury(&session.connection, &finish, "recipient_refused", detail)?;
                    }
                    remember(&session.connection, &finish, sent, place.as_deref())?;
                    leave(&session.connection, &finish)?;
                }
                Outcome::Unchanged => leave(&session.connection, &finish)?,
                Outcome::Again { due_at, counts, progress } => {
                    let (progress, key) = progress.clone().unzip();
                    session
                        .connection
                        .prepare_cached(
                            "UPDATE outbox SET leased_until = NULL, leased_revision = NULL, in_doubt = 0, due_at = ?,
                                    attempts = attempts + ?, progress = ?, progress_key = ?, last_reason = ?
                             WHERE thread_id = ?",
                        )?
                        .execute(params![
                            due_at.0,
                            counts,
                            progress,
                            key.map(u64::cast_signed),
                            finish.reason,
                            finish.thread
                        ])?;
                }
                Outcome::Dead => {
                    bury(&session.connection, &finish, finish.reason, &finish.detail)?;
                    leave(&session.connection, &finish)?;
                }
            }
            session.wake = true;
            Ok(())
        })
        .await
    }

    /// Gives a lane back as if it had not been taken.
    async fn release(&self, thread: i64) -> Result<(), StoreError> {
        self.write(move |session| {
            session
                .connection
                .prepare_cached(
                    "UPDATE outbox SET leased_until = NULL, leased_revision = NULL WHERE thread_id = ?",
                )?
                .execute([thread])?;
            Ok(())
        })
        .await
    }
}

/// Removes the sync, or leaves it to show what was decided meanwhile.
fn leave(connection: &Connection, finish: &Finish) -> rusqlite::Result<()> {
    let gone = connection
        .prepare_cached("DELETE FROM outbox WHERE thread_id = ? AND revision = ?")?
        .execute(params![finish.thread, finish.revision])?;
    if gone == 0 {
        connection
            .prepare_cached(
                "UPDATE outbox SET leased_until = NULL, leased_revision = NULL, in_doubt = 0, attempts = 0,
                        created_at = ?, progress = NULL, progress_key = NULL, again = 0
                 WHERE thread_id = ?",
            )?
            .execute(params![finish.at.0, finish.thread])?;
    }
    Ok(())
}

fn remember(
    connection: &Connection,
    finish: &Finish,
    sent: &Sent,
    place: Option<&str>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE threads SET place = ?, sent_key = ?, sent_firing = ?, sent_episode = ?, sent_revision = ?,
                    sent_count = sent_count + 1, sent_at = ?, storm = NULL
             WHERE id = ?",
        )?
        .execute(params![
            place,
            sent.key.cast_signed(),
            sent.firing,
            sent.episode,
            sent.revision,
            finish.at.0,
            finish.thread
        ])?;
    Ok(())
}

fn bury(connection: &Connection, finish: &Finish, reason: &str, detail: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO dead_letters
                 (thread_id, target, receiver, labels, at, created_at, attempts, reason, detail, internal)
             SELECT threads.id, threads.target, receiver, labels, ?2, created_at, attempts, ?3, ?4, internal
             FROM threads JOIN groups ON groups.id = group_id JOIN outbox ON thread_id = threads.id
             WHERE threads.id = ?1",
        )?
        .execute(params![finish.thread, finish.at.0, reason, detail])?;
    Ok(())
}

fn log(connection: &Connection, finish: &Finish) -> rusqlite::Result<()> {
    let outcome = match &finish.outcome {
        Outcome::Done { .. } => "done",
        Outcome::Unchanged => return Ok(()),
        Outcome::Again { .. } => "again",
        Outcome::Dead => "dead",
    };
    let target: Option<String> = connection
        .prepare_cached("SELECT target FROM threads WHERE id = ?")?
        .query_row([finish.thread], |row| row.get(0))
        .optional()?;
    connection
        .prepare_cached(
            "INSERT INTO deliveries (thread_id, target, at, outcome, reason, detail, took) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            finish.thread,
            target.unwrap_or_default(),
            finish.at.0,
            outcome,
            finish.reason,
            finish.detail,
            i64::try_from(finish.took.as_micros()).unwrap_or(i64::MAX)
        ])?;
    Ok(())
}
