//! One page is asked for once: connect, ask, read. What redirects and journeys are made of.

use std::net::SocketAddr;

use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::{Authority, Parts, Scheme};
use hyper::{Method, Request, Uri};

use super::body::Body;
use super::exchange::{Answer, Head, exchange};
use super::url::Url;
use super::way::{self, Connection, Way};
use crate::outcome::{Failed, Outcome};
use crate::probe::{Engine, Job};
use crate::reason::Reason;

/// Headers of a connection, which HTTP/2 has not.
const OF_CONNECTION: [HeaderName; 4] = [
    header::CONNECTION,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    /// All headers but `Host`.
    pub(crate) headers: HeaderMap,
    /// What `Host` says instead of the URL's host.
    pub(crate) host: Option<&'a str>,
    pub(crate) body: Bytes,
}

/// Connects, asks and reads, by the job's deadline: one request on a connection of its own. The body is read as far as
/// `want` makes room for it, once it has seen the head. Times and TLS are written into the outcome.
pub(crate) async fn ask(
    engine: &Engine,
    job: &Job<'_>,
    way: Way<'_>,
    address: Option<SocketAddr>,
    ask: Ask<'_>,
    want: impl FnOnce(&Head) -> Option<Body>,
    outcome: &mut Outcome,
) -> Result<Answer, Failed> {
    let connection = way::connect(engine, job, way, address, outcome).await?;
    let request = request(&connection, way.url, ask)?;
    let answer = exchange(connection.socket, request, want, &mut outcome.timings, job.deadline).await;
    // in TLS 1.3 a server says only now that it wants another certificate of ours
    let asked = outcome.tls.as_ref().is_some_and(|tls| tls.asked_for_ours);
    answer.map_err(|failed| match failed.reason {
        Reason::TlsAlert | Reason::Reset | Reason::Closed if asked => {
            Failed { reason: Reason::TlsClientCertificate, ..failed }
        }
        _ => failed,
    })
}

/// The request as this connection wants it.
fn request(connection: &Connection, url: &Url, ask: Ask<'_>) -> Result<Request<Bytes>, Failed> {
    let unsendable = |_: hyper::http::Error| {
        Failed::new("target", Reason::TargetInvalid, "the host cannot stand in a request")
    };
    let http2 = connection.socket.is_http2();
    let host = ask.host.unwrap_or(&url.authority);
    let uri = if http2 || connection.to_proxy {
        let mut parts = Parts::default();
        parts.scheme = Some(if url.secure { Scheme::HTTPS } else { Scheme::HTTP });
        let authority = if http2 { host } else { &url.authority };
        parts.authority = Some(Authority::try_from(authority).map_err(|error| unsendable(error.into()))?);
        parts.path_and_query = Some(url.path.clone());
        Uri::from_parts(parts).map_err(|error| unsendable(error.into()))?
    } else {
        Uri::from(url.path.clone())
    };
    let mut request = Request::new(ask.body);
    *request.method_mut() = ask.method;
    *request.uri_mut() = uri;
    let mut headers = HeaderMap::with_capacity(ask.headers.len() + 4);
    if !http2 {
        // the first of all, as RFC 9110 wants it
        headers.insert(header::HOST, HeaderValue::from_str(host).map_err(|error| unsendable(error.into()))?);
    }
    headers.extend(ask.headers);
    // methods that are about a body say so when there is none, as with Go
    if request.body().is_empty() && matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    if http2 {
        for name in OF_CONNECTION {
            headers.remove(name);
        }
    } else {
        headers.entry(header::CONNECTION).or_insert(HeaderValue::from_static("close"));
    }
    if let Some(login) = &connection.proxy_login {
        headers.insert(header::PROXY_AUTHORIZATION, login.clone());
    }
    *request.headers_mut() = headers;
    Ok(request)
}
