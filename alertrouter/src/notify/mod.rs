//! Notifiers: how one message gets to one target, and what became of it.
//!
//! A notifier renders and sends; it decides nothing about when, and keeps nothing but its connections. What must be
//! remembered between two messages (where the message is, which recipients are done) goes through the store as the
//! notifier's own word.
//!
//! Invariants: every call has a deadline; no outcome holds a secret; a text of an alert can never mention people,
//! become a header, or run in a reader's browser.

pub mod card;
pub(crate) mod data;
pub mod email;
#[cfg(test)]
mod golden;
mod http;
pub mod pace;
pub mod slack;
pub mod webhook;

use std::time::Duration;

use crate::config::{Integration, TargetSettings};
use crate::moment::Moment;
use crate::store::{LiveAlert, StormView, View};
use email::Email;
use pace::Paces;
use slack::Slack;
use webhook::Webhook;

/// A target, ready to be sent to.
#[derive(Debug)]
pub struct Target {
    /// What the configuration says.
    pub settings: TargetSettings,
    notifier: Notifier,
}

#[derive(Debug)]
enum Notifier {
    Slack(Slack),
    Email(Email),
    Webhook(Webhook),
}

/// One message to be sent.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// The state of the group and of its thread.
    pub view: &'a View,
    /// Those alerts that the target is told of.
    pub alerts: Vec<&'a LiveAlert>,
    /// A new message, or the old one edited.
    pub action: Action,
    /// How much is shown.
    pub size: Size,
    /// The same for every attempt to tell the same.
    pub delivery: String,
    /// The time.
    pub now: Moment,
    /// The notifier's own word about an earlier attempt to tell the same.
    pub progress: Option<&'a str>,
}

/// What is done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A new one is sent.
    Post,
    /// The one that is there is changed.
    Edit,
}

/// How much a message shows. Each step down is tried when the one above was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// Everything that is useful.
    Full,
    /// Fewer alerts, fewer words.
    Compact,
    /// One text without any form.
    Plain,
}

impl Size {
    /// The next smaller one.
    pub fn smaller(self) -> Option<Self> {
        match self {
            Self::Full => Some(Self::Compact),
            Self::Compact => Some(Self::Plain),
            Self::Plain => None,
        }
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Done {
        /// The notifier's word for where it is.
        place: Option<String>,
        /// Recipients that will never get it.
        refused: Vec<String>,
    },
    /// It was not taken now: a later attempt may succeed.
    Retry {
        /// Why.
        cause: Cause,
        /// The notifier's word for what is done already.
        progress: Option<String>,
    },
    /// The target asks for patience; that is no failure.
    Patience {
        /// Why.
        cause: Cause,
        /// For how long.
        after: Duration,
    },
    /// The message is too big or has a wrong form: a smaller one may be taken.
    Smaller(Cause),
    /// What was to be edited is gone: a new one may be taken.
    Gone(Cause),
    /// Nothing can be sent to this target until somebody repairs it.
    TargetFails(Cause),
    /// This message will never be taken.
    Refused(Cause),
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// From a closed set, for metrics.
    pub reason: &'static str,
    /// For people; no secrets.
    pub detail: String,
}

impl Cause {
    /// A reason and what the target said.
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl Target {
    /// Makes a target ready; fails when its settings cannot work on this machine.
    pub fn build(settings: TargetSettings, paces: &Paces) -> Result<Self, String> {
        let notifier = match &settings.integration {
            Integration::Slack(slack) => Notifier::Slack(Slack::new((**slack).clone(), paces.clone())),
            Integration::Email(email) => Notifier::Email(Email::new((**email).clone())),
            Integration::Webhook(webhook) => Notifier::Webhook(Webhook::new((**webhook).clone())),
        };
        Ok(Self { settings, notifier })
    }

    /// The integration's name for metrics.
    pub fn integration(&self) -> &'static str {
        match &self.notifier {
            Notifier::Slack(_) => "slack",
            Notifier::Email(_) => "email",
            Notifier::Webhook(_) => "webhook",
        }
    }

    /// Whether it can change what it has sent.
    pub fn edits(&self) -> bool {
        edits(&self.settings.integration)
    }

    /// Waits until the target may be used without provoking its limits.
    pub async fn admit(&self, action: Action) {
        match &self.notifier {
            Notifier::Slack(slack) => slack.admit(action).await,
            Notifier::Email(_) | Notifier::Webhook(_) => {}
        }
    }

    /// Whether one message can stand for many threads, when there are too many for messages of their own.
    pub fn collapses(&self) -> bool {
        matches!(&self.notifier, Notifier::Slack(slack) if slack.has_one_channel())
    }

    /// Sends the card of a storm.
    pub async fn send_storm(&self, view: &StormView, size: Size, now: Moment) -> Outcome {
        match &self.notifier {
            Notifier::Slack(slack) => slack.send_storm(view, size, now).await,
            Notifier::Email(_) | Notifier::Webhook(_) => {
                Outcome::Refused(Cause::new("storm", "this integration has no storms"))
            }
        }
    }

    /// What would be sent, for people.
    ///
    /// # Errors
    /// It cannot be rendered.
    pub fn preview(&self, message: &Message<'_>) -> Result<String, String> {
        match &self.notifier {
            Notifier::Slack(slack) => Ok(format!("{:#}", slack.preview(message))),
            Notifier::Email(email) => email.preview(message),
            Notifier::Webhook(webhook) => Ok(webhook.body(message)),
        }
    }

    /// Sends a message.
    pub async fn send(&self, message: &Message<'_>) -> Outcome {
        match &self.notifier {
            Notifier::Slack(slack) => slack.send(message).await,
            Notifier::Email(email) => email.send(message).await,
            Notifier::Webhook(webhook) => webhook.send(message).await,
        }
    }
}

/// JSON as Go's encoder writes it: `<`, `>`, `&` and the separators of lines are escaped.
pub(crate) fn go_json(value: &impl serde::Serialize) -> String {
    // these characters stand in texts only, so that replacing them anywhere is right
    let json = serde_json::to_string(value).unwrap_or_default();
    let escaped = json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    escaped.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Whether an integration can change what it has sent.
pub fn edits(integration: &Integration) -> bool {
    match integration {
        Integration::Slack(slack) => matches!(slack.way, crate::config::SlackWay::Bot { .. }),
        Integration::Email(_) | Integration::Webhook(_) => false,
    }
}
