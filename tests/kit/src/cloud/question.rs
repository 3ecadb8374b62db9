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

/// A GET as a double gets it.
#[cfg(test)]
pub(super) fn asked(path_and_query: &str, headers: &[(&str, &str)]) -> Request {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    Request {
        time: jiff::Timestamp::UNIX_EPOCH,
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: hyper::body::Bytes::new(),
    }
}

/// The status and the body of an answer.
#[cfg(test)]
pub(super) fn replied(answer: crate::web::Answer) -> (u16, String) {
    match answer {
        crate::web::Answer::Reply(reply) => (reply.status, String::from_utf8_lossy(&reply.body).into_owned()),
        other => panic!("no reply: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_taken_apart_strictly() {
        let of = |query: &str| Question::of(&asked(&format!("/?{query}"), &[]), &["a", "b[]", "page"]);
        for wrong in ["c=1", "a=1&a=2", "a=1&c=2"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        let question = of("a=5&b%5B%5D=x&b[]=y").unwrap();
        assert_eq!((question.get("a"), question.get("page")), (Some("5"), None));
        assert_eq!(question.all("b[]"), ["x", "y"]);
        assert_eq!(question.number("a", 1, 1..=9).unwrap(), 5);
        assert_eq!(question.number("page", 3, 1..=9).unwrap(), 3);
        assert!(question.number("a", 1, 1..=4).is_err());
        assert_eq!(question.required::<u8>("a").unwrap(), 5);
        assert!(question.required::<u8>("page").is_err());
    }

    #[test]
    fn a_token_is_good_for_its_own_query() {
        let of = |query: &str| Question::of(&asked(&format!("/?{query}"), &[]), &["a", "page"]).unwrap();
        let all = [1, 2, 3];
        let first = of("a=1");
        let (part, next) = first.part(&all, 2).unwrap();
        assert_eq!(part, [1, 2]);
        let token = next.unwrap();
        let second = of(&format!("a=1&page={token}"));
        assert_eq!(second.part(&all, 2).unwrap(), (&all[2..], None));
        assert!(of(&format!("a=2&page={token}")).part(&all, 2).is_err());
    }
}
