//! How a message to Slack looks where the user says so: Alertmanager's attachment.

use toolkit::config::{Fields, Item};

use super::lints::Lints;
use super::texts::Texts;
use crate::template::Text;

/// The texts of an attachment and of what is around it, as in Alertmanager.
#[derive(Debug, Clone, PartialEq)]
pub struct SlackForm {
    /// Cut to 1024 characters.
    pub title: Text,
    /// Where the title leads.
    pub title_link: Text,
    /// Above the attachment.
    pub pretext: Text,
    /// In the attachment.
    pub text: Text,
    /// Where attachments are not shown.
    pub fallback: Text,
    /// For interactive messages.
    pub callback_id: Text,
    /// A picture.
    pub image_url: Text,
    /// A small picture.
    pub thumb_url: Text,
    /// Below.
    pub footer: Text,
    /// The bar at the left.
    pub color: Text,
    /// The message itself.
    pub message_text: Text,
    /// A table of two columns.
    pub fields: Vec<SlackField>,
    /// Buttons.
    pub actions: Vec<SlackAction>,
    /// Which parts are formatted.
    pub mrkdwn_in: Vec<String>,
    /// Whether names of channels and people become links.
    pub link_names: bool,
    /// The sender where the receiver names none.
    pub username: Text,
}

/// One field of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct SlackField {
    /// Its name.
    pub title: Text,
    /// What it says.
    pub value: Text,
    /// Whether there is room for another beside it.
    pub short: bool,
}

/// One button.
#[derive(Debug, Clone, PartialEq)]
pub struct SlackAction {
    /// `button`.
    pub kind: Text,
    /// What it says.
    pub text: Text,
    /// Where it leads.
    pub url: Text,
    /// `primary`, `danger`.
    pub style: Text,
    /// For interactive messages.
    pub name: Text,
    /// For interactive messages.
    pub value: Text,
    /// What is asked before it acts.
    pub confirm: Option<SlackConfirm>,
}

/// A question before a button acts.
#[derive(Debug, Clone, PartialEq)]
pub struct SlackConfirm {
    /// The question.
    pub text: Text,
    /// Its title.
    pub title: Text,
    /// Yes.
    pub ok_text: Text,
    /// No.
    pub dismiss_text: Text,
}

/// Keys that make a message look as the user says, and what Alertmanager has where they are not there.
const TEXTS: [(&str, &str); 11] = [
    ("title", r#"{{ template "slack.default.title" . }}"#),
    ("title_link", r#"{{ template "slack.default.titlelink" . }}"#),
    ("pretext", r#"{{ template "slack.default.pretext" . }}"#),
    ("text", r#"{{ template "slack.default.text" . }}"#),
    ("fallback", r#"{{ template "slack.default.fallback" . }}"#),
    ("callback_id", r#"{{ template "slack.default.callbackid" . }}"#),
    ("image_url", ""),
    ("thumb_url", ""),
    ("footer", r#"{{ template "slack.default.footer" . }}"#),
    ("color", r#"{{ template "slack.default.color" . }}"#),
    ("message_text", ""),
];

/// Alertmanager's sender.
const USERNAME: &str = r#"{{ template "slack.default.username" . }}"#;

/// The form of a receiver's messages; `None` when it says nothing about it, and so gets our card.
pub(super) fn decode(fields: &mut Fields<'_>, texts: &Texts, lints: &mut Lints) -> Option<SlackForm> {
    let mut own = false;
    let short_fields = fields.bool("short_fields").unwrap_or(false);
    let mut text = |fields: &mut Fields<'_>, (key, default): (&str, &str)| {
        // an empty text is a wish, too, where Alertmanager has one of its own
        let empty = fields.item(key).is_some_and(|item| item.string().is_some_and(|text| text.is_empty()));
        let found = texts.field(fields, key, lints);
        own |= found.is_some();
        match found {
            Some(found) => found,
            None if empty => Text::plain(""),
            None => texts.default(default),
        }
    };
    let [
        title,
        title_link,
        pretext,
        body,
        fallback,
        callback_id,
        image_url,
        thumb_url,
        footer,
        color,
        message_text,
    ] = TEXTS.map(|field| text(fields, field));
    let table = fields.list("fields", |item| field(&item, texts, short_fields, lints));
    let actions = fields.list("actions", |item| action(&item, texts, lints));
    let mrkdwn_in = fields.strings("mrkdwn_in");
    let link_names = fields.bool("link_names") == Some(true);
    own |= !table.is_empty() || !actions.is_empty();
    own.then_some(SlackForm {
        title,
        title_link,
        pretext,
        text: body,
        fallback,
        callback_id,
        image_url,
        thumb_url,
        footer,
        color,
        message_text,
        fields: table,
        actions,
        mrkdwn_in,
        link_names,
        username: texts.default(USERNAME),
    })
}

fn optional(fields: &mut Fields<'_>, key: &str, texts: &Texts, lints: &mut Lints) -> Text {
    texts.field(fields, key, lints).unwrap_or_else(|| Text::plain(""))
}

fn field(item: &Item<'_>, texts: &Texts, short_fields: bool, lints: &mut Lints) -> Option<SlackField> {
    let mut fields = item.fields()?;
    let short = fields.bool("short").unwrap_or(short_fields);
    for key in ["title", "value"] {
        required(&mut fields, key, "field");
    }
    let [title, value] = ["title", "value"].map(|key| optional(&mut fields, key, texts, lints));
    Some(SlackField { title, value, short })
}

fn action(item: &Item<'_>, texts: &Texts, lints: &mut Lints) -> Option<SlackAction> {
    let mut fields = item.fields()?;
    for key in ["type", "text"] {
        required(&mut fields, key, "action");
    }
    let [kind, text, url, style, name, value] =
        ["type", "text", "url", "style", "name", "value"].map(|key| optional(&mut fields, key, texts, lints));
    let confirm = fields.item("confirm").and_then(|item| confirm(&item, texts, lints));
    let empty = || Text::plain("");
    if !url.source().is_empty() {
        return Some(SlackAction { kind, text, url, style, name: empty(), value: empty(), confirm: None });
    }
    if name.source().is_empty() {
        fields.problem_at(fields.position(), "missing name or url in Slack action configuration");
    }
    Some(SlackAction { kind, text, url, style, name, value, confirm })
}

fn confirm(item: &Item<'_>, texts: &Texts, lints: &mut Lints) -> Option<SlackConfirm> {
    let mut fields = item.fields()?;
    required(&mut fields, "text", "confirmation");
    let [text, title, ok_text, dismiss_text] =
        ["text", "title", "ok_text", "dismiss_text"].map(|key| optional(&mut fields, key, texts, lints));
    Some(SlackConfirm { text, title, ok_text, dismiss_text })
}

fn required(fields: &mut Fields<'_>, key: &str, part: &str) {
    if fields.string(key).is_none_or(|text| text.is_empty()) {
        fields.problem_at(fields.position(), format!("missing {key} in Slack {part} configuration"));
    }
}
