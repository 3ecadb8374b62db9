//! What is said to a mail server, and its replies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};
use toolkit::config::Secret;

use super::SmtpFacts;
use crate::outcome::Failed;
use crate::probe::tcp::Conversation;
use crate::reason::Reason;

/// Lines of one reply; servers with many extensions have some twenty.
const MAX_LINES: usize = 100;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reply {
    code: u16,
    lines: Vec<String>,
}

/// A dialogue.
pub(super) struct Dialogue<'a, S> {
    conversation: Conversation<S>,
    facts: &'a mut SmtpFacts,
}

/// What the server can do.
pub(super) struct Offers(Vec<String>);

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Dialogue<'a, S> {
    pub(super) fn new(conversation: Conversation<S>, facts: &'a mut SmtpFacts) -> Self {
        Self { conversation, facts }
    }

    /// Waits for the greeting.
    pub(super) async fn greeting(&mut self) -> Result<(), Failed> {
        self.reply(220, "the greeting").await.map(drop)
    }

    /// Says who we are.
    pub(super) async fn hello(&mut self, name: &str) -> Result<Offers, Failed> {
        self.say(&format!("EHLO {name}")).await?;
        Ok(Offers(self.reply(250, "EHLO").await?.lines))
    }

    /// Logs in.
    pub(super) async fn login(
        &mut self,
        offers: &Offers,
        user: &str,
        password: &Secret,
    ) -> Result<(), Failed> {
        if offers.has("AUTH", "PLAIN") {
            let plain = Secret::from(STANDARD.encode(format!("\0{user}\0{}", password.expose())));
            self.say(&format!("AUTH PLAIN {}", plain.expose())).await?;
        } else if offers.has("AUTH", "LOGIN") {
            self.say("AUTH LOGIN").await?;
            self.reply(334, "AUTH LOGIN").await?;
            self.say(&STANDARD.encode(user)).await?;
            self.reply(334, "the user").await?;
            self.say(&STANDARD.encode(password.expose())).await?;
        } else {
            let message = "the server offers no login that is spoken here (PLAIN, LOGIN)";
            return Err(Failed::new("transfer", Reason::Protocol, message));
        }
        self.reply(235, "the login").await.map(drop)
    }

    /// Asks whether all is well.
    pub(super) async fn noop(&mut self) -> Result<(), Failed> {
        self.say("NOOP").await?;
        self.reply(250, "NOOP").await.map(drop)
    }

    /// Takes leave. What comes of it says nothing of the server any more.
    pub(super) async fn quit(&mut self) {
        let code = self.facts.code;
        if self.say("QUIT").await.is_ok() {
            drop(self.reply(221, "QUIT").await);
        }
        self.facts.code = code;
    }

    pub(super) fn into_conversation(self) -> Conversation<S> {
        self.conversation
    }

    async fn say(&mut self, line: &str) -> Result<(), Failed> {
        self.conversation.say(format!("{line}\r\n").as_bytes()).await
    }

    /// The next reply, which must have this number. The server's words are not repeated: they may hold anything.
    async fn reply(&mut self, wanted: u16, to: &str) -> Result<Reply, Failed> {
        let reply = self.lines().await?;
        self.facts.code = reply.code;
        if reply.code == wanted {
            return Ok(reply);
        }
        let message = format!("the server answers {} to {to}", reply.code);
        Err(Failed::new("transfer", Reason::ServerError, message))
    }

    async fn lines(&mut self) -> Result<Reply, Failed> {
        let wrong = |message| Err(Failed::new("transfer", Reason::Protocol, message));
        let mut reply: Option<Reply> = None;
        loop {
            let Some(line) = self.conversation.line().await? else {
                return Err(Failed::new("transfer", Reason::Closed, "the server closed the connection"));
            };
            let Some((code, is_last, text)) = parse(line) else {
                return wrong("that is no reply of a mail server");
            };
            let reply = reply.get_or_insert_with(|| Reply { code, lines: Vec::new() });
            if reply.code != code || reply.lines.len() >= MAX_LINES {
                return wrong("a reply has no end");
            }
            reply.lines.push(text);
            if is_last {
                return Ok(reply.clone());
            }
        }
    }
}

impl Offers {
    /// Whether a line offers `word` with this parameter. The first line is the server's name.
    fn has(&self, word: &str, parameter: &str) -> bool {
        self.0.iter().skip(1).any(|line| {
            // `AUTH=PLAIN` is an old way to write it
            let mut words = line.split([' ', '=']);
            words.next().is_some_and(|found| found.eq_ignore_ascii_case(word))
                && words.any(|found| found.eq_ignore_ascii_case(parameter))
        })
    }
}

/// `250-text`, `250 text` or `250`: the number, whether it is the last line, and the text.
fn parse(line: &[u8]) -> Option<(u16, bool, String)> {
    let (number, rest) = line.split_at_checked(3)?;
    if !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = std::str::from_utf8(number).ok()?.parse().ok()?;
    let (is_last, text) = match rest.split_first() {
        None => (true, rest),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return None,
    };
    Some((code, is_last, String::from_utf8_lossy(text).into_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn lines_of_replies() {
        for (line, expected) in [
            (&b"250 ok"[..], Some((250, true, "ok"))),
            (b"250-SIZE 1", Some((250, false, "SIZE 1"))),
            (b"221", Some((221, true, ""))),
            (b"25", None),
            (b"+50 x", None),
            (b"2500", None),
            (b"SSH-2.0", None),
        ] {
            let found = parse(line);
            let found = found.as_ref().map(|(code, is_last, text)| (*code, *is_last, text.as_str()));
            assert_eq!(found, expected, "{line:?}");
        }
    }

    #[test]
    fn offers() {
        let offers = Offers(["auth plain", "AUTH LOGIN", "auth=x-y Z"].map(str::to_owned).to_vec());
        assert!(offers.has("AUTH", "LOGIN"));
        assert!(!offers.has("AUTH", "PLAIN"), "that is its name");
        assert!(offers.has("AUTH", "x-y"));
    }

    #[tokio::test]
    async fn replies_that_are_none() {
        for (said, reason) in [
            (&b"SSH-2.0-x\r\n"[..], Reason::Protocol),
            (b"250-a\r\n251 b\r\n", Reason::Protocol),
            (b"554 no\r\n", Reason::ServerError),
            (b"220-a\r\n", Reason::Closed),
            (b"", Reason::Closed),
        ] {
            let (ours, mut theirs) = duplex(4096);
            theirs.write_all(said).await.unwrap();
            drop(theirs);
            let mut facts = SmtpFacts::default();
            let conversation = Conversation::new(ours, Instant::now() + Duration::from_secs(5));
            let failed = Dialogue::new(conversation, &mut facts).greeting().await.unwrap_err();
            assert_eq!(failed.reason, reason, "{said:?}");
            assert!(!failed.message.contains("SSH"));
        }
    }
}
