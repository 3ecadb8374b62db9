//! Redis stops, and the people who are woken see it; Redis returns, and the same message says so.

use std::path::Path;
use std::time::Duration;

use kit::alertmanager::Alertmanager;
use kit::process::{Folder, free_port};
use kit::prometheus::Prometheus;
use kit::redis::Redis;
use kit::slack::{self, Slack};
use kit::smtp::Smtp;
use tests::{PROGRAMS, Started, Suite};

/// For each step; all of them together take a few seconds on an idle machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often Prometheus scrapes and evaluates here.
const INTERVAL: Duration = Duration::from_millis(500);

fn program(name: &str) -> &'static Suite {
    PROGRAMS.iter().find(|program| program.name == name).unwrap()
}

async fn start_exporter(redis: &Redis) -> Started {
    let folder = Folder::new().unwrap();
    let port = free_port().unwrap();
    let arguments =
        [format!("--web.listen-address=127.0.0.1:{port}"), format!("--redis.addr={}", redis.url())];
    program("redis-exporter").start_with(folder, port, &arguments).await.unwrap()
}

async fn start_router(slack: &Slack, smtp: &Smtp) -> Started {
    let folder = Folder::new().unwrap();
    let token = folder.write("slack-token", slack::BOT_TOKEN).unwrap();
    let config = format!(
        "global:
  slack_app_url: {slack_url}chat.postMessage
  slack_app_token_file: {token}
  smtp_smarthost: {smarthost}
  smtp_from: watchfire@example.com
  smtp_tls_config:
    ca_file: {authority}
    server_name: localhost
route:
  receiver: team
receivers:
- name: team
  slack_configs:
  - channel: '#alerts'
    send_resolved: true
  email_configs:
  - to: oncall@example.com
    send_resolved: true
",
        slack_url = slack.api_url(),
        token = token.display(),
        smarthost = smtp.address(),
        authority = smtp.authority_file().display(),
    );
    let config = folder.write("alertrouter.yml", config).unwrap();
    let port = free_port().unwrap();
    let arguments = [
        format!("--web.listen-address=127.0.0.1:{port}"),
        format!("--config.file={}", config.display()),
        format!("--storage.path={}", folder.path().join("data").display()),
    ];
    program("alertrouter").start_with(folder, port, &arguments).await.unwrap()
}

async fn start_alertmanager(router: &Started) -> Alertmanager {
    let config = format!(
        "route:
  receiver: alertrouter
  group_by: [alertname, instance]
  group_wait: 200ms
  group_interval: 1s
  repeat_interval: 1h
receivers:
- name: alertrouter
  webhook_configs:
  - url: {}/webhook
    send_resolved: true
",
        router.url
    );
    Alertmanager::start(&config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_stops_and_returns() {
    let mut redis = Redis::start().await.unwrap();
    let slack = Slack::start().await.unwrap();
    let smtp = Smtp::start().await.unwrap();
    let exporter = start_exporter(&redis).await;
    let router = start_router(&slack, &smtp).await;
    let alertmanager = start_alertmanager(&router).await;
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/redis.rules.yml");
    let prometheus = Prometheus::builder()
        .scrape("redis", &[&format!("127.0.0.1:{}", exporter.port)])
        .hurried_rules(&rules, INTERVAL)
        .unwrap()
        .alertmanager(alertmanager.address())
        .interval(INTERVAL)
        .start()
        .await
        .unwrap();

    let up = |value: f64| {
        move |samples: &[kit::prometheus::Sample]| {
            samples.first().filter(|sample| (sample.value - value).abs() < f64::EPSILON).map(drop)
        }
    };
    prometheus.wait_for(PATIENCE, "redis_up", up(1.0)).await.unwrap();
    redis.stop().await.unwrap();
    prometheus.wait_for(PATIENCE, "redis_up", up(0.0)).await.unwrap();

    let firing =
        slack.wait_for(PATIENCE, |workspace| workspace.find("#alerts", "RedisDown").cloned()).await.unwrap();
    assert!(firing.says("firing") || firing.says("FIRING"), "{}", firing.words());
    let mail = smtp
        .wait_for(PATIENCE, |post| post.mails.iter().find(|mail| mail.says("RedisDown")).cloned())
        .await
        .unwrap();
    assert_eq!(mail.recipients, ["oncall@example.com"]);
    assert!(mail.problems.is_empty(), "{:?}", mail.problems);

    redis.start_again().await.unwrap();
    prometheus.wait_for(PATIENCE, "redis_up", up(1.0)).await.unwrap();
    let resolved = slack
        .wait_for(PATIENCE, |workspace| {
            let message = workspace.messages("#alerts").iter().find(|message| message.ts == firing.ts)?;
            (message.says("resolved") || message.says("RESOLVED")).then(|| message.clone())
        })
        .await
        .unwrap();
    assert!(resolved.edits() >= 1, "the same message was edited");
    let about_redis = slack.read(|workspace| {
        let messages = workspace.messages("#alerts");
        messages.iter().filter(|message| message.says("RedisDown") && !message.is_reply()).count()
    });
    assert_eq!(about_redis, 1, "one message for one alert");
    let second = smtp
        .wait_for(PATIENCE, |post| {
            let mails: Vec<_> = post.mails.iter().filter(|mail| mail.says("RedisDown")).collect();
            mails.get(1).map(|mail| (*mail).clone())
        })
        .await
        .unwrap();
    assert!(second.subject().to_lowercase().contains("resolved"), "{}", second.subject());
    let root = mail.header("message-id").to_owned();
    assert!(second.header("references").contains(&root) || second.header("in-reply-to").contains(&root));
}
