//! Asking a server about keys on one connection.
//!
//! Invariants: a connection waits in database 0, so it goes back to it before it is kept; an answer from a database
//! that could not be selected is never used; a command that the ACL forbids or the server lacks is not sent again for
//! a while.

use std::time::Duration;

use tokio::time::Instant;

use crate::conn::Answer;
use crate::error::{LinkError, Reason};
use crate::kept::Kept;
use crate::lane::{Held, Lane};
use crate::reply::{Refusal, Reply};
use crate::server::Version;
use crate::session::Link;

/// A command about keys.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// Its name, as ACLs have it.
    pub name: &'static str,
    /// Its words.
    pub words: Vec<&'a [u8]>,
}

impl<'a> Query<'a> {
    /// A command of a name and its arguments.
    pub fn new(name: &'static str, words: &[&'a [u8]]) -> Self {
        Self { name, words: words.to_vec() }
    }
}

/// A connection in use for questions about keys.
pub struct Asker<'a> {
    kept: &'a Kept,
    link: &'a Link,
    lane: &'a Lane,
    /// Whether the server tells the time around each write, so that what it took there is known.
    timed: bool,
    held: Option<Held<'a>>,
    db: u32,
    /// What the last write took of the server's time. Where it does not tell the time, all the time that went by.
    pub took: Duration,
    /// What all writes took since this was last set to nothing.
    pub spent: Duration,
    /// What was refused first, of what is no other server's business.
    pub refused: Option<Reason>,
}

impl<'a> Asker<'a> {
    /// Uses the connection of `lane`.
    pub fn new(kept: &'a Kept, link: &'a Link, lane: &'a Lane, timed: bool) -> Self {
        Self {
            kept,
            link,
            lane,
            timed,
            held: None,
            db: 0,
            took: Duration::ZERO,
            spent: Duration::ZERO,
            refused: None,
        }
    }

    /// Asks in one write; a question that was refused, now or before, has no reply.
    ///
    /// # Errors
    /// [`LinkError::Refused`]: the database cannot be selected, and the connection stands. Anything else: it broke.
    pub async fn ask(&mut self, db: u32, queries: &[Query<'_>]) -> Result<Vec<Option<Reply>>, LinkError> {
        if queries.is_empty() && db == self.db {
            return Ok(Vec::new());
        }
        match self.ask_once(db, queries).await {
            // the server may close a connection that waits, and a network may drop one that works
            Err(LinkError::Closed | LinkError::Io(_)) => self.ask_once(db, queries).await,
            result => result,
        }
    }

    async fn ask_once(&mut self, db: u32, queries: &[Query<'_>]) -> Result<Vec<Option<Reply>>, LinkError> {
        if db != self.db && self.is_allowed("select").is_err() {
            return Err(Refusal::new("NOPERM", "").into());
        }
        let held = match self.held.take() {
            Some(held) => held,
            None => self.hold().await?,
        };
        let number = db.to_string();
        let mut sent: Vec<Query<'_>> = Vec::with_capacity(queries.len() + 3);
        let time = Query::new("time", &[b"TIME"]);
        let timed = self.timed && self.is_allowed("time").is_ok();
        sent.extend(timed.then(|| time.clone()));
        let selecting = (db != self.db).then(|| Query::new("select", &[b"SELECT", number.as_bytes()]));
        sent.extend(selecting.clone());
        let before = sent.len();
        let allowed = self.allowed(queries);
        let asked = queries.iter().zip(&allowed).filter(|(_, allowed)| allowed.is_ok());
        sent.extend(asked.map(|(query, _)| query.clone()));
        sent.extend(timed.then_some(time));

        let (held, mut answers) = self.exchange(held, &sent).await?;
        self.held = Some(held);
        if timed {
            let end = answers.pop();
            if let Some(Err(refusal)) = &end {
                self.note("time", refusal);
            }
            self.took = told_time(end, answers.first()).map_or(self.took, |took| self.took.min(took));
        }
        self.spent += self.took;
        if selecting.is_some() {
            if let Some(Err(refusal)) = answers.get(before - 1) {
                self.note("select", refusal);
                return Err(refusal.clone().into());
            }
            self.db = db;
        }
        let mut answers = answers.into_iter().skip(before);
        let mut replies = Vec::with_capacity(queries.len());
        for (query, allowed) in queries.iter().zip(allowed) {
            let answer = match allowed {
                Ok(()) => answers.next(),
                Err(Reason::Unsupported) => None,
                Err(reason) => {
                    self.refused = self.refused.or(Some(reason));
                    None
                }
            };
            replies.push(answer.and_then(|answer| self.judge(query.name, answer)));
        }
        Ok(replies)
    }

    /// Puts the connection back.
    pub async fn finish(mut self) -> Result<(), LinkError> {
        if self.db != 0 {
            self.ask(0, &[]).await?;
        }
        if let Some(held) = self.held.take() {
            held.keep();
        }
        Ok(())
    }

    /// Takes the connection, and asks the server not to take our looks at keys for use.
    async fn hold(&mut self) -> Result<Held<'a>, LinkError> {
        self.db = 0;
        let held = self.lane.hold(self.kept, self.link).await?;
        let mut first = Vec::new();
        if held.server().is_at_least(Version(7, 2)) {
            first.push(Query::new("client|no-touch", &[b"CLIENT", b"NO-TOUCH", b"ON"]));
        }
        if held.server().cluster {
            // without it, a replica of a cluster sends us to its primary
            first.push(Query::new("readonly", &[b"READONLY"]));
        }
        first.retain(|query| self.is_allowed(query.name).is_ok());
        if first.is_empty() {
            return Ok(held);
        }
        let (held, answers) = self.exchange(held, &first).await?;
        for (query, answer) in first.iter().zip(answers) {
            if let Err(refusal) = answer {
                self.note(query.name, &refusal);
            }
        }
        Ok(held)
    }

    async fn exchange(
        &mut self,
        held: Held<'a>,
        queries: &[Query<'_>],
    ) -> Result<(Held<'a>, Vec<Answer>), LinkError> {
        let words: Vec<_> = queries.iter().map(|query| query.words.clone()).collect();
        let mut answers = Vec::with_capacity(words.len());
        let began = Instant::now();
        let held = held.exchange(&words, &mut answers).await?;
        self.took = began.elapsed();
        Ok((held, answers))
    }

    /// Whether the server takes a command, as far as is known, and why not.
    pub fn is_allowed(&self, name: &'static str) -> Result<(), Reason> {
        self.kept.notes().refused.reason(&key(name), Instant::now()).map_or(Ok(()), Err)
    }

    /// Which of the queries may be sent, and why not. There are many of few names.
    fn allowed(&self, queries: &[Query<'_>]) -> Vec<Result<(), Reason>> {
        let mut known: Vec<(&str, Result<(), Reason>)> = Vec::new();
        let judged = queries.iter().map(|query| {
            if let Some((_, allowed)) = known.iter().find(|(name, _)| *name == query.name) {
                return *allowed;
            }
            let allowed = self.is_allowed(query.name);
            known.push((query.name, allowed));
            allowed
        });
        judged.collect()
    }

    fn judge(&mut self, name: &'static str, answer: Answer) -> Option<Reply> {
        let refusal = match answer {
            Ok(reply) => return Some(reply),
            Err(refusal) => refusal,
        };
        self.note(name, &refusal);
        let is_nothing = refusal.is_elsewhere() || refusal.is_no_such_key();
        if !is_nothing && refusal.reason() != Reason::Unsupported {
            self.refused = self.refused.or_else(|| Some(refusal.reason()));
        }
        None
    }

    /// Remembers a command that is refused whatever key it is about.
    fn note(&self, name: &'static str, refusal: &Refusal) {
        if refusal.is_about_command() {
            self.kept.notes().refused.note(&key(name), refusal.reason(), Instant::now());
        }
    }
}

/// What a refusal is remembered by; users' own commands have names, too.
fn key(name: &str) -> String {
    format!("keys {name}")
}

/// The server's time between its replies to two TIME commands.
fn told_time(end: Option<Answer>, begin: Option<&Answer>) -> Option<Duration> {
    let end = time(end?.ok().as_ref()?)?;
    end.checked_sub(time(begin?.as_ref().ok()?)?)
}

fn time(reply: &Reply) -> Option<Duration> {
    match reply.items() {
        [seconds, microseconds] => {
            let seconds = Duration::from_secs(seconds.text()?.parse().ok()?);
            seconds.checked_add(Duration::from_micros(microseconds.text()?.parse().ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Refusal;

    #[test]
    fn the_server_says_what_it_took() {
        let at = |seconds: &str, microseconds: &str| {
            Ok(Reply::List(vec![Reply::Text(seconds.to_owned()), Reply::Text(microseconds.to_owned())]))
        };
        for (begin, end, expected) in [
            (at("5", "999000"), at("6", "1000"), Some(Duration::from_millis(2))),
            (at("6", "0"), at("5", "0"), None),
            (at("5", "x"), at("5", "0"), None),
            (Ok(Reply::Nil), at("5", "0"), None),
            (at("5", "0"), Err(Refusal::new("NOPERM", "")), None),
        ] {
            assert_eq!(told_time(Some(end), Some(&begin)), expected);
        }
    }
}
