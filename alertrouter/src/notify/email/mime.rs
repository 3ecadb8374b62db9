//! A mail as it goes over the wire: headers that make it arrive, thread and stay unanswered, and its two bodies.
//!
//! Invariants: nothing from outside reaches a header but through [`line()`], so that no header can be injected; the
//! Message-ID is the same for every attempt to tell the same; the subject is the same for the whole life of a thread,
//! but for the state before it.

use lettre::Message as Mail;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use super::render;
use crate::config::EmailSettings;
use crate::labels::Fnv128;
use crate::notify::card::Card;
use crate::notify::{Message, Size};

/// Characters of a subject.
const SUBJECT: usize = 200;

/// Builds a mail to these recipients.
pub(super) fn build(
    settings: &EmailSettings,
    message: &Message<'_>,
    root: Option<&str>,
    id: &str,
    to: &[Mailbox],
) -> Result<Vec<u8>, lettre::error::Error> {
    let card = Card::new(message.view, &message.alerts);
    let mut builder = Mail::builder()
        .from(settings.from.clone())
        .date(message.now.timestamp().into())
        .message_id(Some(id.to_owned()));
    for mailbox in to {
        builder = builder.to(mailbox.clone());
    }
    let own_subject = settings.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Subject"));
    builder = builder.subject(match own_subject {
        Some((_, subject)) => line(subject, SUBJECT),
        None => line(&card.title(), SUBJECT),
    });
    if let Some(root) = root {
        builder = builder.in_reply_to(root.to_owned()).references(root.to_owned());
    }
    let receiver = line(card.receiver, 100);
    let mut headers = vec![
        ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress".to_owned(), "All".to_owned()),
        ("List-Id".to_owned(), format!("<{}.alertrouter>", list_name(&receiver))),
        ("X-Alert-Receiver".to_owned(), receiver),
        ("X-Alert-Status".to_owned(), card.counts()),
    ];
    if let Some(severity) = card.severity {
        headers.push(("X-Alert-Severity".to_owned(), line(severity, 100)));
    }
    let ours = headers.len();
    headers
        .extend(settings.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Subject")).cloned());
    for (at, (name, value)) in headers.into_iter().enumerate() {
        // a header of the user's may replace one of these, and stands once
        let replaced = at < ours && settings.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(&name));
        if let Ok(name) = HeaderName::new_from_ascii(name)
            && !replaced
        {
            builder = builder.raw_header(HeaderValue::new(name, value));
        }
    }
    let text = render::text(&card, message.size, message.now);
    let mail = if message.size == Size::Plain {
        builder.body(text)?
    } else {
        let html = render::html(&card, message.size, message.now);
        builder.multipart(MultiPart::alternative_plain_html(text, html))?
    };
    Ok(mail.formatted())
}

/// The Message-ID of a delivery: a hash, so that it tells nothing and always fits.
pub(super) fn message_id(settings: &EmailSettings, delivery: &str) -> String {
    let mut hash = Fnv128::default();
    hash.write(delivery.as_bytes());
    format!("<{:032x}@{}>", hash.0, settings.from.email.domain())
}

/// One line without control characters.
fn line(text: &str, most: usize) -> String {
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
