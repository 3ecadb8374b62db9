//! Our part of TLS, made once for its settings.

use std::fmt;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ALL_VERSIONS, ClientConfig, SupportedProtocolVersion};
use toolkit::tls::AnyCertificate;

use super::Version;
use super::recorder::Recorder;

/// What is offered, as browsers and Go do: the hybrid with ML-KEM first, so that a server which has it shows it.
const GROUPS: [&dyn SupportedKxGroup; 4] =
    [kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];

/// The versions that are offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Versions {
    /// TLS 1.2 and 1.3.
    #[default]
    All,
    /// TLS 1.2 only.
    Only12,
    /// TLS 1.3 only.
    Only13,
}

impl Versions {
    /// Those from `least` to `most` that we speak; none where they are too old, or out of order.
    pub fn between(least: Option<Version>, most: Option<Version>) -> Option<Self> {
        let within =
            |version| least.is_none_or(|least| least <= version) && most.is_none_or(|most| version <= most);
        match (within(Version::Tls12), within(Version::Tls13)) {
            (true, true) => Some(Self::All),
            (true, false) => Some(Self::Only12),
            (false, true) => Some(Self::Only13),
            (false, false) => None,
        }
    }

    fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        const ONLY_12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
        const ONLY_13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
        match self {
            Self::All => ALL_VERSIONS,
            Self::Only12 => ONLY_12,
            Self::Only13 => ONLY_13,
        }
    }
}

/// A client certificate with its chain and key.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// Reads both from PEM. Messages hold nothing of the key.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, ClientError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(ClientError::Certificate)?;
        if chain.is_empty() {
            return Err(ClientError::Certificate(pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(ClientError::Key)?;
        CertifiedKey::from_der(chain, key, &default_provider())
            .map(|certified| Self(Arc::new(certified)))
            .map_err(ClientError::Identity)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identity")
    }
}

/// What a [`Client`] is made from.
#[derive(Clone, Debug, Default)]
pub struct ClientSettings {
    /// Protocols on top of TLS, the preferred first (ALPN).
    pub alpn: Vec<Vec<u8>>,
    /// What we show to a server that asks.
    pub identity: Option<Identity>,
    /// The versions.
    pub versions: Versions,
}

/// Our part of TLS. Clones share it.
#[derive(Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    algorithms: WebPkiSupportedAlgorithms,
    identity: Option<Identity>,
}

impl Client {
    /// Makes one; reads no file and no root, since nothing is verified here.
    pub fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        let provider = CryptoProvider { kx_groups: GROUPS.to_vec(), ..default_provider() };
        let algorithms = provider.signature_verification_algorithms;
        let provider = Arc::new(provider);
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(settings.versions.supported())
            .map_err(ClientError::Identity)?
            .dangerous()
            .with_custom_certificate_verifier(AnyCertificate::new(provider))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols.clone_from(&settings.alpn);
        Ok(Self { config: Arc::new(config), algorithms, identity: settings.identity.clone() })
    }

    /// What writes one handshake down.
    pub(super) fn recorder(&self) -> Arc<Recorder> {
        Recorder::new(self.algorithms, self.identity())
    }

    pub(super) fn identity(&self) -> Option<&Arc<CertifiedKey>> {
        self.identity.as_ref().map(|identity| &identity.0)
    }

    /// The configuration of one handshake.
    pub(super) fn config_with(&self, recorder: &Arc<Recorder>, sends_name: bool) -> Arc<ClientConfig> {
        let mut config = ClientConfig::clone(&self.config);
        let verifier: Arc<Recorder> = Arc::clone(recorder);
        config.dangerous().set_certificate_verifier(verifier);
        let resolver: Arc<Recorder> = Arc::clone(recorder);
        config.client_auth_cert_resolver = resolver;
        config.enable_sni = sends_name;
        Arc::new(config)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// Why a [`Client`] cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The certificate cannot be read.
    #[error("the client certificate cannot be read")]
    Certificate(#[source] pem::Error),
    /// The key cannot be read.
    #[error("the client certificate's key cannot be read")]
    Key(#[source] pem::Error),
    /// The two do not fit, or cannot be used.
    #[error("the client certificate and its key cannot be used")]
    Identity(#[source] rustls::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_resumed_and_no_key_is_shown() {
        let client = Client::new(&ClientSettings::default()).unwrap();
        assert!(format!("{:?}", client.config.resumption).contains("NoClientSessionStorage"));
        assert!(format!("{client:?}").contains("identity: None"));
    }

    #[test]
    fn versions_in_between() {
        use Version::{Tls10, Tls11, Tls12, Tls13};
        for (least, most, expected) in [
            (None, None, Some(Versions::All)),
            (Some(Tls10), None, Some(Versions::All)),
            (Some(Tls13), None, Some(Versions::Only13)),
            (None, Some(Tls12), Some(Versions::Only12)),
            (Some(Tls12), Some(Tls13), Some(Versions::All)),
            (None, Some(Tls11), None),
            (Some(Tls13), Some(Tls12), None),
        ] {
            assert_eq!(Versions::between(least, most), expected, "{least:?} {most:?}");
        }
    }

    #[test]
    fn an_identity_that_is_none_is_refused() {
        for (certificate, key) in [(&b""[..], &b""[..]), (b"x", b"y")] {
            assert!(matches!(Identity::from_pem(certificate, key), Err(ClientError::Certificate(_))));
        }
    }
}
