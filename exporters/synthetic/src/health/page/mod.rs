//! The status page: what customers are shown. HTML without JavaScript, light and dark, for phones and desks.
//!
//! `view` puts what is known into words, `html` the words between tags. The page is rendered when something changed, and
//! once a minute while somebody reads it; what is in between is the same bytes.
//!
//! Invariants: nothing on the page names a check, a target, an error, or a service that is not public; every text is
//! escaped; the browser may load nothing but the page itself.

mod html;
mod view;
mod words;

use std::io::Write;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use toolkit::expo::{Compression, negotiate_compression};

pub(super) use view::View;

/// Lets in this page's own style by its hash and its own icon, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'sha256-7A9xP/n3/UIOzbIruodiALc21Rx514v2mnJgrCFr1Vg='; img-src data:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// A proxy before us may keep the page so long.
const CACHE: &str = "public, max-age=10";

/// The page as it was rendered last.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// With the minute it is of.
    page: Option<(Rendered, i64)>,
    /// How often it was forgotten: what was rendered before that is not put in any more.
    state: u64,
}

impl Cache {
    /// The page, if it still says what is so; and what to give to [`Cache::put`].
    pub(super) fn get(&self, now: Timestamp) -> (Option<Rendered>, u64) {
        let page = self.page.as_ref().filter(|(_, minute)| *minute == minute_of(now));
        (page.map(|(page, _)| page.clone()), self.state)
    }

    pub(super) fn put(&mut self, page: &Rendered, now: Timestamp, state: u64) {
        if self.state == state {
            self.page = Some((page.clone(), minute_of(now)));
        }
    }

    /// Something changed.
    pub(super) fn forget(&mut self) {
        self.page = None;
        self.state += 1;
    }
}

fn minute_of(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60)
}

/// A page as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    plain: Bytes,
    /// Empty when it could not be made.
    gzip: Bytes,
}

impl Rendered {
    pub(super) fn new(view: &View) -> Self {
        let plain = html::render(view);
        let mut gzip = GzEncoder::new(Vec::new(), Level::default());
        let gzip = gzip.write_all(plain.as_bytes()).and_then(|()| gzip.finish());
        Self { plain: plain.into(), gzip: gzip.unwrap_or_default().into() }
    }

    pub(super) fn answer(&self, asked: &HeaderMap) -> Response {
        let lines = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        let accepted = lines.collect::<Vec<_>>().join(",");
        let packed = negotiate_compression(&accepted) == Compression::Gzip && !self.gzip.is_empty();
        let mut response = Response::new(Body::from(if packed { &self.gzip } else { &self.plain }.clone()));
        let headers = response.headers_mut();
        let fixed = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, CACHE),
            (VARY, "accept-encoding"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

#[cfg(test)]
mod tests;
