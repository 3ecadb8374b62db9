//! The tables, and how an older file becomes a newer one.
//!
//! Invariants: a migration is never edited once released, only followed by another; times are microseconds since 1970,
//! days are `YYYY-MM-DD` in the zone of the status page.

use rusqlite::Connection;

use super::StoreError;

const MIGRATIONS: &[&str] = &[VERSION_1];

const VERSION_1: &str = "
-- How many seconds of a day a service was in which state.
CREATE TABLE days (
    service     TEXT NOT NULL,
    day         TEXT NOT NULL,
    healthy     REAL NOT NULL,
    degraded    REAL NOT NULL,
    unhealthy   REAL NOT NULL,
    unknown     REAL NOT NULL,
    maintenance REAL NOT NULL,
    PRIMARY KEY (service, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX days_by_day ON days (day);

-- From when to when a service had trouble.
CREATE TABLE incidents (
    service   TEXT    NOT NULL,
    began     INTEGER NOT NULL,
    ended     INTEGER,              -- none while it goes on
    seen      INTEGER NOT NULL,     -- when the trouble was seen last
    failed    INTEGER NOT NULL,     -- 1: the service did not work at all at some time
    down      INTEGER NOT NULL,     -- microseconds of that
    caused_by TEXT,                 -- the service whose trouble caused it
    PRIMARY KEY (service, began)
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_by_time ON incidents (began);

-- The last heartbeat of each name.
CREATE TABLE beats (
    name    TEXT    NOT NULL PRIMARY KEY,
    awaited INTEGER NOT NULL,       -- since when it is waited for
    came    INTEGER,
    failed  INTEGER NOT NULL        -- 1: the one who sent it said that the work failed
) STRICT, WITHOUT ROWID;
";

/// Brings a file to the newest schema. A file from a newer program is refused.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0))? as usize;
    let known = MIGRATIONS.len();
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for (version, migration) in (1_u32..).zip(MIGRATIONS).skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
