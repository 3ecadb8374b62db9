//! Ways to servers, and their part of TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kit::tls::{Authority, Identity, LOOPBACK};
use netprobe::Dial;
use netprobe::tls::{Client, ClientSettings, TlsOptions};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::Instant;

/// A time in which everything that is to succeed on loopback does.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// The way to a server.
pub(crate) fn to(address: SocketAddr) -> Dial {
    Dial::new(address.ip().to_string(), address.port())
}

/// A server's part of TLS, without client certificates.
pub(crate) fn server_config(identity: &Identity) -> ServerConfig {
    let (chain, key) = der(identity);
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    builder.with_no_client_auth().with_single_cert(chain, key).unwrap()
}

pub(crate) fn der(identity: &Identity) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    (chain.collect::<Result<_, _>>().unwrap(), key)
}

/// A server with a certificate of a new authority.
pub(crate) fn any_server() -> Arc<ServerConfig> {
    Arc::new(server_config(&Authority::new().unwrap().server(&LOOPBACK).unwrap()))
}

/// Our part of TLS, as it is by default.
pub(crate) fn options() -> TlsOptions {
    options_with(&ClientSettings::default())
}

pub(crate) fn options_with(settings: &ClientSettings) -> TlsOptions {
    let client = Client::new(settings).unwrap();
    TlsOptions { client, server_name: Some("localhost".to_owned()), learn_refusal: true }
}
