//! A double of S3, as far as buckets are listed and objects are read: strict about signatures, paging and ranges.
//!
//! It speaks in the path style (`/BUCKET/KEY`), as every store beside Amazon's does. Objects are put there by tests, with
//! whatever time they want.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use aws_lc_rs::digest;
use jiff::Timestamp;

use crate::http::percent_decode;
use crate::script::Script;
use crate::sigv4::{self, Signer};
use crate::tls::Identity;
use crate::web::{Answer, Reply, Request, Web};

pub use crate::script::Times;

/// The region of the store.
pub const REGION: &str = "eu-central-1";

/// The key that may read, its name and itself.
pub const KEY: (&str, &str) = ("AKIAWATCHFIRETEST001", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYTESTSECRET");

/// A page of a list has so many objects, and no request can have more.
const PAGE: usize = 1_000;

/// A fault on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 503 `SlowDown`.
    SlowDown,
    /// The second page of a list is refused with 500.
    SecondPage,
    /// The body breaks off in its middle.
    Half,
    /// There is no answer.
    Hang,
}

/// A running double.
pub struct S3 {
    web: Web,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    buckets: BTreeMap<String, BTreeMap<String, Object>>,
    page: usize,
    token: Option<String>,
    faults: Script<Fault>,
    /// Tokens that were given out, and the last key of the page before.
    continuations: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct Object {
    body: Vec<u8>,
    modified: Timestamp,
}

impl Object {
    /// Its `ETag`, which changes with its content.
    fn tag(&self) -> String {
        let digest = digest::digest(&digest::SHA256, &self.body);
        let digits = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}"));
        format!("\"{}\"", digits.collect::<String>())
    }
}

/// An error of S3: status, code.
struct Refused(u16, &'static str);

impl S3 {
    /// Starts one without buckets.
    pub async fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(State::new()));
        let kept = Arc::clone(&state);
        let web = Web::start(move |request| lock(&kept).answer(request)).await?;
        Ok(Self { web, state })
    }

    /// The same over TLS.
    pub async fn start_tls(identity: &Identity) -> Result<Self> {
        let state = Arc::new(Mutex::new(State::new()));
        let kept = Arc::clone(&state);
        let web = Web::start_tls(identity, move |request| lock(&kept).answer(request)).await?;
        Ok(Self { web, state })
    }

    /// Where it is: scheme, `localhost` and port.
    pub fn endpoint(&self) -> String {
        self.web.url("").replace("127.0.0.1", "localhost")
    }

    /// Puts an object there, and its bucket.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Vec<u8>>, modified: Timestamp) {
        let object = Object { body: body.into(), modified };
        lock(&self.state).buckets.entry(bucket.to_owned()).or_default().insert(key.to_owned(), object);
    }

    /// Lists so many objects a page, where it would be 1,000.
    pub fn page(&self, objects: usize) {
        lock(&self.state).page = objects.clamp(1, PAGE);
    }

    /// The key is one that was lent, and is good with this token only.
    pub fn lend(&self, token: &str) {
        lock(&self.state).token = Some(token.to_owned());
    }

    /// Orders a fault.
    pub fn fault(&self, times: Times, fault: Fault) {
        lock(&self.state).faults.add(times, fault);
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.web.requests()
    }
}

impl State {
    fn new() -> Self {
        Self {
            buckets: BTreeMap::new(),
            page: PAGE,
            token: None,
            faults: Script::new(),
            continuations: BTreeMap::new(),
        }
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let later = pairs(&request.query).iter().any(|(name, _)| name == "continuation-token");
        match self.faults.take(|fault| *fault != Fault::SecondPage || later) {
            Some(Fault::SlowDown) => return refusal(&Refused(503, "SlowDown")).into(),
            Some(Fault::SecondPage) => return refusal(&Refused(500, "InternalError")).into(),
            Some(Fault::Hang) => return Answer::Hang,
            Some(Fault::Half) => return Answer::Half(self.reply(request)),
            None => {}
        }
        self.reply(request).into()
    }

    fn reply(&mut self, request: &Request) -> Reply {
        self.serve(request).unwrap_or_else(|refused| refusal(&refused))
    }

    fn serve(&mut self, request: &Request) -> Result<Reply, Refused> {
        let (id, secret) = KEY;
        let signer = Signer { id, secret, token: self.token.as_deref(), region: REGION, service: "s3" };
        sigv4::check(request, &signer, Timestamp::now()).map_err(|code| Refused(403, code))?;
        let path = request.path.strip_prefix('/').unwrap_or_default();
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let key = percent_decode(key).ok_or(Refused(400, "InvalidURI"))?;
        if request.method != "GET" {
            return Err(Refused(405, "MethodNotAllowed"));
        }
        let objects = self.buckets.get(bucket).ok_or(Refused(404, "NoSuchBucket"))?;
        if key.is_empty() {
            let objects = objects.clone();
            return self.list(bucket, &objects, &pairs(&request.query));
        }
        let object = objects.get(&key).ok_or(Refused(404, "NoSuchKey"))?;
        if !matches!(request.header("if-match"), "" | "*") && request.header("if-match") != object.tag() {
            return Err(Refused(412, "PreconditionFailed"));
        }
        read(object, request.header("range"))
    }

    fn list(
        &mut self,
        bucket: &str,
        objects: &BTreeMap<String, Object>,
        query: &[(String, String)],
    ) -> Result<Reply, Refused> {
        const KNOWN: [&str; 4] = ["list-type", "prefix", "continuation-token", "max-keys"];
        let get = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if get("list-type") != Some("2") || query.iter().any(|(name, _)| !KNOWN.contains(&name.as_str())) {
            return Err(Refused(501, "NotImplemented"));
        }
        let prefix = get("prefix").unwrap_or_default();
        let wanted = get("max-keys").map(|most| most.parse().map_err(|_| Refused(400, "InvalidArgument")));
        let most = wanted.transpose()?.unwrap_or(PAGE).min(self.page);
        let after = match get("continuation-token") {
            None => "",
            Some(token) => self.continuations.get(token).ok_or(Refused(400, "InvalidArgument"))?,
        };
        let mut matching = objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
        let page: Vec<_> = matching.by_ref().take(most).collect();
        let more = matching.next().is_some();
        let next = page.last().filter(|_| more).map(|(key, _)| (*key).clone());
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{bucket}</Name><Prefix>{}</Prefix><KeyCount>{}</KeyCount><MaxKeys>{most}</MaxKeys><IsTruncated>{}</IsTruncated>",
            escape(prefix),
            page.len(),
            next.is_some()
        );
        for (key, object) in page {
            let modified = object.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z");
            write!(
                text,
                "<Contents><Key>{}</Key><LastModified>{modified}</LastModified><ETag>{}</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                escape(key),
                escape(&object.tag()),
                object.body.len()
            )
            .map_err(|_| Refused(500, "InternalError"))?;
        }
        if let Some(last) = next {
            // characters that have to be encoded in a query and escaped in XML
            let token = format!("1/{}+<token>&=", self.continuations.len());
            write!(text, "<NextContinuationToken>{}</NextContinuationToken>", escape(&token))
                .map_err(|_| Refused(500, "InternalError"))?;
            self.continuations.insert(token, last);
        }
        text.push_str("</ListBucketResult>");
        Ok(Reply::new(200, "application/xml", text))
    }
}

fn read(object: &Object, range: &str) -> Result<Reply, Refused> {
    let kind = "binary/octet-stream";
    if range.is_empty() {
        return Ok(Reply::new(200, kind, object.body.clone()));
    }
    let bounds = range.strip_prefix("bytes=").and_then(|bounds| bounds.split_once('-'));
    let bounds = bounds.and_then(|(from, to)| Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?)));
    let size = object.body.len();
    let (from, to) =
        bounds.filter(|(from, to)| from <= to && *from < size).ok_or(Refused(416, "InvalidRange"))?;
    let to = to.min(size - 1);
    let part = object.body.get(from..=to).unwrap_or_default().to_vec();
    Ok(Reply::new(206, kind, part).header("content-range", &format!("bytes {from}-{to}/{size}")))
}

fn refusal(Refused(status, code): &Refused) -> Reply {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{code}, says the double.</Message><RequestId>1</RequestId></Error>"
    );
    Reply::new(*status, "application/xml", text)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The pairs of a query, decoded; `+` is a plus, as S3 takes it in a signed query.
fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter_map(|(name, value)| Some((percent_decode(name)?, percent_decode(value)?))).collect()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::http_get;

    #[tokio::test]
    async fn nothing_is_read_without_a_signature() {
        let s3 = S3::start().await.unwrap();
        s3.put("backups", "a", "x", Timestamp::now());
        for path in ["/backups/?list-type=2", "/backups/a", "/other/"] {
            let response = http_get(&format!("{}{path}", s3.endpoint()), &[]).await.unwrap();
            assert_eq!(response.status, 403);
            assert!(response.text().contains("<Code>AccessDenied</Code>"), "{}", response.text());
        }
    }
}
