//! A kept connection to one target: opened when it is needed, used by one visitor at a time, put back when every
//! reply has arrived.
//!
//! Invariant: a connection that was left with replies outstanding, or on which anything failed, is closed and never
//! put back.

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Duration, Instant, timeout};

use crate::conn::Answer;
use crate::error::LinkError;
use crate::kept::Kept;
use crate::server::Server;
use crate::session::{Link, Session};

/// The place where a connection waits for its next use.
#[derive(Default)]
pub struct Lane {
    slot: Mutex<Option<Session>>,
}

/// A connection in use. Dropped without [`Held::keep`], it is closed.
pub struct Held<'a> {
    slot: MutexGuard<'a, Option<Session>>,
    session: Session,
    timeout: Duration,
    /// Whether it was open before: then the server may have closed it meanwhile, as it may.
    pub reused: bool,
}

impl Lane {
    /// The kept connection, or a new one when there is none of this configuration.
    pub async fn hold(&self, kept: &Kept, link: &Link) -> Result<Held<'_>, LinkError> {
        let mut slot = self.slot.lock().await;
        let waiting = slot.take().filter(|session| session.serves(link));
        let reused = waiting.is_some();
        let session = match waiting {
            Some(session) => session,
            None => open(kept, link).await?,
        };
        Ok(Held { slot, session, timeout: link.timeout, reused })
    }

    /// Sends commands and gives their answers; once more when the server had closed the kept connection.
    pub async fn ask<W: AsRef<[u8]>>(
        &self,
        kept: &Kept,
        link: &Link,
        commands: &[Vec<W>],
    ) -> Result<Vec<Answer>, LinkError> {
        loop {
            let held = self.hold(kept, link).await?;
            let reused = held.reused;
            let mut answers = Vec::new();
            match held.exchange(commands, &mut answers).await {
                Ok(held) => {
                    held.keep();
                    return Ok(answers);
                }
                Err(LinkError::Closed) if reused && answers.is_empty() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Closes the connection when it waits and `is_idle` says so. One in use is not idle.
    pub fn close_if(&self, is_idle: impl FnOnce(&Session) -> bool) {
        if let Ok(mut slot) = self.slot.try_lock()
            && slot.as_ref().is_some_and(is_idle)
        {
            *slot = None;
        }
    }
}

impl Held<'_> {
    /// The server at the other end.
    pub fn server(&self) -> &Server {
        &self.session.server
    }

    /// When the server's certificate ends, in Unix time, where TLS is spoken.
    pub fn not_after(&self) -> Option<i64> {
        self.session.not_after
    }

    /// Writes all commands at once and reads their replies into `answers`, within the link's timeout.
    pub async fn exchange<W: AsRef<[u8]>>(
        self,
        commands: &[Vec<W>],
        answers: &mut Vec<Answer>,
    ) -> Result<Self, LinkError> {
        let Self { slot, session, timeout: bound, reused } = self;
        let Session { connection, server, generation, opened, not_after, .. } = session;
        let exchange = timeout(bound, connection.exchange(commands, answers)).await;
        let connection = exchange.map_err(|_| LinkError::Timeout("waiting for replies"))??;
        let session = Session { connection, server, generation, opened, not_after, used: Instant::now() };
        Ok(Self { slot, session, timeout: bound, reused })
    }

    /// Puts the connection back for the next visitor.
    pub fn keep(self) {
        let Self { mut slot, session, .. } = self;
        *slot = Some(session);
    }
}

async fn open(kept: &Kept, link: &Link) -> Result<Session, LinkError> {
    let mut denied = kept.notes().denied.clone();
    let opened = Session::open(link, &mut denied).await;
    kept.notes().denied = denied;
    opened
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Connection;

    fn session(used: Instant) -> Session {
        let (ours, _theirs) = tokio::io::duplex(1);
        Session {
            connection: Connection::new(Box::new(ours)),
            server: Server::default(),
            generation: 0,
            opened: used,
            used,
            not_after: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_idle_connections_are_closed() {
        let bound = Duration::from_secs(10);
        let lane = Lane::default();
        *lane.slot.lock().await = Some(session(Instant::now()));
        tokio::time::advance(bound).await;
        let in_use = lane.slot.lock().await;
        lane.close_if(|_| true);
        drop(in_use);
        for (idle, expected) in [(bound + Duration::from_millis(1), true), (bound, false)] {
            lane.close_if(|session| Instant::now() - session.used >= idle);
            assert_eq!(lane.slot.lock().await.is_some(), expected);
        }
    }
}
