//! Vercel.

use cost_exporter::charge::Category;
use cost_exporter::http::{Http, Reason};
use jiff::civil::Date;
use kit::cloud::Cloud;
use kit::cloud::vercel::{KEY, TEAM, Vercel};

use super::{ask, ask_by, day, days, exact, of_category, of_month, sum};

/// Half past eleven in the evening of the ninth of March, in California.
const NOW: &str = "2026-03-10T06:30:00Z";

/// What each day costs: project, service, kind, amount as JSON.
const LINES: [(Option<&str>, &str, &str, &str); 6] = [
    (Some("web"), "Fast Data Transfer", "Usage", "0.123456789012345678"),
    (Some("web"), "Vercel Functions", "Usage", "1.5e-7"),
    (Some("docs"), "Fast Data Transfer", "Usage", "0.0"),
    (None, "Pro", "Purchase", "0.6666666666666666"),
    (None, "Pro Credit", "Credit", "-0.3"),
    (None, "Sales Tax", "Tax", "0.01"),
];

pub(super) fn double(first: &str, end: &str) -> (Vercel, Vec<(Date, &'static str)>) {
    let (mut double, mut rows) = (Vercel::default(), Vec::new());
    for day in days(first, end) {
        for (project, service, category, amount) in LINES {
            double = double.charge(day, project, (service, category), amount);
            rows.push((day, amount));
        }
    }
    (double, rows)
}

pub(super) async fn cloud(double: Vercel) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

pub(super) fn settings(cloud: &Cloud) -> String {
    format!("type: vercel, base_url: '{}', api_key: {KEY}, team_id: {TEAM}", cloud.url(""))
}

#[tokio::test]
async fn pacific_days_add_up_through_the_change_of_clocks() {
    // the row of the last of January comes along, and is not of February
    let (double, rows) = double("2026-01-20", "2026-03-12");
    let cloud = cloud(double).await;
    let snapshot = ask(&settings(&cloud), NOW).await.unwrap();
    for (month, days) in [("2026-02", 28), ("2026-03", 9)] {
        let inside = rows.iter().filter(|row| row.0.strftime("%Y-%m").to_string() == month);
        let amounts: Vec<_> = inside.filter(|row| row.0 <= day("2026-03-09")).map(|row| row.1).collect();
        assert_eq!(amounts.len(), days * LINES.len());
        assert_eq!(of_month(&snapshot, month), exact(amounts, 0), "{month}");
    }
    let one = exact(LINES.map(|line| line.3), 0);
    for date in days("2026-02-01", "2026-03-10") {
        assert_eq!(sum(&snapshot, |charge| charge.day == date), one, "{date}");
    }
    for (category, amount) in
        [(Category::Credit, "-11.1"), (Category::Tax, "0.37"), (Category::Purchase, "24.6666666666666642")]
    {
        assert_eq!(of_category(&snapshot, category), amount, "{category:?}");
    }
    let query = cloud.requests().remove(0).query;
    assert!(query.contains("from=2026-02-01T08%3A00%3A00Z&to=2026-03-10T07%3A00%3A00Z"), "{query}");
    assert!(snapshot.charges.iter().all(|charge| charge.account.is_empty()));
}

#[tokio::test]
async fn more_than_a_year_is_asked_for_in_parts() {
    let (double, rows) = double("2024-12-30", "2026-03-12");
    let cloud = cloud(double).await;
    let http = Http::new().unwrap();
    let settings = format!("{}, by_project: true", settings(&cloud));
    let snapshot = ask_by(&http, &settings, NOW, 14).await.unwrap();
    let inside = rows.iter().filter(|row| (day("2025-01-01")..=day("2026-03-09")).contains(&row.0));
    assert_eq!(sum(&snapshot, |_| true), exact(inside.map(|row| row.1), 0));
    assert_eq!(cloud.count(), 2);
    // the clocks go back on the second of November: a day of 25 hours is one day
    let (one, web) = (exact(LINES.map(|line| line.3), 0), exact([LINES[0].3, LINES[1].3], 0));
    for date in days("2025-11-01", "2025-11-04") {
        assert_eq!(sum(&snapshot, |charge| charge.day == date), one, "{date}");
        assert_eq!(sum(&snapshot, |charge| charge.day == date && &*charge.account == "web"), web, "{date}");
    }
}

#[tokio::test]
async fn silence_is_no_sum_of_nothing() {
    let cloud = cloud(Vercel::default()).await;
    let error = ask(&settings(&cloud), NOW).await.unwrap_err();
    assert_eq!(error.reason, Reason::Malformed, "{error}");
    let stranger = settings(&cloud).replace(TEAM, "team_other");
    assert_eq!(ask(&stranger, NOW).await.unwrap_err().reason, Reason::Forbidden);
}
