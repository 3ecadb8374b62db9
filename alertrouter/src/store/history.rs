//! What came in, read beside the program that owns the store.
//!
//! Invariant: nothing is written, not even a lock that another process would wait for.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::FILE;
use crate::labels::Labels;
use crate::payload::Payload;

/// The label sets of all alerts in the requests that are kept; a request that is no payload is left out.
///
/// # Errors
/// There is no store, or it cannot be read.
pub fn label_sets(folder: &Path) -> rusqlite::Result<BTreeSet<Labels>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder.join(FILE), flags)?;
    let mut bodies = connection.prepare("SELECT body FROM inbox ORDER BY id")?;
    let mut rows = bodies.query([])?;
    let mut sets = BTreeSet::new();
    while let Some(row) = rows.next()? {
        if let Ok(payload) = Payload::parse(row.get_ref(0)?.as_bytes()?) {
            sets.extend(payload.alerts.into_iter().map(|alert| alert.labels));
        }
    }
    Ok(sets)
}
