//! Dead letters, for a person with a shell: list them, try them again, drop them.
//!
//! This opens the file beside a program that may be running. That is safe, because SQLite lets one write at a time and
//! only `outbox` and `dead_letters` are touched, of which the program keeps nothing in memory; it looks at the outbox
//! every few seconds by itself.
//!
//! Invariants: a letter leaves in the same transaction in which its lane is due again; a file of another version is
//! never touched.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};

use super::{FILE, StoreError, schema, writer};
use crate::labels::Labels;
use crate::moment::Moment;

/// The dead letters of a folder.
pub struct DeadLetters {
    connection: Connection,
}

/// One delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number.
    pub id: i64,
    /// receiver/integration/index
    pub target: String,
    /// The labels that name the group.
    pub labels: Labels,
    /// When it was given up.
    pub at: Moment,
    /// Since when it had waited.
    pub created_at: Moment,
    /// Failed attempts.
    pub attempts: u32,
    /// The closed reason.
    pub reason: String,
    /// What the target said.
    pub detail: String,
}

/// Which of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// All there are.
    All,
    /// These.
    Ids(Vec<i64>),
}

/// What became of those that were picked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picked {
    /// Done as asked.
    pub done: usize,
    /// There is no such letter.
    pub unknown: Vec<i64>,
    /// Their groups are forgotten, so there is nothing to tell any more.
    pub forgotten: Vec<i64>,
}

impl DeadLetters {
    /// Opens the store in a folder, which must be there.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let file = folder.join(FILE);
        let missing = |reason: String| StoreError::Folder { path: folder.display().to_string(), reason };
        if !file.exists() {
            return Err(missing("there is no store in it".to_owned()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&file, flags).map_err(|error| missing(error.to_string()))?;
        writer::prepare(&connection, None).map_err(|error| StoreError::of(&error))?;
        schema::check(&connection).map_err(|error| StoreError::of(&error))??;
        Ok(Self { connection })
    }

    /// All of them, the oldest first.
    pub fn list(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let list = || {
            self.connection
                .prepare(
                    "SELECT id, target, labels, at, created_at, attempts, reason, detail
                     FROM dead_letters ORDER BY id",
                )?
                .query_map([], |row| {
                    Ok(DeadLetter {
                        id: row.get(0)?,
                        target: row.get(1)?,
                        labels: serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or_default(),
                        at: Moment(row.get(3)?),
                        created_at: Moment(row.get(4)?),
                        attempts: row.get(5)?,
                        reason: row.get(6)?,
                        detail: row.get(7)?,
                    })
                })?
                .collect::<rusqlite::Result<_>>()
        };
        list().map_err(|error| StoreError::of(&error))
    }

    /// Makes their lanes due again; each tells the state of its group at the time it is sent.
    pub fn retry(&mut self, pick: &Pick, now: Moment) -> Result<Picked, StoreError> {
        self.each(pick, |transaction, id, picked| {
            let lane = transaction.execute(
                "INSERT INTO outbox (thread_id, target, kind, reason, again, revision, created_at, due_at)
                 SELECT thread_id, dead_letters.target, 'sync', 'retry', 1, 1, ?2, ?2
                 FROM dead_letters JOIN threads ON threads.id = thread_id WHERE dead_letters.id = ?1
                 ON CONFLICT (thread_id) WHERE kind = 'sync' DO UPDATE SET
                     again = 1, revision = revision + 1, due_at = min(due_at, ?2)",
                params![id, now.0],
            )?;
            if lane == 0 {
                picked.forgotten.push(id);
                return Ok(());
            }
            picked.done += transaction.execute("DELETE FROM dead_letters WHERE id = ?", [id])?;
            Ok(())
        })
    }

    /// Forgets them.
    pub fn drop(&mut self, pick: &Pick) -> Result<Picked, StoreError> {
        self.each(pick, |transaction, id, picked| {
            picked.done += transaction.execute("DELETE FROM dead_letters WHERE id = ?", [id])?;
            Ok(())
        })
    }

    fn each(
        &mut self,
        pick: &Pick,
        mut act: impl FnMut(&Transaction<'_>, i64, &mut Picked) -> rusqlite::Result<()>,
    ) -> Result<Picked, StoreError> {
        let mut work = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let known: Vec<i64> = transaction
                .prepare("SELECT id FROM dead_letters ORDER BY id")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let mut picked = Picked::default();
            let ids = match pick {
                Pick::All => &known,
                Pick::Ids(ids) => ids,
            };
            for id in ids {
                if known.binary_search(id).is_ok() {
                    act(&transaction, *id, &mut picked)?;
                } else {
                    picked.unknown.push(*id);
                }
            }
            transaction.commit()?;
            Ok(picked)
        };
        work().map_err(|error| StoreError::of(&error))
    }
}
