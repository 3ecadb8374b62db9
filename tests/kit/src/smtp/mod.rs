//! A mail server's double: it speaks SMTP with STARTTLS and logins, checks what clients get wrong, keeps every
//! session's lines and every mail decoded, and fails in the ways that mail servers fail.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use tokio_rustls::TlsAcceptor;

use crate::listener::{ANY, Listener};
use crate::process::Folder;
use crate::script::Script;
use crate::tls::{Authority, LOOPBACK, server_config};
use crate::watched::Watched;

mod auth;
mod mail;
mod mime;
mod session;
mod wire;

pub use crate::script::Times;
pub use mail::Mail;

/// Bytes of a mail that are taken, if the test says nothing else.
const MAIL_BYTES: usize = 10 << 20;

/// Recipients of one mail that are taken, if the test says nothing else; what RFC 5321 asks for.
const RECIPIENTS: usize = 100;

/// A point in the dialogue at which a fault can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The greeting, before the client says anything.
    Banner,
    /// EHLO or HELO.
    Hello,
    /// The STARTTLS command.
    StartTls,
    /// The TLS handshake itself.
    Handshake,
    /// The AUTH command, at its end.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Recipient,
    /// The DATA command.
    Data,
    /// After `354`, when the first line of the mail arrives.
    Content,
    /// After the final dot. What is refused or dropped here is not stored; what is slow is.
    FinalDot,
}

/// A bad day of a mail server, scripted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Gives this answer, for example `451 4.3.0 try again later`. A `421` also closes the connection.
    Answer(Stage, String),
    /// Gives this answer to RCPT TO this one address.
    Refuse(String, String),
    /// Closes the connection instead of answering.
    Drop(Stage),
    /// Answers late.
    Slow(Stage, Duration),
    /// Does not offer STARTTLS.
    NoStartTls,
    /// Stores the mail, then closes the connection before it says so: the client cannot know.
    DropStored,
}

impl Fault {
    /// Too busy to talk.
    pub fn busy() -> Self {
        Self::Answer(Stage::Banner, "421 4.3.2 too busy, try again later".to_owned())
    }

    /// A recipient is not known yet: come again later.
    pub fn greylist() -> Self {
        Self::Answer(Stage::Recipient, "451 4.7.1 greylisted, try again later".to_owned())
    }

    /// No such user.
    pub fn unknown_user(address: &str) -> Self {
        Self::Refuse(address.to_owned(), "550 5.1.1 user unknown".to_owned())
    }

    /// The mail is too big, found out after it was sent.
    pub fn too_big() -> Self {
        Self::Answer(Stage::FinalDot, "552 5.3.4 message too big".to_owned())
    }
}

/// What is wrong with the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certificate {
    Good,
    Expired,
    WrongName,
    Untrusted,
}

/// How a mail server is to be started.
#[derive(Debug)]
pub struct Builder {
    rules: Rules,
    certificate: Certificate,
    address: SocketAddr,
}

impl Builder {
    /// Speaks TLS from the first byte (port 465's way) instead of STARTTLS.
    #[must_use]
    pub fn implicit_tls(mut self) -> Self {
        self.rules.implicit_tls = true;
        self.rules.starttls = false;
        self
    }

    /// Speaks no TLS at all.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.rules.starttls = false;
        self
    }

    /// Takes no mail before STARTTLS: `530`.
    #[must_use]
    pub fn tls_required(mut self) -> Self {
        self.rules.tls_required = true;
        self
    }

    /// Adds an account; from then on mail is taken only after a login (`530`), and a wrong password is `535`.
    ///
    /// The password is the bearer token, too, for XOAUTH2.
    #[must_use]
    pub fn account(mut self, user: &str, password: &str) -> Self {
        self.rules.accounts.push((user.to_owned(), password.to_owned()));
        self
    }

    /// Lets logins in without TLS, as careless servers do.
    #[must_use]
    pub fn auth_in_clear(mut self) -> Self {
        self.rules.auth_in_clear = true;
        self
    }

    /// Asks for user and password of AUTH LOGIN with other words than `Username:` and `Password:`.
    #[must_use]
    pub fn login_prompts(mut self, user: &str, password: &str) -> Self {
        self.rules.login_prompts = [user.to_owned(), password.to_owned()];
        self
    }

    /// Offers these kinds of login only, for example `LOGIN`.
    #[must_use]
    pub fn mechanisms(mut self, names: &str) -> Self {
        names.clone_into(&mut self.rules.mechanisms);
        self
    }

    /// Takes no addresses beyond ASCII.
    #[must_use]
    pub fn ascii_only(mut self) -> Self {
        self.rules.utf8 = false;
        self
    }

    /// The largest mail it takes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.rules.max_bytes = bytes;
        self
    }

    /// The most recipients it takes at once; the next gets `452`.
    #[must_use]
    pub fn max_recipients(mut self, recipients: usize) -> Self {
        self.rules.max_recipients = recipients;
        self
    }

    /// Mails per connection; then `421`.
    #[must_use]
    pub fn max_mails(mut self, mails: usize) -> Self {
        self.rules.max_mails = mails;
        self
    }

    /// Shows a certificate that ran out.
    #[must_use]
    pub fn expired_certificate(mut self) -> Self {
        self.certificate = Certificate::Expired;
        self
    }

    /// Shows a certificate for another host.
    #[must_use]
    pub fn wrong_name(mut self) -> Self {
        self.certificate = Certificate::WrongName;
        self
    }

    /// Shows a certificate of an authority that is not in the trust file.
    #[must_use]
    pub fn untrusted(mut self) -> Self {
        self.certificate = Certificate::Untrusted;
        self
    }

    /// Listens here and nowhere else.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Starts it.
    pub async fn start(self) -> Result<Smtp> {
        let authority = Authority::new()?;
        let identity = match self.certificate {
            Certificate::Good => authority.server(&LOOPBACK)?,
            Certificate::Expired => authority.expired_server(&LOOPBACK)?,
            Certificate::WrongName => authority.server(&["mail.elsewhere.test"])?,
            Certificate::Untrusted => Authority::new()?.server(&LOOPBACK)?,
        };
        let folder = Folder::new()?;
        let authority_file = folder.write("authority.pem", authority.pem())?;
        let shared = Arc::new(Shared {
            rules: self.rules,
            acceptor: TlsAcceptor::from(server_config(&identity)?),
            state: Watched::new(State { post: Post::default(), script: Script::new() }),
        });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(self.address, move |stream| {
            Box::pin(session::serve(stream, Arc::clone(&serving)))
        });
        Ok(Smtp {
            listener: listener.await?,
            shared,
            authority_pem: authority.pem(),
            authority_file,
            _folder: folder,
        })
    }
}

/// A running mail server. Mails to anyone are taken; nothing is sent on.
pub struct Smtp {
    listener: Listener,
    shared: Arc<Shared>,
    authority_pem: String,
    authority_file: PathBuf,
    _folder: Folder,
}

impl Smtp {
    /// Starts one that offers STARTTLS and wants no login.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Options first.
    pub fn builder() -> Builder {
        Builder { rules: Rules::default(), certificate: Certificate::Good, address: ANY }
    }

    /// Where it listens; its certificate is for `localhost` and `127.0.0.1`.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The certificate that a client must trust.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// A file with the certificate that a client must trust.
    pub fn authority_file(&self) -> &Path {
        &self.authority_file
    }

    /// Lets this fault happen the next times it applies.
    pub fn fault(&self, times: Times, fault: Fault) {
        self.shared.state.change(|state| state.script.add(times, fault));
    }

    /// No more faults.
    pub fn heal(&self) {
        self.shared.state.change(|state| state.script.clear());
    }

    /// The mails taken so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.read(|post| post.mails.clone())
    }

    /// The sessions so far.
    pub fn sessions(&self) -> Vec<Session> {
        self.read(|post| post.sessions.clone())
    }

    /// Looks at mails and sessions.
    pub fn read<R>(&self, read: impl FnOnce(&Post) -> R) -> R {
        self.shared.state.read(|state| read(&state.post))
    }

    /// Waits until `pick` finds what it looks for; it is asked after each line of each session.
    ///
    /// A mail is seen here a moment before its sender has the answer: end the server only after the sender.
    pub async fn wait_for<R>(&self, within: Duration, mut pick: impl FnMut(&Post) -> Option<R>) -> Result<R> {
        self.shared.state.wait_for(within, |state| pick(&state.post), |state| state.post.describe()).await
    }

    /// Takes the server off the net: connections are refused, open ones are closed.
    pub async fn down(&self) {
        self.listener.down().await;
    }

    /// Brings it back on the same port.
    pub async fn up(&self) -> Result<()> {
        self.listener.up().await
    }
}

/// Everything that a mail server has seen.
#[derive(Clone, Debug, Default)]
pub struct Post {
    /// Every mail taken, oldest first.
    pub mails: Vec<Mail>,
    /// Every connection, oldest first.
    pub sessions: Vec<Session>,
}

impl Post {
    fn describe(&self) -> String {
        let sessions = self.sessions.iter().map(|session| format!("\n{}", session.transcript()));
        format!("{} mails came, in these sessions:{}", self.mails.len(), sessions.collect::<String>())
    }
}

/// One connection, line by line.
#[derive(Clone, Debug)]
pub struct Session {
    /// When it began.
    pub start: Timestamp,
    /// What was said. A mail's content is one line with its size; passwords are left out.
    pub lines: Vec<Line>,
    /// Whether TLS was reached.
    pub tls: bool,
    /// Who logged in.
    pub user: Option<String>,
    /// Whether it is over.
    pub ended: bool,
}

impl Session {
    /// All lines as text, `C: ` before the client's and `S: ` before ours.
    pub fn transcript(&self) -> String {
        let lines = self.lines.iter().map(|line| {
            let who = if line.by_client { 'C' } else { 'S' };
            format!("{who}: {}\n", line.text)
        });
        lines.collect()
    }
}

/// One line of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was said.
    pub time: Timestamp,
    /// Whether the client said it.
    pub by_client: bool,
    /// What was said.
    pub text: String,
}

/// What the server asks of its clients.
#[derive(Debug)]
struct Rules {
    starttls: bool,
    implicit_tls: bool,
    tls_required: bool,
    auth_in_clear: bool,
    accounts: Vec<(String, String)>,
    login_prompts: [String; 2],
    mechanisms: String,
    utf8: bool,
    max_bytes: usize,
    max_recipients: usize,
    max_mails: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            starttls: true,
            implicit_tls: false,
            tls_required: false,
            auth_in_clear: false,
            accounts: Vec::new(),
            login_prompts: ["Username:".to_owned(), "Password:".to_owned()],
            mechanisms: "PLAIN LOGIN XOAUTH2".to_owned(),
            utf8: true,
            max_bytes: MAIL_BYTES,
            max_recipients: RECIPIENTS,
            max_mails: usize::MAX,
        }
    }
}

struct Shared {
    rules: Rules,
    acceptor: TlsAcceptor,
    state: Watched<State>,
}

struct State {
    post: Post,
    script: Script<Fault>,
}

#[cfg(test)]
mod tests;
