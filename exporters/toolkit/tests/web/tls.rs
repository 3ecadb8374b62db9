//! TLS, client certificates of all five policies, versions, HTTP/2.

use rustls::version::{TLS12, TLS13};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{Client, Folder, Served, fixtures, get_plain};

const CERTIFICATES: [Option<&str>; 5] =
    [None, Some("client"), Some("stranger"), Some("foreign"), Some("pinned")];

/// For each of [`CERTIFICATES`], whether a client with it is served, by both versions of TLS.
async fn check_clients(fixture: &str, expected: [bool; 5]) {
    let folder = Folder::new();
    let path = fixtures(fixture).pop().unwrap();
    let served = Served::pages(&folder.fixture(&path)).await;
    for versions in [vec![&TLS12], vec![&TLS13]] {
        for (certificate, expected) in CERTIFICATES.into_iter().zip(expected) {
            let client = Client { versions: versions.clone(), certificate, ..Client::default() };
            let status = client.status(&folder, served.address).await;
            assert_eq!(status, expected.then_some(200), "{fixture} {certificate:?} {versions:?}");
        }
    }
}

#[tokio::test]
async fn no_client_certificate() {
    check_clients("tls.good.yml", [true; 5]).await;
    check_clients("client_auth_noclientcert.good.yml", [true; 5]).await;
}

#[tokio::test]
async fn client_certificate_requested() {
    check_clients("client_auth_requestclientcert.good.yml", [true; 5]).await;
}

#[tokio::test]
async fn any_client_certificate_required() {
    check_clients("client_auth_requireanyclientcert.good.yml", [false, true, true, true, true]).await;
    check_clients("client_auth_requireclientcert.good.yml", [false, true, true, true, true]).await;
}

#[tokio::test]
async fn client_certificate_verified_if_given() {
    check_clients("client_auth_verifyclientcertifgiven.good.yml", [true, true, true, false, false]).await;
    check_clients("inline.good.yml", [true, true, true, false, false]).await;
}

#[tokio::test]
async fn client_certificate_required_and_verified() {
    check_clients("client_auth_requireandverifyclientcert.good.yml", [false, true, true, false, false]).await;
}

#[tokio::test]
async fn client_names() {
    check_clients("sans.good.yml", [false, true, false, false, false]).await;
}

/// A client certificate that has signed itself may be listed as its own CA.
#[tokio::test]
async fn pinned_client_certificate() {
    let folder = Folder::new();
    let config = "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: pinned.crt, \
                  client_auth_type: RequireAndVerifyClientCert}";
    let served = Served::pages(&folder.write("web.yml", config)).await;
    for (certificate, expected) in CERTIFICATES.into_iter().zip([false, false, false, false, true]) {
        let client = Client { certificate, ..Client::default() };
        let status = client.status(&folder, served.address).await;
        assert_eq!(status, expected.then_some(200), "{certificate:?}");
    }
}

#[tokio::test]
async fn versions() {
    let folder = Folder::new();
    let check = async |lines: &str, tls12: bool, tls13: bool| {
        let config = format!("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{lines}");
        let served = Served::pages(&folder.write("web.yml", config)).await;
        for (version, expected) in [(&TLS12, tls12), (&TLS13, tls13)] {
            let client = Client { versions: vec![version], ..Client::default() };
            let status = client.status(&folder, served.address).await;
            assert_eq!(status, expected.then_some(200), "{lines} {version:?}");
        }
    };
    check("", true, true).await;
    check("  min_version: TLS13", false, true).await;
    check("  max_version: TLS12", true, false).await;
    check("  cipher_suites: [TLS_AES_128_GCM_SHA256]", false, true).await;
    check("  cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]", true, true).await;
    // The certificate is ECDSA: a suite for RSA alone leaves nothing for TLS 1.2.
    check("  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]", false, true).await;
    check("  curve_preferences: [CurveP384]", true, true).await;
}

#[tokio::test]
async fn http2_only_where_it_was_agreed_on() {
    let folder = Folder::new();
    let check = async |lines: &str, offered: &[&'static [u8]], expected: Option<&[u8]>| {
        let config = format!("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{lines}");
        let served = Served::pages(&folder.write("web.yml", config)).await;
        let client = Client { protocols: offered.to_vec(), ..Client::default() };
        let stream = client.connect(&folder, served.address).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), expected, "{lines}");
        if expected == Some(b"h2") {
            let io = hyper_util::rt::TokioIo::new(stream);
            let executor = hyper_util::rt::TokioExecutor::new();
            let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
            let connection = tokio::spawn(connection);
            let request = axum::http::Request::builder().uri("https://localhost/metrics");
            let response = sender.send_request(request.body(String::new()).unwrap()).await.unwrap();
            assert_eq!(response.status(), 200);
            connection.abort();
        }
    };
    check("", &[b"h2", b"http/1.1"], Some(b"h2")).await;
    check("", &[b"http/1.1"], Some(b"http/1.1")).await;
    check("", &[], None).await;
    check("http_server_config: {http2: false}", &[b"h2", b"http/1.1"], Some(b"http/1.1")).await;
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_told_so() {
    let folder = Folder::new();
    let served = Served::pages(&folder.fixture(&fixtures("/tls.good.yml")[0])).await;
    let answer = get_plain(served.address, "/metrics", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (400, "this port speaks https, this was plain http"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_cut() {
    let folder = Folder::new();
    let served = Served::pages(&folder.fixture(&fixtures("/tls.good.yml")[0])).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let started = Instant::now();
    assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    assert!((10..12).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}
