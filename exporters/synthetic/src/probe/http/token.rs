//! Tokens of OAuth 2, fetched once and used until they are nearly over.
//!
//! Invariants: for one configuration and secret one request is under way at most, and whoever else needs the token waits
//! for it; a token is fetched anew after four fifths of its life, or once a target refused it, which counts only when
//! the token is not quite new, so that a target that refuses every token costs one request in a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderValue};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::body::{Body, Want};
use super::form::Form;
use super::hop::{self, Ask};
use super::jwt;
use super::way::Way;
use crate::config::{ClientSettings, Grant, JWT_BEARER, OAuth2, basic, sensitive};
use crate::outcome::{Failed, Outcome};
use crate::probe::{Engine, Facts, Job, Preference};
use crate::reason::Reason;

/// The phase of every failure here.
const TOKEN: &str = "token";

/// Tokens that are kept; the configuration has fewer.
const MAX_KEPT: usize = 1024;

/// Bytes of a token's answer.
const MAX_ANSWER: usize = 64 << 10;

/// How long a token is taken to live when nobody says.
const USUAL_LIFE: Duration = Duration::from_mins(10);

/// A token that is refused before it is as old as this stays: a new one would be refused too.
const LEAST_AGE: Duration = Duration::from_secs(30);

/// The tokens of all modules.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<Key, Arc<Slot>>>);

/// A digest of the settings and the secret.
pub(crate) type Key = [u8; 32];

/// The token of one configuration. Whoever holds the lock fetches it.
#[derive(Default)]
struct Slot(tokio::sync::Mutex<State>);

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// Whether the one who gives tokens wants our name and secret in the form, and not in a header.
    in_form: bool,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    fetched: Instant,
    /// When a new one is due.
    due: Instant,
    over: Instant,
}

/// A token that is used, for the case that it is refused.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    key: Key,
    pub(crate) header: HeaderValue,
}

impl Tokens {
    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, key: Key) -> Arc<Slot> {
        let mut slots = self.slots();
        if slots.len() >= MAX_KEPT && !slots.contains_key(&key) {
            // those of configurations and secrets that are no more
            slots.clear();
        }
        Arc::clone(slots.entry(key).or_default())
    }

    /// The header to log in with, by the job's deadline.
    pub(crate) async fn header(
        &self,
        engine: &Engine,
        job: &Job<'_>,
        settings: &OAuth2,
    ) -> Result<Used, Failed> {
        let secret = match &settings.grant {
            Grant::ClientCredentials(secret) => secret.as_ref(),
            Grant::JwtBearer(statement) => statement.key.as_ref(),
        };
        let secret = match secret {
            Some(source) => source.read().await.map_err(|error| failed(toolkit::chain::chain(&error)))?,
            None => toolkit::config::Secret::default(),
        };
        let key = key(settings, secret.expose());
        let slot = self.slot(key);
        let in_turn = timeout_at(job.deadline, slot.0.lock()).await;
        let mut state = in_turn.map_err(|_| failed("another probe still waits for the token"))?;
        let now = Instant::now();
        let known = state.token.clone().filter(|token| now < token.over);
        if let Some(token) = known.as_ref().filter(|token| now < token.due) {
            return Ok(Used { key, header: token.header.clone() });
        }
        let fetched = fetch(engine, job, settings, secret.expose(), &mut state.in_form).await;
        let token = match (fetched, known) {
            (Ok(token), _) => token,
            // it is still good, and there is time to try again
            (Err(_), Some(token)) => token,
            (Err(failed), None) => return Err(failed),
        };
        state.token = Some(token.clone());
        Ok(Used { key, header: token.header })
    }

    /// A target answered 401 to this token.
    pub(crate) async fn refused(&self, used: &Used) {
        let slot = self.slot(used.key);
        let mut state = slot.0.lock().await;
        let now = Instant::now();
        let stays = |token: &Token| token.header != used.header || now < token.fetched + LEAST_AGE;
        if !state.token.as_ref().is_some_and(stays) {
            state.token = None;
        }
    }
}

fn failed(message: impl Into<String>) -> Failed {
    Failed::new(TOKEN, Reason::AuthToken, message)
}

fn key(settings: &OAuth2, secret: &str) -> Key {
    let mut digest = Context::new(&SHA256);
    let url = &settings.token_url;
    let plain = [settings.client_id.as_str(), &url.authority, url.path.as_str(), secret];
    let grant = match &settings.grant {
        Grant::ClientCredentials(_) => String::new(),
        Grant::JwtBearer(statement) => {
            let claims = serde_json::to_string(&statement.claims).unwrap_or_default();
            let (issuer, audience) = (&statement.issuer, &statement.audience);
            format!("{:?} {:?} {issuer:?} {audience:?} {claims}", statement.algorithm, statement.key_id)
        }
    };
    let scopes = settings.scopes.iter().map(String::as_str);
    let parameters = settings.parameters.iter().flat_map(|(name, value)| [name.as_str(), value]);
    for part in plain.into_iter().chain([grant.as_str()]).chain(scopes).chain(parameters) {
        digest.update(&part.len().to_be_bytes());
        digest.update(part.as_bytes());
    }
    let mut key = Key::default();
    key.copy_from_slice(digest.finish().as_ref());
    key
}

/// Asks for a token: with name and secret in a header, and if that is refused, in the form.
async fn fetch(
    engine: &Engine,
    job: &Job<'_>,
    settings: &OAuth2,
    secret: &str,
    in_form: &mut bool,
) -> Result<Token, Failed> {
    let mut form = Form::default();
    let mut login = None;
    match &settings.grant {
        Grant::ClientCredentials(_) => {
            form.add("grant_type", "client_credentials");
            let (name, secret) = (Form::encoded(&settings.client_id), Form::encoded(secret));
            let header = basic(&format!("{name}:{secret}")).map_err(|error| failed(error.to_string()))?;
            login = Some(header);
        }
        Grant::JwtBearer(statement) => {
            let stated = jwt::statement(statement, settings, secret, engine.now()).map_err(failed)?;
            form.add("grant_type", JWT_BEARER);
            form.add("assertion", &stated);
        }
    }
    if !settings.scopes.is_empty() {
        form.add("scope", &settings.scopes.join(" "));
    }
    for (name, value) in &settings.parameters {
        form.set(name, value);
    }
    let mut with_login = form.clone();
    with_login.add("client_id", &settings.client_id);
    with_login.add("client_secret", secret);
    if login.is_none() {
        return ask(engine, job, settings, form, None).await;
    }
    if *in_form {
        return ask(engine, job, settings, with_login, None).await;
    }
    match ask(engine, job, settings, form, login).await {
        Ok(token) => Ok(token),
        Err(refused) if refused.reason == Reason::HttpStatus => {
            let token =
                ask(engine, job, settings, with_login, None).await.map_err(|_| failed(refused.message))?;
            *in_form = true;
            Ok(token)
        }
        Err(broken) => Err(broken),
    }
}

/// What a token's answer says.
#[derive(Deserialize)]
struct Given {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
}

async fn ask(
    engine: &Engine,
    job: &Job<'_>,
    settings: &OAuth2,
    form: Form,
    login: Option<HeaderValue>,
) -> Result<Token, Failed> {
    let asked = Instant::now();
    let url = &settings.token_url;
    let client = ClientSettings {
        tls: settings.tls.clone(),
        authorization: None,
        headers: Vec::new(),
        proxy: settings.proxy.clone(),
        follow_redirects: false,
        http2: true,
    };
    // the operator's own file names this host: our certificate may go there, and the guard is about targets
    let trusted = Job { configured: true, ..*job };
    let mut aside = Outcome::new(Facts::None);
    let way = Way {
        client: &client,
        url,
        name: &url.host,
        own_name: true,
        preference: Preference::default(),
        proxy_resolves: true,
        trusted: true,
    };
    let of_token = |found: Failed| failed(format!("no token could be had: {}", found.message));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(login) = login {
        headers.insert(header::AUTHORIZATION, login);
    }
    let ask = Ask { method: Method::POST, headers, host: None, body: form.into_body() };
    let want = Want { keep: MAX_ANSWER, limit: Some(MAX_ANSWER as u64), ..Want::default() };
    let answer = hop::ask(engine, &trusted, way, None, ask, |_| Some(Body::new(&want)), &mut aside);
    let answer = answer.await.map_err(of_token)?;
    if let Some(broken) = answer.broken {
        return Err(of_token(broken));
    }
    if !answer.head.status.is_success() {
        let message =
            format!("no token could be had: the answer's status is {}", answer.head.status.as_u16());
        return Err(Failed::new(TOKEN, Reason::HttpStatus, message));
    }
    let body = answer.body.map(|body| body.kept).unwrap_or_default();
    token(&body, asked).ok_or_else(|| failed("no token could be had: the answer holds none"))
}

fn token(body: &[u8], asked: Instant) -> Option<Token> {
    let given: Given = serde_json::from_slice(body).ok()?;
    let text = given.access_token.filter(|text| !text.is_empty())?;
    let kind = given.token_type.unwrap_or_default();
    let kind = match kind.to_ascii_lowercase().as_str() {
        "" | "bearer" => "Bearer",
        "mac" => "MAC",
        "basic" => "Basic",
        _ => &kind,
    };
    // a number, or one in quotes
    let seconds = given.expires_in.and_then(|value| match value {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    });
    let life = seconds.filter(|seconds| *seconds > 0.0).map_or(USUAL_LIFE, |seconds| {
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).min(Duration::from_hours(24))
    });
    let header = sensitive(&format!("{kind} {text}")).ok()?;
    Some(Token { header, fetched: Instant::now(), due: asked + life * 4 / 5, over: asked + life })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_an_answer_holds() {
        let asked = Instant::now();
        for (body, header, seconds) in [
            (r#"{"access_token": "abc", "token_type": "bearer", "expires_in": 100}"#, Some("Bearer abc"), 80),
            (r#"{"access_token": "abc", "expires_in": "50"}"#, Some("Bearer abc"), 40),
            (r#"{"access_token": "abc", "token_type": "Own"}"#, Some("Own abc"), 480),
            (r#"{"access_token": "a\nb"}"#, None, 0),
            (r#"{"access_token": ""}"#, None, 0),
            ("access_token=abc", None, 0),
        ] {
            let found = token(body.as_bytes(), asked);
            assert_eq!(found.as_ref().map(|token| token.header.to_str().unwrap()), header, "{body}");
            if let Some(token) = found {
                assert_eq!(token.due - asked, Duration::from_secs(seconds), "{body}");
                assert!(token.header.is_sensitive());
            }
        }
    }
}
