//! What a sender of webhooks is answered.

use std::time::Duration;

use kit::http::Client;
use kit::process::Folder;
use kit::slack::{BOT_TOKEN, Slack};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::router::{Router, SOON, alert, firing, payload, resolved};

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

/// A router whose one webhook target is nowhere: what is accepted stays in the outbox.
const NOWHERE: &str = "route: { receiver: team }
receivers: [{ name: team, slack_configs: [{ api_url: 'http://127.0.0.1:9/x' }] }]
";

/// Every trap of a payload is 200, and what can be understood is understood.
#[tokio::test]
async fn traps_are_taken() {
    let router = Router::start(NOWHERE).await;
    let long = "x".repeat(64 << 10);
    let with = |differs: serde_json::Value| payload(&[("g", "1")], &[alert("a", &differs)]);
    let raw = |alerts: &str, more: &str| format!(r#"{{"version":"4","alerts":{alerts}{more}}}"#);
    // the body, and how many alerts fire after it
    for (what, body, firing_after) in [
        ("two of one fingerprint", payload(&[("g", "1")], &[firing("a"), firing("a")]), 1),
        ("earlier start", with(json!({ "startsAt": "2026-08-01T09:00:00Z" })), 1),
        ("year 1 with a zone", with(json!({ "endsAt": "0001-01-01T00:00:00+02:00" })), 1),
        ("nine digits and a zone", with(json!({ "startsAt": "2026-08-01T11:00:00.123456789+02:00" })), 1),
        ("resolved that was never seen", payload(&[("g", "1")], &[resolved("never")]), 1),
        ("no alerts", payload(&[("g", "1")], &[]), 1),
        ("null alerts", raw("null", ""), 1),
        ("end before start", with(json!({ "status": "resolved", "endsAt": "2020-01-01T00:00:00Z" })), 0),
        ("start in the future", with(json!({ "startsAt": "2099-01-01T00:00:00Z" })), 1),
        ("no time at all", with(json!({ "startsAt": "soon", "endsAt": "" })), 1),
        ("unknown status", with(json!({ "status": "suppressed" })), 1),
        ("unknown keys", raw("[]", r#","orgId":1,"new":{"a":[1,{}]}"#), 1),
        ("version 1", raw("[]", "").replace("\"4\"", "\"1\""), 1),
        ("empty label value", with(json!({ "labels": { "alertname": "E", "x": "" }, "fingerprint": "" })), 2),
        (
            "control characters",
            with(
                json!({ "labels": { "alertname": "C", "x": "\u{0}\u{1b}[2J\r\n\u{202e}" }, "fingerprint": "" }),
            ),
            3,
        ),
        ("64 KiB", with(json!({ "labels": { "alertname": "L", "x": long }, "fingerprint": "" })), 4),
        (
            "names in UTF-8",
            with(json!({ "labels": { "foo🙂": "bar" }, "fingerprint": "68477caefa9ff268" })),
            5,
        ),
        (
            "huge numbers",
            raw("[]", r#","truncatedAlerts":1e400"#).replace("1e400", "123456789012345678901234567890"),
            5,
        ),
        ("negative numbers", raw("[]", r#","truncatedAlerts":-7"#), 5),
        ("no labels", raw(r#"[{"status":"firing"}]"#, ""), 6),
        ("a key of 10 KiB", raw("[]", &format!(r#","groupKey":"{}""#, "k".repeat(10 << 10))), 6),
    ] {
        let got = router.post(&body).await;
        assert_eq!((got.status, got.text().as_str()), (200, "ok\n"), "{what}");
        let counts = format!("alertrouter_firing_alerts {firing_after}");
        assert!(router.metrics().await.lines().any(|line| line == counts), "{what}: no {counts}");
    }
    router.running.stop().await;
}

#[tokio::test]
async fn only_the_right_token_comes_in() {
    let folder = Folder::new().unwrap();
    folder.write("token", "old-token\nnew-token\n").unwrap();
    let config = format!("intake: {{ bearer_token_file: {}/token }}\n{NOBODY}", folder.path().display());
    let router = Router::start(&config).await;
    let url = router.running.url("/webhook");
    let body = payload(&[], &[firing("a")]);
    for (authorization, status) in [
        (None, 401),
        (Some("Bearer"), 401),
        (Some("Bearer "), 401),
        (Some("Bearer old-toke"), 401),
        (Some("Bearer old-token\u{20}x"), 401),
        (Some("Basic old-token"), 401),
        (Some("Bearer old-token"), 200),
        (Some("bearer new-token"), 200),
    ] {
        let client = Client::new();
        let client = match authorization {
            Some(value) => client.header("authorization", value),
            None => client,
        };
        let got = client.post(&url, "application/json", body.as_str()).await.unwrap();
        assert_eq!(got.status, status, "{authorization:?}");
        assert!(!got.text().contains("old-token"));
    }
    router.wait_for_metric("alertrouter_received_payloads_total{result=\"unauthorized\"} 6").await;
    router.running.stop().await;
}

/// A connection on which the test writes the bytes itself.
async fn converse(router: &Router, parts: &[&str]) -> String {
    let mut stream = TcpStream::connect(router.running.address()).await.unwrap();
    for part in parts {
        stream.write_all(part.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    let read = tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await;
    read.expect("the connection stays open").unwrap();
    answer
}

#[tokio::test]
async fn odd_ways_to_send() {
    let router = Router::start(NOBODY).await;
    let body = payload(&[], &[firing("a")]);
    let head = "POST /webhook HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    let (first, second) = body.split_at(body.len() / 2);
    let chunk = |part: &str| format!("{:x}\r\n{part}\r\n", part.len());
    let chunked = [
        format!("{head}transfer-encoding: chunked\r\n\r\n"),
        chunk(first),
        chunk(second),
        "0\r\n\r\n".to_owned(),
    ];
    let answer = converse(&router, &chunked.each_ref().map(String::as_str)).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
    let expects = format!("{head}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = converse(&router, &[&expects, &body]).await;
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"), "{answer}");
    // a sender that breaks off costs nobody anything
    let mut stream = TcpStream::connect(router.running.address()).await.unwrap();
    stream.write_all(format!("{head}content-length: 100\r\n\r\n{{").as_bytes()).await.unwrap();
    drop(stream);
    assert_eq!(router.post(&body).await.status, 200);
    router.running.stop().await;
}

/// SIGTERM while a body is on its way: it is finished and durable, or refused with 503; never anything else.
#[tokio::test]
async fn a_stop_finishes_what_came() {
    let router = Router::start(NOWHERE).await;
    let address = router.running.address();
    let body = payload(&[("g", "1")], &[firing("a")]);
    let (first, second) = body.split_at(body.len() / 2);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("POST /webhook HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{first}").as_bytes()).await.unwrap();
    // its turn has begun when another one after it is answered
    assert_eq!(router.post(&payload(&[], &[])).await.status, 200);
    let Router { running, folder } = router;
    let stopped = tokio::spawn(running.stop());
    kit::eventually(SOON, "a closed port", async || match TcpStream::connect(address).await {
        Ok(_) => Err(std::io::Error::other("still open").into()),
        Err(_) => Ok(()),
    })
    .await
    .unwrap();
    stream.write_all(second.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    stopped.await.unwrap();
    let router = Router::start_in(folder, NOWHERE).await;
    let firing = u8::from(answer.starts_with("HTTP/1.1 200"));
    assert!(firing == 1 || answer.starts_with("HTTP/1.1 503"), "{answer}");
    router.wait_for_metric(&format!("alertrouter_firing_alerts {firing}")).await;
    router.running.stop().await;
}

#[tokio::test]
async fn ready_tells_whether_it_is_durable() {
    let router = Router::start(NOBODY).await;
    for path in ["/ready", "/-/ready"] {
        assert_eq!(kit::http::http_get(&router.running.url(path), &[]).await.unwrap().status, 200, "{path}");
    }
    router.running.stop().await;
}
