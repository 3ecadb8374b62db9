//! Prober `websocket`: a connection, TLS where the URL says so, the upgrade, and a script of messages.
//!
//! What blackbox_exporter gets wrong there and this does not: it waits for a silent server without an end, tells nothing
//! of TLS, and takes keys of its file that it never looks at (proxy, OAuth 2, `expect_bytes`, `labels`).
//!
//! The frames are our own code: tungstenite brings five crates (SHA-1, random numbers, UTF-8, its own HTTP) of which
//! aws-lc and hyper are linked already, and has no bound of time within a message.

mod config;
mod facts;
mod frame;
mod headers;
mod socket;
mod upgrade;

use netprobe::{Dial, dial};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::http::Url;
use super::open::Stream;
use super::resolve::{self, Place};
use super::script::{Expect, Step, find};
use super::secure::{self, Wanted};
use super::{Engine, Facts, Job};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;
use socket::Socket;
use upgrade::Ask;

pub use config::Websocket;
pub use facts::WebsocketFacts;

/// A websocket begins as HTTP/1.1.
const ALPN: &[&[u8]] = &[b"http/1.1"];

/// Probes a URL `ws://…` or `wss://…`.
pub(crate) async fn probe(engine: &Engine, settings: &Websocket, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let mut facts = WebsocketFacts::default();
    if let Err(failed) = check(engine, settings, job, &mut facts, &mut outcome).await {
        outcome.fail(failed);
    }
    outcome.facts = Facts::Websocket(Box::new(facts));
    outcome
}

async fn check(
    engine: &Engine,
    settings: &Websocket,
    job: &Job<'_>,
    facts: &mut WebsocketFacts,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    let url = target(job.target).map_err(|message| Failed::new("target", Reason::TargetInvalid, message))?;
    if settings.has_credentials() {
        job.permit_credentials(&url.host, url.port)?;
    }
    let (headers, used) = headers::of(engine, settings, job).await?;
    let stream = connect(engine, settings, job, &url, outcome).await?;
    let start = Instant::now();
    let ask =
        Ask { path: url.path.as_str(), authority: &url.authority, headers: &headers, deadline: job.deadline };
    let upgraded = async {
        let stream: Box<dyn Stream> = if url.secure {
            let tls = &settings.client.tls;
            let wanted =
                Wanted { settings: tls, host: &url.host, port: url.port, alpn: ALPN, learn_refusal: false };
            Box::new(secure::handshake(engine, job, stream, wanted, outcome).await?)
        } else {
            Box::new(stream)
        };
        let mut status = None;
        let upgraded = upgrade::upgrade(stream, ask, &mut outcome.timings, &mut status).await;
        facts.status = status.map_or(0, |status| status.as_u16());
        upgraded
    };
    let upgraded = upgraded.await;
    facts.processing = Some(start.elapsed());
    if let Some(used) = used.as_ref().filter(|_| facts.status == 401) {
        engine.tokens.refused(used).await;
    }
    let mut socket = upgraded?;
    facts.upgraded = true;
    outcome.transcript.line("debug", "the connection is a websocket");
    let start = Instant::now();
    let mut done = Ok(());
    for (index, step) in settings.steps.iter().enumerate() {
        done = exchange(&mut socket, step, index, facts, outcome).await;
        if done.is_err() {
            break;
        }
    }
    if !settings.steps.is_empty() {
        facts.transfer = Some(start.elapsed());
    }
    outcome.timings.join(&socket.close().await);
    done
}

/// The URL of a websocket, as that of the HTTP with which it begins.
fn target(text: &str) -> Result<Url, &'static str> {
    let (scheme, rest) = text.split_once("://").ok_or("expected a URL that begins with ws:// or wss://")?;
    let http = match scheme.to_ascii_lowercase().as_str() {
        "ws" => "http",
        "wss" => "https",
        _ => return Err("expected a URL that begins with ws:// or wss://"),
    };
    let url = Url::parse(&format!("{http}://{rest}"))?;
    if url.user.is_some() {
        return Err("a target holds no user or password (hint: http_config: {basic_auth: …} in the module)");
    }
    Ok(url)
}

/// Connects to the one address that is probed, or through the proxy that the module names.
async fn connect(
    engine: &Engine,
    settings: &Websocket,
    job: &Job<'_>,
    url: &Url,
    outcome: &mut Outcome,
) -> Result<TcpStream, Failed> {
    let proxy = settings.client.proxy.as_ref().and_then(|proxy| proxy.find(url.secure, &url.host, url.port));
    let Some(proxy) = proxy else {
        let place = Place { host: &url.host, port: url.port, preference: settings.preference };
        let address = resolve::choose(engine, job, place, outcome).await?;
        return resolve::connect(address, None, job, outcome).await;
    };
    job.permit_unresolved(&url.host, url.port)?;
    let way = Dial { proxy: Some(proxy), ..Dial::new(url.host.as_str(), url.port) };
    let (timings, done) = match dial(&way, job.deadline).await {
        Ok(dialed) => (dialed.timings, Ok(dialed.stream)),
        Err(failure) => (failure.timings, Err(Failed::of(&failure))),
    };
    outcome.timings.join(&timings);
    done
}

/// Waits for what a step waits for, one message at most, and says what it says.
async fn exchange(
    socket: &mut Socket<Box<dyn Stream>>,
    step: &Step,
    index: usize,
    facts: &mut WebsocketFacts,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    let said = match &step.expect {
        None => step.answer(None),
        Some(expect) => {
            let Some(message) = socket.message().await? else {
                facts.failed_due_to_regex = true;
                let message = format!("the server ended it before a message came for entry {index}");
                return Err(Failed::new("check", Reason::Expect, message));
            };
            outcome
                .transcript
                .line("debug", format!("a message of {} bytes for entry {index}", message.len()));
            let found = match expect {
                Expect::Regex(regex) => find(regex, &message).map(Some),
                Expect::Bytes(bytes) => (*bytes == message).then_some(None),
            };
            let Some(found) = found else {
                facts.failed_due_to_regex = true;
                let message = format!("a message came that entry {index} does not wait for");
                return Err(Failed::new("check", Reason::Expect, message));
            };
            if let Some(info) = found.as_ref().and_then(|found| step.info(found)) {
                facts.infos.add(info);
            }
            step.answer(found.as_ref())
        }
    };
    if let Some(said) = said {
        socket.say(&said.bytes, said.is_line).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (text, expected) in [
            ("ws://a.example/chat?room=1", Some((false, "a.example", 80, "/chat?room=1"))),
            ("WSS://a.example:8443", Some((true, "a.example", 8443, "/"))),
            ("ws://[::1]:81/", Some((false, "::1", 81, "/"))),
            ("http://a.example", None),
            ("a.example", None),
            ("ws://", None),
            ("ws://user:pass@a.example", None),
        ] {
            let url = target(text).ok();
            let found = url.as_ref().map(|url| (url.secure, url.host.as_str(), url.port, url.path.as_str()));
            assert_eq!(found, expected, "{text}");
        }
    }
}
