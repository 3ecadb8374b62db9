//! Supabase.

use cost_exporter::http::Reason;
use kit::cloud::Cloud;
use kit::cloud::supabase::{KEY, Supabase};
use serde_json::{Value, json};

use super::{Kept, advice, expect, first, quotas, sums};

const NOW: &str = "2026-03-10T12:00:00Z";

pub(crate) async fn cloud(double: Supabase) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

pub(crate) fn settings(cloud: &Cloud) -> String {
    format!("type: supabase, base_url: '{}', api_key: {KEY}", cloud.url("/v1"))
}

/// More projects than a page has, most of them paused; half of an hour is begun, so that the clock may tick.
pub(crate) fn double() -> Supabase {
    let one = Supabase::default().organization("acme", "pro").project(
        "acme",
        ("main", "ACTIVE_HEALTHY", "2026-03-05T00:30:00Z"),
        &primary("small", 8),
    );
    (0..101).fold(one, |double, at| {
        double.project("acme", (&format!("p{at}"), "INACTIVE", "2026-01-01T00:00:00Z"), &primary("micro", 8))
    })
}

fn primary(size: &str, gigabytes: u64) -> Value {
    json!([{"type": "PRIMARY", "infra_compute_size": size, "disk_volume_size_gb": gigabytes, "disk_type": "gp3"}])
}

#[tokio::test]
async fn computes_by_the_hour_and_what_is_included_once_for_an_organization() {
    let old = "2025-06-01T00:00:00Z";
    let with_replica = json!([
        {"type": "PRIMARY", "identifier": "main", "infra_compute_size": "small", "disk_volume_size_gb": 20, "disk_type": "gp3"},
        {"type": "READ_REPLICA", "identifier": "main-rr-1", "infra_compute_size": "large", "disk_volume_size_gb": 8, "disk_type": "gp3"},
    ]);
    let double = Supabase::default()
        .organization("acme", "pro")
        .project("acme", ("main", "ACTIVE_HEALTHY", old), &with_replica)
        .addon("main", "compute_instance", "ci_small", ("hourly", 0.0206))
        .addon("main", "pitr", "pitr_7", ("hourly", 0.137))
        .requests("main", 12)
        .project("acme", ("idle", "ACTIVE_HEALTHY", old), &primary("micro", 8))
        .project("acme", ("paused", "INACTIVE", old), &primary("large", 100))
        .project("acme", ("odd", "ACTIVE_HEALTHY", old), &primary("colossal", 8))
        .requests("odd", 1)
        // dearer than the list that is built in
        .price("ci_micro", "hourly", 0.015)
        .organization("hobby", "free")
        .project("hobby", ("toy", "ACTIVE_HEALTHY", old), &primary("nano", 8))
        .organization("big", "enterprise")
        .project("big", ("erp", "ACTIVE_HEALTHY", "2026-03-10T11:59:00Z"), &primary("2xlarge", 8));
    let cloud = cloud(double).await;
    let snapshot = first(&settings(&cloud), NOW).await;
    // 228 hours
    expect(
        &snapshot,
        &[
            ("2026-03 acme plan/pro once", "25"),
            // 228 × (0.0206 + 0.1517)
            ("2026-03 acme compute/main", "39.2844"),
            // 228 × 0.015
            ("2026-03 acme compute/idle", "3.42"),
            // once, and not for each project
            ("2026-03 acme compute credit credit", "-10"),
            // 228 × 0.000171 × (20 − 8 + 8): a replica has no disk for nothing
            ("2026-03 acme disk/main", "0.77976"),
            // 228 × 0.137
            ("2026-03 acme pitr/main", "31.236"),
            // a minute is an hour
            ("2026-03 big compute/erp", "0.562"),
        ],
    );
    // the size, and the plan of the large one
    assert_eq!(snapshot.unpriced, 2);
    // 730 × 0.015
    assert_eq!(advice(&snapshot), ["idle_project idle 10.95"]);
    assert_eq!(quotas(&snapshot), ["acme compute_credit 10 of 10 usd"]);
    // day by day until it is used up: 24 × (0.0206 + 0.1517 + 0.015) is 4.4952
    let credits = snapshot.charges.iter().filter(|charge| charge.amount.is_negative());
    let mut days = std::collections::BTreeMap::new();
    for charge in credits {
        *days.entry(charge.day.day()).or_insert(cost_exporter::money::Money::ZERO) += charge.amount;
    }
    let days: Vec<_> = days.into_iter().map(|(day, amount)| format!("{day} {amount}")).collect();
    assert_eq!(days, ["1 -4.4952", "2 -4.4952", "3 -1.0096"]);
}

#[tokio::test]
async fn a_period_of_its_own_begins_with_plan_and_credit() {
    let of = |status| {
        Supabase::default().organization("acme", "pro").project(
            "acme",
            ("main", status, "2026-02-01T00:00:00Z"),
            &primary("micro", 8),
        )
    };
    let (runs, paused) = (cloud(of("ACTIVE_HEALTHY")).await, cloud(of("INACTIVE")).await);
    let gone = cloud(Supabase::default()).await;
    let settings = |cloud: &Cloud| format!("{}, billing_day: 15", settings(cloud));
    let mut kept = Kept::default();
    // since the fifteenth of February: 24 × 0.01344
    let snapshot = kept.ask(&settings(&runs), "2026-02-16T00:00:00Z").await.unwrap();
    expect(
        &snapshot,
        &[
            ("2026-02 acme plan/pro once", "25"),
            ("2026-02 acme compute/main", "0.32256"),
            ("2026-02 acme compute credit credit", "-0.32256"),
        ],
    );
    kept.ask(&settings(&paused), "2026-02-17T00:00:00Z").await.unwrap();
    // ten hours of the next period
    kept.ask(&settings(&paused), "2026-03-15T00:00:00Z").await.unwrap();
    kept.ask(&settings(&runs), "2026-03-15T10:00:00Z").await.unwrap();
    let snapshot = kept.ask(&settings(&gone), "2026-03-16T00:00:00Z").await.unwrap();
    assert_eq!(
        (snapshot.period.start.to_string(), snapshot.period.end.to_string()),
        ("2026-03-15".to_owned(), "2026-04-15".to_owned())
    );
    expect(
        &snapshot,
        &[
            ("2026-02 acme plan/pro once", "25"),
            ("2026-02 acme compute/main", "0.32256"),
            ("2026-02 acme compute credit credit", "-0.32256"),
            ("2026-03 acme plan/pro once", "25"),
            ("2026-03 acme compute/main", "0.1344"),
            ("2026-03 acme compute credit credit", "-0.1344"),
        ],
    );
    assert_eq!(sums(&snapshot).len(), 6);
}

#[tokio::test]
async fn projects_that_were_announced_and_did_not_come_are_no_sum() {
    let cloud = cloud(double().announce(1_000)).await;
    let error = Kept::default().ask(&settings(&cloud), NOW).await.unwrap_err();
    assert_eq!(error.reason, Reason::Incomplete, "{error}");
}
