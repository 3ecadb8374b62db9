//! The HTTP of a target: a client made from `http_config`, who we say we are, and what an answer or a failure is.
//!
//! Invariants: secrets and certificates are read when they are used, so that a new one in a file counts at the next
//! attempt; no failure's text holds one; a redirect is followed only where our credentials may go with it.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Identity, NoProxy, RequestBuilder, Url, redirect, tls};
use toolkit::config::{Secret, SecretSource, redact_url};

use super::Cause;
use crate::config::{Authorization, HttpSettings, Proxy};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read: nobody has more to say to us.
const MAX_ANSWER: usize = 256 * 1024;

/// Characters of an answer that are quoted.
const QUOTED: usize = 120;

/// Shortest part of an address that may be a secret: `hook` and `alerts` are none.
const SECRET_PART: usize = 8;

/// Redirects in a row that are followed.
const MAX_REDIRECTS: usize = 3;

/// A target's HTTP.
#[derive(Debug)]
pub(super) struct Http {
    settings: HttpSettings,
    timeout: Duration,
    made: Mutex<Option<(Material, Client)>>,
}

/// What a client is made of and may change while the program runs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Material {
    authority: Option<Vec<u8>>,
    /// Certificate and key.
    identity: Option<(Secret, Secret)>,
    proxy: Option<Secret>,
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) text: String,
    /// What we said that must not be quoted.
    pub(super) secrets: Vec<String>,
}

impl Answer {
    /// A text of the other side without what we have said to it in secret.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }

    /// The status and the answer's first words, without what is secret. A page for people is not quoted.
    pub(super) fn quote(&self) -> String {
        let mut words = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in &self.secrets {
            words = words.replace(secret, "…");
        }
        let words: String = redact_url(&words).chars().filter(|c| !c.is_control()).take(QUOTED).collect();
        if words.is_empty() || words.starts_with('<') {
            format!("HTTP {}", self.status)
        } else {
            format!("HTTP {}: {words}", self.status)
        }
    }
}

impl Http {
    pub(super) fn new(settings: HttpSettings, timeout: Duration) -> Self {
        Self { settings, timeout, made: Mutex::new(None) }
    }

    /// A POST with everything that `http_config` says.
    pub(super) async fn post(&self, url: &Secret) -> Result<RequestBuilder, Cause> {
        let request = self.client().await?.post(url.expose().trim());
        let request = match &self.settings.authorization {
            Authorization::None => request,
            Authorization::Basic { username, password } => {
                let username = read(username).await?;
                let password = match password {
                    Some(password) => Some(read(password).await?),
                    None => None,
                };
                request.basic_auth(username.expose(), password.as_ref().map(Secret::expose))
            }
            Authorization::Scheme { scheme, credentials } => {
                let credentials = read(credentials).await?;
                let value = format!("{scheme} {}", credentials.expose().trim());
                request.header(reqwest::header::AUTHORIZATION, secret_value(&value, "authorization")?)
            }
        };
        self.own_headers(request).await
    }

    async fn own_headers(&self, mut request: RequestBuilder) -> Result<RequestBuilder, Cause> {
        for (name, values) in &self.settings.headers {
            let header: HeaderName = name
                .parse()
                .map_err(|_invalid| Cause::new("secret", format!("{name:?} is not the name of a header")))?;
            for value in values {
                request = request.header(&header, secret_value(read(value).await?.expose().trim(), name)?);
            }
        }
        Ok(request)
    }

    async fn client(&self) -> Result<Client, Cause> {
        let material = self.material().await?;
        let made = self.made.lock().map_err(|_poisoned| Cause::new("panic", ""))?.clone();
        if let Some((known, client)) = made
            && known == material
        {
            return Ok(client);
        }
        let client = self.make(&material)?;
        *self.made.lock().map_err(|_poisoned| Cause::new("panic", ""))? = Some((material, client.clone()));
        Ok(client)
    }

    async fn material(&self) -> Result<Material, Cause> {
        let tls = &self.settings.tls;
        let authority = match (&tls.ca_file, &tls.ca) {
            (Some(path), _) => Some(tokio::fs::read(path).await.map_err(|error| {
                Cause::new("tls", format!("ca_file {} cannot be read: {error}", path.display()))
            })?),
            (None, Some(text)) => Some(text.clone().into_bytes()),
            (None, None) => None,
        };
        let identity = match &tls.client {
            Some(client) => Some((read(&client.certificate).await?, read(&client.key).await?)),
            None => None,
        };
        let proxy = match &self.settings.proxy {
            Proxy::Url { url, .. } => Some(read(url).await?),
            Proxy::None | Proxy::Environment => None,
        };
        Ok(Material { authority, identity, proxy })
    }

    fn make(&self, material: &Material) -> Result<Client, Cause> {
        let wrong = |what: &'static str| {
            move |error: reqwest::Error| Cause::new("tls", format!("{what} cannot be used: {}", told(&error)))
        };
        let mut builder = Client::builder()
            .timeout(self.timeout)
            .connect_timeout(CONNECT)
            .redirect(redirects(self.settings.follow_redirects))
            .user_agent(concat!("alertrouter/", env!("CARGO_PKG_VERSION")));
        if !self.settings.http2 {
            builder = builder.http1_only();
        }
        if let Some(pem) = &material.authority {
            let authorities = Certificate::from_pem_bundle(pem).map_err(wrong("the authority"))?;
            builder = builder.tls_certs_only(authorities);
        }
        if let Some((certificate, key)) = &material.identity {
            let pem = format!("{}\n{}", certificate.expose(), key.expose());
            builder = builder
                .identity(Identity::from_pem(pem.as_bytes()).map_err(wrong("the client certificate"))?);
        }
        if self.settings.tls.newest_only {
            builder = builder.tls_version_min(tls::Version::TLS_1_3);
        }
        builder = builder.tls_danger_accept_invalid_certs(self.settings.tls.insecure_skip_verify);
        builder = match (&self.settings.proxy, &material.proxy) {
            (Proxy::Url { except, .. }, Some(url)) => {
                let proxy = reqwest::Proxy::all(url.expose().trim()).map_err(wrong("the proxy"))?;
                builder.proxy(proxy.no_proxy(except.as_deref().and_then(NoProxy::from_string)))
            }
            (Proxy::Environment, _) => builder,
            // as Alertmanager: a proxy is used only when the configuration names it
            _ => builder.no_proxy(),
        };
        builder.build().map_err(wrong("the HTTP client"))
    }
}

/// Sends a request, and reads the answer as far as it is worth it.
pub(super) async fn exchange(request: RequestBuilder) -> Result<Answer, Cause> {
    let (client, request) = request.build_split();
    let request = request.map_err(|error| failure(&error))?;
    let secrets = secrets(&request);
    let mut response = client.execute(request).await.map_err(|error| failure(&error))?;
    let status = response.status().as_u16();
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(|text| retry_after(text, Timestamp::now()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            break;
        }
    }
    Ok(Answer { status, retry_after, text: String::from_utf8_lossy(&body).into_owned(), secrets })
}

/// What must not be quoted when the other side repeats it: parts of the address, and headers that are secret.
fn secrets(request: &reqwest::Request) -> Vec<String> {
    let url = request.url();
    let query = url.query_pairs().map(|(_, value)| value.into_owned());
    let path = url.path_segments().into_iter().flatten().map(str::to_owned);
    let headers = request.headers().values().filter(|value| value.is_sensitive());
    let headers = headers.filter_map(|value| value.to_str().ok());
    let words = headers.flat_map(|value| value.split(' ').map(str::to_owned));
    let mut secrets: Vec<String> =
        path.chain(query).chain(words).filter(|part| part.len() >= SECRET_PART).collect();
    // the whole before its parts
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// Seconds, or a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    text.parse().map(Duration::from_secs).ok().or_else(|| {
        let until = rfc2822::parse(text).ok()?.timestamp();
        Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
    })
}

/// A redirect keeps a POST with its body only when it is 307 or 308, and our credentials must not leave the host.
fn redirects(follow: bool) -> redirect::Policy {
    if !follow {
        return redirect::Policy::none();
    }
    redirect::Policy::custom(|attempt| {
        let keeps_body = matches!(attempt.status().as_u16(), 307 | 308);
        let from = attempt.previous().last();
        let stays = from.is_some_and(|from| same_place(from, attempt.url()));
        if keeps_body && stays && attempt.previous().len() <= MAX_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

/// The same host; and the same port and scheme, unless it only becomes encrypted.
fn same_place(from: &Url, to: &Url) -> bool {
    let same = from.scheme() == to.scheme() && from.port_or_known_default() == to.port_or_known_default();
    let encrypted = from.scheme() == "http" && to.scheme() == "https" && from.port().is_none();
    from.host_str() == to.host_str() && (same || encrypted)
}

/// Why there was no answer.
fn failure(error: &reqwest::Error) -> Cause {
    let text = told(error);
    let reason = if error.is_timeout() {
        "timeout"
    } else if error.is_builder() {
        "url"
    } else if text.contains("certificate") || text.contains("HandshakeFailure") {
        "tls"
    } else if error.is_connect() {
        "connect"
    } else {
        "network"
    };
    Cause::new(reason, text)
}

/// An error with its causes, in one line; without the URL, which may be a secret.
fn told(error: &reqwest::Error) -> String {
    let mut text = match (error.is_builder(), error.is_connect(), error.is_timeout()) {
        (true, ..) => "the request cannot be made".to_owned(),
        (_, true, _) => "cannot connect".to_owned(),
        (_, _, true) => "no answer in time".to_owned(),
        _ => "the exchange broke off".to_owned(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    redact_url(&text).chars().filter(|c| !c.is_control()).take(300).collect()
}

async fn read(source: &SecretSource) -> Result<Secret, Cause> {
    source.read().await.map_err(|error| Cause::new("secret", error.to_string()))
}

/// A header's value that no log shows.
fn secret_value(text: &str, name: &str) -> Result<HeaderValue, Cause> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_invalid| Cause::new("secret", format!("the value of {name} is not fit for a header")))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_where_they_are() {
        for (from, to, expected) in [
            ("https://a/x", "https://a/y", true),
            ("http://a/x", "https://a/x", true),
            ("http://a:80/x", "http://a/y", true),
            ("https://a/x", "http://a/x", false),
            ("https://a/x", "https://b/x", false),
            ("http://a:9000/x", "http://a:9001/x", false),
            ("http://a:9000/x", "https://a/x", false),
        ] {
            let url = |text: &str| Url::parse(text).unwrap();
            assert_eq!(same_place(&url(from), &url(to)), expected, "{from} → {to}");
        }
    }

    #[test]
    fn quotes_hold_no_secret() {
        let request = Client::builder()
            .build()
            .unwrap()
            .post("https://bridge.example/hook/s3cret-path?key=abcdef123")
            .bearer_auth("t0ken-t0ken");
        let mut answer =
            Answer { status: 400, secrets: secrets(&request.build().unwrap()), ..Answer::default() };
        for (text, expected) in [
            ("", "HTTP 400"),
            ("unknown\r\nchannel", "HTTP 400: unknown channel"),
            ("no handler for /hook/s3cret-path", "HTTP 400: no handler for /hook/…"),
            ("bad abcdef123, Bearer t0ken-t0ken", "HTTP 400: bad …, Bearer …"),
            ("<html>", "HTTP 400"),
        ] {
            text.clone_into(&mut answer.text);
            assert_eq!(answer.quote(), expected, "{text}");
        }
    }

    #[test]
    fn patience_as_seconds_and_as_a_date() {
        let now: Timestamp = "2015-10-21T07:27:00Z".parse().unwrap();
        for (text, expected) in [
            ("30", Some(30)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(60)),
            ("Wed, 21 Oct 2015 07:26:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(text, now).map(|after| after.as_secs()), expected, "{text}");
        }
    }
}
