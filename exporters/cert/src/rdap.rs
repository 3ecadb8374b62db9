//! When the registration of a domain ends, by RDAP (RFC 9082, 9083), asked at most twice a day.
//!
//! There is no list of public suffixes here: of `a.b.example.co.uk` the registry is asked for `co.uk`, then
//! `example.co.uk`, until it knows one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use netprobe::Dial;
use netprobe::chain::{self, Against, Revocation};
use netprobe::guard::Guard;
use netprobe::phase::Timings;
use netprobe::tls::{TlsOptions, handshake};
use netprobe::trust::{ClientSources, Trust};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use toolkit::scrape::Flights;

use crate::address::Url;
use crate::http::{self, Answer, Ask, HTTP};
use crate::report::Domain;

/// How long an answer is good for; dates of registrations change once a year.
const KEPT: i64 = 12 * 3600;

/// After a failure a domain is not asked for again before this, unless the registry says when.
const PAUSE: i64 = 3600;

/// The longest pause that a registry may ask for.
const LONGEST_PAUSE: i64 = 24 * 3600;

/// How long one domain may take, also when the probe that asked is over.
const LOOKUP_LIMIT: Duration = Duration::from_secs(30);

/// Names that are tried for one host.
const MAX_NAMES: usize = 3;

/// Domains that are kept.
const MAX_DOMAINS: usize = 20_000;

/// Redirects: to the registry, and perhaps to the registrar.
const MAX_REDIRECTS: usize = 3;

/// Bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;

/// Registrations that are known.
pub struct Domains {
    base: Mutex<Arc<str>>,
    trust: Arc<Trust>,
    known: Mutex<HashMap<String, Known>>,
    flights: Flights<String, Lookup>,
}

#[derive(Clone, Debug)]
struct Known {
    domain: Domain,
    ask_again: i64,
}

/// What came of asking.
#[derive(Clone, Debug)]
struct Lookup {
    name: String,
    expires: Result<i64, &'static str>,
    /// Seconds until it may be asked again.
    pause: i64,
}

impl Domains {
    /// Asks the server at `base`.
    pub fn new(base: &str, trust: Arc<Trust>) -> Self {
        let base = Mutex::new(Arc::from(base));
        Self { base, trust, known: Mutex::default(), flights: Flights::default() }
    }

    /// Asks another server from now on.
    pub fn set_base(&self, base: &str) {
        *self.base.lock().unwrap_or_else(PoisonError::into_inner) = Arc::from(base);
        self.lock().clear();
    }

    /// The registration of a host's domain; none for an address or a name without a dot.
    pub async fn ask(&self, host: &str, now: i64, deadline: Instant) -> Option<Domain> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let candidates = candidates(&host);
        let first = candidates.first()?.clone();
        if let Some(known) = self.find(&candidates).filter(|known| now < known.ask_again) {
            return Some(known.domain);
        }
        let (base, trust) =
            (Arc::clone(&self.base.lock().unwrap_or_else(PoisonError::into_inner)), Arc::clone(&self.trust));
        let until = Instant::now() + LOOKUP_LIMIT;
        let names = candidates.clone();
        let joined = self
            .flights
            .join(first.clone(), until, || async move { lookup(&base, &trust, names, now, until).await });
        let found = match timeout_at(deadline, joined).await {
            Ok(Some(found)) => Lookup::clone(&found),
            // it goes on behind this probe, but has nothing to say yet
            Ok(None) | Err(_) => return Some(Domain { name: first, expires: Err("timeout") }),
        };
        let old = self.find(&candidates).filter(|old| old.domain.expires.is_ok());
        let domain = match (found.expires, old) {
            // a registration that was known does not end because the registry is down
            (Err(_), Some(old)) => old.domain,
            (expires, _) => Domain { name: found.name, expires },
        };
        let mut known = self.lock();
        if known.len() >= MAX_DOMAINS {
            known.clear();
        }
        known.insert(domain.name.clone(), Known { domain: domain.clone(), ask_again: now + found.pause });
        Some(domain)
    }

    fn find(&self, candidates: &[String]) -> Option<Known> {
        let known = self.lock();
        let found = candidates.iter().filter_map(|name| known.get(name));
        found.max_by_key(|known| known.domain.expires.is_ok()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names that may be registered, the shortest first.
fn candidates(host: &str) -> Vec<String> {
    if host.parse::<std::net::IpAddr>().is_ok()
        || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    {
        return Vec::new();
    }
    let labels: Vec<&str> = host.split('.').collect();
    (2..=labels.len())
        .take(MAX_NAMES)
        .filter_map(|count| labels.get(labels.len() - count..))
        .map(|part| part.join("."))
        .collect()
}

async fn lookup(base: &str, trust: &Trust, names: Vec<String>, now: i64, deadline: Instant) -> Lookup {
    let mut last =
        Lookup { name: names.first().cloned().unwrap_or_default(), expires: Err("not_found"), pause: PAUSE };
    for name in names {
        let answer = match get(base, &name, trust, now, deadline).await {
            Ok(answer) => answer,
            Err(reason) => return Lookup { name, expires: Err(reason), pause: PAUSE },
        };
        last = match answer.status {
            200 => {
                let expires = expiry(&answer.body);
                let pause = if expires.is_ok() { KEPT } else { PAUSE };
                return Lookup { name, expires, pause };
            }
            404 => Lookup { expires: Err("not_found"), ..last },
            429 | 503 => {
                let asked =
                    answer.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
                let pause = asked.unwrap_or(PAUSE).clamp(1, LONGEST_PAUSE);
                return Lookup { name, expires: Err("rate_limited"), pause };
            }
            _ => return Lookup { name, expires: Err("http_status"), pause: PAUSE },
        };
    }
    last
}

/// The date of the event `expiration`.
fn expiry(body: &[u8]) -> Result<i64, &'static str> {
    let answer: Value = serde_json::from_slice(body).map_err(|_invalid| "malformed")?;
    let events = answer.get("events").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let event =
        events.iter().find(|event| event.get("eventAction").and_then(Value::as_str) == Some("expiration"));
    let date = event.and_then(|event| event.get("eventDate")).and_then(Value::as_str).ok_or("no_date")?;
    // without a time zone it is that of the registry, which is near enough to UTC
    let zoned = date.parse::<Timestamp>().or_else(|_| format!("{date}Z").parse());
    let zoned = zoned.or_else(|_| format!("{date}T00:00:00Z").parse());
    zoned.map(Timestamp::as_second).map_err(|_invalid: jiff::Error| "no_date")
}

/// Follows redirects: the service that knows every registry answers with nothing else.
async fn get(
    base: &str,
    name: &str,
    trust: &Trust,
    now: i64,
    deadline: Instant,
) -> Result<Answer, &'static str> {
    let mut url = Url::parse(&format!("{base}/domain/{name}")).map_err(|_invalid| "bad_url")?;
    let own = url.authority.clone();
    for _ in 0..=MAX_REDIRECTS {
        // the first server is the operator's choice; where it sends us must be public
        let guard = (url.authority != own).then(Guard::public);
        let answer = request(&url, guard, trust, now, deadline).await?;
        if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
            return Ok(answer);
        }
        let location = answer.headers.get("location").and_then(|value| value.to_str().ok());
        url = url.join(location.unwrap_or_default()).map_err(|_invalid| "bad_url")?;
    }
    Err("redirects")
}

async fn request(
    url: &Url,
    guard: Option<Guard>,
    trust: &Trust,
    now: i64,
    deadline: Instant,
) -> Result<Answer, &'static str> {
    let dial = Dial { guard, ..Dial::new(url.address.host.as_str(), url.address.port) };
    let dialed = netprobe::dial(&dial, deadline).await.map_err(|failure| failure.reason.as_str())?;
    let ask = Ask {
        url,
        headers: &[("accept", "application/rdap+json, application/json")],
        body: Some(MAX_ANSWER),
    };
    let mut timings = Timings::NONE;
    let answered = if url.secure {
        let wanted = ClientSources { alpn: vec![HTTP.to_vec()], ..ClientSources::default() };
        let client = trust.client(&wanted).map_err(|error| error.part.as_str())?;
        let roots = trust.roots(None).map_err(|error| error.part.as_str())?;
        let host = url.address.host.as_str();
        let options = TlsOptions { client, server_name: Some(host.to_owned()), learn_refusal: false };
        let done = handshake(dialed.stream, &options, deadline).await;
        if let Some(failure) = done.failure {
            return Err(failure.reason.as_str());
        }
        let served = chain::Served::read(&done.seen.chain, None);
        let nobody = Revocation::default();
        let against = Against { roots: &roots, name: Some(host), now, revocation: &nobody, known: None };
        let trusted = chain::judge(&served, &against).success();
        let stream = done.stream.filter(|_| trusted).ok_or("untrusted")?;
        http::exchange(stream, ask, &mut timings, deadline).await
    } else {
        http::exchange(dialed.stream, ask, &mut timings, deadline).await
    };
    answered.map_err(|failure| failure.reason.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_may_be_registered() {
        for (host, expected) in [
            ("example.com", &["example.com"][..]),
            ("a.b.example.co.uk", &["co.uk", "example.co.uk", "b.example.co.uk"]),
            ("localhost", &[]),
            ("127.0.0.1", &[]),
            ("::1", &[]),
            ("a/b.com", &[]),
        ] {
            assert_eq!(candidates(host), expected, "{host}");
        }
    }

    #[test]
    fn dates() {
        let body = |date: &str| {
            format!(
                r#"{{"events":[{{"eventAction":"registration","eventDate":"1995-08-14T04:00:00Z"}},{{"eventAction":"expiration","eventDate":"{date}"}}]}}"#
            )
        };
        for (date, expected) in [
            ("2026-08-13T04:00:00Z", Ok(1_786_593_600)),
            ("2026-08-13T04:00:00", Ok(1_786_593_600)),
            ("2026-08-13T06:00:00+02:00", Ok(1_786_593_600)),
            ("2026-08-13", Ok(1_786_579_200)),
            ("soon", Err("no_date")),
        ] {
            assert_eq!(expiry(body(date).as_bytes()), expected, "{date}");
        }
        assert_eq!(expiry(b"{}"), Err("no_date"));
        assert_eq!(expiry(b"<html>"), Err("malformed"));
    }
}
