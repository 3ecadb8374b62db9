//! One request and its answer, on a connection of its own: nothing is sent twice, and nothing outlives the answer.
//!
//! The protocol runs in the task of its probe, beside the one who waits for the answer, so that a probe costs no task and
//! ends with its deadline.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use netprobe::failure::{Failure, Reason as Network};
use netprobe::phase::{Phase, Timings};
use tokio::time::{Instant, timeout_at};

use super::body::Body;
use super::coding::Problem;
use super::http2;
use super::socket::{Marks, Socket, Watched};
use crate::outcome::Failed;
use crate::reason::Reason;

/// Bytes of an answer's head, and of what is read ahead of its body.
const MAX_HEAD: usize = 64 << 10;

/// Headers of an answer.
const MAX_HEADERS: usize = 200;

/// An answer's head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) version: Version,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// How long the body is as it is sent, where the server says so.
    pub(crate) length: Option<u64>,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    /// The body as far as it came, where somebody wanted it.
    pub(crate) body: Option<Body>,
    /// What the rest of the answer took, from its first byte to its last.
    pub(crate) transfer: Duration,
    /// Why the body is not whole.
    pub(crate) broken: Option<Failed>,
}

/// Sends a request and reads the answer, by the deadline. Of the body only what `want` makes room for, when it has seen
/// the head, is read.
pub(crate) async fn exchange(
    socket: Socket,
    request: Request<Bytes>,
    want: impl FnOnce(&Head) -> Option<Body>,
    timings: &mut Timings,
    deadline: Instant,
) -> Result<Answer, Failed> {
    let (http2, tls) = (socket.is_http2(), matches!(socket, Socket::Tls(_)));
    let (watched, marks) = Watched::new(socket);
    let method = request.method().clone();
    let mut progress = Progress { http2, method, marks, head: None, body: None, broken: None };
    let talk = async {
        if http2 {
            Box::pin(http2::talk(watched, request, want, &mut progress)).await
        } else {
            talk(watched, request, want, &mut progress, tls).await
        }
    };
    let done = timeout_at(deadline, talk).await.unwrap_or(Err(Broken(Network::Timeout, None)));
    progress.end(done, timings)
}

/// How far an exchange came; it stays when the deadline cuts it off.
pub(super) struct Progress {
    http2: bool,
    method: Method,
    marks: std::sync::Arc<Marks>,
    head: Option<(Head, Instant)>,
    body: Option<Body>,
    broken: Option<Problem>,
}

/// What broke an exchange, and in whose words.
#[derive(Debug)]
pub(super) struct Broken(pub(super) Network, pub(super) Option<String>);

impl Progress {
    /// The head is here. Says whether the body is wanted.
    pub(super) fn head<B>(
        &mut self,
        response: Response<B>,
        want: impl FnOnce(&Head) -> Option<Body>,
    ) -> Option<B> {
        let (parts, body) = response.into_parts();
        let length = length(&self.method, parts.version, parts.status, &parts.headers);
        let head = Head { version: parts.version, status: parts.status, headers: parts.headers, length };
        self.body = want(&head);
        self.head = Some((head, Instant::now()));
        self.body.is_some().then_some(body)
    }

    /// A piece of the body. Says whether more of it is wanted.
    pub(super) fn piece(&mut self, piece: &[u8]) -> bool {
        let fed = self.body.as_mut().map_or(Ok(()), |body| body.feed(piece));
        self.broken = fed.err();
        self.broken.is_none()
    }

    /// Writes down what the phases took, and says what came of it.
    fn end(mut self, done: Result<(), Broken>, timings: &mut Timings) -> Result<Answer, Failed> {
        let took = self.marks.start().elapsed();
        let [written, read] = self.marks.passed();
        let head_at = self.head.as_ref().map(|(_, at)| *at - self.marks.start());
        // HTTP/2 begins with settings of the server, which are no answer
        let first = if self.http2 { head_at } else { read };
        let sent = written.unwrap_or(took).min(first.unwrap_or(took));
        timings.add(Phase::Send, sent);
        let mut phase = if written.is_some() { Phase::FirstByte } else { Phase::Send };
        if written.is_some() {
            timings.add(Phase::FirstByte, first.unwrap_or(took).saturating_sub(sent));
        }
        let transfer = first.map(|first| took.saturating_sub(first));
        if let Some(transfer) = transfer {
            timings.add(Phase::Transfer, transfer);
            phase = Phase::Transfer;
        }
        let failed = |Broken(reason, words): Broken| {
            let failure = Failure::new(phase, reason);
            Failed::of(&match words {
                Some(words) => failure.because(words),
                None => failure,
            })
        };
        let Some((head, _)) = self.head else {
            let broken = done.err().unwrap_or(Broken(Network::Closed, None));
            return Err(failed(broken));
        };
        let problem = match (done, self.broken) {
            (_, Some(problem)) => Some(unusable(problem)),
            (Err(broken), None) => Some(failed(broken)),
            (Ok(()), None) => self.body.as_mut().and_then(|body| body.end().err()).map(unusable),
        };
        Ok(Answer { head, body: self.body, transfer: transfer.unwrap_or_default(), broken: problem })
    }
}

fn unusable(problem: Problem) -> Failed {
    let reason = match problem {
        Problem::TooLarge => Reason::BodyTooLarge,
        Problem::Broken | Problem::Bomb => Reason::Decompress,
    };
    Failed::new(Phase::Transfer.as_str(), reason, problem.to_string())
}

/// How long the body will be, as Go's library has it: 0 where there can be none, nothing where the server does not say.
fn length(method: &Method, version: Version, status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    let says = || headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok();
    match status.as_u16() {
        _ if method == Method::HEAD => says(),
        100..200 | 204 | 304 => Some(0),
        _ if version != Version::HTTP_2 && headers.contains_key(TRANSFER_ENCODING) => None,
        _ => says(),
    }
}

/// Talks HTTP/1.
async fn talk(
    watched: Watched,
    request: Request<Bytes>,
    want: impl FnOnce(&Head) -> Option<Body>,
    progress: &mut Progress,
    tls: bool,
) -> Result<(), Broken> {
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true).max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let shaken = builder.handshake(TokioIo::new(watched)).await;
    let (mut sender, connection) = shaken.map_err(|error| broken(&error))?;
    let mut connection = pin!(connection);
    let mut ended = None;
    let answer = pin!(sender.send_request(request.map(Full::new)));
    let answer = beside(connection.as_mut(), &mut ended, answer).await;
    let response = answer.map_err(|error| best(&error, ended.as_ref()))?;
    let Some(mut body) = progress.head(response, want) else { return Ok(()) };
    while let Some(frame) = beside(connection.as_mut(), &mut ended, pin!(next(&mut body))).await {
        match frame {
            Ok(Some(piece)) if !progress.piece(&piece) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(best(&error, ended.as_ref())),
        }
    }
    // TLS says goodbye if that can be done at once
    if tls && ended.is_none() {
        drop(timeout_at(Instant::now(), connection).await);
    }
    Ok(())
}

/// The next piece of a body; trailers are none.
async fn next(body: &mut Incoming) -> Option<hyper::Result<Option<Bytes>>> {
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    Some(frame.map(|frame| frame.into_data().ok()))
}

/// Does some work while the connection goes on beside it, in the same task.
async fn beside<C, W>(
    mut connection: Pin<&mut C>,
    ended: &mut Option<hyper::Result<()>>,
    mut work: Pin<&mut W>,
) -> W::Output
where
    C: Future<Output = hyper::Result<()>>,
    W: Future,
{
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if ended.is_none()
            && let Poll::Ready(end) = connection.as_mut().poll(cx)
        {
            *ended = Some(end);
        }
        work.as_mut().poll(cx)
    })
    .await
}

/// The connection's own error says more than that of a request which it could not carry.
fn best(error: &hyper::Error, ended: Option<&hyper::Result<()>>) -> Broken {
    match ended {
        Some(Err(end)) if error.is_canceled() => broken(end),
        _ => broken(error),
    }
}

/// hyper's own words; they hold nothing of what was sent.
fn broken(error: &hyper::Error) -> Broken {
    let reason = if error.is_parse() {
        Network::Protocol
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Network::Closed
    } else {
        of_io(error).unwrap_or(Network::Reset)
    };
    Broken(reason, Some(error.to_string()))
}

/// The reason of the system, or of TLS, beneath an error.
pub(super) fn of_io(error: &(dyn Error + 'static)) -> Option<Network> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(match error.kind() {
                io::ErrorKind::InvalidData => Network::TlsAlert,
                _ => Network::of_io(error),
            });
        }
        next = error.source();
    }
    None
}
