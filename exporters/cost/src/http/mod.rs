//! How providers are asked: one HTTP client for all, retries by class, and nobody is asked more often than allowed.
//!
//! Invariants: a redirect is never followed, so that a key goes nowhere else; no failure's text holds what was sent in
//! secret; a paid request is counted on disk before it leaves, and repeated only when it surely was not served.

mod answer;
mod error;
mod ledger;
mod request;
#[cfg(test)]
mod tests;
mod url;

use std::time::Duration;

use reqwest::{Client, Method, redirect};
use tokio::time::Instant;

use crate::money::Money;

pub use answer::{Answer, Stream};
pub use error::{FetchError, Reason};
pub use ledger::{Ledger, Meter};
pub use request::{Request, Unsigned};
pub use url::{BaseUrl, encode};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a whole refresh may take when nobody says otherwise.
const USUAL_DEADLINE: Duration = Duration::from_mins(5);

/// The pause before the second attempt when nobody names one; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Idle connections to a host are closed soon: the next refresh is minutes or hours away.
const IDLE: Duration = Duration::from_secs(15);

/// A provider's way out. Clones share connections and counts.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    ledger: Ledger,
    meter: Meter,
    deadline: Instant,
    /// The pause before the second attempt when nobody names one; it doubles each time.
    first_pause: Duration,
}

impl Http {
    /// One that counts nothing on disk and has five minutes, as tests of providers want it.
    ///
    /// # Errors
    /// The machine's certificates cannot be used.
    pub fn new() -> Result<Self, FetchError> {
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .user_agent(concat!("watchfire-cost-exporter/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| FetchError::new(Reason::Tls, request::told(&error)))?;
        let deadline = Instant::now() + USUAL_DEADLINE;
        let first_pause = FIRST_PAUSE;
        Ok(Self { client, ledger: Ledger::none(), meter: Meter::default(), deadline, first_pause })
    }

    /// One that hardly pauses between attempts.
    #[cfg(test)]
    pub(crate) fn hurried() -> Self {
        Self { first_pause: Duration::from_millis(1), ..Self::new().unwrap() }
    }

    /// The same connections for one refresh of one provider.
    #[must_use]
    pub fn for_refresh(&self, ledger: Ledger, meter: Meter, deadline: Instant) -> Self {
        Self { ledger, meter, deadline, ..self.clone() }
    }

    /// A GET; `operation` names it in metrics and errors: `costs`, `list_services`.
    pub fn get(&self, operation: &'static str, url: &str) -> Request {
        Request::new(self.clone(), operation, Method::GET, url)
    }

    /// A POST.
    pub fn post(&self, operation: &'static str, url: &str) -> Request {
        Request::new(self.clone(), operation, Method::POST, url)
    }

    /// Any other method.
    pub fn request(&self, method: Method, operation: &'static str, url: &str) -> Request {
        Request::new(self.clone(), operation, method, url)
    }

    /// Notes what a request turned out to cost, where that is known only afterwards (bytes that a query read).
    ///
    /// # Errors
    /// It cannot be written down.
    pub async fn cost(&self, price: Money) -> Result<(), FetchError> {
        self.ledger.add(price).await
    }

    /// When the refresh has to be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}
