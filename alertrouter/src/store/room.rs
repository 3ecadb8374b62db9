//! Room on the disk: a quota of our own, and a ballast that is thrown out when the disk is full.
//!
//! What is new is refused first: a sender keeps it and comes again. What is accepted must still be told, and to remember
//! that it was told takes room, too: the pages above the quota, or on a full disk those that the ballast had.
//!
//! Invariants: with the ballast gone nothing new is taken, until there is room for it and as much again.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;

/// How much of the disk may be used, and how much is kept in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes of the ballast file; 0 is none.
    pub ballast: u64,
    /// Bytes that the store may have before nothing new is taken; none is the whole disk.
    pub quota: Option<u64>,
}

impl Default for Room {
    fn default() -> Self {
        Self { ballast: BALLAST, quota: None }
    }
}

/// More than the log that is not in the file yet, which needs as much room there, and some thousands of deliveries.
const BALLAST: u64 = 16 << 20;

/// A page of the database.
const PAGE: u64 = 4096;

/// Pages above the quota that are there for deliveries only.
const RESERVE: u64 = 1024;

/// Between two looks whether a full disk has room again.
const LOOK: Duration = Duration::from_secs(2);

/// The room of one folder.
pub(super) struct Rooms {
    room: Room,
    file: PathBuf,
    /// Since the last look while the ballast is gone.
    spent: Option<Instant>,
}

impl Rooms {
    /// Takes the ballast's room, if there is any.
    pub(super) fn new(folder: &Path, room: Room) -> Self {
        let mut rooms = Self { room, file: folder.join("ballast"), spent: None };
        rooms.refill();
        rooms
    }

    /// The hard limit of the database, deliveries included.
    pub(super) fn max_pages(&self) -> Option<i64> {
        self.room.quota.map(|quota| i64::try_from(quota / PAGE + RESERVE).unwrap_or(i64::MAX))
    }

    /// Whether nothing new is taken now.
    pub(super) fn is_short(&mut self, connection: Option<&Connection>) -> rusqlite::Result<bool> {
        if self.spent.is_some_and(|looked| looked.elapsed() >= LOOK) {
            self.refill();
        }
        if self.spent.is_some() {
            return Ok(true);
        }
        let (Some(quota), Some(connection)) = (self.room.quota, connection) else { return Ok(false) };
        let count = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        let used = count("page_count")? - count("freelist_count")?;
        Ok(used.cast_unsigned() >= quota / PAGE)
    }

    /// The disk is full: throws the ballast out.
    pub(super) fn spend(&mut self) {
        if self.room.ballast == 0 || self.spent.is_some() {
            return;
        }
        self.spent = Some(Instant::now());
        match std::fs::remove_file(&self.file) {
            Ok(()) => tracing::warn!(
                bytes = self.room.ballast,
                "the disk is full; the ballast makes room for deliveries"
            ),
            Err(error) => tracing::debug!(%error, "there was no ballast"),
        }
    }

    fn refill(&mut self) {
        if self.room.ballast == 0 {
            return;
        }
        match fill(&self.file, self.room.ballast) {
            Ok(()) => self.spent = None,
            Err(error) => {
                tracing::debug!(%error, "no room for the ballast");
                drop(std::fs::remove_file(&self.file));
                self.spent = Some(Instant::now());
            }
        }
    }
}

/// Writes real bytes, and as many again for a moment: with just enough room the disk would be full again at once.
fn fill(file: &Path, bytes: u64) -> std::io::Result<()> {
    if std::fs::metadata(file).is_ok_and(|known| known.len() == bytes) {
        return Ok(());
    }
    let mut out = File::create(file)?;
    let piece = vec![0x42; 1 << 20];
    let mut left = bytes * 2;
    while left > 0 {
        let some = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        out.write_all(piece.get(..some).unwrap_or(&piece))?;
        left -= some as u64;
    }
    out.sync_all()?;
    out.set_len(bytes)
}
