//! A small HTTP/1.1 client for tests: one connection per request, no redirects, no pool, no surprises.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Method, Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls::{self, Identity};

/// How long one request may take, if the test says nothing else.
const DEADLINE: Duration = Duration::from_secs(30);

/// The largest answer that is read: above the largest metrics page a test makes.
const ANSWER_BYTES: usize = 64 << 20;

/// GETs a page with these headers.
pub async fn http_get(url: &str, headers: &[(&str, &str)]) -> Result<Response> {
    headers.iter().fold(Client::new(), |client, (name, value)| client.header(name, value)).get(url).await
}

/// A client; every request makes its own connection.
#[derive(Clone)]
pub struct Client {
    headers: Vec<(String, String)>,
    tls: Option<Arc<ClientConfig>>,
    deadline: Duration,
}

impl Client {
    /// A client with no headers of its own and no trust in anyone.
    pub fn new() -> Self {
        Self { headers: Vec::new(), tls: None, deadline: DEADLINE }
    }

    /// Sends this header with each request.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends a user and password with each request.
    #[must_use]
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        let credentials = crate::base64::encode(format!("{user}:{password}").as_bytes());
        self.header(AUTHORIZATION.as_str(), &format!("Basic {credentials}"))
    }

    /// Trusts this authority for `https`, and shows `identity` to servers that ask for a certificate.
    pub fn tls(mut self, authority_pem: &str, identity: Option<&Identity>) -> Result<Self> {
        self.tls = Some(tls::client_config(authority_pem, identity)?);
        Ok(self)
    }

    /// How long a request may take, from connecting to the last byte.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// GETs a page.
    pub async fn get(&self, url: &str) -> Result<Response> {
        self.send("GET", url, Vec::new()).await
    }

    /// POSTs a body.
    pub async fn post(&self, url: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Result<Response> {
        self.clone().header(CONTENT_TYPE.as_str(), content_type).send("POST", url, body).await
    }

    /// Sends any request.
    pub async fn send(&self, method: &str, url: &str, body: impl Into<Vec<u8>>) -> Result<Response> {
        let answer = tokio::time::timeout(self.deadline, self.exchange(method, url, body.into()));
        answer
            .await
            .unwrap_or_else(|_| Err(anyhow!("no answer in {:?}", self.deadline)))
            .with_context(|| format!("{method} {url}"))
    }

    async fn exchange(&self, method: &str, url: &str, body: Vec<u8>) -> Result<Response> {
        let uri: Uri = url.parse()?;
        let authority = uri.authority().context("the URL has no host")?;
        let host = authority.host().trim_matches(['[', ']']);
        let secure = uri.scheme_str() == Some("https");
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes())?).uri(path);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(HOST.as_str())) {
            request = request.header(HOST, authority.as_str());
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        let stream = TcpStream::connect((host, port)).await?;
        if !secure {
            return converse(stream, request).await;
        }
        let tls = self.tls.clone().context("an https URL needs Client::tls first")?;
        let name = ServerName::try_from(host.to_owned())?;
        converse(TlsConnector::from(tls).connect(name, stream).await?, request).await
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it was sent (a gzip body stays gzip).
    pub body: Bytes,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }

    /// A header's value, or "".
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The answer itself if its status is 2xx; otherwise an error with the body in it.
    pub fn ok(self) -> Result<Self> {
        ensure!((200..300).contains(&self.status), "HTTP {}: {}", self.status, self.text());
        Ok(self)
    }
}

/// Text as it must be written inside a query or a form.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
            encoded.extend(digits.into_iter().flatten().map(|digit| digit.to_ascii_uppercase()));
        }
    }
    encoded
}

/// What was written so; nothing where a `%` has no two digits, or the bytes are no text. A plus stays one.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?].map(|digit| char::from(digit).to_digit(16));
                let [high, low] = digits;
                u8::try_from(high? * 16 + low?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The pairs of a query or a form, decoded.
pub(crate) fn form_pairs(form: &str) -> Vec<(String, String)> {
    let pairs = form.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(k, v)| (decode(k), decode(v)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        let ahead = rest.as_slice().get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (byte, ahead.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                rest.nth(1);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn converse<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| anyhow!("the body broke off: {error}"))?.to_bytes();
    connection.abort();
    Ok(Response { status, headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{Authority, LOOPBACK};
    use crate::web::{Reply, Web};

    #[test]
    fn forms_go_there_and_back() {
        let text = "a b+c&d=é%";
        assert_eq!(percent_encode(text), "a%20b%2Bc%26d%3D%C3%A9%25");
        assert_eq!(
            form_pairs(&format!("x={}&y=1+2&z&bad=%zz", percent_encode(text))),
            [("x", text), ("y", "1 2"), ("z", ""), ("bad", "%zz")].map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
    }

    #[tokio::test]
    async fn a_get_carries_headers_and_credentials() {
        let web = Web::start(|_| Reply::text(404, "nothing here").header("x-a", "b").into()).await.unwrap();
        let client = Client::new().basic_auth("user", "pass").header("Accept", "text/plain");
        let response = client.get(&web.url("/a?b=c")).await.unwrap();
        assert_eq!(
            (response.status, response.text().as_str(), response.header("X-A")),
            (404, "nothing here", "b")
        );
        let request = web.requests().remove(0);
        assert_eq!(
            (request.method.as_str(), request.path.as_str(), request.query.as_str()),
            ("GET", "/a", "b=c")
        );
        assert_eq!(request.header("authorization"), "Basic dXNlcjpwYXNz");
        assert_eq!(response.ok().unwrap_err().to_string(), "HTTP 404: nothing here");
    }

    #[tokio::test]
    async fn https_needs_trust() {
        let authority = Authority::new().unwrap();
        let web = Web::start_tls(&authority.server(&LOOPBACK).unwrap(), |_| Reply::text(200, "hi").into())
            .await
            .unwrap();
        let trusting = Client::new().tls(&authority.pem(), None).unwrap();
        assert_eq!(trusting.get(&web.url("/")).await.unwrap().text(), "hi");
        let stranger = Client::new().tls(&Authority::new().unwrap().pem(), None).unwrap();
        let error = format!("{:#}", stranger.get(&web.url("/")).await.unwrap_err());
        assert!(error.contains("invalid peer certificate"), "{error}");
    }
}
