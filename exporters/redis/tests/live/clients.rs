//! CLIENT LIST: each client, and all of them counted.

use kit::redis::Redis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Act, Page, Scripted, bulk, exporter, healthy, page};

/// A connection that has sent these lines and read as many replies.
async fn client(redis: &Redis, lines: &[&str]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port())).await.unwrap();
    for line in lines {
        stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        let length = stream.read(&mut [0; 4096]).await.unwrap();
        assert!(length > 0, "{line}");
    }
    stream
}

#[tokio::test]
async fn each_client_on_its_own() {
    let redis = Redis::builder().user("bob on nopass ~* +@all").start().await.unwrap();
    let _named = client(&redis, &["AUTH bob x", "CLIENT SETNAME we=ird", "SELECT 3"]).await;
    let _subscriber = client(&redis, &["SUBSCRIBE news"]).await;
    for (flag, port) in [("--export-client-port=false", false), ("--export-client-port", true)] {
        let exporter = exporter(&["--redis.addr", &redis.url(), "--export-client-list", flag]).await;
        let page = page(&exporter, "/metrics").await;
        let info = page.family("redis_connected_client_info");
        assert_eq!(info.len(), 3, "{info:?}");
        for part in [
            "name=\"we=ird\",flags=\"N\",db=\"3\",host=\"127.0.0.1\"",
            "flags=\"P\"",
            "name=\"redis_exporter\"",
        ] {
            assert!(info.iter().any(|line| line.contains(part)), "{part} {info:?}");
        }
        assert!(
            info.iter().all(|line| line.contains(",port=\"") == port && line.contains(",resp=\"2\"")),
            "{info:?}"
        );
        assert!(info.iter().any(|line| line.contains("user=\"bob\"")), "{info:?}");
        let subscriptions = page.family("redis_connected_client_channel_subscriptions_count");
        assert_eq!(subscriptions.iter().filter(|line| line.ends_with(" 1")).count(), 1, "{subscriptions:?}");
        assert_eq!(page.value("redis_exporter_capability{feature=\"client|list\"}"), Some(1.0));
        exporter.stop().await;
    }
}

#[tokio::test]
async fn clients_are_counted_without_our_own() {
    let redis = Redis::builder().user("bob on nopass ~* +@all").start().await.unwrap();
    let _named = client(&redis, &["AUTH bob x", "CLIENT SETNAME web", "SELECT 3"]).await;
    let _subscriber = client(&redis, &["CLIENT SETNAME web", "SUBSCRIBE news"]).await;
    let exporter = exporter(&["--redis.addr", &redis.url(), "--client-aggregates"]).await;
    for _ in 0..2 {
        let page = page(&exporter, "/metrics").await;
        for (series, expected) in [
            ("redis_clients_counted", 2.0),
            ("redis_clients_by_name{name=\"web\"}", 2.0),
            ("redis_clients_by_user{user=\"bob\"}", 1.0),
            ("redis_clients_by_user{user=\"default\"}", 1.0),
            ("redis_clients_by_db{db=\"3\"}", 1.0),
            ("redis_clients_by_type{type=\"pubsub\"}", 1.0),
            ("redis_clients_by_resp{resp=\"2\"}", 2.0),
            ("redis_clients_idle{seconds=\"60\"}", 0.0),
            ("redis_scrape_collector_success{collector=\"clients\"}", 1.0),
        ] {
            assert_eq!(page.value(series), Some(expected), "{series}");
        }
        assert!(page.value("redis_clients_list_age_seconds").is_some_and(|age| age < 60.0));
        assert!(page.value("redis_clients_memory_sum_bytes").is_some_and(|bytes| bytes > 0.0));
    }
    // asked once, however often the page is
    let calls = page(&exporter, "/metrics").await.value("redis_commands_total{cmd=\"client|list\"}");
    assert_eq!(calls, Some(1.0));
    exporter.stop().await;
}

#[tokio::test]
async fn ten_thousand_clients_make_at_most_a_hundred_series() {
    let line = |n| {
        format!(
            "id={n} addr=10.0.0.1:{n} name=n{n} age={n} idle={n} flags=N db={n} omem={n} tot-mem={n} user=u{n} resp=2 \
             lib-name=l{n} lib-ver=1\n"
        )
    };
    let list = (0..10_000).map(line).collect::<Vec<_>>().concat();
    let server = Scripted::start(move |words| match words {
        [client, list_word] if client == "CLIENT" && list_word == "LIST" => bulk(&list),
        words => healthy(words),
    })
    .await;
    let plain = exporter(&["--redis.addr", &server.url()]).await;
    let counting = exporter(&["--redis.addr", &server.url(), "--client-aggregates"]).await;
    let series = |page: &Page| page.0.lines().filter(|line| line.starts_with("redis_")).count();
    let before = page(&plain, "/metrics").await;
    let after = page(&counting, "/metrics").await;
    // and success, duration of the collector
    assert!(series(&after) - series(&before) <= 100 + 2);
    assert_eq!(after.value("redis_clients_counted"), Some(10_000.0));
    plain.stop().await;
    counting.stop().await;
}

#[tokio::test]
async fn a_client_list_that_is_denied_or_late_costs_only_itself() {
    for hang in [false, true] {
        let server = Scripted::start(move |words| match words {
            [client, list] if client == "CLIENT" && list == "LIST" => {
                if hang {
                    Act::Hang
                } else {
                    Act::Say("-NOPERM no permissions\r\n".to_owned())
                }
            }
            words => healthy(words),
        })
        .await;
        let exporter =
            exporter(&["--redis.addr", &server.url(), "--client-aggregates", "--connection-timeout=200ms"])
                .await;
        for _ in 0..2 {
            let page = page(&exporter, "/metrics").await;
            assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), ""));
            assert_eq!(page.value("redis_scrape_collector_success{collector=\"clients\"}"), Some(0.0));
            assert_eq!(page.value("redis_clients_counted"), None);
        }
        assert_eq!(server.received().matches("LIST").count(), 1);
        exporter.stop().await;
    }
}
