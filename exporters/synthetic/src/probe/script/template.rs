//! What is sent and told with parts of a match in it: `NICK ${1}`, by the rules of Go's `Regexp.Expand`.

use toolkit::regexp::Regex;

use super::seen::Match;

/// A text with places for groups of a match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

impl Template {
    /// A text in which nothing is replaced.
    pub fn plain(text: &str) -> Self {
        let mut template = Self::default();
        template.text(text);
        template
    }

    /// A text in which `$1`, `$name`, `${1}` and `${name}` stand for the groups of `regex`, and `$$` for a dollar. What
    /// names no group is nothing; what names nothing is itself.
    pub fn parse(text: &str, regex: &Regex) -> Self {
        let mut template = Self::default();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            template.text(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                template.text("$");
                rest = after;
            } else if let Some((name, after)) = name(rest) {
                template.0.extend(group(name, regex).map(Part::Group));
                rest = after;
            } else {
                template.text("$");
            }
        }
        template.text(rest);
        template
    }

    /// The text with the groups of a match in their places.
    pub fn fill(&self, found: Option<&Match<'_>>) -> Vec<u8> {
        let mut filled = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.extend_from_slice(text.as_bytes()),
                Part::Group(index) => {
                    filled.extend_from_slice(found.and_then(|found| found.group(*index)).unwrap_or_default());
                }
            }
        }
        filled
    }

    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(before)) => before.push_str(text),
            _ => self.0.push(Part::Text(text.to_owned())),
        }
    }
}

/// The name at the start of a text: as many letters, digits and underscores as there are, perhaps in braces; and what
/// comes behind it.
fn name(text: &str) -> Option<(&str, &str)> {
    let (braced, inner) = match text.strip_prefix('{') {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let end = inner.find(|character: char| !(character.is_alphanumeric() || character == '_'));
    let (name, rest) = inner.split_at(end.unwrap_or(inner.len()));
    if name.is_empty() {
        return None;
    }
    if braced { rest.strip_prefix('}').map(|rest| (name, rest)) } else { Some((name, rest)) }
}

/// The group of a number or a name, where the expression has it.
fn group(name: &str, regex: &Regex) -> Option<usize> {
    let is_number =
        name.bytes().all(|byte| byte.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
    if is_number {
        return name.parse().ok().filter(|number| *number < regex.captures_len());
    }
    regex.capture_names().position(|known| known == Some(name))
}

#[cfg(test)]
mod tests {
    use toolkit::regexp::compile;

    use super::super::seen::find;
    use super::*;

    #[test]
    fn as_go_expands() {
        let regex = compile("(?P<key>[^=]+)=(?P<value>[^;]*)(;x)?").unwrap();
        let found = find(&regex, b"key=value").unwrap();
        for (text, expected) in [
            ("plain", "plain"),
            ("$1 is ${2}", "key is value"),
            ("$key:$value", "key:value"),
            ("${key}s", "keys"),
            ("$0", "key=value"),
            ("$3|${3}|$4|$keys|$1x", "||||"),
            ("$01", ""),
            ("$99999999999999999999", ""),
            ("$$1", "$1"),
            ("$", "$"),
            ("a$ b", "a$ b"),
            ("${", "${"),
            ("${key", "${key"),
            ("${}", "${}"),
            ("${ke y}", "${ke y}"),
            ("$é", ""),
            ("100%", "100%"),
        ] {
            let filled = Template::parse(text, &regex).fill(Some(&found));
            assert_eq!(String::from_utf8(filled).unwrap(), expected, "{text}");
        }
        assert_eq!(Template::plain("$1").fill(Some(&found)), b"$1");
        assert_eq!(Template::parse("a$1", &regex).fill(None), b"a");
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_read(text in ".{0,40}") {
            let regex = compile("(a)(?P<n>b)?").unwrap();
            let found = find(&regex, b"a");
            let _ = Template::parse(&text, &regex).fill(found.as_ref());
        }
    }
}
