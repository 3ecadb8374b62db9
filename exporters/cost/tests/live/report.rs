//! What is to come on the page, and `report`, beside a running exporter; the HTML in a real browser.

use std::fmt::Write;

use jiff::civil::Date;
use kit::browser::{Window, evaluate, screenshot};
use kit::process::Folder;

use crate::support::{Exporter, run};

const NOW: &str = "2026-03-20T12:00:00Z";

/// Where the pictures are kept.
const PICTURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/report");

const PHONE: Window = Window { width: 390, height: 2600, density: 2, dark: false };
const DESK: Window = Window { width: 1280, height: 1800, density: 1, dark: false };

/// Ten dollars a day, a hundred on the twelfth of March, and a subscription.
fn days() -> String {
    let mut text = String::from("date,service,category,amount\n");
    let first: Date = "2026-01-01".parse().unwrap();
    for day in
        first.series(jiff::Span::new().days(1)).take_while(|day| day.to_string().as_str() < "2026-03-20")
    {
        let amount = if day.to_string() == "2026-03-12" { 100 } else { 10 };
        writeln!(text, "{day},compute with a rather long name <of a service>,usage,{amount}").unwrap();
    }
    text + "2026-02-01,support,purchase,30\n2026-03-01,support,purchase,30\n"
}

const CONFIG: &str = "
providers:
  - {name: cloud, type: csv, path: days.csv, settles_after: 0s}
  - {name: rent, type: fixed, items: [{service: server, amount: 5, period: day}]}
budgets:
  - {name: all, limit: 500, currency: USD}
  - {name: cloud, limit: 5000, period: year, match: {provider: csv}}
";

#[tokio::test]
async fn what_is_to_come_and_a_month_for_a_person() {
    let folder = Folder::new().unwrap();
    let csv = folder.write("days.csv", days()).unwrap();
    let config = CONFIG.replace("days.csv", &csv.display().to_string());
    folder.write("c.yml", &config).unwrap();
    let exporter = Exporter::start(&folder, &config, NOW, &[]).await;
    let labels = "provider=\"cloud\",account=\"\",currency=\"USD\",source=\"reported\"";
    // nineteen days and the spike are known; twelve days of ten dollars are to come
    let page = exporter
        .shows(&[
            &format!("cost_forecast_month_end{{{labels}}} 430"),
            "cost_budget_spent{budget=\"all\",currency=\"USD\"} 410",
            "cost_budget_forecast{budget=\"all\",currency=\"USD\"} 585",
            "cost_budget_used_ratio{budget=\"all\"} 0.82",
            "cost_budget_data_complete{budget=\"all\"} 1",
            // January was never read
            "cost_budget_data_complete{budget=\"cloud\"} 0",
        ])
        .await;
    for name in [
        "cost_budget_exhaustion_timestamp_seconds{budget=\"all\"}",
        "cost_anomaly_active{",
        "cost_expected_day{",
    ] {
        assert!(page.contains(name), "`{name}` is missing in\n{page}");
    }
    assert!(!page.contains("cost_budget_exhaustion_timestamp_seconds{budget=\"cloud\"}"), "{page}");
    let later = folder.path().join("config.yml").display().to_string();
    let report = async |format: &str, month: &str| {
        let arguments = [
            "report".to_owned(),
            format!("--config.file={later}"),
            format!("--storage.path={}", folder.path().join("data").display()),
            format!("--month={month}"),
            format!("--format={format}"),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (code, out, err) = run(&folder, &arguments, NOW).await;
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        out
    };
    let text = report("text", "2026-03").await;
    for part in ["410.00 USD", "forecast 585.00 USD", "2026-03-12", "What changed most"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    let before: serde_json::Value = serde_json::from_str(&report("json", "2026-02").await).unwrap();
    assert_eq!(
        (&before["is_over"], &before["totals"][0]["amount"]),
        (&true.into(), &"450".into()),
        "{before}"
    );
    let (code, _, err) = run(&folder, &["report", "--config.file=c.yml", "--month=2026-04"], NOW).await;
    assert_eq!((code, err.as_str()), (1, "error: 2026-04-01: this month has not begun\n"));
    look(&report("html", "2026-03").await).await;
    // the forecast of the twentieth day was kept, and is held against what came: 155 dollars
    exporter.server.kill9();
    let exporter = Exporter::start(&folder, &config, "2026-04-03T12:00:00Z", &[]).await;
    let rent = "provider=\"rent\",account=\"\",currency=\"USD\",source=\"reported\"";
    exporter.shows(&[&format!("cost_forecast_error_ratio{{{rent},horizon=\"20\"}} 0")]).await;
}

/// In a browser: nothing wider than the window, both colour schemes, no script, no complaints.
async fn look(html: &str) {
    assert!(!html.contains("<script") && !html.contains("http"), "{html}");
    std::fs::create_dir_all(PICTURES).unwrap();
    let file = format!("{PICTURES}/report.html");
    std::fs::write(&file, html).unwrap();
    let script = "[document.documentElement.scrollWidth <= innerWidth, \
                  [...document.querySelectorAll('table')].every(one => one.scrollWidth <= one.parentElement.clientWidth), \
                  getComputedStyle(document.body).backgroundColor, document.querySelectorAll('rect').length].join()";
    for (name, window) in [("phone", PHONE), ("desk", DESK)] {
        for dark in [false, true] {
            let window = Window { dark, ..window };
            let back = if dark { "rgb(20, 24, 28)" } else { "rgb(255, 255, 255)" };
            let seen = evaluate(html, window, script).await.unwrap();
            assert_eq!(seen, format!("true,true,{back},20"), "{name}, dark {dark}");
            let picture = format!("{PICTURES}/{name}-{}.png", if dark { "dark" } else { "light" });
            let complaints = screenshot(&format!("file://{file}"), window, picture.as_ref()).await.unwrap();
            assert_eq!(complaints, [""; 0]);
        }
    }
}
