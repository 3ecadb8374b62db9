//! What a mail server's refusals mean.
//!
//! | | for one recipient | for the mail |
//! |---|---|---|
//! | 421, a broken connection, silence | – | later |
//! | 4yz | later, alone | later |
//! | 530, 534, 535, 538; STARTTLS; a certificate | – | somebody must repair something |
//! | 5yz to the greeting or the sender | – | the same |
//! | 5yz to a recipient | never, alone | – |
//! | 5yz to the mail itself | – | a smaller one may be taken |

use std::error::Error as _;

use lettre::transport::smtp::Error;

use crate::notify::Cause;

/// A step of the dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// TCP, the greeting, EHLO.
    Connect,
    /// STARTTLS, or the handshake.
    Tls,
    /// AUTH.
    Login,
    /// MAIL.
    Sender,
    /// RCPT.
    Recipient,
    /// DATA.
    Data,
    /// The mail itself, to its final dot.
    Content,
}

/// Why no recipient got anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Later it may work.
    Later(Cause),
    /// Somebody must repair something.
    Setup(Cause),
    /// The server does not want this mail.
    Mail(Cause),
}

/// An attempt at one step that did not succeed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server refused, or the connection broke.
    Error(Error),
    /// No answer in time.
    Silence,
}

impl Trouble {
    /// The server's answer, when it is about what was asked and not about the connection.
    pub(super) fn answer(&self) -> Option<(u16, String)> {
        let Self::Error(error) = self else { return None };
        let code = u16::from(error.status()?);
        // 421 ends the connection, 503 says that we do not understand each other, 530 is about us and not about them
        (!matches!(code, 421 | 503 | 530)).then(|| (code, detail(error)))
    }
}

/// What a failed step means for the whole mail.
pub(super) fn failure(step: Step, trouble: Trouble) -> Failure {
    let error = match trouble {
        Trouble::Error(error) => error,
        Trouble::Silence => {
            let words = format!("the server did not answer ({})", step.name());
            return Failure::Later(Cause::new("timeout", words));
        }
    };
    let detail = detail(&error);
    let code = error.status().map(u16::from);
    let later = |reason| Failure::Later(Cause::new(reason, detail.clone()));
    let setup = |reason| Failure::Setup(Cause::new(reason, detail.clone()));
    match (code, step) {
        (Some(421), _) => later("busy"),
        (Some(400..=499), _) => later("later"),
        (Some(530), _) if detail.to_ascii_uppercase().contains("STARTTLS") => setup("tls"),
        (Some(530 | 534 | 535 | 538), _) | (Some(500..), Step::Login) => setup("auth"),
        (Some(500..), Step::Tls) => setup("tls"),
        (Some(500..), Step::Connect) => setup("refused"),
        (Some(552), Step::Sender) => Failure::Mail(Cause::new("too_big", detail)),
        (Some(500..), Step::Sender) => setup("sender_refused"),
        (Some(503), _) => later("protocol"),
        (Some(552), _) => Failure::Mail(Cause::new("too_big", detail)),
        (Some(_), _) => Failure::Mail(Cause::new("message_refused", detail)),
        // a certificate does not get better by itself, but servers get repaired: the target is tried on
        (None, _) if is_about_certificates(&error, &detail) => setup("tls"),
        (None, _) if error.is_timeout() => later("timeout"),
        (None, Step::Connect) => later("connect"),
        (None, _) => later("network"),
    }
}

/// Whether waiting alone cannot help.
fn is_about_certificates(error: &Error, detail: &str) -> bool {
    let text = detail.to_ascii_lowercase();
    error.is_tls() || text.contains("certificate") || text.contains("unknownissuer")
}

/// The server's answer, or what broke, in one line that is fit for a log.
fn detail(error: &Error) -> String {
    let mut text = error.status().map(|code| code.to_string()).unwrap_or_default();
    let mut code = !text.is_empty();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            // a code stands before its words, and a cause after what it caused
            let colon = if text.is_empty() {
                ""
            } else if code {
                " "
            } else {
                ": "
            };
            text = format!("{text}{colon}{next}");
            code = false;
        }
        source = error.source();
    }
    if text.is_empty() {
        text = error.to_string();
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(DETAIL).collect()
}

/// Characters of a server's answer that are kept.
const DETAIL: usize = 300;

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "greeting",
            Self::Tls => "STARTTLS",
            Self::Login => "AUTH",
            Self::Sender => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Content => "end of the mail",
        }
    }
}
