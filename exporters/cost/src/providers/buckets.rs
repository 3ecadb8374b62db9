//! Reports that come as days with rows, in pages: OpenAI's and Anthropic's have the same shape.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::pages::Pages;
use crate::calendar::{Calendar, Day};
use crate::http::{FetchError, Request};
use crate::window::Window;

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

/// Reads all pages of a report; `ask` makes the request without its page.
pub(crate) async fn read<R: DeserializeOwned>(
    operation: &'static str,
    window: &Window,
    ask: impl Fn() -> Request,
) -> Result<Vec<Bucket<R>>, FetchError> {
    let mut buckets = Vec::new();
    let mut pages = Pages::of(operation);
    let mut next: Option<String> = None;
    loop {
        let request = match &next {
            None => ask(),
            Some(token) => ask().query("page", token),
        };
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

impl Moment {
    fn timestamp(self, operation: &str) -> Result<Timestamp, FetchError> {
        match self {
            Self::Text(time) => Ok(time),
            Self::Seconds(seconds) => Timestamp::from_second(seconds)
                .map_err(|_outside| FetchError::malformed(format!("{operation}: {seconds} is no time"))),
        }
    }
}
