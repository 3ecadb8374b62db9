//! Prober `grpc`: the cases of blackbox_exporter's tests under their names, and what it gets wrong.

use std::sync::{Arc, Mutex};

use h2::server::{self, SendResponse};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request, Response};
use kit::blackhole::{Full, Silent};
use kit::tls::{Authority, Identity, LOOPBACK};
use rustls::version::TLS12;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::example_org::{key, template};
use crate::served::{Served, acceptor, each, strict_acceptor};
use crate::{Page, start};

/// The health of these services, as a server of gRPC answers.
#[derive(Clone, Default)]
pub(crate) struct Health {
    /// Their statuses; the empty name is the server.
    services: Vec<(&'static str, u8)>,
    /// What the last request had beside the question.
    asked: Arc<Mutex<HeaderMap>>,
}

impl Health {
    /// A server with a service of this status; the server itself serves.
    pub(crate) fn of(service: &'static str, status: u8) -> Self {
        Self { services: vec![("", 1), (service, status)], ..Self::default() }
    }

    pub(crate) async fn serve(self) -> Served<()> {
        each(move |stream| self.clone().talk(stream)).await
    }

    async fn serve_tls(self, acceptor: TlsAcceptor) -> Served<()> {
        each(move |stream| {
            let (health, acceptor) = (self.clone(), acceptor.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    health.talk(stream).await;
                }
            }
        })
        .await
    }

    async fn talk(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Ok(mut connection) = server::handshake(stream).await else { return };
        while let Some(Ok((request, respond))) = connection.accept().await {
            tokio::spawn(self.clone().answer(request, respond));
        }
    }

    async fn answer(self, request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>) {
        let (parts, mut body) = request.into_parts();
        assert_eq!(parts.method, "POST");
        assert_eq!(parts.headers["content-type"], "application/grpc");
        assert_eq!(parts.headers["te"], "trailers");
        // blackbox_exporter, which is asked too, has other units
        let is_peer =
            parts.headers.get("user-agent").is_some_and(|agent| agent.as_bytes().starts_with(b"grpc-go"));
        assert!(is_peer || parts.headers["grpc-timeout"].to_str().unwrap().ends_with('m'));
        *self.asked.lock().unwrap() = parts.headers;
        let mut question = Vec::new();
        while let Some(data) = body.data().await {
            question.extend_from_slice(&data.unwrap());
        }
        // five bytes of frame, then field 1 of a length, where the name is not empty
        let service = question.get(7..).unwrap_or_default();
        let known = self.services.iter().find(|(name, _)| name.as_bytes() == service);
        let response = Response::builder().header("content-type", "application/grpc");
        let status = match known {
            _ if parts.uri.path() != "/grpc.health.v1.Health/Check" || self.services.is_empty() => 12,
            None => 5,
            Some((_, status)) => {
                let mut stream = respond.send_response(response.body(()).unwrap(), false).unwrap();
                let message = if *status == 0 { vec![0; 5] } else { vec![0, 0, 0, 0, 2, 8, *status] };
                stream.send_data(message.into(), false).unwrap();
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().unwrap());
                stream.send_trailers(trailers).unwrap();
                return;
            }
        };
        // an error has no answer: its status stands where the headers are
        respond.send_response(response.header("grpc-status", status).body(()).unwrap(), true).unwrap();
    }
}

async fn ask(section: &str, target: &str) -> Page {
    let config = format!(
        "modules:\n  m:\n    prober: grpc\n    timeout: 10s\n    grpc: {{preferred_ip_protocol: ip4, ip_protocol_fallback: false, {section}}}\n"
    );
    start(&config).await.ask("m", target).await
}

/// Which statuses the page has, and which of them is the service's.
fn serving(page: &Page) -> Vec<(&str, f64)> {
    let mut found = page.series("probe_grpc_healthcheck_response");
    found.sort_by_key(|(series, _)| *series);
    found.iter().map(|(series, value)| (series.split('"').nth(1).unwrap(), *value)).collect()
}

#[tokio::test]
async fn test_grpc_connection() {
    let server = Health::of("service", 1).serve().await;
    let page = ask("", &server.by_name()).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_grpc_ssl"), 0.0);
    assert_eq!(page.value("probe_grpc_status_code"), 0.0);
    assert_eq!(
        serving(&page),
        [("NOT_SERVING", 0.0), ("SERVICE_UNKNOWN", 0.0), ("SERVING", 1.0), ("UNKNOWN", 0.0)]
    );
    let mut phases: Vec<_> =
        page.series("probe_grpc_duration_seconds").iter().map(|(series, _)| *series).collect();
    phases.sort_unstable();
    assert_eq!(
        phases,
        [r#"probe_grpc_duration_seconds{phase="check"}"#, r#"probe_grpc_duration_seconds{phase="resolve"}"#]
    );
    assert_eq!(page.value("probe_ip_protocol"), 4.0);
}

#[tokio::test]
async fn test_grpc_connection_with_metadata() {
    let health = Health::of("service", 1);
    let asked = Arc::clone(&health.asked);
    let server = health.serve().await;
    let metadata = "metadata: {key1: [value1, value2], key2-bin: [test], Authorization: [Bearer token]}";
    let page = ask(metadata, &server.by_name()).await;
    page.succeeds(true);
    let asked = asked.lock().unwrap().clone();
    let all =
        |name: &str| asked.get_all(name).iter().map(|v| v.to_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(all("key1"), ["value1", "value2"]);
    assert_eq!(all("key2-bin"), ["dGVzdA"]);
    assert_eq!(all("authorization"), ["Bearer token"]);
    assert_eq!(page.value("probe_grpc_ssl"), 0.0);
    assert_eq!(page.value("probe_grpc_status_code"), 0.0);
    assert_eq!(serving(&page).len(), 4);
}

/// Three services of one server: what the page says of one of them.
async fn one_of_three(service: &str) -> Page {
    let health = Health { services: vec![("", 1), ("service1", 1), ("service2", 2)], ..Health::default() };
    let server = health.serve().await;
    ask(&format!("service: {service}"), &server.by_name()).await
}

#[tokio::test]
async fn test_multiple_grpc_services_1() {
    one_of_three("service1").await.succeeds(true);
}

#[tokio::test]
async fn test_multiple_grpc_services_2() {
    let page = one_of_three("service2").await;
    page.succeeds(false);
    assert_eq!(page.reason(), "check/not_serving");
    assert_eq!(page.value(r#"probe_grpc_healthcheck_response{serving_status="NOT_SERVING"}"#), 1.0);
}

#[tokio::test]
async fn test_multiple_grpc_services_3() {
    one_of_three("service3").await.succeeds(false);
}

fn identity() -> Identity {
    template(1).authority().self_signed(&key())
}

#[tokio::test]
async fn test_grpc_tls_connection() {
    let server = Health::of("service", 1).serve_tls(acceptor(&identity(), &[&TLS12], &[b"h2"])).await;
    let page = ask("tls: true, tls_config: {insecure_skip_verify: true}", &server.by_name()).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_tls_version_info{version=\"TLS 1.2\"}"), 1.0);
    assert_eq!(page.value("probe_grpc_ssl"), 1.0);
    assert_eq!(page.value("probe_grpc_status_code"), 0.0);
}

#[tokio::test]
async fn test_no_tls_connection() {
    let server = Health::of("service", 1).serve().await;
    let page = ask("tls: true, tls_config: {insecure_skip_verify: true}", &server.by_name()).await;
    page.succeeds(false);
    assert_eq!(page.value("probe_grpc_ssl"), 0.0);
    assert_eq!(page.value("probe_grpc_status_code"), 14.0);
    assert_eq!(serving(&page).iter().map(|(_, value)| value).sum::<f64>(), 0.0);
}

#[tokio::test]
async fn test_grpc_service_not_found() {
    let server = Health::of("service", 1).serve().await;
    let page = ask("service: NonExistingService", &server.by_name()).await;
    page.succeeds(false);
    assert_eq!(page.value("probe_grpc_ssl"), 0.0);
    assert_eq!(page.value("probe_grpc_status_code"), 5.0);
    assert_eq!(page.reason(), "transfer/server_error");
}

#[tokio::test]
async fn test_grpc_health_check_unimplemented() {
    let server = Health::default().serve().await;
    let page = ask("service: NonExistingService", &server.by_name()).await;
    page.succeeds(false);
    assert_eq!(page.value("probe_grpc_ssl"), 0.0);
    assert_eq!(page.value("probe_grpc_status_code"), 12.0);
}

#[tokio::test]
async fn test_grpc_absent_failed_tls() {
    let page = ask("service: NonExistingService", "localhost:0").await;
    page.succeeds(false);
    for name in ["probe_ssl_earliest_cert_expiry", "probe_tls_version_info", "probe_ssl_last_chain_info"] {
        assert!(page.series(name).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_black_hole_ends_by_the_timeout() {
    let (silent, full) = (Silent::start().await.unwrap(), Full::start().await.unwrap());
    let exporter = start("modules: {m: {prober: grpc}}").await;
    for (address, reason) in
        [(silent.address(), "first_byte/timeout"), (full.address().unwrap(), "connect/connect_timeout")]
    {
        let page = exporter.get(&format!("/probe?module=m&target={address}"), "1").await;
        let page = Page { text: page.ok().unwrap().text() };
        page.succeeds(false);
        assert_eq!(page.reason(), reason);
        assert_eq!(page.value("probe_grpc_status_code"), 4.0);
    }
}

#[tokio::test]
async fn tls_is_told_of_whatever_comes_of_the_call() {
    let identity = identity();
    let acceptor = acceptor(&identity, rustls::ALL_VERSIONS, &[b"h2"]);
    let server = Health::of("service", 1).serve_tls(acceptor).await;
    // refused by us
    let page = ask("tls: true", &server.by_name()).await;
    page.succeeds(false);
    assert_eq!(page.reason(), "tls/tls_unknown_ca");
    assert_eq!(page.value("probe_grpc_status_code"), 14.0);
    assert!(page.find("probe_ssl_earliest_cert_expiry").is_some());
    // refused by the service
    let page =
        ask("service: x, tls: true, tls_config: {insecure_skip_verify: true}", &server.by_name()).await;
    page.succeeds(false);
    assert_eq!((page.value("probe_grpc_ssl"), page.value("probe_grpc_status_code")), (1.0, 5.0));
    assert!(page.find("probe_ssl_earliest_cert_expiry").is_some());
}

#[tokio::test]
async fn what_speaks_no_grpc_is_told_from_what_is_not_there() {
    let http1 = each(async |mut stream| {
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await);
    })
    .await;
    let closes = each(async |stream| drop(stream)).await;
    let plain = kit_h2_only().await;
    for (target, code, reason) in [
        (http1.target(), 14.0, "first_byte/protocol"),
        (closes.target(), 14.0, "first_byte/closed"),
        (plain.target(), 12.0, "first_byte/protocol"),
    ] {
        let page = ask("", &target).await;
        page.succeeds(false);
        assert_eq!(page.value("probe_grpc_status_code"), code, "{}", page.text);
        assert_eq!(page.reason(), reason);
    }
    let no_alpn = Health::of("s", 1).serve_tls(acceptor(&identity(), rustls::ALL_VERSIONS, &[])).await;
    let page = ask("tls: true, tls_config: {insecure_skip_verify: true}", &no_alpn.target()).await;
    assert_eq!(page.reason(), "tls/protocol");
}

/// A server of HTTP/2 that knows no gRPC.
async fn kit_h2_only() -> Served<()> {
    each(async |stream| {
        let Ok(mut connection) = server::handshake(stream).await else { return };
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            respond.send_response(Response::builder().status(404).body(()).unwrap(), true).unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn credentials_go_to_nobody_who_was_not_named() {
    let exporter =
        start("modules: {m: {prober: grpc, grpc: {metadata: {authorization: [Bearer t0ps3cret]}}}}").await;
    let answer = exporter.get("/probe?module=m&target=192.0.2.1:50051", "2").await;
    assert_eq!(answer.status, 403);
    assert!(!answer.text().contains("t0ps3cret"), "{}", answer.text());
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_of_ours_says_so() {
    let authority = Authority::new().unwrap();
    let acceptor = strict_acceptor(&authority.server(&LOOPBACK).unwrap(), &authority.pem());
    let server = Health::of("service", 1).serve_tls(acceptor).await;
    let page = ask("tls: true, tls_config: {insecure_skip_verify: true}", &server.target()).await;
    page.succeeds(false);
    assert_eq!(page.reason(), "tls/tls_client_cert_required");
    assert!(page.find("probe_ssl_earliest_cert_expiry").is_some());
}
