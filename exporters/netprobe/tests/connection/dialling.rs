//! Addresses, phases, proxies.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use kit::blackhole::{Full, Silent};
use kit::dialogue::{Scripted, Step, expect, send};
use kit::socks::{Rules, Socks};
use netprobe::address::Family;
use netprobe::failure::Reason;
use netprobe::guard::Guard;
use netprobe::phase::Phase;
use netprobe::proxy::Proxy;
use netprobe::{Dial, dial};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::support::{soon, to};

#[tokio::test]
async fn a_connection_has_its_phases_and_its_peer() {
    let server = Scripted::start(vec![Step::Hold]).await.unwrap();
    let way = Dial { family: Family::V4, ..Dial::new("localhost", server.address().port()) };
    let dialed = dial(&way, soon()).await.unwrap();
    assert_eq!(dialed.peer, server.address());
    let phases: Vec<_> = dialed.timings.iter().map(|(phase, _)| phase).collect();
    assert_eq!(phases, [Phase::Resolve, Phase::Connect]);
    assert!(dialed.stream.nodelay().unwrap());
}

#[tokio::test]
async fn an_address_is_connected_to_whatever_the_host() {
    let server = Scripted::start(vec![Step::Hold]).await.unwrap();
    let way = Dial { connect_to: Some(server.address()), ..Dial::new("no.such.host.invalid", 1) };
    let dialed = dial(&way, soon()).await.unwrap();
    assert_eq!(dialed.peer, server.address());
    assert_eq!(dialed.timings.get(Phase::Resolve), None);
}

#[tokio::test]
async fn it_comes_from_the_address_it_is_told() {
    let server = Scripted::start(vec![Step::Hold]).await.unwrap();
    let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
    let way = Dial { source: Some(source), ..to(server.address()) };
    assert_eq!(dial(&way, soon()).await.unwrap().stream.local_addr().unwrap().ip(), source);
    let foreign = Dial { source: Some(Ipv4Addr::new(192, 0, 2, 1).into()), ..to(server.address()) };
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
    let proxy = Proxy::parse(&format!("http://{user}127.0.0.1:{}", proxy.address().port())).unwrap();
    Dial { proxy: Some(proxy), ..Dial::new("db.example", 5432) }
}

#[tokio::test]
async fn a_proxy_makes_a_tunnel_and_none_of_the_server_s_words_is_lost() {
    let request = "CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\
                   Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n";
    // the server's greeting comes in the same packet
    let answer = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n220 hello";
    let proxy = Scripted::start(vec![expect(request), send(answer), Step::Hold]).await.unwrap();
    let mut dialed = dial(&through(&proxy, "user:pass@"), soon()).await.unwrap();
    let mut greeting = [0; 9];
    dialed.stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 hello");
    assert_eq!(dialed.peer, proxy.address());
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
        let proxy = Scripted::start(steps).await.unwrap();
        let failure = dial(&through(&proxy, ""), soon()).await.unwrap_err();
        assert_eq!((failure.phase, failure.reason), (Phase::Proxy, expected));
    }
    let silent = Silent::start().await.unwrap();
    let proxy = Proxy::parse(&format!("127.0.0.1:{}", silent.address().port())).unwrap();
    let way = Dial { proxy: Some(proxy), ..Dial::new("db.example", 5432) };
    let failure = dial(&way, Instant::now() + Duration::from_millis(500)).await.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Proxy, Reason::Timeout));
}

#[tokio::test]
async fn a_socks_proxy_resolves_what_we_cannot() {
    let server = Scripted::start(vec![send("220 hello"), Step::Hold]).await.unwrap();
    let hosts = [("only.the.proxy.knows".to_owned(), server.address())];
    let login = Some(("user".to_owned(), "p@ss".to_owned()));
    let guarded = Rules { login, hosts: hosts.clone().into(), refuse: None };
    let open = Rules { hosts: hosts.into(), ..Rules::default() };
    let name = format!("only.the.proxy.knows:{}", server.address().port());
    let port = server.address().port();
    for (rules, user, host, seen) in [
        (&open, "", "only.the.proxy.knows", vec![format!("connect {name}")]),
        // a login that nobody asked for is not shown
        (&open, "user:p%40ss@", "only.the.proxy.knows", vec![format!("connect {name}")]),
        (
            &guarded,
            "user:p%40ss@",
            "only.the.proxy.knows",
            vec!["login user".to_owned(), format!("connect {name}")],
        ),
        (&open, "", "127.0.0.1", vec![format!("connect 127.0.0.1:{port}")]),
    ] {
        let proxy = Socks::start(rules.clone()).await.unwrap();
        let url = format!("socks5h://{user}127.0.0.1:{}", proxy.address().port());
        let way = Dial { proxy: Some(Proxy::parse(&url).unwrap()), ..Dial::new(host, port) };
        let mut dialed = dial(&way, soon()).await.unwrap();
        // the server's greeting is not lost behind the proxy's answer
        let mut greeting = [0; 9];
        dialed.stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!((&greeting, dialed.peer), (b"220 hello", proxy.address()));
        assert!(dialed.timings.get(Phase::Proxy).is_some());
        assert_eq!(proxy.seen(), seen);
    }
}

#[tokio::test]
async fn socks_proxies_that_make_no_tunnel() {
    let login = Some(("user".to_owned(), "right".to_owned()));
    let guarded = Rules { login, ..Rules::default() };
    let refusing = |code| Rules { refuse: Some(code), ..Rules::default() };
    for (rules, user, expected) in [
        (guarded.clone(), "", Reason::ProxyAuthentication),
        (guarded, "user:wrong@", Reason::ProxyAuthentication),
        (Rules::default(), "", Reason::ProxyRefused), // it does not know the name
        (refusing(2), "", Reason::ProxyRefused),
        (refusing(200), "", Reason::ProxyRefused),
    ] {
        let proxy = Socks::start(rules).await.unwrap();
        let url = format!("socks5://{user}127.0.0.1:{}", proxy.address().port());
        let way = Dial { proxy: Some(Proxy::parse(&url).unwrap()), ..Dial::new("db.example", 5432) };
        let failure = dial(&way, soon()).await.unwrap_err();
        assert_eq!((failure.phase, failure.reason), (Phase::Proxy, expected));
        let told = toolkit::chain::chain(&failure);
        assert!(!told.contains("wrong"), "{told}");
    }
    for (said, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Reason::Protocol),
        (b"\x05\x01", Reason::Protocol), // a way that was not offered
        (b"\x05\x02", Reason::Protocol), // a login that we do not have
        (b"\x05\x00\x04\x00\x00\x01", Reason::Protocol),
        (b"\x05\x00\x05\x00\x00\x09", Reason::Protocol),
        (b"\x05\x00\x05\x00\x00\x01\x00", Reason::Closed),
    ] {
        // read what is said first: closing before that is a reset
        let proxy = Scripted::start(vec![expect([5, 1, 0]), send(said), expect([21, 56])]).await.unwrap();
        let way = format!("socks5://127.0.0.1:{}", proxy.address().port());
        let way = Dial { proxy: Some(Proxy::parse(&way).unwrap()), ..Dial::new("db.example", 5432) };
        let failure = dial(&way, soon()).await.unwrap_err();
        assert_eq!((failure.phase, failure.reason), (Phase::Proxy, expected), "{said:?}");
    }
}
