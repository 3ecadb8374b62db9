//! Pings on loopback, through real sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::packet::Why;
use super::pings::{Fate, Pings};
use super::socket::Sending;
use super::{Icmp, IcmpFacts, judge};
use crate::reason::Reason;

const USUAL: Sending = Sending { ttl: 64, dont_fragment: false };

fn address(index: u32) -> SocketAddr {
    // 127.1.0.0 and on
    SocketAddr::new(Ipv4Addr::from(0x7f01_0000 + index).into(), 0)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

#[tokio::test]
async fn many_hosts_get_their_own_answers() {
    const HOSTS: u32 = 2000;
    const PACKETS: usize = 5;
    let pings = Pings::default();
    let hub = pings.hub(true, None).unwrap();
    let mut flights: Vec<_> = (0..HOSTS).map(|host| hub.flight(address(host), 56, USUAL)).collect();
    for _ in 0..PACKETS {
        for flight in &mut flights {
            flight.send().await.unwrap();
        }
    }
    for (host, flight) in flights.iter_mut().enumerate() {
        for _ in 0..PACKETS {
            let fate = timeout_at(soon(), flight.fate()).await.unwrap();
            assert!(matches!(fate, Fate::Answered { hop_limit: Some(64), .. }), "{host}: {fate:?}");
        }
    }
    assert_eq!(hub.waiting_for(), 0);
}

#[tokio::test]
async fn pings_of_one_host_side_by_side_do_not_mix() {
    let pings = Pings::default();
    let hub = pings.hub(true, None).unwrap();
    let mut flights: Vec<_> = (8..40).map(|size| hub.flight(address(1), size, USUAL)).collect();
    for flight in &mut flights {
        flight.send().await.unwrap();
    }
    for flight in &mut flights {
        assert!(matches!(timeout_at(soon(), flight.fate()).await.unwrap(), Fate::Answered { .. }));
    }
}

#[tokio::test]
async fn a_socket_lives_as_long_as_somebody_waits() {
    let pings = Pings::default();
    let source: Option<IpAddr> = Some([127, 0, 0, 9].into());
    let first = pings.hub(true, None).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &pings.hub(true, None).unwrap()));
    assert!(!std::sync::Arc::ptr_eq(&first, &pings.hub(true, source).unwrap()));
    let mut flight = first.flight(address(0), 0, USUAL);
    let weak = std::sync::Arc::downgrade(&first);
    drop(first);
    flight.send().await.unwrap();
    assert!(matches!(timeout_at(soon(), flight.fate()).await.unwrap(), Fate::Answered { .. }));
    drop(flight);
    assert!(weak.upgrade().is_none());
    drop(pings.hub(true, source).unwrap());
    assert_eq!(pings.known(), 1);
}

#[tokio::test]
async fn who_goes_away_is_forgotten() {
    let pings = Pings::default();
    let hub = pings.hub(true, None).unwrap();
    let mut flight = hub.flight(SocketAddr::new([192, 0, 2, 255].into(), 0), 8, USUAL);
    // whether or not there is a way there
    drop(flight.send().await);
    drop(flight);
    assert_eq!(hub.waiting_for(), 0);
}

#[test]
fn what_becomes_of_a_probe() {
    let unreachable = Some(Why::Unreachable);
    for (count, max_loss, sent, received, refused, expected) in [
        (1, None, 1, 1, None, None),
        (1, None, 1, 0, None, Some(Reason::Timeout)),
        (1, None, 1, 0, unreachable, Some(Reason::Unreachable)),
        (1, None, 0, 0, None, Some(Reason::Timeout)),
        (5, None, 5, 1, unreachable, None),
        (5, Some(0.0), 5, 5, None, None),
        (5, Some(0.2), 5, 4, None, None),
        (5, Some(0.2), 5, 3, None, Some(Reason::PacketLoss)),
        (5, Some(0.9), 5, 0, None, Some(Reason::Timeout)),
        (5, None, 3, 3, None, Some(Reason::Timeout)),
    ] {
        let settings = Icmp { count, max_loss, ..Icmp::default() };
        let times = vec![Duration::from_millis(1); received];
        let facts = IcmpFacts { sent, times, ..IcmpFacts::default() };
        let judged = judge(&settings, &facts, refused).err().map(|failed| failed.reason);
        assert_eq!(judged, expected, "{count} {max_loss:?} {sent} {received} {refused:?}");
    }
}
