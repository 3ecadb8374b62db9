//! Real Alertmanagers at the one end, Slack's double at the other.

use std::time::Duration;

use kit::alertmanager::Alertmanager;
use kit::slack::{BOT_TOKEN, Slack};
use serde_json::json;

use crate::router::{Router, SOON};

const LABELS: [(&str, &str); 2] = [("alertname", "RedisDown"), ("instance", "a:6379")];

/// The worst pair: two that do not know of each other send everything twice.
#[tokio::test]
async fn two_alertmanagers_one_message() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&format!(
        "route: {{ receiver: 'web.hook (1)' }}
receivers:
  - name: web.hook (1)
    slack_configs:
      - {{ app_token: {BOT_TOKEN}, app_url: '{}', channel: '#alerts', send_resolved: true }}
",
        slack.api_url()
    ))
    .await;
    let config = format!(
        "route: {{ receiver: web.hook, group_wait: 0s, group_interval: 200ms, group_by: [alertname] }}
receivers: [{{ name: web.hook, webhook_configs: [{{ url: '{}' }}] }}]
",
        router.running.url("/webhook")
    );
    let pair = [Alertmanager::start(&config).await.unwrap(), Alertmanager::start(&config).await.unwrap()];
    // as Prometheus does: the same start to both
    let start = jiff::Timestamp::now() - Duration::from_mins(10);
    let alert = json!([{
        "labels": { "alertname": "RedisDown", "instance": "a:6379" },
        "annotations": { "summary": "Redis is down" },
        "startsAt": start.to_string(),
    }]);
    for alertmanager in &pair {
        alertmanager.post(&alert).await.unwrap();
    }
    let first = slack.wait_for(SOON, |w| w.find("#alerts", "[FIRING:1] RedisDown").cloned()).await.unwrap();
    router.wait_for_metric("alertrouter_received_payloads_total{result=\"known\"} 1").await;
    for alertmanager in &pair {
        alertmanager.resolve(&LABELS, &[("summary", "Redis is down")]).await.unwrap();
    }
    let last = slack.wait_for(SOON, |w| w.find("#alerts", "[RESOLVED] RedisDown").cloned()).await.unwrap();
    assert_eq!(last.ts, first.ts);
    router.wait_for_metric("alertrouter_received_alerts_total{status=\"resolved\"} 2").await;
    router
        .wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"delivered\"} 2")
        .await;
    assert_eq!(slack.read(|workspace| workspace.messages("#alerts").len()), 1);
    let metrics = router.metrics().await;
    assert!(!metrics.contains("alertrouter_payload_oddities_total{"), "a real payload is odd: {metrics}");
    router.running.stop().await;
}
