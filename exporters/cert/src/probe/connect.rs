//! A server is connected to, and what it shows is judged.

use netprobe::address::ascii;
use netprobe::judge::Case;
use netprobe::phase::Timings;
use netprobe::proxy::Proxy;
use netprobe::tls::{Cipher, Group, Seen, TlsOptions, TlsStream, Version, Versions};
use netprobe::trust::ClientSources;
use netprobe::{Dial, Observation, observe};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Engine;
use super::beside::{self, Beside};
use super::judged::{self, Judged};
use crate::address::Address;
use crate::config::{Module, Route};
use crate::http::HTTP;
use crate::report::{Failed, Served};

/// How a server is reached.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) module: &'a Module,
    pub(super) address: &'a Address,
    /// The name that is asked for, instead of the module's and the host.
    pub(super) server_name: Option<&'a str>,
    pub(super) route: Route,
    pub(super) proxy: Option<&'a Proxy>,
    /// Whether HTTP is spoken on top.
    pub(super) http: bool,
    /// Whether a client certificate that is refused has to be learnt of now.
    pub(super) learn_refusal: bool,
}

/// What came of it.
pub(super) struct Connection {
    pub(super) served: Box<Served>,
    pub(super) timings: Timings,
    /// The connection, unless it failed.
    pub(super) stream: Option<TlsStream<TcpStream>>,
    /// Why it failed, or why the certificates are not taken.
    pub(super) failure: Option<Failed>,
    /// Whether we had a certificate to show.
    had_identity: bool,
}

impl Connection {
    fn failed(failure: Failed) -> Self {
        let served = Box::default();
        Self { served, timings: Timings::NONE, stream: None, failure: Some(failure), had_identity: false }
    }

    /// A server that asked for our certificate and then broke off, where there is none to show, wants one.
    pub(super) fn learn_refusal(&mut self) {
        if self.served.asked_for_ours && !self.had_identity {
            let message = "the server wants a client certificate";
            self.failure = Some(Failed::new("tls", CLIENT_CERT, message));
            self.served.faults.push(CLIENT_CERT);
        }
    }
}

/// Connects and judges, before `deadline`.
pub(super) async fn connect(engine: &Engine, way: Way<'_>, deadline: Instant) -> Connection {
    let (module, address) = (way.module, way.address);
    let name = way.server_name.or(module.tls.server_name.as_deref()).unwrap_or(&address.host);
    let name = match ascii(name) {
        Ok(name) => name,
        Err(problem) => return Connection::failed(Failed::new("target", "bad_target", problem)),
    };
    let name = &*name;
    let shown = module.may_show_identity(&address.host, address.port);
    let identity = module.tls.identity.as_ref().filter(|_| shown);
    let alpn = if way.http { vec![HTTP.to_vec()] } else { Vec::new() };
    let wanted = ClientSources { identity: identity.cloned(), alpn, versions: Versions::default() };
    let trusted = engine.trust.client(&wanted).and_then(|client| {
        let roots = engine.trust.roots(module.tls.roots.as_ref())?;
        Ok((client, roots))
    });
    let (client, roots) = match trusted {
        Ok(both) => both,
        Err(error) => return Connection::failed(Failed::of_trust(&error)),
    };
    let mut dial = Dial::new(address.host.as_str(), address.port);
    dial.family = module.family;
    dial.connect_to = way.route.connect_to.map(|to| to.address(address.port));
    dial.source = way.route.source;
    dial.proxy = way.proxy.cloned();
    let options = TlsOptions { client, server_name: Some(name.to_owned()), learn_refusal: way.learn_refusal };
    let observed = observe(&dial, module.starttls, &options, deadline).await;
    let (chain, staple) = (&observed.seen.chain, observed.seen.staple.as_deref());
    let case = Case { chain, staple, name, roots: &roots, now: engine.now() };
    let judged = judged::judge(engine, case, module.crl.as_ref(), deadline).await;
    let mut served = Box::new(describe(&observed.seen, &judged));
    beside::ask(engine, Beside { module, dial: &dial, name }, &mut served, deadline).await;
    let Observation { stream, failure, timings, .. } = observed;
    let failure = failure.as_ref().map(Failed::of).or_else(|| distrust(module, name, &judged));
    if let Some(ours) = failure.as_ref().filter(|failure| failure.reason == CLIENT_CERT) {
        served.faults.push(ours.reason);
    }
    Connection { served, timings, stream, failure, had_identity: identity.is_some() }
}

/// The server wants a certificate of ours: the one fault of a chain that only the connection shows.
const CLIENT_CERT: &str = "client_cert_required";

/// Why the certificates are not taken, where the module wants them verified: by Go's rules, as ssl_exporter's.
fn distrust(module: &Module, name: &str, judged: &Judged) -> Option<Failed> {
    let revoked = module.crl.is_some() && judged.revoked;
    if module.tls.skip_verify || (judged.success_in_go && !revoked) {
        return None;
    }
    let reason = judged.served.faults.first().copied().unwrap_or("other");
    Some(Failed::new("verify", reason, format!("the certificates are not trusted for {name}: {reason}")))
}

fn describe(seen: &Seen, judged: &Judged) -> Served {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    Served {
        version: seen.version.map(Version::as_str),
        cipher: seen.cipher.map(Cipher::name).unwrap_or_default(),
        group: seen.group.map(Group::name).unwrap_or_default(),
        alpn: seen.alpn.as_ref().map(text).unwrap_or_default(),
        asked_for_ours: seen.requested_client_certificate,
        ..judged.served.clone()
    }
}
