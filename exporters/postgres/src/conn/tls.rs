//! TLS as libpq speaks it: from `disable` to `verify-full`.
//!
//! Invariant: `verify-ca` and `verify-full` never accept a certificate that no trusted one vouches for, and
//! `verify-full` none that bears another name.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use toolkit::tls::AnyCertificate;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::error::ConnError;
use super::wire::Stream;

/// How long certificates that were read from files are used for new connections.
const KEPT_FILES: Duration = Duration::from_mins(1);

/// How much TLS is wanted; libpq's `sslmode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// No TLS.
    Disable,
    /// TLS only when the server insists.
    Allow,
    /// TLS when the server has it.
    #[default]
    Prefer,
    /// TLS, with any certificate unless one to trust is named.
    Require,
    /// TLS, with a trusted certificate.
    VerifyCa,
    /// TLS, with a trusted certificate for this very host.
    VerifyFull,
}

/// Which certificates are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// None was named: libpq's file in the home folder where it is there.
    #[default]
    Unset,
    /// The machine's own.
    System,
    /// Those of a file.
    File(PathBuf),
}

/// How TLS is spoken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// How much of it.
    pub mode: Mode,
    /// Whom to trust.
    pub roots: Roots,
    /// Our certificate.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// Whether the host's name is not sent.
    pub no_sni: bool,
    /// Whether only TLS 1.3 is spoken.
    pub only_13: bool,
    /// Whether TLS starts without asking for it first (`sslnegotiation=direct`).
    pub direct: bool,
}

/// A client configuration that is used for a while.
#[derive(Debug, Default)]
pub(crate) struct TlsCache(Mutex<Option<(Instant, Arc<ClientConfig>)>>);

impl TlsSettings {
    /// Whether the server's certificate is checked.
    pub(crate) fn verifies(&self) -> bool {
        self.mode >= Mode::VerifyCa || (self.mode == Mode::Require && matches!(self.roots, Roots::File(_)))
    }
}

impl TlsCache {
    fn config(&self, settings: &TlsSettings) -> Result<Arc<ClientConfig>, ConnError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((made, config)) if made.elapsed() < KEPT_FILES => Ok(Arc::clone(config)),
            _ => {
                let config = Arc::new(client_config(settings)?);
                *kept = Some((Instant::now(), Arc::clone(&config)));
                Ok(config)
            }
        }
    }
}

/// Speaks TLS on a connected stream; `host` is a name or an address.
pub(crate) async fn connect(
    settings: &TlsSettings,
    cache: &TlsCache,
    host: &str,
    stream: Box<dyn Stream>,
) -> Result<TlsStream<Box<dyn Stream>>, ConnError> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| ConnError::Tls("the host is neither a name nor an address".to_owned()))?;
    let connector = TlsConnector::from(cache.config(settings)?);
    let failed = |error: std::io::Error| {
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        ConnError::Tls(cause.map_or_else(|| error.to_string(), ToString::to_string))
    };
    connector.connect(name, stream).await.map_err(failed)
}

/// What SCRAM binds to: the hash of the server's certificate by the algorithm it is signed with (RFC 5929).
pub(crate) fn end_point(stream: &TlsStream<Box<dyn Stream>>) -> Option<Vec<u8>> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let algorithm = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // MD5, SHA-1 and SHA-256 with RSA, SHA-1 and SHA-256 with ECDSA
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => &digest::SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &digest::SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &digest::SHA512,
        // no hash of its own is defined for the others
        _ => return None,
    };
    Some(digest::digest(algorithm, certificate).as_ref().to_vec())
}

/// Reads the files of `settings`.
fn client_config(settings: &TlsSettings) -> Result<ClientConfig, ConnError> {
    let provider = Arc::new(provider::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if settings.verifies() {
        let trusted = trusted(&settings.roots)?;
        let mut store = RootCertStore::empty();
        // what the machine holds and cannot be parsed is not ours to judge
        let (_, _) = store.add_parsable_certificates(trusted.iter().cloned());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
            .build()
            .map_err(|_| ConnError::Tls("no trusted certificates (hint: set sslrootcert)".to_owned()))?;
        let full = settings.mode == Mode::VerifyFull;
        Arc::new(Trusting {
            inner,
            full,
            trusted: if settings.roots == Roots::System { Vec::new() } else { trusted },
        })
    } else {
        AnyCertificate::new(Arc::clone(&provider))
    };
    let unusable = |error: rustls::Error| ConnError::Tls(error.to_string());
    let versions: &[&rustls::SupportedProtocolVersion] =
        if settings.only_13 { &[&rustls::version::TLS13] } else { rustls::ALL_VERSIONS };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match own_files(settings) {
        Some((cert_file, key_file)) => {
            let key =
                PrivateKeyDer::from_pem_file(&key_file).map_err(|error| unreadable(&key_file, &error))?;
            builder.with_client_auth_cert(certificates(&cert_file)?, key).map_err(unusable)?
        }
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = !settings.no_sni;
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

/// Our certificate and key: those that were named, else libpq's in the home folder.
fn own_files(settings: &TlsSettings) -> Option<(PathBuf, PathBuf)> {
    let named = settings.cert_file.clone().or_else(|| home_file("postgresql.crt"))?;
    let key = settings.key_file.clone().or_else(|| home_file("postgresql.key"))?;
    Some((named, key))
}

fn trusted(roots: &Roots) -> Result<Vec<CertificateDer<'static>>, ConnError> {
    match roots {
        Roots::System => Ok(rustls_native_certs::load_native_certs().certs),
        Roots::File(path) => certificates(path),
        Roots::Unset => home_file("root.crt").map_or_else(
            || {
                let hint = "sslmode verifies the certificate, and nothing says whom to trust \
                            (hint: sslrootcert=FILE or sslrootcert=system)";
                Err(ConnError::Tls(hint.to_owned()))
            },
            |path| certificates(&path),
        ),
    }
}

fn home_file(name: &str) -> Option<PathBuf> {
    let path = Path::new(&std::env::var_os("HOME")?).join(".postgresql").join(name);
    path.is_file().then_some(path)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnError> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &rustls::pki_types::pem::Error) -> ConnError {
    ConnError::Tls(format!("{} cannot be read: {error}", path.display()))
}

/// Trusts what a trusted certificate vouches for, and a trusted certificate itself: many servers show the very
/// self-signed certificate that their users were given as root.
#[derive(Debug)]
struct Trusting {
    inner: Arc<WebPkiServerVerifier>,
    full: bool,
    trusted: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let error =
            match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
                Ok(verified) => return Ok(verified),
                Err(error) => error,
            };
        // the path is judged before the name
        let path_stands = match &error {
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => true,
            rustls::Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => false,
            _ => {
                self.trusted.iter().any(|trusted| trusted.as_ref() == end_entity.as_ref())
                    && is_current(end_entity)
            }
        };
        let name_stands = !self.full || bears_name(end_entity, &server_name.to_str());
        if path_stands && name_stands { Ok(ServerCertVerified::assertion()) } else { Err(error) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn is_current(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, parsed)| parsed.validity().is_valid())
}

/// libpq's rule: the alternative names, and the common name when there are none of them.
fn bears_name(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
    let address: Option<std::net::IpAddr> = host.parse().ok();
    let octets = address.map(|address| match address {
        std::net::IpAddr::V4(address) => address.octets().to_vec(),
        std::net::IpAddr::V6(address) => address.octets().to_vec(),
    });
    let alternatives =
        parsed.subject_alternative_name().ok().flatten().map(|extension| &extension.value.general_names);
    if let Some(names) = alternatives.filter(|names| !names.is_empty()) {
        return names.iter().any(|name| match name {
            GeneralName::DNSName(pattern) => address.is_none() && name_matches(pattern, host),
            GeneralName::IPAddress(bytes) => octets.as_deref() == Some(*bytes),
            _ => false,
        });
    }
    parsed.subject().iter_common_name().any(|name| name.as_str().is_ok_and(|name| name_matches(name, host)))
}

fn name_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(first, rest)| !first.is_empty() && rest.eq_ignore_ascii_case(parent)),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (pattern, host, expected) in [
            ("db.example.com", "DB.example.com", true),
            ("*.example.com", "db.example.com", true),
            ("*.example.com", "a.db.example.com", false),
            ("*.example.com", "example.com", false),
            ("*", "db", false),
        ] {
            assert_eq!(name_matches(pattern, host), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn a_mode_that_verifies_needs_someone_to_trust() {
        let settings = TlsSettings {
            mode: Mode::VerifyFull,
            roots: Roots::File("/no/such".into()),
            ..TlsSettings::default()
        };
        assert!(client_config(&settings).unwrap_err().to_string().contains("/no/such cannot be read"));
        assert!(settings.verifies());
        assert!(!TlsSettings { mode: Mode::Require, ..TlsSettings::default() }.verifies());
    }
}
