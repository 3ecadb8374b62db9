//! FOCUS in and out: the sample on the page, and what is exported read again.

use std::collections::BTreeMap;

use cost_exporter::money::Money;
use kit::process::Folder;

use crate::support::{Exporter, run};

const SAMPLE: &[u8] = include_bytes!("../data/focus_sample.csv.gz");

/// What the sample comes to.
const BILLED: &str = "20.52022672899";

/// September is over, and October has nothing yet.
const NOW: &str = "2024-10-05T12:00:00Z";

/// What a file that was exported says: sums by kind of charge, and how many fields its rows have.
fn read(text: &str) -> (BTreeMap<String, Money>, usize) {
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| names.iter().position(|found| *found == name).unwrap();
    let (amount, kind) = (place("BilledCost"), place("ChargeCategory"));
    let mut sums = BTreeMap::new();
    for line in lines {
        // what is quoted here holds commas and nothing else
        let mut inside = false;
        let is_end = |character: char| {
            inside ^= character == '"';
            character == ',' && !inside
        };
        let fields: Vec<&str> = line.split(is_end).collect();
        assert_eq!(fields.len(), names.len(), "{line}");
        *sums.entry(fields[kind].to_owned()).or_default() += Money::parse(fields[amount]).unwrap();
    }
    (sums, names.len())
}

#[tokio::test]
async fn what_is_read_is_shown_and_written_again() {
    let folder = Folder::new().unwrap();
    std::fs::create_dir(folder.path().join("bills")).unwrap();
    std::fs::write(folder.path().join("bills/a.csv.gz"), SAMPLE).unwrap();
    let config = "providers:\n  - {name: bill, type: focus, path: bills/*.gz, account_by: none}\n";
    let exporter = Exporter::start(&folder, config, NOW, &[]).await;
    let page = exporter.shows(&["cost_provider_up{provider=\"bill\"} 1"]).await;
    let shown = page.lines().filter(|line| line.starts_with("cost_previous_month{"));
    let amounts = shown.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap());
    let total: f64 = amounts.sum();
    assert!((total - 20.520_226_728_99).abs() < 1e-9, "{total}\n{page}");
    assert!(page.contains("cost_unpriced_items{provider=\"bill\""), "{page}");

    let arguments = ["focus", "export", "--config.file=config.yml", "--output=out.csv"];
    let (code, out, err) = run(&folder, &arguments, NOW).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let text = std::fs::read_to_string(folder.path().join("out.csv")).unwrap();
    assert!(out.contains(&format!("out.csv is written: {} rows", text.lines().count() - 1)), "{out}");
    let (sums, columns) = read(&text);
    assert_eq!((sums.values().sum::<Money>().to_string().as_str(), columns), (BILLED, 24));
    assert_eq!(sums.keys().collect::<Vec<_>>(), ["Adjustment", "Credit", "Usage"]);
    assert!(text.contains(",2024-09-01T00:00:00Z,2024-10-01T00:00:00Z,Credit,,"), "{text}");

    // what was written is read as what it was
    let other = Folder::new().unwrap();
    other.write("out.csv", &text).unwrap();
    other.write("config.yml", "providers:\n  - {name: again, type: focus, path: out.csv}\n").unwrap();
    let (code, out, err) = run(&other, &["check", "--config.file=config.yml"], "2024-09-30T12:00:00Z").await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("20.52 USD in this period (reported)"), "{out}");
}

#[tokio::test]
async fn an_export_of_a_month() {
    let folder = Folder::new().unwrap();
    let config = "providers:\n  - {name: \"rent\", type: fixed, items: [{service: 'a, \"b\"', amount: 5, period: month}, {service: c, amount: -1, category: refund, period: month}]}\n";
    let exporter = Exporter::start(&folder, config, "2026-03-10T12:00:00Z", &[]).await;
    exporter.shows(&["cost_provider_up{provider=\"rent\"} 1"]).await;
    let arguments = ["focus", "export", "--config.file=config.yml", "--month=2026-02"];
    let (code, out, err) = run(&folder, &arguments, NOW).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let rows: Vec<&str> = out.split("\r\n").skip(1).collect();
    assert_eq!(
        rows,
        [
            "5,rent,rent,USD,2026-02-01T00:00:00Z,2026-03-01T00:00:00Z,Purchase,,\"a, \"\"b\"\", purchase of 2026-02-01 (reported)\",2026-02-01T00:00:00Z,2026-02-02T00:00:00Z,5,5,rent,5,1,Days,rent,rent,Other,\"a, \"\"b\"\"\",,,reported",
            "-1,rent,rent,USD,2026-02-01T00:00:00Z,2026-03-01T00:00:00Z,Adjustment,,\"c, refund of 2026-02-01 (reported)\",2026-02-01T00:00:00Z,2026-02-02T00:00:00Z,-1,-1,rent,-1,,,rent,rent,Other,c,,,reported",
            "",
        ]
    );
    let (code, _, err) =
        run(&folder, &["focus", "export", "--config.file=config.yml", "--month=2026-3"], NOW).await;
    assert!(code == 2 && err.contains("expected a month such as 2026-03"), "{code} {err}");
    let (code, _, err) =
        run(&folder, &["focus", "export", "--config.file=config.yml", "--storage.path=none"], NOW).await;
    assert!(code == 1 && err.contains("it holds no data yet"), "{code} {err}");
}
