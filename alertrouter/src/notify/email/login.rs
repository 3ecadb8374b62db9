//! Logging in: PLAIN, LOGIN and XOAUTH2.
//!
//! Invariants: nothing is sent before the connection is encrypted; what the server says about a login is not
//! repeated, because it may repeat what it was told.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::authentication::Mechanism as Offered;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use toolkit::config::Secret;

use super::failure::{Failure, Step, failure};
use super::session::step;
use crate::config::Mechanism;
use crate::notify::Cause;

/// Who we are to the server.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: Secret,
    pub(super) mechanism: Mechanism,
}

/// Answers to challenges that are given before we give up: a server that asks on would hold us.
const MOST_CHALLENGES: usize = 4;

impl Login {
    pub(super) async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Failure> {
        if !connection.is_encrypted() {
            return Err(refused(
                "the connection is not encrypted, so the password is not sent; hint: use a server with STARTTLS",
            ));
        }
        let wanted: &[Offered] = match self.mechanism {
            Mechanism::Password => &[Offered::Plain, Offered::Login],
            Mechanism::Plain => &[Offered::Plain],
            Mechanism::Login => &[Offered::Login],
            Mechanism::Xoauth2 => &[Offered::Xoauth2],
        };
        let offers = |mechanism: &Offered| connection.server_info().supports_auth_mechanism(*mechanism);
        let Some(mechanism) = wanted.iter().copied().find(offers) else {
            let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            return Err(refused(&format!("the server does not offer a login by {}", wanted.join(" or "))));
        };
        let mut answers = self.answers(mechanism).into_iter();
        let first = match mechanism {
            // its first answer comes after a challenge
            Offered::Login => String::new(),
            _ => format!(" {}", answers.next().unwrap_or_default()),
        };
        let mut answer = step(connection.command(Line(format!("AUTH {mechanism}{first}")))).await;
        for _ in 0..MOST_CHALLENGES {
            match answer {
                Ok(said) if said.has_code(334) => {
                    // whatever the words of a prompt are, the order is always the same; and an error of XOAUTH2 comes
                    // as one more challenge, that is to be answered with nothing
                    let next = Line(answers.next().unwrap_or_default());
                    answer = step(connection.command(next)).await;
                }
                Ok(_) => return Ok(()),
                Err(error) => return Err(hush(failure(Step::Login, error), self.mechanism)),
            }
        }
        Err(refused("the server asks without end"))
    }

    /// What is said, in base64, in its order.
    fn answers(&self, mechanism: Offered) -> Vec<String> {
        let (user, password) = (&self.username, self.password.expose());
        let said = match mechanism {
            Offered::Plain => vec![format!("\0{user}\0{password}")],
            Offered::Login => vec![user.clone(), password.to_owned()],
            Offered::Xoauth2 => vec![format!("user={user}\x01auth=Bearer {}\x01\x01", password.trim())],
        };
        said.iter().map(|text| STANDARD.encode(text)).collect()
    }
}

/// A command. It may hold a password, so nothing shows it.
struct Line(String);

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\r\n", self.0)
    }
}

/// A refusal without the server's words but its codes.
fn hush(failure: Failure, mechanism: Mechanism) -> Failure {
    let Failure::Setup(cause) = failure else { return failure };
    let codes: Vec<&str> = cause
        .detail
        .split(' ')
        .take_while(|word| word.chars().all(|c| c.is_ascii_digit() || c == '.'))
        .take(2)
        .collect();
    let what = match mechanism {
        Mechanism::Xoauth2 => "user name and access token",
        _ => "user name and password",
    };
    refused(&format!("the server refused {what} ({})", codes.join(" ")))
}

fn refused(detail: &str) -> Failure {
    Failure::Setup(Cause::new("auth", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said() {
        let login = Login {
            username: "me".to_owned(),
            password: Secret::from("pw\n"),
            mechanism: Mechanism::Password,
        };
        for (mechanism, expected) in [
            (Offered::Plain, vec!["\0me\0pw\n"]),
            (Offered::Login, vec!["me", "pw\n"]),
            (Offered::Xoauth2, vec!["user=me\x01auth=Bearer pw\x01\x01"]),
        ] {
            let expected: Vec<String> = expected.iter().map(|text| STANDARD.encode(text)).collect();
            assert_eq!(login.answers(mechanism), expected, "{mechanism}");
        }
        assert!(!format!("{login:?}").contains("pw"));
    }

    #[test]
    fn refusals_repeat_codes_only() {
        let said = Failure::Setup(Cause::new("auth", "535 5.7.8 me and pw are wrong"));
        let expected = "the server refused user name and password (535 5.7.8)";
        assert_eq!(hush(said, Mechanism::Plain), Failure::Setup(Cause::new("auth", expected)));
    }
}
