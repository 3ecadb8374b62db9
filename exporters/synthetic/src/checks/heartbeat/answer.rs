//! `POST /heartbeat/NAME`, and GET where the file says so.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tokio::time::timeout;
use toolkit::config::{Secret, SecretSource};

use super::{Heartbeats, heartbeat, report};

/// Bytes of a body: a status and a duration have forty.
const MAX_BODY: usize = 4 << 10;

/// How long a caller may take to send it, and a token to be read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the token stands when `Authorization` is needed for the exporter's own password.
const TOKEN: &str = "x-heartbeat-token";

/// Why a call is no heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nobody waits for one of this name.
    Unknown,
    /// GET, and the file does not say that it will do; or any other method.
    Method,
    /// The token is missing or wrong.
    Token,
    /// The body is too long, or what it or the query says makes no sense.
    Body,
    /// The token cannot be read here.
    Internal,
}

impl Refused {
    pub(super) const ALL: [Self; 5] = [Self::Unknown, Self::Method, Self::Token, Self::Body, Self::Internal];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Method => "method",
            Self::Token => "token",
            Self::Body => "body",
            Self::Internal => "internal",
        }
    }
}

/// A refusal and its answer.
struct Refusal(Refused, StatusCode, String);

/// The route.
pub(in crate::checks) fn routes(heartbeats: &Arc<Heartbeats>) -> Router {
    Router::new().route("/heartbeat/{name}", any(answer)).with_state(Arc::clone(heartbeats))
}

async fn answer(
    State(heartbeats): State<Arc<Heartbeats>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match take(&heartbeats, &name, request).await {
        Ok(true) => "ok\n".into_response(),
        Ok(false) => "ok, and not written to disk\n".into_response(),
        Err(Refusal(reason, status, message)) => {
            if let Some(count) = heartbeats.refused.get(reason as usize) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            let mut response = (status, format!("{message}\n")).into_response();
            let more = match reason {
                Refused::Method => Some((header::ALLOW, "POST")),
                Refused::Token => Some((header::WWW_AUTHENTICATE, "Bearer")),
                _ => None,
            };
            response
                .headers_mut()
                .extend(more.map(|(name, value)| (name, value.parse().ok())).and_then(only));
            response
        }
    }
}

fn only<T>((name, value): (HeaderName, Option<T>)) -> Option<(HeaderName, T)> {
    value.map(|value| (name, value))
}

/// Whether the beat is kept over restarts.
async fn take(heartbeats: &Heartbeats, name: &str, request: Request) -> Result<bool, Refusal> {
    let unknown =
        || Refusal(Refused::Unknown, StatusCode::NOT_FOUND, "there is no such heartbeat".to_owned());
    let check = heartbeats.settings(name).ok_or_else(unknown)?;
    let settings = heartbeat(&check).ok_or_else(unknown)?;
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    let get = head.method == Method::GET && settings.get;
    if let Some(wanted) = &settings.token {
        let shown = shown(&head.headers).or_else(|| report::token(query).filter(|_| settings.get));
        permit(heartbeats, wanted, shown).await?;
    }
    if !get && head.method != Method::POST {
        let hint = "a heartbeat is a POST (hint: heartbeat: {get: true} allows GET)".to_owned();
        return Err(Refusal(Refused::Method, StatusCode::METHOD_NOT_ALLOWED, hint));
    }
    let body = if get { Vec::new() } else { read(body).await? };
    let bad = |message: &str| Refusal(Refused::Body, StatusCode::BAD_REQUEST, message.to_owned());
    let report = report::read(query, &body).map_err(bad)?;
    heartbeats.beat(name, report).await.ok_or_else(unknown)
}

/// The token of a caller: a secret from here on.
fn shown(headers: &HeaderMap) -> Option<String> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let own = text(&HeaderName::from_static(TOKEN)).map(str::to_owned);
    own.or_else(|| {
        let (scheme, token) = text(&header::AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    })
}

async fn permit(
    heartbeats: &Heartbeats,
    wanted: &SecretSource,
    shown: Option<String>,
) -> Result<(), Refusal> {
    let refused =
        || Refusal(Refused::Token, StatusCode::UNAUTHORIZED, "the token is missing or wrong".to_owned());
    let shown = Secret::from(shown.ok_or_else(refused)?);
    let read = timeout(PATIENCE, async {
        let _place = heartbeats.readers.acquire().await;
        wanted.read().await
    });
    let wanted = match read.await {
        // an empty one would let everybody in
        Ok(Ok(wanted)) if !wanted.is_empty() => wanted,
        _ => {
            let message = "the token of this heartbeat cannot be read here".to_owned();
            return Err(Refusal(Refused::Internal, StatusCode::SERVICE_UNAVAILABLE, message));
        }
    };
    if wanted == shown { Ok(()) } else { Err(refused()) }
}

async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    let refused = |status, message: &str| Refusal(Refused::Body, status, message.to_owned());
    match timeout(PATIENCE, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => Ok(body.to_vec()),
        Ok(Err(_)) => Err(refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too long (hint: status=ok&duration=12.5)",
        )),
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}
