//! The page's formats, by what servers really send, and by parsers that are not ours.

use kit::http::http_get;
use kit::process::{Program, run_reading};
use kit::prometheus::promtool_reading;
use tests::PROGRAMS;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const OPEN_UTF8: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";

/// Who asks, the recorded `Accept`, and the `Content-Type` that is due.
const ASKED: [(&str, &str, &str); 6] = [
    (
        "Prometheus 2.42",
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        OPEN,
    ),
    (
        "Prometheus 2.53",
        "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        OPEN,
    ),
    (
        "Prometheus 2.53, native histograms",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,application/openmetrics-text;version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        OPEN,
    ),
    (
        "Prometheus 3",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        OPEN_UTF8,
    ),
    (
        "Prometheus 3, native histograms",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        OPEN_UTF8,
    ),
    ("curl", "*/*", TEXT),
];

/// The OpenMetrics parser of Prometheus' Python client reads standard input and fails on what the format forbids.
const PARSER: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
print(sum(1 for family in text_string_to_metric_families(sys.stdin.read())))
";

/// Debian's own, which sees Debian's packages.
const PYTHON: Program =
    Program { names: &["/usr/bin/python3"], install: "apt-get install python3-prometheus-client" };

#[tokio::test]
async fn every_server_gets_the_format_it_prefers() {
    for program in &PROGRAMS {
        let started = program.start(&[]).await.unwrap();
        let url = format!("{}/metrics", started.url);
        for (who, accept, expected) in ASKED {
            let answer = http_get(&url, &[("accept", accept)]).await.unwrap();
            assert_eq!(answer.header("content-type"), expected, "{} for {who}", program.name);
            assert_eq!(answer.text().ends_with("# EOF\n"), expected != TEXT, "{} for {who}", program.name);
        }
        assert_eq!(http_get(&url, &[]).await.unwrap().header("content-type"), TEXT);
        for (accept, expected) in [("gzip", "gzip"), ("identity", ""), ("gzip;q=0", ""), ("", "")] {
            let answer = http_get(&url, &[("accept-encoding", accept)]).await.unwrap();
            assert_eq!(answer.header("content-encoding"), expected, "{} for {accept}", program.name);
        }
    }
}

#[tokio::test]
async fn open_metrics_passes_an_independent_parser() {
    for program in &PROGRAMS {
        let started = program.start(&[]).await.unwrap();
        let accept = [("accept", "application/openmetrics-text")];
        let page = http_get(&format!("{}/metrics", started.url), &accept).await.unwrap().text();
        let families = run_reading(&PYTHON, &["-c", PARSER], &page).await.unwrap();
        assert!(families.trim().parse::<u32>().unwrap() > 10, "{} {families}", program.name);
    }
}

#[tokio::test]
async fn promtool_reads_the_text_page() {
    for program in &PROGRAMS {
        let started = program.start(&[]).await.unwrap();
        let page = started.metrics().await.unwrap();
        // promtool lints names too, and peers' names stay as they are: only that it could read the page counts
        if let Err(verdict) = promtool_reading(&["check", "metrics"], &page).await {
            let verdict = verdict.to_string();
            assert!(!verdict.contains("error while linting"), "{} {verdict}", program.name);
        }
    }
}
