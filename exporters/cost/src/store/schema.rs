//! The tables, and how an older file becomes a newer one.
//!
//! Invariants: a migration is never edited once released, only followed by another; times are seconds of Unix time
//! (`due_at` milliseconds), days count from 1970-01-01, amounts are the 16 bytes of [`crate::money::Money`].

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Brings a file to the newest schema. A file of a newer program is refused.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = check(connection)?;
    for (version, migration) in (1_u32..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The schema of a file, unless it is of a newer program.
pub(super) fn check(connection: &Connection) -> Result<u32, StoreError> {
    let found = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > KNOWN { Err(StoreError::TooNew { found, known: KNOWN }) } else { Ok(found) }
}

#[expect(clippy::cast_possible_truncation, reason = "a handful")]
const KNOWN: u32 = MIGRATIONS.len() as u32;

const MIGRATIONS: &[&str] = &["
-- What is known of a provider.
CREATE TABLE providers (
    name         TEXT    PRIMARY KEY,
    succeeded_at INTEGER,             -- the last whole snapshot
    due_at       INTEGER,             -- not to be asked before, also after a restart
    counted_from INTEGER,             -- the first day of the first snapshot: older days are in no counter
    told         TEXT                 -- JSON: what it said beside amounts
) STRICT, WITHOUT ROWID;

-- What amounts are told apart by, in the provider's own words.
CREATE TABLE series (
    id       INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    account  TEXT NOT NULL,
    service  TEXT NOT NULL,
    category TEXT NOT NULL,
    currency TEXT NOT NULL,
    UNIQUE (provider, account, service, category, currency)
) STRICT;

-- The newest amount of each day.
CREATE TABLE days (
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    day    INTEGER NOT NULL,
    amount BLOB    NOT NULL,
    PRIMARY KEY (series, day)
) STRICT, WITHOUT ROWID;

-- The days that a provider has spoken about, and whether they are settled.
CREATE TABLE read_days (
    provider TEXT    NOT NULL,
    day      INTEGER NOT NULL,
    settled  INTEGER NOT NULL,
    PRIMARY KEY (provider, day)
) STRICT, WITHOUT ROWID;

-- What only grows, by the labels under which it is shown.
CREATE TABLE counters (
    provider TEXT NOT NULL,
    kind     TEXT NOT NULL,           -- settled, credits, restated_up, restated_down, tokens
    account  TEXT NOT NULL,
    name     TEXT NOT NULL,           -- service or model
    unit     TEXT NOT NULL,           -- currency or kind of token
    value    BLOB NOT NULL,
    PRIMARY KEY (provider, kind, account, name, unit)
) STRICT, WITHOUT ROWID;

-- The names that have series of their own; the others are shown together.
CREATE TABLE shown (
    provider TEXT NOT NULL,
    kind     TEXT NOT NULL,           -- service, pair, model
    name     TEXT NOT NULL,
    PRIMARY KEY (provider, kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    provider TEXT    NOT NULL,
    day      INTEGER NOT NULL,
    model    TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (provider, day, model, kind)
) STRICT, WITHOUT ROWID;

-- How long something was seen to run on a day at a price: what estimates are made of.
CREATE TABLE observed (
    provider TEXT    NOT NULL,
    day      INTEGER NOT NULL,
    item     TEXT    NOT NULL,
    service  TEXT    NOT NULL,
    currency TEXT    NOT NULL,
    hourly   BLOB    NOT NULL,
    at_most  BLOB,                    -- in a billing period
    account  TEXT    NOT NULL,
    seconds  INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    PRIMARY KEY (provider, day, item, service, currency, hourly)
) STRICT, WITHOUT ROWID;

-- Paid requests, counted before they leave.
CREATE TABLE paid (
    provider TEXT    NOT NULL,
    month    TEXT    NOT NULL,        -- 2026-01, in UTC
    requests INTEGER NOT NULL,
    cost     BLOB    NOT NULL,
    PRIMARY KEY (provider, month)
) STRICT, WITHOUT ROWID;

-- Forecasts as they were made, to be held against what came.
CREATE TABLE forecasts (
    provider TEXT    NOT NULL,
    account  TEXT    NOT NULL,
    currency TEXT    NOT NULL,
    period   INTEGER NOT NULL,        -- its first day
    horizon  INTEGER NOT NULL,        -- on which of its days it was made
    amount   BLOB    NOT NULL,
    PRIMARY KEY (provider, account, currency, period, horizon)
) STRICT, WITHOUT ROWID;
"];
