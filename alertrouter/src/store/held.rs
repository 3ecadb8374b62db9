//! Alerts whose telling is put off: muted for a time, or inhibited by others.
//!
//! A held alert is kept as it came and changes no group. When it is due it is routed anew, as if it had just come: what
//! was resolved meanwhile says nothing then, what still fires is told.
//!
//! Invariants: of one alert in one group of the sender there is one row, the newest word; a row that was replaced while
//! it was looked at is left alone; a row goes in the same transaction in which what it says becomes state.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::accept::{Accept, Origin, content_hash};
use super::writer::Session;
use super::{Store, StoreError};
use crate::labels::Labels;
use crate::moment::Moment;
use crate::payload::{Alert, Status};

/// An alert that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its place in the payload.
    pub alert: usize,
    /// Until when.
    pub until: Moment,
}

/// Names a row, and what it said when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldRow {
    id: i64,
    revision: i64,
}

/// Alerts of one group of the sender that are due.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldGroup {
    /// The labels by which the sender grouped.
    pub grouping: Labels,
    /// The sender's name for the receiver.
    pub sender: String,
    /// The sender's address.
    pub external_url: String,
    /// The alerts.
    pub alerts: Vec<Alert>,
    /// Their rows.
    pub rows: Vec<HeldRow>,
}

impl Store {
    /// Held alerts that are due, at most so many.
    pub async fn due_held(&self, now: Moment, limit: u32) -> Result<Vec<HeldGroup>, StoreError> {
        self.read(move |connection| {
            let mut groups: Vec<HeldGroup> = Vec::new();
            let mut statement = connection.prepare_cached(
                "SELECT grouping, sender, external_url, id, revision, fingerprint, firing, starts_at, ends_at, labels,
                        annotations, generator_url
                 FROM held WHERE due_at <= ? ORDER BY grouping, sender, external_url LIMIT ?",
            )?;
            let mut rows = statement.query(params![now.0, limit])?;
            while let Some(row) = rows.next()? {
                let (grouping, sender, external_url) =
                    (json(&row.get::<_, String>(0)?), row.get::<_, String>(1)?, row.get::<_, String>(2)?);
                let firing: bool = row.get(6)?;
                let alert = Alert {
                    fingerprint: row.get::<_, i64>(5)?.cast_unsigned(),
                    status: if firing { Status::Firing } else { Status::Resolved },
                    starts_at: time(row.get(7)?),
                    ends_at: time(row.get(8)?),
                    labels: json(&row.get::<_, String>(9)?),
                    annotations: json(&row.get::<_, String>(10)?),
                    generator_url: row.get(11)?,
                };
                let same = |known: &HeldGroup| {
                    known.grouping == grouping && known.sender == sender && known.external_url == external_url
                };
                if !groups.last().is_some_and(same) {
                    let (alerts, rows) = (Vec::new(), Vec::new());
                    groups.push(HeldGroup { grouping, sender, external_url, alerts, rows });
                }
                if let Some(group) = groups.last_mut() {
                    group.alerts.push(alert);
                    group.rows.push(HeldRow { id: row.get(3)?, revision: row.get(4)? });
                }
            }
            Ok(groups)
        })
        .await
    }

    /// Labels of everything that fires, held or not, and when it was last heard of: what can inhibit after a start.
    pub async fn firing_labels(&self) -> Result<Vec<(Labels, Moment)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare(
                    "SELECT labels, max(at) FROM (
                         SELECT alerts.labels, alerts.changed_at AS at FROM alerts JOIN groups ON groups.id = group_id
                             WHERE firing AND NOT internal
                         UNION ALL SELECT labels, held_at FROM held WHERE firing)
                     GROUP BY labels",
                )?
                .query_map([], |row| Ok((json(&row.get::<_, String>(0)?), Moment(row.get(1)?))))?
                .collect()
        })
        .await
    }
}

/// What was known of alerts that are taken now, by their places.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Their row was replaced meanwhile: they count no more.
    pub(super) gone: HashSet<usize>,
    /// They had waited: if they are over, and nobody was told of their start, nobody is told at all.
    pub(super) waited: HashSet<usize>,
}

/// Removes the rows of alerts that are taken now.
pub(super) fn take(session: &mut Session, accept: &Accept) -> rusqlite::Result<Taken> {
    let mut taken = Taken::default();
    let held: HashSet<usize> = accept.held.iter().map(|hold| hold.alert).collect();
    match &accept.origin {
        Origin::Internal => {}
        Origin::Sender => {
            if waiting(session)? == 0 {
                return Ok(taken);
            }
            let grouping = accept.grouping.to_json();
            let mut delete = session
                .connection
                .prepare_cached("DELETE FROM held WHERE grouping = ? AND fingerprint = ?")?;
            let mut deleted = 0;
            for (at, alert) in accept.alerts.iter().enumerate().filter(|(at, _)| !held.contains(at)) {
                if delete.execute(params![grouping, alert.fingerprint.cast_signed()])? > 0 {
                    taken.waited.insert(at);
                    deleted += 1;
                }
            }
            drop(delete);
            lessen(session, deleted);
        }
        Origin::Held(rows) => {
            for (at, row) in rows.iter().enumerate() {
                let sql = if held.contains(&at) {
                    "UPDATE held SET revision = revision + 1 WHERE id = ? AND revision = ?"
                } else {
                    "DELETE FROM held WHERE id = ? AND revision = ?"
                };
                let touched =
                    session.connection.prepare_cached(sql)?.execute(params![row.id, row.revision])?;
                if touched == 0 {
                    taken.gone.insert(at);
                } else if !held.contains(&at) {
                    taken.waited.insert(at);
                    lessen(session, 1);
                }
            }
        }
    }
    Ok(taken)
}

/// Keeps those that wait; says how many rows have something new.
pub(super) fn put(session: &mut Session, accept: &Accept, taken: &Taken) -> rusqlite::Result<usize> {
    let mut news = 0;
    let grouping = accept.grouping.to_json();
    for hold in accept.held.iter().filter(|hold| !taken.gone.contains(&hold.alert)) {
        let Some(alert) = accept.alerts.get(hold.alert) else { continue };
        if let Origin::Held(rows) = &accept.origin {
            let Some(row) = rows.get(hold.alert) else { continue };
            session
                .connection
                .prepare_cached("UPDATE held SET due_at = ? WHERE id = ?")?
                .execute(params![hold.until.0, row.id])?;
            continue;
        }
        let known = waiting(session)?;
        news += write(&session.connection, accept, &grouping, alert, hold.until)?;
        session.held = Some(known.saturating_add(1));
    }
    Ok(news)
}

/// The same word again changes nothing, so that repeats cost no commit.
fn write(
    connection: &Connection,
    accept: &Accept,
    grouping: &str,
    alert: &Alert,
    until: Moment,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "INSERT INTO held (grouping, fingerprint, revision, due_at, held_at, sender, external_url, firing, starts_at,
                               ends_at, content, labels, annotations, generator_url)
             VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (grouping, fingerprint) DO UPDATE SET revision = revision + 1, due_at = ?3, held_at = ?4,
                 sender = ?5, external_url = ?6, firing = ?7, starts_at = ?8, ends_at = ?9, content = ?10,
                 annotations = ?12, generator_url = ?13
             WHERE firing <> ?7 OR starts_at IS NOT ?8 OR content <> ?10",
        )?
        .execute(params![
            grouping,
            alert.fingerprint.cast_signed(),
            until.0,
            accept.now.0,
            accept.sender,
            accept.external_url,
            alert.status == Status::Firing,
            alert.starts_at.map(|time| Moment::from(time).0),
            alert.ends_at.map(|time| Moment::from(time).0),
            content_hash(alert).cast_signed(),
            alert.labels.to_json(),
            alert.annotations.to_json(),
            alert.generator_url,
        ])
}

/// How many rows there may be; none is for sure, so that the usual payload asks nothing.
fn waiting(session: &mut Session) -> rusqlite::Result<usize> {
    if let Some(known) = session.held {
        return Ok(known);
    }
    let count: u32 = session.connection.query_row("SELECT count(*) FROM held", [], |row| row.get(0))?;
    let count = count as usize;
    session.held = Some(count);
    Ok(count)
}

fn lessen(session: &mut Session, by: usize) {
    // an upper bound drifts upwards only, so what reaches zero is counted anew
    session.held = session.held.map(|known| known.saturating_sub(by)).filter(|known| *known > 0);
}

fn time(stored: Option<i64>) -> Option<Timestamp> {
    stored.map(|moment| Moment(moment).timestamp())
}

fn json(text: &str) -> Labels {
    serde_json::from_str(text).unwrap_or_default()
}
