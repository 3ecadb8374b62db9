//! One call: one stream of HTTP/2 on a connection of its own. Nothing of it outlives the call.

use h2::client::{self, ResponseFuture, SendRequest};
use h2::{Reason as Told, RecvStream};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, TE, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use netprobe::failure::{Failure, Reason as Network};
use netprobe::phase::{Phase, Timings};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::message::{self, Malformed, ServingStatus};
use super::status::Code;
use crate::outcome::Failed;
use crate::reason::Reason;

/// Where the health of services is asked for.
const PATH: &str = "/grpc.health.v1.Health/Check";

/// Bytes of an answer that are taken; the longest honest one has seven.
const MAX_ANSWER: usize = 4 << 10;

/// Bytes that a server may send before we have read them, and bytes of all its headers.
const WINDOW: u32 = 64 << 10;

/// Who we are.
const AGENT: &str = concat!("synthetic-exporter/", env!("CARGO_PKG_VERSION"));

/// What is called.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// The server as it is to know itself.
    pub(super) authority: &'a str,
    pub(super) service: &'a str,
    pub(super) metadata: &'a HeaderMap,
    pub(super) deadline: Instant,
}

/// How a call went.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) code: Code,
    pub(super) serving: Option<ServingStatus>,
    pub(super) failed: Option<Failed>,
}

impl Called {
    pub(super) fn failed(code: Code, failed: Failed) -> Self {
        Self { code, serving: None, failed: Some(failed) }
    }

    /// What became of the connection before there was a status.
    pub(super) fn broken(failure: &Failure) -> Self {
        Self::failed(code_of(failure), Failed::of(failure))
    }
}

/// Calls, by the deadline.
pub(super) async fn call<S>(stream: S, call: Call<'_>, timings: &mut Timings) -> Called
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Ok(request) = request(&call) else {
        let failed = Failed::new("target", Reason::TargetInvalid, "the target cannot stand in a request");
        return Called::failed(Code::INTERNAL, failed);
    };
    let mut builder = client::Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(WINDOW);
    let greeting =
        async { builder.handshake::<_, Bytes>(stream).await.map_err(|error| broken(Phase::Send, &error)) };
    let (sender, mut connection) = match timings.measure(Phase::Send, call.deadline, greeting).await {
        Ok(connected) => connected,
        Err(failure) => return Called::broken(&failure),
    };
    let mut is_over = false;
    let exchanged = {
        let mut exchange = std::pin::pin!(exchange(sender, request, &call, timings));
        tokio::select! {
            biased;
            exchanged = &mut exchange => exchanged,
            // what came before the end is still there to be read, and tells of it otherwise
            _ended = &mut connection => {
                is_over = true;
                exchange.await
            }
        }
    };
    if !is_over {
        // says goodbye if that can be done at once
        drop(timeout_at(Instant::now(), connection).await);
    }
    exchanged.unwrap_or_else(|failure| Called::broken(&failure))
}

/// Sends the question and reads the answer.
async fn exchange(
    sender: SendRequest<Bytes>,
    request: Request<()>,
    call: &Call<'_>,
    timings: &mut Timings,
) -> Result<Called, Failure> {
    let question = Bytes::from(message::request(call.service));
    let sending =
        async { send(sender, request, question).await.map_err(|error| broken(Phase::Send, &error)) };
    let response = timings.measure(Phase::Send, call.deadline, sending).await?;
    let waiting = async { response.await.map_err(|error| broken(Phase::FirstByte, &error)) };
    let response = timings.measure(Phase::FirstByte, call.deadline, waiting).await?;
    let reading = async { read(response).await.map_err(|error| broken(Phase::Transfer, &error)) };
    timings.measure(Phase::Transfer, call.deadline, reading).await
}

async fn send(
    sender: SendRequest<Bytes>,
    request: Request<()>,
    question: Bytes,
) -> Result<ResponseFuture, h2::Error> {
    let mut sender = sender.ready().await?;
    let (response, mut body) = sender.send_request(request, false)?;
    body.send_data(question, true)?;
    Ok(response)
}

fn request(call: &Call<'_>) -> Result<Request<()>, hyper::http::Error> {
    let uri =
        hyper::Uri::builder().scheme(call.scheme).authority(call.authority).path_and_query(PATH).build()?;
    let mut request = Request::builder().method(Method::POST).uri(uri).body(())?;
    let headers = request.headers_mut();
    for (name, value) in call.metadata {
        headers.append(name, value.clone());
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    if !headers.contains_key(USER_AGENT) {
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    }
    // so that the server's work ends with ours
    let left = call.deadline.saturating_duration_since(Instant::now()).as_millis().clamp(1, 99_999_999);
    headers.insert("grpc-timeout", HeaderValue::try_from(format!("{left}m"))?);
    Ok(request)
}

/// The status, before or behind the answer, and the answer.
async fn read(response: Response<RecvStream>) -> Result<Called, h2::Error> {
    let (parts, mut body) = response.into_parts();
    let is_grpc =
        parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if parts.status != StatusCode::OK || !is_grpc {
        let code = Code::of_http(parts.status);
        let message = format!("the server speaks no gRPC here: HTTP status {}", parts.status.as_u16());
        return Ok(Called::failed(code, Failed::new("first_byte", Reason::Protocol, message)));
    }
    let mut answer = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        if answer.len() + data.len() > MAX_ANSWER {
            let failed = Failed::new("transfer", Reason::Protocol, "the answer is too long");
            return Ok(Called::failed(Code::RESOURCE_EXHAUSTED, failed));
        }
        body.flow_control().release_capacity(data.len())?;
        answer.extend_from_slice(&data);
    }
    let trailers = body.trailers().await?;
    let early = Code::of_headers(&parts.headers);
    let Some(code) =
        early.or_else(|| trailers.as_ref().map(|found| Code::of_headers(found).unwrap_or(Code::UNKNOWN)))
    else {
        let failed = Failed::new("transfer", Reason::Protocol, "the call ended without a status");
        return Ok(Called::failed(Code::INTERNAL, failed));
    };
    Ok(judge(code, &answer))
}

/// What a status and an answer mean.
fn judge(code: Code, answer: &[u8]) -> Called {
    if code != Code::OK {
        let message = format!("the service answers with status {} ({})", code.0, code.name());
        return Called::failed(code, Failed::new("transfer", Reason::ServerError, message));
    }
    match message::response(answer) {
        Ok(Some(ServingStatus::Serving)) => {
            Called { code, serving: Some(ServingStatus::Serving), failed: None }
        }
        Ok(serving) => {
            let said = serving.map_or("in a word that the protocol has not", ServingStatus::as_str);
            let message = format!("the service says that it does not serve: {said}");
            Called { code, serving, failed: Some(Failed::new("check", Reason::NotServing, message)) }
        }
        Err(Malformed(message)) => {
            Called::failed(Code::INTERNAL, Failed::new("transfer", Reason::Protocol, message))
        }
    }
}

/// What ended a stream or a connection. The numbers are told by the server, or by us of what it did.
fn broken(phase: Phase, error: &h2::Error) -> Failure {
    if let Some(io) = error.get_io() {
        // "broken pipe" is how the library says that the other side closed
        let reason = match Network::of_io(io) {
            Network::Reset if io.raw_os_error().is_none() => Network::Closed,
            reason => reason,
        };
        return Failure::new(phase, reason).because(io.to_string());
    }
    let reason = if error.is_reset() && error.is_remote() { Network::Reset } else { Network::Protocol };
    let told = error.reason().unwrap_or(Told::INTERNAL_ERROR);
    Failure::new(phase, reason).because(format!("HTTP/2 ended with error {}", u32::from(told)))
}

/// The status that stands for a connection that failed.
fn code_of(failure: &Failure) -> Code {
    match failure.reason {
        Network::Timeout => Code::DEADLINE_EXCEEDED,
        _ => Code::UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(status: u8) -> Vec<u8> {
        vec![0, 0, 0, 0, 2, 8, status]
    }

    #[test]
    fn what_an_answer_means() {
        for (code, answer, serving, expected) in [
            (0, framed(1), Some(ServingStatus::Serving), None),
            (0, framed(2), Some(ServingStatus::NotServing), Some(Reason::NotServing)),
            (0, framed(9), None, Some(Reason::NotServing)),
            (0, Vec::new(), None, Some(Reason::Protocol)),
            (5, Vec::new(), None, Some(Reason::ServerError)),
            (12, framed(1), None, Some(Reason::ServerError)),
        ] {
            let called = judge(Code(code), &answer);
            assert_eq!(called.serving, serving, "{code} {answer:?}");
            assert_eq!(called.failed.map(|failed| failed.reason), expected, "{code} {answer:?}");
        }
    }

    #[test]
    fn a_request_names_the_server_and_holds_the_metadata() {
        let mut metadata = HeaderMap::new();
        metadata.append("key", HeaderValue::from_static("1"));
        metadata.append("key", HeaderValue::from_static("2"));
        let deadline = Instant::now() + std::time::Duration::from_secs(3);
        let call =
            Call { scheme: "http", authority: "a.example:50051", service: "", metadata: &metadata, deadline };
        let made = request(&call).unwrap();
        assert_eq!(made.uri(), "http://a.example:50051/grpc.health.v1.Health/Check");
        assert_eq!(made.headers().get_all("key").iter().count(), 2);
        assert!(request(&Call { authority: "a b", ..call }).is_err());
    }
}
