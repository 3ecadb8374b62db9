//! Streams, on real servers.

use kit::redis::{Redis, Version};

use crate::support::{exporter, page};

/// A stream with two groups, of which the first has an entry that waits; and one that is no stream.
const STREAMS: &str = "
XADD stream1 1638006862521-0 f v
XADD stream1 1638006862522-0 f v
XADD stream1 1638006862523-0 f v
XGROUP CREATE stream1 readers 0
XREADGROUP GROUP readers first COUNT 2 STREAMS stream1 >
XACK stream1 readers 1638006862521-0
XGROUP CREATE stream1 others $
XADD stream2 5-1 f v
XGROUP CREATE stream2 slow 0
XREADGROUP GROUP slow second COUNT 1 STREAMS stream2 >
SET stream_not 1
";

#[tokio::test]
async fn streams_groups_and_consumers() {
    let redis = Redis::start().await.unwrap();
    redis.cli_reading(&[], STREAMS).await.unwrap();
    let flags =
        ["--redis.addr", &redis.url(), "--check-streams=stream*", "--check-single-streams=stream2,none"];
    let exporter = exporter(&flags).await;
    let found = page(&exporter, "/metrics").await;
    for (series, expected) in [
        ("redis_stream_length{db=\"db0\",stream=\"stream1\"}", Some(3.0)),
        ("redis_stream_groups{db=\"db0\",stream=\"stream1\"}", Some(2.0)),
        ("redis_stream_entries_added_total{db=\"db0\",stream=\"stream1\"}", Some(3.0)),
        ("redis_stream_first_entry_id{db=\"db0\",stream=\"stream1\"}", Some(1_638_006_862_521.0)),
        ("redis_stream_last_entry_id{db=\"db0\",stream=\"stream1\"}", Some(1_638_006_862_523.0)),
        ("redis_stream_last_generated_id{db=\"db0\",stream=\"stream2\"}", Some(5.0)),
        ("redis_stream_max_deleted_entry_id{db=\"db0\",stream=\"stream1\"}", Some(0.0)),
        ("redis_stream_radix_tree_keys{db=\"db0\",stream=\"stream1\"}", Some(1.0)),
        ("redis_stream_radix_tree_nodes{db=\"db0\",stream=\"stream1\"}", Some(2.0)),
        ("redis_stream_group_consumers{db=\"db0\",stream=\"stream1\",group=\"readers\"}", Some(1.0)),
        ("redis_stream_group_messages_pending{db=\"db0\",stream=\"stream1\",group=\"readers\"}", Some(1.0)),
        (
            "redis_stream_group_last_delivered_id{db=\"db0\",stream=\"stream1\",group=\"readers\"}",
            Some(1_638_006_862_522.0),
        ),
        ("redis_stream_group_entries_read{db=\"db0\",stream=\"stream1\",group=\"readers\"}", Some(2.0)),
        ("redis_stream_group_lag{db=\"db0\",stream=\"stream1\",group=\"readers\"}", Some(1.0)),
        ("redis_stream_group_lag_known{db=\"db0\",stream=\"stream1\",group=\"readers\"}", Some(1.0)),
        (
            "redis_stream_group_consumer_messages_pending{db=\"db0\",stream=\"stream1\",group=\"readers\",consumer=\"first\"}",
            Some(1.0),
        ),
        // ids that are no times have no age
        ("redis_stream_group_oldest_pending_age_seconds{db=\"db0\",stream=\"stream2\",group=\"slow\"}", None),
        ("redis_scrape_collector_success{collector=\"keys\"}", Some(1.0)),
    ] {
        assert_eq!(found.value(series), expected, "{series}\n{}", found.0);
    }
    let age = found.family("redis_stream_group_oldest_pending_age_seconds");
    assert!(age.len() == 1 && age[0].contains("group=\"readers\""), "{age:?}");
    // a stream that is both looked for and named is shown once
    assert_eq!(found.family("redis_stream_length").len(), 2);
    exporter.stop().await;
}

#[tokio::test]
async fn consumers_can_be_left_out_and_are_then_not_asked_for() {
    let redis = Redis::start().await.unwrap();
    redis.cli_reading(&[], STREAMS).await.unwrap();
    let exporter = exporter(&[
        "--redis.addr",
        &redis.url(),
        "--check-single-streams=stream1",
        "--streams-exclude-consumer-metrics",
    ])
    .await;
    let found = page(&exporter, "/metrics").await;
    assert_eq!(found.family("redis_stream_group_consumers").len(), 2);
    assert!(found.family("redis_stream_group_consumer_idle_seconds").is_empty());
    assert!(!redis.cli(&["INFO", "commandstats"]).await.unwrap().contains("xinfo|consumers"));
    exporter.stop().await;
}

#[tokio::test]
async fn a_lag_that_the_server_does_not_know_is_not_0() {
    for version in [Version::V6_2, Version::V7_0] {
        let redis = Redis::builder().version(version).start().await.unwrap();
        redis.cli_reading(&[], STREAMS).await.unwrap();
        redis.cli(&["XDEL", "stream1", "1638006862523-0"]).await.unwrap();
        let exporter = exporter(&["--redis.addr", &redis.url(), "--check-single-streams=stream1"]).await;
        let found = page(&exporter, "/metrics").await;
        let of = |name: &str| {
            found.value(&format!("redis_{name}{{db=\"db0\",stream=\"stream1\",group=\"readers\"}}"))
        };
        assert_eq!((of("stream_group_lag"), of("stream_group_lag_known")), (None, Some(0.0)), "{version:?}");
        exporter.stop().await;
    }
}
