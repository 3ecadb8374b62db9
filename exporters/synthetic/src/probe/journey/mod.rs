//! Prober `journey`: several pages one after the other, as a user goes through them, with what the one gives in the next.
//!
//! | file | holds |
//! |---|---|
//! | `config`, `step`, `template` | the section of a module, a step of it, texts with variables |
//! | `values`, `request` | what variables stand for; the request that a step makes of them, and to whom it may go |
//! | `extract` | what is taken from an answer |
//! | `facts` | what is found, step by step, and its names |
//!
//! Each step is a visit of prober `http`: its own connection, the guard asked about every address, also of redirects.
//! Cookies are shared by the hosts that URLs name. What variables stand for is never shown.

mod config;
mod extract;
mod facts;
mod request;
mod step;
mod template;
mod values;

use std::sync::Arc;

use netprobe::phase::Phase;
use tokio::time::Instant;

pub use config::Journey;
pub(crate) use facts::NAMESPACE;
pub use facts::{JourneyFacts, StepFacts};

use super::http::{self, Along, HttpFacts, Last, Url};
use super::{Engine, Facts, Job};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;
use extract::MAX_BODY;
use request::Request;
use step::Step;
use values::{Origin, Value, Values};

/// Goes through the steps until one fails, and cleans up.
pub(crate) async fn probe(engine: &Engine, settings: &Journey, job: &Job<'_>) -> Outcome {
    let begun = Instant::now();
    let mut outcome = Outcome::new(Facts::None);
    let mut steps = Vec::new();
    let way = Way::begin(engine, settings, job).await;
    if !settings.secrets.is_empty() {
        outcome.timings.add(Phase::Token, begun.elapsed());
    }
    match way {
        Ok(mut way) => {
            let reserve = settings.reserve(job.deadline.saturating_duration_since(begun));
            way.go(job.deadline - reserve, &mut outcome).await;
            way.clean_up(&mut outcome).await;
            steps = way.steps;
            // putting requests together and answers apart is our own time
            outcome.timings.add(Phase::Check, begun.elapsed().saturating_sub(outcome.timings.total()));
        }
        Err(failed) => outcome.fail(failed),
    }
    let (journey, success) = (Arc::clone(&job.module.name), outcome.success());
    outcome.facts = Facts::Journey(Arc::new(JourneyFacts { journey, success, steps }));
    outcome
}

/// A journey under way.
struct Way<'a> {
    engine: &'a Engine,
    settings: &'a Journey,
    job: &'a Job<'a>,
    target: Url,
    values: Values,
    along: Along,
    steps: Vec<StepFacts>,
    /// Whether any request was sent: then there may be something to clean up.
    asked: bool,
}

impl<'a> Way<'a> {
    async fn begin(engine: &'a Engine, settings: &'a Journey, job: &'a Job<'a>) -> Result<Self, Failed> {
        let target = Url::parse(job.target);
        let target = target.map_err(|problem| Failed::new("target", Reason::TargetInvalid, problem))?;
        if settings.has_credentials() {
            job.permit_credentials(&target.host, target.port)?;
        }
        let mut values = Values::default();
        for (name, text) in &settings.variables {
            values.set(name, Value { text: text.as_str().into(), json: None, origin: Origin::File });
        }
        for (name, source) in &settings.secrets {
            let text = job.secret(name, source).await?;
            values.set(name, Value { text, json: None, origin: Origin::Secret });
        }
        let takes = settings.steps.iter().chain(&settings.cleanup).any(|step| !step.extract.is_empty());
        let along = Along { keep: if takes { MAX_BODY } else { 0 }, ..Along::default() };
        Ok(Self { engine, settings, job, target, values, along, steps: Vec::new(), asked: false })
    }

    /// Goes through the steps, by `end`.
    async fn go(&mut self, end: Instant, outcome: &mut Outcome) {
        for step in &self.settings.steps {
            if let Err(failed) = self.step(step, end, outcome).await {
                outcome.failure = Some(failed);
                return;
            }
        }
    }

    /// Cleans up, each step in its part of the time that is left. What does not succeed is a warning: what the journey is
    /// about was found out already.
    async fn clean_up(&mut self, outcome: &mut Outcome) {
        if !self.asked {
            return;
        }
        let mut left = u32::try_from(self.settings.cleanup.len()).unwrap_or(u32::MAX);
        for step in &self.settings.cleanup {
            let now = Instant::now();
            let end = now + self.job.deadline.saturating_duration_since(now) / left.max(1);
            left = left.saturating_sub(1);
            if let Some(name) = step.needs().find(|name| !self.values.has(name)) {
                let message = format!("step {} is left out: no step found `{name}`", step.name);
                outcome.transcript.line("info", message);
                continue;
            }
            if let Err(failed) = self.step(step, end, outcome).await {
                outcome.warnings.push(failed);
            }
        }
    }

    /// Does a step, by `end`, and writes down what became of it.
    async fn step(&mut self, step: &Step, end: Instant, outcome: &mut Outcome) -> Result<(), Failed> {
        let start = Instant::now();
        let end = step.timeout.map_or(end, |timeout| end.min(start + timeout));
        // the lines of all steps stand in one transcript
        let mut own = Outcome::new(Facts::None);
        own.transcript = std::mem::take(&mut outcome.transcript);
        own.transcript.line("info", format!("step {}: {} {}", step.name, step.http.method, step.shown));
        let mut status = 0;
        if start >= end {
            own.fail(Failed::new("probe", Reason::Timeout, "no time was left for the step"));
        } else {
            match Box::pin(self.visit(step, end, &mut own)).await {
                Ok(found) => status = found.status,
                Err(failed) => own.fail(failed),
            }
        }
        let took = start.elapsed();
        if let Some(slowest) = step.slowest.filter(|slowest| took > *slowest) {
            let message = format!("it took {:.3} s, more than {slowest:?}", took.as_secs_f64());
            own.fail(Failed::new("check", Reason::Slow, message));
        }
        let result = if own.success() { "succeeded" } else { "failed" };
        own.transcript.line("info", format!("step {} {result} after {:.6} s", step.name, took.as_secs_f64()));
        self.asked |= own.timings.get(Phase::Send).is_some();
        self.steps.push(StepFacts {
            step: Arc::clone(&step.name),
            took,
            status,
            failure: own.failure.as_ref().map(|failed| (failed.phase, failed.reason)),
            warnings: own.warnings.iter().map(|warning| (warning.phase, warning.reason)).collect(),
        });
        self.join(step, own, outcome)
    }

    /// Adds what is of one step to what is of all.
    fn join(&self, step: &Step, own: Outcome, outcome: &mut Outcome) -> Result<(), Failed> {
        let named =
            |failed: Failed| Failed { message: format!("step {}: {}", step.name, failed.message), ..failed };
        outcome.transcript = own.transcript;
        outcome.timings.join(&own.timings);
        // address and certificates are those of the first step
        if self.steps.len() == 1 {
            (outcome.address, outcome.tls) = (own.address, own.tls);
        }
        outcome.warnings.extend(own.warnings.into_iter().map(named));
        own.failure.map_or(Ok(()), |failed| Err(named(failed)))
    }

    /// Asks, judges, and takes what later steps need.
    async fn visit(&mut self, step: &Step, end: Instant, own: &mut Outcome) -> Result<HttpFacts, Failed> {
        let Request { url, http, trusted, is_home, guarded, secret_body } =
            Request::of(step, &self.values, &self.target)?;
        let job = Job {
            hostname: self.job.hostname.filter(|_| is_home),
            configured: trusted,
            deadline: end,
            ..*self.job
        };
        if guarded {
            job.permit_credentials(&url.host, url.port)?;
        }
        self.along.secret_body = secret_body;
        let (found, last) = http::visit(self.engine, &http, &job, &url, &mut self.along, own).await;
        if let Some(last) = last.filter(|_| own.success()) {
            self.take(step, &last, own);
        }
        Ok(found)
    }

    fn take(&mut self, step: &Step, last: &Last, own: &mut Outcome) {
        for (name, extract) in &step.extract {
            match extract.take(name, last, &self.along) {
                Ok(value) => {
                    own.transcript.line("debug", format!("`{name}` is found"));
                    self.values.set(name, value);
                }
                Err(failed) => return own.fail(failed),
            }
        }
    }
}
