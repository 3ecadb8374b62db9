//! Probers `tcp` and `unix`: a connection, TLS where it is wanted, and a script.
//!
//! What blackbox_exporter gets wrong there and this does not: two entries with labels or two with `starttls`, which end
//! its probe without an answer; bytes that come in pieces or behind a line; bytes that lie between a line and TLS.

mod config;
mod conversation;
mod facts;
mod talk;
mod unix;

use std::borrow::Cow;

use tokio::net::TcpStream;

use super::open::Stream;
use super::resolve::{self, Place};
use super::secure::{self, Wanted};
use super::{Engine, Facts, Job};
use crate::config::TlsSettings;
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;

pub(crate) use config::source;
pub use config::{Tcp, Unix};
pub(crate) use conversation::Conversation;
pub use facts::TcpFacts;
pub(crate) use unix::probe as probe_unix;

/// Probes `host:port`.
pub(crate) async fn probe(engine: &Engine, settings: &Tcp, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let mut facts = TcpFacts::default();
    if let Err(failed) = connect(engine, settings, job, &mut facts, &mut outcome).await {
        outcome.fail(failed);
    }
    outcome.facts = Facts::Tcp(facts);
    outcome
}

async fn connect(
    engine: &Engine,
    settings: &Tcp,
    job: &Job<'_>,
    facts: &mut TcpFacts,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    let (host, port) =
        host_and_port(job.target).map_err(|message| Failed::new("target", Reason::TargetInvalid, message))?;
    if settings.tls_settings.identity.is_some() {
        job.permit_credentials(host, port)?;
    }
    let place = Place { host, port, preference: settings.preference };
    let address = resolve::choose(engine, job, place, outcome).await?;
    let stream: TcpStream = resolve::connect(address, settings.source, job, outcome).await?;
    let tls = named(&settings.tls_settings, job.hostname);
    let place = talk::Place { engine, job, steps: &settings.steps, tls: &tls, host, port };
    run(place, settings.tls, stream, facts, outcome).await
}

/// The settings with the name that the request asks for, where they name none. It is only asked for: whether our
/// certificate may be shown is decided by the target.
fn named<'a>(settings: &'a TlsSettings, hostname: Option<&str>) -> Cow<'a, TlsSettings> {
    match hostname {
        Some(name) if settings.server_name.is_none() => {
            Cow::Owned(TlsSettings { server_name: Some(name.to_owned()), ..settings.clone() })
        }
        _ => Cow::Borrowed(settings),
    }
}

/// Shakes hands where TLS begins at once, and runs the script.
async fn run<S: Stream + 'static>(
    place: talk::Place<'_>,
    tls_at_once: bool,
    stream: S,
    facts: &mut TcpFacts,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    if !tls_at_once {
        return talk::run(place, Box::new(stream), facts, outcome).await;
    }
    // where nothing is read the refusal of our certificate would not be seen
    let learn_refusal = place.tls.identity.is_some() && place.steps.is_empty();
    let wanted = Wanted { settings: place.tls, host: place.host, port: place.port, alpn: &[], learn_refusal };
    let stream = secure::handshake(place.engine, place.job, stream, wanted, outcome).await?;
    talk::run(place, Box::new(stream), facts, outcome).await
}

/// `host:port` as Go's `net.SplitHostPort` reads it: an IPv6 address stands in brackets.
pub(crate) fn host_and_port(target: &str) -> Result<(&str, u16), &'static str> {
    let (host, port) = match target.strip_prefix('[') {
        Some(rest) => match rest.split_once("]:") {
            Some(parts) => parts,
            None => return Err("the target has no port (hint: [::1]:443)"),
        },
        None => match target.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                return Err(
                    "the target has too many colons (hint: an IPv6 address stands in brackets: [::1]:443)",
                );
            }
            Some(parts) => parts,
            None => return Err("the target has no port (hint: host:443)"),
        },
    };
    let port = port.parse().map_err(|_| "the target's port is no number from 0 to 65535")?;
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (target, expected) in [
            ("db.example:5432", Ok(("db.example", 5432))),
            ("127.0.0.1:0", Ok(("127.0.0.1", 0))),
            (":0", Ok(("", 0))),
            ("[::1]:443", Ok(("::1", 443))),
            ("[fe80::1%eth0]:22", Ok(("fe80::1%eth0", 22))),
        ] {
            assert_eq!(host_and_port(target), expected, "{target}");
        }
        for target in
            ["", "a", "a:", "a:b", "a:-1", "a:65536", "::1:443", "[::1]", "[::1", "http://a:80", "a:80/"]
        {
            assert!(host_and_port(target).is_err(), "{target}");
        }
    }
}
