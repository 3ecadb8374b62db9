//! A TLS server that serves whatever chain a test gives it, good or bad, and says little else.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::listener::{ANY, Listener};
use crate::tls::provider;

/// What a server answers to whatever it is asked over TLS.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";

/// What a server is like.
#[derive(Clone, Debug, Default)]
pub struct Serve {
    /// Its certificates in PEM, in the order in which they are served.
    pub chain_pem: String,
    /// The key of the first.
    pub key_pem: String,
    /// The OCSP response that it staples.
    pub staple: Vec<u8>,
    /// Whose certificates clients must show.
    pub client_authority_pem: Option<String>,
    /// The version it speaks; both when there is none.
    pub version: Option<&'static SupportedProtocolVersion>,
}

impl Serve {
    /// A server with these certificates and this key.
    pub fn chain(certificates: &[&str], key_pem: &str) -> Self {
        Self { chain_pem: certificates.concat(), key_pem: key_pem.to_owned(), ..Self::default() }
    }

    /// Starts it on loopback.
    pub async fn start(&self) -> Result<TlsServer> {
        let config = Arc::new(Mutex::new(Arc::new(self.config()?)));
        let shared = Arc::clone(&config);
        let listener = Listener::start(ANY, move |stream| {
            let config = Arc::clone(&shared.lock().unwrap_or_else(PoisonError::into_inner));
            let acceptor = TlsAcceptor::from(config);
            Box::pin(async move {
                // a client that breaks off is what most tests are about
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    drop(answer(&mut stream).await);
                }
            }) as Pin<Box<_>>
        });
        Ok(TlsServer { listener: listener.await?, config })
    }

    /// Its part of TLS.
    pub fn config(&self) -> Result<ServerConfig> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(self.chain_pem.as_bytes())
            .collect::<Result<_, _>>()
            .context("not certificates in PEM")?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).context("not a key in PEM")?;
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = match self.version {
            Some(version) => builder.with_protocol_versions(&[version])?,
            None => builder.with_safe_default_protocol_versions()?,
        };
        let builder = match &self.client_authority_pem {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for root in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    roots.add(root?)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let mut config = builder.with_single_cert_with_ocsp(chain, key, self.staple.clone())?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// A running server; dropping it closes its port.
pub struct TlsServer {
    listener: Listener,
    config: Arc<Mutex<Arc<ServerConfig>>>,
}

impl TlsServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Its name and port.
    pub fn target(&self) -> String {
        format!("localhost:{}", self.address().port())
    }

    /// Serves something else from the next connection on, as after a renewal.
    pub fn change(&self, serve: &Serve) -> Result<()> {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(serve.config()?);
        Ok(())
    }

    /// Closes the port and every connection.
    pub async fn down(&self) {
        self.listener.down().await;
    }
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let mut got = Vec::new();
    while !got.windows(4).any(|window| window == b"\r\n\r\n") {
        let read = stream.read(&mut request).await?;
        if read == 0 {
            return Ok(());
        }
        got.extend_from_slice(request.get(..read).unwrap_or_default());
    }
    stream.write_all(ANSWER).await?;
    stream.shutdown().await
}
