//! The page's cost in allocations, which does not depend on how busy the machine is.

use toolkit::expo::{Compression, Desc, Format, Kind, Page, Samples};

const LABELS: [&str; 3] = ["datname", "schemaname", "relname"];

/// 100 families of 1,000 series with 3 labels may take this many allocations, collecting and encoding together.
const ALLOWED: u64 = 1000;

#[test]
fn a_page_of_100_000_series_takes_few_allocations() {
    let names: Vec<String> = (0..100).map(|family| format!("pg_metric_{family}")).collect();
    let tables: Vec<String> = (0..1000).map(|table| format!("table_{table}")).collect();
    let mut series = 0;
    let taken = allocation_counter::measure(|| {
        let mut samples = Samples::new("");
        for name in &names {
            let desc = Desc { name, help: "A metric.", kind: Kind::Gauge, labels: &LABELS };
            for (value, table) in (0_u32..).zip(&tables) {
                samples.add(&desc, &["production", "public", table], f64::from(value));
            }
        }
        let mut page = Page::new();
        page.section(samples);
        let (page, dropped) = page.finish();
        assert_eq!(dropped.duplicate + dropped.invalid + dropped.capped, 0);
        page.encode(Format::Text, Compression::Gzip);
        series = page.len();
    });
    assert_eq!(series, 100_000);
    assert!(taken.count_total <= ALLOWED, "{} allocations, allowed are {ALLOWED}", taken.count_total);
}
