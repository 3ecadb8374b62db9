//! Reports that come as days with rows, in pages: OpenAI's and Anthropic's have the same shape.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::pages::Pages;
use crate::calendar::{Calendar, Day};
use crate::charge::Tokens;
use crate::http::{FetchError, Request};
use crate::shown::OTHER;
use crate::window::Window;

/// Days of one page: 7 unless one asks for more. OpenAI gives 31 at most of usage; of costs it would give 180, which is
/// more than an organization with many projects should have in memory at once.
const DAYS: &str = "31";

/// Which report, and by what its rows are told apart.
pub(crate) struct Report<'a> {
    /// Its name in metrics and errors.
    pub(crate) operation: &'static str,
    /// Its path below the API's address.
    pub(crate) path: &'static str,
    /// The names of what rows are grouped by.
    pub(crate) groups: &'a [&'a str],
}

/// What a report says of a day.
#[derive(Debug)]
pub(crate) struct Bucket<R> {
    /// The day, in UTC.
    pub(crate) day: Day,
    /// Until when it can speak, in Unix time: the running day is said to end at midnight, long before it does.
    pub(crate) until: i64,
    /// Its rows; none for a day without.
    pub(crate) rows: Vec<R>,
}

#[derive(Debug, Deserialize)]
struct Page<R> {
    data: Vec<Sent<R>>,
    #[serde(default)]
    has_more: bool,
    #[serde(rename = "next_page")]
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Sent<R> {
    #[serde(alias = "starting_at")]
    start_time: Moment,
    #[serde(alias = "ending_at")]
    end_time: Moment,
    results: Vec<R>,
}

/// Unix time, or RFC 3339.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Moment {
    Seconds(i64),
    Text(Timestamp),
}

/// Reads all pages of a report by day; `ask` makes the request with its key and its time.
pub(crate) async fn read<R: DeserializeOwned>(
    report: &Report<'_>,
    window: &Window,
    ask: impl Fn() -> Request,
) -> Result<Vec<Bucket<R>>, FetchError> {
    let operation = report.operation;
    let mut buckets = Vec::new();
    let mut pages = Pages::of(operation);
    let mut next: Option<String> = None;
    loop {
        let request = ask().query("bucket_width", "1d").query("limit", DAYS);
        let request = request.queries(report.groups.iter().map(|group| ("group_by[]", *group)));
        let request = request.queries(next.iter().map(|token| ("page", token.as_str())));
        let page: Page<R> = request.fetch().await?;
        for sent in page.data {
            let day = Calendar::Utc.day_of(sent.start_time.timestamp(operation)?);
            let until = sent.end_time.timestamp(operation)?.min(window.now).as_second();
            if window.days().contains(day) {
                buckets.push(Bucket { day, until, rows: sent.results });
            }
        }
        next = pages.next_if(page.has_more, page.next)?;
        if next.is_none() {
            return Ok(buckets);
        }
    }
}

/// The newest moment that any row speaks of.
pub(crate) fn data_until<R>(buckets: &[Bucket<R>]) -> Option<i64> {
    buckets.iter().filter(|bucket| !bucket.rows.is_empty()).map(|bucket| bucket.until).max()
}

/// The kinds of a model's tokens that there were any of.
pub(crate) fn tokens<const N: usize>(
    model: Option<&str>,
    day: Day,
    kinds: [(&'static str, Option<u64>); N],
) -> impl Iterator<Item = Tokens> + use<N> {
    let model: Arc<str> = model.unwrap_or(OTHER).into();
    let counts =
        kinds.into_iter().filter_map(|(kind, count)| Some((kind, count.filter(|count| *count > 0)?)));
    counts.map(move |(kind, count)| Tokens { model: Arc::clone(&model), kind: kind.into(), day, count })
}

impl Moment {
    fn timestamp(self, operation: &str) -> Result<Timestamp, FetchError> {
        match self {
            Self::Text(time) => Ok(time),
            Self::Seconds(seconds) => Timestamp::from_second(seconds)
                .map_err(|_outside| FetchError::malformed(format!("{operation}: {seconds} is no time"))),
        }
    }
}
