//! What the router must know about its own work, and what it does for lanes that wait too long.
//!
//! Invariants: what the router says about itself ([`Origin::Internal`](super::Origin)) never counts as a fact here, so
//! that a word about a delivery cannot cause another word; nothing of a lane is forgotten but in the transaction that
//! makes somebody else tell it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError};
use crate::labels::Labels;
use crate::moment::Moment;
use crate::payload::{Alert, Status};

/// What is wrong, as far as the store knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Requests that could not be read lately.
    pub quarantined: Option<Trouble>,
    /// What was given up lately, by target.
    pub dead: Vec<Trouble>,
    /// What waits for too long, by target.
    pub late: Vec<Trouble>,
}

/// Several of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The target, if one is concerned.
    pub target: String,
    /// How many.
    pub count: i64,
    /// Since when.
    pub since: Moment,
    /// The last reason, from a closed set.
    pub reason: String,
}

/// Something that the router has said about itself and that still holds.
#[derive(Debug, Clone, PartialEq)]
pub struct InternalAlert {
    /// Who was told.
    pub receiver: String,
    /// What.
    pub alert: Alert,
}

/// Targets that are named at most: with more the trouble is a common one.
const MAX_TARGETS: u32 = 20;

/// Lanes that are moved in one transaction.
const STEP: u32 = 500;

/// A lane that waits for its target, and not only for its time; one that a card shall show waits for that.
const WAITS: &str = "leased_until IS NULL AND (attempts > 0 OR due_at <= :now OR outbox.storm IS NOT NULL)";

impl Store {
    /// What went wrong after `recent`, and what waits since before `late`.
    pub async fn facts(&self, now: Moment, recent: Moment, late: Moment) -> Result<Facts, StoreError> {
        self.read(move |connection| {
            let quarantined = connection
                .prepare_cached(
                    "SELECT '', count(*), min(at), reason FROM (SELECT at, reason FROM quarantine WHERE at >= ? ORDER BY at)
                     HAVING count(*) > 0",
                )?
                .query_row([recent.0], trouble)
                .optional()?;
            let dead = connection
                .prepare_cached(
                    "SELECT target, count(*), min(at), reason FROM dead_letters
                     WHERE at >= ? AND NOT internal GROUP BY target ORDER BY target LIMIT ?",
                )?
                .query_map(params![recent.0, MAX_TARGETS], trouble)?
                .collect::<rusqlite::Result<_>>()?;
            let late = connection
                .prepare_cached(&format!(
                    "SELECT outbox.target, count(*), min(created_at), coalesce(max(last_reason), 'waiting')
                     FROM outbox JOIN threads ON threads.id = thread_id JOIN groups ON groups.id = group_id
                     WHERE created_at <= :late AND NOT internal AND {WAITS}
                     GROUP BY outbox.target ORDER BY outbox.target LIMIT :most",
                ))?
                .query_map(
                    rusqlite::named_params! { ":late": late.0, ":now": now.0, ":most": MAX_TARGETS },
                    trouble,
                )?
                .collect::<rusqlite::Result<_>>()?;
            Ok(Facts { quarantined, dead, late })
        })
        .await
    }

    /// What the router says about itself now.
    pub async fn internal_firing(&self) -> Result<Vec<InternalAlert>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT receiver, fingerprint, starts_at, alerts.labels, annotations, generator_url
                     FROM groups JOIN alerts ON group_id = groups.id WHERE internal AND firing",
                )?
                .query_map([], |row| {
                    let json = |at| Ok::<_, rusqlite::Error>(labels(&row.get::<_, String>(at)?));
                    let alert = Alert {
                        fingerprint: row.get::<_, i64>(1)?.cast_unsigned(),
                        status: Status::Firing,
                        starts_at: row.get::<_, Option<i64>>(2)?.map(|at| Moment(at).timestamp()),
                        ends_at: None,
                        labels: json(3)?,
                        annotations: json(4)?,
                        generator_url: row.get(5)?,
                    };
                    Ok(InternalAlert { receiver: row.get(0)?, alert })
                })?
                .collect()
        })
        .await
    }

    /// Targets for which something waits.
    pub async fn waiting_targets(&self) -> Result<HashSet<String>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT DISTINCT target FROM outbox")?
                .query_map([], |row| row.get(0))?
                .collect()
        })
        .await
    }

    /// Lanes whose lease has run out, because whoever had them is gone without a word, are in doubt and due again.
    pub async fn expire_leases(&self, now: Moment) -> Result<usize, StoreError> {
        self.write(move |session| {
            session
                .connection
                .prepare_cached(
                    "UPDATE outbox SET leased_until = NULL, leased_revision = NULL, in_doubt = 1 WHERE leased_until < ?",
                )?
                .execute([now.0])
        })
        .await
    }

    /// Lets other targets tell what has waited for this one since before `before`. Its own lanes stay: when it works
    /// again it is told what still fires; what is over by then its stand-ins have told.
    pub async fn hand_over(
        &self,
        target: Arc<str>,
        to: Arc<[Arc<str>]>,
        before: Moment,
        now: Moment,
    ) -> Result<usize, StoreError> {
        self.write(move |session| {
            let connection = &session.connection;
            let lanes: Vec<(i64, i64)> = connection
                .prepare_cached(&format!(
                    "SELECT thread_id, group_id FROM outbox JOIN threads ON threads.id = thread_id
                     WHERE outbox.target = :target AND created_at <= :before AND handed < outbox.revision AND {WAITS}
                     LIMIT :step"
                ))?
                .query_map(
                    rusqlite::named_params! { ":target": &*target, ":before": before.0, ":now": now.0, ":step": STEP },
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )?
                .collect::<rusqlite::Result<_>>()?;
            for (thread, group) in &lanes {
                for stand_in in to.iter() {
                    stand_in_for(connection, *thread, stand_in, now)?;
                }
                connection
                    .prepare_cached(
                        "UPDATE threads SET sent_revision = (SELECT revision FROM groups WHERE id = ?) WHERE id = ?",
                    )?
                    .execute([group, thread])?;
                connection
                    .prepare_cached("UPDATE outbox SET handed = revision WHERE thread_id = ?")?
                    .execute([thread])?;
            }
            if !lanes.is_empty() {
                // groups in the cache do not know their new threads
                session.forget();
                session.wake = true;
            }
            Ok(lanes.len())
        })
        .await
    }

    /// What fired and was over while it could not be told since before `before` becomes one line for each target.
    pub async fn collapse_stale(&self, before: Moment, now: Moment) -> Result<usize, StoreError> {
        self.write(move |session| {
            let mut lanes: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
            let mut statement = session.connection.prepare_cached(&format!(
                "SELECT outbox.target, thread_id, group_id
                 FROM outbox JOIN threads ON threads.id = thread_id JOIN groups ON groups.id = group_id
                 WHERE created_at <= :before AND NOT internal AND sent_firing = 0 AND {WAITS}
                   AND outbox.storm IS NULL
                   AND NOT EXISTS (SELECT 1 FROM alerts WHERE alerts.group_id = groups.id AND firing)
                 LIMIT :step"
            ))?;
            let mut rows = statement
                .query(rusqlite::named_params! { ":before": before.0, ":now": now.0, ":step": STEP })?;
            while let Some(row) = rows.next()? {
                lanes.entry(row.get(0)?).or_default().push((row.get(1)?, row.get(2)?));
            }
            drop(rows);
            drop(statement);
            let mut collapsed = 0;
            // a single one is told as it is
            for (target, lanes) in lanes.iter().filter(|(_, lanes)| lanes.len() > 1) {
                let mut cleared = Cleared::default();
                for (thread, group) in lanes {
                    cleared.add(take_stale(&session.connection, *thread, *group)?);
                }
                digest(&session.connection, target, cleared, now)?;
                collapsed += lanes.len();
                session.wake = true;
            }
            Ok(collapsed)
        })
        .await
    }
}

/// Alerts that are over, and the time that they span.
#[derive(Debug, Clone, Copy, Default)]
struct Cleared {
    alerts: i64,
    span: Option<(i64, i64)>,
}

impl Cleared {
    fn add(&mut self, other: Self) {
        self.alerts += other.alerts;
        self.span = match (self.span, other.span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }

    fn summary(self) -> String {
        let time = |at: i64| Moment(at).timestamp().strftime("%Y-%m-%d %H:%M").to_string();
        let (from, to) = self.span.unwrap_or_default();
        format!(
            "{} alerts fired and cleared between {} and {} UTC, while nothing could be delivered here",
            self.alerts,
            time(from),
            time(to)
        )
    }
}

fn stand_in_for(connection: &Connection, thread: i64, target: &str, now: Moment) -> rusqlite::Result<()> {
    let stand_in: i64 = connection
        .prepare_cached(
            "INSERT INTO threads (group_id, target, sent_revision, stand_in)
             SELECT group_id, ?2, sent_revision, 1 FROM threads WHERE id = ?1
             ON CONFLICT (group_id, target) DO UPDATE SET stand_in = 1 RETURNING id",
        )?
        .query_row(params![thread, target], |row| row.get(0))?;
    connection
        .prepare_cached(
            "INSERT INTO outbox (thread_id, target, kind, reason, again, revision, created_at, due_at)
             SELECT ?2, ?3, 'sync', reason, 0, 1, ?4, ?4 FROM outbox WHERE thread_id = ?1
             ON CONFLICT (thread_id) WHERE kind = 'sync' DO UPDATE SET revision = revision + 1, due_at = min(due_at, ?4)",
        )?
        .execute(params![thread, stand_in, target, now.0])?;
    Ok(())
}

fn take_stale(connection: &Connection, thread: i64, group: i64) -> rusqlite::Result<Cleared> {
    let cleared = connection
        .prepare_cached(
            "SELECT count(*), min(coalesce(starts_at, first_seen)), max(coalesce(ends_at, alerts.changed_at))
             FROM alerts JOIN threads ON threads.id = ?1
             WHERE alerts.group_id = ?2 AND fired > sent_revision",
        )?
        .query_row([thread, group], |row| {
            let span = row.get::<_, Option<i64>>(1)?.zip(row.get(2)?);
            Ok(Cleared { alerts: row.get(0)?, span })
        })?;
    connection.prepare_cached("DELETE FROM outbox WHERE thread_id = ?")?.execute([thread])?;
    connection
        .prepare_cached(
            "UPDATE threads SET sent_revision = (SELECT revision FROM groups WHERE id = ?) WHERE id = ?",
        )?
        .execute([group, thread])?;
    Ok(cleared)
}

/// One resolved alert of the router's own says it all; while it waits it takes more.
fn digest(connection: &Connection, target: &str, mut cleared: Cleared, now: Moment) -> rusqlite::Result<()> {
    if cleared.alerts == 0 {
        return Ok(());
    }
    let labels: Labels = [("alertname", "AlertrouterCleared"), ("target", target)].into_iter().collect();
    let receiver = target.rsplitn(3, '/').last().unwrap_or(target);
    let key = super::accept::group_key(true, receiver, &labels);
    connection
        .prepare_cached(
            "INSERT INTO groups (key, receiver, labels, episode, revision, changed_at, external_url, internal)
             VALUES (?, ?, ?, 0, 0, ?, '', 1) ON CONFLICT (key) DO NOTHING",
        )?
        .execute(params![key, receiver, labels.to_json(), now.0])?;
    let group: i64 = connection
        .prepare_cached("SELECT id FROM groups WHERE key = ?")?
        .query_row([key], |row| row.get(0))?;
    let waiting: Option<Cleared> = connection
        .prepare_cached(
            "SELECT json_extract(annotations, '$.alerts'), starts_at, ends_at
             FROM alerts JOIN threads USING (group_id) JOIN outbox ON thread_id = threads.id WHERE group_id = ?",
        )?
        .query_row([group], |row| {
            let alerts: String = row.get(0)?;
            Ok(Cleared { alerts: alerts.parse().unwrap_or(0), span: Some((row.get(1)?, row.get(2)?)) })
        })
        .optional()?;
    cleared.add(waiting.unwrap_or_default());
    connection
        .prepare_cached(
            "UPDATE groups SET revision = revision + 1, episode = episode + ?, changed_at = ? WHERE id = ?",
        )?
        .execute(params![waiting.is_none(), now.0, group])?;
    let annotations: Labels =
        [("summary", cleared.summary()), ("alerts", cleared.alerts.to_string())].into_iter().collect();
    let (from, to) = cleared.span.unwrap_or((now.0, now.0));
    connection
        .prepare_cached(
            "INSERT INTO alerts (group_id, fingerprint, firing, starts_at, ends_at, episode, fired, content, first_seen,
                                 changed_at, labels, annotations, generator_url)
             SELECT id, ?2, 0, ?3, ?4, episode, revision, ?5, ?6, ?6, ?7, ?8, '' FROM groups WHERE id = ?1
             ON CONFLICT (group_id, fingerprint) DO UPDATE SET starts_at = ?3, ends_at = ?4,
                 episode = excluded.episode, fired = excluded.fired, content = ?5, changed_at = ?6, annotations = ?8",
        )?
        .execute(params![
            group,
            labels.fingerprint().cast_signed(),
            from,
            to,
            annotations.fingerprint().cast_signed(),
            now.0,
            labels.to_json(),
            annotations.to_json()
        ])?;
    let thread: i64 = connection
        .prepare_cached(
            "INSERT INTO threads (group_id, target, sent_revision) VALUES (?, ?, 0)
             ON CONFLICT (group_id, target) DO UPDATE SET target = target RETURNING id",
        )?
        .query_row(params![group, target], |row| row.get(0))?;
    connection
        .prepare_cached(
            "INSERT INTO outbox (thread_id, target, kind, reason, again, revision, created_at, due_at)
             VALUES (?1, ?2, 'sync', 'cleared', 0, 1, ?3, ?3)
             ON CONFLICT (thread_id) WHERE kind = 'sync' DO UPDATE SET revision = revision + 1",
        )?
        .execute(params![thread, target, now.0])?;
    Ok(())
}

fn trouble(row: &rusqlite::Row<'_>) -> rusqlite::Result<Trouble> {
    Ok(Trouble { target: row.get(0)?, count: row.get(1)?, since: Moment(row.get(2)?), reason: row.get(3)? })
}

fn labels(text: &str) -> Labels {
    serde_json::from_str(text).unwrap_or_default()
}
