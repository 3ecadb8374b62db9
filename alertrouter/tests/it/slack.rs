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

/// Messages that the channel shows; replies are not among them.
fn count(slack: &Slack) -> usize {
    slack.read(|workspace| workspace.channel("#alerts").unwrap().shown().count())
}

async fn wait_for_reply(slack: &Slack, words: &str) -> Message {
    let reply = |workspace: &Workspace| {
        let mut messages = workspace.messages("#alerts").iter();
        messages.find(|message| message.is_reply() && message.says(words)).cloned()
    };
    slack.wait_for(SOON, reply).await.unwrap()
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

#[tokio::test]
async fn the_thread_says_what_changed() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&bot(&slack)).await;
    router.send(&[firing("a:6379")]).await;
    let root = wait(&slack, "Redis a:6379 is down").await;
    router.send(&[firing("a:6379"), firing("b:6379")]).await;
    let reply = wait_for_reply(&slack, "1 started firing").await;
    assert_eq!((reply.thread_ts.as_deref(), reply.broadcast), (Some(root.ts.as_str()), false));
    assert!(reply.says("Redis b:6379") && !reply.says("Redis a:6379"), "{}", reply.words());

    // what fires and is over before it could be told is told, too
    router.send(&[resolved("a:6379"), firing("b:6379")]).await;
    let reply = wait_for_reply(&slack, "1 resolved").await;
    assert!(reply.says("Redis a:6379") && reply.says("(1 still firing)"), "{}", reply.words());
    router.send(&[resolved("b:6379")]).await;
    wait_for_reply(&slack, "All resolved").await;
    assert_eq!(count(&slack), 1);

    // texts that changed are an edit without a word
    let again = json!({ "startsAt": "2026-08-01T11:00:00Z" });
    router.send(&[alert("a:6379", &again)]).await;
    let second = wait(&slack, "the time before").await;
    let link = slack.read(|workspace| workspace.channel("#alerts").unwrap().permalink(&root.ts));
    assert!(second.says(&link), "{}", second.words());
    let other = json!({ "startsAt": "2026-08-01T11:00:00Z", "annotations": { "summary": "other words" } });
    router.send(&[alert("a:6379", &other)]).await;
    wait(&slack, "other words").await;
    let replies =
        slack.read(|workspace| workspace.messages("#alerts").iter().filter(|m| m.is_reply()).count());
    assert_eq!(replies, 3);
    router.running.stop().await;
}

#[tokio::test]
async fn a_repeat_says_that_it_still_fires() {
    let slack = Slack::start().await.unwrap();
    let config = bot(&slack).replace("route: {", "route: { repeat_interval: 1s, group_interval: 1s,");
    let router = Router::start(&config).await;
    router.send(&[firing("a:6379")]).await;
    let root = wait(&slack, "Redis a:6379 is down").await;
    // until the repeat interval is over this is a duplicate
    let deadline = tokio::time::Instant::now() + SOON;
    while slack.read(|workspace| workspace.messages("#alerts").len()) < 2 {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", slack.workspace().messages("#alerts"));
        router.send(&[firing("a:6379")]).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let reply = wait_for_reply(&slack, "Still firing").await;
    assert_eq!(reply.thread_ts.as_deref(), Some(root.ts.as_str()));
    assert!(wait(&slack, "Redis a:6379 is down").await.edits() >= 1);
    assert_eq!(count(&slack), 1);
    router.running.stop().await;
}

#[tokio::test]
async fn a_reply_that_fails_is_tried_again_without_another_edit() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&bot(&slack)).await;
    router.send(&[firing("a:6379")]).await;
    wait(&slack, "Redis a:6379 is down").await;
    router
        .wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"delivered\"} 1")
        .await;
    slack.fault_on("chat.postMessage", Times::Next(1), Fault::Status(500));
    router.send(&[firing("a:6379"), firing("b:6379")]).await;
    wait_for_reply(&slack, "1 started firing").await;
    assert_eq!(slack.read(|workspace| workspace.calls_of("chat.update").count()), 1);
    router
        .wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"delivered\"} 2")
        .await;
    // a thread that takes no replies costs the replies only
    slack.fault_on("chat.postMessage", Times::Always, Fault::Error("cannot_reply_to_message".to_owned()));
    router.send(&[resolved("a:6379"), resolved("b:6379")]).await;
    wait(&slack, "[RESOLVED]").await;
    router
        .wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"delivered\"} 3")
        .await;
    router.running.stop().await;
}

#[tokio::test]
async fn patience_is_heeded_in_each_form() {
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let date = soon.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (header, least) in [(Some("2".to_owned()), 2), (Some(date), 1)] {
        let slack = Slack::start().await.unwrap();
        slack.fault(Times::Next(1), Fault::RateLimitedSaying(header.clone()));
        let router = Router::start(&bot(&slack)).await;
        router.send(&[firing("a:6379")]).await;
        wait(&slack, "Redis a:6379 is down").await;
        let calls = slack.workspace().calls;
        let waited = calls[1].time.duration_since(calls[0].time).as_secs();
        assert!(waited >= least, "{header:?}: waited {waited} s");
        // asking for patience is no failure
        let metrics = router.metrics().await;
        assert!(
            !metrics.contains("reason=\"server\"") && !metrics.contains("dead_letters_total{"),
            "{metrics}"
        );
        router.running.stop().await;
    }
}

#[tokio::test]
async fn a_channel_by_its_id_and_one_that_is_archived_later() {
    let slack = Slack::builder().channel("#alerts").channel("#other").start().await.unwrap();
    let id = slack.read(|workspace| workspace.channel("#alerts").unwrap().id.clone());
    let config = format!(
        "global: {{ slack_app_token: {BOT_TOKEN}, slack_app_url: '{}chat.postMessage' }}
route:
  receiver: team
  routes:
    - {{ receiver: team, continue: true }}
    - {{ receiver: other }}
receivers:
  - name: team
    slack_configs: [{{ channel: {id}, send_resolved: true }}]
  - name: other
    slack_configs: [{{ channel: '#other', send_resolved: true }}]
",
        slack.api_url()
    );
    let router = Router::start(&config).await;
    router.send(&[firing("a:6379")]).await;
    wait(&slack, "[FIRING:1]").await;
    slack.wait_for(SOON, |workspace| workspace.find("#other", "[FIRING:1]").cloned()).await.unwrap();
    slack.change(|workspace| workspace.channel_mut("#alerts").unwrap().archived = true);
    router.send(&[firing("a:6379"), firing("b:6379")]).await;
    slack.wait_for(SOON, |workspace| workspace.find("#other", "[FIRING:2]").cloned()).await.unwrap();
    router.wait_for_metric("alertrouter_targets_down 1").await;
    router.send(&[resolved("a:6379"), resolved("b:6379")]).await;
    slack.wait_for(SOON, |workspace| workspace.find("#other", "[RESOLVED]").cloned()).await.unwrap();
    assert!(wait(&slack, "[FIRING:1]").await.edits() == 0);
    router.running.stop().await;
}

#[tokio::test]
async fn no_secret_is_shown_anywhere() {
    const CANARY: &str = "xoxb-canary-0123456789-secret";
    let slack = Slack::builder().token(CANARY).channel("#alerts").start().await.unwrap();
    let url = slack.hook("#alerts");
    let path = url.rsplit('/').next().unwrap().to_owned();
    let config = format!(
        "route:
  receiver: team
receivers:
  - name: team
    slack_configs:
      - {{ app_token: {CANARY}, app_url: '{}', channel: '#alerts' }}
      - {{ api_url: '{url}' }}
",
        slack.api_url()
    );
    // Slack repeats the secrets in an error, as a proxy's page may
    slack.fault_on("chat.postMessage", Times::Next(2), Fault::Error(format!("bad token {CANARY}")));
    slack.fault_on("hook", Times::Next(2), Fault::Error(format!("no hook {path}")));
    let router = Router::start(&config).await;
    router.send(&[firing("a:6379")]).await;
    slack.wait_for(SOON, |workspace| (workspace.messages("#alerts").len() == 2).then_some(())).await.unwrap();
    slack.down().await;
    router.send(&[firing("a:6379"), firing("b:6379")]).await;
    router.wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"connect\"} 2").await;
    let mut shown = router.metrics().await;
    shown.push_str(&kit::http::http_get(&router.running.url("/"), &[]).await.unwrap().text());
    let folder = router.folder.path().join("data");
    router.running.stop().await;
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        shown.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(shown.contains("(HTTP "), "the errors are written down");
    for secret in [CANARY, path.as_str()] {
        assert!(!shown.contains(secret), "{secret}");
    }
}
