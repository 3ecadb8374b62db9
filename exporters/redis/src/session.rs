//! A connection that has introduced itself: AUTH, CLIENT SETNAME, and which server it is, in one round trip.
//!
//! Invariant: the password goes to the place of the [`Link`] it was bound to and nowhere else; it must never stand
//! in an error.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use toolkit::config::Secret;

use crate::access::Credentials;
use crate::command::{Command, CommandOptions, Denied};
use crate::conn::{Answer, Connection};
use crate::connect::{self, Opened};
use crate::custom::CustomCommand;
use crate::error::{LinkError, Reason};
use crate::info::Info;
use crate::reply::Reply;
use crate::server::Server;
use crate::target::Place;
use crate::tls::{TlsConfigs, TlsSettings};

/// A connection with TLS is opened anew after this time, so that the end of the certificate that is shown is that of
/// the one the server has now.
const TLS_LIFE: Duration = Duration::from_hours(1);

/// Everything that is needed to talk to one target.
#[derive(Clone, Debug)]
pub struct Link {
    /// Where it is.
    pub place: Place,
    /// Who we are there.
    pub credentials: Credentials,
    /// How TLS is spoken.
    pub tls: TlsSettings,
    /// What was read of the files for TLS.
    pub tls_configs: Arc<TlsConfigs>,
    /// How long connecting, and how long an exchange, may take.
    pub timeout: Duration,
    /// Whether the connection is given a name.
    pub set_client_name: bool,
    /// Whether a PING is measured in each scrape.
    pub ping: bool,
    /// What is asked.
    pub commands: CommandOptions,
    /// What the configuration file asks of it beside the page.
    pub custom: Vec<Arc<CustomCommand>>,
    /// Which configuration this is from: a connection of another one is not used.
    pub generation: u64,
}

impl Link {
    /// What tells links to different servers, or as different users, apart.
    pub fn key(&self) -> String {
        let Self { place, credentials, tls, .. } = self;
        format!("{place:?} {:?} {:?}", credentials.user, tls.server_name)
    }
}

/// An open connection and what is known about the server behind it.
pub struct Session {
    /// The connection.
    pub connection: Connection,
    /// The server.
    pub server: Server,
    /// The configuration it was opened for.
    pub generation: u64,
    /// When it was opened.
    pub opened: Instant,
    /// When it was last used.
    pub used: Instant,
    /// When the server's certificate ends, in Unix time, where TLS is spoken.
    pub not_after: Option<i64>,
}

impl Session {
    /// Connects and introduces itself within the link's timeout.
    pub async fn open(link: &Link, denied: &mut Denied) -> Result<Self, LinkError> {
        let opening = timeout(link.timeout, Self::open_now(link, denied)).await;
        opening.map_err(|_| LinkError::Timeout("connecting"))?
    }

    async fn open_now(link: &Link, denied: &mut Denied) -> Result<Self, LinkError> {
        let (user, password) = link.credentials.read(&link.place).await?;
        let Opened { stream, not_after } = connect::open(&link.place, &link.tls, &link.tls_configs).await?;
        let connection = Connection::new(stream);
        let mut auth: Vec<&str> = Vec::new();
        if let Some(password) = password.as_ref().map(Secret::expose) {
            auth.push("AUTH");
            // the default user's AUTH with one argument works everywhere, and before Redis 6 it is the only one
            auth.extend(user.as_deref().filter(|user| *user != "default"));
            auth.push(password);
        }
        let (connection, answers) = introduce(link, denied, connection, &auth).await?;
        let session = match (answers.first(), auth.as_slice()) {
            (Some(Err(refusal)), ["AUTH", _user, password]) if refusal.is_wrong_arity() => {
                let auth = ["AUTH", password];
                let (connection, answers) = introduce(link, denied, connection, &auth).await?;
                Self::judge(link, denied, connection, true, answers)
            }
            _ => Self::judge(link, denied, connection, !auth.is_empty(), answers),
        };
        Ok(Self { not_after, ..session? })
    }

    /// Whether it may be used for `link` again.
    pub fn serves(&self, link: &Link) -> bool {
        let fresh = self.not_after.is_none() || self.opened.elapsed() < TLS_LIFE;
        self.generation == link.generation && fresh
    }

    /// Decides from the answers whether we are in.
    fn judge(
        link: &Link,
        denied: &mut Denied,
        connection: Connection,
        authenticated: bool,
        mut answers: Vec<Answer>,
    ) -> Result<Self, LinkError> {
        let now = Instant::now();
        let info = answers.pop();
        if authenticated
            && let Some(Err(refusal)) = answers.first()
            && !refusal.is_auth_not_needed()
            && !is_open_sentinel(info.as_ref())
        {
            return Err(LinkError::Auth(refusal.reason()));
        }
        if let Some(Err(refusal)) = answers.get(usize::from(authenticated)) {
            denied.note(Command::SetName, refusal.reason(), now);
        }
        let server = match &info {
            Some(Ok(reply)) => Server::from_info(&Info::parse(reply.text().unwrap_or_default())),
            Some(Err(refusal)) if refusal.reason() == Reason::NoAuth => return Err(refusal.clone().into()),
            // INFO itself will be refused as well, and then says why there is no page
            _ => Server::default(),
        };
        let generation = link.generation;
        Ok(Self { connection, server, generation, opened: now, used: now, not_after: None })
    }
}

/// Sends AUTH (if any), CLIENT SETNAME (if wanted) and INFO SERVER at once.
async fn introduce(
    link: &Link,
    denied: &Denied,
    connection: Connection,
    auth: &[&str],
) -> Result<(Connection, Vec<Answer>), LinkError> {
    let server = Server::default();
    let mut commands: Vec<Vec<&str>> = Vec::new();
    if !auth.is_empty() {
        commands.push(auth.to_vec());
    }
    if link.set_client_name && denied.reason(Command::SetName, Instant::now()).is_none() {
        commands.push(Command::SetName.words(&server, &link.commands));
    }
    commands.push(vec!["INFO", "SERVER"]);
    let mut answers = Vec::new();
    let connection = connection.exchange(&commands, &mut answers).await?;
    Ok((connection, answers))
}

/// Whether INFO shows that this is a Sentinel and that it lets us in anyway. Sentinels are seldom given the users of the
/// servers that they watch: there is no need to be one of them, then.
fn is_open_sentinel(info: Option<&Answer>) -> bool {
    let text = info.and_then(|answer| answer.as_ref().ok()).and_then(Reply::text);
    text.is_some_and(|text| Server::from_info(&Info::parse(text)).sentinel)
}
