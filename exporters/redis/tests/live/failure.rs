//! Servers that are slow, dead, busy, or that lie.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kit::blackhole::{Full, Silent};
use kit::eventually;
use kit::redis::Redis;
use tokio::net::TcpStream;

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

#[tokio::test]
async fn a_server_that_loads_its_data_is_up_but_not_ready() {
    let redis = Redis::builder()
        .config("enable-debug-command yes")
        // microseconds a key, and how often clients are served meanwhile
        .config("key-load-delay 2000")
        .config("loading-process-events-interval-bytes 1024")
        .start()
        .await
        .unwrap();
    redis.cli(&["DEBUG", "POPULATE", "500", "key", "100"]).await.unwrap();
    let exporter = exporter(&["--redis.addr", &redis.url()]).await;
    assert_eq!(page(&exporter, "/metrics").await.value("redis_ready"), Some(1.0));
    let seen = eventually(Duration::from_secs(20), "the server to be seen loading", async || {
        let page = page(&exporter, "/metrics").await;
        let loads = page.value("redis_loading_dump_file") == Some(1.0);
        anyhow::ensure!(loads, "it does not load");
        assert_eq!(
            (page.value("redis_up"), page.value("redis_ready"), page.error()),
            (Some(1.0), Some(0.0), "")
        );
        Ok(())
    });
    let (reloaded, seen) = tokio::join!(redis.cli(&["DEBUG", "RELOAD"]), seen);
    seen.unwrap();
    assert_eq!(reloaded.unwrap(), "OK");
    assert_eq!(page(&exporter, "/metrics").await.value("redis_ready"), Some(1.0));
    exporter.stop().await;
}

#[tokio::test]
async fn a_server_with_all_the_clients_it_takes() {
    let redis = Redis::builder().config("maxclients 8").start().await.unwrap();
    let exporter = exporter(&["--redis.addr", &redis.url()]).await;
    let mut others = Vec::new();
    for _ in 0..12 {
        others.push(TcpStream::connect(("127.0.0.1", redis.port())).await.unwrap());
    }
    let full = page(&exporter, "/metrics").await;
    assert_eq!((full.value("redis_up"), full.error()), (Some(0.0), "maxclients"));
    drop(others);
    eventually(Duration::from_secs(20), "a free place", async || {
        let page = page(&exporter, "/metrics").await;
        anyhow::ensure!(page.value("redis_up") == Some(1.0), "{}", page.error());
        Ok(())
    })
    .await
    .unwrap();
    exporter.stop().await;
}

#[tokio::test]
async fn a_connection_that_went_dead_costs_one_scrape_and_no_more_than_its_time() {
    let redis = Redis::start().await.unwrap();
    let exporter = exporter(&["--redis.addr", &redis.url()]).await;
    assert_eq!(page(&exporter, "/metrics").await.error(), "");
    // its socket stays open, and nobody is behind it
    redis.server().unwrap().pause().unwrap();
    let response = get(&exporter, "/metrics", 0.6).await;
    let dead = Page(response.text());
    assert_eq!((response.status, dead.value("redis_up"), dead.error()), (200, Some(0.0), "timeout"));
    redis.server().unwrap().resume().unwrap();
    assert_eq!(page(&exporter, "/metrics").await.error(), "");
    exporter.stop().await;
}

#[tokio::test]
async fn a_failover_is_seen_by_the_next_scrape() {
    let mut primary = Redis::start().await.unwrap();
    let replica = Redis::builder().replica_of(&primary).start().await.unwrap();
    replica.replicating().await.unwrap();
    let (first, second) = (
        exporter(&["--redis.addr", &primary.url()]).await,
        exporter(&["--redis.addr", &replica.url(), "--append-instance-role-label"]).await,
    );
    assert_eq!(page(&first, "/metrics").await.value("redis_connected_slaves"), Some(1.0));
    let before = page(&second, "/metrics").await;
    assert_eq!(before.value("redis_up{instance_role=\"slave\"}"), Some(1.0), "{}", before.0);
    // the primary hangs in the middle of a scrape, and dies
    primary.server().unwrap().pause().unwrap();
    let began = tokio::time::Instant::now();
    let scraping = get(&first, "/metrics", 60.0);
    let dying = async {
        primary.kill9();
    };
    let (cut, ()) = tokio::join!(scraping, dying);
    let cut = Page(cut.text());
    assert_eq!(cut.value("redis_up"), Some(0.0));
    assert!(["closed", "refused"].contains(&cut.error()), "{}", cut.error());
    // it was cut, not waited for: the deadline is far away
    assert!(began.elapsed() < Duration::from_secs(50));
    replica.cli(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
    let after = page(&second, "/metrics").await;
    assert_eq!(after.value("redis_up{instance_role=\"master\"}"), Some(1.0));
    assert_eq!(after.value("redis_ready{instance_role=\"master\"}"), Some(1.0));
    assert!(after.family("redis_master_link_up").is_empty());
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn what_was_renamed_away_is_no_failure_and_no_error_on_the_server() {
    let redis = Redis::builder()
        .config("rename-command CONFIG \"\"")
        .config("rename-command LATENCY \"\"")
        .config("rename-command SLOWLOG \"\"")
        .config("rename-command CLIENT \"\"")
        .start()
        .await
        .unwrap();
    let exporter = exporter(&["--redis.addr", &redis.url()]).await;
    let mut errors = Vec::new();
    for _ in 0..4 {
        let page = page(&exporter, "/metrics").await;
        assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), ""));
        let failed = page.family("redis_scrape_collector_success");
        assert!(failed.iter().all(|line| line.ends_with(" 1")), "{failed:?}");
        assert_eq!(page.value("redis_exporter_capability{feature=\"config|get\"}"), Some(0.0));
        errors.push(page.family("redis_total_error_replies").concat());
    }
    // CONFIG is asked in two ways, one scrape after the other
    assert_eq!(errors[3], errors[2], "{errors:?}");
    exporter.stop().await;
}

#[tokio::test]
async fn a_scrape_is_two_round_trips_on_a_new_connection_and_one_on_a_kept_one() {
    let server = Scripted::start(healthy).await;
    let exporter = exporter(&["--redis.addr", &server.url()]).await;
    for expected in [2, 3, 4] {
        assert_eq!(page(&exporter, "/metrics").await.value("redis_up"), Some(1.0));
        assert_eq!((server.round_trips(), server.connections()), (expected, 1));
    }
    exporter.stop().await;
}
