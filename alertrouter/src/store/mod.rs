//! The durable store: what is accepted is on the disk before anybody is told so.
//!
//! ```text
//! accept ─┐                      ┌─ state of alerts, outbox rows, inbox
//! begin  ─┼─ queue → one writer ─┼─ lease of a lane
//! finish ─┘   (group commit)     └─ what was told, or when to try again
//! due, view, counts ── reading connection, beside the writer
//! ```
//!
//! SQLite now; everything else in this program talks to [`Store`]'s methods and knows no SQL, so that another
//! database can stand behind them.
//!
//! Invariants: one writer per folder (a lock file keeps a second process out); a full queue or a failing disk is an
//! error at once, never a wait without end; the reader never blocks the writer.

mod accept;
mod checkpoint;
mod dead;
mod held;
pub mod history;
mod lanes;
mod record;
mod room;
mod schema;
mod storms;
mod view;
mod watch;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Notify, mpsc, oneshot};

pub use accept::{Accept, Accepted, Origin, Routed, TargetPolicy, content_hash};
use checkpoint::Checkpointer;
pub use dead::{DeadLetter, DeadLetters, Pick, Picked};
pub use held::{HeldGroup, HeldRow, Hold};
pub use lanes::{Due, Finish, Outcome};
pub use record::{Limits, Pruned};
pub use room::Room;
use room::Rooms;
pub use storms::{CardEnd, Crowding, Kind, Storm, StormView};
pub use view::{Counts, LiveAlert, Sent, TargetCounts, View};
pub use watch::{Facts, InternalAlert, Trouble};
use writer::{Message, Session, Task, Writer};

/// Jobs that may wait for the writer; with more, the sender is told to come back.
const QUEUE: usize = 1024;

/// The database's file in the storage folder.
const FILE: &str = "alertrouter.db";

/// A handle to the store; clones share it.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Message>,
    writing: Arc<Mutex<Option<JoinHandle<()>>>>,
    checkpointer: Arc<Checkpointer>,
    reader: Arc<Mutex<Connection>>,
    changed: Arc<Notify>,
    health: Arc<Mutex<Option<String>>>,
}

/// How a store is opened.
pub struct Options {
    /// The folder.
    pub path: PathBuf,
    /// How much of the disk it may use.
    pub room: Room,
    /// Told the size and the time of each commit.
    pub observe: Box<dyn Fn(usize, Duration) + Send>,
}

/// Why the store did not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too much is waiting.
    #[error("too many requests wait for the disk")]
    Busy,
    /// No room.
    #[error("the disk is full")]
    Full,
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
        "storage folder {0} is used by another alertrouter; hint: stop it, or choose another --storage.path"
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
    /// Written by an older version.
    #[error(
        "the store has schema {found}, this program knows {known}; hint: start this version's server once"
    )]
    TooOld {
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// One statement failed: a mistake of ours.
    #[error("a statement failed: {0}")]
    Statement(String),
    /// The store is shut.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// The closed set of names for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Full => "full",
            Self::Io(_) => "io",
            Self::Folder { .. } => "folder",
            Self::Locked(_) => "locked",
            Self::TooNew { .. } => "too_new",
            Self::TooOld { .. } => "too_old",
            Self::Statement(_) => "statement",
            Self::Closed => "closed",
        }
    }
}

impl Store {
    /// Opens (or makes) the store in a folder. What was in flight when the program last died is due again, in doubt.
    pub fn open(options: Options) -> Result<Self, StoreError> {
        let folder = &options.path;
        let lock = Arc::new(lock(folder)?);
        let changed = Arc::new(Notify::new());
        let health = Arc::new(Mutex::new(None));
        let writer = Writer {
            file: folder.join(FILE),
            rooms: Rooms::new(folder, options.room),
            changed: changed.clone(),
            health: health.clone(),
            lock,
            observe: options.observe,
        };
        let first = writer.open()?;
        lanes::recover(&first.connection).map_err(|error| StoreError::of(&error))?;
        let reader = open_reader(&writer.file)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let checkpointer = Arc::new(Checkpointer::start(&writer.file, jobs.downgrade())?);
        let writing = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(queue, first))
            .map_err(|error| StoreError::Io(error.to_string()))?;
        let writing = Arc::new(Mutex::new(Some(writing)));
        Ok(Self { jobs, writing, checkpointer, reader: Arc::new(Mutex::new(reader)), changed, health })
    }

    /// Why the store cannot be written now, if it cannot.
    pub fn problem(&self) -> Option<String> {
        self.health.lock().ok().and_then(|health| health.clone())
    }

    /// Returns when something was committed that may make a lane due.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Writes nothing, but through the whole way: tells whether the disk works (again).
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.write(|session| session.connection.pragma_update(None, "application_id", APPLICATION)).await
    }

    /// Does what is queued, then closes the file, so that another process can open it.
    pub async fn close(&self) {
        // an error means that it is closed already
        drop(self.jobs.send(Message::Stop).await);
        let writing = self.writing.lock().ok().and_then(|mut writing| writing.take());
        let checkpointer = self.checkpointer.clone();
        if let Some(writing) = writing {
            let joined = tokio::task::spawn_blocking(move || {
                checkpointer.stop();
                writing.join()
            })
            .await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the store's writer panicked");
            }
        }
    }

    /// Does some work in the next transaction; returns when it is on the disk.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Session) -> rusqlite::Result<T> + Send + 'static,
    {
        self.write_some(false, work).await
    }

    /// The same for what is refused first when room is short.
    async fn write_new<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Session) -> rusqlite::Result<T> + Send + 'static,
    {
        self.write_some(true, work).await
    }

    async fn write_some<T, F>(&self, is_new: bool, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Session) -> rusqlite::Result<T> + Send + 'static,
    {
        let (waiter, answer) = oneshot::channel();
        let task = Task { work, is_new, result: None, waiter };
        self.checkpointer.wrote();
        self.jobs.try_send(Message::Do(Box::new(task))).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Reads beside the writer, in one transaction, so that what is read belongs together.
    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let reader = self.reader.clone();
        let work = move || {
            let mut connection = reader.lock().map_err(|_| StoreError::Closed)?;
            let result = connection.transaction().and_then(|transaction| read(&transaction));
            result.map_err(|error| StoreError::of(&error))
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)?
    }
}

/// Marks the file as ours: `WFar`.
const APPLICATION: i32 = 0x5746_6172;

fn lock(folder: &Path) -> Result<File, StoreError> {
    let unusable = |error: std::io::Error| StoreError::Folder {
        path: folder.display().to_string(),
        reason: error.to_string(),
    };
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Locked(folder.display().to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(unusable(error)),
    }
}

fn open_reader(file: &Path) -> Result<Connection, StoreError> {
    let connection = open_for(file)?;
    connection.pragma_update(None, "query_only", true).map_err(|error| StoreError::of(&error))?;
    Ok(connection)
}

/// Another connection to a file that is there.
fn open_for(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(|error| StoreError::of(&error))?;
    writer::prepare(&connection, None).map_err(|error| StoreError::of(&error))?;
    Ok(connection)
}
