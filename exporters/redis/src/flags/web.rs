//! redis_exporter's own flags for its listener; `--web.config.file` can do all of it and more.

use std::path::PathBuf;

use toolkit::config::Secret;
use toolkit::web::{Given, Guard};

/// A TLS version as redis_exporter writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsVersion {
    /// Reads `TLS1.2` or `TLS1.3`.
    ///
    /// # Errors
    /// Another version; older ones are not spoken.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "TLS1.2" => Ok(Self::Tls12),
            "TLS1.3" => Ok(Self::Tls13),
            "TLS1.0" | "TLS1.1" => Err(format!("{text} is insecure and not spoken (RFC 8996)")),
            _ => Err("expected TLS1.2 or TLS1.3".to_owned()),
        }
    }
}

/// How the listener is guarded.
#[derive(clap::Args, Clone)]
pub struct WebFlags {
    /// The listener's certificate; with its key it speaks TLS
    #[arg(long = "tls-server-cert-file", value_name = "FILE", value_parser = super::path)]
    pub tls_server_cert_file: Option<PathBuf>,

    /// The key of the listener's certificate
    #[arg(long = "tls-server-key-file", value_name = "FILE", value_parser = super::path)]
    pub tls_server_key_file: Option<PathBuf>,

    /// The authorities of clients; with it the listener asks for a client certificate
    #[arg(long = "tls-server-ca-cert-file", value_name = "FILE", value_parser = super::path)]
    pub tls_server_ca_cert_file: Option<PathBuf>,

    /// The oldest TLS that the listener speaks: TLS1.2 or TLS1.3
    #[arg(long = "tls-server-min-version", default_value = "TLS1.2", value_name = "VERSION", value_parser = TlsVersion::parse)]
    pub tls_server_min_version: TlsVersion,

    /// The user that the listener asks for
    #[arg(long = "basic-auth-username", default_value = "", hide_default_value = true, value_name = "USER")]
    pub basic_auth_username: String,

    /// The password that the listener asks for
    #[arg(
        long = "basic-auth-password", default_value = "", hide_default_value = true,
        value_name = "SECRET", value_parser = super::secret
    )]
    pub basic_auth_password: Secret,

    /// The bcrypt hash of the password that the listener asks for
    #[arg(
        long = "basic-auth-hash-password", default_value = "", hide_default_value = true,
        value_name = "HASH", value_parser = super::secret
    )]
    pub basic_auth_hash_password: Secret,
}

impl WebFlags {
    /// The same for the toolkit, which reads the files, follows them, and finds what does not go together.
    pub fn guard(&self) -> Guard {
        let path = |flag, path: &Option<PathBuf>| Given { flag, value: path.clone().unwrap_or_default() };
        Guard {
            cert_file: path("--tls-server-cert-file", &self.tls_server_cert_file),
            key_file: path("--tls-server-key-file", &self.tls_server_key_file),
            client_ca_file: path("--tls-server-ca-cert-file", &self.tls_server_ca_cert_file),
            only_tls13: self.tls_server_min_version == TlsVersion::Tls13,
            user: Given { flag: "--basic-auth-username", value: self.basic_auth_username.clone() },
            password: Given { flag: "--basic-auth-password", value: self.basic_auth_password.clone() },
            password_hash: Given {
                flag: "--basic-auth-hash-password",
                value: self.basic_auth_hash_password.clone(),
            },
        }
    }
}
