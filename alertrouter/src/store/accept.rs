//! One payload becomes state and outbox rows, in one transaction.
//!
//! Invariants: a payload that changes nothing writes nothing; the decision is made from the state inside the
//! transaction, so that two requests can never both think they are first.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::held::{self, HeldRow, Hold, Taken};
use super::writer::Session;
use super::{Store, StoreError};
use crate::decide::{Change, Decision, Group, Known, Policy, Reason, Seen, Transition, Verdict, decide};
use crate::labels::{Fnv64, Fnv128, Labels};
use crate::moment::Moment;
use crate::payload::{Alert, Status};

/// A payload with the groups its alerts belong to.
#[derive(Debug, Clone)]
pub struct Accept {
    /// When it came.
    pub now: Moment,
    /// The sender's name for the receiver.
    pub sender: String,
    /// The sender's address, for links.
    pub external_url: String,
    /// The request as it came.
    pub body: Vec<u8>,
    /// Its alerts.
    pub alerts: Vec<Alert>,
    /// Which of them go where.
    pub groups: Vec<Routed>,
    /// The labels by which the sender grouped.
    pub grouping: Labels,
    /// Which of them wait.
    pub held: Vec<Hold>,
    /// Where the alerts come from.
    pub origin: Origin,
}

/// Where the alerts of an [`Accept`] come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// A request.
    #[default]
    Sender,
    /// The router itself: what it has to say about its own work.
    Internal,
    /// They were held: the row of each alert, in the order of the alerts.
    Held(Vec<HeldRow>),
}

/// The alerts of one group of one receiver.
#[derive(Debug, Clone)]
pub struct Routed {
    /// Our receiver.
    pub receiver: Arc<str>,
    /// The labels that name the group.
    pub labels: Labels,
    /// What the route says.
    pub policy: Policy,
    /// Who is told.
    pub targets: Arc<[TargetPolicy]>,
    /// Indexes into the payload's alerts.
    pub alerts: Vec<usize>,
}

/// What a decision must know about a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetPolicy {
    /// receiver/integration/index
    pub id: Arc<str>,
    /// Whether it hears of resolved alerts.
    pub send_resolved: bool,
    /// Whether it can edit what it has sent.
    pub edits: bool,
}

/// What an accepted payload did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Each transition.
    pub transitions: Vec<Transition>,
    /// Each decision of a target, or of the group when it has none.
    pub decisions: Vec<Decision>,
    /// How many alerts wait with something new.
    pub held: usize,
}

impl Store {
    /// Takes a payload. When this returns without error, nothing of it can be lost any more.
    pub async fn accept(&self, accept: Accept) -> Result<Accepted, StoreError> {
        self.write_new(move |session| {
            let mut accepted = Accepted::default();
            let taken = held::take(session, &accept)?;
            for routed in &accept.groups {
                take_group(session, &accept, routed, &taken, &mut accepted)?;
            }
            accepted.held = held::put(session, &accept, &taken)?;
            if !accept.body.is_empty() && (accepted.held > 0 || !accepted.transitions.is_empty()) {
                let size = i64::try_from(accept.body.len()).unwrap_or(i64::MAX);
                session
                    .connection
                    .prepare_cached("INSERT INTO inbox (at, sender, size, body) VALUES (?, ?, ?, ?)")?
                    .execute(params![accept.now.0, accept.sender, size, accept.body])?;
            }
            Ok(accepted)
        })
        .await
    }
}

/// Groups as they are in the file, so that what is known needs no query.
#[derive(Default)]
pub(super) struct Cache {
    groups: HashMap<[u8; 16], CachedGroup>,
    alerts: usize,
}

struct CachedGroup {
    id: i64,
    group: Group,
    threads: HashMap<Arc<str>, Thread>,
}

#[derive(Clone, Copy)]
struct Thread {
    id: i64,
    /// It tells in place of another target, so no route names it.
    stand_in: bool,
}

/// Alerts in the cache at most (about 150 bytes each); with more it starts anew.
const MAX_CACHED_ALERTS: usize = 200_000;

impl Cache {
    /// Forgets everything, because the file may say something else.
    pub(super) fn forget(&mut self) {
        self.groups.clear();
        self.alerts = 0;
    }
}

fn take_group(
    session: &mut Session,
    accept: &Accept,
    routed: &Routed,
    taken: &Taken,
    accepted: &mut Accepted,
) -> rusqlite::Result<()> {
    let Session { connection, cache, wake, .. } = session;
    let key = group_key(accept.origin == Origin::Internal, &routed.receiver, &routed.labels);
    if cache.alerts > MAX_CACHED_ALERTS {
        cache.forget();
    }
    let mut cached = match cache.groups.remove(&key) {
        Some(cached) => {
            cache.alerts -= cached.group.alerts.len();
            Some(cached)
        }
        None => load(connection, &key)?,
    };
    let says_nothing = |at: usize, alert: &Alert| {
        let known =
            || cached.as_ref().is_some_and(|known| known.group.alerts.contains_key(&alert.fingerprint));
        let silent_end = alert.status == Status::Resolved && taken.waited.contains(&at) && !known();
        taken.gone.contains(&at) || silent_end
    };
    let alerts = routed.alerts.iter().filter_map(|at| Some((*at, accept.alerts.get(*at)?)));
    let alerts: Vec<&Alert> =
        alerts.filter(|(at, alert)| !says_nothing(*at, alert)).map(|(_, alert)| alert).collect();
    let seen: Vec<Seen> = alerts.iter().copied().map(seen).collect();
    let empty = Group::default();
    let verdict =
        decide(cached.as_ref().map_or(&empty, |cached| &cached.group), &seen, &routed.policy, accept.now);
    accepted.transitions.extend(verdict.changes.iter().map(|change| change.transition));
    if let Decision::Notify(reason) = verdict.decision {
        let now = accept.now;
        let cached = match &mut cached {
            Some(cached) => cached,
            None => cached.insert(insert_group(connection, &key, accept, routed)?),
        };
        cached.group.apply(&verdict, now);
        save(connection, cached, accept, &alerts, &verdict)?;
        for target in routed.targets.iter() {
            let decision = verdict.decision.for_target(target.send_resolved, target.edits);
            accepted.decisions.push(decision);
            if matches!(decision, Decision::Notify(_)) {
                let thread = thread(connection, cached, &target.id)?;
                enqueue(connection, thread, &target.id, reason, &routed.policy, now)?;
                *wake = true;
            }
        }
        for (target, thread) in &cached.threads {
            if thread.stand_in && !routed.targets.iter().any(|known| known.id == *target) {
                enqueue(connection, thread.id, target, reason, &routed.policy, now)?;
                *wake = true;
            }
        }
    } else {
        accepted.decisions.push(verdict.decision);
    }
    if let Some(cached) = cached {
        cache.alerts += cached.group.alerts.len();
        cache.groups.insert(key, cached);
    }
    Ok(())
}

fn seen(alert: &Alert) -> Seen {
    Seen {
        fingerprint: alert.fingerprint,
        status: alert.status,
        starts_at: alert.starts_at.map(Moment::from),
        ends_at: alert.ends_at.map(Moment::from),
        content: content_hash(alert),
    }
}

/// Our own stable name of a group: 128 bits over receiver and labels. Nobody outside can name an internal one.
pub(super) fn group_key(internal: bool, receiver: &str, labels: &Labels) -> [u8; 16] {
    let mut hash = Fnv128::default();
    if internal {
        hash.write(&[254]);
    }
    hash.write(receiver.as_bytes());
    for (name, value) in labels.iter() {
        hash.write(&[255]);
        hash.write(name.as_bytes());
        hash.write(&[255]);
        hash.write(value.as_bytes());
    }
    hash.0.to_be_bytes()
}

/// Hash of what may change about an alert while it stays the same alert.
pub fn content_hash(alert: &Alert) -> u64 {
    let mut hash = Fnv64(alert.annotations.fingerprint());
    hash.write(alert.generator_url.as_bytes());
    hash.0
}

fn load(connection: &Connection, key: &[u8; 16]) -> rusqlite::Result<Option<CachedGroup>> {
    let found = connection
        .prepare_cached("SELECT id, episode, revision, notified_at FROM groups WHERE key = ?")?
        .query_row([key], |row| {
            Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get::<_, Option<i64>>(3)?.map(Moment)))
        })
        .optional()?;
    let Some((id, episode, revision, notified_at)) = found else { return Ok(None) };
    let alerts = connection
        .prepare_cached(
            "SELECT fingerprint, firing, starts_at, ends_at, ended_before, content, changed_at, episode, fired
             FROM alerts WHERE group_id = ?",
        )?
        .query_map([id], |row| {
            Ok((
                row.get::<_, i64>(0)?.cast_unsigned(),
                Known {
                    status: if row.get(1)? { Status::Firing } else { Status::Resolved },
                    starts_at: row.get::<_, Option<i64>>(2)?.map(Moment),
                    ends_at: row.get::<_, Option<i64>>(3)?.map(Moment),
                    ended_before: row.get::<_, Option<i64>>(4)?.map(Moment),
                    content: row.get::<_, i64>(5)?.cast_unsigned(),
                    changed_at: Moment(row.get(6)?),
                    episode: row.get(7)?,
                    fired: row.get(8)?,
                },
            ))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let threads = connection
        .prepare_cached("SELECT target, id, stand_in FROM threads WHERE group_id = ?")?
        .query_map([id], |row| {
            Ok((Arc::from(row.get::<_, String>(0)?), Thread { id: row.get(1)?, stand_in: row.get(2)? }))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(CachedGroup { id, group: Group { episode, revision, notified_at, alerts }, threads }))
}

fn insert_group(
    connection: &Connection,
    key: &[u8; 16],
    accept: &Accept,
    routed: &Routed,
) -> rusqlite::Result<CachedGroup> {
    let id = connection
        .prepare_cached(
            "INSERT INTO groups (key, receiver, labels, episode, revision, changed_at, external_url, internal)
             VALUES (?, ?, ?, 0, 0, ?, ?, ?)",
        )?
        .insert(params![
            key,
            &*routed.receiver,
            routed.labels.to_json(),
            accept.now.0,
            accept.external_url,
            accept.origin == Origin::Internal
        ])?;
    Ok(CachedGroup { id, group: Group::default(), threads: HashMap::new() })
}

fn save(
    connection: &Connection,
    cached: &CachedGroup,
    accept: &Accept,
    alerts: &[&Alert],
    verdict: &Verdict,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE groups SET episode = ?, revision = ?, notified_at = ?, changed_at = ?, external_url = ? WHERE id = ?",
        )?
        .execute(params![
            cached.group.episode,
            cached.group.revision,
            cached.group.notified_at.map(|moment| moment.0),
            accept.now.0,
            accept.external_url,
            cached.id
        ])?;
    let mut upsert = connection.prepare_cached(
        "INSERT INTO alerts (group_id, fingerprint, firing, starts_at, ends_at, ended_before, episode, content,
                             first_seen, changed_at, labels, annotations, generator_url, fired)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (group_id, fingerprint) DO UPDATE SET firing = ?3, starts_at = ?4, ends_at = ?5,
             ended_before = ?6, episode = ?7, content = ?8, changed_at = ?9, annotations = ?11, generator_url = ?12,
             fired = ?13",
    )?;
    for Change { at, fingerprint, known, .. } in &verdict.changes {
        let Some(alert) = alerts.get(*at) else { continue };
        upsert.execute(params![
            cached.id,
            fingerprint.cast_signed(),
            known.status == Status::Firing,
            known.starts_at.map(|moment| moment.0),
            known.ends_at.map(|moment| moment.0),
            known.ended_before.map(|moment| moment.0),
            known.episode,
            known.content.cast_signed(),
            known.changed_at.0,
            alert.labels.to_json(),
            alert.annotations.to_json(),
            alert.generator_url,
            known.fired,
        ])?;
    }
    Ok(())
}

fn thread(connection: &Connection, cached: &mut CachedGroup, target: &Arc<str>) -> rusqlite::Result<i64> {
    if let Some(thread) = cached.threads.get(target) {
        return Ok(thread.id);
    }
    let id = connection
        .prepare_cached("INSERT INTO threads (group_id, target, sent_revision) VALUES (?, ?, ?)")?
        .insert(params![cached.id, &**target, cached.group.revision - 1])?;
    cached.threads.insert(target.clone(), Thread { id, stand_in: false });
    Ok(id)
}

/// A sync that waits already takes the new reason; one that is in flight will be due again when it has landed.
/// While a target fails its lanes keep their waiting time, whatever comes in.
fn enqueue(
    connection: &Connection,
    thread: i64,
    target: &str,
    reason: Reason,
    policy: &Policy,
    now: Moment,
) -> rusqlite::Result<()> {
    let due = if reason == Reason::Refired { now.plus(policy.ghost_window) } else { now };
    connection
        .prepare_cached(
            "INSERT INTO outbox (thread_id, target, kind, reason, again, revision, created_at, due_at)
             VALUES (?1, ?2, 'sync', ?3, ?4, 1, ?5, ?6)
             ON CONFLICT (thread_id) WHERE kind = 'sync' DO UPDATE SET
                 reason = ?3, again = max(again, ?4), revision = revision + 1,
                 due_at = CASE WHEN leased_until IS NOT NULL AND revision = leased_revision THEN ?6
                               WHEN attempts > 0 THEN due_at
                               ELSE min(due_at, ?6) END",
        )?
        .execute(params![thread, target, reason.name(), reason == Reason::Repeat, now.0, due.0])?;
    Ok(())
}
