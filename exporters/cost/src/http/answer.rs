//! What came back.

use reqwest::Response;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::request::failure;
use super::{FetchError, Reason};

/// A whole answer with a status of success.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Which operation it answers.
    pub operation: &'static str,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer with a status of success, read piece by piece.
#[derive(Debug)]
pub struct Stream {
    pub(super) operation: &'static str,
    pub(super) response: Response,
    pub(super) left: u64,
    pub(super) deadline: Instant,
}

impl Answer {
    /// A header's value, or "".
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is no JSON, or not what is expected.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, FetchError> {
        // serde_json names what it expected and where, and may quote a word or a number of the body; keys of ours are
        // in no body
        serde_json::from_slice(&self.body)
            .map_err(|error| FetchError::malformed(format!("{}: {error}", self.operation)))
    }

    /// The body as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self) -> Result<&str, FetchError> {
        std::str::from_utf8(&self.body)
            .map_err(|_invalid| FetchError::malformed(format!("{}: the answer is no text", self.operation)))
    }
}

impl Stream {
    /// A header's value, or "".
    pub fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The next piece, or none at the end.
    ///
    /// # Errors
    /// It broke off, took too long, or is longer than allowed.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, FetchError> {
        let read = timeout_at(self.deadline, self.response.chunk()).await;
        let piece = match read {
            Ok(Ok(piece)) => piece,
            Ok(Err(error)) => return Err(failure(self.operation, &error)),
            Err(_elapsed) => {
                let message = format!("{}: the answer did not end in time", self.operation);
                return Err(FetchError::new(Reason::Timeout, message));
            }
        };
        let Some(piece) = piece else { return Ok(None) };
        let left = self.left.checked_sub(piece.len() as u64);
        self.left = left.ok_or_else(|| {
            FetchError::new(Reason::TooLarge, format!("{}: the answer is too long", self.operation))
        })?;
        Ok(Some(piece.into()))
    }
}
