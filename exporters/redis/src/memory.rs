//! What is remembered of a target's answers from scrape to scrape, because one answer alone does not tell it.

use std::collections::HashSet;

use tokio::time::Instant;

use crate::collectors::{Show, SlowCounts, observe_slowlog};
use crate::gather::Answers;
use crate::info::Info;

/// Most kinds of errors with a series of their own. A script can make up any number of them; Redis 7.2 and later stop
/// at 128 too.
const MAX_ERRORS: usize = 128;

/// What stands for all names beyond a limit.
pub const OTHER: &str = "__other__";

/// What is remembered.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The slow log's entries by command.
    pub slow: SlowCounts,
    /// The kinds of errors that have a series of their own: the first that were seen, so that none comes and goes.
    pub errors: Names,
}

/// The first names that were seen, up to [`MAX_ERRORS`].
#[derive(Clone, Debug, Default)]
pub struct Names {
    known: HashSet<String>,
}

impl Memory {
    /// Takes in the answers of one scrape.
    pub fn observe(&mut self, info: &Info<'_>, answers: &Answers, show: &Show, now: Instant) {
        for (error, _) in info.with_prefix("errorstat_") {
            self.errors.note(error);
        }
        if show.slowlog_entries {
            observe_slowlog(&mut self.slow, info, answers, now);
        }
    }
}

impl Names {
    /// Whether the name is one of the first.
    pub fn contains(&self, name: &str) -> bool {
        self.known.contains(name)
    }

    fn note(&mut self, name: &str) {
        if self.known.len() < MAX_ERRORS && !self.known.contains(name) {
            self.known.insert(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_names_stay() {
        let mut names = Names::default();
        for number in 0..1000 {
            names.note(&format!("E{number}"));
        }
        names.note("A");
        let found = ["E0", "E127", "E128", "A"].map(|name| names.contains(name));
        assert_eq!(found, [true, true, false, false]);
    }
}
