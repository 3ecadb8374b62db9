//! Render.

use kit::cloud::Cloud;
use kit::cloud::render::{KEY, Render};
use serde_json::{Value, json};

use super::{Kept, advice, expect, first, quotas, sums};

const NOW: &str = "2026-03-10T12:00:00Z";

pub(crate) async fn cloud(double: Render) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

pub(crate) fn settings(cloud: &Cloud) -> String {
    format!("type: render, base_url: '{}', api_key: {KEY}, workspace_plan: professional", cloud.url("/v1"))
}

/// More services than a page has, none of which costs anything: what it comes to does not grow with the clock.
pub(crate) fn double() -> Render {
    let all = (0..101).map(|at| service(&format!("site-{at}"), "static_site", "2026-01-01", &json!({})));
    all.fold(Render::default().owner("tea-1", "acme", 3), |double, row| double.add("service", row))
}

fn service(name: &str, kind: &str, made: &str, details: &Value) -> Value {
    let made = if made.contains('T') { made.to_owned() } else { format!("{made}T00:00:00Z") };
    json!({
        "id": format!("srv-{name}"),
        "name": name,
        "ownerId": "tea-1",
        "type": kind,
        "suspended": "not_suspended",
        "createdAt": made,
        "serviceDetails": details,
    })
}

fn suspended(mut row: Value) -> Value {
    row["suspended"] = json!("suspended");
    row
}

fn owned(mut row: Value) -> Value {
    row["owner"] = json!({"id": "tea-1", "name": "acme"});
    row["createdAt"] = json!("2026-01-01T00:00:00Z");
    row
}

/// One of each.
fn full() -> Render {
    let preview =
        json!({"plan": "starter", "numInstances": 1, "parentServer": {"id": "srv-api", "name": "api"}});
    let scaling =
        json!({"plan": "pro", "numInstances": 1, "autoscaling": {"enabled": true, "min": 1, "max": 5}});
    Render::default()
        .owner("tea-1", "acme", 3)
        .add("service", service("api", "web_service", "2025-05-01", &json!({"plan": "standard", "numInstances": 2})))
        .add("service", service("worker", "background_worker", "2026-03-10", &scaling))
        .add("service", service("nightly", "cron_job", "2026-01-01", &json!({"plan": "starter"})))
        .add("service", service("site", "static_site", "2026-01-01", &json!({})))
        .add("service", service("pr-7", "web_service", "2026-03-09T12:00:00Z", &preview))
        .add("service", service("old", "private_service", "2026-01-01", &json!({"plan": "standard_plus"})))
        .add("service", suspended(service("gone", "web_service", "2026-01-01", &json!({"plan": "pro"}))))
        .add("disk", json!({"id": "dsk-1", "name": "data", "serviceId": "srv-gone", "sizeGB": 10, "createdAt": "2026-01-01T00:00:00Z"}))
        .add("postgres", owned(json!({"id": "dpg-1", "name": "main", "plan": "pro_8gb", "highAvailabilityEnabled": true, "diskSizeGB": 20, "status": "available", "suspended": "not_suspended"})))
        .add("postgres", owned(json!({"id": "dpg-2", "name": "copy", "plan": "basic_1gb", "highAvailabilityEnabled": false, "diskSizeGB": 10, "primaryPostgresID": "dpg-1"})))
        .add("keyValue", owned(json!({"id": "red-1", "name": "cache", "plan": "starter", "status": "available"})))
        .instances("srv-worker", &[1, 4])
        .sent("srv-api", &["620000", "500.5"])
        .sent("srv-site", &["99.5"])
}

#[tokio::test]
async fn each_thing_costs_its_share_of_the_month() {
    let cloud = cloud(full()).await;
    let snapshot = first(&settings(&cloud), NOW).await;
    // nine and a half days of 31
    expect(
        &snapshot,
        &[
            // three members at 19
            ("2026-03 acme seats once", "57"),
            // 2 × 25 × 9.5 / 31
            ("2026-03 acme web_service/api", "15.322580645161"),
            // 4 × 85 × 0.5 / 31: it scales itself, and four run
            ("2026-03 acme background_worker/worker", "5.483870967742"),
            // 9.5 / 31
            ("2026-03 acme cron_job/nightly", "0.306451612903"),
            // 7 × 1 / 31
            ("2026-03 acme web_service/previews", "0.225806451613"),
            // 10 × 0.25 × 9.5 / 31, of a service that is suspended
            ("2026-03 acme disk/data", "0.766129032258"),
            // 2 × 100 × 9.5 / 31: highly available
            ("2026-03 acme postgres/main", "61.290322580645"),
            // 2 × 20 × 0.30 × 9.5 / 31
            ("2026-03 acme postgres_disk/main", "3.677419354839"),
            // 19 × 9.5 / 31: a replica is a database of its own
            ("2026-03 acme postgres/copy", "5.822580645161"),
            // 10 × 0.30 × 9.5 / 31
            ("2026-03 acme postgres_disk/copy", "0.91935483871"),
            // 10 × 9.5 / 31
            ("2026-03 acme key_value/cache", "3.064516129032"),
            // 620.6 GB of 500: two blocks at 15
            ("2026-03 acme bandwidth", "30"),
        ],
    );
    // a plan that nobody knows the price of is not for nothing
    assert_eq!(snapshot.unpriced, 1);
    assert_eq!(advice(&snapshot), ["preview pr-7 7", "suspended_leftover gone 2.5"]);
    assert_eq!(quotas(&snapshot), ["acme bandwidth 620600000000 of 500000000000 bytes"]);
}

/// One service, on a plan.
async fn one(row: Option<Value>) -> (Cloud, String) {
    let double = Render::default().owner("tea-1", "acme", 1);
    let cloud = cloud(row.into_iter().fold(double, |double, row| double.add("service", row))).await;
    let settings = format!("type: render, base_url: '{}', api_key: {KEY}", cloud.url("/v1"));
    (cloud, settings)
}

fn api(plan: &str) -> Value {
    service("api", "web_service", "2026-02-20", &json!({"plan": plan, "numInstances": 1}))
}

#[tokio::test]
async fn what_ran_stays_counted_when_the_month_ends_and_when_it_is_deleted() {
    let mut kept = Kept::default();
    let (_cloud, there) = one(Some(api("starter"))).await;
    let (_empty, gone) = one(None).await;
    // since the twentieth: 7 × 7.5 / 28
    expect(
        &kept.ask(&there, "2026-02-27T12:00:00Z").await.unwrap(),
        &[("2026-02 acme web_service/api", "1.875")],
    );
    // nobody looked when the month ended: 7 × 9 / 28, and 7 × 1.5 / 31
    let both = [("2026-02 acme web_service/api", "2.25"), ("2026-03 acme web_service/api", "0.338709677419")];
    expect(&kept.ask(&there, "2026-03-02T12:00:00Z").await.unwrap(), &both);
    for later in ["2026-03-03T00:00:00Z", "2026-03-31T23:59:59Z"] {
        let snapshot = kept.ask(&gone, later).await.unwrap();
        expect(&snapshot, &both);
        // of the days before it was first seen, in the month before, nothing is known
        assert_eq!(snapshot.covers.start.to_string(), "2026-02-20");
    }
    expect(&kept.ask(&gone, "2026-04-01T00:00:00Z").await.unwrap(), &both[1..]);
}

#[tokio::test]
async fn all_days_of_a_month_make_its_price_to_the_last_digit() {
    for (month, days) in [("2026-02", 28), ("2026-03", 31), ("2026-04", 30)] {
        let first = format!("{month}-01T00:00:00Z");
        let mut kept = Kept::default();
        let row = service("api", "web_service", &first, &json!({"plan": "starter", "numInstances": 3}));
        let (_cloud, settings) = one(Some(row)).await;
        for day in 1..=days {
            kept.ask(&settings, &format!("{month}-{day:02}T07:13:29Z")).await.unwrap();
        }
        let last = kept.ask(&settings, &format!("{month}-{days}T23:59:59Z")).await.unwrap();
        assert_ne!(sums(&last).values().next().unwrap(), "21");
        let next = first.parse::<jiff::Timestamp>().unwrap() + jiff::SignedDuration::from_hours(24 * days);
        let over = kept.ask(&settings, &next.to_string()).await.unwrap();
        assert_eq!(sums(&over)[&format!("{month} acme web_service/api")], "21");
    }
}

#[tokio::test]
async fn a_plan_counts_from_when_it_was_seen_and_a_suspended_service_not_at_all() {
    let mut kept = Kept::default();
    let (_starter, starter) = one(Some(api("starter"))).await;
    let (_standard, standard) = one(Some(api("standard"))).await;
    let (_suspended, suspended) = one(Some(suspended(api("standard")))).await;
    let (_custom, custom) = one(Some(api("custom"))).await;
    for (settings, now, expected) in [
        (&starter, "2026-03-02T00:00:00Z", "0.225806451613"),
        // 1 × 7 / 31 + 1 × 25 / 31
        (&standard, "2026-03-03T00:00:00Z", "1.032258064516"),
        (&suspended, "2026-03-05T00:00:00Z", "1.032258064516"),
        // a day more: 57 / 31 in all
        (&standard, "2026-03-06T00:00:00Z", "1.838709677419"),
        // of unknown price, and what it cost before stands
        (&custom, "2026-03-08T00:00:00Z", "1.838709677419"),
    ] {
        let snapshot = kept.ask(settings, now).await.unwrap();
        assert_eq!(snapshot.unpriced, u64::from(now.contains("-08T")));
        let sum = sums(&snapshot).get("2026-03 acme web_service/api").cloned();
        assert_eq!(sum.as_deref(), Some(expected), "{now}");
    }
}
