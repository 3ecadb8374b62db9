//! `payload` of a webhook: any YAML, whose texts are templates, sent as JSON instead of Alertmanager's own body.
//!
//! As in Alertmanager a text that was rendered is read as YAML again: what then is a number, a list or a map takes its place.

use gotemplate::{Error, Value as Data};
use serde_json::{Map, Value};
use toolkit::config::{Document, Item, Kind};

use super::lints::Lints;
use super::texts::Texts;
use crate::template::Text;

/// The body of a webhook in the user's own form.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomPayload(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Null,
    /// What is no string, and therefore no template.
    Scalar(Value),
    Text(Text),
    List(Vec<Self>),
    /// The keys are templates, too.
    Map(Vec<(Text, Self)>),
}

impl CustomPayload {
    pub(super) fn decode(item: &Item<'_>, texts: &Texts, lints: &mut Lints) -> Option<Self> {
        node(item, texts, lints).map(Self)
    }

    /// The body.
    ///
    /// # Errors
    /// The first text that cannot be rendered, in Go's words.
    pub fn render(&self, data: &Data) -> Result<Value, Error> {
        render(&self.0, data)
    }
}

/// The file's reader bounds how deep this goes.
fn node(item: &Item<'_>, texts: &Texts, lints: &mut Lints) -> Option<Node> {
    Some(match item.kind() {
        Kind::Null => Node::Null,
        Kind::List => Node::List(item.list(|item| node(&item, texts, lints))),
        Kind::Map => Node::Map(item.map(|key, item| {
            let value = node(&item, texts, lints)?;
            Some((texts.key(key, &item)?, value))
        })),
        Kind::Text => match item.string()? {
            text if text.is_empty() => Node::Text(Text::plain("")),
            text if item.is_plain() && !matches!(scalar(&text), Value::String(_)) => {
                Node::Scalar(scalar(&text))
            }
            _ => Node::Text(texts.item(item, "payload", lints)?),
        },
    })
}

fn render(node: &Node, data: &Data) -> Result<Value, Error> {
    Ok(match node {
        Node::Null => Value::Null,
        Node::Scalar(value) => value.clone(),
        Node::Text(text) => reread(text.render(data)?),
        Node::List(nodes) => {
            Value::Array(nodes.iter().map(|node| render(node, data)).collect::<Result<_, _>>()?)
        }
        Node::Map(entries) => {
            let mut map = Map::new();
            for (key, node) in entries {
                map.insert(key.render(data)?, render(node, data)?);
            }
            Value::Object(map)
        }
    })
}

/// What a rendered text is as YAML; a text that is none, or only a text, is itself.
fn reread(text: String) -> Value {
    let document = Document::parse("payload", &format!("- {}", text.replace('\n', "\n  ")));
    let read = document.ok().and_then(|document| document.decode_list(|item| Some(value(&item))).ok());
    match read.and_then(|values| values.into_iter().next()) {
        None | Some(Value::String(_)) => Value::String(text),
        Some(other) => other,
    }
}

fn value(item: &Item<'_>) -> Value {
    match item.kind() {
        Kind::Null => Value::Null,
        Kind::List => Value::Array(item.list(|item| Some(value(&item)))),
        Kind::Map => {
            Value::Object(item.map(|key, item| Some((key.to_owned(), value(&item)))).into_iter().collect())
        }
        Kind::Text => {
            let text = item.string().unwrap_or_default();
            if item.is_plain() { scalar(&text) } else { Value::String(text) }
        }
    }
}

/// What an unquoted word is in YAML 1.1, as Go's library reads it.
fn scalar(text: &str) -> Value {
    match text {
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.replace('_', "");
    let (sign, unsigned) = match digits.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let based = [("0x", 16), ("0b", 2), ("0o", 8)]
        .into_iter()
        .find_map(|(prefix, base)| Some((unsigned.strip_prefix(prefix)?, base)));
    let (number, base) = based.unwrap_or((unsigned, 10));
    if number.starts_with(|digit: char| digit.is_ascii_alphanumeric())
        && let Ok(number) = i64::from_str_radix(number, base)
    {
        return Value::from(sign * number);
    }
    let float = unsigned.starts_with(|digit: char| digit.is_ascii_digit() || digit == '.');
    match digits.parse::<f64>().ok().filter(|number| float && number.is_finite()) {
        Some(number) => Value::from(number),
        None => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rendered_texts_are_read_again() {
        for (text, expected) in [
            ("5", json!(5)),
            ("-0x1f", json!(-31)),
            ("1.5", json!(1.5)),
            ("true", json!(true)),
            ("yes it is", json!("yes it is")),
            ("null", Value::Null),
            (r#"{"a": "5", "b": [1, "x"]}"#, json!({ "a": "5", "b": [1, "x"] })),
            ("a: 1\nb: 2", json!({ "a": 1, "b": 2 })),
            ("2026-01-02", json!("2026-01-02")),
            ("v1.2.3", json!("v1.2.3")),
            ("", Value::Null),
            ("[unclosed", json!("[unclosed")),
            ("'quoted'", json!("'quoted'")),
        ] {
            assert_eq!(reread(text.to_owned()), expected, "{text}");
        }
    }
}
