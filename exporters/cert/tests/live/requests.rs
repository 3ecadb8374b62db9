//! Requests as ssl_exporter answers them (its `ssl_exporter_test.go`), and configurations as they are refused.

use kit::process::Folder;
use kit::tls::{Authority, LOOPBACK};
use kit::tls_server::{Serve, TlsServer};

use crate::support::{complaint, shows, start, start_with, value, write};

/// A server that is trusted by whoever has the roots in this file.
async fn server(folder: &Folder) -> (TlsServer, String) {
    let authority = Authority::new().unwrap();
    let identity = authority.server(&LOOPBACK).unwrap();
    let server = Serve::chain(&[&identity.certificate_pem], &identity.key_pem).start().await.unwrap();
    (server, write(folder, "roots.pem", authority.pem()))
}

#[tokio::test]
async fn defaults_without_a_file() {
    let folder = Folder::new().unwrap();
    let exporter = start(&folder, "").await;
    let page = exporter.get("/probe?target=127.0.0.1:1").await.ok().unwrap().text();
    shows(
        &page,
        &[
            "ssl_probe_success 0",
            "ssl_prober{prober=\"tcp\"} 1",
            "ssl_probe_failure{phase=\"connect\",reason=\"refused\"} 1",
        ],
    );
    for (module, prober) in [("http", "https"), ("https", "https"), ("tcp", "tcp")] {
        let page = exporter.probe(module, "127.0.0.1:1").await;
        shows(&page, &["ssl_probe_success 0", &format!("ssl_prober{{prober=\"{prober}\"}} 1")]);
    }
    for (path, text) in [
        ("/probe", "Target parameter is missing"),
        ("/probe?target=", "Target parameter is missing"),
        ("/probe?target=a:1&module=none", "Unknown module \"none\""),
    ] {
        let answer = exporter.get(path).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(text), "{}", answer.text());
    }
}

#[tokio::test]
async fn the_default_module_and_the_target_of_a_module() {
    let folder = Folder::new().unwrap();
    let (server, roots) = server(&folder).await;
    let module = |name: &str| format!("  {name}: {{prober: {name}, tls_config: {{ca_file: {roots}}}}}\n");
    let both = format!("modules:\n{}{}", module("tcp"), module("https"));

    let exporter = start(&folder, &format!("default_module: https\n{both}")).await;
    let page = exporter.get(&format!("/probe?target=https://{}", server.target())).await.ok().unwrap().text();
    shows(&page, &["ssl_prober{prober=\"https\"} 1", "ssl_probe_success 1"]);

    let exporter = start(&folder, &both).await;
    let answer = exporter.get(&format!("/probe?target=https://{}", server.target())).await;
    assert_eq!((answer.status, answer.text().trim()), (400, "Module parameter must be set"));

    let own = format!(
        "{both}  own: {{prober: https, target: 'https://{}', tls_config: {{ca_file: {roots}}}}}\n",
        server.target()
    );
    let exporter = start(&folder, &own).await;
    for target in ["", "&target=localhost:6666"] {
        let page = exporter.get(&format!("/probe?module=own{target}")).await.ok().unwrap().text();
        shows(&page, &["ssl_probe_success 1", "ssl_prober{prober=\"https\"} 1"]);
    }
    assert_eq!(exporter.get("/probe?module=tcp").await.status, 400);
}

#[tokio::test]
async fn paths_by_the_names_that_the_peer_has_for_them() {
    let folder = Folder::new().unwrap();
    let exporter = start_with(&folder, "", &["--web.metrics-path=/m", "--web.probe-path=/p"]).await;
    assert_eq!(exporter.get("/m").await.status, 200);
    assert_eq!(exporter.get("/p?target=127.0.0.1:1").await.status, 200);
    assert_eq!(exporter.get("/probe?target=127.0.0.1:1").await.status, 404);
    assert!(exporter.get("/").await.text().contains("/p"));
}

#[tokio::test]
async fn ssl_exporter_s_own_example_is_taken() {
    // its example file, word by word
    let example = "default_module: https\nmodules:\n  https:\n    prober: https\n  https_insecure:\n    prober: https\n    tls_config:\n      insecure_skip_verify: true\n  https_renegotiation:\n    prober: https\n    tls_config:\n      renegotiation: freely\n  https_proxy:\n    prober: https\n    https:\n      proxy_url: \"socks5://localhost:8123\"\n  https_timeout:\n    prober: https\n    timeout: 3s\n  tcp:\n    prober: tcp\n  tcp_servername:\n    prober: tcp\n    tls_config:\n      server_name: example.com\n  tcp_client_auth:\n    prober: tcp\n    tls_config:\n      ca_file: /etc/tls/ca.crt\n      cert_file: /etc/tls/tls.crt\n      key_file: /etc/tls/tls.key\n  tcp_smtp_starttls:\n    prober: tcp\n    tcp:\n      starttls: smtp\n  file:\n    prober: file\n  file_ca_certificates:\n    prober: file\n    target: /etc/ssl/certs/ca-certificates.crt\n  http_file:\n    prober: http_file\n  http_file_proxy:\n    prober: http_file\n    http_file:\n      proxy_url: \"socks5://localhost:8123\"\n  kubernetes:\n    prober: kubernetes\n  kubernetes_kubeconfig:\n    prober: kubernetes\n    kubernetes:\n      kubeconfig: /root/.kube/config\n  kubeconfig:\n    prober: kubeconfig\n";
    let folder = Folder::new().unwrap();
    let exporter = start(&folder, example).await;
    let page = exporter.probe("tcp_client_auth", "127.0.0.1:1").await;
    shows(&page, &["ssl_probe_success 0", "ssl_probe_failure{phase=\"local\",reason=\"cert_file\"} 1"]);
    // its proxy by SOCKS, where nobody listens
    let page = exporter.probe("http_file_proxy", "http://127.0.0.2:1/").await;
    shows(&page, &["ssl_probe_failure{phase=\"connect\",reason=\"refused\"} 1"]);
}

#[tokio::test]
async fn a_wrong_file_is_refused_with_all_its_errors_and_their_places() {
    let folder = Folder::new().unwrap();
    let wrong = "default_module: none\nmodules:\n  a:\n    prober: tpc\n    tls_config: {cert_file: x.pem}\n    timeuot: 5s\n  b:\n    prober: tcp\n    tcp: {starttls: gopher}\n    https: {proxy_url: 'http://user:c4n4ry@'}\ntargets:\n  - {target: 'https://u:p@x', module: a, interval: 10ms}\n  - {target: 'x:1', module: none}\n  - {target: 'y:1', module: b, labels: {cn: x}}\n  - {target: 'z:1', module: b}\n  - {target: 'z:1', module: b}\n";
    let found = complaint(&folder, wrong).await;
    for text in [
        "config.yml:1:17: there is no module `none`",
        "config.yml:4:13: `prober`: expected one of",
        "did you mean `tcp`?",
        "`cert_file` needs `key_file` beside it",
        "config.yml:6:5: unknown key `timeuot` (hint: did you mean `timeout`?)",
        "config.yml:9:21: `starttls`: expected one of `smtp`",
        "an interval is at least 1s",
        "a target holds no user or password",
        "`cn` cannot be a label of a target",
        "the target `z:1` is there twice",
    ] {
        assert!(found.contains(text), "`{text}` is missing in\n{found}");
    }
    assert!(!found.contains("c4n4ry"), "{found}");
}

#[tokio::test]
async fn a_reload_is_whole_or_not_at_all() {
    let folder = Folder::new().unwrap();
    let exporter = start(&folder, "modules: {a: {prober: tcp}}\n").await;
    folder.write("config.yml", "modules: {b: {prober: none}}\n").unwrap();
    let answer = exporter.reload().await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("config.yml:1:23"), "{}", answer.text());
    assert_eq!(exporter.get("/probe?module=a&target=127.0.0.1:1").await.status, 200);
    folder.write("config.yml", "modules: {b: {prober: tcp}}\n").unwrap();
    assert_eq!(exporter.reload().await.status, 200);
    assert_eq!(exporter.get("/probe?module=a&target=127.0.0.1:1").await.status, 400);
    assert_eq!(exporter.get("/probe?module=b&target=127.0.0.1:1").await.status, 200);
}

#[tokio::test]
async fn a_probe_ends_with_the_module_s_timeout_and_with_prometheus_s() {
    let folder = Folder::new().unwrap();
    let hole = kit::blackhole::Silent::start().await.unwrap();
    let exporter = start(&folder, "modules: {short: {prober: tcp, timeout: 50ms}, tcp: {prober: tcp}, https: {prober: https, timeout: 50ms}}\n").await;
    for module in ["short", "https"] {
        let page = exporter.probe(module, &hole.address().to_string()).await;
        shows(&page, &["ssl_probe_success 0", "ssl_probe_failure{phase=\"tls\",reason=\"timeout\"} 1"]);
    }
    let header = [("x-prometheus-scrape-timeout-seconds", "0.2")];
    let url = exporter.url(&format!("/probe?module=tcp&target={}", hole.address()));
    let page = kit::http::http_get(&url, &header).await.unwrap().text();
    assert_eq!(value(&page, "ssl_probe_success"), Some(0.0), "{page}");
}
