//! Artifacts that are objects of a bucket, in any store that speaks S3's protocol.
//!
//! The list is read page by page and nothing is kept of it but the newest. Requests are signed where there is a key; the
//! host that they go to is the operator's choice, never the target's.

use std::borrow::Cow;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use netprobe::phase::Phase;
use tokio::task::JoinHandle;
use toolkit::aws_sign::{self, Credentials, Scope};
use toolkit::glob;

use super::config::{Endpoint, Key, S3};
use super::content::{self, Format, HEAD, Parts, TAIL};
use super::facts::Newest;
use super::listing::{self, Object};
use super::{Artifact, Found, failed};
use crate::outcome::{Failed, Outcome};
use crate::probe::open::{self, Way};
use crate::probe::{Engine, Job};
use crate::reason::Reason;

/// Pages of a list, of 1,000 objects each.
const MAX_PAGES: usize = 300;

/// Bytes of an answer: a page of 1,000 objects whose keys have 1,024 bytes, each written as an entity of six.
const MAX_ANSWER: usize = 8 << 20;

/// Looks for the objects that `BUCKET/PREFIX` or `BUCKET/PATTERN` mean, and reads the newest as the module wants it.
pub(super) async fn look(
    engine: &Engine,
    settings: &Artifact,
    place: &str,
    now: f64,
    job: &Job<'_>,
    outcome: &mut Outcome,
) -> Result<Found, Failed> {
    let (bucket, path) = place.split_once('/').unwrap_or((place, ""));
    if !is_bucket(bucket) {
        return Err(Failed::new(
            "target",
            Reason::TargetInvalid,
            "no bucket has this name (hint: s3://BUCKET/PREFIX)",
        ));
    }
    let plain = path.find(['*', '?', '[', '{', '\\']).map_or(path, |start| path.split_at(start).0);
    let patterns = if plain.len() < path.len() {
        glob::expand(path).map_err(|problem| Failed::new("target", Reason::TargetInvalid, problem))?
    } else {
        Vec::new()
    };
    let wanted = |object: &Object| {
        // what ends with `/` stands for a folder
        let named = patterns.is_empty() || patterns.iter().any(|pattern| glob::matches(pattern, &object.key));
        named && !object.key.ends_with('/')
    };
    let store = Store::new(&settings.s3, bucket);
    let credentials = match &settings.s3.key {
        None => None,
        Some(key) => Some(read_key(key, job).await?),
    };
    let mut asking =
        Asking { engine, job, outcome, store: &store, settings: &settings.s3, credentials, sender: None };
    let (mut count, mut newest, mut next) = (0, None::<Object>, None::<String>);
    for page in 0.. {
        if page == MAX_PAGES {
            return Err(failed("the prefix means too many objects (hint: a longer prefix)"));
        }
        let listed = asking.list(plain, next.as_deref()).await?;
        for object in listed.objects.into_iter().filter(wanted) {
            count += 1;
            if newest.as_ref().is_none_or(|known| object.modified > known.modified) {
                newest = Some(object);
            }
        }
        next = listed.next;
        if next.is_none() {
            break;
        }
    }
    let Some(object) = newest else { return Ok(Found { count, newest: None, readable: Ok(()) }) };
    let readable = match settings.format {
        Format::Any => Ok(()),
        format => asking.read(&object, format).await?,
    };
    let modified = object.modified.as_duration().as_secs_f64();
    Ok(Found { count, newest: Some(Newest { modified, age: now - modified, size: object.size }), readable })
}

/// Lower-case letters, digits, dots and hyphens, as Amazon and everybody else has it.
fn is_bucket(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (3..=63).contains(&name.len()) && name.bytes().all(good) && !name.contains("..")
}

async fn read_key(key: &Key, job: &Job<'_>) -> Result<Credentials, Failed> {
    let id = job.secret("access_key_id", &key.id).await?.expose().trim().to_owned();
    // it goes into a header
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failed::new("token", Reason::Internal, "access_key_id is no name of a key"));
    }
    let session_token = match &key.token {
        None => None,
        Some(token) => Some(job.secret("session_token", token).await?),
    };
    let secret_access_key = job.secret("secret_access_key", &key.secret).await?;
    Ok(Credentials { access_key_id: id, secret_access_key, session_token })
}

/// Where a bucket is.
struct Store<'a> {
    at: Cow<'a, Endpoint>,
    /// The header `Host`.
    authority: String,
    /// What paths begin with: nothing where the host's name says the bucket.
    base: String,
}

impl<'a> Store<'a> {
    fn new(settings: &'a S3, bucket: &str) -> Self {
        let named = format!("/{bucket}");
        let (at, base) = if let Some(endpoint) = &settings.endpoint {
            (Cow::Borrowed(endpoint), named)
        } else {
            let region = &settings.region;
            let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            // a certificate is good for one part of a name more
            let (host, base) = if bucket.contains('.') {
                (format!("s3.{region}.{domain}"), named)
            } else {
                (format!("{bucket}.s3.{region}.{domain}"), String::new())
            };
            (Cow::Owned(Endpoint { secure: true, host, port: 443 }), base)
        };
        let host = open::bracketed(&at.host);
        let usual = if at.secure { 443 } else { 80 };
        let authority = if at.port == usual { host } else { format!("{host}:{}", at.port) };
        Self { at, authority, base }
    }
}

/// A dialogue with a store.
struct Asking<'a, 'j> {
    engine: &'a Engine,
    job: &'a Job<'j>,
    outcome: &'a mut Outcome,
    store: &'a Store<'a>,
    settings: &'a S3,
    credentials: Option<Credentials>,
    sender: Option<Sender>,
}

/// A connection, with the task that drives it.
struct Sender {
    sender: SendRequest<Empty<Bytes>>,
    driving: JoinHandle<()>,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.driving.abort();
    }
}

impl Asking<'_, '_> {
    async fn list(&mut self, prefix: &str, next: Option<&str>) -> Result<listing::Page, Failed> {
        let mut query = vec![("list-type", "2"), ("prefix", prefix)];
        query.extend(next.map(|token| ("continuation-token", token)));
        let path = format!("{}/", self.store.base);
        let body = self.get(&path, &query, None).await?;
        let text = std::str::from_utf8(&body).map_err(|_no_text| protocol("the answer is no text"))?;
        listing::page(text).map_err(protocol)
    }

    /// Reads the start and, of a longer one, the end.
    async fn read(&mut self, object: &Object, format: Format) -> Result<Result<(), &'static str>, Failed> {
        if object.size == 0 {
            return Ok(content::judge(format, Parts { head: b"", tail: b"", size: 0 }));
        }
        let path = format!("{}/{}", self.store.base, object.key);
        let head =
            self.get(&path, &[], Some(format!("bytes=0-{}", (HEAD as u64).min(object.size) - 1))).await?;
        let tail = if object.size > HEAD as u64 {
            let range = format!("bytes={}-{}", object.size - TAIL as u64, object.size - 1);
            self.get(&path, &[], Some(range)).await?
        } else {
            head.slice(head.len().saturating_sub(TAIL)..)
        };
        Ok(content::judge(format, Parts { head: &head, tail: &tail, size: object.size }))
    }

    /// One request. There are no retries: a check comes again.
    async fn get(
        &mut self,
        path: &str,
        query: &[(&str, &str)],
        range: Option<String>,
    ) -> Result<Bytes, Failed> {
        let range: Vec<(&str, &str)> = range.iter().map(|range| ("range", range.as_str())).collect();
        let wanted = aws_sign::Request {
            method: "GET",
            host: &self.store.authority,
            path,
            query,
            headers: &range,
            body: b"",
        };
        let scope = Scope { region: &self.settings.region, service: "s3" };
        let signed = match &self.credentials {
            Some(credentials) => aws_sign::sign(&wanted, scope, credentials, self.engine.clock.now()),
            None => aws_sign::unsigned(&wanted),
        };
        let mut request = Request::get(&signed.path_and_query).header(header::HOST, &self.store.authority);
        for (name, value) in &range {
            request = request.header(*name, *value);
        }
        for (name, value) in &signed.headers {
            request = request.header(*name, value.expose());
        }
        let bad =
            |_no_request| Failed::new("send", Reason::Internal, "a key or token cannot stand in a header");
        let request = request.body(Empty::new()).map_err(bad)?;
        let mut sender = self.connected().await?;
        let answered =
            open::part(Phase::FirstByte, self.job, self.outcome, sender.sender.send_request(request)).await?;
        let answer = answered.map_err(|error| broken(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect();
        let body = open::part(Phase::Transfer, self.job, self.outcome, body).await?;
        let body = body
            .map_err(|_broken| Failed::new("transfer", Reason::Closed, "the answer broke off"))?
            .to_bytes();
        self.sender = Some(sender);
        if status.is_success() { Ok(body) } else { Err(refused(status, &body)) }
    }

    /// The connection of the request before, or a new one.
    async fn connected(&mut self) -> Result<Sender, Failed> {
        if let Some(mut sender) = self.sender.take()
            && sender.sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let at = &self.store.at;
        let way = Way {
            host: &at.host,
            port: at.port,
            preference: self.settings.preference,
            source: None,
            tls: at.secure.then_some(&self.settings.tls_config),
            starttls: None,
        };
        let stream = open::open(self.engine, self.job, way, self.outcome).await?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        let driving = tokio::spawn(async move {
            // what breaks shows in the request
            drop(connection.await);
        });
        Ok(Sender { sender, driving })
    }
}

fn broken(error: &hyper::Error) -> Failed {
    let reason = if error.is_parse() { Reason::Protocol } else { Reason::Closed };
    Failed::new(
        Phase::FirstByte.as_str(),
        reason,
        "the store did not answer as HTTP does, or closed the connection",
    )
}

/// Why a store does not do what it was asked: its code, of which none is a secret.
fn refused(status: StatusCode, body: &[u8]) -> Failed {
    let code = std::str::from_utf8(body).ok().and_then(listing::error_code);
    let code = code.unwrap_or_else(|| "no code".to_owned());
    let reason = match status.as_u16() {
        401 | 403 => Reason::CredentialsRefused,
        _ => Reason::ServerError,
    };
    let hint = match (status.as_u16(), code.as_str()) {
        (301 | 307 | 400, _) => " (hint: region)",
        (403, "RequestTimeTooSkewed") => " (hint: this machine's clock)",
        (403, _) => " (hint: the key needs s3:ListBucket and s3:GetObject)",
        _ => "",
    };
    Failed::new(
        Phase::FirstByte.as_str(),
        reason,
        format!("the store answered {}: {code}{hint}", status.as_u16()),
    )
}

fn protocol(message: &'static str) -> Failed {
    Failed::new(Phase::Transfer.as_str(), Reason::Protocol, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_bucket_is() {
        let minio = Endpoint { secure: false, host: "::1".to_owned(), port: 9000 };
        for (endpoint, region, bucket, authority, base) in [
            (None, "eu-central-1", "backups", "backups.s3.eu-central-1.amazonaws.com", ""),
            (None, "eu-central-1", "my.backups", "s3.eu-central-1.amazonaws.com", "/my.backups"),
            (None, "cn-north-1", "backups", "backups.s3.cn-north-1.amazonaws.com.cn", ""),
            (Some(minio), "us-east-1", "backups", "[::1]:9000", "/backups"),
        ] {
            let settings = S3 { region: region.to_owned(), endpoint, ..S3::default() };
            let store = Store::new(&settings, bucket);
            assert_eq!((store.authority.as_str(), store.base.as_str()), (authority, base));
        }
    }

    #[test]
    fn names_of_buckets() {
        for (name, expected) in [
            ("backups", true),
            ("my.backups-1", true),
            ("", false),
            ("ab", false),
            ("A", false),
            ("a..b", false),
            ("a/b", false),
            ("evil.example#", false),
        ] {
            assert_eq!(is_bucket(name), expected, "{name}");
        }
    }
}
