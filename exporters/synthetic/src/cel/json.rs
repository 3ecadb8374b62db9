//! From JSON to values.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Key, Value};

/// Reads a text of JSON as Go's library does: all numbers are `double`, the last of two equal keys counts, and bytes
/// that are no UTF-8 are replaced. Nesting beyond 128 is refused, as is a number beyond what a `double` can be.
pub fn from_json(bytes: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(bytes);
    let json: Json = serde_json::from_str(&text).ok()?;
    Some(value(json))
}

fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(value) => Value::Double(value.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::String(text.into()),
        Json::Array(elements) => Value::List(elements.into_iter().map(value).collect()),
        Json::Object(entries) => {
            let entries = entries.into_iter().map(|(key, json)| (Key::String(key.into()), value(json)));
            Value::Map(Arc::new(entries.collect()))
        }
    }
}
