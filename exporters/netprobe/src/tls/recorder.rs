//! Writes down what a server shows; refuses no certificate.
//!
//! Invariant: a handshake succeeds only with a server that holds its certificate's key, unless we lack the means to
//! tell (a weak or unusual key): [`Seen::proof`] then says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::{Seen, Version};

/// Whether the server proved to hold its certificate's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// It was not asked to, or did not come to it.
    #[default]
    None,
    /// It did.
    Given,
    /// It signed, with a key or by a scheme that we cannot check: RSA below 2048 bits, SHA-1, Ed448, …
    Unchecked,
    /// What it signed is wrong. The handshake fails.
    Wrong,
}

/// Schemes that we cannot check, but offer so that servers which have no other show their certificate.
const UNCHECKED: [SignatureScheme; 9] = [
    SignatureScheme::ED448,
    // RSA-PSS keys
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080a),
    SignatureScheme::Unknown(0x080b),
    // Brainpool curves
    SignatureScheme::Unknown(0x081a),
    SignatureScheme::Unknown(0x081b),
    SignatureScheme::Unknown(0x081c),
    SignatureScheme::ECDSA_SHA1_Legacy,
    SignatureScheme::RSA_PKCS1_SHA1,
];

/// The bits of RSA keys that can be checked.
const CHECKED_RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Verifier and client certificate of one handshake.
#[derive(Debug)]
pub(super) struct Recorder {
    algorithms: WebPkiSupportedAlgorithms,
    identity: Option<Arc<CertifiedKey>>,
    seen: Mutex<Seen>,
}

impl Recorder {
    pub(super) fn new(
        algorithms: WebPkiSupportedAlgorithms,
        identity: Option<&Arc<CertifiedKey>>,
    ) -> Arc<Self> {
        Arc::new(Self { algorithms, identity: identity.cloned(), seen: Mutex::default() })
    }

    pub(super) fn seen(&self) -> Seen {
        std::mem::take(&mut *self.lock())
    }

    pub(super) fn requested_client_certificate(&self) -> bool {
        self.lock().requested_client_certificate
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(
        &self,
        version: Version,
        signature: &DigitallySignedStruct,
        certificate: &CertificateDer<'_>,
        checked: &Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        let proof = match checked {
            Ok(_) => Proof::Given,
            Err(Error::InvalidCertificate(CertificateError::BadSignature)) if can_check(certificate) => {
                Proof::Wrong
            }
            Err(_) => Proof::Unchecked,
        };
        let mut seen = self.lock();
        seen.version = Some(version);
        seen.signature_scheme = Some(u16::from(signature.scheme));
        seen.proof = proof;
        match proof {
            Proof::Wrong => Err(Error::InvalidCertificate(CertificateError::BadSignature)),
            _ => Ok(HandshakeSignatureValid::assertion()),
        }
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut seen = self.lock();
        seen.chain = std::iter::once(end_entity)
            .chain(intermediates)
            .map(|certificate| certificate.to_vec())
            .collect();
        seen.staple = (!ocsp_response.is_empty()).then(|| ocsp_response.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked =
            rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms);
        self.judge(Version::Tls12, signature, certificate, &checked)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked =
            rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms);
        self.judge(Version::Tls13, signature, certificate, &checked)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        schemes.extend(UNCHECKED);
        schemes
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.lock().requested_client_certificate = true;
        self.identity.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Whether a signature by this certificate's key can be checked at all.
fn can_check(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
    match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => CHECKED_RSA_BITS.contains(&key.key_size()),
        Ok(_) => true,
        Err(_) => false,
    }
}
