//! One connection: TLS, the protocol, and its requests, each under a deadline.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::access::Access;
use super::pace::{Limits, Paced, Running};
use super::request;
use super::tls::{HTTP2, Tls};

/// Who sent a request; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// What all connections of a program share.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) router: Router,
    pub(super) access: Arc<Access>,
    pub(super) limits: Arc<Limits>,
    pub(super) places: Arc<Semaphore>,
    /// Ends with the value `true` when the program stops.
    pub(super) stop: watch::Receiver<bool>,
}

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("TLS handshake took too long")]
    HandshakeTimeout,
    #[error("TLS handshake failed")]
    Handshake(#[source] io::Error),
    #[error("plain HTTP was spoken to a TLS port")]
    PlainHttp,
    #[error("client certificate has no name of client_allowed_sans")]
    NameNotAllowed,
    #[error("connection failed")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Gate {
    /// Serves a connection until its end.
    pub(super) async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let outcome = self.serve_tcp(stream, peer).await;
        if let Err(error) = outcome {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::debug!(%peer, %error, cause, "connection ended early");
        }
    }

    async fn serve_tcp(self, stream: TcpStream, peer: SocketAddr) -> Result<(), ConnectionError> {
        let settings = self.access.settings().await;
        let Some(tls) = &settings.tls else {
            return self.serve_stream(stream, peer, false).await;
        };
        let mut stop = self.stop.clone();
        let handshake = async {
            if speaks_http(&stream).await {
                return Err(refuse_http(stream).await);
            }
            tls.acceptor().accept(stream).await.map_err(ConnectionError::Handshake)
        };
        let stream = tokio::select! {
            stream = timeout(self.limits.handshake, handshake) => {
                stream.map_err(|_| ConnectionError::HandshakeTimeout)??
            }
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        let (_, session) = stream.get_ref();
        if !Tls::admits(tls, session.peer_certificates()) {
            return Err(ConnectionError::NameNotAllowed);
        }
        let http2 = session.alpn_protocol() == Some(HTTP2);
        drop(settings);
        self.serve_stream(stream, peer, http2).await
    }

    /// Speaks HTTP/2 only where TLS has agreed on it: plain connections are HTTP/1, whatever their first bytes say.
    pub(super) async fn serve_stream<S>(
        self,
        stream: S,
        peer: SocketAddr,
        http2: bool,
    ) -> Result<(), ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = Paced::new(stream, Arc::clone(&self.limits), Arc::clone(&self.places), http2);
        let activity = Arc::clone(stream.activity());
        let mut stop = self.stop.clone();
        let service = hyper::service::service_fn(move |request| {
            let running = activity.begin();
            self.clone().answer(request, peer, running)
        });
        let builder = builder(http2);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            result = connection.as_mut() => return result.map_err(ConnectionError::Http),
            _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
        }
        connection.await.map_err(ConnectionError::Http)
    }

    async fn answer(
        self,
        request: Request<Incoming>,
        peer: SocketAddr,
        running: Running,
    ) -> Result<Response<Body>, Infallible> {
        let deadline = Instant::now() + self.limits.body;
        let mut request = request.map(|body| timed(body, deadline));
        request.extensions_mut().insert(Peer(peer));
        let settings = self.access.settings().await;
        let mut response = request::observed(request, async |request| {
            let (head, body) = request.into_parts();
            if let Err(refusal) = self.access.admit(&settings, &head).await {
                return refusal;
            }
            let routed = tower::ServiceExt::oneshot(self.router.clone(), Request::from_parts(head, body));
            match routed.await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        })
        .await;
        for (name, value) in &settings.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        Ok(response.map(|body| Body::new(Answer { body, _running: running })))
    }
}

fn builder(http2: bool) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // The time is kept by `Paced`; see there why not by hyper.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
    builder.http1().max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_concurrent_streams(MAX_STREAMS);
    if http2 { builder.http2_only() } else { builder.http1_only() }
}

/// Whether the first byte is of an HTTP method and not of a TLS record.
async fn speaks_http(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0].is_ascii_uppercase()
}

/// Go's servers answer this mistake too; the client gets to see it only if its request was read.
async fn refuse_http(mut stream: TcpStream) -> ConnectionError {
    let mut request = [0; 4096];
    let answered = async {
        let _bytes = stream.read(&mut request).await?;
        stream.write_all(NOT_TLS).await?;
        stream.shutdown().await
    };
    answered.await.map_or_else(ConnectionError::Handshake, |()| ConnectionError::PlainHttp)
}

fn timed(body: Incoming, deadline: Instant) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(TimedBody { body, deadline: Box::pin(sleep_until(deadline)) })
}

/// A request's body that must be complete in time, so that no handler waits for ever.
struct TimedBody {
    body: Incoming,
    deadline: Pin<Box<Sleep>>,
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        self.deadline.as_mut().poll(context).map(|()| Some(Err("request body took too long".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body; while it exists, its request is being answered.
struct Answer {
    body: Body,
    _running: Running,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Headers of a request; browsers behind two proxies send some forty.
const MAX_HEADERS: usize = 100;

/// Bytes of a request's head on HTTP/1, and of what is read ahead; cookies of a shared domain can be large. hyper
/// looks after each read, so a head that ends within the last one may have twice as many.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The same on HTTP/2, unpacked.
const MAX_HEADER_LIST_BYTES: u32 = 64 * 1024;

/// Requests at one time on one HTTP/2 connection; a browser opens a dozen.
const MAX_STREAMS: u32 = 100;

/// The answer to plain HTTP on a TLS port.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Connection: close\r\nContent-Length: 42\r\n\r\nthis port speaks https, this was plain http";

#[cfg(test)]
mod tests;
