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
    // nothing of ours was refused: not in the log, not in the counters
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

#[tokio::test]
async fn a_rule_with_tls_never_speaks_in_clear() {
    let server = Scripted::start(healthy).await;
    let folder = folder();
    let config =
        format!("targets: [{{match: '127.0.0.1', password: {CANARY}, tls: {{insecure_skip_verify: true}}}}]");
    let config = format!("--config.file={}", write(&folder, "config.yml", &config));
    let exporter = exporter(&["--redis.addr=", &config]).await;
    // the request asks for no TLS; the server answers a handshake with nothing that is one
    let response = get(&exporter, &format!("/scrape?target={}", server.url()), 1.0).await;
    let page = crate::support::Page(response.text());
    assert_eq!(page.value("redis_up"), Some(0.0));
    assert!(!server.received().contains(CANARY));
    exporter.stop().await;
}

#[tokio::test]
async fn the_end_of_the_certificate_is_shown_trusted_or_not() {
    let redis = Redis::builder().tls().start().await.unwrap();
    let files = redis.tls_files().unwrap().clone();
    let authority = format!("--tls-ca-cert-file={}", files.authority.display());
    let exporter = exporter(&["--redis.addr", &redis.url(), &authority]).await;
    let end = "redis_tls_peer_cert_not_after_timestamp_seconds";
    for _ in 0..2 {
        let page = page(&exporter, "/metrics").await;
        // 2100-01-01
        assert_eq!((page.value(end), page.error()), (Some(4_102_444_800.0), ""));
    }
    let expired = kit::tls::Authority::new().unwrap().expired_server(&kit::tls::LOOPBACK).unwrap();
    let paths = [&files.certificate, &files.key].map(|path| path.to_str().unwrap());
    std::fs::write(paths[0], &expired.certificate_pem).unwrap();
    std::fs::write(paths[1], &expired.key_pem).unwrap();
    redis.cli(&["CONFIG", "SET", "tls-cert-file", paths[0], "tls-key-file", paths[1]]).await.unwrap();
    let fresh = crate::support::exporter(&["--redis.addr", &redis.url(), &authority]).await;
    let page = page(&fresh, "/metrics").await;
    // 2021-01-01
    assert_eq!((page.value(end), page.error()), (Some(1_609_459_200.0), "tls_verify"));
    exporter.stop().await;
    fresh.stop().await;
}

#[tokio::test]
async fn certificates_of_ours_that_change_are_used_for_the_next_connection() {
    let redis = Redis::builder().mutual_tls().start().await.unwrap();
    let files = redis.tls_files().unwrap();
    let folder = folder();
    let stranger = kit::tls::Authority::new().unwrap().client("stranger").unwrap();
    let ours =
        [&files.client_certificate, &files.client_key].map(|path| std::fs::read_to_string(path).unwrap());
    let install = |certificate: &str, key: &str| {
        (write(&folder, "client.pem", certificate), write(&folder, "client.key", key))
    };
    let (certificate, key) = install(&stranger.certificate_pem, &stranger.key_pem);
    let config = format!(
        "targets: [{{match: '*', tls: {{ca_file: '{}', cert_file: '{certificate}', key_file: '{key}', min_version: TLS13}}}}]",
        files.authority.display()
    );
    let config = format!("--config.file={}", write(&folder, "config.yml", &config));
    let exporter = exporter(&["--redis.addr=", &config]).await;
    let path = format!("/scrape?target=localhost:{}", redis.port());
    assert_eq!(page(&exporter, &path).await.value("redis_up"), Some(0.0));
    install(&ours[0], &ours[1]);
    let after = page(&exporter, &path).await;
    assert_eq!((after.value("redis_up"), after.error()), (Some(1.0), ""));
    exporter.stop().await;
}

#[tokio::test]
async fn no_secret_is_seen_anywhere() {
    let redis = Redis::builder().password(CANARY).start().await.unwrap();
    let folder = kit::process::Folder::new().unwrap();
    let port = kit::process::free_port().unwrap();
    let rule = format!("targets: [{{match: '127.0.0.1:1', username: me, password: {CANARY}}}]");
    let rule = folder.write("config.yml", &rule).unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let client = kit::http::Client::new().basic_auth("ali", CANARY);
    let server =
        kit::process::Launch::at(env!("CARGO_BIN_EXE_redis-exporter").as_ref(), "redis-exporter", &folder)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg(format!("--config.file={}", rule.display()))
            .env("REDIS_ADDR", redis.url().replace("redis://", &format!("redis://:{CANARY}@")))
            .env("REDIS_EXPORTER_BASIC_AUTH_USERNAME", "ali")
            .env("REDIS_EXPORTER_BASIC_AUTH_PASSWORD", CANARY)
            .env("REDIS_EXPORTER_DEBUG", "true")
            .start(std::time::Duration::from_secs(20), async || kit::process::accepts(port).await)
            .await
            .unwrap();
    let target = |text: &str| format!("/scrape?target={}", kit::http::percent_encode(text));
    for (path, status) in [
        ("/".to_owned(), 200),
        ("/metrics".to_owned(), 200),
        (target(&redis.url()), 200),
        (target(&format!("redis://me:{CANARY}@127.0.0.1:1")), 200),
        (target(&format!("redis://me:{CANARY}@127.0.0.1:x")), 400),
        (target(&format!("{CANARY}://127.0.0.1")), 400),
        (target(&format!("127.0.0.1:1/{CANARY}")), 400),
    ] {
        let response = client.get(&format!("{url}{path}")).await.unwrap();
        assert_eq!(response.status, status, "{path}");
        assert!(!response.text().contains(CANARY), "{path}: {}", response.text());
    }
    let refused =
        kit::http::Client::new().basic_auth(CANARY, "no").get(&format!("{url}/metrics")).await.unwrap();
    assert_eq!(refused.status, 401);
    folder.write("config.yml", format!("targets: [{{match: a, pasword: {CANARY}}}, {CANARY}]")).unwrap();
    let reload = client.send("POST", &format!("{url}/-/reload"), "").await.unwrap();
    assert_eq!(reload.status, 500);
    let log = server.log();
    assert!(log.contains("level=debug") && !log.contains(CANARY), "{log}");
    server.stop().await.unwrap();
}
