//! `http_config`: how an HTTP target is reached, in Prometheus' own format.

use toolkit::config::{Fields, SecretSource};

use super::global::{secret, secret_url};
use super::not_yet;
use super::tls::{self, Connection, TlsSettings};

/// How an HTTP target is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Who we say we are.
    pub authorization: Authorization,
    /// Whom to trust.
    pub tls: TlsSettings,
    /// Through what.
    pub proxy: Proxy,
    /// Whether a redirect is followed. The secrets of a request must not go with it to another host.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be spoken over TLS.
    pub http2: bool,
    /// More headers, each with its values.
    pub headers: Vec<(String, Vec<SecretSource>)>,
}

/// Who we say we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// Nobody.
    None,
    /// `Authorization: Basic …`
    Basic {
        /// The user.
        username: SecretSource,
        /// The password; none is an empty one.
        password: Option<SecretSource>,
    },
    /// `Authorization: SCHEME CREDENTIALS`
    Scheme {
        /// `Bearer` unless the file says otherwise.
        scheme: String,
        /// What follows it.
        credentials: SecretSource,
    },
}

/// Through what a target is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proxy {
    /// Nothing, whatever the environment says: as Alertmanager does it.
    None,
    /// What `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say.
    Environment,
    /// This one.
    Url {
        /// Its address; it may hold a password.
        url: SecretSource,
        /// Hosts that are reached without it, with commas between.
        except: Option<String>,
    },
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            authorization: Authorization::None,
            tls: TlsSettings::default(),
            proxy: Proxy::None,
            follow_redirects: true,
            http2: true,
            headers: Vec::new(),
        }
    }
}

/// The receiver's own, whole, or the global one: as Alertmanager, the two are not mixed.
pub(super) fn decode_or(fields: &mut Fields<'_>, global: &HttpSettings) -> HttpSettings {
    match fields.fields("http_config") {
        Some(own) => decode(own),
        None => global.clone(),
    }
}

pub(super) fn decode(mut fields: Fields<'_>) -> HttpSettings {
    for key in ["oauth2", "proxy_connect_header"] {
        not_yet(&mut fields, key);
    }
    HttpSettings {
        authorization: authorization(&mut fields),
        tls: tls::decode(fields.fields("tls_config"), Connection::Http),
        proxy: proxy(&mut fields),
        follow_redirects: fields.bool("follow_redirects").unwrap_or(true),
        http2: fields.bool("enable_http2").unwrap_or(true),
        headers: headers(&mut fields),
    }
}

fn authorization(fields: &mut Fields<'_>) -> Authorization {
    let ways = ["basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file"];
    let mut given = ways.into_iter().filter(|key| fields.has(key));
    if let (Some(first), Some(second)) = (given.next(), given.next()) {
        let words = match (first, second) {
            ("authorization", "bearer_token" | "bearer_token_file") => {
                "authorization is not compatible with bearer_token & bearer_token_file"
            }
            ("bearer_token", _) => "at most one of bearer_token & bearer_token_file must be configured",
            (_, "bearer_token" | "bearer_token_file") => {
                "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured"
            }
            _ => "at most one of basic_auth, oauth2 & authorization must be configured",
        };
        fields.problem(second, words);
    }
    let basic = fields.fields("basic_auth").map(basic_auth);
    let scheme = fields.fields("authorization").and_then(scheme);
    let bearer = if fields.has("bearer_token") && fields.has("bearer_token_file") {
        fields.ignore("bearer_token");
        fields.ignore("bearer_token_file");
        None
    } else {
        fields.secret("bearer_token")
    };
    let bearer = bearer.map(|credentials| Authorization::Scheme { scheme: BEARER.to_owned(), credentials });
    basic.flatten().or(scheme).or(bearer).unwrap_or(Authorization::None)
}

fn basic_auth(mut fields: Fields<'_>) -> Option<Authorization> {
    for key in ["username_ref", "password_ref"] {
        not_yet(&mut fields, key);
    }
    let username = secret(&mut fields, "username");
    let password = secret(&mut fields, "password");
    if username.is_none() {
        fields.problem_at(fields.position(), "basic_auth needs a username");
    }
    Some(Authorization::Basic { username: username?, password })
}

fn scheme(mut fields: Fields<'_>) -> Option<Authorization> {
    not_yet(&mut fields, "credentials_ref");
    let scheme = fields.string("type").unwrap_or_else(|| BEARER.to_owned());
    let scheme = scheme.trim().to_owned();
    if scheme.eq_ignore_ascii_case("basic") {
        fields.problem("type", "authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
    }
    let credentials = secret(&mut fields, "credentials");
    if credentials.is_none() {
        fields.problem_at(fields.position(), "authorization needs credentials or credentials_file");
    }
    Some(Authorization::Scheme { scheme, credentials: credentials? })
}

fn proxy(fields: &mut Fields<'_>) -> Proxy {
    let environment = fields.bool("proxy_from_environment").unwrap_or(false);
    let url = secret_url(fields, "proxy_url");
    let except = fields.string("no_proxy");
    if environment && url.is_some() {
        fields.problem(
            "proxy_url",
            "if proxy_from_environment is configured, proxy_url must not be configured",
        );
    }
    if environment && except.is_some() {
        fields
            .problem("no_proxy", "if proxy_from_environment is configured, no_proxy must not be configured");
    } else if url.is_none() && except.is_some() {
        fields.problem("no_proxy", "if no_proxy is configured, proxy_url must also be configured");
    }
    match url {
        Some(url) => Proxy::Url { url, except },
        None if environment => Proxy::Environment,
        None => Proxy::None,
    }
}

/// Each header has `values`, `secrets` and `files`, all of them lists.
fn headers(fields: &mut Fields<'_>) -> Vec<(String, Vec<SecretSource>)> {
    fields.map("http_headers", |name, item| {
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            item.problem(format!("setting header {name:?} is not allowed"));
        } else if !is_header_name(name) {
            item.problem(format!("{name:?} is not the name of a header"));
        }
        let mut fields = item.fields()?;
        let mut values = Vec::new();
        for key in ["values", "secrets"] {
            values.extend(fields.list(key, |item| item.secret()).into_iter().map(SecretSource::Inline));
        }
        values.extend(fields.list("files", |item| item.path()).into_iter().map(SecretSource::File));
        Some((name.to_owned(), values))
    })
}

pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

const BEARER: &str = "Bearer";

/// Headers that belong to the client itself, as Prometheus has it.
const RESERVED: &[&str] = &[
    "Authorization",
    "Host",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "User-Agent",
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Www-Authenticate",
    "Accept-Encoding",
    "X-Prometheus-Remote-Write-Version",
    "X-Prometheus-Remote-Read-Version",
    "X-Prometheus-Scrape-Timeout-Seconds",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];
