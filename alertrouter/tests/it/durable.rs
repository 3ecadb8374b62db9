//! What was answered 200 is delivered, whatever happens to the process.

use kit::http::Client;
use kit::process::{Folder, free_port};
use kit::slack::{BOT_TOKEN, Fault, Slack, Times};

use crate::router::{Router, SOON, firing, payload, resolved, spawn};

fn config(slack: &Slack) -> String {
    format!(
        "route: {{ receiver: team }}
receivers:
  - name: team
    slack_configs:
      - {{ app_token: {BOT_TOKEN}, app_url: '{}', channel: '#alerts', send_resolved: true }}
",
        slack.api_url()
    )
}

async fn post(port: u16, body: &str) -> u16 {
    let url = format!("http://127.0.0.1:{port}/webhook");
    Client::new().post(&url, "application/json", body).await.unwrap().status
}

#[tokio::test]
async fn kill_9_between_the_answer_and_the_delivery() {
    let slack = Slack::builder().channel("#alerts").unlimited().start().await.unwrap();
    slack.down().await;
    let folder = Folder::new().unwrap();
    let file = folder.write("alertrouter.yml", config(&slack)).unwrap();
    let port = free_port().unwrap();
    for round in 0..5 {
        let server = spawn(&folder, &file, port, "debug").await;
        let name = format!("Alert{round}");
        let alert = firing(&format!("host-{round}:6379"));
        assert_eq!(post(port, &payload(&[("alertname", &name)], &[alert])).await, 200);
        server.kill9();
    }
    slack.up().await.unwrap();
    let server = spawn(&folder, &file, port, "debug").await;
    for round in 0..5 {
        let words = format!("Redis host-{round}:6379 is down");
        slack.wait_for(SOON, |workspace| workspace.find("#alerts", &words).cloned()).await.unwrap();
    }
    drop(server);
}

#[tokio::test]
async fn a_resolve_finds_its_message_after_a_restart() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&config(&slack)).await;
    router.send(&[firing("a:6379")]).await;
    let words = |words: &'static str| slack.wait_for(SOON, move |w| w.find("#alerts", words).cloned());
    let first = words("[FIRING:1]").await.unwrap();
    router
        .wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"delivered\"} 1")
        .await;
    let Router { running, folder } = router;
    running.stop().await;
    let router = Router::start_in(folder, &config(&slack)).await;
    router.send(&[firing("a:6379")]).await;
    router.send(&[resolved("a:6379")]).await;
    assert_eq!(words("[RESOLVED]").await.unwrap().ts, first.ts);
    router.running.stop().await;
}

#[tokio::test]
async fn a_delivery_in_doubt_is_repeated() {
    let slack = Slack::builder().channel("#alerts").unlimited().start().await.unwrap();
    slack.fault(Times::Next(1), Fault::HangAfter);
    let folder = Folder::new().unwrap();
    let file = folder.write("alertrouter.yml", config(&slack)).unwrap();
    let port = free_port().unwrap();
    let server = spawn(&folder, &file, port, "debug").await;
    assert_eq!(post(port, &payload(&[("alertname", "RedisDown")], &[firing("a:6379")])).await, 200);
    slack.wait_for(SOON, |workspace| workspace.find("#alerts", "[FIRING:1]").cloned()).await.unwrap();
    server.kill9();
    let server = spawn(&folder, &file, port, "debug").await;
    slack.wait_for(SOON, |w| (w.messages("#alerts").len() == 2).then_some(())).await.unwrap();
    assert_eq!(post(port, &payload(&[("alertname", "RedisDown")], &[resolved("a:6379")])).await, 200);
    let last =
        slack.wait_for(SOON, |workspace| workspace.find("#alerts", "[RESOLVED]").cloned()).await.unwrap();
    assert_eq!(slack.read(|w| w.messages("#alerts").last().map(|m| m.ts.clone())), Some(last.ts));
    drop(server);
}

/// Everything that fails shows its error in the log; no secret may be in it.
#[tokio::test]
async fn secrets_stay_secret() {
    const CONFIG: &str = "route:
  receiver: team
  group_by: ['...']
receivers:
  - name: team
    slack_configs:
      - { api_url: 'http://127.0.0.1:9/services/T0/B0/canary-hook' }
      - { app_token: xoxb-canary-token, app_url: 'http://127.0.0.1:9/api', channel: x }
      - { api_url_file: hook.txt }
    email_configs:
      - { to: a@b.c, from: a@b.c, smarthost: '127.0.0.1:9', auth_username: u, auth_password: canary-password }
";
    let folder = Folder::new().unwrap();
    folder.write("hook.txt", "canary-no-url").unwrap();
    let file = folder.write("alertrouter.yml", CONFIG).unwrap();
    let port = free_port().unwrap();
    let server = spawn(&folder, &file, port, "debug").await;
    assert_eq!(post(port, &payload(&[], &[firing("a:6379")])).await, 200);
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let page = async |path: &str| kit::http::http_get(&url(path), &[]).await.unwrap().text();
    let attempts = |log: &str| log.lines().filter(|line| line.contains("not delivered yet")).count();
    let enough = kit::eventually(SOON, "four failures", async || {
        let log = server.log();
        if attempts(&log) >= 4 { Ok(log) } else { Err(std::io::Error::other(log).into()) }
    });
    let mut shown = enough.await.unwrap();
    shown.push_str(&page("/").await);
    shown.push_str(&page("/metrics").await);
    assert!(!shown.contains("canary"), "{shown}");
    let database = std::fs::read_dir(folder.path().join("data")).unwrap();
    for file in database {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"));
    }
    drop(server);
}

#[tokio::test]
async fn one_process_per_folder() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&config(&slack)).await;
    let file = router.folder.path().join("alertrouter.yml");
    let second = toolkit::app::App::<alertrouter::Alertrouter>::launch(&[
        "--web.listen-address=127.0.0.1:0",
        &format!("--config.file={}", file.display()),
        &format!("--storage.path={}", router.folder.path().join("data").display()),
    ])
    .await;
    let error = second.err().unwrap().to_string();
    assert!(error.contains("is used by another alertrouter; hint:"), "{error}");
    router.running.stop().await;
}
