//! AWS Cost Explorer.

use std::time::Duration;

use cost_exporter::charge::Category;
use cost_exporter::http::{Http, Ledger, Meter, Reason};
use cost_exporter::store::Store;
use jiff::civil::Date;
use kit::cloud::aws::{Explorer, KEY, Lender, ROLE};
use kit::cloud::{Cloud, Fault};
use kit::process::Folder;
use kit::web::{Reply, Request};
use tokio::time::Instant;
use toolkit::clock::Clock;

use super::{ask, ask_by, day, exact, of_category, of_month, probe, sum};
use crate::support::Exporter;

const NOW: &str = "2026-03-10T12:00:00Z";

const EC2: &str = "Amazon Elastic Compute Cloud - Compute";
const S3: &str = "Amazon Simple Storage Service";

/// Two months with a savings plan, a credit, taxes, and digits that no float holds: day, service, record type, the
/// amount as billed and the amount spread out.
const LINES: [(&str, &str, &str, [&str; 2]); 11] = [
    ("2026-01-31", S3, "Usage", ["1000", "1000"]),
    ("2026-02-01", "Tax", "Tax", ["11.05", "11.05"]),
    ("2026-02-01", "Savings Plans for AWS Compute usage", "SavingsPlanRecurringFee", ["24", "0"]),
    ("2026-02-10", EC2, "SavingsPlanCoveredUsage", ["30.0000000001", "24"]),
    ("2026-02-10", EC2, "SavingsPlanNegation", ["-30.0000000001", "0"]),
    ("2026-02-10", EC2, "Usage", ["0.1", "0.1"]),
    ("2026-02-28", S3, "Usage", ["0.2", "0.2"]),
    ("2026-03-01", S3, "Usage", ["1.2345678912E-7", "1.2345678912E-7"]),
    ("2026-03-01", S3, "Credit", ["-5", "-5"]),
    ("2026-03-09", S3, "Refund", ["-0.3", "-0.3"]),
    ("2026-03-09", "AWS Support (Business)", "Support", ["100.00", "100.00"]),
];

/// What a double reports on a day: two pages for the two months up to the tenth of March.
pub(super) fn double(today: &str) -> Explorer {
    let empty = Explorer::new(day(today)).estimated_from(day("2026-03-01")).page(30);
    LINES.iter().fold(empty, |double, (date, service, record_type, amounts)| {
        double.line(day(date), service, record_type, *amounts)
    })
}

pub(super) async fn cloud(double: Explorer) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

pub(super) fn settings(cloud: &Cloud) -> String {
    let (id, secret, _) = KEY;
    format!(
        "type: aws_cost_explorer, base_url: '{}', access_key_id: {id}, secret_access_key: '{secret}', max_requests_per_month: 100000",
        cloud.url("")
    )
}

/// The amounts of a basis that the two months have, for record types that are wanted.
fn amounts(basis: usize, wanted: &[&str]) -> Vec<&'static str> {
    let inside = LINES.iter().filter(|line| line.0 > "2026-01-31");
    let inside = inside.filter(|line| wanted.is_empty() || wanted.contains(&line.2));
    inside.map(|line| line.3[basis]).collect()
}

#[tokio::test]
async fn every_amount_to_the_last_digit_however_it_is_paged() {
    // 38 days and 10 charges
    for (items, requests) in [(5, 10), (9, 6), (30, 2), (1000, 1)] {
        let cloud = cloud(double("2026-03-10").page(items)).await;
        let snapshot = ask(&settings(&cloud), NOW).await.unwrap();
        for (category, record_types) in [
            (Category::Credit, &["Credit"][..]),
            (Category::Refund, &["Refund"]),
            (Category::Tax, &["Tax"]),
            (Category::Purchase, &["SavingsPlanRecurringFee", "Support"]),
            (Category::Usage, &["Usage", "SavingsPlanCoveredUsage", "SavingsPlanNegation"]),
        ] {
            assert_eq!(of_category(&snapshot, category), exact(amounts(0, record_types), 0), "{category:?}");
        }
        assert_eq!(sum(&snapshot, |_| true), exact(amounts(0, &[]), 0));
        assert_eq!(of_month(&snapshot, "2026-03"), "94.70000012345678912");
        assert_eq!((cloud.count(), snapshot.charges.len()), (requests, 10), "{items} items a page");
        assert_eq!((snapshot.covers.days(), snapshot.estimated_from), (38, Some(day("2026-03-01"))));
        let until: jiff::Timestamp = "2026-03-10T00:00:00Z".parse().unwrap();
        assert_eq!(snapshot.data_until, Some(until.as_second()));
    }
}

#[tokio::test]
async fn the_other_basis_comes_with_the_same_question() {
    let cloud = cloud(double("2026-03-10").page(1000)).await;
    let snapshot = ask(&format!("{}, basis: net_amortized", settings(&cloud)), NOW).await.unwrap();
    assert_eq!(sum(&snapshot, |_| true), exact(amounts(1, &[]), 0));
    assert_eq!(of_category(&snapshot, Category::Usage), "24.30000012345678912");
    ask(&settings(&cloud), NOW).await.unwrap();
    let bodies: Vec<String> = cloud.requests().iter().map(Request::text).collect();
    assert_eq!(bodies.first(), bodies.last());
}

#[tokio::test]
async fn the_first_day_of_a_month_and_of_a_year() {
    for (now, first, days) in [
        ("2026-03-01T00:00:00Z", "2026-02-01", 29),
        ("2026-01-01T00:00:01Z", "2025-12-01", 32),
        ("2026-03-31T23:59:59Z", "2026-02-01", 59),
    ] {
        let cloud = cloud(double(now.split_once('T').unwrap().0)).await;
        let snapshot = ask(&settings(&cloud), now).await.unwrap();
        assert_eq!((snapshot.covers.start, snapshot.covers.days()), (day(first), days), "{now}");
    }
    // all that is kept, and no day more
    let cloud = cloud(double("2026-03-10")).await;
    let snapshot = ask_by(&Http::new().unwrap(), &settings(&cloud), NOW, 24).await.unwrap();
    let first: Date = snapshot.covers.start;
    assert_eq!(first, day("2025-02-01"));
}

#[tokio::test]
async fn the_cap_holds_over_restarts_and_pages() {
    let cloud = cloud(double("2026-03-10").page(20)).await;
    let folder = Folder::new().unwrap();
    let mut whole = 0;
    for _ in 0..8 {
        // a restart: everything but the disk is forgotten
        let clock = Clock::starting_at(NOW.parse().unwrap());
        let store = Store::open(folder.path(), clock).unwrap();
        let ledger = Ledger::of(store, "aws".into(), Some(7));
        let deadline = Instant::now() + Duration::from_mins(1);
        let http = Http::new().unwrap().for_refresh(ledger, Meter::default(), deadline);
        match ask_by(&http, &settings(&cloud), NOW, 1).await {
            Ok(_) => whole += 1,
            Err(error) => assert_eq!(error.reason, Reason::Capped, "{error}"),
        }
    }
    // three pages each: the third time breaks off after its first page
    assert_eq!((whole, cloud.count()), (2, 7));
    let clock = Clock::starting_at("2026-04-01T00:00:00Z".parse().unwrap());
    let store = Store::open(folder.path(), clock).unwrap();
    let spent = store.spent("aws".into()).await.unwrap();
    assert_eq!((spent.requests, spent.total.to_string().as_str()), (0, "0.07"));
}

/// Kills and starts again and again, with an interval of a second, so that every start may ask.
#[tokio::test]
async fn the_cap_holds_though_the_exporter_is_killed() {
    const CAP: usize = 6;
    let cloud = cloud(double("2026-03-10").page(1000)).await;
    let folder = Folder::new().unwrap();
    let settings = settings(&cloud).replace("100000", &CAP.to_string());
    let config = format!("providers:\n- {{name: aws, interval: 1s, {settings}}}\n");
    for start in 1..=4 {
        let exporter = Exporter::start(&folder, &config, NOW, &[]).await;
        let wanted = (start * 2).min(CAP);
        cloud.wait_for(wanted, crate::support::WAIT).await.unwrap();
        exporter.server.kill9();
    }
    let exporter = Exporter::start(&folder, &config, NOW, &[]).await;
    let capped = "cost_exporter_api_budget_remaining{provider=\"aws\"} 0";
    let page = exporter.shows(&[capped, "cost_provider_up{provider=\"aws\"} 0"]).await;
    assert!(page.contains("cost_month_to_date{provider=\"aws\""), "what was known stands\n{page}");
    assert!(page.contains("cost_exporter_api_charges_usd_total{provider=\"aws\"} 0.06\n"), "{page}");
    assert_eq!(cloud.count(), CAP);
}

#[tokio::test]
async fn what_amazon_says_with_400() {
    for (code, expected) in [
        ("AccessDeniedException", Reason::Forbidden),
        ("ThrottlingException", Reason::RateLimited),
        ("LimitExceededException", Reason::RateLimited),
        ("ExpiredTokenException", Reason::Unauthorized),
        ("DataUnavailableException", Reason::Incomplete),
        ("BillExpirationException", Reason::Refused),
    ] {
        let body = serde_json::json!({"__type": code, "Message": "no"});
        let cloud = Cloud::start(move |_| Reply::json(400, &body).into()).await.unwrap();
        assert_eq!(ask(&settings(&cloud), NOW).await.unwrap_err().reason, expected, "{code}");
        assert_eq!(cloud.count(), 1, "{code}");
    }
    let cloud = cloud(double("2026-03-10")).await;
    for wrong in [
        settings(&cloud).replace(KEY.1, "canary/another/key"),
        settings(&cloud).replace(KEY.0, "AKIANOBODYKNOWSTHIS1"),
        format!("{}, session_token: canary-token", settings(&cloud)),
        format!("{}, region: eu-central-1", settings(&cloud)),
    ] {
        let error = ask(&wrong, NOW).await.unwrap_err();
        assert_eq!(error.reason, Reason::Unauthorized, "{error}");
        assert!(!error.message.contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn nothing_that_may_have_been_served_is_paid_for_twice() {
    let cloud = cloud(double("2026-03-10")).await;
    for (after, fault, requests) in [
        (0, Fault::Close, 1),
        (1, Fault::Half, 2),
        (0, Fault::Truncated, 1),
        (1, Fault::Empty, 2),
        (0, Fault::Status(403), 1),
    ] {
        let before = cloud.count();
        cloud.fail_after(after, fault.clone());
        ask(&settings(&cloud), NOW).await.unwrap_err();
        assert_eq!(cloud.count() - before, requests, "{fault:?}");
    }
}

#[tokio::test]
async fn keys_of_a_role_sign_what_is_asked_and_a_check_pays_nothing() {
    let (double, lender) = (double("2026-03-10"), Lender::with_external_id("partner-1"));
    let cloud = Cloud::start(move |request| {
        let is_bill = !request.header("x-amz-target").is_empty();
        if is_bill { double.answer(request) } else { lender.answer(request) }
    });
    let cloud = cloud.await.unwrap();
    let more = format!(", role_arn: '{ROLE}', external_id: partner-1, sts_url: '{}'", cloud.url(""));
    let settings = settings(&cloud) + &more;
    let snapshot = ask(&settings, NOW).await.unwrap();
    // the role, and two pages
    assert_eq!((snapshot.charges.len(), cloud.count()), (10, 3));
    let outcome = probe(&settings, NOW).await;
    assert!(matches!(outcome, Ok(None)), "{outcome:?}");
    let checked = cloud.requests().split_off(3);
    assert_eq!(checked.len(), 2);
    assert!(checked.iter().all(|request| request.header("x-amz-target").is_empty()));
    let stranger = settings.replace("partner-1", "partner-2");
    assert_eq!(ask(&stranger, NOW).await.unwrap_err().reason, Reason::Forbidden);
}
