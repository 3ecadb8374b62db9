//! Prober `http`: what blackbox_exporter has not. Warnings, headers that protect, the least TLS version, more for CEL.

use kit::pki::{Recipe, Signer};
use kit::tls::{Authority, LOOPBACK};
use kit::web::{Reply, Web};

use crate::http::{answer, module};
use crate::start;

const PAGE: &str = r#"{"queue": 7, "state": "slow"}"#;

#[tokio::test]
async fn a_warning_is_a_success_and_degraded() {
    let web = Web::start(|_| answer(200, &[("x-cache", "miss")], PAGE)).await.unwrap();
    for (warn, reason) in [
        ("{if_body_matches_regexp: [slow]}", Some("body_regex")),
        ("{if_body_matches_regexp: [fast]}", None),
        ("{if_body_not_matches_regexp: [slow, fast]}", Some("body_regex")),
        ("{if_header_matches: [{header: X-Cache, regexp: miss}]}", Some("header")),
        ("{if_header_not_matches: [{header: X-Cache, regexp: miss}]}", None),
        ("{if_body_json_matches_cel: 'body.queue > 5'}", Some("body_json")),
        ("{if_body_json_not_matches_cel: 'body.queue < 10'}", None),
        ("{slower_than: 0s}", Some("timeout")),
        ("{slower_than: 1h}", None),
        ("{security_headers: [referrer-policy]}", Some("header")),
        ("{least_tls_version: TLS12}", Some("tls_version")),
        ("{certificate_remaining_ratio: 1}", None),
    ] {
        // a scanner before them, so that each finds its own
        let section = format!("fail_if_body_matches_regexp: [nope], warn: {warn}");
        let page = start(&module(&section)).await.ask("m", &web.url("/")).await;
        page.succeeds(true);
        assert_eq!(page.value("probe_degraded"), f64::from(u8::from(reason.is_some())), "{warn}");
        let warned =
            reason.map(|reason| format!("probe_warning_reason{{phase=\"check\",reason=\"{reason}\"}}"));
        let found: Vec<_> =
            page.series("probe_warning_reason").into_iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(found, warned.into_iter().collect::<Vec<_>>(), "{warn}");
    }
}

#[tokio::test]
async fn a_certificate_whose_life_runs_out_is_a_warning() {
    let root = Signer::root(Recipe::new("root", &[])).unwrap();
    let identity = root.leaf(&Recipe::new("leaf", &LOOPBACK).years(2000, 2050)).unwrap();
    let web = Web::start_tls(&identity, |_| answer(200, &[], "")).await.unwrap();
    for (ratio, degraded) in [("0.6", 1.0), ("0.01", 0.0)] {
        let section = format!(
            "tls_config: {{insecure_skip_verify: true}}, warn: {{certificate_remaining_ratio: {ratio}}}"
        );
        let page = start(&module(&section)).await.ask("m", &web.url("/")).await;
        page.succeeds(true);
        assert_eq!(page.value("probe_degraded"), degraded, "{ratio}");
    }
}

#[tokio::test]
async fn headers_that_protect_and_the_least_tls_version() {
    let identity = Authority::new().unwrap().server(&LOOPBACK).unwrap();
    let web = Web::start_tls(&identity, |request| match request.path.as_str() {
        "/good" => Reply::text(200, "")
            .header("strict-transport-security", "max-age=31536000")
            .header("x-content-type-options", "nosniff")
            .header("content-security-policy", "frame-ancestors 'none'")
            .into(),
        _ => Reply::text(200, "").into(),
    });
    let web = web.await.unwrap();
    let wanted =
        "[strict-transport-security, x-content-type-options, x-frame-options, content-security-policy]";
    for (section, path, reason) in [
        (format!("security_headers: {wanted}"), "/good", ""),
        (format!("security_headers: {wanted}"), "/", "check/header"),
        ("security_headers: [referrer-policy]".to_owned(), "/good", "check/header"),
        ("least_tls_version: TLS13".to_owned(), "/", ""),
        (
            "tls_config: {insecure_skip_verify: true, max_version: TLS12}, least_tls_version: TLS13"
                .to_owned(),
            "/",
            "check/tls_version",
        ),
    ] {
        let section = if section.contains("tls_config") {
            section
        } else {
            format!("{section}, tls_config: {{insecure_skip_verify: true}}")
        };
        let page = start(&module(&section)).await.ask("m", &web.url(path)).await;
        page.succeeds(reason.is_empty());
        assert_eq!(page.reason(), reason, "{section}");
    }
}

#[tokio::test]
async fn an_expression_sees_more_than_the_body() {
    let web = Web::start(|_| answer(200, &[("x-version", "1.2"), ("x-version", "3")], PAGE)).await.unwrap();
    for (expression, good) in [
        ("status == 200 && headers['x-version'] == '1.2, 3'", true),
        ("duration < duration('1m') && now > timestamp('2026-01-01T00:00:00Z')", true),
        ("has(headers.location)", false),
    ] {
        let section = format!("fail_if_body_json_not_matches_cel: \"{expression}\"");
        start(&module(&section)).await.ask("m", &web.url("/")).await.succeeds(good);
    }
}
