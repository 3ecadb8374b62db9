//! TLS towards the watched servers.
//!
//! Files are read anew for each connection, so that renewed certificates take effect without a reload; connections
//! are kept, so that this is rare. Invariants: certificates are verified unless the configuration says otherwise for
//! this very target; a server's name is what the certificate must bear, and what is sent as SNI.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use toolkit::tls::AnyCertificate;

use crate::error::Reason;

/// How TLS is spoken with a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates to trust instead of the machine's own.
    pub ca_file: Option<PathBuf>,
    /// The client certificate.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// The name the server's certificate must bear, instead of the target's host.
    pub server_name: Option<String>,
    /// Whether any certificate is accepted.
    pub insecure: bool,
}

/// Why TLS failed.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate or key file cannot be used.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The files do not make a configuration.
    #[error("the TLS settings cannot be used")]
    Settings(#[source] rustls::Error),
    /// No certificate to trust.
    #[error("no trusted certificates are installed (hint: set tls-ca-cert-file)")]
    NoRoots,
    /// The server name is none.
    #[error("the TLS server name is not a host name or address")]
    ServerName,
    /// The handshake failed.
    #[error("the handshake failed")]
    Handshake(#[source] io::Error),
}

impl TlsError {
    /// The word for labels.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Handshake(source) => match tls_cause(source) {
                Some(rustls::Error::InvalidCertificate(_)) => Reason::TlsVerify,
                _ => Reason::TlsHandshake,
            },
            _ => Reason::Config,
        }
    }
}

/// Speaks TLS on a connected stream with the server `host`.
pub async fn connect(
    settings: &TlsSettings,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, TlsError> {
    let name = settings.server_name.as_deref().unwrap_or(host);
    let name = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName)?;
    let connector = TlsConnector::from(Arc::new(client_config(settings)?));
    connector.connect(name, stream).await.map_err(TlsError::Handshake)
}

/// Reads the files of `settings`; used at start too, so that a bad file is found there.
pub fn client_config(settings: &TlsSettings) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if settings.insecure {
        AnyCertificate::new(Arc::clone(&provider))
    } else {
        let roots = Arc::new(roots(settings.ca_file.as_deref())?);
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|_| TlsError::NoRoots)?
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Settings)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match (&settings.cert_file, &settings.key_file) {
        (Some(cert_file), Some(key_file)) => {
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|source| TlsError::File { path: key_file.clone(), source })?;
            builder.with_client_auth_cert(certificates(cert_file)?, key).map_err(TlsError::Settings)
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(TlsError::Settings)?;
            }
        }
        // what the machine holds and cannot be parsed is not ours to judge
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| TlsError::File { path: path.to_owned(), source })
}

/// The rustls error inside an I/O error.
fn tls_cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
