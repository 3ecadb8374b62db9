//! Prober `http` in TLS, and HTTP/2: cases of blackbox_exporter's `http_test.go` under their names, and what it gets wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use h2::server::{self, SendResponse};
use hyper::body::Bytes;
use kit::pki::{Recipe, Signer};
use kit::tls::{Authority, Identity, LOOPBACK};
use kit::tls_server::Serve;
use kit::web::Web;
use tokio::net::TcpStream;

use crate::example_org::{key, template};
use crate::http::{answer, module};
use crate::served::{Served, acceptor, each};
use crate::{Exporter, Page, start};

const INSECURE: &str = "tls_config: {insecure_skip_verify: true}";

async fn with_authority(section: &str, pem: &str) -> Exporter {
    let exporter = start(&module(section)).await;
    std::fs::write(exporter.folder.path().join("ca.pem"), pem).unwrap();
    exporter
}

async fn self_signed() -> Web {
    let identity = template(1).with_addresses().self_signed(&key());
    Web::start_tls(&identity, |_| answer(200, &[], "")).await.unwrap()
}

#[tokio::test]
async fn test_fail_if_self_signed_ca() {
    let web = self_signed().await;
    let page = start(&module("tls_config: {insecure_skip_verify: false}")).await.ask("m", &web.url("")).await;
    page.succeeds(false);
    assert_eq!((page.value("probe_http_ssl"), page.reason().as_str()), (0.0, "tls/tls_unknown_ca"));
    // what blackbox_exporter does not show
    assert!(page.value("probe_ssl_earliest_cert_expiry") > 1.7e9);
    assert!(web.requests().is_empty(), "nothing is told to one who is not trusted");
}

#[tokio::test]
async fn test_succeed_if_self_signed_ca() {
    let web = self_signed().await;
    let page = start(&module(INSECURE)).await.ask("m", &web.url("")).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_http_ssl"), 1.0);
    assert_eq!(page.value("probe_tls_version_info{version=\"TLS 1.3\"}"), 1.0);
    assert_eq!(page.series("probe_tls_cipher_info").len(), 1);
    assert_eq!(page.find("probe_ssl_last_chain_expiry_timestamp_seconds"), None);
    let unwanted =
        start(&module(&format!("fail_if_ssl: true, {INSECURE}"))).await.ask("m", &web.url("")).await;
    unwanted.succeeds(false);
    assert_eq!((unwanted.value("probe_http_ssl"), unwanted.reason().as_str()), (1.0, "check/tls_unwanted"));
}

#[tokio::test]
async fn test_http_uses_target_as_tls_server_name() {
    let identity = template(1).authority().self_signed(&key());
    let web = Web::start_tls(&identity, |_| answer(200, &[], "")).await.unwrap();
    let exporter = with_authority(
        "preferred_ip_protocol: ip4, tls_config: {ca_file: ca.pem}",
        &identity.certificate_pem,
    )
    .await;
    exporter.ask("m", &format!("https://localhost:{}", web.address().port())).await.succeeds(true);
    assert_eq!(exporter.ask("m", &web.url("")).await.reason(), "tls/tls_hostname");
}

#[tokio::test]
async fn test_redirect_to_tls_host_works() {
    let authority = Authority::new().unwrap();
    let identity = authority.server(&["localhost"]).unwrap();
    let secure = Web::start_tls(&identity, |_| answer(200, &[], "")).await.unwrap();
    let to = format!("https://localhost:{}/", secure.address().port());
    let plain = Web::start(move |_| answer(302, &[("location", &to)], "")).await.unwrap();
    // the name of the settings is that of the target alone
    let section = "preferred_ip_protocol: ip4, tls_config: {ca_file: ca.pem, server_name: other.example}";
    let exporter = with_authority(section, &authority.pem()).await;
    let page = exporter.ask("m", &plain.url("")).await;
    page.succeeds(true);
    assert_eq!((page.value("probe_http_ssl"), page.value("probe_http_redirects")), (1.0, 1.0));
    // back from TLS: what it showed is not that of the last answer
    let to = plain_page().await;
    let away = to.url("/");
    let leaving = Web::start_tls(&identity, move |_| answer(302, &[("location", &away)], "")).await.unwrap();
    let exporter =
        with_authority("tls_config: {ca_file: ca.pem}, preferred_ip_protocol: ip4", &authority.pem()).await;
    let page = exporter.ask("m", &format!("https://localhost:{}/", leaving.address().port())).await;
    page.succeeds(true);
    assert_eq!((page.value("probe_http_ssl"), page.find("probe_ssl_earliest_cert_expiry")), (0.0, None));
}

async fn plain_page() -> Web {
    Web::start(|_| answer(200, &[], "")).await.unwrap()
}

#[tokio::test]
async fn test_http_phases() {
    let web = self_signed().await;
    let page = start(&module(INSECURE)).await.ask("m", &web.url("")).await;
    page.succeeds(true);
    let mut phases: Vec<_> =
        page.series("probe_http_duration_seconds").into_iter().map(|(name, _)| name).collect();
    phases.sort_unstable();
    let expected = ["connect", "processing", "resolve", "tls", "transfer"];
    assert_eq!(phases, expected.map(|phase| format!("probe_http_duration_seconds{{phase=\"{phase}\"}}")));
    let own: Vec<_> = page.series("probe_phase_duration_seconds").into_iter().map(|(name, _)| name).collect();
    let expected = ["resolve", "connect", "tls", "send", "first_byte", "transfer", "check"];
    assert_eq!(own, expected.map(|phase| format!("probe_phase_duration_seconds{{phase=\"{phase}\"}}")));
}

#[tokio::test]
async fn the_phases_add_up_to_the_whole() {
    let identity = Authority::new().unwrap().server(&LOOPBACK).unwrap();
    let delayed = kit::web::Reply::text(200, "x".repeat(1 << 20)).after(std::time::Duration::from_millis(30));
    let web = Web::start_tls(&identity, move |request| match request.path.as_str() {
        "/moved" => answer(302, &[("location", "/")], ""),
        _ => delayed.clone().into(),
    });
    let web = web.await.unwrap();
    let exporter = start(&module(&format!("fail_if_body_matches_regexp: [y], {INSECURE}"))).await;
    for path in ["/", "/moved"] {
        let mut gaps = Vec::new();
        for _ in 0..5 {
            let page = exporter.ask("m", &web.url(path)).await;
            page.succeeds(true);
            let total = page.value("probe_duration_seconds");
            let sum: f64 = page.series("probe_phase_duration_seconds").iter().map(|(_, took)| took).sum();
            let phase = |name: &str| page.value(&format!("probe_phase_duration_seconds{{phase=\"{name}\"}}"));
            assert!((0.03..total).contains(&phase("first_byte")), "{}", page.text);
            let processing = page.value("probe_http_duration_seconds{phase=\"processing\"}");
            assert!((processing - phase("send") - phase("first_byte")).abs() < 1e-6);
            gaps.push((total - sum).abs() - total / 100.0);
        }
        // a busy machine may stop us between two phases, but not each time
        assert!(gaps.iter().any(|gap| *gap <= 0.001), "{path}: {gaps:?}");
    }
}

/// A server of HTTP/2: how many connections came, and how many requests.
pub(crate) struct Http2 {
    served: Served<()>,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

/// What it does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    Answers,
    Resets,
    /// Closes the connection as soon as a request comes.
    Closes,
    /// Never answers, and stays.
    Waits,
}

impl Http2 {
    pub(crate) async fn start(identity: &Identity, does: Does) -> Self {
        let acceptor = acceptor(identity, rustls::ALL_VERSIONS, &[b"h2", b"http/1.1"]);
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, asked) = (Arc::clone(&connections), Arc::clone(&requests));
        let served = each(move |stream: TcpStream| {
            let (acceptor, counted, asked) = (acceptor.clone(), Arc::clone(&counted), Arc::clone(&asked));
            async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                counted.fetch_add(1, Ordering::SeqCst);
                let mut connection = server::handshake(stream).await.unwrap();
                let mut waiting: Vec<SendResponse<Bytes>> = Vec::new();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    asked.fetch_add(1, Ordering::SeqCst);
                    match does {
                        Does::Answers => {
                            let text = format!("{} {:?}", request.uri(), request.headers().get("x-a"));
                            let response = hyper::Response::builder().header("content-length", text.len());
                            let mut body = respond.send_response(response.body(()).unwrap(), false).unwrap();
                            body.send_data(text.into(), true).unwrap();
                        }
                        Does::Resets => respond.send_reset(h2::Reason::REFUSED_STREAM),
                        Does::Closes => return,
                        Does::Waits => waiting.push(respond),
                    }
                }
            }
        });
        Self { served: served.await, connections, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}/a?b", self.served.target())
    }

    /// Connections and requests.
    fn counts(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.requests.load(Ordering::SeqCst))
    }
}

async fn http2(section: &str, does: Does) -> (Page, Http2) {
    let identity = Authority::new().unwrap().server(&LOOPBACK).unwrap();
    let server = Http2::start(&identity, does).await;
    let patience = if matches!(does, Does::Waits) { "500ms" } else { "10s" };
    let config = module(&format!("{section}, {INSECURE}")).replace("10s", patience);
    let page = start(&config).await.ask("m", &server.url()).await;
    (page, server)
}

#[tokio::test]
async fn http2_is_chosen_in_tls() {
    let (page, server) = http2("valid_http_versions: [HTTP/2.0], headers: {X-A: b}", Does::Answers).await;
    page.succeeds(true);
    assert_eq!((page.value("probe_http_version"), page.value("probe_http_status_code")), (2.0, 200.0));
    let text = format!("{} Some(\"b\")", server.url());
    assert_eq!(page.value("probe_http_content_length"), text.len() as f64);
    assert_eq!(page.value("probe_http_uncompressed_body_length"), text.len() as f64);
    assert!(page.find("probe_phase_duration_seconds{phase=\"first_byte\"}").is_some());
    let (page, _server) = http2("valid_http_versions: [HTTP/1.1]", Does::Answers).await;
    assert_eq!(page.reason(), "check/http_version");
    // a server that offers both, and a module that does not want it: this one speaks nothing else
    let (page, _server) = http2("enable_http2: false", Does::Answers).await;
    page.succeeds(false);
    let (page, _server) =
        http2("method: POST, body: hello, headers: {Host: other.example}", Does::Answers).await;
    page.succeeds(true);
    assert_eq!(
        page.value("probe_http_uncompressed_body_length"),
        "https://other.example/a?b None".len() as f64
    );
}

#[tokio::test]
async fn one_request_on_each_hop_and_no_second_one() {
    for (does, reason) in [
        (Does::Resets, "first_byte/reset"),
        (Does::Closes, "first_byte/closed"),
        (Does::Waits, "first_byte/timeout"),
    ] {
        let (page, server) = http2("fail_if_ssl: false", does).await;
        page.succeeds(false);
        assert_eq!(page.reason(), reason, "{}", page.text);
        assert_eq!(server.counts(), (1, 1), "{reason}");
    }
    // the same over HTTP/1
    let slamming = Web::start(|_| kit::web::Answer::Close).await.unwrap();
    let page = start(&module("")).await.ask("m", &slamming.url("/")).await;
    page.succeeds(false);
    assert_eq!(slamming.requests().len(), 1);
}

#[tokio::test]
async fn client_certificates() {
    let root = Signer::root(Recipe::new("root", &[])).unwrap();
    let server = root.leaf(&Recipe::new("server", &LOOPBACK)).unwrap();
    let authority = Authority::new().unwrap();
    let ours = authority.client("us").unwrap();
    let mutual = Serve {
        client_authority_pem: Some(authority.pem()),
        ..Serve::chain(&[&server.certificate_pem], &server.key_pem)
    };
    let mutual = mutual.start().await.unwrap();
    let url = |host: &str| format!("https://{host}:{}/", mutual.target().rsplit_once(':').unwrap().1);
    let section =
        "preferred_ip_protocol: ip4, tls_config: {ca_file: ca.pem, cert_file: us.pem, key_file: us.key}";
    let exporter = with_authority(section, &root.pem).await;
    for (name, text) in [("us.pem", &ours.certificate_pem), ("us.key", &ours.key_pem)] {
        std::fs::write(exporter.folder.path().join(name), text).unwrap();
    }
    exporter.ask("m", &url("localhost")).await.succeeds(true);
    let without =
        with_authority("preferred_ip_protocol: ip4, tls_config: {ca_file: ca.pem}", &root.pem).await;
    let page = without.ask("m", &url("localhost")).await;
    page.succeeds(false);
    assert!(page.reason().ends_with("/tls_client_cert_required"), "{}", page.text);
    // our certificate is for the target, and for no host that it redirects to
    let to = url("127.0.0.1");
    let away = Web::start(move |_| answer(302, &[("location", &to)], "")).await.unwrap();
    let page = exporter.ask("m", &format!("http://localhost:{}/", away.address().port())).await;
    assert!(page.reason().ends_with("/tls_client_cert_required"), "{}", page.text);
    assert!(page.value("probe_ssl_earliest_cert_expiry") > 1.7e9);
}
