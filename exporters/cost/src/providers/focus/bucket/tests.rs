//! Exports in a bucket, as their manifests name them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use kit::s3::{Fault, KEY, REGION, S3, Times};
use toolkit::config::Document;

use super::*;
use crate::charge::Snapshot;
use crate::money::Money;
use crate::providers::Bill;
use crate::providers::focus::Focus;
use crate::window::Window;

const NOW: &str = "2026-03-10T12:00:00Z";

/// As often as a request is tried.
const ATTEMPTS: Times = Times::Next(4);

fn focus(s3: &S3, path: &str) -> Focus {
    let yaml = format!(
        "path: s3://{path}\nbase_url: {}\nregion: {REGION}\naccess_key_id: {}\nsecret_access_key: {}\n",
        s3.endpoint(),
        KEY.0,
        KEY.1
    );
    let document = Document::parse("c.yml", &yaml).unwrap();
    document.decode(|mut fields| Focus::decode(&mut fields)).unwrap().unwrap()
}

async fn fetch(focus: &Focus) -> Result<Snapshot, FetchError> {
    focus.fetch(&Http::hurried(), &Window::new(NOW.parse().unwrap(), Calendar::Utc, 1)).await
}

fn total(snapshot: &Snapshot) -> String {
    snapshot.charges.iter().map(|charge| charge.amount).sum::<Money>().to_string()
}

/// A packed file with one charge of a month.
fn file(month: &str, amount: &str) -> Vec<u8> {
    let text = format!(
        "BilledCost,BillingCurrency,ChargePeriodStart,BillingPeriodStart,ServiceName\n{amount},USD,{month}-05,{month}-01,A\n"
    );
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn at(minute: u8) -> Timestamp {
    format!("2026-03-10T10:{minute:02}:00Z").parse().unwrap()
}

fn data(month: &str, file: &str) -> String {
    format!("exports/focus + x/data/BILLING_PERIOD={month}/{file}")
}

/// Puts a manifest there that names these files.
fn manifest(s3: &S3, month: &str, below: &str, files: &[String], minute: u8) {
    let files: Vec<String> = files.iter().map(|file| format!("s3://bills/{file}")).collect();
    let body = serde_json::json!({"exportName": "focus", "dataFiles": files, "columns": []}).to_string();
    let key = format!("exports/focus + x/metadata/BILLING_PERIOD={month}/{below}focus-Manifest.json");
    s3.put("bills", &key, body, at(minute));
}

/// An export of three months; January is not wanted any more, and half of it is not there.
async fn export() -> S3 {
    let s3 = S3::start().await.unwrap();
    for (month, amounts) in [("2026-02", vec!["1"]), ("2026-03", vec!["10", "20", "30"])] {
        let mut files = Vec::new();
        for (number, amount) in amounts.iter().enumerate() {
            let key = data(month, &format!("focus-{number:05}.csv.gz"));
            s3.put("bills", &key, file(month, amount), at(0));
            files.push(key);
        }
        // what a manifest does not name belongs to an export of before
        s3.put("bills", &data(month, "old/focus-00001.csv.gz"), file(month, "1000"), at(0));
        manifest(&s3, month, "", &files, 1);
    }
    manifest(&s3, "2026-01", "", &[data("2026-01", "gone.csv.gz")], 1);
    s3
}

#[tokio::test]
async fn an_export_as_its_manifests_name_it() {
    let s3 = export().await;
    s3.page(2);
    let focus = focus(&s3, "bills/exports/focus + x/");
    let snapshot = fetch(&focus).await.unwrap();
    assert_eq!(total(&snapshot), "61");
    let covers = (snapshot.covers.start.to_string(), snapshot.covers.end.to_string());
    assert_eq!(covers, ("2026-02-01".to_owned(), "2026-03-06".to_owned()));
    let files = |s3: &S3| s3.requests().iter().filter(|request| request.path.contains("/data/")).count();
    assert_eq!(files(&s3), 4);
    // what has not changed is not fetched again
    assert_eq!(total(&fetch(&focus).await.unwrap()), "61");
    assert_eq!(files(&s3), 4);
    let key = data("2026-03", "focus-00000.csv.gz");
    s3.put("bills", &key, file("2026-03", "11"), at(2));
    let error = fetch(&focus).await.unwrap_err();
    assert_eq!(error.reason, Reason::Incomplete);
    assert_eq!(error.message, "billing period 2026-03: it is being written");
    manifest(&s3, "2026-03", "", &[key], 3);
    assert_eq!(total(&fetch(&focus).await.unwrap()), "12");
    assert_eq!(files(&s3), 5);
}

#[tokio::test]
async fn manifests_that_come_late() {
    let s3 = export().await;
    let focus = focus(&s3, "bills/exports/");
    manifest(&s3, "2026-03", "", &[data("2026-03", "focus-00009.csv.gz")], 2);
    let error = fetch(&focus).await.unwrap_err();
    assert_eq!(error.message, "billing period 2026-03: a file of it is not there");
    s3.put("bills", &data("2026-03", "focus-00009.csv.gz"), file("2026-03", "5"), at(2));
    assert_eq!(total(&fetch(&focus).await.unwrap()), "6");
    // an export that keeps its versions: the newest counts
    manifest(&s3, "2026-03", "2026-03-10T10-id/", &[data("2026-03", "focus-00001.csv.gz")], 4);
    assert_eq!(total(&fetch(&focus).await.unwrap()), "21");
    // another export below the same prefix
    s3.put("bills", "exports/b/data/BILLING_PERIOD=2026-03/b-1.csv.gz", file("2026-03", "7"), at(0));
    let error = fetch(&focus).await.unwrap_err();
    assert_eq!(error.message, "billing period 2026-03: its manifest is not there yet");
}

#[tokio::test]
async fn files_without_manifests() {
    let s3 = S3::start().await.unwrap();
    for (key, amount) in [("a/1.csv.gz", "1"), ("a/2.csv.gz", "2"), ("a/3.txt", "4"), ("b/1.csv.gz", "8")] {
        s3.put("bills", key, file("2026-03", amount), at(0));
    }
    for (path, expected) in
        [("bills/a", "3"), ("bills", "11"), ("bills/*/1.csv.gz", "9"), ("bills/a/{1,3}.*", "5")]
    {
        assert_eq!(total(&fetch(&focus(&s3, path)).await.unwrap()), expected, "{path}");
    }
    let error = fetch(&focus(&s3, "bills/none")).await.unwrap_err();
    assert_eq!(
        (error.reason, error.message.as_str()),
        (Reason::File, "s3://bills/none: there is no such file")
    );
}

#[tokio::test]
async fn what_fails_is_told_and_nothing_of_it_is_kept() {
    let s3 = export().await;
    let focus = focus(&s3, "bills/exports");
    for (fault, reason) in [(Fault::SlowDown, Reason::ServerError), (Fault::Half, Reason::Broken)] {
        s3.fault(ATTEMPTS, fault);
        assert_eq!(fetch(&focus).await.unwrap_err().reason, reason, "{fault:?}");
    }
    s3.page(2);
    s3.fault(ATTEMPTS, Fault::SecondPage);
    assert_eq!(fetch(&focus).await.unwrap_err().reason, Reason::ServerError);
    s3.fault(Times::Next(1), Fault::SlowDown);
    assert_eq!(total(&fetch(&focus).await.unwrap()), "61");
    s3.lend("another token");
    let error = fetch(&focus).await.unwrap_err();
    assert_eq!(error.reason, Reason::Forbidden);
    assert!(!error.message.contains(KEY.1), "{error}");
}

#[test]
fn assemblies() {
    for (key, expected) in [
        ("e/focus/metadata/BILLING_PERIOD=2026-03/focus-Manifest.json", Some(("e/focus", "2026-03"))),
        ("focus/metadata/BILLING_PERIOD=2026-03/10T12-id/focus-Manifest.json", Some(("focus", "2026-03"))),
        ("e/focus/data/BILLING_PERIOD=2026-03/focus-00001.csv.gz", None),
        ("e/metadata/focus-Manifest.json", None),
    ] {
        assert_eq!(assembly(key, "/metadata/"), expected, "{key}");
    }
    let days = Period { start: Day::constant(2026, 2, 1), end: Day::constant(2026, 3, 11) };
    for (period, expected) in
        [("2026-01", false), ("2026-02", true), ("2026-03", true), ("2026-04", false), ("x", false)]
    {
        assert_eq!(touches(period, days), expected, "{period}");
    }
}

/// A key that has everything in it that could be encoded in two ways.
#[test]
fn a_place() {
    let place = |yaml: &str| {
        let document = Document::parse("c.yml", yaml).unwrap();
        document.decode(|mut fields| {
            let bucket = Bucket::decode(&mut fields, "s3://bills/exports");
            fields.ignore("path");
            bucket.map(|bucket| (bucket.origin, bucket.root))
        })
    };
    let of = |origin: &str, root: &str| Some((origin.to_owned(), root.to_owned()));
    assert_eq!(place("region: eu-west-1").unwrap(), of("https://bills.s3.eu-west-1.amazonaws.com", ""));
    assert_eq!(
        place("base_url: http://127.0.0.1:9000/minio/").unwrap(),
        of("http://127.0.0.1:9000", "/minio/bills")
    );
}
