//! The statements: typed rows in and out.
//!
//! A row that cannot be read (somebody edited the file) is an error of its own kind, never a made-up value.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{Beat, Kept};
use crate::health::incident::Incident;
use crate::health::uptime::{Days, Seconds};

pub(super) fn history(connection: &Connection, service: &Arc<str>, since: Date) -> Result<Kept> {
    let mut days = Days::default();
    let mut select = connection.prepare_cached(
        "SELECT day, healthy, degraded, unhealthy, unknown, maintenance FROM days WHERE service = ? AND day >= ?",
    )?;
    let mut rows = select.query(params![&**service, since.to_string()])?;
    while let Some(row) = rows.next()? {
        let day = row.get::<_, String>(0)?.parse().map_err(|error| unreadable(0, Type::Text, error))?;
        let [healthy, degraded, unhealthy, unknown, maintenance] =
            [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        days.set(day, Seconds { healthy, degraded, unhealthy, unknown, maintenance });
    }
    let mut select = connection.prepare_cached(
        "SELECT began, ended, seen, failed, down, caused_by FROM incidents WHERE service = ? ORDER BY began",
    )?;
    let incidents = select.query_map([&**service], |row| {
        Ok(Incident {
            service: Arc::clone(service),
            began: time(row, 0)?,
            ended: maybe_time(row, 1)?,
            seen: time(row, 2)?,
            failed: row.get(3)?,
            down: Duration::from_micros(row.get::<_, i64>(4)?.unsigned_abs()),
            caused_by: row.get::<_, Option<String>>(5)?.map(Arc::from),
        })
    })?;
    Ok(Kept { days, incidents: incidents.collect::<Result<_>>()? })
}

pub(super) fn put_day(connection: &Connection, service: &str, day: Date, seconds: &Seconds) -> Result<()> {
    let Seconds { healthy, degraded, unhealthy, unknown, maintenance } = seconds;
    connection
        .prepare_cached("INSERT OR REPLACE INTO days VALUES (?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![service, day.to_string(), healthy, degraded, unhealthy, unknown, maintenance])
        .map(drop)
}

pub(super) fn put_incident(connection: &Connection, incident: &Incident) -> Result<()> {
    let Incident { service, began, ended, seen, failed, down, caused_by } = incident;
    let down = i64::try_from(down.as_micros()).unwrap_or(i64::MAX);
    let ended = ended.map(Timestamp::as_microsecond);
    connection
        .prepare_cached("INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            &**service,
            began.as_microsecond(),
            ended,
            seen.as_microsecond(),
            failed,
            down,
            caused_by.as_deref()
        ])
        .map(drop)
}

pub(super) fn prune(connection: &Connection, first: Date, incidents: u32) -> Result<()> {
    connection.execute("DELETE FROM days WHERE day < ?", [first.to_string()])?;
    let first = first.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |first| first.timestamp().as_microsecond());
    connection.execute("DELETE FROM incidents WHERE coalesce(ended, seen) < ?", [first])?;
    let surplus = "SELECT began FROM incidents ORDER BY began DESC LIMIT 1 OFFSET ?";
    let last: Option<i64> = connection.query_row(surplus, [incidents], |row| row.get(0)).optional()?;
    connection.execute("DELETE FROM incidents WHERE began <= ?", [last]).map(drop)
}

pub(super) fn beats(connection: &Connection) -> Result<Vec<Beat>> {
    let mut select = connection.prepare_cached("SELECT name, awaited, came, failed FROM beats")?;
    let beats = select.query_map([], |row| {
        Ok(Beat {
            name: row.get::<_, String>(0)?.into(),
            awaited: time(row, 1)?,
            came: maybe_time(row, 2)?,
            failed: row.get(3)?,
        })
    })?;
    beats.collect()
}

pub(super) fn put_beat(connection: &Connection, beat: &Beat) -> Result<()> {
    let came = beat.came.map(Timestamp::as_microsecond);
    connection
        .prepare_cached("INSERT OR REPLACE INTO beats VALUES (?, ?, ?, ?)")?
        .execute(params![&*beat.name, beat.awaited.as_microsecond(), came, beat.failed])
        .map(drop)
}

pub(super) fn keep_beats(connection: &Connection, names: &[Arc<str>]) -> Result<()> {
    for beat in beats(connection)?.iter().filter(|beat| !names.contains(&beat.name)) {
        connection.execute("DELETE FROM beats WHERE name = ?", [&*beat.name])?;
    }
    Ok(())
}

fn time(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    read_time(column, row.get(column)?)
}

fn maybe_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(|micros| read_time(column, micros)).transpose()
}

fn read_time(column: usize, micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| unreadable(column, Type::Integer, error))
}

fn unreadable(column: usize, kind: Type, error: jiff::Error) -> rusqlite::Error {
    let error = FromSqlError::Other(Box::new(error));
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}
