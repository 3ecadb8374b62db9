//! The kit's PostgreSQL does what tests need of it, in every version.

use super::*;

#[tokio::test]
async fn every_version_starts_and_wants_the_password() {
    for (major, _) in MAJORS {
        let postgres = Postgres::builder().major(major).password("p'w #\\").start().await.unwrap();
        let number = postgres.psql("SHOW server_version_num").await.unwrap();
        assert!(number.starts_with(&major.to_string()), "{number}");
        let verifier =
            postgres.psql("SELECT left(rolpassword, 5) FROM pg_authid WHERE rolname = 'monitor'").await;
        assert_eq!(verifier.unwrap(), "SCRAM");
        let refused = process::run(&PSQL, &["-w", &postgres.dsn().replacen("%23", "x", 1)]).await;
        assert!(refused.unwrap_err().to_string().contains("password authentication failed"));
        let dsn = postgres.dsn();
        let accepted = process::run(&PSQL, &["-w", "-XAtc", "SELECT current_user", &dsn]).await;
        assert_eq!(accepted.unwrap().trim(), USER);
    }
}

#[tokio::test]
async fn a_standby_follows_in_every_version() {
    for (major, _) in MAJORS {
        let primary = Postgres::builder().major(major).start().await.unwrap();
        let standby = Postgres::builder().replica_of(&primary).start().await.unwrap();
        primary.psql("CREATE TABLE t AS SELECT 42 AS x").await.unwrap();
        primary.caught_up(&standby).await.unwrap();
        assert_eq!(standby.psql("SELECT x FROM t").await.unwrap(), "42");
    }
}

#[tokio::test]
async fn stop_kill_start_again_and_pause() {
    let mut postgres = Postgres::start().await.unwrap();
    postgres.psql("CREATE TABLE t AS SELECT 1 AS x").await.unwrap();
    postgres.kill9().await.unwrap();
    assert!(process::accepts(postgres.port()).await.is_err());
    postgres.start_again().await.unwrap();
    assert_eq!(postgres.psql("SELECT x FROM t").await.unwrap(), "1");
    let session = postgres.session("postgres", "BEGIN; LOCK TABLE t").await.unwrap();
    postgres.pause().unwrap();
    let within = Duration::from_millis(200);
    assert!(tokio::time::timeout(within, postgres.psql("SELECT 1")).await.is_err());
    postgres.resume().unwrap();
    assert_eq!(
        postgres.psql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'").await.unwrap(),
        "1"
    );
    drop(session);
    postgres.until("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'", "0").await.unwrap();
    postgres.stop().await.unwrap();
    assert!(postgres.psql("SELECT 1").await.is_err());
}

#[tokio::test]
async fn a_standby_that_is_never_ready() {
    let primary = Postgres::start().await.unwrap();
    let standby = Postgres::builder().replica_of(&primary).never_ready().start().await.unwrap();
    let refused = standby.psql("SELECT 1").await.unwrap_err().to_string();
    assert!(refused.contains("is starting up") || refused.contains("not accepting"), "{refused}");
}

#[tokio::test]
async fn tls_and_a_client_certificate() {
    let postgres = Postgres::builder().mutual_tls().start().await.unwrap();
    let files = postgres.tls_files().unwrap();
    let ask = async |more: &str| {
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let dsn =
            format!("{}?sslmode=verify-full&sslrootcert={}{more}", postgres.dsn(), files.authority.display());
        process::run(&PSQL, &["-w", "-XAtc", sql, &dsn]).await
    };
    assert!(ask("").await.is_err());
    fs::set_permissions(&files.client_key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let pair =
        format!("&sslcert={}&sslkey={}", files.client_certificate.display(), files.client_key.display());
    assert_eq!(ask(&pair).await.unwrap().trim(), "t");
}

#[tokio::test]
async fn a_bad_setting_shows_what_postgres_said() {
    let error = Postgres::builder().setting("no_such_setting = 1").start().await.map(drop).unwrap_err();
    assert!(error.to_string().contains("unrecognized configuration parameter"), "{error}");
}
