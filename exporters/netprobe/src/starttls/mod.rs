//! From plain text to TLS, in the twelve protocols that can.
//!
//! Invariants:
//! - whatever a server says, it makes us hold no more than `lines::MAX_TAKEN` bytes and wait no longer than the
//!   deadline;
//! - nothing is taken for TLS that came before the server could know that we speak it: a byte that lies behind the
//!   go-ahead was put there by somebody, and the connection is given up.

mod binary;
mod lines;
mod mail;
mod text;
mod xmpp;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, Reason};
use crate::phase::Phase;
use lines::Dialogue;

/// A protocol that can go on in TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Mail transfer, and submission (RFC 3207).
    Smtp,
    /// Local mail transfer (RFC 2033).
    Lmtp,
    /// Mailboxes (RFC 9051).
    Imap,
    /// Mailboxes (RFC 2595).
    Pop3,
    /// File transfer (RFC 4217).
    Ftp,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// Directories (RFC 4511).
    Ldap,
    /// Messages, client to server (RFC 6120).
    Xmpp,
    /// Mail filters (RFC 5804).
    Sieve,
    /// News (RFC 4642).
    Nntp,
    /// Chat, by the extension `tls`.
    Irc,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Smtp,
        Self::Lmtp,
        Self::Imap,
        Self::Pop3,
        Self::Ftp,
        Self::Postgres,
        Self::Mysql,
        Self::Ldap,
        Self::Xmpp,
        Self::Sieve,
        Self::Nntp,
        Self::Irc,
    ];

    /// Its name in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Lmtp => "lmtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ftp => "ftp",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Ldap => "ldap",
            Self::Xmpp => "xmpp",
            Self::Sieve => "sieve",
            Self::Nntp => "nntp",
            Self::Irc => "irc",
        }
    }

    /// The protocol of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.as_str() == name)
    }
}

/// Talks with the server until TLS can begin. `host` is what the server is told it is (XMPP only).
pub async fn negotiate<S>(
    stream: &mut S,
    protocol: Protocol,
    host: &str,
    deadline: Instant,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let talk = talk(Dialogue::new(stream), protocol, host);
    timeout_at(deadline, talk).await.unwrap_or_else(|_| Err(failure(Reason::Timeout)))
}

async fn talk<S>(mut dialogue: Dialogue<'_, S>, protocol: Protocol, host: &str) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match protocol {
        Protocol::Smtp => mail::smtp(&mut dialogue, "EHLO").await?,
        Protocol::Lmtp => mail::smtp(&mut dialogue, "LHLO").await?,
        Protocol::Imap => mail::imap(&mut dialogue).await?,
        Protocol::Pop3 => mail::pop3(&mut dialogue).await?,
        Protocol::Sieve => mail::sieve(&mut dialogue).await?,
        Protocol::Ftp => text::ftp(&mut dialogue).await?,
        Protocol::Nntp => text::nntp(&mut dialogue).await?,
        Protocol::Irc => text::irc(&mut dialogue).await?,
        Protocol::Xmpp => xmpp::xmpp(&mut dialogue, host).await?,
        Protocol::Postgres => binary::postgres(&mut dialogue).await?,
        Protocol::Mysql => return binary::mysql(&mut dialogue).await,
        Protocol::Ldap => binary::ldap(&mut dialogue).await?,
    }
    dialogue.ends_here()
}

fn failure(reason: Reason) -> Failure {
    Failure::new(Phase::StartTls, reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_server_says_it_comes_to_an_end(said in proptest::collection::vec(any::<u8>(), 0..300)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            for protocol in Protocol::ALL {
                let done = runtime.block_on(async {
                    let (mut ours, mut theirs) = tokio::io::duplex(4096);
                    theirs.write_all(&said).await.unwrap();
                    theirs.shutdown().await.unwrap();
                    let far = Instant::now() + std::time::Duration::from_mins(1);
                    negotiate(&mut ours, protocol, "localhost", far).await
                });
                if let Err(failure) = done {
                    assert_ne!(failure.reason, Reason::Timeout);
                }
            }
        }
    }

    #[test]
    fn names_go_both_ways() {
        for protocol in Protocol::ALL {
            assert_eq!(Protocol::from_name(protocol.as_str()), Some(protocol));
        }
        assert_eq!(Protocol::from_name("gopher"), None);
    }
}
