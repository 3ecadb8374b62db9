//! An HTTP server whose answers a test writes: a page to scrape, a webhook that receives, an API that misbehaves.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Result;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use crate::listener::{ANY, Listener};
use crate::tls::{self, Identity};
use crate::watched::Watched;

/// The largest request body that is read: far above anything Slack or a webhook would take.
const REQUEST_BYTES: usize = 16 << 20;

/// Requests kept for a test to look at; older ones are dropped, so that a long soak does not eat the memory.
const KEPT_REQUESTS: usize = 100_000;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it was read to its end.
    pub time: Timestamp,
    /// GET, POST, …
    pub method: String,
    /// The path, as sent.
    pub path: String,
    /// The query without its question mark, as sent.
    pub query: String,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// A header's value, or "".
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Sends this.
    Reply(Reply),
    /// Sends the head and half of the body, then closes the connection.
    Half(Reply),
    /// Closes the connection without a byte.
    Close,
    /// Keeps the connection open and sends nothing, ever.
    Hang,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// How long to wait before it is sent.
    pub delay: Duration,
}

impl Reply {
    /// Plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body.into())
    }

    /// JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", body.to_string())
    }

    /// Any content.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: body.into(), delay: Duration::ZERO }
    }

    /// Adds a header, in place of one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits before it is sent.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A running HTTP server on loopback that remembers every request.
pub struct Web {
    listener: Listener,
    requests: Arc<Watched<Vec<Request>>>,
    scheme: &'static str,
}

impl Web {
    /// Starts a server that answers as `handler` says.
    pub async fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Result<Self> {
        let (requests, handler) = recording(handler);
        Ok(Self { listener: serve(ANY, handler).await?, requests, scheme: "http" })
    }

    /// The same over TLS.
    pub async fn start_tls(
        identity: &Identity,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::start_with(tls::server_config(identity)?, handler).await
    }

    /// Starts it with a TLS of its own.
    pub(crate) async fn start_with(
        config: Arc<ServerConfig>,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Result<Self> {
        let (requests, handler) = recording(handler);
        let acceptor = TlsAcceptor::from(config);
        let listener = Listener::start(ANY, move |stream| {
            let (handler, acceptor) = (Arc::clone(&handler), acceptor.clone());
            Box::pin(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    converse(stream, handler).await;
                }
            })
        });
        Ok(Self { listener: listener.await?, requests, scheme: "https" })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The URL of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address())
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.read(Clone::clone)
    }

    /// Waits until `pick` finds what it looks for among the requests.
    pub async fn wait_for<R>(
        &self,
        within: Duration,
        mut pick: impl FnMut(&[Request]) -> Option<R>,
    ) -> Result<R> {
        let describe = |requests: &Vec<Request>| {
            let lines = requests.iter().map(|r| format!("\n  {} {} {}", r.method, r.path, r.text()));
            format!("{} requests came:{}", requests.len(), lines.collect::<String>())
        };
        self.requests.wait_for(within, |requests| pick(requests), describe).await
    }

    /// Closes the port and every connection.
    pub async fn down(&self) {
        self.listener.down().await;
    }

    /// Listens on the same port again.
    pub async fn up(&self) -> Result<()> {
        self.listener.up().await
    }
}

pub(crate) type Handler = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// Serves HTTP/1.1 on `address` as `handler` says.
pub(crate) async fn serve(address: SocketAddr, handler: Handler) -> Result<Listener> {
    let serve = move |stream| {
        let handler = Arc::clone(&handler);
        Box::pin(converse(stream, handler)) as Pin<Box<_>>
    };
    Listener::start(address, serve).await
}

fn recording(
    handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
) -> (Arc<Watched<Vec<Request>>>, Handler) {
    let requests = Arc::new(Watched::new(Vec::new()));
    let kept = Arc::clone(&requests);
    let handler = move |request: &Request| {
        let answer = handler(request);
        kept.change(|requests| {
            if requests.len() == KEPT_REQUESTS {
                requests.remove(0);
            }
            requests.push(request.clone());
        });
        answer
    };
    (requests, Arc::new(handler))
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send, handler: Handler) {
    let service = service_fn(|request| exchange(request, Arc::clone(&handler)));
    // A connection that breaks is the client's business, and often what the test is about.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(
    request: hyper::Request<Incoming>,
    handler: Handler,
) -> Result<hyper::Response<Sent>, Failure> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES).collect().await?.to_bytes();
    let headers = head.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let request = Request {
        time: Timestamp::now(),
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body,
    };
    let (reply, cut) = match handler(&request) {
        Answer::Reply(reply) => (reply, false),
        Answer::Half(reply) => (reply, true),
        Answer::Close => return Err("closed on purpose".into()),
        Answer::Hang => std::future::pending::<Result<_, Infallible>>().await?,
    };
    tokio::time::sleep(reply.delay).await;
    let mut response = hyper::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Sent::new(reply.body, cut))?)
}

/// A body that is sent whole, or breaks in its middle.
struct Sent {
    promised: u64,
    data: Option<Bytes>,
    cut: Cut,
}

#[derive(Clone, Copy)]
enum Cut {
    Whole,
    AfterFlush,
    Now,
}

impl Sent {
    fn new(body: Bytes, cut: bool) -> Self {
        let promised = body.len() as u64;
        let data = if cut { body.slice(..body.len() / 2) } else { body };
        Self { promised, data: Some(data), cut: if cut { Cut::AfterFlush } else { Cut::Whole } }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Some(data) = self.data.take().filter(|data| !data.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.cut {
            Cut::Whole => Poll::Ready(None),
            Cut::AfterFlush => {
                // hyper flushes what it has when the body is not ready: the half must reach the client.
                self.cut = Cut::Now;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Cut::Now => Poll::Ready(Some(Err("cut on purpose".into()))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Client, http_get};

    #[tokio::test]
    async fn every_way_to_misbehave() {
        let web = Web::start(|request| match request.path.as_str() {
            "/half" => Answer::Half(Reply::text(200, "0123456789")),
            "/close" => Answer::Close,
            "/hang" => Answer::Hang,
            path => Reply::text(200, path).into(),
        });
        let web = web.await.unwrap();
        assert_eq!(http_get(&web.url("/a"), &[]).await.unwrap().text(), "/a");
        for (path, within, expected) in [
            ("/half", 10_000, "the body broke off"),
            ("/close", 10_000, "connection closed before message completed"),
            ("/hang", 100, "no answer in 100ms"),
        ] {
            let client = Client::new().within(Duration::from_millis(within));
            let error = format!("{:#}", client.get(&web.url(path)).await.unwrap_err());
            assert!(error.contains(expected), "{path}: {error}");
        }
        web.down().await;
        let refused = format!("{:#}", http_get(&web.url("/a"), &[]).await.unwrap_err());
        assert!(refused.contains("refused"), "{refused}");
        web.up().await.unwrap();
        assert_eq!(http_get(&web.url("/b"), &[]).await.unwrap().text(), "/b");
        let paths = web.wait_for(Duration::from_secs(5), |requests| {
            (requests.len() == 5).then(|| requests.iter().map(|r| r.path.clone()).collect::<Vec<_>>())
        });
        assert_eq!(paths.await.unwrap(), ["/a", "/half", "/close", "/hang", "/b"]);
    }
}
