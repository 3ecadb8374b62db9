//! TLS towards the watched servers.
//!
//! Files are looked at for each connection and read when they have changed, so that renewed certificates take effect
//! without a reload. Invariants: certificates are verified unless the configuration says otherwise for this very
//! target; a server's name is what the certificate must bear, and what is sent as SNI; when a certificate ends is
//! known also where it was not trusted.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use toolkit::tls::AnyCertificate;

use crate::error::Reason;
use crate::tls_seen::Seen;

/// How long a configuration is used without a look into its files, which can only be needed for the machine's own
/// certificates and for a file that was rewritten within a tick of its clock.
const KEPT: Duration = Duration::from_mins(1);

/// How TLS is spoken with a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
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
    /// Whether TLS 1.2 is not spoken.
    pub only_tls13: bool,
}

/// The configurations made so far, one for each set of files, so that connections share what they hold.
#[derive(Debug, Default)]
pub struct TlsConfigs(Mutex<HashMap<TlsSettings, Made>>);

/// A configuration and the state of its files before it was made.
#[derive(Debug)]
struct Made {
    at: Instant,
    stamps: [Option<Stamp>; 3],
    config: ClientConfig,
    verifier: Arc<dyn ServerCertVerifier>,
}

/// What `stat` says of a file: a renamed one has another inode, a rewritten one another time.
type Stamp = (u64, u64, i64, i64);

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
    Handshake {
        /// Why.
        #[source]
        source: io::Error,
        /// When the server's certificate ends, in Unix time, if it showed one.
        not_after: Option<i64>,
    },
}

impl TlsError {
    /// The word for labels.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Handshake { source, .. } => match tls_cause(source) {
                Some(rustls::Error::InvalidCertificate(_)) => Reason::TlsVerify,
                _ => Reason::TlsHandshake,
            },
            _ => Reason::Config,
        }
    }

    /// When the certificate ends that the server showed, in Unix time.
    pub fn not_after(&self) -> Option<i64> {
        match self {
            Self::Handshake { not_after, .. } => *not_after,
            _ => None,
        }
    }
}

impl TlsConfigs {
    /// Speaks TLS on a connected stream with the server `host`; tells too when its certificate ends, in Unix time.
    pub async fn connect(
        &self,
        settings: &TlsSettings,
        host: &str,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Option<i64>), TlsError> {
        let name = settings.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName)?;
        let (mut config, verifier) = self.config(settings)?;
        let seen = Arc::new(Seen::new(verifier));
        config.dangerous().set_certificate_verifier(Arc::<Seen>::clone(&seen));
        match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
            Ok(stream) => Ok((stream, seen.not_after())),
            Err(source) => Err(TlsError::Handshake { source, not_after: seen.not_after() }),
        }
    }

    /// The configuration for these settings; made anew when a file has changed.
    fn config(
        &self,
        settings: &TlsSettings,
    ) -> Result<(ClientConfig, Arc<dyn ServerCertVerifier>), TlsError> {
        // a request can choose the server name, and with it must not fill the map
        let key = TlsSettings { server_name: None, ..settings.clone() };
        let files = [&settings.ca_file, &settings.cert_file, &settings.key_file];
        let stamps = files.map(|file| file.as_deref().and_then(stamp));
        let mut configs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = configs.get(&key)
            && made.stamps == stamps
            && made.at.elapsed() < KEPT
        {
            return Ok((made.config.clone(), Arc::clone(&made.verifier)));
        }
        let (config, verifier) = client_config(settings)?;
        let made =
            Made { at: Instant::now(), stamps, config: config.clone(), verifier: Arc::clone(&verifier) };
        configs.insert(key, made);
        Ok((config, verifier))
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}

/// Reads the files of `settings`; used at start too, so that a bad file is found there.
pub fn client_config(
    settings: &TlsSettings,
) -> Result<(ClientConfig, Arc<dyn ServerCertVerifier>), TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if settings.insecure {
        AnyCertificate::new(Arc::clone(&provider))
    } else {
        let roots = Arc::new(roots(settings.ca_file.as_deref())?);
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|_| TlsError::NoRoots)?
    };
    let versions = if settings.only_tls13 { &[&TLS13][..] } else { &[&TLS13, &TLS12] };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(TlsError::Settings)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier));
    let mut config = match (&settings.cert_file, &settings.key_file) {
        (Some(cert_file), Some(key_file)) => {
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|source| TlsError::File { path: key_file.clone(), source })?;
            builder.with_client_auth_cert(certificates(cert_file)?, key).map_err(TlsError::Settings)?
        }
        _ => builder.with_no_client_auth(),
    };
    // a resumed session shows no certificate, and connections are kept: there is nothing to gain
    config.resumption = Resumption::disabled();
    Ok((config, verifier))
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
