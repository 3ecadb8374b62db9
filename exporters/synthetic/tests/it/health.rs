//! `/health`, the metrics of services, and what of them outlives a restart.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::ensure;
use kit::eventually;
use kit::http::{Client, Response, http_get};
use kit::process::{Folder, Launch, free_port};
use kit::web::{Reply, Web};
use serde_json::Value;
use synthetic_exporter::health::store::Store;

use crate::exporter::Page;
use crate::{Exporter, start, start_with};

/// How long the first results may take.
const SOON: Duration = Duration::from_secs(30);

/// A product: the shop works, the database does not, and the shop's cart depends on it.
fn product(good: &str, bad: &str, more: &str) -> String {
    format!(
        "modules: {{tcp: {{prober: tcp, tcp: {{preferred_ip_protocol: ip4}}}}}}
checks:
  page: {{module: tcp, target: '{good}', interval: 1s}}
  cart: {{module: tcp, target: '{bad}', interval: 1s}}
  disk: {{module: tcp, target: '{bad}', interval: 1s}}
  backup: {{interval: 24h, heartbeat: {{}}}}
services:
  shop:
    title: The shop
    checks: [page, {{check: cart, critical: false, down_after: 1}}]
    depends_on: [database]
    objective: 99.9
  database: {{checks: [{{check: disk, down_after: 1}}]}}
  archive: {{checks: [backup], critical: false}}
{more}"
    )
}

async fn stage(more: &str) -> (Exporter, Web) {
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let bad = format!("127.0.0.1:{}", free_port().unwrap());
    let exporter = start(&product(&web.address().to_string(), &bad, more)).await;
    (exporter, web)
}

async fn ask(exporter: &Exporter, path: &str) -> (u16, Value) {
    let response: Response = http_get(&exporter.url(path), &[]).await.unwrap();
    assert_eq!(response.header("content-type"), "application/json", "{path}");
    assert_eq!(response.header("cache-control"), "no-store", "{path}");
    (response.status, response.json().unwrap())
}

/// Waits until a service has this status.
async fn until(exporter: &Exporter, service: &str, status: &str) {
    let path = format!("/health/{service}");
    let look = async || {
        let (_, body) = ask(exporter, &path).await;
        ensure!(body["status"] == status, "{body}");
        Ok(())
    };
    eventually(SOON, &format!("{service} to be {status}"), look).await.unwrap();
}

/// The product as it is when all results are there.
async fn settle(exporter: &Exporter) {
    until(exporter, "database", "unhealthy").await;
    until(exporter, "shop", "degraded").await;
}

#[tokio::test]
async fn answers_say_how_each_service_is() {
    let (exporter, _web) = stage("").await;
    settle(&exporter).await;
    let (status, shop) = ask(&exporter, "/health/shop").await;
    assert_eq!(status, 200, "what is degraded works");
    assert_eq!((&shop["name"], &shop["title"]), (&"shop".into(), &"The shop".into()));
    assert_eq!(shop["suppressed_by"], "database");
    assert_eq!(
        (&shop["coverage"], &shop["score"], &shop["objective"]),
        (&1.0.into(), &0.5.into(), &0.999.into())
    );
    assert_eq!(shop["version"], env!("CARGO_PKG_VERSION"));
    assert!(shop["uptime_seconds"].is_u64() && shop["time"].is_string() && shop["since"].is_string());
    let [page, cart] = shop["checks"].as_array().unwrap().as_slice() else { panic!("{shop}") };
    assert_eq!(
        (&page["check"], &page["status"], &page["critical"]),
        (&"page".into(), &"healthy".into(), &true.into())
    );
    assert!(page["duration_seconds"].as_f64().unwrap() > 0.0 && page["reason"].is_null(), "{page}");
    assert!(page["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!((&cart["status"], &cart["critical"]), (&"unhealthy".into(), &false.into()));
    assert_eq!((&cart["phase"], &cart["reason"]), (&"connect".into(), &"connect_refused".into()));
    assert_eq!(cart["suppressed_by"], "database");
    assert_eq!(ask(&exporter, "/health/services/shop").await.0, 200);

    let (status, database) = ask(&exporter, "/health/database").await;
    assert_eq!((status, &database["status"]), (503, &"unhealthy".into()));
    let (status, archive) = ask(&exporter, "/health/archive").await;
    assert_eq!((status, &archive["status"]), (503, &"unknown".into()), "no beat has come yet");
    let (status, none) = ask(&exporter, "/health/none").await;
    assert_eq!(status, 404);
    assert!(none["error"].as_str().unwrap().contains("/health/services"));

    let (status, all) = ask(&exporter, "/health").await;
    assert_eq!((status, &all["status"]), (503, &"unhealthy".into()));
    let names: Vec<&str> =
        all["services"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shop", "database", "archive"]);
    let (status, again) = ask(&exporter, "/health/services").await;
    assert_eq!((status, &again["status"]), (200, &"unhealthy".into()), "this one is about the page itself");
    // what watches the exporter itself does not see that
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(http_get(&exporter.url(path), &[]).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn nothing_known_is_told_apart_for_who_wants_it() {
    let exporter = start("modules: {tcp: {prober: tcp}}\n").await;
    let (status, body) = ask(&exporter, "/health").await;
    assert_eq!((status, &body["status"]), (503, &"unknown".into()), "no services are never healthy");
    let (exporter, _web) = stage("health: {unknown_status: 424}\n").await;
    assert_eq!(ask(&exporter, "/health/archive").await.0, 424);
}

#[tokio::test]
async fn a_heartbeat_is_a_check_like_others() {
    let (exporter, _web) = stage("").await;
    until(&exporter, "archive", "unknown").await;
    let beat = Client::new().post(&exporter.url("/heartbeat/backup"), "text/plain", "").await.unwrap();
    assert_eq!(beat.status, 200, "{}", beat.text());
    let (status, archive) = ask(&exporter, "/health/archive").await;
    assert_eq!((status, &archive["status"]), (200, &"healthy".into()), "at once");
}

async fn metrics(exporter: &Exporter) -> Page {
    Page { text: http_get(&exporter.url("/metrics"), &[]).await.unwrap().text() }
}

#[tokio::test]
async fn states_are_one_hot() {
    let (exporter, web) = stage("").await;
    settle(&exporter).await;
    let page = metrics(&exporter).await;
    let states = page.series("health_service_state");
    assert_eq!(states.len(), 3 * 4);
    assert_eq!(states.iter().map(|(_, value)| value).sum::<f64>(), 3.0);
    assert_eq!(page.value("health_service_state{service=\"shop\",state=\"degraded\"}"), 1.0);
    assert_eq!(page.value("health_service_state{service=\"database\",state=\"unhealthy\"}"), 1.0);
    assert_eq!(page.value("health_service_state{service=\"archive\",state=\"unknown\"}"), 1.0);
    let checks = page.series("health_check_state");
    assert_eq!(checks.len(), 4 * 4);
    assert_eq!(checks.iter().map(|(_, value)| value).sum::<f64>(), 4.0);
    let target = web.address();
    let of_page =
        |name: &str| format!("health_{name}{{service=\"shop\",check=\"page\",target=\"{target}\"}}");
    assert_eq!(page.value(&of_page("check_critical")), 1.0);
    assert_eq!(page.value(&of_page("check_flapping")), 0.0);
    let [(suppressed, one)] = page.series("health_check_suppressed")[..] else { panic!("{}", page.text) };
    assert!(suppressed.contains("check=\"cart\"") && suppressed.contains("by=\"database\"") && one == 1.0);
    assert_eq!(page.value("health_service_suppressed{service=\"shop\",by=\"database\"}"), 1.0);
    assert_eq!(page.value("health_service_score{service=\"shop\"}"), 0.5);
    assert_eq!(page.value("health_service_coverage{service=\"archive\"}"), 0.0);
    assert_eq!(page.value("health_service_maintenance{service=\"shop\"}"), 0.0);
    assert_eq!(page.value("health_slo_target{service=\"shop\"}"), 0.999);
    assert_eq!(page.value("health_slo_window_seconds{service=\"shop\"}"), 2_592_000.0);
    assert_eq!(page.series("health_state_transitions_total").len(), 3 * 12);
    let from_nothing =
        "health_state_transitions_total{service=\"database\",from=\"unknown\",to=\"unhealthy\"}";
    assert_eq!(page.value(from_nothing), 1.0);
    assert!(page.value("health_last_transition_timestamp_seconds{service=\"database\"}") > 1.7e9);
    assert_eq!(page.series("health_service_seconds_total").len(), 3 * 5);
    assert!(page.value("health_service_seconds_total{service=\"archive\",state=\"unknown\"}") > 0.0);
    assert_eq!(page.value("health_store_write_errors_total"), 0.0);
}

#[tokio::test]
async fn a_reload_changes_services_and_keeps_the_others() {
    let (exporter, web) = stage("").await;
    settle(&exporter).await;
    let bad = format!("127.0.0.1:{}", free_port().unwrap());
    let more = "  fresh: {checks: [{check: page}]}\n";
    exporter.write(&product(&web.address().to_string(), &bad, more));
    let reload = Client::new().post(&exporter.url("/-/reload"), "text/plain", "").await.unwrap();
    assert_eq!(reload.status, 200, "{}", reload.text());
    until(&exporter, "fresh", "healthy").await;
    // a circle is refused, and what was goes on
    exporter.write("modules: {tcp: {prober: tcp}}\nchecks: {page: {module: tcp, target: 'a:1'}}\nservices: {a: {checks: [page], depends_on: [a]}}\n");
    let refused = Client::new().post(&exporter.url("/-/reload"), "text/plain", "").await.unwrap();
    assert_eq!(refused.status, 500);
    assert!(refused.text().contains("services need each other in a circle: a → a"), "{}", refused.text());
    until(&exporter, "fresh", "healthy").await;
}

#[tokio::test]
async fn what_happened_survives_kill_9() {
    let folder = Folder::new().unwrap();
    let storage = folder.path().join("storage");
    let port = free_port().unwrap();
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let config = product(&web.address().to_string(), &format!("127.0.0.1:{port}"), "");
    let file = folder.write("synthetic.yml", &config).unwrap();
    let own_port = free_port().unwrap();
    let flags = [
        format!("--web.listen-address=127.0.0.1:{own_port}"),
        format!("--config.file={}", file.display()),
        format!("--storage.path={}", storage.display()),
    ];
    let program = env!("CARGO_BIN_EXE_synthetic-exporter");
    let launch = Launch::at(program.as_ref(), "synthetic-exporter", &folder).args(flags);
    let server = launch.start(SOON, async || kit::process::accepts(own_port).await).await.unwrap();
    let status = format!("http://127.0.0.1:{own_port}/status");
    let down = async || {
        let page = http_get(&status, &[]).await?.text();
        ensure!(page.contains("database is not working</strong>"), "{page}");
        Ok(())
    };
    eventually(SOON, "the outage", down).await.unwrap();
    // a beginning is written at once
    let written = async || {
        let beside = rusqlite::Connection::open(storage.join("synthetic.db"))?;
        let count: u32 =
            beside.query_row("SELECT count(*) FROM incidents WHERE service = 'database'", [], |row| {
                row.get(0)
            })?;
        ensure!(count > 0, "nothing is written yet");
        Ok(())
    };
    eventually(SOON, "the write", written).await.unwrap();
    server.kill9();
    let database = "database".into();
    let history = || {
        let store = Store::open(Some(&storage)).unwrap();
        store.history(&database, "2020-01-01".parse().unwrap()).unwrap()
    };
    let before = history();
    let [incident] = before.incidents.as_slice() else { panic!("{before:?}") };
    assert!(incident.ended.is_none() && incident.failed);
    assert!(before.days.since("2020-01-01".parse().unwrap()).count() >= 1);

    let place = format!("--storage.path={}", storage.display());
    let exporter = start_with(&config, &[&place]).await;
    until(&exporter, "database", "unhealthy").await;
    let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    until(&exporter, "database", "healthy").await;
    exporter.stop().await;
    let after = history();
    let [ended] = after.incidents.as_slice() else { panic!("{after:?}") };
    assert_eq!(ended.began, incident.began, "it is the same one");
    assert!(ended.ended.is_some() && ended.down >= incident.down);
}

#[tokio::test]
async fn a_storage_folder_has_one_owner() {
    let folder = Folder::new().unwrap();
    let place = format!("--storage.path={}", folder.path().display());
    let _first = start_with("modules: {tcp: {prober: tcp}}\n", &[&place]).await;
    let flags = ["--web.listen-address=127.0.0.1:0", &place];
    let refused =
        toolkit::app::App::<synthetic_exporter::Synthetic>::launch(&flags).await.err().unwrap().to_string();
    assert!(refused.contains("is used by another synthetic-exporter"), "{refused}");
}
