//! The dialogue: one client, command by command.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::auth::{Login, Step};
use super::mail::{Envelope, Mail};
use super::wire::Wire;
use super::{Fault, Line, Session, Shared, Stage};

/// The longest command line: RFC 5321's 512, and RFC 4954's allowance for AUTH.
const COMMAND_BYTES: usize = 512;
const AUTH_BYTES: usize = 12_288;

/// The longest line of a mail, without its end: RFC 5321 4.5.3.1.6.
const TEXT_LINE_BYTES: usize = 998;

/// Our name in greetings.
const HOST: &str = "mail.watchfire.test";

pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let number = shared.state.change(|state| {
        let start = Timestamp::now();
        let session = Session { start, lines: Vec::new(), tls: false, user: None, ended: false };
        state.post.sessions.push(session);
        state.post.sessions.len() - 1
    });
    let over = Over { shared: Arc::clone(&shared), number };
    let mut talk = Talk {
        wire: Wire::new(stream),
        shared,
        number,
        tls: false,
        hello: false,
        mails: 0,
        user: None,
        envelope: None,
    };
    // How a connection ended is in its transcript; that it ended is noted by `over`, even when it is aborted.
    if let Err(error) = talk.run().await {
        talk.note(false, &format!("({error})"));
    }
    drop(over);
}

/// Notes the end of a session.
struct Over {
    shared: Arc<Shared>,
    number: usize,
}

impl Drop for Over {
    fn drop(&mut self) {
        self.shared.state.change(|state| {
            if let Some(session) = state.post.sessions.get_mut(self.number) {
                session.ended = true;
            }
        });
    }
}

struct Talk {
    wire: Wire,
    shared: Arc<Shared>,
    number: usize,
    tls: bool,
    hello: bool,
    mails: usize,
    user: Option<String>,
    envelope: Option<Envelope>,
}

/// `Break` closes the connection.
type Next = io::Result<ControlFlow<()>>;

const GO_ON: Next = Ok(ControlFlow::Continue(()));
const CLOSE: Next = Ok(ControlFlow::Break(()));

impl Talk {
    async fn run(&mut self) -> io::Result<()> {
        if self.shared.rules.implicit_tls {
            self.encrypt().await?;
        }
        if self.say(Stage::Banner, &format!("220 {HOST} ESMTP")).await?.is_break() {
            return Ok(());
        }
        while let Some(line) = self.wire.line().await? {
            if self.command(&line).await?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn command(&mut self, line: &[u8]) -> Next {
        let text = String::from_utf8_lossy(line);
        let Some(text) = text.strip_suffix("\r\n") else {
            self.note(true, text.trim_end());
            return self.reply("500 5.5.2 a line must end with CR LF").await;
        };
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let verb = verb.to_ascii_uppercase();
        let login = verb == "AUTH";
        let mechanism = rest.split(' ').next().unwrap_or_default();
        self.note(true, &if login { format!("AUTH {mechanism} …") } else { text.to_owned() });
        if line.len() > if login { AUTH_BYTES } else { COMMAND_BYTES } {
            return self.reply("500 5.5.2 line too long").await;
        }
        match verb.as_str() {
            "EHLO" | "HELO" => self.hello(verb == "EHLO", rest).await,
            "STARTTLS" => self.start_tls().await,
            "AUTH" => self.login(rest).await,
            "MAIL" => self.mail(rest).await,
            "RCPT" => self.recipient(rest).await,
            "DATA" => self.data().await,
            "RSET" => {
                self.envelope = None;
                self.reply("250 2.0.0 ok").await
            }
            "NOOP" => self.reply("250 2.0.0 ok").await,
            "VRFY" => self.reply("252 2.5.2 cannot verify, but will try").await,
            "HELP" => self.reply("214 2.0.0 see RFC 5321").await,
            "QUIT" => {
                self.tell(&format!("221 2.0.0 {HOST} says goodbye")).await?;
                CLOSE
            }
            _ => self.reply("500 5.5.2 unknown command").await,
        }
    }

    async fn hello(&mut self, extended: bool, name: &str) -> Next {
        if name.trim().is_empty() {
            return self.reply("501 5.5.4 say your name").await;
        }
        self.hello = true;
        self.envelope = None;
        if !extended {
            return self.say(Stage::Hello, &format!("250 {HOST}")).await;
        }
        let rules = &self.shared.rules;
        let hidden = self.fault(|fault| *fault == Fault::NoStartTls).is_some();
        let mut lines = vec![
            format!("{HOST} greets {name}"),
            "PIPELINING".to_owned(),
            format!("SIZE {}", rules.max_bytes),
            "8BITMIME".to_owned(),
            "ENHANCEDSTATUSCODES".to_owned(),
        ];
        if rules.utf8 {
            lines.push("SMTPUTF8".to_owned());
        }
        if rules.starttls && !self.tls && !hidden {
            lines.push("STARTTLS".to_owned());
        }
        if !rules.accounts.is_empty() && (self.tls || rules.auth_in_clear) {
            lines.push(format!("AUTH {}", rules.mechanisms));
        }
        let last = lines.pop().unwrap_or_default();
        let more = lines.join("\r\n250-");
        self.say(Stage::Hello, &format!("250-{more}\r\n250 {last}")).await
    }

    async fn start_tls(&mut self) -> Next {
        if !self.shared.rules.starttls || self.tls {
            return self.reply("503 5.5.1 STARTTLS is not offered").await;
        }
        if self.say(Stage::StartTls, "220 2.0.0 go ahead").await?.is_break() {
            return CLOSE;
        }
        if self.said_no() {
            return GO_ON;
        }
        self.encrypt().await?;
        // What was said in clear does not count any more: RFC 3207 4.2.
        self.hello = false;
        self.envelope = None;
        GO_ON
    }

    async fn encrypt(&mut self) -> io::Result<()> {
        if self.fault(|fault| *fault == Fault::Drop(Stage::Handshake)).is_some() {
            return Err(io::Error::other("dropped at the handshake, as ordered"));
        }
        self.wire.start_tls(&self.shared.acceptor).await?;
        self.tls = true;
        self.session(|session| session.tls = true);
        Ok(())
    }

    async fn login(&mut self, rest: &str) -> Next {
        let (mechanism, first) =
            rest.split_once(' ').map_or((rest, None), |(name, first)| (name, Some(first)));
        if !self.hello || self.user.is_some() || self.envelope.is_some() {
            return self.reply("503 5.5.1 not now").await;
        }
        if !self.tls && !self.shared.rules.auth_in_clear {
            return self.reply("538 5.7.11 a login needs TLS").await;
        }
        let offered =
            self.shared.rules.mechanisms.split(' ').any(|name| name.eq_ignore_ascii_case(mechanism));
        let Some(mut login) = Login::new(mechanism).filter(|_| offered) else {
            return self.reply("504 5.5.4 unknown mechanism").await;
        };
        let mut said = first.map(str::to_owned);
        loop {
            match login.step(said.as_deref(), &self.shared.rules) {
                Step::Ask(challenge) => {
                    self.tell(&format!("334 {challenge}")).await?;
                    let Some(line) = self.wire.line().await? else { return CLOSE };
                    self.note(true, "…");
                    said = Some(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
                Step::Welcome(user) => {
                    let next = self.say(Stage::Auth, "235 2.7.0 welcome").await;
                    if !self.said_no() {
                        self.session(|session| session.user = Some(user.clone()));
                        self.user = Some(user);
                    }
                    return next;
                }
                Step::Refused => return self.say(Stage::Auth, "535 5.7.8 wrong user or password").await,
                Step::Nonsense(answer) => return self.say(Stage::Auth, answer).await,
            }
        }
    }

    async fn mail(&mut self, rest: &str) -> Next {
        let rules = &self.shared.rules;
        let refusal = match () {
            () if !self.hello => Some("503 5.5.1 say EHLO first"),
            () if rules.tls_required && !self.tls => Some("530 5.7.0 must issue a STARTTLS command first"),
            () if !rules.accounts.is_empty() && self.user.is_none() => {
                Some("530 5.7.0 authentication required")
            }
            () if self.envelope.is_some() => Some("503 5.5.1 one mail at a time"),
            () if self.mails >= rules.max_mails => Some("421 4.7.0 too many mails on one connection"),
            () => None,
        };
        if let Some(refusal) = refusal {
            return self.reply(refusal).await;
        }
        let Some((from, parameters)) = address(rest, "FROM:") else {
            return self.reply("501 5.5.4 want MAIL FROM:<address>").await;
        };
        let parameter = |name: &str| {
            parameters.iter().find_map(|word| {
                let (key, value) = word.split_once('=').unwrap_or((word, ""));
                key.eq_ignore_ascii_case(name).then_some(value)
            })
        };
        let utf8 = parameter("SMTPUTF8").is_some();
        if utf8 && !rules.utf8 {
            return self.say(Stage::Mail, "555 5.5.4 unknown parameter SMTPUTF8").await;
        }
        if parameter("SIZE")
            .and_then(|size| size.parse().ok())
            .is_some_and(|size: usize| size > rules.max_bytes)
        {
            return self.say(Stage::Mail, "552 5.3.4 message too big").await;
        }
        if !from.is_ascii() && !utf8 {
            return self.say(Stage::Mail, "553 5.6.7 needs SMTPUTF8").await;
        }
        let eight_bit = utf8 || parameter("BODY").is_some_and(|body| body.eq_ignore_ascii_case("8BITMIME"));
        let next = self.say(Stage::Mail, "250 2.1.0 ok").await;
        if !self.said_no() {
            self.envelope = Some(Envelope { from, recipients: Vec::new(), eight_bit, utf8 });
        }
        next
    }

    async fn recipient(&mut self, rest: &str) -> Next {
        let Some(envelope) = &self.envelope else {
            return self.reply("503 5.5.1 say MAIL first").await;
        };
        let (count, utf8) = (envelope.recipients.len(), envelope.utf8);
        let Some((to, _)) = address(rest, "TO:").filter(|(to, _)| !to.is_empty()) else {
            return self.reply("501 5.5.4 want RCPT TO:<address>").await;
        };
        if !to.is_ascii() && !utf8 {
            return self.reply("553 5.6.7 needs SMTPUTF8").await;
        }
        let refused =
            self.fault(|fault| matches!(fault, Fault::Refuse(who, _) if who.eq_ignore_ascii_case(&to)));
        if let Some(Fault::Refuse(_, answer)) = refused {
            return self.reply(&answer).await;
        }
        if count >= self.shared.rules.max_recipients {
            return self.reply("452 4.5.3 too many recipients").await;
        }
        let next = self.say(Stage::Recipient, "250 2.1.5 ok").await;
        if let (false, Some(envelope)) = (self.said_no(), &mut self.envelope) {
            envelope.recipients.push(to);
        }
        next
    }

    async fn data(&mut self) -> Next {
        match &self.envelope {
            None => return self.reply("503 5.5.1 say MAIL first").await,
            Some(envelope) if envelope.recipients.is_empty() => {
                return self.reply("554 5.5.1 no valid recipients").await;
            }
            Some(_) => {}
        }
        if self.say(Stage::Data, "354 end with a dot alone").await?.is_break() {
            return CLOSE;
        }
        if self.said_no() {
            return GO_ON;
        }
        let Some((content, problem)) = self.content().await? else { return CLOSE };
        self.note(true, &format!("({} bytes and a dot)", content.len()));
        let envelope = self.envelope.take();
        if let Some(problem) = problem {
            return self.reply(problem).await;
        }
        let Some(envelope) = envelope else { return CLOSE };
        if self.fault(|fault| *fault == Fault::DropStored).is_some() {
            self.store(envelope, content);
            return CLOSE;
        }
        // The mail is there before the client can know it; so it is, too, when the answer is slow.
        match self
            .fault(|fault| matches!(fault, Fault::Answer(Stage::FinalDot, _) | Fault::Drop(Stage::FinalDot)))
        {
            Some(Fault::Answer(_, answer)) => self.reply(&answer).await,
            Some(_) => CLOSE,
            None => {
                self.store(envelope, content);
                self.say(Stage::FinalDot, "250 2.0.0 taken").await
            }
        }
    }

    /// Reads a mail to its final dot: its bytes without the dots' doubling, and what is wrong with it.
    async fn content(&mut self) -> io::Result<Option<(Vec<u8>, Option<&'static str>)>> {
        let mut content = Vec::new();
        let mut problem = None;
        let mut first = true;
        loop {
            let Some(line) = self.wire.line().await? else { return Ok(None) };
            if std::mem::take(&mut first)
                && self.fault(|fault| *fault == Fault::Drop(Stage::Content)).is_some()
            {
                return Ok(None);
            }
            let (text, doubled) = match line.as_slice() {
                b".\r\n" => return Ok(Some((content, problem))),
                [b'.', rest @ ..] => (rest, rest.first() == Some(&b'.')),
                line => (line, true),
            };
            let bare = text.strip_suffix(b"\r\n");
            if !doubled {
                problem = problem.or(Some("554 5.6.0 a line begins with a dot that was not doubled"));
            } else if bare.is_none_or(|text| text.contains(&b'\r')) {
                problem = problem.or(Some("554 5.6.0 a bare CR or LF"));
            } else if bare.is_some_and(|text| text.len() > TEXT_LINE_BYTES) {
                problem = problem.or(Some("500 5.5.2 a line is longer than 998 bytes"));
            }
            if content.len() + text.len() > self.shared.rules.max_bytes {
                problem = problem.or(Some("552 5.3.4 message too big"));
            } else {
                content.extend_from_slice(text);
            }
        }
    }

    fn store(&mut self, envelope: Envelope, content: Vec<u8>) {
        self.mails += 1;
        let mail = Mail::new(self.number, envelope, content);
        self.shared.state.change(|state| state.post.mails.push(mail));
    }

    /// Answers a command at a stage where faults may happen.
    async fn say(&mut self, stage: Stage, answer: &str) -> Next {
        let slow = self.fault(|fault| matches!(fault, Fault::Slow(at, _) if *at == stage));
        if let Some(Fault::Slow(_, delay)) = slow {
            sleep(delay).await;
        }
        match self.fault(|fault| matches!(fault, Fault::Answer(at, _) | Fault::Drop(at) if *at == stage)) {
            Some(Fault::Answer(_, answer)) => self.reply(&answer).await,
            Some(_) => CLOSE,
            None => self.reply(answer).await,
        }
    }

    async fn reply(&mut self, answer: &str) -> Next {
        self.tell(answer).await?;
        if answer.starts_with("421") { CLOSE } else { GO_ON }
    }

    async fn tell(&mut self, answer: &str) -> io::Result<()> {
        for line in answer.split("\r\n") {
            self.note(false, line);
        }
        self.wire.send(&format!("{answer}\r\n")).await
    }

    /// Whether our last answer was a refusal: a fault may have changed it.
    fn said_no(&self) -> bool {
        let last = |session: &Session| {
            session.lines.iter().rev().find(|line| !line.by_client).map(|l| l.text.clone())
        };
        let last = self.shared.state.read(|state| state.post.sessions.get(self.number).and_then(last));
        last.is_none_or(|answer| !answer.starts_with(['2', '3']))
    }

    fn fault(&self, applies: impl Fn(&Fault) -> bool) -> Option<Fault> {
        self.shared.state.change(|state| state.script.take(applies))
    }

    fn note(&self, by_client: bool, text: &str) {
        let line = Line { time: Timestamp::now(), by_client, text: text.to_owned() };
        self.session(|session| session.lines.push(line));
    }

    fn session(&self, change: impl FnOnce(&mut Session)) {
        self.shared.state.change(|state| {
            if let Some(session) = state.post.sessions.get_mut(self.number) {
                change(session);
            }
        });
    }
}

/// The address and the parameters of MAIL and RCPT.
fn address(rest: &str, word: &str) -> Option<(String, Vec<String>)> {
    let after = rest
        .get(..word.len())
        .filter(|start| start.eq_ignore_ascii_case(word))
        .and_then(|_| rest.get(word.len()..))?;
    let (address, parameters) = after.strip_prefix('<')?.split_once('>')?;
    let words = parameters.split(' ').filter(|word| !word.is_empty());
    Some((address.to_owned(), words.map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_their_parameters() {
        let found = |rest| address(rest, "FROM:").map(|(address, words)| (address, words.join(" ")));
        let some = |address: &str, words: &str| Some((address.to_owned(), words.to_owned()));
        for (rest, expected) in [
            ("FROM:<a@b>", some("a@b", "")),
            ("from:<> SIZE=3 BODY=8BITMIME", some("", "SIZE=3 BODY=8BITMIME")),
            ("FROM: <a@b>", None),
            ("FROM:a@b", None),
            ("FR", None),
        ] {
            assert_eq!(found(rest), expected, "{rest}");
        }
    }
}
