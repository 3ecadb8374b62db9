//! Prober `artifact`: files of this machine, and objects of a double of S3 that is strict about what it is asked.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use kit::postgres::{MAJORS, Postgres};
use kit::process::{Program, run};
use kit::s3::{Fault, KEY, REGION, S3, Times};
use kit::tls::{Authority, LOOPBACK};

use crate::{Exporter, start};

const PG_DUMP: Program = Program { names: &["pg_dump"], install: "apt-get install postgresql-client" };

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn write(path: &Path, bytes: &[u8], age: Duration) {
    let mut file = File::create(path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

/// An exporter whose file names each of these targets for the module `m`.
async fn exporter(settings: &str, targets: &[&str]) -> Exporter {
    let targets = targets.iter().map(|target| format!("'{target}'")).collect::<Vec<_>>().join(", ");
    start(&format!(
        "modules: {{m: {{prober: artifact, artifact: {{{settings}}}}}}}
checks: {{backup: {{module: m, targets: [{targets}], interval: 1h}}}}
"
    ))
    .await
}

#[tokio::test]
async fn the_newest_file_of_a_pattern() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(&path("1.sql.gz"), &gzip(b"one"), Duration::from_hours(50));
    write(&path("2.sql.gz"), &gzip(b"the second"), Duration::from_hours(2));
    write(&path("3.txt"), b"young, and none of ours", Duration::ZERO);
    let pattern = path("*.sql.gz").display().to_string();
    for (settings, reason) in [
        ("max_age: 26h, min_size: 10, min_count: 2, readable: gzip", ""),
        ("max_age: 1h", "check/artifact"),
        ("min_size: 1MB", "check/artifact"),
        ("min_count: 3", "check/artifact"),
        ("readable: pg_dump", "check/artifact"),
    ] {
        let page = exporter(settings, &[&pattern]).await.ask("m", &pattern).await;
        assert_eq!(page.reason(), reason, "{settings}");
        assert_eq!(page.value("probe_artifact_count"), 2.0);
        let size = gzip(b"the second").len();
        assert_eq!(page.value("probe_artifact_newest_size_bytes"), f64::from(u32::try_from(size).unwrap()));
        let age = page.value("probe_artifact_newest_age_seconds");
        assert!((7200.0..7300.0).contains(&age), "{age}");
    }
    let none = path("*.tar").display().to_string();
    let page = exporter("max_age: 1h", &[&none]).await.ask("m", &none).await;
    assert_eq!((page.reason().as_str(), page.value("probe_artifact_count")), ("check/artifact", 0.0));
    assert!(page.find("probe_artifact_newest_size_bytes").is_none());
}

#[tokio::test]
async fn what_pg_dump_writes_and_what_is_cut_off() {
    // pg_dump reads from servers that are as old as itself, or older
    let postgres = Postgres::builder().major(MAJORS[0].0).start().await.unwrap();
    postgres.psql("CREATE TABLE t AS SELECT generate_series(1, 10000) AS x").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("postgresql://postgres@127.0.0.1:{}/postgres", postgres.port());
    for (format, name) in [("plain", "a.sql"), ("custom", "b.dump"), ("tar", "c.tar")] {
        let file = folder.path().join(name).display().to_string();
        run(&PG_DUMP, &["--format", format, "--file", &file, &url]).await.unwrap();
        let page = exporter("readable: pg_dump, max_age: 1h", &[&file]).await.ask("m", &file).await;
        assert_eq!(page.reason(), "", "{format}");
    }
    let whole = std::fs::read(folder.path().join("a.sql")).unwrap();
    let half = &whole[..whole.len() / 2];
    for (name, bytes, reason) in [
        ("whole.gz", gzip(&whole), ""),
        ("half.sql", half.to_vec(), "check/artifact"),
        ("half.gz", gzip(half), "check/artifact"),
        ("half-of.gz", gzip(&whole)[..1000].to_vec(), "check/artifact"),
        ("page.sql", b"<html>502 Bad Gateway</html>".to_vec(), "check/artifact"),
    ] {
        let path = folder.path().join(name);
        write(&path, &bytes, Duration::ZERO);
        let target = path.display().to_string();
        let page = exporter("readable: pg_dump", &[&target]).await.ask("m", &target).await;
        assert_eq!(page.reason(), reason, "{name}");
    }
}

#[tokio::test]
async fn requests_learn_nothing_of_files_that_the_configuration_does_not_name() {
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("named").display().to_string();
    let exporter = exporter("readable: gzip", &[&named]).await;
    for target in ["/etc/passwd", "/nowhere", "s3://backups/x"] {
        let refused = exporter.get(&format!("/probe?module=m&target={target}"), "10").await;
        assert_eq!(refused.status, 403, "{target}");
        assert!(refused.text().contains("hint: checks:"), "{}", refused.text());
    }
    exporter.ask("m", &named).await.succeeds(false);
}

/// The settings of a store; `more` are other keys of the module.
fn settings(s3: &S3, more: &str) -> String {
    format!(
        "s3: {{endpoint: '{}', region: {REGION}, access_key_id: {}, secret_access_key: {}, preferred_ip_protocol: ip4}}{more}",
        s3.endpoint(),
        KEY.0,
        KEY.1
    )
}

fn hours_ago(hours: i64) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second() - hours * 3600).unwrap()
}

#[tokio::test]
async fn the_newest_object_of_a_prefix_over_many_pages() {
    let s3 = S3::start().await.unwrap();
    s3.page(3);
    for number in 0..20 {
        s3.put("backups", &format!("db/{number:02} & <ü>+=.gz"), gzip(b"old"), hours_ago(100 + number));
    }
    s3.put("backups", "db/07 young.sql.gz", gzip(&vec![7; 200_000]), hours_ago(3));
    s3.put("backups", "db/folder/", "", hours_ago(0));
    s3.put("backups", "other/x", "x", hours_ago(0));
    let targets =
        ["s3://backups/db/", "s3://backups/db/*.sql.gz", "s3://backups/db/1*", "s3://backups/none/"];
    let exporter = exporter(&settings(&s3, ", max_age: 26h, readable: gzip"), &targets).await;
    for (target, count, reason) in [
        (targets[0], 21.0, ""),
        (targets[1], 1.0, ""),
        (targets[2], 10.0, "check/artifact"),
        (targets[3], 0.0, "check/artifact"),
    ] {
        let page = exporter.ask("m", target).await;
        assert_eq!((page.value("probe_artifact_count"), page.reason().as_str()), (count, reason), "{target}");
    }
    let page = exporter.ask("m", targets[0]).await;
    let age = page.value("probe_artifact_newest_age_seconds");
    assert!((10_800.0..10_900.0).contains(&age), "{age}");
    // the start and the end of the object were read, and no more
    let read = s3.requests().iter().filter(|request| request.path.ends_with("young.sql.gz")).count();
    assert!(read >= 2, "{read}");
    assert!(
        s3.requests()
            .iter()
            .all(|request| request.path.ends_with('/') || !request.header("range").is_empty())
    );
}

#[tokio::test]
async fn keys_that_were_lent_and_tls() {
    let authority = Authority::new().unwrap();
    let s3 = S3::start_tls(&authority.server(&LOOPBACK).unwrap()).await.unwrap();
    s3.lend("a-session-token");
    s3.put("my.backups", "x", "x", hours_ago(1));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(folder.path().join("secret"), format!("{}\n", KEY.1)).unwrap();
    let (endpoint, place, key) = (s3.endpoint(), folder.path().display(), KEY.0);
    let with = |more: &str| {
        format!(
            "s3: {{endpoint: '{endpoint}', region: {REGION}, access_key_id: {key}, secret_access_key_file: {place}/secret{more}, tls_config: {{ca_file: {place}/ca.pem}}}}"
        )
    };
    let target = "s3://my.backups/";
    let page = exporter(&with(", session_token: a-session-token"), &[target]).await.ask("m", target).await;
    assert_eq!(page.reason(), "");
    page.value("probe_ssl_earliest_cert_expiry");
    let page = exporter(&with(""), &[target]).await.ask("m", target).await;
    assert_eq!(page.reason(), "first_byte/credentials_refused");
}

#[tokio::test]
async fn what_a_store_refuses_and_how_it_breaks() {
    let s3 = S3::start().await.unwrap();
    s3.page(1);
    for key in ["a", "b"] {
        s3.put("backups", key, "x", hours_ago(1));
    }
    let target = "s3://backups/";
    let good = settings(&s3, "");
    for (settings, target, reason) in [
        (good.replace(KEY.1, "another"), target, "first_byte/credentials_refused"),
        (good.replace(KEY.0, "AKIANOBODY"), target, "first_byte/credentials_refused"),
        (good.replace(REGION, "us-east-1"), target, "first_byte/credentials_refused"),
        (good.clone(), "s3://nobodys/", "first_byte/server_error"),
        (good.clone(), "s3://", "target/target_invalid"),
        (good.clone(), "s3://Evil Bucket/", "target/target_invalid"),
        ("s3: {endpoint: 'http://127.0.0.1:1'}".to_owned(), target, "connect/connect_refused"),
        // nobody's key
        (
            format!("s3: {{endpoint: '{}', preferred_ip_protocol: ip4}}", s3.endpoint()),
            target,
            "first_byte/credentials_refused",
        ),
    ] {
        let page = exporter(&settings, &[target]).await.ask("m", target).await;
        assert_eq!(page.reason(), reason, "{settings} {target}");
    }
    let exporter = exporter(&good, &[target]).await;
    for (fault, reason) in [
        (Fault::SlowDown, "first_byte/server_error"),
        (Fault::SecondPage, "first_byte/server_error"),
        (Fault::Half, "transfer/closed"),
    ] {
        s3.fault(Times::Next(1), fault);
        assert_eq!(exporter.ask("m", target).await.reason(), reason, "{fault:?}");
    }
    s3.fault(Times::Next(1), Fault::Hang);
    let late = exporter.get("/probe?module=m&target=s3://backups/", "1").await;
    assert!(late.text().contains("reason=\"timeout\""), "{}", late.text());
    assert_eq!(exporter.ask("m", target).await.reason(), "");
    let shown = exporter.get("/config", "10").await.text();
    assert!(!shown.contains(KEY.1), "{shown}");
}
