//! Why a provider was not heard: a closed list of reasons, each with a sentence.

use std::time::Duration;

/// A provider could not be read; what it said before stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", reason.as_str())]
pub struct FetchError {
    /// What kind of failure.
    pub reason: Reason,
    /// What happened, in a sentence without secrets.
    pub message: String,
    /// How long the provider asks us to wait.
    pub retry_after: Option<Duration>,
}

/// Why a provider could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The key is unknown, or it is of the wrong kind (401).
    Unauthorized,
    /// The key may not do this (403).
    Forbidden,
    /// Too many requests (429).
    RateLimited,
    /// The provider is broken (5xx).
    ServerError,
    /// The provider takes our request for wrong (other statuses), or says so in an answer that looks like a success.
    Refused,
    /// No answer in time.
    Timeout,
    /// No connection.
    Connect,
    /// The server's certificate is not trusted.
    Tls,
    /// The answer broke off.
    Broken,
    /// The answer is longer than it can be.
    TooLarge,
    /// The answer is not what it is documented to be.
    Malformed,
    /// Pages without end: the same token twice, or more pages than there can be.
    Paging,
    /// The data is not complete yet: a manifest names files that are not there.
    Incomplete,
    /// The month's paid requests are used up.
    Capped,
    /// Our key cannot be read.
    Secret,
    /// A file of the provider's data cannot be read.
    File,
    /// Our own fault: the store fails, or a refresh broke off.
    Internal,
}

impl FetchError {
    /// `message` is a sentence without secrets.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), retry_after: None }
    }

    /// The answer is not what it is documented to be.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(Reason::Malformed, message)
    }
}

impl From<toolkit::config::SecretError> for FetchError {
    fn from(error: toolkit::config::SecretError) -> Self {
        Self::new(Reason::Secret, toolkit::chain::chain(&error))
    }
}

impl From<crate::money::MoneyError> for FetchError {
    fn from(error: crate::money::MoneyError) -> Self {
        Self::malformed(error.to_string())
    }
}

impl From<crate::store::StoreError> for FetchError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::new(Reason::Internal, error.to_string())
    }
}

impl Reason {
    /// All there are.
    pub const ALL: [Self; 17] = [
        Self::Unauthorized,
        Self::Forbidden,
        Self::RateLimited,
        Self::ServerError,
        Self::Refused,
        Self::Timeout,
        Self::Connect,
        Self::Tls,
        Self::Broken,
        Self::TooLarge,
        Self::Malformed,
        Self::Paging,
        Self::Incomplete,
        Self::Capped,
        Self::Secret,
        Self::File,
        Self::Internal,
    ];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Broken => "broken",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Paging => "paging",
            Self::Incomplete => "incomplete",
            Self::Capped => "capped",
            Self::Secret => "secret",
            Self::File => "file",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request may succeed in a moment.
    pub(super) fn may_pass(self) -> bool {
        matches!(self, Self::RateLimited | Self::ServerError | Self::Timeout | Self::Connect | Self::Broken)
    }

    /// Whether the provider surely did no work for us, so that it charges nothing and may be asked again.
    pub(super) fn is_surely_free(self) -> bool {
        matches!(self, Self::RateLimited | Self::ServerError | Self::Connect)
    }
}
