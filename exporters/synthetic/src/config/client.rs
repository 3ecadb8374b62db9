//! Settings of an HTTP client as all of Prometheus' programs have them: who we say we are, proxies, TLS, headers.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderName, HeaderValue};
use netprobe::proxy::{Proxies, Proxy};
use toolkit::config::{Fields, Item, Secret, SecretError, SecretSource};

use super::TlsSettings;
use super::oauth2::OAuth2;

/// Headers that have a key of their own, or are the connection's.
const RESERVED: [HeaderName; 10] = [
    hyper::header::AUTHORIZATION,
    hyper::header::HOST,
    hyper::header::CONTENT_ENCODING,
    hyper::header::CONTENT_LENGTH,
    hyper::header::CONTENT_TYPE,
    hyper::header::USER_AGENT,
    hyper::header::CONNECTION,
    hyper::header::PROXY_AUTHENTICATE,
    hyper::header::PROXY_AUTHORIZATION,
    hyper::header::ACCEPT_ENCODING,
];

/// Settings of an HTTP client.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// What TLS shall be like.
    pub tls: TlsSettings,
    /// Who we say we are.
    pub authorization: Option<Authorization>,
    /// Headers of every request.
    pub headers: Vec<ExtraHeader>,
    /// How a proxy is found.
    pub proxy: Option<ProxySettings>,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
}

/// Who we say we are.
#[derive(Clone, Debug)]
pub enum Authorization {
    /// Name and password.
    Basic {
        /// The name.
        username: Option<SecretSource>,
        /// The password.
        password: Option<SecretSource>,
    },
    /// A token after a word.
    Token {
        /// The word: `Bearer`, mostly.
        scheme: String,
        /// The token.
        credentials: Option<SecretSource>,
    },
    /// A token that is fetched from elsewhere.
    OAuth2(Arc<OAuth2>),
}

/// A header of every request.
#[derive(Clone, Debug)]
pub struct ExtraHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its values; those that are secret are marked as such.
    pub values: Vec<HeaderValue>,
    /// Files, each with one value, read for each request.
    pub files: Vec<PathBuf>,
}

/// How a proxy is found.
#[derive(Clone, Debug)]
pub struct ProxySettings {
    way: Way,
    /// Headers for the proxy's `CONNECT`.
    headers: Vec<(String, Secret)>,
}

#[derive(Clone, Debug)]
enum Way {
    Always(Proxy),
    /// By the environment's rules, whether they come from there or from the file.
    Chosen(Box<Proxies>),
}

impl ClientSettings {
    /// Reads the keys of an HTTP client.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        Self {
            authorization: authorization(fields),
            tls: TlsSettings::of(fields),
            headers: fields.map("http_headers", |name, item| extra_header(name, &item)),
            proxy: ProxySettings::decode(fields),
            follow_redirects: fields.bool("follow_redirects").unwrap_or(true),
            http2: fields.bool("enable_http2").unwrap_or(true),
        }
    }

    /// Whether a request holds something that only some targets may get.
    pub(crate) fn has_credentials(&self) -> bool {
        let secret = |header: &ExtraHeader| {
            !header.files.is_empty() || header.values.iter().any(HeaderValue::is_sensitive)
        };
        self.authorization.is_some() || self.headers.iter().any(secret)
    }
}

impl ProxySettings {
    /// Reads the keys about proxies.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let url = fields.parsed("proxy_url", |text| match text {
            "" => Ok(None),
            text => Proxy::parse(text).map(|proxy| Some((text.to_owned(), proxy))),
        });
        let (url, given) = (url.flatten(), fields.has("proxy_url"));
        let none = fields.string("no_proxy").filter(|list| !list.is_empty());
        let environment = fields.bool("proxy_from_environment").unwrap_or(false);
        let headers: Vec<_> = fields.map("proxy_connect_header", |name, item| {
            let values = item.list(|item| item.secret());
            Some(values.into_iter().map(|value| (name.to_owned(), value)).collect::<Vec<_>>())
        });
        if environment && url.is_some() {
            fields.problem(
                "proxy_from_environment",
                "`proxy_from_environment` and `proxy_url` cannot both be set",
            );
        }
        if environment && none.is_some() {
            fields.problem("no_proxy", "`proxy_from_environment` and `no_proxy` cannot both be set");
        }
        if !environment && !given && none.is_some() {
            fields.problem("no_proxy", "`no_proxy` needs `proxy_url`");
        }
        if !environment && !given && !headers.is_empty() {
            fields.problem(
                "proxy_connect_header",
                "`proxy_connect_header` needs `proxy_url` or `proxy_from_environment`",
            );
        }
        let way = match (url, none) {
            (Some((_, proxy)), None) => Way::Always(proxy),
            (Some((url, _)), Some(list)) => {
                Way::Chosen(Box::new(Proxies::from_environment(|name| match name {
                    "HTTP_PROXY" | "HTTPS_PROXY" => Some(url.clone()),
                    "NO_PROXY" => Some(list.clone()),
                    _ => None,
                })))
            }
            (None, _) if environment => {
                Way::Chosen(Box::new(Proxies::from_environment(|name| std::env::var(name).ok())))
            }
            (None, _) => return None,
        };
        Some(Self { way, headers: headers.concat() })
    }

    /// The proxy through which a server is reached.
    pub(crate) fn find(&self, secure: bool, host: &str, port: u16) -> Option<Proxy> {
        let proxy = match &self.way {
            Way::Always(proxy) => proxy,
            Way::Chosen(proxies) => proxies.find(secure, host, port)?,
        };
        Some(Proxy { headers: self.headers.clone(), ..proxy.clone() })
    }
}

impl Authorization {
    /// The header that says who we are, where it is known without asking anybody; `None` for OAuth 2.
    ///
    /// # Errors
    /// A secret cannot be read, or cannot stand in a header.
    pub(crate) async fn header(&self) -> Result<Option<HeaderValue>, AuthorizationError> {
        match self {
            Self::Basic { username, password } => {
                let (username, password) = (read(username.as_ref()).await?, read(password.as_ref()).await?);
                basic(&format!("{}:{}", username.expose(), password.expose())).map(Some)
            }
            Self::Token { scheme, credentials } => {
                let credentials = read(credentials.as_ref()).await?;
                sensitive(&format!("{scheme} {}", credentials.expose())).map(Some)
            }
            Self::OAuth2(_) => Ok(None),
        }
    }
}

/// Why we cannot say who we are. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizationError {
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// It cannot stand in a header.
    #[error("the credentials cannot stand in a header: they hold a line break or a control character")]
    NoHeader,
}

/// Parts of names of headers whose values are credentials.
const SECRET: [&str; 8] =
    ["authorization", "cookie", "token", "secret", "password", "credential", "api-key", "apikey"];

/// Whether a header, by its name in small letters, holds credentials.
pub(crate) fn is_secret_header(name: &str) -> bool {
    SECRET.iter().any(|part| name.contains(part))
}

/// `Basic …` of `user:password`.
pub(crate) fn basic(pair: &str) -> Result<HeaderValue, AuthorizationError> {
    sensitive(&format!("Basic {}", STANDARD.encode(pair)))
}

/// A header's value that is never shown.
pub(crate) fn sensitive(text: &str) -> Result<HeaderValue, AuthorizationError> {
    let mut value = HeaderValue::from_str(text).map_err(|_invalid| AuthorizationError::NoHeader)?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read(source: Option<&SecretSource>) -> Result<Secret, SecretError> {
    match source {
        Some(source) => source.read().await,
        None => Ok(Secret::default()),
    }
}

/// A secret by `KEY`, `KEY_file`, `KEY_env` or `KEY_command`. There is no secret manager for `KEY_ref`.
pub(super) fn secret(fields: &mut Fields<'_>, key: &str) -> Option<SecretSource> {
    let reference = format!("{key}_ref");
    if fields.string(&reference).is_some_and(|text| !text.is_empty()) {
        let message =
            format!("there is no secret manager that `{reference}` could refer to (hint: `{key}_file`)");
        fields.problem(&reference, message);
    }
    fields.secret(key)
}

fn authorization(fields: &mut Fields<'_>) -> Option<Authorization> {
    let basic = fields.fields("basic_auth").map(|mut fields| Authorization::Basic {
        username: secret(&mut fields, "username"),
        password: secret(&mut fields, "password"),
    });
    let token = fields.fields("authorization").map(|mut fields| {
        let scheme = fields.string("type").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let scheme = scheme.unwrap_or_else(|| "Bearer".to_owned());
        if scheme.eq_ignore_ascii_case("basic") {
            fields.problem("type", "the type cannot be `basic` (hint: `basic_auth`)");
        }
        if !scheme.bytes().all(|byte| byte.is_ascii_graphic()) {
            fields.problem("type", "expected one word");
        }
        Authorization::Token { scheme, credentials: secret(&mut fields, "credentials") }
    });
    let bearer = fields.secret("bearer_token").map(|credentials| Authorization::Token {
        scheme: "Bearer".to_owned(),
        credentials: Some(credentials),
    });
    let oauth2 = fields.fields("oauth2").and_then(|mut fields| OAuth2::decode(&mut fields));
    let oauth2 = oauth2.map(|settings| Authorization::OAuth2(Arc::new(settings)));
    let given =
        [("basic_auth", basic), ("authorization", token), ("bearer_token", bearer), ("oauth2", oauth2)];
    let mut present = given.into_iter().filter_map(|(key, found)| Some((key, found?)));
    let first = present.next();
    if let (Some((one, _)), Some((other, _))) = (&first, present.next()) {
        fields.problem(other, format!("`{one}` and `{other}` cannot both be set"));
    }
    first.map(|(_, found)| found)
}

fn extra_header(name: &str, item: &Item<'_>) -> Option<ExtraHeader> {
    let mut fields = item.fields()?;
    let Ok(known) = HeaderName::from_bytes(name.as_bytes()) else {
        fields.problem_at(fields.position(), format!("{name:?} is no header's name"));
        return None;
    };
    if RESERVED.contains(&known) || known.as_str().starts_with("x-prometheus-") {
        fields.problem_at(fields.position(), format!("the header {name:?} cannot be set here"));
    }
    let mut values = fields.list("values", |item| item.parsed(HeaderValue::from_str));
    values.extend(fields.list("secrets", |item| {
        let value = item.secret().map(|secret| sensitive(secret.expose()));
        value?.map_err(|error| item.problem(error.to_string())).ok()
    }));
    Some(ExtraHeader { name: known, values, files: fields.list("files", |item| item.path()) })
}

#[cfg(test)]
mod tests {
    use toolkit::config::{ConfigError, Document};

    use super::*;

    fn settings(text: &str) -> Result<ClientSettings, ConfigError> {
        Document::parse("x.yml", text)?.decode(|mut fields| ClientSettings::decode(&mut fields))
    }

    #[test]
    fn what_cannot_stand_together() {
        for (text, expected) in [
            ("{bearer_token: a, bearer_token_file: b}", "cannot both be set"),
            ("{basic_auth: {username: a}, bearer_token: b}", "cannot both be set"),
            ("{basic_auth: {username: a, username_file: b}}", "cannot both be set"),
            ("{basic_auth: {password: a, password_file: b}}", "cannot both be set"),
            ("{basic_auth: {password_ref: a}}", "no secret manager"),
            ("{authorization: {credentials: a}, bearer_token: b}", "cannot both be set"),
            ("{authorization: {credentials: a, credentials_file: b}}", "cannot both be set"),
            ("{authorization: {type: Basic, credentials: a}}", "hint: `basic_auth`"),
            ("{authorization: {}, basic_auth: {}}", "cannot both be set"),
            ("{oauth2: {client_id: a, token_url: 'http://b'}, basic_auth: {}}", "cannot both be set"),
            ("{proxy_from_environment: true, proxy_url: 'http://a'}", "cannot both be set"),
            ("{proxy_from_environment: true, no_proxy: a}", "cannot both be set"),
            ("{no_proxy: a}", "needs `proxy_url`"),
            ("{proxy_connect_header: {A: [b]}}", "needs `proxy_url`"),
            ("{proxy_url: 'ftp://a'}", "a proxy's URL begins with"),
            ("{http_headers: {Host: {values: [a]}}}", "cannot be set here"),
            ("{http_headers: {X-A: {valeus: [a]}}}", "unknown key"),
            ("{http_headers: {'X A': {values: [a]}}}", "no header's name"),
            ("{http_headers: {X-A: {secrets: [\"s3cret\\nx\"]}}}", "cannot stand in a header"),
            ("{tls_config: {ca: a, ca_file: b}}", "cannot both be set"),
        ] {
            let problem = settings(text).expect_err(text).to_string();
            assert!(problem.contains(expected) && !problem.contains("s3cret"), "{text}: {problem}");
        }
    }

    #[tokio::test]
    async fn who_we_say_we_are() {
        for (text, expected) in [
            ("{basic_auth: {username: me, password: 's3:cret'}}", "Basic bWU6czM6Y3JldA=="),
            ("{basic_auth: {}}", "Basic Og=="),
            ("{bearer_token: abc}", "Bearer abc"),
            ("{authorization: {credentials: abc}}", "Bearer abc"),
            ("{authorization: {type: ' Token ', credentials: abc}}", "Token abc"),
        ] {
            let settings = settings(text).unwrap();
            let authorization = settings.authorization.as_ref().unwrap();
            let header = authorization.header().await.unwrap().unwrap();
            assert_eq!(header.to_str().unwrap(), expected, "{text}");
            assert!(header.is_sensitive() && settings.has_credentials());
        }
        let plain = settings("{http_headers: {X-A: {values: [a]}}}").unwrap();
        assert!(!plain.has_credentials() && plain.follow_redirects && plain.http2);
        assert!(settings("{http_headers: {X-A: {secrets: [a]}}}").unwrap().has_credentials());
        assert!(settings("{http_headers: {X-A: {files: [a]}}}").unwrap().has_credentials());
    }

    #[test]
    fn proxies() {
        for (text, secure, host, expected) in [
            ("{}", false, "a.example", None),
            ("{proxy_url: ''}", false, "a.example", None),
            ("{proxy_url: 'http://proxy:3128'}", true, "127.0.0.1", Some("proxy")),
            ("{proxy_url: 'http://proxy:3128', no_proxy: 'b.example'}", false, "a.example", Some("proxy")),
            ("{proxy_url: 'http://proxy:3128', no_proxy: 'b.example'}", true, "b.example", None),
            ("{proxy_url: 'http://proxy:3128', no_proxy: 'b.example'}", true, "127.0.0.1", None),
        ] {
            let proxy = settings(text).unwrap().proxy.and_then(|proxy| proxy.find(secure, host, 80));
            assert_eq!(proxy.as_ref().map(|proxy| proxy.host.as_str()), expected, "{text} {host}");
        }
        let text = "{proxy_url: 'http://proxy', proxy_connect_header: {Proxy-Authorization: [Bearer x, y]}}";
        let proxy = settings(text).unwrap().proxy.unwrap().find(true, "a", 443).unwrap();
        assert_eq!(proxy.headers.len(), 2);
    }
}
