//! Sockets for packets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

use crate::outcome::Failed;
use crate::reason::Reason;

/// A packet from this address can go to that one.
pub(crate) fn same_protocol(source: Option<IpAddr>, address: IpAddr) -> Result<(), Failed> {
    match source {
        Some(source) if source.is_ipv4() != address.is_ipv4() => {
            let message = "the target's address is of another IP protocol than source_ip_address (hint: preferred_ip_protocol)";
            Err(Failed::new("resolve", Reason::DnsNoAddress, message))
        }
        _ => Ok(()),
    }
}

/// A socket that talks with this address only: others' datagrams do not come, and its refusals do.
pub(crate) async fn connected(source: Option<IpAddr>, address: SocketAddr) -> io::Result<UdpSocket> {
    let any = match address {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((source.unwrap_or(any), 0)).await?;
    socket.connect(address).await?;
    Ok(socket)
}
