//! Where alerts go in a tree of 500 routes: wide (500 siblings that want a value each), and deep (teams, services,
//! severities), with patterns between.
//!
//! `cargo bench -p alertrouter --bench routing`

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should stop")]

use std::fmt::Write;
use std::hint::black_box;

use alertrouter::config::Config;
use alertrouter::labels::Labels;
use alertrouter::matcher::ParserMode;
use alertrouter::route::Route;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use toolkit::config::Document;

/// 500 nodes below the root, each for one service; every tenth wants a pattern, which must be tried.
fn wide() -> Route {
    let mut text = "route:\n  receiver: r\n  routes:\n".to_owned();
    for number in 0..500 {
        if number % 10 == 9 {
            writeln!(text, "  - matchers: ['service=~\"svc-{number}-.*\"', 'severity!=\"info\"']").unwrap();
        } else {
            writeln!(text, "  - matchers: ['service=\"svc-{number}\"', 'severity!=\"info\"']").unwrap();
        }
    }
    route(&text)
}

/// 10 teams of 7 services of 6 severities and environments.
fn deep() -> Route {
    let mut text = "route:\n  receiver: r\n  routes:\n".to_owned();
    for team in 0..10 {
        writeln!(text, "  - matchers: ['team=~\"team-{team}|squad-{team}\"']\n    routes:").unwrap();
        for service in 0..7 {
            writeln!(text, "    - matchers: ['service=~\"svc-{service}.*\"']\n      routes:").unwrap();
            for (severity, env) in [
                ("critical", "prod"),
                ("warning", "prod"),
                ("info", "prod"),
                ("critical", "dev"),
                ("warning", "dev"),
                ("info", "dev"),
            ] {
                writeln!(
                    text,
                    "      - match: {{ severity: {severity}, env: {env} }}\n        continue: true"
                )
                .unwrap();
            }
        }
    }
    route(&text)
}

fn route(text: &str) -> Route {
    let text = format!("{text}receivers: [{{ name: r }}]\n");
    let document = Document::parse("bench.yml", &text).unwrap();
    Config::decode(&document, "data".into(), ParserMode::Fallback).unwrap().route
}

/// As Prometheus' alerts look: ten labels.
fn alerts() -> Vec<Labels> {
    (0..1_000)
        .map(|number| {
            let pairs = [
                ("alertname", format!("Alert{}", number % 37)),
                ("cluster", "eu-1".to_owned()),
                ("env", ["prod", "dev"][number % 2].to_owned()),
                ("instance", format!("10.0.0.{}:9100", number % 250)),
                ("job", "node".to_owned()),
                ("namespace", "default".to_owned()),
                ("pod", format!("pod-{number}")),
                ("service", format!("svc-{}", number % 600)),
                ("severity", ["critical", "warning", "info"][number % 3].to_owned()),
                ("team", format!("team-{}", number % 12)),
            ];
            pairs.into_iter().collect()
        })
        .collect()
}

fn routing(criterion: &mut Criterion) {
    let alerts = alerts();
    let mut group = criterion.benchmark_group("routing");
    group.throughput(Throughput::Elements(alerts.len() as u64));
    for (name, tree) in [("wide", wide()), ("deep", deep())] {
        assert!(tree.walk().len() > 490);
        group.bench_function(name, |bencher| {
            bencher.iter(|| alerts.iter().map(|labels| tree.matches(black_box(labels)).len()).sum::<usize>());
        });
    }
    group.finish();
}

criterion_group!(benches, routing);
criterion_main!(benches);
