//! What variables stand for in one run, and how that is written into a URL, a form, JSON, a header.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;
use toolkit::config::Secret;

use super::template::{Part, Template};
use crate::outcome::Failed;
use crate::probe::http::Form;
use crate::reason::Reason;

/// Bytes of a text that variables were put into.
const MAX_TEXT: usize = 1 << 20;

/// What a variable stands for. It is never shown, whatever it is.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) text: Secret,
    /// The same with its type, where it was taken from JSON.
    pub(super) json: Option<Json>,
    pub(super) origin: Origin,
}

/// Who says what a variable stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The operator's file, and it may be known.
    File,
    /// The operator, and it may not.
    Secret,
    /// A server.
    Answer,
}

/// The variables of one run.
#[derive(Debug, Default)]
pub(super) struct Values(HashMap<Arc<str>, Value>);

impl Values {
    pub(super) fn set(&mut self, name: &Arc<str>, value: Value) {
        self.0.insert(Arc::clone(name), value);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What a variable stands for. The configuration has none that was not set by then, but in clean-up steps, which
    /// ask before.
    pub(super) fn get(&self, name: &str) -> Result<&Value, Failed> {
        let unset = || Failed::new("send", Reason::StepExtract, format!("no step found `{name}`"));
        self.0.get(name).ok_or_else(unset)
    }

    /// Whether a text holds what not everybody may get: a secret, or what a server said.
    pub(super) fn is_guarded(&self, template: &Template) -> bool {
        self.origins(template).any(|origin| origin != Origin::File)
    }

    /// Whether a text holds what a server said.
    pub(super) fn is_of_answer(&self, template: &Template) -> bool {
        self.origins(template).any(|origin| origin == Origin::Answer)
    }

    fn origins<'a>(&'a self, template: &'a Template) -> impl Iterator<Item = Origin> + 'a {
        template.variables().filter_map(|name| self.0.get(name)).map(|value| value.origin)
    }

    /// A text with what its variables stand for, as it is.
    pub(super) fn render(&self, template: &Template) -> Result<String, Failed> {
        let mut text = String::new();
        for part in template.parts() {
            match part {
                Part::Text(own) => text.push_str(own),
                Part::Variable(name) => text.push_str(self.get(name)?.text.expose()),
            }
            if text.len() > MAX_TEXT {
                let message = format!("a part of the request is longer than {MAX_TEXT} bytes");
                return Err(Failed::new("send", Reason::BodyTooLarge, message));
            }
        }
        Ok(text)
    }
}

/// A text within a URL: nothing of it ends a host, a path's part or a query's value.
pub(super) fn in_url(text: &str) -> String {
    Form::encoded(text).replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_its_place() {
        let mut values = Values::default();
        let hostile = "a b/../c?d=e&f#g\"\r\n\\+%é@:";
        let value = Value { text: hostile.into(), json: None, origin: Origin::Answer };
        values.set(&"x".into(), value);
        let template = Template::parse("a{{x}}").unwrap();
        assert_eq!(values.render(&template).unwrap(), format!("a{hostile}"));
        assert_eq!(in_url(hostile), "a%20b%2F..%2Fc%3Fd%3De%26f%23g%22%0D%0A%5C%2B%25%C3%A9%40%3A");
        assert!(values.is_guarded(&template) && values.is_of_answer(&template));
        assert!(!format!("{values:?}").contains("a b"));
        assert_eq!(values.get("y").unwrap_err().reason, Reason::StepExtract);
    }

    #[test]
    fn texts_are_bounded() {
        let mut values = Values::default();
        let value = Value { text: "a".repeat(8 << 10).into(), json: None, origin: Origin::File };
        values.set(&"x".into(), value);
        let many = Template::parse(&"{{x}}".repeat(200)).unwrap();
        assert_eq!(values.render(&many).unwrap_err().reason, Reason::BodyTooLarge);
        assert!(!values.is_guarded(&many));
    }
}
