//! TLS, certificates and rights.

use kit::postgres::Postgres;

use crate::support::{setup, watching};

#[tokio::test]
async fn tls_is_verified_and_mutual() {
    // the second address is not in the certificate
    let both = "listen_addresses = '127.0.0.1,127.0.0.2'";
    let postgres = Postgres::builder().mutual_tls().setting(both).start().await.unwrap();
    let files = postgres.tls_files().unwrap();
    let root = format!("sslrootcert={}", files.authority.display());
    let pair =
        format!("sslcert={}&sslkey={}", files.client_certificate.display(), files.client_key.display());
    let private: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&files.client_key, private).unwrap();
    let by_address = postgres.dsn().replacen("@localhost", "@127.0.0.1", 1);
    let misnamed = postgres.dsn().replacen("@localhost", "@127.0.0.2", 1);
    for (dsn, parameters, up) in [
        (postgres.dsn(), format!("sslmode=verify-full&{root}&{pair}"), true),
        (by_address.clone(), format!("sslmode=verify-full&{root}&{pair}"), true),
        (by_address.clone(), format!("sslmode=verify-ca&{root}&{pair}"), true),
        (postgres.dsn(), format!("sslmode=require&{pair}"), true),
        (postgres.dsn(), format!("sslmode=prefer&{pair}"), true),
        (postgres.dsn(), format!("sslmode=verify-full&{root}"), false),
        (postgres.dsn(), format!("sslmode=verify-full&sslrootcert=system&{pair}"), false),
        (misnamed.clone(), format!("sslmode=verify-ca&{root}&{pair}"), true),
        (misnamed, format!("sslmode=verify-full&{root}&{pair}"), false),
        (postgres.dsn(), "sslmode=disable".to_owned(), false),
    ] {
        let exporter = setup().dsn(&format!("{dsn}?{parameters}")).start().await;
        let page = exporter.page().await;
        assert_eq!(page.up(), up, "{parameters}\n{}", exporter.log());
        exporter.stop().await;
    }
}

#[tokio::test]
async fn a_socket() {
    let postgres = Postgres::builder().socket().start().await.unwrap();
    let folder = postgres.folder().display();
    let (port, password) = (postgres.port(), kit::postgres::PASSWORD);
    let words = format!("host={folder} port={port} user=monitor password={password} dbname=postgres");
    let exporter = setup().dsn(&words).start().await;
    exporter.page().await.assert_whole();
    exporter.stop().await;
}

#[tokio::test]
async fn a_role_that_may_only_connect() {
    let postgres = Postgres::start().await.unwrap();
    postgres.psql("CREATE ROLE low LOGIN PASSWORD 'low-password'").await.unwrap();
    let other = postgres.session("postgres", "BEGIN; SELECT 1").await.unwrap();
    let dsn = postgres.dsn().replacen("monitor:monitor-password", "low:low-password", 1);
    let exporter = setup().dsn(&dsn).start().await;
    let page = exporter.page().await;
    assert!(page.up(), "{}", exporter.log());
    // what cannot be seen is not told as nothing
    assert_eq!(page.family("pg_stat_activity_count"), Vec::<&str>::new(), "{}", page.0);
    assert_eq!(page.family("pg_wal_segments"), Vec::<&str>::new());
    assert!(page.family("pg_stat_database_xact_commit").len() > 1);
    let capabilities = page.family("pg_exporter_capability");
    assert!(
        capabilities.iter().any(|line| line.contains("pg_monitor") && line.ends_with(" 0")),
        "{capabilities:?}"
    );
    drop(other);
    exporter.stop().await;
}

#[tokio::test]
async fn with_pg_monitor_nothing_is_missing() {
    let postgres = Postgres::start().await.unwrap();
    let exporter = watching(&postgres, &[]).await;
    let page = exporter.page().await;
    page.assert_whole();
    assert!(page.value("pg_wal_segments").is_some_and(|segments| segments > 0.0));
    assert!(page.family("pg_stat_activity_count").len() > 6);
    exporter.stop().await;
}
