//! What is sent, how often, and what comes of it.

use std::time::Duration;

use jiff::Timestamp;
use kit::cloud::{Cloud, Fault};
use kit::process::Folder;
use kit::web::Reply;
use toolkit::clock::Clock;
use toolkit::config::Secret;

use super::request::{quote, wait};
use super::*;
use crate::store::Store;

const KEY: &str = "sk-canary-0123456789";

async fn cloud() -> Cloud {
    Cloud::start(|_| Reply::text(200, "[1, 2]").into()).await.unwrap()
}

/// Outcome and how many requests it took.
async fn outcome(cloud: &Cloud, paid: bool) -> (Result<Vec<u8>, Reason>, usize) {
    let before = cloud.count();
    let http = Http::hurried();
    let request = http.get("list", &cloud.url("/list")).bearer(&Secret::from(KEY));
    let request = if paid { request.paid(Money::units(1)) } else { request };
    let outcome = request.fetch::<Vec<u8>>().await;
    if let Err(error) = &outcome {
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    (outcome.map_err(|error| error.reason), cloud.count() - before)
}

#[tokio::test]
async fn what_may_pass_is_asked_again_and_nothing_else() {
    let cloud = cloud().await;
    let fine = || Ok(vec![1, 2]);
    assert_eq!(outcome(&cloud, false).await, (fine(), 1));
    for (fault, expected, requests, paid) in [
        (Fault::Status(500), Reason::ServerError, 4, 4),
        (Fault::Status(503), Reason::ServerError, 4, 4),
        (Fault::TooMany(0), Reason::RateLimited, 4, 4),
        (Fault::TooMany(3600), Reason::RateLimited, 1, 1),
        (Fault::Close, Reason::Broken, 4, 1),
        (Fault::Half, Reason::Broken, 4, 1),
        (Fault::Status(401), Reason::Unauthorized, 1, 1),
        (Fault::Status(403), Reason::Forbidden, 1, 1),
        (Fault::Status(400), Reason::Refused, 1, 1),
        (Fault::Status(302), Reason::Refused, 1, 1),
        (Fault::Truncated, Reason::Malformed, 1, 1),
        (Fault::Empty, Reason::Malformed, 1, 1),
    ] {
        cloud.fail(fault.clone());
        assert_eq!(outcome(&cloud, false).await, (Err(expected), requests), "{fault:?}");
        assert_eq!(outcome(&cloud, true).await, (Err(expected), paid), "{fault:?}, paid");
    }
    for fault in [Fault::Status(502), Fault::TooMany(1), Fault::Close, Fault::Half] {
        cloud.fail_times(1, fault.clone());
        assert_eq!(outcome(&cloud, false).await, (fine(), 2), "{fault:?}");
    }
}

#[tokio::test]
async fn nobody_is_there() {
    let cloud = cloud().await;
    cloud.web().down().await;
    let (outcome, requests) = outcome(&cloud, false).await;
    assert_eq!((outcome, requests), (Err(Reason::Connect), 0));
}

#[tokio::test]
async fn a_refresh_ends_at_its_deadline() {
    let cloud = cloud().await;
    cloud.fail(Fault::Hang);
    let http = Http::new().unwrap();
    let deadline = Instant::now() + Duration::from_millis(100);
    let http = http.for_refresh(Ledger::none(), Meter::default(), deadline);
    let error = http.get("list", &cloud.url("/")).send().await.unwrap_err();
    assert_eq!(error.reason, Reason::Timeout);
}

#[tokio::test]
async fn what_is_sent() {
    let cloud = cloud().await;
    let meter = Meter::default();
    let deadline = Instant::now() + Duration::from_secs(20);
    let http = Http::new().unwrap().for_refresh(Ledger::none(), meter.clone(), deadline);
    let request = http
        .post("query", &cloud.url("/a?b=c"))
        .query("group_by[]", "line item")
        .header("anthropic-version", "2023-06-01")
        .secret_header("x-api-key", &Secret::from(KEY))
        .json(&serde_json::json!({"x": 1}))
        .sign(|unsigned| {
            let name = reqwest::header::HeaderName::from_static("x-signature");
            Ok(vec![(name, format!("{}{}", unsigned.url.path(), unsigned.body.len()))])
        });
    let answer = request.send().await.unwrap();
    assert_eq!((answer.status, answer.text().unwrap()), (200, "[1, 2]"));
    let sent = cloud.requests().remove(0);
    assert_eq!((sent.method.as_str(), sent.query.as_str()), ("POST", "b=c&group_by%5B%5D=line%20item"));
    for (name, expected) in [
        ("x-api-key", KEY),
        ("anthropic-version", "2023-06-01"),
        ("content-type", "application/json"),
        ("x-signature", "/a7"),
    ] {
        assert_eq!(sent.header(name), expected);
    }
    assert_eq!(meter.counts(), [("query", "200".to_owned(), 1)]);
}

#[tokio::test]
async fn answers_have_a_limit_and_may_be_read_in_pieces() {
    let cloud = Cloud::start(|_| Reply::text(200, "x".repeat(100_000)).into()).await.unwrap();
    let http = Http::new().unwrap();
    let get = || http.get("file", &cloud.url("/"));
    assert_eq!(get().limit(99_999).send().await.unwrap_err().reason, Reason::TooLarge);
    assert_eq!(get().limit(100_000).send().await.unwrap().body.len(), 100_000);
    let (mut stream, mut bytes) = (get().limit(1 << 40).open().await.unwrap(), 0);
    while let Some(piece) = stream.next().await.unwrap() {
        bytes += piece.len();
    }
    assert_eq!(bytes, 100_000);
}

#[tokio::test]
async fn paid_requests_are_on_the_disk_before_they_leave() {
    let folder = Folder::new().unwrap();
    let cloud = cloud().await;
    let store = Store::open(folder.path(), Clock::system()).unwrap();
    let ledger = Ledger::of(store.clone(), "aws".into(), Some(2));
    let deadline = Instant::now() + Duration::from_secs(20);
    let http = Http::new().unwrap().for_refresh(ledger, Meter::default(), deadline);
    let ask = async || http.get("list", &cloud.url("/")).paid(Money::units(1)).send().await;
    cloud.fail(Fault::Close);
    assert_eq!(ask().await.unwrap_err().reason, Reason::Broken);
    assert_eq!(store.spent("aws".into()).await.unwrap().requests, 1, "it may have been served");
    cloud.heal();
    ask().await.unwrap();
    assert_eq!(ask().await.unwrap_err().reason, Reason::Capped);
    assert_eq!(cloud.count(), 2);
    http.cost(Money::units(3)).await.unwrap();
    assert_eq!(store.spent("aws".into()).await.unwrap().total, Money::units(5));
}

#[test]
fn quotes_hold_no_secret() {
    let secrets = [KEY.to_owned()];
    for (body, expected) in [
        ("", ""),
        ("wrong key sk-canary-0123456789\r\n!", ": wrong key … !"),
        ("<html>oops</html>", ""),
        ("{\"error\": \"no\u{7}\"}", ": {\"error\": \"no\"}"),
    ] {
        assert_eq!(quote(body.as_bytes(), &secrets), expected, "{body}");
    }
}

#[test]
fn patience_as_seconds_and_as_a_date() {
    let now: Timestamp = "2015-10-21T07:27:00Z".parse().unwrap();
    for (text, expected) in [
        ("30", Some(30_000)),
        (" 0.5 ", Some(500)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", Some(60_000)),
        ("Wed, 21 Oct 2015 07:26:00 GMT", Some(0)),
        ("-1", None),
        ("soon", None),
        ("inf", None),
    ] {
        assert_eq!(wait(text, now).map(|wait| wait.as_millis()), expected, "{text}");
    }
}
