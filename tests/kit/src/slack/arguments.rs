//! The arguments of a Web API call: JSON, a form, or a query.

use serde_json::{Map, Value};

use crate::http::form_pairs;
use crate::web::Request;

/// Arguments that carry JSON inside a form.
const NESTED: [&str; 3] = ["blocks", "attachments", "metadata"];

pub(super) struct Arguments {
    pub(super) map: Map<String, Value>,
    /// JSON came without `charset=utf-8`, about which Slack warns.
    pub(super) missing_charset: bool,
}

/// Reads the arguments, or says which error Slack would answer.
pub(super) fn read(request: &Request) -> Result<Arguments, &'static str> {
    let content_type = request.header("content-type");
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let from_form = |form: &str| {
        let map = form_pairs(form).into_iter().map(|(key, value)| {
            let nested = NESTED.contains(&key.as_str()).then(|| serde_json::from_str(&value).ok()).flatten();
            (key, nested.unwrap_or(Value::String(value)))
        });
        Arguments { map: map.collect(), missing_charset: false }
    };
    match (request.method.as_str(), kind.as_str()) {
        ("GET", _) => Ok(from_form(&request.query)),
        (_, _) if request.body.is_empty() => Ok(from_form(&request.query)),
        (_, "application/json") => {
            let charset = content_type.to_ascii_lowercase();
            if charset.contains("charset") && !charset.contains("utf-8") {
                return Err("invalid_charset");
            }
            match serde_json::from_slice(&request.body) {
                Ok(Value::Object(map)) => {
                    Ok(Arguments { map, missing_charset: !charset.contains("charset") })
                }
                Ok(_) => Err("json_not_object"),
                Err(_) => Err("invalid_json"),
            }
        }
        (_, "application/x-www-form-urlencoded") => Ok(from_form(&request.text())),
        (_, "") => Err("missing_post_type"),
        _ => Err("invalid_post_type"),
    }
}

/// The arguments for the transcript: whatever can be read of them, and no token.
pub(super) fn shown(request: &Request) -> Value {
    match read(request) {
        Ok(mut arguments) => {
            arguments.map.remove("token");
            match arguments.map.get("payload").and_then(Value::as_str).map(serde_json::from_str) {
                Some(Ok(payload)) => payload,
                _ => Value::Object(arguments.map),
            }
        }
        Err(_) => serde_json::from_slice(&request.body).unwrap_or_else(|_| request.text().into()),
    }
}

impl Arguments {
    pub(super) fn text(&self, key: &str) -> &str {
        self.map.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        match self.map.get(key) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text == "true" || text == "1",
            Some(Value::Number(number)) => number.as_u64() == Some(1),
            _ => false,
        }
    }

    pub(super) fn number(&self, key: &str) -> Option<usize> {
        match self.map.get(key)? {
            Value::Number(number) => usize::try_from(number.as_u64()?).ok(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A list, whether sent as JSON or as JSON in a string; `None` if the argument is not there.
    pub(super) fn list(&self, key: &str) -> Option<Result<Vec<Value>, ()>> {
        match self.map.get(key)? {
            Value::Array(list) => Some(Ok(list.clone())),
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(serde_json::from_str(text).map_err(drop)),
            _ => Some(Err(())),
        }
    }
}
