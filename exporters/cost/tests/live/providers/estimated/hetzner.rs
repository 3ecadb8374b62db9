//! Hetzner.

use cost_exporter::http::Reason;
use kit::cloud::Cloud;
use kit::cloud::hetzner::{Hetzner, KEY, LOCATION};
use kit::process::Folder;
use serde_json::json;

use super::{Kept, advice, expect, first, quotas, sums};

const NOW: &str = "2026-03-10T12:00:00Z";

/// Bytes of what included traffic is counted in.
const TB: u64 = 1 << 40;

pub(crate) async fn cloud(double: Hetzner) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

pub(crate) fn settings(cloud: &Cloud) -> String {
    format!("type: hetzner, base_url: '{}', api_key: {KEY}", cloud.url("/v1"))
}

/// More servers than a page has; half of an hour is begun, so that the clock may tick.
pub(crate) fn double() -> Hetzner {
    let prices = Hetzner::default().server_price("cx22", ("0.0060", "3.79"));
    (0..51).fold(prices, |double, at| {
        double.server((at, &format!("s{at}")), ("cx22", "running"), "2026-03-01T00:30:00Z")
    })
}

#[tokio::test]
async fn begun_hours_at_the_prices_that_it_tells() {
    let location = json!({"name": LOCATION});
    let double = Hetzner::default()
        .server_price("cx22", ("0.0060", "3.79"))
        .server_price("ccx13", ("0.0200", "12.49"))
        .balancer_price("lb11", ("0.0088", "5.39"))
        .server((1, "web"), ("cx22", "running"), "2026-03-01T00:30:00Z")
        .server((2, "off"), ("ccx13", "off"), "2026-03-10T11:59:59Z")
        .server((3, "new"), ("cx99", "running"), "2026-03-01T00:30:00Z")
        .add("servers", json!({"id": 4, "name": "db", "status": "running", "created": "2026-03-01T00:30:00Z", "server_type": {"name": "cx22"}, "location": location, "backup_window": "22-02", "outgoing_traffic": 22 * TB + 1, "included_traffic": 20 * TB}))
        .add("load_balancers", json!({"id": 1, "name": "front", "created": "2026-03-10T11:10:00Z", "load_balancer_type": {"name": "lb11"}, "location": location, "outgoing_traffic": 1, "included_traffic": 20 * TB}))
        .add("volumes", json!({"id": 1, "name": "data", "size": 100, "server": 1, "created": "2025-01-01T00:00:00Z", "location": location}))
        .add("volumes", json!({"id": 2, "name": "left", "size": 10, "server": null, "created": "2026-03-10T11:30:00Z", "location": location}))
        .add("primary_ips", json!({"id": 1, "name": "ip", "type": "ipv4", "assignee_id": 1, "created": "2025-01-01T00:00:00Z", "datacenter": {"location": location}}))
        .add("floating_ips", json!({"id": 1, "name": "float", "type": "ipv4", "server": null, "created": "2025-01-01T00:00:00Z", "home_location": location}))
        .add("images", json!({"id": 1, "description": "before upgrade", "image_size": 25.5, "created": "2025-01-01T00:00:00Z"}));
    let cloud = cloud(double).await;
    let snapshot = first(&settings(&cloud), NOW).await;
    assert!(snapshot.charges.iter().all(|charge| &*charge.currency == "EUR"));
    expect(
        &snapshot,
        &[
            // 227.5 hours: 228 × 0.006
            ("2026-03  server/web", "1.368"),
            ("2026-03  server/db", "1.368"),
            // a second is an hour, and off is not free
            ("2026-03  server/off", "0.02"),
            // a fifth of the server
            ("2026-03  backup/db", "0.2736"),
            // 2 TB and a byte: 2049 / 1024
            ("2026-03  traffic", "2.0009765625"),
            ("2026-03  load_balancer/front", "0.0088"),
            // 100 × 0.044 × 228 / 744
            ("2026-03  volume/data", "1.348387096774"),
            // 10 × 0.044 × 1 / 744
            ("2026-03  volume/left", "0.000591397849"),
            // 228 × 0.0008
            ("2026-03  primary_ip/ip", "0.1824"),
            // 3 × 228 / 744
            ("2026-03  floating_ip/float", "0.91935483871"),
            // 25.5 × 0.011 × 228 / 744
            ("2026-03  snapshot/before upgrade", "0.085959677419"),
        ],
    );
    assert_eq!(snapshot.unpriced, 1);
    assert_eq!(
        advice(&snapshot),
        ["suspended_leftover off 12.49", "unattached_volume left 0.44", "unassigned_address float 3"]
    );
    let (used, limit) = (22 * TB + 2, 40 * TB);
    assert_eq!(quotas(&snapshot), [format!(" bandwidth {used} of {limit} bytes")]);
}

#[tokio::test]
async fn a_month_costs_its_price_and_no_more_hours() {
    let prices = || Hetzner::default().server_price("cx22", ("0.0060", "3.79"));
    let there = cloud(prices().server((1, "web"), ("cx22", "running"), "2026-03-01T00:30:00Z")).await;
    let gone = cloud(prices()).await;
    let mut kept = Kept::default();
    let mut sum = async |cloud: &Cloud, now: &str| {
        let snapshot = kept.ask(&settings(cloud), now).await.unwrap();
        sums(&snapshot).into_values().collect::<Vec<_>>()
    };
    // 631 hours are 3.786, and the next one is the last that costs something
    assert_eq!(sum(&there, "2026-03-27T07:30:00Z").await, ["3.786"]);
    assert_eq!(sum(&there, "2026-03-27T07:30:01Z").await, ["3.79"]);
    assert_eq!(sum(&there, "2026-03-31T23:00:00Z").await, ["3.79"]);
    // the month that follows begins anew: 30 minutes are an hour
    assert_eq!(sum(&there, "2026-04-01T00:30:00Z").await, ["3.79", "0.006"]);
    assert_eq!(sum(&gone, "2026-04-20T00:00:00Z").await, ["3.79", "0.006"]);
}

#[tokio::test]
async fn prices_of_ones_own_go_before_those_that_it_tells_in_the_same_currency() {
    let folder = Folder::new().unwrap();
    let prices =
        "{as_of: 2026-01-01, currency: EUR, prices: {server.cx22.fsn1: {hour: '0.005', at_most: 3}}}";
    let file = folder.write("prices.yml", prices).unwrap();
    let euros = cloud(double()).await;
    let settings_of = |cloud: &Cloud| format!("{}, prices_file: '{}'", settings(cloud), file.display());
    let snapshot = first(&settings_of(&euros), NOW).await;
    assert_eq!(sums(&snapshot)["2026-03  server/s50"], "1.14");
    assert_eq!(snapshot.prices_as_of.unwrap().to_string(), "2026-05-01");
    // pricing, two pages of servers, five lists more
    assert_eq!(euros.count(), 8);
    let dollars = cloud(double().currency("USD")).await;
    let error = Kept::default().ask(&settings_of(&dollars), NOW).await.unwrap_err();
    assert_eq!(error.reason, Reason::File, "{error}");
}
