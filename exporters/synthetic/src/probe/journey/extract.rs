//! `extract`: what a step takes from its answer, for the steps behind it.

use hyper::header::{HeaderMap, HeaderName};
use serde_json::Value as Json;
use toolkit::config::{Fields, Item};
use toolkit::regexp::{self, Regex};

use super::values::{Origin, Value};
use crate::outcome::Failed;
use crate::probe::http::{Along, Last};
use crate::reason::Reason;

/// Bytes of a body that are looked through.
pub(super) const MAX_BODY: usize = 1 << 20;

/// Bytes of what is taken: tokens and URLs are shorter.
const MAX_VALUE: usize = 8 << 10;

/// Where something is taken from.
#[derive(Clone, Debug)]
pub(crate) struct Extract {
    from: From,
    /// What is looked for there, and which group of it is taken.
    pattern: Option<(Regex, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum From {
    /// The body as text.
    Body,
    /// A place in the body as JSON, in the words of RFC 6901.
    Json(String),
    Header(HeaderName),
    /// The cookie of this name that was set last.
    Cookie(String),
}

impl Extract {
    /// Reads an entry.
    pub(super) fn decode(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let pattern = fields.parsed("regexp", regexp::compile);
        let group = fields.integer("group", 0..=99);
        let json = fields.parsed("json", pointer);
        let header = fields.parsed("header", |text| {
            HeaderName::from_bytes(text.as_bytes())
                .map_err(|_invalid| format!("{text:?} is no header's name"))
        });
        let cookie = fields.string("cookie").filter(|name| !name.is_empty());
        let pattern = pattern.map(|regex| group_of(regex, group, &fields));
        let has = |key: &str| fields.has(key);
        let places = ["json", "header", "cookie"].into_iter().filter(|key| has(key)).count();
        if places > 1 {
            item.problem("one of `json`, `header` and `cookie` says where it is");
        }
        if places == 0 && !has("regexp") {
            item.problem("what is taken is `json`, `header`, `cookie`, or `regexp` on the body");
            return None;
        }
        if group.is_some() && !has("regexp") {
            fields.problem("group", "`group` is one of a `regexp`");
        }
        let from = None
            .or_else(|| json.map(From::Json))
            .or_else(|| header.map(From::Header))
            .or_else(|| cookie.map(From::Cookie))
            .unwrap_or(From::Body);
        Some(Self { from, pattern })
    }

    /// Takes it; what is absent or empty fails with [`Reason::StepExtract`]. The message shows nothing of the answer.
    pub(super) fn take(&self, name: &str, last: &Last, along: &Along) -> Result<Value, Failed> {
        let failed = |why: &str| Failed::new("check", Reason::StepExtract, format!("`{name}`: {why}"));
        let (text, json) = match &self.from {
            From::Body => (self.found(&String::from_utf8_lossy(&last.body.kept)), None),
            From::Json(pointer) => {
                if !last.body.is_whole() {
                    let message = format!(
                        "`{name}`: the body is longer than the {MAX_BODY} bytes that are looked through"
                    );
                    return Err(Failed::new("check", Reason::BodyTooLarge, message));
                }
                let body: Json = serde_json::from_slice(&last.body.kept)
                    .map_err(|_invalid| failed("the body is not JSON"))?;
                let found = body.pointer(pointer).filter(|found| !found.is_null());
                match found {
                    Some(Json::String(text)) => (self.found(text), None),
                    Some(other) => {
                        let typed = self.pattern.is_none().then(|| other.clone());
                        (self.found(&other.to_string()), typed)
                    }
                    None => (None, None),
                }
            }
            From::Header(header) => (self.in_headers(&last.headers, header), None),
            From::Cookie(cookie) => (along.jar.newest(cookie).and_then(|value| self.found(value)), None),
        };
        let text =
            text.filter(|text| !text.is_empty()).ok_or_else(|| failed("the answer does not have it"))?;
        if text.len() > MAX_VALUE {
            return Err(failed("it is longer than 8 KiB"));
        }
        Ok(Value { text: text.into(), json, origin: Origin::Answer })
    }

    /// What is taken of a text.
    fn found(&self, text: &str) -> Option<String> {
        let Some((regex, group)) = &self.pattern else { return Some(text.to_owned()) };
        Some(regex.captures(text)?.get(*group)?.as_str().to_owned())
    }

    /// The first header of this name that has it.
    fn in_headers(&self, headers: &HeaderMap, name: &HeaderName) -> Option<String> {
        let mut values = headers.get_all(name).iter();
        values.find_map(|value| self.found(&String::from_utf8_lossy(value.as_bytes())))
    }
}

/// The group that is taken: the first, or all of the match where there is none.
fn group_of(regex: Regex, wanted: Option<i64>, fields: &Fields<'_>) -> (Regex, usize) {
    let groups = regex.captures_len() - 1;
    let group = wanted.map_or_else(|| groups.min(1), |group| usize::try_from(group).unwrap_or_default());
    if group > groups {
        fields.problem("group", format!("the pattern has {groups} groups"));
    }
    (regex, group)
}

fn pointer(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err("expected a JSON pointer such as /items/0/id")
    }
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn extract(text: &str) -> Result<Extract, String> {
        let document = Document::parse("x.yml", text).unwrap();
        let decoded = document.decode(|mut fields| fields.item("x").and_then(|item| Extract::decode(&item)));
        decoded.map(Option::unwrap).map_err(|error| error.to_string())
    }

    fn take(text: &str, body: &str) -> Result<(String, Option<Json>), Reason> {
        let mut headers = HeaderMap::new();
        headers.append("x-id", "a=1".parse().unwrap());
        headers.append("x-id", "b=2".parse().unwrap());
        let last = Last::of(headers, body, 200);
        let value = extract(text).unwrap().take("n", &last, &Along::default());
        value.map(|value| (value.text.expose().to_owned(), value.json)).map_err(|failed| {
            assert!(!failed.message.contains("canary"), "{}", failed.message);
            failed.reason
        })
    }

    #[test]
    fn what_is_taken_and_what_is_absent() {
        let json = r#"{"a/b": [{"id": 17, "name": "x\"y", "no": null, "canary": "", "map": {"c": true}}]}"#;
        let text = |text: &str| Ok((text.to_owned(), None));
        let absent = Err(Reason::StepExtract);
        for (entry, body, expected) in [
            ("x: {json: /a~1b/0/name}", json, text("x\"y")),
            ("x: {json: /a~1b/0/id}", json, Ok(("17".to_owned(), Some(17.into())))),
            ("x: {json: /a~1b/0/id, regexp: '^.'}", json, text("1")),
            (
                "x: {json: /a~1b/0/map}",
                json,
                Ok((r#"{"c":true}"#.to_owned(), Some(serde_json::json!({"c": true})))),
            ),
            ("x: {json: /a~1b/0/no}", json, absent.clone()),
            ("x: {json: /a~1b/0/canary}", json, absent.clone()),
            ("x: {json: /a~1b/1}", json, absent.clone()),
            ("x: {json: ''}", "7", Ok(("7".to_owned(), Some(7.into())))),
            ("x: {json: /a}", "canary", absent.clone()),
            ("x: {regexp: 'value=\"([^\"]*)\"'}", "<x value=\"abc\">", text("abc")),
            ("x: {regexp: 'value=\"([^\"]*)\"'}", "<x value=\"\">", absent.clone()),
            ("x: {regexp: 'v=(a)|w=(b)', group: 2}", "w=b", text("b")),
            ("x: {regexp: 'v=(a)|w=(b)'}", "w=b", absent.clone()),
            ("x: {regexp: '[0-9]+'}", "a 42 b", text("42")),
            ("x: {regexp: '([0-9])+', group: 0}", "a 42 b", text("42")),
            ("x: {regexp: none}", "canary", absent.clone()),
            ("x: {header: X-Id}", "", text("a=1")),
            ("x: {header: X-Id, regexp: 'b=(.*)'}", "", text("2")),
            ("x: {header: X-Other}", "", absent.clone()),
            ("x: {cookie: sid}", "", absent),
        ] {
            assert_eq!(take(entry, body), expected, "{entry}");
        }
        assert_eq!(take("x: {json: /a}", &format!("\"{}\"", "a".repeat(300))), Err(Reason::BodyTooLarge));
    }

    #[test]
    fn what_is_no_place_is_told() {
        for (text, expected) in [
            ("x: {}", "what is taken is"),
            ("x: {json: /a, header: b}", "one of `json`"),
            ("x: {json: a}", "expected a JSON pointer"),
            ("x: {header: 'a b'}", "no header's name"),
            ("x: {regexp: ':['}", "is not a valid regular expression"),
            ("x: {regexp: a, group: 1}", "the pattern has 0 groups"),
            ("x: {header: a, group: 1}", "is one of a `regexp`"),
            ("x: {jsn: a}", "did you mean `json`"),
        ] {
            let problem = extract(text).unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
