//! Fly.io.

use cost_exporter::http::Reason;
use kit::cloud::Cloud;
use kit::cloud::fly::{Fly, KEY, ORGANIZATION};

use super::{Kept, advice, expect, first};

const NOW: &str = "2026-03-10T12:00:00Z";

pub(crate) async fn cloud(double: Fly) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

fn plain(cloud: &Cloud) -> String {
    format!("type: fly, base_url: '{}', api_key: {KEY}, organizations: {ORGANIZATION}", cloud.url("/v1"))
}

/// With prices that are reached in an hour, so that the clock may tick.
pub(crate) fn settings(cloud: &Cloud) -> String {
    let prices = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/providers/estimated/fly_prices.yml");
    format!("{}, prices_file: '{prices}'", plain(cloud))
}

pub(crate) fn double() -> Fly {
    Fly::default().machine("web", ("m1", "started", "2026-03-01T00:00:00Z"), ("shared", 1, 256))
}

#[tokio::test]
async fn machines_while_they_are_started_and_volumes_always() {
    let double = Fly::default()
        .machine("web", ("m1", "started", "2026-01-01T00:00:00Z"), ("shared", 1, 256))
        .machine("web", ("m2", "started", "2026-03-10T11:59:30Z"), ("performance", 2, 8_192))
        .machine("web", ("m3", "stopped", "2026-03-01T00:00:00Z"), ("shared", 8, 2_048))
        .machine("ml", ("m4", "started", "2026-03-01T00:00:00Z"), ("quantum", 1, 256))
        .volume("web", "v1", 10, Some("m1"))
        .volume("web", "v2", 20, Some("m3"))
        .volume("ml", "v3", 40, None);
    let cloud = cloud(double).await;
    let snapshot = first(&plain(&cloud), NOW).await;
    expect(
        &snapshot,
        &[
            // 228 × 0.0027, and half a minute of 2 × 0.0447 + 4 × 0.00694: 0.11716 / 120
            ("2026-03 acme machines/web", "0.616576333333"),
            // 30 × 0.15 × 9.5 / 31, in two bills
            ("2026-03 acme volumes/web", "1.379032258065"),
            // 40 × 0.15 × 9.5 / 31
            ("2026-03 acme volumes/ml", "1.838709677419"),
        ],
    );
    assert_eq!(snapshot.unpriced, 1);
    assert_eq!(advice(&snapshot), ["unattached_volume ml/data_v3 6", "suspended_leftover web/data_v2 3"]);
    // apps, and two lists of each
    assert_eq!(cloud.count(), 5);
}

#[tokio::test]
async fn a_machine_that_stops_and_starts_costs_what_it_ran() {
    let web =
        |state| Fly::default().machine("web", ("m1", state, "2026-03-01T00:00:00Z"), ("shared", 2, 512));
    let (starts, stops) = (cloud(web("started")).await, cloud(web("stopped")).await);
    let mut kept = Kept::default();
    for (cloud, now, expected) in [
        (&starts, "2026-03-01T10:00:00Z", "0.054"),
        (&stops, "2026-03-01T20:00:00Z", "0.054"),
        (&stops, "2026-03-09T00:00:00Z", "0.054"),
        (&starts, "2026-03-09T01:00:00Z", "0.0594"),
        (&stops, "2026-03-10T00:00:00Z", "0.0594"),
    ] {
        let snapshot = kept.ask(&plain(cloud), now).await.unwrap();
        expect(&snapshot, &[("2026-03 acme machines/web", expected)]);
    }
}

#[tokio::test]
async fn apps_that_were_announced_and_did_not_come_are_no_sum() {
    let cloud = cloud(double().announce(7)).await;
    let error = Kept::default().ask(&plain(&cloud), NOW).await.unwrap_err();
    assert_eq!(error.reason, Reason::Incomplete, "{error}");
}
