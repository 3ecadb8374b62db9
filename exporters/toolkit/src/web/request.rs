//! What surrounds every request: its id, its span, its one log line, and a net for panics.
//!
//! Only the path is logged. A query may hold a target with credentials or a token, so it must never be.

use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;

use super::access::text;
use super::connection::Peer;

/// The id of a request, from `X-Request-Id` or made here; an extension of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The id as it stands in logs and in the answer's `X-Request-Id`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes the sender's id if it is short and plain: it goes into log lines and into a header.
    fn of(header: Option<&HeaderValue>) -> Self {
        let given = header.and_then(|value| value.to_str().ok()).filter(|text| is_sane(text));
        Self(given.map_or_else(generated, str::to_owned))
    }
}

/// Runs `answer` inside the request's span and logs the outcome.
pub(super) async fn observed(
    mut request: Request<Body>,
    answer: impl AsyncFnOnce(Request<Body>) -> Response<Body>,
) -> Response<Body> {
    let id = RequestId::of(request.headers().get(X_REQUEST_ID));
    let method = request.method().clone();
    let path: String = request.uri().path().chars().take(MAX_LOGGED_PATH).collect();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    // At the level of errors, so that an error inside is never without it.
    let span = tracing::error_span!("request", request_id = id.as_str(), %method, path);
    request.extensions_mut().insert(id.clone());

    async move {
        let started = Instant::now();
        let answered = AssertUnwindSafe(answer(request)).catch_unwind().await;
        let mut response = answered.unwrap_or_else(|_| {
            tracing::error!("request handler panicked");
            text(StatusCode::INTERNAL_SERVER_ERROR, "internal error\n")
        });
        tracing::debug!(
            status = response.status().as_u16(),
            duration_seconds = started.elapsed().as_secs_f64(),
            peer = peer.map(tracing::field::display),
            "request answered"
        );
        if let Ok(id) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
        response
    }
    .instrument(span)
    .await
}

fn is_sane(id: &str) -> bool {
    (1..=MAX_ID_LENGTH).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Random, so that two programs' log lines can stand side by side; nothing is protected by it. The keys of the standard
/// library's hashes are random enough; the first random bytes of aws-lc cost 425 million instructions and 0.5 MiB, which
/// a program without TLS never needs otherwise.
fn generated() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of a sender's id; a UUID has 36, a W3C trace id 55.
const MAX_ID_LENGTH: usize = 64;

/// Characters of a path in a log line; ours are below 30.
const MAX_LOGGED_PATH: usize = 128;

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use axum::body::Body;
    use axum::http::{HeaderValue, Request, Response, StatusCode};

    use super::{RequestId, X_REQUEST_ID, is_sane, observed};

    #[test]
    fn ids() {
        let check = |id: &str, expected: bool| assert_eq!(is_sane(id), expected, "{id}");
        check("4bf92f3577b34da6", true);
        check("550e8400-e29b-41d4-a716-446655440000", true);
        check("a", true);
        check("", false);
        check("two words", false);
        check("a=b", false);
        check("é", false);
        check(&"a".repeat(64), true);
        check(&"a".repeat(65), false);
        let made = RequestId::of(Some(&HeaderValue::from_static("<script>")));
        assert!(is_sane(made.as_str()) && made != RequestId::of(None), "{made:?}");
    }

    #[tokio::test]
    async fn the_id_comes_back() {
        let request = Request::builder().header(X_REQUEST_ID, "abc").body(Body::empty()).unwrap();
        let response = observed(request, async |request| {
            assert_eq!(request.extensions().get::<RequestId>().map(RequestId::as_str), Some("abc"));
            Response::new(Body::empty())
        });
        assert_eq!(response.await.headers()[X_REQUEST_ID], "abc");
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn one_line_is_logged_without_the_query() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let request = Request::builder()
            .uri("/probe?target=redis://:canary@host&token=canary")
            .header("authorization", "Bearer canary")
            .header(X_REQUEST_ID, "abc");
        observed(request.body(Body::empty()).unwrap(), async |_| Response::new(Body::empty())).await;
        let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(logged.lines().count(), 1, "{logged}");
        for part in ["request_id=\"abc\"", "method=GET", "path=\"/probe\"", "status=200", "duration_seconds="]
        {
            assert!(logged.contains(part), "{part} in {logged}");
        }
        assert!(!logged.contains("canary"), "{logged}");
    }

    #[tokio::test]
    async fn a_panic_costs_one_request() {
        let response = observed(Request::new(Body::empty()), async |_| panic!("on purpose")).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.headers().contains_key(X_REQUEST_ID));
    }
}
