//! Days as they are known, settled or not, and what survives a restart.
//!
//! ```text
//! publish ── a snapshot, whole, in one transaction: days, counters, tokens, who is shown, when to ask again
//! begin, fail, pay ── what must be on the disk before anything else happens
//! lines, counters, … ── what the page is made of
//! ```
//!
//! SQLite in the storage folder; everything else in this program talks to [`Store`]'s methods and knows no SQL.
//!
//! Invariants: one server per folder (a lock file keeps a second one out; commands read beside it); what a method has
//! done is on the disk when it returns; no counter ever falls.

mod calls;
mod publish;
mod read;
mod schema;
mod settle;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use toolkit::clock::Clock;

use crate::calendar::{Day, days_after, days_between};

pub use calls::{Due, Paid, Spent};
pub use publish::Publish;
pub use read::{Counter, CounterKind, Known, Line, MadeForecast, ReadDays, TokenLine, Told};

/// The database's file in the storage folder.
const FILE: &str = "cost-exporter.db";

/// Days that are kept: two years and a little, so that a month has the same one of the year before beside it.
const KEPT_DAYS: i32 = 800;

/// Prepared statements that are kept: more than there are in this program.
const STATEMENTS: usize = 48;

/// How long another connection's lock is waited for: a command that reads, or a person with sqlite3.
const BUSY: Duration = Duration::from_secs(5);

/// KiB of pages that are kept in memory.
const CACHE_KIB: i64 = 1024;

/// Bytes of the log that are kept after a checkpoint.
const JOURNAL_LIMIT: u32 = 4 << 20;

/// The first day of Unix time.
const EPOCH: Day = Day::constant(1970, 1, 1);

/// A handle to the store; clones share it.
#[derive(Clone)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
    clock: Clock,
    /// Held as long as anything may be written, so that no other process can begin before.
    _lock: Option<Arc<File>>,
}

/// Why the store did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be read or written.
    #[error("the store fails: {0}")]
    Io(String),
    /// The folder cannot be used.
    #[error("storage folder {path} cannot be used: {reason}; hint: choose another with --storage.path")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// Another process has it.
    #[error(
        "storage folder {0} is used by another cost-exporter; hint: stop it, or choose another --storage.path"
    )]
    Locked(String),
    /// Written by a newer version.
    #[error("the store has schema {found}, this program knows {known}; hint: use the newer program again")]
    TooNew {
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// A job broke off.
    #[error("the store's work broke off")]
    Broken,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Store")
    }
}

impl Store {
    /// Opens (or makes) the store in a folder, for the one server that may write there.
    ///
    /// # Errors
    /// The folder or the file cannot be used.
    pub fn open(folder: &Path, clock: Clock) -> Result<Self, StoreError> {
        let lock = lock(folder)?;
        let mut connection = Connection::open(folder.join(FILE))?;
        prepare(&connection)?;
        schema::migrate(&mut connection)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), clock, _lock: Some(Arc::new(lock)) })
    }

    /// Opens a store beside the server that writes it, if there is one. It is never written.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open_beside(folder: &Path, clock: Clock) -> Result<Self, StoreError> {
        let unusable = |reason: &str| StoreError::Folder {
            path: folder.display().to_string(),
            reason: reason.to_owned(),
        };
        let file = folder.join(FILE);
        if !file.is_file() {
            return Err(unusable("it holds no data yet"));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        if schema::check(&connection)? == 0 {
            return Err(unusable("it holds no data yet"));
        }
        Ok(Self { connection: Arc::new(Mutex::new(connection)), clock, _lock: None })
    }

    /// Does some work in one transaction, on a thread that may wait for the disk.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.connection);
        let job = move || {
            let mut connection = shared.lock().map_err(|_poisoned| StoreError::Broken)?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // an error drops the transaction, which rolls it back
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        tokio::task::spawn_blocking(job).await.map_err(|_panicked| StoreError::Broken)?
    }

    /// Reads in one transaction, so that what is read belongs together.
    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.connection);
        let job = move || {
            let mut connection = shared.lock().map_err(|_poisoned| StoreError::Broken)?;
            let transaction = connection.transaction()?;
            read(&transaction)
        };
        tokio::task::spawn_blocking(job).await.map_err(|_panicked| StoreError::Broken)?
    }
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let unusable = |error: std::io::Error| StoreError::Folder {
        path: folder.display().to_string(),
        reason: error.to_string(),
    };
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Locked(folder.display().to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Settings of a connection. FULL: each commit is on the disk before anybody is told so.
fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_LIMIT)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

/// A day as it is stored.
fn number(day: Day) -> i32 {
    days_between(EPOCH, day)
}

/// A day as it was stored.
fn day(number: i32) -> Day {
    days_after(EPOCH, number)
}
