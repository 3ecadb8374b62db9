//! Keys as samples.

use tokio::time::Instant;
use toolkit::expo::{Desc, Kind};

use super::details::{Details, Value};
use super::found::Found;
use super::groups::Groups;
use super::spec::KeySpec;
use crate::output::Output;
use crate::streams::{self, Stream};

const SIZE: Desc<'_> = Desc {
    name: "key_size",
    help: "Length of the key's value, or how much it holds; 0 for a key with a name that is not there (STRLEN, LLEN, \
           SCARD, ZCARD, HLEN, XLEN, PFCOUNT, ARCOUNT).",
    kind: Kind::Gauge,
    labels: &["db", "key"],
};
const MEMORY: Desc<'_> = Desc {
    name: "key_memory_usage_bytes",
    help: "Memory of the key and its value; of one that holds much, estimated (MEMORY USAGE).",
    ..SIZE
};
const VALUE: Desc<'_> =
    Desc { name: "key_value", help: "The key's value, where it is a number (GETRANGE).", ..SIZE };
const VALUE_AS_STRING: Desc<'_> = Desc {
    name: "key_value_as_string",
    help: "Always 1; val is the key's value, or its first 256 bytes, where it is no number (GETRANGE).",
    kind: Kind::Gauge,
    labels: &["db", "key", "val"],
};
const COUNT: Desc<'_> =
    Desc { name: "keys_count", help: "Keys that match the pattern, which key is (SCAN).", ..SIZE };
const GROUP_COUNT: Desc<'_> = Desc {
    name: "key_group_count",
    help: "Keys of the group (SCAN).",
    kind: Kind::Gauge,
    labels: &["db", "key_group"],
};
const GROUP_MEMORY: Desc<'_> = Desc {
    name: "key_group_memory_usage_bytes",
    help: "Memory of the group's keys (MEMORY USAGE).",
    ..GROUP_COUNT
};
const DISTINCT_GROUPS: Desc<'_> = Desc {
    name: "number_of_distinct_key_groups",
    help: "Groups of keys in the database, also those that are shown together as overflow (SCAN).",
    kind: Kind::Gauge,
    labels: &["db"],
};
const TOP_MEMORY: Desc<'_> = Desc {
    name: "top_key_memory_usage_bytes",
    help: "Memory of the keys of the database that take most (MEMORY USAGE of all keys).",
    ..SIZE
};
const TOP_SIZE: Desc<'_> = Desc {
    name: "top_key_size",
    help: "Length of those keys' values, or how much they hold (STRLEN, LLEN, SCARD, ZCARD, HLEN, XLEN).",
    ..SIZE
};
const AGE: Desc<'_> = Desc {
    name: "keys_scan_age_seconds",
    help: "How long ago the pass over the keys ended that found what is shown of patterns, groups and the biggest keys.",
    kind: Kind::Gauge,
    labels: &[],
};
const DURATION: Desc<'_> =
    Desc { name: "keys_scan_duration_seconds", help: "How long that pass took.", ..AGE };
const SERVER_TIME: Desc<'_> = Desc {
    name: "keys_scan_server_seconds",
    help: "How much of the server's time that pass took, by its own clock (TIME).",
    ..AGE
};
const SCANNED: Desc<'_> =
    Desc { name: "keys_scan_keys", help: "Keys that were looked at in that pass (SCAN).", ..AGE };
const DROPPED: Desc<'_> = Desc {
    name: "keys_scan_dropped",
    help: "What that pass found and is not shown, since --check-keys-limit was reached: keys; streams, with groups \
           and consumers of shown ones.",
    kind: Kind::Gauge,
    labels: &["kind"],
};

/// All that can be written.
pub fn metrics() -> Vec<Desc<'static>> {
    let keys = [SIZE, MEMORY, VALUE, VALUE_AS_STRING, COUNT, GROUP_COUNT, GROUP_MEMORY, DISTINCT_GROUPS];
    let ours = [TOP_MEMORY, TOP_SIZE, AGE, DURATION, SERVER_TIME, SCANNED, DROPPED];
    keys.into_iter().chain(ours).chain(streams::metrics()).collect()
}

/// Keys and streams that were asked for by name; `now` is in Unix seconds.
pub fn singles(
    keys: &[(KeySpec, Details)],
    streams: &[(KeySpec, Stream)],
    now: f64,
    output: &mut Output<'_>,
) {
    for (spec, details) in keys {
        key(spec, details, output);
    }
    for (spec, stream) in streams {
        let (db, key) = labels(spec);
        streams::write(stream, &db, &key, now, output);
    }
}

/// What a pass found; `empty` are the databases that it had no keys to find in. Times are in Unix seconds and ours.
pub fn found(found: &Found, empty: &[u32], (unix, now): (f64, Instant), output: &mut Output<'_>) {
    for (spec, count) in &found.counts {
        let (db, key) = labels(spec);
        output.add(&COUNT, &[&db, &key], float(*count));
    }
    singles(&found.keys, &found.streams, unix, output);
    for (spec, details) in &found.top {
        let (db, key) = labels(spec);
        output.add(&TOP_MEMORY, &[&db, &key], details.memory);
        output.add(&TOP_SIZE, &[&db, &key], details.size);
    }
    for (db, of_db) in &found.groups {
        groups(&format!("db{db}"), of_db, output);
    }
    if !found.groups.is_empty() {
        for db in empty.iter().filter(|db| !found.groups.iter().any(|(other, _)| other == *db)) {
            output.add(&DISTINCT_GROUPS, &[&format!("db{db}")], 0.0);
        }
    }
    output.set(&AGE, now.saturating_duration_since(found.ended).as_secs_f64());
    output.set(&DURATION, found.took.as_secs_f64());
    output.set(&SERVER_TIME, found.spent.as_secs_f64());
    output.set(&SCANNED, float(found.scanned));
    output.add(&DROPPED, &["keys"], float(found.dropped.keys));
    output.add(&DROPPED, &["streams"], float(found.dropped.streams));
}

fn key(spec: &KeySpec, details: &Details, output: &mut Output<'_>) {
    let (db, key) = labels(spec);
    output.add(&MEMORY, &[&db, &key], details.memory);
    output.add(&SIZE, &[&db, &key], details.size);
    match &details.value {
        Some(Value::Number(number)) => output.add(&VALUE, &[&db, &key], *number),
        Some(Value::Text(text)) => output.add(&VALUE_AS_STRING, &[&db, &key, text], 1.0),
        None => {}
    }
}

fn groups(db: &str, groups: &Groups, output: &mut Output<'_>) {
    for (name, sum) in &groups.shown {
        let name = String::from_utf8_lossy(name);
        output.add(&GROUP_COUNT, &[db, &name], float(sum.count));
        output.add(&GROUP_MEMORY, &[db, &name], float(sum.memory));
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 are held")]
    output.add(&DISTINCT_GROUPS, &[db], groups.distinct as f64);
}

fn labels(spec: &KeySpec) -> (String, String) {
    (format!("db{}", spec.db), String::from_utf8_lossy(&spec.key).into_owned())
}

#[expect(clippy::cast_precision_loss, reason = "no server has 2^53 keys or bytes")]
fn float(number: u64) -> f64 {
    number as f64
}
