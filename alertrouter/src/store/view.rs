//! Reading: the state of one thread as a message shows it, and the counts for metrics and people.

use rusqlite::{Connection, OptionalExtension};

use super::{Store, StoreError};
use crate::labels::Labels;
use crate::moment::Moment;
use crate::payload::Status;

/// Everything a message about a group can show, and what the target was told before.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The lane.
    pub thread: i64,
    /// Our receiver.
    pub receiver: String,
    /// The labels that name the group.
    pub labels: Labels,
    /// The group's episode.
    pub episode: i64,
    /// The group's revision.
    pub group_revision: i64,
    /// The group's revision that was told last; what fired later is untold.
    pub sent_revision: i64,
    /// The sender's address.
    pub external_url: String,
    /// The alerts that fire, that belong to this episode, or that fired untold: firing first, then by start.
    pub alerts: Vec<LiveAlert>,
    /// What was told last.
    pub sent: Option<Sent>,
    /// How many deliveries this thread has seen.
    pub sent_count: i64,
    /// The notifier's word for where the message is.
    pub place: Option<String>,
    /// The newest decision's number.
    pub revision: i64,
    /// Tell it even if nothing changed.
    pub again: bool,
    /// It may have been told by an attempt that died.
    pub in_doubt: bool,
    /// Failed attempts so far.
    pub attempts: u32,
    /// Since when something waits to be told.
    pub created_at: Moment,
    /// The notifier's word for what is done already, with the hash of the state that belongs to.
    pub progress: Option<(String, u64)>,
}

/// What a target was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Hash of it.
    pub key: u64,
    /// How many alerts fired in it.
    pub firing: u32,
    /// The group's episode in it.
    pub episode: i64,
    /// The group's revision in it.
    pub revision: i64,
}

/// An alert with everything that can be shown about it.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveAlert {
    /// Alertmanager's fingerprint.
    pub fingerprint: u64,
    /// Its state.
    pub status: Status,
    /// When it started, by the sender's clock.
    pub starts_at: Option<Moment>,
    /// When it ended, by the sender's clock.
    pub ends_at: Option<Moment>,
    /// The group's episode in which it last changed its status.
    pub episode: i64,
    /// The group's revision with which this run fired.
    pub fired: i64,
    /// When we first heard of it.
    pub first_seen: Moment,
    /// Its labels.
    pub labels: Labels,
    /// Its annotations.
    pub annotations: Labels,
    /// Link to the expression.
    pub generator_url: String,
    /// Hash of annotations and links.
    pub content: u64,
}

/// How much of everything there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lanes that wait.
    pub pending: i64,
    /// Lanes in flight.
    pub in_flight: i64,
    /// Since when the oldest waits.
    pub oldest: Option<Moment>,
    /// Given up.
    pub dead: i64,
    /// Unreadable requests that are kept.
    pub quarantined: i64,
    /// Firing alerts, counted once per group.
    pub firing: i64,
    /// Groups with at least one firing alert.
    pub groups: i64,
    /// Alerts whose telling is put off.
    pub held: i64,
    /// What waits, by target.
    pub targets: Vec<TargetCounts>,
}

/// What waits for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetCounts {
    /// receiver/integration/index
    pub target: String,
    /// Lanes.
    pub lanes: i64,
    /// Since when the oldest waits.
    pub oldest: Moment,
}

impl Store {
    /// Counts for the metrics page.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.read(|connection| {
            let one = |sql: &str| connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0));
            Ok(Counts {
                pending: one("SELECT count(*) FROM outbox WHERE leased_until IS NULL")?,
                in_flight: one("SELECT count(*) FROM outbox WHERE leased_until IS NOT NULL")?,
                oldest: connection
                    .prepare_cached("SELECT min(created_at) FROM outbox")?
                    .query_row([], |row| row.get::<_, Option<i64>>(0))?
                    .map(Moment),
                dead: one("SELECT count(*) FROM dead_letters")?,
                quarantined: one("SELECT count(*) FROM quarantine")?,
                firing: one("SELECT count(*) FROM alerts WHERE firing")?,
                groups: one("SELECT count(DISTINCT group_id) FROM alerts WHERE firing")?,
                held: one("SELECT count(*) FROM held")?,
                targets: connection
                    .prepare_cached("SELECT target, count(*), min(created_at) FROM outbox GROUP BY target")?
                    .query_map([], |row| {
                        Ok(TargetCounts {
                            target: row.get(0)?,
                            lanes: row.get(1)?,
                            oldest: Moment(row.get(2)?),
                        })
                    })?
                    .collect::<rusqlite::Result<_>>()?,
            })
        })
        .await
    }
}

pub(super) fn read(connection: &Connection, thread: i64) -> rusqlite::Result<Option<View>> {
    let found = connection
        .prepare_cached(
            "SELECT groups.id, receiver, labels, episode, external_url, sent_key, sent_firing, sent_episode,
                    sent_count, place, outbox.revision, again, in_doubt, attempts, created_at, progress, progress_key,
                    groups.revision, sent_revision
             FROM outbox JOIN threads ON threads.id = thread_id JOIN groups ON groups.id = group_id
             WHERE thread_id = ?",
        )?
        .query_row([thread], |row| {
            let sent = match row.get::<_, Option<i64>>(5)? {
                Some(key) => {
                    Some(Sent { key: key.cast_unsigned(), firing: row.get(6)?, episode: row.get(7)?, revision: row.get(18)? })
                }
                None => None,
            };
            let progress: Option<String> = row.get(15)?;
            let progress_key: Option<i64> = row.get(16)?;
            Ok((
                row.get::<_, i64>(0)?,
                View {
                    thread,
                    receiver: row.get(1)?,
                    labels: json(&row.get::<_, String>(2)?),
                    episode: row.get(3)?,
                    group_revision: row.get(17)?,
                    sent_revision: row.get(18)?,
                    external_url: row.get(4)?,
                    alerts: Vec::new(),
                    sent,
                    sent_count: row.get(8)?,
                    place: row.get(9)?,
                    revision: row.get(10)?,
                    again: row.get(11)?,
                    in_doubt: row.get(12)?,
                    attempts: row.get(13)?,
                    created_at: Moment(row.get(14)?),
                    progress: progress.zip(progress_key.map(i64::cast_unsigned)),
                },
            ))
        })
        .optional()?;
    let Some((group, mut view)) = found else { return Ok(None) };
    view.alerts = connection
        .prepare_cached(
            "SELECT fingerprint, firing, starts_at, ends_at, first_seen, labels, annotations, generator_url, content,
                    episode, fired
             FROM alerts WHERE group_id = ? AND (firing OR episode = ? OR fired > ?)
             ORDER BY firing DESC, coalesce(starts_at, first_seen), fingerprint",
        )?
        .query_map([group, view.episode, view.sent_revision], |row| {
            Ok(LiveAlert {
                fingerprint: row.get::<_, i64>(0)?.cast_unsigned(),
                status: if row.get(1)? { Status::Firing } else { Status::Resolved },
                starts_at: row.get::<_, Option<i64>>(2)?.map(Moment),
                ends_at: row.get::<_, Option<i64>>(3)?.map(Moment),
                episode: row.get(9)?,
                fired: row.get(10)?,
                first_seen: Moment(row.get(4)?),
                labels: json(&row.get::<_, String>(5)?),
                annotations: json(&row.get::<_, String>(6)?),
                generator_url: row.get(7)?,
                content: row.get::<_, i64>(8)?.cast_unsigned(),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(view))
}

/// Labels as they were stored; a row that somebody changed by hand must not stop a page.
fn json(text: &str) -> Labels {
    serde_json::from_str(text).unwrap_or_default()
}
