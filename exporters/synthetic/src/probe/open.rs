//! From a target of host and port to a connection, plain or in TLS, for probers that log in and ask something.

use std::net::IpAddr;

use netprobe::failure::Failure;
use netprobe::phase::Phase;
use netprobe::starttls::{self, Protocol};
use tokio::io::{AsyncRead, AsyncWrite};

use super::secure::{self, Wanted};
use super::{Engine, Job, Preference, resolve};
use crate::config::TlsSettings;
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;

/// A connection of either kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How to get to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'a> {
    /// A name, or an address without brackets.
    pub(crate) host: &'a str,
    /// The port.
    pub(crate) port: u16,
    /// The IP protocol.
    pub(crate) preference: Preference,
    /// The address to come from.
    pub(crate) source: Option<IpAddr>,
    /// TLS, where it is spoken.
    pub(crate) tls: Option<&'a TlsSettings>,
    /// The protocol that is told to go on in TLS, where TLS does not begin at once.
    pub(crate) starttls: Option<Protocol>,
}

/// Connects, by the job's deadline.
pub(crate) async fn open(
    engine: &Engine,
    job: &Job<'_>,
    way: Way<'_>,
    outcome: &mut Outcome,
) -> Result<Box<dyn Stream>, Failed> {
    let place = resolve::Place { host: way.host, port: way.port, preference: way.preference };
    let address = resolve::choose(engine, job, place, outcome).await?;
    let mut stream = resolve::connect(address, way.source, job, outcome).await?;
    let Some(settings) = way.tls else { return Ok(Box::new(stream)) };
    if let Some(protocol) = way.starttls {
        let negotiating = starttls::negotiate(&mut stream, protocol, way.host, job.deadline);
        let negotiated = outcome.timings.measure(Phase::StartTls, job.deadline, negotiating).await;
        negotiated.map_err(|failure| Failed::of(&failure))?;
    }
    // what is asked afterwards shows a refusal of our certificate
    let wanted = Wanted { settings, host: way.host, port: way.port, alpn: &[], learn_refusal: false };
    let stream = secure::handshake(engine, job, stream, wanted, outcome).await?;
    Ok(Box::new(stream))
}

/// Does a part of a dialogue by the job's deadline, and writes down what it took.
pub(crate) async fn part<T>(
    phase: Phase,
    job: &Job<'_>,
    outcome: &mut Outcome,
    work: impl Future<Output = T>,
) -> Result<T, Failed> {
    let done = outcome.timings.measure(phase, job.deadline, async { Ok(work.await) }).await;
    done.map_err(|_late| Failed::new(phase.as_str(), Reason::Timeout, "no answer in time"))
}

/// A failure to write or read.
pub(crate) fn broken(phase: Phase, error: std::io::Error) -> Failed {
    Failed::of(&Failure::io(phase, error))
}

/// Host and port of a target as `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`, or one of the URLs whose schemes are given. A
/// target holds no user: it is shown on pages.
pub(crate) fn authority<'a>(
    target: &'a str,
    schemes: &[&str],
    usual_port: u16,
) -> Result<(&'a str, u16), Failed> {
    let bad = |message: &str| Failed::new("target", Reason::TargetInvalid, message);
    let rest = match target.split_once("://") {
        None => target,
        Some((scheme, rest)) if schemes.contains(&scheme) => rest,
        Some(_) => return Err(bad("the target is no address of this kind (hint: HOST:PORT)")),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(bad("a target holds no user or password (hint: they are settings of the module)"));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) =
                rest.split_once(']').ok_or_else(|| bad("a bracket of the target is not closed"))?;
            match port.strip_prefix(':') {
                None if !port.is_empty() => return Err(bad("something stands behind the target's bracket")),
                port => (host, port),
            }
        }
        // an address of IPv6 without brackets has no port
        None if authority.matches(':').count() > 1 => (authority, None),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(bad("the target names no host (hint: HOST:PORT)"));
    }
    let port = match port {
        None => usual_port,
        Some(port) => port.parse().map_err(|_no_number| bad("the target's port is no number up to 65535"))?,
    };
    Ok((host, port))
}

/// A host as URLs have it: an address of IPv6 in brackets.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        for (target, expected) in [
            ("db", Some(("db", 5432))),
            ("db:1", Some(("db", 1))),
            ("postgresql://db:1/app?x=y", Some(("db", 1))),
            ("postgresql://db", Some(("db", 5432))),
            ("[::1]:1", Some(("::1", 1))),
            ("[::1]", Some(("::1", 5432))),
            ("::1", Some(("::1", 5432))),
            ("", None),
            (":1", None),
            ("db:x", None),
            ("db:99999", None),
            ("[::1", None),
            ("[::1]5433", None),
            ("redis://db", None),
            ("postgresql://monitor:password@db", None),
        ] {
            let found = authority(target, &["postgresql"], 5432);
            match &found {
                Ok(found) => assert_eq!(Some(*found), expected, "{target}"),
                Err(failed) => {
                    assert_eq!(expected, None, "{target}");
                    assert!(!failed.message.contains("password@"), "{}", failed.message);
                }
            }
        }
    }
}
