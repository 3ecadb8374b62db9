//! From a connection to a websocket: one HTTP request, and whether its answer is an upgrade.

use std::future::poll_fn;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, HOST, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use netprobe::failure::{Failure, Reason as Network};
use netprobe::phase::{Phase, Timings};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::socket::Socket;
use crate::outcome::Failed;
use crate::reason::Reason;

/// What the standard wants appended to the key.
const APPENDED: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Bytes of a server's headers, and how many of them.
const MAX_HEADERS: (usize, usize) = (64 << 10, 200);

/// What is asked.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    /// Path and query.
    pub(super) path: &'a str,
    /// Host and port, as `Host` has them; a header of the module may say another.
    pub(super) authority: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) deadline: Instant,
}

/// Asks for the upgrade. The status is told also of a server that refuses.
pub(super) async fn upgrade<S>(
    stream: S,
    ask: Ask<'_>,
    timings: &mut Timings,
    status: &mut Option<StatusCode>,
) -> Result<Socket<S>, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let start = Instant::now();
    let key = key()?;
    let request = request(&ask, &key)?;
    timings.add(Phase::Send, start.elapsed());
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEADERS.0).max_headers(MAX_HEADERS.1);
    let handshake = builder.handshake::<_, String>(TokioIo::new(stream));
    let failed = |failure: Failure| Failed::of(&failure);
    let shaken = async { handshake.await.map_err(|error| broken(Phase::Send, &error)) };
    let (mut sender, mut connection) =
        timings.measure(Phase::Send, ask.deadline, shaken).await.map_err(failed)?;
    let mut answer = std::pin::pin!(sender.send_request(request));
    let mut is_over = false;
    let waiting = async {
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            _ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => {
                is_over = true;
                answer.await
            }
        }
        .map_err(|error| broken(Phase::FirstByte, &error))
    };
    let response = timings.measure(Phase::FirstByte, ask.deadline, waiting).await.map_err(failed)?;
    *status = Some(response.status());
    judge(&response, &key)?;
    // all that is left to do is to hand over what came right behind the answer
    let ending = async {
        if !is_over {
            let ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
            ended.map_err(|error| broken(Phase::FirstByte, &error))?;
        }
        Ok(())
    };
    timings.measure(Phase::FirstByte, ask.deadline, ending).await.map_err(failed)?;
    let parts = connection.into_parts();
    Ok(Socket::new(parts.io.into_inner(), parts.read_buf.to_vec(), ask.deadline))
}

fn request(ask: &Ask<'_>, key: &str) -> Result<Request<String>, Failed> {
    let invalid = |_| Failed::new("target", Reason::TargetInvalid, "the target cannot stand in a request");
    let mut request =
        Request::builder().uri(ask.path).body(String::new()).map_err(|error| invalid(error.to_string()))?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| invalid(error.to_string()));
    let headers = request.headers_mut();
    headers.insert(HOST, value(ask.authority)?);
    for name in ask.headers.keys() {
        headers.remove(name);
        for value in ask.headers.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_KEY, value(key)?);
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    Ok(request)
}

/// Whether the answer is the upgrade that was asked for.
fn judge(response: &Response<Incoming>, key: &str) -> Result<(), Failed> {
    let (status, headers) = (response.status(), response.headers());
    if status != StatusCode::SWITCHING_PROTOCOLS {
        let message = format!("the server answers with status {} instead of the upgrade", status.as_u16());
        return Err(Failed::new("check", Reason::HttpStatus, message));
    }
    let wrong = |message| Err(Failed::new("first_byte", Reason::Protocol, message));
    if !has_word(headers, UPGRADE.as_str(), "websocket") || !has_word(headers, CONNECTION.as_str(), "upgrade")
    {
        return wrong("the server upgrades to something else than a websocket");
    }
    if headers.get(SEC_WEBSOCKET_ACCEPT).is_none_or(|found| found.as_bytes() != accept(key).as_bytes()) {
        return wrong("the server did not read what it answers to");
    }
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return wrong("the server uses an extension that was not offered");
    }
    Ok(())
}

fn has_word(headers: &HeaderMap, name: &str, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|found| found.trim().eq_ignore_ascii_case(word))
}

fn key() -> Result<String, Failed> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Failed::new("send", Reason::Internal, "no random numbers"))?;
    Ok(STANDARD.encode(bytes))
}

/// What a server that read the key answers.
fn accept(key: &str) -> String {
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), APPENDED].concat()))
}

fn broken(phase: Phase, error: &hyper::Error) -> Failure {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return Failure::new(phase, Network::of_io(io)).because(io.to_string());
        }
        source = cause.source();
    }
    let is_closed = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    // the library's words hold nothing of what was sent
    Failure::new(phase, if is_closed { Network::Closed } else { Network::Protocol })
        .because(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_answer_as_the_standard_shows_them() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(key().unwrap().len(), 24);
        assert_ne!(key().unwrap(), key().unwrap());
    }

    #[test]
    fn a_header_of_the_module_stands_in_place_of_ours_but_for_the_upgrade_itself() {
        let mut headers = HeaderMap::new();
        headers.append(HOST, HeaderValue::from_static("vhost.example"));
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_static("2"));
        let ask =
            Ask { path: "/ws?x=1", authority: "a.example:80", headers: &headers, deadline: Instant::now() };
        let made = request(&ask, "key").unwrap();
        let all =
            |name: &str| made.headers().get_all(name).iter().map(|v| v.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(all("host"), ["vhost.example"]);
        assert_eq!(all("x-a"), ["1", "2"]);
        assert_eq!(all("upgrade"), ["websocket"]);
        assert_eq!(made.uri(), "/ws?x=1");
    }

    #[test]
    fn words_in_lists() {
        let mut headers = HeaderMap::new();
        headers.append("connection", HeaderValue::from_static("keep-alive, UPGRADE"));
        assert!(has_word(&headers, "connection", "upgrade"));
        assert!(!has_word(&headers, "connection", "keep"));
    }
}
