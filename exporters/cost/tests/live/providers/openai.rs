//! OpenAI.

use std::collections::BTreeMap;

use cost_exporter::charge::Category;
use cost_exporter::http::Http;
use jiff::civil::Date;
use kit::cloud::Cloud;
use kit::cloud::openai::{KEY, OpenAi};

use super::{ask, ask_by, days, exact, of_category, of_month, of_service, sum};

const NOW: &str = "2026-03-10T12:00:00Z";

/// What each day costs: project, line item, amount as JSON. Numbers, texts, exponents, many digits, nothing.
const LINES: [(&str, Option<&str>, &str); 7] = [
    ("proj_a", Some("gpt-5.4-2026-03-05, input"), "0.0000123456789012345678"),
    ("proj_a", Some("gpt-5.4-2026-03-05, cached input"), "1e-05"),
    ("proj_b", Some("gpt-5.4-2026-03-05, output"), "\"1.1000000000000000000001\""),
    ("proj_b", Some("text-embedding-3-small"), "3.5E-7"),
    ("proj_b", Some("web search tool calls"), "\"2.5e-1\""),
    ("proj_b", None, "0.1"),
    ("proj_b", Some("gpt-5.4-2026-03-05, output"), "0"),
];

/// A credit on the first of each month.
const CREDIT: &str = "-0.2500000000000001";

/// A cost: day, project, line item, amount.
type Row = (Date, &'static str, Option<&'static str>, &'static str);

/// What a double reports of these days; every seventh is empty.
pub(super) fn double(first: &str, end: &str) -> (OpenAi, Vec<Row>) {
    let mut rows = Vec::new();
    for day in days(first, end).filter(|day| day.day() % 7 != 0) {
        rows.extend(LINES.map(|(project, line_item, amount)| (day, project, line_item, amount)));
        if day.day() == 1 {
            rows.push((day, "proj_a", Some("credits"), CREDIT));
        }
    }
    let filled = rows.iter().fold(OpenAi::default(), |double, (day, project, line_item, amount)| {
        double.cost(*day, project, *line_item, amount)
    });
    let usage = r#""model": "gpt-5.4", "input_tokens": 100, "input_cached_tokens": 60, "output_tokens": 7, "num_model_requests": 1"#;
    let embedding = r#""model": "text-embedding-3-small", "input_tokens": 11, "num_model_requests": 1"#;
    let filled = days(first, end).fold(filled, |double, day| {
        double.usage(day, "completions", usage).usage(day, "embeddings", embedding)
    });
    (filled, rows)
}

pub(super) async fn cloud(double: OpenAi) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

pub(super) fn settings(cloud: &Cloud) -> String {
    format!("type: openai, base_url: '{}', api_key: {KEY}", cloud.url("/v1"))
}

#[tokio::test]
async fn sums_are_exact_over_thirteen_months() {
    let (double, rows) = double("2025-01-20", "2026-03-12");
    let cloud = cloud(double).await;
    let http = Http::new().unwrap();
    let snapshot = ask_by(&http, &format!("{}, tokens: false", settings(&cloud)), NOW, 13).await.unwrap();
    // from the first of February 2025 to the tenth of March 2026
    let inside = |day: &Date| (super::day("2025-02-01")..=super::day("2026-03-10")).contains(day);
    let rows: Vec<_> = rows.into_iter().filter(|(day, ..)| inside(day)).collect();
    assert_eq!(sum(&snapshot, |_| true), exact(rows.iter().map(|row| row.3), 0));
    let mut months = BTreeMap::<String, Vec<&str>>::new();
    for (day, .., amount) in &rows {
        months.entry(day.strftime("%Y-%m").to_string()).or_default().push(amount);
    }
    assert_eq!(months.len(), 14);
    for (month, amounts) in months {
        assert_eq!(of_month(&snapshot, &month), exact(amounts, 0), "{month}");
    }
    let credits = rows.iter().map(|row| row.3).filter(|amount| amount.starts_with('-'));
    assert_eq!(of_category(&snapshot, Category::Credit), exact(credits, 0));
    // 403 days, 31 a page
    assert_eq!(cloud.count(), 13);
    assert!(snapshot.charges.iter().all(|charge| &*charge.currency == "USD" && charge.account.is_empty()));
}

#[tokio::test]
async fn services_are_models_and_tokens_are_disjoint() {
    let (double, rows) = double("2026-01-20", "2026-03-12");
    let cloud = cloud(double).await;
    let snapshot = ask(&settings(&cloud), NOW).await.unwrap();
    let counted = |wanted: &dyn Fn(&str) -> bool| {
        let inside = rows
            .iter()
            .filter(|(day, ..)| *day >= super::day("2026-02-01") && *day <= super::day("2026-03-10"));
        exact(inside.filter(|(_, _, line_item, _)| wanted(line_item.unwrap_or("none"))).map(|row| row.3), 0)
    };
    assert_eq!(of_service(&snapshot, "gpt-5.4-2026-03-05"), counted(&|item| item.starts_with("gpt")));
    assert_eq!(of_service(&snapshot, "web search tool calls"), counted(&|item| item.starts_with("web")));
    assert_eq!(of_service(&snapshot, "__other__"), counted(&|item| item == "none"));
    let mut tokens = BTreeMap::<(String, String), u64>::new();
    for token in &snapshot.tokens {
        *tokens.entry((token.model.to_string(), token.kind.to_string())).or_default() += token.count;
    }
    let tokens: Vec<_> =
        tokens.iter().map(|((model, kind), count)| format!("{model} {kind} {count}")).collect();
    // 38 days
    assert_eq!(
        tokens,
        [
            "gpt-5.4 cached_input 2280",
            "gpt-5.4 input 1520",
            "gpt-5.4 output 266",
            "text-embedding-3-small input 418"
        ]
    );
    // costs and two kinds of usage, two pages each
    assert_eq!(cloud.count(), 6);
    // the tenth of March is not over
    assert_eq!(snapshot.data_until, Some(NOW.parse::<jiff::Timestamp>().unwrap().as_second()));
}

#[tokio::test]
async fn projects_are_told_apart_when_that_is_wanted() {
    let (double, rows) = double("2026-03-01", "2026-03-12");
    let cloud = cloud(double).await;
    let snapshot = ask(&format!("{}, tokens: false, by_project: true", settings(&cloud)), NOW).await.unwrap();
    for project in ["proj_a", "proj_b"] {
        let inside = rows.iter().filter(|row| row.0 <= super::day("2026-03-10") && row.1 == project);
        let found = sum(&snapshot, |charge| *charge.account == *project);
        assert_eq!(found, exact(inside.map(|row| row.3), 0), "{project}");
    }
}
