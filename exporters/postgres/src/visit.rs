//! One visit to a server: everything that a page shows of it, side by side under one deadline.
//!
//! ```text
//! session → what is it? ─┬─ cluster collectors, two sessions
//!                        ├─ database collectors, N sessions over all databases
//!                        └─ kept results, refreshed behind the page
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::{Instant, timeout_at};
use toolkit::expo::Samples;

use crate::collector::{Scope, Session};
use crate::config::Config;
use crate::conn::{ConnError, Lease, Reason};
use crate::facts::Facts;
use crate::kept::{BACKGROUND_LIMIT, Key};
use crate::render::Extra;
use crate::report::Report;
use crate::run::{collect, introduce};
use crate::state::State;
use crate::target::Target;

/// Kept back of the scrape's time for putting the page together.
const MARGIN: Duration = Duration::from_millis(50);

/// The database by which a PgBouncer's console is reached.
const CONSOLE: &str = "pgbouncer";

/// A server and what is asked of it.
#[derive(Clone)]
pub struct Visit {
    /// What is asked.
    pub config: Arc<Config>,
    /// The server.
    pub target: Arc<Target>,
    /// What every series carries.
    pub extra: Arc<Extra>,
    /// Only queries with the label `server` are shown: for servers beyond the first of `DATA_SOURCE_NAME`, whose
    /// series could not be told apart.
    pub only_labelled: bool,
}

/// What one collector gave in one place.
struct Outcome {
    index: usize,
    samples: Samples,
    state: State,
    seconds: f64,
}

impl Visit {
    /// Everything that the page shows of the server, by the deadline.
    pub async fn write(&self, deadline: Instant) -> Vec<Samples> {
        let mut page = Vec::new();
        let started = Instant::now();
        let deadline = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let deadline = deadline.min(started + self.config.collection_timeout);
        let mut report = Report::new(self);
        match introduce(&self.target, None, deadline).await {
            Ok((lease, facts)) => {
                self.target.say("server", &State::Done);
                report.up(&facts);
                self.gather(lease, &facts, deadline, (&mut report, &mut page)).await;
            }
            Err(error) => {
                self.target.say("server", &State::Failed(error.reason(), error.chain()));
                let console = self.target.link.database == CONSOLE;
                report.down(&error, &self.indexes(|collector| (collector.scope == Scope::Pooler) == console));
            }
        }
        report.end(started.elapsed(), &mut page);
        page
    }

    async fn gather(
        &self,
        lease: Lease<'_>,
        facts: &Facts,
        deadline: Instant,
        (report, page): (&mut Report<'_>, &mut Vec<Samples>),
    ) {
        let watched = self.config.databases.watched(facts);
        self.target.kept.retain(&watched.open);
        let of =
            |scope: Scope| self.indexes(move |collector| collector.scope == scope && collector.ttl.is_none());
        let mut cluster = of(if facts.console { Scope::Pooler } else { Scope::Cluster });
        // those that need a session of their own come last, when the kept one can be let go
        cluster.sort_by_key(|index| self.session(*index) == Session::Closed);
        let in_databases = if facts.console { Vec::new() } else { of(Scope::Database) };
        let (next, next_database) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let own = self.cluster_worker(Some(lease), facts, (&cluster, &next), deadline);
        let other = async {
            if cluster.len() < 2 {
                Vec::new()
            } else {
                self.cluster_worker(None, facts, (&cluster, &next), deadline).await
            }
        };
        let workers =
            if in_databases.is_empty() { 0 } else { self.config.database_sessions.min(watched.open.len()) };
        let databases =
            join_all((0..workers).map(|_| {
                self.database_worker(&watched.open, &next_database, facts, (&in_databases, deadline))
            }));
        let live = join(join(own, other), databases);
        let kept = self.kept_results(facts, &watched.open, deadline, page);
        let (((first, second), found), kept) = join(live, kept).await;
        for refused in &watched.refused {
            report.database(
                refused,
                Some(&ConnError::Server { code: "42501".to_owned(), message: String::new() }),
            );
        }
        let mut outcomes = first;
        outcomes.extend(second);
        for (more, databases) in found {
            outcomes.extend(more);
            for (name, error) in databases {
                report.database(&name, error.as_ref());
            }
        }
        // what no session could be had for
        for index in cluster.iter().filter(|index| !outcomes.iter().any(|outcome| outcome.index == **index)) {
            let state = State::Failed(Reason::Timeout, "there was no time left".to_owned());
            report.collector(*index, state, 0.0);
        }
        for outcome in outcomes {
            report.collector(outcome.index, outcome.state, outcome.seconds);
            page.push(outcome.samples);
        }
        for (index, state, seconds) in kept {
            report.collector(index, state, seconds);
        }
    }

    /// Runs cluster collectors in turn until none is left; `lease` is a session that is open already.
    async fn cluster_worker<'a>(
        &'a self,
        mut lease: Option<Lease<'a>>,
        facts: &Facts,
        (order, next): (&[usize], &AtomicUsize),
        deadline: Instant,
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let slots = &self.target.cluster;
        let link = &self.target.link;
        // a second session that cannot be had is no loss: the first one does all the work
        if lease.is_none() {
            match slots.lease(link, &link.database, false, deadline).await {
                Ok(found) => lease = Some(found),
                Err(_) => return outcomes,
            }
        }
        while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let started = Instant::now();
            let fresh = self.session(index) == Session::Closed;
            let usable = lease.take().filter(|lease| !fresh && lease.is_sound());
            let opened = match usable {
                Some(lease) => Ok(lease),
                None => slots.lease(link, &link.database, fresh, deadline).await,
            };
            let mut samples = Samples::new("");
            let state = match opened {
                Ok(mut opened) => {
                    let state = collect(
                        &self.config,
                        (index, facts),
                        (&mut opened, &self.extra),
                        deadline,
                        &mut samples,
                    )
                    .await;
                    if fresh {
                        opened.end().await;
                    } else {
                        lease = Some(opened);
                    }
                    state
                }
                Err(error) => State::of(&error),
            };
            outcomes.push(Outcome { index, samples, state, seconds: started.elapsed().as_secs_f64() });
        }
        outcomes
    }

    /// Runs database collectors in one database after the other until none is left.
    async fn database_worker(
        &self,
        names: &[String],
        next: &AtomicUsize,
        cluster: &Facts,
        (collectors, deadline): (&[usize], Instant),
    ) -> (Vec<Outcome>, Vec<(String, Option<ConnError>)>) {
        let empty = |index: &usize| Outcome {
            index: *index,
            samples: Samples::new(""),
            // nothing was asked yet, so anything outweighs it
            state: State::Unsupported("there is no database".to_owned()),
            seconds: 0.0,
        };
        let mut outcomes: Vec<Outcome> = collectors.iter().map(empty).collect();
        let mut visited = Vec::new();
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            match introduce(&self.target, Some(name), deadline).await {
                Err(error) => visited.push((name.clone(), Some(error))),
                Ok((mut lease, mut facts)) => {
                    facts.databases.clear();
                    facts.database.clone_from(name);
                    facts.version = cluster.version;
                    for outcome in &mut outcomes {
                        let started = Instant::now();
                        let wanted = (outcome.index, &facts);
                        let session = (&mut lease, self.extra.as_ref());
                        let state =
                            collect(&self.config, wanted, session, deadline, &mut outcome.samples).await;
                        outcome.state = std::mem::take(&mut outcome.state).and(state);
                        outcome.seconds += started.elapsed().as_secs_f64();
                        if !lease.is_sound() {
                            drop(lease);
                            match self.target.databases.lease(&self.target.link, name, false, deadline).await
                            {
                                Ok(again) => lease = again,
                                Err(_) => break,
                            }
                        }
                    }
                    visited.push((name.clone(), None));
                }
            }
        }
        (outcomes, visited)
    }

    /// Shows what is kept, has it refreshed where it is stale, and waits only for what was never there.
    async fn kept_results(
        &self,
        facts: &Facts,
        databases: &[String],
        deadline: Instant,
        page: &mut Vec<Samples>,
    ) -> Vec<(usize, State, f64)> {
        let mut waiting = Vec::new();
        let mut keys: Vec<(usize, Key)> = Vec::new();
        for index in self.indexes(|collector| collector.ttl.is_some() && !facts.console) {
            let Some(chosen) = self.config.collectors.get(index) else { continue };
            let name = chosen.collector.name.clone();
            match chosen.collector.scope {
                Scope::Pooler => {}
                Scope::Cluster => keys.push((index, (name, String::new()))),
                Scope::Database => {
                    keys.extend(databases.iter().map(|database| (index, (name.clone(), database.clone()))));
                }
            }
        }
        for (index, key) in &keys {
            let entry = self.target.kept.get(key, self.time_to_live(*index));
            if entry.as_ref().is_some_and(|(_, fresh)| *fresh) {
                continue;
            }
            let refresh = self.refresh(*index, key.clone(), facts.clone());
            if entry.is_none() {
                waiting.push(tokio::spawn(refresh));
            } else {
                tokio::spawn(refresh);
            }
        }
        // those that are late go on behind the page
        let _elapsed = timeout_at(deadline, join_all(waiting)).await;
        let mut states: BTreeMap<usize, (State, f64)> = BTreeMap::new();
        for (index, key) in keys {
            let (state, seconds) = match self.target.kept.get(&key, self.time_to_live(index)) {
                Some((entry, _)) => {
                    let mut samples = Samples::new("");
                    samples.limit_series(usize::MAX);
                    samples.copy_from(&entry.samples);
                    crate::report::add_age(&self.extra, &key, entry.taken.elapsed(), &mut samples);
                    page.push(samples);
                    (entry.state, entry.seconds)
                }
                None => (State::Failed(Reason::Timeout, "the first run is not over yet".to_owned()), 0.0),
            };
            let place = states.entry(index).or_insert_with(|| (state.clone(), 0.0));
            place.0 = std::mem::take(&mut place.0).and(state);
            place.1 += seconds;
        }
        states.into_iter().map(|(index, (state, seconds))| (index, state, seconds)).collect()
    }

    /// Runs a kept collector anew; those who ask meanwhile share the run.
    fn refresh(&self, index: usize, key: Key, facts: Facts) -> impl Future<Output = ()> + Send + use<> {
        let visit = self.clone();
        async move {
            let deadline = Instant::now() + BACKGROUND_LIMIT;
            let target = Arc::clone(&visit.target);
            let run = |key: Key| async move { visit.refresh_now(index, key, facts, deadline).await };
            // a panic in it has been reported
            let _landed = target.kept.flights.join(key.clone(), deadline, || run(key)).await;
        }
    }

    async fn refresh_now(&self, index: usize, key: Key, mut facts: Facts, deadline: Instant) {
        let started = Instant::now();
        let mut samples = Samples::new("");
        let fresh = self.session(index) == Session::Closed;
        let (slots, database) = match key.1.as_str() {
            "" => (&self.target.cluster, self.target.link.database.as_str()),
            database => (&self.target.databases, database),
        };
        let state = match slots.lease(&self.target.link, database, fresh, deadline).await {
            Err(error) => State::of(&error),
            Ok(mut lease) => {
                if !key.1.is_empty() {
                    facts.database.clone_from(&key.1);
                }
                let session = (&mut lease, self.extra.as_ref());
                let state = collect(&self.config, (index, &facts), session, deadline, &mut samples).await;
                lease.end().await;
                state
            }
        };
        self.target.kept.put(key, samples, state, started.elapsed().as_secs_f64());
    }

    fn indexes(&self, wanted: impl Fn(&crate::collector::Collector) -> bool) -> Vec<usize> {
        let collectors = self.config.collectors.iter().enumerate();
        collectors
            .filter(|(_, chosen)| {
                let labelled = chosen.collector.queries.iter().any(|query| query.server_label);
                wanted(&chosen.collector) && (labelled || !self.only_labelled)
            })
            .map(|(index, _)| index)
            .collect()
    }

    fn session(&self, index: usize) -> Session {
        self.config.collectors.get(index).map_or(Session::Kept, |chosen| chosen.collector.session)
    }

    fn time_to_live(&self, index: usize) -> Duration {
        self.config.collectors.get(index).and_then(|chosen| chosen.collector.ttl).unwrap_or_default()
    }
}
