//! Slack: an incoming webhook, or a bot that posts one message per thread and edits it.
//!
//! ```text
//! read the secret → render the card → chat.postMessage | chat.update | POST to the webhook → outcome by error name
//! ```
//!
//! Invariants: the webhook's URL and the token never leave this file in an error; redirects are not followed, since
//! they would carry the secret away; a bot's message is found again by channel ID and ts, as Slack gave them.

mod answer;
pub(super) mod blocks;
mod text;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use toolkit::config::{Secret, redact_url};

use super::card::Card;
use super::pace::{Paces, Rate};
use super::{Action, Cause, Message, Outcome};
use crate::config::{SlackSettings, SlackWay};

/// Messages to one channel: Slack's word is one a second, with short bursts.
const POSTS: Rate = Rate { burst: 5.0, per_second: 1.0 };

/// Edits with one token: fewer than 50 in any minute (5 + 60 × 0.75).
const EDITS: Rate = Rate { burst: 5.0, per_second: 0.75 };

/// Bytes of an answer that are read: Slack's are far smaller.
const MAX_ANSWER: usize = 256 * 1024;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// One Slack target.
#[derive(Debug)]
pub struct Slack {
    settings: SlackSettings,
    client: reqwest::Client,
    paces: Paces,
}

/// Where a bot's message is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    channel: String,
    ts: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    ok: bool,
    error: String,
    channel: String,
    ts: String,
    retry_after: Option<u64>,
}

impl Slack {
    /// Makes the client.
    pub fn new(settings: SlackSettings, paces: Paces) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            // as Alertmanager: a proxy is used only when the configuration names it
            .no_proxy()
            .user_agent(concat!("alertrouter/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("the HTTP client cannot be made: {error}"))?;
        Ok(Self { settings, client, paces })
    }

    /// Waits for the pace of what is going to be done.
    pub async fn admit(&self, action: Action) {
        if let Ok(secret) = self.secret().await {
            self.paces.wait(self.pace_key(action, &secret), pace(action)).await;
        }
    }

    /// Sends a message.
    pub async fn send(&self, message: &Message<'_>) -> Outcome {
        let secret = match self.secret().await {
            Ok(secret) => secret,
            Err(cause) => return Outcome::TargetFails(cause),
        };
        let outcome = match &self.settings.way {
            SlackWay::Webhook { .. } => self.post_webhook(message, &secret).await,
            SlackWay::Bot { base, .. } => self.call_bot(message, base, &secret).await,
        };
        if let Outcome::Patience { after, .. } = &outcome {
            let key = self.pace_key(message.action, &secret);
            self.paces.pause(key, pace(message.action), *after);
        }
        outcome
    }

    async fn secret(&self) -> Result<Secret, Cause> {
        let (SlackWay::Webhook { url: source } | SlackWay::Bot { token: source, .. }) = &self.settings.way;
        source.read().await.map_err(|error| Cause::new("secret", error.to_string()))
    }

    /// Posts are counted per channel, edits per token. A webhook is a channel by itself.
    fn pace_key<'a>(&'a self, action: Action, secret: &'a Secret) -> (&'a str, Option<&'a str>) {
        match (&self.settings.way, action) {
            (SlackWay::Bot { .. }, Action::Post) => (secret.expose(), self.settings.channel.as_deref()),
            _ => (secret.expose(), None),
        }
    }

    async fn post_webhook(&self, message: &Message<'_>, url: &Secret) -> Outcome {
        let body = self.body(message);
        let request = json_post(&self.client, url.expose().trim(), &body);
        match self.exchange(request).await {
            Ok((200, _, text)) if text.trim() == "ok" => Outcome::Done { place: None, refused: Vec::new() },
            Ok((status, retry_after, text)) => {
                let answer: Answer = serde_json::from_str(&text).unwrap_or_default();
                let error = if answer.error.is_empty() { text.trim() } else { &answer.error };
                let retry_after = retry_after.or_else(|| answer.retry_after.map(Duration::from_secs));
                // a page for people is no error's name
                let error = if error.len() > 80 || error.contains('<') { "" } else { error };
                answer::classify(error, status, retry_after)
            }
            Err(outcome) => outcome,
        }
    }

    async fn call_bot(&self, message: &Message<'_>, base: &str, token: &Secret) -> Outcome {
        let mut body = self.body(message);
        let place: Option<Place> =
            message.view.place.as_deref().and_then(|place| serde_json::from_str(place).ok());
        let edited = place.filter(|_| message.action == Action::Edit);
        let method = if let Some(place) = &edited {
            set(&mut body, "channel", json!(place.channel));
            set(&mut body, "ts", json!(place.ts));
            // what an edit leaves out stays as it was
            set(&mut body, "blocks", json!([]));
            "chat.update"
        } else {
            set(&mut body, "unfurl_links", json!(false));
            set(&mut body, "unfurl_media", json!(false));
            "chat.postMessage"
        };
        let id = json!({ "event_type": "alertrouter", "event_payload": { "delivery_id": message.delivery } });
        set(&mut body, "metadata", id);
        let request =
            json_post(&self.client, &format!("{base}/{method}"), &body).bearer_auth(token.expose().trim());
        let (status, retry_after, text) = match self.exchange(request).await {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        let answer: Answer = match serde_json::from_str(&text) {
            Ok(answer) => answer,
            // 200 with something else: it may have been done; doing it again is safer than not
            Err(_) => return answer::classify("", status, retry_after),
        };
        if !answer.ok {
            return answer::classify(&answer.error, status, retry_after);
        }
        let place = edited.unwrap_or(Place { channel: answer.channel, ts: answer.ts });
        Outcome::Done { place: serde_json::to_string(&place).ok(), refused: Vec::new() }
    }

    /// What both ways have in common.
    fn body(&self, message: &Message<'_>) -> Value {
        let card = Card::new(message.view, &message.alerts);
        let rendered = blocks::render(&card, message.size, message.now);
        let mut body = json!({ "text": rendered.text, "attachments": rendered.attachments });
        for (key, value) in [
            ("channel", &self.settings.channel),
            ("username", &self.settings.username),
            ("icon_emoji", &self.settings.icon_emoji),
            ("icon_url", &self.settings.icon_url),
        ] {
            // an edit keeps its author
            if let Some(value) = value
                && message.action == Action::Post
            {
                set(&mut body, key, json!(value));
            }
        }
        body
    }

    /// Sends a request; gives status, Retry-After and the answer's text.
    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(u16, Option<Duration>, String), Outcome> {
        let failed = |error: reqwest::Error| {
            let reason = if error.is_timeout() {
                "timeout"
            } else if error.is_connect() {
                "connect"
            } else {
                "network"
            };
            let builder = error.is_builder();
            let cause = Cause::new(reason, chain(&error.without_url()));
            // a URL that is none will not become one by waiting
            if builder { Outcome::TargetFails(cause) } else { Outcome::Retry { cause, progress: None } }
        };
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse().ok())
            .map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                break;
            }
        }
        Ok((status, retry_after, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// A request with a JSON body; without the charset Slack adds a warning to every answer.
fn json_post(client: &reqwest::Client, url: &str, body: &Value) -> reqwest::RequestBuilder {
    client
        .post(url)
        .header(reqwest::header::CONTENT_TYPE, "application/json; charset=utf-8")
        .body(body.to_string())
}

fn pace(action: Action) -> Rate {
    match action {
        Action::Post => POSTS,
        Action::Edit => EDITS,
    }
}

fn set(body: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = body {
        map.insert(key.to_owned(), value);
    }
}

/// An error with its causes, in one line and without secrets.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    redact_url(&text)
}
