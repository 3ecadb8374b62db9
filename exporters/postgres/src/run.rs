//! Running what was planned: queries on a session, each under its own limit.

use std::time::Duration;

use tokio::time::Instant;
use toolkit::expo::Samples;

use crate::collector::Collector;
use crate::config::Config;
use crate::conn::{ConnError, Lease, Reason};
use crate::facts::{self, Facts};
use crate::plan::{self, Plan, Step};
use crate::render::{Extra, Renderer};
use crate::state::State;
use crate::target::Target;

/// How much longer than the server we wait for its answer: its own `statement_timeout` shall come first, since that
/// leaves the session usable.
const ANSWER_GRACE: Duration = Duration::from_millis(250);

/// Asking what a server is takes a millisecond; a session that does not answer within this is dead.
const FACTS_LIMIT: Duration = Duration::from_secs(3);

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
            plan::preamble(FACTS_LIMIT, false, lease.has_raw_text()) + facts::SQL
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

/// One collector on one session: plans it for what the server is, and runs it.
pub async fn collect(
    config: &Config,
    (index, facts): (usize, &Facts),
    (lease, extra): (&mut Lease<'_>, &Extra),
    deadline: Instant,
    samples: &mut Samples,
) -> State {
    let Some(chosen) = config.collectors.get(index) else { return State::Done };
    match plan::plan(chosen, facts) {
        Plan::Unsupported(why) => State::Unsupported(why),
        Plan::NotPermitted(why) => State::NotPermitted(why),
        Plan::Run(steps) => {
            samples.limit_series(chosen.collector.max_series.unwrap_or(DEFAULT_MAX_SERIES));
            run(config, &chosen.collector, &steps, (lease, extra), deadline, samples).await
        }
    }
}

async fn run(
    config: &Config,
    collector: &Collector,
    steps: &[Step],
    (lease, extra): (&mut Lease<'_>, &Extra),
    deadline: Instant,
    samples: &mut Samples,
) -> State {
    let mut state: Option<State> = None;
    let and = |state: &mut Option<State>, next: State| {
        *state = Some(match state.take() {
            Some(before) => before.and(next),
            None => next,
        });
    };
    for step in steps {
        let Some(query) = collector.queries.get(step.query) else { continue };
        let limit = collector.timeout.unwrap_or(config.collector_timeout);
        let mut outcome = Ok(());
        // a standby that had to replay what the query looked at gets a second chance
        for _ in 0..2 {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(usable) = left.checked_sub(ANSWER_GRACE).filter(|usable| !usable.is_zero()) else {
                outcome = Err(ConnError::Timeout("waiting for its turn"));
                break;
            };
            let limit = limit.min(usable);
            // a console knows neither settings nor transactions
            let message = if lease.is_console() {
                step.sql.clone()
            } else {
                plan::preamble(limit, collector.own_search_path, lease.has_raw_text()) + &step.sql
            };
            let mut renderer = Renderer::new(query, extra, samples);
            outcome = lease.query(&message, Instant::now() + limit + ANSWER_GRACE, &mut renderer).await;
            let unreadable = renderer.unreadable;
            if outcome.is_ok() && unreadable > 0 {
                let message = format!("{unreadable} values are not numbers");
                and(&mut state, State::Failed(Reason::Server, message));
            }
            let again = matches!(&outcome, Err(error) if error.reason() == Reason::RecoveryConflict);
            if !again {
                break;
            }
        }
        match &outcome {
            Ok(()) => and(&mut state, State::Done),
            Err(error) => and(&mut state, State::of(error)),
        }
        if !lease.is_sound() {
            break;
        }
    }
    state.unwrap_or_default()
}
