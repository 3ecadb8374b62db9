//! Cookies of one probe, or of one journey: kept by the host that the URL names, never by the address that was dialled.
//!
//! There is no list of public suffixes here: a domain of one label, and a domain that is an address, get no cookie. What
//! is left (a cookie for `co.uk`) needs a redirect from one customer of that registry to another within one probe.

use std::net::IpAddr;
use std::time::SystemTime;

use hyper::header::HeaderMap;

use super::url::Url;

/// Cookies that are kept; the oldest goes.
const MAX_COOKIES: usize = 64;

/// Bytes of one cookie, name and value (RFC 6265 asks for 4096).
const MAX_COOKIE: usize = 8 << 10;

/// The cookies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jar(Vec<Cookie>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    /// The host, or the domain and all below it.
    domain: String,
    below: bool,
    path: String,
    secure: bool,
}

impl Jar {
    /// Takes what a page sets. Text that is no cookie is passed over, as by browsers.
    pub(crate) fn take(&mut self, from: &Url, headers: &HeaderMap, now: SystemTime) {
        for header in headers.get_all(hyper::header::SET_COOKIE) {
            let text = String::from_utf8_lossy(header.as_bytes());
            let Some((cookie, over)) = Cookie::parse(&text, from, now) else { continue };
            self.0.retain(|known| !known.replaced_by(&cookie));
            if over {
                continue;
            }
            if self.0.len() == MAX_COOKIES {
                self.0.remove(0);
            }
            self.0.push(cookie);
        }
    }

    /// The value of the cookie of this name that was set last, by whichever host.
    pub(crate) fn newest(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|cookie| cookie.name == name).map(|cookie| cookie.value.as_str())
    }

    /// What to send with a request for a page: the header's value, cookies of longer paths first, after those of
    /// `given`, the module's own header, that no page has set anew.
    pub(crate) fn header(&self, url: &Url, given: Option<&str>) -> Option<String> {
        let mut sent: Vec<&Cookie> = self.0.iter().filter(|cookie| cookie.is_for(url)).collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let kept = given.into_iter().flat_map(|text| text.split(';')).map(str::trim).filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            !pair.is_empty() && !sent.iter().any(|cookie| cookie.name == name)
        });
        let kept: Vec<String> = kept.map(str::to_owned).collect();
        let pairs = sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value));
        let all: Vec<String> = kept.into_iter().chain(pairs).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

impl Cookie {
    /// Reads a `Set-Cookie`; also whether it is over already, which takes the cookie away.
    fn parse(text: &str, from: &Url, now: SystemTime) -> Option<(Self, bool)> {
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let fits = |text: &str| text.bytes().all(|byte| byte >= 0x20 && byte != 0x7f);
        if name.is_empty() || name.len() + value.len() > MAX_COOKIE || !fits(name) || !fits(value) {
            return None;
        }
        let mut cookie = Self {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: from.host.clone(),
            below: false,
            path: folder(from.path.path()).to_owned(),
            secure: false,
        };
        let (mut ends, mut lives) = (None, None);
        for part in parts {
            let (key, value) =
                part.split_once('=').map_or((part, ""), |(key, value)| (key.trim(), value.trim()));
            match key.to_ascii_lowercase().as_str() {
                "domain" if !value.is_empty() => cookie.set_domain(value)?,
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "secure" => cookie.secure = true,
                "max-age" => lives = value.parse::<i64>().ok().or(lives),
                "expires" => ends = date(value).or(ends),
                _ => {}
            }
        }
        let over = lives.map_or_else(|| ends.is_some_and(|end| end <= now), |seconds| seconds <= 0);
        Some((cookie, over))
    }

    /// The domain that a page asks for must be its own host or above it.
    fn set_domain(&mut self, value: &str) -> Option<()> {
        let domain = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase();
        if domain == self.domain {
            self.below = self.domain.parse::<IpAddr>().is_err();
            return Some(());
        }
        let above = is_below(&self.domain, &domain);
        let fits = above && domain.contains('.') && self.domain.parse::<IpAddr>().is_err();
        fits.then(|| (self.domain, self.below) = (domain, true))
    }

    fn replaced_by(&self, other: &Self) -> bool {
        self.name == other.name && self.domain == other.domain && self.path == other.path
    }

    fn is_for(&self, url: &Url) -> bool {
        let host = url.host == self.domain || (self.below && is_below(&url.host, &self.domain));
        let path = url.path.path();
        let inside = path
            .strip_prefix(self.path.as_str())
            .is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'));
        host && inside && (!self.secure || url.secure)
    }
}

/// Whether a host is below a domain, and not the domain itself.
fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// The folder of a path, as a cookie's path when the page does not say.
fn folder(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((folder, _)) if !folder.is_empty() => folder,
        _ => "/",
    }
}

/// A date, also in the form with hyphens that cookies have (`19-Mar-2019`).
fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).or_else(|_| httpdate::parse_http_date(&text.replace('-', " "))).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
    }

    fn jar(from: &str, set: &[&str]) -> Jar {
        let mut headers = HeaderMap::new();
        for text in set {
            headers.append("set-cookie", text.parse().unwrap());
        }
        let mut jar = Jar::default();
        jar.take(&Url::parse(from).unwrap(), &headers, now());
        jar
    }

    #[test]
    fn who_gets_a_cookie() {
        for (from, set, to, sent) in [
            ("http://a.example/", "x=1", "http://a.example/y", true),
            ("http://a.example/", "x=1", "https://a.example:8443/", true),
            ("http://a.example/", "x=1", "http://b.a.example/", false),
            ("http://a.example/", "x=1; Domain=.a.example", "http://b.a.example/", true),
            ("http://b.a.example/", "x=1; domain=a.example", "http://a.example/", true),
            ("http://b.a.example/", "x=1; domain=example", "http://b.a.example/", false),
            ("http://a.example/", "x=1; domain=evil.example", "http://a.example/", false),
            ("http://a.example/", "x=1; domain=a.example", "http://xa.example/", false),
            ("http://127.0.0.1/", "x=1; domain=127.0.0.1", "http://127.0.0.1/", true),
            ("http://127.0.0.1/", "x=1; domain=0.1", "http://127.0.0.1/", false),
            ("http://a/b/c", "x=1", "http://a/b/d", true),
            ("http://a/b/c", "x=1", "http://a/bc", false),
            ("http://a/b/c", "x=1; Path=/", "http://a/", true),
            ("http://a/", "x=1; Path=/b", "http://a/b?c", true),
            ("http://a/", "x=1; Path=/b", "http://a/bc", false),
            ("http://a/", "x=1; Secure", "http://a/", false),
            ("http://a/", "x=1; Secure", "https://a/", true),
            ("http://a/", "x=1; Max-Age=0", "http://a/", false),
            ("http://a/", "x=1; Max-Age=60; Expires=Tue, 19-Mar-2019 20:08:29 GMT", "http://a/", true),
            ("http://a/", "x=1; Expires=Tue, 19-Mar-2019 20:08:29 GMT", "http://a/", false),
            ("http://a/", "x=1; Expires=Wed, 09 Jun 2100 10:18:14 GMT", "http://a/", true),
            ("http://a/", "x=1; Expires=whenever", "http://a/", true),
            ("http://a/", "=1", "http://a/", false),
            ("http://a/", "novalue", "http://a/", false),
        ] {
            let header = jar(from, &[set]).header(&Url::parse(to).unwrap(), None);
            assert_eq!(header.as_deref(), sent.then_some("x=1"), "{from} {set} {to}");
        }
    }

    #[test]
    fn cookies_together() {
        let url = Url::parse("http://a/b/c").unwrap();
        let set = [
            "one=1; Path=/",
            "two=2; Path=/b",
            "one=3; Path=/",
            "gone=1; Path=/",
            "gone=; Path=/; Max-Age=-1",
        ];
        let jar = jar("http://a/", &set);
        assert_eq!(jar.header(&url, None).as_deref(), Some("two=2; one=3"));
        assert_eq!(jar.header(&url, Some("one=0;own=9")).as_deref(), Some("own=9; two=2; one=3"));
        assert_eq!(Jar::default().header(&url, Some("own=9")).as_deref(), Some("own=9"));
        assert_eq!((jar.newest("one"), jar.newest("gone")), (Some("3"), None));
    }

    #[test]
    fn cookies_are_bounded() {
        let many: Vec<String> = (0..100).map(|number| format!("c{number}=1")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let long = format!("long={}", "x".repeat(MAX_COOKIE));
        let url = Url::parse("http://a/").unwrap();
        let jar = jar("http://a/", &[many.as_slice(), &[long.as_str()]].concat());
        assert_eq!(jar.0.len(), MAX_COOKIES);
        let header = jar.header(&url, None).unwrap();
        assert!(header.starts_with("c36=1; ") && header.ends_with("; c99=1"), "{header}");
    }
}
