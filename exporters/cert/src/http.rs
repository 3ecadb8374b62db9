//! One HTTP request on a connection that is there already, bounded in bytes and time.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderMap, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use netprobe::failure::{Failure, Reason};
use netprobe::phase::{Phase, Timings};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use crate::address::Url;

/// Who we say we are.
const AGENT: &str = concat!("cert-exporter/", env!("CARGO_PKG_VERSION"));

/// What is spoken on top of TLS, as TLS names it.
pub const HTTP: &[u8] = b"http/1.1";

/// Bytes of an answer's head.
const MAX_HEAD: usize = 64 << 10;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; empty where nobody asked for it.
    pub body: Bytes,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The page.
    pub url: &'a Url,
    /// More headers; values may be secret.
    pub headers: &'a [(&'a str, &'a str)],
    /// Bytes of the body that are read; `None` for none of them.
    pub body: Option<usize>,
}

/// Asks, and reads the answer.
///
/// # Errors
/// The connection broke, the answer is no HTTP, it is too long, or the deadline passed.
pub async fn exchange<S>(
    stream: S,
    ask: Ask<'_>,
    timings: &mut Timings,
    deadline: Instant,
) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut request = Request::builder()
        .uri(&ask.url.path)
        .header(HOST, &ask.url.authority)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close");
    for (name, value) in ask.headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new());
    let request = request.map_err(|_| Failure::new(Phase::Send, Reason::Protocol))?;
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.max_buf_size(MAX_HEAD);
    let shaken = builder.handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|error| broken(Phase::Send, &error))?;
    // it ends with the sender
    let driver = tokio::spawn(connection);
    let answer = timings.measure(Phase::FirstByte, deadline, async {
        sender.send_request(request).await.map_err(|error| broken(Phase::FirstByte, &error))
    });
    let result = match answer.await {
        Ok(response) => read(response, ask.body, timings, deadline).await,
        Err(failure) => Err(failure),
    };
    driver.abort();
    result
}

async fn read(
    response: Response<Incoming>,
    limit: Option<usize>,
    timings: &mut Timings,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let (head, body) = response.into_parts();
    let body = match limit {
        None => Bytes::new(),
        Some(limit) => {
            let start = Instant::now();
            let collected = timeout_at(deadline, Limited::new(body, limit).collect()).await;
            timings.add(Phase::Transfer, start.elapsed());
            match collected {
                Ok(Ok(body)) => body.to_bytes(),
                Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                    return Err(Failure::new(Phase::Transfer, Reason::TooLong));
                }
                Ok(Err(_)) => return Err(Failure::new(Phase::Transfer, Reason::Closed)),
                Err(_) => return Err(Failure::new(Phase::Transfer, Reason::Timeout)),
            }
        }
    };
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

/// hyper's own words; they hold nothing of what was sent.
fn broken(phase: Phase, error: &hyper::Error) -> Failure {
    let reason = if error.is_parse() {
        Reason::Protocol
    } else if error.is_incomplete_message() || error.is_closed() {
        Reason::Closed
    } else {
        Reason::Reset
    };
    Failure::new(phase, reason).because(error.to_string())
}
