//! A primary and its standby on which every collector has something to tell.

use kit::postgres::{Postgres, Session};

/// The two servers, and what keeps them busy.
pub(crate) struct Stage {
    pub(crate) primary: Postgres,
    pub(crate) standby: Postgres,
    _sessions: Vec<Session>,
}

/// Settings of both servers.
const SETTINGS: [&str; 10] = [
    "shared_preload_libraries = 'pg_stat_statements'",
    "wal_level = logical",
    "archive_mode = on",
    "archive_command = 'true'",
    "track_io_timing = on",
    "hot_standby_feedback = on",
    "max_slot_wal_keep_size = 1GB",
    // an autovacuum that starts soon and takes as long as a test
    "autovacuum_naptime = 1s",
    "autovacuum_vacuum_cost_delay = 100ms",
    "autovacuum_vacuum_cost_limit = 1",
];

/// What the primary is given; `slow` is what autovacuum is busy with.
const CONTENT: &str = "
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION pg_buffercache;
SELECT pg_create_logical_replication_slot('logical', 'test_decoding');
CREATE TABLE orders (id bigserial PRIMARY KEY, note text) WITH (autovacuum_enabled = off);
INSERT INTO orders (note) SELECT repeat('x', 100) FROM generate_series(1, 100);
VACUUM ANALYZE orders;
CREATE TABLE slow (id int) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0);
INSERT INTO slow SELECT generate_series(1, 20000);
DELETE FROM slow;
CREATE DATABASE shop;
SELECT pg_switch_wal();
";

impl Stage {
    /// Starts both with this major version, and waits until everything has happened.
    pub(crate) async fn start(major: u32) -> Self {
        let builder = SETTINGS.iter().fold(Postgres::builder().major(major), |b, line| b.setting(line));
        let primary = builder.start().await.unwrap();
        let standby = Postgres::builder().replica_of(&primary).start().await.unwrap();
        primary.psql(CONTENT).await.unwrap();
        let sessions = vec![
            primary.session("postgres", "BEGIN; SELECT count(*) FROM orders").await.unwrap(),
            primary.session("shop", "SELECT 1").await.unwrap(),
        ];
        for (sql, expected) in [
            ("SELECT archived_count > 0 FROM pg_stat_archiver", "t"),
            ("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'autovacuum: VACUUM%slow%'", "1"),
            ("SELECT count(*) FROM pg_stat_progress_vacuum", "1"),
        ] {
            primary.until(sql, expected).await.unwrap();
        }
        primary.caught_up(&standby).await.unwrap();
        Self { primary, standby, _sessions: sessions }
    }
}
