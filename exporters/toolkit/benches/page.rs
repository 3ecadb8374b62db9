//! A page of 100,000 series (100 families, 1,000 label sets of 3 labels): collected and encoded by us, and by the
//! `prometheus` crate in the way exporters use it, a fresh registry for each scrape.
//!
//! `cargo bench -p toolkit --bench page`

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should stop")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use prometheus::{Encoder, GaugeVec, Opts, Registry, TextEncoder};
use toolkit::expo::{Compression, Desc, Format, Kind, Page, Samples};

const FAMILIES: usize = 100;
const SERIES: usize = 1000;
const LABELS: [&str; 3] = ["datname", "schemaname", "relname"];

fn names() -> Vec<String> {
    (0..FAMILIES).map(|family| format!("pg_stat_user_tables_metric_{family}")).collect()
}

fn tables() -> Vec<String> {
    (0..SERIES).map(|table| format!("table_{table}")).collect()
}

fn ours(names: &[String], tables: &[String], format: Format, compression: Compression) -> usize {
    let mut samples = Samples::new("");
    let families: Vec<_> = names
        .iter()
        .map(|name| samples.family(&Desc { name, help: "A metric.", kind: Kind::Gauge, labels: &LABELS }))
        .collect();
    for table in tables {
        let labels = samples.labels(&LABELS, &["production", "public", table]);
        for (value, family) in (0_u32..).zip(&families) {
            samples.push(*family, labels, f64::from(value) * 1.5);
        }
    }
    let mut page = Page::new();
    page.section(samples);
    page.finish().0.encode(format, compression).len()
}

/// One label set for each sample, as a collector without wide rows writes them.
fn ours_one_by_one(names: &[String], tables: &[String]) -> usize {
    let mut samples = Samples::new("");
    for name in names {
        let desc = Desc { name, help: "A metric.", kind: Kind::Gauge, labels: &LABELS };
        for (value, table) in (0_u32..).zip(tables) {
            samples.add(&desc, &["production", "public", table], f64::from(value) * 1.5);
        }
    }
    let mut page = Page::new();
    page.section(samples);
    page.finish().0.encode(Format::Text, Compression::Identity).len()
}

fn fresh_registry(names: &[String], tables: &[String]) -> usize {
    let registry = Registry::new();
    for name in names {
        let family = GaugeVec::new(Opts::new(name, "A metric."), &LABELS).unwrap();
        registry.register(Box::new(family.clone())).unwrap();
        for (value, table) in (0_u32..).zip(tables) {
            family.with_label_values(&["production", "public", table]).set(f64::from(value) * 1.5);
        }
    }
    let mut out = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut out).unwrap();
    out.len()
}

fn page(criterion: &mut Criterion) {
    let (names, tables) = (names(), tables());
    let open_metrics = Format::OpenMetrics(toolkit::expo::Escaping::Unsaid);
    let mut group = criterion.benchmark_group("page of 100,000 series");
    group.sample_size(20);
    group.bench_function("expo, wide rows, text", |bencher| {
        bencher.iter(|| ours(black_box(&names), &tables, Format::Text, Compression::Identity));
    });
    group.bench_function("expo, one by one, text", |bencher| {
        bencher.iter(|| ours_one_by_one(black_box(&names), &tables));
    });
    group.bench_function("expo, wide rows, OpenMetrics", |bencher| {
        bencher.iter(|| ours(black_box(&names), &tables, open_metrics, Compression::Identity));
    });
    group.bench_function("expo, wide rows, text, gzip", |bencher| {
        bencher.iter(|| ours(black_box(&names), &tables, Format::Text, Compression::Gzip));
    });
    group.bench_function("prometheus crate, fresh registry, text", |bencher| {
        bencher.iter(|| fresh_registry(black_box(&names), &tables));
    });
    group.finish();
}

criterion_group!(benches, page);
criterion_main!(benches);
