//! The section `smtp` of a module.

use std::net::IpAddr;

use toolkit::config::{Fields, SecretSource};

use crate::config::TlsSettings;
use crate::probe::Preference;
use crate::probe::tcp::source;

/// How a mail server is asked.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Which IP protocol.
    pub preference: Preference,
    /// The address to come from.
    pub source: Option<IpAddr>,
    /// Where TLS begins.
    pub security: Security,
    /// What TLS shall be like.
    pub tls_settings: TlsSettings,
    /// Who we say that we are.
    pub helo_name: String,
    /// Who logs in, and the password.
    pub login: Option<(String, SecretSource)>,
}

/// Where TLS begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// Nowhere.
    #[default]
    None,
    /// Behind the greeting.
    StartTls,
    /// At once.
    Tls,
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            preference: Preference::default(),
            source: None,
            security: Security::default(),
            tls_settings: TlsSettings::default(),
            helo_name: "localhost".to_owned(),
            login: None,
        }
    }
}

impl Smtp {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        let (tls, starttls) = (fields.bool("tls"), fields.bool("starttls"));
        let security = match (tls.unwrap_or(false), starttls.unwrap_or(false)) {
            (false, false) => Security::None,
            (false, true) => Security::StartTls,
            (true, false) => Security::Tls,
            (true, true) => {
                fields.problem(
                    "starttls",
                    "`tls` begins at once and `starttls` behind the greeting: only one of them",
                );
                Security::Tls
            }
        };
        let helo_name = fields.parsed("helo_name", |name| {
            if is_host(name) {
                Ok(name.to_owned())
            } else {
                Err("expected a host name, or an address in brackets")
            }
        });
        Self {
            preference: Preference::decode(fields),
            source: source(fields),
            security,
            tls_settings: TlsSettings::of(fields),
            helo_name: helo_name.unwrap_or_else(|| Self::default().helo_name),
            login: login(fields, security),
        }
    }
}

fn login(fields: &mut Fields<'_>, security: Security) -> Option<(String, SecretSource)> {
    let user = fields.string("username").filter(|user| !user.is_empty());
    let password = fields.secret("password");
    match (user, password) {
        (Some(user), Some(password)) => {
            if security == Security::None {
                fields.problem(
                    "username",
                    "a password is not sent in clear text (hint: starttls: true, or tls: true)",
                );
            }
            Some((user, password))
        }
        (Some(_), None) => {
            fields.problem(
                "username",
                "a user needs a password: `password_file`, `password_env` or `password`",
            );
            None
        }
        (None, Some(_)) => {
            fields.problem("password", "a password needs its `username`");
            None
        }
        (None, None) => None,
    }
}

/// Whether a text can stand behind `EHLO`: it must not end the line.
fn is_host(name: &str) -> bool {
    let is_part =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    (1..=255).contains(&name.len()) && name.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn read(text: &str) -> Result<Smtp, String> {
        let document = Document::parse("etc/x.yml", text).unwrap();
        document.decode(|mut fields| Smtp::decode(&mut fields)).map_err(|error| error.to_string())
    }

    #[test]
    fn sections() {
        let smtp = read("starttls: true\nhelo_name: probe.example\nusername: a\npassword: b").unwrap();
        assert_eq!((smtp.security, smtp.helo_name.as_str()), (Security::StartTls, "probe.example"));
        assert!(smtp.login.is_some());
        assert_eq!(read("{}").unwrap().security, Security::None);
        for (text, message) in [
            ("{tls: true, starttls: true}", "only one of them"),
            ("{username: a, password: b}", "not sent in clear text"),
            ("{tls: true, username: a}", "a user needs a password"),
            ("{tls: true, password: a}", "needs its `username`"),
            ("helo_name: \"a\\r\\nQUIT\"", "expected a host name"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
