//! Anthropic.

use std::collections::BTreeMap;

use cost_exporter::charge::Category;
use jiff::civil::Date;
use kit::cloud::Cloud;
use kit::cloud::anthropic::{Anthropic, KEY};

use super::{ask, day, days, exact, of_category, of_month, of_service, sum};

const NOW: &str = "2026-01-03T00:00:00Z";

/// What each day costs: workspace, model, kind of token, cents.
const LINES: [(Option<&str>, &str, &str, &str); 4] = [
    (None, "claude-opus-4-8", "uncached_input_tokens", "123.45"),
    (Some("wrkspc_1"), "claude-opus-4-8", "output_tokens", "0.000123456789012345"),
    (Some("wrkspc_1"), "claude-haiku-5", "cache_read_input_tokens", "0"),
    (Some("wrkspc_1"), "claude-haiku-5", "output_tokens", "7e-3"),
];

/// A cost: day, workspace, service, cents.
type Row = (Date, &'static str, &'static str, &'static str);

/// What a double reports of these days.
pub(super) fn double(first: &str, end: &str) -> (Anthropic, Vec<Row>) {
    let (mut double, mut rows) = (Anthropic::default(), Vec::new());
    for day in days(first, end) {
        for (workspace, model, token_type, cents) in LINES {
            double = double.tokens(day, workspace, (model, token_type), cents);
            rows.push((day, workspace.unwrap_or("default"), model, cents));
        }
        double = double.other(day, ("web_search", "Web Search Usage"), "1.0");
        rows.push((day, "default", "web_search", "1.0"));
        if day.day() == 2 {
            double = double.other(day, ("tokens", "Credit"), "-50.0");
            rows.push((day, "default", "Credit", "-50.0"));
        }
        double = double.usage(
            day,
            r#""model": "claude-opus-4-8", "uncached_input_tokens": 40, "cache_read_input_tokens": 60, "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 2}, "output_tokens": 7, "server_tool_use": {"web_search_requests": 1}"#,
        );
    }
    (double, rows)
}

pub(super) async fn cloud(double: Anthropic) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

pub(super) fn settings(cloud: &Cloud) -> String {
    format!("type: anthropic, base_url: '{}', api_key: {KEY}", cloud.url(""))
}

#[tokio::test]
async fn cents_add_up_over_the_turn_of_the_year() {
    let (double, rows) = double("2025-11-20", "2026-01-05");
    let cloud = cloud(double).await;
    let snapshot = ask(&settings(&cloud), NOW).await.unwrap();
    // the third of January has begun just now
    let inside: Vec<_> =
        rows.iter().filter(|row| (day("2025-12-01")..=day("2026-01-03")).contains(&row.0)).collect();
    for (month, days) in [("2025-12", 31), ("2026-01", 3)] {
        let of_month_rows = inside.iter().filter(|row| row.0.strftime("%Y-%m").to_string() == month);
        let amounts: Vec<&str> = of_month_rows.map(|row| row.3).collect();
        assert_eq!(of_month(&snapshot, month), exact(amounts.iter().copied(), 2), "{month}");
        assert_eq!(amounts.len(), days * 5 + 1, "{month}");
    }
    for service in ["claude-opus-4-8", "claude-haiku-5", "web_search", "Credit"] {
        let amounts = inside.iter().filter(|row| row.2 == service).map(|row| row.3);
        assert_eq!(of_service(&snapshot, service), exact(amounts, 2), "{service}");
    }
    assert_eq!(of_category(&snapshot, Category::Credit), "-1");
    // 34 days, 31 a page, costs and usage
    assert_eq!(cloud.count(), 4);
    let mut tokens = BTreeMap::<&str, u64>::new();
    for token in &snapshot.tokens {
        *tokens.entry(&token.kind).or_default() += token.count;
    }
    let tokens: Vec<_> = tokens.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    assert_eq!(
        tokens,
        ["cache_write 170", "cache_write_1h 68", "cached_input 2040", "input 1360", "output 238"]
    );
}

#[tokio::test]
async fn workspaces_are_told_apart_when_that_is_wanted() {
    let (double, rows) = double("2026-01-01", "2026-01-05");
    let cloud = cloud(double).await;
    let settings =
        format!("{}, by_workspace: true, tokens: false", settings(&cloud).replace("', api", "/v1', api"));
    let snapshot = ask(&settings, NOW).await.unwrap();
    for workspace in ["default", "wrkspc_1"] {
        let amounts = rows.iter().filter(|row| row.0 <= day("2026-01-03") && row.1 == workspace);
        let found = sum(&snapshot, |charge| *charge.account == *workspace);
        assert_eq!(found, exact(amounts.map(|row| row.3), 2), "{workspace}");
    }
}

#[tokio::test]
async fn a_grouping_that_is_refused_costs_detail_and_no_money() {
    let (double, rows) = double("2026-01-01", "2026-01-05");
    let cloud = cloud(double.refuse("description")).await;
    let snapshot = ask(&format!("{}, tokens: false", settings(&cloud)), NOW).await.unwrap();
    let amounts = rows.iter().filter(|row| row.0 <= day("2026-01-03")).map(|row| row.3);
    assert_eq!(of_service(&snapshot, "__other__"), exact(amounts, 2));
    // once in vain, then 34 days on two pages
    assert_eq!(cloud.count(), 3);
}
