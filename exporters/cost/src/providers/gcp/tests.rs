//! Against the double.

use jiff::Timestamp;
use kit::cloud::gcp::{Gcp as Double, Line, TABLE};
use kit::cloud::{Cloud, Fault};
use tokio::time::Instant;
use toolkit::clock::Clock;
use toolkit::config::Document;

use super::*;
use crate::charge::Charge;
use crate::http::{Ledger, Meter};
use crate::store::Store;

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

/// A day is Pacific, 7 or 8 hours behind; a month is the invoice's.
fn lines() -> Vec<Line> {
    vec![
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
    ]
}

const EXPECTED: [&str; 10] = [
    "2026-02-01 web Compute Engine usage USD 0.3",
    "2026-02-14 web Cloud SQL credit USD -1.5",
    "2026-02-14 web Cloud SQL usage USD 3.000000001",
    "2026-02-28 web BigQuery usage USD 0.00000012",
    "2026-02-28 web Cloud SQL usage USD 4",
    "2026-03-08 web Compute Engine usage USD 5",
    "2026-03-09  Invoice adjustment EUR -0.005",
    "2026-03-09 web Compute Engine usage USD 6",
    "2026-03-09 web Invoice tax USD 0.77",
    "",
];

fn shown(snapshot: &Snapshot) -> Vec<String> {
    let line = |c: &Charge| {
        format!("{} {} {} {} {} {}", c.day, c.account, c.service, c.category.as_str(), c.currency, c.amount)
    };
    let mut lines: Vec<String> = snapshot.charges.iter().map(line).collect();
    lines.sort();
    lines.push(String::new());
    lines
}

struct Served {
    cloud: Cloud,
    double: Double,
    key: String,
}

async fn start(double: Double) -> Served {
    let answering = double.clone();
    let cloud = Cloud::start(move |request| answering.answer(request)).await.unwrap();
    let key = double.key(&cloud.url("/token")).unwrap();
    Served { cloud, double, key }
}

impl Served {
    fn decoded(&self, more: &str) -> Gcp {
        let key = self.key.replace('\'', "''");
        let text = format!(
            "{{base_url: '{}', service_account_key: '{key}', table: {TABLE}{more}}}",
            self.cloud.url("")
        );
        let document = Document::parse("c.yml", &text).unwrap();
        document.decode(|mut fields| Gcp::decode(&mut fields)).unwrap().unwrap()
    }

    async fn fetch(&self, more: &str) -> Result<Snapshot, FetchError> {
        self.decoded(more).fetch(&Http::new().unwrap(), &window()).await
    }
}

fn window() -> Window {
    Window::new(NOW.parse().unwrap(), Calendar::Pacific, 1)
}

#[tokio::test]
async fn every_line_of_the_invoices_months_to_the_last_digit() {
    for (rows, slow) in [(1, 0), (3, 2), (1000, 0)] {
        let served = start(Double::new(lines()).unwrap().page(rows).slow(slow)).await;
        let snapshot = served.fetch("").await.unwrap();
        assert_eq!(shown(&snapshot), EXPECTED, "{rows} rows a page, ready after {slow}");
        let covers = format!("{} {}", snapshot.covers.start, snapshot.covers.end);
        assert_eq!(covers, "2026-02-01 2026-03-11");
        let until: Timestamp = "2026-03-09T21:00:00Z".parse().unwrap();
        assert_eq!(snapshot.data_until, Some(until.as_second()));
        assert_eq!(served.double.queries(), 1);
    }
    let served = start(Double::new(Vec::new()).unwrap()).await;
    assert_eq!(served.fetch("").await.unwrap().charges, []);
}

#[tokio::test]
async fn a_query_is_limited_and_what_it_costs_is_noted() {
    let served = start(Double::new(lines()).unwrap().bytes(11 << 20)).await;
    let error = served.fetch(", maximum_bytes_billed: 1000000").await.unwrap_err();
    assert_eq!((error.reason, served.double.queries()), (Reason::Refused, 0));
    assert!(error.message.contains("limit for bytes billed"), "{error}");
    let folder = kit::process::Folder::new().unwrap();
    let store = Store::open(folder.path(), Clock::system()).unwrap();
    let ledger = Ledger::of(store.clone(), "gcp".into(), None);
    let deadline = Instant::now() + Duration::from_secs(60);
    let http = Http::new().unwrap().for_refresh(ledger, Meter::default(), deadline);
    served.decoded("").fetch(&http, &window()).await.unwrap();
    let expected = Money::parse(PRICE).unwrap().ratio(11 << 20, TIB);
    assert_eq!(store.spent("gcp".into()).await.unwrap().total, expected);
}

#[tokio::test]
async fn a_query_that_is_sent_again_runs_once() {
    let served = start(Double::new(lines()).unwrap()).await;
    let broken = served.double.clone();
    let (first, seen) = (std::sync::atomic::AtomicBool::new(true), std::sync::atomic::Ordering::SeqCst);
    let cloud = Cloud::start(move |request| {
        let answer = broken.answer(request);
        // it runs, and nobody hears of it
        let lost = request.path.ends_with("/queries") && first.swap(false, seen);
        if lost { kit::web::Answer::Close } else { answer }
    });
    let cloud = cloud.await.unwrap();
    let served =
        Served { key: served.double.key(&cloud.url("/token")).unwrap(), cloud, double: served.double };
    assert_eq!(shown(&served.fetch("").await.unwrap()), EXPECTED);
    assert_eq!((served.double.queries(), served.cloud.count()), (1, 3));
}

#[tokio::test]
async fn a_check_has_it_planned_only() {
    let served = start(Double::new(lines()).unwrap()).await;
    let outcome = served.decoded("").probe(&Http::new().unwrap(), &window()).await;
    assert!(matches!(outcome, Ok(None)), "{outcome:?}");
    assert_eq!(served.double.queries(), 0);
}

#[tokio::test]
async fn every_fault_is_one_and_shows_no_secret() {
    let served = start(Double::new(lines()).unwrap().page(2)).await;
    for (after, fault, expected) in [
        (0, Fault::Status(500), Reason::ServerError),
        (0, Fault::Status(400), Reason::Unauthorized),
        (0, Fault::Truncated, Reason::Malformed),
        (1, Fault::Status(401), Reason::Unauthorized),
        (1, Fault::Status(403), Reason::Forbidden),
        (1, Fault::TooMany(3600), Reason::RateLimited),
        (1, Fault::Truncated, Reason::Malformed),
        (1, Fault::Empty, Reason::Malformed),
        (2, Fault::Status(404), Reason::Refused),
        (2, Fault::Truncated, Reason::Malformed),
    ] {
        served.cloud.fail_after(after, fault.clone());
        let error = served.fetch("").await.unwrap_err();
        assert_eq!(error.reason, expected, "{after} {fault:?}: {error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        served.cloud.heal();
    }
    assert_eq!(shown(&served.fetch("").await.unwrap()), EXPECTED);
}

#[tokio::test]
async fn a_key_that_is_none_is_told_and_not_shown() {
    let mut served = start(Double::new(lines()).unwrap()).await;
    let wrong = [
        "canary".to_owned(),
        served.key.replace("private_key\":", "canary_key\":"),
        served.key.replace("-----\\nM", "-----\\nA"),
    ];
    for key in wrong {
        served.key = key;
        let error = served.fetch("").await.unwrap_err();
        assert_eq!(error.reason, Reason::Secret, "{error}");
        assert!(!error.message.contains("canary"), "{error}");
    }
    assert_eq!(served.cloud.count(), 0);
    // the key of another
    served.key = Double::new(Vec::new()).unwrap().key(&served.cloud.url("/token")).unwrap();
    assert_eq!(served.fetch("").await.unwrap_err().reason, Reason::Unauthorized);
}
