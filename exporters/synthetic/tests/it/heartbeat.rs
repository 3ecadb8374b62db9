//! Heartbeats: jobs that call, jobs that do not, and what survives a restart.

use std::time::Duration;

use anyhow::ensure;
use kit::eventually;
use kit::http::{Client, Response};
use tempfile::TempDir;

use crate::checks::{metrics, until};
use crate::{Exporter, start, start_with};

const CONFIG: &str = "checks:
  nightly: {interval: 24h, labels: {team: data}, heartbeat: {token: right-one}}
  open: {interval: 1h, heartbeat: {get: true, grace: 5m}}
  linked: {interval: 1h, heartbeat: {get: true, token_file: token}}
";

async fn call(
    exporter: &Exporter,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let client = headers.iter().fold(Client::new(), |client, (name, value)| client.header(name, value));
    client.send(method, &exporter.url(path), body).await.unwrap()
}

#[tokio::test]
async fn a_call_counts_when_it_may() {
    let exporter = start(CONFIG).await;
    std::fs::write(exporter.folder.path().join("token"), "from a file\n").unwrap();
    let bearer = [("authorization", "Bearer right-one")];
    let own = [("x-heartbeat-token", "right-one"), ("authorization", "Basic eDp5")];
    for (method, path, headers, body, status) in [
        ("POST", "/heartbeat/nightly", &bearer[..], "", 200),
        ("POST", "/heartbeat/nightly", &own, "status=ok&duration=61.5", 200),
        ("POST", "/heartbeat/nightly", &bearer, "anything at all", 200),
        ("POST", "/heartbeat/nightly", &[], "", 401),
        ("POST", "/heartbeat/nightly", &[("authorization", "Bearer wrong")], "", 401),
        ("POST", "/heartbeat/nightly?token=right-one", &[], "", 401),
        ("GET", "/heartbeat/nightly", &bearer, "", 405),
        ("DELETE", "/heartbeat/open", &[], "", 405),
        ("HEAD", "/heartbeat/open", &[], "", 405),
        ("POST", "/heartbeat/nobody", &bearer, "", 404),
        ("POST", "/heartbeat/nightly/more", &bearer, "", 404),
        ("POST", "/heartbeat/nightly", &bearer, "status=perhaps", 400),
        ("GET", "/heartbeat/open", &[], "", 200),
        ("GET", "/heartbeat/open?duration=-3", &[], "", 400),
        ("GET", "/heartbeat/linked?token=from%20a%20file", &[], "", 200),
        ("GET", "/heartbeat/linked?token=wrong", &[], "", 401),
        ("POST", "/heartbeat/linked", &[("authorization", "bearer from a file")], "", 200),
    ] {
        let response = call(&exporter, method, path, headers, body).await;
        assert_eq!(response.status, status, "{method} {path} {body}: {}", response.text());
        assert!(!response.text().contains("right-one") && !response.text().contains("a file"));
    }
    let long = call(&exporter, "POST", "/heartbeat/nightly", &bearer, &"x".repeat(5000)).await;
    assert_eq!(long.status, 413);
    let page = metrics(&exporter).await;
    let nightly = "check=\"nightly\",team=\"data\"";
    assert_eq!(page.value(&format!("probe_success{{{nightly}}}")), 1.0);
    assert_eq!(page.value(&format!("probe_heartbeat_received_total{{{nightly}}}")), 3.0);
    assert_eq!(page.value(&format!("probe_check_runs_total{{{nightly},status=\"ok\"}}")), 3.0);
    let (came, expected) = (
        page.value(&format!("probe_heartbeat_last_timestamp_seconds{{{nightly}}}")),
        page.value(&format!("probe_heartbeat_expected_timestamp_seconds{{{nightly}}}")),
    );
    assert!((expected - came - 25.0 * 3600.0).abs() < 5.0, "{came} {expected}");
    assert_eq!(page.value("probe_heartbeat_received_total{check=\"linked\"}"), 2.0);
    for (reason, count) in
        [("token", 4.0), ("method", 3.0), ("unknown", 1.0), ("body", 3.0), ("internal", 0.0)]
    {
        assert_eq!(
            page.value(&format!("probe_heartbeat_refused_total{{reason=\"{reason}\"}}")),
            count,
            "{reason}"
        );
    }
    // a token that is not there lets nobody in
    std::fs::remove_file(exporter.folder.path().join("token")).unwrap();
    assert_eq!(call(&exporter, "GET", "/heartbeat/linked?token=", &[], "").await.status, 503);
    std::fs::write(exporter.folder.path().join("token"), "\n").unwrap();
    assert_eq!(call(&exporter, "GET", "/heartbeat/linked?token=", &[], "").await.status, 503);
}

#[tokio::test]
async fn a_job_that_fails_says_so() {
    let exporter = start(CONFIG).await;
    let told = call(&exporter, "POST", "/heartbeat/open?status=2&duration=7.5", &[], "").await;
    assert_eq!(told.status, 200);
    let page = metrics(&exporter).await;
    assert_eq!(page.value("probe_success{check=\"open\"}"), 0.0);
    assert_eq!(page.value("probe_heartbeat_duration_seconds{check=\"open\"}"), 7.5);
    assert_eq!(
        page.value("probe_failure_reason{check=\"open\",phase=\"check\",reason=\"heartbeat_failed\"}"),
        1.0
    );
    assert_eq!(page.value("probe_check_runs_total{check=\"open\",status=\"fail\"}"), 1.0);
}

#[tokio::test]
async fn a_heartbeat_that_does_not_come_is_missed_until_it_comes() {
    let exporter = start("checks: {job: {interval: 1s, heartbeat: {grace: 0s}}}").await;
    // nothing is known of one that was never awaited before
    assert!(metrics(&exporter).await.find("probe_success{check=\"job\"}").is_none());
    until(&exporter, "a missed heartbeat", |page| {
        page.find("probe_heartbeat_missed_total{check=\"job\"}").filter(|count| *count >= 2.0)
    })
    .await;
    let page = metrics(&exporter).await;
    assert_eq!(page.value("probe_success{check=\"job\"}"), 0.0);
    assert_eq!(
        page.value("probe_failure_reason{check=\"job\",phase=\"check\",reason=\"heartbeat_missed\"}"),
        1.0
    );
    eventually(Duration::from_secs(20), "the job's return", async || {
        let status = call(&exporter, "POST", "/heartbeat/job", &[], "").await.status;
        ensure!(status == 200, "{status}");
        let page = metrics(&exporter).await;
        ensure!(page.find("probe_success{check=\"job\"}") == Some(1.0), "{}", page.text);
        Ok(())
    })
    .await
    .unwrap();
}

/// Starts it with what was kept in this folder.
async fn again(config: &str, storage: &TempDir) -> Exporter {
    start_with(config, &[&format!("--storage.path={}", storage.path().display())]).await
}

#[tokio::test]
async fn what_came_survives_a_restart() {
    let storage = tempfile::tempdir().unwrap();
    let config = "checks: {good: {interval: 1h, heartbeat: {}}, bad: {interval: 1h, heartbeat: {}}, silent: {interval: 1h, heartbeat: {}}}";
    let first = again(config, &storage).await;
    call(&first, "POST", "/heartbeat/good", &[], "").await.ok().unwrap();
    call(&first, "POST", "/heartbeat/bad", &[], "status=fail").await.ok().unwrap();
    let came = metrics(&first).await.value("probe_heartbeat_last_timestamp_seconds{check=\"good\"}");
    first.stop().await;
    let second = again(config, &storage).await;
    let page = metrics(&second).await;
    assert_eq!(page.value("probe_success{check=\"good\"}"), 1.0);
    assert_eq!(page.value("probe_success{check=\"bad\"}"), 0.0);
    assert!(page.find("probe_success{check=\"silent\"}").is_none());
    let restored = page.value("probe_heartbeat_last_timestamp_seconds{check=\"good\"}");
    assert!((restored - came).abs() < 0.001, "{came} {restored}");
    // what is restored is no run of this process
    assert_eq!(page.value("probe_check_runs_total{check=\"good\",status=\"ok\"}"), 0.0);
    second.stop().await;
    // without a store nothing is known
    let third = start(config).await;
    assert!(metrics(&third).await.find("probe_success{check=\"good\"}").is_none());
}

#[tokio::test]
async fn a_missed_one_is_missed_after_a_restart_too() {
    let storage = tempfile::tempdir().unwrap();
    let config =
        |interval: &str| format!("checks: {{job: {{interval: {interval}, heartbeat: {{grace: 0s}}}}}}");
    let first = again(&config("1s"), &storage).await;
    until(&first, "a missed heartbeat", |page| {
        page.find("probe_heartbeat_missed_total{check=\"job\"}").filter(|count| *count >= 1.0)
    })
    .await;
    first.stop().await;
    let second = again(&config("1s"), &storage).await;
    assert_eq!(metrics(&second).await.value("probe_success{check=\"job\"}"), 0.0);
}
