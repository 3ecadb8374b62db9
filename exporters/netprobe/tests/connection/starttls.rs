//! The twelve dialogues, with servers that offer TLS, do not, refuse it, inject, are silent, do not stop.

use std::time::Duration;

use kit::blackhole::Silent;
use kit::dialogue::{Scripted, Step, send};
use kit::starttls::{not_offered, offered, refused};
use netprobe::failure::Reason;
use netprobe::observe;
use netprobe::phase::Phase;
use netprobe::starttls::Protocol::{
    self, Ftp, Imap, Irc, Ldap, Lmtp, Mysql, Nntp, Pop3, Postgres, Sieve, Smtp, Xmpp,
};
use netprobe::starttls::negotiate;
use netprobe::{Dial, Observation, dial};
use tokio::time::Instant;

use crate::support::{any_server, options, soon, to};

/// The dialogue with something behind the go-ahead.
fn injected(protocol: Protocol) -> Vec<Step> {
    let mut steps = offered(protocol.as_str());
    // MySQL's greeting is all there is
    let go_ahead = if protocol == Mysql { 0 } else { steps.len() - 1 };
    if let Some(Step::Send(bytes)) = steps.get_mut(go_ahead) {
        bytes.extend_from_slice(b"250 x\r\n");
    }
    steps
}

/// What a server says that does not stop.
fn endless(protocol: Protocol) -> (&'static [u8], Reason) {
    match protocol {
        Postgres => (b"a", Reason::Protocol),
        Mysql => (&[255], Reason::Protocol),
        Ldap => (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], Reason::TooLong),
        Xmpp => (b"<a ", Reason::TooLong),
        _ => (b"endless ", Reason::TooLong),
    }
}

/// Lines without end, where there are lines.
fn endless_lines(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Smtp | Lmtp | Ftp => Some("220-x\r\n"),
        Imap => Some("* OK x\r\n"),
        Sieve => Some("\"X\" \"Y\"\r\n"),
        Nntp => Some("200-x\r\n"),
        Irc => Some("NOTICE x\r\n"),
        _ => None,
    }
}

async fn watch(server: &Scripted, protocol: Protocol) -> Observation {
    observe(&to(server.address()), Some(protocol), &options(), soon()).await
}

async fn reason(steps: Vec<Step>, protocol: Protocol) -> Reason {
    let server = Scripted::start(steps).await.unwrap();
    let observation = watch(&server, protocol).await;
    let failure = observation.failure.unwrap();
    assert_eq!(failure.phase, Phase::StartTls, "{protocol:?}: {}", toolkit::chain::chain(&failure));
    assert_eq!(observation.peer, Some(server.address()));
    assert!(observation.timings.get(Phase::StartTls).is_some());
    assert!(observation.timings.get(Phase::Tls).is_none());
    failure.reason
}

#[tokio::test]
async fn all_twelve_go_on_in_tls() {
    let config = any_server();
    for protocol in Protocol::ALL {
        let mut steps = offered(protocol.as_str());
        steps.push(Step::Tls(config.clone()));
        let observation = watch(&Scripted::start(steps).await.unwrap(), protocol).await;
        assert!(observation.failure.is_none(), "{protocol:?}: {:?}", observation.failure);
        assert_eq!(observation.seen.chain.len(), 1);
        let phases: Vec<_> = observation.timings.iter().map(|(phase, _)| phase).collect();
        assert_eq!(phases, [Phase::Resolve, Phase::Connect, Phase::StartTls, Phase::Tls]);
    }
}

#[tokio::test]
async fn a_server_that_does_not_offer_it() {
    for protocol in Protocol::ALL {
        for steps in not_offered(protocol.as_str()) {
            assert_eq!(reason(steps, protocol).await, Reason::StartTlsNotOffered, "{protocol:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_refuses() {
    for protocol in Protocol::ALL {
        for steps in refused(protocol.as_str()) {
            assert_eq!(reason(steps, protocol).await, Reason::StartTlsRefused, "{protocol:?}");
        }
    }
}

#[tokio::test]
async fn nothing_may_lie_behind_the_go_ahead() {
    for protocol in Protocol::ALL {
        assert_eq!(reason(injected(protocol), protocol).await, Reason::StartTlsInjected, "{protocol:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_stop() {
    for protocol in Protocol::ALL {
        let (bytes, expected) = endless(protocol);
        let bytes = bytes.repeat(1000 / bytes.len());
        assert_eq!(reason(vec![Step::Endless(bytes)], protocol).await, expected, "{protocol:?}");
        if let Some(line) = endless_lines(protocol) {
            let lines = Step::Endless(line.repeat(100).into_bytes());
            assert_eq!(reason(vec![lines], protocol).await, Reason::TooLong, "{protocol:?}");
        }
    }
}

#[tokio::test]
async fn a_server_of_another_kind() {
    for protocol in [Smtp, Lmtp, Imap, Pop3, Ftp, Ldap, Xmpp, Sieve, Nntp, Mysql, Postgres] {
        let steps = vec![send("HTTP/1.1 400 Bad Request\r\n\r\n")];
        assert_eq!(reason(steps, protocol).await, Reason::Protocol, "{protocol:?}");
    }
    for protocol in Protocol::ALL {
        // read what is said first: closing before that is a reset
        let first = offered(protocol.as_str())
            .into_iter()
            .take_while(|step| matches!(step, Step::Expect(_)))
            .collect();
        assert_eq!(reason(first, protocol).await, Reason::Closed, "{protocol:?}");
    }
}

#[tokio::test]
async fn a_silent_server_takes_no_longer_than_the_deadline() {
    let silent = Silent::start().await.unwrap();
    let way = Dial::new("127.0.0.1", silent.address().port());
    for protocol in Protocol::ALL {
        let mut stream = dial(&way, soon()).await.unwrap().stream;
        let deadline = Instant::now() + Duration::from_millis(10);
        let failure = negotiate(&mut stream, protocol, "localhost", deadline).await.unwrap_err();
        assert_eq!((failure.phase, failure.reason), (Phase::StartTls, Reason::Timeout), "{protocol:?}");
    }
}
