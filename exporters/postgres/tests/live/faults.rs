//! Servers that are dead, silent, full or locked: the page comes, `pg_up` is true, and what can be told is told.

use std::time::Duration;

use kit::blackhole::{Full, Silent};
use kit::postgres::Postgres;
use kit::process::free_port;
use tokio::time::Instant;

use crate::gate::Gate;
use crate::support::{setup, watching};

/// A scrape timeout that a test can wait for.
const SHORT: f64 = 1.5;

/// A scrape of this length has not waited for a lock that is never given, on a slow machine either.
const NOT_WAITING: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_server_that_stops_dies_and_returns() {
    let mut postgres = Postgres::start().await.unwrap();
    let exporter = watching(&postgres, &[]).await;
    exporter.page().await.assert_whole();
    postgres.stop().await.unwrap();
    exporter.page().await.assert_down("refused");
    postgres.start_again().await.unwrap();
    exporter.page().await.assert_whole();
    // a restart between two scrapes is not noticed
    postgres.stop().await.unwrap();
    postgres.start_again().await.unwrap();
    exporter.page().await.assert_whole();
    postgres.kill9().await.unwrap();
    exporter.page().await.assert_down("refused");
    postgres.start_again().await.unwrap();
    exporter.page().await.assert_whole();
    exporter.stop().await;
}

#[tokio::test]
async fn an_exporter_that_is_there_before_its_server() {
    let dsn = format!("postgresql://monitor:x@127.0.0.1:{}/postgres?sslmode=disable", free_port().unwrap());
    let exporter = setup().dsn(&dsn).start().await;
    exporter.page().await.assert_down("refused");
    exporter.stop().await;
}

#[tokio::test]
async fn a_wrong_password() {
    let postgres = Postgres::start().await.unwrap();
    let dsn = postgres.dsn().replacen("monitor-password", "wrong", 1);
    let exporter = setup().dsn(&dsn).start().await;
    exporter.page().await.assert_down("auth");
    exporter.stop().await;
}

#[tokio::test]
async fn too_many_connections() {
    // as many as we take
    let few = Postgres::builder().setting("max_connections = 4").setting("max_wal_senders = 0");
    let postgres = few.setting("superuser_reserved_connections = 0").start().await.unwrap();
    let exporter = watching(&postgres, &[]).await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(postgres.session("postgres", "SELECT 1").await.unwrap());
    }
    exporter.page().await.assert_down("too_many_connections");
    drop(sessions);
    let others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    postgres.until(others, "0").await.unwrap();
    exporter.page().await.assert_whole();
    exporter.stop().await;
}

#[tokio::test]
async fn a_server_that_falls_silent() {
    let postgres = Postgres::start().await.unwrap();
    let exporter = watching(&postgres, &[]).await;
    exporter.page().await.assert_whole();
    postgres.pause().unwrap();
    let start = Instant::now();
    exporter.page_at("/metrics", SHORT).await.assert_down("timeout");
    assert!(start.elapsed().as_secs_f64() < SHORT, "{:?}", start.elapsed());
    postgres.resume().unwrap();
    exporter.page().await.assert_whole();
    exporter.stop().await;
}

#[tokio::test]
async fn a_black_hole() {
    let (silent, full) = (Silent::start().await.unwrap(), Full::start().await.unwrap());
    for address in [silent.address(), full.address().unwrap()] {
        let dsn = format!("postgresql://monitor:x@{address}/postgres?sslmode=disable");
        let exporter = setup().dsn(&dsn).start().await;
        let start = Instant::now();
        exporter.page_at("/metrics", SHORT).await.assert_down("timeout");
        assert!(start.elapsed().as_secs_f64() < SHORT, "{:?}", start.elapsed());
        exporter.stop().await;
    }
}

#[tokio::test]
async fn a_server_in_recovery() {
    let primary = Postgres::start().await.unwrap();
    let standby = Postgres::builder().replica_of(&primary).never_ready().start().await.unwrap();
    let exporter = watching(&standby, &[]).await;
    exporter.page().await.assert_down("not_ready");
    exporter.stop().await;
}

#[tokio::test]
async fn a_table_that_is_locked() {
    let postgres = Postgres::start().await.unwrap();
    postgres.psql("CREATE TABLE locked (id int); CREATE TABLE open (id int)").await.unwrap();
    let exporter = watching(&postgres, &[]).await;
    let session = postgres.session("postgres", "BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE").await;
    let start = Instant::now();
    let page = exporter.page().await;
    assert!(start.elapsed() < NOT_WAITING, "{:?}", start.elapsed());
    page.assert_whole();
    let of = |table: &str| {
        format!(
            "pg_stat_user_tables_n_live_tup{{datname=\"postgres\",schemaname=\"public\",relname=\"{table}\"}}"
        )
    };
    assert_eq!((page.value(&of("open")), page.value(&of("locked"))), (Some(0.0), Some(0.0)), "{}", page.0);
    drop(session);
    exporter.stop().await;
}

#[tokio::test]
async fn a_table_that_is_being_dropped_takes_only_its_own_sequence_along() {
    let postgres = Postgres::start().await.unwrap();
    let create = "CREATE TABLE leaving (id serial); CREATE TABLE staying (id serial); GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO monitor; INSERT INTO staying DEFAULT VALUES; INSERT INTO leaving DEFAULT VALUES";
    postgres.psql(create).await.unwrap();
    let session = postgres.session("postgres", "BEGIN; DROP TABLE leaving").await.unwrap();
    let exporter = watching(&postgres, &[]).await;
    let start = Instant::now();
    let page = exporter.page().await;
    assert!(start.elapsed() < NOT_WAITING, "{:?}", start.elapsed());
    page.assert_whole();
    let ratios = page.family("pg_sequence_used_ratio");
    assert!(ratios.len() == 1 && ratios[0].contains("sequencename=\"staying_id_seq\""), "{ratios:?}");
    drop(session);
    exporter.stop().await;
}

#[tokio::test]
async fn a_table_that_is_locked_has_no_exact_size() {
    let postgres = Postgres::start().await.unwrap();
    postgres.psql("CREATE TABLE locked (id int); CREATE TABLE open (id int)").await.unwrap();
    let session = postgres.session("postgres", "BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE").await;
    let exporter = watching(&postgres, &["--collector.table_size"]).await;
    let start = Instant::now();
    let page = exporter.page().await;
    assert!(start.elapsed() < NOT_WAITING, "{:?}", start.elapsed());
    page.assert_whole();
    let sizes = page.family("pg_table_size_bytes");
    assert!(sizes.len() == 1 && sizes[0].contains("relname=\"open\""), "{sizes:?}");
    drop(session);
    exporter.stop().await;
}

#[tokio::test]
async fn a_database_that_is_dropped_between_discovery_and_connect() {
    let postgres = Postgres::start().await.unwrap();
    postgres.psql("CREATE DATABASE doomed").await.unwrap();
    postgres.psql("CREATE DATABASE shop").await.unwrap();
    postgres.psql_in("shop", "CREATE TABLE orders (id int)").await.unwrap();
    let gate = Gate::before(&postgres, "doomed", "DROP DATABASE doomed").await;
    let dsn = postgres.dsn().replacen(&postgres.port().to_string(), &gate.port().to_string(), 1);
    let exporter = setup().dsn(&dsn).args(&["--auto-discover-databases"]).start().await;
    let page = exporter.page().await;
    assert!(gate.passed() > 0, "nobody asked for the database\n{}", page.0);
    assert!(page.up());
    let series = "pg_stat_user_tables_n_live_tup{datname=\"shop\",schemaname=\"public\",relname=\"orders\"}";
    assert_eq!(page.value(series), Some(0.0), "{}", page.0);
    exporter.page().await.assert_whole();
    exporter.stop().await;
}

#[tokio::test]
async fn a_database_that_refuses_us_costs_only_itself() {
    let postgres = Postgres::start().await.unwrap();
    for name in ["closed", "shop"] {
        postgres.psql(&format!("CREATE DATABASE {name}")).await.unwrap();
        postgres.psql_in(name, "CREATE TABLE orders (id int)").await.unwrap();
    }
    postgres.psql("REVOKE CONNECT ON DATABASE closed FROM public").await.unwrap();
    let exporter = watching(&postgres, &["--auto-discover-databases"]).await;
    let page = exporter.page().await;
    assert!(page.up());
    let of = |database: &str| {
        page.family("pg_stat_user_tables_seq_scan").iter().filter(|line| line.contains(database)).count()
    };
    assert_eq!((of("datname=\"shop\""), of("datname=\"closed\"")), (1, 0), "{}", page.0);
    exporter.stop().await;
}

#[tokio::test]
async fn names_that_are_no_text() {
    let postgres = Postgres::start().await.unwrap();
    postgres.psql("CREATE DATABASE raw ENCODING 'SQL_ASCII' TEMPLATE template0").await.unwrap();
    let create = "DO $$ BEGIN EXECUTE format('CREATE TABLE %I (id int)', 'bad' || chr(255)); END $$; CREATE TABLE good (id int)";
    postgres.psql_in("raw", create).await.unwrap();
    let dsn = postgres.dsn().replacen("/postgres?", "/raw?", 1);
    let exporter = setup().dsn(&dsn).start().await;
    let page = exporter.page().await;
    page.assert_whole();
    let tables = page.family("pg_stat_user_tables_seq_scan");
    assert_eq!(tables.len(), 2, "{tables:?}");
    assert!(tables.iter().any(|line| line.contains("relname=\"bad\u{fffd}\"")), "{tables:?}");
    exporter.stop().await;
}
