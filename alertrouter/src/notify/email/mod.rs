//! E-mail: one mail for each change that is told, in one thread per group.
//!
//! Invariants: a recipient that has the mail never gets it again in a retry; one that will never get it does not
//! hold up the others; the first mail of a thread is the one the others refer to.

mod failure;
pub(super) mod html;
mod letter;
mod login;
mod mime;
mod session;
#[cfg(test)]
mod tests;
pub(super) mod text;

use lettre::Address;
use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};

use super::card::Card;
use super::{Cause, Message, Outcome};
use crate::config::EmailSettings;
use failure::Failure;
use letter::Letter;
use login::Login;
use mime::Thread;
use session::{Recipient, Session, is_ascii};

/// One e-mail target.
#[derive(Debug)]
pub struct Email {
    settings: EmailSettings,
}

/// Recipients that need no further attempt.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    done: Vec<String>,
    refused: Vec<Refusal>,
}

/// A recipient that will never get it.
#[derive(Debug, Serialize, Deserialize)]
struct Refusal {
    address: String,
    detail: String,
}

impl Email {
    /// A target with these settings.
    pub fn new(settings: EmailSettings) -> Self {
        Self { settings }
    }

    /// Sends a message to everybody who does not have it yet.
    pub async fn send(&self, message: &Message<'_>) -> Outcome {
        let mut progress: Progress =
            message.progress.and_then(|word| serde_json::from_str(word).ok()).unwrap_or_default();
        let letter = match letter::letter(&self.settings, message) {
            Ok(letter) => letter,
            Err(cause) => return Outcome::Refused(cause),
        };
        let open: Vec<&Address> =
            letter.to.iter().map(|to| &to.email).filter(|address| !progress.knows(address)).collect();
        let login = match self.login().await {
            Ok(login) => login,
            Err(cause) => return Outcome::TargetFails(cause),
        };
        let mut session = match Session::open(&self.settings, login.as_ref()).await {
            Ok(session) => session,
            Err(failure) => return failed(failure, message.progress),
        };
        let answers = exchange(&letter, &mut session, message, &open).await;
        session.close().await;
        let (answers, thread) = match answers {
            Ok(answers) => answers,
            Err(Stop::Server(failure)) => return failed(failure, message.progress),
            Err(Stop::Rendering(cause)) => return Outcome::Smaller(cause),
        };
        let mut later = None;
        for (address, answer) in open.iter().map(ToString::to_string).zip(answers) {
            match answer {
                Recipient::Taken => progress.done.push(address),
                Recipient::Never(detail) => progress.refused.push(Refusal { address, detail }),
                Recipient::Later(detail) => later = Some(format!("{address}: {detail}")),
            }
        }
        if let Some(detail) = later {
            let progress = serde_json::to_string(&progress).ok();
            return Outcome::Retry { cause: Cause::new("recipient_later", detail), progress };
        }
        let refused: Vec<String> = progress
            .refused
            .iter()
            .map(|Refusal { address, detail }| format!("{address}: {detail}"))
            .collect();
        if !progress.done.is_empty() {
            Outcome::Done { place: serde_json::to_string(&thread).ok(), refused }
        } else if progress.refused.iter().any(|refusal| is_policy(&refusal.detail)) {
            // the server will not take it from us for anybody: no recipient is to blame
            Outcome::TargetFails(Cause::new("refused", refused.join("; ")))
        } else {
            Outcome::Refused(Cause::new("recipients_refused", refused.join("; ")))
        }
    }

    /// The mail's text, and its source as it would be sent, for people.
    pub fn preview(&self, message: &Message<'_>) -> Result<String, String> {
        let letter = letter::letter(&self.settings, message).map_err(|cause| cause.detail)?;
        let thread = Thread::of(message, &letter);
        let to: Vec<&Mailbox> = letter.to.iter().collect();
        let mail = mime::build(&letter, message, &thread, &to).map_err(|error| error.to_string())?;
        let card = Card::new(message.view, &message.alerts);
        let built_in = || text::render(&card, message.size, message.now, letter.problem.as_deref());
        let text = letter.text.clone().unwrap_or_else(built_in);
        Ok(format!("{text}\n## source\n\n{}", String::from_utf8_lossy(&mail).replace("\r\n", "\n")))
    }

    async fn login(&self) -> Result<Option<Login>, Cause> {
        let EmailSettings { username, password, mechanism, .. } = &self.settings;
        let (Some(username), Some(password)) = (username, password) else { return Ok(None) };
        let password = password.read().await.map_err(|error| Cause::new("secret", error.to_string()))?;
        Ok(Some(Login { username: username.clone(), password, mechanism: *mechanism }))
    }
}

/// Builds the mail for this server and sends it.
async fn exchange(
    letter: &Letter,
    session: &mut Session,
    message: &Message<'_>,
    open: &[&Address],
) -> Result<(Vec<Recipient>, Thread), Stop> {
    let utf8 = session.takes_utf8();
    let from = &letter.from.email;
    if !utf8 && !is_ascii(from) {
        let words = format!("{from} {NEEDS_UTF8}");
        return Err(Stop::Server(Failure::Setup(Cause::new("address", words))));
    }
    let able = |address: &Address| utf8 || is_ascii(address);
    let thread = Thread::of(message, letter);
    let to: Vec<&Address> = open.iter().copied().filter(|address| able(address)).collect();
    let mut reached = if to.is_empty() {
        Vec::new()
    } else {
        // the header names everybody, whoever is still to get it; but nobody that would need SMTPUTF8
        let shown: Vec<&Mailbox> = letter.to.iter().filter(|mailbox| able(&mailbox.email)).collect();
        let mail = mime::build(letter, message, &thread, &shown)
            .map_err(|error| Stop::Rendering(Cause::new("message_refused", error.to_string())))?;
        session.deliver(from, &to, &mail).await.map_err(Stop::Server)?
    }
    .into_iter();
    let unable = || Recipient::Never(NEEDS_UTF8.to_owned());
    let answers = open
        .iter()
        .map(|address| if able(address) { reached.next().unwrap_or_else(unable) } else { unable() });
    Ok((answers.collect(), thread))
}

impl Progress {
    fn knows(&self, address: &Address) -> bool {
        let address = address.to_string();
        self.done.contains(&address) || self.refused.iter().any(|refusal| refusal.address == address)
    }
}

/// Why nothing was sent.
enum Stop {
    Server(Failure),
    Rendering(Cause),
}

const NEEDS_UTF8: &str = "needs SMTPUTF8, which the server does not offer";

/// Whether a refusal is about us (a relay that is not allowed, a blocked sender) and not about a mailbox.
fn is_policy(detail: &str) -> bool {
    detail.split(' ').any(|word| word.starts_with("5.7."))
}

fn failed(failure: Failure, progress: Option<&str>) -> Outcome {
    match failure {
        Failure::Later(cause) => Outcome::Retry { cause, progress: progress.map(ToOwned::to_owned) },
        Failure::Setup(cause) => Outcome::TargetFails(cause),
        Failure::Mail(cause) => Outcome::Smaller(cause),
    }
}
