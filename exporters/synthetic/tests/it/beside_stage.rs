//! What blackbox_exporter and we are asked side by side: servers, modules, targets. Its release 0.28 has no prober
//! `websocket` yet: the cases of its tests stand in `websocket.rs`.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use kit::blackhole::Silent;
use kit::pki::{Recipe, Signer};
use kit::web::{Answer, Reply, Request, Web};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use crate::dns::{authoritative, failing};
use crate::grpc::Health;
use crate::http_tls::{Does, Http2};
use crate::name_server::{NameServer, Transport};
use crate::served::{Served, each, line};

/// Cases and their modules.
pub(crate) const CASES: &[(&str, &str)] = &[
    ("http", "http"),
    ("http_404", "http"),
    ("http_redirect", "http"),
    ("http_loop", "http"),
    ("http_not_followed", "http_not_followed"),
    ("http_closed", "http"),
    ("http_half", "http"),
    ("http_refused", "http"),
    ("http_silent", "http_short"),
    ("http_nobody", "http"),
    ("http_scheme", "http"),
    ("http_head", "http_head"),
    ("http_gzip", "http_gzip"),
    ("http_no_gzip", "http_gzip"),
    ("http_long", "http_small"),
    ("http_regexp", "http_regexp"),
    ("http_no_regexp", "http_regexp"),
    ("http_cel", "http_cel"),
    ("http_no_cel", "http_cel"),
    ("http_header", "http_header"),
    ("http_no_header", "http_header"),
    ("http_version", "http_version"),
    ("http_not_tls", "http_not_tls"),
    ("http_login", "http_login"),
    ("https", "https"),
    ("https_untrusted", "http"),
    ("https_insecure", "https_insecure"),
    ("https_other_name", "https"),
    ("https_to_plain", "https"),
    ("https_unwanted", "https_unwanted"),
    ("http2", "https"),
    ("tcp", "tcp"),
    ("tcp_refused", "tcp"),
    ("tcp_no_port", "tcp"),
    ("tcp_six", "tcp_six"),
    ("tcp_tls", "tcp_tls"),
    ("tcp_untrusted", "tcp_untrusted"),
    ("tcp_insecure", "tcp_insecure"),
    ("tcp_banner", "tcp_banner"),
    ("tcp_no_banner", "tcp_other"),
    ("tcp_bytes", "tcp_bytes"),
    ("tcp_silent", "tcp_banner"),
    ("dns_udp", "dns_udp"),
    ("dns_tcp", "dns_tcp"),
    ("dns_soa", "dns_soa"),
    ("dns_records", "dns_records"),
    ("dns_inverted", "dns_inverted"),
    ("dns_servfail", "dns_udp"),
    ("dns_refused", "dns_tcp"),
    ("icmp", "icmp"),
    ("grpc", "grpc"),
    ("grpc_service", "grpc_service"),
    ("grpc_unknown", "grpc_unknown"),
    ("grpc_none", "grpc"),
    ("grpc_refused", "grpc"),
    ("unix", "unix"),
    ("unix_none", "unix"),
];

/// `CA` is a file with the authority.
const CONFIG: &str = r#"modules:
  http: {prober: http, http: {preferred_ip_protocol: ip4}}
  http_short: {prober: http, timeout: 300ms}
  http_not_followed: {prober: http, http: {follow_redirects: false, valid_status_codes: [302]}}
  http_head: {prober: http, http: {method: HEAD}}
  http_gzip: {prober: http, http: {compression: gzip}}
  http_small: {prober: http, http: {body_size_limit: 10B}}
  http_regexp: {prober: http, http: {fail_if_body_not_matches_regexp: ['"state": "up"'], fail_if_body_matches_regexp: [fault]}}
  http_cel: {prober: http, http: {fail_if_body_json_not_matches_cel: 'body.state == "up" && body.count > 1'}}
  http_header: {prober: http, http: {fail_if_header_not_matches: [{header: Content-Type, regexp: ^application/json}]}}
  http_version: {prober: http, http: {valid_http_versions: [HTTP/2.0]}}
  http_not_tls: {prober: http, http: {fail_if_not_ssl: true}}
  http_login: {prober: http, http: {method: POST, body: hello, basic_auth: {username: a, password: b}, headers: {X-A: b}}}
  https: {prober: http, http: {preferred_ip_protocol: ip4, tls_config: {ca_file: CA}}}
  https_insecure: {prober: http, http: {tls_config: {insecure_skip_verify: true}}}
  https_unwanted: {prober: http, http: {fail_if_ssl: true, preferred_ip_protocol: ip4, tls_config: {ca_file: CA}}}
  tcp: {prober: tcp}
  tcp_six: {prober: tcp, tcp: {preferred_ip_protocol: ip6, ip_protocol_fallback: false}}
  tcp_tls: {prober: tcp, tcp: {preferred_ip_protocol: ip4, tls: true, tls_config: {ca_file: CA}}}
  tcp_untrusted: {prober: tcp, tcp: {preferred_ip_protocol: ip4, tls: true}}
  tcp_insecure: {prober: tcp, tcp: {tls: true, tls_config: {insecure_skip_verify: true}}}
  tcp_banner: {prober: tcp, timeout: 1s, tcp: {query_response: [{expect: '^SSH-2.0-([^ -]+)(?: (.*))?$', labels: [{name: version, value: '${1}'}, {name: rest, value: '${2}'}]}, {send: 'hello ${1}'}, {expect: ^bye}]}}
  tcp_other: {prober: tcp, tcp: {query_response: [{expect: ^220}]}}
  tcp_bytes: {prober: tcp, tcp: {query_response: [{expect_bytes: SSH}]}}
  dns_udp: {prober: dns, dns: {query_name: example.com, query_type: A}}
  dns_tcp: {prober: dns, dns: {query_name: example.com, transport_protocol: tcp}}
  dns_soa: {prober: dns, dns: {query_name: example.com, query_type: SOA}}
  dns_records: {prober: dns, dns: {query_name: example.com, query_type: A, validate_answer_rrs: {fail_if_not_matches_regexp: ["^example.com.\t3600\tIN\tA\t127.0.0.1$"]}, validate_authority_rrs: {fail_if_matches_regexp: [isp.net]}}}
  dns_inverted: {prober: dns, dns: {query_name: example.com, query_type: A, validate_authority_rrs: {fail_if_all_match_regexp: [isp.net]}}}
  icmp: {prober: icmp, icmp: {preferred_ip_protocol: ip4}}
  grpc: {prober: grpc, grpc: {preferred_ip_protocol: ip4, metadata: {a: [b]}}}
  grpc_service: {prober: grpc, grpc: {preferred_ip_protocol: ip4, service: stopped}}
  grpc_unknown: {prober: grpc, grpc: {preferred_ip_protocol: ip4, service: nobody}}
  unix: {prober: unix, unix: {query_response: [{send: PING}, {expect: ^PONG}]}}
"#;

/// All servers, and the modules.
pub(crate) struct Stage {
    pub(crate) config: String,
    web: Web,
    secure: Web,
    other_name: Web,
    http2: Http2,
    silent: Silent,
    banner: Served<()>,
    six: tokio::net::TcpListener,
    names: [NameServer; 3],
    grpc: [Served<()>; 2],
    socket: (TempDir, JoinHandle<()>),
    _files: TempDir,
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn page(request: &Request) -> Answer {
    let text = |status, body: &str| Reply::text(status, body);
    match request.path.as_str() {
        "/404" => text(404, "not here").into(),
        "/redirect" => text(302, "").header("location", "/").into(),
        "/loop" => text(302, "").header("location", "/loop").into(),
        "/close" => Answer::Close,
        "/half" => Answer::Half(text(200, "a body that breaks off")),
        "/gzip" => {
            Reply::new(200, "text/plain", gzip("hello, hello")).header("content-encoding", "gzip").into()
        }
        "/json" => Reply::new(200, "application/json", "{\"state\": \"up\", \"count\": 2}").into(),
        "/fault" => text(200, "{\"state\": \"up\", \"fault\": 1, \"count\": 1}").into(),
        "/login" if request.header("authorization") == "Basic YTpi" && request.text() == "hello" => {
            text(200, request.header("x-a")).into()
        }
        "/login" => text(401, "").into(),
        _ => text(200, "hello, world").header("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT").into(),
    }
}

async fn banner() -> Served<()> {
    each(async |mut stream| {
        drop(stream.write_all(b"SSH-2.0-OpenSSH_9 Debian\r\n").await);
        // who only looks for the banner is gone by now
        let mut first = [0];
        if stream.peek(&mut first).await.is_ok_and(|count| count > 0) {
            line(&mut stream).await;
            drop(stream.write_all(b"bye\r\n").await);
        }
    })
    .await
}

fn socket() -> (TempDir, JoinHandle<()>) {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            assert_eq!(line(&mut stream).await, "PING");
            drop(stream.write_all(b"PONG\n").await);
        }
    });
    (folder, task)
}

impl Stage {
    pub(crate) async fn start() -> Self {
        let root = Signer::root(Recipe::new("root", &[])).unwrap();
        let identity = root.leaf(&Recipe::new("server", &["localhost", "127.0.0.1", "a.example"])).unwrap();
        let other = root.leaf(&Recipe::new("other", &["b.example"])).unwrap();
        let files = tempfile::tempdir().unwrap();
        let ca = files.path().join("ca.pem");
        std::fs::write(&ca, &root.pem).unwrap();
        let web = Web::start(page).await.unwrap();
        let away = web.url("/");
        let secure = Web::start_tls(&identity, move |request| match request.path.as_str() {
            "/plain" => Reply::text(302, "").header("location", &away).into(),
            _ => page(request),
        });
        Self {
            config: CONFIG.replace("CA", &ca.display().to_string()),
            secure: secure.await.unwrap(),
            web,
            other_name: Web::start_tls(&other, page).await.unwrap(),
            http2: Http2::start(&identity, Does::Answers).await,
            silent: Silent::start().await.unwrap(),
            banner: banner().await,
            six: tokio::net::TcpListener::bind("[::1]:0").await.unwrap(),
            names: [
                NameServer::start(Transport::Udp, authoritative).await,
                NameServer::start(Transport::Tcp, authoritative).await,
                NameServer::start(Transport::Udp, failing).await,
            ],
            grpc: [Health::of("stopped", 2).serve().await, Health::default().serve().await],
            socket: socket(),
            _files: files,
        }
    }

    /// What a case is asked about.
    pub(crate) fn target(&self, case: &str) -> String {
        let nobody = "127.0.0.1:1".to_owned();
        let web = |path: &str| self.web.url(path);
        match case {
            "http_404" => web("/404"),
            "http_redirect" | "http_not_followed" => web("/redirect"),
            "http_loop" => web("/loop"),
            "http_closed" => web("/close"),
            "http_half" => web("/half"),
            "http_refused" => format!("http://{nobody}/"),
            "http_silent" => format!("http://{}/", self.silent.address()),
            "http_nobody" => "http://nobody.invalid/".to_owned(),
            "http_scheme" => format!("invalid://{}/", self.web.address()),
            "http_gzip" => web("/gzip"),
            "http_regexp" | "http_cel" | "http_header" => web("/json"),
            "http_no_regexp" | "http_no_cel" => web("/fault"),
            "http_login" => web("/login"),
            "https" => format!("https://localhost:{}/json", self.secure.address().port()),
            "https_untrusted" | "https_insecure" | "https_unwanted" => self.secure.url("/"),
            "https_other_name" => self.other_name.url("/"),
            "https_to_plain" => self.secure.url("/plain"),
            "http2" => self.http2.url(),
            "tcp" => self.web.address().to_string(),
            "tcp_refused" | "dns_refused" | "grpc_refused" => nobody,
            "tcp_no_port" => "localhost".to_owned(),
            "tcp_six" => self.six.local_addr().unwrap().to_string(),
            "tcp_tls" | "tcp_untrusted" => format!("localhost:{}", self.secure.address().port()),
            "tcp_insecure" => self.other_name.address().to_string(),
            "tcp_banner" | "tcp_no_banner" | "tcp_bytes" => self.banner.target(),
            "tcp_silent" => self.silent.address().to_string(),
            "dns_tcp" => self.names[1].target(),
            "dns_servfail" => self.names[2].target(),
            "icmp" => "127.0.0.1".to_owned(),
            "grpc_none" => self.grpc[1].target(),
            "unix" => self.socket.0.path().join("socket").display().to_string(),
            "unix_none" => self.socket.0.path().join("none").display().to_string(),
            other if other.starts_with("http_") || other == "http" => web("/"),
            other if other.starts_with("dns_") => self.names[0].target(),
            other if other.starts_with("grpc") => self.grpc[0].target(),
            other => panic!("{other} has no target"),
        }
    }
}
