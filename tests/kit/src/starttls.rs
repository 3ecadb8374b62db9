//! Servers that are plain text at first and go on in TLS: what they say, by the name of the protocol.

use crate::dialogue::{Step, expect, send};

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
    let mut packet = vec![u8::try_from(payload.len()).unwrap_or(u8::MAX), 0, 0, 0];
    packet.extend(payload);
    packet
}

fn mysql_request() -> Vec<u8> {
    // 23 zeros behind the character set
    let mut end = vec![45];
    end.resize(24, 0);
    end
}

/// All of them.
pub const PROTOCOLS: [&str; 12] =
    ["smtp", "lmtp", "imap", "pop3", "ftp", "postgres", "mysql", "ldap", "xmpp", "sieve", "nntp", "irc"];

/// A dialogue up to the go-ahead; nothing for a protocol that is not one of [`PROTOCOLS`].
pub fn offered(protocol: &str) -> Vec<Step> {
    match protocol {
        "smtp" | "lmtp" => vec![
            send("220-mail.example ESMTP\r\n220-be nice\r\n220 really\r\n"),
            expect(if protocol == "smtp" { "EHLO localhost\r\n" } else { "LHLO localhost\r\n" }),
            send("250-mail.example\r\n250-SIZE 1000\r\n250-starttls\r\n250 HELP\r\n"),
            expect("STARTTLS\r\n"),
            send("220 go ahead\r\n"),
        ],
        "imap" => vec![
            send("* OK [CAPABILITY IMAP4rev1] ready\r\n"),
            expect("a1 CAPABILITY\r\n"),
            send("* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK done\r\n"),
            expect("a2 STARTTLS\r\n"),
            send("* OK still here\r\na2 OK begin\r\n"),
        ],
        "pop3" => vec![
            send("+OK ready\r\n"),
            expect("CAPA\r\n"),
            send("+OK list\r\nTOP\r\nSTLS\r\n.\r\n"),
            expect("STLS\r\n"),
            send("+OK begin\r\n"),
        ],
        "ftp" => vec![
            send("120 in a moment\r\n220-Welcome\r\n to this server\r\n22 files\r\n220 ready\r\n"),
            expect("AUTH TLS\r\n"),
            send("234 go\r\n"),
        ],
        "postgres" => vec![expect(SSL_REQUEST), send("S")],
        "mysql" => vec![send(mysql_greeting(0xffff)), expect(mysql_request())],
        "ldap" => vec![expect(LDAP_REQUEST), send(ldap_answer(0))],
        "xmpp" => vec![
            expect("xmlns:stream='http://etherx.jabber.org/streams'>"),
            send(XMPP_OPEN),
            send("<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"),
            send("</stream:features>"),
            expect(XMPP_TLS),
            send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        ],
        "sieve" => vec![
            send("\"IMPLEMENTATION\" \"Example\"\r\n\"SASL\" \"\"\r\n\"STARTTLS\"\r\nOK \"ready\"\r\n"),
            expect("STARTTLS\r\n"),
            send("OK \"begin\"\r\n"),
        ],
        "nntp" => vec![
            send("200 news.example\r\n"),
            expect("CAPABILITIES\r\n"),
            send("101 list\r\nVERSION 2\r\nREADER\r\nSTARTTLS\r\n.\r\n"),
            expect("STARTTLS\r\n"),
            send("382 go\r\n"),
        ],
        "irc" => vec![
            expect("STARTTLS\r\n"),
            send(":irc.example NOTICE AUTH :*** Looking up your hostname\r\nPING :12\r\n"),
            expect("PONG :12\r\n"),
            send(":irc.example 670 * :STARTTLS successful\r\n"),
        ],
        _ => Vec::new(),
    }
}

/// Dialogues of servers without TLS.
pub fn not_offered(protocol: &str) -> Vec<Vec<Step>> {
    match protocol {
        "smtp" | "lmtp" => vec![
            vec![send("220 x\r\n"), expect("LO localhost\r\n"), send("250-x\r\n250 SIZE\r\n")],
            // the name of the host is no capability
            vec![send("220 x\r\n"), expect("LO localhost\r\n"), send("250-STARTTLS\r\n250 SIZE\r\n")],
            vec![send("220 x\r\n"), expect("LO localhost\r\n"), send("502 what?\r\n")],
        ],
        "imap" => vec![
            vec![
                send("* OK x\r\n"),
                expect("a1 CAPABILITY\r\n"),
                send("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na1 OK done\r\n"),
            ],
            vec![send("* PREAUTH x\r\n")],
        ],
        "pop3" => vec![
            vec![send("+OK x\r\n"), expect("CAPA\r\n"), send("+OK\r\nTOP\r\n.\r\n")],
            vec![
                send("+OK x\r\n"),
                expect("CAPA\r\n"),
                send("-ERR\r\n"),
                expect("STLS\r\n"),
                send("-ERR unknown\r\n"),
            ],
        ],
        "ftp" => vec![vec![send("220 x\r\n"), expect("AUTH TLS\r\n"), send("500 unknown\r\n")]],
        "postgres" => vec![vec![expect(SSL_REQUEST), send("N")]],
        "mysql" => vec![vec![send(mysql_greeting(0xf7ff))]],
        "ldap" => vec![vec![expect(LDAP_REQUEST), send(ldap_answer(2))]],
        "xmpp" => vec![
            vec![send(XMPP_OPEN), send("<stream:features><mechanisms/></stream:features>")],
            vec![send(XMPP_OPEN), send("<stream:features/>")],
        ],
        "sieve" => vec![vec![send("\"IMPLEMENTATION\" \"STARTTLS\"\r\nOK\r\n")]],
        "nntp" => vec![
            vec![send("201 x\r\n"), expect("CAPABILITIES\r\n"), send("101 list\r\nREADER\r\n.\r\n")],
            vec![send("201 x\r\n"), expect("CAPABILITIES\r\n"), send("500 what?\r\n")],
        ],
        "irc" => vec![
            vec![expect("STARTTLS\r\n"), send(":irc.example 421 * STARTTLS :Unknown command\r\n")],
            vec![expect("STARTTLS\r\n"), send(":irc.example 451 * :You have not registered\r\n")],
        ],
        _ => Vec::new(),
    }
}

/// Dialogues of servers that have TLS, or would, and will not.
pub fn refused(protocol: &str) -> Vec<Vec<Step>> {
    let mut instead = offered(protocol);
    instead.pop();
    let last = |answer: &str| {
        let mut steps = instead.clone();
        steps.push(send(answer));
        steps
    };
    match protocol {
        "smtp" | "lmtp" => vec![last("454 not now\r\n"), vec![send("554 go away\r\n")]],
        "imap" => vec![last("a2 NO not now\r\n"), vec![send("* BYE overload\r\n")]],
        "pop3" => vec![last("-ERR not now\r\n"), vec![send("-ERR overload\r\n")]],
        "ftp" => vec![last("431 no key\r\n"), vec![send("421 too many\r\n")]],
        "postgres" => vec![last("Esorry, too many clients already\0")],
        "mysql" => vec![vec![send(b"\x17\0\0\0\xff\x10\x04Too many connections")]],
        "ldap" => vec![vec![expect(LDAP_REQUEST), send(ldap_answer(52))]],
        "xmpp" => vec![
            last("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"),
            vec![send(XMPP_OPEN), send("<stream:error><host-unknown/></stream:error></stream:stream>")],
        ],
        "sieve" => vec![last("NO \"not now\"\r\n"), vec![send("BYE \"overload\"\r\n")]],
        "nntp" => vec![last("580 not now\r\n"), vec![send("502 go away\r\n")]],
        "irc" => vec![last(":irc.example 691 * :STARTTLS failed\r\n"), vec![send("ERROR :Closing Link\r\n")]],
        _ => Vec::new(),
    }
}
