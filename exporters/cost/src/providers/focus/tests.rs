//! What files say, as it is told.

use std::fmt::Write as _;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use kit::cloud::focus::Sample;
use kit::process::Folder;
use toolkit::config::Document;

use super::*;
use crate::charge::Category;
use crate::http::Reason;
use crate::money::Money;

const SAMPLE: &[u8] = include_bytes!("../../../tests/data/focus_sample.csv.gz");

/// What the sample comes to.
const BILLED: &str = "20.52022672899";
const EFFECTIVE: &str = "14.97651418586";

const HEADER: &str = "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,ServiceName,SubAccountId";

fn sample() -> String {
    let mut text = String::new();
    GzDecoder::new(SAMPLE).read_to_string(&mut text).unwrap();
    text
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn focus(folder: &Folder, settings: &str) -> Focus {
    let yaml = format!("path: {}/*\n{settings}\n", folder.path().display());
    let document = Document::parse("c.yml", &yaml).unwrap();
    document.decode(|mut fields| Focus::decode(&mut fields)).unwrap().unwrap()
}

async fn fetch(focus: &Focus, now: &str) -> Result<Snapshot, FetchError> {
    let window = Window::new(now.parse().unwrap(), focus.calendar(), 1);
    focus.fetch(&Http::new().unwrap(), &window).await
}

fn total(snapshot: &Snapshot) -> String {
    snapshot.charges.iter().map(|charge| charge.amount).sum::<Money>().to_string()
}

/// A folder with one file of these rows.
fn table(rows: &str) -> Folder {
    let folder = Folder::new().unwrap();
    folder.write("a.csv", format!("{HEADER}\n{rows}\n")).unwrap();
    folder
}

fn lines(snapshot: &Snapshot) -> String {
    let lines = snapshot.charges.iter().map(|charge| {
        let kind = charge.category.as_str();
        format!(
            "{} {}/{} {kind} {} {}",
            charge.day, charge.account, charge.service, charge.amount, charge.currency
        )
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines.join("\n")
}

#[tokio::test]
async fn the_sample_to_the_last_digit() {
    let half = sample().lines().count() / 2;
    let sample = sample();
    let (header, rows) = sample.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    let (first, second) = rows.split_at(half);
    let first = format!("{header}\n{}\n", first.join("\n"));
    let second = second.join("\n");
    let members = [packed(&first), packed(&second)].concat();
    let files: [(&str, Vec<u8>); 5] = [
        ("a.csv", sample.clone().into_bytes()),
        ("a.csv.gz", SAMPLE.to_vec()),
        ("members.gz", members),
        ("mark.csv", format!("\u{feff}{}", sample.replace('\n', "\r\n")).into_bytes()),
        ("trailing.gz", [SAMPLE, b"\0\0\0\0rubbish"].concat()),
    ];
    for (name, bytes) in files {
        let folder = Folder::new().unwrap();
        std::fs::write(folder.path().join(name), bytes).unwrap();
        for (settings, expected) in [("", BILLED), ("basis: effective", EFFECTIVE)] {
            let snapshot = fetch(&focus(&folder, settings), "2024-10-05T12:00:00Z").await.unwrap();
            assert_eq!((total(&snapshot).as_str(), snapshot.unpriced), (expected, 0), "{name} {settings}");
            let covers = (snapshot.covers.start.to_string(), snapshot.covers.end.to_string());
            assert_eq!(covers, ("2024-09-01".to_owned(), "2024-10-01".to_owned()));
            let until = "2024-10-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
            assert_eq!(snapshot.data_until, Some(until.as_second()));
        }
    }
}

#[tokio::test]
async fn the_sample_again_and_again() {
    let folder = Folder::new().unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let copies = Sample::new(&sample()).unwrap().write(20_000, &mut encoder).unwrap();
    std::fs::write(folder.path().join("a.csv.gz"), encoder.finish().unwrap()).unwrap();
    let snapshot = fetch(&focus(&folder, ""), "2024-10-05T12:00:00Z").await.unwrap();
    let expected = Money::parse(BILLED).unwrap().ratio(copies, 1);
    assert_eq!((copies, total(&snapshot)), (20, expected.to_string()));
}

#[tokio::test]
async fn rows_as_people_and_programs_write_them() {
    let rows = "\
1.5,1,usd,2026-03-01T00:00:00Z,2026-03-01T01:00:00Z,2026-03-01,Usage,NULL,\"A, \"\"b\"\"\",acc\n\
35.2E-7,1,USD,2026-03-01 23:59:59,,2026-03-01 00:00:00,usage,,\"A, \"\"b\"\"\",acc\n\
-2,-2,USD,2026-03-02T00:00Z,,2026-03-01,Credit,null,A,\n\
5,5,EUR,2026-03-02 05:00:00+06:00,,2026-03-01,Tax,,NULL,acc\n\
9,9,USD,2026-03-03,,2026-03-01,Purchase,,A,acc\n\
-1,-1,USD,2026-01-15,,2026-03-01,Usage,Correction,A,acc\n\
1,1,USD,2026-02-15,,2026-03-01,Usage,Correction,A,acc\n\
3,3,USD,2026-02-28,,2026-02-01,Something,,A,acc\n\
7,7,USD,2025-12-31,,2025-12-01,Usage,,A,acc\n\
8,8,USD,2026-03-12,,2026-03-01,Usage,,A,acc\n\
much,1,USD,2026-03-01,,2026-03-01,Usage,,A,acc\n\
NULL,1,USD,2026-03-01,,2026-03-01,Usage,,A,acc\n\
1,1,,2026-03-01,,2026-03-01,Usage,,A,acc\n\
1,1,USD,someday,,2026-03-01,Usage,,A,acc\n\
1,1,USD\n\
10 rows in total";
    let snapshot = fetch(&focus(&table(rows), ""), "2026-03-10T12:00:00Z").await.unwrap();
    let expected = "\
2026-02-28 acc/A adjustment 3 USD
2026-03-01 acc/A adjustment 1 USD
2026-03-01 acc/A refund -1 USD
2026-03-01 acc/A, \"b\" usage 1.50000352 USD
2026-03-01 acc/__other__ tax 5 EUR
2026-03-02 /A credit -2 USD
2026-03-03 acc/A purchase 9 USD";
    assert_eq!(lines(&snapshot), expected);
    assert_eq!(snapshot.unpriced, 6);
    // February has rows, and nothing is known after the third of March
    assert_eq!(snapshot.covers.start.to_string(), "2026-02-01");
    assert_eq!(snapshot.covers.end.to_string(), "2026-03-04");
}

#[tokio::test]
async fn lines_of_json() {
    let folder = Folder::new().unwrap();
    let rows = "\
{\"BilledCost\": 0.1, \"EffectiveCost\": 7, \"BillingCurrency\": \"USD\", \"ChargePeriodStart\": \"2026-03-01T08:00:00.000Z\", \"ChargeCategory\": \"Usage\", \"ServiceName\": \"Edge \\\"x\\\"\", \"Tags\": {\"a\": [1]}, \"RegionId\": null}\n\
\n\
{\"BilledCost\": \"2e-1\", \"BillingCurrency\": \"USD\", \"ChargePeriodStart\": \"2026-03-01T07:59:59.000Z\", \"ChargeCategory\": \"Credit\", \"ServiceName\": null}\n\
{\"BilledCost\": 1}\n\
[]\n";
    folder.write("a.jsonl", rows).unwrap();
    let snapshot = fetch(&focus(&folder, "calendar: pacific"), "2026-03-10T12:00:00Z").await.unwrap();
    let expected = "2026-02-28 /__other__ credit 0.2 USD\n2026-03-01 /Edge \"x\" usage 0.1 USD";
    assert_eq!((lines(&snapshot).as_str(), snapshot.unpriced), (expected, 2));
}

#[tokio::test]
async fn which_rows_and_under_which_account() {
    let folder = Folder::new().unwrap();
    folder.write("a.csv", sample()).unwrap();
    let all = async |settings: &str| fetch(&focus(&folder, settings), "2024-10-05T12:00:00Z").await.unwrap();
    let accounts = |snapshot: &Snapshot| {
        let accounts: std::collections::BTreeSet<_> =
            snapshot.charges.iter().map(|charge| charge.account.to_string()).collect();
        (accounts.len(), accounts.into_iter().next().unwrap_or_default())
    };
    let by_name = all("account_by: name").await;
    assert_eq!((total(&by_name).as_str(), accounts(&by_name).1.as_str()), (BILLED, "Apollo Eclipse"));
    assert_eq!(accounts(&all("account_by: none").await), (1, String::new()));
    let (aws, rest) = (all("vendors: aws").await, all("vendors: [Microsoft, oracle]").await);
    assert!(aws.charges.len() > rest.charges.len() && !rest.charges.is_empty());
    let both = aws.charges.iter().chain(&rest.charges).map(|charge| charge.amount).sum::<Money>();
    assert_eq!(both.to_string(), BILLED);
}

#[tokio::test]
async fn files_are_read_once_and_replaced_whole() {
    let row = |amount: &str| format!("{amount},0,USD,2026-03-09,,2026-03-01,Usage,,A,acc\n");
    let folder = table(&row("1"));
    folder.write("b.csv", format!("{HEADER}\n{}", row("10"))).unwrap();
    let focus = focus(&folder, "");
    let now = "2026-03-10T12:00:00Z";
    assert_eq!(total(&fetch(&focus, now).await.unwrap()), "11");
    // the same length and time: nobody looks into it
    let path = folder.path().join("a.csv");
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, format!("{HEADER}\n{}\n", row("2"))).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(total(&fetch(&focus, now).await.unwrap()), "11");
    // another time: it is another file
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(modified + Duration::from_secs(1))
        .unwrap();
    assert_eq!(total(&fetch(&focus, now).await.unwrap()), "12");
    // one that breaks off: nothing of this time is told
    std::fs::write(folder.path().join("c.csv.gz"), &packed(&format!("{HEADER}\n{}", row("5")))[..60])
        .unwrap();
    let error = fetch(&focus, now).await.unwrap_err();
    assert_eq!(error.reason, Reason::Incomplete);
    assert!(error.message.ends_with("c.csv.gz: it breaks off"), "{error}");
    std::fs::remove_file(folder.path().join("c.csv.gz")).unwrap();
    assert_eq!(total(&fetch(&focus, now).await.unwrap()), "12");
}

#[tokio::test]
async fn what_cannot_be_used() {
    for (text, reason, expected) in [
        ("", Reason::Malformed, "a.csv: it is empty"),
        ("a,b\n1,2\n", Reason::Malformed, "a.csv: it has no column BilledCost"),
        ("PK\u{3}\u{4}", Reason::Malformed, "it is a zip archive; let the export be packed with gzip"),
        #[cfg(not(feature = "parquet"))]
        ("PAR1", Reason::File, "or build the program with `--features parquet`"),
        #[cfg(feature = "parquet")]
        ("PAR1", Reason::Incomplete, "a.csv: it breaks off"),
        (HEADER, Reason::Malformed, "the files have no rows"),
    ] {
        let folder = Folder::new().unwrap();
        folder.write("a.csv", text).unwrap();
        let error = fetch(&focus(&folder, ""), "2026-03-10T12:00:00Z").await.unwrap_err();
        assert!(error.reason == reason && error.message.ends_with(expected), "{error}");
    }
    let bad = table("x,1,USD,2026-03-01,,2026-03-01,Usage,,A,acc");
    let error = fetch(&focus(&bad, ""), "2026-03-10T12:00:00Z").await.unwrap_err();
    assert!(
        error.message.ends_with("none of its 1 rows can be used; row 1: its cost is no number"),
        "{error}"
    );
    let error = fetch(&focus(&Folder::new().unwrap(), ""), "2026-03-10T12:00:00Z").await.unwrap_err();
    assert_eq!(error.reason, Reason::File);
}

#[tokio::test]
async fn a_month_that_is_missing_is_not_free() {
    let row = |month: u8| format!("1,1,USD,2026-{month:02}-05,,2026-{month:02}-01,Usage,,A,acc\n");
    let window = Window::new("2026-06-10T12:00:00Z".parse().unwrap(), Calendar::Utc, 5);
    for (months, expected) in [
        (vec![1, 2, 3, 4, 5, 6], "2026-01-01 2026-06-06"),
        (vec![1, 2, 4, 5], "2026-04-01 2026-05-06"),
        (vec![6], "2026-06-01 2026-06-06"),
    ] {
        let folder = table(&months.into_iter().map(row).collect::<String>());
        let snapshot = focus(&folder, "").fetch(&Http::new().unwrap(), &window).await.unwrap();
        assert_eq!(format!("{} {}", snapshot.covers.start, snapshot.covers.end), expected);
    }
}

#[tokio::test]
async fn a_commitment_that_is_not_used_is_found() {
    let header = format!("{HEADER},CommitmentDiscountStatus,CommitmentDiscountId,CommitmentDiscountName");
    let mut text = format!("{header}\n");
    for day in 1..=10 {
        for (amount, status, id) in
            [("1.5", "Unused", "sp-1"), ("7", "Used", "sp-1"), ("0", "Unused", "sp-2")]
        {
            writeln!(text, "0,{amount},USD,2026-03-{day:02},,2026-03-01,Usage,,EC2,acc,{status},{id},NULL")
                .unwrap();
        }
    }
    let folder = Folder::new().unwrap();
    folder.write("a.csv", text).unwrap();
    let snapshot = fetch(&focus(&folder, ""), "2026-03-10T12:00:00Z").await.unwrap();
    let [finding] = snapshot.findings.as_slice() else { panic!("{:?}", snapshot.findings) };
    assert_eq!(
        (&*finding.kind, finding.subject.as_str(), &*finding.currency),
        ("unused_commitment", "sp-1", "USD")
    );
    // ten days of it, for thirty
    assert_eq!(finding.monthly.to_string(), "45");
    assert_eq!(finding.evidence, "15.00 USD of it were paid for and not used from 2026-03-01 to 2026-03-10");
    assert_eq!(snapshot.charges.iter().filter(|charge| charge.category != Category::Usage).count(), 0);
}
