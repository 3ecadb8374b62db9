//! A TCP connection, through a proxy where there is one.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};

use crate::address::{self, Family};
use crate::failure::{Failure, Reason};
use crate::guard::Guard;
use crate::phase::{Phase, Timings};
use crate::proxy::{self, Proxy};

/// How long the first family is waited for before the other one is tried beside it (RFC 8305, and Go's choice).
const HEAD_START: Duration = Duration::from_millis(300);

/// Each address gets its part of the time, but not less than this while there is as much.
const LEAST_TRY: Duration = Duration::from_secs(2);

/// How to get to a server.
#[derive(Clone, Debug)]
pub struct Dial {
    /// The server: a name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The IP protocol.
    pub family: Family,
    /// Whether the other protocol will do when the server has none of this one.
    pub fallback: bool,
    /// The address to come from.
    pub source: Option<IpAddr>,
    /// Connect to this address instead of asking for the host's.
    pub connect_to: Option<SocketAddr>,
    /// Go through this proxy. It is the proxy then that is resolved, and that resolves the host.
    pub proxy: Option<Proxy>,
    /// Which addresses are allowed. A proxy is the operator's choice and is not asked about, nor are the addresses
    /// that it connects to.
    pub guard: Option<Guard>,
}

impl Dial {
    /// The usual way to a server.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            family: Family::Any,
            fallback: true,
            source: None,
            connect_to: None,
            proxy: None,
            guard: None,
        }
    }

    /// Whom a proxy connects to.
    fn to(&self) -> (Cow<'_, str>, u16) {
        match self.connect_to {
            Some(address) => (address.ip().to_string().into(), address.port()),
            None => (self.host.as_str().into(), self.port),
        }
    }

    /// The host and port in one, as `CONNECT` and messages have it.
    pub fn authority(&self) -> String {
        let (host, port) = self.to();
        proxy::authority(&host, port)
    }
}

/// A connection.
#[derive(Debug)]
pub struct Dialed {
    /// The connection itself; small packets go out at once.
    pub stream: TcpStream,
    /// The address at its other end: the server's or the proxy's.
    pub peer: SocketAddr,
    /// What the phases took.
    pub timings: Timings,
}

/// Connects before `deadline`. A failure holds the timings and the address as far as they came.
pub async fn dial(dial: &Dial, deadline: Instant) -> Result<Dialed, Failure> {
    let mut timings = Timings::NONE;
    let mut peer = None;
    match phases(dial, deadline, &mut timings, &mut peer).await {
        Ok((stream, peer)) => Ok(Dialed { stream, peer, timings }),
        Err(failure) => Err(Failure { peer, timings, ..failure }),
    }
}

async fn phases(
    dial: &Dial,
    deadline: Instant,
    timings: &mut Timings,
    peer: &mut Option<SocketAddr>,
) -> Result<(TcpStream, SocketAddr), Failure> {
    let addresses = match (&dial.proxy, dial.connect_to) {
        (Some(proxy), _) => {
            let found = timings.measure(Phase::Resolve, deadline, address::lookup(&proxy.host, proxy.port));
            address::choose(found.await?, dial.family, dial.fallback, dial.source, None)?
        }
        // it was chosen, so no family is preferred
        (None, Some(address)) => {
            address::choose(vec![address], Family::Any, true, dial.source, dial.guard.as_ref())?
        }
        (None, None) => {
            let found = timings.measure(Phase::Resolve, deadline, address::lookup(&dial.host, dial.port));
            address::choose(found.await?, dial.family, dial.fallback, dial.source, dial.guard.as_ref())?
        }
    };
    *peer = addresses.first().copied();
    let racing = race(&addresses, dial.source, deadline, peer);
    let (mut stream, address) = timings.measure(Phase::Connect, deadline, racing).await?;
    *peer = Some(address);
    if let Some(proxy) = &dial.proxy {
        let (host, port) = dial.to();
        let tunnel = proxy::tunnel(&mut stream, proxy, &host, port);
        timings.measure(Phase::Proxy, deadline, tunnel).await?;
    }
    Ok((stream, address))
}

/// The first family's addresses in their order, and the other's beside them after a while or as soon as the first
/// have failed; the first connection wins. The failure is that of the first family.
async fn race(
    addresses: &[SocketAddr],
    source: Option<IpAddr>,
    deadline: Instant,
    tried: &mut Option<SocketAddr>,
) -> Result<(TcpStream, SocketAddr), Failure> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|address| address.is_ipv4() == first_is_v4);
    if second.is_empty() {
        return in_turn(&first, source, deadline, tried).await;
    }
    let mut other_tried = None;
    let mut ahead = std::pin::pin!(in_turn(&first, source, deadline, tried));
    let early = tokio::select! {
        done = &mut ahead => Some(done),
        () = sleep(HEAD_START) => None,
    };
    let mut behind = std::pin::pin!(in_turn(&second, source, deadline, &mut other_tried));
    match early {
        Some(Ok(done)) => Ok(done),
        Some(Err(failure)) => behind.await.map_err(|_| failure),
        None => tokio::select! {
            done = &mut ahead => match done {
                Ok(done) => Ok(done),
                Err(failure) => behind.await.map_err(|_| failure),
            },
            done = &mut behind => match done {
                Ok(done) => Ok(done),
                Err(_) => ahead.await,
            },
        },
    }
}

/// Tries one address after the other; a dead one must not take the time of all.
async fn in_turn(
    addresses: &[SocketAddr],
    source: Option<IpAddr>,
    deadline: Instant,
    tried: &mut Option<SocketAddr>,
) -> Result<(TcpStream, SocketAddr), Failure> {
    let mut first_failure = None;
    for (index, &address) in addresses.iter().enumerate() {
        *tried = Some(address);
        let until = part_of(deadline, addresses.len() - index);
        let failure = match timeout_at(until, connect(address, source)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => Failure::io(Phase::Connect, error),
            Err(_) => Failure::new(Phase::Connect, Reason::Timeout),
        };
        first_failure.get_or_insert(failure);
    }
    Err(first_failure.unwrap_or_else(|| Failure::new(Phase::Resolve, Reason::NoAddress)))
}

/// Until when the next of `left` addresses is tried.
fn part_of(deadline: Instant, left: usize) -> Instant {
    let now = Instant::now();
    let remaining = deadline.saturating_duration_since(now);
    let part = remaining / u32::try_from(left).unwrap_or(u32::MAX).max(1);
    now + part.max(LEAST_TRY).min(remaining)
}

async fn connect(address: SocketAddr, source: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // a dialogue of small packets must not wait for acknowledgements
    socket.set_nodelay(true)?;
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(address).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        for (host, expected) in
            [("db.example", "db.example:443"), ("::1", "[::1]:443"), ("[::1]", "[::1]:443")]
        {
            assert_eq!(Dial::new(host, 443).authority(), expected);
        }
        let to = Dial { connect_to: Some(([127, 0, 0, 1], 1).into()), ..Dial::new("db.example", 443) };
        assert_eq!(to.authority(), "127.0.0.1:1");
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_is_dead() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let alive = listener.local_addr().unwrap();
        // nobody listens on port 1; documentation's addresses lead nowhere
        let dead: SocketAddr = ([127, 0, 0, 1], 1).into();
        let dead_6: SocketAddr = (std::net::Ipv6Addr::LOCALHOST, 1).into();
        let deadline = Instant::now() + Duration::from_secs(20);
        for addresses in
            [vec![dead, alive], vec![dead_6, alive], vec![alive, dead_6], vec![dead_6, dead, alive]]
        {
            let mut tried = None;
            let (_, address) = race(&addresses, None, deadline, &mut tried).await.unwrap();
            assert_eq!(address, alive, "{addresses:?}");
        }
        for addresses in [vec![dead], vec![dead, dead_6]] {
            let failure = race(&addresses, None, deadline, &mut None).await.unwrap_err();
            assert_eq!((failure.phase, failure.reason), (Phase::Connect, Reason::Refused), "{addresses:?}");
        }
    }

    #[tokio::test]
    async fn the_other_family_does_not_wait_for_one_that_is_silent() {
        let silent = kit::blackhole::Full::start().await.unwrap();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        // the same listener, by a socket of the other family
        let port = listener.local_addr().unwrap().port();
        let alive = SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(), port);
        let addresses = [silent.address().unwrap(), alive];
        let deadline = Instant::now() + Duration::from_secs(20);
        let (_, address) = race(&addresses, None, deadline, &mut None).await.unwrap();
        assert_eq!(address, alive);
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_shared_among_the_addresses() {
        let now = Instant::now();
        let seconds = |total, left| (part_of(now + Duration::from_secs(total), left) - now).as_secs();
        assert_eq!(seconds(10, 1), 10);
        assert_eq!(seconds(10, 2), 5);
        assert_eq!(seconds(10, 20), 2);
        assert_eq!(seconds(1, 20), 1);
    }
}
