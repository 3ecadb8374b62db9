//! `email_configs`: who gets mail, from whom, through which server.

use std::str::FromStr;

use lettre::message::{Mailbox, Mailboxes};
use toolkit::config::{Fields, Item, SecretSource};

use super::global::{Global, secret, smarthost};
use super::lints::Lints;
use super::receivers::Shared;
use super::texts::Texts;
use super::tls::{self, Connection, TlsSettings};
use super::{http, plain};
use crate::template::Text;

/// One e-mail target.
#[derive(Debug, Clone, PartialEq)]
pub struct EmailSettings {
    /// Who gets it: a list of addresses.
    pub to: Text,
    /// Who it is from: one address.
    pub from: Text,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Our name in the greeting.
    pub hello: String,
    /// For AUTH.
    pub username: Option<String>,
    /// For AUTH; with XOAUTH2 it is the access token.
    pub password: Option<SecretSource>,
    /// How AUTH is done.
    pub mechanism: Mechanism,
    /// Whether mail in clear text is refused.
    pub require_tls: bool,
    /// TLS from the first byte, instead of STARTTLS.
    pub implicit_tls: bool,
    /// Whom to trust.
    pub tls: TlsSettings,
    /// More headers.
    pub headers: Vec<(String, Text)>,
    /// The plain text, where the user says what it is.
    pub text: Option<Text>,
    /// The HTML, where the user says what it is; empty: none.
    pub html: Option<Text>,
}

/// How a login is done. Alertmanager takes what the server offers; only XOAUTH2 must be asked for, because it needs
/// something else than a password.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mechanism {
    /// PLAIN, or LOGIN where the server has no PLAIN.
    #[default]
    Password,
    /// PLAIN only.
    Plain,
    /// LOGIN only.
    Login,
    /// XOAUTH2: the password is an access token.
    Xoauth2,
}

/// The words for it in the file.
pub(super) const MECHANISMS: &[(&str, Mechanism)] = &[
    ("password", Mechanism::Password),
    ("plain", Mechanism::Plain),
    ("login", Mechanism::Login),
    ("xoauth2", Mechanism::Xoauth2),
];

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

pub(super) fn decode(item: &Item<'_>, shared: &Shared, lints: &mut Lints) -> Option<(bool, EmailSettings)> {
    let Shared { global, texts } = shared;
    // without them everything was said already
    let texts = texts.as_ref()?;
    let mut fields = item.fields()?;
    let send_resolved = fields.bool("send_resolved").unwrap_or(false);
    let text = texts.field(&mut fields, "text", lints);
    let no_html = fields.string("html").is_some_and(|html| html.is_empty()) && text.is_some();
    let html = if no_html { Some(Text::plain("")) } else { texts.html(&mut fields, "html", lints) };
    let to = recipients(&mut fields, texts, lints);
    let smarthost = smarthost(&mut fields, "smarthost").or_else(|| global.smtp_smarthost.clone());
    let from = sender(&mut fields, global, texts, lints);
    let hello = plain(&mut fields, "hello").unwrap_or_else(|| global.smtp_hello.clone());
    let (username, password) = login(&mut fields, global, lints);
    let mechanism = fields.choice("auth_mechanism", MECHANISMS).unwrap_or(global.smtp_auth_mechanism);
    let require_tls = fields.bool("require_tls").unwrap_or(global.smtp_require_tls);
    let implicit_tls = fields.bool("force_implicit_tls").or(global.smtp_implicit_tls);
    let tls = if fields.has("tls_config") {
        tls::decode(fields.fields("tls_config"), Connection::Smtp)
    } else {
        global.smtp_tls.clone()
    };
    let headers = headers(&mut fields, texts, lints);
    threading(&mut fields, lints);
    let at = fields.position();
    if smarthost.is_none() && fields.string("smarthost").is_none_or(|text| text.is_empty()) {
        fields.problem_at(at, "no global SMTP smarthost set");
    }
    if from.is_none() && fields.string("from").is_none_or(|text| text.is_empty()) {
        fields.problem_at(at, "no global SMTP from set");
    }
    let HostPort { host, port } = smarthost?;
    let implicit_tls = implicit_tls.unwrap_or(port == SUBMISSIONS);
    Some((
        send_resolved,
        EmailSettings {
            to: to?,
            from: from?,
            host,
            port,
            hello,
            username,
            password,
            mechanism,
            require_tls,
            implicit_tls,
            tls,
            headers,
            text,
            html,
        },
    ))
}

/// Who we are to the server.
fn login(
    fields: &mut Fields<'_>,
    global: &Global,
    lints: &mut Lints,
) -> (Option<String>, Option<SecretSource>) {
    let at = fields.position();
    let username = plain(fields, "auth_username").or_else(|| global.smtp_auth_username.clone());
    let password = secret(fields, "auth_password").or_else(|| global.smtp_auth_password.clone());
    let cram = secret(fields, "auth_secret").or_else(|| global.smtp_auth_secret.clone());
    let identity = plain(fields, "auth_identity").or_else(|| global.smtp_auth_identity.clone());
    match (&username, &password, &cram) {
        (Some(_), None, Some(_)) => {
            let words = "auth_secret is for CRAM-MD5, which is not supported; hint: set auth_password";
            fields.problem_at(at, words);
        }
        (Some(_), None, None) => fields.problem_at(at, "auth_username needs auth_password"),
        (Some(_), Some(_), Some(_)) => {
            lints.add(at, "auth_secret is not used: auth_password is");
        }
        (None, Some(_), _) => lints.add(at, "auth_password is not used without auth_username"),
        (None, None, _) | (Some(_), Some(_), None) => {}
    }
    if let Some(identity) = identity.filter(|identity| username.as_ref() != Some(identity)) {
        let words = format!("auth_identity {identity:?} differs from auth_username, which is not supported");
        fields.problem_at(at, words);
    }
    let password = password.filter(|_| username.is_some());
    (username, password)
}

/// Mails of one group are always one thread here, for as long as the group fires.
fn threading(fields: &mut Fields<'_>, lints: &mut Lints) {
    let custom: Vec<String> = fields.string_map("headers").into_iter().map(|(name, _)| name).collect();
    let position = fields.position_of("threading");
    let Some(mut threading) = fields.fields("threading") else { return };
    let enabled = threading.bool("enabled").unwrap_or(false);
    let by_date = threading.string("thread_by_date").unwrap_or_default();
    if !enabled {
        return;
    }
    for header in ["References", "In-Reply-To"] {
        if custom.iter().any(|name| name.eq_ignore_ascii_case(header)) {
            let words =
                format!("conflicting configuration: threading.enabled conflicts with custom {header} header");
            threading.problem_at(position, words);
        }
    }
    match by_date.as_str() {
        "none" => {}
        "daily" => lints.add(
            threading.position_of("thread_by_date"),
            "thread_by_date is not done: a thread ends when its group is resolved",
        ),
        _ => {
            let words = "threading.thread_by_date must be either 'none' or 'daily'";
            threading.problem("thread_by_date", words);
        }
    }
}

/// Checks an address; the problem stands at the key.
pub(super) fn check_address(fields: &Fields<'_>, key: &str, text: &str) -> Option<Mailbox> {
    let mailbox = text.parse().ok();
    if mailbox.is_none() {
        fields.problem(key, format!("{text:?} is not an e-mail address"));
    }
    mailbox
}

fn recipients(fields: &mut Fields<'_>, texts: &Texts, lints: &mut Lints) -> Option<Text> {
    if fields.string("to").is_none_or(|text| text.is_empty()) {
        fields.problem_at(fields.position(), "missing to address in email config");
        return None;
    }
    let list = texts.field(fields, "to", lints)?;
    if list.is_plain() && list.source().parse::<Mailboxes>().is_err() {
        fields.problem("to", format!("{:?} is not a list of e-mail addresses", list.source()));
        return None;
    }
    Some(list)
}

/// Who it is from, for this receiver or for all.
fn sender(fields: &mut Fields<'_>, global: &Global, texts: &Texts, lints: &mut Lints) -> Option<Text> {
    let Some(own) = texts.field(fields, "from", lints) else {
        return global.smtp_from.as_deref().map(|from| texts.default(from));
    };
    if own.is_plain() {
        check_address(fields, "from", own.source())?;
    }
    Some(own)
}

/// The headers that are added. Those that make a mail arrive and a thread hold are ours.
fn headers(fields: &mut Fields<'_>, texts: &Texts, lints: &mut Lints) -> Vec<(String, Text)> {
    let mut headers: Vec<(String, Text)> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    let mut ours = Vec::new();
    drop(fields.map("headers", |name, item| {
        let value = item.string()?;
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        if !http::is_header_name(name) {
            item.problem(format!("{name:?} is not the name of a header"));
        } else if seen.iter().any(|other| same(other)) {
            item.problem(format!("duplicate header {:?} in email config", canonical(name)));
        } else if value.contains(['\r', '\n']) && !value.contains("{{") {
            item.problem(format!("header {name:?} holds a line break"));
        } else if OURS.iter().any(|ours| same(ours)) {
            ours.push((item.position(), format!("header {name:?} is not sent: alertrouter sets it itself")));
        } else if let Some(text) = texts.item(&item, name, lints) {
            headers.push((name.to_owned(), text));
        }
        seen.push(name.to_owned());
        Some(())
    }));
    for (position, words) in ours {
        lints.add(position, words);
    }
    headers
}

/// As Go writes the name of a header: `References`, `X-Mail`.
fn canonical(name: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters.map(|letter| letter.to_ascii_lowercase())).collect::<String>()
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
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
