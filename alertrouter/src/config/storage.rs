//! `storage`: our own keys about what is kept, and how much of the disk that may take.

use std::time::Duration;

use toolkit::config::Fields;

use crate::store::{Limits, Room};

/// How long a group is remembered after all of it was resolved: its thread can go on so long.
const RESOLVED: Duration = Duration::from_hours(14 * 24);

/// Bytes of requests that are kept for people who ask what came in.
const INBOX_BYTES: u64 = 256 << 20;

/// Rows in the log of deliveries.
const DELIVERIES: u32 = 100_000;

pub(super) fn decode(fields: Option<Fields<'_>>) -> (Limits, Room) {
    let mut limits = Limits { resolved: RESOLVED, inbox_bytes: INBOX_BYTES, deliveries: DELIVERIES };
    let mut room = Room::default();
    if let Some(mut storage) = fields {
        limits.resolved = storage.duration("resolved_retention").unwrap_or(limits.resolved);
        limits.inbox_bytes = bytes(&mut storage, "inbox_bytes").unwrap_or(limits.inbox_bytes);
        room.ballast = bytes(&mut storage, "ballast_bytes").unwrap_or(room.ballast);
        room.quota = bytes(&mut storage, "max_bytes");
        if room.quota.is_some_and(|quota| quota < LEAST) {
            storage.problem("max_bytes", "max_bytes must be at least 1 MiB (1048576)");
        }
    }
    (limits, room)
}

/// The empty tables are some 100 KiB.
const LEAST: u64 = 1 << 20;

fn bytes(fields: &mut Fields<'_>, key: &str) -> Option<u64> {
    fields.integer(key, 0..=i64::MAX).map(i64::cast_unsigned)
}
