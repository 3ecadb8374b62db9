//! Real Sentinels.

use kit::redis::{MASTER_NAME, Sentinel, Version};

use crate::support::{exporter, page};

/// A secret that may appear nowhere.
const CANARY: &str = "canary-51e9";

#[tokio::test]
async fn a_sentinel_tells_all_that_it_knows() {
    let group = Sentinel::start().await.unwrap();
    let sentinel = &group.sentinels[0];
    sentinel.cli(&["SENTINEL", "CONFIG", "SET", "sentinel-pass", CANARY]).await.unwrap();
    let exporter = exporter(&[
        "--redis.addr",
        &sentinel.url(),
        "--include-sentinel-peer-info",
        "--include-config-metrics",
    ])
    .await;
    let page = page(&exporter, "/metrics").await;
    assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), ""));
    assert!(
        page.family("redis_scrape_collector_success").iter().all(|line| line.ends_with(" 1")),
        "{}",
        page.0
    );
    let address = format!("127.0.0.1:{}", group.master.port());
    let master = format!("{{master_name=\"{MASTER_NAME}\",master_address=\"{address}\"}}");
    let replica = master.replace('}', &format!(",replica=\"127.0.0.1:{}\"}}", group.replica.port()));
    for (series, expected) in [
        ("sentinel_masters".to_owned(), 1.0),
        ("sentinel_tilt".to_owned(), 0.0),
        (format!("sentinel_master_sentinels{master}"), 3.0),
        (format!("sentinel_master_ok_sentinels{master}"), 3.0),
        (format!("sentinel_master_other_sentinels{master}"), 2.0),
        (format!("sentinel_master_ok_slaves{master}"), 1.0),
        (format!("sentinel_master_setting_ckquorum{master}"), 2.0),
        (format!("sentinel_master_odown{master}"), 0.0),
        (format!("sentinel_master_ckquorum_status{{master_name=\"{MASTER_NAME}\",message=\"ok\"}}"), 1.0),
        (format!("sentinel_replica_sdown{replica}"), 0.0),
        (format!("sentinel_replica_priority{replica}"), 100.0),
    ] {
        assert_eq!(page.value(&format!("redis_{series}")), Some(expected), "{series} {}", page.0);
    }
    assert_eq!(page.family("redis_sentinel_peer_info").len(), 2);
    assert!(page.family("redis_sentinel_config_key_value").len() > 2);
    assert!(!page.0.contains(CANARY));
    // a Sentinel has no databases, and none are made up
    assert_eq!(page.family("redis_db_keys"), Vec::<&str>::new());
    // what it does not have is not asked
    let errors = sentinel.cli(&["INFO", "stats"]).await.unwrap();
    assert!(errors.contains("total_error_replies:0"), "{errors}");
    exporter.stop().await;
}

#[tokio::test]
async fn a_lost_quorum_is_a_word_and_a_zero() {
    let mut group =
        Sentinel::builder().config("sentinel down-after-milliseconds mymaster 1000").start().await.unwrap();
    let first = group.sentinels.remove(0);
    for other in &mut group.sentinels {
        other.kill9();
    }
    group.master.kill9();
    first.until(&["INFO", "sentinel"], "status=sdown").await.unwrap();
    first.until(&["SENTINEL", "CKQUORUM", MASTER_NAME], "NOQUORUM").await.unwrap();
    let exporter = exporter(&["--redis.addr", &first.url()]).await;
    let page = page(&exporter, "/metrics").await;
    let series = |name: &str| {
        page.family(name).into_iter().map(|line| line.rsplit_once(' ').unwrap()).collect::<Vec<_>>()
    };
    let quorum = series("redis_sentinel_master_ckquorum_status");
    let expected = format!(
        "redis_sentinel_master_ckquorum_status{{master_name=\"{MASTER_NAME}\",message=\"noquorum\"}}"
    );
    assert_eq!(quorum, [(expected.as_str(), "0")]);
    assert_eq!(series("redis_sentinel_master_sdown")[0].1, "1");
    assert_eq!(series("redis_sentinel_master_ok_sentinels")[0].1, "1");
    assert!(series("redis_sentinel_master_status")[0].0.contains("master_status=\"sdown\""));
    assert_eq!(
        page.value("redis_scrape_collector_success{collector=\"sentinel\"}"),
        Some(1.0),
        "no quorum is news, not a failure"
    );
    exporter.stop().await;
}

#[tokio::test]
async fn a_sentinel_that_needs_no_password_is_no_stranger() {
    let group = Sentinel::builder().count(1).start().await.unwrap();
    let url = group.sentinels[0].url();
    for arguments in
        [vec!["--redis.password=unneeded"], vec!["--redis.user=metrics", "--redis.password=unneeded"]]
    {
        let exporter = exporter(&[&["--redis.addr", &url], arguments.as_slice()].concat()).await;
        let page = page(&exporter, "/metrics").await;
        assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), ""), "{arguments:?}");
        assert_eq!(page.value("redis_sentinel_masters"), Some(1.0));
        exporter.stop().await;
    }
}

#[tokio::test]
async fn a_sentinel_with_a_password_is_asked_with_it() {
    let group = Sentinel::builder().count(1).sentinel_password(CANARY).start().await.unwrap();
    let url = group.sentinels[0].url();
    let password = format!("--redis.password={CANARY}");
    for (password, expected) in
        [(password.as_str(), ""), ("--redis.password=wrong", "wrongpass"), ("--redis.user=", "noauth")]
    {
        let exporter = exporter(&["--redis.addr", &url, password]).await;
        assert_eq!(page(&exporter, "/metrics").await.error(), expected);
        exporter.stop().await;
    }
}

#[tokio::test]
async fn sentinels_of_all_versions() {
    for version in [Version::V6_2, Version::V8_0, Version::Valkey9_1] {
        let group = Sentinel::builder().version(version).count(1).start().await.unwrap();
        let exporter = exporter(&["--redis.addr", &group.sentinels[0].url()]).await;
        let page = page(&exporter, "/metrics").await;
        assert_eq!(page.error(), "", "{version:?}");
        assert_eq!(
            page.value("redis_scrape_collector_success{collector=\"sentinel\"}"),
            Some(1.0),
            "{version:?}"
        );
        for family in
            ["sentinel_master_ckquorum_status", "sentinel_replica_offset_bytes", "sentinel_master_status"]
        {
            assert_eq!(page.family(&format!("redis_{family}")).len(), 1, "{version:?} {family}");
        }
        exporter.stop().await;
    }
}
