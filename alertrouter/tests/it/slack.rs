//! Delivery to Slack: one message that follows the group, and Slack's bad days.

use kit::slack::{BOT_TOKEN, Fault, Message, Slack, Times, Workspace};
use serde_json::json;

use crate::router::{Router, SOON, alert, firing, payload, resolved};

fn bot(slack: &Slack) -> String {
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

fn hook(url: &str) -> String {
    format!(
        "route: {{ receiver: team }}
receivers:
  - name: team
    slack_configs:
      - {{ api_url: '{url}', send_resolved: true }}
"
    )
}

fn colour(message: &Message) -> String {
    message.now.attachments[0]["color"].as_str().unwrap_or_default().to_owned()
}

async fn wait(slack: &Slack, words: &str) -> Message {
    slack.wait_for(SOON, |workspace| workspace.find("#alerts", words).cloned()).await.unwrap()
}

fn count(slack: &Slack) -> usize {
    slack.read(|workspace| workspace.messages("#alerts").len())
}

#[tokio::test]
async fn one_message_follows_the_group() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&bot(&slack)).await;
    router.send(&[firing("a:6379")]).await;
    let first = wait(&slack, "Redis a:6379 is down").await;
    assert_eq!(colour(&first), "#d40e0d");
    assert!(first.now.text.contains("[FIRING:1] RedisDown"), "{}", first.now.text);

    router.send(&[firing("a:6379"), firing("b:6379")]).await;
    let second = wait(&slack, "Redis b:6379 is down").await;
    assert_eq!(second.ts, first.ts);

    router.send(&[resolved("a:6379"), resolved("b:6379")]).await;
    let third = wait(&slack, "[RESOLVED] RedisDown").await;
    assert_eq!((third.ts, count(&slack)), (first.ts.clone(), 1));
    assert_eq!(third.now.attachments[0]["color"], "#2eb67d");

    // another outage is another message, because an edit rings nobody
    let again = json!({ "startsAt": "2026-08-01T11:00:00Z" });
    router.send(&[alert("a:6379", &again)]).await;
    let fourth = wait(&slack, "[FIRING:1]").await;
    assert_ne!(fourth.ts, first.ts);
    assert_eq!(count(&slack), 2);
    router.running.stop().await;
}

#[tokio::test]
async fn duplicates_say_nothing() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&bot(&slack)).await;
    for _ in 0..3 {
        router.send(&[firing("a:6379")]).await;
    }
    wait(&slack, "Redis a:6379 is down").await;
    // the other replica, with another address and another order of keys
    let other =
        payload(&[("alertname", "RedisDown")], &[firing("a:6379")]).replace("alertmanager.example", "other");
    assert_eq!(router.post(&other).await.status, 200);
    router.send(&[firing("a:6379"), firing("b:6379")]).await;
    wait(&slack, "Redis b:6379 is down").await;
    router.wait_for_metric("alertrouter_received_payloads_total{result=\"known\"} 3").await;
    router
        .wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"delivered\"} 2")
        .await;
    assert_eq!(count(&slack), 1);
    router.running.stop().await;
}

#[tokio::test]
async fn a_webhook_posts_each_change() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&hook(&slack.hook("#alerts"))).await;
    router.send(&[firing("a:6379")]).await;
    wait(&slack, "[FIRING:1]").await;
    router.send(&[resolved("a:6379")]).await;
    wait(&slack, "[RESOLVED]").await;
    assert_eq!(count(&slack), 2);
    router.running.stop().await;
}

#[tokio::test]
async fn bad_days_lose_nothing() {
    for (fault, label) in [
        (Fault::RateLimited(1), "rate_limited"),
        (Fault::Status(503), "server"),
        (Fault::Error("internal_error".to_owned()), "server"),
        (Fault::CloseBefore, "network"),
    ] {
        let slack = Slack::start().await.unwrap();
        slack.fault(Times::Next(1), fault.clone());
        let router = Router::start(&bot(&slack)).await;
        router.send(&[firing("a:6379")]).await;
        wait(&slack, "Redis a:6379 is down").await;
        let line = format!("alertrouter_deliveries_total{{integration=\"slack\",reason=\"{label}\"}} 1");
        router.wait_for_metric(&line).await;
        assert_eq!(count(&slack), 1, "{fault:?}");
        router.running.stop().await;
    }
}

#[tokio::test]
async fn what_slack_refuses_is_sent_smaller() {
    let slack = Slack::start().await.unwrap();
    slack.fault(Times::Next(2), Fault::Error("msg_blocks_too_long".to_owned()));
    let router = Router::start(&bot(&slack)).await;
    router.send(&[firing("a:6379")]).await;
    let message = wait(&slack, "[FIRING:1] RedisDown").await;
    assert_eq!(message.now.attachments, Vec::<serde_json::Value>::new());
    router.running.stop().await;
}

#[tokio::test]
async fn a_deleted_message_is_posted_anew() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&bot(&slack)).await;
    router.send(&[firing("a:6379")]).await;
    let first = wait(&slack, "[FIRING:1]").await;
    router
        .wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"delivered\"} 1")
        .await;
    slack.change(|workspace| workspace.channel_mut("#alerts").unwrap().messages.clear());
    router.send(&[firing("a:6379"), firing("b:6379")]).await;
    let second = wait(&slack, "[FIRING:2]").await;
    assert_ne!(second.ts, first.ts);
    router.running.stop().await;
}

#[tokio::test]
async fn texts_cannot_mention_or_break_out() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&bot(&slack)).await;
    let nasty = json!({ "annotations": {
        "summary": "<!channel> <@U1> <http://evil|bank> & ```",
        "description": "x<!here>".repeat(9000),
        "runbook_url": "javascript:alert(1)",
        "dashboard_url": "https://d/?a=1|<!channel>",
    } });
    router.send(&[alert("a:6379", &nasty)]).await;
    let message = wait(&slack, "[FIRING:1]").await;
    let all = serde_json::to_string(&message.now.attachments).unwrap();
    assert!(!all.contains("<!channel") && !all.contains("<!here") && !all.contains("<@"), "{all}");
    assert!(!all.contains("javascript:"), "{all}");
    assert!(all.contains("&lt;!channel&gt; &lt;@U1&gt;"), "{all}");
    router.running.stop().await;
}

#[tokio::test]
async fn many_alerts_are_counted_within_the_limits() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&bot(&slack)).await;
    let long = json!({ "annotations": { "summary": "ä".repeat(5000), "description": "<&>".repeat(5000) } });
    let alerts: Vec<_> = (0..200).map(|n| alert(&format!("host-{n}:6379"), &long)).collect();
    router.send(&alerts).await;
    let message = wait(&slack, "[FIRING:200]").await;
    assert!(serde_json::to_string(&message.now.attachments).unwrap().contains("more"));
    let refused = |workspace: &Workspace| {
        workspace.calls.iter().filter(|call| !call.answer.contains("\"ok\":true")).count()
    };
    assert_eq!(slack.read(refused), 0);
    router.running.stop().await;
}

#[tokio::test]
async fn a_dead_target_costs_only_itself() {
    let slack = Slack::builder().channel("#alerts").archived_channel("#old").start().await.unwrap();
    let config = format!(
        "global: {{ slack_app_token: {BOT_TOKEN}, slack_app_url: '{}chat.postMessage' }}
route:
  receiver: old
  routes:
    - {{ receiver: old, continue: true }}
    - {{ receiver: team }}
receivers:
  - name: old
    slack_configs: [{{ channel: '#old' }}]
  - name: team
    slack_configs: [{{ channel: '#alerts' }}]
",
        slack.api_url()
    );
    let router = Router::start(&config).await;
    router.send(&[firing("a:6379")]).await;
    wait(&slack, "[FIRING:1]").await;
    router.wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"channel\"} 1").await;
    router.wait_for_metric("alertrouter_targets_down 1").await;
    router.wait_for_metric("alertrouter_outbox_depth 1").await;
    router.running.stop().await;
}

#[tokio::test]
async fn a_hanging_slack_is_left() {
    let slack = Slack::start().await.unwrap();
    slack.fault(Times::Next(1), Fault::Hang);
    let router = Router::start(&bot(&slack).replace("send_resolved", "timeout: 300ms, send_resolved")).await;
    router.send(&[firing("a:6379")]).await;
    wait(&slack, "Redis a:6379 is down").await;
    router.wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"timeout\"} 1").await;
    router.running.stop().await;
}

#[tokio::test]
async fn an_outage_is_told_once_when_slack_is_back() {
    let slack = Slack::start().await.unwrap();
    slack.down().await;
    let router = Router::start(&bot(&slack)).await;
    router.send(&[firing("a:6379")]).await;
    router.wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"connect\"} 1").await;
    router.send(&[firing("a:6379"), firing("b:6379")]).await;
    router.send(&[resolved("a:6379"), resolved("b:6379")]).await;
    slack.up().await.unwrap();
    let message = wait(&slack, "[RESOLVED] RedisDown").await;
    assert_eq!((message.before.len(), count(&slack)), (0, 1));
    assert!(message.says("Redis a:6379 is down") && message.says("Redis b:6379 is down"));
    router.running.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_what_waits() {
    let slack = Slack::start().await.unwrap();
    let other = format!(
        "route: {{ receiver: other }}\nreceivers: [{{ name: other, slack_configs: [{{ app_token: {BOT_TOKEN}, \
         app_url: '{}', channel: '#alerts' }}] }}]\n",
        slack.api_url()
    );
    slack.down().await;
    let router = Router::start(&bot(&slack)).await;
    router.send(&[firing("a:6379")]).await;
    router.wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"connect\"} 1").await;
    let reload = async |text: &str| {
        router.folder.write("alertrouter.yml", text).unwrap();
        let url = router.running.url("/-/reload");
        kit::http::Client::new().post(&url, "text/plain", "").await.unwrap().status
    };
    assert_eq!(reload(&other).await, 200);
    assert_ne!(reload("route: {}\n").await, 200);
    slack.up().await.unwrap();
    // the new target is told of what comes, and the one that is gone of what had waited for it
    router.send(&[firing("a:6379")]).await;
    let told = slack.wait_for(SOON, |workspace| (workspace.messages("#alerts").len() == 2).then_some(()));
    told.await.unwrap();
    router.wait_for_metric("alertrouter_outbox_depth 0").await;
    router.running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_told_for_too_long_is_a_dead_letter() {
    let slack = Slack::start().await.unwrap();
    slack.down().await;
    let config = format!("{}delivery: {{ give_up_after: 1500ms }}\n", bot(&slack));
    let router = Router::start(&config).await;
    router.send(&[firing("a:6379")]).await;
    router
        .wait_for_metric("alertrouter_dead_letters_total{integration=\"slack\",reason=\"connect\"} 1")
        .await;
    router.wait_for_metric("alertrouter_dead_letters 1").await;
    router.wait_for_metric("alertrouter_outbox_depth 0").await;
    // what happens next is told again
    slack.up().await.unwrap();
    router.send(&[firing("b:6379")]).await;
    wait(&slack, "[FIRING:2]").await;
    router.running.stop().await;
}

#[tokio::test]
async fn a_target_that_hangs_hides_no_other() {
    let slack = Slack::start().await.unwrap();
    let silent = kit::blackhole::Silent::start().await.unwrap();
    let config = format!(
        "route:
  receiver: silent
  routes:
    - {{ receiver: team, matchers: ['instance=last'] }}
receivers:
  - name: silent
    slack_configs: [{{ api_url: 'http://{}/services/x' }}]
  - name: team
    slack_configs: [{{ api_url: '{}' }}]
",
        silent.address(),
        slack.hook("#alerts")
    );
    let router = Router::start(&config).await;
    for n in 0..150 {
        let name = format!("Alert{n}");
        assert_eq!(router.post(&payload(&[("alertname", &name)], &[firing("a")])).await.status, 200);
    }
    let start = tokio::time::Instant::now();
    router.send(&[firing("last")]).await;
    wait(&slack, "Redis last is down").await;
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    router.running.stop().await;
}
