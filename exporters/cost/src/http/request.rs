//! A request: what is sent, how often, and what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};
use toolkit::config::{Secret, redact_url};
use tracing::debug;

use super::url::encode;
use super::{Answer, FetchError, Http, Reason, Stream};
use crate::money::Money;

/// How long one attempt may take, from the connection to the last byte.
const ATTEMPT: Duration = Duration::from_mins(1);

/// Attempts of one request, and of one that gets no answer: each of those takes its whole time.
const ATTEMPTS: u32 = 4;
const ATTEMPTS_WITHOUT_ANSWER: u32 = 2;

/// The longest pause within a refresh; whoever asks for a longer one is asked again by a later refresh.
const LONGEST_PAUSE: Duration = Duration::from_secs(90);

/// Bytes of an answer, unless the provider says otherwise: a month of days by service has some hundred KiB.
const USUAL_BYTES: u64 = 16 << 20;

/// Bytes of a failure's body that are read, and characters of it that are quoted.
const FAILURE_BYTES: u64 = 64 << 10;
const QUOTED: usize = 160;

/// Shortest part of what was sent that may be a secret.
const SECRET_PART: usize = 8;

/// The names of what AWS' header consists of: its error codes are made of these words.
const NO_SECRETS: [&str; 3] = ["Credential", "SignedHeaders", "Signature"];

type Sign = dyn Fn(&Unsigned<'_>) -> Result<Vec<(HeaderName, String)>, FetchError> + Send + Sync;

/// A request before it leaves; a builder.
#[must_use]
pub struct Request {
    http: Http,
    operation: &'static str,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
    limit: u64,
    price: Option<Money>,
    patience: &'static [&'static str],
    sign: Option<Arc<Sign>>,
    wrong: Option<FetchError>,
}

/// What a signature is made over.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a Method,
    /// The whole address.
    pub url: &'a Url,
    /// The headers so far.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

impl Request {
    pub(super) fn new(http: Http, operation: &'static str, method: Method, url: &str) -> Self {
        Self {
            http,
            operation,
            method,
            url: url.to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            limit: USUAL_BYTES,
            price: None,
            patience: &[],
            sign: None,
            wrong: None,
        }
    }

    /// Adds a pair to the query, encoded; a name may come again.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        self.url = format!("{}{separator}{}={}", self.url, encode(name), encode(value));
        self
    }

    /// Adds pairs to the query, in their order.
    pub fn queries<'a>(self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        pairs.into_iter().fold(self, |request, (name, value)| request.query(name, value))
    }

    /// Adds a header that may be shown.
    pub fn header(self, name: &'static str, value: &str) -> Self {
        self.insert(HeaderName::from_static(name), value, false)
    }

    /// Adds a header that nobody may see.
    pub fn secret_header(self, name: &'static str, value: &Secret) -> Self {
        self.insert(HeaderName::from_static(name), value.expose().trim(), true)
    }

    /// Adds `Authorization: Bearer …`.
    pub fn bearer(self, token: &Secret) -> Self {
        let value = format!("Bearer {}", token.expose().trim());
        self.insert(reqwest::header::AUTHORIZATION, &value, true)
    }

    /// Sends this as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body = bytes,
            Err(error) => {
                let message = format!("{}: the request cannot be written: {error}", self.operation);
                self.wrong = Some(FetchError::new(Reason::Internal, message));
            }
        }
        if self.headers.contains_key(CONTENT_TYPE) {
            return self;
        }
        self.header("content-type", "application/json")
    }

    /// Sends a form; values may be secret.
    pub fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        self.body = pairs.collect::<Vec<_>>().join("&").into_bytes();
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Sends these bytes.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Takes so many bytes of an answer and no more.
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// It costs so much: it is counted before it leaves, against the month's limit, and not repeated when it may have
    /// been served.
    pub fn paid(mut self, price: Money) -> Self {
        self.price = Some(price);
        self
    }

    /// Headers of a refusal that say how long to wait, in seconds, beside `Retry-After`.
    pub fn patience(mut self, headers: &'static [&'static str]) -> Self {
        self.patience = headers;
        self
    }

    /// Signs each attempt: gives headers to add, over what is sent and the time.
    pub fn sign<F>(mut self, sign: F) -> Self
    where
        F: Fn(&Unsigned<'_>) -> Result<Vec<(HeaderName, String)>, FetchError> + Send + Sync + 'static,
    {
        self.sign = Some(Arc::new(sign));
        self
    }

    /// Sends it, again where that may help, and reads the whole answer.
    ///
    /// # Errors
    /// Everything but a success.
    pub async fn send(self) -> Result<Answer, FetchError> {
        match self.repeat(true).await? {
            Taken::Whole(answer) => Ok(answer),
            Taken::Open(stream) => whole(stream).await,
        }
    }

    /// Sends it and reads the answer as JSON.
    ///
    /// # Errors
    /// Everything but a success with the expected content.
    pub async fn fetch<T: DeserializeOwned>(self) -> Result<T, FetchError> {
        self.send().await?.json()
    }

    /// Sends it and hands over the answer before its body was read: for files of any size. An answer that breaks off
    /// is not asked for again.
    ///
    /// # Errors
    /// Everything but a status of success.
    pub async fn open(self) -> Result<Stream, FetchError> {
        match self.repeat(false).await? {
            Taken::Open(stream) => Ok(stream),
            Taken::Whole(answer) => {
                let message = format!("{}: the answer was read already", answer.operation);
                Err(FetchError::new(Reason::Internal, message))
            }
        }
    }

    fn insert(mut self, name: HeaderName, value: &str, secret: bool) -> Self {
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(secret);
                self.headers.insert(name, value);
            }
            Err(_invalid) => {
                let message = format!("the value of {name} is not fit for a header");
                self.wrong = Some(FetchError::new(Reason::Secret, message));
            }
        }
        self
    }

    /// Attempts with pauses between them, each read to its end where `to_end` says so.
    async fn repeat(&self, to_end: bool) -> Result<Taken, FetchError> {
        let mut attempt = 1;
        loop {
            let outcome = match self.attempt().await {
                Ok(stream) if to_end => whole(stream).await.map(Taken::Whole),
                Ok(stream) => Ok(Taken::Open(stream)),
                Err(error) => Err(error),
            };
            let error = match outcome {
                Ok(taken) => return Ok(taken),
                Err(error) => error,
            };
            let Some(pause) = self.pause(&error, attempt) else { return Err(error) };
            debug!(operation = self.operation, attempt, reason = error.reason.as_str(), "asks again");
            sleep(pause).await;
            attempt += 1;
        }
    }

    /// How long to wait for the next attempt, if there shall be one.
    fn pause(&self, error: &FetchError, attempt: u32) -> Option<Duration> {
        let allowed = error.reason.may_pass() && (self.price.is_none() || error.reason.is_surely_free());
        let usual = self.http.first_pause.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        // a little more, so that all who were refused together do not come back together
        let pause = error.retry_after.unwrap_or(usual).mul_f64(1.0 + jitter());
        let in_time = pause <= LONGEST_PAUSE && Instant::now() + pause < self.http.deadline;
        let most = if error.reason == Reason::Timeout { ATTEMPTS_WITHOUT_ANSWER } else { ATTEMPTS };
        (allowed && attempt < most && in_time).then_some(pause)
    }

    async fn attempt(&self) -> Result<Stream, FetchError> {
        if let Some(wrong) = &self.wrong {
            return Err(wrong.clone());
        }
        let request = self.make()?;
        let secrets = secrets(&request, &self.body);
        if let Some(price) = self.price {
            self.http.ledger.pay(price).await?;
        }
        let deadline = self.http.deadline.min(Instant::now() + ATTEMPT);
        let outcome = match timeout_at(deadline, self.http.client.execute(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failure(self.operation, &error)),
            Err(_elapsed) => {
                let message = format!("{}: no answer in time", self.operation);
                Err(FetchError::new(Reason::Timeout, message))
            }
        };
        let code = match &outcome {
            Ok(response) => response.status().as_str().to_owned(),
            Err(error) => error.reason.as_str().to_owned(),
        };
        self.http.meter.count(self.operation, code);
        let response = outcome?;
        let is_success = response.status().is_success();
        // a large file may take as long as the whole refresh
        let deadline = if is_success && self.limit > USUAL_BYTES { self.http.deadline } else { deadline };
        let left = if is_success { self.limit } else { FAILURE_BYTES };
        let stream = Stream { operation: self.operation, response, left, deadline };
        if is_success { Ok(stream) } else { Err(self.refusal(stream, &secrets).await) }
    }

    fn make(&self) -> Result<reqwest::Request, FetchError> {
        let url = Url::parse(&self.url).map_err(|error| {
            FetchError::new(Reason::Internal, format!("{}: no address: {error}", self.operation))
        })?;
        let mut request = reqwest::Request::new(self.method.clone(), url);
        self.headers.clone_into(request.headers_mut());
        if let Some(sign) = &self.sign {
            let (method, url, headers) = (&self.method, request.url(), &self.headers);
            let signed = sign(&Unsigned { method, url, headers, body: &self.body })?;
            for (name, value) in signed {
                let mut value = HeaderValue::from_str(&value).map_err(|_invalid| {
                    FetchError::new(Reason::Secret, format!("the value of {name} is not fit for a header"))
                })?;
                value.set_sensitive(true);
                request.headers_mut().insert(name, value);
            }
        }
        if !self.body.is_empty() {
            *request.body_mut() = Some(self.body.clone().into());
        }
        Ok(request)
    }

    /// What an answer that is no success means.
    async fn refusal(&self, stream: Stream, secrets: &[String]) -> FetchError {
        let status = stream.response.status().as_u16();
        let reason = match status {
            401 => Reason::Unauthorized,
            403 => Reason::Forbidden,
            429 => Reason::RateLimited,
            408 | 500.. => Reason::ServerError,
            _ => Reason::Refused,
        };
        let retry_after = patience(stream.response.headers(), self.patience);
        // what came of the body until it broke off says enough
        let body = read(stream).await.unwrap_or_default();
        let message = format!("{}: HTTP {status}{}", self.operation, quote(&body, secrets));
        let retry_after = retry_after.filter(|_| matches!(status, 429 | 503));
        FetchError { reason, message, retry_after }
    }
}

/// An answer, as far as it was wanted.
enum Taken {
    Whole(Answer),
    Open(Stream),
}

async fn whole(stream: Stream) -> Result<Answer, FetchError> {
    let operation = stream.operation;
    let status = stream.response.status().as_u16();
    let headers = stream.response.headers().clone();
    Ok(Answer { operation, status, headers, body: read(stream).await? })
}

async fn read(mut stream: Stream) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(piece) = stream.next().await? {
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The longest time that the headers of a refusal ask for.
fn patience(headers: &HeaderMap, own: &[&str]) -> Option<Duration> {
    let names = own.iter().copied().chain([RETRY_AFTER.as_str()]);
    let values = names.filter_map(|name| headers.get(name)?.to_str().ok());
    values.filter_map(|text| wait(text, Timestamp::now())).max()
}

/// Seconds, or a date.
pub(super) fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0);
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).or_else(|| {
        let until = rfc2822::parse(text).ok()?.timestamp();
        Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
    })
}

/// From 0 to a quarter.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    // each state has its own random seed
    let number = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default();
    f64::from(number) / f64::from(u32::MAX) / 4.0
}

/// What must not be quoted when the other side repeats it: secret headers and the values of a form.
fn secrets(request: &reqwest::Request, body: &[u8]) -> Vec<String> {
    let headers = request.headers().values().filter(|value| value.is_sensitive());
    let words = headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([' ', ',', '=']))
        .filter(|word| !NO_SECRETS.contains(word));
    let is_form = request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let form = if is_form { std::str::from_utf8(body).unwrap_or_default() } else { "" };
    // as they were sent, and as the other side reads them
    let values = form.split('&').filter_map(|pair| Some(pair.split_once('=')?.1));
    let decoded = Url::parse(&format!("form:?{form}"));
    let decoded = decoded.iter().flat_map(Url::query_pairs).map(|(_, value)| value.into_owned());
    let all = words.chain(values).map(str::to_owned).chain(decoded);
    let mut secrets: Vec<String> = all.filter(|part| part.len() >= SECRET_PART).collect();
    // the whole before its parts
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// The first words of a failure's body, without what is secret. A page for people is not quoted.
pub(super) fn quote(body: &[u8], secrets: &[String]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for secret in secrets {
        words = words.replace(secret.as_str(), "…");
    }
    let words: String = redact_url(&words).chars().filter(|c| !c.is_control()).take(QUOTED).collect();
    if words.is_empty() || words.starts_with('<') { String::new() } else { format!(": {words}") }
}

/// Why there was no answer, or why it ended early.
pub(super) fn failure(operation: &str, error: &reqwest::Error) -> FetchError {
    let text = told(error);
    let reason = if error.is_timeout() {
        Reason::Timeout
    } else if text.contains("certificate") || text.contains("HandshakeFailure") {
        Reason::Tls
    } else if error.is_connect() {
        Reason::Connect
    } else if error.is_builder() {
        Reason::Internal
    } else {
        Reason::Broken
    };
    FetchError::new(reason, format!("{operation}: {text}"))
}

/// An error with its causes, in one line; without the address, whose query may be long.
pub(super) fn told(error: &reqwest::Error) -> String {
    let mut text = match (error.is_builder(), error.is_connect(), error.is_timeout()) {
        (true, ..) => "the request cannot be made",
        (_, true, _) => "cannot connect",
        (_, _, true) => "no answer in time",
        _ => "the exchange broke off",
    }
    .to_owned();
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
