//! A message in the user's own form: Alertmanager's request, byte for byte.

use gotemplate::Error;
use serde::Serialize;

use crate::config::{SlackAction, SlackConfirm, SlackForm};
use crate::notify::go_json;
use crate::template::Text;

/// Alertmanager's limit for a title, in characters.
const MAX_TITLE: usize = 1024;

/// The parts that are formatted unless the file says otherwise.
const MRKDWN_IN: [&str; 3] = ["fallback", "pretext", "text"];

/// A request to Slack.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Request {
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    /// The message that is changed.
    #[serde(rename = "ts", skip_serializing_if = "String::is_empty")]
    timestamp: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) icon_emoji: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) icon_url: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    link_names: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    attachments: [Attachment; 1],
}

#[derive(Debug, Clone, Default, Serialize)]
struct Attachment {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title_link: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pretext: String,
    text: String,
    fallback: String,
    callback_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
    #[serde(skip_serializing_if = "String::is_empty")]
    image_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    thumb_url: String,
    footer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    color: String,
    mrkdwn_in: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Field {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    short: bool,
}

#[derive(Debug, Clone, Serialize)]
struct Action {
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    style: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<Confirm>,
}

#[derive(Debug, Clone, Serialize)]
struct Confirm {
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    ok_text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    dismiss_text: String,
}

/// Renders the form; the channel and the sender are added by the caller.
///
/// # Errors
/// The first text that cannot be rendered, in Go's words.
pub(super) fn render(
    form: &SlackForm,
    mut text: impl FnMut(&Text) -> Result<String, Error>,
) -> Result<Request, Error> {
    let attachment = Attachment {
        title: cut(&text(&form.title)?),
        title_link: text(&form.title_link)?,
        pretext: text(&form.pretext)?,
        text: text(&form.text)?,
        fallback: text(&form.fallback)?,
        callback_id: text(&form.callback_id)?,
        image_url: text(&form.image_url)?,
        thumb_url: text(&form.thumb_url)?,
        footer: text(&form.footer)?,
        color: text(&form.color)?,
        fields: form
            .fields
            .iter()
            .map(|field| {
                Ok(Field { title: text(&field.title)?, value: text(&field.value)?, short: field.short })
            })
            .collect::<Result<_, Error>>()?,
        actions: form
            .actions
            .iter()
            .map(|action| self::action(action, &mut text))
            .collect::<Result<_, Error>>()?,
        mrkdwn_in: if form.mrkdwn_in.is_empty() {
            MRKDWN_IN.map(str::to_owned).to_vec()
        } else {
            form.mrkdwn_in.clone()
        },
    };
    Ok(Request {
        link_names: form.link_names,
        text: text(&form.message_text)?,
        attachments: [attachment],
        ..Request::default()
    })
}

fn action(
    action: &SlackAction,
    text: &mut impl FnMut(&Text) -> Result<String, Error>,
) -> Result<Action, Error> {
    Ok(Action {
        kind: text(&action.kind)?,
        text: text(&action.text)?,
        url: text(&action.url)?,
        style: text(&action.style)?,
        name: text(&action.name)?,
        value: text(&action.value)?,
        confirm: match &action.confirm {
            None => None,
            Some(SlackConfirm { text: question, title, ok_text, dismiss_text }) => Some(Confirm {
                text: text(question)?,
                title: text(title)?,
                ok_text: text(ok_text)?,
                dismiss_text: text(dismiss_text)?,
            }),
        },
    })
}

/// The beginning of a title that is too long.
fn cut(title: &str) -> String {
    if title.chars().count() <= MAX_TITLE {
        return title.to_owned();
    }
    title.chars().take(MAX_TITLE - 1).chain(['…']).collect()
}

impl Request {
    /// To this channel; with a message's ID it changes that one.
    pub(super) fn to(mut self, channel: String, timestamp: String) -> Self {
        (self.channel, self.timestamp) = (channel, timestamp);
        self
    }

    /// The body, as Go's encoder writes it.
    pub(super) fn body(&self) -> String {
        format!("{}\n", go_json(self))
    }
}
