//! Running what was planned: queries on a session, each under its own limit.

use std::time::Duration;

use tokio::time::Instant;
use toolkit::expo::Samples;

use crate::collector::Collector;
use crate::config::Config;
use crate::conn::{ConnError, Lease, Reason};
use crate::facts::{self, Facts};
use crate::plan::{self, Plan};
use crate::render::{Extra, Renderer};
use crate::state::State;
use crate::target::Target;

/// How much longer than the server we wait for its answer: its own `statement_timeout` shall come first, since that
/// leaves the session usable.
const ANSWER_GRACE: Duration = Duration::from_millis(250);

/// Asking what a server is takes a millisecond; a session that does not answer within this is dead.
const FACTS_LIMIT: Duration = Duration::from_secs(3);

/// Queries that are sent in one go; their text stays far below what a socket takes without being read.
const MOST_AT_ONCE: usize = 8;

/// Series of a collector that says nothing itself: 10,000 tables of 30 series, and room.
const DEFAULT_MAX_SERIES: usize = 500_000;

/// Leases a session in `database` and asks what the server is. A session that rested may be dead, so a second one
/// is tried.
///
/// # Errors
/// Why the server cannot be asked.
pub async fn introduce<'a>(
    target: &'a Target,
    database: Option<&str>,
    deadline: Instant,
) -> Result<(Lease<'a>, Facts), ConnError> {
    let slots = if database.is_some() { &target.databases } else { &target.cluster };
    let name = database.unwrap_or(&target.link.database);
    let mut last = ConnError::Timeout("connecting");
    for _ in 0..2 {
        let mut lease = slots.lease(&target.link, name, false, deadline).await?;
        let mut facts = Facts { database: name.to_owned(), console: lease.is_console(), ..Facts::default() };
        let message = if facts.console {
            "SHOW VERSION".to_owned()
        } else {
            let databases = if database.is_none() { facts::DATABASES_SQL } else { "" };
            plan::preamble(FACTS_LIMIT, false, lease.has_raw_text()) + facts::SQL + databases
        };
        let limit = deadline.min(Instant::now() + FACTS_LIMIT);
        match lease.query(&message, limit, &mut facts).await {
            Ok(()) => return Ok((lease, facts)),
            Err(error @ ConnError::Server { .. }) if error.leaves_session_usable() => return Err(error),
            Err(error) => last = error,
        }
        if Instant::now() >= deadline {
            break;
        }
        // where one session died the others did too
        slots.close().await;
    }
    Err(last)
}

/// What one collector gave in one place.
#[derive(Debug)]
pub struct Outcome {
    /// Which collector it is.
    pub index: usize,
    /// What it wrote.
    pub samples: Samples,
    /// What became of it.
    pub state: State,
    /// How long it took.
    pub seconds: f64,
}

/// One query of a collector.
#[derive(Debug)]
pub struct Job {
    /// The place of the collector among the outcomes.
    place: usize,
    /// Which of its queries this is.
    query: usize,
    sql: String,
    /// It is run a second time.
    again: bool,
}

impl Outcome {
    /// Nothing was asked yet, which anything outweighs.
    pub fn new(index: usize) -> Self {
        let state = State::Unsupported("nothing was asked".to_owned());
        Self { index, samples: Samples::new(""), state, seconds: 0.0 }
    }

    fn add(&mut self, state: State) {
        self.state = std::mem::take(&mut self.state).and(state);
    }
}

/// Plans collectors for what the server is; those that do not run there have their outcome already.
pub fn jobs(config: &Config, facts: &Facts, outcomes: &mut [Outcome]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (place, outcome) in outcomes.iter_mut().enumerate() {
        let Some(chosen) = config.collectors.get(outcome.index) else { continue };
        match plan::plan(chosen, facts) {
            Plan::Unsupported(why) => outcome.add(State::Unsupported(why)),
            Plan::NotPermitted(why) => outcome.add(State::NotPermitted(why)),
            Plan::Run(steps) => {
                outcome.samples.limit_series(most(&chosen.collector));
                jobs.extend(steps.into_iter().map(|step| Job {
                    place,
                    query: step.query,
                    sql: step.sql,
                    again: false,
                }));
            }
        }
    }
    jobs
}

/// Runs jobs on one session and returns those that it did not come to: the session broke, or the server wants them
/// asked again. Each call ends at least one job, so calling until none is left ends.
///
/// Several queries are sent in one go: on a far server the way there and back takes longer than the query.
pub async fn run(
    config: &Config,
    (lease, extra): (&mut Lease<'_>, &Extra),
    deadline: Instant,
    jobs: Vec<Job>,
    outcomes: &mut [Outcome],
) -> Vec<Job> {
    let mut left = Vec::new();
    let mut jobs = std::collections::VecDeque::from(jobs);
    while !jobs.is_empty() {
        let mut batch = Vec::new();
        while let Some(job) = jobs.pop_front() {
            let own = collector(config, outcomes, &job).is_some_and(|collector| collector.own_search_path);
            if own && !batch.is_empty() {
                jobs.push_front(job);
                break;
            }
            batch.push(job);
            if own || batch.len() >= MOST_AT_ONCE {
                break;
            }
        }
        left.extend(run_batch(config, (&mut *lease, extra), deadline, batch, outcomes).await);
        if !lease.is_sound() {
            left.extend(jobs);
            break;
        }
    }
    left
}

fn most(collector: &Collector) -> usize {
    collector.max_series.unwrap_or(DEFAULT_MAX_SERIES)
}

/// Ends jobs that nobody can run any more.
pub fn fail(jobs: &[Job], error: &ConnError, outcomes: &mut [Outcome]) {
    for job in jobs {
        if let Some(outcome) = outcomes.get_mut(job.place) {
            outcome.add(State::of(error));
        }
    }
}

async fn run_batch(
    config: &Config,
    (lease, extra): (&mut Lease<'_>, &Extra),
    deadline: Instant,
    batch: Vec<Job>,
    outcomes: &mut [Outcome],
) -> Vec<Job> {
    let left = deadline.saturating_duration_since(Instant::now());
    let usable = left.checked_sub(ANSWER_GRACE).filter(|usable| !usable.is_zero());
    let limit = |job: &Job, outcomes: &[Outcome]| {
        let own = collector(config, outcomes, job).and_then(|collector| collector.timeout);
        shorten(own.unwrap_or(config.collector_timeout), usable.unwrap_or_default())
    };
    let texts: Vec<String> = batch
        .iter()
        .map(|job| {
            // a console knows neither settings nor transactions
            if lease.is_console() {
                return job.sql.clone();
            }
            let own_path =
                collector(config, outcomes, job).is_some_and(|collector| collector.own_search_path);
            plan::preamble(limit(job, outcomes), own_path, lease.has_raw_text()) + &job.sql
        })
        .collect();
    let sent = match usable {
        Some(_) => lease.send(&texts, deadline).await,
        None => Err(ConnError::Timeout("waiting for its turn")),
    };
    let mut again = Vec::new();
    let mut batch = batch.into_iter();
    if let Err(error) = sent {
        // the first of them pays for it, so that the others end some day
        if let Some(outcome) = batch.next().and_then(|job| outcomes.get_mut(job.place)) {
            outcome.add(State::of(&error));
        }
        return batch.collect();
    }
    for mut job in batch.by_ref() {
        let started = Instant::now();
        let limit = limit(&job, outcomes);
        let Some(outcome) = outcomes.get_mut(job.place) else { continue };
        let Some(collector) = config.collectors.get(outcome.index).map(|chosen| &chosen.collector) else {
            continue;
        };
        let Some(query) = collector.queries.get(job.query) else { continue };
        let most = most(collector);
        let mut renderer = Renderer::new(query, extra, &mut outcome.samples, most);
        let answered = lease.receive(deadline.min(started + limit + ANSWER_GRACE), &mut renderer).await;
        let (unreadable, left_out) = (renderer.unreadable, renderer.left_out);
        outcome.seconds += started.elapsed().as_secs_f64();
        match answered {
            Ok(()) if left_out > 0 => {
                let message = format!("{left_out} rows are left out beyond {most} series (hint: max_series)");
                outcome.add(State::Failed(Reason::Limit, message));
            }
            Ok(()) if unreadable > 0 => {
                outcome.add(State::Failed(Reason::Server, format!("{unreadable} values are not numbers")));
            }
            Ok(()) => outcome.add(State::Done),
            // a standby that had to replay what the query looked at gets a second chance
            Err(error) if error.reason() == Reason::RecoveryConflict && !job.again => {
                job.again = true;
                again.push(job);
            }
            Err(error) => outcome.add(State::of(&error)),
        }
        if !lease.is_alive() {
            break;
        }
    }
    again.extend(batch);
    again
}

/// The limit itself, or where less time is left the power of two below that: `statement_timeout` stands in the text
/// of a statement, and each new text is an entry in `pg_stat_statements`.
fn shorten(limit: Duration, left: Duration) -> Duration {
    if limit <= left {
        return limit;
    }
    let power = left.as_millis().checked_ilog2().unwrap_or(0);
    Duration::from_millis(1 << power.min(u64::BITS - 1))
}

fn collector<'a>(config: &'a Config, outcomes: &[Outcome], job: &Job) -> Option<&'a Collector> {
    let outcome = outcomes.get(job.place)?;
    config.collectors.get(outcome.index).map(|chosen| &chosen.collector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_take_few_values() {
        for (limit, left, expected) in
            [(3_000, 9_500, 3_000), (3_000, 2_900, 2_048), (3_000, 1_000, 512), (3_000, 0, 1)]
        {
            let [limit, left, expected] = [limit, left, expected].map(Duration::from_millis);
            assert_eq!(shorten(limit, left), expected, "{limit:?} {left:?}");
        }
    }
}
