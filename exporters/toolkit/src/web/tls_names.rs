//! Go's names of TLS versions, cipher suites and curves, as the web config file writes them.
//!
//! rustls has no TLS 1.0 and 1.1, no CBC suites, no RSA key exchange and no P-521 key exchange. A list that names
//! such a one beside others keeps working without it; a list that names nothing else is refused.

use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::{cipher_suite, kx_group};

/// A TLS version that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What a known name stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<T> {
    /// Something that can be chosen.
    Chosen(T),
    /// A TLS 1.3 suite: Go accepts the name and speaks all three of them whatever the list says; so do we.
    Always,
    /// Known to Go, not spoken here.
    Unspoken,
}

impl<T: Copy> Named<T> {
    pub(super) fn chosen(&self) -> Option<T> {
        match self {
            Self::Chosen(value) => Some(*value),
            Self::Always | Self::Unspoken => None,
        }
    }
}

pub(super) fn version(name: &str) -> Result<Version, String> {
    match name {
        "TLS12" => Ok(Version::Tls12),
        "TLS13" => Ok(Version::Tls13),
        "TLS10" | "TLS11" => Err(format!(
            "{name} is not supported: it is deprecated (RFC 8996) and insecure (hint: use `TLS12` or `TLS13`)"
        )),
        _ => Err("expected `TLS12` or `TLS13`".to_owned()),
    }
}

pub(super) fn suite(name: &str) -> Option<Named<SupportedCipherSuite>> {
    if let Some((_, suite)) = SUITES.iter().find(|(known, _)| *known == name) {
        return Some(Named::Chosen(*suite));
    }
    if TLS13_SUITES.contains(&name) {
        return Some(Named::Always);
    }
    UNSPOKEN_SUITES.contains(&name).then_some(Named::Unspoken)
}

pub(super) fn curve(name: &str) -> Option<Named<&'static dyn SupportedKxGroup>> {
    match name {
        "CurveP256" => Some(Named::Chosen(kx_group::SECP256R1)),
        "CurveP384" => Some(Named::Chosen(kx_group::SECP384R1)),
        "CurveP521" => Some(Named::Unspoken),
        "X25519" => Some(Named::Chosen(kx_group::X25519)),
        _ => None,
    }
}

const SUITES: [(&str, SupportedCipherSuite); 6] = [
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

const TLS13_SUITES: [&str; 3] =
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

const UNSPOKEN_SUITES: [&str; 8] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
];
