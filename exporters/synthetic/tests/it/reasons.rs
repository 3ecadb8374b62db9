//! Faults that are put in on purpose, and the reason that each of them gets.

use std::net::{Ipv4Addr, SocketAddr};

use kit::blackhole::{Full, Silent};
use kit::dialogue::{Scripted, expect, send};
use kit::pki::{Recipe, Signer};
use kit::tls::Identity;
use kit::tls_server::{Serve, TlsServer};
use kit::web::{Answer, Reply, Request, Web};

use crate::name_server::{Asked, NameServer, Transport, a};
use crate::{Exporter, start};

/// Modules with what each of them wants. `CA` is a file with the authority; `RESOLVER` and `PROXY` are addresses.
const MODULES: &str = "modules:
  tcp: {prober: tcp, resolver: 'RESOLVER', tcp: {preferred_ip_protocol: ip4, ip_protocol_fallback: false}}
  talk: {prober: tcp, timeout: 500ms, tcp: {query_response: [{expect: '^ready'}]}}
  starttls: {prober: smtp, smtp: {starttls: true}}
  tls: {prober: tcp, tcp: {tls: true, tls_config: {ca_file: CA}}}
  tls13: {prober: tcp, tcp: {tls: true, tls_config: {ca_file: CA, min_version: TLS13}}}
  dns: {prober: dns, dns: {query_name: a.test, query_type: A, validate_answer_rrs: {fail_if_not_matches_regexp: ['10\\.']}}}
  http: {prober: http, timeout: 500ms}
  http3: {prober: http, http: {enable_http3: true, enable_http2: false, valid_http_versions: [HTTP/3.0]}}
  http_11: {prober: http, http: {valid_http_versions: [HTTP/2.0]}}
  http_plain: {prober: http, http: {fail_if_not_ssl: true}}
  http_header: {prober: http, http: {fail_if_header_not_matches: [{header: X-Good, regexp: yes}]}}
  http_body: {prober: http, http: {fail_if_body_not_matches_regexp: [wanted]}}
  http_json: {prober: http, http: {fail_if_body_json_not_matches_cel: 'body.ok == true'}}
  http_small: {prober: http, http: {body_size_limit: 10B}}
  http_gzip: {prober: http, http: {compression: gzip}}
  http_proxy: {prober: http, http: {proxy_url: 'http://PROXY', skip_resolve_phase_with_proxy: true}}
  http_oauth: {prober: http, http: {oauth2: {client_id: a, client_secret: b, token_url: 'http://PROXY/token'}}}
";

/// What stands behind a name of the resolver.
fn resolve(asked: &Asked) -> Option<Vec<u8>> {
    match asked.question()[1..].split(|byte| *byte < 32).next()? {
        b"missing" => Some(asked.answer(3, [&[], &[], &[]])),
        b"broken" => Some(asked.answer(2, [&[], &[], &[]])),
        b"empty" => Some(asked.answer(0, [&[], &[], &[]])),
        _ => None,
    }
}

fn nowhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 1).into()
}

async fn exporter(root: &Signer, resolver: &NameServer, proxy: &Web) -> (Exporter, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &root.pem).unwrap();
    let config = MODULES
        .replace("CA", &ca.display().to_string())
        .replace("RESOLVER", &resolver.target())
        .replace("PROXY", &proxy.address().to_string());
    (start(&config).await, folder)
}

async fn served(identity: &Identity) -> TlsServer {
    Serve::chain(&[&identity.certificate_pem], &identity.key_pem).start().await.unwrap()
}

/// Asks, and compares the reason.
async fn check(exporter: &Exporter, module: &str, target: &str, expected: &str) {
    let page = exporter.ask(module, target).await;
    assert_eq!(page.reason(), expected, "{module} {target}");
    page.succeeds(false);
}

#[tokio::test]
async fn of_the_network() {
    let root = Signer::root(Recipe::new("root", &[])).unwrap();
    let resolver = NameServer::start(Transport::Udp, resolve).await;
    let proxy = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let (exporter, _folder) = exporter(&root, &resolver, &proxy).await;
    let (full, silent) = (Full::start().await.unwrap(), Silent::start().await.unwrap());
    let hello = Scripted::start(vec![send("hello\r\n")]).await.unwrap();
    let plain_mail =
        [send("220 mail\r\n"), expect("\r\n"), send("250 mail\r\n"), expect("\r\n"), send("221 bye\r\n")];
    let mail = Scripted::start(plain_mail.to_vec()).await.unwrap();
    let nobody = nowhere().to_string();
    for (module, target, expected) in [
        ("tcp", "missing.test:80", "resolve/dns_nxdomain"),
        ("tcp", "broken.test:80", "resolve/dns_servfail"),
        ("tcp", "empty.test:80", "resolve/dns_no_address"),
        ("tcp", "[::1]:80", "resolve/dns_no_address"),
        ("tcp", "no port", "target/target_invalid"),
        ("tcp", &nobody, "connect/connect_refused"),
        ("talk", &full.address().unwrap().to_string(), "connect/connect_timeout"),
        ("talk", &silent.address().to_string(), "first_byte/timeout"),
        ("talk", &hello.address().to_string(), "check/expect"),
        ("starttls", &mail.address().to_string(), "starttls/starttls"),
    ] {
        check(&exporter, module, target, expected).await;
    }
    let silent = NameServer::start(Transport::Udp, |_| None).await;
    let late =
        start(&format!("modules: {{x: {{prober: tcp, timeout: 100ms, resolver: '{}'}}}}", silent.target()))
            .await;
    check(&late, "x", "a.test:80", "resolve/dns_timeout").await;
}

#[tokio::test]
async fn of_tls() {
    let (root, other) = (Recipe::new("root", &[]), Recipe::new("other", &[]));
    let (root, other) = (Signer::root(root).unwrap(), Signer::root(other).unwrap());
    let resolver = NameServer::start(Transport::Udp, resolve).await;
    let plain = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let (exporter, _folder) = exporter(&root, &resolver, &plain).await;
    let good = root.leaf(&Recipe::new("good", &["localhost"])).unwrap();
    let leaf = |recipe: Recipe| root.leaf(&recipe).unwrap();
    for (identity, expected) in [
        (leaf(Recipe::new("old", &["localhost"]).years(2020, 2021)), "tls/tls_expired"),
        (leaf(Recipe::new("early", &["localhost"]).years(2090, 2100)), "tls/tls_not_yet_valid"),
        (leaf(Recipe::new("name", &["a.example"])), "tls/tls_hostname"),
        (other.leaf(&Recipe::new("unknown", &["localhost"])).unwrap(), "tls/tls_unknown_ca"),
    ] {
        let server = served(&identity).await;
        check(&exporter, "tls", &server.target(), expected).await;
    }
    let serve = Serve::chain(&[&good.certificate_pem], &good.key_pem);
    let older = Serve { version: Some(&rustls::version::TLS12), ..serve.clone() }.start().await.unwrap();
    check(&exporter, "tls13", &older.target(), "tls/tls_version").await;
    // in TLS 1.3 the refusal comes after the handshake, and a module that reads nothing does not see it, as in the peer
    let version = Some(&rustls::version::TLS12);
    let mutual = Serve { client_authority_pem: Some(root.pem.clone()), version, ..serve };
    let mutual = mutual.start().await.unwrap();
    check(&exporter, "tls", &mutual.target(), "tls/tls_client_cert_required").await;
    check(&exporter, "tls", &plain.address().to_string(), "tls/protocol").await;
}

#[tokio::test]
async fn of_dns() {
    let resolver = NameServer::start(Transport::Udp, resolve).await;
    let root = Signer::root(Recipe::new("root", &[])).unwrap();
    let plain = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let (exporter, _folder) = exporter(&root, &resolver, &plain).await;
    let failing = NameServer::start(Transport::Udp, |asked| Some(asked.answer(2, [&[], &[], &[]]))).await;
    check(&exporter, "dns", &failing.target(), "check/dns_rcode").await;
    let wrong = |asked: &Asked| Some(asked.answer(0, [&[a("a.test", 60, [192, 0, 2, 1])], &[], &[]]));
    let wrong = NameServer::start(Transport::Udp, wrong).await;
    check(&exporter, "dns", &wrong.target(), "check/dns_records").await;
}

/// A page for each fault, and a proxy and a token server that refuse.
fn faulty(request: &Request) -> Answer {
    if request.method == "CONNECT" || !request.path.starts_with('/') {
        return Reply::text(407, "").into();
    }
    let text = |status, body: &str| Reply::text(status, body);
    match request.path.as_str() {
        "/status" => text(503, "").into(),
        "/loop" => text(302, "").header("location", "/loop").into(),
        "/metadata" => text(302, "").header("location", "http://169.254.169.254/").into(),
        "/hang" => Answer::Hang,
        "/close" => Answer::Close,
        "/half" => Answer::Half(text(200, "a body that breaks off")),
        "/token" => text(401, "").into(),
        _ => text(200, "a body of some words").into(),
    }
}

#[tokio::test]
async fn of_http() {
    let root = Signer::root(Recipe::new("root", &[])).unwrap();
    let resolver = NameServer::start(Transport::Udp, resolve).await;
    let web = Web::start(faulty).await.unwrap();
    let (exporter, _folder) = exporter(&root, &resolver, &web).await;
    for (module, path, expected) in [
        ("http", "/status", "check/http_status"),
        ("http", "/loop", "check/redirect_limit"),
        ("http", "/metadata", "target/redirect_blocked"),
        ("http", "/hang", "first_byte/timeout"),
        ("http", "/close", "first_byte/closed"),
        ("http", "/half", "transfer/closed"),
        ("http_11", "/", "check/http_version"),
        ("http_plain", "/", "check/tls_unwanted"),
        ("http_header", "/", "check/header"),
        ("http_body", "/", "check/body_regex"),
        ("http_json", "/", "check/body_json"),
        ("http_small", "/", "transfer/body_too_large"),
        ("http_gzip", "/", "transfer/decompress"),
        ("http_oauth", "/", "token/auth_token"),
    ] {
        check(&exporter, module, &web.url(path), expected).await;
    }
    check(&exporter, "http_proxy", "https://a.test/", "proxy/proxy_authentication").await;
    check(&exporter, "http", "https://", "target/target_invalid").await;
    check(&exporter, "http3", &web.url("/"), "target/http_version").await;
    let denied = exporter.get("/probe?module=http&target=http://169.254.169.254/", "10").await;
    assert_eq!(denied.status, 403);
}
