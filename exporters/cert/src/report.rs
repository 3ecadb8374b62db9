//! What a probe found: plain facts, from which the page, the check's text and its JSON are written.

use std::borrow::Cow;
use std::sync::Arc;

use netprobe::phase::Timings;
use netprobe::trust::TrustError;

use crate::facts::Facts;

/// What a probe found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The prober, as the configuration names it.
    pub prober: &'static str,
    /// Whether ssl_exporter would call it a success.
    pub success: bool,
    /// What went wrong first.
    pub failure: Option<Failed>,
    /// What the phases of the connection took.
    pub timings: Timings,
    /// The certificates and what is known of them.
    pub content: Content,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// How far it had come, from a closed list.
    pub phase: &'static str,
    /// The class of it, from a closed list.
    pub reason: &'static str,
    /// One line for people, without secrets.
    pub message: String,
}

/// The certificates, by where they were found.
#[derive(Clone, Debug)]
pub enum Content {
    /// None: there was no connection, or no such file.
    Nothing,
    /// A server showed them.
    Served(Box<Served>),
    /// They lie somewhere.
    Stored(Stored),
}

/// What a server showed, and what that is worth.
#[derive(Clone, Debug, Default)]
pub struct Served {
    /// The TLS version.
    pub version: Option<&'static str>,
    /// The cipher suite.
    pub cipher: Cow<'static, str>,
    /// The group in which the keys were exchanged.
    pub group: Cow<'static, str>,
    /// The protocol on top.
    pub alpn: String,
    /// Whether a client certificate was asked for.
    pub asked_for_ours: bool,
    /// The certificates as they were served; one that cannot be read is none.
    pub chain: Vec<Option<Arc<Facts>>>,
    /// Verified chains up to their roots, the one that lives longest first.
    pub verified: Vec<Vec<Arc<Facts>>>,
    /// Why it is not trusted, the most basic reason first; none when it is.
    pub faults: Vec<&'static str>,
    /// The stapled OCSP response.
    pub staple: Option<Staple>,
    /// Whether the certificate demands a staple.
    pub must_staple: bool,
    /// What the revocation list says.
    pub crl: Option<CrlFinding>,
    /// Which versions the server speaks, when that was asked.
    pub versions: Vec<(&'static str, bool)>,
    /// Whether the served certificate is another than that of the file it should come from; or why that is not known.
    pub differs: Option<Result<bool, &'static str>>,
    /// When the registration of the domain ends.
    pub domain: Option<Domain>,
}

/// A stapled OCSP response. Times are Unix times; those that it does not have are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Staple {
    /// 0 good, 1 revoked, 2 unknown; none when it cannot be read.
    pub status: Option<u8>,
    /// Whether its signature is right and it is about this certificate.
    pub verified: bool,
    /// When it was made.
    pub produced_at: Option<i64>,
    /// From when on its status is right.
    pub this_update: Option<i64>,
    /// Until when.
    pub next_update: Option<i64>,
    /// When the certificate was revoked.
    pub revoked_at: Option<i64>,
}

/// What the revocation list says of the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrlFinding {
    /// It is not on the list.
    Good {
        /// When there will be a new list.
        next_update: Option<i64>,
    },
    /// It is on the list.
    Revoked {
        /// When there will be a new list.
        next_update: Option<i64>,
    },
    /// There is no list that could be asked; why, from a closed list.
    Unavailable(&'static str),
}

/// The registration of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The registered domain.
    pub name: String,
    /// When the registration ends in Unix time, or why that is not known.
    pub expires: Result<i64, &'static str>,
}

/// Certificates that lie somewhere.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Where.
    pub kind: Store,
    /// Each place with what is in it.
    pub places: Vec<Place>,
}

/// Where certificates lie; decides the names of metrics and labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// In files.
    File,
    /// In a file that an HTTP server has.
    HttpFile,
    /// In or beside a kubeconfig.
    Kubeconfig,
    /// In secrets of Kubernetes.
    Kubernetes,
}

/// A place with certificates.
#[derive(Clone, Debug)]
pub struct Place {
    /// The values of its labels.
    pub labels: Box<[Arc<str>]>,
    /// What is in it.
    pub certificates: Arc<[Arc<Facts>]>,
    /// What is wrong with it, from a closed list.
    pub problem: Option<&'static str>,
    /// What a user of a kubeconfig logs in with, from a closed list.
    pub credential: Option<&'static str>,
}

impl Report {
    /// A probe that has found nothing yet.
    pub fn of_prober(prober: &'static str) -> Self {
        Self { prober, success: false, failure: None, timings: Timings::NONE, content: Content::Nothing }
    }

    /// A probe that found nothing.
    pub fn failed(prober: &'static str, failure: Failed) -> Self {
        Self { failure: Some(failure), ..Self::of_prober(prober) }
    }
}

impl Failed {
    /// What went wrong.
    pub fn new(phase: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { phase, reason, message: message.into() }
    }

    /// What of our own cannot be used.
    pub fn of_trust(error: &TrustError) -> Self {
        Self::new("local", error.part.as_str(), error.to_string())
    }

    /// What went wrong with a connection.
    pub fn of(failure: &netprobe::failure::Failure) -> Self {
        Self::new(failure.phase.as_str(), failure.reason.as_str(), toolkit::chain::chain(failure))
    }
}
