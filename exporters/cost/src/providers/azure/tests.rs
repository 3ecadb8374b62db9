//! Against the double.

use kit::cloud::azure::{Azure as Double, CLIENT, SCOPE};
use kit::cloud::{Cloud, Fault};
use toolkit::config::Document;

use super::*;
use crate::calendar::{Calendar, Day};
use crate::charge::Category;
use crate::http::Reason;
use crate::money::Money;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Two months with a number in scientific notation, a refund, a second currency, and a service without a name.
fn double() -> Double {
    Double::default()
        .row(day("2026-02-01"), "Virtual Machines", "Usage", "USD", "12.345678901234567")
        .row(day("2026-02-28"), "Storage", "Usage", "USD", "1.25E-05")
        .row(day("2026-03-01"), "Virtual Machines", "Purchase", "USD", "100")
        .row(day("2026-03-03"), "Virtual Machines", "Refund", "USD", "-0.1")
        .row(day("2026-03-03"), "Virtual Machines", "UnusedReservation", "USD", "0.2")
        .row(day("2026-03-04"), "", "RoundingAdjustment", "EUR", "-0.004")
        .row(day("2026-03-10"), "Storage", "Usage", "EUR", "7")
}

async fn start(double: Double) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

fn decoded(cloud: &Cloud, more: &str) -> Azure {
    let (tenant, client, secret) = CLIENT;
    let text = format!(
        "{{base_url: '{}', tenant_id: {tenant}, client_id: {client}, client_secret: '{secret}', scope: '/{SCOPE}'{more}}}",
        cloud.url("")
    );
    let document = Document::parse("c.yml", &text).unwrap();
    document.decode(|mut fields| Azure::decode(&mut fields)).unwrap().unwrap()
}

async fn fetch(cloud: &Cloud, more: &str) -> Result<Snapshot, FetchError> {
    let window = Window::new("2026-03-10T12:00:00Z".parse().unwrap(), Calendar::Utc, 1);
    decoded(cloud, more).fetch(&Http::new().unwrap(), &window).await
}

fn lines(snapshot: &Snapshot) -> Vec<String> {
    let mut lines: Vec<String> = snapshot
        .charges
        .iter()
        .map(|c| format!("{} {} {} {} {}", c.day, c.service, c.category.as_str(), c.currency, c.amount))
        .collect();
    lines.sort();
    lines
}

const EXPECTED: [&str; 7] = [
    "2026-02-01 Virtual Machines usage USD 12.345678901234567",
    "2026-02-28 Storage usage USD 0.0000125",
    "2026-03-01 Virtual Machines purchase USD 100",
    "2026-03-03 Virtual Machines refund USD -0.1",
    "2026-03-03 Virtual Machines usage USD 0.2",
    "2026-03-04 unassigned adjustment EUR -0.004",
    "2026-03-10 Storage usage EUR 7",
];

#[tokio::test]
async fn every_row_to_the_last_digit_however_it_is_paged() {
    for rows in [1, 2, 3, 1000] {
        let cloud = start(double().page(rows)).await;
        let snapshot = fetch(&cloud, "").await.unwrap();
        assert_eq!(lines(&snapshot), EXPECTED, "{rows} rows a page");
        assert_eq!(snapshot.covers.days(), 38);
        let sum = |currency: &str| -> Money {
            let charges = snapshot.charges.iter().filter(|charge| *charge.currency == *currency);
            charges.map(|charge| charge.amount).sum()
        };
        assert_eq!(
            (sum("USD").to_string().as_str(), sum("EUR").to_string().as_str()),
            ("112.445691401234567", "6.996")
        );
        let now = "2026-03-10T12:00:00Z".parse::<jiff::Timestamp>().unwrap();
        assert_eq!(snapshot.data_until, Some(now.as_second()));
        assert!(snapshot.charges.iter().all(|charge| charge.category != Category::Tax));
    }
}

#[tokio::test]
async fn a_scope_without_charges_is_nothing_and_no_failure() {
    let snapshot = fetch(&start(Double::default()).await, "").await.unwrap();
    assert_eq!((snapshot.charges.len(), snapshot.data_until, snapshot.covers.days()), (0, None, 38));
    assert!(fetch(&start(double()).await, ", basis: amortized").await.is_ok());
}

#[tokio::test]
async fn every_fault_is_one_and_shows_no_secret() {
    for (after, fault, expected) in [
        (0, Fault::Status(500), Reason::ServerError),
        (0, Fault::Status(401), Reason::Unauthorized),
        (0, Fault::Status(400), Reason::Unauthorized),
        (0, Fault::Truncated, Reason::Malformed),
        (1, Fault::Status(401), Reason::Unauthorized),
        (1, Fault::Status(400), Reason::Refused),
        (1, Fault::TooMany(3600), Reason::RateLimited),
        (1, Fault::Truncated, Reason::Malformed),
        (1, Fault::Empty, Reason::Malformed),
        (2, Fault::Status(403), Reason::Forbidden),
        (2, Fault::Empty, Reason::Malformed),
    ] {
        let cloud = start(double().page(2)).await;
        cloud.fail_after(after, fault.clone());
        let error = fetch(&cloud, "").await.unwrap_err();
        assert_eq!(error.reason, expected, "{after} {fault:?}: {error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        cloud.heal();
        assert_eq!(lines(&fetch(&cloud, "").await.unwrap()), EXPECTED);
    }
    let cloud = start(double()).await;
    cloud.fail_times(1, Fault::TooMany(0));
    assert_eq!(lines(&fetch(&cloud, "").await.unwrap()), EXPECTED);
}

#[tokio::test]
async fn the_token_goes_where_it_went_before() {
    let elsewhere = start(Double::default()).await;
    let trap = elsewhere.url("/steal?$skiptoken=x");
    let body = serde_json::json!({"properties": {
        "nextLink": trap, "rows": [],
        "columns": ["Cost", "UsageDate", "ServiceName", "ChargeType", "Currency"].map(|name| serde_json::json!({"name": name})),
    }});
    let double = double();
    let cloud = Cloud::start(move |request| {
        if request.path.ends_with("/query") {
            return kit::web::Reply::json(200, &body).into();
        }
        double.answer(request)
    });
    let error = fetch(&cloud.await.unwrap(), "").await.unwrap_err();
    assert_eq!((error.reason, elsewhere.count()), (Reason::Paging, 0));
}

#[tokio::test]
async fn microsofts_quota_is_named_by_its_own_header() {
    let cloud = Cloud::start(|request| {
        if request.path.ends_with("/token") {
            return Double::default().answer(request);
        }
        let name = "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after";
        kit::web::Reply::text(429, "").header(name, "7200").into()
    });
    let cloud = cloud.await.unwrap();
    let error = fetch(&cloud, "").await.unwrap_err();
    assert_eq!((error.reason, error.retry_after), (Reason::RateLimited, Some(Duration::from_hours(2))));
    assert_eq!(cloud.count(), 2, "it is not asked again before its time");
}

#[test]
fn scopes() {
    for (text, good) in [
        ("/subscriptions/0-1/", true),
        ("subscriptions/0-1/resourceGroups/rg_(1).x", true),
        ("providers/Microsoft.Billing/billingAccounts/1:2_2019-05-31", true),
        ("subscriptions", false),
        ("subscriptions/../x", false),
        ("subscriptions/a?b", false),
    ] {
        assert_eq!(scope(text).is_ok(), good, "{text}");
    }
}
