//! Servers that are slow, dead, busy, or that lie.

use std::sync::atomic::{AtomicBool, Ordering};

use kit::blackhole::{Full, Silent};

use crate::support::{Act, Page, Scripted, bulk, exporter, get, healthy, page};

#[tokio::test]
async fn a_black_hole_is_down_before_the_scrape_times_out() {
    let silent = Silent::start().await.unwrap();
    let full = Full::start().await.unwrap();
    for address in [silent.address(), full.address().unwrap()] {
        let exporter = exporter(&["--redis.addr", &format!("redis://{address}")]).await;
        let response = get(&exporter, "/metrics", 1.0).await;
        let page = Page(response.text());
        assert_eq!((response.status, page.value("redis_up"), page.error()), (200, Some(0.0), "timeout"));
        let took = page.value("redis_exporter_last_scrape_duration_seconds").unwrap();
        assert!(took < 1.0, "{took}");
        exporter.stop().await;
    }
}

#[tokio::test]
async fn a_hundred_scrapes_at_once_are_one_visit() {
    let server = Scripted::start(healthy).await;
    let exporter = exporter(&["--redis.addr", &server.url()]).await;
    let scrapes = (0..100).map(|_| page(&exporter, "/metrics"));
    for page in futures_util::future::join_all(scrapes).await {
        assert_eq!(page.value("redis_up"), Some(1.0));
    }
    assert_eq!(server.connections(), 1);
    assert!(server.received().matches("\r\nALL\r\n").count() < 100);
    exporter.stop().await;
}

/// A server with which one command goes wrong.
fn except(command: &'static str, act: impl Fn() -> Act + Send + Sync + 'static) -> impl Fn(&[String]) -> Act {
    move |words| if words.join(" ") == command { act() } else { healthy(words) }
}

#[tokio::test]
async fn each_failure_has_its_reason_and_costs_only_its_part() {
    let say = |text: &str| {
        let text = text.to_owned();
        move || Act::Say(text.clone())
    };
    for (command, act, up, reason) in [
        (
            "INFO ALL",
            Box::new(say("-LOADING loading\r\n")) as Box<dyn Fn() -> Act + Send + Sync>,
            0.0,
            "loading",
        ),
        ("INFO ALL", Box::new(say("-NOPERM no\r\n")), 0.0, "noperm"),
        ("INFO ALL", Box::new(say("-NOAUTH no\r\n")), 0.0, "noauth"),
        ("INFO ALL", Box::new(say("+PONG\r\n")), 0.0, "protocol"),
        ("INFO ALL", Box::new(say("HTTP/1.1 400 Bad Request\r\n")), 0.0, "protocol"),
        ("INFO ALL", Box::new(|| Act::Close), 0.0, "closed"),
        ("INFO ALL", Box::new(|| Act::Hang), 0.0, "timeout"),
        ("INFO SERVER", Box::new(say("-ERR max number of clients reached\r\n")), 0.0, "maxclients"),
        ("SLOWLOG LEN", Box::new(|| Act::Hang), 1.0, "timeout"),
        ("SLOWLOG LEN", Box::new(|| Act::Close), 1.0, "closed"),
        ("SLOWLOG LEN", Box::new(say("-NOPERM no\r\n")), 1.0, ""),
        ("SLOWLOG LEN", Box::new(say("$5\r\nhalf")), 1.0, "protocol"),
    ] {
        let server = Scripted::start(except(command, act)).await;
        let exporter = exporter(&["--redis.addr", &server.url()]).await;
        // only what hangs is to run into the deadline, on a slow machine too
        let timeout = if reason == "timeout" { 0.6 } else { 10.0 };
        let page = Page(get(&exporter, "/metrics", timeout).await.text());
        assert_eq!((page.value("redis_up"), page.error()), (Some(up), reason), "{command}");
        if up > 0.0 {
            let success =
                |part| page.value(&format!("redis_scrape_collector_success{{collector=\"{part}\"}}"));
            assert_eq!(
                (success("slowlog"), success("info"), success("latency")),
                (Some(0.0), Some(1.0), Some(1.0))
            );
        }
        exporter.stop().await;
    }
}

#[tokio::test]
async fn a_connection_with_replies_outstanding_is_not_used_again() {
    let hung = AtomicBool::new(false);
    let slow_once = move |words: &[String]| {
        let hangs = words.join(" ") == "SLOWLOG LEN" && !hung.swap(true, Ordering::SeqCst);
        if hangs { Act::Hang } else { healthy(words) }
    };
    let server = Scripted::start(slow_once).await;
    let exporter = exporter(&["--redis.addr", &server.url()]).await;
    assert_eq!(Page(get(&exporter, "/metrics", 0.8).await.text()).error(), "timeout");
    assert_eq!(page(&exporter, "/metrics").await.error(), "");
    assert_eq!(server.connections(), 2);
    exporter.stop().await;
}

#[tokio::test]
async fn before_redis_6_a_user_is_left_out() {
    let old = |words: &[String]| match words {
        [auth, _, _] if auth == "AUTH" => {
            Act::Say("-ERR wrong number of arguments for 'auth' command\r\n".to_owned())
        }
        [info, section] if info == "INFO" && section == "SERVER" => bulk("redis_version:5.0.14\r\n"),
        words => healthy(words),
    };
    let server = Scripted::start(old).await;
    let exporter =
        exporter(&["--redis.addr", &server.url(), "--redis.user=me", "--redis.password=secret"]).await;
    assert_eq!(page(&exporter, "/metrics").await.value("redis_up"), Some(1.0));
    let received = server.received();
    assert!(received.contains("CONFIG\r\n$3\r\nGET\r\n$1\r\n*\r\n"), "{received}");
    assert!(!received.contains("HISTOGRAM"), "{received}");
    exporter.stop().await;
}

#[tokio::test]
async fn what_the_server_lacks_is_no_failure() {
    let managed = |words: &[String]| match words[0].as_str() {
        "CONFIG" | "LATENCY" | "CLIENT" => Act::Say("-ERR unknown command 'x'\r\n".to_owned()),
        _ => healthy(words),
    };
    let server = Scripted::start(managed).await;
    let exporter = exporter(&["--redis.addr", &server.url()]).await;
    for _ in 0..4 {
        let page = page(&exporter, "/metrics").await;
        assert!(
            page.family("redis_scrape_collector_success").iter().all(|line| line.ends_with(" 1")),
            "{}",
            page.0
        );
    }
    // CONFIG by names, then by pattern, then no more
    let received = server.received();
    assert_eq!((received.matches("CONFIG").count(), received.matches("HISTOGRAM").count()), (2, 1));
    exporter.stop().await;
}
