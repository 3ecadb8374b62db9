//! Delivery by webhook: to a program that keeps what it gets, and through a chain of two routers.

use std::sync::Mutex;

use futures_util::future::join_all;
use kit::http::Client;
use kit::process::{Folder, Launch};
use kit::smtp::Smtp;
use kit::tls::{Authority, LOOPBACK};
use kit::web::{Answer, Reply, Web};
use serde_json::json;

use crate::router::{Router, SOON, firing, payload, resolved};

/// In every place of these tests where a secret can be.
const CANARY: &str = "c4nary-0f-the-webhook";

fn config(url: &str, more: &str) -> String {
    format!(
        "route: {{ receiver: team.a }}
receivers:
  - name: team.a
    webhook_configs: [{{ url: '{url}'{more} }}]
"
    )
}

fn delivery(reason: &str) -> String {
    format!("alertrouter_deliveries_total{{integration=\"webhook\",reason=\"{reason}\"}} 1")
}

/// A server that gives these answers, then 200.
async fn web(answers: Vec<Answer>) -> Web {
    let answers = Mutex::new(answers.into_iter());
    let web = Web::start(move |_| {
        answers.lock().unwrap().next().unwrap_or_else(|| Reply::text(200, "thanks").into())
    });
    web.await.unwrap()
}

#[tokio::test]
async fn the_payload_is_alertmanagers() {
    let web = web(Vec::new()).await;
    let router = Router::start(&config(&web.url("/hook?x=1"), ", max_alerts: 2")).await;
    router.send(&[firing("a:6379"), firing("b:6379"), firing("c:6379")]).await;
    let first = web.wait_for(SOON, |requests| requests.first().cloned()).await.unwrap();
    assert_eq!((first.method.as_str(), first.path.as_str(), first.query.as_str()), ("POST", "/hook", "x=1"));
    assert_eq!(first.header("content-type"), "application/json");
    assert!(first.header("user-agent").starts_with("alertrouter/"));
    let body = first.json().unwrap();
    let keys = [
        "receiver",
        "status",
        "alerts",
        "notification_reason",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "routeLabels",
        "externalURL",
        "version",
        "groupKey",
        "truncatedAlerts",
    ];
    let places: Vec<_> = keys.iter().map(|key| first.text().find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{}", first.text());
    assert_eq!(body.as_object().unwrap().len(), keys.len());
    assert_eq!(
        (&body["receiver"], &body["status"], &body["version"]),
        (&json!("team\\.a"), &json!("firing"), &json!("4"))
    );
    let alerts = body["alerts"].as_array().unwrap();
    assert_eq!((alerts.len(), &body["truncatedAlerts"]), (2, &json!(1)));
    let alert = &alerts[0];
    assert_eq!(
        (&alert["status"], &alert["startsAt"], &alert["endsAt"]),
        (&json!("firing"), &json!("2026-08-01T10:00:00Z"), &json!("0001-01-01T00:00:00Z"))
    );
    let instance = alert["labels"]["instance"].as_str().unwrap();
    assert_eq!(alert["fingerprint"], firing(instance)["fingerprint"]);
    assert_eq!(body["commonLabels"], json!({ "alertname": "RedisDown", "severity": "critical" }));
    assert_eq!(body["notification_reason"], "first notification");
    router.send(&[resolved("a:6379"), resolved("b:6379"), resolved("c:6379")]).await;
    let last = web.wait_for(SOON, |requests| requests.get(1).cloned()).await.unwrap().json().unwrap();
    assert_eq!(
        (&last["status"], &last["notification_reason"]),
        (&json!("resolved"), &json!("all alerts resolved"))
    );
    assert_eq!(last["groupKey"], body["groupKey"]);
    assert_eq!(last["alerts"][0]["endsAt"], "2026-08-01T10:30:00Z");
    router.running.stop().await;
}

#[tokio::test]
async fn bad_days_lose_nothing() {
    let text = |status| Answer::from(Reply::text(status, "no"));
    let days = [
        (text(500), "server"),
        (text(503), "server"),
        (text(408), "server"),
        (text(400), "rejected"),
        (Answer::Close, "network"),
        (Reply::text(429, "").header("retry-after", "1").into(), "rate_limited"),
        (Reply::text(503, "").header("retry-after", "1").into(), "server"),
        (text(413), "delivered"),
        (text(204), "delivered"),
    ];
    join_all(days.map(async |(answer, label)| {
        let web = web(vec![answer]).await;
        let router = Router::start(&config(&web.url("/"), "")).await;
        router.send(&[firing("a:6379")]).await;
        router.wait_for_metric(&delivery(label)).await;
        router.wait_for_metric(&delivery("delivered")).await;
        router.running.stop().await;
    }))
    .await;
}

#[tokio::test]
async fn what_somebody_must_repair() {
    for (status, label) in
        [(401, "auth"), (403, "auth"), (404, "not_found"), (410, "not_found"), (302, "redirect")]
    {
        let web = Web::start(move |_| Reply::text(status, "no").header("location", "/elsewhere").into())
            .await
            .unwrap();
        let router = Router::start(&config(&web.url("/"), "")).await;
        router.send(&[firing("a:6379")]).await;
        router.wait_for_metric(&delivery(label)).await;
        router.wait_for_metric("alertrouter_targets_down 1").await;
        assert!(web.requests().iter().all(|request| request.path == "/"), "{status}");
        router.running.stop().await;
    }
}

#[tokio::test]
async fn a_target_that_hangs_is_left_in_time() {
    let web = web(vec![Answer::Hang]).await;
    let router = Router::start(&config(&web.url("/"), ", timeout: 100ms")).await;
    router.send(&[firing("a:6379")]).await;
    router.wait_for_metric(&delivery("timeout")).await;
    router.wait_for_metric(&delivery("delivered")).await;
    router.running.stop().await;
}

#[tokio::test]
async fn credentials_go_nowhere_else() {
    let other = web(Vec::new()).await;
    let away = other.url("/stolen");
    let there = Web::start(move |request| {
        let to = if request.path == "/hook" { "/moved" } else { away.as_str() };
        Reply::text(308, "").header("location", to).into()
    });
    let there = there.await.unwrap();
    let auth = format!(", http_config: {{ basic_auth: {{ username: me, password: {CANARY} }} }}");
    let router = Router::start(&config(&there.url("/hook"), &auth)).await;
    router.send(&[firing("a:6379")]).await;
    router.wait_for_metric(&delivery("redirect")).await;
    let paths: Vec<_> = there.requests().iter().map(|request| request.path.clone()).collect();
    assert_eq!(paths, ["/hook", "/moved"], "on the same host it is followed, with its body");
    assert!(
        there
            .requests()
            .iter()
            .all(|request| request.header("authorization").starts_with("Basic ") && !request.body.is_empty())
    );
    assert_eq!(other.requests().len(), 0);
    router.running.stop().await;
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own() {
    let authority = Authority::new().unwrap();
    let identity = authority.server(&LOOPBACK).unwrap();
    let web = Web::start_tls(&identity, |_| Reply::text(200, "").into()).await.unwrap();
    let folder = Folder::new().unwrap();
    let file = folder.write("authority.pem", authority.pem()).unwrap();
    let trusts = format!(
        ", http_config: {{ tls_config: {{ ca_file: '{}' }}, authorization: {{ credentials: {CANARY} }}, \
         http_headers: {{ X-Scope: {{ values: [a] }} }} }}",
        file.display()
    );
    let router = Router::start(&config(&web.url("/"), &trusts)).await;
    router.send(&[firing("a:6379")]).await;
    let request = web.wait_for(SOON, |requests| requests.first().cloned()).await.unwrap();
    assert_eq!(
        (request.header("authorization"), request.header("x-scope")),
        (format!("Bearer {CANARY}").as_str(), "a")
    );
    router.running.stop().await;
    let router = Router::start(&config(&web.url("/"), "")).await;
    router.send(&[firing("a:6379")]).await;
    router.wait_for_metric(&delivery("tls")).await;
    router.running.stop().await;
}

#[tokio::test]
async fn a_chain_of_two_routers() {
    let web = web(Vec::new()).await;
    let last = Router::start(&config(&web.url("/"), "")).await;
    let first = Router::start(&config(&last.running.url("/webhook"), "")).await;
    first.send(&[firing("a:6379"), firing("b:6379")]).await;
    let body = web.wait_for(SOON, |requests| requests.first().cloned()).await.unwrap().json().unwrap();
    assert_eq!(
        (body["alerts"].as_array().unwrap().len(), &body["externalURL"]),
        (2, &json!("http://alertmanager.example:9093"))
    );
    first.send(&[resolved("a:6379"), resolved("b:6379")]).await;
    let body = web.wait_for(SOON, |requests| requests.get(1).cloned()).await.unwrap().json().unwrap();
    assert_eq!((&body["status"], body["alerts"].as_array().unwrap().len()), (&json!("resolved"), 2));
    let metrics = last.metrics().await;
    assert!(
        !metrics
            .lines()
            .any(|line| line.starts_with("alertrouter_payload_oddities") && !line.ends_with(" 0")),
        "{metrics}"
    );
    first.running.stop().await;
    last.running.stop().await;
}

/// A service that is as careless as some are: it repeats what it was told.
async fn parrot() -> Web {
    let web = Web::start(|request| {
        let said = format!("bad {} for {}?{}", request.header("authorization"), request.path, request.query);
        let said = format!("{said} {}", request.header("x-key"));
        let status = match request.path.as_str() {
            path if path.starts_with("/401") => 401,
            path if path.starts_with("/400") => 400,
            _ => 500,
        };
        Reply::text(status, said).into()
    });
    web.await.unwrap()
}

/// Five targets that all fail, each with the canary in another place.
fn full_of_secrets(web: &Web, smtp: &Smtp) -> String {
    let hook = |status: u16, more: &str| {
        format!(
            "      - {{ url: '{}', http_config: {{ {more} }} }}\n",
            web.url(&format!("/{status}/{CANARY}?token={CANARY}"))
        )
    };
    format!(
        "global:
  smtp_smarthost: '{}'
  smtp_from: alerts@example.org
  smtp_auth_username: alerts
  smtp_auth_password: {CANARY}
  smtp_tls_config: {{ ca_file: '{}' }}
route: {{ receiver: team }}
receivers:
  - name: team
    email_configs: [{{ to: oncall@example.org }}, {{ to: oncall@example.org, auth_mechanism: xoauth2 }}]
    webhook_configs:
{}{}{}",
        smtp.address(),
        smtp.authority_file().display(),
        hook(401, &format!("authorization: {{ credentials: {CANARY} }}")),
        hook(400, &format!("basic_auth: {{ username: me, password: {CANARY} }}")),
        hook(500, &format!("http_headers: {{ X-Key: {{ secrets: [{CANARY}] }} }}")),
    )
}

/// The real binary, because its log is looked at.
#[tokio::test]
async fn no_secret_is_shown() {
    let web = parrot().await;
    let smtp = Smtp::builder().account("alerts", "another").start().await.unwrap();
    let folder = Folder::new().unwrap();
    let file = folder.write("alertrouter.yml", full_of_secrets(&web, &smtp)).unwrap();
    let port = kit::process::free_port().unwrap();
    let data = folder.path().join("data");
    let server = Launch::at(env!("CARGO_BIN_EXE_alertrouter").as_ref(), "alertrouter", &folder)
        .args([format!("--web.listen-address=127.0.0.1:{port}"), format!("--config.file={}", file.display())])
        .args([format!("--storage.path={}", data.display()), "--log.level=debug".to_owned()])
        .start(SOON, || kit::process::accepts(port))
        .await
        .unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let body = payload(&[("alertname", "RedisDown")], &[firing("a:6379")]);
    assert_eq!(
        Client::new()
            .post(&format!("{url}/webhook"), "application/json", body.as_str())
            .await
            .unwrap()
            .status,
        200
    );
    let seen = async |path: &str| kit::http::http_get(&format!("{url}{path}"), &[]).await.unwrap().text();
    kit::eventually(SOON, "five failures", async || {
        let metrics = seen("/metrics").await;
        let line = |integration: &str, reason: &str| {
            format!("alertrouter_deliveries_total{{integration=\"{integration}\",reason=\"{reason}\"}}")
        };
        let wanted = [
            format!("{} 2", line("email", "auth")),
            format!("{} 1", line("webhook", "auth")),
            line("webhook", "rejected"),
            line("webhook", "server"),
        ];
        let all = wanted.iter().all(|line| metrics.contains(line.as_str()));
        if all { Ok(()) } else { Err(std::io::Error::other(metrics).into()) }
    })
    .await
    .unwrap();
    let shown = format!("{}{}{}", server.log(), seen("/metrics").await, seen("/").await);
    assert!(shown.contains("HTTP 401: bad Bearer … for /401/…"), "{shown}");
    assert!(!shown.contains(CANARY), "{shown}");
    server.stop().await.unwrap();
    for entry in std::fs::read_dir(&data).unwrap() {
        let content = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&content).contains(CANARY));
    }
}
