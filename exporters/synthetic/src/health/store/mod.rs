//! What outlives a restart: the days of services, their incidents, and the heartbeats that came.
//!
//! SQLite in one folder, or in memory where no folder is given. What is written is on the disk when the call returns
//! (write-ahead log, `synchronous=FULL`), so that `kill -9` costs what was not written yet and nothing else.
//!
//! Invariants: one process per folder; rows older than [`KEPT_DAYS`] and more than [`MAX_INCIDENTS`] are removed; nobody
//! else here knows SQL.

mod rows;
mod schema;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::incident::Incident;
use super::uptime::{Days, Seconds, first_of};

/// Days that are kept.
pub const KEPT_DAYS: u16 = 400;

/// Incidents that are kept, of all services.
pub const MAX_INCIDENTS: u32 = 10_000;

/// The database's file in the storage folder.
const FILE: &str = "synthetic.db";

/// Held as long as a process has the folder.
const LOCK: &str = "synthetic.lock";

/// Writes that may wait for the disk at once; each takes a thread while it waits.
const WAITING: usize = 16;

/// How long another connection's lock is waited for; only a person with sqlite3 can hold one.
const BUSY: Duration = Duration::from_secs(5);

/// A handle to the store; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    /// None where nothing was ever put into a store in memory: SQLite is a megabyte of program that most have no use for.
    connection: Arc<Mutex<Option<Connection>>>,
    waiting: Arc<Semaphore>,
    /// Held while anybody has a handle; there is none in memory.
    lock: Option<Arc<File>>,
}

/// What is written at once, in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Days of services, as they are now.
    pub days: Vec<(Arc<str>, Date, Seconds)>,
    /// Incidents, as they are now.
    pub incidents: Vec<Incident>,
    /// Today, when it is time to remove what is too old.
    pub prune: Option<Date>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.incidents.is_empty() && self.prune.is_none()
    }
}

/// What is known of one service.
#[derive(Debug, Default)]
pub struct Kept {
    /// Its days.
    pub days: Days,
    /// Its incidents, the newest last.
    pub incidents: Vec<Incident>,
}

/// A heartbeat as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Whose.
    pub name: Arc<str>,
    /// Since when it is waited for: a beat that never came is missed at some time, restarts or not.
    pub awaited: Timestamp,
    /// When it came last.
    pub came: Option<Timestamp>,
    /// Whether the one who sent it said that the work failed.
    pub failed: bool,
}

/// Why the store did not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Too much is waiting.
    #[error("too many writes wait for the disk")]
    Busy,
    /// The folder cannot be used.
    #[error("storage folder {path} cannot be used: {reason}; hint: choose another with --storage.path")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        reason: std::io::Error,
    },
    /// Another process has it.
    #[error(
        "storage folder {0} is used by another synthetic-exporter; hint: stop it, or choose another --storage.path"
    )]
    Locked(String),
    /// Written by a newer version.
    #[error("the store has schema {found}, this program knows {known}; hint: use the newer program again")]
    TooNew {
        /// The file's.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// The file cannot be opened.
    #[error("storage file {path} cannot be used: {reason}; hint: move it away, then uptime begins anew")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: rusqlite::Error,
    },
    /// The file cannot be read or written.
    #[error("the store fails: {0}")]
    Database(#[from] rusqlite::Error),
    /// The write was broken off.
    #[error("the store was shut while it wrote")]
    Closed,
}

impl Store {
    /// Opens the store in a folder, and makes it if it is not there; in memory without one.
    ///
    /// # Errors
    /// The folder or its file cannot be used.
    pub fn open(folder: Option<&Path>) -> Result<Self, StoreError> {
        let (connection, lock) = match folder {
            None => (None, None),
            Some(folder) => {
                let lock = lock(folder)?;
                let file = folder.join(FILE);
                let opened = Connection::open(&file).map_err(StoreError::from).and_then(prepared);
                let connection = opened.map_err(|error| match error {
                    StoreError::Database(reason) => {
                        StoreError::File { path: file.display().to_string(), reason }
                    }
                    other => other,
                })?;
                (Some(connection), Some(Arc::new(lock)))
            }
        };
        let connection = Arc::new(Mutex::new(connection));
        Ok(Self { connection, waiting: Arc::new(Semaphore::new(WAITING)), lock })
    }

    /// Whether it outlives a restart.
    pub fn is_kept(&self) -> bool {
        self.lock.is_some()
    }

    /// What is known of a service from a day on.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn history(&self, service: &Arc<str>, since: Date) -> Result<Kept, StoreError> {
        Ok(self.look(|connection| rows::history(connection, service, since))?)
    }

    /// Writes; when it returns, it is on the disk.
    ///
    /// # Errors
    /// Nothing of it was written.
    pub async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let puts = !batch.days.is_empty() || !batch.incidents.is_empty();
        if !puts && self.is_unused() {
            return Ok(());
        }
        self.transact(move |transaction| {
            for (service, day, seconds) in &batch.days {
                rows::put_day(transaction, service, *day, seconds)?;
            }
            for incident in &batch.incidents {
                rows::put_incident(transaction, incident)?;
            }
            match batch.prune {
                Some(today) => rows::prune(transaction, first_of(KEPT_DAYS, today), MAX_INCIDENTS),
                None => Ok(()),
            }
        })
        .await
    }

    /// All heartbeats that are kept.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn beats(&self) -> Result<Vec<Beat>, StoreError> {
        Ok(self.look(rows::beats)?)
    }

    /// Keeps a heartbeat in place of the last one of its name; when it returns, it is on the disk.
    ///
    /// # Errors
    /// It was not written.
    pub async fn put_beat(&self, beat: Beat) -> Result<(), StoreError> {
        self.transact(move |transaction| rows::put_beat(transaction, &beat)).await
    }

    /// Forgets the heartbeats that nobody waits for any more.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn keep_beats(&self, names: Vec<Arc<str>>) -> Result<(), StoreError> {
        if self.is_unused() {
            return Ok(());
        }
        self.transact(move |transaction| rows::keep_beats(transaction, &names)).await
    }

    async fn transact(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), StoreError> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let connection = Arc::clone(&self.connection);
        let write = move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let opened = match &mut *connection {
                Some(opened) => opened,
                empty => empty.insert(prepared(Connection::open_in_memory()?)?),
            };
            let transaction = opened.transaction()?;
            work(&transaction)?;
            transaction.commit()?;
            drop(place);
            Ok(())
        };
        tokio::task::spawn_blocking(write).await.map_err(|_| StoreError::Closed)?
    }

    /// Whether nothing was ever put into it.
    fn is_unused(&self) -> bool {
        self.connection().is_none()
    }

    /// Where nothing was put there is nothing.
    fn look<T: Default>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.connection().as_ref().map_or_else(|| Ok(T::default()), look)
    }

    fn connection(&self) -> std::sync::MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection with its settings and the newest tables.
fn prepared(mut connection: Connection) -> Result<Connection, StoreError> {
    connection.busy_timeout(BUSY)?;
    // in memory there is no log, and SQLite says so
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.display().to_string();
    let open = |file: PathBuf| File::options().create(true).truncate(false).write(true).open(file);
    let opened = std::fs::create_dir_all(folder).and_then(|()| open(folder.join(LOCK)));
    let file = opened.map_err(|reason| StoreError::Folder { path: path.clone(), reason })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Locked(path)),
        Err(std::fs::TryLockError::Error(reason)) => Err(StoreError::Folder { path, reason }),
    }
}

#[cfg(test)]
mod tests;
