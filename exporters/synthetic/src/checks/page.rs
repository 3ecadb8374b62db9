//! From checks to samples.

use std::time::Duration;

use toolkit::expo::{Desc, Labels, Samples};
use toolkit::schedule::{Lateness, Numbers};

use super::counts;
use super::result::{CheckResult, Fact, Status};
use super::table as metric;
use crate::config::Check;
use crate::metrics::{flag, float};
use crate::probe::journey::JourneyFacts;

/// Writes what is of one check.
pub(crate) struct Writer<'a> {
    samples: &'a mut Samples,
    names: Vec<&'a str>,
    values: Vec<&'a str>,
    /// The check's own label set, escaped once.
    own: Labels,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(check: &'a Check, samples: &'a mut Samples) -> Self {
        let (mut names, mut values) = (vec!["check"], vec![check.name()]);
        // a heartbeat has none
        if !check.target.is_empty() {
            names.push("target");
            values.push(&check.target);
        }
        for (name, value) in &check.settings.labels {
            names.push(name);
            values.push(value);
        }
        let own = samples.labels(&names, &values);
        Self { samples, names, values, own }
    }

    pub(crate) fn add(&mut self, desc: &Desc<'_>, value: f64) {
        let family = self.samples.family(desc);
        self.samples.push(family, self.own, value);
    }

    fn add_with(&mut self, desc: &Desc<'_>, more: &[&str], value: f64) {
        let labels = self
            .samples
            .labels(&[self.names.as_slice(), desc.labels].concat(), &[self.values.as_slice(), more].concat());
        let family = self.samples.family(desc);
        self.samples.push(family, labels, value);
    }

    /// Writes a result that is fresh.
    pub(crate) fn result(&mut self, result: &CheckResult) {
        self.add(&metric::LAST_RUN, result.at_unix);
        if result.status != Status::Unknown {
            self.add(&metric::SUCCESS, flag(result.status != Status::Fail));
            self.add(&metric::DEGRADED, flag(result.status == Status::Warn));
            self.add(&metric::LAST_DURATION, result.took.as_secs_f64());
        }
        if let Some(failed) = &result.failure {
            let desc = if result.status == Status::Warn { &metric::WARNING } else { &metric::FAILURE };
            self.add_with(desc, &[failed.phase, failed.reason.as_str()], 1.0);
        }
        for (fact, value) in &result.facts {
            match fact {
                Fact::Phase(phase) => self.add_with(&metric::PHASE, &[phase], *value),
                Fact::HttpStatus => self.add(&metric::HTTP_STATUS, *value),
                Fact::CertificateEnd => self.add(&metric::CERTIFICATE_END, *value),
                Fact::CertificateLife => self.add(&metric::CERTIFICATE_LIFE, *value),
                Fact::IpProtocol => self.add(&metric::IP_PROTOCOL, *value),
                Fact::PacketLoss => self.add(&metric::PACKET_LOSS, *value),
                Fact::QueryValue => self.add(&metric::QUERY_VALUE, *value),
                Fact::ArtifactTime => self.add(&metric::ARTIFACT_TIME, *value),
                Fact::ArtifactSize => self.add(&metric::ARTIFACT_SIZE, *value),
                Fact::ArtifactCount => self.add(&metric::ARTIFACT_COUNT, *value),
            }
        }
    }

    /// Writes how long a run may take.
    pub(crate) fn timeout(&mut self, timeout: Duration) {
        self.add(&metric::TIMEOUT, timeout.as_secs_f64());
    }

    /// Writes what became of the steps of a journey.
    pub(crate) fn journey(&mut self, facts: &JourneyFacts) {
        facts.each(|desc, labels, value| self.add_with(desc, labels, value));
    }

    /// Writes what was counted.
    pub(crate) fn counts(&mut self, numbers: &counts::Numbers) {
        for status in Status::ALL {
            let count = numbers.runs(status);
            // the two that everybody divides by each other are there from the start
            if count > 0 || matches!(status, Status::Ok | Status::Fail) {
                self.add_with(&metric::RUNS, &[status.as_str()], float(count));
            }
        }
    }

    /// Writes the histogram.
    pub(crate) fn durations(&mut self, numbers: &counts::Numbers) {
        let desc = Desc { labels: &self.names, ..metric::RUN_DURATION };
        self.samples.histogram(&desc, &self.values, &numbers.buckets(), numbers.sum, numbers.count);
    }
}

/// Writes what is of the schedule.
pub(super) fn schedule(numbers: &Numbers, late: &Lateness, samples: &mut Samples) {
    for (state, count) in [("fresh", numbers.fresh), ("pending", numbers.pending), ("stale", numbers.stale)] {
        samples.add(&metric::CHECKS, &[state], float(count));
    }
    samples.add(&metric::RUNNING, &[], float(numbers.running));
    samples.add(&metric::SKIPPED, &["overrun"], float(numbers.skipped));
    samples.histogram(&metric::LATE, &[], &late.buckets(), late.sum, late.count);
}
