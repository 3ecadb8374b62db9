//! Prober `http`: a page is asked for, redirects are followed, and the answer is judged.
//!
//! | file | holds |
//! |---|---|
//! | `config`, `conditions`, `security` | the section of a module, and what an answer has to be like |
//! | `url`, `cookies` | where pages are; what they set |
//! | `way`, `hop`, `exchange`, `http2`, `socket` | one request on a connection of its own: request in, head and body out |
//! | `body`, `coding`, `scan` | a body while it comes: decompressed, counted, searched, kept as far as wanted |
//! | `token`, `form`, `jwt` | tokens of OAuth 2 |
//! | `visit` | from the target over its redirects to the last answer |
//! | `facts` | what is found, and its names |
//!
//! The address that the guard approved is dialled, and the URL stays as it is: cookies, credentials and names in TLS go
//! by the host that the URL names. One request is sent on each hop, and never a second one.

mod body;
mod coding;
mod conditions;
mod config;
mod cookies;
mod exchange;
mod facts;
mod form;
mod hop;
mod http2;
mod jwt;
mod scan;
mod security;
mod socket;
mod token;
mod url;
mod visit;
mod way;

use std::time::Duration;

use jiff::Timestamp;
use netprobe::phase::Phase;
use tokio::time::Instant;

pub(crate) use config::Base;
pub use config::{Http, RequestBody};
pub use facts::HttpFacts;
pub(crate) use form::Form;
pub(crate) use token::{Tokens, Used};
pub use url::Url;
pub(crate) use visit::{Along, is_at_home};

use super::{Engine, Facts, Job};
use crate::cel::{Value, from_json};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;
use body::Body;
use conditions::{Conditions, Head};
use exchange::Answer;
use visit::Visit;

/// Bytes of a body that are read as JSON. What is made of them takes thirty times as much at worst.
const MAX_JSON: usize = 4 << 20;

/// Asks for a page and judges the answer.
pub(crate) async fn probe(engine: &Engine, settings: &Http, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let facts = match Url::parse(job.target) {
        Ok(target) => visit(engine, settings, job, &target, &mut Along::default(), &mut outcome).await.0,
        Err(problem) => {
            outcome.fail(Failed::new("target", Reason::TargetInvalid, problem));
            nothing_yet(settings)
        }
    };
    outcome.facts = Facts::Http(facts);
    outcome
}

/// The last answer of a visit, as far as it was wanted.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Body,
}

#[cfg(test)]
impl Last {
    /// An answer with this body, of which so many bytes are kept.
    pub(crate) fn of(headers: hyper::HeaderMap, text: &str, keep: usize) -> Self {
        let mut body = Body::new(&body::Want { keep, ..body::Want::default() });
        assert_eq!(body.feed(text.as_bytes()), Ok(()));
        Self { headers, body }
    }
}

fn nothing_yet(settings: &Http) -> HttpFacts {
    let proxied = settings.client.proxy.is_some();
    HttpFacts {
        resolves: !(settings.skip_resolve_with_proxy && proxied),
        failed_by_cel: settings.hard.wants_json().then_some(false),
        ..HttpFacts::default()
    }
}

/// Goes from a page over its redirects to the last answer, and judges it. What is wrong stands in the outcome.
pub(crate) async fn visit(
    engine: &Engine,
    settings: &Http,
    job: &Job<'_>,
    target: &Url,
    along: &mut Along,
    outcome: &mut Outcome,
) -> (HttpFacts, Option<Last>) {
    let start = Instant::now();
    let mut facts = nothing_yet(settings);
    if settings.http3 {
        let message = "HTTP/3 is not spoken (hint: HTTP/2 on the same port)";
        outcome.fail(Failed::new("target", Reason::HttpVersion, message));
        return (facts, None);
    }
    let mut visit = Visit::new(engine, settings, job, along);
    match visit.run(target, &mut facts, outcome).await {
        Ok(answer) => {
            let took = start.elapsed();
            let checking = Instant::now();
            let checked = Check { settings, took, now: engine.clock.now() };
            let last = checked.run(answer, visit.limit_reached(), &mut facts, outcome);
            outcome.timings.add(Phase::Check, checking.elapsed());
            (facts, Some(last))
        }
        Err(failed) => {
            outcome.fail(failed);
            (facts, None)
        }
    }
}

/// A body as JSON.
enum Json {
    /// It is none.
    None,
    /// It is longer than what is read.
    TooLong,
    Value(Value),
}

impl Json {
    fn of(body: &Body) -> Self {
        if !body.is_whole() {
            return Self::TooLong;
        }
        from_json(&body.kept).map_or(Self::None, Self::Value)
    }
}

/// What an answer is judged by.
struct Check<'a> {
    settings: &'a Http,
    took: Duration,
    now: Timestamp,
}

impl Check<'_> {
    /// Judges the last answer, in blackbox_exporter's order.
    fn run(&self, answer: Answer, too_many: bool, facts: &mut HttpFacts, outcome: &mut Outcome) -> Last {
        let Answer { head, body, broken, .. } = answer;
        let tls = outcome.tls.clone();
        let seen = Head { status: head.status.as_u16(), headers: &head.headers, tls: tls.as_deref() };
        let (settings, hard) = (self.settings, &self.settings.hard);
        let mut body = body.unwrap_or_default();
        let found = body.found();
        let json = if settings.wants_json() { Json::of(&body) } else { Json::None };
        if !settings.is_valid(seen.status) {
            let reason = if too_many { Reason::RedirectLimit } else { Reason::HttpStatus };
            let message = format!("the answer's status is {}", seen.status);
            outcome.fail(Failed::new("check", reason, message));
        } else if let Some(failed) = hard.headers(seen.headers) {
            facts.failed_by_regexp = true;
            outcome.fail(failed);
        } else if broken.is_none() {
            if let Some(failed) = hard.body(&found) {
                facts.failed_by_regexp = true;
                outcome.fail(failed);
            } else if let Some(failed) = self.json(hard, &json, seen) {
                facts.failed_by_cel = Some(true);
                outcome.fail(failed);
            }
        }
        if let Some(broken) = broken {
            outcome.fail(broken);
        }
        self.connection(head.version, seen, outcome);
        for failed in hard.rest(seen, self.took, self.now) {
            outcome.fail(failed);
        }
        if let Some(soft) = &settings.soft {
            let found = found.get(hard.scanners().count()..).unwrap_or_default();
            outcome.warnings.extend(soft.headers(seen.headers));
            outcome.warnings.extend(soft.body(found));
            outcome.warnings.extend(self.json(soft, &json, seen));
            outcome.warnings.extend(soft.rest(seen, self.took, self.now));
        }
        Last { headers: head.headers, body }
    }

    /// The first condition on the body as JSON that does not hold.
    fn json(&self, conditions: &Conditions, json: &Json, seen: Head<'_>) -> Option<Failed> {
        let body = match json {
            _ if !conditions.wants_json() => return None,
            Json::TooLong => {
                let message = format!("the body is longer than the {MAX_JSON} bytes that are read as JSON");
                return Some(Failed::new("check", Reason::BodyTooLarge, message));
            }
            Json::None => None,
            Json::Value(value) => Some(value.clone()),
        };
        conditions.json(body, seen, self.took, self.now)
    }

    /// Conditions on the version of HTTP and on TLS.
    fn connection(&self, version: hyper::Version, seen: Head<'_>, outcome: &mut Outcome) {
        let settings = self.settings;
        if !settings.versions.is_empty() && !settings.versions.contains(&version) {
            let message = format!("the answer's version is {version:?}");
            outcome.fail(Failed::new("check", Reason::HttpVersion, message));
        }
        if settings.fail_if_ssl && seen.tls.is_some() {
            outcome.fail(Failed::new("check", Reason::TlsUnwanted, "the last answer came through TLS"));
        }
        if settings.fail_if_not_ssl && seen.tls.is_none() {
            outcome.fail(Failed::new(
                "check",
                Reason::TlsUnwanted,
                "the last answer did not come through TLS",
            ));
        }
    }
}
