//! Servers of one connection, which say and hear what a test wants.

use std::net::SocketAddr;
use std::sync::Arc;

use kit::tls::Identity;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A server on loopback that serves one connection after the other.
pub(crate) struct Served<T> {
    address: SocketAddr,
    task: JoinHandle<T>,
}

/// Serves one connection.
pub(crate) async fn once<T, F>(serve: impl FnOnce(TcpStream) -> F + Send + 'static) -> Served<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream).await
    });
    Served { address, task }
}

/// Serves each connection in the same way, as long as the value lives.
pub(crate) async fn each<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Served<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    Served { address, task }
}

impl<T> Served<T> {
    /// Its address and port.
    pub(crate) fn target(&self) -> String {
        self.address.to_string()
    }

    /// Its name and port.
    pub(crate) fn by_name(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// What serving came to.
    pub(crate) async fn done(mut self) -> T {
        (&mut self.task).await.unwrap()
    }
}

impl<T> Drop for Served<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One line, without its end.
pub(crate) async fn line(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(line).unwrap().trim_end().to_owned()
}

/// What a server needs to speak TLS with these certificates.
pub(crate) fn acceptor(
    identity: &Identity,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes());
    let chain = chain.collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// The same of a server that wants a certificate of this authority from whoever connects; HTTP/2 only.
pub(crate) fn strict_acceptor(identity: &Identity, authority_pem: &str) -> TlsAcceptor {
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(authority_pem)).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_client_cert_verifier(verifier);
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(vec![certificate(&identity.certificate_pem)], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
