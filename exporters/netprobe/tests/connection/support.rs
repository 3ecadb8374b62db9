//! Servers whose every word a test writes, and TLS servers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use kit::tls::{Authority, Identity, LOOPBACK};
use netprobe::Dial;
use netprobe::tls::{Client, ClientSettings, TlsOptions};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// A time in which everything that is to succeed on loopback does.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// What a server does.
#[derive(Clone)]
pub(crate) enum Step {
    /// Says this.
    Send(Vec<u8>),
    /// Reads until what came ends with this.
    Expect(Vec<u8>),
    /// Says this until it is cut off.
    Endless(Vec<u8>),
    /// Goes on in TLS, and stays.
    Tls(Arc<ServerConfig>),
    /// Says nothing and stays.
    Hold,
}

pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

pub(crate) fn expect(bytes: impl AsRef<[u8]>) -> Step {
    Step::Expect(bytes.as_ref().to_vec())
}

/// A server that does the same with every connection.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Scripted {
    pub(crate) async fn start(steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(play(stream, steps.clone()));
            }
        });
        Self { address, accepting }
    }

    /// The way to it.
    pub(crate) fn dial(&self) -> Dial {
        Dial::new("127.0.0.1", self.address.port())
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn play(mut stream: TcpStream, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes).await.unwrap(),
            Step::Expect(bytes) => {
                let mut came = Vec::new();
                while !came.ends_with(&bytes) {
                    match stream.read_u8().await {
                        Ok(byte) => came.push(byte),
                        // the client has hung up
                        Err(_) => return,
                    }
                }
            }
            Step::Endless(bytes) => while stream.write_all(&bytes).await.is_ok() {},
            Step::Tls(config) => {
                if let Ok(mut tls) = TlsAcceptor::from(config).accept(&mut stream).await {
                    let mut rest = Vec::new();
                    drop(tls.read_to_end(&mut rest).await);
                }
                return;
            }
            Step::Hold => std::future::pending().await,
        }
    }
}

/// A server's part of TLS, without client certificates.
pub(crate) fn server_config(identity: &Identity) -> ServerConfig {
    let (chain, key) = der(identity);
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    builder.with_no_client_auth().with_single_cert(chain, key).unwrap()
}

pub(crate) fn der(identity: &Identity) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    (chain.collect::<Result<_, _>>().unwrap(), key)
}

/// A server with a certificate of a new authority.
pub(crate) fn any_server() -> Arc<ServerConfig> {
    Arc::new(server_config(&Authority::new().unwrap().server(&LOOPBACK).unwrap()))
}

/// Our part of TLS, as it is by default.
pub(crate) fn options() -> TlsOptions {
    options_with(&ClientSettings::default())
}

pub(crate) fn options_with(settings: &ClientSettings) -> TlsOptions {
    let client = Client::new(settings).unwrap();
    TlsOptions { client, server_name: Some("localhost".to_owned()), learn_refusal: true }
}
