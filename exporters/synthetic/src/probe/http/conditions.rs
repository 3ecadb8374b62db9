//! What an answer has to be like: blackbox_exporter's `fail_if_…`, and the same, softly, below `warn`.
//!
//! Conditions are checked in blackbox_exporter's order, and the first that does not hold is the probe's failure. Of
//! soft ones each that does not hold is a warning.

use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName};
use jiff::{SignedDuration, Timestamp};
use netprobe::cert::lifetime::remaining_ratio;
use netprobe::tls::Version;
use toolkit::config::{Fields, Item};
use toolkit::regexp::{self, Regex};

use super::scan::Scanner;
use super::security::{self, Security};
use crate::cel::{Key, Program, Scope, Value, Variable};
use crate::outcome::Failed;
use crate::probe::TlsFacts;
use crate::reason::Reason;

/// The phase of every failure here.
const CHECK: &str = "check";

/// Conditions on an answer.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    body_matches: Vec<Scanner>,
    body_not_matches: Vec<Scanner>,
    json_matches: Option<Program>,
    json_not_matches: Option<Program>,
    header_matches: Vec<HeaderRule>,
    header_not_matches: Vec<HeaderRule>,
    security: Vec<Security>,
    least_tls: Option<Version>,
    slowest: Option<Duration>,
    least_remaining: Option<f64>,
}

/// A condition on a header.
#[derive(Clone, Debug)]
struct HeaderRule {
    name: HeaderName,
    regexp: Regex,
    allow_missing: bool,
}

/// What an answer's head and connection are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) status: u16,
    pub(crate) headers: &'a HeaderMap,
    /// What TLS showed; `None` without TLS.
    pub(crate) tls: Option<&'a TlsFacts>,
}

impl Conditions {
    /// Reads the keys; those that blackbox_exporter has begin with `prefix`.
    pub(crate) fn decode(fields: &mut Fields<'_>, prefix: &str) -> Self {
        let mut scanners =
            |key: &str| fields.list(&format!("{prefix}{key}"), |item| item.parsed(Scanner::compile));
        let (body_matches, body_not_matches) =
            (scanners("body_matches_regexp"), scanners("body_not_matches_regexp"));
        let mut program = |key: &str| fields.parsed(&format!("{prefix}{key}"), Program::compile);
        let (json_matches, json_not_matches) =
            (program("body_json_matches_cel"), program("body_json_not_matches_cel"));
        let mut headers =
            |key: &str| fields.list(&format!("{prefix}{key}"), |item| HeaderRule::decode(&item));
        let (header_matches, header_not_matches) = (headers("header_matches"), headers("header_not_matches"));
        let versions = [("TLS12", Version::Tls12), ("TLS13", Version::Tls13)];
        Self {
            body_matches,
            body_not_matches,
            json_matches,
            json_not_matches,
            header_matches,
            header_not_matches,
            security: fields.list("security_headers", |item| item.choice(&Security::ALL)),
            least_tls: fields.choice("least_tls_version", &versions),
            slowest: None,
            least_remaining: None,
        }
    }

    /// Reads a `warn`: the same, and what can only be warned of.
    pub(crate) fn decode_soft(fields: &mut Fields<'_>) -> Option<Self> {
        let mut fields = fields.fields("warn")?;
        let least_remaining = fields.float("certificate_remaining_ratio");
        if least_remaining.is_some_and(|ratio| !(0.0..=1.0).contains(&ratio)) {
            fields.problem("certificate_remaining_ratio", "expected a part of the lifetime, from 0 to 1");
        }
        let slowest = fields.duration("slower_than");
        Some(Self { slowest, least_remaining, ..Self::decode(&mut fields, "if_") })
    }

    /// What is looked for in the body, in the order in which [`Self::body`] wants what was found.
    pub(crate) fn scanners(&self) -> impl Iterator<Item = &Scanner> {
        self.body_matches.iter().chain(&self.body_not_matches)
    }

    /// Whether the body has to be read as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        self.json_matches.is_some() || self.json_not_matches.is_some()
    }

    /// The first condition on headers that does not hold.
    pub(crate) fn headers(&self, headers: &HeaderMap) -> Option<Failed> {
        let unwanted = self.header_matches.iter().find_map(|rule| rule.check(headers, true));
        unwanted.or_else(|| self.header_not_matches.iter().find_map(|rule| rule.check(headers, false)))
    }

    /// The first condition on the body as text that does not hold, by which of [`Self::scanners`] found something.
    pub(crate) fn body(&self, found: &[bool]) -> Option<Failed> {
        let unwanted = self.body_matches.iter().map(|scanner| (scanner, true));
        let wanted = self.body_not_matches.iter().map(|scanner| (scanner, false));
        let mut all = unwanted.chain(wanted).zip(found.iter().copied());
        let ((scanner, bad), _) = all.find(|((_, bad), found)| found == bad)?;
        let did = if bad { "matches" } else { "does not match" };
        Some(failed(Reason::BodyRegex, format!("the body {did} `{}`", scanner.pattern())))
    }

    /// The first condition on the body as JSON that does not hold; `None` of the body is one that is no JSON.
    pub(crate) fn json(
        &self,
        json: Option<Value>,
        head: Head<'_>,
        took: Duration,
        now: Timestamp,
    ) -> Option<Failed> {
        if !self.wants_json() {
            return None;
        }
        let Some(body) = json else { return Some(failed(Reason::BodyJson, "the body is not JSON")) };
        let answer = Answer { body, head, took, now };
        let unwanted = self.json_matches.iter().map(|program| (program, true));
        let wanted = self.json_not_matches.iter().map(|program| (program, false));
        unwanted.chain(wanted).find_map(|(program, bad)| holds(program, bad, &answer))
    }

    /// Conditions on what the answer is besides its body, ours: headers that protect a browser, TLS, time, certificate.
    pub(crate) fn rest(&self, head: Head<'_>, took: Duration, now: Timestamp) -> Vec<Failed> {
        let secure = head.tls.is_some();
        let missing =
            self.security.iter().filter_map(|header| security::fault(*header, head.headers, secure));
        let mut found: Vec<Failed> = missing.map(|fault| failed(Reason::Header, fault)).collect();
        if let Some(least) = self.least_tls
            && head.tls.and_then(|tls| tls.version).is_none_or(|version| version < least)
        {
            let spoken = head.tls.and_then(|tls| tls.version).map_or("no TLS", Version::as_str);
            found.push(failed(
                Reason::TlsVersion,
                format!("{spoken} was spoken, and {} is wanted", least.as_str()),
            ));
        }
        if let Some(slowest) = self.slowest.filter(|slowest| took > *slowest) {
            found.push(failed(Reason::Timeout, format!("it took longer than {} s", slowest.as_secs_f64())));
        }
        let life =
            head.tls.and_then(|tls| tls.chain.leaf.as_ref()).map(|leaf| (leaf.not_before, leaf.not_after));
        if let (Some(least), Some((from, to))) = (self.least_remaining, life)
            && remaining_ratio(from, to, now.as_second()) < least
        {
            found.push(failed(
                Reason::TlsExpired,
                format!("less than {least} of the certificate's life is left"),
            ));
        }
        found
    }
}

fn failed(reason: Reason, message: impl Into<String>) -> Failed {
    Failed::new(CHECK, reason, message)
}

/// What is wrong with what an expression came to, where it is unwanted (`bad`) or wanted.
fn holds(program: &Program, bad: bool, answer: &Answer<'_>) -> Option<Failed> {
    let text = program.text();
    let problem = match program.evaluate(answer) {
        Ok(Value::Bool(value)) if value != bad => return None,
        Ok(Value::Bool(true)) => format!("the body matches `{text}`"),
        Ok(Value::Bool(false)) => format!("the body does not match `{text}`"),
        Ok(_) => format!("`{text}` is neither true nor false"),
        Err(error) => format!("`{text}` cannot be evaluated: {error}"),
    };
    Some(failed(Reason::BodyJson, problem))
}

/// What expressions ask about.
struct Answer<'a> {
    body: Value,
    head: Head<'a>,
    took: Duration,
    now: Timestamp,
}

impl Scope for Answer<'_> {
    fn value(&self, variable: Variable) -> Value {
        match variable {
            Variable::Body => self.body.clone(),
            Variable::Status => Value::Int(self.head.status.into()),
            Variable::Duration => {
                Value::Duration(SignedDuration::try_from(self.took).unwrap_or(SignedDuration::MAX))
            }
            Variable::Now => Value::Timestamp(self.now),
            Variable::Headers => {
                let entries = self.head.headers.keys().map(|name| {
                    let values: Vec<_> = self.head.headers.get_all(name).iter().map(text).collect();
                    (Key::String(name.as_str().into()), Value::text(&values.join(", ")))
                });
                Value::Map(std::sync::Arc::new(entries.collect()))
            }
        }
    }
}

impl HeaderRule {
    fn decode(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let name = fields.require("header").then(|| fields.parsed("header", header_name)).flatten();
        let regexp = fields.require("regexp").then(|| fields.parsed("regexp", pattern)).flatten();
        let allow_missing = fields.bool("allow_missing").unwrap_or(false);
        Some(Self { name: name?, regexp: regexp?, allow_missing })
    }

    /// What is wrong when no value may match (`bad`), or one has to.
    fn check(&self, headers: &HeaderMap, bad: bool) -> Option<Failed> {
        let mut values = headers.get_all(&self.name).iter().peekable();
        if values.peek().is_none() {
            let message = || format!("the header {} is missing", self.name);
            return (!self.allow_missing).then(|| failed(Reason::Header, message()));
        }
        if values.any(|value| self.regexp.is_match(&text(value))) != bad {
            return None;
        }
        let did = if bad { "matches" } else { "does not match" };
        Some(failed(Reason::Header, format!("the header {} {did} `{}`", self.name, self.regexp.as_str())))
    }
}

fn header_name(text: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_invalid| format!("{text:?} is no header's name"))
}

fn pattern(text: &str) -> Result<Regex, String> {
    if text.is_empty() {
        return Err("the regexp is empty".to_owned());
    }
    regexp::compile(text).map_err(|error| error.to_string())
}

fn text(value: &hyper::header::HeaderValue) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}
