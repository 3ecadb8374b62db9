//! Forms as browsers send them: `application/x-www-form-urlencoded`.

use hyper::body::Bytes;

/// Names and values, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Adds a value in place of those of the same name.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.add(name, value);
    }

    /// A text as it stands in a form.
    pub(crate) fn encoded(text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    out.push(char::from(byte));
                }
                b' ' => out.push('+'),
                byte => {
                    for half in [byte >> 4, byte & 15] {
                        out.extend(char::from_digit(half.into(), 16).map(|digit| digit.to_ascii_uppercase()));
                    }
                    let at = out.len() - 2;
                    out.insert(at, '%');
                }
            }
        }
        out
    }

    pub(crate) fn into_body(self) -> Bytes {
        let pairs =
            self.0.iter().map(|(name, value)| format!("{}={}", Self::encoded(name), Self::encoded(value)));
        pairs.collect::<Vec<_>>().join("&").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded() {
        let mut form = Form::default();
        form.add("grant_type", "client_credentials");
        form.add("scope", "a b/é");
        form.set("grant_type", "other");
        assert_eq!(form.into_body(), "scope=a+b%2F%C3%A9&grant_type=other");
    }
}
