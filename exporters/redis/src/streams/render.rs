//! Streams as samples.

use toolkit::expo::{Desc, Kind};

use super::{Read, Stream};
use crate::output::Output;

const LENGTH: Desc<'_> = Desc {
    name: "stream_length",
    help: "Entries in the stream (XINFO STREAM length).",
    kind: Kind::Gauge,
    labels: &["db", "stream"],
};
const GROUP: Desc<'_> = Desc {
    name: "stream_group_consumers",
    help: "Consumers of the group (XINFO GROUPS consumers).",
    kind: Kind::Gauge,
    labels: &["db", "stream", "group"],
};
const CONSUMER_PENDING: Desc<'_> = Desc {
    name: "stream_group_consumer_messages_pending",
    help: "Entries delivered to the consumer and not acknowledged (XINFO CONSUMERS pending).",
    kind: Kind::Gauge,
    labels: &["db", "stream", "group", "consumer"],
};
const CONSUMER_IDLE: Desc<'_> = Desc {
    name: "stream_group_consumer_idle_seconds",
    help: "How long ago the consumer last asked for entries (XINFO CONSUMERS idle).",
    ..CONSUMER_PENDING
};
const LAG_KNOWN: Desc<'_> = Desc {
    name: "stream_group_lag_known",
    help: "Whether the server knows the group's lag: not before Redis 7, and not after entries were deleted that the \
           group had still to get. Then there is no stream_group_lag (XINFO GROUPS lag).",
    ..GROUP
};
const OLDEST_PENDING: Desc<'_> = Desc {
    name: "stream_group_oldest_pending_age_seconds",
    help: "Age of the oldest entry that was delivered and not acknowledged, by its id, where ids are times \
           (XPENDING).",
    ..GROUP
};

/// XINFO's name of a field, how it is read, and what it is shown as.
pub(super) type Field = (&'static str, Read, Desc<'static>);

const fn of_stream(name: &'static str, help: &'static str) -> Desc<'static> {
    Desc { name, help, ..LENGTH }
}

const fn of_group(name: &'static str, help: &'static str) -> Desc<'static> {
    Desc { name, help, ..GROUP }
}

const fn counter(desc: Desc<'static>) -> Desc<'static> {
    Desc { kind: Kind::Counter, ..desc }
}

pub(super) const STREAM: [Field; 15] = [
    ("length", Read::Number, LENGTH),
    (
        "radix-tree-keys",
        Read::Number,
        of_stream(
            "stream_radix_tree_keys",
            "Keys of the stream's radix tree (XINFO STREAM radix-tree-keys).",
        ),
    ),
    (
        "radix-tree-nodes",
        Read::Number,
        of_stream(
            "stream_radix_tree_nodes",
            "Nodes of the stream's radix tree (XINFO STREAM radix-tree-nodes).",
        ),
    ),
    ("groups", Read::Number, of_stream("stream_groups", "Groups of the stream (XINFO STREAM groups).")),
    (
        "last-generated-id",
        Read::Id,
        of_stream(
            "stream_last_generated_id",
            "Milliseconds of the newest id (XINFO STREAM last-generated-id).",
        ),
    ),
    (
        "max-deleted-entry-id",
        Read::Id,
        of_stream(
            "stream_max_deleted_entry_id",
            "Milliseconds of the greatest id that was deleted (XINFO STREAM max-deleted-entry-id, Redis 7).",
        ),
    ),
    (
        "entries-added",
        Read::Number,
        counter(of_stream(
            "stream_entries_added_total",
            "Entries ever added to the stream (XINFO STREAM entries-added, Redis 7).",
        )),
    ),
    (
        "first-entry",
        Read::EntryId,
        of_stream(
            "stream_first_entry_id",
            "Milliseconds of the first entry's id; 0 for none (XINFO STREAM first-entry).",
        ),
    ),
    (
        "last-entry",
        Read::EntryId,
        of_stream(
            "stream_last_entry_id",
            "Milliseconds of the last entry's id; 0 for none (XINFO STREAM last-entry).",
        ),
    ),
    (
        "idmp-duration",
        Read::Number,
        of_stream(
            "stream_idmp_duration_seconds",
            "How long ids of idempotent producers are kept (XINFO STREAM idmp-duration, Redis 8.6).",
        ),
    ),
    (
        "idmp-maxsize",
        Read::Number,
        of_stream(
            "stream_idmp_max_size",
            "Most ids kept for an idempotent producer (XINFO STREAM idmp-maxsize, Redis 8.6).",
        ),
    ),
    (
        "pids-tracked",
        Read::Number,
        of_stream(
            "stream_idmp_producer_ids_tracked",
            "Idempotent producers that are known (XINFO STREAM pids-tracked, Redis 8.6).",
        ),
    ),
    (
        "iids-tracked",
        Read::Number,
        of_stream(
            "stream_idmp_idempotent_ids_tracked",
            "Ids of idempotent producers that are known (XINFO STREAM iids-tracked, Redis 8.6).",
        ),
    ),
    (
        "iids-added",
        Read::Number,
        counter(of_stream(
            "stream_idmp_entries_added_total",
            "Entries added by idempotent producers (XINFO STREAM iids-added, Redis 8.6).",
        )),
    ),
    (
        "iids-duplicates",
        Read::Number,
        counter(of_stream(
            "stream_idmp_duplicates_total",
            "Entries of idempotent producers that were there already (XINFO STREAM iids-duplicates, Redis 8.6).",
        )),
    ),
];

pub(super) const GROUPS: [Field; 6] = [
    ("consumers", Read::Number, GROUP),
    (
        "pending",
        Read::Number,
        of_group(
            "stream_group_messages_pending",
            "Entries delivered to the group and not acknowledged (XINFO GROUPS pending).",
        ),
    ),
    (
        "last-delivered-id",
        Read::Id,
        of_group(
            "stream_group_last_delivered_id",
            "Milliseconds of the last id that the group was given (XINFO GROUPS last-delivered-id).",
        ),
    ),
    (
        "entries-read",
        Read::Number,
        of_group(
            "stream_group_entries_read",
            "Entries that the group was given, where the server knows (XINFO GROUPS entries-read, Redis 7).",
        ),
    ),
    (
        "lag",
        Read::Number,
        of_group(
            "stream_group_lag",
            "Entries that the group has still to get, where the server knows (XINFO GROUPS lag, Redis 7).",
        ),
    ),
    (
        "nacked-count",
        Read::Number,
        of_group(
            "stream_group_messages_nacked",
            "Entries that consumers of the group gave back (XINFO GROUPS nacked-count, Redis 8.8).",
        ),
    ),
];

/// Where [`GROUPS`] has what is pending, and what lags.
pub(super) const PENDING: usize = 1;
const LAG: usize = 4;

/// Ids before 2001 are not times: streams can be given ids of any kind.
const FIRST_TIME: f64 = 978_307_200_000.0;

/// Milliseconds of a second.
const MILLISECONDS: f64 = 1e3;

/// All that can be written.
pub fn metrics() -> Vec<Desc<'static>> {
    let tables = STREAM.iter().chain(&GROUPS).map(|(_, _, desc)| *desc);
    tables.chain([LAG_KNOWN, OLDEST_PENDING, CONSUMER_PENDING, CONSUMER_IDLE]).collect()
}

/// Writes a stream; `now` is in Unix seconds.
pub fn write(stream: &Stream, db: &str, key: &str, now: f64, output: &mut Output<'_>) {
    for (index, value) in &stream.fields {
        if let Some((_, _, desc)) = STREAM.get(*index) {
            output.add(desc, &[db, key], *value);
        }
    }
    for group in &stream.groups {
        let name = String::from_utf8_lossy(&group.name);
        let labels = [db, key, &name];
        for (index, value) in &group.fields {
            if let Some((_, _, desc)) = GROUPS.get(*index) {
                output.add(desc, &labels, *value);
            }
        }
        let lag_known = group.fields.iter().any(|(index, _)| *index == LAG);
        output.add(&LAG_KNOWN, &labels, f64::from(lag_known));
        let oldest = group.oldest_pending.filter(|oldest| *oldest >= FIRST_TIME);
        output.add(&OLDEST_PENDING, &labels, oldest.map(|oldest| (now - oldest / MILLISECONDS).max(0.0)));
        for consumer in &group.consumers {
            let labels = [db, key, &name, &consumer.name];
            output.add(&CONSUMER_PENDING, &labels, consumer.pending);
            output.add(&CONSUMER_IDLE, &labels, consumer.idle_milliseconds.map(|idle| idle / MILLISECONDS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_table_are_what_they_are_named_for() {
        assert_eq!((GROUPS[PENDING].0, GROUPS[LAG].0), ("pending", "lag"));
    }
}
