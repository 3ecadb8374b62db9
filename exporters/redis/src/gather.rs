//! One visit to one target: all commands in one write on the kept connection, and what came back.
//!
//! Never fails as a whole: what went wrong first is told beside the replies that came before it. Invariant: a
//! connection is put back only when every reply has arrived; one that was left at the deadline is closed.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use crate::command::{Command, plan};
use crate::conn::{Answer, Connection};
use crate::error::{LinkError, Reason};
use crate::kept::Kept;
use crate::reply::Reply;
use crate::server::Server;
use crate::session::{Link, Session};

/// What a visit brought.
#[derive(Default)]
pub struct Gathered {
    /// The answers.
    pub answers: Answers,
    /// The server, when it was reached.
    pub server: Server,
    /// How long it took until there was a connection; next to nothing when one was kept.
    pub connecting: Duration,
    /// How long a PING took, if it was asked for.
    pub ping: Option<Duration>,
    /// What went wrong first.
    pub error: Option<LinkError>,
}

/// The answers to the commands that were sent.
#[derive(Default)]
pub struct Answers {
    planned: Vec<Command>,
    received: Vec<Answer>,
    /// Commands that were not sent because the server had denied them before.
    denied: Vec<(Command, Reason)>,
    /// Why there are fewer answers than commands.
    broken: Option<Reason>,
}

impl Answers {
    /// Answers as if these commands had been sent.
    #[cfg(test)]
    pub(crate) fn of(answers: Vec<(Command, Answer)>) -> Self {
        let (planned, received) = answers.into_iter().unzip();
        Self { planned, received, ..Self::default() }
    }

    /// The reply to a command. `None`: there is nothing to tell, since the command was not asked for, or the server
    /// does not have it.
    ///
    /// # Errors
    /// The server has it, but did not tell: the ACL, the deadline, a broken connection.
    pub fn reply(&self, command: Command) -> Result<Option<&Reply>, Reason> {
        if let Some(index) = self.planned.iter().position(|planned| *planned == command) {
            return match self.received.get(index) {
                Some(Ok(reply)) => Ok(Some(reply)),
                Some(Err(refusal)) => told(refusal.reason()),
                None => Err(self.broken.unwrap_or(Reason::Timeout)),
            };
        }
        let denied = self.denied.iter().find(|(denied, _)| *denied == command);
        denied.map_or(Ok(None), |(_, reason)| told(*reason))
    }
}

fn told<'a>(reason: Reason) -> Result<Option<&'a Reply>, Reason> {
    if reason == Reason::Unsupported { Ok(None) } else { Err(reason) }
}

/// Visits the target behind `link` and is back by `deadline`.
pub async fn gather(kept: &Kept, link: &Link, deadline: Instant) -> Gathered {
    kept.visit_as(link.generation);
    let mut gathered = Gathered::default();
    let visit = timeout_at(deadline, visit(kept, link, &mut gathered)).await;
    gathered.error = match visit {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(_) if gathered.answers.planned.is_empty() => Some(LinkError::Timeout("connecting")),
        Err(_) => Some(LinkError::Timeout("waiting for replies")),
    };
    gathered.answers.broken = gathered.error.as_ref().map(LinkError::reason);
    gathered.learn(kept);
    gathered
}

async fn visit(kept: &Kept, link: &Link, gathered: &mut Gathered) -> Result<(), LinkError> {
    let started = Instant::now();
    let mut slot = kept.session.lock().await;
    let mut session = slot.take().filter(|session| session.generation == link.generation);
    loop {
        let reused = session.is_some();
        let Session { connection, server, .. } = match session.take() {
            Some(session) => session,
            None => open(kept, link).await?,
        };
        gathered.connecting = started.elapsed();
        gathered.server = server;
        let asked = timeout(link.timeout, ask(kept, link, connection, gathered)).await;
        match asked.unwrap_or(Err(LinkError::Timeout("waiting for replies"))) {
            Ok(connection) => {
                let server = gathered.server.clone();
                let used = Instant::now();
                *slot = Some(Session { connection, server, generation: link.generation, used });
                return Ok(());
            }
            // the server closed the kept connection since the last scrape, as it may
            Err(LinkError::Closed) if reused && gathered.answers.received.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
}

async fn open(kept: &Kept, link: &Link) -> Result<Session, LinkError> {
    let mut denied = kept.notes().denied.clone();
    let opened = Session::open(link, &mut denied).await;
    kept.notes().denied = denied;
    opened
}

async fn ask(
    kept: &Kept,
    link: &Link,
    mut connection: Connection,
    gathered: &mut Gathered,
) -> Result<Connection, LinkError> {
    if link.ping {
        let started = Instant::now();
        connection = connection.exchange(&[vec!["PING"]], &mut Vec::new()).await?;
        gathered.ping = Some(started.elapsed());
    }
    let now = Instant::now();
    let denied = kept.notes().denied.clone();
    let server = &gathered.server;
    let planned = plan(server, &link.commands, &denied, now);
    let words: Vec<_> = planned.iter().map(|command| command.words(server, &link.commands)).collect();
    gathered.answers = Answers { planned, denied: denied.all(now), ..Answers::default() };
    connection.exchange(&words, &mut gathered.answers.received).await
}

impl Gathered {
    /// Remembers what the server denied or lacks; says so once.
    fn learn(&self, kept: &Kept) {
        let answers = self.answers.planned.iter().zip(&self.answers.received);
        for (command, answer) in answers {
            if let Err(refusal) = answer {
                let reason = refusal.reason();
                debug!(?command, reason = reason.as_str(), "the server refused a command");
                kept.notes().denied.note(*command, reason, Instant::now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Refusal;

    #[test]
    fn answers_are_told_apart() {
        let answers = Answers {
            planned: vec![Command::Info, Command::SlowlogLen, Command::LatencyLatest, Command::ClusterInfo],
            received: vec![
                Ok(Reply::Nil),
                Err(Refusal::new("NOPERM", "")),
                Err(Refusal::new("ERR", "unknown command")),
            ],
            denied: vec![(Command::ConfigAll, Reason::Unsupported), (Command::ConfigNamed, Reason::NoPerm)],
            broken: Some(Reason::Closed),
        };
        for (command, expected) in [
            (Command::Info, Ok(Some(&Reply::Nil))),
            (Command::SlowlogLen, Err(Reason::NoPerm)),
            (Command::LatencyLatest, Ok(None)),
            (Command::ClusterInfo, Err(Reason::Closed)),
            (Command::ConfigAll, Ok(None)),
            (Command::ConfigNamed, Err(Reason::NoPerm)),
            (Command::LatencyHistogram, Ok(None)),
        ] {
            assert_eq!(answers.reply(command), expected, "{command:?}");
        }
    }
}
