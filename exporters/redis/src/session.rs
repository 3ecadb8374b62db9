//! A connection that has introduced itself: AUTH, CLIENT SETNAME, and which server it is, in one round trip.
//!
//! Invariant: the password goes to the place of the [`Link`] it was bound to and nowhere else; it must never stand
//! in an error.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use toolkit::config::Secret;

use crate::access::Credentials;
use crate::command::{Command, CommandOptions, Denied};
use crate::conn::{Answer, Connection};
use crate::connect;
use crate::error::{LinkError, Reason};
use crate::info::Info;
use crate::server::Server;
use crate::target::Place;
use crate::tls::TlsSettings;

/// Everything that is needed to talk to one target.
#[derive(Clone, Debug)]
pub struct Link {
    /// Where it is.
    pub place: Place,
    /// Who we are there.
    pub credentials: Credentials,
    /// How TLS is spoken.
    pub tls: TlsSettings,
    /// How long connecting, and how long an exchange, may take.
    pub timeout: Duration,
    /// Whether the connection is given a name.
    pub set_client_name: bool,
    /// Whether a PING is measured in each scrape.
    pub ping: bool,
    /// What is asked.
    pub commands: CommandOptions,
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
    /// When it was last used.
    pub used: Instant,
}

impl Session {
    /// Connects and introduces itself within the link's timeout.
    pub async fn open(link: &Link, denied: &mut Denied) -> Result<Self, LinkError> {
        let opening = timeout(link.timeout, Self::open_now(link, denied)).await;
        opening.map_err(|_| LinkError::Timeout("connecting"))?
    }

    async fn open_now(link: &Link, denied: &mut Denied) -> Result<Self, LinkError> {
        let (user, password) = link.credentials.read(&link.place).await?;
        let stream = connect::open(&link.place, &link.tls).await?;
        let connection = Connection::new(stream);
        let mut auth: Vec<&str> = Vec::new();
        if let Some(password) = password.as_ref().map(Secret::expose) {
            auth.push("AUTH");
            // the default user's AUTH with one argument works everywhere, and before Redis 6 it is the only one
            auth.extend(user.as_deref().filter(|user| *user != "default"));
            auth.push(password);
        }
        let (connection, answers) = introduce(link, denied, connection, &auth).await?;
        match (answers.first(), auth.as_slice()) {
            (Some(Err(refusal)), ["AUTH", _user, password]) if refusal.is_wrong_arity() => {
                let auth = ["AUTH", password];
                let (connection, answers) = introduce(link, denied, connection, &auth).await?;
                Self::judge(link, denied, connection, true, answers)
            }
            _ => Self::judge(link, denied, connection, !auth.is_empty(), answers),
        }
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
        Ok(Self { connection, server, generation: link.generation, used: now })
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
