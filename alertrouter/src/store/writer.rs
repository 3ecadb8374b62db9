//! The one writer: jobs in, one transaction and one fsync for as many as wait, answers out.
//!
//! Invariants:
//! - A job is answered "done" only after its transaction was committed with `synchronous=FULL`.
//! - What the cache holds is what the file holds: after any failure it is forgotten.
//! - A job that fails for a reason of its own must not fail those that share its transaction: they run again alone.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{Notify, mpsc, oneshot};

use super::accept::Cache;
use super::room::Rooms;
use super::{StoreError, checkpoint, schema};

/// Jobs in one transaction at most: more would make the first of them wait too long.
pub(super) const MAX_BATCH: usize = 256;

/// The database of the transaction a job runs in.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) cache: Cache,
    /// How many alerts are held at most; none is unknown.
    pub(super) held: Option<usize>,
    /// Set by a job after which somebody should look at the outbox.
    pub(super) wake: bool,
}

impl Session {
    /// Forgets everything that it knows about the file.
    pub(super) fn forget(&mut self) {
        self.cache.forget();
        self.held = None;
        self.wake = false;
    }
}

/// Something to do in a transaction. It may run twice: the first time in a transaction that is rolled back.
pub(super) trait Job: Send {
    /// Whether it brings something new, which is refused first when room is short.
    fn is_new(&self) -> bool;
    fn run(&mut self, session: &mut Session) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, result: Result<(), StoreError>);
}

/// What is said to the writer.
pub(super) enum Message {
    Do(Box<dyn Job>),
    /// Bring the rest of a long log into the file, so that it starts anew.
    Checkpoint,
    Stop,
}

/// A job made of a function and somebody who waits for its result.
pub(super) struct Task<F, T> {
    pub(super) work: F,
    pub(super) is_new: bool,
    pub(super) result: Option<T>,
    pub(super) waiter: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job for Task<F, T>
where
    F: FnMut(&mut Session) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn is_new(&self) -> bool {
        self.is_new
    }

    fn run(&mut self, session: &mut Session) -> rusqlite::Result<()> {
        self.result = Some((self.work)(session)?);
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        let Self { result: value, waiter, .. } = *self;
        let answer = result.and_then(|()| value.ok_or(StoreError::Closed));
        // whoever asked may have gone; the work is done all the same
        drop(waiter.send(answer));
    }
}

/// What the writer needs to open the file, again and again if it must.
pub(super) struct Writer {
    pub(super) file: PathBuf,
    pub(super) rooms: Rooms,
    pub(super) changed: Arc<Notify>,
    pub(super) health: Arc<Mutex<Option<String>>>,
    /// Held as long as anything is written, so that no other process can begin before.
    pub(super) lock: Arc<File>,
    pub(super) observe: Box<dyn Fn(usize, std::time::Duration) + Send>,
}

impl Writer {
    /// Works until it is told to stop or every sender is gone; what was taken before is done.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Message>, first: Session) {
        let mut session = Some(first);
        let mut stop = false;
        while !stop && let Some(message) = jobs.blocking_recv() {
            let mut batch = Vec::new();
            let mut next = Some(message);
            let mut checkpoint = false;
            while let Some(message) = next {
                match message {
                    Message::Do(job) => batch.push(job),
                    Message::Checkpoint => checkpoint = true,
                    Message::Stop => stop = true,
                }
                next = if stop || batch.len() >= MAX_BATCH { None } else { jobs.try_recv().ok() };
            }
            if !batch.is_empty() {
                self.work(&mut session, batch);
            }
            if checkpoint && let Some(session) = &session {
                checkpoint::rest(&session.connection);
            }
        }
        drop(session);
        drop(self.lock);
    }

    fn work(&mut self, session: &mut Option<Session>, batch: Vec<Box<dyn Job>>) {
        let connection = session.as_ref().map(|session| &session.connection);
        let short = self.rooms.is_short(connection).unwrap_or(true);
        if short {
            self.report(Some(StoreError::Full.to_string()));
        }
        let (refused, batch): (Vec<_>, Vec<_>) = batch.into_iter().partition(|job| short && job.is_new());
        for job in refused {
            job.answer(Err(StoreError::Full));
        }
        if !batch.is_empty() {
            self.transact(session, batch, short);
        }
    }

    fn transact(&mut self, session: &mut Option<Session>, mut batch: Vec<Box<dyn Job>>, short: bool) {
        let started = tokio::time::Instant::now();
        match self.commit(session, &mut batch) {
            Ok(()) => {
                (self.observe)(batch.len(), started.elapsed());
                self.report(short.then(|| StoreError::Full.to_string()));
                for job in batch {
                    job.answer(Ok(()));
                }
                if session.as_mut().is_some_and(|session| std::mem::take(&mut session.wake)) {
                    self.changed.notify_one();
                }
            }
            Err(error) if error.is_storage() || batch.len() == 1 => {
                if error.is_storage() {
                    // some SQLite versions stay broken after a full disk: the next batch opens the file anew
                    *session = None;
                    self.report(Some(error.to_string()));
                }
                let (new, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(|job| job.is_new());
                let again = error == StoreError::Full && !rest.is_empty() && (!new.is_empty() || !short);
                if error == StoreError::Full {
                    self.rooms.spend();
                }
                for job in new {
                    job.answer(Err(error.clone()));
                }
                if again {
                    // what was accepted goes on in the room that the new had wanted, or the ballast had
                    return self.transact(session, rest, true);
                }
                for job in rest {
                    job.answer(Err(error.clone()));
                }
            }
            Err(_) => {
                for job in batch {
                    self.transact(session, vec![job], short);
                }
            }
        }
    }

    fn commit(&self, slot: &mut Option<Session>, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let session = match slot {
            Some(session) => session,
            None => slot.insert(self.open()?),
        };
        let done = session.connection.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
            batch.iter_mut().try_for_each(|job| job.run(session))?;
            session.connection.execute_batch("COMMIT")
        });
        if let Err(error) = done {
            session.forget();
            if !session.connection.is_autocommit()
                && let Err(rollback) = session.connection.execute_batch("ROLLBACK")
            {
                tracing::debug!(%rollback, "the failed transaction could not be rolled back");
            }
            return Err(StoreError::of(&error));
        }
        Ok(())
    }

    /// Opens the file for writing and brings it to the newest schema.
    pub(super) fn open(&self) -> Result<Session, StoreError> {
        let mut connection = Connection::open(&self.file).map_err(|error| StoreError::of(&error))?;
        prepare(&connection, self.rooms.max_pages()).map_err(|error| StoreError::of(&error))?;
        schema::migrate(&mut connection).map_err(|error| StoreError::of(&error))??;
        Ok(Session { connection, cache: Cache::default(), held: None, wake: false })
    }

    fn report(&self, problem: Option<String>) {
        let Ok(mut health) = self.health.lock() else { return };
        match (&problem, &*health) {
            (Some(reason), None) => tracing::error!(%reason, "the store cannot be written; webhooks get 503"),
            (None, Some(_)) => tracing::info!("the store can be written again"),
            _ => {}
        }
        *health = problem;
    }
}

/// Settings of a connection. FULL: each commit is on the disk before it is answered.
pub(super) fn prepare(connection: &Connection, max_pages: Option<i64>) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // a thread of its own does that, so that no webhook waits for it
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_LIMIT)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    if let Some(pages) = max_pages {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(())
}

/// Prepared statements that are kept: more than there are in this program.
const STATEMENTS: usize = 64;

/// How long another connection's lock is waited for; only a person with sqlite3 can hold one.
const BUSY: std::time::Duration = std::time::Duration::from_secs(5);

/// Bytes of the log that are kept after a checkpoint.
const JOURNAL_LIMIT: u32 = 64 << 20;

impl StoreError {
    /// Sorts an error of SQLite: is it the disk, or the statement?
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::PermissionDenied
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory,
            ) => Self::Io(error.to_string()),
            _ => Self::Statement(error.to_string()),
        }
    }

    /// Whether the whole store is concerned, not only one job.
    pub(super) fn is_storage(&self) -> bool {
        matches!(self, Self::Full | Self::Io(_) | Self::TooNew { .. } | Self::TooOld { .. })
    }
}
