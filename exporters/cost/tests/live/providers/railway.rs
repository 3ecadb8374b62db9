//! Railway.

use cost_exporter::calendar::Calendar;
use cost_exporter::charge::Category;
use cost_exporter::http::{Http, Reason};
use kit::cloud::Cloud;
use kit::cloud::railway::{Invoice, KEY, Railway, WORKSPACE};

use super::{ask, ask_by, day, days, of_category, of_service, sum};

const NOW: &str = "2026-03-10T12:00:00Z";

/// A workspace that subscribed on the 31st of a month: its cycles begin on the last day of February, and on the 31st of
/// January and March.
pub(super) fn double() -> Railway {
    let now = "2026-03-10T13:00:00Z".parse().unwrap();
    let start =
        Railway::new(now, "2026-02-28T00:00:00.000Z", "2025-08-31T09:30:00.000Z", "23.456789012345678");
    let filled = days("2025-12-01", "2026-03-11").fold(start, |double, day| {
        double
            .usage(day, "api", ("MEMORY_USAGE_GB", "1440"))
            .usage(day, "api", ("CPU_USAGE", "216.5"))
            .usage(day, "api", ("NETWORK_TX_GB", "1.25e-1"))
            .usage(day, "old", ("DISK_USAGE_GB", "2880.000001"))
            .usage(day, "old", ("BACKUP_USAGE_GB", "0"))
            .usage(day, "old", ("NETWORK_RX_GB", "1000"))
    });
    [
        // the first invoice of the subscription, one that was withdrawn, and the one that counts
        ("2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z", 500, "paid"),
        ("2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z", 9_999, "void"),
        ("2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z", 2_750, "paid"),
    ]
    .into_iter()
    .fold(filled.delete("old"), |double, (start, end, total, status)| {
        double.invoice(Invoice { start, end, total, status })
    })
}

pub(super) async fn cloud(double: Railway) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

pub(super) fn settings(cloud: &Cloud) -> String {
    format!(
        "type: railway, base_url: '{}', api_key: {KEY}, workspace_id: {WORKSPACE}",
        cloud.url("/graphql/v2")
    )
}

#[tokio::test]
async fn cycles_come_to_what_railway_says() {
    let cloud = cloud(double()).await;
    let snapshot = ask(&settings(&cloud), NOW).await.unwrap();
    assert_eq!(snapshot.calendar, Calendar::Anchor(31));
    assert_eq!((snapshot.period.start, snapshot.period.end), (day("2026-02-28"), day("2026-03-31")));
    assert_eq!(snapshot.covers.start, day("2026-01-31"));
    let running = sum(&snapshot, |charge| charge.day >= day("2026-02-28"));
    assert_eq!(running, "23.456789012345678");
    let previous = sum(&snapshot, |charge| charge.day < day("2026-02-28"));
    assert_eq!(previous, "27.5");
    // 39 days: 1440 GB-minutes at 10 dollars for 43,200; 216.5 vCPU-minutes at 20; 0.125 GB at 0.05
    assert_eq!(of_service(&snapshot, "memory"), "12.999999999999999999999987");
    assert_eq!(of_service(&snapshot, "egress"), "0.24375");
    // of the deleted project too, and of nothing that is not billed
    let volume = sum(&snapshot, |charge| &*charge.service == "volume" && charge.day == day("2026-02-01"));
    assert_eq!(volume, "0.010000000003472222222222");
    assert!(!snapshot.charges.iter().any(|charge| &*charge.service == "backup"));
    // what lies between is on the last day of the one cycle and on the running day of the other
    let adjusted: Vec<_> =
        snapshot.charges.iter().filter(|charge| charge.category == Category::Adjustment).collect();
    let on: Vec<_> = adjusted.iter().map(|charge| charge.day).collect();
    assert_eq!(on, [day("2026-02-27"), day("2026-03-10")]);
    assert_eq!(snapshot.balances.first().unwrap().amount.to_string(), "12.5");
    assert_eq!(snapshot.quotas.first().unwrap().limit, Some(125.0));
    // the customer, and 39 days in parts of 16
    assert_eq!(cloud.count(), 4);
}

#[tokio::test]
async fn projects_have_names_and_usage_ends_after_ninety_days() {
    let cloud = cloud(double()).await;
    let http = Http::new().unwrap();
    let settings = format!("{}, by_project: true", settings(&cloud));
    let snapshot = ask_by(&http, &settings, NOW, 5).await.unwrap();
    assert_eq!(snapshot.covers.start, day("2025-12-11"));
    let old = sum(&snapshot, |charge| &*charge.account == "old" && charge.day == day("2025-12-31"));
    assert_eq!(old, "0.010000000003472222222222");
    // the cycle that was not read whole is left as it is
    assert_eq!(of_category(&snapshot, Category::Usage), sum(&snapshot, |charge| !charge.account.is_empty()));
}

#[tokio::test]
async fn an_error_in_a_success_is_an_error() {
    for (message, reason) in
        [("Not Authorized", Reason::Unauthorized), ("Problem processing request", Reason::Refused)]
    {
        let cloud = cloud(double().fail(message)).await;
        let error = ask(&settings(&cloud), NOW).await.unwrap_err();
        assert_eq!((error.reason, error.message.as_str()), (reason, &*format!("customer: {message}")));
        assert_eq!(cloud.count(), 1);
    }
}
