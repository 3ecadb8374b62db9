//! Tokens that are given for a key and are good for an hour; each refresh asks for its own.

use serde::Deserialize;
use toolkit::config::Secret;

use crate::http::{FetchError, Reason, Request};

/// An answer has some KiB.
const LIMIT: u64 = 256 << 10;

/// What comes back.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
}

/// Sends a request for a token.
pub(crate) async fn token(request: Request) -> Result<Secret, FetchError> {
    let answer = request.limit(LIMIT).send().await.map_err(|mut error| {
        // RFC 6749 says with 400 too that the key is not good
        if error.reason == Reason::Refused {
            error.reason = Reason::Unauthorized;
        }
        error
    })?;
    // serde's own words may quote the answer, and it holds a token
    let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_hidden| {
        FetchError::malformed(format!("{}: the answer holds no token", answer.operation))
    })?;
    Ok(Secret::from(granted.access_token))
}
