//! Real clusters, and servers that lie about theirs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit::blackhole::Full;
use kit::redis::{Cluster, Redis, Version};

use crate::support::{Act, Page, Scripted, bulk, exporter, get, healthy, page};

/// A secret that may appear nowhere else.
const CANARY: &str = "canary-c1u5";

/// How long a cluster may take to agree about a node.
const AGREED: Duration = Duration::from_mins(1);

fn labels(node: &Redis, role: &str, shard: &str) -> String {
    format!("{{node=\"127.0.0.1:{}\",role=\"{role}\",shard=\"{shard}\"}}", node.port())
}

/// The lowest slot of the kit's clusters of three primaries.
const SHARDS: [&str; 3] = ["0", "5461", "10922"];

fn nothing_was_dropped(page: &Page) {
    for reason in ["invalid", "duplicate", "capped"] {
        let series = format!("watchfire_samples_dropped_total{{reason=\"{reason}\"}}");
        assert_eq!(page.value(&series), Some(0.0), "{reason}");
    }
}

#[tokio::test]
async fn all_nodes_in_one_page_then_one_of_them_dies() {
    let mut cluster = Cluster::start(3, 1).await.unwrap();
    let exporter = exporter(&["--redis.addr", &cluster.urls()[0], "--cluster-nodes"]).await;
    let whole = page(&exporter, "/metrics").await;
    for (role, nodes) in [("master", cluster.primaries()), ("slave", cluster.replicas())] {
        for (node, shard) in nodes.iter().zip(SHARDS) {
            let labels = labels(node, role, shard);
            for (name, expected) in [
                ("up", 1.0),
                ("ready", 1.0),
                ("cluster_state", 1.0),
                ("cluster_known_nodes", 6.0),
                ("cluster_node_link_up", 1.0),
                ("cluster_node_fail", 0.0),
            ] {
                assert_eq!(whole.value(&format!("redis_{name}{labels}")), Some(expected), "{name}{labels}");
            }
        }
    }
    for family in
        ["up", "instance_info", "exporter_last_scrape_error", "uptime_in_seconds", "cluster_node_slots"]
    {
        assert_eq!(whole.family(&format!("redis_{family}")).len(), 6, "{family}");
    }
    assert_eq!(whole.value("redis_scrape_collector_success{collector=\"cluster_nodes\"}"), Some(1.0));
    nothing_was_dropped(&whole);

    // the seed dies: its replica takes over, and the others are still there
    cluster.kill9(0).unwrap();
    let promoted = &cluster.replicas()[0];
    promoted.until(&["INFO", "replication"], "role:master").await.unwrap();
    let (dead, survivor) = (labels(&cluster.nodes()[0], "master", ""), labels(promoted, "master", "0"));
    let agreed = async || {
        let page = page(&exporter, "/metrics").await;
        anyhow::ensure!(page.value(&format!("redis_cluster_node_fail{dead}")) == Some(1.0), "{}", page.0);
        Ok(page)
    };
    let failed = kit::eventually(AGREED, "the others to agree that the seed is down", agreed).await.unwrap();
    assert_eq!(failed.value(&format!("redis_up{dead}")), Some(0.0));
    assert_eq!(failed.value(&format!("redis_up{survivor}")), Some(1.0));
    assert_eq!(failed.value(&format!("redis_cluster_node_slots{survivor}")), Some(5461.0));
    let up = failed.family("redis_up").iter().filter(|line| line.ends_with(" 1")).count();
    assert_eq!(up, 5);
    assert!(failed.value("redis_cluster_nodes_age_seconds").unwrap() < 5.0, "another node has told");
    assert!(failed.0.contains(&dead.replace('{', "redis_exporter_last_scrape_error{err=\"refused\",")));

    // it is told apart for Prometheus, but not forgotten
    let exporter_discovery = get(&exporter, "/discover-cluster-nodes", 10.0).await;
    let document: serde_json::Value = serde_json::from_str(&exporter_discovery.text()).unwrap();
    assert_eq!(document[0]["targets"].as_array().unwrap().len(), 5);
    assert_eq!(document[1]["targets"][0], cluster.urls()[0]);
    assert_eq!(document[1]["labels"]["__meta_redis_node_failed"], "true");
    exporter.stop().await;
}

#[tokio::test]
async fn the_page_of_a_seed_is_redis_exporters() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let seed = cluster.urls()[0].clone();
    let plain = exporter(&["--redis.addr", &seed]).await;
    let member = exporter(&["--redis.addr", &seed, "--is-cluster"]).await;
    let page = page(&member, "/metrics").await;
    assert_eq!(page.value("redis_up"), Some(1.0));
    assert_eq!(page.value("redis_cluster_size"), Some(3.0));
    assert!(!page.0.contains("node=\""), "{}", page.0);

    let discovery = get(&member, "/discover-cluster-nodes", 10.0).await;
    assert_eq!((discovery.status, discovery.header("content-type")), (200, "application/json"));
    let mut urls = cluster.urls();
    urls.sort();
    let targets: Vec<String> = urls.iter().map(|url| format!("      \"{url}\"")).collect();
    let expected = format!(
        "[\n  {{\n    \"targets\": [\n{}\n    ],\n    \"labels\": {{}}\n  }}\n]",
        targets.join(",\n")
    );
    assert_eq!(discovery.text(), expected);
    let refused = get(&plain, "/discover-cluster-nodes", 10.0).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    plain.stop().await;
    member.stop().await;
}

#[tokio::test]
async fn a_rule_or_a_request_asks_for_all_nodes() {
    let cluster = Cluster::of(Redis::builder().password(CANARY), 3, 0).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yml");
    let rules = format!(
        "targets:\n- {{match: '{}', password: {CANARY}, cluster: true}}\n- {{match: 127.0.0.1, password: {CANARY}}}\n",
        cluster.urls()[0]
    );
    std::fs::write(&file, rules).unwrap();
    let exporter = exporter(&["--redis.addr=", "--config.file", file.to_str().unwrap()]).await;
    let [first, second, _] = cluster.urls().try_into().unwrap();
    for (path, nodes, labelled) in [
        (format!("/scrape?target={first}"), 3, true),
        (format!("/scrape?target={first}&cluster=0"), 1, false),
        (format!("/scrape?target={second}"), 1, false),
        (format!("/scrape?target={second}&cluster=1"), 3, true),
    ] {
        let page = page(&exporter, &path).await;
        let up = page.family("redis_up");
        assert!(up.iter().all(|line| line.ends_with(" 1")), "{path} {up:?}");
        assert_eq!((up.len(), up[0].contains("node=")), (nodes, labelled), "{path}");
        assert!(!page.0.contains(CANARY));
    }
    for (path, status) in [
        ("/scrape?target=elsewhere:1&cluster=1".to_owned(), 403),
        (format!("/scrape?target={first}&cluster=yes"), 400),
        ("/discover-cluster-nodes".to_owned(), 400),
        (format!("/discover-cluster-nodes?target={second}"), 400),
        ("/discover-cluster-nodes?target=elsewhere:1".to_owned(), 400),
        (format!("/discover-cluster-nodes?target={first}"), 200),
    ] {
        assert_eq!(get(&exporter, &path, 10.0).await.status, status, "{path}");
    }
    exporter.stop().await;
}

/// A scripted member of a cluster; the others are in `nodes`.
fn member_of(nodes: impl Fn() -> String + Send + Sync + 'static) -> impl Fn(&[String]) -> Act + Send + Sync {
    move |words| match words.join(" ").as_str() {
        "CLUSTER NODES" => bulk(&nodes()),
        "CLUSTER INFO" => bulk("cluster_state:ok\r\n"),
        _ => healthy(words),
    }
}

#[tokio::test]
async fn a_hostile_cluster_gets_no_secret_for_others() {
    let (near, far) = (Scripted::start(healthy).await, Scripted::start(healthy).await);
    let port = |server: &Scripted| server.url().rsplit(':').next().unwrap().to_owned();
    let (near_port, far_port) = (port(&near), port(&far));
    let seed = Scripted::start(member_of(move || {
        format!(
            "a :0@0 myself,master - 0 0 1 connected 0-1\n\
             b 127.0.0.1:{near_port}@1 slave a 0 0 1 connected\n\
             c 127.0.0.2:{far_port}@1 master - 0 0 1 connected 2-3\n\
             d localhost:{far_port}@1 master - 0 0 1 connected 4-5\n\
             e unix:///run/redis.sock:1@1 master - 0 0 1 connected\n\
             f u:p@localhost:{far_port}@1 master - 0 0 1 connected\n"
        )
    }))
    .await;
    let password = format!("--redis.password={CANARY}");
    let exporter = exporter(&["--redis.addr", &seed.url(), &password, "--cluster-nodes"]).await;
    let page = page(&exporter, "/metrics").await;
    assert!(near.received().contains(CANARY), "it is on the seed's own host");
    // 127.0.0.2 is not there; localhost is, under a name that nobody gave a password to
    assert!(far.received().contains("INFO") && !far.received().contains(CANARY), "{}", far.received());
    assert!(!far.received().contains("AUTH"));
    assert!(!page.0.contains(CANARY));
    assert_eq!(page.value("redis_cluster_nodes_skipped{reason=\"noaddr\"}"), Some(3.0), "{}", page.0);
    exporter.stop().await;
}

#[tokio::test]
async fn a_node_that_hangs_costs_only_itself() {
    let (hanging, well) = (Full::start().await.unwrap(), Scripted::start(healthy).await);
    let (hole, other) = (hanging.address().unwrap(), well.url().replace("redis://", ""));
    let seed = Scripted::start(member_of(move || {
        format!("b {other}@1 master - 0 0 1 connected 0-1\nc {hole}@1 master - 0 0 1 connected 2-3\n")
    }))
    .await;
    let exporter = exporter(&["--redis.addr", &seed.url(), "--cluster-nodes"]).await;
    let response = get(&exporter, "/metrics", 1.5).await;
    assert_eq!(response.status, 200);
    let page = Page(response.text());
    let up: Vec<&str> = page.family("redis_up").iter().map(|line| line.rsplit_once(' ').unwrap().1).collect();
    assert_eq!((up.len(), up.iter().filter(|up| **up == "1").count()), (2, 1), "{}", page.0);
    assert!(page.0.contains("redis_exporter_last_scrape_error{err=\"timeout\",node="));
    exporter.stop().await;
}

#[tokio::test]
async fn when_the_seed_hangs_another_node_is_asked() {
    let nodes: Arc<Mutex<String>> = Arc::default();
    let (of_seed, of_other) = (Arc::clone(&nodes), Arc::clone(&nodes));
    let hangs = Arc::new(AtomicBool::new(false));
    let hanging = Arc::clone(&hangs);
    let tell = member_of(move || of_seed.lock().unwrap().clone());
    let seed = Scripted::start(
        move |words: &[String]| {
            if hanging.load(Ordering::SeqCst) { Act::Hang } else { tell(words) }
        },
    )
    .await;
    let other = Scripted::start(member_of(move || of_other.lock().unwrap().clone())).await;
    let address = |server: &Scripted| server.url().replace("redis://", "");
    let both = |epoch| {
        format!(
            "a {}@1 master - 0 0 1 connected 0-1\nb {}@1 master - 0 0 {epoch} connected 2-3\n",
            address(&seed),
            address(&other)
        )
    };
    *nodes.lock().unwrap() = both(1);
    let exporter = exporter(&["--redis.addr", &seed.url(), "--cluster-nodes"]).await;
    page(&exporter, "/metrics").await;
    hangs.store(true, Ordering::SeqCst);
    *nodes.lock().unwrap() = both(2);
    let page = Page(get(&exporter, "/metrics", 3.0).await.text());
    let series = |name: &str, server: &Scripted, shard: &str| {
        page.value(&format!("redis_{name}{{node=\"{}\",role=\"master\",shard=\"{shard}\"}}", address(server)))
    };
    assert_eq!(series("up", &seed, "0"), Some(0.0), "{}", page.0);
    assert_eq!(series("up", &other, "2"), Some(1.0));
    assert_eq!(series("cluster_node_config_epoch", &other, "2"), Some(2.0), "the other node has told");
    assert_eq!(page.value("redis_scrape_collector_success{collector=\"cluster_nodes\"}"), Some(1.0));
    exporter.stop().await;
}

#[tokio::test]
async fn a_failover_mid_scrape_shows_each_node_as_it_says_itself() {
    // the topology is from before the failover, the node's INFO from after it
    let promoted = Scripted::start(healthy).await;
    let address = promoted.url().replace("redis://", "");
    let expected = format!("redis_up{{node=\"{address}\",role=\"master\",shard=\"0\"}}");
    let seed = Scripted::start(member_of(move || {
        format!("a :1@1 myself,master - 0 0 1 connected 0-16383\nb {address}@1 slave a 0 0 1 connected\n")
    }))
    .await;
    let exporter = exporter(&["--redis.addr", &seed.url(), "--cluster-nodes"]).await;
    assert_eq!(page(&exporter, "/metrics").await.value(&expected), Some(1.0));
    exporter.stop().await;
}

#[tokio::test]
async fn a_seed_that_tells_nothing_is_shown_alone() {
    for (said, reason) in [
        ("-NOPERM no\r\n", "noperm"),
        ("-ERR This instance has cluster support disabled\r\n", "unsupported"),
        ("$4\r\njunk\r\n", "protocol"),
    ] {
        let seed = Scripted::start(move |words: &[String]| match words.join(" ").as_str() {
            "CLUSTER NODES" => Act::Say(said.to_owned()),
            _ => healthy(words),
        })
        .await;
        let exporter = exporter(&["--redis.addr", &seed.url(), "--cluster-nodes"]).await;
        for _ in 0..2 {
            let page = page(&exporter, "/metrics").await;
            let address = seed.url().replace("redis://", "");
            let up = format!("redis_up{{node=\"{address}\",role=\"master\",shard=\"\"}}");
            assert_eq!(page.value(&up), Some(1.0), "{reason} {}", page.0);
            let success = "redis_scrape_collector_success{collector=\"cluster_nodes\"}";
            assert_eq!(page.value(success), Some(0.0), "{reason}");
        }
        let discovery = get(&exporter, "/discover-cluster-nodes", 10.0).await;
        assert_eq!(discovery.status, 500);
        assert!(discovery.text().contains(reason), "{}", discovery.text());
        let asked = if reason == "protocol" { 3 } else { 1 };
        assert_eq!(seed.received().matches("NODES").count(), asked, "{reason}");
        exporter.stop().await;
    }
}

#[tokio::test]
async fn clusters_of_all_versions() {
    for version in [Version::V5_0, Version::V6_2, Version::V8_0, Version::Valkey9_1] {
        let cluster = Cluster::of(Redis::builder().version(version), 3, 0).await.unwrap();
        cluster.cli(&["SET", "foo", "1"]).await.unwrap();
        let exporter =
            exporter(&["--redis.addr", &cluster.urls()[1], "--cluster-nodes", "--cluster-slot-stats=2"])
                .await;
        let page = page(&exporter, "/metrics").await;
        assert_eq!(page.family("redis_up").len(), 3, "{version:?}");
        assert_eq!(page.family("redis_cluster_state").len(), 3, "{version:?}");
        assert!(
            page.family("redis_scrape_collector_success").iter().all(|line| line.ends_with(" 1")),
            "{version:?} {}",
            page.0
        );
        nothing_was_dropped(&page);
        let slots = page.family("redis_cluster_slot_keys");
        if version == Version::Valkey9_1 {
            let foo = slots.iter().find(|line| line.contains("slot=\"12182\""));
            assert!(foo.is_some_and(|line| line.ends_with(" 1")), "{slots:?}");
        } else {
            assert_eq!(slots, Vec::<&str>::new());
        }
        exporter.stop().await;
    }
}
