//! From a URL to a connection on which it can be asked for: resolved, guarded, through a proxy, in TLS.

use std::borrow::Cow;
use std::net::SocketAddr;

use hyper::header::HeaderValue;
use netprobe::proxy::Scheme;
use netprobe::{Dial, dial};
use tokio::net::TcpStream;

use super::socket::Socket;
use super::url::Url;
use crate::config::{ClientSettings, basic};
use crate::outcome::{Failed, Outcome};
use crate::probe::resolve::{self, Place};
use crate::probe::secure::{self, Wanted};
use crate::probe::{Engine, Job, Preference};
use crate::reason::Reason;

/// What is offered in TLS, where HTTP/2 is.
const BOTH: &[&[u8]] = &[b"h2", b"http/1.1"];

/// How a page is reached.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) client: &'a ClientSettings,
    pub(crate) url: &'a Url,
    /// The name that TLS asks for, unless the settings have one.
    pub(crate) name: &'a str,
    /// Whether the settings' own name for TLS, and our certificate, are for this server.
    pub(crate) own_name: bool,
    pub(crate) preference: Preference,
    /// Whether the name is left to the proxy, when there is one.
    pub(crate) proxy_resolves: bool,
    /// Whether the operator's own file names this server: then the guard, which is about targets, is not asked.
    pub(crate) trusted: bool,
}

/// A connection, and how the page is asked for on it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    /// Whether it is to a proxy that is asked for the page itself.
    pub(crate) to_proxy: bool,
    /// What that proxy is told to know us.
    pub(crate) proxy_login: Option<HeaderValue>,
}

/// The address that a page is reached at; none where a proxy finds out.
pub(crate) async fn locate(
    engine: &Engine,
    job: &Job<'_>,
    way: Way<'_>,
    outcome: &mut Outcome,
) -> Result<Option<SocketAddr>, Failed> {
    let url = way.url;
    if way.proxy_resolves && way.client.proxy.is_some() {
        job.permit_unresolved(&url.host, url.port)?;
        return Ok(None);
    }
    let place = Place { host: &url.host, port: url.port, preference: way.preference };
    resolve::choose(engine, job, place, outcome).await.map(Some)
}

/// Connects, by the job's deadline.
pub(crate) async fn connect(
    engine: &Engine,
    job: &Job<'_>,
    way: Way<'_>,
    address: Option<SocketAddr>,
    outcome: &mut Outcome,
) -> Result<Connection, Failed> {
    let url = way.url;
    let proxy = way.client.proxy.as_ref().and_then(|proxy| proxy.find(url.secure, &url.host, url.port));
    let (mut to_proxy, mut proxy_login) = (false, None);
    let stream = match proxy {
        Some(proxy) if !url.secure && proxy.scheme == Scheme::Http => {
            to_proxy = true;
            let login = proxy.credentials.as_ref().map(|credentials| basic(credentials.expose()));
            proxy_login = login
                .transpose()
                .map_err(|error| Failed::new("proxy", Reason::ProxyAuthentication, error.to_string()))?;
            reach(Dial::new(proxy.host, proxy.port), job, outcome).await?
        }
        Some(proxy) => {
            let tunnel = Dial { proxy: Some(proxy), ..Dial::new(url.host.clone(), url.port) };
            reach(tunnel, job, outcome).await?
        }
        None if way.trusted => reach(Dial::new(url.host.clone(), url.port), job, outcome).await?,
        None => {
            let address = if let Some(address) = address {
                address
            } else {
                // a proxy was to resolve it, and is not asked about this host
                let place = Place { host: &url.host, port: url.port, preference: way.preference };
                resolve::choose(engine, job, place, outcome).await?
            };
            resolve::connect(address, None, job, outcome).await?
        }
    };
    if !url.secure {
        return Ok(Connection { socket: Socket::Plain(stream), to_proxy, proxy_login });
    }
    let mut settings = Cow::Borrowed(&way.client.tls);
    // who we are, and whom we expect, is of the target alone
    if !way.own_name && (settings.server_name.is_some() || settings.identity.is_some()) {
        let settings = settings.to_mut();
        (settings.server_name, settings.identity) = (None, None);
    }
    let alpn = if way.client.http2 { BOTH } else { &[] };
    let wanted = Wanted { settings: &settings, host: way.name, port: url.port, alpn, learn_refusal: false };
    let stream = secure::handshake(engine, job, stream, wanted, outcome).await?;
    Ok(Connection { socket: Socket::Tls(Box::new(stream)), to_proxy, proxy_login })
}

/// Connects to a proxy, or through it. It is the operator's choice, and the guard is not asked about it.
async fn reach(way: Dial, job: &Job<'_>, outcome: &mut Outcome) -> Result<TcpStream, Failed> {
    match dial(&way, job.deadline).await {
        Ok(dialed) => {
            outcome.timings.join(&dialed.timings);
            Ok(dialed.stream)
        }
        Err(failure) => {
            outcome.timings.join(&failure.timings);
            Err(Failed::of(&failure))
        }
    }
}
