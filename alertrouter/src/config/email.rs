//! `email_configs`: who gets mail, from whom, through which server.

use std::path::PathBuf;
use std::str::FromStr;

use lettre::message::Mailbox;
use toolkit::config::{Fields, Item, SecretSource};

use super::global::{Global, secret};
use super::{not_yet, plain};

/// One e-mail target.
#[derive(Debug, Clone, PartialEq)]
pub struct EmailSettings {
    /// Who gets it.
    pub to: Vec<Mailbox>,
    /// Who it is from.
    pub from: Mailbox,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Our name in the greeting.
    pub hello: String,
    /// For AUTH.
    pub username: Option<String>,
    /// For AUTH.
    pub password: Option<SecretSource>,
    /// Whether mail in clear text is refused.
    pub require_tls: bool,
    /// TLS from the first byte, instead of STARTTLS.
    pub implicit_tls: bool,
    /// Whom to trust.
    pub tls: TlsSettings,
    /// More headers.
    pub headers: Vec<(String, String)>,
}

/// Whom a TLS connection trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates to trust instead of the machine's.
    pub ca_file: Option<PathBuf>,
    /// The name in the server's certificate when it is not the host's.
    pub server_name: Option<String>,
    /// Trust anybody.
    pub insecure_skip_verify: bool,
}

/// `host:port`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostPort {
    host: String,
    port: u16,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(format!("address {text}: missing port in address; hint: {text}:587"));
        };
        if port.is_empty() {
            return Err(format!("address {text:?}: port cannot be empty"));
        }
        let port =
            port.parse().map_err(|_| format!("address {text:?}: the port is no number up to 65535"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            Err("the host is missing".to_owned())
        } else {
            Ok(Self { host: host.to_owned(), port })
        }
    }
}

/// The port for TLS from the first byte (RFC 8314).
const SUBMISSIONS: u16 = 465;

pub(super) fn decode(item: &Item<'_>, global: &Global) -> Option<(bool, EmailSettings)> {
    let mut fields = item.fields()?;
    for key in NOT_YET {
        not_yet(&mut fields, key);
    }
    let send_resolved = fields.bool("send_resolved").unwrap_or(false);
    let to = recipients(&mut fields);
    let smarthost = fields.parsed("smarthost", HostPort::from_str).or_else(|| global.smtp_smarthost.clone());
    let from = plain(&mut fields, "from").or_else(|| global.smtp_from.clone());
    let hello = plain(&mut fields, "hello").unwrap_or_else(|| global.smtp_hello.clone());
    let username = plain(&mut fields, "auth_username").or_else(|| global.smtp_auth_username.clone());
    let password = secret(&mut fields, "auth_password").or_else(|| global.smtp_auth_password.clone());
    let require_tls = fields.bool("require_tls").unwrap_or(global.smtp_require_tls);
    let implicit_tls = fields.bool("force_implicit_tls").or(global.smtp_implicit_tls);
    let tls = if fields.has("tls_config") {
        decode_tls(fields.fields("tls_config"))
    } else {
        global.smtp_tls.clone()
    };
    let headers = headers(&mut fields);
    if username.is_some() != password.is_some() {
        let position = fields.position();
        fields.problem_at(position, "auth_username and auth_password are needed together");
    }
    let at = fields.position();
    if smarthost.is_none() && !fields.has("smarthost") {
        fields.problem_at(at, "no global SMTP smarthost set");
    }
    if from.is_none() && !fields.has("from") {
        fields.problem_at(at, "no global SMTP from set");
    }
    let from = check_address(&fields, "from", &from?)?;
    let HostPort { host, port } = smarthost?;
    let implicit_tls = implicit_tls.unwrap_or(port == SUBMISSIONS);
    Some((
        send_resolved,
        EmailSettings {
            to,
            from,
            host,
            port,
            hello,
            username,
            password,
            require_tls,
            implicit_tls,
            tls,
            headers,
        },
    ))
}

/// Checks an address; the problem stands at the key.
pub(super) fn check_address(fields: &Fields<'_>, key: &str, text: &str) -> Option<Mailbox> {
    let mailbox = text.parse().ok();
    if mailbox.is_none() {
        fields.problem(key, format!("{text:?} is not an e-mail address"));
    }
    mailbox
}

pub(super) fn decode_tls(fields: Option<Fields<'_>>) -> TlsSettings {
    let Some(mut fields) = fields else { return TlsSettings::default() };
    for key in [
        "ca",
        "ca_ref",
        "cert",
        "cert_file",
        "cert_ref",
        "key",
        "key_file",
        "key_ref",
        "min_version",
        "max_version",
    ] {
        not_yet(&mut fields, key);
    }
    TlsSettings {
        ca_file: fields.path("ca_file"),
        server_name: fields.string("server_name"),
        insecure_skip_verify: fields.bool("insecure_skip_verify").unwrap_or(false),
    }
}

fn recipients(fields: &mut Fields<'_>) -> Vec<Mailbox> {
    if !fields.require("to") {
        fields.ignore("to");
        return Vec::new();
    }
    let Some(list) = plain(fields, "to") else { return Vec::new() };
    let mailboxes = list.parse::<lettre::message::Mailboxes>().ok();
    if mailboxes.is_none() {
        fields.problem("to", format!("{list:?} is not a list of e-mail addresses"));
    }
    mailboxes.into_iter().flatten().collect()
}

fn headers(fields: &mut Fields<'_>) -> Vec<(String, String)> {
    let position = fields.position_of("headers");
    let headers = fields.string_map("headers");
    for (at, (name, value)) in headers.iter().enumerate() {
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        let problem = if !is_header_name(name) {
            format!("{name:?} is not the name of a header")
        } else if headers.iter().take(at).any(|(other, _)| same(other)) {
            format!("duplicate header {name:?} in email config")
        } else if OURS.iter().any(|ours| same(ours)) {
            format!("header {name:?} is set by alertrouter itself")
        } else if value.contains("{{") {
            format!("header {name:?} holds a template: templates are not supported yet")
        } else if value.contains(['\r', '\n']) {
            format!("header {name:?} holds a line break")
        } else {
            continue;
        };
        fields.problem_at(position, problem);
    }
    headers
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

/// Headers that make a mail arrive and threads hold together.
const OURS: &[&str] = &[
    "From",
    "To",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
];

/// Alertmanager's e-mail keys that are not built yet: our mail is built in.
const NOT_YET: &[&str] =
    &["html", "text", "threading", "auth_secret", "auth_secret_file", "auth_identity", "http_config"];
