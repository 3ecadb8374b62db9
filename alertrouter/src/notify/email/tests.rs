//! How mails look, and that no input breaks one.

use lettre::message::Mailbox;
use proptest::prelude::*;

use super::letter::letter;
use super::mime::{self, Thread};
use super::{html, text};
use crate::commands::sample::{example, message, view};
use crate::config::{EmailSettings, Mechanism};
use crate::notify::card::Card;
use crate::notify::{Action, Size};
use crate::payload::{Payload, Status};
use crate::store::Sent;
use crate::template::Text;

fn settings() -> EmailSettings {
    EmailSettings {
        to: Text::plain("oncall@example.org"),
        from: Text::plain("Alerts <alerts@example.org>"),
        host: "mail.example.org".to_owned(),
        port: 587,
        hello: "localhost".to_owned(),
        username: None,
        password: None,
        mechanism: Mechanism::Password,
        require_tls: true,
        implicit_tls: false,
        tls: crate::config::TlsSettings::default(),
        headers: Vec::new(),
        text: None,
        html: None,
    }
}

/// A mail's source for a group in these states: what it is, and the place that is remembered.
fn source(payload: &Payload, size: Size, place: Option<String>, resolved: bool) -> (String, String) {
    let (_, now) = example();
    let mut view = view("team", payload, now);
    view.thread = 7;
    if resolved {
        for alert in &mut view.alerts {
            (alert.status, alert.ends_at) = (Status::Resolved, Some(now));
        }
    }
    if place.is_some() {
        view.sent = Some(Sent { key: 1, firing: 1, episode: 1, revision: 1 });
        view.sent_count = 1;
    }
    view.place = place;
    let mut message = message(&view, Action::Post, now);
    message.size = size;
    message.delivery = format!("7-{}", view.sent_count);
    let letter = letter(&settings(), &message).unwrap();
    let thread = Thread::of(&message, &letter);
    let to: Vec<&Mailbox> = letter.to.iter().collect();
    let mail = mime::build(&letter, &message, &thread, &to).unwrap();
    (String::from_utf8(mail).unwrap(), serde_json::to_string(&thread).unwrap())
}

#[test]
fn golden_mails() {
    let (payload, now) = example();
    let view = view("team", &payload, now);
    let message = message(&view, Action::Post, now);
    let card = Card::new(&view, &message.alerts);
    insta::assert_snapshot!("mail_text", text::render(&card, Size::Full, now, None));
    insta::assert_snapshot!("mail_html", html::render(&card, Size::Full, now, None).replace("><", ">\n<"));
    let (plain, _) = source(&payload, Size::Plain, None, false);
    insta::assert_snapshot!("mail_source", plain.replace("\r\n", "\n"));
}

#[test]
fn a_thread_keeps_its_name_and_its_subject() {
    let (payload, _) = example();
    let header = |source: &str, name: &str| {
        let unfolded = source.replace("\r\n ", " ");
        let prefix = format!("{name}: ");
        let found = unfolded.lines().find_map(|line| line.strip_prefix(prefix.as_str()));
        found.unwrap_or_default().to_owned()
    };
    let (first, place) = source(&payload, Size::Full, None, false);
    assert_eq!(source(&payload, Size::Full, None, false).0, first, "a repeated mail is the same");
    let (second, again) = source(&payload, Size::Full, Some(place.clone()), true);
    assert_eq!(place, again);
    let (root, name) = (header(&first, "Message-ID"), header(&first, "References"));
    assert_eq!(header(&first, "Subject"), "[FIRING:2] RedisDown (eu-west-1)");
    assert_eq!(header(&second, "Subject"), "[RESOLVED] RedisDown (eu-west-1)");
    assert_eq!(header(&first, "In-Reply-To"), "");
    assert_eq!(header(&second, "In-Reply-To"), root);
    assert_eq!(header(&second, "References"), format!("{name} {root}"));
    assert_ne!(header(&second, "Message-ID"), root);
}

#[test]
fn html_stays_below_what_gmail_shows() {
    let (mut payload, now) = example();
    let alert = payload.alerts.remove(0);
    payload.alerts = (0..100).map(|_| alert.clone()).collect();
    let view = view("team", &payload, now);
    let message = message(&view, Action::Post, now);
    let html = html::render(&Card::new(&view, &message.alerts), Size::Full, now, None);
    assert!(html.len() < 100 * 1024 && html.contains(" more</b>"), "{}", html.len());
    assert_eq!(structure(&html), Ok(()));
}

/// Walks through the elements: each that is opened is closed, in order, and none is of a kind that we do not write.
fn structure(html: &str) -> Result<(), String> {
    const KINDS: [&str; 16] = [
        "html", "head", "title", "style", "body", "div", "table", "tr", "td", "p", "h1", "span", "b", "a",
        "br", "meta",
    ];
    let mut open: Vec<&str> = Vec::new();
    let document = html.strip_prefix("<!doctype html>").ok_or("no doctype")?;
    for piece in document.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').ok_or_else(|| format!("<{piece} has no end"))?;
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        if !KINDS.contains(&name) {
            return Err(format!("<{tag}> is not ours"));
        }
        if tag.matches('"').count() % 2 != 0
            || tag.split('"').step_by(2).any(|outside| outside.contains(" on"))
        {
            return Err(format!("<{tag}> has attributes that are not ours"));
        }
        match (tag.starts_with('/'), name) {
            (_, "br" | "meta") => {}
            (false, _) => open.push(name),
            (true, _) if open.pop() == Some(name) => {}
            (true, _) => return Err(format!("<{tag}> closes what is not open")),
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stay open")) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_input_breaks_a_mail(
        text in "(\\PC|[<>&\"'\r\n\u{0}\u{2028}.=]){0,3000}",
        name in "(\\PC|[\r\n:]){1,300}",
        url in "(https://|javascript:)?\\PC{0,300}",
    ) {
        let (mut payload, _) = example();
        payload.group_labels = [("alertname", &name)].into_iter().collect();
        for alert in &mut payload.alerts {
            alert.labels = [("alertname", &name), ("severity", &text), ("x", &text)].into_iter().collect();
            alert.annotations =
                [("summary", &text), ("description", &name), ("runbook_url", &url)].into_iter().collect();
        }
        let view = view("team", &payload, example().1);
        let message = message(&view, Action::Post, view.created_at);
        let html = html::render(&Card::new(&view, &message.alerts), Size::Full, message.now, None);
        prop_assert_eq!(structure(&html), Ok(()));
        prop_assert!(!html.contains("href=\"javascript"));
        for size in [Size::Full, Size::Compact, Size::Plain] {
            let (source, _) = source(&payload, size, None, false);
            prop_assert!(source.is_ascii());
            prop_assert!(source.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
            let (head, _) = source.split_once("\r\n\r\n").unwrap();
            for line in head.split("\r\n") {
                let known = ["From", "To", "Date", "Message-ID", "Subject", "References", "Auto-Submitted",
                    "X-Auto-Response-Suppress", "List-Id", "X-Alert-", "MIME-Version", "Content-", " "];
                prop_assert!(known.iter().any(|start| line.starts_with(start)), "{line}");
            }
        }
    }
}
