//! E-mail: one mail for each change that is told, in one thread per group.
//!
//! Invariants: a recipient that has the mail never gets it again in a retry; one that will never get it does not
//! hold up the others; the first mail of a thread is the one the others refer to.

mod mime;
pub(super) mod render;
mod session;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use serde::{Deserialize, Serialize};

use super::{Cause, Message, Outcome};
use crate::config::EmailSettings;
use session::{Failure, Recipient};

/// One e-mail target.
#[derive(Debug)]
pub struct Email {
    settings: EmailSettings,
}

/// The thread's first mail.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    root: String,
    episode: i64,
}

/// Recipients that need no further attempt.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    done: Vec<String>,
    refused: Vec<String>,
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
        let settled = |progress: &Progress, mailbox: &Mailbox| {
            let address = mailbox.email.to_string();
            progress.done.contains(&address)
                || progress.refused.iter().any(|refused| refused.starts_with(&format!("{address}: ")))
        };
        let open: Vec<Mailbox> =
            self.settings.to.iter().filter(|mailbox| !settled(&progress, mailbox)).cloned().collect();
        let id = mime::message_id(&self.settings, &message.delivery);
        let place = place(message, &id);
        let root = Some(place.root.as_str()).filter(|root| *root != id);
        // the header names everybody, whoever is still to get it
        let mail = match mime::build(&self.settings, message, root, &id, &self.settings.to) {
            Ok(mail) => mail,
            Err(error) => return Outcome::Refused(Cause::new("message_refused", error.to_string())),
        };
        let credentials = match self.credentials().await {
            Ok(credentials) => credentials,
            Err(cause) => return Outcome::TargetFails(cause),
        };
        let recipients = match session::send(&self.settings, credentials, &open, &mail).await {
            Ok(recipients) => recipients,
            Err(failure) => return failed(failure, message.progress),
        };
        let mut later = None;
        for (mailbox, outcome) in open.iter().zip(recipients) {
            let address = mailbox.email.to_string();
            match outcome {
                Recipient::Taken => progress.done.push(address),
                Recipient::Never(detail) => progress.refused.push(format!("{address}: {detail}")),
                Recipient::Later(detail) => later = Some(format!("{address}: {detail}")),
            }
        }
        if let Some(detail) = later {
            let progress = serde_json::to_string(&progress).ok();
            return Outcome::Retry { cause: Cause::new("recipient_later", detail), progress };
        }
        if progress.done.is_empty() {
            return Outcome::Refused(Cause::new("recipients_refused", progress.refused.join("; ")));
        }
        Outcome::Done { place: serde_json::to_string(&place).ok(), refused: progress.refused }
    }

    async fn credentials(&self) -> Result<Option<Credentials>, Cause> {
        let (Some(username), Some(password)) = (&self.settings.username, &self.settings.password) else {
            return Ok(None);
        };
        let password = password.read().await.map_err(|error| Cause::new("secret", error.to_string()))?;
        Ok(Some(Credentials::new(username.clone(), password.expose().to_owned())))
    }
}

/// A group that fires anew begins a new thread.
fn place(message: &Message<'_>, id: &str) -> Place {
    let known: Option<Place> =
        message.view.place.as_deref().and_then(|place| serde_json::from_str(place).ok());
    known
        .filter(|place| place.episode == message.view.episode)
        .unwrap_or_else(|| Place { root: id.to_owned(), episode: message.view.episode })
}

fn failed(failure: Failure, progress: Option<&str>) -> Outcome {
    match failure {
        Failure::Later(cause) => Outcome::Retry { cause, progress: progress.map(ToOwned::to_owned) },
        Failure::Setup(cause) => Outcome::TargetFails(cause),
        Failure::Mail(cause) => Outcome::Smaller(cause),
    }
}
