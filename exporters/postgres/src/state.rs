//! What became of a collector in a scrape: done, failed, not supported and not permitted are four things.

use crate::conn::{ConnError, Reason};

/// What became of a collector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It gave all it has.
    #[default]
    Done,
    /// The server does not have what it is about; no error.
    Unsupported(String),
    /// Our role may not.
    NotPermitted(String),
    /// It failed, at least in part.
    Failed(Reason, String),
}

impl State {
    /// The word for labels.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "ok",
            Self::Unsupported(_) => "unsupported",
            Self::NotPermitted(_) => "not_permitted",
            Self::Failed(..) => "failed",
        }
    }

    /// Whether it gave all that could be given: what a server does not have is no failure.
    pub fn succeeded(&self) -> bool {
        matches!(self, Self::Done | Self::Unsupported(_))
    }

    /// What an error of a query makes of a collector.
    pub fn of(error: &ConnError) -> Self {
        match error.reason() {
            Reason::Unsupported => Self::Unsupported(error.chain()),
            Reason::NotPermitted => Self::NotPermitted(error.chain()),
            reason => Self::Failed(reason, error.chain()),
        }
    }

    /// The state of both together: the worst, but something that is there outweighs something that is not supported.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let weight = |state: &Self| match state {
            Self::Unsupported(_) => 0,
            Self::Done => 1,
            Self::NotPermitted(_) => 2,
            Self::Failed(..) => 3,
        };
        if weight(&other) >= weight(&self) { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn together() {
        let unsupported = || State::Unsupported("x".to_owned());
        let denied = || State::NotPermitted("x".to_owned());
        for (one, other, expected) in [
            (State::Done, unsupported(), "ok"),
            (unsupported(), State::Done, "ok"),
            (unsupported(), unsupported(), "unsupported"),
            (denied(), State::Done, "not_permitted"),
            (denied(), State::Failed(Reason::Timeout, String::new()), "failed"),
        ] {
            assert_eq!(one.and(other).as_str(), expected);
        }
    }
}
