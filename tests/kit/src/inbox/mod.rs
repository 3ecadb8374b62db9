//! The demo's inbox: the page on which a person sees Slack messages and mails arrive.
//!
//! It works without JavaScript; with it, the page changes without jumping. Everything that came from outside is
//! escaped, a mail's HTML sits in a sandboxed frame, and the page's policy forbids to load anything from elsewhere.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::http::form_pairs;
use crate::listener::Listener;
use crate::slack::Slack;
use crate::smtp::Smtp;
use crate::web::{self, Answer, Reply, Request};

mod mail;
mod message;
mod mrkdwn;

const STYLE: &str = include_str!("inbox.css");
const SCRIPT: &str = include_str!("inbox.js");

/// Nothing from elsewhere, no inline scripts; a mail's frame inherits it, so that its images stay unloaded, too.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; \
                      img-src data:; frame-src 'self'; base-uri 'none'; form-action 'none'";

/// A running inbox page.
pub struct Inbox(Listener);

impl Inbox {
    /// Shows what comes to this Slack and this mail server; port 0 is a free one.
    pub async fn start(slack: Arc<Slack>, smtp: Arc<Smtp>, address: SocketAddr) -> Result<Self> {
        let handler = move |request: &Request| answer(request, &slack, &smtp);
        Ok(Self(web::serve(address, Arc::new(handler)).await?))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// What to open in a browser.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address())
    }
}

fn answer(request: &Request, slack: &Slack, smtp: &Smtp) -> Answer {
    match request.path.as_str() {
        "/" => {
            let main = main(slack, smtp);
            let version = version(&main);
            let seen = form_pairs(&request.query).into_iter().find(|(key, _)| key == "seen");
            if seen.is_some_and(|(_, seen)| seen == version) {
                return reply(204, "text/html; charset=utf-8", "");
            }
            reply(200, "text/html; charset=utf-8", &page(&main, &version))
        }
        "/inbox.js" => reply(200, "text/javascript; charset=utf-8", SCRIPT),
        _ => reply(404, "text/plain; charset=utf-8", "not found"),
    }
}

fn reply(status: u16, content_type: &str, body: &str) -> Answer {
    Reply::new(status, content_type, body.to_owned())
        .header("content-security-policy", POLICY)
        .header("x-content-type-options", "nosniff")
        .header("cache-control", "no-store")
        .into()
}

fn page(main: &str, version: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\" data-version=\"{version}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Watchfire inbox</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n\
         <style>\n{STYLE}</style>\n<script src=\"/inbox.js\" defer></script>\n</head>\n<body>\n{main}\n</body>\n</html>\n"
    )
}

fn main(slack: &Slack, smtp: &Smtp) -> String {
    let (messages, message_count) = slack.read(message::section);
    let (mails, mail_count) = smtp.read(mail::section);
    format!(
        "<header>\n<h1>Watchfire inbox</h1>\n<nav><a href=\"#slack\">Slack <b>{message_count}</b></a>\
         <a href=\"#mail\">Mail <b>{mail_count}</b></a></nav>\n</header>\n<main>\n{messages}\n{mails}\n</main>"
    )
}

/// A mark that changes when the page does.
fn version(main: &str) -> String {
    let mut hasher = DefaultHasher::new();
    main.hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

/// Text, safe between tags and inside quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The time of day where the machine is.
fn clock(time: Timestamp) -> String {
    let shown = time.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string();
    format!("<time datetime=\"{time}\">{shown}</time>")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::{Client, http_get};
    use crate::listener::ANY;

    #[tokio::test]
    async fn shows_messages_escaped_and_edits_counted() {
        let slack = Arc::new(Slack::start().await.unwrap());
        let smtp = Arc::new(Smtp::start().await.unwrap());
        let inbox = Inbox::start(Arc::clone(&slack), smtp, ANY).await.unwrap();
        let empty = http_get(&inbox.url(), &[]).await.unwrap();
        assert!(empty.text().contains("No message yet") && empty.text().contains("No mail yet"));

        let hook = slack.hook("#alerts");
        let body =
            r#"{"text":"<b>:fire: &lt;script&gt;</b> *RedisDown*","attachments":[{"color":"danger\"><i>"}]}"#;
        Client::new().post(&hook, "application/json", body).await.unwrap().ok().unwrap();
        let found =
            slack.wait_for(Duration::from_secs(5), |w| w.find("alerts", "Redis").map(|m| m.ts.clone()));
        found.await.unwrap();
        let page = http_get(&inbox.url(), &[]).await.unwrap();
        let text = page.text();
        assert!(text.contains("🔥 &lt;script&gt;") && text.contains("<strong>RedisDown</strong>"), "{text}");
        assert!(!text.contains("<script>") && !text.contains("<i>") && !text.contains("<b>:"), "{text}");
        assert!(page.header("content-security-policy").contains("default-src 'none'"));

        let version = text.split("data-version=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let same = http_get(&format!("{}?seen={version}", inbox.url()), &[]).await.unwrap();
        assert_eq!((same.status, same.body.len()), (204, 0));
        assert_eq!(http_get(&format!("{}x", inbox.url()), &[]).await.unwrap().status, 404);
    }
}
