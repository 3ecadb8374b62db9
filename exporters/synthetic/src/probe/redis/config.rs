//! The keys of the prober `redis`.

use toolkit::config::{Fields, SecretSource};

use crate::config::TlsSettings;
use crate::probe::Preference;

/// How a Redis is asked.
#[derive(Clone, Debug)]
pub struct Redis {
    /// The user; without one the password is that of `default`.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretSource>,
    /// TLS, where it is spoken; targets that begin with `rediss://` speak it anyway.
    pub tls: bool,
    /// What TLS shall be like.
    pub tls_config: TlsSettings,
    /// The IP protocol.
    pub preference: Preference,
}

impl Redis {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        let username = fields.string("username").filter(|name| !name.is_empty());
        let password = fields.secret("password");
        if username.is_some() && password.is_none() {
            fields.problem(
                "username",
                "a user needs a password: `password_file`, `password_env` or `password`",
            );
        }
        Self {
            username,
            password,
            tls: fields.bool("tls").unwrap_or(false),
            tls_config: TlsSettings::of(fields),
            preference: Preference::decode(fields),
        }
    }
}
