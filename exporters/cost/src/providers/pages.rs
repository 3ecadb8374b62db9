//! Lists that come in pages.

use std::collections::HashSet;
use std::fmt::Display;

use crate::http::{FetchError, Reason};

/// Pages of one list: far more than a year of days has.
const MAX_PAGES: usize = 1_000;

/// Follows the pages of one list, and ends with an error where they do not end.
#[derive(Debug)]
pub(crate) struct Pages {
    operation: &'static str,
    seen: HashSet<String>,
}

impl Pages {
    /// Nothing was read yet.
    pub(crate) fn of(operation: &'static str) -> Self {
        Self { operation, seen: HashSet::new() }
    }

    /// What to ask for after a page that named this token; none after the last one. A page may be empty and still name
    /// another.
    pub(crate) fn next(&mut self, token: Option<String>) -> Result<Option<String>, FetchError> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        if !self.seen.insert(token.clone()) {
            return Err(self.endless("the same page comes again"));
        }
        if self.seen.len() >= MAX_PAGES {
            return Err(too_many(self.operation, MAX_PAGES));
        }
        Ok(Some(token))
    }

    /// The same for lists that say apart from the token whether there is more.
    pub(crate) fn next_if(
        &mut self,
        has_more: bool,
        token: Option<String>,
    ) -> Result<Option<String>, FetchError> {
        if !has_more {
            return Ok(None);
        }
        match self.next(token)? {
            None => Err(self.endless("there is more, and no word of where")),
            next => Ok(next),
        }
    }

    fn endless(&self, what: &str) -> FetchError {
        FetchError::new(Reason::Paging, format!("{}: {what}", self.operation))
    }
}

/// A list has more pages than it can have.
pub(crate) fn too_many(operation: &str, most: impl Display) -> FetchError {
    FetchError::new(Reason::Paging, format!("{operation}: there are more than {most} pages"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_or_is_refused() {
        let token = |text: &str| Some(text.to_owned());
        let mut pages = Pages::of("costs");
        assert_eq!(pages.next(token("a")), Ok(token("a")));
        assert_eq!(pages.next_if(true, token("b")), Ok(token("b")));
        assert_eq!(pages.next_if(false, token("c")), Ok(None));
        assert_eq!((pages.next(None), pages.next(token(""))), (Ok(None), Ok(None)));
        let error = pages.next(token("a")).unwrap_err();
        assert_eq!(
            (error.reason, error.message.as_str()),
            (Reason::Paging, "costs: the same page comes again")
        );
        assert_eq!(pages.next_if(true, None).unwrap_err().reason, Reason::Paging);
        let endless = (0..).find_map(|number| pages.next(Some(format!("{number}"))).err()).unwrap();
        assert_eq!(endless.message, "costs: there are more than 1000 pages");
    }
}
