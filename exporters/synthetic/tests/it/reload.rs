//! A new configuration while running: rows of blackbox_exporter's `reload_test.go` and `main_test.go`, seen from outside.

use std::time::Duration;

use anyhow::Context;
use kit::eventually;
use kit::http::Client;
use synthetic_exporter::Synthetic;
use toolkit::app::App;

use crate::{Exporter, start, start_with};

const ONE: &str = "modules: {one: {prober: tcp}}";
const TWO: &str = "modules: {two: {prober: tcp}}";
const BAD: &str = "modules: {two: {prober: none}}";

/// For what is waited for.
const WITHIN: Duration = Duration::from_secs(20);

async fn reload(exporter: &Exporter) -> u16 {
    Client::new().send("POST", &exporter.url("/-/reload"), "").await.unwrap().status
}

async fn says(exporter: &Exporter, line: &str) -> bool {
    exporter.get("/metrics", "10").await.text().contains(&format!("\n{line}\n"))
}

async fn knows(exporter: &Exporter, module: &str) -> bool {
    exporter.get(&format!("/probe?module={module}&target=127.0.0.1:1"), "10").await.status == 200
}

#[tokio::test]
async fn test_reload_takes_a_changed_file_and_refuses_a_bad_one() {
    let exporter = start(ONE).await;
    assert!(knows(&exporter, "one").await && !knows(&exporter, "two").await);
    // an unchanged file is a success
    assert_eq!(reload(&exporter).await, 200);
    exporter.write(TWO);
    assert_eq!(reload(&exporter).await, 200);
    assert!(knows(&exporter, "two").await && !knows(&exporter, "one").await);
    assert!(says(&exporter, "blackbox_exporter_config_last_reload_successful 1").await);
    exporter.write(BAD);
    assert_eq!(reload(&exporter).await, 500);
    assert!(knows(&exporter, "two").await);
    assert!(says(&exporter, "blackbox_exporter_config_last_reload_successful 0").await);
    exporter.write(ONE);
    assert_eq!(reload(&exporter).await, 200);
    assert!(knows(&exporter, "one").await);
    assert!(says(&exporter, "blackbox_exporter_config_last_reload_successful 1").await);
    // only POST
    assert_eq!(exporter.get("/-/reload", "10").await.status, 405);
}

#[tokio::test]
async fn test_auto_reload_follows_the_file() {
    let flags = ["--config.enable-auto-reload", "--config.auto-reload-interval=10ms"];
    let exporter = start_with(ONE, &flags).await;
    exporter.write(TWO);
    eventually(WITHIN, "the new module", async || {
        knows(&exporter, "two").await.then_some(()).context("not yet")
    })
    .await
    .unwrap();
    exporter.write(BAD);
    let failed = "blackbox_exporter_config_last_reload_successful 0";
    eventually(WITHIN, "the refusal", async || {
        says(&exporter, failed).await.then_some(()).context("not yet")
    })
    .await
    .unwrap();
    assert!(knows(&exporter, "two").await);
}

#[tokio::test]
async fn test_without_auto_reload_the_file_is_not_followed() {
    let often = "--config.auto-reload-interval=10ms";
    let exporter = start_with(ONE, &[often]).await;
    let following = start_with(ONE, &["--config.enable-auto-reload", often]).await;
    exporter.write(TWO);
    following.write(TWO);
    // by then it would have been
    eventually(WITHIN, "the new module of the one that follows", async || {
        knows(&following, "two").await.then_some(()).context("not yet")
    })
    .await
    .unwrap();
    assert!(knows(&exporter, "one").await && !knows(&exporter, "two").await);
}

#[tokio::test]
async fn test_compute_external_url() {
    for (url, valid) in [
        ("", true),
        ("http://proxy.com/prometheus", true),
        ("'https://url/prometheus'", false),
        ("'relative/path/with/quotes'", false),
        ("http://alertmanager.company.com", true),
        ("https://double--dash.de", true),
        ("'http://starts/with/quote", false),
        ("ends/with/quote\"", false),
    ] {
        let flags = ["--web.listen-address=127.0.0.1:0".to_owned(), format!("--web.external-url={url}")];
        let flags = flags.each_ref().map(String::as_str);
        assert_eq!(App::<Synthetic>::launch(&flags).await.is_ok(), valid, "{url}");
    }
}

#[tokio::test]
async fn all_paths_begin_with_the_prefix() {
    let exporter = start_with(ONE, &["--web.external-url=http://proxy.example/watch"]).await;
    for (path, status) in [
        ("/watch/", 200),
        ("/watch/metrics", 200),
        ("/watch/config", 200),
        ("/watch/probe?module=one&target=127.0.0.1:1", 200),
        ("/watch/-/healthy", 200),
        ("/-/healthy", 200),
        ("/metrics", 404),
    ] {
        assert_eq!(exporter.get(path, "10").await.status, status, "{path}");
    }
    let home = exporter.get("/", "10").await;
    assert_eq!((home.status, home.header("location")), (303, "http://proxy.example/watch"));
}

#[tokio::test]
async fn every_flag_of_the_peer_is_taken() {
    let flags = [
        "--timeout-offset=0.5",
        "--log.prober=debug",
        "--log.level=info",
        "--log.format=json",
        "--config.enable-auto-reload",
        "--no-config.enable-auto-reload",
        "--config.auto-reload-interval=30",
        "--history.limit=0",
        "--web.external-url=http://a.example/",
        "--web.route-prefix=/",
        "--no-web.systemd-socket",
        "--web.config.file=",
    ];
    let exporter = start_with(ONE, &flags).await;
    exporter.ask("one", "127.0.0.1:1").await.succeeds(false);
}
