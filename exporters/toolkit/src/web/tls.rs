//! TLS of the server: `tls_server_config` on rustls.
//!
//! The provider is passed to every configuration; the process-wide default of rustls is never asked, so that no
//! order of initialisation decides about cryptography.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::server::NoClientAuth;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;

use super::client_cert::{self, ClientAuth};
use super::tls_names::Version;
use super::tls_settings::{Clients, TlsSettings};

/// A ready server configuration. A new one is made when a file changes; connections keep the one they began with.
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    auth: ClientAuth,
    sans: Option<Vec<String>>,
}

impl Tls {
    /// The error is one line for the user.
    pub(super) fn new(settings: TlsSettings) -> Result<Self, String> {
        let TlsSettings { chain, key, clients, versions, suites, groups, server_order, http2 } = settings;
        if versions.is_empty() || groups.is_empty() {
            return Err("the TLS settings leave nothing to speak".to_owned());
        }
        let provider =
            CryptoProvider { cipher_suites: suites, kx_groups: groups, ..aws_lc_rs::default_provider() };
        let provider = Arc::new(provider);
        let Clients { auth, cas, sans } = clients;
        let verifier: Arc<dyn ClientCertVerifier> = match auth {
            ClientAuth::NoClientCert => Arc::new(NoClientAuth),
            _ => client_cert::verifier(auth, &cas, &provider)?,
        };
        let versions: Vec<_> = versions.into_iter().map(supported).collect();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| refusal(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| refusal(&error))?;
        config.ignore_client_order = server_order;
        let protocols: &[&[u8]] = if http2 { &[HTTP2, HTTP1] } else { &[HTTP1] };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Self { config: Arc::new(config), auth, sans })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Whether a client with these certificates may stay.
    pub(super) fn admits(&self, certificates: Option<&[CertificateDer<'_>]>) -> bool {
        self.sans.as_ref().is_none_or(|sans| client_cert::allowed(sans, certificates))
    }

    /// Whether a client without a certificate of a known CA is turned away.
    pub(super) fn checks_clients(&self) -> bool {
        self.auth == ClientAuth::RequireAndVerifyClientCert
    }
}

/// The name of HTTP/2 in ALPN.
pub(super) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

fn supported(version: Version) -> &'static SupportedProtocolVersion {
    match version {
        Version::Tls12 => &TLS12,
        Version::Tls13 => &TLS13,
    }
}

fn refusal(error: &Error) -> String {
    match error {
        Error::InconsistentKeys(_) => "the certificate and the private key do not belong together".to_owned(),
        Error::InvalidCertificate(_) => "the certificate is not valid".to_owned(),
        other => format!("the TLS settings cannot be used: {other}"),
    }
}
