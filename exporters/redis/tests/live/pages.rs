//! What the page shows of real servers.

use kit::redis::Redis;

use crate::support::{exporter, page};

#[tokio::test]
async fn sums_belong_to_their_commands() {
    let redis = Redis::start().await.unwrap();
    for _ in 0..3 {
        redis.cli(&["BITFIELD_RO", "a", "GET", "u8", "0"]).await.unwrap();
    }
    let exporter = exporter(&["--redis.addr", &redis.url()]).await;
    let page = page(&exporter, "/metrics").await;
    let microseconds = page.value("redis_commands_latencies_usec_sum{cmd=\"bitfield_ro\"}").unwrap();
    let seconds = page.value("redis_commands_duration_seconds_total{cmd=\"bitfield_ro\"}").unwrap();
    assert!(microseconds > 0.0 && (microseconds / 1e6 - seconds).abs() < 1e-9, "{microseconds} {seconds}");
    assert_eq!(page.value("redis_commands_latencies_usec_count{cmd=\"bitfield_ro\"}"), Some(3.0));
    exporter.stop().await;
}

#[tokio::test]
async fn flags_change_the_page() {
    let redis = Redis::start().await.unwrap();
    let exporter = exporter(&[
        "-redis.addr",
        &redis.url(),
        "-namespace=cache",
        "-include-system-metrics=false",
        "-include-metrics-for-empty-databases=false",
        "-exclude-latency-histogram-metrics",
        "-redis-only-metrics",
        "-config-command=-",
        "-set-client-name=false",
        "-ping-on-connect",
        "-append-instance-role-label",
    ])
    .await;
    let page = page(&exporter, "/metrics").await;
    let role = "{instance_role=\"master\"}";
    assert_eq!(page.value(&format!("cache_up{role}")), Some(1.0));
    assert!(page.value(&format!("cache_memory_used_bytes{role}")).is_some());
    assert!(page.value("cache_exporter_last_scrape_ping_time_seconds").is_some());
    for absent in [
        "redis_up",
        "total_system_memory",
        "db_keys",
        "commands_latencies_usec",
        "exporter_build_info",
        "config_maxclients",
        "cmd=\"client|setname\"",
    ] {
        assert!(!page.0.contains(absent), "{absent}\n{}", page.0);
    }
    exporter.stop().await;
}

#[tokio::test]
async fn one_connection_serves_all_scrapes_and_a_restart_is_not_noticed() {
    let mut redis = Redis::start().await.unwrap();
    let exporter = exporter(&["--redis.addr", &redis.url()]).await;
    for expected in 1..=3 {
        let page = page(&exporter, "/metrics").await;
        // one of them is from the wait for the server's start
        let connections = page.value("redis_connections_received_total").unwrap();
        assert_eq!(page.value("redis_connected_clients"), Some(1.0), "{connections}");
        assert_eq!(page.value("redis_exporter_scrapes_total"), Some(f64::from(expected)));
    }
    redis.stop().await.unwrap();
    redis.start_again().await.unwrap();
    let after = page(&exporter, "/metrics").await;
    assert_eq!((after.value("redis_up"), after.error()), (Some(1.0), ""));
    redis.stop().await.unwrap();
    let down = page(&exporter, "/metrics").await;
    assert_eq!((down.value("redis_up"), down.error()), (Some(0.0), "refused"));
    exporter.stop().await;
}

#[tokio::test]
async fn a_member_of_a_cluster() {
    let redis = Redis::builder().config("cluster-enabled yes").start().await.unwrap();
    let exporter = exporter(&["--redis.addr", &redis.url()]).await;
    let page = page(&exporter, "/metrics").await;
    for (series, expected) in [
        ("redis_cluster_enabled", 1.0),
        ("redis_cluster_state", 0.0),
        ("redis_cluster_slots_assigned", 0.0),
        ("redis_cluster_known_nodes", 1.0),
        ("redis_cluster_messages_sent_total", 0.0),
        ("redis_db_keys{db=\"db0\"}", 0.0),
    ] {
        assert_eq!(page.value(series), Some(expected), "{series}");
    }
    assert_eq!(page.family("redis_db_keys").len(), 1);
    exporter.stop().await;
}

#[tokio::test]
async fn without_a_target_of_its_own_it_serves_only_scrape() {
    let redis = Redis::start().await.unwrap();
    let exporter = exporter(&["--redis.addr="]).await;
    let own = page(&exporter, "/metrics").await;
    assert_eq!(
        (own.value("redis_up"), own.value("redis_target_scrape_request_errors_total")),
        (None, Some(0.0))
    );
    let path = format!("/scrape?target=127.0.0.1:{}", redis.port());
    assert_eq!(page(&exporter, &path).await.value("redis_up"), Some(1.0));
    exporter.stop().await;
}
