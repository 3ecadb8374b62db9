//! What a server serves, by whatever means it can be learnt.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::dial::{Dial, dial};
use crate::failure::{Failure, Reason};
use crate::legacy;
use crate::phase::{Phase, Timings};
use crate::starttls::{self, Protocol};
use crate::tls::{Seen, TlsOptions, TlsStream, Version, handshake};

/// The versions that are asked for one by one.
const SCANNED: [Version; 4] = [Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13];

/// What was learnt about a server.
#[derive(Debug, Default)]
pub struct Observation {
    /// The address that was connected to, or tried.
    pub peer: Option<SocketAddr>,
    /// What it showed.
    pub seen: Seen,
    /// The connection, unless it failed. Whoever shuts it down before dropping it leaves no complaint in the server's
    /// log.
    pub stream: Option<TlsStream<TcpStream>>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What the phases took.
    pub timings: Timings,
}

/// Connects, starts TLS and shakes hands. With a server that is too old or too odd for that a second connection only
/// looks at what it serves; the failure stays.
pub async fn observe(
    to: &Dial,
    starttls: Option<Protocol>,
    tls: &TlsOptions,
    deadline: Instant,
) -> Observation {
    let host = tls.server_name.as_deref().unwrap_or(&to.host);
    let (stream, peer, mut timings) = match connect(to, starttls, host, deadline).await {
        Ok(connected) => connected,
        Err(failure) => {
            let (peer, timings) = (failure.peer, failure.timings);
            return Observation { peer, failure: Some(failure), timings, ..Observation::default() };
        }
    };
    let done = handshake(stream, tls, deadline).await;
    timings.join(&done.timings);
    let mut observation = Observation {
        peer: Some(peer),
        seen: done.seen,
        stream: done.stream,
        failure: done.failure.map(|failure| Failure { peer: Some(peer), timings, ..failure }),
        timings,
    };
    let hidden = observation.seen.chain.is_empty();
    if let Some(failure) = observation.failure.as_mut().filter(|failure| hidden && may_be_old(failure)) {
        let name = tls.server_name.as_deref();
        if let Some(seen) = look(to, starttls, host, name, deadline).await {
            failure.reason = match seen.version {
                Some(version) if version < Version::Tls12 => Reason::TlsVersion,
                _ => Reason::TlsParameters,
            };
            observation.seen = seen;
        }
    }
    observation
}

/// Which versions the server accepts, each by a connection of its own; the failure is of the first that could not be
/// asked for.
pub async fn accepted_versions(
    to: &Dial,
    starttls: Option<Protocol>,
    server_name: Option<&str>,
    deadline: Instant,
) -> Result<Vec<(Version, bool)>, Failure> {
    let host = server_name.unwrap_or(&to.host);
    let mut found = Vec::with_capacity(SCANNED.len());
    for version in SCANNED {
        let (mut stream, _, _) = connect(to, starttls, host, deadline).await?;
        found.push((version, legacy::accepts(&mut stream, version, server_name, deadline).await?));
    }
    Ok(found)
}

/// A connection on which TLS can begin.
async fn connect(
    to: &Dial,
    starttls: Option<Protocol>,
    host: &str,
    deadline: Instant,
) -> Result<(TcpStream, SocketAddr, Timings), Failure> {
    let dialed = dial(to, deadline).await?;
    let (mut stream, peer, mut timings) = (dialed.stream, dialed.peer, dialed.timings);
    if let Some(protocol) = starttls {
        let talk = starttls::negotiate(&mut stream, protocol, host, deadline);
        let done = timings.measure(Phase::StartTls, deadline, talk).await;
        done.map_err(|failure| Failure { peer: Some(peer), timings, ..failure })?;
    }
    Ok((stream, peer, timings))
}

async fn look(
    to: &Dial,
    starttls: Option<Protocol>,
    host: &str,
    name: Option<&str>,
    deadline: Instant,
) -> Option<Seen> {
    let (mut stream, _, _) = connect(to, starttls, host, deadline).await.ok()?;
    let seen = legacy::recognise(&mut stream, name, deadline).await.seen;
    (!seen.chain.is_empty()).then_some(seen)
}

/// Whether a server that is only old would fail like this.
fn may_be_old(failure: &Failure) -> bool {
    matches!(
        failure.reason,
        Reason::TlsVersion
            | Reason::TlsParameters
            | Reason::TlsAlert
            | Reason::TlsHandshake
            | Reason::Closed
            | Reason::Reset
    )
}
