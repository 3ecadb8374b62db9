//! Every metric that redis_exporter shows of the same servers, with its type and its labels, in every version.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Error;
use std::time::Duration;

use kit::eventually;
use kit::redis::Version;

use crate::peer::{self, Everything, Recorded};
use crate::support::{Page, exporter, page};
use crate::versions::{Stage, Watched};

/// What the peer shows and we do not, on purpose: (part of the stage's name, begin of a line, reason).
const NOT_SHOWN: &[(&str, &str, &str)] = &[
    (
        "",
        "redis_db_keys_cached ",
        "`subexpiry` under KeyDB's name; here it is redis_db_keys_with_expiring_items",
    ),
    ("-sentinel", "redis_db_keys", "a Sentinel has no databases: the peer makes up sixteen"),
    ("redis-5.0", "redis_connected_client_total_memory_consumed_bytes", NOT_TOLD),
    ("redis-5.0", "redis_stream_group_entries_read", NOT_TOLD),
    ("redis-5.0", "redis_stream_group_lag", NOT_TOLD),
    ("redis-5.0", "redis_stream_max_deleted_entry_id", NOT_TOLD),
    ("redis-6.2", "redis_stream_group_entries_read", NOT_TOLD),
    ("redis-6.2", "redis_stream_group_lag", NOT_TOLD),
    ("redis-6.2", "redis_stream_max_deleted_entry_id", NOT_TOLD),
    ("redis-7.0-replica", "redis_stream_group_entries_read", NOT_TOLD),
];

/// Where the server does not say.
const NOT_TOLD: &str = "the server does not tell it: the peer makes up a 0";

/// What is told otherwise than by the peer, or is not the same a moment later: (part of the stage's name, begin of a
/// series, reason).
const OTHER_VALUES: &[(&str, &str, &str)] = &[
    ("", "process_", "each its own"),
    ("", "redis_exporter_", "each its own"),
    ("", "redis_target_scrape_request_errors_total", "each its own"),
    ("", "redis_connected_client_", "clients come and go"),
    ("", "redis_allocator_", "clients come and go"),
    ("", "redis_mem_fragmentation_", "clients come and go"),
    ("", "redis_client_recent_max_", "clients come and go"),
    ("", "redis_mem_clients_normal", "clients come and go"),
    ("", "redis_memory_used_", "clients come and go"),
    ("", "redis_instantaneous_eventloop_", "goes on meanwhile"),
    ("", "redis_cluster_stats_", "goes on meanwhile"),
    ("", "redis_cluster_messages_", "goes on meanwhile"),
    ("", "redis_connected_slave_offset_bytes", "goes on meanwhile"),
    ("", "redis_last_key_groups_scrape_duration_milliseconds", "each its own"),
    ("", "redis_config_key_value{key=\"masteruser\"", "who it is at its primary is a secret"),
    ("", "redis_config_key_value{key=\"primaryuser\"", "who it is at its primary is a secret"),
    ("", "redis_config_key_value{key=\"primaryauth\"", "the peer hides only the older name, masterauth"),
    ("-cluster", "redis_keys_count", "of the whole cluster; the peer asks one node"),
    ("-cluster", "redis_number_of_distinct_key_groups", "of the whole cluster; the peer asks one node"),
    ("-cluster", "redis_key_group_", "of the whole cluster; the peer asks one node"),
    ("valkey", "redis_instance_info{", "its mode is called server_mode, which the peer does not read"),
    (
        "-sentinel",
        "redis_sentinel_config_key_value{key=\"sentinel-",
        "who it is at other Sentinels is a secret",
    ),
    ("-sentinel", "redis_hz", "changes at random with every round"),
    ("-sentinel", "redis_configured_hz", "changes at random with every round"),
    ("-sentinel", "redis_sentinel_master_ckquorum_status{", "the message is a word, not a sentence"),
];

/// How far two gauges of a living server may be apart. A counter may be higher in ours, who come later.
const NEAR: f64 = 0.05;

/// How long the first pass over the keys may take; it takes some 10 ms.
const FIRST_PASS: Duration = Duration::from_secs(20);

async fn conforms(watched: Watched, version: Version) {
    let stage = Stage::start(watched, version).await;
    let beside_peer = std::env::var_os("WATCHFIRE_BESIDE_PEER").is_some();
    if beside_peer {
        peer::record(&stage).await;
    }
    let (recorded, everything) = (Recorded::read(&stage), Everything::on(&stage));
    for (arguments, recorded) in [(&[][..], recorded.default), (&everything.arguments, recorded.all)] {
        let theirs = if beside_peer { Some(peer::page(&stage, arguments).await) } else { None };
        let ours = whole_page(&stage, arguments, &recorded).await;
        if let Some(theirs) = theirs {
            assert_same_values(&stage, &theirs, &ours);
        }
    }
}

/// Our page as soon as nothing is missing: what is found by looking through the keys comes with the first scrape after
/// that has been done.
async fn whole_page(stage: &Stage, more: &[String], recorded: &BTreeSet<String>) -> Page {
    let arguments = [&stage.arguments(), more].concat();
    let exporter = exporter(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut lacking = Vec::new();
    let whole = eventually(FIRST_PASS, "all of redis_exporter's metrics", async || {
        let page = page(&exporter, "/metrics").await;
        lacking = missing(stage, &page, recorded);
        if lacking.is_empty() { Ok(page) } else { Err(Error::other("not whole").into()) }
    });
    let whole = whole.await;
    exporter.stop().await;
    assert!(lacking.is_empty(), "{} with {more:?} lacks {lacking:#?}", stage.name());
    whole.unwrap()
}

fn missing(stage: &Stage, page: &Page, recorded: &BTreeSet<String>) -> Vec<String> {
    let shown = page.shapes();
    let missing = recorded.difference(&shown);
    missing.filter(|shape| !is_listed(NOT_SHOWN, stage, shape)).cloned().collect()
}

fn is_listed(table: &[(&str, &str, &str)], stage: &Stage, line: &str) -> bool {
    let name = stage.name();
    table.iter().any(|(part, begin, _)| name.contains(part) && line.starts_with(begin))
}

/// The peer has looked a moment earlier.
fn assert_same_values(stage: &Stage, theirs: &Page, ours: &Page) {
    let counters = counters(ours);
    let [theirs, ours] = [theirs, ours].map(|page| series(page).collect::<BTreeMap<_, _>>());
    let differences: Vec<String> = theirs
        .iter()
        .filter(|(series, value)| !value.is_nan() && !is_listed(OTHER_VALUES, stage, series))
        .filter(|(series, _)| !is_listed(NOT_SHOWN, stage, &series.replace('{', " ")))
        .filter(|(series, _)| calls(&theirs, series) == calls(&ours, series))
        .filter_map(|(series, theirs)| match ours.get(series) {
            Some(ours) if is_near(*ours, *theirs) => None,
            Some(ours) if ours > theirs && is_one_of(&counters, series) => None,
            ours => Some(format!("{series}: theirs {theirs}, ours {ours:?}")),
        })
        .collect();
    assert!(differences.is_empty(), "{}: {differences:#?}", stage.name());
}

/// How many calls a quantile is of: with each that an exporter makes, it changes.
fn calls<'a>(page: &'a BTreeMap<String, f64>, series: &str) -> Option<&'a f64> {
    let (name, rest) = series.split_once('{')?;
    let (command, _) = rest.split_once(",quantile=")?;
    page.get(&format!("{name}_count{{{command}}}"))
}

/// The families of a page that only grow.
fn counters(page: &Page) -> HashSet<String> {
    let families = page.0.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let growing = families.flat_map(|(name, kind)| match kind {
        "counter" => vec![name.to_owned()],
        "histogram" | "summary" => ["_bucket", "_count", "_sum"].map(|part| name.to_owned() + part).to_vec(),
        _ => Vec::new(),
    });
    growing.collect()
}

fn is_one_of(names: &HashSet<String>, series: &str) -> bool {
    series.split('{').next().is_some_and(|name| names.contains(name))
}

/// The series of a page, with their labels in order and without those that carry nothing.
fn series(page: &Page) -> impl Iterator<Item = (String, f64)> {
    page.0.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap().split_inclusive("\",");
        let mut labels: Vec<&str> = labels.map(|label| label.trim_end_matches(',')).collect();
        labels.retain(|label| !label.ends_with("=\"\"") && !label.is_empty());
        labels.sort_unstable();
        (format!("{name}{{{}}}", labels.join(",")), value.parse().unwrap())
    })
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= (NEAR * a.abs().max(b.abs())).max(1.0)
}

macro_rules! conformance {
    ($($name:ident: $watched:ident $version:ident,)*) => {
        $(#[tokio::test]
        async fn $name() {
            conforms(Watched::$watched, Version::$version).await;
        })*
    };
}

conformance! {
    redis_5_0: Primary V5_0,
    redis_6_2: Primary V6_2,
    redis_7_0: Primary V7_0,
    redis_8_0: Primary V8_0,
    valkey_8_1: Primary Valkey8_1,
    valkey_9_1: Primary Valkey9_1,
    replica_5_0: Replica V5_0,
    replica_7_0: Replica V7_0,
    replica_valkey_9_1: Replica Valkey9_1,
    restricted_7_0: Restricted V7_0,
    restricted_valkey_9_1: Restricted Valkey9_1,
    cluster_6_2: ClusterNode V6_2,
    cluster_8_0: ClusterNode V8_0,
    cluster_valkey_9_1: ClusterNode Valkey9_1,
    sentinel_5_0: Sentinel V5_0,
    sentinel_7_0: Sentinel V7_0,
    sentinel_valkey_9_1: Sentinel Valkey9_1,
}
