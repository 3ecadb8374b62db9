//! One visit to one target: all commands in one write on the kept connection, what follows from the answers (the
//! masters of a sentinel, say) in a second one, and what came back.
//!
//! Never fails as a whole: what went wrong first is told beside the replies that came before it. Invariant: a
//! connection is put back only when every reply has arrived; one that was left at the deadline is closed.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::debug;

use crate::collectors::{self, Cursor};
use crate::command::{Command, plan};
use crate::conn::Answer;
use crate::error::{LinkError, Reason};
use crate::kept::Kept;
use crate::lane::Held;
use crate::reply::Reply;
use crate::server::Server;
use crate::session::Link;

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
    /// When the server's certificate ends, in Unix time, where TLS is spoken; also of one that was not trusted.
    pub not_after: Option<i64>,
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
    /// Commands that followed from the answers, each with the part that asked for it.
    further: Vec<Further>,
    received_further: Vec<Answer>,
    /// Why there are fewer answers than commands.
    broken: Option<Reason>,
    /// Which entries of the slow log were counted before.
    slow_cursor: Cursor,
}

/// A command that follows from the answers: the name of the part that asks, which command it is (denied ones are not
/// repeated), and its words.
pub type Further = (&'static str, Command, Vec<String>);

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

    /// What a part asked further, in its order, each with what [`Answers::reply`] would say. A command that the
    /// server had denied before is not among them; [`Answers::reply`] says why.
    pub fn further(
        &self,
        part: &'static str,
    ) -> impl Iterator<Item = (Command, &[String], Result<Option<&Reply>, Reason>)> {
        let asked = self.further.iter().enumerate().filter(move |(_, (name, ..))| *name == part);
        asked.map(|(index, (_, command, words))| {
            let reply = match self.received_further.get(index) {
                Some(Ok(reply)) => Ok(Some(reply)),
                Some(Err(refusal)) => told(refusal.reason()),
                None => Err(self.broken.unwrap_or(Reason::Timeout)),
            };
            (*command, words.as_slice(), reply)
        })
    }

    /// Whether a command was denied before, so that there is no use in asking.
    pub fn is_denied(&self, command: Command) -> bool {
        self.denied.iter().any(|(denied, _)| *denied == command)
    }

    /// Which entries of the slow log were counted before this visit.
    pub fn slow_cursor(&self) -> &Cursor {
        &self.slow_cursor
    }

    /// Each command that was sent, in both writes, with its answer as far as it came.
    fn sent(&self) -> impl Iterator<Item = (Command, &Answer)> {
        let further = self.further.iter().map(|(_, command, _)| *command).zip(&self.received_further);
        self.planned.iter().copied().zip(&self.received).chain(further)
    }

    /// Each command that the server was asked or had denied before, and whether it tells.
    pub fn capabilities(&self) -> impl Iterator<Item = (Command, bool)> {
        let asked = self.sent().filter_map(|(command, answer)| match answer {
            Ok(_) => Some((command, true)),
            Err(refusal) => refusal.reason().is_lasting().then_some((command, false)),
        });
        asked.chain(self.denied.iter().map(|(command, _)| (*command, false)))
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
    loop {
        let held = kept.main.hold(kept, link).await.inspect_err(|error| {
            gathered.not_after = error.not_after();
        })?;
        gathered.not_after = held.not_after();
        let reused = held.reused;
        gathered.connecting = started.elapsed();
        gathered.server = held.server().clone();
        match ask(kept, link, held, gathered).await {
            Ok(held) => {
                held.keep();
                return Ok(());
            }
            // the server closed the kept connection since the last scrape, as it may
            Err(LinkError::Closed) if reused && gathered.answers.received.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
}

async fn ask<'a>(
    kept: &Kept,
    link: &Link,
    mut held: Held<'a>,
    gathered: &mut Gathered,
) -> Result<Held<'a>, LinkError> {
    if link.ping {
        let started = Instant::now();
        held = held.exchange(&[vec!["PING"]], &mut Vec::new()).await?;
        gathered.ping = Some(started.elapsed());
    }
    let now = Instant::now();
    let (denied, slow_cursor) = {
        let notes = kept.notes();
        (notes.denied.clone(), notes.memory.slow.cursor.clone())
    };
    let server = &gathered.server;
    let planned = plan(server, &link.commands, &denied, now);
    let words: Vec<_> = planned.iter().map(|command| command.words(server, &link.commands)).collect();
    gathered.answers = Answers { planned, denied: denied.all(now), slow_cursor, ..Answers::default() };
    held = held.exchange(&words, &mut gathered.answers.received).await?;
    let further = collectors::further(&gathered.answers, &link.commands);
    if !further.is_empty() {
        let words: Vec<_> = further.iter().map(|(.., words)| words.clone()).collect();
        gathered.answers.further = further;
        held = held.exchange(&words, &mut gathered.answers.received_further).await?;
    }
    Ok(held)
}

impl Gathered {
    /// Remembers what the server denied or lacks; says so once.
    fn learn(&self, kept: &Kept) {
        for (command, answer) in self.answers.sent() {
            if let Err(refusal) = answer {
                let reason = refusal.reason();
                debug!(?command, reason = reason.as_str(), "the server refused a command");
                kept.notes().denied.note(command, reason, Instant::now());
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
            ..Answers::default()
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
