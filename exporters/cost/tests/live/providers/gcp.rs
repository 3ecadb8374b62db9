//! Google Cloud.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cost_exporter::charge::Snapshot;
use cost_exporter::http::{FetchError, Http, Ledger, Meter, Reason};
use cost_exporter::money::Money;
use cost_exporter::store::Store;
use kit::cloud::Cloud;
use kit::cloud::gcp::{Gcp, Line, TABLE};
use kit::process::Folder;
use kit::web::Answer;
use tokio::time::Instant;
use toolkit::clock::Clock;

use super::{ask, ask_by, probe};

const NOW: &str = "2026-03-10T12:00:00Z";

fn line(used: &str, month: &'static str, service: &'static str, cost: &'static str) -> Line {
    Line {
        used: used.parse().unwrap(),
        month,
        project: "web",
        service,
        cost_type: "regular",
        currency: "USD",
        cost,
        credit: None,
    }
}

/// A day is Pacific, 7 or 8 hours behind; a month is the invoice's. Two rows make a page.
pub(super) fn double() -> Gcp {
    let lines = vec![
        // 31 January there
        line("2026-02-01T07:59:59Z", "202601", "Compute Engine", "1000"),
        // used on 31 January, invoiced for February
        line("2026-02-01T07:30:00Z", "202602", "Compute Engine", "0.1"),
        line("2026-02-01T08:00:00Z", "202602", "Compute Engine", "0.2"),
        Line { credit: Some("-1.5"), ..line("2026-02-14T12:00:00Z", "202602", "Cloud SQL", "3.000000001") },
        line("2026-02-28T23:00:00Z", "202602", "BigQuery", "1.2e-07"),
        // used on 1 March, still invoiced for February
        line("2026-03-01T08:30:00Z", "202602", "Cloud SQL", "4"),
        // the day has 23 hours: it ends at 7 o'clock
        line("2026-03-09T06:59:59Z", "202603", "Compute Engine", "5"),
        line("2026-03-09T07:00:00Z", "202603", "Compute Engine", "6"),
        Line { cost_type: "tax", ..line("2026-03-09T20:00:00Z", "202603", "Invoice", "0.77") },
        Line {
            cost_type: "rounding_error",
            project: "",
            currency: "EUR",
            ..line("2026-03-09T20:00:00Z", "202603", "Invoice", "-0.005")
        },
    ];
    Gcp::new(lines).unwrap().page(2)
}

const EXPECTED: [&str; 9] = [
    "2026-02-01 web Compute Engine usage USD 0.3",
    "2026-02-14 web Cloud SQL credit USD -1.5",
    "2026-02-14 web Cloud SQL usage USD 3.000000001",
    "2026-02-28 web BigQuery usage USD 0.00000012",
    "2026-02-28 web Cloud SQL usage USD 4",
    "2026-03-08 web Compute Engine usage USD 5",
    "2026-03-09  Invoice adjustment EUR -0.005",
    "2026-03-09 web Compute Engine usage USD 6",
    "2026-03-09 web Invoice tax USD 0.77",
];

pub(super) async fn cloud(double: &Gcp) -> Cloud {
    let double = double.clone();
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

/// The settings with the key of a double.
pub(super) fn settings(cloud: &Cloud, double: &Gcp) -> String {
    let key = double.key(&cloud.url("/token")).unwrap();
    format!("type: gcp, base_url: '{}', service_account_key: '{key}', table: {TABLE}", cloud.url(""))
}

fn lines(snapshot: &Snapshot) -> Vec<String> {
    let shown = snapshot.charges.iter().map(|c| {
        format!("{} {} {} {} {} {}", c.day, c.account, c.service, c.category.as_str(), c.currency, c.amount)
    });
    let mut lines: Vec<String> = shown.collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn every_line_of_the_invoices_months_to_the_last_digit() {
    // a token, the query, questions whether it is ready, pages
    for (rows, slow, requests) in [(1, 0, 11), (3, 2, 7), (1000, 0, 2)] {
        let double = double().page(rows).slow(slow);
        let cloud = cloud(&double).await;
        let snapshot = ask(&settings(&cloud, &double), NOW).await.unwrap();
        assert_eq!(lines(&snapshot), EXPECTED, "{rows} rows a page, ready after {slow}");
        let covers = format!("{} {}", snapshot.covers.start, snapshot.covers.end);
        assert_eq!(covers, "2026-02-01 2026-03-11");
        let until: jiff::Timestamp = "2026-03-09T21:00:00Z".parse().unwrap();
        assert_eq!(snapshot.data_until, Some(until.as_second()));
        assert_eq!((double.queries(), cloud.count()), (1, requests), "{rows} rows a page");
    }
    let nothing = Gcp::new(Vec::new()).unwrap();
    let cloud = cloud(&nothing).await;
    assert_eq!(ask(&settings(&cloud, &nothing), NOW).await.unwrap().charges, []);
}

#[tokio::test]
async fn a_query_is_limited_and_what_it_costs_is_noted() {
    let double = double().bytes(11 << 20);
    let cloud = cloud(&double).await;
    let settings = settings(&cloud, &double);
    let error = ask(&format!("{settings}, maximum_bytes_billed: 1000000"), NOW).await.unwrap_err();
    assert_eq!((error.reason, double.queries()), (Reason::Refused, 0));
    assert!(error.message.contains("limit for bytes billed"), "{error}");
    let folder = Folder::new().unwrap();
    let store = Store::open(folder.path(), Clock::system()).unwrap();
    let ledger = Ledger::of(store.clone(), "gcp".into(), None);
    let deadline = Instant::now() + Duration::from_mins(1);
    let http = Http::new().unwrap().for_refresh(ledger, Meter::default(), deadline);
    ask_by(&http, &settings, NOW, 1).await.unwrap();
    // 11 MiB at 6.25 dollars for a TiB
    let expected = Money::parse("0.000065565109252929687500").unwrap();
    assert_eq!(store.spent("gcp".into()).await.unwrap().total, expected);
}

#[tokio::test]
async fn a_query_that_is_sent_again_runs_once() {
    let double = double();
    let (broken, first) = (double.clone(), AtomicBool::new(true));
    let cloud = Cloud::start(move |request| {
        let answer = broken.answer(request);
        // it runs, and nobody hears of it
        let lost = request.path.ends_with("/queries") && first.swap(false, Ordering::SeqCst);
        if lost { Answer::Close } else { answer }
    });
    let cloud = cloud.await.unwrap();
    assert_eq!(lines(&ask(&settings(&cloud, &double), NOW).await.unwrap()), EXPECTED);
    // a token, the query twice, four more pages
    assert_eq!((double.queries(), cloud.count()), (1, 7));
}

#[tokio::test]
async fn a_check_has_it_planned_only() {
    let double = double();
    let cloud = cloud(&double).await;
    let outcome = probe(&settings(&cloud, &double), NOW).await;
    assert!(matches!(outcome, Ok(None)), "{outcome:?}");
    assert_eq!((double.queries(), cloud.count()), (0, 2));
}

#[tokio::test]
async fn a_key_that_is_none_is_told_and_not_shown() {
    let double = double();
    let cloud = cloud(&double).await;
    let good = settings(&cloud, &double);
    for wrong in [
        good.replace("private_key\":", "canary_key\":"),
        good.replace("-----\\nM", "-----\\nA"),
        good.replace("BEGIN PRIVATE", "BEGIN CANARY").replace("-----\\nM", "----"),
    ] {
        let error: FetchError = ask(&wrong, NOW).await.unwrap_err();
        assert_eq!(error.reason, Reason::Secret, "{error}");
        assert!(!error.message.to_lowercase().contains("canary"), "{error}");
    }
    assert_eq!(cloud.count(), 0);
    let another = settings(&cloud, &Gcp::new(Vec::new()).unwrap());
    assert_eq!(ask(&another, NOW).await.unwrap_err().reason, Reason::Unauthorized);
}
