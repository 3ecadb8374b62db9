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
use crate::conn::{ConnError, Lease, Reason, Slots};
use crate::facts::Facts;
use crate::kept::{BACKGROUND_LIMIT, Key};
use crate::render::Extra;
use crate::report::Report;
use crate::run::{self, Outcome, introduce};
use crate::state::State;
use crate::target::Target;

/// Kept back of the scrape's time for putting the page together.
const MARGIN: Duration = Duration::from_millis(50);

/// Collectors that a session takes on at once: their queries are sent in one go.
const HANDFUL: usize = 6;

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
        let mut in_databases = if facts.console { Vec::new() } else { of(Scope::Database) };
        in_databases.sort_by_key(|index| self.session(*index) == Session::Closed);
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
        let databases = join_all(
            (0..workers)
                .map(|_| self.database_worker(&watched.open, &next_database, (&in_databases, deadline))),
        );
        let ((first, second), found) = join(join(own, other), databases).await;
        // after the rest, so that a refresh takes no session from what everybody waits for
        let kept = self.kept_results(facts, &watched.open, deadline, page).await;
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

    /// Runs cluster collectors, a handful at a time, until none is left; `lease` is a session that is open already.
    async fn cluster_worker<'a>(
        &'a self,
        lease: Option<Lease<'a>>,
        facts: &Facts,
        (order, next): (&[usize], &AtomicUsize),
        deadline: Instant,
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let (slots, database) = (&self.target.cluster, self.target.link.database.as_str());
        // a second session that cannot be had is no loss: the first one does all the work
        let mut lease = match lease {
            Some(lease) => Some(lease),
            None => match slots.lease(&self.target.link, database, false, deadline).await {
                Ok(lease) => Some(lease),
                Err(_) => return outcomes,
            },
        };
        loop {
            let first = next.fetch_add(HANDFUL, Ordering::Relaxed);
            let Some(rest) = order.get(first..).filter(|rest| !rest.is_empty()) else { return outcomes };
            let mut handful: Vec<Outcome> =
                rest.iter().take(HANDFUL).map(|index| Outcome::new(*index)).collect();
            self.run(facts, (slots, database), &mut lease, deadline, &mut handful).await;
            outcomes.extend(handful);
        }
    }

    /// Runs collectors in one place, on the session that is at hand or on others; those that need a session of their
    /// own get one.
    async fn run<'a>(
        &'a self,
        facts: &Facts,
        (slots, database): (&'a Slots, &str),
        lease: &mut Option<Lease<'a>>,
        deadline: Instant,
        outcomes: &mut [Outcome],
    ) {
        let (link, extra) = (&self.target.link, self.extra.as_ref());
        let (kept, closed) = outcomes
            .split_at_mut(outcomes.partition_point(|outcome| self.session(outcome.index) == Session::Kept));
        let mut jobs = run::jobs(&self.config, facts, kept);
        while !jobs.is_empty() {
            let usable = lease.take().filter(Lease::is_sound);
            let opened = match usable {
                Some(lease) => Ok(lease),
                None => slots.lease(link, database, false, deadline).await,
            };
            match opened {
                Ok(mut opened) => {
                    jobs = run::run(&self.config, (&mut opened, extra), deadline, jobs, kept).await;
                    *lease = Some(opened);
                }
                Err(error) => {
                    run::fail(&jobs, &error, kept);
                    break;
                }
            }
        }
        for outcome in closed.chunks_mut(1) {
            let jobs = run::jobs(&self.config, facts, outcome);
            if jobs.is_empty() {
                continue;
            }
            // the place that the other session takes up is needed
            drop(lease.take());
            match slots.lease(link, database, true, deadline).await {
                Ok(mut own) => {
                    let left = run::run(&self.config, (&mut own, extra), deadline, jobs, outcome).await;
                    run::fail(&left, &ConnError::Closed, outcome);
                    own.end().await;
                }
                Err(error) => run::fail(&jobs, &error, outcome),
            }
        }
    }

    /// Runs database collectors in one database after the other until none is left.
    async fn database_worker(
        &self,
        names: &[String],
        next: &AtomicUsize,
        (collectors, deadline): (&[usize], Instant),
    ) -> (Vec<Outcome>, Vec<(String, Option<ConnError>)>) {
        let mut outcomes: Vec<Outcome> = collectors.iter().map(|index| Outcome::new(*index)).collect();
        let mut visited = Vec::new();
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            match introduce(&self.target, Some(name), deadline).await {
                Err(error) => visited.push((name.clone(), Some(error))),
                Ok((lease, facts)) => {
                    let mut lease = Some(lease);
                    let place = (&self.target.databases, name.as_str());
                    self.run(&facts, place, &mut lease, deadline, &mut outcomes).await;
                    if let Some(lease) = lease {
                        lease.end().await;
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
        let state = |(index, key): &(usize, Key)| self.target.kept.get(key, self.time_to_live(*index));
        let stale: Vec<_> =
            keys.iter().filter(|wanted| !state(wanted).is_some_and(|(_, fresh)| fresh)).cloned().collect();
        if !stale.is_empty() {
            let missing = stale.iter().any(|wanted| state(wanted).is_none());
            let refreshed = tokio::spawn(self.clone().refresh(stale, facts.clone()));
            if missing {
                // what is late goes on behind the page
                let _elapsed = timeout_at(deadline, refreshed).await;
            }
        }
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

    /// Runs kept collectors anew; those who ask meanwhile share the round.
    async fn refresh(self, stale: Vec<(usize, Key)>, facts: Facts) {
        let deadline = Instant::now() + BACKGROUND_LIMIT;
        let target = Arc::clone(&self.target);
        let round = || async move { self.refresh_round(stale, facts, deadline).await };
        // a panic in it has been reported
        let _landed = target.kept.flights.join((), deadline, round).await;
    }

    async fn refresh_round(&self, stale: Vec<(usize, Key)>, facts: Facts, deadline: Instant) {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, (_, database)) in stale {
            places.entry(database).or_default().push(index);
        }
        let cluster = places.remove("").unwrap_or_default();
        let places: Vec<(String, Vec<usize>)> = places.into_iter().collect();
        let next = AtomicUsize::new(0);
        let (places, next, facts) = (&places, &next, &facts);
        let chains = (0..self.config.database_sessions).map(|_| async move {
            while let Some((database, indexes)) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.refresh_place(database, indexes, facts, deadline).await;
            }
        });
        join(self.refresh_place("", &cluster, facts, deadline), join_all(chains)).await;
    }

    /// Runs kept collectors in one place, one after the other.
    async fn refresh_place(&self, place: &str, indexes: &[usize], facts: &Facts, deadline: Instant) {
        let (slots, database) = match place {
            "" => (&self.target.cluster, self.target.link.database.as_str()),
            database => (&self.target.databases, database),
        };
        let mut own = facts.clone();
        let mut lease = None;
        if !place.is_empty() {
            match introduce(&self.target, Some(place), deadline).await {
                Ok((opened, found)) => (lease, own) = (Some(opened), found),
                Err(error) => {
                    for &index in indexes {
                        self.keep(place, Outcome { state: State::of(&error), ..Outcome::new(index) });
                    }
                    return;
                }
            }
        }
        let mut indexes = indexes.to_vec();
        indexes.sort_by_key(|index| self.session(*index) == Session::Closed);
        for index in indexes {
            let mut outcome = [Outcome::new(index)];
            self.run(&own, (slots, database), &mut lease, deadline, &mut outcome).await;
            let [outcome] = outcome;
            self.keep(place, outcome);
        }
        if let Some(lease) = lease {
            lease.end().await;
        }
    }

    fn keep(&self, place: &str, outcome: Outcome) {
        let Some(chosen) = self.config.collectors.get(outcome.index) else { return };
        let key = (chosen.collector.name.clone(), place.to_owned());
        self.target.kept.put(key, outcome.samples, outcome.state, outcome.seconds);
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
