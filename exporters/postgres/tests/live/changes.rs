//! What a server becomes between two scrapes.

use kit::postgres::Postgres;

use crate::support::watching;

#[tokio::test]
async fn a_standby_that_becomes_the_primary() {
    let mut primary = Postgres::start().await.unwrap();
    let standby = Postgres::builder().replica_of(&primary).start().await.unwrap();
    primary.caught_up(&standby).await.unwrap();
    let exporter = watching(&standby, &["--collector.stat_wal_receiver"]).await;
    let page = exporter.page().await;
    page.assert_whole();
    assert_eq!(page.value("pg_replication_is_replica"), Some(1.0));
    assert!(!page.family("pg_stat_wal_receiver_flushed_lsn").is_empty());
    primary.stop().await.unwrap();
    assert_eq!(standby.psql("SELECT pg_promote()").await.unwrap(), "t");
    let page = exporter.page().await;
    page.assert_whole();
    assert_eq!(page.value("pg_replication_is_replica"), Some(0.0));
    assert!(page.family("pg_stat_wal_receiver_flushed_lsn").is_empty());
    exporter.stop().await;
}

#[tokio::test]
async fn databases_that_come_and_go() {
    let postgres = Postgres::start().await.unwrap();
    let exporter = watching(&postgres, &[]).await;
    let tables = async || {
        let page = exporter.page().await;
        page.assert_whole();
        let lines = page.family("pg_stat_user_tables_seq_scan").into_iter();
        lines.filter(|line| line.contains("datname=\"shop\"")).count()
    };
    assert_eq!(tables().await, 0);
    postgres.psql("CREATE DATABASE shop").await.unwrap();
    postgres.psql_in("shop", "CREATE TABLE orders (id int)").await.unwrap();
    assert_eq!(tables().await, 1);
    // no session of ours rests in it, which would forbid that
    postgres.psql("DROP DATABASE shop").await.unwrap();
    assert_eq!(tables().await, 0);
    exporter.stop().await;
}
