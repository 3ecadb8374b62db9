//! What only the prober `http` finds, under blackbox_exporter's names, and what we add.

use std::time::Duration;

use hyper::Version;
use netprobe::phase::Phase;
use toolkit::expo::{Desc, Kind, Samples};

use crate::outcome::Outcome;
use crate::probe::gauge;

/// What was found of a page.
#[derive(Clone, Debug, Default)]
pub struct HttpFacts {
    /// Whether the target's name was, or would have been, resolved here, and not by a proxy alone.
    pub resolves: bool,
    /// Redirects that came.
    pub redirects: u32,
    /// The last answer's status; 0 is none.
    pub status: u16,
    /// Its version.
    pub version: Option<Version>,
    /// Whether it came through TLS.
    pub ssl: bool,
    /// How long the server says that the body is.
    pub content_length: Option<u64>,
    /// How long it is after decompression.
    pub length: u64,
    /// How much of it came over the wire.
    pub received: u64,
    /// What the last answer took from its first byte to its last.
    pub transfer: Duration,
    /// Whether a regular expression is the reason of the failure.
    pub failed_by_regexp: bool,
    /// Whether a CEL expression is, where there is one.
    pub failed_by_cel: Option<bool>,
    /// When the page was changed last, as the server says.
    pub last_modified: Option<f64>,
}

const DURATION: Desc<'_> = Desc {
    name: "http_duration_seconds",
    help: "How long a phase took, all redirects together: resolve, connect, tls, processing (until the answer's first byte), transfer (the last answer's); 0 where it was not reached.",
    kind: Kind::Gauge,
    labels: &["phase"],
};
const CONTENT_LENGTH: Desc<'_> = gauge(
    "http_content_length",
    "How long the server says that the body is as it is sent; -1 when it does not say.",
);
const LENGTH: Desc<'_> = gauge("http_uncompressed_body_length", "How long the body is after decompression.");
const REDIRECTS: Desc<'_> = gauge("http_redirects", "How many redirects came.");
const SSL: Desc<'_> = gauge("http_ssl", "Whether the last answer came through TLS.");
const STATUS: Desc<'_> = gauge("http_status_code", "The status of the last answer; 0 when there was none.");
const VERSION: Desc<'_> = gauge("http_version", "The version of HTTP of the last answer: 1, 1.1 or 2.");
const BY_REGEXP: Desc<'_> = gauge(
    "failed_due_to_regex",
    "Whether the probe failed since a regular expression did, or did not, match.",
);
const BY_CEL: Desc<'_> =
    gauge("failed_due_to_cel", "Whether the probe failed since a CEL expression did not hold.");
const LAST_MODIFIED: Desc<'_> = gauge(
    "http_last_modified_timestamp_seconds",
    "When the page was changed last, as the server says, in Unix time.",
);
const RECEIVED: Desc<'_> =
    gauge("http_received_body_length", "How much of the body came over the wire, compressed as it was.");

impl HttpFacts {
    /// All that it writes.
    pub(crate) const METRICS: &[Desc<'static>] = &[
        DURATION,
        CONTENT_LENGTH,
        LENGTH,
        REDIRECTS,
        SSL,
        STATUS,
        VERSION,
        BY_REGEXP,
        BY_CEL,
        LAST_MODIFIED,
        RECEIVED,
    ];

    /// Writes it.
    pub(crate) fn write(&self, outcome: &Outcome, samples: &mut Samples) {
        let took = |phase| outcome.timings.get(phase).unwrap_or_default();
        let phases = [
            ("resolve", took(Phase::Resolve)),
            ("connect", took(Phase::Connect)),
            ("tls", took(Phase::Tls)),
            ("processing", took(Phase::Send) + took(Phase::FirstByte)),
            ("transfer", self.transfer),
        ];
        for (phase, took) in phases.into_iter().skip(usize::from(!self.resolves)) {
            samples.add(&DURATION, &[phase], took.as_secs_f64());
        }
        let length = match self.content_length {
            Some(length) => count(length),
            None if self.status == 0 => 0.0,
            None => -1.0,
        };
        samples.add(&CONTENT_LENGTH, &[], length);
        samples.add(&LENGTH, &[], count(self.length));
        samples.add(&RECEIVED, &[], count(self.received));
        samples.add(&REDIRECTS, &[], f64::from(self.redirects));
        samples.add(&SSL, &[], f64::from(self.ssl));
        samples.add(&STATUS, &[], f64::from(self.status));
        samples.add(&VERSION, &[], self.version.map(number).unwrap_or_default());
        samples.add(&BY_REGEXP, &[], f64::from(self.failed_by_regexp));
        if let Some(failed) = self.failed_by_cel {
            samples.add(&BY_CEL, &[], f64::from(failed));
        }
        if let Some(at) = self.last_modified {
            samples.add(&LAST_MODIFIED, &[], at);
        }
    }
}

/// The version of HTTP as a number.
fn number(version: Version) -> f64 {
    match version {
        Version::HTTP_09 => 0.9,
        Version::HTTP_10 => 1.0,
        Version::HTTP_11 => 1.1,
        Version::HTTP_2 => 2.0,
        _ => 3.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "lengths beyond 2^53 lose bits in Prometheus too")]
fn count(count: u64) -> f64 {
    count as f64
}
