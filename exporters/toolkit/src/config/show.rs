//! A configuration for people to look at: YAML again, without what could be a secret.
//!
//! Rather too much is hidden than too little: nobody needs a password on a page.

use std::fmt::Write as _;

use super::document::Document;
use super::item::{Item, looks_secret};
use super::node::{Node, Value};
use super::redact::{is_secret_name, redact_url};

/// Bytes that are shown: more than any real file has, and an end for aliases of aliases.
const MAX_SHOWN: usize = 1 << 20;

/// Ends of keys that tell where a secret is, and not what it is.
const PLACES: [&str; 6] = ["_file", "_env", "_url", "_id", "_path", "_command"];

/// Maps that only sound like a secret: what is secret in them has a key that says so.
const SECTIONS: [&str; 3] = ["basic_auth", "authorization", "oauth2"];

/// Words with which one logs in, in protocols of lines.
const LOGINS: [&str; 4] = ["AUTH ", "PASS ", "LOGIN ", "OPER "];

/// What stands in a secret's place.
const HIDDEN: &str = "<secret>";

impl Document {
    /// The file's content.
    pub fn shown(&self) -> String {
        shown(self.root())
    }
}

impl Item<'_> {
    /// The value with all that is below it.
    pub fn shown(&self) -> String {
        shown(self.node())
    }
}

fn shown(node: &Node) -> String {
    let mut text = String::new();
    match &node.value {
        Value::Null => {}
        Value::Text(_) => {
            scalar(&mut text, node, false);
            text.push('\n');
        }
        Value::List(_) | Value::Map(_) => block(&mut text, node, 0, false),
    }
    if text.len() > MAX_SHOWN {
        let end = (0..=MAX_SHOWN).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push_str("\n# and more\n");
    }
    text
}

/// A map or a list, each of whose lines begins with `indent` spaces.
fn block(text: &mut String, node: &Node, indent: usize, secret: bool) {
    if text.len() > MAX_SHOWN {
        return;
    }
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                let secret = secret || hides(&entry.key, &entry.value);
                write!(text, "{:indent$}{}:", "", plain_or_quoted(&entry.key)).ok();
                below(text, &entry.value, indent + 2, secret);
            }
        }
        Value::List(items) => {
            for item in items {
                write!(text, "{:indent$}-", "").ok();
                below(text, item, indent + 2, secret);
            }
        }
        Value::Null | Value::Text(_) => {}
    }
}

/// What stands behind `key:` or `-`.
fn below(text: &mut String, node: &Node, indent: usize, secret: bool) {
    let empty = match &node.value {
        Value::Map(entries) => entries.is_empty().then_some(" {}\n"),
        Value::List(items) => items.is_empty().then_some(" []\n"),
        Value::Null => Some("\n"),
        Value::Text(_) => {
            text.push(' ');
            scalar(text, node, secret);
            text.push('\n');
            return;
        }
    };
    if let Some(empty) = empty {
        text.push_str(empty);
    } else {
        text.push('\n');
        block(text, node, indent, secret);
    }
}

fn scalar(text: &mut String, node: &Node, secret: bool) {
    let Value::Text(value) = &node.value else { return };
    if secret && !value.text.is_empty() || logs_in(&value.text) {
        text.push_str(HIDDEN);
        return;
    }
    let shown = redact_url(&value.text);
    if value.plain { text.push_str(&plain_or_quoted(&shown)) } else { text.push_str(&quoted(&shown)) }
}

fn hides(key: &str, node: &Node) -> bool {
    let key = key.to_ascii_lowercase();
    let place = PLACES.iter().any(|end| key.ends_with(end));
    let section = SECTIONS.contains(&key.as_str()) && matches!(node.value, Value::Map(_));
    looks_secret(&key) && !place && !section
}

/// Whether a text holds a password without a key that says so: a login of a script, a form or JSON that is sent.
fn logs_in(text: &str) -> bool {
    let login = LOGINS.iter().any(|word| {
        text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            && text.len() > word.len()
    });
    let lower = text.to_ascii_lowercase();
    // a body with several names and values; a single word is a regular expression, or a name
    login || (is_secret_name(&lower) && lower.contains(['=', ':']) && !lower.contains("://"))
}

fn plain_or_quoted(text: &str) -> String {
    let harmless = |character: char| character.is_alphanumeric() || "_./<>@%+()$-".contains(character);
    let begins = text.starts_with(|first: char| first.is_alphanumeric() || "_/<.-".contains(first));
    let is_plain = begins && text != "-" && !text.starts_with("- ") && text.chars().all(harmless);
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// In double quotes, with JSON's escapes, which are YAML's too.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other if other.is_control() => {
                write!(quoted, "\\u{:04x}", u32::from(other)).ok();
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let document = Document::parse("x.yml", text).unwrap();
        let shown = document.shown();
        assert_eq!(shown, expected);
        // it is YAML, and shows the same again
        assert_eq!(Document::parse("x.yml", &shown).unwrap().shown(), expected);
    }

    #[test]
    fn a_file_reads_as_it_was_without_secrets() {
        check("", "");
        check("a: 1\nb: [x, 'y z']\nc: {}\nd:\n", "a: 1\nb:\n  - x\n  - \"y z\"\nc: {}\nd:\n");
        check("a:\n- b: 1\n  c: [2]\n- 3\n", "a:\n  -\n    b: 1\n    c:\n      - 2\n  - 3\n");
        check(
            "basic_auth: {username: me, password: pw, password_file: /run/pw}\n",
            "basic_auth:\n  username: me\n  password: <secret>\n  password_file: /run/pw\n",
        );
        check(
            "headers: {Authorization: Bearer x, Accept: a/b}\nhttp_headers: {X: {secrets: [a, b], values: [c]}}\n",
            "headers:\n  Authorization: <secret>\n  Accept: a/b\nhttp_headers:\n  X:\n    secrets:\n      - <secret>\n      - <secret>\n    values:\n      - c\n",
        );
        check("proxy_url: http://u:p@proxy:1/\n", "proxy_url: \"http://<secret>@proxy:1/\"\n");
        check("q:\n- send: PASS oauth\n- send: QUIT\n", "q:\n  -\n    send: <secret>\n  -\n    send: QUIT\n");
        check("body: '{\"user\":\"a\",\"password\":\"b\"}'\n", "body: <secret>\n");
        check("a: \"x\\n\\\"y\\\"\\u0001\"\n", "a: \"x\\n\\\"y\\\"\\u0001\"\n");
        check(
            "authorization: {type: Basic, credentials: abc}\n",
            "authorization:\n  type: Basic\n  credentials: <secret>\n",
        );
        check("x: &a {token: t}\ny: *a\n", "x:\n  token: <secret>\ny:\n  token: <secret>\n");
    }

    #[test]
    fn what_is_wide_has_an_end() {
        let wide = format!(
            "a: &a [{}]\nb: &b [{}]\nc: [{}]\n",
            "xxxxxxxxxx,".repeat(50),
            "*a,".repeat(50),
            "*b,".repeat(50)
        );
        let shown = Document::parse("x.yml", &wide).unwrap().shown();
        assert!(shown.len() < 2 * MAX_SHOWN && shown.ends_with("# and more\n"), "{}", shown.len());
    }
}
