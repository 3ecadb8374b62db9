//! What is sent for a message: our card, or the user's own form, with who it is from.
//!
//! Invariants: in a card nothing becomes a mention; a template that fails costs the form, never the message.

use gotemplate::{Error, Value as Data};
use serde_json::{Map, Value, json};

use super::blocks::{self, Rendered};
use super::form::{self, Request};
use super::place::Place;
use crate::config::SlackSettings;
use crate::notify::card::Card;
use crate::notify::{Message, Size, data};
use crate::template::Text;

/// A message, ready but for where it goes.
#[derive(Debug)]
pub(super) struct Letter {
    who: Who,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Card { rendered: Rendered, delivery: Option<String> },
    Form(Box<Request>),
}

/// To where, and from whom.
#[derive(Debug, Default)]
struct Who {
    channel: Option<String>,
    username: Option<String>,
    icon_emoji: Option<String>,
    icon_url: Option<String>,
}

/// A message in the form of its receiver. `before`: where the group's message of before is.
pub(super) fn letter(settings: &SlackSettings, message: &Message<'_>, before: Option<&str>) -> Letter {
    let texts = [&settings.channel, &settings.username, &settings.icon_emoji, &settings.icon_url];
    let templates = settings.form.is_some() || texts.into_iter().flatten().any(|text| !text.is_plain());
    let data = if templates { data::data(message) } else { Data::Nil };
    let mut problem = None;
    let who = Who::of(settings, |text| rendered(text, &data, &mut problem));
    if let Some(form) = settings.form.as_deref().filter(|_| message.size == Size::Full) {
        match form::render(form, |text| text.render(&data)) {
            Ok(mut request) => {
                let username = if who.username.is_some() {
                    who.username.clone()
                } else {
                    rendered(&form.username, &data, &mut problem)
                };
                request.username = username.unwrap_or_default();
                request.icon_emoji = who.icon_emoji.clone().unwrap_or_default();
                request.icon_url = who.icon_url.clone().unwrap_or_default();
                return Letter { who, content: Content::Form(Box::new(request)) };
            }
            Err(error) => problem = Some(error),
        }
    }
    let card = Card::new(message.view, &message.alerts);
    let mut rendered = blocks::render(&card, message.size, message.now, before);
    if let Some(error) = problem {
        tracing::warn!(%error, receiver = %message.view.receiver, "a template failed: the built-in form is sent");
        rendered.remark(&format!("A template of this receiver failed: {error}"));
    }
    // the plainest message has none, in case that is what Slack refuses
    let delivery = (message.size != Size::Plain).then(|| message.delivery.clone());
    Letter { who, content: Content::Card { rendered, delivery } }
}

/// A card about no group in particular.
pub(super) fn card(settings: &SlackSettings, rendered: Rendered) -> Letter {
    Letter { who: Who::fixed(settings), content: Content::Card { rendered, delivery: None } }
}

/// A reply in a message's thread.
pub(super) fn reply(settings: &SlackSettings, place: &Place, words: &str) -> String {
    let mut body = Map::new();
    body.insert("channel".to_owned(), json!(place.channel));
    body.insert("thread_ts".to_owned(), json!(place.ts));
    body.insert("text".to_owned(), json!(words));
    Who::fixed(settings).dress(&mut body);
    Value::Object(body).to_string()
}

impl Letter {
    /// The body for an incoming webhook: what is empty is left out.
    pub(super) fn hook(self) -> String {
        let Self { who, content } = self;
        match content {
            Content::Form(request) => request.to(who.channel.unwrap_or_default(), String::new()).body(),
            Content::Card { rendered, .. } => {
                let mut body = rendered.body();
                body.retain(|_, value| value != &json!([]));
                body.extend(who.channel.as_ref().map(|channel| ("channel".to_owned(), json!(channel))));
                who.dress(&mut body);
                Value::Object(body).to_string()
            }
        }
    }

    /// The channel that a new message goes to, as the file names it.
    pub(super) fn channel(&self) -> Option<&str> {
        self.who.channel.as_deref()
    }

    /// The body of a new message by a bot.
    pub(super) fn post(self) -> String {
        let Self { who, content } = self;
        match content {
            Content::Form(request) => request.to(who.channel.unwrap_or_default(), String::new()).body(),
            Content::Card { rendered, delivery } => {
                let mut body = rendered.body();
                body.insert("channel".to_owned(), json!(who.channel));
                body.extend(metadata(delivery));
                who.dress(&mut body);
                Value::Object(body).to_string()
            }
        }
    }

    /// The body that changes a message.
    pub(super) fn update(self, place: &Place) -> String {
        match self.content {
            Content::Form(request) => {
                let (channel, timestamp) = (place.channel.clone(), place.ts.clone());
                request.to(channel, timestamp).body()
            }
            Content::Card { rendered, delivery } => {
                let mut body = rendered.body();
                body.insert("channel".to_owned(), json!(place.channel));
                body.insert("ts".to_owned(), json!(place.ts));
                body.extend(metadata(delivery));
                body.extend(no_mentions());
                Value::Object(body).to_string()
            }
        }
    }

    /// The body of a new message, for people.
    pub(super) fn preview(self) -> Value {
        serde_json::from_str(&Self::post(Self { content: self.content.unnamed(), ..self }))
            .unwrap_or_default()
    }
}

impl Content {
    /// Without the name of the delivery.
    fn unnamed(self) -> Self {
        match self {
            Self::Card { rendered, .. } => Self::Card { rendered, delivery: None },
            form @ Self::Form(_) => form,
        }
    }
}

impl Who {
    fn of(settings: &SlackSettings, mut text: impl FnMut(&Text) -> Option<String>) -> Self {
        let mut each = |text_of: &Option<Text>| text_of.as_ref().and_then(&mut text);
        Self {
            channel: each(&settings.channel),
            username: each(&settings.username),
            icon_emoji: each(&settings.icon_emoji),
            icon_url: each(&settings.icon_url),
        }
    }

    /// What is the same for all messages.
    fn fixed(settings: &SlackSettings) -> Self {
        Self::of(settings, |text| text.is_plain().then(|| text.source().to_owned()))
    }

    /// What every new card has: who it is from, and that nothing in it is looked up or mentioned.
    fn dress(&self, body: &mut Map<String, Value>) {
        for (key, value) in
            [("username", &self.username), ("icon_emoji", &self.icon_emoji), ("icon_url", &self.icon_url)]
        {
            body.extend(value.as_ref().map(|value| (key.to_owned(), json!(value))));
        }
        body.extend(no_mentions());
        for key in ["unfurl_links", "unfurl_media"] {
            body.insert(key.to_owned(), json!(false));
        }
    }
}

/// A text, unless it is empty or fails.
fn rendered(text: &Text, data: &Data, problem: &mut Option<Error>) -> Option<String> {
    match text.render(data) {
        Ok(text) => Some(text).filter(|text| !text.is_empty()),
        Err(error) => {
            problem.get_or_insert(error);
            None
        }
    }
}

/// Nothing in a text becomes a mention or a channel's name, also when a message is edited (where Slack's default is
/// another).
fn no_mentions() -> [(String, Value); 2] {
    [("parse".to_owned(), json!("none")), ("link_names".to_owned(), json!(false))]
}

/// A name of the delivery for people who look for doubles.
fn metadata(delivery: Option<String>) -> Option<(String, Value)> {
    let delivery = delivery?;
    let metadata = json!({ "event_type": "alertrouter", "event_payload": { "delivery_id": delivery } });
    Some(("metadata".to_owned(), metadata))
}
