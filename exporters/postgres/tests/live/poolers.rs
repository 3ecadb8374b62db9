//! Through PgBouncer, where each transaction may have another session.

use kit::pgbouncer::PgBouncer;
use kit::postgres::Postgres;

use crate::page::Page;
use crate::support::{setup, watching};

#[tokio::test]
async fn a_pooler_changes_nothing() {
    let postgres = Postgres::start().await.unwrap();
    let bouncer = PgBouncer::start(&postgres).await.unwrap();
    let direct = watching(&postgres, &[]).await;
    let pooled = setup().dsn(&bouncer.dsn("postgres")).start().await;
    let expected = direct.page().await;
    expected.assert_whole();
    for _ in 0..30 {
        let page = pooled.page().await;
        page.assert_whole();
        assert_eq!(of_server(&page), of_server(&expected));
    }
    let log = postgres.server().unwrap().log();
    for bad in ["prepared statement", "ERROR", "WARNING"] {
        assert!(!log.contains(bad), "{log}");
    }
    pooled.stop().await;
    direct.stop().await;
}

fn of_server(page: &Page) -> Vec<&str> {
    page.families().into_iter().filter(|name| name.starts_with("pg_")).collect()
}

#[tokio::test]
async fn the_console_of_the_pooler_is_a_target() {
    let postgres = Postgres::start().await.unwrap();
    let bouncer = PgBouncer::start(&postgres).await.unwrap();
    // somebody's query, so that there is a pool to tell of
    let user = setup().dsn(&bouncer.dsn("postgres")).start().await;
    user.page().await.assert_whole();
    let exporter = setup().dsn(&bouncer.dsn("pgbouncer")).start().await;
    let page = exporter.page().await;
    assert!(page.up(), "{}", page.0);
    assert_eq!(page.failed(), Vec::<&str>::new());
    let families = page.families();
    assert!(families.iter().any(|name| name.starts_with("pgbouncer_pools_")), "{families:?}");
    exporter.stop().await;
    user.stop().await;
}
