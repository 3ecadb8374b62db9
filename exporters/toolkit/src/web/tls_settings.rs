//! `tls_server_config` of the web config file, with every problem at its place.

use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::{DEFAULT_CIPHER_SUITES, DEFAULT_KX_GROUPS};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::client_cert::ClientAuth;
use super::settings::{Pem, PemNames, Source};
use super::tls::Tls;
use super::tls_names::{Named, Version, curve, suite, version};
use crate::config::{Fields, Item};

/// What `tls_server_config` says, parsed.
pub(super) struct TlsSettings {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) clients: Clients,
    pub(super) versions: Vec<Version>,
    pub(super) suites: Vec<SupportedCipherSuite>,
    pub(super) groups: Vec<&'static dyn SupportedKxGroup>,
    pub(super) server_order: bool,
    pub(super) http2: bool,
}

/// What is asked of clients.
#[derive(Default)]
pub(super) struct Clients {
    pub(super) auth: ClientAuth,
    pub(super) cas: Vec<CertificateDer<'static>>,
    pub(super) sans: Option<Vec<String>>,
}

/// Decodes the section. A section without certificate, key and client settings means plain HTTP, as in Go.
pub(super) fn decode(mut tls: Fields<'_>, http2: bool, source: &mut Source<'_>) -> Option<Tls> {
    let cert = source.pem(&mut tls, CERT);
    let key = source.pem(&mut tls, KEY);
    let ca = source.pem(&mut tls, CLIENT_CA);
    let asks_clients = ca.is_some() || tls.string("client_auth_type").is_some_and(|auth| !auth.is_empty());
    let clients = decode_clients(&mut tls, ca);
    let (versions, suites) = decode_versions(&mut tls);
    let groups = decode_groups(&mut tls);
    let server_order = tls.bool("prefer_server_cipher_suites").unwrap_or(true);

    if cert.is_none() && key.is_none() && !asks_clients {
        return None;
    }
    for (pem, names) in [(&cert, CERT), (&key, KEY)] {
        if pem.is_none() && !tls.has(names.inline) && !tls.has(names.file) {
            tls.problem_at(tls.position(), format!("missing one of `{}` and `{}`", names.inline, names.file));
        } else if pem.is_none() {
            let given = if tls.has(names.file) { names.file } else { names.inline };
            tls.problem(given, format!("missing one of `{}` and `{}`", names.inline, names.file));
        }
    }
    let (cert, key) = (cert?, key?);
    let chain = certificates(&tls, &cert);
    let private = private_key(&tls, &key);
    if versions.is_empty() || groups.is_empty() {
        return None;
    }
    let settings = TlsSettings {
        chain: chain?,
        key: private?,
        clients: clients?,
        versions,
        suites,
        groups,
        server_order,
        http2,
    };
    Tls::new(settings).map_err(|message| tls.problem(cert.key, message)).ok()
}

fn decode_clients(tls: &mut Fields<'_>, ca: Option<Pem>) -> Option<Clients> {
    let named = tls.string("client_auth_type").is_some_and(|auth| !auth.is_empty());
    let auth =
        if named { tls.choice("client_auth_type", &ClientAuth::NAMES)? } else { ClientAuth::default() };
    let sans = tls.has("client_allowed_sans").then(|| tls.strings("client_allowed_sans"));
    let sans = sans.filter(|sans| !sans.is_empty());
    if sans.is_some() && !auth.mandatory() {
        tls.problem(
            "client_allowed_sans",
            "`client_allowed_sans` needs `client_auth_type` RequireAndVerifyClientCert or RequireAnyClientCert: \
             with others a client may come without a certificate",
        );
    }
    let mut cas = Vec::new();
    if let Some(ca) = ca {
        if auth == ClientAuth::NoClientCert {
            tls.problem(ca.key, "a client CA needs a `client_auth_type` (hint: RequireAndVerifyClientCert)");
        }
        cas = certificates(tls, &ca)?;
    } else if auth.verifies() {
        cas = rustls_native_certs::load_native_certs().certs;
        tracing::warn!(
            client_auth_type = ?auth,
            "web config file names no client CA: client certificates of every CA of this machine are accepted \
             (hint: set client_ca_file)"
        );
    }
    Some(Clients { auth, cas, sans })
}

/// The versions and suites that are left after the limits and the list.
fn decode_versions(tls: &mut Fields<'_>) -> (Vec<Version>, Vec<SupportedCipherSuite>) {
    let lowest = tls.parsed("min_version", version).unwrap_or(Version::Tls12);
    let highest = tls.parsed("max_version", version).unwrap_or(Version::Tls13);
    if lowest > highest {
        tls.problem("max_version", "`max_version` is lower than `min_version`");
    }
    let mut versions: Vec<Version> =
        [Version::Tls13, Version::Tls12].into_iter().filter(|it| (lowest..=highest).contains(it)).collect();

    let named = tls.list("cipher_suites", |item| known(&item, suite, "cipher suite"));
    let mut suites = DEFAULT_CIPHER_SUITES.to_vec();
    if !named.is_empty() {
        let chosen: Vec<_> = named.iter().filter_map(Named::chosen).collect();
        suites.retain(|suite| suite.tls13().is_some());
        if chosen.is_empty() {
            versions.retain(|version| *version == Version::Tls13);
        }
        suites.extend(chosen);
    }
    if versions.is_empty() && lowest <= highest {
        tls.problem(
            "cipher_suites",
            "none of these cipher suites is supported with TLS 1.2 (hint: the ECDHE suites with GCM or CHACHA20 \
             are)",
        );
    }
    (versions, suites)
}

fn decode_groups(tls: &mut Fields<'_>) -> Vec<&'static dyn SupportedKxGroup> {
    let named = tls.list("curve_preferences", |item| known(&item, curve, "curve"));
    if named.is_empty() {
        return DEFAULT_KX_GROUPS.to_vec();
    }
    let groups: Vec<_> = named.iter().filter_map(Named::chosen).collect();
    if groups.is_empty() {
        tls.problem(
            "curve_preferences",
            "none of these curves is supported (hint: `X25519`, `CurveP256`, `CurveP384`)",
        );
    }
    groups
}

/// A name of Go's; one that is not spoken here is dropped with a warning.
fn known<T>(
    item: &Item<'_>,
    named: impl FnOnce(&str) -> Option<Named<T>>,
    what: &'static str,
) -> Option<Named<T>> {
    let name = item.string()?;
    let found = named(&name);
    match &found {
        None => item.problem(format!("unknown {what} `{name}` (hint: names are those of Go's crypto/tls)")),
        Some(Named::Unspoken) => {
            tracing::warn!(name, "web config file names a {what} that is not supported; it is left out");
        }
        Some(Named::Chosen(_) | Named::Always) => {}
    }
    found
}

fn certificates(tls: &Fields<'_>, pem: &Pem) -> Option<Vec<CertificateDer<'static>>> {
    let parsed = pem.readable.then(|| parse_certificates(&pem.bytes))?;
    parsed.map_err(|problem| tls.problem(pem.key, problem)).ok()
}

fn private_key(tls: &Fields<'_>, pem: &Pem) -> Option<PrivateKeyDer<'static>> {
    let parsed = pem.readable.then(|| parse_key(&pem.bytes))?;
    parsed.map_err(|problem| tls.problem(pem.key, problem)).ok()
}

/// The certificates of a PEM text, of which there must be one.
pub(super) fn parse_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match parsed {
        Ok(chain) if chain.is_empty() => Err("no certificate found in PEM form"),
        Ok(chain) => Ok(chain),
        Err(_) => Err("the PEM text is damaged"),
    }
}

/// The private key of a PEM text.
pub(super) fn parse_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    let encrypted = memchr::memmem::find(pem, b"ENCRYPTED").is_some();
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) if !encrypted => Ok(key),
        _ if encrypted => Err("the private key is encrypted (hint: remove its password with `openssl pkey`)"),
        Err(rustls::pki_types::pem::Error::NoItemsFound) => Err("no private key found in PEM form"),
        _ => Err("the PEM text is damaged"),
    }
}

const CERT: PemNames = PemNames { inline: "cert", file: "cert_file" };
const KEY: PemNames = PemNames { inline: "key", file: "key_file" };
const CLIENT_CA: PemNames = PemNames { inline: "client_ca", file: "client_ca_file" };
