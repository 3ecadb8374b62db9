//! Reports, byte for byte, and what they must never do.

use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::calendar::{Calendar, days_after};
use crate::charge::{Category, Finding};
use crate::config::Config;
use crate::figures::testing::{Dice, config, day, days, line, money, told};
use crate::figures::{Book, Entries};
use crate::store::{Line, MadeForecast, ReadDays};

const CONFIG: &str = "
providers:
  - {name: aws, type: fixed, items: [], settles_after: 36h}
  - {name: ai, type: fixed, items: [], settles_after: 6h}
  - {name: render, type: fixed, items: []}
  - {name: domains, type: fixed, items: []}
  - {name: silent, type: fixed, items: []}
budgets:
  - {name: all, limit: 2500, match: {provider: [aws, ai, render, domains]}}
  - {name: llm, limit: 400, match: {provider: ai}}
  - {name: year, limit: 40000, period: year, match: {provider: [aws]}}
";

/// What a service costs each day, in cents, with weekends and noise that are the same every time.
fn used(account: &str, service: &str, base: f64, until: &str, spike: Option<(&str, f64)>) -> Line {
    let mut dice = Dice(service.len() as u64 * 31 + account.len() as u64);
    let cost = |day: Day| {
        let rest = if day.weekday().to_monday_zero_offset() >= 5 { 0.6 } else { 1.0 };
        let spike =
            spike.filter(|(spiked, _)| day == spiked.parse().unwrap()).map_or(1.0, |(_, times)| times);
        (day, Money::estimate(base * rest * dice.noise(0.08) * spike).rounded(4))
    };
    let amounts = days("2026-01-01", until).iter().map(cost);
    Line { account: account.into(), ..line(service, Category::Usage, amounts) }
}

fn once(service: &str, category: Category, currency: &str, charges: &[(&str, &str)]) -> Line {
    let charges = charges.iter().map(|(text, amount)| (day(text), money(amount)));
    Line { currency: currency.into(), ..line(service, category, charges) }
}

struct Example {
    config: Config,
    sources: Vec<Source>,
    now: Timestamp,
}

impl Example {
    /// A small product in the middle of March, or on the tenth of April.
    fn new(now: &str, settled: &str) -> Self {
        let config = config(CONFIG);
        let now: Timestamp = now.parse().unwrap();
        let last = now.min("2026-03-31T23:59:59Z".parse().unwrap());
        let until = days_after(Calendar::Utc.day_of(last), 1).to_string();
        let aws = vec![
            used("prod", "AmazonEC2", 31.0, &until, Some(("2026-03-12", 3.1))),
            used("prod", "AmazonS3", 6.5, &until, None),
            used("staging", "AmazonRDS", 4.0, &until, None),
            once(
                "AWS Support (Business)",
                Category::Purchase,
                "USD",
                &[("2026-02-01", "100"), ("2026-03-01", "100")],
            ),
            once("Credits | \"<startup>\"", Category::Credit, "USD", &[("2026-03-02", "-50.005")]),
            once("Refund", Category::Refund, "USD", &[("2026-03-05", "-3.2")]),
            once("Tax", Category::Tax, "USD", &[("2026-03-03", "77")]),
        ];
        let ai = vec![
            used("", "gpt-5.4", 9.0, &until, None),
            used("", "=cmd()", 2.0, &until, Some(("2026-03-14", 9.0))),
        ];
        let render = vec![used("", "web", 1.4, &until, None)];
        let domains = vec![once(
            "example.eu",
            Category::Purchase,
            "EUR",
            &[("2026-02-10", "12.5"), ("2026-03-10", "12.5")],
        )];
        let all = [("aws", aws), ("ai", ai), ("render", render), ("domains", domains)];
        let source = |(name, lines): (&str, Vec<Line>)| {
            let kind = if name == "render" {
                crate::charge::Source::Estimated
            } else {
                crate::charge::Source::Reported
            };
            let mut told = told(kind, Calendar::Utc, last);
            if name == "render" {
                told.unpriced = 2;
                told.findings = vec![Finding {
                    kind: "suspended_leftover".into(),
                    subject: "old-worker <b>".to_owned(),
                    monthly: money("7"),
                    currency: "USD".into(),
                    evidence: "It has been suspended since 2026-01-03; its disk of 10 GB is still charged."
                        .to_owned(),
                }];
            }
            let first = if name == "render" { "2026-03-03" } else { "2026-01-01" };
            let read = ReadDays { first: Some(day(first)), settled: Some(day(settled)) };
            let entries = Entries::new(told, read, lines, Vec::new());
            let provider = config.providers.iter().find(|provider| *provider.name == *name).unwrap().clone();
            let made = [(5_u8, "640"), (10, "600"), (20, "590.5")].map(|(horizon, amount)| MadeForecast {
                account: "prod".into(),
                currency: "USD".into(),
                period: day("2026-03-01"),
                horizon,
                amount: money(amount),
            });
            let made = if name == "aws" { made.to_vec() } else { Vec::new() };
            let book = Book::new(Arc::new(provider), Arc::new(entries), last);
            Source { book, made, read_at: Some(now) }
        };
        let sources = all.into_iter().map(source).collect();
        Self { config, sources, now }
    }

    fn report(&self) -> Report {
        let (config, sources) = (&self.config, self.sources.as_slice());
        Report::of(&Given { config, sources, days: days("2026-03-01", "2026-04-01"), now: self.now })
    }
}

fn running() -> Report {
    Example::new("2026-03-20T12:00:00Z", "2026-03-18").report()
}

fn closed() -> Report {
    Example::new("2026-04-10T12:00:00Z", "2026-04-08").report()
}

/// Compares with a file of this folder; where it differs, the new one is written beside the build.
fn check(name: &str, found: &str, expected: &str) {
    if found != expected {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/report");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), found).unwrap();
        panic!("{name} is another one now: target/report/{name}");
    }
}

#[test]
fn golden_text() {
    check("running.txt", &running().write(Format::Text), include_str!("golden/running.txt"));
    check("closed.txt", &closed().write(Format::Text), include_str!("golden/closed.txt"));
}

#[test]
fn golden_markdown() {
    check("running.md", &running().write(Format::Markdown), include_str!("golden/running.md"));
}

#[test]
fn golden_html() {
    let page = running().write(Format::Html);
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    check("running.html", &format!("{before}<style></style>{after}"), include_str!("golden/running.html"));
}

#[test]
fn golden_json() {
    check("running.json", &running().write(Format::Json), include_str!("golden/running.json"));
}

#[test]
fn golden_csv() {
    check("running.csv", &running().write(Format::Csv), include_str!("golden/running.csv"));
}

#[test]
fn golden_slack() {
    check("running.slack.json", &running().write(Format::Slack), include_str!("golden/running.slack.json"));
}

#[test]
fn currencies_are_never_added_and_parts_make_the_whole() {
    let report = running();
    let currencies: Vec<&str> = report.totals.iter().map(|total| total.currency.as_str()).collect();
    assert_eq!(currencies, ["USD", "EUR"]);
    for total in &report.totals {
        let of = |rows: &[Row]| {
            rows.iter().filter(|row| row.currency == total.currency).map(|row| row.amount).sum::<Money>()
        };
        assert_eq!((of(&report.providers), of(&report.services)), (total.amount, total.amount));
        let days = report.daily.iter().filter(|day| day.currency == total.currency);
        assert_eq!(days.map(|day| day.amount).sum::<Money>(), total.amount);
    }
}

#[test]
fn slack_takes_it_however_much_there_is() {
    let mut report = running();
    let many = |count: usize| (0..count).map(|at| format!("{at}-{}", "<&*_~`>".repeat(40)));
    report.movers = many(300).map(|service| Row { service, ..report.movers[0].clone() }).collect();
    report.totals = many(80).map(|currency| Total { currency, ..report.totals[0].clone() }).collect();
    report.recommendations =
        many(90).map(|evidence| Recommendation { evidence, ..report.recommendations[0].clone() }).collect();
    report.notes = many(500).collect();
    let message: Value = serde_json::from_str(&report.write(Format::Slack)).unwrap();
    let blocks = message["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50, "{}", blocks.len());
    for block in blocks {
        let texts = [&block["text"]["text"], &block["elements"][0]["text"]];
        for text in texts.iter().filter_map(|text| text.as_str()) {
            let most = if block["type"] == "header" { 150 } else { 3_000 };
            assert!(!text.is_empty() && text.chars().count() <= most, "{}", text.len());
        }
    }
}

#[test]
fn what_is_not_known_is_said() {
    let report = running();
    for part in [
        "silent was never read",
        "Of render, nothing is known before 2026-03-03",
        "2 things without a known price",
    ] {
        assert!(report.notes.iter().any(|note| note.contains(part)), "{part}: {:?}", report.notes);
    }
    assert!(report.totals[0].forecast.is_some() && closed().totals[0].forecast.is_none());
    let empty =
        Report::of(&Given { config: &Config::default(), sources: &[], days: report.days, now: report.as_of });
    for (_, format) in Format::ALL {
        assert!(!empty.write(format).is_empty());
    }
}

#[test]
fn a_month_that_was_never_read_is_not_one_that_cost_nothing() {
    let mut example = Example::new("2026-03-20T12:00:00Z", "2026-03-18");
    example.sources.retain(|source| &*source.book.provider.name == "render");
    let report = example.report();
    let [total] = report.totals.as_slice() else { panic!("one currency: {:?}", report.totals) };
    assert_eq!((total.same_day, total.previous), (None, None));
    assert!(report.movers.is_empty(), "nothing to compare with: {:?}", report.movers);
    let text = report.write(Format::Text);
    assert!(text.contains("February 2026: not known"), "{text}");
    assert!(report.write(Format::Csv).lines().skip(1).all(|line| line.ends_with(",,")), "empty cells");
}
