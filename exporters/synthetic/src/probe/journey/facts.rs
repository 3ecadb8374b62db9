//! What a journey finds, step by step, and its names. They begin with `journey_`, on `/probe` and of checks alike.

use std::sync::Arc;
use std::time::Duration;

use toolkit::expo::{Desc, Kind};

use crate::reason::Reason;

/// What the names begin with.
pub(crate) const NAMESPACE: &str = "journey";

/// What became of a journey.
#[derive(Clone, Debug)]
pub struct JourneyFacts {
    /// Its name: that of its module.
    pub journey: Arc<str>,
    /// Whether all that it is about was a success.
    pub success: bool,
    /// The steps that were begun, in their order; those that clean up are the last.
    pub steps: Vec<StepFacts>,
}

/// What became of a step.
#[derive(Clone, Debug)]
pub struct StepFacts {
    /// Its name.
    pub step: Arc<str>,
    /// How long it took.
    pub took: Duration,
    /// The last answer's status; 0 is none.
    pub status: u16,
    /// Where and why it failed.
    pub failure: Option<(&'static str, Reason)>,
    /// What is warned of.
    pub warnings: Vec<(&'static str, Reason)>,
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Desc<'static> {
    Desc { name, help, kind: Kind::Gauge, labels }
}

const SUCCESS: Desc<'_> = gauge(
    "success",
    &["journey"],
    "Whether all steps of the journey were a success; those that clean up do not count.",
);
const STEP_SUCCESS: Desc<'_> = gauge(
    "step_success",
    &["journey", "step"],
    "Whether the step was a success; absent of a step that was not reached.",
);
const STEP_DURATION: Desc<'_> = gauge(
    "step_duration_seconds",
    &["journey", "step"],
    "How long the step took, its redirects included; absent of a step that was not reached.",
);
const STEP_STATUS: Desc<'_> = gauge(
    "step_http_status_code",
    &["journey", "step"],
    "The status of the step's last answer; absent when there was none.",
);
const STEP_FAILURE: Desc<'_> = gauge(
    "step_failure_reason",
    &["journey", "step", "phase", "reason"],
    "Where and why the step failed, each from a closed list; 1 for what stands.",
);
const STEP_WARNING: Desc<'_> = gauge(
    "step_warning_reason",
    &["journey", "step", "phase", "reason"],
    "What is warned of in the step; 1 for each that stands.",
);

impl JourneyFacts {
    /// All that it writes.
    pub(crate) const METRICS: &[Desc<'static>] =
        &[SUCCESS, STEP_SUCCESS, STEP_DURATION, STEP_STATUS, STEP_FAILURE, STEP_WARNING];

    /// Hands out every sample: what it is, its labels, its value.
    pub(crate) fn each(&self, mut add: impl FnMut(&Desc<'_>, &[&str], f64)) {
        let journey = &*self.journey;
        add(&SUCCESS, &[journey], f64::from(self.success));
        for facts in &self.steps {
            let step = &*facts.step;
            add(&STEP_SUCCESS, &[journey, step], f64::from(facts.failure.is_none()));
            add(&STEP_DURATION, &[journey, step], facts.took.as_secs_f64());
            if facts.status != 0 {
                add(&STEP_STATUS, &[journey, step], facts.status.into());
            }
            if let Some((phase, reason)) = facts.failure {
                add(&STEP_FAILURE, &[journey, step, phase, reason.as_str()], 1.0);
            }
            for (at, (phase, reason)) in facts.warnings.iter().enumerate() {
                // two assertions may not hold for the same reason
                if !facts.warnings.iter().take(at).any(|earlier| earlier == &(*phase, *reason)) {
                    add(&STEP_WARNING, &[journey, step, phase, reason.as_str()], 1.0);
                }
            }
        }
    }
}
