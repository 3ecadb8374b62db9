//! Handshakes with servers that speak TLS 1.2 and 1.3.

use std::sync::Arc;
use std::time::Duration;

use kit::blackhole::Silent;
use kit::dialogue::{Scripted, Step, expect, send};
use kit::tls::{Authority, LOOPBACK};
use netprobe::failure::Reason;
use netprobe::phase::Phase;
use netprobe::tls::{ClientSettings, Identity, Proof, Version, Versions, alert_name, handshake};
use netprobe::{Dial, dial, observe};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::support::{any_server, der, options, options_with, server_config, soon, to};

const VERSIONS: [(&SupportedProtocolVersion, Version); 2] =
    [(&rustls::version::TLS12, Version::Tls12), (&rustls::version::TLS13, Version::Tls13)];

#[tokio::test]
async fn everything_that_was_agreed_is_seen() {
    let identity = Authority::new().unwrap().server(&LOOPBACK).unwrap();
    let mut config = server_config(&identity);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (chain, key) = der(&identity);
    let mut certified = CertifiedKey::from_der(chain.clone(), key, &default_provider()).unwrap();
    certified.ocsp = Some(b"a staple".to_vec());
    config.cert_resolver = Arc::new(SingleCertAndKey::from(certified)) as Arc<dyn ResolvesServerCert>;
    let server = Scripted::start(vec![Step::Tls(Arc::new(config))]).await.unwrap();
    for (versions, version, cipher) in [
        (Versions::All, Version::Tls13, "TLS_AES_256_GCM_SHA384"),
        (Versions::Only13, Version::Tls13, "TLS_AES_256_GCM_SHA384"),
        (Versions::Only12, Version::Tls12, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ] {
        let alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let settings = ClientSettings { alpn, versions, ..ClientSettings::default() };
        let observation = observe(&to(server.address()), None, &options_with(&settings), soon()).await;
        assert!(observation.failure.is_none(), "{:?}", observation.failure);
        let seen = observation.seen;
        assert_eq!(seen.chain, chain.iter().map(|certificate| certificate.to_vec()).collect::<Vec<_>>());
        assert_eq!(seen.staple.as_deref(), Some(&b"a staple"[..]));
        assert_eq!(seen.version, Some(version));
        assert_eq!(seen.cipher.unwrap().name(), cipher);
        assert!(seen.group.is_some());
        assert_eq!(seen.signature_scheme, Some(0x0403));
        assert_eq!(seen.proof, Proof::Given);
        assert_eq!(seen.alpn.as_deref(), Some(&b"h2"[..]));
        assert_eq!(observation.stream.unwrap().alpn(), Some(&b"h2"[..]));
        assert!(!seen.requested_client_certificate);
    }
}

#[tokio::test]
async fn a_server_that_does_not_hold_the_key_is_found_out() {
    let authority = Authority::new().unwrap();
    let (chain, _) = der(&authority.server(&LOOPBACK).unwrap());
    let (_, another) = der(&authority.server(&LOOPBACK).unwrap());
    let key = default_provider().key_provider.load_private_key(another).unwrap();
    let mut config = server_config(&authority.server(&LOOPBACK).unwrap());
    config.cert_resolver = Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)));
    let server = Scripted::start(vec![Step::Tls(Arc::new(config))]).await.unwrap();
    for versions in [Versions::Only12, Versions::Only13] {
        let settings = ClientSettings { versions, ..ClientSettings::default() };
        let observation = observe(&to(server.address()), None, &options_with(&settings), soon()).await;
        assert_eq!(observation.failure.unwrap().reason, Reason::TlsSignature, "{versions:?}");
        assert_eq!((observation.seen.proof, observation.seen.chain.len()), (Proof::Wrong, 1));
        assert!(observation.stream.is_none());
    }
}

#[tokio::test]
async fn no_session_is_resumed() {
    let server = Scripted::start(vec![Step::Tls(any_server())]).await.unwrap();
    let options = options();
    for _ in 0..3 {
        let observation = observe(&to(server.address()), None, &options, soon()).await;
        assert_eq!(observation.seen.chain.len(), 1);
        assert_eq!(observation.seen.proof, Proof::Given);
    }
}

/// A server that wants a client certificate of `authority`.
fn wanting(
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
    optional: bool,
) -> ServerConfig {
    let roots: RootCertStore = {
        let mut roots = RootCertStore::empty();
        let pem = kit::tls::Identity { certificate_pem: authority.pem(), ..authority.client("x").unwrap() };
        roots.add(der(&pem).0.remove(0)).unwrap();
        roots
    };
    let provider = Arc::new(default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = if optional { verifier.allow_unauthenticated() } else { verifier };
    let (chain, key) = der(&authority.server(&LOOPBACK).unwrap());
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain, key)
        .unwrap()
}

fn showing(authority: &Authority) -> ClientSettings {
    let ours = authority.client("prober").unwrap();
    let identity = Identity::from_pem(ours.certificate_pem.as_bytes(), ours.key_pem.as_bytes()).unwrap();
    ClientSettings { identity: Some(identity), ..ClientSettings::default() }
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_is_seen_before_it_refuses() {
    let authority = Authority::new().unwrap();
    let stranger = Authority::new().unwrap();
    for (version, ours) in VERSIONS {
        let server =
            Scripted::start(vec![Step::Tls(Arc::new(wanting(&authority, version, false)))]).await.unwrap();
        for (settings, expected) in [
            (ClientSettings::default(), Some(Reason::ClientCertificateRequired)),
            (showing(&stranger), Some(Reason::ClientCertificateRefused)),
            (showing(&authority), None),
        ] {
            let observation = observe(&to(server.address()), None, &options_with(&settings), soon()).await;
            let reason = observation.failure.as_ref().map(|failure| failure.reason);
            assert_eq!(reason, expected, "{ours:?} {:?}", observation.failure);
            let seen = observation.seen;
            assert_eq!((seen.chain.len(), seen.version, seen.proof), (1, Some(ours), Proof::Given));
            assert!(seen.requested_client_certificate && seen.cipher.is_some());
            assert_eq!(observation.stream.is_some(), expected.is_none());
            if let Some(failure) = observation.failure {
                assert!(failure.alert.is_some(), "{}", alert_name(failure.alert.unwrap_or_default()));
                assert_eq!(failure.phase, Phase::Tls);
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_only_asks_for_one_goes_on_without() {
    let authority = Authority::new().unwrap();
    for (version, ours) in VERSIONS {
        let server =
            Scripted::start(vec![Step::Tls(Arc::new(wanting(&authority, version, true)))]).await.unwrap();
        let observation = observe(&to(server.address()), None, &options(), soon()).await;
        assert!(observation.failure.is_none(), "{ours:?}");
        assert!(observation.seen.requested_client_certificate);
    }
}

#[tokio::test]
async fn data_goes_both_ways_and_ends_where_it_ends() {
    let (config, size) = (any_server(), 300_000);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut tls = TlsAcceptor::from(config).accept(stream).await.unwrap();
        let mut came = vec![0; size];
        tls.read_exact(&mut came).await.unwrap();
        came.reverse();
        tls.write_all(&came).await.unwrap();
        tls.shutdown().await.unwrap();
        // and the client's own end is heard
        assert_eq!(tls.read(&mut came).await.unwrap(), 0);
    });
    let observation = observe(&Dial::new("127.0.0.1", port), None, &options(), soon()).await;
    let mut stream = observation.stream.unwrap();
    let sent: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
    stream.write_all(&sent).await.unwrap();
    stream.flush().await.unwrap();
    let mut came = Vec::new();
    stream.read_to_end(&mut came).await.unwrap();
    assert!(came.iter().rev().eq(sent.iter()));
    stream.shutdown().await.unwrap();
    serving.await.unwrap();
}

#[tokio::test]
async fn servers_that_speak_no_tls() {
    for (steps, expected) in [
        (vec![send("SSH-2.0-OpenSSH_9.2\r\n"), Step::Hold], Reason::Protocol),
        (vec![send("HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Hold], Reason::Protocol),
        (vec![expect("")], Reason::Closed),
        (vec![send(b"\x15\x03\x01\x00\x02\x02\x28"), Step::Hold], Reason::TlsParameters),
        (vec![send(b"\x15\x03\x01\x00\x02\x02\x46"), Step::Hold], Reason::TlsVersion),
        (vec![send(b"\x15\x03\x01\x00\x02\x02\x50"), Step::Hold], Reason::TlsAlert),
    ] {
        let server = Scripted::start(steps).await.unwrap();
        let observation = observe(&to(server.address()), None, &options(), soon()).await;
        let failure = observation.failure.unwrap();
        // whoever closes while we write resets
        let closes = [expected, Reason::Reset].contains(&failure.reason) && expected == Reason::Closed;
        assert!(closes || failure.reason == expected, "{failure:?}");
        assert!(observation.seen.chain.is_empty() && observation.stream.is_none());
    }
    let silent = Silent::start().await.unwrap();
    let way = Dial::new("127.0.0.1", silent.address().port());
    let stream = dial(&way, soon()).await.unwrap().stream;
    let done = handshake(stream, &options(), Instant::now() + Duration::from_millis(10)).await;
    let failure = done.failure.unwrap();
    assert_eq!((failure.phase, failure.reason), (Phase::Tls, Reason::Timeout));
    assert!(done.timings.get(Phase::Tls).is_some());
}
