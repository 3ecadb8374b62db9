//! The text of one log line.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};

use super::Format;
use crate::config::{is_secret_name, redact_url};

/// The fields of an event or a span, in the order in which they were given.
#[derive(Default)]
pub(super) struct Values(Vec<(&'static str, Value)>);

enum Value {
    Text(String),
    /// A number or bool, which JSON shows without quotes.
    Bare(String),
}

impl Values {
    /// Adds the outer fields that are not there yet.
    pub(super) fn add_missing(&mut self, outer: &Self) {
        for (name, value) in &outer.0 {
            if !self.0.iter().any(|(known, _)| known == name) {
                let value = match value {
                    Value::Text(text) => Value::Text(text.clone()),
                    Value::Bare(text) => Value::Bare(text.clone()),
                };
                self.0.push((name, value));
            }
        }
    }

    fn set(&mut self, field: &Field, value: Value) {
        let name = if field.name() == "message" { MESSAGE } else { field.name() };
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}

impl Value {
    /// A number is a count (`tokens=5`), a text may be the secret itself.
    fn hidden(&self) -> Self {
        match self {
            Self::Text(_) => Self::Text("<secret>".to_owned()),
            Self::Bare(text) => Self::Bare(text.clone()),
        }
    }
}

impl Visit for Values {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, Value::Text(value.to_owned()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::Bare(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Bare(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, Value::Bare(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let text = value.to_string();
        self.set(field, if value.is_finite() { Value::Bare(text) } else { Value::Text(text) });
    }

    /// An error with all its causes, each once.
    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.ends_with(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            cause = error.source();
        }
        self.set(field, Value::Text(text));
    }
}

/// A line while it is written.
pub(super) struct Line {
    format: Format,
    text: String,
}

impl Line {
    pub(super) fn new(format: Format) -> Self {
        Self { format, text: String::with_capacity(256) }
    }

    /// The message first, then the fields. A field that is named like one of ours gets a `_` behind its name.
    pub(super) fn values(&mut self, values: &Values) {
        let is_message = |name: &str| name == MESSAGE;
        let (message, fields): (Vec<_>, Vec<_>) = values.0.iter().partition(|(name, _)| is_message(name));
        for (_, value) in message {
            self.value("msg", value);
        }
        for (name, value) in fields {
            let name = name.strip_prefix("r#").unwrap_or(name);
            let value = if is_secret_name(&name.to_ascii_lowercase()) { &value.hidden() } else { value };
            let taken = if OURS.contains(&name) { "_" } else { "" };
            self.value(&format!("{name}{taken}"), value);
        }
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        match self.format {
            Format::Logfmt if is_word(text) => self.text.push_str(text),
            Format::Logfmt | Format::Json => self.quoted(text),
        }
    }

    pub(super) fn end(mut self) -> String {
        if self.format == Format::Json {
            self.text.push('}');
        }
        self.text.push('\n');
        self.text
    }

    fn value(&mut self, name: &str, value: &Value) {
        match value {
            Value::Text(text) => self.text(name, &shown(text)),
            Value::Bare(text) => {
                self.name(name);
                self.text.push_str(text);
            }
        }
    }

    fn name(&mut self, name: &str) {
        match self.format {
            Format::Logfmt => {
                if !self.text.is_empty() {
                    self.text.push(' ');
                }
                self.text
                    .extend(name.chars().map(|character| if in_word(character) { character } else { '_' }));
                self.text.push('=');
            }
            Format::Json => {
                self.text.push(if self.text.is_empty() { '{' } else { ',' });
                self.quoted(name);
                self.text.push(':');
            }
        }
    }

    fn quoted(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                // All of them are below U+10000, so four digits are enough for JSON too.
                character if moves_the_cursor(character) => {
                    self.text.extend(format!("\\u{:04x}", u32::from(character)).chars());
                }
                character => self.text.push(character),
            }
        }
        self.text.push('"');
    }
}

/// Without credentials, and not endless.
fn shown(text: &str) -> String {
    let mut text = redact_url(text);
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(in_word)
}

fn in_word(character: char) -> bool {
    !character.is_whitespace() && !moves_the_cursor(character) && !matches!(character, '=' | '"' | '\\')
}

/// Control characters, line and paragraph separators, and what turns the direction of text.
fn moves_the_cursor(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
}

const MESSAGE: &str = "message";
const OURS: [&str; 4] = ["time", "level", "msg", "target"];

/// Characters of one value: enough for a whole list of configuration problems, too few to flood a log with one body.
const MAX_CHARS: usize = 8_192;
