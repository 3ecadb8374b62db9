//! Texts with `{{variables}}` in them.

use std::fmt;
use std::sync::Arc;

/// Characters of a variable's name.
const MAX_NAME: usize = 100;

/// A text with variables.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

/// A piece of it.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Variable(Arc<str>),
}

impl Part {
    /// It, where it is a text.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Variable(_) => None,
        }
    }
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// One sentence, which shows nothing of the text.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or("a `{{` is not closed by `}}`")?;
            let name = name.trim();
            if !is_name(name) {
                return Err("between `{{` and `}}` stands the name of a variable, and nothing else");
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Variable(name.into()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The names of its variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name),
            Part::Text(_) => None,
        })
    }

    /// The variable of which it is all.
    pub(super) fn only(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Variable(name)] => Some(name),
            _ => None,
        }
    }

    /// Whether it has any text of its own.
    pub(super) fn has_text(&self) -> bool {
        self.0.iter().any(|part| part.text().is_some())
    }
}

impl fmt::Debug for Template {
    /// Names alone: the text may hold what nobody is to see.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.variables()).finish()
    }
}

/// Whether a text has variables, or would if it were right.
pub(super) fn has_variables(text: &str) -> bool {
    text.contains("{{")
}

/// Whether a variable may have this name.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_variables() {
        for (text, expected) in [
            ("", Ok(vec![])),
            ("a", Ok(vec!["a"])),
            ("{{a}}", Ok(vec!["{a}"])),
            ("x{{ a }}y{{b_2}}", Ok(vec!["x", "{a}", "y", "{b_2}"])),
            ("{a} }} {", Ok(vec!["{a} }} {"])),
            ("{{a", Err("a `{{` is not closed by `}}`")),
            ("{{}}", Err("between `{{` and `}}` stands the name of a variable, and nothing else")),
            ("{{2a}}", Err("between `{{` and `}}` stands the name of a variable, and nothing else")),
            ("{{a.b}}", Err("between `{{` and `}}` stands the name of a variable, and nothing else")),
            ("{{{a}}}", Err("between `{{` and `}}` stands the name of a variable, and nothing else")),
        ] {
            let found = Template::parse(text).map(|template| {
                let shown = template.parts().iter().map(|part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Variable(name) => format!("{{{name}}}"),
                });
                shown.collect::<Vec<_>>()
            });
            assert_eq!(found, expected.map(|parts| parts.into_iter().map(str::to_owned).collect()), "{text}");
        }
        let secret = Template::parse("s3cret{{a}}").unwrap();
        assert_eq!((format!("{secret:?}").as_str(), secret.only()), (r#"{"a"}"#, None));
        assert_eq!(Template::parse("{{a}}").unwrap().only(), Some("a"));
    }
}
