//! The tables, and how an older file becomes a newer one.
//!
//! Invariants: a migration is never edited once released, only followed by another; times are microseconds since
//! 1970; texts that came from outside are stored as JSON, so that odd characters cannot break a column.

use std::cmp::Ordering;

use rusqlite::{Connection, Transaction};

use super::StoreError;

/// Brings a file to the newest schema. A file from a newer program is refused.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<Result<(), StoreError>> {
    let found = version(connection)?;
    if found > KNOWN {
        return Ok(Err(StoreError::TooNew { found, known: KNOWN }));
    }
    for (version, migration) in (1u32..).zip(MIGRATIONS).skip(found as usize) {
        let transaction: Transaction<'_> = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(Ok(()))
}

/// Whether a file has just our schema: for those who may not change it.
pub(super) fn check(connection: &Connection) -> rusqlite::Result<Result<(), StoreError>> {
    let found = version(connection)?;
    Ok(match found.cmp(&KNOWN) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::TooNew { found, known: KNOWN }),
        Ordering::Less => Err(StoreError::TooOld { found, known: KNOWN }),
    })
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

#[expect(clippy::cast_possible_truncation, reason = "a handful")]
const KNOWN: u32 = MIGRATIONS.len() as u32;

const MIGRATIONS: &[&str] = &[VERSION_1, STORMS, WATCH];

const VERSION_1: &str = "
-- A group of alerts of one of our receivers: what people see as one incident.
CREATE TABLE groups (
    id           INTEGER PRIMARY KEY,
    key          BLOB    NOT NULL UNIQUE,   -- 16 bytes over receiver and labels
    receiver     TEXT    NOT NULL,
    labels       TEXT    NOT NULL,          -- JSON object
    episode      INTEGER NOT NULL,          -- +1 when it fires after all of it was resolved
    revision     INTEGER NOT NULL,          -- +1 when anything about it changes
    notified_at  INTEGER,                   -- the repeat interval counts from here
    changed_at   INTEGER NOT NULL,
    external_url TEXT    NOT NULL           -- the sender's own address, for links
) STRICT;
CREATE INDEX groups_by_change ON groups (changed_at);

-- The state of each alert of a group.
CREATE TABLE alerts (
    id            INTEGER PRIMARY KEY,
    group_id      INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    fingerprint   INTEGER NOT NULL,
    firing        INTEGER NOT NULL,
    starts_at     INTEGER,                  -- the sender's clock
    ends_at       INTEGER,                  -- the sender's clock
    ended_before  INTEGER,                  -- end of the run before this one
    episode       INTEGER NOT NULL,
    fired         INTEGER NOT NULL,         -- the group's revision with which this run fired
    content       INTEGER NOT NULL,         -- hash of annotations and links
    first_seen    INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    labels        TEXT    NOT NULL,         -- JSON object
    annotations   TEXT    NOT NULL,         -- JSON object
    generator_url TEXT    NOT NULL,
    UNIQUE (group_id, fingerprint)
) STRICT;

-- A group as one target shows it: one message that is edited, or one thread of mails.
CREATE TABLE threads (
    id           INTEGER PRIMARY KEY,
    group_id     INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    target       TEXT    NOT NULL,          -- receiver/integration/index
    place        TEXT,                      -- the notifier's own word for where the message is (JSON)
    sent_key     INTEGER,                   -- hash of what was told last
    sent_firing  INTEGER NOT NULL DEFAULT 0,
    sent_episode INTEGER NOT NULL DEFAULT 0,
    sent_revision INTEGER NOT NULL,         -- the group's revision that was told; what fired later is untold
    sent_count   INTEGER NOT NULL DEFAULT 0,
    sent_at      INTEGER,
    UNIQUE (group_id, target)
) STRICT;

-- What must still be told. A sync shows the state at the time it is sent, so a thread has one at most.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY,
    thread_id    INTEGER NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    target       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,          -- sync
    reason       TEXT    NOT NULL,          -- of the newest decision
    again        INTEGER NOT NULL,          -- 1: tell it even if nothing changed
    revision     INTEGER NOT NULL,          -- +1 with each decision; only what was shown is done
    created_at   INTEGER NOT NULL,          -- of the oldest decision
    due_at       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,-- failures, without those that ask for patience
    leased_until INTEGER,                   -- in flight
    leased_revision INTEGER,                -- the decision that is in flight
    in_doubt     INTEGER NOT NULL DEFAULT 0,-- was in flight when the program died
    progress     TEXT,                      -- the notifier's own word for what is done already (JSON)
    progress_key INTEGER,                   -- hash of the state that progress belongs to
    last_reason  TEXT
) STRICT;
CREATE UNIQUE INDEX outbox_sync ON outbox (thread_id) WHERE kind = 'sync';
CREATE INDEX outbox_due ON outbox (due_at) WHERE leased_until IS NULL;

-- Each attempt, for people who ask what happened. Bounded.
CREATE TABLE deliveries (
    id         INTEGER PRIMARY KEY,
    thread_id  INTEGER NOT NULL,
    target     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    outcome    TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    took       INTEGER NOT NULL             -- microseconds
) STRICT;

-- What was given up. Never pruned by the program: a person decides.
CREATE TABLE dead_letters (
    id         INTEGER PRIMARY KEY,
    thread_id  INTEGER NOT NULL,
    target     TEXT    NOT NULL,
    receiver   TEXT    NOT NULL,
    labels     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    detail     TEXT    NOT NULL
) STRICT;

-- Requests that changed something, as they came. Bounded.
CREATE TABLE inbox (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    sender TEXT    NOT NULL,
    size   INTEGER NOT NULL,
    body   BLOB    NOT NULL
) STRICT;

-- Requests that could not be read, their heads only. Bounded.
CREATE TABLE quarantine (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    reason TEXT    NOT NULL,
    size   INTEGER NOT NULL,
    body   BLOB    NOT NULL
) STRICT;
";

const STORMS: &str = "
-- More threads of one target than it can take: one card shows them all.
CREATE TABLE storms (
    id         INTEGER PRIMARY KEY,
    target     TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,                     -- threads get messages of their own again
    place      TEXT,                        -- the notifier's own word for where the card is (JSON)
    told_at    INTEGER,
    next_at    INTEGER,                     -- the next card not before
    due_at     INTEGER,                     -- the card does not show everything, and is sent then
    attempts   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX storms_open ON storms (target) WHERE ended_at IS NULL;
ALTER TABLE threads ADD COLUMN storm INTEGER;    -- the storm whose card shows it
ALTER TABLE threads ADD COLUMN storm_at INTEGER; -- when that storm took it
ALTER TABLE outbox ADD COLUMN storm INTEGER;     -- whose card will tell it; then due_at is the largest number
CREATE INDEX threads_by_storm ON threads (storm, storm_at) WHERE storm IS NOT NULL;
CREATE INDEX outbox_by_storm ON outbox (storm) WHERE storm IS NOT NULL;
CREATE INDEX outbox_by_target ON outbox (target, due_at) WHERE leased_until IS NULL;
";

const WATCH: &str = "
ALTER TABLE groups ADD COLUMN internal INTEGER NOT NULL DEFAULT 0;       -- 1: the router's word about itself
ALTER TABLE threads ADD COLUMN stand_in INTEGER NOT NULL DEFAULT 0;      -- 1: tells in place of another target
ALTER TABLE outbox ADD COLUMN handed INTEGER NOT NULL DEFAULT 0;         -- the decision that a stand-in tells
ALTER TABLE dead_letters ADD COLUMN internal INTEGER NOT NULL DEFAULT 0; -- 1: of the router's word about itself
CREATE INDEX outbox_by_age ON outbox (created_at);
CREATE INDEX dead_letters_by_time ON dead_letters (at);
CREATE INDEX quarantine_by_time ON quarantine (at);

-- Alerts whose telling is put off: muted for a time, or inhibited by others. Each is routed anew when it is due.
CREATE TABLE held (
    id            INTEGER PRIMARY KEY,
    grouping      TEXT    NOT NULL,         -- JSON object: the labels by which the sender grouped
    fingerprint   INTEGER NOT NULL,
    revision      INTEGER NOT NULL,         -- +1 with each newer word about it
    due_at        INTEGER NOT NULL,
    held_at       INTEGER NOT NULL,
    sender        TEXT    NOT NULL,
    external_url  TEXT    NOT NULL,
    firing        INTEGER NOT NULL,
    starts_at     INTEGER,                  -- the sender's clock
    ends_at       INTEGER,                  -- the sender's clock
    content       INTEGER NOT NULL,         -- hash of annotations and links
    labels        TEXT    NOT NULL,         -- JSON object
    annotations   TEXT    NOT NULL,         -- JSON object
    generator_url TEXT    NOT NULL,
    UNIQUE (grouping, fingerprint)
) STRICT;
CREATE INDEX held_due ON held (due_at);
";
