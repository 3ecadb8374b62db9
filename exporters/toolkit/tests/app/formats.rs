//! The page in its formats, read by parsers that are not ours.

use std::io::Read;

use kit::http::http_get;
use kit::process::{Program, run_reading};
use kit::prometheus::promtool_reading;

use crate::sample::launch;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

/// Reads standard input with the OpenMetrics parser of Prometheus' Python client, and prints name and type of each
/// family; fails on the first thing that the format forbids.
const PARSER: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    print(family.name, family.type, len(family.samples))
";

/// Debian's own, which sees Debian's packages; another may stand before it in the path.
const PYTHON: Program =
    Program { names: &["/usr/bin/python3"], install: "apt-get install python3-prometheus-client" };

#[tokio::test]
async fn open_metrics_passes_an_independent_parser() {
    let app = launch(&[]).await;
    let answer = http_get(&app.url("/metrics"), &[("accept", OPEN_METRICS)]).await.unwrap();
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let page = answer.text();
    assert!(page.ends_with("\n# EOF\n"), "{page}");
    let families = run_reading(&PYTHON, &["-c", PARSER], &page).await.unwrap();
    for family in [
        "sample_value gauge 2",
        "sample_collections counter 1",
        "sample_bare unknown 1",
        "sample_latency unknown 2",
        "sample_latency_sum unknown 1",
        "sample_sizes histogram 5",
        "process_cpu_seconds counter 1",
    ] {
        assert!(families.lines().any(|line| line == family), "{family}\n{families}\n{page}");
    }
    app.stop().await;
}

#[tokio::test]
async fn text_is_read_by_promtool() {
    let app = launch(&[]).await;
    let answer = http_get(&app.url("/metrics"), &[]).await.unwrap();
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let page = answer.text();
    assert!(page.contains("sample_value{from=\"a \\\"quoted\\\"\\nvalue\"} 1\n"), "{page}");
    assert!(page.contains("# HELP sample_value The \"configured\" value, from \\\\ the file.\n"), "{page}");
    assert!(page.contains("sample_latency{cmd=\"get\",quantile=\"99.9\"} 2.5\n"), "{page}");
    assert!(page.contains("sample_sizes_bucket{le=\"1\"} 1\n"), "{page}");
    assert!(page.contains("watchfire_samples_dropped_total{reason=\"duplicate\"} 1\n"), "{page}");
    // only what promtool can parse it can judge; what it judges here is the sample's own bad name
    let verdict = promtool_reading(&["check", "metrics"], &page).await.unwrap_err().to_string();
    let complaints: Vec<&str> =
        verdict.lines().filter(|line| line.contains("sample_") || line.contains("_total")).collect();
    assert!(
        !complaints.is_empty() && complaints.iter().all(|line| line.contains("sample_bare")),
        "{verdict}"
    );
    app.stop().await;
}

#[tokio::test]
async fn gzip_is_the_same_page() {
    let app = launch(&["--web.disable-exporter-metrics"]).await;
    let plain = http_get(&app.url("/probe?target=x"), &[]).await.unwrap();
    let zipped = http_get(&app.url("/probe?target=x"), &[("accept-encoding", "gzip")]).await.unwrap();
    assert_eq!((plain.header("content-encoding"), zipped.header("content-encoding")), ("", "gzip"));
    assert_eq!(zipped.header("vary"), "accept, accept-encoding");
    let mut text = String::new();
    flate2::read::GzDecoder::new(zipped.body.as_ref()).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text());
    app.stop().await;
}
