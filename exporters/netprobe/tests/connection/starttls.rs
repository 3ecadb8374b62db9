//! The twelve dialogues, with servers that offer TLS, do not, refuse it, inject, are silent, do not stop.

use std::time::Duration;

use kit::blackhole::Silent;
use netprobe::failure::Reason;
use netprobe::observe;
use netprobe::phase::Phase;
use netprobe::starttls::Protocol::{
    self, Ftp, Imap, Irc, Ldap, Lmtp, Mysql, Nntp, Pop3, Postgres, Sieve, Smtp, Xmpp,
};
use netprobe::starttls::negotiate;
use netprobe::{Dial, Observation, dial};
use tokio::time::Instant;

use crate::support::{Scripted, Step, any_server, expect, options, send, soon};

const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];
const LDAP_REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
const XMPP_TLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const XMPP_OPEN: &str = "<?xml version='1.0'?><stream:stream id='1' from='localhost' version='1.0' \
                         xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

fn ldap_answer(code: u8) -> Vec<u8> {
    vec![0x30, 0x0c, 2, 1, 1, 0x78, 7, 0x0a, 1, code, 4, 0, 4, 0]
}

/// MySQL's greeting with these capabilities.
fn mysql_greeting(capabilities: u16) -> Vec<u8> {
    let mut payload = b"\x0a8.4.0-test\0\x2a\0\0\0saltsalt\0".to_vec();
    payload.extend_from_slice(&capabilities.to_le_bytes());
    payload.extend_from_slice(
        b"\x2d\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0moresaltmore\0caching_sha2_password\0",
    );
    let mut packet = vec![u8::try_from(payload.len()).unwrap(), 0, 0, 0];
    packet.extend(payload);
    packet
}

fn mysql_request() -> Vec<u8> {
    // 23 zeros behind the character set
    let mut end = vec![45];
    end.resize(24, 0);
    end
}

/// A dialogue up to the go-ahead.
fn offered(protocol: Protocol) -> Vec<Step> {
    match protocol {
        Smtp | Lmtp => vec![
            send("220-mail.example ESMTP\r\n220-be nice\r\n220 really\r\n"),
            expect(if protocol == Smtp { "EHLO localhost\r\n" } else { "LHLO localhost\r\n" }),
            send("250-mail.example\r\n250-SIZE 1000\r\n250-starttls\r\n250 HELP\r\n"),
            expect("STARTTLS\r\n"),
            send("220 go ahead\r\n"),
        ],
        Imap => vec![
            send("* OK [CAPABILITY IMAP4rev1] ready\r\n"),
            expect("a1 CAPABILITY\r\n"),
            send("* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK done\r\n"),
            expect("a2 STARTTLS\r\n"),
            send("* OK still here\r\na2 OK begin\r\n"),
        ],
        Pop3 => vec![
            send("+OK ready\r\n"),
            expect("CAPA\r\n"),
            send("+OK list\r\nTOP\r\nSTLS\r\n.\r\n"),
            expect("STLS\r\n"),
            send("+OK begin\r\n"),
        ],
        Ftp => vec![
            send("120 in a moment\r\n220-Welcome\r\n to this server\r\n22 files\r\n220 ready\r\n"),
            expect("AUTH TLS\r\n"),
            send("234 go\r\n"),
        ],
        Postgres => vec![expect(SSL_REQUEST), send("S")],
        Mysql => vec![send(mysql_greeting(0xffff)), expect(mysql_request())],
        Ldap => vec![expect(LDAP_REQUEST), send(ldap_answer(0))],
        Xmpp => vec![
            expect("xmlns:stream='http://etherx.jabber.org/streams'>"),
            send(XMPP_OPEN),
            send("<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"),
            send("</stream:features>"),
            expect(XMPP_TLS),
            send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        ],
        Sieve => vec![
            send("\"IMPLEMENTATION\" \"Example\"\r\n\"SASL\" \"\"\r\n\"STARTTLS\"\r\nOK \"ready\"\r\n"),
            expect("STARTTLS\r\n"),
            send("OK \"begin\"\r\n"),
        ],
        Nntp => vec![
            send("200 news.example\r\n"),
            expect("CAPABILITIES\r\n"),
            send("101 list\r\nVERSION 2\r\nREADER\r\nSTARTTLS\r\n.\r\n"),
            expect("STARTTLS\r\n"),
            send("382 go\r\n"),
        ],
        Irc => vec![
            expect("STARTTLS\r\n"),
            send(":irc.example NOTICE AUTH :*** Looking up your hostname\r\nPING :12\r\n"),
            expect("PONG :12\r\n"),
            send(":irc.example 670 * :STARTTLS successful\r\n"),
        ],
    }
}

/// Dialogues of servers without TLS.
fn not_offered(protocol: Protocol) -> Vec<Vec<Step>> {
    match protocol {
        Smtp | Lmtp => vec![
            vec![send("220 x\r\n"), expect("LO localhost\r\n"), send("250-x\r\n250 SIZE\r\n")],
            // the name of the host is no capability
            vec![send("220 x\r\n"), expect("LO localhost\r\n"), send("250-STARTTLS\r\n250 SIZE\r\n")],
            vec![send("220 x\r\n"), expect("LO localhost\r\n"), send("502 what?\r\n")],
        ],
        Imap => vec![
            vec![
                send("* OK x\r\n"),
                expect("a1 CAPABILITY\r\n"),
                send("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na1 OK done\r\n"),
            ],
            vec![send("* PREAUTH x\r\n")],
        ],
        Pop3 => vec![
            vec![send("+OK x\r\n"), expect("CAPA\r\n"), send("+OK\r\nTOP\r\n.\r\n")],
            vec![
                send("+OK x\r\n"),
                expect("CAPA\r\n"),
                send("-ERR\r\n"),
                expect("STLS\r\n"),
                send("-ERR unknown\r\n"),
            ],
        ],
        Ftp => vec![vec![send("220 x\r\n"), expect("AUTH TLS\r\n"), send("500 unknown\r\n")]],
        Postgres => vec![vec![expect(SSL_REQUEST), send("N")]],
        Mysql => vec![vec![send(mysql_greeting(0xf7ff))]],
        Ldap => vec![vec![expect(LDAP_REQUEST), send(ldap_answer(2))]],
        Xmpp => vec![
            vec![send(XMPP_OPEN), send("<stream:features><mechanisms/></stream:features>")],
            vec![send(XMPP_OPEN), send("<stream:features/>")],
        ],
        Sieve => vec![vec![send("\"IMPLEMENTATION\" \"STARTTLS\"\r\nOK\r\n")]],
        Nntp => vec![
            vec![send("201 x\r\n"), expect("CAPABILITIES\r\n"), send("101 list\r\nREADER\r\n.\r\n")],
            vec![send("201 x\r\n"), expect("CAPABILITIES\r\n"), send("500 what?\r\n")],
        ],
        Irc => vec![
            vec![expect("STARTTLS\r\n"), send(":irc.example 421 * STARTTLS :Unknown command\r\n")],
            vec![expect("STARTTLS\r\n"), send(":irc.example 451 * :You have not registered\r\n")],
        ],
    }
}

/// Dialogues of servers that have TLS, or would, and will not.
fn refused(protocol: Protocol) -> Vec<Vec<Step>> {
    let mut instead = offered(protocol);
    instead.pop();
    let last = |answer: &str| {
        let mut steps = instead.clone();
        steps.push(send(answer));
        steps
    };
    match protocol {
        Smtp | Lmtp => vec![last("454 not now\r\n"), vec![send("554 go away\r\n")]],
        Imap => vec![last("a2 NO not now\r\n"), vec![send("* BYE overload\r\n")]],
        Pop3 => vec![last("-ERR not now\r\n"), vec![send("-ERR overload\r\n")]],
        Ftp => vec![last("431 no key\r\n"), vec![send("421 too many\r\n")]],
        Postgres => vec![last("Esorry, too many clients already\0")],
        Mysql => vec![vec![send(b"\x17\0\0\0\xff\x10\x04Too many connections")]],
        Ldap => vec![vec![expect(LDAP_REQUEST), send(ldap_answer(52))]],
        Xmpp => vec![
            last("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"),
            vec![send(XMPP_OPEN), send("<stream:error><host-unknown/></stream:error></stream:stream>")],
        ],
        Sieve => vec![last("NO \"not now\"\r\n"), vec![send("BYE \"overload\"\r\n")]],
        Nntp => vec![last("580 not now\r\n"), vec![send("502 go away\r\n")]],
        Irc => vec![last(":irc.example 691 * :STARTTLS failed\r\n"), vec![send("ERROR :Closing Link\r\n")]],
    }
}

/// The dialogue with something behind the go-ahead.
fn injected(protocol: Protocol) -> Vec<Step> {
    let mut steps = offered(protocol);
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
    observe(&server.dial(), Some(protocol), &options(), soon()).await
}

async fn reason(steps: Vec<Step>, protocol: Protocol) -> Reason {
    let server = Scripted::start(steps).await;
    let observation = watch(&server, protocol).await;
    let failure = observation.failure.unwrap();
    assert_eq!(failure.phase, Phase::StartTls, "{protocol:?}: {}", toolkit::chain::chain(&failure));
    assert_eq!(observation.peer, Some(server.address));
    assert!(observation.timings.get(Phase::StartTls).is_some());
    assert!(observation.timings.get(Phase::Tls).is_none());
    failure.reason
}

#[tokio::test]
async fn all_twelve_go_on_in_tls() {
    let config = any_server();
    for protocol in Protocol::ALL {
        let mut steps = offered(protocol);
        steps.push(Step::Tls(config.clone()));
        let observation = watch(&Scripted::start(steps).await, protocol).await;
        assert!(observation.failure.is_none(), "{protocol:?}: {:?}", observation.failure);
        assert_eq!(observation.seen.chain.len(), 1);
        let phases: Vec<_> = observation.timings.iter().map(|(phase, _)| phase).collect();
        assert_eq!(phases, [Phase::Resolve, Phase::Connect, Phase::StartTls, Phase::Tls]);
    }
}

#[tokio::test]
async fn a_server_that_does_not_offer_it() {
    for protocol in Protocol::ALL {
        for steps in not_offered(protocol) {
            assert_eq!(reason(steps, protocol).await, Reason::StartTlsNotOffered, "{protocol:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_refuses() {
    for protocol in Protocol::ALL {
        for steps in refused(protocol) {
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
        let first =
            offered(protocol).into_iter().take_while(|step| matches!(step, Step::Expect(_))).collect();
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
