//! The double speaks SMTP as a mail server does.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::wire::Stream;
use super::*;
use crate::base64::encode;
use crate::tls::client_config;

const WITHIN: Duration = Duration::from_secs(20);

const MAIL: &str = "From: a@x\r\nDate: Tue, 01 Oct 2024 10:00:00 +0000\r\nMessage-ID: <1@x>\r\nMIME-Version: 1.0\r\n\
                    Subject: hi\r\n\r\n..dot\r\n.\r\n";

/// A client that says what the test says.
struct Client(BufReader<Box<dyn Stream>>);

impl Client {
    async fn connect(smtp: &Smtp) -> Self {
        let stream = TcpStream::connect(smtp.address()).await.unwrap();
        Self(BufReader::new(Box::new(stream)))
    }

    /// Sends a line and returns the answer's code, or 0 if the server closed.
    async fn say(&mut self, line: &str) -> u16 {
        self.send(&format!("{line}\r\n")).await
    }

    async fn send(&mut self, text: &str) -> u16 {
        drop(self.0.get_mut().write_all(text.as_bytes()).await);
        self.code().await
    }

    async fn code(&mut self) -> u16 {
        let mut line = String::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line).await.unwrap_or(0) == 0 {
                return 0;
            }
            if line.as_bytes()[3] == b' ' {
                return line.get(..3).unwrap().parse().unwrap();
            }
        }
    }

    async fn tls(self, smtp: &Smtp) -> Result<Self> {
        let config = client_config(smtp.authority_pem(), None)?;
        let stream = TlsConnector::from(config).connect("localhost".try_into()?, self.0.into_inner()).await?;
        Ok(Self(BufReader::new(Box::new(stream))))
    }

    async fn codes(&mut self, dialogue: &[&str]) -> Vec<u16> {
        let mut codes = vec![self.code().await];
        for line in dialogue {
            codes.push(if line.ends_with('\n') { self.send(line).await } else { self.say(line).await });
        }
        codes
    }
}

#[tokio::test]
async fn a_mail_by_starttls_and_login() {
    let smtp = Smtp::builder().tls_required().account("user", "s3cret-word").start().await.unwrap();
    let mut client = Client::connect(&smtp).await;
    let login = format!("AUTH PLAIN {}", encode(b"\0user\0s3cret-word"));
    let wrong = format!("AUTH PLAIN {}", encode(b"\0user\0wrong"));
    let before = ["EHLO me", "MAIL FROM:<a@x>", &login, "STARTTLS"];
    assert_eq!(client.codes(&before).await, [220, 250, 530, 538, 220]);
    let mut client = client.tls(&smtp).await.unwrap();
    let mut codes = Vec::new();
    let mail = ["RCPT TO:<b@x>", "RCPT TO:<c@x>", "DATA"];
    for line in ["MAIL FROM:<a@x>", "EHLO me", "MAIL FROM:<a@x>", &wrong, &login, "MAIL FROM:<a@x>"]
        .iter()
        .chain(&mail)
    {
        codes.push(client.say(line).await);
    }
    assert_eq!(codes, [503, 250, 530, 535, 235, 250, 250, 250, 354]);
    assert_eq!((client.send(MAIL).await, client.say("QUIT").await), (250, 221));

    let mail = smtp.wait_for(WITHIN, |post| post.mails.first().cloned()).await.unwrap();
    assert_eq!((mail.subject(), mail.text.as_str(), mail.from.as_str()), ("hi", ".dot\n", "a@x"));
    assert_eq!((mail.recipients.join(" "), mail.problems.len()), ("b@x c@x".to_owned(), 0));
    let session =
        smtp.wait_for(WITHIN, |post| post.sessions.iter().find(|s| s.ended).cloned()).await.unwrap();
    assert!(session.tls && session.user.as_deref() == Some("user"));
    let transcript = session.transcript();
    assert!(transcript.contains("C: AUTH PLAIN …\nS: 535 5.7.8"), "{transcript}");
    assert!(!transcript.contains(&encode(b"\0user\0s3cret-word")), "no password in transcripts");
}

#[tokio::test]
async fn what_clients_get_wrong() {
    let smtp = Smtp::builder().plain().max_bytes(3000).max_recipients(1).start().await.unwrap();
    let long = format!("{}\r\n.\r\n", "x".repeat(999));
    let big = format!("{}.\r\n", "x\r\n".repeat(1001));
    let start = ["EHLO me", "MAIL FROM:<a@x>", "RCPT TO:<b@x>", "DATA"];
    for (content, code) in [
        (".one dot\r\n.\r\n", 554),
        ("bare\nline feed\r\n.\r\n", 554),
        (long.as_str(), 500),
        (big.as_str(), 552),
        ("\r\n.\r\n", 250),
    ] {
        let mut client = Client::connect(&smtp).await;
        let codes = client.codes(&[&start[..], &[content]].concat()).await;
        assert_eq!(codes, [220, 250, 250, 250, 354, code], "{content:?}");
    }
    let mut client = Client::connect(&smtp).await;
    let dialogue =
        ["MAIL FROM:<a@x>", "EHLO", "EHLO me", "DATA", "RCPT TO:<b@x>", "MAIL FROM:a@x", "FLY", "STARTTLS"];
    assert_eq!(client.codes(&dialogue).await, [220, 503, 501, 250, 503, 503, 501, 500, 503]);
    for (line, code) in [
        ("MAIL FROM:<a@x> SIZE=3001", 552),
        ("MAIL FROM:<ä@x>", 553),
        ("MAIL FROM:<a@x>", 250),
        ("DATA", 554),
        ("RCPT TO:<b@x>", 250),
        ("RCPT TO:<c@x>", 452),
        ("RSET", 250),
        ("RCPT TO:<b@x>", 503),
        ("NOOP", 250),
        ("VRFY b", 252),
    ] {
        assert_eq!(client.say(line).await, code, "{line}");
    }
    assert_eq!(client.send("NOOP\n").await, 500);
}

#[tokio::test]
async fn each_fault_at_its_stage() {
    let smtp = Smtp::builder().plain().start().await.unwrap();
    let dialogue = ["EHLO me", "MAIL FROM:<a@x>", "RCPT TO:<b@x>", "RCPT TO:<c@x>", "DATA", MAIL];
    let good = [220, 250, 250, 250, 250, 354, 250];
    let answer = |stage, text: &str| Fault::Answer(stage, text.to_owned());
    for (fault, expected, stored) in [
        (Fault::busy(), vec![421, 0], 0),
        (Fault::Drop(Stage::Banner), vec![0], 0),
        (answer(Stage::Hello, "500 no"), vec![220, 500], 0),
        (answer(Stage::Mail, "451 4.3.0 later"), vec![220, 250, 451, 503], 0),
        (Fault::greylist(), vec![220, 250, 250, 451, 250, 354, 250], 1),
        (Fault::unknown_user("c@x"), vec![220, 250, 250, 250, 550, 354, 250], 1),
        (answer(Stage::Data, "452 4.3.1 disk full"), vec![220, 250, 250, 250, 250, 452], 0),
        (Fault::Drop(Stage::Data), vec![220, 250, 250, 250, 250, 0], 0),
        (Fault::Drop(Stage::Content), vec![220, 250, 250, 250, 250, 354, 0], 0),
        (Fault::too_big(), vec![220, 250, 250, 250, 250, 354, 552], 0),
        (Fault::Drop(Stage::FinalDot), vec![220, 250, 250, 250, 250, 354, 0], 0),
        (Fault::DropStored, vec![220, 250, 250, 250, 250, 354, 0], 1),
        (Fault::Slow(Stage::FinalDot, Duration::from_millis(1)), good.to_vec(), 1),
    ] {
        let before = smtp.mails().len();
        smtp.fault(Times::Next(1), fault.clone());
        let mut client = Client::connect(&smtp).await;
        let codes = client.codes(&dialogue[..expected.len() - 1]).await;
        assert_eq!(codes, expected, "{fault:?}");
        assert_eq!(smtp.mails().len() - before, stored, "{fault:?}");
        assert!(
            smtp.shared.state.change(|state| state.script.take(|_| true)).is_none(),
            "{fault:?} is used up"
        );
    }
    assert_eq!(Client::connect(&smtp).await.codes(&dialogue).await, good);
    smtp.down().await;
    assert!(TcpStream::connect(smtp.address()).await.is_err());
    smtp.up().await.unwrap();
    assert_eq!(Client::connect(&smtp).await.codes(&dialogue).await, good);
}

#[tokio::test]
async fn tls_faults_and_certificates() {
    for (builder, good) in [
        (Smtp::builder(), true),
        (Smtp::builder().expired_certificate(), false),
        (Smtp::builder().wrong_name(), false),
        (Smtp::builder().untrusted(), false),
    ] {
        let smtp = builder.start().await.unwrap();
        let mut client = Client::connect(&smtp).await;
        assert_eq!(client.codes(&["EHLO me", "STARTTLS"]).await, [220, 250, 220]);
        assert_eq!(client.tls(&smtp).await.is_ok(), good);
    }
    let smtp = Smtp::builder().implicit_tls().max_mails(1).start().await.unwrap();
    let mut client = Client::connect(&smtp).await.tls(&smtp).await.unwrap();
    let dialogue = ["EHLO me", "MAIL FROM:<a@x>", "RCPT TO:<b@x>", "DATA", MAIL, "MAIL FROM:<a@x>"];
    assert_eq!(client.codes(&dialogue).await, [220, 250, 250, 250, 354, 250, 421]);

    let smtp = Arc::new(Smtp::start().await.unwrap());
    smtp.fault(Times::Next(1), Fault::NoStartTls);
    Client::connect(&smtp).await.codes(&["EHLO me", "EHLO me"]).await;
    let transcript = smtp.sessions()[0].transcript();
    assert_eq!(transcript.matches("STARTTLS").count(), 1, "{transcript}");
    smtp.fault(Times::Next(1), Fault::Drop(Stage::Handshake));
    let mut client = Client::connect(&smtp).await;
    assert_eq!(client.codes(&["EHLO me", "STARTTLS"]).await, [220, 250, 220]);
    assert!(client.tls(&smtp).await.is_err());
    let error = smtp.wait_for(Duration::ZERO, |_| None::<()>).await.unwrap_err().to_string();
    assert!(error.contains("0 mails came, in these sessions:\nS: 220"), "{error}");
}
