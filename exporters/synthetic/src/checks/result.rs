//! What one run of a check came to, as the page and the health of services take it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Check;
use crate::outcome::Failed;
use crate::probe::journey::JourneyFacts;

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// All is as it shall be.
    Ok,
    /// It works, and something that was asked for beside that does not hold.
    Warn,
    /// It does not work.
    Fail,
    /// This machine could not find out.
    Unknown,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warn, Self::Fail, Self::Unknown];

    /// Its word in labels and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// What one run of a check came to. Small: one is kept of every check.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// How it stands.
    pub status: Status,
    /// Why it is not ok; of several warnings the first.
    pub failure: Option<Arc<Failed>>,
    /// How long it took, without the time it waited for its turn.
    pub took: Duration,
    /// When it ended.
    pub at: Instant,
    /// The same in Unix time.
    pub at_unix: f64,
    /// What was found.
    pub facts: Box<[(Fact, f64)]>,
    /// What became of the steps of a journey.
    pub journey: Option<Arc<JourneyFacts>>,
}

impl CheckResult {
    /// A result that says nothing but when it was.
    pub(crate) fn empty(status: Status, at: Instant, at_unix: f64) -> Self {
        Self {
            status,
            failure: None,
            took: Duration::ZERO,
            at,
            at_unix,
            facts: Box::default(),
            journey: None,
        }
    }
}

/// A number that a run of a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    /// Seconds of a phase that was reached, by its name.
    Phase(&'static str),
    /// The status of the HTTP response.
    HttpStatus,
    /// When the first of the served certificates ends, in Unix time.
    CertificateEnd,
    /// Seconds from the first in which the server's own certificate is valid to the last.
    CertificateLife,
    /// 4 or 6.
    IpProtocol,
    /// The part of the packets that was not answered (prober `icmp`).
    PacketLoss,
    /// What a query gave that returns one number (prober `postgres`).
    QueryValue,
    /// When the newest artifact was written, in Unix time.
    ArtifactTime,
    /// Its bytes.
    ArtifactSize,
    /// How many artifacts there are.
    ArtifactCount,
}

/// Who is told of each result, in the task that found it: it takes what it needs and returns at once.
pub trait Listener: Send + Sync + 'static {
    /// A run of `check` ended, a heartbeat came, or one was missed. Results of one check come in their order.
    fn heard(&self, check: &Check, result: &CheckResult);
}
