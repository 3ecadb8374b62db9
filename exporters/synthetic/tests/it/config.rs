//! Configurations that are taken and refused: rows of blackbox_exporter's `config_test.go`, by `--config.check`.
//!
//! The files beside this one have the keys and values of blackbox_exporter's test data and of its example.

use std::process::{Command, Output};

use crate::start;

/// What blackbox_exporter refuses: what is wrong, the prober, its section, and a word of our message.
const BAD: &[(&str, &str, &str, &str)] = &[
    ("blackbox-bad", "dns", "query_name: a, invalid_extra_field: value", "invalid_extra_field"),
    (
        "blackbox-bad2",
        "http",
        "bearer_token: foo, bearer_token_file: foo, basic_auth: {username: u, password: p}",
        "bearer_token",
    ),
    ("invalid-prober", "invalid", "", "prober"),
    (
        "invalid-dns-module",
        "dns",
        "preferred_ip_protocol: ip6, validate_answer_rrs: {fail_if_matches_regexp: [test]}",
        "query_name",
    ),
    ("invalid-dns-class", "dns", "query_name: example.com, query_class: X, query_type: A", "query_class"),
    ("invalid-dns-type", "dns", "query_name: example.com, query_class: CH, query_type: X", "query_type"),
    (
        "invalid-http-header-match",
        "http",
        "fail_if_header_not_matches: [{header: A, allow_missing: false}]",
        "regexp",
    ),
    (
        "invalid-http-body-match-regexp",
        "http",
        "fail_if_body_matches_regexp: [':[']",
        "fail_if_body_matches_regexp",
    ),
    (
        "invalid-http-body-not-match-regexp",
        "http",
        "fail_if_body_not_matches_regexp: [':[']",
        "fail_if_body_not_matches_regexp",
    ),
    (
        "invalid-http-header-match-regexp",
        "http",
        "fail_if_header_not_matches: [{header: A, regexp: ':['}]",
        "regexp",
    ),
    (
        "invalid-http-compression-mismatch",
        "http",
        "compression: gzip, headers: {Accept-Encoding: deflate}",
        "compression",
    ),
    (
        "invalid-http-compression-mismatch-special-case",
        "http",
        "compression: gzip, headers: {accEpt-enCoding: deflate}",
        "compression",
    ),
    (
        "invalid-http-request-compression-reject-all-encodings",
        "http",
        "compression: gzip, headers: {Accept-Encoding: '*;q=0.0'}",
        "compression",
    ),
    (
        "invalid-http-http3-http2",
        "http",
        "enable_http3: true, enable_http2: true, valid_http_versions: [HTTP/1.1, HTTP/2.0, HTTP/3.0]",
        "http",
    ),
    ("invalid-no-versions-http3-enabled", "http", "enable_http3: true", "enable_http2"),
    (
        "invalid-http-http3-http2-version",
        "http",
        "enable_http3: true, enable_http2: false, valid_http_versions: [HTTP/1.1, HTTP/2.0, HTTP/3.0]",
        "HTTP",
    ),
    (
        "invalid-http-http3-http2-enabled",
        "http",
        "enable_http3: true, enable_http2: true, valid_http_versions: [HTTP/3.0]",
        "enable_http2",
    ),
    ("invalid-icmp-ttl", "icmp", "ttl: -1", "ttl"),
    ("invalid-icmp-ttl-overflow", "icmp", "ttl: 256", "ttl"),
    ("invalid-tcp-query-response-regexp", "tcp", "query_response: [{expect: ':['}, {send: x}]", "expect"),
    ("invalid-unix-query-response-regexp", "unix", "query_response: [{send: PING, expect: ':['}]", "expect"),
    (
        "invalid-websocket-query-response-regexp",
        "websocket",
        "query_response: [{expect: ':['}, {send: x}]",
        "expect",
    ),
    ("invalid-http-body-config", "http", "body: Test, body_file: test_body.txt", "body_file"),
];

/// `TestIsEncodingAcceptable`: the compression, `Accept-Encoding`, and whether they go together.
const ENCODINGS: &[(&str, &str, bool)] = &[
    ("", "gzip", true),
    ("gzip", "gzip", true),
    ("gzip", "gzip;q=1.0", true),
    ("gzip", "gzip, compress", true),
    ("gzip", "compress, gzip", true),
    ("br", "gzip, compress", false),
    ("br", "gzip, compress, *", true),
    ("br", "gzip, compress, *;q=0.1", true),
    ("br", "gzip, compress, br;q=0.0", false),
    ("br", "gzip, compress, *;q=0.0", false),
    ("br", "gzip;q=1.0, compress;q=0.5, br;q=0.1, *;q=0.0", true),
    ("br", "*;q=0.0, compress;q=0.5, br;q=0.1, gzip;q=1.0", true),
    ("br", " gzip;q=1.0, compress; q=0.5, br;q=0.1, *; q=0.0 ", true),
];

fn check(text: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("blackbox.yml");
    std::fs::write(&file, text).unwrap();
    let program = env!("CARGO_BIN_EXE_synthetic-exporter");
    let file = format!("--config.file={}", file.display());
    Command::new(program).args(["--config.check", &file]).output().unwrap()
}

#[track_caller]
fn refused(name: &str, text: &str, word: &str) {
    let checked = check(text);
    let told = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(1), "{name} is taken");
    assert!(told.contains("blackbox.yml:") && told.contains(word), "{name}: {told}");
    assert!(!told.contains("mysecret"), "{told}");
}

#[track_caller]
fn taken(name: &str, text: &str) {
    let checked = check(text);
    assert_eq!(checked.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn test_load_config() {
    taken("good", include_str!("config/good.yml"));
    taken("example", include_str!("config/example.yml"));
    taken("nothing", "");
    taken("no modules", "modules: {}\n");
}

#[test]
fn test_load_bad_configs() {
    for (name, prober, section, word) in BAD {
        refused(name, &format!("modules: {{x: {{prober: {prober}, {prober}: {{{section}}}}}}}"), word);
    }
}

#[test]
fn test_is_encoding_acceptable() {
    for (compression, accept, acceptable) in ENCODINGS {
        let text = format!(
            "modules: {{x: {{prober: http, http: {{compression: '{compression}', headers: {{Accept-Encoding: '{accept}'}}}}}}}}"
        );
        if *acceptable {
            taken(accept, &text);
        } else {
            refused(accept, &text, "compression");
        }
    }
}

#[test]
fn test_new_cel_program() {
    for (expression, compiles) in [("body.foo == 'bar'", true), ("foo.bar", false), ("", false)] {
        let text = format!(
            "modules: {{x: {{prober: http, http: {{fail_if_body_json_matches_cel: \"{expression}\"}}}}}}"
        );
        if compiles {
            taken(expression, &text);
        } else {
            refused(expression, &text, "fail_if_body_json_matches_cel");
        }
    }
}

#[test]
fn test_websocket_probe_unmarshal() {
    taken(
        "websocket",
        "modules: {x: {prober: websocket, websocket: {http_config: {tls_config: {insecure_skip_verify: true}, basic_auth: {username: u, password: p}}, headers: {A: {values: [b], secrets: [c]}}, query_response: [{expect: a, send: b}]}}}",
    );
}

#[test]
fn what_is_strict_in_the_peer_is_strict_here() {
    for (name, text, word) in [
        ("a key beside the modules", "modules: {}\nother: 1\n", "other"),
        ("a key of a module", "modules: {x: {prober: tcp, other: 1}}", "other"),
        ("a key of another prober's section", "modules: {x: {prober: tcp, http: {other: 1}}}", "other"),
        ("a module twice", "modules:\n  x: {prober: tcp}\n  x: {prober: tcp}\n", "x"),
        ("no prober", "modules: {x: {timeout: 5s}}", "prober"),
        ("a timeout without a unit", "modules: {x: {prober: tcp, timeout: 5}}", "timeout"),
        // two rows of TestValidHTTPVersion
        (
            "HTTP/3 alone",
            "modules: {x: {prober: http, http: {valid_http_versions: [HTTP/3.0]}}}",
            "enable_http3",
        ),
        (
            "HTTP/3 beside others",
            "modules: {x: {prober: http, http: {valid_http_versions: [HTTP/1.1, HTTP/2.0, HTTP/3.0]}}}",
            "enable_http3",
        ),
        (
            "TLS that is never spoken",
            "modules: {x: {prober: tcp, tcp: {tls_config: {max_version: TLS11}}}}",
            "TLS 1.1",
        ),
        (
            "half an identity",
            "modules: {x: {prober: tcp, tcp: {tls_config: {cert_file: a}}}}",
            "needs its key",
        ),
        ("two authorities", "modules: {x: {prober: tcp, tcp: {tls_config: {ca: a, ca_file: b}}}}", "ca_file"),
        ("a secret manager", "modules: {x: {prober: tcp, tcp: {tls_config: {key_ref: a}}}}", "key_ref"),
        ("a guard's network", "guard: {allow: [nowhere]}\nmodules: {}\n", "allow"),
        ("a guard for all", "modules: {x: {prober: tcp, guard: {hosts: ['*']}}}", "every host"),
    ] {
        refused(name, text, word);
    }
}

#[tokio::test]
async fn test_hide_config_secrets() {
    let exporter = start(include_str!("config/good.yml")).await;
    let shown = exporter.get("/config", "10").await.ok().unwrap();
    assert!(shown.header("content-type").starts_with("text/plain"));
    let shown = shown.text();
    assert!(!shown.contains("mysecret") && !shown.contains("Bearer token"), "{shown}");
    assert!(shown.contains("password: <secret>") && shown.contains("username: \"username\""), "{shown}");
}

#[tokio::test]
async fn test_prometheus_config_secrets_hidden() {
    let exporter = start(include_str!("config/good.yml")).await;
    let page = exporter.probe("debug=true&module=http_post_2xx&target=http://127.0.0.1:1/").await;
    assert!(!page.text.contains("mysecret") && page.text.contains("password: <secret>"), "{}", page.text);
}

#[tokio::test]
async fn test_debug_output_secrets_hidden() {
    let exporter = start(include_str!("config/good.yml")).await;
    exporter.ask("http_post_2xx", "http://127.0.0.1:1/").await.succeeds(false);
    let text = exporter.get("/logs?id=0", "10").await.ok().unwrap().text();
    assert!(!text.contains("mysecret") && text.contains("password: <secret>"), "{text}");
}
