//! From the target over its redirects to the last answer.
//!
//! Who we are is told to the target's origin alone, and to the same host where it moves from plain HTTP to TLS on the
//! usual ports. Once a redirect has left, nothing of it goes anywhere for the rest of the way.

use std::net::SocketAddr;
use std::time::SystemTime;

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use netprobe::phase::Phase;
use tokio::time::Instant;

use super::body::{Body, Want};
use super::conditions::Conditions;
use super::config::{Http, RequestBody};
use super::cookies::Jar;
use super::exchange::{Answer, Head};
use super::facts::HttpFacts;
use super::hop::{self, Ask};
use super::token::Used;
use super::url::Url;
use super::way::{self, Way};
use super::{Engine, Job, MAX_JSON};
use crate::config::{Authorization, basic, sensitive};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;

/// Redirects that are followed.
const MAX_REDIRECTS: u32 = 10;

/// Bytes of a file that is sent.
const MAX_BODY_FILE: u64 = 16 << 20;

/// Headers that are never told to another origin, whatever the module says of them.
const OURS: [HeaderName; 4] =
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::WWW_AUTHENTICATE];

/// Headers about a body that is no longer sent.
const OF_BODY: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_LOCATION];

/// What several visits have in common, and what is wanted of each beside its verdict.
#[derive(Debug, Default)]
pub(crate) struct Along {
    /// Cookies that were set until now.
    pub(crate) jar: Jar,
    /// Bytes of the last answer's body that are kept.
    pub(crate) keep: usize,
    /// Whether the body that is sent holds something that no other origin may get.
    pub(crate) secret_body: bool,
}

/// A way from page to page.
pub(super) struct Visit<'a> {
    engine: &'a Engine,
    settings: &'a Http,
    job: &'a Job<'a>,
    /// What `Host` says instead of the target's.
    host: Option<&'a str>,
    along: &'a mut Along,
    /// Who we are to the target.
    login: Option<HeaderValue>,
    token: Option<Used>,
    /// Whether a redirect led to another origin.
    left: bool,
    /// Whether all redirects were relative, so that `Host` stays what it was.
    relative: bool,
    limit: bool,
}

/// What is asked on a hop.
struct Hop {
    url: Url,
    method: Method,
    body: Bytes,
}

impl<'a> Visit<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        settings: &'a Http,
        job: &'a Job<'a>,
        along: &'a mut Along,
    ) -> Self {
        Self {
            engine,
            settings,
            job,
            host: job.hostname.or(settings.host.as_deref()),
            along,
            login: None,
            token: None,
            left: false,
            relative: true,
            limit: false,
        }
    }

    /// Whether it ended since there were too many redirects.
    pub(super) fn limit_reached(&self) -> bool {
        self.limit
    }

    /// Goes all the way; gives the last answer.
    pub(super) async fn run(
        &mut self,
        target: &Url,
        facts: &mut HttpFacts,
        outcome: &mut Outcome,
    ) -> Result<Answer, Failed> {
        if self.settings.has_credentials() {
            self.job.permit_credentials(&target.host, target.port)?;
        }
        let body = self.body().await?;
        self.log_in(target, outcome).await?;
        let mut hop = Hop { url: target.clone(), method: self.settings.method.clone(), body };
        let mut address = None;
        loop {
            let (at, first) =
                (self.locate(target, &hop.url, address, facts, outcome).await?, facts.redirects == 0);
            if first {
                address = at;
            }
            let answer = self.ask(target, &hop, at, facts, outcome).await?;
            if !self.left
                && answer.head.status.as_u16() == 401
                && let Some(token) = &self.token
            {
                self.engine.tokens.refused(token).await;
            }
            self.along.jar.take(&hop.url, &answer.head.headers, SystemTime::from(self.engine.clock.now()));
            let Some(location) = redirect(&answer.head) else { return Ok(finish(answer, &hop.url, facts)) };
            facts.redirects += 1;
            self.limit = facts.redirects > MAX_REDIRECTS;
            if !self.settings.client.follow_redirects || self.limit {
                return Ok(finish(answer, &hop.url, facts));
            }
            let (url, relative) = hop.url.join(&location).map_err(|problem| blocked(problem.to_owned()))?;
            self.relative &= relative;
            self.left |= !is_at_home(target, &url);
            if !matches!(answer.head.status.as_u16(), 307 | 308) {
                if hop.method != Method::HEAD {
                    hop.method = Method::GET;
                }
                hop.body = Bytes::new();
            }
            if self.left && self.along.secret_body && !hop.body.is_empty() {
                return Err(blocked(format!("the redirect would send what is secret to {}", url.place())));
            }
            hop.url = url;
            outcome
                .transcript
                .line("info", format!("redirect {} leads to {}", facts.redirects, hop.url.place()));
        }
    }

    async fn body(&self) -> Result<Bytes, Failed> {
        let path = match &self.settings.body {
            RequestBody::None => return Ok(Bytes::new()),
            RequestBody::Inline(bytes) => return Ok(bytes.clone()),
            RequestBody::File(path) => path,
        };
        let failed = |why: String| {
            Failed::new("probe", Reason::Internal, format!("body_file {}: {why}", path.display()))
        };
        let metadata = tokio::fs::metadata(path).await.map_err(|error| failed(error.to_string()))?;
        if metadata.len() > MAX_BODY_FILE {
            return Err(failed("it is too large".to_owned()));
        }
        tokio::fs::read(path).await.map(Bytes::from).map_err(|error| failed(error.to_string()))
    }

    /// Finds out what to say that we are. The target's own user comes first.
    async fn log_in(&mut self, target: &Url, outcome: &mut Outcome) -> Result<(), Failed> {
        let failed = |message: String| Failed::new("token", Reason::Internal, message);
        if self.settings.headers.contains_key(header::AUTHORIZATION) {
            return Ok(());
        }
        if let Some(user) = &target.user {
            self.login = Some(of_user(user.expose()).map_err(|error| failed(error.to_string()))?);
            return Ok(());
        }
        let Some(authorization) = &self.settings.client.authorization else { return Ok(()) };
        if let Authorization::OAuth2(settings) = authorization {
            let start = Instant::now();
            let token = self.engine.tokens.header(self.engine, self.job, settings).await;
            outcome.timings.add(Phase::Token, start.elapsed());
            let token = token?;
            self.login = Some(token.header.clone());
            self.token = Some(token);
            return Ok(());
        }
        let header = authorization.header().await;
        self.login = header.map_err(|error| failed(toolkit::chain::chain(&error)))?;
        Ok(())
    }

    /// The address of a hop: that of the target as long as the host is the same.
    async fn locate(
        &self,
        target: &Url,
        url: &Url,
        address: Option<SocketAddr>,
        facts: &mut HttpFacts,
        outcome: &mut Outcome,
    ) -> Result<Option<SocketAddr>, Failed> {
        if facts.redirects == 0 {
            return way::locate(self.engine, self.job, self.way(target, url), outcome).await;
        }
        let of_hop = |failed: Failed| match failed.reason {
            Reason::TargetDenied => Failed { reason: Reason::RedirectBlocked, ..failed },
            _ => failed,
        };
        if self.is_target(target, url) {
            let Some(address) = address else { return Ok(None) };
            let address = SocketAddr::new(address.ip(), url.port);
            self.job.permit_address(&url.host, address).map_err(of_hop)?;
            return Ok(Some(address));
        }
        // the address that is told is the target's own
        let own = outcome.address;
        let found = way::locate(self.engine, self.job, self.way(target, url), outcome).await;
        outcome.address = own;
        found.map_err(of_hop)
    }

    fn way<'b>(&'b self, target: &'b Url, url: &'b Url) -> Way<'b> {
        let own = self.is_target(target, url);
        Way {
            client: &self.settings.client,
            url,
            name: self.host.filter(|_| own).unwrap_or(&url.host),
            own_name: own,
            preference: self.settings.preference,
            proxy_resolves: self.settings.skip_resolve_with_proxy,
            trusted: false,
        }
    }

    /// Whether a page is the target's host, by the URL's name or by the one that `Host` says.
    fn is_target(&self, target: &Url, url: &Url) -> bool {
        let said = || self.host.map(|host| host.split(':').next().unwrap_or_default());
        url.host == target.host || said().is_some_and(|host| host.eq_ignore_ascii_case(&url.host))
    }

    async fn ask(
        &self,
        target: &Url,
        hop: &Hop,
        address: Option<SocketAddr>,
        facts: &HttpFacts,
        outcome: &mut Outcome,
    ) -> Result<Answer, Failed> {
        outcome.tls = None;
        let scheme = if hop.url.secure { "https" } else { "http" };
        outcome.transcript.line("debug", format!("asks {scheme}://{} by {}", hop.url.place(), hop.method));
        let ask = Ask {
            method: hop.method.clone(),
            headers: self.headers(hop).await?,
            host: self.host.filter(|_| self.relative),
            body: hop.body.clone(),
        };
        let follows = self.settings.client.follow_redirects && facts.redirects < MAX_REDIRECTS;
        let want = |head: &Head| {
            let passed = follows && redirect(head).is_some();
            (!passed).then(|| Body::new(&self.want(head)))
        };
        let answer =
            hop::ask(self.engine, self.job, self.way(target, &hop.url), address, ask, want, outcome).await?;
        outcome
            .transcript
            .line("debug", format!("answer {} over {:?}", answer.head.status.as_u16(), answer.head.version));
        Ok(answer)
    }

    /// The headers of a hop.
    async fn headers(&self, hop: &Hop) -> Result<HeaderMap, Failed> {
        let mut headers = self.settings.headers.clone();
        for extra in &self.settings.client.headers {
            for value in &extra.values {
                headers.append(&extra.name, value.clone());
            }
            for file in &extra.files {
                let failed = |why: String| {
                    Failed::new("token", Reason::Internal, format!("http_headers {}: {why}", file.display()))
                };
                let text =
                    tokio::fs::read_to_string(file).await.map_err(|error| failed(error.to_string()))?;
                let value = sensitive(text.trim()).map_err(|error| failed(error.to_string()))?;
                headers.append(&extra.name, value);
            }
        }
        if let Some(login) = &self.login {
            headers.insert(header::AUTHORIZATION, login.clone());
        }
        if hop.body.is_empty() && self.settings.body != RequestBody::None {
            for name in OF_BODY {
                headers.remove(name);
            }
        }
        if self.left {
            for name in OURS {
                headers.remove(name);
            }
            let secret: Vec<HeaderName> = headers
                .iter()
                .filter(|(_, value)| value.is_sensitive())
                .map(|(name, _)| name.clone())
                .collect();
            for name in secret {
                headers.remove(name);
            }
            // a redirect may bring a user of its own
            if let Some(Ok(user)) = hop.url.user.as_ref().map(|user| of_user(user.expose())) {
                headers.insert(header::AUTHORIZATION, user);
            }
        }
        let given = headers.get(header::COOKIE).and_then(|value| value.to_str().ok());
        if let Some(Ok(cookies)) = self.along.jar.header(&hop.url, given).map(|text| sensitive(&text)) {
            headers.insert(header::COOKIE, cookies);
        }
        Ok(headers)
    }

    /// What is wanted of the last answer's body. Of an answer that is none, only its length.
    fn want(&self, head: &Head) -> Want<'a> {
        let settings = self.settings;
        let good = settings.is_valid(head.status.as_u16()) && settings.hard.headers(&head.headers).is_none();
        let mut want = Want { coding: settings.coding, limit: settings.body_size_limit, ..Want::default() };
        if good {
            let soft = settings.soft.iter().flat_map(Conditions::scanners);
            want.scanners = settings.hard.scanners().chain(soft).collect();
            want.keep = if settings.wants_json() { MAX_JSON } else { self.along.keep };
        }
        want
    }
}

/// Where an answer sends us, if it does.
fn redirect(head: &Head) -> Option<String> {
    let location = head.headers.get(header::LOCATION).filter(|value| !value.is_empty());
    let moved = matches!(head.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    location.filter(|_| moved).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Whether a page may know who we are: the target's origin, also where it moved to TLS on the usual ports.
pub(crate) fn is_at_home(target: &Url, url: &Url) -> bool {
    let upgraded =
        !target.secure && target.port == 80 && url.secure && url.port == 443 && target.host == url.host;
    target.same_origin(url) || upgraded
}

fn of_user(user: &str) -> Result<HeaderValue, crate::config::AuthorizationError> {
    if user.contains(':') { basic(user) } else { basic(&format!("{user}:")) }
}

fn blocked(message: String) -> Failed {
    Failed::new("check", Reason::RedirectBlocked, message)
}

/// The answer is the last one.
fn finish(answer: Answer, url: &Url, facts: &mut HttpFacts) -> Answer {
    let head = &answer.head;
    facts.status = head.status.as_u16();
    facts.version = Some(head.version);
    facts.ssl = url.secure;
    facts.content_length = head.length;
    facts.transfer = answer.transfer;
    if let Some(body) = &answer.body {
        (facts.length, facts.received) = (body.length, body.received);
    }
    let modified = head.headers.get(header::LAST_MODIFIED).and_then(|value| value.to_str().ok());
    let modified = modified.and_then(|text| httpdate::parse_http_date(text).ok());
    facts.last_modified = modified.map(unix);
    answer
}

fn unix(time: SystemTime) -> f64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}
