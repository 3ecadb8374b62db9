//! How little of the server the exporter takes, however it is asked.

use std::time::Duration;

use futures_util::future::join_all;
use kit::postgres::Postgres;

use crate::support::{Exporter, setup, watching};

/// Sessions that a server has to bear at most: two for itself, two for its databases.
const MOST: u32 = 4;

/// The sessions of the monitoring role.
const OURS: &str = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'monitor'";

/// A collector that is slow, as a file in the format of postgres_exporter.
const SLOW: &str = "
slow:
  query: SELECT 1 AS one FROM pg_sleep(1)
  metrics:
  - one: {usage: GAUGE, description: One.}
";

/// A collector that never ends.
const ENDLESS: &str = "
endless:
  query: SELECT 1 AS one FROM pg_sleep(600)
  metrics:
  - one: {usage: GAUGE, description: One.}
";

async fn many_databases() -> Postgres {
    let postgres = Postgres::start().await.unwrap();
    for number in 0..6 {
        postgres.psql(&format!("CREATE DATABASE shop{number}")).await.unwrap();
    }
    postgres
}

/// The most sessions that were seen while `scrapes` went on.
async fn most_during(postgres: &Postgres, scrapes: impl Future<Output = ()>) -> u32 {
    let mut watcher = postgres.session("postgres", "SET stats_fetch_consistency = 'none'").await.unwrap();
    let mut most = 0;
    let mut scrapes = std::pin::pin!(scrapes);
    loop {
        tokio::select! {
            biased;
            () = &mut scrapes => return most,
            seen = watcher.run(OURS) => most = most.max(seen.unwrap().parse().unwrap()),
        }
    }
}

#[tokio::test]
async fn a_hundred_scrapes_at_once_with_a_slow_collector() {
    let postgres = many_databases().await;
    let exporter = setup()
        .dsn(&postgres.dsn())
        .args(&["--auto-discover-databases"])
        .file("--extend.query-path", "queries.yml", SLOW)
        .start()
        .await;
    let ask = async |exporter: &Exporter| {
        let page = exporter.page().await.without_server(postgres.port());
        assert_eq!(page.value("slow_one"), Some(1.0), "{}", page.0);
        page.assert_whole();
    };
    let most = most_during(&postgres, async {
        join_all((0..100).map(|_| ask(&exporter))).await;
    })
    .await;
    assert!((1..=MOST).contains(&most), "{most} sessions");
    exporter.stop().await;
    postgres.until(OURS, "0").await.unwrap();
}

#[tokio::test]
async fn what_does_not_end_is_cancelled_on_the_server_and_costs_only_itself() {
    let postgres = Postgres::start().await.unwrap();
    let exporter =
        setup().dsn(&postgres.dsn()).file("--extend.query-path", "queries.yml", ENDLESS).start().await;
    let page = exporter.page_at("/metrics", 2.0).await;
    assert!(page.up(), "{}", page.0);
    assert_eq!(page.family("endless_one"), Vec::<&str>::new());
    assert!(page.family("pg_stat_database_xact_commit").len() > 1, "{}", page.0);
    assert_eq!(page.failed().len(), 1, "{:?}", page.failed());
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()";
    tokio::time::timeout(Duration::from_secs(1), postgres.until(running, "0")).await.unwrap().unwrap();
    exporter.stop().await;
}

#[tokio::test]
async fn a_scraper_that_hangs_up_leaves_nothing_behind() {
    let postgres = Postgres::start().await.unwrap();
    let exporter =
        setup().dsn(&postgres.dsn()).file("--extend.query-path", "queries.yml", SLOW).start().await;
    let impatient = (0..50).map(|_| async {
        drop(tokio::time::timeout(Duration::from_millis(100), exporter.get("/metrics", 10.0)).await);
    });
    let most = most_during(&postgres, async {
        join_all(impatient).await;
    })
    .await;
    assert!(most <= MOST, "{most} sessions");
    exporter.page().await.assert_whole();
    exporter.stop().await;
    postgres.until(OURS, "0").await.unwrap();
}

#[tokio::test]
async fn sessions_are_kept_and_say_who_they_are() {
    let postgres = Postgres::start().await.unwrap();
    let exporter = watching(&postgres, &[]).await;
    let sessions =
        "SELECT string_agg(pid::text, ',' ORDER BY pid) FROM pg_stat_activity WHERE usename = 'monitor'";
    exporter.page().await.assert_whole();
    let first = postgres.psql(sessions).await.unwrap();
    assert!(first.split(',').count() <= usize::try_from(MOST).unwrap(), "{first}");
    for _ in 0..5 {
        exporter.page().await.assert_whole();
    }
    assert_eq!(postgres.psql(sessions).await.unwrap(), first);
    let names = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename = 'monitor'";
    assert_eq!(postgres.psql(names).await.unwrap(), "watchfire_postgres_exporter");
    // nothing of ours is in our own counts
    let page = exporter.page().await;
    assert!(!page.0.contains("application_name=\"watchfire_postgres_exporter\""), "{}", page.0);
    exporter.stop().await;
    postgres.until(OURS, "0").await.unwrap();
}

#[tokio::test]
async fn what_is_asked_is_constant_and_leaves_nothing_open() {
    let statements = Postgres::builder().setting("shared_preload_libraries = 'pg_stat_statements'");
    let postgres = statements.setting("log_temp_files = 0").start().await.unwrap();
    postgres.psql("CREATE EXTENSION pg_stat_statements").await.unwrap();
    let exporter = watching(&postgres, &["--collector.stat_statements"]).await;
    let known = "SELECT count(*) FROM pg_stat_statements WHERE userid = 'monitor'::regrole";
    let open = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'monitor' AND (state <> 'idle' OR backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)";
    exporter.page().await.assert_whole();
    exporter.page().await.assert_whole();
    let texts = postgres.psql(known).await.unwrap();
    for _ in 0..5 {
        exporter.page().await.assert_whole();
        assert_eq!(postgres.psql(open).await.unwrap(), "0");
    }
    assert_eq!(postgres.psql(known).await.unwrap(), texts);
    let written = "SELECT pg_current_xact_id_if_assigned() IS NULL, sum(temp_blks_written) FROM pg_stat_statements WHERE userid = 'monitor'::regrole";
    assert_eq!(postgres.psql(written).await.unwrap(), "t|0");
    exporter.stop().await;
}
