//! Pings in flight: one socket for each IP protocol and source address, and a table of who waits for what.
//!
//! A reply is looked up by where it came from and its number, and then has to hold what the request held: so many pings
//! cost so many look-ups, and none gets another's reply. A socket is closed when nobody waits on it any more.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::packet::{self, Payload, Received, Why};
use super::socket::{Mode, NoSocket, Packet, Sending, Socket};

/// After so many packets sent, those that came are read, so that they do not fill the kernel's buffer.
const READ_AFTER: u64 = 16;

/// All sockets in use.
#[derive(Debug, Default)]
pub(crate) struct Pings {
    hubs: Mutex<Hubs>,
}

/// For IPv4 or not, and a source address.
type Hubs = HashMap<(bool, Option<IpAddr>), Weak<Hub>>;

impl Pings {
    /// The socket for this IP protocol and source; opened when nobody else uses it.
    pub(super) fn hub(&self, is_v4: bool, source: Option<IpAddr>) -> Result<Arc<Hub>, NoSocket> {
        let mut hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hub) = hubs.get(&(is_v4, source)).and_then(Weak::upgrade) {
            return Ok(hub);
        }
        hubs.retain(|_, hub| hub.strong_count() > 0);
        let hub = Arc::new(Hub::open(is_v4, source)?);
        hubs.insert((is_v4, source), Arc::downgrade(&hub));
        Ok(hub)
    }
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was answered.
    Answered {
        /// How long that took.
        rtt: Duration,
        /// Over how many routers the answer might still have gone.
        hop_limit: Option<u8>,
    },
    /// Somebody says that it did not arrive.
    Undelivered(Why),
}

/// One socket and who waits on it.
#[derive(Debug)]
pub(super) struct Hub {
    shared: Arc<Shared>,
    reader: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    socket: Socket,
    id: u16,
    sequence: AtomicU16,
    cookie: AtomicU64,
    sent: AtomicU64,
    waiting: Mutex<HashMap<Key, Waiting>>,
}

/// Where a reply has to come from, and its number.
type Key = (IpAddr, u16);

#[derive(Debug)]
struct Waiting {
    payload: Payload,
    sent: Instant,
    fates: mpsc::UnboundedSender<Fate>,
}

impl Hub {
    fn open(is_v4: bool, source: Option<IpAddr>) -> Result<Self, NoSocket> {
        let socket = Socket::open(is_v4, source)?;
        let mut random = [0; 12];
        // without random numbers a reply is still known by where it came from and its number
        let _best_effort = aws_lc_rs::rand::fill(&mut random);
        let [a, b, c, d, cookie @ ..] = random;
        let shared = Arc::new(Shared {
            socket,
            id: u16::from_be_bytes([a, b]),
            sequence: AtomicU16::new(u16::from_be_bytes([c, d])),
            cookie: AtomicU64::new(u64::from_be_bytes(cookie)),
            sent: AtomicU64::new(0),
            waiting: Mutex::default(),
        });
        let reading = Arc::clone(&shared);
        let reader = tokio::spawn(async move {
            while reading.socket.readable().await.is_ok() {
                reading.read();
            }
        });
        Ok(Self { shared, reader: reader.abort_handle() })
    }

    /// Begins to ping an address.
    pub(super) fn flight(self: &Arc<Self>, to: SocketAddr, size: usize, sending: Sending) -> Flight {
        let (sender, fates) = mpsc::unbounded_channel();
        Flight { hub: Arc::clone(self), to, size, sending, keys: Vec::new(), sender, fates }
    }
}

#[cfg(test)]
impl Hub {
    /// Packets that are waited for.
    pub(super) fn waiting_for(&self) -> usize {
        self.shared.waiting().len()
    }
}

#[cfg(test)]
impl Pings {
    /// Sockets that are remembered.
    pub(super) fn known(&self) -> usize {
        self.hubs.lock().unwrap().len()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, HashMap<Key, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) {
        self.socket.drain(|packet| self.dispatch(&packet));
    }

    /// Gives a packet to whom it is for, if anybody.
    fn dispatch(&self, packet: &Packet<'_>) {
        let ours = |id: u16| self.socket.mode == Mode::Unprivileged || id == self.id;
        match packet.received {
            Received::Reply { id, sequence, payload } if ours(id) => {
                if let Some(waiting) = self.take((packet.from, sequence), |asked| asked.is(payload)) {
                    let elapsed = waiting.sent.elapsed();
                    let rtt = elapsed.checked_sub(packet.age).unwrap_or(elapsed);
                    // who does not wait any more needs no answer
                    let _gone = waiting.fates.send(Fate::Answered { rtt, hop_limit: packet.hop_limit });
                }
            }
            Received::Undelivered { destination, id, sequence, why } if ours(id) => {
                if let Some(waiting) = self.take((destination, sequence), |_| true) {
                    let _gone = waiting.fates.send(Fate::Undelivered(why));
                }
            }
            _ => {}
        }
    }

    fn take(&self, key: Key, is: impl FnOnce(&Payload) -> bool) -> Option<Waiting> {
        match self.waiting().entry(key) {
            Entry::Occupied(waiting) if is(&waiting.get().payload) => Some(waiting.remove()),
            _ => None,
        }
    }

    /// A number that nobody waits for from this address.
    fn enter(
        &self,
        to: IpAddr,
        size: usize,
        fates: &mpsc::UnboundedSender<Fate>,
    ) -> io::Result<(Key, Payload)> {
        let mut waiting = self.waiting();
        let cookie = self.cookie.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let payload = Payload { cookie, size };
        for _ in 0..=u16::MAX {
            let key = (to, self.sequence.fetch_add(1, Ordering::Relaxed));
            if let Entry::Vacant(place) = waiting.entry(key) {
                place.insert(Waiting { payload, sent: Instant::now(), fates: fates.clone() });
                return Ok((key, payload));
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "too many pings of one address are in flight"))
    }
}

/// The packets of one ping. When it goes, nobody waits for them any more.
#[derive(Debug)]
pub(super) struct Flight {
    hub: Arc<Hub>,
    to: SocketAddr,
    size: usize,
    sending: Sending,
    keys: Vec<Key>,
    sender: mpsc::UnboundedSender<Fate>,
    fates: mpsc::UnboundedReceiver<Fate>,
}

impl Flight {
    /// Which kind of socket it goes over.
    pub(super) fn mode(&self) -> Mode {
        self.hub.shared.socket.mode
    }

    /// Sends the next packet.
    pub(super) async fn send(&mut self) -> io::Result<()> {
        let shared = &self.hub.shared;
        let (key, payload) = shared.enter(self.to.ip(), self.size, &self.sender)?;
        self.keys.push(key);
        let packet = packet::request(shared.socket.is_v4, shared.id, key.1, payload);
        let sent = shared.socket.send(self.to, &packet, self.sending).await;
        if shared.sent.fetch_add(1, Ordering::Relaxed).is_multiple_of(READ_AFTER) {
            shared.read();
        }
        sent
    }

    /// What became of one of them, when that is known.
    pub(super) async fn fate(&mut self) -> Fate {
        match self.fates.recv().await {
            Some(fate) => fate,
            // we hold a sender ourselves
            None => std::future::pending().await,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut waiting = self.hub.shared.waiting();
        for key in &self.keys {
            waiting.remove(key);
        }
    }
}
