//! The double answers as Slack does.

use serde_json::Value;

use super::*;
use crate::http::{Client, Response};

const WITHIN: Duration = Duration::from_secs(20);

async fn call(slack: &Slack, method: &str, body: Value) -> Value {
    let client = Client::new().header("authorization", &format!("Bearer {BOT_TOKEN}"));
    let url = slack.api_url() + method;
    client.post(&url, "application/json; charset=utf-8", body.to_string()).await.unwrap().json().unwrap()
}

async fn hook(url: &str, body: &str) -> Response {
    Client::new().post(url, "application/json", body).await.unwrap()
}

#[tokio::test]
async fn a_message_is_posted_edited_answered_and_deleted() {
    let slack = Slack::start().await.unwrap();
    let posted = call(&slack, "chat.postMessage", json!({ "channel": "#alerts", "text": "down" })).await;
    let (channel, ts) = (posted["channel"].clone(), posted["ts"].clone());
    assert!(posted["ok"] == true && channel.as_str().unwrap().starts_with('C'), "{posted}");
    assert_eq!(ts.as_str().unwrap().split_once('.').map(|(s, us)| (s.len(), us.len())), Some((10, 6)));

    let blocks = json!([{ "type": "header", "text": { "type": "plain_text", "text": "redis" } }]);
    let edit = json!({ "channel": channel, "ts": ts, "text": "up", "blocks": blocks });
    assert_eq!(call(&slack, "chat.update", edit).await["ok"], true);
    let kept = json!({ "channel": channel, "ts": ts, "text": "up again" });
    assert_eq!(call(&slack, "chat.update", kept).await["message"]["blocks"], blocks, "left out means kept");
    let answer = json!({ "channel": channel, "thread_ts": ts, "text": "it was the disk" });
    let reply = call(&slack, "chat.postMessage", answer).await;
    assert!(reply["ts"].as_str() > ts.as_str());

    let found = slack.wait_for(WITHIN, |workspace| workspace.find("alerts", "redis").cloned()).await.unwrap();
    assert_eq!(
        (found.edits(), found.before[0].text.as_str(), found.now.text.as_str()),
        (2, "down", "up again")
    );
    let history = call(&slack, "conversations.history", json!({ "channel": channel })).await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 1, "answers stay in their thread");
    let replies = call(&slack, "conversations.replies", json!({ "channel": channel, "ts": ts })).await;
    assert_eq!(replies["messages"][1]["text"], "it was the disk");
    assert_eq!(call(&slack, "chat.delete", json!({ "channel": channel, "ts": ts })).await["ok"], true);
    assert_eq!(slack.read(|workspace| workspace.messages("alerts").len()), 1);
}

#[tokio::test]
async fn refusals_of_the_web_api() {
    let slack = Slack::builder().channel("a").foreign_channel("foreign").archived_channel("old").start();
    let slack = slack.await.unwrap();
    let id = slack.workspace().channel("a").unwrap().id.clone();
    let long = json!([{ "type": "section", "text": { "type": "mrkdwn", "text": "x".repeat(3001) } }]);
    for (method, body, expected) in [
        ("chat.postMessage", json!({ "channel": "none", "text": "x" }), "channel_not_found"),
        ("chat.postMessage", json!({ "channel": "foreign", "text": "x" }), "not_in_channel"),
        ("chat.postMessage", json!({ "channel": "old", "text": "x" }), "is_archived"),
        ("chat.postMessage", json!({ "channel": "a" }), "no_text"),
        ("chat.postMessage", json!({ "channel": "a", "blocks": 7 }), "invalid_blocks_format"),
        ("chat.postMessage", json!({ "channel": "a", "blocks": long }), "invalid_blocks"),
        ("chat.postMessage", json!({ "channel": "a", "text": "x", "thread_ts": "1.0" }), "thread_not_found"),
        ("chat.postMessage", json!([]), "json_not_object"),
        ("chat.update", json!({ "channel": "a", "ts": "1.0", "text": "x" }), "channel_not_found"),
        ("chat.update", json!({ "channel": id, "ts": "1.0", "text": "x" }), "message_not_found"),
        ("chat.update", json!({ "channel": id, "ts": "1.0", "text": "x".repeat(4001) }), "msg_too_long"),
        ("chat.fly", json!({}), "unknown_method"),
    ] {
        let answer = call(&slack, method, body.clone()).await;
        assert_eq!((&answer["ok"], &answer["error"]), (&json!(false), &json!(expected)), "{method} {body}");
        assert_eq!(answer["response_metadata"]["messages"].is_array(), expected == "invalid_blocks");
    }
    let url = slack.api_url() + "auth.test";
    for (token, expected) in [("", "not_authed"), ("Bearer xoxb-other", "invalid_auth")] {
        let answer = Client::new().header("authorization", token).post(&url, "", "").await.unwrap();
        assert_eq!((answer.status, answer.json().unwrap()["error"].as_str()), (200, Some(expected)));
    }
    assert!(!format!("{:?}", slack.workspace().calls).contains("xoxb"), "transcripts hold no token");
}

#[tokio::test]
async fn webhooks_say_ok_or_why_not() {
    let slack = Slack::builder().channel("a").archived_channel("old").start().await.unwrap();
    let (good, archived) = (slack.hook("#a"), slack.hook("old"));
    let gone = good.replace("services/T", "services/X");
    for (url, body, status, text) in [
        (&good, r#"{"text":"hi"}"#, 200, "ok"),
        (&good, r#"{"text":"hi","channel":"old"}"#, 200, "ok"),
        (&good, "{}", 400, "no_text"),
        (&good, "{", 400, "invalid_payload"),
        (&good, r#"{"blocks":[{"type":"x"}]}"#, 400, "invalid_blocks"),
        (&archived, r#"{"text":"hi"}"#, 410, "channel_is_archived"),
        (&gone, r#"{"text":"hi"}"#, 404, "no_service"),
    ] {
        let answer = hook(url, body).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{body}");
    }
    let form = Client::new();
    let form = form.post(&good, "application/x-www-form-urlencoded", "payload=%7B%22text%22%3A%22f%22%7D");
    assert_eq!(form.await.unwrap().text(), "ok");
    let workspace = slack.workspace();
    let texts: Vec<_> = workspace.messages("a").iter().map(|message| message.now.text.as_str()).collect();
    assert_eq!(texts, ["hi", "hi", "f"]);
    let posted = &workspace.messages("a")[0];
    let edit = json!({ "channel": workspace.channel("a").unwrap().id, "ts": posted.ts, "text": "x" });
    assert_eq!(call(&slack, "chat.update", edit).await["error"], "cant_update_message");
}

#[tokio::test]
async fn too_fast_is_429_with_retry_after() {
    let slack =
        Slack::builder().channel("a").post_rate(Rate { burst: 1.0, per_minute: 6.0 }).start().await.unwrap();
    let url = slack.hook("a");
    assert_eq!(hook(&url, r#"{"text":"1"}"#).await.status, 200);
    let answer = hook(&url, r#"{"text":"2"}"#).await;
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!(answer.status == 429 && (9..=10).contains(&wait), "{answer:?}");
    assert_eq!(answer.json().unwrap()["error"], "rate_limited");
    assert_eq!(slack.read(|workspace| workspace.messages("a").len()), 1);
}

#[tokio::test]
async fn all_channels_share_one_limit_and_messages_have_addresses() {
    let rate = Rate { burst: 1.0, per_minute: 6.0 };
    let slack = Slack::builder().channel("a").channel("b").workspace_rate(rate).start().await.unwrap();
    let posted = call(&slack, "chat.postMessage", json!({ "channel": "a", "text": "x" })).await;
    let refused = call(&slack, "chat.postMessage", json!({ "channel": "b", "text": "x" })).await;
    assert_eq!((&posted["ok"], &refused["error"]), (&json!(true), &json!("ratelimited")));
    let asked = json!({ "channel": posted["channel"], "message_ts": posted["ts"] });
    let link = call(&slack, "chat.getPermalink", asked).await["permalink"].clone();
    let ts = posted["ts"].as_str().unwrap().replace('.', "");
    assert!(link.as_str().unwrap().ends_with(&format!("/p{ts}")), "{link}");

    for header in [None, Some("soon".to_owned())] {
        slack.fault(Times::Next(1), Fault::RateLimitedSaying(header.clone()));
        let answer = hook(&slack.hook("a"), "{}").await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (429, header.as_deref().unwrap_or_default())
        );
    }
}

#[tokio::test]
async fn every_fault_happens_once_and_says_whether_it_was_stored() {
    let slack = Slack::builder().channel("a").start().await.unwrap();
    let url = slack.hook("a");
    let client = Client::new().within(Duration::from_millis(300));
    for (fault, expected, stored) in [
        (Fault::Error("channel_not_found".to_owned()), "404 channel_not_found", false),
        (Fault::Status(500), "500 <html>", false),
        (Fault::RateLimited(7), "429 {", false),
        (Fault::CloseBefore, "connection closed", false),
        (Fault::CloseAfter, "connection closed", true),
        (Fault::Hang, "no answer", false),
        (Fault::HangAfter, "no answer", true),
        (Fault::HalfBody, "broke off", true),
        (Fault::WrongContentType, "200 <html>", true),
        (Fault::InvalidJson, "200 {\"ok\":tr", true),
        (Fault::Slow(Duration::from_millis(1)), "200 ok", true),
    ] {
        slack.fault_on("chat.update", Times::Always, Fault::Status(599));
        slack.fault_on("hook", Times::Next(1), fault.clone());
        let before = slack.read(|workspace| workspace.messages("a").len());
        let said = match client.post(&url, "application/json", r#"{"text":"x"}"#).await {
            Ok(answer) => format!("{} {}", answer.status, answer.text()),
            Err(error) => format!("{error:#}"),
        };
        assert!(said.contains(expected), "{fault:?}: {said}");
        let after = slack.read(|workspace| workspace.messages("a").len());
        assert_eq!(after > before, stored, "{fault:?}");
    }
    slack.down().await;
    assert!(client.post(&url, "application/json", "{}").await.is_err());
    slack.up().await.unwrap();
    assert_eq!(hook(&url, r#"{"text":"back"}"#).await.text(), "ok");
    let calls = slack.workspace().calls;
    assert_eq!((calls.len(), calls[4].fault.clone()), (12, Some(Fault::CloseAfter)));
    let error = slack.wait_for(Duration::ZERO, |_| None::<()>).await.unwrap_err().to_string();
    assert!(error.contains("Slack had 12 calls:\n  hook {\"text\":\"x\"}"), "{error}");
}
