//! Every metric that postgres_exporter shows of the same servers, with its type and its labels, in every version.

use std::collections::{BTreeSet, HashMap, HashSet};

use kit::postgres::Postgres;

use crate::page::{Page, series};
use crate::peer::{self, MORE, Recorded};
use crate::stage::Stage;
use crate::support::watching;

async fn conforms(major: u32) {
    let stage = Stage::start(major).await;
    if std::env::var_os("WATCHFIRE_BESIDE_PEER").is_some() {
        peer::record(&stage).await;
        for server in [&stage.primary, &stage.standby] {
            assert_same_values(server).await;
        }
    }
    let recorded = Recorded::read(major);
    assert_shown(&stage, &[], &recorded.default).await;
    assert_shown(&stage, &MORE, &recorded.all).await;
}

async fn assert_shown(stage: &Stage, arguments: &[&str], recorded: &BTreeSet<String>) {
    let mut shown = BTreeSet::new();
    for server in [&stage.primary, &stage.standby] {
        let exporter = watching(server, arguments).await;
        let page = exporter.page().await;
        page.assert_whole();
        shown.extend(page.shapes());
        exporter.stop().await;
    }
    let missing: Vec<String> = recorded.iter().filter(|shape| !shown.contains(*shape)).cloned().collect();
    assert_eq!(missing, Vec::<String>::new(), "{arguments:?}");
}

/// What is told otherwise than by the peer, or is each exporter's own: (begin of a series, reason).
const OTHER_VALUES: [(&str, &str); 14] = [
    ("process_", "each its own"),
    ("promhttp_", "each its own"),
    ("postgres_exporter_", "each its own"),
    ("pg_exporter_", "each its own"),
    ("pg_scrape_", "each its own"),
    ("pg_locks_count", "the exporters' own sessions hold locks while they look, and we have more than one"),
    ("pg_process_idle_seconds", "the peer counts one of its own sessions; we count none of ours"),
    ("pg_stat_replication_", "the peer's label slot_name is the number of a process in 0.19"),
    ("pg_stat_database_numbackends", "the exporters' own sessions count, and we have more than one"),
    ("pg_long_running_transactions", "the peer counts its own session; we count none of ours"),
    ("pg_stat_progress_vacuum_", "goes on meanwhile"),
    ("pg_stat_statements_", "goes on meanwhile"),
    ("pg_buffercache_summary_", "goes on meanwhile"),
    ("pg_stat_user_tables_table_size_bytes", "ours is of the last vacuum: nothing is opened to measure it"),
];

/// How far two gauges of a living server may be apart. A counter may be higher in ours, who come later.
const NEAR: f64 = 0.05;

async fn assert_same_values(server: &Postgres) {
    let theirs = peer::page(server, &MORE).await;
    let exporter = watching(server, &MORE).await;
    let ours = exporter.page().await;
    exporter.stop().await;
    let counters: HashSet<&str> =
        ours.0.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let ours: HashMap<String, f64> = lines(&ours).map(series).collect();
    let differences: Vec<String> = lines(&theirs)
        .filter(|line| !OTHER_VALUES.iter().any(|(begin, _)| line.starts_with(begin)))
        .map(series)
        // theirs is NaN where there is nothing to tell; ours is not there
        .filter(|(_, theirs)| !theirs.is_nan())
        // each counts the other's sessions, and autovacuum comes by
        .filter(|(series, _)| {
            !["usename=\"monitor\"", "state=\"active\""].iter().any(|part| series.contains(part))
        })
        .filter_map(|(series, theirs)| match ours.get(&series) {
            Some(ours) if is_near(*ours, theirs) || is_same_age(&series, *ours, theirs) => None,
            Some(ours)
                if *ours > theirs && series.split('{').next().is_some_and(|name| counters.contains(name)) =>
            {
                None
            }
            Some(ours) => Some(format!("{series}: theirs {theirs}, ours {ours}")),
            None => Some(format!("{series}: theirs {theirs}, ours not there")),
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn lines(page: &Page) -> impl Iterator<Item = &str> {
    page.0.lines().filter(|line| !line.starts_with('#') && !line.starts_with("go_"))
}

/// Ages in seconds, which go on and begin anew meanwhile.
const AGES: [&str; 4] = [
    "pg_stat_activity_max_tx_duration",
    "pg_stat_archiver_last_archive_age",
    "pg_replication_lag_seconds",
    "pg_replication_last_replay_seconds",
];

/// How far apart two ages may be on a busy machine; another unit or sign would be further.
const NEAR_SECONDS: f64 = 60.0;

fn is_same_age(series: &str, a: f64, b: f64) -> bool {
    AGES.iter().any(|age| series.starts_with(age)) && (a - b).abs() < NEAR_SECONDS
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= (NEAR * a.abs().max(b.abs())).max(1.0)
}

macro_rules! conformance {
    ($($name:ident: $major:literal,)*) => {
        $(#[tokio::test]
        async fn $name() {
            conforms($major).await;
        })*
    };
}

conformance! {
    postgres_13: 13,
    postgres_14: 14,
    postgres_15: 15,
    postgres_16: 16,
    postgres_17: 17,
    postgres_18: 18,
}
