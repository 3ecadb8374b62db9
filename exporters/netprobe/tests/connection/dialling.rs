//! Addresses, phases, proxies.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use kit::blackhole::{Full, Silent};
use netprobe::address::{Family, Guard};
use netprobe::failure::Reason;
use netprobe::phase::Phase;
use netprobe::proxy::Proxy;
use netprobe::{Dial, dial};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::support::{Scripted, Step, expect, send, soon};

#[tokio::test]
async fn a_connection_has_its_phases_and_its_peer() {
    let server = Scripted::start(vec![Step::Hold]).await;
    let way = Dial { family: Family::V4, ..Dial::new("localhost", server.address.port()) };
    let dialed = dial(&way, soon()).await.unwrap();
    assert_eq!(dialed.peer, server.address);
    let phases: Vec<_> = dialed.timings.iter().map(|(phase, _)| phase).collect();
    assert_eq!(phases, [Phase::Resolve, Phase::Connect]);
    assert!(dialed.stream.nodelay().unwrap());
}

#[tokio::test]
async fn an_address_is_connected_to_whatever_the_host() {
    let server = Scripted::start(vec![Step::Hold]).await;
    let way = Dial { connect_to: Some(server.address), ..Dial::new("no.such.host.invalid", 1) };
    let dialed = dial(&way, soon()).await.unwrap();
    assert_eq!(dialed.peer, server.address);
    assert_eq!(dialed.timings.get(Phase::Resolve), None);
}

#[tokio::test]
async fn it_comes_from_the_address_it_is_told() {
    let server = Scripted::start(vec![Step::Hold]).await;
    let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
    let way = Dial { source: Some(source), ..server.dial() };
    assert_eq!(dial(&way, soon()).await.unwrap().stream.local_addr().unwrap().ip(), source);
    let foreign = Dial { source: Some(Ipv4Addr::new(192, 0, 2, 1).into()), ..server.dial() };
    let failure = dial(&foreign, soon()).await.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Connect, Reason::Local));
}

#[tokio::test]
async fn failures_say_how_far_it_came() {
    let port = kit::process::free_port().unwrap();
    let failure = dial(&Dial::new("127.0.0.1", port), soon()).await.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Connect, Reason::Refused));
    assert_eq!(failure.peer, Some(([127, 0, 0, 1], port).into()));
    assert!(failure.timings.get(Phase::Connect).is_some());

    let failure = dial(&Dial::new("no.such.host.invalid", 1), soon()).await.unwrap_err();
    assert_eq!((failure.phase, failure.reason, failure.peer), (Phase::Resolve, Reason::Dns, None));
    assert!(failure.timings.get(Phase::Resolve).is_some());

    let only_6 = Dial { family: Family::V6, fallback: false, ..Dial::new("127.0.0.1", port) };
    assert_eq!(dial(&only_6, soon()).await.unwrap_err().reason, Reason::NoAddress);

    let guarded = Dial { guard: Some(Guard::public()), ..Dial::new("localhost", port) };
    let failure = dial(&guarded, soon()).await.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Resolve, Reason::Denied));
    let to = Dial { connect_to: Some(([127, 0, 0, 1], port).into()), ..guarded };
    assert_eq!(dial(&to, soon()).await.unwrap_err().reason, Reason::Denied);
}

#[tokio::test]
async fn a_host_that_drops_packets_takes_no_longer_than_the_deadline() {
    let full = Full::start().await.unwrap();
    let way = Dial::new("127.0.0.1", full.address().unwrap().port());
    let failure = dial(&way, Instant::now() + Duration::from_millis(100)).await.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Connect, Reason::Timeout));
    assert!(failure.timings.get(Phase::Connect).unwrap() >= Duration::from_millis(100));
}

fn through(proxy: &Scripted, user: &str) -> Dial {
    let proxy = Proxy::parse(&format!("http://{user}127.0.0.1:{}", proxy.address.port())).unwrap();
    Dial { proxy: Some(proxy), ..Dial::new("db.example", 5432) }
}

#[tokio::test]
async fn a_proxy_makes_a_tunnel_and_none_of_the_server_s_words_is_lost() {
    let request = "CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\
                   Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n";
    // the server's greeting comes in the same packet
    let answer = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n220 hello";
    let proxy = Scripted::start(vec![expect(request), send(answer), Step::Hold]).await;
    let mut dialed = dial(&through(&proxy, "user:pass@"), soon()).await.unwrap();
    let mut greeting = [0; 9];
    dialed.stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 hello");
    assert_eq!(dialed.peer, proxy.address);
    assert!(dialed.timings.get(Phase::Proxy).is_some());
}

#[tokio::test]
async fn proxies_that_make_none() {
    let asked = || expect("\r\n\r\n");
    for (steps, expected) in [
        (
            vec![asked(), send("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")],
            Reason::ProxyAuthentication,
        ),
        (vec![asked(), send("HTTP/1.1 503 No\r\nX: y\r\n\r\n")], Reason::ProxyRefused),
        (vec![asked(), send("SSH-2.0-OpenSSH\r\n\r\n")], Reason::Protocol),
        (vec![asked(), send("HTTP/1.1 200")], Reason::Closed),
        (vec![asked(), Step::Endless(b"HTTP/1.1 200 OK\r\nX: y\r\n".to_vec())], Reason::TooLong),
    ] {
        let proxy = Scripted::start(steps).await;
        let failure = dial(&through(&proxy, ""), soon()).await.unwrap_err();
        assert_eq!((failure.phase, failure.reason), (Phase::Proxy, expected));
    }
    let silent = Silent::start().await.unwrap();
    let proxy = Proxy::parse(&format!("127.0.0.1:{}", silent.address().port())).unwrap();
    let way = Dial { proxy: Some(proxy), ..Dial::new("db.example", 5432) };
    let failure = dial(&way, Instant::now() + Duration::from_millis(500)).await.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Proxy, Reason::Timeout));
}
