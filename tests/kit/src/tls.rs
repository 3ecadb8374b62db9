//! Certificates for tests: a new authority each time, so that nothing here is trusted anywhere else.

use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Names and addresses that every server on loopback has.
pub const LOOPBACK: [&str; 2] = ["localhost", "127.0.0.1"];

/// A certificate authority of one test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Watchfire test authority");
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// The authority's certificate, for a client's trust file.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server certificate for these names and addresses.
    pub fn server(&self, names: &[&str]) -> Result<Identity> {
        self.sign(names, ExtendedKeyUsagePurpose::ServerAuth, (2020, 2100))
    }

    /// A server certificate that ran out long ago.
    pub fn expired_server(&self, names: &[&str]) -> Result<Identity> {
        self.sign(names, ExtendedKeyUsagePurpose::ServerAuth, (2020, 2021))
    }

    /// A client certificate with this name, for mutual TLS.
    pub fn client(&self, name: &str) -> Result<Identity> {
        self.sign(&[name], ExtendedKeyUsagePurpose::ClientAuth, (2020, 2100))
    }

    fn sign(&self, names: &[&str], usage: ExtendedKeyUsagePurpose, years: (i32, i32)) -> Result<Identity> {
        let mut params =
            CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        if let Some(name) = names.first() {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key (PKCS #8).
    pub key_pem: String,
}

impl Identity {
    fn der(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let chain = CertificateDer::pem_slice_iter(self.certificate_pem.as_bytes()).collect::<Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes());
        Ok((chain.context("not a certificate in PEM")?, key.context("not a private key in PEM")?))
    }
}

/// What a server needs to speak TLS as `identity`.
pub(crate) fn server_config(identity: &Identity) -> Result<Arc<ServerConfig>> {
    let (chain, key) = identity.der()?;
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_no_client_auth().with_single_cert(chain, key)?))
}

/// What a client needs to trust `authority_pem`, and to show `identity` if it is asked.
pub(crate) fn client_config(authority_pem: &str, identity: Option<&Identity>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority_pem.as_bytes()) {
        roots.add(certificate.context("not a certificate in PEM")?)?;
    }
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots);
    Ok(Arc::new(match identity {
        Some(identity) => {
            let (chain, key) = identity.der()?;
            config.with_client_auth_cert(chain, key)?
        }
        None => config.with_no_client_auth(),
    }))
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
