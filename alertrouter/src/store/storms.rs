//! Storms: more threads of one target want a message of their own than the target can take, so one card shows them all.
//!
//! A sync that a card shall show stays in the outbox, but is never due by itself ([`NEVER`]); it is done when a card
//! that shows it was delivered. So a storm outlives a crash, and nothing in it is told before it is told.
//!
//! Invariants: a target has one open storm at most; a thread is shown by its own message or by one card; a newer
//! decision in a thread makes its sync due again, whatever the card has shown.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Store, StoreError};
use crate::moment::Moment;

/// A sync with this time is shown by a card.
pub(super) const NEVER: i64 = i64::MAX;

/// Syncs that a card takes over in one transaction, so that webhooks wait a few milliseconds at most.
const STEP: u32 = 250;

/// A storm at one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storm {
    /// Its number.
    pub id: i64,
    /// receiver/integration/index
    pub target: String,
    /// When it began.
    pub started_at: Moment,
    /// When it was over; its card still follows the groups that it shows.
    pub ended_at: Option<Moment>,
    /// The notifier's word for where the card is.
    pub place: Option<String>,
    /// When the card must be sent, if it does not show everything.
    pub due_at: Option<Moment>,
    /// Failed attempts so far.
    pub attempts: u32,
    /// Groups that joined it lately.
    pub joined: u32,
}

/// A storm as its card shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StormView {
    /// The storm.
    pub storm: Storm,
    /// Groups in it.
    pub groups: usize,
    /// Groups in which something fires.
    pub groups_firing: usize,
    /// What it consists of.
    pub kinds: Vec<Kind>,
    /// The sender's address, for links.
    pub external_url: String,
    /// Since when the oldest of its news waits to be told.
    pub oldest: Option<Moment>,
    /// The syncs that are done when this was told.
    pub(super) news: Vec<News>,
}

/// Alerts with the same name and severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// `alertname`
    pub name: String,
    /// `severity`
    pub severity: String,
    /// How many fire.
    pub firing: usize,
    /// How many fired and no longer do.
    pub resolved: usize,
    /// In how many groups.
    pub groups: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct News {
    thread: i64,
    revision: i64,
    group_revision: i64,
    episode: i64,
    firing: u32,
}

/// What is due and may be for a card.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crowding {
    /// How many syncs of a target want a message of their own now.
    pub crowds: Vec<(String, u32)>,
    /// Syncs of groups that a card has shown, with nothing that fires anew.
    pub followers: Vec<i64>,
}

/// What became of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardEnd {
    /// It shows what was in the view.
    Told {
        /// The notifier's word for where.
        place: Option<String>,
        /// The next one not before.
        next: Moment,
    },
    /// Try again.
    Again {
        /// When.
        due_at: Moment,
        /// Whether this was a failure.
        counts: bool,
        /// Whether what was to be edited is gone.
        gone: bool,
    },
    /// It was tried for too long: what it should have shown becomes dead letters.
    Dead,
}

impl StormView {
    /// A view for those who look at cards.
    #[cfg(test)]
    pub(crate) fn of(storm: Storm, groups: usize, groups_firing: usize, kinds: Vec<Kind>, url: &str) -> Self {
        let (external_url, news) = (url.to_owned(), Vec::new());
        Self { storm, groups, groups_firing, kinds, external_url, oldest: None, news }
    }
}

impl Store {
    /// What is due at these targets and may be for a card. Crowds are counted up to `most`.
    pub async fn crowding(
        &self,
        now: Moment,
        targets: Vec<String>,
        most: u32,
    ) -> Result<Crowding, StoreError> {
        let targets = serde_json::to_string(&targets).unwrap_or_default();
        self.read(move |connection| {
            let crowds = connection
                .prepare_cached(&format!(
                    "SELECT value, (SELECT count(*) FROM (SELECT 1 {WANTING} AND outbox.target = value LIMIT ?2)) AS crowd
                     FROM json_each(?3) WHERE crowd > 0"
                ))?
                .query_map(params![now.0, most, targets], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let followers = connection
                .prepare_cached(
                    "SELECT outbox.id FROM json_each(?3) CROSS JOIN outbox ON outbox.target = value
                     JOIN threads ON threads.id = outbox.thread_id
                     WHERE leased_until IS NULL AND due_at <= ?1 AND NOT again
                       AND threads.storm IS NOT NULL AND threads.place IS NULL AND threads.sent_key IS NOT NULL
                       AND NOT EXISTS (SELECT 1 FROM alerts
                                       WHERE alerts.group_id = threads.group_id AND fired > threads.sent_revision)
                     LIMIT ?2",
                )?
                .query_map(params![now.0, STEP, targets], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            Ok(Crowding { crowds, followers })
        })
        .await
    }

    /// Storms that are open, or whose card does not show everything yet. `since`: what "lately" means.
    pub async fn storms(&self, since: Moment) -> Result<Vec<Storm>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {STORM} FROM storms WHERE ended_at IS NULL OR due_at IS NOT NULL ORDER BY id"
                ))?
                .query_map([since.0], storm)?
                .collect()
        })
        .await
    }

    /// Lets the open storm of a target (a new one if there is none) take what is due. Says how much it took.
    pub async fn gather(&self, target: &str, now: Moment) -> Result<usize, StoreError> {
        let target = target.to_owned();
        self.write(move |session| {
            let connection = &session.connection;
            let open = connection
                .prepare_cached("SELECT id FROM storms WHERE target = ? AND ended_at IS NULL")?
                .query_row([&target], |row| row.get::<_, i64>(0))
                .optional()?;
            let id = match open {
                Some(id) => id,
                None => connection
                    .prepare_cached("INSERT INTO storms (target, started_at) VALUES (?, ?)")?
                    .insert(params![target, now.0])?,
            };
            let taken: Vec<i64> = connection
                .prepare_cached(&format!(
                    "UPDATE outbox SET storm = ?2, due_at = ?3, attempts = 0
                     WHERE id IN (SELECT outbox.id {WANTING} AND outbox.target = ?4 LIMIT ?5)
                     RETURNING thread_id"
                ))?
                .query_map(params![now.0, id, NEVER, target, STEP], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let mut join =
                connection.prepare_cached("UPDATE threads SET storm = ?, storm_at = ? WHERE id = ?")?;
            for thread in &taken {
                join.execute(params![id, now.0, thread])?;
            }
            call(connection, id, now)?;
            session.wake = true;
            Ok(taken.len())
        })
        .await
    }

    /// Lets the cards of storms that are over take these syncs, see [`Crowding`].
    pub async fn follow(&self, syncs: Vec<i64>, now: Moment) -> Result<(), StoreError> {
        self.write(move |session| {
            for sync in &syncs {
                let storm = session
                    .connection
                    .prepare_cached(
                        "UPDATE outbox SET due_at = ?2, attempts = 0,
                                storm = (SELECT storm FROM threads WHERE threads.id = thread_id)
                         WHERE id = ?1 AND leased_until IS NULL RETURNING storm",
                    )?
                    .query_row(params![sync, NEVER], |row| row.get::<_, Option<i64>>(0))
                    .optional()?;
                if let Some(storm) = storm.flatten() {
                    call(&session.connection, storm, now)?;
                }
            }
            session.wake = true;
            Ok(())
        })
        .await
    }

    /// Ends a storm. When at most `few` of its groups still fire, each of them gets its own message now.
    pub async fn end_storm(&self, id: i64, now: Moment, few: u32) -> Result<(), StoreError> {
        self.write(move |session| {
            let connection = &session.connection;
            connection
                .prepare_cached("UPDATE storms SET ended_at = ?2, due_at = ?2 WHERE id = ?1")?
                .execute(params![id, now.0])?;
            let firing: Vec<i64> = connection
                .prepare_cached(
                    "SELECT id FROM threads WHERE storm = ?
                        AND EXISTS (SELECT 1 FROM alerts WHERE alerts.group_id = threads.group_id AND firing)
                     LIMIT ?",
                )?
                .query_map(params![id, few + 1], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            if firing.len() <= few as usize {
                for thread in firing {
                    own_message(connection, thread, now)?;
                }
            }
            // cards that show nothing any more
            connection.execute(
                "DELETE FROM storms WHERE ended_at IS NOT NULL AND due_at IS NULL
                    AND NOT EXISTS (SELECT 1 FROM threads WHERE threads.storm = storms.id)",
                [],
            )?;
            session.wake = true;
            Ok(())
        })
        .await
    }

    /// A storm as its card shows it now. None when there is no such storm.
    pub async fn storm_view(&self, id: i64, since: Moment) -> Result<Option<StormView>, StoreError> {
        self.read(move |connection| view(connection, id, since)).await
    }

    /// Remembers what became of a card.
    pub async fn storm_card(&self, view: StormView, at: Moment, end: CardEnd) -> Result<(), StoreError> {
        let id = view.storm.id;
        if matches!(end, CardEnd::Told { .. }) {
            // in steps, so that webhooks pass in between; a crash here shows the rest once more
            for news in view.news.chunks(STEP as usize) {
                let news = news.to_vec();
                self.write(move |session| {
                    news.iter().try_for_each(|news| told(&session.connection, id, news, at))
                })
                .await?;
            }
        }
        self.write(move |session| {
            let connection = &session.connection;
            match &end {
                CardEnd::Told { place, next } => {
                    connection
                        .prepare_cached(
                            "UPDATE storms SET place = ?2, told_at = ?3, next_at = ?4, attempts = 0,
                                    due_at = CASE WHEN EXISTS (SELECT 1 FROM outbox WHERE outbox.storm = ?1 AND due_at = ?5)
                                                  THEN ?4 END
                             WHERE id = ?1",
                        )?
                        .execute(params![id, place, at.0, next.0, NEVER])?;
                }
                CardEnd::Again { due_at, counts, gone } => {
                    connection
                        .prepare_cached(
                            "UPDATE storms SET due_at = ?2, attempts = attempts + ?3,
                                    place = CASE WHEN ?4 THEN NULL ELSE place END WHERE id = ?1",
                        )?
                        .execute(params![id, due_at.0, counts, gone])?;
                }
                CardEnd::Dead => bury(connection, id, at)?,
            }
            session.wake = true;
            Ok(())
        })
        .await
    }
}

/// Syncs that are due (?1 is the time) and would be a new message: those without one, and those whose last one is over.
const WANTING: &str = "FROM outbox JOIN threads ON threads.id = outbox.thread_id
    WHERE leased_until IS NULL AND due_at <= ?1 AND (threads.place IS NULL OR threads.sent_firing = 0)";

/// The columns of a storm; ?1 is since when "lately" is.
const STORM: &str = "id, target, started_at, ended_at, place, due_at, attempts,
    (SELECT count(*) FROM threads WHERE threads.storm = storms.id AND storm_at >= ?1)";

fn storm(row: &Row<'_>) -> rusqlite::Result<Storm> {
    Ok(Storm {
        id: row.get(0)?,
        target: row.get(1)?,
        started_at: Moment(row.get(2)?),
        ended_at: row.get::<_, Option<i64>>(3)?.map(Moment),
        place: row.get(4)?,
        due_at: row.get::<_, Option<i64>>(5)?.map(Moment),
        attempts: row.get(6)?,
        joined: row.get(7)?,
    })
}

/// The card has something to say: now, or as soon as the last one is old enough.
fn call(connection: &Connection, id: i64, now: Moment) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE storms SET due_at = max(?2, coalesce(next_at, 0)) WHERE id = ?1 AND due_at IS NULL",
        )?
        .execute(params![id, now.0])?;
    Ok(())
}

fn own_message(connection: &Connection, thread: i64, now: Moment) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE threads SET storm = NULL WHERE id = ?")?.execute([thread])?;
    connection
        .prepare_cached(
            "INSERT INTO outbox (thread_id, target, kind, reason, again, revision, created_at, due_at)
             SELECT id, target, 'sync', 'first', 0, 1, ?2, ?2 FROM threads WHERE id = ?1
             ON CONFLICT (thread_id) WHERE kind = 'sync' DO UPDATE SET
                 storm = NULL, revision = revision + 1, due_at = min(due_at, ?2)",
        )?
        .execute(params![thread, now.0])?;
    Ok(())
}

fn view(connection: &Connection, id: i64, since: Moment) -> rusqlite::Result<Option<StormView>> {
    let found = connection
        .prepare_cached(&format!("SELECT {STORM} FROM storms WHERE id = ?2"))?
        .query_row(params![since.0, id], storm)
        .optional()?;
    let Some(storm) = found else { return Ok(None) };
    let (groups, groups_firing, external_url) = connection
        .prepare_cached(
            "SELECT count(*),
                    count(*) FILTER (WHERE EXISTS (SELECT 1 FROM alerts WHERE alerts.group_id = groups.id AND firing)),
                    coalesce(max(external_url), '')
             FROM threads JOIN groups ON groups.id = threads.group_id WHERE threads.storm = ?",
        )?
        .query_row([id], |row| Ok((count(row, 0)?, count(row, 1)?, row.get(2)?)))?;
    let kinds = connection
        .prepare_cached(
            "SELECT coalesce(json_extract(alerts.labels, '$.alertname'), ''),
                    coalesce(json_extract(alerts.labels, '$.severity'), ''),
                    sum(firing), sum(NOT firing), count(DISTINCT alerts.group_id)
             FROM threads JOIN groups ON groups.id = threads.group_id JOIN alerts ON alerts.group_id = groups.id
             WHERE threads.storm = ? AND (firing OR alerts.episode = groups.episode) AND json_valid(alerts.labels)
             GROUP BY 1, 2",
        )?
        .query_map([id], |row| {
            Ok(Kind {
                name: row.get(0)?,
                severity: row.get(1)?,
                firing: count(row, 2)?,
                resolved: count(row, 3)?,
                groups: count(row, 4)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut oldest = None;
    let news = connection
        .prepare_cached(
            "SELECT thread_id, outbox.revision, groups.revision, groups.episode, created_at,
                    (SELECT count(*) FROM alerts WHERE alerts.group_id = groups.id AND firing)
             FROM outbox JOIN threads ON threads.id = thread_id JOIN groups ON groups.id = threads.group_id
             WHERE outbox.storm = ? AND due_at = ?",
        )?
        .query_map(params![id, NEVER], |row| {
            let created = row.get(4)?;
            oldest = Some(oldest.map_or(created, |oldest: i64| oldest.min(created)));
            Ok(News {
                thread: row.get(0)?,
                revision: row.get(1)?,
                group_revision: row.get(2)?,
                episode: row.get(3)?,
                firing: row.get(5)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let oldest = oldest.map(Moment);
    Ok(Some(StormView { storm, groups, groups_firing, kinds, external_url, oldest, news }))
}

fn count(row: &Row<'_>, at: usize) -> rusqlite::Result<usize> {
    Ok(usize::try_from(row.get::<_, i64>(at)?).unwrap_or(0))
}

/// A thread whose news a card has shown. Its own message of before, if any, is over.
fn told(connection: &Connection, storm: i64, news: &News, at: Moment) -> rusqlite::Result<()> {
    let done = connection
        .prepare_cached(
            "DELETE FROM outbox
             WHERE thread_id = ? AND revision = ? AND storm = ? AND due_at = ? AND leased_until IS NULL",
        )?
        .execute(params![news.thread, news.revision, storm, NEVER])?;
    if done == 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE threads SET place = NULL, sent_key = 0, sent_firing = ?2, sent_episode = ?3, sent_revision = ?4,
                    sent_count = sent_count + 1, sent_at = ?5
             WHERE id = ?1",
        )?
        .execute(params![news.thread, news.firing, news.episode, news.group_revision, at.0])?;
    Ok(())
}

fn bury(connection: &Connection, id: i64, at: Moment) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO dead_letters
                 (thread_id, target, receiver, labels, at, created_at, attempts, reason, detail, internal)
             SELECT threads.id, threads.target, receiver, labels, ?2, created_at, attempts, 'storm', '', internal
             FROM outbox JOIN threads ON threads.id = thread_id JOIN groups ON groups.id = threads.group_id
             WHERE outbox.storm = ?1 AND due_at = ?3",
        )?
        .execute(params![id, at.0, NEVER])?;
    connection
        .prepare_cached("DELETE FROM outbox WHERE storm = ? AND due_at = ?")?
        .execute(params![id, NEVER])?;
    connection
        .prepare_cached("UPDATE storms SET due_at = NULL, ended_at = coalesce(ended_at, ?2) WHERE id = ?1")?
        .execute(params![id, at.0])?;
    Ok(())
}
