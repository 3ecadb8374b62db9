//! A mail that was taken: its envelope, its headers and its parts, decoded, and what is wrong with them.

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::mime::{self, Leaf};

/// Headers that a mail must have.
const NEEDED: [&str; 4] = ["From", "Date", "Message-ID", "MIME-Version"];

/// Headers that a mail may have once.
const SINGLE: [&str; 8] = ["From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References"];

/// The longest line that quoted-printable and folded headers should have: RFC 5322 2.1.1.
const HEADER_LINE_BYTES: usize = 998;

/// Who sends to whom, as told before the mail itself.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) from: String,
    pub(super) recipients: Vec<String>,
    pub(super) eight_bit: bool,
    pub(super) utf8: bool,
}

/// A mail that was taken.
#[derive(Clone, Debug)]
pub struct Mail {
    /// When its final dot came.
    pub time: Timestamp,
    /// Which of the server's sessions brought it, counted from 0.
    pub session: usize,
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients that were taken.
    pub recipients: Vec<String>,
    /// All headers in their order, unfolded and decoded.
    pub headers: Vec<(String, String)>,
    /// The text part, or "".
    pub text: String,
    /// The HTML part, or "".
    pub html: String,
    /// The mail as it came, without doubled dots.
    pub raw: Vec<u8>,
    /// What a strict reader would complain about; empty for a good mail.
    pub problems: Vec<String>,
}

impl Mail {
    pub(super) fn new(session: usize, envelope: Envelope, raw: Vec<u8>) -> Self {
        let (headers, body) = mime::split(&raw);
        let leaves = mime::leaves(&headers, body);
        let part = |kind: &str| leaves.iter().find(|leaf| leaf.kind == kind).map(|leaf| leaf.text.clone());
        let (text, html) = (part("text/plain").unwrap_or_default(), part("text/html").unwrap_or_default());
        let problems = problems(&envelope, &headers, &raw, body, &leaves);
        let decoded = headers.into_iter().map(|(name, value)| (name, mime::decode_words(&value))).collect();
        let Envelope { from, recipients, .. } = envelope;
        Self {
            time: Timestamp::now(),
            session,
            from,
            recipients,
            headers: decoded,
            text,
            html,
            raw,
            problems,
        }
    }

    /// Reads a mail from a mailbox, where a server has delivered it; who it is from and for are what that server noted.
    pub fn delivered(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw).replace("\r\n", "\n").replace('\n', "\r\n");
        let (headers, _) = mime::split(text.as_bytes());
        let noted = |name: &str| {
            let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim_matches(['<', '>']).to_owned())
        };
        let envelope = Envelope {
            from: noted("Return-Path").unwrap_or_default(),
            recipients: noted("Delivered-To").into_iter().collect(),
            eight_bit: true,
            utf8: true,
        };
        Self::new(0, envelope, text.into_bytes())
    }

    /// A header's first value, or "".
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The subject.
    pub fn subject(&self) -> &str {
        self.header("Subject")
    }

    /// Whether it says `words` in its subject or a part.
    pub fn says(&self, words: &str) -> bool {
        [self.subject(), &self.text, &self.html].iter().any(|text| text.contains(words))
    }
}

fn problems(
    envelope: &Envelope,
    headers: &[(String, String)],
    raw: &[u8],
    body: &[u8],
    leaves: &[Leaf],
) -> Vec<String> {
    let count = |name: &str| headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).count();
    let value =
        |name: &str| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let mut found = Vec::new();
    found.extend(NEEDED.iter().filter(|name| count(name) == 0).map(|name| format!("no {name} header")));
    found.extend(
        SINGLE.iter().filter(|name| count(name) > 1).map(|name| format!("more than one {name} header")),
    );
    if value("Date").is_some_and(|date| rfc2822::parse(date).is_err()) {
        found.push("the Date is not one of RFC 5322".to_owned());
    }
    if value("Message-ID").is_some_and(|id| !(id.starts_with('<') && id.ends_with('>') && id.contains('@'))) {
        found.push("the Message-ID is not <left@right>".to_owned());
    }
    let head = raw.get(..raw.len() - body.len()).unwrap_or_default();
    if !envelope.utf8 && !head.is_ascii() {
        found.push("8-bit headers without SMTPUTF8".to_owned());
    }
    if !envelope.eight_bit && !body.is_ascii() {
        found.push("8-bit content without BODY=8BITMIME".to_owned());
    }
    if head.split(|&byte| byte == b'\n').any(|line| line.len() > HEADER_LINE_BYTES + 1) {
        found.push("a header line is longer than 998 bytes".to_owned());
    }
    let place = |kind: &str| leaves.iter().position(|leaf| leaf.kind == kind);
    match (place("text/plain"), place("text/html")) {
        (None, Some(_)) => found.push("HTML without text".to_owned()),
        (Some(text), Some(html)) if text > html => found.push("HTML before text".to_owned()),
        _ => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(raw: &str) -> Mail {
        let recipients = vec!["b@x".to_owned()];
        let envelope = Envelope { from: "a@x".to_owned(), recipients, eight_bit: false, utf8: false };
        Mail::new(0, envelope, raw.replace('\n', "\r\n").into_bytes())
    }

    #[test]
    fn a_good_mail_has_no_problems() {
        let good = mail(
            "From: a@x\nDate: Tue, 01 Oct 2024 10:00:00 +0000\nMessage-ID: <1@x>\nMIME-Version: 1.0\n\
             Subject: =?utf-8?q?caf=C3=A9?=\n\nhi\n",
        );
        assert_eq!((good.subject(), good.text.as_str(), good.problems.len()), ("café", "hi\n", 0));
        assert!(good.says("caf") && good.says("hi") && !good.says("ho"));
    }

    #[test]
    fn a_delivered_mail() {
        let raw = "Return-Path: <a@x>\nDelivered-To: b@x\nSubject: s\n\nhi\n";
        let mail = Mail::delivered(raw.as_bytes());
        assert_eq!((mail.from.as_str(), mail.recipients.join(" ").as_str()), ("a@x", "b@x"));
        assert_eq!((mail.subject(), mail.text.as_str()), ("s", "hi\n"));
    }

    #[test]
    fn a_bad_mail_has_many() {
        let bad = mail("Subject: é\nSubject: b\nDate: today\nContent-Type: text/html\n\né\n");
        assert_eq!(
            bad.problems,
            [
                "no From header",
                "no Message-ID header",
                "no MIME-Version header",
                "more than one Subject header",
                "the Date is not one of RFC 5322",
                "8-bit headers without SMTPUTF8",
                "8-bit content without BODY=8BITMIME",
                "HTML without text",
            ]
        );
    }
}
