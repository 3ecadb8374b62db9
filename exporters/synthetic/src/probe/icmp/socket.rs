//! A socket for ICMP: without privileges where the machine allows that, else a raw one.
//!
//! An unprivileged socket gets only its own replies. A raw one gets all of the machine's, which is why there is one for
//! all pings and not one for each.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt as nix_option,
};
use rustix::io::Errno;
use rustix::net::sockopt::{self as option, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use rustix::net::{
    AddressFamily, Protocol, SendFlags, SocketFlags, SocketType, bind, ipproto, sendto, socket_with,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::packet::{self, Form, Received};

/// Bytes for packets that wait to be read: a few thousand. The machine may grant less (`net.core.rmem_max`).
const RECEIVE_BUFFER: usize = 4 << 20;

/// Bytes of the largest packet.
const LARGEST: usize = 1 << 16;

/// Bytes for what the kernel says about a packet: the hop limit, the time, an error and who told it.
const CONTROL: usize = 256;

/// What it takes to be allowed.
const REMEDY: &str = "pings are not allowed: neither without privileges (net.ipv4.ping_group_range) nor by raw sockets (CAP_NET_RAW) (hint: `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`, or the capability: `AmbientCapabilities=CAP_NET_RAW` in systemd, `--cap-add=NET_RAW` in Docker, `setcap cap_net_raw+ep` on the program)";

/// Which kind of socket there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// `SOCK_DGRAM`: the kernel chooses the number and checks the replies.
    Unprivileged,
    /// `SOCK_RAW`.
    Raw,
}

impl Mode {
    /// Its word in labels.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unprivileged => "unprivileged",
            Self::Raw => "raw",
        }
    }
}

/// How a packet is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sending {
    /// Over how many routers it may go.
    pub(super) ttl: u8,
    /// Whether it must not be cut.
    pub(super) dont_fragment: bool,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoSocket {
    /// The machine does not allow it.
    #[error("{REMEDY}")]
    Forbidden,
    /// Something else.
    #[error("a socket for ICMP cannot be opened")]
    Io(#[source] io::Error),
}

/// A packet that came, and matters.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    pub(super) from: IpAddr,
    pub(super) received: Received<'a>,
    pub(super) hop_limit: Option<u8>,
    /// How long it has lain in the kernel.
    pub(super) age: Duration,
}

/// A socket for ICMP of one IP protocol.
#[derive(Debug)]
pub(super) struct Socket {
    /// It is not UDP's. This is what tokio waits for without unsafe code of ours.
    fd: UdpSocket,
    pub(super) mode: Mode,
    pub(super) is_v4: bool,
    /// How the last packet was sent: the options stand on the socket, and most packets go the same way.
    last: Mutex<Option<Sending>>,
    /// Where packets are read to.
    buffers: Mutex<Buffers>,
}

#[derive(Debug)]
struct Buffers {
    packet: Vec<u8>,
    control: Vec<u8>,
}

impl Socket {
    /// Opens a socket of the IP protocol, bound to `source` where there is one.
    pub(super) fn open(is_v4: bool, source: Option<IpAddr>) -> Result<Self, NoSocket> {
        let (mode, fd) = match create(is_v4, SocketType::DGRAM) {
            Ok(fd) => (Mode::Unprivileged, fd),
            Err(_not_allowed) => (Mode::Raw, create(is_v4, SocketType::RAW).map_err(no_socket)?),
        };
        prepare(&fd, is_v4, mode, source).map_err(NoSocket::Io)?;
        let fd = UdpSocket::from_std(fd.into()).map_err(NoSocket::Io)?;
        let buffers = Buffers { packet: vec![0; LARGEST], control: vec![0; CONTROL] };
        Ok(Self { fd, mode, is_v4, last: Mutex::default(), buffers: Mutex::new(buffers) })
    }

    /// Sends a packet; waits while the machine has no room for it.
    pub(super) async fn send(&self, to: SocketAddr, packet: &[u8], sending: Sending) -> io::Result<()> {
        let send = || {
            // nobody else may set other options before the packet has left
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if *last != Some(sending) {
                *last = None;
                set(&self.fd, self.is_v4, sending)?;
                *last = Some(sending);
            }
            let send = || sendto(&self.fd, packet, SendFlags::empty(), &to);
            // an error that a router told of another packet is told to whoever sends next, once
            let sent = send().or_else(|error| match (self.mode, error) {
                (Mode::Unprivileged, error) if error != Errno::AGAIN => send(),
                (_, error) => Err(error),
            });
            sent.map_err(io::Error::from)
        };
        self.fd.async_io(Interest::WRITABLE, send).await.map(|_sent| ())
    }

    /// Waits until there is something to read.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.fd.ready(Interest::READABLE | Interest::ERROR).await.map(|_ready| ())
    }

    /// Gives all packets to `take` that have come.
    pub(super) fn drain(&self, mut take: impl FnMut(Packet<'_>)) {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let Buffers { packet, control } = &mut *buffers;
        // a raw socket gets the errors as packets
        let queues = [(Interest::READABLE, MsgFlags::empty()), (Interest::ERROR, MsgFlags::MSG_ERRQUEUE)];
        for (interest, queue) in queues {
            loop {
                let came = self.fd.try_io(interest, || Ok(receive(&self.fd, queue, packet, control)?));
                let Ok(came) = came else { break };
                if let Some(packet) = self.read(&came, packet.get(..came.length).unwrap_or_default()) {
                    take(packet);
                }
            }
        }
    }

    fn read<'a>(&self, came: &Came, bytes: &'a [u8]) -> Option<Packet<'a>> {
        let form = match (self.is_v4, self.mode) {
            (true, Mode::Raw) => Form::V4WithHeader,
            (true, Mode::Unprivileged) => Form::V4,
            (false, _) => Form::V6,
        };
        let from = came.from?;
        let received = match came.error {
            Some(said) => packet::read_error(self.is_v4, said, from, bytes)?,
            None => packet::read(form, bytes)?,
        };
        let in_header = if form == Form::V4WithHeader { packet::hop_limit_v4(bytes) } else { None };
        Some(Packet { from, received, hop_limit: came.hop_limit.or(in_header), age: age(came.stamp) })
    }
}

fn create(is_v4: bool, kind: SocketType) -> rustix::io::Result<OwnedFd> {
    let (family, protocol): (_, Protocol) =
        if is_v4 { (AddressFamily::INET, ipproto::ICMP) } else { (AddressFamily::INET6, ipproto::ICMPV6) };
    socket_with(family, kind, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, Some(protocol))
}

fn no_socket(error: Errno) -> NoSocket {
    match error {
        Errno::PERM | Errno::ACCESS => NoSocket::Forbidden,
        other => NoSocket::Io(other.into()),
    }
}

fn prepare(fd: &OwnedFd, is_v4: bool, mode: Mode, source: Option<IpAddr>) -> io::Result<()> {
    if let Some(source) = source {
        bind(fd, &SocketAddr::new(source, 0))?;
    }
    option::set_socket_recv_buffer_size(fd, RECEIVE_BUFFER)?;
    setsockopt(fd, nix_option::ReceiveTimestampns, &true)?;
    if is_v4 {
        setsockopt(fd, nix_option::Ipv4RecvTtl, &true)?;
    } else {
        setsockopt(fd, nix_option::Ipv6RecvHopLimit, &true)?;
    }
    match (mode, is_v4) {
        (Mode::Raw, _) => {}
        (Mode::Unprivileged, true) => setsockopt(fd, nix_option::Ipv4RecvErr, &true)?,
        (Mode::Unprivileged, false) => setsockopt(fd, nix_option::Ipv6RecvErr, &true)?,
    }
    Ok(())
}

fn set(fd: &UdpSocket, is_v4: bool, sending: Sending) -> io::Result<()> {
    let whole = sending.dont_fragment;
    // PROBE: marked, and larger than what the kernel believes the way carries if need be: that is what is measured
    if is_v4 {
        option::set_ip_ttl(fd, sending.ttl.into())?;
        let discovery = if whole { Ipv4PathMtuDiscovery::PROBE } else { Ipv4PathMtuDiscovery::WANT };
        option::set_ip_mtu_discover(fd, discovery)?;
    } else {
        option::set_ipv6_unicast_hops(fd, Some(sending.ttl))?;
        let discovery = if whole { Ipv6PathMtuDiscovery::PROBE } else { Ipv6PathMtuDiscovery::WANT };
        option::set_ipv6_mtu_discover(fd, discovery)?;
    }
    Ok(())
}

/// What the kernel says about a packet.
struct Came {
    length: usize,
    from: Option<IpAddr>,
    hop_limit: Option<u8>,
    /// When it came, since 1970.
    stamp: Option<Duration>,
    /// The type and code of an error, when this is one. It came from where our packet was to go.
    error: Option<(u8, u8)>,
}

fn receive(fd: &UdpSocket, queue: MsgFlags, packet: &mut [u8], control: &mut [u8]) -> nix::Result<Came> {
    let mut slices = [IoSliceMut::new(packet)];
    let flags = MsgFlags::MSG_DONTWAIT | queue;
    let message = recvmsg::<SockaddrStorage>(fd.as_raw_fd(), &mut slices, Some(control), flags)?;
    let v4 = |address: &SockaddrStorage| address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
    let v6 = |address: &SockaddrStorage| address.as_sockaddr_in6().map(|address| IpAddr::from(address.ip()));
    let from = message.address.as_ref().and_then(|address| v4(address).or_else(|| v6(address)));
    let mut came = Came { length: message.bytes, from, hop_limit: None, stamp: None, error: None };
    for said in message.cmsgs()? {
        match said {
            ControlMessageOwned::Ipv4Ttl(limit) | ControlMessageOwned::Ipv6HopLimit(limit) => {
                came.hop_limit = u8::try_from(limit).ok();
            }
            ControlMessageOwned::ScmTimestampns(time) => came.stamp = Some(Duration::from(time)),
            ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
                came.error = Some((error.ee_type, error.ee_code));
            }
            _ => {}
        }
    }
    Ok(came)
}

/// How long ago that was. A clock that was set meanwhile says nothing.
fn age(stamp: Option<Duration>) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    stamp.and_then(|stamp| now.checked_sub(stamp)).unwrap_or_default()
}
