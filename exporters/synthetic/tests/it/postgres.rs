//! Prober `postgres` on real servers of every living version.

use kit::pgbouncer::PgBouncer;
use kit::postgres::{MAJORS, PSQL, Postgres};
use kit::process::{Folder, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Exporter, served, start};

/// An exporter whose modules log in as the monitoring role; `more` goes into the module `query`.
async fn exporter(more: &str) -> Exporter {
    let login = "user: monitor, database: postgres";
    start(&format!(
        "modules:
  login: {{prober: postgres, postgres: {{{login}, password: monitor-password}}}}
  wrong: {{prober: postgres, postgres: {{{login}, password: hunter2}}}}
  nobody: {{prober: postgres, postgres: {{{login}}}}}
  query: {{prober: postgres, postgres: {{{login}, password: monitor-password, {more}}}}}
"
    ))
    .await
}

fn target(postgres: &Postgres) -> String {
    format!("127.0.0.1:{}", postgres.port())
}

#[tokio::test]
async fn every_version_is_logged_in_to() {
    let exporter = exporter("query: SELECT 42").await;
    for (major, _) in MAJORS {
        let postgres = Postgres::builder().major(major).start().await.unwrap();
        let page = exporter.ask("login", &target(&postgres)).await;
        page.succeeds(true);
        for phase in ["login", "query"] {
            assert!(page.value(&format!("probe_postgres_duration_seconds{{phase=\"{phase}\"}}")) > 0.0);
        }
        let page = exporter.ask("query", &format!("postgresql://{}/postgres", target(&postgres))).await;
        page.succeeds(true);
        assert_eq!(page.value("probe_postgres_query_value"), 42.0);
        let page = exporter.ask("wrong", &target(&postgres)).await;
        assert_eq!(page.reason(), "send/credentials_refused", "{major}");
        assert_eq!(page.value("probe_postgres_error_info{sqlstate=\"28P01\"}"), 1.0);
        exporter.ask("nobody", &target(&postgres)).await.succeeds(false);
    }
}

#[tokio::test]
async fn a_password_never_goes_out_in_clear_text() {
    let postgres =
        Postgres::builder().access("host all monitor 127.0.0.1/32 password").start().await.unwrap();
    let exporter = exporter("query: SELECT 1").await;
    let page = exporter.ask("login", &target(&postgres)).await;
    page.succeeds(false);
    assert_eq!(page.reason(), "send/credentials_refused");
    let debug =
        exporter.get(&format!("/probe?module=login&debug=true&target={}", target(&postgres)), "10").await;
    assert!(debug.text().contains("clear text"), "{}", debug.text());
    assert!(!debug.text().contains("monitor-password"), "{}", debug.text());
    // nobody logged in
    postgres.until("SELECT count(*) FROM pg_stat_activity WHERE usename = 'monitor'", "0").await.unwrap();
}

#[tokio::test]
async fn whoever_asks_for_clear_text_gets_nothing() {
    // a startup message, whatever its length, then the demand
    let asked = b"R\0\0\0\x08\0\0\0\x03";
    let server = served::once(async move |mut stream| {
        let length = stream.read_u32().await.unwrap() as usize;
        let mut startup = vec![0; length - 4];
        stream.read_exact(&mut startup).await.unwrap();
        stream.write_all(asked).await.unwrap();
        let mut said = Vec::new();
        // a connection that is cut is as good as one that ends
        drop(stream.read_to_end(&mut said).await);
        said
    })
    .await;
    let exporter = exporter("query: SELECT 1").await;
    let page = exporter.ask("login", &server.target()).await;
    assert_eq!(page.reason(), "send/credentials_refused");
    let said = server.done().await;
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test]
async fn md5_is_spoken_where_a_server_still_wants_it() {
    let postgres = Postgres::builder().access("host all old 127.0.0.1/32 md5").start().await.unwrap();
    postgres.psql("SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'x'").await.unwrap();
    let exporter =
        start("modules: {old: {prober: postgres, postgres: {user: old, database: postgres, password: x}}}")
            .await;
    exporter.ask("old", &target(&postgres)).await.succeeds(true);
}

#[tokio::test]
async fn tls_by_starttls() {
    let postgres = Postgres::builder().tls().start().await.unwrap();
    let authority = postgres.tls_files().unwrap().authority.display().to_string();
    let login = "user: monitor, database: postgres, password: monitor-password";
    let exporter = start(&format!(
        "modules:
  tls: {{prober: postgres, postgres: {{{login}, tls: true, tls_config: {{ca_file: {authority}}}}}}}
  stranger: {{prober: postgres, postgres: {{{login}, tls: true}}}}
  plain: {{prober: postgres, postgres: {{{login}}}}}
"
    ))
    .await;
    let target = format!("localhost:{}", postgres.port());
    let page = exporter.ask("tls", &target).await;
    page.succeeds(true);
    page.value("probe_ssl_earliest_cert_expiry");
    page.value("probe_phase_duration_seconds{phase=\"starttls\"}");
    let page = exporter.ask("stranger", &target).await;
    assert_eq!(page.reason(), "tls/tls_unknown_ca");
    // pg_hba.conf takes nobody without TLS
    let page = exporter.ask("plain", &target).await;
    assert_eq!(page.reason(), "send/credentials_refused");
    let without = Postgres::start().await.unwrap();
    let page = exporter.ask("tls", &format!("localhost:{}", without.port())).await;
    assert_eq!(page.reason(), "starttls/starttls");
}

#[tokio::test]
async fn a_query_returns_one_number_within_its_bounds() {
    let postgres = Postgres::start().await.unwrap();
    let target = target(&postgres);
    for (more, reason, value) in [
        ("query: \"SELECT 7; SELECT 8\"", "", Some(8.0)),
        ("query: SELECT pg_is_in_recovery()", "", Some(0.0)),
        ("query: SELECT 3, query_min: 2, query_max: 4", "", Some(3.0)),
        ("query: SELECT 1, query_min: 2", "check/expect", Some(1.0)),
        ("query: SELECT 5, query_max: 4", "check/expect", Some(5.0)),
        ("query: \"SELECT 1, 2\"", "check/expect", None),
        ("query: SELECT 1 WHERE false", "check/expect", None),
        ("query: SELECT NULL", "check/expect", None),
        ("query: \"SELECT 'x'\"", "check/expect", None),
        ("query: SELECT nonsense", "first_byte/server_error", None),
        // more than one number, and more than we listen to
        ("query: \"SELECT repeat('x', 1000000)\"", "first_byte/protocol", None),
    ] {
        let page = exporter(more).await.ask("query", &target).await;
        assert_eq!(
            (page.reason().as_str(), page.find("probe_postgres_query_value")),
            (reason, value),
            "{more}"
        );
    }
}

#[tokio::test]
async fn behind_a_pooler_a_session_stays_as_it_was() {
    let postgres = Postgres::start().await.unwrap();
    let bouncer = PgBouncer::start(&postgres).await.unwrap();
    let target = format!("127.0.0.1:{}", bouncer.port());
    let sql = "SELECT setting FROM pg_settings WHERE name = 'statement_timeout'";
    let exporter = exporter(&format!("query: \"{sql}\"")).await;
    exporter.ask("login", &target).await.succeeds(true);
    let limited = exporter.ask("query", &target).await;
    limited.succeeds(true);
    let millis = limited.value("probe_postgres_query_value");
    assert!((1.0..=10_000.0).contains(&millis), "{millis}");
    let left = run(&PSQL, &["-w", "-XAtc", sql, &bouncer.dsn("postgres")]).await.unwrap();
    assert_eq!(left.trim(), "0");
}

#[tokio::test]
async fn a_query_that_takes_too_long_ends_on_the_server_too() {
    let postgres = Postgres::start().await.unwrap();
    let exporter = exporter("query: SELECT pg_sleep(600)").await;
    let response = exporter.get(&format!("/probe?module=query&target={}", target(&postgres)), "1.5").await;
    let text = response.text();
    let (timeout, cancelled) = ("reason=\"timeout\"", "sqlstate=\"57014\"");
    assert!(text.contains(timeout) || text.contains(cancelled), "{text}");
    postgres.until("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND usename = 'monitor' AND state = 'active'", "0").await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_answer_or_refuses() {
    let mut postgres = Postgres::start().await.unwrap();
    let exporter = exporter("query: SELECT 1").await;
    postgres.pause().unwrap();
    let response = exporter.get(&format!("/probe?module=login&target={}", target(&postgres)), "1.5").await;
    postgres.resume().unwrap();
    assert!(
        response.text().contains("probe_failure_reason{phase=\"send\",reason=\"timeout\"} 1"),
        "{}",
        response.text()
    );
    postgres.stop().await.unwrap();
    assert_eq!(exporter.ask("login", &target(&postgres)).await.reason(), "connect/connect_refused");
    let folder = Folder::new().unwrap();
    let password = folder.write("password", "monitor-password\n").unwrap();
    let exporter = start(&format!(
        "modules: {{p: {{prober: postgres, postgres: {{user: monitor, password_file: {}}}}}}}",
        password.display()
    ))
    .await;
    let refused = exporter.get("/probe?module=p&target=192.0.2.1:5432", "10").await;
    assert_eq!(refused.status, 403);
}
