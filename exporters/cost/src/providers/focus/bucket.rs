//! Files in S3: of an export with manifests as those name them, else by pattern.
//!
//! A manifest is written after all files that it names. So one that names a file that is not there, or that is older
//! than one of its files, belongs to data that is being written: nothing is read then, and what was known stands.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::HeaderName;
use serde::Deserialize;
use tokio::sync::mpsc;
use toolkit::aws_sign::{self, Credentials, Scope};
use toolkit::config::Fields;
use toolkit::glob;

use super::kept::{self, Kept};
use super::listing::{self, Object};
use super::rows;
use super::sums::{Part, Sums, Wanted};
use crate::calendar::{Calendar, Day, Period};
use crate::http::{FetchError, Http, Reason, Request};
use crate::providers::aws::credentials::{Keys, domain, environment};
use crate::providers::base_url;
use crate::providers::pages::Pages;
use crate::providers::sheet::{Deadline, named};

/// Objects below one prefix: years of exports that keep every version.
const MAX_OBJECTS: usize = 100_000;

/// Bytes of a manifest: it names all columns and files.
const MAX_MANIFEST: u64 = 4 << 20;

/// Bytes of a file: what AWS puts into one is far less.
const MAX_FILE: u64 = 1 << 40;

/// Pieces of a file that wait for being read.
const PIECES: usize = 8;

/// Ends of names of files that are read where no pattern says which.
const ENDINGS: [&str; 6] = [".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".json.gz", ".parquet"];

/// What folders of billing periods begin with.
const PERIOD: &str = "BILLING_PERIOD=";

/// A place in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Scheme, host and port.
    origin: String,
    /// Where keys begin in paths.
    root: String,
    name: String,
    /// A prefix, or a pattern of whole keys.
    path: String,
    keys: Keys,
}

/// What a manifest names.
#[derive(Debug, Deserialize)]
struct Manifest {
    #[serde(alias = "dataFiles", alias = "reportKeys")]
    files: Vec<String>,
}

/// An export and one of its billing periods.
type Assembly<'a> = (&'a str, &'a str);

impl Bucket {
    /// Reads the keys that say where the bucket is and who may read it.
    pub(super) fn decode(fields: &mut Fields<'_>, path: &str) -> Option<Self> {
        let keys = Keys::decode(fields);
        let (name, path) = path.strip_prefix("s3://")?.split_once('/').unwrap_or((path.get(5..)?, ""));
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        if !(3..=63).contains(&name.len()) || !name.bytes().all(good) {
            fields
                .problem("path", "`path`: expected a bucket and a prefix such as s3://bucket/exports/focus");
        }
        let region = keys.as_ref().map_or("us-east-1", Keys::region);
        let domain = domain(region);
        // the host says the bucket, but where a certificate would not be good for it
        let in_path = fields.has("base_url") || name.contains('.');
        let host =
            if in_path { format!("s3.{region}.{domain}") } else { format!("{name}.s3.{region}.{domain}") };
        let base = base_url(fields, &format!("https://{host}"))?;
        let url = Url::parse(&base.to_string()).ok()?;
        let before = url.path().trim_end_matches('/');
        let root = if in_path { format!("{before}/{name}") } else { before.to_owned() };
        Some(Self {
            origin: url.origin().ascii_serialization(),
            root,
            name: name.to_owned(),
            path: path.to_owned(),
            keys: keys?,
        })
    }

    /// Reads all files of the days that are wanted.
    pub(super) async fn read(
        &self,
        http: &Http,
        wanted: Wanted,
        deadline: Deadline,
        kept: &Kept,
    ) -> Result<Part, FetchError> {
        let credentials = self.keys.read(http, &environment).await?;
        let objects = self.list(http, &credentials).await?;
        let files = self.choose(http, &credentials, &objects, wanted.days).await?;
        if files.is_empty() {
            let message = format!("s3://{}/{}: there is no such file", self.name, self.path);
            return Err(FetchError::new(Reason::File, message));
        }
        let wanted = Arc::new(wanted);
        let mut sums = Sums::new(&wanted);
        let mut read = kept::Read::of(&wanted);
        for object in files {
            let version = object.version();
            let known = kept.get(&wanted, &object.key, &version);
            let part = if let Some(part) = known {
                part
            } else {
                let part = self.read_one(http, &credentials, object, &wanted, deadline).await;
                Arc::new(part.map_err(|error| named(&object.key, error))?)
            };
            sums.absorb(&part);
            read.add(object.key.clone(), version, part);
        }
        kept.replace(read);
        Ok(sums.finish())
    }

    async fn list(
        &self,
        http: &Http,
        credentials: &Credentials,
    ) -> Result<BTreeMap<String, Object>, FetchError> {
        let prefix = self
            .path
            .find(['*', '?', '[', '{', '\\'])
            .map_or(self.path.as_str(), |end| self.path.get(..end).unwrap_or_default());
        let mut pages = Pages::of("list_objects");
        let mut objects = BTreeMap::new();
        let mut token: Option<String> = None;
        loop {
            let mut query =
                vec![("list-type".to_owned(), "2".to_owned()), ("prefix".to_owned(), prefix.to_owned())];
            query.extend(token.map(|token| ("continuation-token".to_owned(), token)));
            let answer = self.get(http, "list_objects", "", query, credentials).send().await?;
            let (page, next) = listing::page(answer.text()?)?;
            // what ends with `/` stands for a folder
            let files = page.into_iter().filter(|object| !object.key.ends_with('/'));
            objects.extend(files.map(|object| (object.key.clone(), object)));
            if objects.len() > MAX_OBJECTS {
                let message = "list_objects: there are too many objects; name a longer prefix";
                return Err(FetchError::new(Reason::TooLarge, message));
            }
            token = pages.next(next)?;
            if token.is_none() {
                return Ok(objects);
            }
        }
    }

    /// The files to read: those that the manifests of the billing periods name, or all that the path means where there
    /// are no manifests.
    async fn choose<'a>(
        &self,
        http: &Http,
        credentials: &Credentials,
        objects: &'a BTreeMap<String, Object>,
        days: Period,
    ) -> Result<Vec<&'a Object>, FetchError> {
        let manifests = newest_manifests(objects);
        if manifests.is_empty() {
            return Ok(objects.values().filter(|object| self.means(&object.key)).collect());
        }
        let late = objects.keys().filter_map(|key| assembly(key, "/data/"));
        let mut late = late.filter(|assembly| touches(assembly.1, days) && !manifests.contains_key(assembly));
        if let Some((_, period)) = late.next() {
            return Err(incomplete(period, "its manifest is not there yet"));
        }
        let mut files = Vec::new();
        for ((_, period), manifest) in manifests.iter().filter(|((_, period), _)| touches(period, days)) {
            let request = self.get(http, "get_manifest", &manifest.key, Vec::new(), credentials);
            let named: Manifest = request.limit(MAX_MANIFEST).fetch().await?;
            let place = format!("s3://{}/", self.name);
            for file in &named.files {
                let key = file.strip_prefix(&place).unwrap_or(file).trim_start_matches('/');
                let object =
                    objects.get(key).ok_or_else(|| incomplete(period, "a file of it is not there"))?;
                if object.modified > manifest.modified {
                    return Err(incomplete(period, "it is being written"));
                }
                files.push(object);
            }
        }
        Ok(files)
    }

    fn means(&self, key: &str) -> bool {
        if !glob::is_pattern(&self.path) {
            return ENDINGS.iter().any(|ending| key.ends_with(ending));
        }
        glob::expand(&self.path)
            .is_ok_and(|patterns| patterns.iter().any(|pattern| glob::matches(pattern, key)))
    }

    /// Reads a file as it comes, on a thread that may take its time.
    async fn read_one(
        &self,
        http: &Http,
        credentials: &Credentials,
        object: &Object,
        wanted: &Arc<Wanted>,
        deadline: Deadline,
    ) -> Result<Part, FetchError> {
        let request = self.get(http, "get_object", &object.key, Vec::new(), credentials);
        let request = request.header("if-match", &object.etag).limit(MAX_FILE);
        let mut stream = request.open().await.map_err(|error| {
            let is_other = error.message.contains("HTTP 412") || error.message.contains("HTTP 404");
            if is_other { FetchError::new(Reason::Incomplete, "it is being written") } else { error }
        })?;
        let (sender, pieces) = mpsc::channel(PIECES);
        let wanted = Arc::clone(wanted);
        let pieces = Pieces { coming: pieces, piece: Vec::new(), at: 0 };
        let read = move || rows::read(pieces, None, &wanted, deadline);
        let reading = tokio::task::spawn_blocking(read);
        let sent = loop {
            match stream.next().await {
                Ok(Some(piece)) => {
                    // whoever reads has given up, and says why
                    if sender.send(piece).await.is_err() {
                        break Ok(());
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        drop(sender);
        let broken = |_panic| FetchError::new(Reason::Internal, "reading broke off");
        let part = reading.await.map_err(broken)?;
        sent?;
        part
    }

    /// A signed GET of a key; without one, of the bucket itself.
    fn get(
        &self,
        http: &Http,
        operation: &'static str,
        key: &str,
        query: Vec<(String, String)>,
        credentials: &Credentials,
    ) -> Request {
        let path = format!("{}/{key}", self.root);
        let sent = aws_sign::unsigned(&asked("", &path, &pairs(&query), &[])).path_and_query;
        let region = self.keys.region().to_owned();
        let credentials = credentials.clone();
        http.get(operation, &format!("{}{sent}", self.origin)).sign(move |unsigned| {
            let host = unsigned.url.host_str().unwrap_or_default();
            let host = unsigned.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
            let headers: Vec<(&str, &str)> = unsigned
                .headers
                .iter()
                .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
                .collect();
            let query = pairs(&query);
            let request = asked(&host, &path, &query, &headers);
            let scope = Scope { region: &region, service: "s3" };
            // the true time, whatever the clock of a test says: S3 refuses what is signed at another one
            let signed = aws_sign::sign(&request, scope, &credentials, Timestamp::now());
            let headers = signed.headers.into_iter();
            Ok(headers
                .map(|(name, value)| (HeaderName::from_static(name), value.expose().to_owned()))
                .collect())
        })
    }
}

fn pairs(query: &[(String, String)]) -> Vec<(&str, &str)> {
    query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn asked<'a>(
    host: &'a str,
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    headers: &'a [(&'a str, &'a str)],
) -> aws_sign::Request<'a> {
    aws_sign::Request { method: "GET", host, path, query, headers, body: b"" }
}

fn incomplete(period: &str, what: &str) -> FetchError {
    FetchError::new(Reason::Incomplete, format!("billing period {period}: {what}"))
}

/// The export and the billing period that a key belongs to, if it is below such a folder.
fn assembly<'a>(key: &'a str, folder: &str) -> Option<Assembly<'a>> {
    let (export, rest) = key.split_once(folder)?;
    let period = rest.strip_prefix(PERIOD)?.split('/').next()?;
    Some((export, period))
}

/// The newest manifest of each: an export that keeps its versions has one of each.
fn newest_manifests(objects: &BTreeMap<String, Object>) -> BTreeMap<Assembly<'_>, &Object> {
    let mut newest: BTreeMap<Assembly<'_>, &Object> = BTreeMap::new();
    for (key, object) in objects.iter().filter(|(key, _)| key.ends_with("anifest.json")) {
        let Some(assembly) = assembly(key, "/metadata/") else { continue };
        let known = newest.entry(assembly).or_insert(object);
        if known.modified < object.modified {
            *known = object;
        }
    }
    newest
}

/// Whether a billing period such as `2026-03` has any of the days.
fn touches(period: &str, days: Period) -> bool {
    let Ok(first) = format!("{period}-01").parse::<Day>() else { return false };
    Calendar::Utc.period_of(first).intersection(days).days() > 0
}

/// A file while it comes.
struct Pieces {
    coming: mpsc::Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.piece.len() {
            let Some(piece) = self.coming.blocking_recv() else { return Ok(0) };
            self.piece = piece;
            self.at = 0;
        }
        let mut rest = self.piece.get(self.at..).unwrap_or_default();
        let read = rest.read(room)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
