//! Slack: an incoming webhook, or a bot that posts one message per thread, edits it, and answers in its thread.
//!
//! ```text
//! bot      Post → chat.postMessage → (once) auth.test for the permalink → place
//!          Edit → chat.update → chat.postMessage in the thread: who fired, who was resolved, what still fires
//! webhook  Post → POST to its URL
//! ```
//!
//! Invariants: the webhook's URL and the token are in no outcome; a bot's message is found again by channel ID and ts,
//! as Slack gave them; an edit comes before its reply, because it can be done twice and a post cannot.

mod answer;
pub(super) mod blocks;
mod compose;
mod form;
mod place;
mod reply;
pub(super) mod storm;
mod text;

use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use toolkit::config::Secret;

use super::card::is_web;
use super::http::{Answer, Http, exchange};
use super::pace::{Paces, Rate};
use super::{Action, Cause, Message, Outcome, Size};
use crate::config::{SlackSettings, SlackWay};
use crate::moment::Moment;
use crate::store::StormView;
use crate::template::Text;
use compose::Letter;
use place::Place;
pub use place::permalink;

/// Messages to one channel: Slack's word is one a second, with short bursts. A little less, because what leaves here a
/// second apart may arrive closer together.
const POSTS: Rate = Rate { burst: 4.0, per_second: 0.95 };

/// Messages to all channels with one token: Slack's word is several hundred a minute.
const WORKSPACE: Rate = Rate { burst: 30.0, per_second: 4.0 };

/// Edits with one token: Slack's word is 50 in any minute; this is 48 at most (5 + 60 × 0.72).
const EDITS: Rate = Rate { burst: 5.0, per_second: 0.72 };

/// How long a reply waits for the pace of its channel. When that is not enough, its news go into the next reply: the
/// message itself shows them already.
const REPLY_WAIT: Duration = Duration::from_secs(10);

/// How long the workspace's address is waited for, since the message that needs it is posted already.
const WORKSPACE_WAIT: Duration = Duration::from_secs(3);

/// How soon the workspace's address is asked for again after a failure.
const WORKSPACE_PAUSE: Duration = Duration::from_mins(10);

/// What is done already when an edit has worked and its reply has not.
const EDITED: &str = "edited";

/// One Slack target.
#[derive(Debug)]
pub struct Slack {
    settings: SlackSettings,
    http: Http,
    paces: Paces,
    workspace: Mutex<Workspace>,
}

/// Where the workspace's messages are shown, once that is known.
#[derive(Debug, Default)]
struct Workspace {
    /// With the token that it was asked with.
    known: Option<(Secret, String)>,
    not_before: Option<Instant>,
}

/// A bot's way to the API.
struct Bot<'a> {
    base: &'a str,
    token: Secret,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    ok: bool,
    error: String,
    channel: String,
    ts: String,
    url: String,
    retry_after: Option<u64>,
}

impl Slack {
    /// A target with these settings.
    pub fn new(settings: SlackSettings, paces: Paces) -> Self {
        let http = Http::new(settings.http.clone(), settings.timeout);
        Self { settings, http, paces, workspace: Mutex::default() }
    }

    /// Waits for the pace of what is going to be done.
    pub async fn admit(&self, action: Action) {
        let Ok(secret) = self.secret().await else { return };
        match (&self.settings.way, action) {
            (SlackWay::Webhook { .. }, _) => self.paces.wait(("hook", secret.expose()), POSTS).await,
            (SlackWay::Bot { .. }, Action::Post) => self.admit_post(&secret).await,
            (SlackWay::Bot { .. }, Action::Edit) => self.paces.wait(("edit", secret.expose()), EDITS).await,
        }
    }

    /// Sends a message.
    pub async fn send(&self, message: &Message<'_>) -> Outcome {
        let secret = match self.secret().await {
            Ok(secret) => secret,
            Err(cause) => return Outcome::TargetFails(cause),
        };
        match &self.settings.way {
            SlackWay::Webhook { .. } => {
                self.hook(&secret, compose::letter(&self.settings, message, None)).await
            }
            SlackWay::Bot { base, .. } => {
                let bot = Bot { base, token: secret };
                let place = Place::read(message.view.place.as_deref());
                match place {
                    Some(place) if message.action == Action::Edit => self.edit(&bot, message, place).await,
                    before => self.open(&bot, message, before.as_ref()).await,
                }
            }
        }
    }

    /// The body of a new message, for people.
    pub fn preview(&self, message: &Message<'_>) -> Value {
        compose::letter(&self.settings, message, None).preview()
    }

    /// Sends the card of a storm: a new one when it has no place yet.
    pub async fn send_storm(&self, view: &StormView, size: Size, now: Moment) -> Outcome {
        let secret = match self.secret().await {
            Ok(secret) => secret,
            Err(cause) => return Outcome::TargetFails(cause),
        };
        let letter = compose::card(&self.settings, storm::render(view, size, now));
        let SlackWay::Bot { base, .. } = &self.settings.way else {
            return self.hook(&secret, letter).await;
        };
        let bot = Bot { base, token: secret };
        let done = |place: &Place| Outcome::Done { place: Some(place.write()), refused: Vec::new() };
        match Place::read(view.storm.place.as_deref()) {
            Some(place) => match self.update(&bot, &place, letter).await {
                Ok(()) => done(&place),
                Err(outcome) => outcome,
            },
            None => match self.post(&bot, letter).await {
                Ok(place) => done(&place),
                Err(outcome) => outcome,
            },
        }
    }

    /// A new message.
    async fn open(&self, bot: &Bot<'_>, message: &Message<'_>, before: Option<&Place>) -> Outcome {
        let before = before.and_then(|place| place.permalink.as_deref());
        match self.post(bot, compose::letter(&self.settings, message, before)).await {
            Ok(mut place) => {
                place.permalink = self.permalink(bot, &place).await;
                place.remember(&message.alerts);
                Outcome::Done { place: Some(place.write()), refused: Vec::new() }
            }
            Err(outcome) => outcome,
        }
    }

    /// The message is changed; then a reply says what changed.
    async fn edit(&self, bot: &Bot<'_>, message: &Message<'_>, mut place: Place) -> Outcome {
        if message.progress != Some(EDITED) {
            let letter = compose::letter(&self.settings, message, None);
            if let Err(outcome) = self.update(bot, &place, letter).await {
                return outcome;
            }
        }
        if place.permalink.is_none() {
            place.permalink = self.permalink(bot, &place).await;
        }
        let told = |place: &Place| Outcome::Done { place: Some(place.write()), refused: Vec::new() };
        let Some(reply) = reply::render(&place, message) else {
            place.remember(&message.alerts);
            return told(&place);
        };
        if tokio::time::timeout(REPLY_WAIT, self.admit_reply(&bot.token, &place)).await.is_err() {
            return told(&place);
        }
        let body = compose::reply(&self.settings, &place, &reply);
        match self.call(bot, "chat.postMessage", body).await {
            Ok(_) => {}
            Err(Outcome::Retry { cause, .. }) => {
                return Outcome::Retry { cause, progress: Some(EDITED.to_owned()) };
            }
            Err(patience @ Outcome::Patience { .. }) => {
                self.heed(&patience, &bot.token, Action::Post);
                return patience;
            }
            // a thread that takes no replies: the message itself shows it all
            Err(other) => tracing::debug!(?other, "a reply was refused"),
        }
        place.remember(&message.alerts);
        told(&place)
    }

    async fn post(&self, bot: &Bot<'_>, letter: Letter) -> Result<Place, Outcome> {
        let name = letter.channel().unwrap_or_default().to_owned();
        let said = self.call(bot, "chat.postMessage", letter.post()).await.inspect_err(|outcome| {
            self.heed(outcome, &bot.token, Action::Post);
        })?;
        // from now on the channel's name and its ID share one pace
        self.paces.join(
            ("post", bot.token.expose(), name.as_str()),
            ("post", bot.token.expose(), said.channel.as_str()),
        );
        Ok(Place { channel: said.channel, ts: said.ts, ..Place::default() })
    }

    async fn update(&self, bot: &Bot<'_>, place: &Place, letter: Letter) -> Result<(), Outcome> {
        let said = self.call(bot, "chat.update", letter.update(place)).await;
        said.map(drop).inspect_err(|outcome| self.heed(outcome, &bot.token, Action::Edit))
    }

    async fn call(&self, bot: &Bot<'_>, method: &str, body: String) -> Result<Said, Outcome> {
        let url = Secret::from(format!("{}/{method}", bot.base));
        let request = self.http.post(&url).await.map_err(Outcome::TargetFails)?;
        let request = request
            .bearer_auth(bot.token.expose().trim())
            // without the charset Slack adds a warning to every answer
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body);
        let answer = exchange(request).await.map_err(unreached)?;
        match serde_json::from_str::<Said>(&answer.text) {
            Ok(said) if said.ok => Ok(said),
            Ok(said) => Err(classify(&said.error, &answer, None)),
            // 200 with something else: it may have been done; doing it again is safer than not
            Err(_) => Err(classify("", &answer, None)),
        }
    }

    async fn hook(&self, url: &Secret, letter: Letter) -> Outcome {
        let request = match self.http.post(url).await {
            Ok(request) => request,
            Err(cause) => return Outcome::TargetFails(cause),
        };
        let request = request.header(CONTENT_TYPE, "application/json; charset=utf-8").body(letter.hook());
        let outcome = match exchange(request).await {
            Ok(answer) if answer.status == 200 && answer.text.trim() == "ok" => {
                return Outcome::Done { place: None, refused: Vec::new() };
            }
            Ok(answer) => {
                let said: Said = serde_json::from_str(&answer.text).unwrap_or_default();
                let error = if said.error.is_empty() { answer.text.trim() } else { &said.error };
                classify(error, &answer, said.retry_after)
            }
            Err(cause) => unreached(cause),
        };
        if let Outcome::Patience { after, .. } = &outcome {
            self.paces.pause(("hook", url.expose()), POSTS, *after);
        }
        outcome
    }

    async fn secret(&self) -> Result<Secret, Cause> {
        let (SlackWay::Webhook { url: source } | SlackWay::Bot { token: source, .. }) = &self.settings.way;
        source.read().await.map_err(|error| Cause::new("secret", error.to_string()))
    }

    /// The channel as the file names it; where that is a template, all channels that it makes share one pace.
    fn channel(&self) -> &str {
        self.settings.channel.as_ref().map(Text::source).unwrap_or_default()
    }

    /// Whether all messages go to one channel.
    pub(super) fn has_one_channel(&self) -> bool {
        self.settings.channel.as_ref().is_none_or(Text::is_plain)
    }

    async fn admit_post(&self, token: &Secret) {
        self.paces.wait(("post", token.expose(), self.channel()), POSTS).await;
        self.paces.wait(("workspace", token.expose()), WORKSPACE).await;
    }

    async fn admit_reply(&self, token: &Secret, place: &Place) {
        self.paces.wait(("post", token.expose(), place.channel.as_str()), POSTS).await;
        self.paces.wait(("workspace", token.expose()), WORKSPACE).await;
    }

    /// Patience holds for everybody who shares the limit. Which of its limits a post has met Slack does not say: the
    /// channel's; when another channel of the same token has met one, too, the workspace's.
    fn heed(&self, outcome: &Outcome, token: &Secret, action: Action) {
        let Outcome::Patience { after, .. } = outcome else { return };
        let token = token.expose();
        if action == Action::Edit {
            return self.paces.pause(("edit", token), EDITS, *after);
        }
        let channel = ("post", token, self.channel());
        let another = self.paces.is_paused(("posts met a limit", token)) && !self.paces.is_paused(channel);
        self.paces.pause(channel, POSTS, *after);
        self.paces.pause(("posts met a limit", token), POSTS, *after);
        if another {
            self.paces.pause(("workspace", token), WORKSPACE, *after);
        }
    }

    /// Where people find a message: Slack's own form of it, made from the workspace's address, which is asked for once;
    /// `chat.getPermalink` would be one more call for every message.
    async fn permalink(&self, bot: &Bot<'_>, place: &Place) -> Option<String> {
        if let Ok(mut workspace) = self.workspace.lock() {
            match &workspace.known {
                Some((token, url)) if *token == bot.token => return Some(place.link(url)),
                _ if workspace.not_before.is_some_and(|at| Instant::now() < at) => return None,
                _ => workspace.not_before = Some(Instant::now() + WORKSPACE_PAUSE),
            }
        }
        let asked = tokio::time::timeout(WORKSPACE_WAIT, self.call(bot, "auth.test", "{}".to_owned())).await;
        let url = asked.ok()?.ok().map(|said| said.url).filter(|url| is_web(url))?;
        let link = place.link(&url);
        if let Ok(mut workspace) = self.workspace.lock() {
            workspace.known = Some((bot.token.clone(), url));
        }
        Some(link)
    }
}

/// The reply to a thread that was told of these alerts.
#[cfg(test)]
pub(super) fn reply_of(told: &[&crate::store::LiveAlert], message: &Message<'_>) -> Option<String> {
    let mut place = Place::default();
    place.remember(told);
    reply::render(&place, message)
}

fn classify(error: &str, answer: &Answer, retry_after: Option<u64>) -> Outcome {
    let retry_after = answer.retry_after.or_else(|| retry_after.map(Duration::from_secs));
    answer::classify(error, answer, retry_after)
}

/// There was no answer. An address or a certificate that is wrong gets no better by waiting.
fn unreached(cause: Cause) -> Outcome {
    match cause.reason {
        "url" | "tls" => Outcome::TargetFails(cause),
        _ => Outcome::Retry { cause, progress: None },
    }
}

#[cfg(test)]
mod tests {
    use toolkit::config::SecretSource;

    use super::*;
    use crate::config::HttpSettings;

    fn channel(name: &str, paces: &Paces) -> Slack {
        let token = SecretSource::Inline(Secret::from("xoxb-test"));
        let settings = SlackSettings {
            way: SlackWay::Bot { token, base: "http://127.0.0.1:1/api".to_owned() },
            http: HttpSettings::default(),
            channel: Some(Text::plain(name)),
            username: None,
            icon_emoji: None,
            icon_url: None,
            form: None,
            timeout: Duration::from_secs(1),
        };
        Slack::new(settings, paces.clone())
    }

    #[tokio::test(start_paused = true)]
    async fn patience_of_one_channel_becomes_that_of_the_workspace() {
        let paces = Paces::default();
        let [one, two, three] = ["#one", "#two", "#three"].map(|name| channel(name, &paces));
        let token = Secret::from("xoxb-test");
        let patience =
            Outcome::Patience { cause: Cause::new("rate_limited", ""), after: Duration::from_secs(30) };
        let start = Instant::now();
        one.heed(&patience, &token, Action::Post);
        one.heed(&patience, &token, Action::Post);
        three.admit(Action::Post).await;
        one.admit(Action::Edit).await;
        assert_eq!(start.elapsed().as_secs(), 0, "other channels and edits go on");
        two.heed(&patience, &token, Action::Post);
        three.admit(Action::Post).await;
        assert!(start.elapsed().as_secs() >= 30, "{:?}", start.elapsed());
    }
}
