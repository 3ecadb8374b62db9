//! The kit's Redis does what tests need of it, in every version.

use super::*;

#[tokio::test]
async fn starts_stops_and_returns_on_the_same_port() {
    let mut redis = Redis::builder().password("s3cret").user("app on >other +ping").start().await.unwrap();
    assert_eq!(redis.cli(&["SET", "a", "1"]).await.unwrap(), "OK");
    assert_eq!(redis.cli(&["--user", "app", "-a", "other", "PING"]).await.unwrap(), "PONG");
    let url = redis.url();
    redis.stop().await.unwrap();
    assert!(process::accepts(redis.port()).await.is_err());
    redis.start_again().await.unwrap();
    assert_eq!((redis.url(), redis.cli(&["GET", "a"]).await.unwrap()), (url, String::new()));
    redis.kill9();
    assert!(redis.cli(&["PING"]).await.is_err());
}

#[tokio::test]
async fn a_replica_in_every_version() {
    for version in Version::ALL {
        let master = Redis::builder().version(version).password("s3cret").start().await.unwrap();
        let replica = Redis::builder().replica_of(&master).start().await.unwrap();
        replica.replicating().await.unwrap();
        let server = replica.cli(&["INFO", "server"]).await.unwrap();
        let field = if version.is_valkey() { "valkey_version" } else { "redis_version" };
        assert!(server.contains(&format!("{field}:{}.", version.number())), "{server}");
    }
}

#[tokio::test]
async fn mutual_tls() {
    let secure = Redis::builder().mutual_tls().start().await.unwrap();
    assert_eq!(secure.cli(&["PING"]).await.unwrap(), "PONG");
    assert!(secure.url().starts_with("rediss://"));
}

#[tokio::test]
async fn a_bad_option_shows_what_redis_said() {
    let error = Redis::builder().config("no-such-option yes").start().await.map(drop).unwrap_err();
    assert!(error.to_string().contains("Bad directive"), "{error}");
}

#[tokio::test]
async fn a_cluster_in_old_and_new_versions() {
    for version in [Version::V5_0, Version::Valkey9_1] {
        let cluster = Cluster::of(Redis::builder().version(version).password("s3cret"), 3, 0).await.unwrap();
        assert_eq!((cluster.primaries().len(), cluster.replicas().len(), cluster.urls().len()), (3, 0, 3));
        for key in ["a", "b", "c", "d"] {
            assert_eq!(cluster.cli(&["SET", key, "1"]).await.unwrap(), "OK");
        }
    }
}

#[tokio::test]
async fn a_replica_takes_the_place_of_a_killed_primary() {
    let mut cluster = Cluster::start(3, 1).await.unwrap();
    assert_eq!(cluster.nodes().len(), 6);
    cluster.kill9(0).unwrap();
    cluster.replicas()[0].until(&["INFO", "replication"], "role:master").await.unwrap();
    cluster.start_again(0).await.unwrap();
    cluster.nodes()[0].replicating().await.unwrap();
}

#[tokio::test]
async fn sentinels_with_passwords() {
    for version in [Version::V5_0, Version::V7_0, Version::Valkey9_1] {
        let builder = Sentinel::builder().version(version).password("one").sentinel_password("two");
        let stage = builder.count(2).start().await.unwrap();
        let known = stage.sentinels[0].cli(&["SENTINEL", "CKQUORUM", MASTER_NAME]).await.unwrap();
        assert!(known.starts_with("OK 2 usable Sentinels"), "{known}");
        assert_eq!(stage.master.cli(&["ROLE"]).await.unwrap().lines().next(), Some("master"));
        assert_eq!(stage.replica.cli(&["ROLE"]).await.unwrap().lines().next(), Some("slave"));
    }
}

#[tokio::test]
async fn a_sentinel_can_be_stopped_and_started() {
    let mut stage = Sentinel::builder().count(1).start().await.unwrap();
    let sentinel = &mut stage.sentinels[0];
    sentinel.stop().await.unwrap();
    sentinel.start_again().await.unwrap();
    sentinel.until(&["INFO", "sentinel"], "slaves=1,sentinels=1").await.unwrap();
}
