//! A router in this process, and payloads as Alertmanager sends them.

use std::path::Path;
use std::time::Duration;

use alertrouter::Alertrouter;
use alertrouter::labels::Labels;
use kit::http::{Client, Response};
use kit::process::{Folder, Launch, Server};
use serde_json::{Value, json};
use tokio::time::Instant;
use toolkit::app::{App, Running};

/// How long a test waits for what must happen: much longer than it ever takes.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The program itself, so that it can be killed: its store is in `folder`.
pub(crate) async fn spawn(folder: &Folder, config: &Path, port: u16, log_level: &str) -> Server {
    Launch::at(Path::new(env!("CARGO_BIN_EXE_alertrouter")), "alertrouter", folder)
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--log.level={log_level}"))
        .arg(format!("--storage.path={}", folder.path().join("data").display()))
        .start(SOON, || kit::process::accepts(port))
        .await
        .unwrap()
}

/// A router with its own folder.
pub(crate) struct Router {
    pub(crate) running: Running<Alertrouter>,
    pub(crate) folder: Folder,
}

impl Router {
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_in(Folder::new().unwrap(), config).await
    }

    pub(crate) async fn start_in(folder: Folder, config: &str) -> Self {
        let file = folder.write("alertrouter.yml", config).unwrap();
        let running = App::<Alertrouter>::launch(&[
            "--web.listen-address=127.0.0.1:0",
            &format!("--config.file={}", file.display()),
            &format!("--storage.path={}", folder.path().join("data").display()),
        ])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
        Self { running, folder }
    }

    pub(crate) async fn post(&self, payload: &str) -> Response {
        Client::new().post(&self.running.url("/webhook"), "application/json", payload).await.unwrap()
    }

    /// Posts a payload of alerts in the group `{alertname="RedisDown"}`, which must be accepted.
    pub(crate) async fn send(&self, alerts: &[Value]) {
        let answer = self.post(&payload(&[("alertname", "RedisDown")], alerts)).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"));
    }

    pub(crate) async fn metrics(&self) -> String {
        kit::http::http_get(&self.running.url("/metrics"), &[]).await.unwrap().text()
    }

    /// Waits until the metrics page has this line.
    pub(crate) async fn wait_for_metric(&self, line: &str) {
        self.wait_for(line, |page| page.lines().any(|known| known == line)).await;
    }

    /// Waits until the metrics page is as it should.
    pub(crate) async fn wait_for(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + SOON;
        while !holds(&self.metrics().await) {
            assert!(Instant::now() < deadline, "no {what} in\n{}", self.metrics().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The body of a webhook.
pub(crate) fn payload(group: &[(&str, &str)], alerts: &[Value]) -> String {
    let group: Labels = group.iter().copied().collect();
    let firing = alerts.iter().any(|alert| alert["status"] == "firing");
    let body = json!({
        "receiver": "alertrouter",
        "status": if firing { "firing" } else { "resolved" },
        "alerts": alerts,
        "groupLabels": group,
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "version": "4",
        "groupKey": format!("{{}}:{group}"),
        "truncatedAlerts": 0,
    });
    format!("{body}\n")
}

/// An alert `RedisDown` of an instance that fires since 10:00.
pub(crate) fn firing(instance: &str) -> Value {
    alert(instance, &json!({ "status": "firing", "endsAt": "0001-01-01T00:00:00Z" }))
}

/// The same, resolved at 10:30.
pub(crate) fn resolved(instance: &str) -> Value {
    alert(instance, &json!({ "status": "resolved", "endsAt": "2026-08-01T10:30:00Z" }))
}

/// The same alert, and what differs.
pub(crate) fn alert(instance: &str, differs: &Value) -> Value {
    let labels: Labels =
        [("alertname", "RedisDown"), ("instance", instance), ("severity", "critical")].into_iter().collect();
    let mut alert = json!({
        "status": "firing",
        "labels": labels,
        "annotations": {
            "summary": format!("Redis {instance} is down"),
            "description": "No answer for a minute.",
            "runbook_url": "https://runbooks.example/RedisDown",
        },
        "startsAt": "2026-08-01T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph?g0.expr=redis_up",
        "fingerprint": format!("{:016x}", labels.fingerprint()),
    });
    for (key, value) in differs.as_object().unwrap() {
        alert[key] = value.clone();
    }
    alert
}
