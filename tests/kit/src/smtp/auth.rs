//! Logins: PLAIN, LOGIN and XOAUTH2, as far as one dialogue of challenges and answers.

use crate::base64::{decode, encode};

use super::Rules;

/// What to do next in a login.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send `334` with this and read the client's answer.
    Ask(String),
    /// Logged in as this user.
    Welcome(String),
    /// Wrong user, password or token.
    Refused,
    /// Not understood: this answer.
    Nonsense(&'static str),
}

/// A login under way.
pub(super) struct Login {
    kind: Kind,
    user: Option<String>,
    refused: bool,
}

enum Kind {
    Plain,
    Login,
    Bearer,
}

impl Login {
    pub(super) fn new(mechanism: &str) -> Option<Self> {
        let kind = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => Kind::Plain,
            "LOGIN" => Kind::Login,
            "XOAUTH2" => Kind::Bearer,
            _ => return None,
        };
        Some(Self { kind, user: None, refused: false })
    }

    /// Takes what the client sent (nothing yet: `None`) one step further.
    pub(super) fn step(&mut self, said: Option<&str>, rules: &Rules) -> Step {
        let Some(said) = said else {
            return match self.kind {
                Kind::Login => Step::Ask(encode(rules.login_prompts[0].as_bytes())),
                Kind::Plain | Kind::Bearer => Step::Ask(String::new()),
            };
        };
        if said == "*" {
            return Step::Nonsense("501 5.7.0 login given up");
        }
        if self.refused {
            // XOAUTH2: the client has acknowledged the error with an empty line.
            return Step::Refused;
        }
        // "=" stands for an empty first answer.
        let decoded = if said == "=" { Some(Vec::new()) } else { decode(said) };
        let Some(text) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return Step::Nonsense("501 5.5.2 not base64");
        };
        match self.kind {
            Kind::Plain => match text.split('\0').collect::<Vec<_>>().as_slice() {
                [_, user, password] => judge(rules, user, password),
                _ => Step::Nonsense("501 5.5.2 not a PLAIN login"),
            },
            Kind::Login => match self.user.take() {
                None => {
                    self.user = Some(text);
                    Step::Ask(encode(rules.login_prompts[1].as_bytes()))
                }
                Some(user) => judge(rules, &user, &text),
            },
            Kind::Bearer => self.bearer(&text, rules),
        }
    }

    fn bearer(&mut self, text: &str, rules: &Rules) -> Step {
        let part =
            |name: &str| text.split('\x01').find_map(|part| part.strip_prefix(name)).unwrap_or_default();
        match judge(rules, part("user="), part("auth=Bearer ")) {
            Step::Refused => {
                self.refused = true;
                Step::Ask(encode(br#"{"status":"401","schemes":"bearer","scope":"mail"}"#))
            }
            step => step,
        }
    }
}

fn judge(rules: &Rules, user: &str, password: &str) -> Step {
    let known = rules.accounts.iter().any(|(name, secret)| name == user && secret == password);
    if known { Step::Welcome(user.to_owned()) } else { Step::Refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mechanism_step_by_step() {
        let rules = Rules { accounts: vec![("u".to_owned(), "p".to_owned())], ..Rules::default() };
        let ask = |text: &str| Step::Ask(encode(text.as_bytes()));
        let welcome = || Step::Welcome("u".to_owned());
        let error = r#"{"status":"401","schemes":"bearer","scope":"mail"}"#;
        for (mechanism, dialogue) in [
            ("plain", vec![(None, ask("")), (Some("\0u\0p"), welcome())]),
            ("PLAIN", vec![(Some("\0u\0x"), Step::Refused)]),
            ("PLAIN", vec![(Some("u p"), Step::Nonsense("501 5.5.2 not a PLAIN login"))]),
            ("LOGIN", vec![(None, ask("Username:")), (Some("u"), ask("Password:")), (Some("p"), welcome())]),
            ("XOAUTH2", vec![(Some("user=u\x01auth=Bearer p\x01\x01"), welcome())]),
            (
                "XOAUTH2",
                vec![(Some("user=u\x01auth=Bearer x\x01\x01"), ask(error)), (Some(""), Step::Refused)],
            ),
        ] {
            let mut login = Login::new(mechanism).unwrap();
            for (said, expected) in dialogue {
                let said = said.map(|text| encode(text.as_bytes()));
                assert_eq!(login.step(said.as_deref(), &rules), expected, "{mechanism} {said:?}");
            }
        }
        assert!(Login::new("CRAM-MD5").is_none());
        let mut login = Login::new("PLAIN").unwrap();
        assert_eq!(login.step(Some("!"), &rules), Step::Nonsense("501 5.5.2 not base64"));
        assert_eq!(login.step(Some("*"), &rules), Step::Nonsense("501 5.7.0 login given up"));
    }
}
