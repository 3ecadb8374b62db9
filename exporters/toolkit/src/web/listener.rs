//! The listening sockets of a program, bound before it says that it is ready.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::join_all;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::access::Access;
use super::address::{InvalidAddress, ListenAddress};
use super::connection::Gate;
use super::pace::Limits;

/// Bound sockets, not yet served.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<(TcpListener, SocketAddr)>,
    limits: Limits,
}

/// Why an address cannot be listened on; displayed as one line that names it.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// There is no address at all.
    #[error("no listen address (hint: --web.listen-address=:9121)")]
    None,
    /// The address cannot be read.
    #[error("invalid listen address `{address}`: {error}")]
    Invalid {
        /// The address as it was given.
        address: String,
        /// What is wrong with it.
        error: InvalidAddress,
    },
    /// Somebody else listens there.
    #[error(
        "cannot listen on {address}: the port is in use (hint: stop the other program, see `ss -ltnp`, or choose \
         another --web.listen-address)"
    )]
    InUse {
        /// The address as it was given.
        address: String,
    },
    /// The address is not one of this machine.
    #[error("cannot listen on {address}: this machine has no such address (hint: `ip address` lists them)")]
    NotHere {
        /// The address as it was given.
        address: String,
    },
    /// The user may not listen there.
    #[error("cannot listen on {address}: permission denied (hint: ports below 1024 need root)")]
    Denied {
        /// The address as it was given.
        address: String,
    },
    /// The name of the host is unknown, or anything else.
    #[error("cannot listen on {address}: {error}")]
    Other {
        /// The address as it was given.
        address: String,
        /// What the system says.
        error: io::Error,
    },
}

impl Listener {
    /// Binds every address: `:9121`, `0.0.0.0:9121`, `[::1]:9121`, `localhost:0`.
    pub async fn bind<S: AsRef<str>>(addresses: impl IntoIterator<Item = S>) -> Result<Self, BindError> {
        let mut sockets = Vec::new();
        for address in addresses {
            sockets.push(bind(address.as_ref()).await?);
        }
        if sockets.is_empty() {
            return Err(BindError::None);
        }
        Ok(Self { sockets, limits: Limits::default() })
    }

    /// Has room for the connections of twice as many requests as are collected at once: a pair of Prometheis.
    #[must_use]
    pub fn for_requests(mut self, requests: usize) -> Self {
        self.limits.connections = self.limits.connections.max(requests.saturating_mul(2).min(MAX_PLACES));
        self
    }

    /// The bound addresses with their real ports, in the order given.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|(_, address)| *address).collect()
    }

    /// Serves until `shutdown`; then lets requests in flight end, but not for longer than 5 s.
    pub async fn serve(self, router: Router, access: Arc<Access>, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let limits = Arc::new(self.limits);
        let places = Arc::new(Semaphore::new(limits.connections));
        for (_, address) in &self.sockets {
            tracing::info!(%address, tls = access.tls(), "listening");
        }
        let gate = Gate { router, access, limits, places, stop: stopped };
        let sockets = self.sockets.into_iter().map(|(socket, _)| accept_all(socket, gate.clone()));
        let stopping = async {
            shutdown.await;
            stop.send_replace(true);
        };
        tokio::join!(join_all(sockets), stopping);
    }

    #[cfg(test)]
    pub(super) fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl BindError {
    /// The kind of failure, for logs and tests.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Invalid { .. } => "invalid",
            Self::InUse { .. } => "in_use",
            Self::NotHere { .. } => "not_here",
            Self::Denied { .. } => "denied",
            Self::Other { .. } => "other",
        }
    }

    fn of(address: &str, error: io::Error) -> Self {
        let address = address.to_owned();
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::AddrNotAvailable => Self::NotHere { address },
            io::ErrorKind::PermissionDenied => Self::Denied { address },
            _ => Self::Other { address, error },
        }
    }
}

async fn bind(text: &str) -> Result<(TcpListener, SocketAddr), BindError> {
    let address =
        ListenAddress::parse(text).map_err(|error| BindError::Invalid { address: text.to_owned(), error })?;
    let candidates = address.bindable().await.map_err(|error| BindError::of(text, error))?;
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in candidates {
        match TcpListener::bind(candidate).await.and_then(with_address) {
            Ok(bound) => return Ok(bound),
            // The next candidate is the same port in another family: it must not hide that this one is taken.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(BindError::of(text, error)),
            Err(error) => failure = error,
        }
    }
    Err(BindError::of(text, failure))
}

fn with_address(socket: TcpListener) -> io::Result<(TcpListener, SocketAddr)> {
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// Accepts until the program stops, then waits for what is in flight.
async fn accept_all(socket: TcpListener, gate: Gate) {
    let mut connections = JoinSet::new();
    let mut stop = gate.stop.clone();
    loop {
        let next = accept(&socket, &gate.places);
        let (place, stream, peer) = tokio::select! {
            Some(accepted) = next => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let gate = gate.clone();
        connections.spawn(async move {
            let _place = place;
            gate.serve(stream, peer).await;
        });
        while connections.try_join_next().is_some() {}
    }
    // From here on the port refuses, so that a load balancer or a second instance takes over.
    drop(socket);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(gate.limits.stop, ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "stopped with requests in flight");
    }
}

/// The next connection for which there is a place. `None` never comes: the semaphore is not closed.
async fn accept(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    // Taken before the connection: those without a place wait in the kernel's queue.
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    let mut pause = FIRST_PAUSE;
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                // A page is written in one go; waiting for more to send only delays its end.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%peer, %error, "connection is gone already");
                }
                return Some((place, stream, peer));
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                // Mostly EMFILE: without a pause it would come again at once, for as long as files are short.
                if pause == FIRST_PAUSE {
                    tracing::warn!(%error, "cannot accept connections; trying again");
                }
                sleep(pause).await;
                pause = (pause * 2).min(LAST_PAUSE);
            }
        }
    }
}

/// Errors of a connection that ended before it was accepted; the socket itself is well.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The first pause after a failed accept; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest one: a scrape that waits for it still comes through.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Connections, however many requests are allowed at once: some 300 MiB.
const MAX_PLACES: usize = 10_000;
