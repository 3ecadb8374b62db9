//! `check` and `backfill`.

use kit::process::Folder;
use kit::prometheus::promtool;

use crate::support::{Exporter, run};

const NOW: &str = "2026-03-10T12:00:00Z";
const PRICES: &str = "providers:\n  - {name: rent, type: fixed, items: [{service: server, amount: 5, period: day}]}\n  - {name: yearly, type: fixed, items: [{service: domain, amount: 12, period: year}], labels: {team: \"a\\\"b\"}}\n";

#[tokio::test]
async fn a_check_tells_what_there_is() {
    let folder = Folder::new().unwrap();
    folder.write("c.yml", PRICES).unwrap();
    let (code, out, err) = run(&folder, &["check", "--config.file=c.yml"], NOW).await;
    assert_eq!((code, err.as_str()), (0, ""));
    for line in [
        "rent (fixed): good: 38 charges of 38 days, about 25 series, 50.00 USD in this period (reported)",
        "yearly (fixed): good: 2 charges of 38 days, about 25 series, 1.00 USD in this period (reported)",
        "  it is asked every 1h, for nothing",
    ] {
        assert!(out.lines().any(|found| found == line), "`{line}` is missing in\n{out}");
    }
    let only = run(&folder, &["check", "--config.file=c.yml", "--provider=yearly"], NOW).await;
    assert!(only.1.starts_with("yearly ") && only.1.lines().count() == 2, "{}", only.1);
    let unknown = run(&folder, &["check", "--config.file=c.yml", "--provider=none"], NOW).await;
    assert_eq!((unknown.0, unknown.2.as_str()), (1, "error: there is no provider `none`\n"));
    assert!(!folder.path().join("data").exists(), "a check writes nothing");
}

#[tokio::test]
async fn past_months_become_blocks_of_prometheus() {
    let folder = Folder::new().unwrap();
    folder.write("c.yml", PRICES).unwrap();
    let arguments = ["backfill", "--config.file=c.yml", "--months=2", "--output=out.txt"];
    let (code, out, err) = run(&folder, &arguments, NOW).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("rent: from 2026-01-01\n"), "{out}");
    let text = std::fs::read_to_string(folder.path().join("out.txt")).unwrap();
    let rent = "provider=\"rent\",account=\"\",currency=\"USD\",source=\"reported\",service=\"server\"";
    let seconds = |moment: &str| moment.parse::<jiff::Timestamp>().unwrap().as_second();
    for (line, at) in [
        (format!("cost_month_to_date{{{rent}}} 155"), "2026-01-31T23:59:59Z"),
        (format!("cost_month_to_date{{{rent}}} 5"), "2026-02-01T23:59:59Z"),
        (format!("cost_month_to_date{{{rent}}} 45"), "2026-03-09T23:59:59Z"),
        (format!("cost_last_day{{{rent}}} 5"), "2026-03-09T23:59:59Z"),
    ] {
        let line = format!("{line} {}", seconds(at));
        assert!(text.lines().any(|found| found == line), "`{line}` is missing in\n{text}");
    }
    assert!(text.contains("team=\"a\\\"b\"") && text.ends_with("# EOF\n"), "{text}");
    let file = folder.path().join("out.txt").display().to_string();
    let blocks = folder.path().join("blocks").display().to_string();
    let made = promtool(&["tsdb", "create-blocks-from", "openmetrics", &file, &blocks]).await.unwrap();
    assert!(made.contains("NUM SAMPLES"), "{made}");
    // what was asked for is kept: a server that starts now asks nobody
    let exporter = Exporter::start(&folder, PRICES, NOW, &[]).await;
    let page = exporter.shows(&[&format!("cost_month_to_date{{{rent}}} 50")]).await;
    assert!(
        page.contains("cost_exporter_refreshes_total{provider=\"rent\",outcome=\"success\"} 0"),
        "{page}"
    );
    let (code, _, err) = run(&folder, &arguments, NOW).await;
    assert_eq!(code, 1);
    assert!(err.starts_with("error: storage folder data is used by another cost-exporter"), "{err}");
}
