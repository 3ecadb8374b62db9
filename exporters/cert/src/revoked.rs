//! Revocation lists: fetched from where certificates say, kept while they are good, bounded.
//!
//! Invariant: the address of a list comes from a certificate, which anybody can make. It is fetched over HTTP, from the
//! public internet only and from networks that the module allows, by the very address that was checked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use netprobe::cert::Certificate;
use netprobe::chain::{Revocation, Roots, Served};
use netprobe::crl::{Crl, MAX_CRL};
use netprobe::failure::Reason;
use netprobe::guard::{Allowed, Guard};
use netprobe::phase::Timings;
use netprobe::{Dial, dial};
use tokio::time::{Instant, timeout_at};
use toolkit::scrape::Flights;

use crate::address::Url;
use crate::config;
use crate::http::{self, Ask};
use crate::report::CrlFinding;

/// How long a list may take, also when the probe that asked for it is over: the next one finds it then.
const FETCH_LIMIT: Duration = Duration::from_mins(1);

/// After a failure a list is not asked for again before this.
const PAUSE: i64 = 5 * 60;

/// A list is fetched again when half of its time is over, but not more often and not more seldom than this.
const FRESH: (i64, i64) = (5 * 60, 12 * 3600);

/// Lists that are kept; who watches a few hundred servers needs a few dozen.
const MAX_LISTS: usize = 64;

/// Bytes of all lists together.
const MAX_BYTES: usize = 100 << 20;

/// Addresses of one certificate that are tried.
const MAX_URLS: usize = 3;

/// Redirects that are followed, each checked like the first address.
const MAX_REDIRECTS: usize = 3;

/// The lists that are known.
#[derive(Debug, Default)]
pub struct Lists {
    known: Mutex<HashMap<String, Known>>,
    all: Mutex<Arc<Revocation>>,
    flights: Flights<String, Result<Arc<Crl>, &'static str>>,
}

#[derive(Debug)]
struct Known {
    list: Option<Arc<Crl>>,
    /// Why there is none, or no newer one.
    problem: Option<&'static str>,
    fetch_again: i64,
}

impl Lists {
    /// What the leaf's list says; `None` when the leaf names none.
    pub async fn ask(
        &self,
        chain: &Served,
        roots: &Roots,
        rules: &config::Crl,
        now: i64,
        deadline: Instant,
    ) -> Option<CrlFinding> {
        let leaf = chain.leaf()?;
        let urls: Vec<&String> = leaf.crl_urls.iter().filter(|url| url.starts_with("http://")).collect();
        if urls.is_empty() {
            return (!leaf.crl_urls.is_empty()).then_some(CrlFinding::Unavailable("unsupported_url"));
        }
        let Some(issuer) = issuer(leaf, chain, roots) else {
            return Some(CrlFinding::Unavailable("unknown_issuer"));
        };
        let mut problem = "no_list";
        for url in urls.into_iter().take(MAX_URLS) {
            match self.list(url, rules, &issuer, now, deadline).await {
                Ok(list) => {
                    let next_update = list.next_update;
                    return Some(if list.contains(leaf.serial_raw()) {
                        CrlFinding::Revoked { next_update }
                    } else {
                        CrlFinding::Good { next_update }
                    });
                }
                Err(reason) => problem = reason,
            }
        }
        Some(CrlFinding::Unavailable(problem))
    }

    /// Forgets all lists.
    pub fn clear(&self) {
        self.lock().clear();
        *self.all.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    /// All lists whose signatures were checked.
    pub fn all(&self) -> Arc<Revocation> {
        Arc::clone(&self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn list(
        &self,
        url: &str,
        rules: &config::Crl,
        issuer: &Arc<Certificate>,
        now: i64,
        deadline: Instant,
    ) -> Result<Arc<Crl>, &'static str> {
        let old = match self.lock().get(url) {
            Some(known) if now < known.fetch_again => return known.usable(now),
            Some(known) => known.usable(now).ok(),
            None => None,
        };
        let rules = rules.clone();
        let flight = Instant::now() + FETCH_LIMIT;
        let fetching = self.flights.join(url.to_owned(), flight, || {
            let url = url.to_owned();
            async move { fetch(&url, &rules, flight).await }
        });
        let fetched = match timeout_at(deadline, fetching).await {
            Err(_) => return old.ok_or("timeout"),
            Ok(None) => Err("other"),
            Ok(Some(outcome)) => (*outcome).clone(),
        };
        let judged = fetched.and_then(|list| self.take(url, list, issuer, now));
        let mut known = self.lock();
        let kept = known.entry(url.to_owned()).or_insert(Known { list: None, problem: None, fetch_again: 0 });
        match judged {
            Ok(list) => {
                let half = list.next_update.map_or(FRESH.1, |next| next.saturating_sub(now) / 2);
                kept.fetch_again = now + half.clamp(FRESH.0, FRESH.1);
                kept.problem = None;
                kept.list = Some(list);
            }
            Err(problem) => {
                kept.fetch_again = now + PAUSE;
                kept.problem = Some(problem);
            }
        }
        kept.usable(now)
    }

    /// Checks a list's signature and puts it among the others.
    fn take(
        &self,
        url: &str,
        list: Arc<Crl>,
        issuer: &Arc<Certificate>,
        now: i64,
    ) -> Result<Arc<Crl>, &'static str> {
        if list.is_stale(now) {
            return Err("stale");
        }
        {
            let known = self.lock();
            let others = known.iter().filter(|(other, _)| *other != url);
            let held = others.filter_map(|(_, known)| known.list.as_ref());
            let bytes: usize = held.clone().map(|list| list.size()).sum();
            if held.count() >= MAX_LISTS || bytes + list.size() > MAX_BYTES {
                return Err("too_many");
            }
        }
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut more = Revocation::clone(&all);
        more.add(Arc::clone(&list), issuer).map_err(|_refused| "bad_signature")?;
        *all = Arc::new(more);
        Ok(list)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// A list whose time is not over, whatever became of the attempt to get a newer one.
    fn usable(&self, now: i64) -> Result<Arc<Crl>, &'static str> {
        let list = self.list.as_ref().filter(|list| !list.is_stale(now));
        list.cloned().ok_or_else(|| self.problem.unwrap_or("stale"))
    }
}

/// Who signed the leaf: one of the served certificates, or a root.
fn issuer(leaf: &Certificate, chain: &Served, roots: &Roots) -> Option<Arc<Certificate>> {
    let served = chain.certificates().map(|(_, certificate)| certificate);
    let mut candidates = served.chain(roots.iter());
    let found = candidates.find(|one| {
        one.subject_raw() == leaf.issuer_raw() && leaf.signed_by(one) == netprobe::cert::Checked::Good
    });
    found.cloned()
}

async fn fetch(url: &str, rules: &config::Crl, deadline: Instant) -> Result<Arc<Crl>, &'static str> {
    let guard = Guard::public().or(rules.networks.iter().copied().map(Allowed::from).collect());
    let mut url = Url::parse(url).map_err(|_invalid| "bad_url")?;
    for _ in 0..=MAX_REDIRECTS {
        if url.secure {
            return Err("unsupported_url");
        }
        let to =
            Dial { guard: Some(guard.clone()), ..Dial::new(url.address.host.as_str(), url.address.port) };
        let dialed = dial(&to, deadline).await.map_err(|failure| failure.reason.as_str())?;
        let ask = Ask { url: &url, headers: &[], body: Some(MAX_CRL) };
        let answer = http::exchange(dialed.stream, ask, &mut Timings::NONE.clone(), deadline).await;
        let answer = answer.map_err(|failure| match failure.reason {
            Reason::TooLong => "too_long",
            reason => reason.as_str(),
        })?;
        match answer.status {
            200 => return Crl::parse(&answer.body).map(Arc::new).map_err(|_malformed| "malformed"),
            301 | 302 | 303 | 307 | 308 => {
                let location = answer.headers.get("location").and_then(|value| value.to_str().ok());
                url = url.join(location.unwrap_or_default()).map_err(|_invalid| "bad_url")?;
            }
            _ => return Err("http_status"),
        }
    }
    Err("redirects")
}
