//! The few sessions that a server has to bear, however many scrapes there are.
//!
//! Invariant: sessions that are open and sessions that are being opened, cancelled or closed are never more than the
//! limit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::error::ConnError;
use super::open::{self, Link};
use super::session::{Rows, Session};

/// A session is closed after this time, since a backend never gives back the memory of its catalog caches.
const LONGEST_LIFE: Duration = Duration::from_mins(10);

/// A session that nobody used for this time is closed: longer than any sensible scrape interval.
const IDLE_LIMIT: Duration = Duration::from_mins(5);

/// Places for sessions.
pub struct Slots {
    places: Arc<Semaphore>,
    limit: usize,
    resting: Mutex<Vec<Session>>,
}

/// A session for as long as it is needed; it goes back to rest when it is sound.
pub struct Lease<'a> {
    slots: &'a Slots,
    session: Option<Session>,
    keep: bool,
}

impl Slots {
    /// At most `limit` sessions.
    pub fn new(limit: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(limit)), limit, resting: Mutex::default() }
    }

    /// A session in `database`: one that rests there, else a new one. With `fresh` it is new, and closed after use.
    ///
    /// # Errors
    /// Why there is none by the deadline.
    pub async fn lease(
        &self,
        link: &Link,
        database: &str,
        fresh: bool,
        deadline: Instant,
    ) -> Result<Lease<'_>, ConnError> {
        let waiting = timeout_at(deadline, Arc::clone(&self.places).acquire_owned());
        let permit = match waiting.await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(ConnError::Closed),
            Err(_) => return Err(ConnError::Timeout("waiting for a free session")),
        };
        let (found, leaving) = self.take(database, fresh);
        for mut session in leaving {
            session.close().await;
        }
        let mut session = match found {
            Some(session) => session,
            None => open::open(link, database, deadline).await?,
        };
        session.permit = Some(permit);
        // a session that rests in another database would keep it from being dropped or copied
        let keep = !fresh && database == link.database;
        Ok(Lease { slots: self, session: Some(session), keep })
    }

    /// Closes what rests for too long.
    pub async fn sweep(&self, now: Instant) {
        let leaving = {
            let mut resting = self.resting();
            let (stay, leave) =
                std::mem::take(&mut *resting).into_iter().partition(|session| !is_stale(session, now));
            *resting = stay;
            let leave: Vec<Session> = leave;
            leave
        };
        for mut session in leaving {
            session.close().await;
        }
    }

    /// Closes every session that rests.
    pub async fn close(&self) {
        let leaving = std::mem::take(&mut *self.resting());
        for mut session in leaving {
            session.close().await;
        }
    }

    /// How many sessions are open.
    pub fn open_sessions(&self) -> usize {
        self.limit - self.places.available_permits().min(self.limit) + self.resting().len()
    }

    /// A resting session to use, and those that have to leave first.
    fn take(&self, database: &str, fresh: bool) -> (Option<Session>, Vec<Session>) {
        let now = Instant::now();
        let mut resting = self.resting();
        let fits = |session: &Session| session.database == database && !is_stale(session, now);
        let found =
            if fresh { None } else { resting.iter().position(fits).map(|at| resting.swap_remove(at)) };
        let mut leaving = Vec::new();
        // ours counts as in use already
        let in_use = self.limit - self.places.available_permits().min(self.limit);
        while found.is_none() && in_use + resting.len() > self.limit && !resting.is_empty() {
            leaving.push(resting.remove(0));
        }
        (found, leaving)
    }

    fn give_back(&self, mut session: Session) {
        session.used = Instant::now();
        let permit = session.permit.take();
        self.resting().push(session);
        drop(permit);
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_stale(session: &Session, now: Instant) -> bool {
    !session.is_sound() || now - session.opened > LONGEST_LIFE || now - session.used > IDLE_LIMIT
}

impl Lease<'_> {
    /// Sends a query; see [`Session::query`].
    ///
    /// # Errors
    /// Those of the session.
    pub async fn query(
        &mut self,
        text: &str,
        deadline: Instant,
        rows: &mut (dyn Rows + Send),
    ) -> Result<(), ConnError> {
        match &mut self.session {
            Some(session) => session.query(text, deadline, rows).await,
            None => Err(ConnError::Closed),
        }
    }

    /// Sends queries; see [`Session::send`].
    ///
    /// # Errors
    /// Those of the session.
    pub async fn send(&mut self, texts: &[String], deadline: Instant) -> Result<(), ConnError> {
        match &mut self.session {
            Some(session) => session.send(texts, deadline).await,
            None => Err(ConnError::Closed),
        }
    }

    /// Receives the rows of the oldest query; see [`Session::receive`].
    ///
    /// # Errors
    /// Those of the session.
    pub async fn receive(
        &mut self,
        deadline: Instant,
        rows: &mut (dyn Rows + Send),
    ) -> Result<(), ConnError> {
        match &mut self.session {
            Some(session) => session.receive(deadline, rows).await,
            None => Err(ConnError::Closed),
        }
    }

    /// Whether answers can still come.
    pub fn is_alive(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_alive)
    }

    /// Whether another query can be sent.
    pub fn is_sound(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_sound)
    }

    /// Whether it is the console of a PgBouncer, which knows no SQL.
    pub fn is_console(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_console)
    }

    /// Whether texts must be asked for as they are, since the database has no encoding.
    pub fn has_raw_text(&self) -> bool {
        self.session.as_ref().is_some_and(Session::has_raw_text)
    }

    /// Closes the session and waits for it, where it is not to be kept.
    pub async fn end(mut self) {
        if !self.keep
            && let Some(mut session) = self.session.take()
            && session.is_sound()
        {
            session.close().await;
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take()
            && self.keep
            && session.is_sound()
        {
            self.slots.give_back(session);
        }
    }
}
