//! What a request may say: rows of blackbox_exporter's `handler_test.go`.

use kit::http::{Client, percent_encode};
use kit::web::{Reply, Web};

use crate::{start, start_with};

const TCP: &str = "modules: {tcp: {prober: tcp}, slow: {prober: tcp, timeout: 5s}}";

const HTTP: &str =
    "modules: {http_2xx: {prober: http, timeout: 10s, http: {headers: {}, ip_protocol_fallback: true}}}";

#[tokio::test]
async fn test_prometheus_timeout_http() {
    let slow =
        Web::start(|_| Reply::text(200, "").after(std::time::Duration::from_secs(2)).into()).await.unwrap();
    let exporter = start(&HTTP.replace("timeout: 10s, ", "")).await;
    let page = exporter.get(&format!("/probe?target={}", slow.url("/")), "1").await.ok().unwrap().text();
    assert!(page.contains("\nprobe_timeout_seconds 0.5\n"), "{page}");
    assert!(page.contains("\nprobe_success 0\n"), "{page}");
}

#[tokio::test]
async fn test_timeout_is_set_correctly() {
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let target = percent_encode(&web.address().to_string());
    for (offset, rows) in [
        (
            "0.5",
            &[
                ("0s", "15", 14.5),
                ("20s", "15", 14.5),
                ("5s", "15", 5.0),
                ("10s", "", 10.0),
                ("10s", "10", 9.5),
            ][..],
        ),
        ("0", &[("0s", "15", 15.0), ("20s", "15", 15.0), ("5s", "15", 5.0), ("0s", "", 120.0)]),
        ("0.5", &[("9500ms", "", 9.5), ("0s", "", 119.5)]),
        ("1", &[("9500ms", "", 9.5)]),
    ] {
        for (module, header, expected) in rows {
            let config = format!("modules: {{x: {{prober: tcp, timeout: {module}}}}}");
            let exporter = start_with(&config, &[&format!("--timeout-offset={offset}")]).await;
            let page =
                exporter.get(&format!("/probe?module=x&target={target}"), header).await.ok().unwrap().text();
            let line = format!("\nprobe_timeout_seconds {expected}\n");
            assert!(page.contains(&line), "{module} {header} {offset}: {page}");
        }
    }
}

#[tokio::test]
async fn test_hostname_param() {
    let web = Web::start(|request| {
        Reply::text(if request.header("host") == "foo.example.com" { 200 } else { 400 }, "").into()
    });
    let web = web.await.unwrap();
    let query = format!("hostname=foo.example.com&target={}", web.url("/"));
    let exporter = start(HTTP).await;
    exporter.probe(&query).await.succeeds(true);
    assert!(exporter.probe(&format!("debug=true&{query}")).await.text.contains("\nprobe_success 1\n"));

    let other = start(&HTTP.replace("headers: {}", "headers: {Host: foo.example.com.something}")).await;
    let refused = other.get(&format!("/probe?{query}"), "10").await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    let same = start(&HTTP.replace("headers: {}", "headers: {hOST: foo.example.com}")).await;
    same.probe(&query).await.succeeds(true);
}

#[tokio::test]
async fn test_tcp_hostname_param() {
    let authority = kit::tls::Authority::new().unwrap();
    let identity = authority.server(&["foo.example.com"]).unwrap();
    let web = Web::start_tls(&identity, |_| Reply::text(200, "").into()).await.unwrap();
    let exporter = start(
        "modules: {tls_connect: {prober: tcp, timeout: 10s, tcp: {tls: true, preferred_ip_protocol: ip4, ip_protocol_fallback: false, tls_config: {insecure_skip_verify: true}}}}",
    );
    let query = format!("module=tls_connect&debug=true&hostname=foo.example.com&target={}", web.address());
    let page = exporter.await.probe(&query).await;
    assert!(page.text.contains("server_name: foo.example.com"), "{}", page.text);
    assert!(page.text.contains("\nprobe_success 1\n"), "{}", page.text);
}

#[tokio::test]
async fn test_url_decoding() {
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let exporter = start(HTTP).await;
    let (host, port) = ("127.0.0.1", web.address().port());
    for (target, path) in [
        (format!("http://{host}:{port}"), "/"),
        (format!("http://{host}%253A{port}"), "/"),
        (format!("http://{host}:{port}/api/v1%3Alatest"), "/api/v1:latest"),
        (format!("http%3A%2F%2F{host}%3A{port}%2Fpath"), "/path"),
    ] {
        exporter.probe(&format!("module=http_2xx&target={target}")).await.succeeds(true);
        assert_eq!(web.requests().last().unwrap().path, path, "{target}");
    }
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_told() {
    let exporter = start(TCP).await;
    for (query, timeout, status, expected) in [
        ("module=none&target=a:1", "10", 400, "Unknown module \"none\""),
        ("target=a:1", "10", 400, "Unknown module \"http_2xx\""),
        ("module=tcp", "10", 400, "Target parameter is missing"),
        ("module=tcp&target=", "10", 400, "Target parameter is missing"),
        ("module=tcp&target=a:1", "abc", 500, "Failed to parse timeout"),
        ("module=tcp&target=169.254.169.254:80", "10", 403, "169.254.169.254 is where"),
    ] {
        let response = exporter.get(&format!("/probe?{query}"), timeout).await;
        assert_eq!(response.status, status, "{query}");
        assert!(response.text().starts_with(expected), "{query}: {}", response.text());
    }
    let long = exporter.get(&format!("/probe?module=tcp&target={}", "a".repeat(9000)), "10").await;
    assert_eq!(long.status, 400);
    let metrics = exporter.get("/metrics", "10").await.text();
    assert!(metrics.contains("\nblackbox_module_unknown_total 2\n"), "{metrics}");
    assert!(metrics.contains("\nsynthetic_target_denied_total{module=\"tcp\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn a_timeout_shorter_than_the_offset_leaves_half_of_it() {
    let silent = kit::blackhole::Silent::start().await.unwrap();
    let exporter =
        start("modules: {x: {prober: tcp, timeout: 5s, tcp: {query_response: [{expect: never}]}}}");
    let path = format!("/probe?module=x&target={}", silent.address());
    let page = exporter.await.get(&path, "0.3").await.ok().unwrap().text();
    assert!(
        page.contains("\nprobe_timeout_seconds 0.15\n") && page.contains("\nprobe_success 0\n"),
        "{page}"
    );
}

#[tokio::test]
async fn probes_of_the_same_thing_are_measured_each() {
    let web = Web::start(|_| Reply::text(200, "").after(std::time::Duration::from_millis(50)).into())
        .await
        .unwrap();
    let exporter = start(HTTP).await;
    let url = exporter.url(&format!("/probe?target={}", web.url("/")));
    let client = Client::new();
    let (one, two) = tokio::join!(client.get(&url), client.get(&url));
    assert_eq!((one.unwrap().status, two.unwrap().status), (200, 200));
    assert_eq!(web.requests().len(), 2);
}
