//! What a probe found: facts, from which `/probe`, the history, checks and services are made.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use netprobe::failure::Failure;
use netprobe::phase::{Phase, Timings};
use tokio::time::Instant;

use crate::probe::{Facts, TlsFacts};
use crate::reason::Reason;

/// Bytes of a transcript; what comes after is counted and left out.
const MAX_TRANSCRIPT: usize = 16 << 10;

/// The words for how far a probe had come when it failed: netprobe's phases, and around them `target` (it cannot be read,
/// or may not be probed) and `probe` (anything else).
pub const PHASES: [&str; Phase::ALL.len() + 2] = {
    let mut words = ["target"; Phase::ALL.len() + 2];
    let mut at = 0;
    while at < Phase::ALL.len() {
        words[at + 1] = Phase::ALL[at].as_str();
        at += 1;
    }
    words[at + 1] = "probe";
    words
};

/// What a probe found.
#[derive(Debug)]
pub struct Outcome {
    /// Why it failed; `None` is success.
    pub failure: Option<Failed>,
    /// Assertions marked soft that did not hold: the probe is a success, and degraded.
    pub warnings: Vec<Failed>,
    /// How long it took, all in all; the engine fills it in.
    pub duration: Duration,
    /// What the phases took that were reached.
    pub timings: Timings,
    /// The address that was chosen, and how long that took.
    pub address: Option<Chosen>,
    /// What the server showed in TLS, also when it was not taken.
    pub tls: Option<Arc<TlsFacts>>,
    /// What only this prober finds.
    pub facts: Facts,
    /// What happened, for a person.
    pub transcript: Transcript,
}

impl Outcome {
    /// Nothing happened yet.
    pub fn new(facts: Facts) -> Self {
        Self {
            failure: None,
            warnings: Vec::new(),
            duration: Duration::ZERO,
            timings: Timings::NONE,
            address: None,
            tls: None,
            facts,
            transcript: Transcript::default(),
        }
    }

    /// Whether the probe was a success, as `probe_success` says it.
    pub fn success(&self) -> bool {
        self.failure.is_none()
    }

    /// Why the target may not be probed, if that is so: then nothing was connected to.
    pub fn denied(&self) -> Option<&str> {
        let connected = [Phase::Connect, Phase::Proxy].iter().any(|phase| self.timings.get(*phase).is_some());
        let failed =
            self.failure.as_ref().filter(|failed| failed.reason == Reason::TargetDenied && !connected);
        failed.map(|failed| failed.message.as_str())
    }

    /// The probe failed. The first failure stands.
    pub fn fail(&mut self, failed: Failed) {
        self.transcript.line("error", &failed.message);
        self.failure.get_or_insert(failed);
    }
}

/// An address of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// It; `None` when the name could not be resolved.
    pub ip: Option<IpAddr>,
    /// How long the name took to resolve.
    pub lookup: Duration,
}

/// Where and why a probe failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The phase, in a word of a closed list.
    pub phase: &'static str,
    /// Why.
    pub reason: Reason,
    /// The same for a person: bounded, without secrets and without what the server sent.
    pub message: String,
}

impl Failed {
    /// A failure; `message` holds no secret.
    pub fn new(phase: &'static str, reason: Reason, message: impl Into<String>) -> Self {
        debug_assert!(PHASES.contains(&phase), "{phase} is no phase");
        Self { phase, reason, message: message.into() }
    }

    /// A failure of the connection.
    pub fn of(failure: &Failure) -> Self {
        let message = toolkit::chain::chain(failure);
        Self::new(failure.phase.as_str(), Reason::of_network(failure), message)
    }
}

/// What happened, line by line, as the debug page and the history show it. Bounded in bytes; no secrets go in.
#[derive(Clone, Debug)]
pub struct Transcript {
    began: Instant,
    lines: Vec<Line>,
    bytes: usize,
    left_out: usize,
}

/// A line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, since the probe began.
    pub after: Duration,
    /// debug, info, warn or error.
    pub level: &'static str,
    /// What happened.
    pub message: String,
}

impl Default for Transcript {
    fn default() -> Self {
        Self { began: Instant::now(), lines: Vec::new(), bytes: 0, left_out: 0 }
    }
}

impl Transcript {
    /// Adds a line: `level` is debug, info, warn or error.
    pub fn line(&mut self, level: &'static str, message: impl Into<String>) {
        let message = message.into();
        if self.bytes + message.len() > MAX_TRANSCRIPT {
            self.left_out += 1;
            return;
        }
        self.bytes += message.len();
        self.lines.push(Line { after: self.began.elapsed(), level, message });
    }

    /// The lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Lines that found no room.
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}
