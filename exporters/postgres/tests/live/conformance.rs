//! Every metric that postgres_exporter shows of the same servers, with its type and its labels, in every version.

use std::collections::{BTreeSet, HashMap, HashSet};

use kit::postgres::Postgres;

use crate::page::{Page, series};
use crate::peer::{self, MORE, Recorded};
use crate::stage::Stage;
use crate::support::watching;

/// What was recorded is 0.19, the newest that Debian has. What 0.20 changed is as in 0.20: (begin of a line, reason).
const GONE: [(&str, &str); 1] =
    [("pg_stat_replication_reply_time ", "a time that was sent as text and read as NaN; 0.20 has none")];

/// Families from which 0.20 took the label `server`, which says nothing that the target's labels do not say.
const WITHOUT_SERVER: [&str; 5] = [
    "pg_settings_",
    "pg_replication_slots_",
    "pg_stat_activity_",
    "pg_stat_archiver_",
    "pg_stat_replication_",
];

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
    let missing: Vec<String> = recorded
        .iter()
        .filter(|shape| !GONE.iter().any(|(gone, _)| shape.starts_with(gone)))
        .map(|shape| as_in_0_20(shape))
        .filter(|shape| !shown.contains(shape))
        .collect();
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
    ("pg_long_running_transactions", "sessions count that are being opened, and we open more than one"),
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
        .filter(|(series, theirs)| !theirs.is_nan() && !series.contains("usename=\"monitor\""))
        .filter_map(|(series, theirs)| match ours.get(&series) {
            Some(ours) if is_near(*ours, theirs) => None,
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

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= (NEAR * a.abs().max(b.abs())).max(1.0)
}

fn as_in_0_20(shape: &str) -> String {
    if !WITHOUT_SERVER.iter().any(|family| shape.starts_with(family)) {
        return shape.to_owned();
    }
    let (metric, labels) = shape.rsplit_once(' ').unwrap();
    let labels: Vec<&str> = labels.split(',').filter(|label| *label != "server").collect();
    format!("{metric} {}", labels.join(",")).trim_end().to_owned()
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
