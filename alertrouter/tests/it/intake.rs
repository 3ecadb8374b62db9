//! What a sender of webhooks is answered.

use kit::http::Client;
use kit::slack::{BOT_TOKEN, Slack};

use crate::router::{Router, firing, payload};

const NOBODY: &str = "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n";

#[tokio::test]
async fn never_a_refusal() {
    let router = Router::start(NOBODY).await;
    for (body, status, answer) in [
        (payload(&[], &[firing("a")]), 200, "ok\n"),
        (payload(&[], &[]), 200, "ok\n"),
        (r#"{"version":"1","alerts":[],"orgId":1}"#.to_owned(), 200, "ok\n"),
        ("not json".to_owned(), 200, "kept in quarantine\n"),
        (String::new(), 200, "kept in quarantine\n"),
        ("[1,2]".to_owned(), 200, "kept in quarantine\n"),
    ] {
        let got = router.post(&body).await;
        assert_eq!((got.status, got.text().as_str()), (status, answer), "{body}");
    }
    router.wait_for_metric("alertrouter_received_payloads_total{result=\"quarantined\"} 3").await;
    router.wait_for_metric("alertrouter_quarantined_payloads 3").await;
    router.wait_for_metric("alertrouter_payload_oddities_total{kind=\"version\"} 1").await;
    router.running.stop().await;
}

#[tokio::test]
async fn both_paths_and_no_redirect() {
    let router = Router::start(NOBODY).await;
    for (path, status) in [("/webhook", 200), ("/webhook/", 200), ("/other", 404)] {
        let url = router.running.url(path);
        let got = Client::new().post(&url, "application/json", payload(&[], &[])).await.unwrap();
        assert_eq!(got.status, status, "{path}");
    }
    let zipped = Client::new().header("content-encoding", "gzip");
    let got = zipped.post(&router.running.url("/webhook"), "application/json", "\u{1f}x").await.unwrap();
    assert_eq!((got.status, got.text().as_str()), (200, "kept in quarantine\n"));
    router.running.stop().await;
}

#[tokio::test]
async fn large_payloads() {
    let slack = Slack::builder().channel("#alerts").unlimited().start().await.unwrap();
    let config = format!(
        "route: {{ receiver: team }}
receivers: [{{ name: team, slack_configs: [{{ app_token: {BOT_TOKEN}, app_url: '{}', channel: '#alerts' }}] }}]
",
        slack.api_url()
    );
    let router = Router::start(&config).await;
    let alerts: Vec<_> = (0..10_000).map(|n| firing(&format!("host-{n}:6379"))).collect();
    router.send(&alerts).await;
    router.wait_for_metric("alertrouter_firing_alerts 10000").await;
    let too_large = vec![b' '; (32 << 20) + 1];
    let url = router.running.url("/webhook");
    // the answer may come while the body is still being sent
    if let Ok(got) = Client::new().post(&url, "application/json", too_large).await {
        assert_eq!(got.status, 413);
    }
    router.wait_for_metric("alertrouter_received_payloads_total{result=\"too_large\"} 1").await;
    router.running.stop().await;
}
