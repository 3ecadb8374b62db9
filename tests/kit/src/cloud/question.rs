//! What a request asks for, taken apart strictly: a parameter that nobody knows, or that comes twice, is refused.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;

use crate::http::form_pairs;
use crate::web::Request;

/// Why a double does not do what it is asked for: status and sentence; the provider's own form is put around it.
#[derive(Debug)]
pub(super) struct Refused(pub(super) u16, pub(super) String);

/// The parameters of a query.
#[derive(Debug)]
pub(super) struct Question {
    pairs: Vec<(String, String)>,
}

impl Question {
    /// The parameters of a request that has only these; names that end in `[]` may come more than once.
    pub(super) fn of(request: &Request, known: &[&str]) -> Result<Self, Refused> {
        let pairs = form_pairs(&request.query);
        for (at, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(Refused(400, format!("unknown parameter: {name}")));
            }
            let again = pairs.iter().skip(at + 1).any(|(other, _)| other == name);
            if again && !name.ends_with("[]") {
                return Err(Refused(400, format!("{name} comes more than once")));
            }
        }
        Ok(Self { pairs })
    }

    /// The value of a parameter that may be there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of one that must be there, read.
    pub(super) fn required<T: std::str::FromStr>(&self, name: &str) -> Result<T, Refused> {
        let value = self.get(name).ok_or_else(|| Refused(400, format!("missing parameter: {name}")))?;
        value.parse().map_err(|_| Refused(400, format!("invalid {name}")))
    }

    /// All values of a parameter.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// A number within bounds.
    pub(super) fn number(
        &self,
        name: &str,
        default: usize,
        bounds: RangeInclusive<usize>,
    ) -> Result<usize, Refused> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .parse()
                .ok()
                .filter(|number| bounds.contains(number))
                .ok_or_else(|| Refused(400, format!("{name} must be in {bounds:?}"))),
        }
    }

    /// The part of a list that the parameter `page` asks for, and the token of the next part. A token is good for the
    /// query it was given to, and for no other.
    pub(super) fn part<'a, T>(
        &self,
        all: &'a [T],
        limit: usize,
    ) -> Result<(&'a [T], Option<String>), Refused> {
        let mut hasher = DefaultHasher::new();
        self.pairs.iter().filter(|(name, _)| name != "page").for_each(|pair| pair.hash(&mut hasher));
        let prefix = format!("page_{:016x}_", hasher.finish());
        let start: usize = match self.get("page") {
            None => 0,
            Some(token) => token
                .strip_prefix(&prefix)
                .and_then(|at| at.parse().ok())
                .ok_or_else(|| Refused(400, "page: this token belongs to another query".to_owned()))?,
        };
        let end = start.saturating_add(limit).min(all.len());
        let next = (end < all.len()).then(|| format!("{prefix}{end}"));
        Ok((all.get(start..end).unwrap_or_default(), next))
    }
}

/// A text in JSON, or `null`.
pub(super) fn quoted(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), |text| serde_json::Value::from(text).to_string())
}
