//! Azure.

use std::time::Duration;

use cost_exporter::charge::Snapshot;
use cost_exporter::http::Reason;
use kit::cloud::azure::{Azure, CLIENT, SCOPE};
use kit::cloud::{Cloud, Fault};
use kit::web::Reply;

use super::{ask, day, sum};

const NOW: &str = "2026-03-10T12:00:00Z";

/// Two months with a number in scientific notation, a refund, a second currency, and a service without a name.
pub(super) fn double() -> Azure {
    Azure::default()
        .row(day("2026-01-31"), "Storage", "Usage", "USD", "1000")
        .row(day("2026-02-01"), "Virtual Machines", "Usage", "USD", "12.345678901234567")
        .row(day("2026-02-28"), "Storage", "Usage", "USD", "1.25E-05")
        .row(day("2026-03-01"), "Virtual Machines", "Purchase", "USD", "100")
        .row(day("2026-03-03"), "Virtual Machines", "Refund", "USD", "-0.1")
        .row(day("2026-03-03"), "Virtual Machines", "UnusedReservation", "USD", "0.2")
        .row(day("2026-03-04"), "", "RoundingAdjustment", "EUR", "-0.004")
        .row(day("2026-03-10"), "Storage", "Usage", "EUR", "7")
        .page(2)
}

pub(super) async fn cloud(double: Azure) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

pub(super) fn settings(cloud: &Cloud) -> String {
    let (tenant, client, secret) = CLIENT;
    format!(
        "type: azure, base_url: '{}', tenant_id: {tenant}, client_id: {client}, client_secret: '{secret}', scope: '/{SCOPE}'",
        cloud.url("")
    )
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
    // a token, and the pages of February's 31 days and of the 7 after them
    for (rows, requests) in [(1, 8), (2, 5), (3, 4), (1000, 3)] {
        let cloud = cloud(double().page(rows)).await;
        let snapshot = ask(&settings(&cloud), NOW).await.unwrap();
        assert_eq!(lines(&snapshot), EXPECTED, "{rows} rows a page");
        assert_eq!((cloud.count(), snapshot.covers.days()), (requests, 38), "{rows} rows a page");
        assert_eq!(sum(&snapshot, |charge| &*charge.currency == "USD"), "112.445691401234567");
        assert_eq!(sum(&snapshot, |charge| &*charge.currency == "EUR"), "6.996");
        // the tenth of March is not over
        assert_eq!(snapshot.data_until, Some(NOW.parse::<jiff::Timestamp>().unwrap().as_second()));
    }
}

#[tokio::test]
async fn a_scope_without_charges_is_nothing_and_no_failure() {
    let empty = cloud(Azure::default()).await;
    let snapshot = ask(&settings(&empty), NOW).await.unwrap();
    assert_eq!((snapshot.charges.len(), snapshot.data_until, snapshot.covers.days()), (0, None, 38));
    let cloud = cloud(double()).await;
    ask(&format!("{}, basis: amortized", settings(&cloud)), NOW).await.unwrap();
    let question = cloud.requests().pop().unwrap().json().unwrap();
    assert_eq!(question["type"], "AmortizedCost");
}

#[tokio::test]
async fn a_secret_that_is_wrong_is_not_shown_by_whoever_repeats_it() {
    let cloud = cloud(double()).await;
    let wrong = settings(&cloud).replace(CLIENT.2, "canary~wrong+secret");
    let error = ask(&wrong, NOW).await.unwrap_err();
    assert_eq!(error.reason, Reason::Unauthorized);
    let parrot = Cloud::start(|request| {
        let read = request.text().replace("%2B", "+");
        Reply::text(400, format!("{} means {read}", request.text())).into()
    });
    let parrot = parrot.await.unwrap();
    let wrong = wrong.replace(&cloud.url(""), &parrot.url(""));
    let error = ask(&wrong, NOW).await.unwrap_err();
    assert_eq!(error.reason, Reason::Unauthorized);
    assert!(!error.message.contains("canary"), "{error}");
}

#[tokio::test]
async fn the_token_goes_where_it_went_before() {
    let elsewhere = cloud(Azure::default()).await;
    let trap = elsewhere.url("/steal?$skiptoken=x");
    let names = ["Cost", "UsageDate", "ServiceName", "ChargeType", "Currency"];
    let columns: Vec<_> = names.iter().map(|name| serde_json::json!({"name": name})).collect();
    let body = serde_json::json!({"properties": {"nextLink": trap, "rows": [], "columns": columns}});
    let double = double();
    let cloud = Cloud::start(move |request| {
        if request.path.ends_with("/query") {
            return Reply::json(200, &body).into();
        }
        double.answer(request)
    });
    let error = ask(&settings(&cloud.await.unwrap()), NOW).await.unwrap_err();
    assert_eq!((error.reason, elsewhere.count()), (Reason::Paging, 0));
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_named_by_its_own_header() {
    let cloud = Cloud::start(|request| {
        if request.path.ends_with("/token") {
            return Azure::default().answer(request);
        }
        let name = "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after";
        Reply::text(429, "").header(name, "7200").into()
    });
    let cloud = cloud.await.unwrap();
    let error = ask(&settings(&cloud), NOW).await.unwrap_err();
    assert_eq!((error.reason, error.retry_after), (Reason::RateLimited, Some(Duration::from_hours(2))));
    assert_eq!(cloud.count(), 2, "it is not asked again before its time");
}

#[tokio::test]
async fn a_page_of_a_later_month_that_fails_is_no_answer() {
    let cloud = cloud(double()).await;
    for after in [1, 2, 3, 4] {
        cloud.fail_after(after, Fault::Empty);
        assert_eq!(ask(&settings(&cloud), NOW).await.unwrap_err().reason, Reason::Malformed, "{after}");
    }
}
