//! `tls_config` of connections that we open: whom to trust, and who we are.

use std::path::PathBuf;

use toolkit::config::{Fields, SecretSource};

use super::global::secret;
use super::not_yet;

/// Whom a TLS connection trusts, and who we are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates to trust instead of the machine's, in a file.
    pub ca_file: Option<PathBuf>,
    /// The same, in the configuration itself.
    pub ca: Option<String>,
    /// The name in the server's certificate when it is not the host's.
    pub server_name: Option<String>,
    /// Trust anybody.
    pub insecure_skip_verify: bool,
    /// What we show to a server that asks who we are.
    pub client: Option<ClientCertificate>,
    /// TLS 1.3 only. Older than 1.2 is never spoken.
    pub newest_only: bool,
}

/// A certificate of ours and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate and those that sign it.
    pub certificate: SecretSource,
    /// Its key.
    pub key: SecretSource,
}

/// The integrations' connections differ in what of `tls_config` they can keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    Http,
    Smtp,
}

pub(super) fn decode(fields: Option<Fields<'_>>, connection: Connection) -> TlsSettings {
    let Some(mut fields) = fields else { return TlsSettings::default() };
    for key in ["ca_ref", "cert_ref", "key_ref", "max_version"] {
        not_yet(&mut fields, key);
    }
    let unable: &[&str] = match connection {
        // the HTTP client takes the name from the URL
        Connection::Http => &["server_name"],
        Connection::Smtp => &["ca", "cert", "cert_file", "key", "key_file", "min_version"],
    };
    for key in unable {
        not_yet(&mut fields, key);
    }
    if fields.has("ca") && fields.has("ca_file") {
        fields.problem("ca_file", "at most one of ca, ca_file & ca_ref must be configured");
    }
    TlsSettings {
        ca_file: fields.path("ca_file"),
        ca: fields.string("ca"),
        server_name: fields.string("server_name"),
        insecure_skip_verify: fields.bool("insecure_skip_verify").unwrap_or(false),
        client: client(&mut fields),
        newest_only: fields.choice("min_version", VERSIONS).unwrap_or(false),
    }
}

fn client(fields: &mut Fields<'_>) -> Option<ClientCertificate> {
    let (certificate, key) = (secret(fields, "cert"), secret(fields, "key"));
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        (Some(_), None) => {
            fields.problem_at(
                fields.position(),
                "exactly one of key or key_file must be configured when a client certificate is configured",
            );
            None
        }
        (None, Some(_)) => {
            fields.problem_at(
                fields.position(),
                "exactly one of cert or cert_file must be configured when a client key is configured",
            );
            None
        }
        (None, None) => None,
    }
}

/// Whether only the newest will do.
const VERSIONS: &[(&str, bool)] = &[("TLS10", false), ("TLS11", false), ("TLS12", false), ("TLS13", true)];
