//! Prober `icmp`, on loopback: blackbox_exporter has no test of it.

use crate::{Exporter, Page, start};

/// An exporter with a module `x` that has these settings, and little time.
async fn exporter(timeout: &str, settings: &str) -> Exporter {
    start(&format!("modules: {{x: {{prober: icmp, timeout: {timeout}, icmp: {{{settings}}}}}}}\n")).await
}

async fn ask(settings: &str, target: &str) -> Page {
    exporter("10s", settings).await.ask("x", target).await
}

#[tokio::test]
async fn a_host_that_answers() {
    for (settings, target, family) in [
        ("preferred_ip_protocol: ip4", "127.0.0.1", 4.0),
        ("preferred_ip_protocol: ip4", "localhost", 4.0),
        ("ip_protocol_fallback: false", "::1", 6.0),
        ("preferred_ip_protocol: ip6", "[::1]", 6.0),
    ] {
        let page = ask(settings, target).await;
        page.succeeds(true);
        assert_eq!(page.value("probe_ip_protocol"), family);
        let phases = page.series("probe_icmp_duration_seconds");
        let names: Vec<_> = phases.iter().map(|(series, _)| *series).collect();
        let expected = ["resolve", "setup", "rtt"]
            .map(|phase| format!("probe_icmp_duration_seconds{{phase=\"{phase}\"}}"));
        assert_eq!(names, expected);
        assert!(phases[2].1 > 0.0, "{}", page.text);
        assert_eq!(page.value("probe_icmp_reply_hop_limit"), 64.0);
        assert_eq!(page.value("probe_icmp_packets_sent"), 1.0);
        assert_eq!(page.value("probe_icmp_packet_loss_ratio"), 0.0);
        assert_eq!(page.series("probe_icmp_socket_info").len(), 1);
    }
}

#[tokio::test]
async fn payloads_of_all_sizes() {
    for target in ["127.0.0.1", "::1"] {
        for size in [0, 1, 7, 8, 9, 28, 1472, 65507] {
            ask(&format!("payload_size: {size}"), target).await.succeeds(true);
        }
    }
}

#[tokio::test]
async fn a_packet_that_may_not_be_cut() {
    for target in ["127.0.0.1", "::1"] {
        ask("dont_fragment: true, payload_size: 1472", target).await.succeeds(true);
    }
    // loopback carries 65536 bytes; with the headers of IPv6 these are more
    ask("payload_size: 65507", "::1").await.succeeds(true);
    let page = ask("payload_size: 65507, dont_fragment: true", "::1").await;
    page.succeeds(false);
    assert_eq!(page.reason(), "send/unreachable");
}

#[tokio::test]
async fn several_packets() {
    let page = ask("count: 5, interval: 10ms, max_loss: 0, ttl: 1", "127.0.0.1").await;
    page.succeeds(true);
    assert_eq!(page.value("probe_icmp_packets_sent"), 5.0);
    assert_eq!(page.value("probe_icmp_packets_received"), 5.0);
    let rtt = |stat: &str| page.value(&format!("probe_icmp_rtt_seconds{{stat=\"{stat}\"}}"));
    assert!(0.0 < rtt("min") && rtt("min") <= rtt("avg") && rtt("avg") <= rtt("max"), "{}", page.text);
    assert!(rtt("mdev") <= rtt("max") - rtt("min"), "{}", page.text);
    assert_eq!(page.value("probe_icmp_duration_seconds{phase=\"rtt\"}"), rtt("avg"));
}

/// What answers for 0.0.0.0 is 127.0.0.1, and nobody else's answer counts.
#[tokio::test]
async fn nobody_answers_in_time() {
    for (settings, sent) in [("count: 1", 1.0), ("count: 3, interval: 10ms", 3.0)] {
        let config = format!(
            "modules: {{x: {{prober: icmp, timeout: 300ms, guard: {{allow: [0.0.0.0/32]}}, icmp: {{{settings}}}}}}}\n"
        );
        let page = start(&config).await.ask("x", "0.0.0.0").await;
        page.succeeds(false);
        assert_eq!(page.reason(), "first_byte/timeout");
        assert_eq!(page.value("probe_icmp_packets_sent"), sent);
        assert_eq!(page.value("probe_icmp_packets_received"), 0.0);
        assert_eq!(page.value("probe_icmp_packet_loss_ratio"), 1.0);
        assert_eq!(page.value("probe_icmp_duration_seconds{phase=\"rtt\"}"), 0.0);
        assert_eq!(page.find("probe_icmp_reply_hop_limit"), None);
        assert_eq!(page.series("probe_icmp_rtt_seconds"), []);
        let took = page.value("probe_duration_seconds");
        assert!((0.29..2.0).contains(&took), "{took}");
    }
}

#[tokio::test]
async fn more_packets_than_there_is_time_for() {
    let page = exporter("300ms", "count: 5, interval: 1m").await.ask("x", "127.0.0.1").await;
    page.succeeds(false);
    assert_eq!(page.reason(), "first_byte/timeout");
    assert_eq!(page.value("probe_icmp_packets_sent"), 1.0);
    assert_eq!(page.value("probe_icmp_packets_received"), 1.0);
}

#[tokio::test]
async fn where_packets_come_from() {
    ask("source_ip_address: 127.0.0.9", "127.0.0.1").await.succeeds(true);
    ask("source_ip_address: '::1'", "::1").await.succeeds(true);
    let page = ask("source_ip_address: '::1'", "127.0.0.1").await;
    assert_eq!(page.reason(), "resolve/dns_no_address");
    // documentation's address is not this machine's
    let page = ask("source_ip_address: 192.0.2.77", "127.0.0.1").await;
    assert_eq!(page.reason(), "send/internal");
}

#[tokio::test]
async fn probes_side_by_side() {
    let exporter = exporter("10s", "count: 3, interval: 10ms, max_loss: 0").await;
    let exporter = &exporter;
    let probes = (1..=200).map(|host| async move { exporter.ask("x", &format!("127.2.0.{host}")).await });
    for page in futures_util::future::join_all(probes).await {
        page.succeeds(true);
        assert_eq!(page.value("probe_icmp_packets_received"), 3.0);
    }
}
