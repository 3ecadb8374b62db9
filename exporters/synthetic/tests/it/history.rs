//! The last probes on the landing page and on `/logs`: rows of blackbox_exporter's `history_test.go`, seen from outside.

use kit::web::{Reply, Web};

use crate::{Exporter, start_with};

/// Nobody listens there.
const DEAD: &str = "127.0.0.1:1";

async fn exporter() -> Exporter {
    start_with("modules: {tcp: {prober: tcp}, other: {prober: tcp}}", &["--history.limit=3"]).await
}

/// The rows of the landing page's table: target, result and number, the newest first.
async fn rows(exporter: &Exporter) -> Vec<(String, String, u64)> {
    let page = exporter.get("/", "10").await.text();
    let cells = |row: &str| -> Vec<String> {
        row.split("<td>").skip(1).map(|cell| cell.split("</td>").next().unwrap().to_owned()).collect()
    };
    page.lines()
        .filter(|line| line.contains("logs?id="))
        .map(|line| {
            let cells = cells(line);
            let id = line.split("logs?id=").nth(1).unwrap().split('"').next().unwrap();
            (cells[1].clone(), cells[2].clone(), id.parse().unwrap())
        })
        .collect()
}

async fn status(exporter: &Exporter, path: &str) -> u16 {
    exporter.get(path, "10").await.status
}

#[tokio::test]
async fn test_history_keeps_latest_results() {
    let (exporter, web) = (exporter().await, Web::start(|_| Reply::text(200, "").into()).await.unwrap());
    let target = web.address().to_string();
    for _ in 0..4 {
        exporter.ask("tcp", &target).await.succeeds(true);
    }
    let ids: Vec<u64> = rows(&exporter).await.into_iter().map(|(_, _, id)| id).collect();
    assert_eq!(ids, [3, 2, 1]);
}

#[tokio::test]
async fn test_history_preserves_expired_failed_results() {
    let (exporter, web) = (exporter().await, Web::start(|_| Reply::text(200, "").into()).await.unwrap());
    let target = web.address().to_string();
    for target in [DEAD, &target, DEAD, &target, &target, &target] {
        exporter.ask("tcp", target).await;
    }
    let found: Vec<_> = rows(&exporter).await.into_iter().map(|(_, result, id)| (result, id)).collect();
    let (good, bad) = ("Success".to_owned(), "Failure".to_owned());
    assert_eq!(found, [(good.clone(), 5), (good.clone(), 4), (good, 3), (bad.clone(), 2), (bad, 0)]);
    for _ in 0..8 {
        exporter.ask("tcp", DEAD).await;
    }
    // three are recent, three are kept since they failed
    assert_eq!(rows(&exporter).await.len(), 6);
}

#[tokio::test]
async fn test_history_get_by_id() {
    let exporter = exporter().await;
    exporter.ask("tcp", DEAD).await;
    let page = exporter.get("/logs?id=0", "10").await.ok().unwrap();
    assert!(page.header("content-type").starts_with("text/plain"));
    let text = page.text();
    let parts =
        ["Logs for the probe:\n", "\nMetrics that would have been returned:\n", "\nModule configuration:\n"];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    assert!(text.contains("\nprobe_success 0\n") && text.contains("prober: tcp"), "{text}");
    for (path, expected) in [
        ("/logs?id=1", 404),
        ("/logs?target=x", 404),
        ("/logs", 400),
        ("/logs?id=0&target=x", 400),
        ("/logs?id=0&module=tcp", 400),
        ("/logs?id=x", 400),
    ] {
        assert_eq!(status(&exporter, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn test_history_get_by_target() {
    let exporter = exporter().await;
    for module in ["tcp", "other", "tcp"] {
        exporter.ask(module, DEAD).await;
    }
    for (path, module) in [
        (format!("/logs?target={DEAD}"), "tcp"),
        (format!("/logs?target={DEAD}&module=other"), "other"),
        (format!("/logs?target={DEAD}&module=tcp"), "tcp"),
    ] {
        let text = exporter.get(&path, "10").await.ok().unwrap().text();
        assert!(text.contains(&format!(" module={module} target={DEAD} ")), "{path}: {text}");
    }
    assert_eq!(status(&exporter, &format!("/logs?target={DEAD}&module=none")).await, 404);
}

#[tokio::test]
async fn test_history_conc() {
    let exporter = exporter().await;
    let probes = (0..40).map(|_| exporter.ask("tcp", DEAD));
    for page in futures_util::future::join_all(probes).await {
        page.succeeds(false);
    }
    let mut ids: Vec<u64> = rows(&exporter).await.into_iter().map(|(_, _, id)| id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [34, 35, 36, 37, 38, 39]);
}

#[tokio::test]
async fn a_target_is_shown_without_its_password_and_harmless() {
    let exporter = exporter().await;
    exporter.ask("tcp", "http://user:canary@127.0.0.1:1/<script>").await;
    let (landing, logs) =
        (exporter.get("/", "10").await.text(), exporter.get("/logs?id=0", "10").await.text());
    assert!(!landing.contains("canary") && !logs.contains("canary"), "{landing}{logs}");
    assert!(landing.contains("&lt;script&gt;") && !landing.contains("<script>"), "{landing}");
}
