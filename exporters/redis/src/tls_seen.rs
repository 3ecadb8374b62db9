//! When the certificate ends that a server shows, trusted or not.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Leaves the verdict to another verifier, and notes what it was asked about. One for each connection.
#[derive(Debug)]
pub struct Seen {
    judge: Arc<dyn ServerCertVerifier>,
    not_after: OnceLock<i64>,
}

impl Seen {
    /// Lets `judge` decide.
    pub fn new(judge: Arc<dyn ServerCertVerifier>) -> Self {
        Self { judge, not_after: OnceLock::new() }
    }

    /// When the server's certificate ends, in Unix time; `None` while it has shown none that can be read.
    pub fn not_after(&self) -> Option<i64> {
        self.not_after.get().copied()
    }
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Ok((_, parsed)) = X509Certificate::from_der(certificate) {
            // a connection has one handshake: the first is the only one
            let _first = self.not_after.set(parsed.validity().not_after.timestamp());
        }
        self.judge.verify_server_cert(certificate, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.judge.requires_raw_public_keys()
    }
}
