//! Passwords, users, certificates, and who must never get them.

use kit::redis::Redis;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{Scripted, exporter, get, healthy, page};

/// A secret that may appear nowhere.
const CANARY: &str = "canary-7f3a";

/// The ACL of the README.
const ACL: &str = include_str!("../../README.md");

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn passwords_from_everywhere() {
    let redis = Redis::builder().password(CANARY).start().await.unwrap();
    let (url, port, folder) = (redis.url(), redis.port(), folder());
    let plain = write(&folder, "plain", &format!("{CANARY}\n"));
    let map = write(&folder, "map.json", &format!("{{\"{url}\": \"{CANARY}\"}}"));
    let config =
        write(&folder, "config.yml", &format!("targets: [{{match: '{url}', password_file: plain}}]"));
    for (arguments, expected) in [
        (vec![], "noauth"),
        (vec!["--redis.password=wrong".to_owned()], "wrongpass"),
        (vec![format!("--redis.password={CANARY}")], ""),
        (vec![format!("--redis.addr=redis://:{CANARY}@127.0.0.1:{port}")], ""),
        (vec![format!("--redis.password-file={plain}")], ""),
        (vec![format!("--redis.password-file={map}")], ""),
        (vec![format!("--config.file={config}")], ""),
    ] {
        let mut all = vec![format!("--redis.addr={url}")];
        if arguments.iter().any(|argument| argument.starts_with("--redis.addr")) {
            all.clear();
        }
        all.extend(arguments);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let exporter = exporter(&all).await;
        let page = page(&exporter, "/metrics").await;
        let up = if expected.is_empty() { 1.0 } else { 0.0 };
        assert_eq!((page.value("redis_up"), page.error()), (Some(up), expected), "{all:?}");
        assert!(!page.0.contains(CANARY));
        exporter.stop().await;
    }
}

#[tokio::test]
async fn a_password_where_none_is_wanted_does_no_harm() {
    let redis = Redis::start().await.unwrap();
    let exporter = exporter(&["--redis.addr", &redis.url(), "--redis.password=unneeded"]).await;
    assert_eq!(page(&exporter, "/metrics").await.value("redis_up"), Some(1.0));
    exporter.stop().await;
}

/// The command lines of the README that begin with `ACL SETUSER`.
fn acl_of_readme() -> String {
    let line = ACL.lines().find(|line| line.starts_with("ACL SETUSER metrics ")).unwrap();
    let rules = line.strip_prefix("ACL SETUSER ").unwrap();
    rules.replace("YOUR-PASSWORD", CANARY)
}

#[tokio::test]
async fn the_acl_of_the_readme_is_enough() {
    let redis = Redis::builder().user(&acl_of_readme()).start().await.unwrap();
    let password = format!("--redis.password={CANARY}");
    let exporter = exporter(&["--redis.addr", &redis.url(), "--redis.user=metrics", &password]).await;
    for _ in 0..3 {
        let page = page(&exporter, "/metrics").await;
        assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), ""));
        assert!(
            page.family("redis_scrape_collector_success").iter().all(|line| line.ends_with(" 1")),
            "{}",
            page.0
        );
    }
    assert_eq!(redis.cli(&["ACL", "LOG"]).await.unwrap(), "");
    let errors = redis.cli(&["INFO", "errorstats"]).await.unwrap();
    assert!(!errors.contains("errorstat_"), "{errors}");
    exporter.stop().await;
}

#[tokio::test]
async fn what_an_acl_denies_is_asked_once_and_costs_only_its_part() {
    let user = format!("metrics on >{CANARY} +info +slowlog");
    let redis = Redis::builder().user(&user).start().await.unwrap();
    let password = format!("--redis.password={CANARY}");
    let exporter = exporter(&["--redis.addr", &redis.url(), "--redis.user=metrics", &password]).await;
    let mut denied = Vec::new();
    for _ in 0..3 {
        let page = page(&exporter, "/metrics").await;
        assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), ""));
        for (part, expected) in [("config", 0.0), ("latency", 0.0), ("slowlog", 1.0), ("keyspace", 1.0)] {
            let series = format!("redis_scrape_collector_success{{collector=\"{part}\"}}");
            assert_eq!(page.value(&series), Some(expected), "{part}");
        }
        // no database is made up while the server keeps their number to itself
        assert_eq!(page.family("redis_db_keys"), Vec::<&str>::new());
        denied.push(redis.cli(&["INFO", "errorstats"]).await.unwrap());
    }
    // CLIENT SETNAME, CONFIG GET, LATENCY LATEST, LATENCY HISTOGRAM
    assert!(denied[0].contains("errorstat_NOPERM:count=4"), "{}", denied[0]);
    assert_eq!(denied[1], denied[0]);
    assert_eq!(denied[2], denied[0]);
    exporter.stop().await;
}

#[tokio::test]
async fn tls_is_verified_and_mutual() {
    let redis = Redis::builder().mutual_tls().start().await.unwrap();
    let files = redis.tls_files().unwrap();
    let by_address = format!("rediss://127.0.0.1:{}", redis.port());
    let authority = format!("--tls-ca-cert-file={}", files.authority.display());
    let certificate = format!("--tls-client-cert-file={}", files.client_certificate.display());
    let key = format!("--tls-client-key-file={}", files.client_key.display());
    let (authority, certificate, key) = (authority.as_str(), certificate.as_str(), key.as_str());
    for (address, arguments, expected) in [
        (redis.url(), vec![authority, certificate, key], ""),
        (by_address.clone(), vec![authority, certificate, key], ""),
        (by_address.clone(), vec!["--skip-tls-verification", certificate, key], ""),
        (redis.url(), vec![authority, certificate, key, "--tls-server-name=other"], "tls_verify"),
        (redis.url().replace("rediss", "valkeys"), vec![authority, certificate, key], ""),
        (redis.url().replace("rediss", "redis"), vec![], "closed"),
    ] {
        let exporter = exporter(&[&["--redis.addr", &address], arguments.as_slice()].concat()).await;
        let page = page(&exporter, "/metrics").await;
        assert_eq!(page.error(), expected, "{address} {arguments:?}");
        exporter.stop().await;
    }
}

#[tokio::test]
async fn tls_with_a_server_that_speaks_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rediss://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"-ERR unencrypted connection\r\n").await.unwrap();
        stream
    });
    let exporter = exporter(&["--redis.addr", &url]).await;
    let page = page(&exporter, "/metrics").await;
    assert_eq!((page.value("redis_up"), page.error()), (Some(0.0), "tls_handshake"));
    drop(server);
    exporter.stop().await;
}

#[tokio::test]
async fn a_reload_changes_who_we_are() {
    let redis = Redis::builder().password(CANARY).start().await.unwrap();
    let folder = folder();
    let rule = |password: &str| format!("targets: [{{match: '127.0.0.1', password: {password}}}]");
    let config = write(&folder, "config.yml", &rule("wrong"));
    let exporter = exporter(&["--redis.addr", &redis.url(), "--config.file", &config]).await;
    for (password, status, error) in
        [("wrong", 200, "wrongpass"), (CANARY, 200, ""), ("[bad", 500, ""), ("wrong", 200, "wrongpass")]
    {
        write(&folder, "config.yml", &rule(password));
        let reload = kit::http::Client::new().send("POST", &exporter.url("/-/reload"), "").await.unwrap();
        assert_eq!(reload.status, status, "{}", reload.text());
        assert!(!reload.text().contains(CANARY));
        assert_eq!(page(&exporter, "/metrics").await.error(), error, "{password}");
    }
    exporter.stop().await;
}

#[tokio::test]
async fn a_target_without_a_rule_gets_no_secret() {
    let (known, stranger) = (Scripted::start(healthy).await, Scripted::start(healthy).await);
    let folder = folder();
    write(&folder, "secret", CANARY);
    let config = format!("targets: [{{match: '{}', username: me, password_file: secret}}]", known.url());
    let config = format!("--config.file={}", write(&folder, "config.yml", &config));
    let map = format!("{{\"redis://elsewhere:1\": \"{CANARY}\"}}");
    let map = format!("--redis.password-file={}", write(&folder, "map.json", &map));
    let password = format!("--redis.password={CANARY}");
    let exporter = exporter(&["--redis.addr=redis://127.0.0.1:1", &password, &map, &config]).await;
    for (target, expected) in [
        (stranger.url(), 1.0),
        (stranger.url().replace("redis://", "redis://me:pw@"), 1.0),
        (known.url(), 1.0),
    ] {
        let path = format!("/scrape?target={}", kit::http::percent_encode(&target));
        assert_eq!(page(&exporter, &path).await.value("redis_up"), Some(expected), "{target}");
    }
    assert!(
        !stranger.received().contains(CANARY) && !stranger.received().contains("AUTH"),
        "{}",
        stranger.received()
    );
    assert!(known.received().contains("AUTH") && known.received().contains(CANARY));
    exporter.stop().await;
}

#[tokio::test]
async fn requests_that_are_refused() {
    let exporter = exporter(&["--redis.addr="]).await;
    for (path, status, text) in [
        ("/scrape", 400, "target"),
        ("/scrape?target=", 400, "target"),
        ("/scrape?target=://nope", 400, "scheme"),
        ("/scrape?target=http://host", 400, "scheme"),
        ("/scrape?target=unix:///run/redis.sock", 403, "unix socket"),
    ] {
        let response = get(&exporter, path, 10.0).await;
        assert_eq!(response.status, status, "{path}");
        assert!(response.text().contains(text), "{path}: {}", response.text());
    }
    let page = page(&exporter, "/metrics").await;
    assert_eq!(page.value("redis_target_scrape_request_errors_total"), Some(5.0));
    exporter.stop().await;

    let closed = crate::support::exporter(&["--redis.addr=", "--disable-scrape-endpoint"]).await;
    assert_eq!(get(&closed, "/scrape?target=a", 10.0).await.status, 404);
    closed.stop().await;
}

#[tokio::test]
async fn a_socket_is_asked_by_a_rule_only() {
    let folder = folder();
    let socket = folder.path().join("redis.sock");
    let redis = Redis::builder().config(&format!("unixsocket {}", socket.display())).start().await.unwrap();
    let target = format!("unix://{}", socket.display());
    let config = write(&folder, "config.yml", &format!("targets: [{{match: '{target}'}}]"));
    let exporter = exporter(&["--redis.addr=", "--config.file", &config]).await;
    assert_eq!(page(&exporter, &format!("/scrape?target={target}")).await.value("redis_up"), Some(1.0));
    drop(redis);
    exporter.stop().await;
}
