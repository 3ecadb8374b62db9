//! Scheduled checks: their cadence, what they say on the page, limits of their own, and what a reload keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use kit::blackhole::{Full, Silent};
use kit::eventually;
use kit::http::Client;
use kit::tls::{Authority, LOOPBACK};
use kit::web::{Answer, Reply, Web};
use tokio::io::AsyncReadExt;

use crate::{Exporter, Page, served, start};

const SOON: Duration = Duration::from_secs(30);

/// The page of `/metrics`.
pub(crate) async fn metrics(exporter: &Exporter) -> Page {
    Page { text: exporter.get("/metrics", "10").await.ok().unwrap().text() }
}

/// The first page on which `found` finds what it looks for.
pub(crate) async fn until<T>(exporter: &Exporter, what: &str, found: impl Fn(&Page) -> Option<T>) -> T {
    eventually(SOON, what, async || {
        let page = metrics(exporter).await;
        found(&page).with_context(|| page.text)
    })
    .await
    .unwrap()
}

/// Waits until a series has this value.
async fn shows(exporter: &Exporter, series: &str, value: f64) -> Page {
    until(exporter, series, |page| {
        (page.find(series) == Some(value)).then(|| Page { text: page.text.clone() })
    })
    .await
}

async fn reload(exporter: &Exporter, config: &str) {
    exporter.write(config);
    Client::new().send("POST", &exporter.url("/-/reload"), "").await.unwrap().ok().unwrap();
}

#[tokio::test]
async fn a_check_runs_on_its_cadence_and_shows_its_last_result() {
    let web = Web::start(|_| Reply::text(200, "hi").into()).await.unwrap();
    let exporter = start(&format!(
        "modules: {{http: {{prober: http}}}}
checks:
  shop: {{module: http, target: '{url}', interval: 1s, labels: {{team: web}}}}
  dead: {{module: {{prober: tcp}}, targets: ['127.0.0.1:1'], interval: 1s}}
",
        url = web.url("/a")
    ))
    .await;
    let shop = format!("check=\"shop\",target=\"{}\",team=\"web\"", web.url("/a"));
    let dead = "check=\"dead\",target=\"127.0.0.1:1\"";
    let page = until(&exporter, "three runs of both", |page| {
        let ok = page.find(&format!("probe_check_runs_total{{{shop},status=\"ok\"}}"))?;
        let failed = page.find(&format!("probe_check_runs_total{{{dead},status=\"fail\"}}"))?;
        (ok >= 3.0 && failed >= 3.0).then(|| Page { text: page.text.clone() })
    })
    .await;
    assert_eq!(page.value(&format!("probe_success{{{shop}}}")), 1.0);
    assert_eq!(page.value(&format!("probe_degraded{{{shop}}}")), 0.0);
    assert_eq!(page.value(&format!("probe_http_status_code{{{shop}}}")), 200.0);
    assert_eq!(page.value(&format!("probe_ip_protocol{{{shop}}}")), 4.0);
    assert_eq!(page.value(&format!("probe_check_runs_total{{{shop},status=\"fail\"}}")), 0.0);
    page.value(&format!("probe_phase_duration_seconds{{{shop},phase=\"connect\"}}"));
    page.value(&format!("probe_check_last_run_timestamp_seconds{{{shop}}}"));
    let count = page.value(&format!("probe_check_duration_seconds_count{{{shop}}}"));
    assert_eq!(page.value(&format!("probe_check_duration_seconds_bucket{{{shop},le=\"10\"}}")), count);
    assert!(page.value(&format!("probe_check_duration_seconds_sum{{{shop}}}")) > 0.0);
    assert_eq!(page.value(&format!("probe_success{{{dead}}}")), 0.0);
    assert_eq!(
        page.value(&format!("probe_failure_reason{{{dead},phase=\"connect\",reason=\"connect_refused\"}}")),
        1.0
    );
    assert!(page.find(&format!("probe_phase_duration_seconds{{{dead},phase=\"send\"}}")).is_none());
    assert_eq!(page.value("probe_checks{state=\"fresh\"}"), 2.0);
    assert_eq!(page.value("probe_checks_skipped_total{reason=\"overrun\"}"), 0.0);
    assert!(page.value("probe_check_start_lateness_seconds_count") >= 6.0);
    // each request was the check's only one in its second
    let times: Vec<i64> = web.requests().iter().map(|request| request.time.as_millisecond()).collect();
    assert!(times.windows(2).skip(1).all(|pair| pair[1] - pair[0] > 500), "{times:?}");
}

#[tokio::test]
async fn a_reload_keeps_counters_of_checks_that_stay() {
    let web = Web::start(|_| Reply::text(200, "hi").into()).await.unwrap();
    let entry = |name: &str| {
        format!("  {name}: {{module: {{prober: http}}, target: '{}', interval: 1s}}\n", web.url("/"))
    };
    let exporter = start(&format!("checks:\n{}{}", entry("stays"), entry("goes"))).await;
    let runs = |name: &str| {
        format!("probe_check_runs_total{{check=\"{name}\",target=\"{}\",status=\"ok\"}}", web.url("/"))
    };
    let before = until(&exporter, "runs", |page| {
        page.find(&runs("goes")).filter(|count| *count >= 2.0)?;
        page.find(&runs("stays")).filter(|count| *count >= 2.0)
    })
    .await;
    reload(&exporter, &format!("checks:\n{}{}", entry("comes"), entry("stays"))).await;
    let page = metrics(&exporter).await;
    assert!(page.value(&runs("stays")) >= before);
    assert!(page.find(&runs("goes")).is_none());
    shows(&exporter, &runs("comes"), 1.0).await;
    // a bad file changes nothing
    exporter.write("checks: {x: {module: nothing}}");
    let refused = Client::new().send("POST", &exporter.url("/-/reload"), "").await.unwrap();
    assert_eq!(refused.status, 500);
    assert!(refused.text().contains("there is no module `nothing`"), "{}", refused.text());
    assert!(metrics(&exporter).await.find(&runs("comes")).is_some());
}

#[tokio::test]
async fn limits_of_a_check_warn_or_fail() {
    let slow = Web::start(|_| Reply::text(200, "hi").after(Duration::from_millis(120)).into()).await.unwrap();
    let authority = Authority::new().unwrap();
    let identity = authority.server(&LOOPBACK).unwrap();
    let secure = Web::start_tls(&identity, |_| Reply::text(200, "hi").into()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let (slow, good) = (slow.url("/"), secure.url("/"));
    let exporter = start(&format!(
        "modules: {{http: {{prober: http, http: {{tls_config: {{ca_file: {ca}}}}}}}}}
checks:
  slow-warns: {{module: http, target: '{slow}', interval: 1s, warn: {{slower_than: 50ms}}}}
  slow-fails: {{module: http, target: '{slow}', interval: 1s, warn: {{slower_than: 1ms}}, fail: {{slower_than: 50ms}}}}
  quick: {{module: http, target: '{good}', interval: 1s, warn: {{slower_than: 30s, certificate_remaining: 14d, least_tls_version: TLS13}}}}
  plain: {{module: http, target: '{slow}', interval: 1s, fail: {{least_tls_version: TLS12}}}}
  ends: {{module: http, target: '{good}', interval: 1s, warn: {{certificate_remaining: 50000d}}}}
",
        ca = ca.display()
    ))
    .await;
    for (check, success, degraded, reason) in [
        ("slow-warns", 1.0, 1.0, "probe_warning_reason:slow"),
        ("slow-fails", 0.0, 0.0, "probe_failure_reason:slow"),
        ("quick", 1.0, 0.0, ""),
        ("plain", 0.0, 0.0, "probe_failure_reason:tls_version"),
        ("ends", 1.0, 1.0, "probe_warning_reason:certificate_ends"),
    ] {
        let of = |page: &Page, name: &str| {
            let all = page.series(name).into_iter();
            all.filter(|(series, _)| series.contains(&format!("check=\"{check}\"")))
                .map(|(series, value)| (series.to_owned(), value))
                .collect::<Vec<_>>()
        };
        let found = until(&exporter, check, |page| {
            let success = of(page, "probe_success").first()?.1;
            let degraded = of(page, "probe_degraded").first()?.1;
            let reasons = ["probe_warning_reason", "probe_failure_reason"].map(|name| of(page, name));
            Some((success, degraded, reasons.concat()))
        })
        .await;
        assert_eq!((found.0, found.1), (success, degraded), "{check} {found:?}");
        match reason.split_once(':') {
            None => assert!(found.2.is_empty(), "{check} {found:?}"),
            Some((name, word)) => {
                assert!(found.2[0].0.starts_with(name) && found.2[0].0.contains(word), "{check} {found:?}");
            }
        }
    }
    let page = metrics(&exporter).await;
    let ends = format!("{{check=\"ends\",target=\"{good}\"}}");
    assert_eq!(page.value(&format!("probe_timeout_seconds{ends}")), 1.0);
    assert!(page.value(&format!("probe_ssl_leaf_lifetime_seconds{ends}")) > 0.0);
}

#[tokio::test]
async fn what_must_not_be_reachable() {
    let web = Web::start(|_| Reply::text(500, "no").into()).await.unwrap();
    let silent = Silent::start().await.unwrap();
    let full = Full::start().await.unwrap();
    let entry = |name: &str, target: &str| {
        format!(
            "  {name}: {{module: {{prober: tcp, tcp: {{tls: {}}}}}, target: '{target}', expect: refused, interval: 1s, timeout: 500ms}}\n",
            name == "tls"
        )
    };
    let exporter = start(&format!(
        "checks:\n{}{}{}{}{}",
        entry("closed", "127.0.0.1:1"),
        entry("dropped", &full.address().unwrap().to_string()),
        entry("open", &web.address().to_string()),
        // a connection is enough, whatever comes of it
        entry("tls", &silent.address().to_string()),
        entry("typo", "127.0.0.1:none"),
    ))
    .await;
    for (check, success, reason) in [
        ("closed", 1.0, None),
        ("dropped", 1.0, None),
        ("open", 0.0, Some("reachable")),
        ("tls", 0.0, Some("reachable")),
        ("typo", 0.0, Some("target_invalid")),
    ] {
        let marked = |series: &str| series.contains(&format!("check=\"{check}\""));
        let (found, reasons) = until(&exporter, check, |page| {
            let success = page.series("probe_success").into_iter().find(|(series, _)| marked(series))?.1;
            let reasons =
                page.series("probe_failure_reason").into_iter().filter(|(series, _)| marked(series));
            Some((success, reasons.map(|(series, _)| series.to_owned()).collect::<Vec<_>>()))
        })
        .await;
        assert_eq!(found, success, "{check}");
        let told = reasons.first().map(String::as_str);
        assert!(
            told.is_some() == reason.is_some()
                && told.unwrap_or_default().contains(reason.unwrap_or_default()),
            "{check} {told:?}"
        );
    }
}

#[tokio::test]
async fn a_host_that_is_slow_holds_up_its_own_checks_only() {
    let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = (Arc::clone(&running), Arc::clone(&peak));
    // it waits for the other side to give up
    let slow = served::each(move |mut stream| {
        let (running, peak) = (Arc::clone(&counted.0), Arc::clone(&counted.1));
        async move {
            peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            drop(stream.read_to_end(&mut Vec::new()).await);
            running.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await;
    let quick = served::each(|stream| async move { drop(stream) }).await;
    let entries = (0..20).map(|number| {
        let target = slow.target();
        format!("  slow-{number}: {{module: {{prober: tcp, tcp: {{tls: true}}}}, target: '{target}', interval: 1s}}\n")
    });
    let exporter = start(&format!(
        "max_checks: 3\nmax_checks_per_host: 2\nchecks:\n{}  quick: {{module: {{prober: tcp}}, target: '{}', interval: 1s}}\n",
        entries.collect::<String>(),
        quick.target()
    ))
    .await;
    let runs =
        format!("probe_check_runs_total{{check=\"quick\",target=\"{}\",status=\"ok\"}}", quick.target());
    let page = until(&exporter, "the quick one to run on while the slow ones wait", |page| {
        let skipped = page.value("probe_checks_skipped_total{reason=\"overrun\"}");
        let ran = page.find(&runs).filter(|count| *count >= 4.0 && skipped >= 10.0);
        ran.map(|_| Page { text: page.text.clone() })
    })
    .await;
    assert_eq!(peak.load(Ordering::SeqCst), 2);
    // who waits is late, and who waits too long is left out
    let late = page.value("probe_check_start_lateness_seconds_count")
        - page.value("probe_check_start_lateness_seconds_bucket{le=\"0.5\"}");
    assert!(late >= 1.0, "{}", page.text);
}

#[tokio::test]
async fn a_change_shows_and_what_is_ours_is_no_failure() {
    let (up, status) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU16::new(200)));
    let (serves, says) = (Arc::clone(&up), Arc::clone(&status));
    let web = Web::start(move |_| {
        if !serves.load(Ordering::SeqCst) {
            return Answer::Close;
        }
        Reply::text(says.load(Ordering::SeqCst), "x").into()
    })
    .await
    .unwrap();
    let exporter = start(&format!(
        "modules:
  http: {{prober: http}}
  unreadable: {{prober: redis, redis: {{password_file: not-there}}}}
checks:
  web: {{module: http, target: '{}', interval: 1s}}
  ours: {{module: unreadable, target: '127.0.0.1:1', interval: 1s}}
",
        web.url("/")
    ))
    .await;
    let labels = format!("check=\"web\",target=\"{}\"", web.url("/"));
    shows(&exporter, &format!("probe_success{{{labels}}}"), 1.0).await;
    status.store(503, Ordering::SeqCst);
    shows(
        &exporter,
        &format!("probe_failure_reason{{{labels},phase=\"check\",reason=\"http_status\"}}"),
        1.0,
    )
    .await;
    up.store(false, Ordering::SeqCst);
    until(&exporter, "the cut connection", |page| {
        let reasons = page.series("probe_failure_reason");
        reasons
            .iter()
            .any(|(series, _)| series.contains("check=\"web\"") && series.contains("closed"))
            .then_some(())
    })
    .await;
    let ours = "check=\"ours\",target=\"127.0.0.1:1\"";
    let page =
        shows(&exporter, &format!("probe_failure_reason{{{ours},phase=\"token\",reason=\"internal\"}}"), 1.0)
            .await;
    assert!(page.find(&format!("probe_success{{{ours}}}")).is_none());
    assert!(page.value(&format!("probe_check_runs_total{{{ours},status=\"unknown\"}}")) >= 1.0);
    assert_eq!(page.value(&format!("probe_check_duration_seconds_count{{{ours}}}")), 0.0);
}
