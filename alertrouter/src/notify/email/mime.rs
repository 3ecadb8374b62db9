//! A mail as it goes over the wire: headers that make it arrive, thread and stay unanswered, and its two bodies.
//!
//! ```text
//! the thread's own name (no mail has it)   References of every mail
//! └── the first mail that was taken        In-Reply-To of the others
//! ```
//!
//! So a mail of whose arrival we never heard is in the thread too, whatever it said.
//!
//! Invariants: nothing from outside reaches a header but through [`line()`], so that no header can be injected; the
//! Message-ID is the same for every attempt to tell the same; the subject is the same for the whole life of a thread,
//! but for the state before it.

use lettre::Message as Mail;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use serde::{Deserialize, Serialize};

use super::letter::Letter;
use super::{html, text};
use crate::labels::Fnv128;
use crate::notify::card::{Card, common_name};
use crate::notify::{Message, Size};
use crate::payload::Status;

/// Characters of a subject.
const SUBJECT: usize = 200;

/// What is remembered of a thread between two mails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Thread {
    /// The Message-ID of its first mail.
    root: String,
    /// The group's episode it belongs to: a group that fires anew begins a new thread.
    episode: i64,
    /// The subject, without the state.
    #[serde(default)]
    subject: String,
}

impl Thread {
    /// The thread that this message goes on, or begins.
    pub(super) fn of(message: &Message<'_>, letter: &Letter) -> Self {
        let episode = message.view.episode;
        let known: Option<Self> =
            message.view.place.as_deref().and_then(|place| serde_json::from_str(place).ok());
        let mut thread = known.filter(|thread| thread.episode == episode).unwrap_or_else(|| Self {
            root: message_id(letter, message),
            episode,
            subject: String::new(),
        });
        if thread.subject.is_empty() {
            thread.subject = subject(message);
        }
        thread
    }
}

/// Builds a mail; `to` is who is named as its recipients.
pub(super) fn build(
    letter: &Letter,
    message: &Message<'_>,
    thread: &Thread,
    to: &[&Mailbox],
) -> Result<Vec<u8>, lettre::error::Error> {
    let card = Card::new(message.view, &message.alerts);
    let id = message_id(letter, message);
    let mut builder = Mail::builder()
        .from(letter.from.clone())
        .date(message.now.timestamp().into())
        .message_id(Some(id.clone()))
        .subject(match own(letter, "Subject") {
            Some(subject) => line(subject, SUBJECT),
            None => format!("{} {}", state(&card), thread.subject),
        });
    for mailbox in to {
        builder = builder.to((*mailbox).clone());
    }
    let name = thread_name(letter, message);
    builder = if thread.root == id {
        builder.references(name)
    } else {
        builder.in_reply_to(thread.root.clone()).references(format!("{name} {}", thread.root))
    };
    for (name, value) in headers(letter, &card) {
        if let Ok(name) = HeaderName::new_from_ascii(name) {
            builder = builder.raw_header(HeaderValue::new(name, value));
        }
    }
    let problem = letter.problem.as_deref();
    let plain = letter.text.clone();
    let plain =
        SinglePart::plain(plain.unwrap_or_else(|| text::render(&card, message.size, message.now, problem)));
    let html = letter.html.clone();
    let html = html.unwrap_or_else(|| html::render(&card, message.size, message.now, problem));
    let mail = if message.size == Size::Plain || html.is_empty() {
        builder.singlepart(plain)?
    } else {
        let html = SinglePart::html(html);
        // a boundary of our own, so that a repeated mail is the same to the byte
        let boundary = format!("part-{}", id.trim_start_matches('<').chars().take(32).collect::<String>());
        builder.multipart(MultiPart::alternative().boundary(boundary).singlepart(plain).singlepart(html))?
    };
    Ok(mail.formatted())
}

/// The headers that stand once each: ours, and the user's, which may replace some of ours.
fn headers(letter: &Letter, card: &Card<'_>) -> Vec<(String, String)> {
    let receiver = line(card.receiver, 100);
    let mut headers = vec![
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        ("List-Id", format!("<{}.alertrouter>", list_name(&receiver))),
        ("X-Alert-Receiver", receiver),
        ("X-Alert-Status", card.counts()),
    ];
    if let Some(severity) = card.severity {
        headers.push(("X-Alert-Severity", line(severity, 100)));
    }
    headers.retain(|(name, _)| own(letter, name).is_none());
    let ours = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
    let users = letter.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Subject"));
    ours.chain(users.cloned()).collect()
}

/// A header of the user's own.
fn own<'a>(letter: &'a Letter, header: &str) -> Option<&'a str> {
    let found = letter.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(header));
    found.map(|(_, value)| value.as_str())
}

/// In brackets: readers that thread by subject leave them out.
fn state(card: &Card<'_>) -> String {
    match card.status {
        Status::Firing => format!("[FIRING:{}]", card.firing),
        Status::Resolved => "[RESOLVED]".to_owned(),
    }
}

/// What a thread is about. The first mail's words stay, though later ones may tell of other alerts.
fn subject(message: &Message<'_>) -> String {
    let view = message.view;
    let name = common_name(view, &message.alerts).unwrap_or("Alerts");
    let labels = view.labels.iter().filter(|(label, value)| *label != "alertname" && !value.is_empty());
    let about: Vec<&str> = labels.map(|(_, value)| value).collect();
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(" ")) };
    line(&format!("{name}{about}"), SUBJECT)
}

/// The Message-ID of a mail: a hash, so that it tells nothing and always fits. When we first heard of the alerts is a
/// part of it, because a store that was lost begins to count anew, and no reader may take a mail for an old one.
fn message_id(letter: &Letter, message: &Message<'_>) -> String {
    let heard = message.alerts.iter().map(|alert| alert.first_seen.0).max().unwrap_or(0);
    name(letter, &[&message.delivery, &message.view.receiver, &heard.to_string()])
}

/// The thread's own name.
fn thread_name(letter: &Letter, message: &Message<'_>) -> String {
    let view = message.view;
    let (thread, episode) = (view.thread.to_string(), view.episode.to_string());
    name(letter, &["thread", &thread, &episode, &view.receiver, &view.labels.to_json()])
}

fn name(letter: &Letter, parts: &[&str]) -> String {
    let mut hash = Fnv128::default();
    for part in parts {
        hash.write(part.as_bytes());
        hash.write(&[0]);
    }
    // a header is ASCII, and a domain may be more
    let domain =
        Some(letter.from.email.domain()).filter(|domain| domain.is_ascii()).unwrap_or("alertrouter.invalid");
    format!("<{:032x}@{domain}>", hash.0)
}

/// One line without control characters.
pub(super) fn line(text: &str, most: usize) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    words.join(" ").chars().take(most).collect()
}

/// A receiver's name as a part of a list's name.
fn list_name(receiver: &str) -> String {
    let name: String = receiver
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    if name.is_empty() { "alerts".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_only() {
        for (text, expected) in
            [("a\r\nBcc: x@y", "a Bcc: x@y"), ("a\u{0}b\u{2028}c", "a b c"), ("  a   b ", "a b")]
        {
            assert_eq!(line(text, 100), expected);
        }
        assert_eq!(list_name("Team Ä/1"), "team---1");
    }
}
