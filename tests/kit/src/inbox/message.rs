//! Slack's side of the inbox: channels, their messages, threads and edits.

use serde_json::Value;

use super::{clock, escape, mrkdwn};
use crate::slack::{Author, Channel, Message, Version, Workspace};

/// Messages shown of a channel, newest first; a page of more is no page.
const SHOWN: usize = 200;

/// All channels as HTML, and how many messages they have.
pub(super) fn section(workspace: &Workspace) -> (String, usize) {
    let count = workspace.channels.iter().map(|channel| channel.messages.len()).sum();
    let channels: Vec<_> = workspace.channels.iter().filter(|channel| !channel.messages.is_empty()).collect();
    let body = if channels.is_empty() {
        "<h2>Slack</h2>\n<div class=\"empty\">No message yet. It will appear here when an alert fires.</div>"
            .to_owned()
    } else {
        channels.into_iter().map(channel).collect::<Vec<_>>().join("\n")
    };
    (format!("<section id=\"slack\">\n{body}\n</section>"), count)
}

fn channel(channel: &Channel) -> String {
    let messages = channel.messages.iter().filter(|message| !message.is_reply()).rev().take(SHOWN);
    let cards = messages.map(|message| card(channel, message)).collect::<Vec<_>>().join("\n");
    format!("<h2>Slack · #{}</h2>\n{cards}", escape(&channel.name))
}

fn card(channel: &Channel, message: &Message) -> String {
    let tone = Tone::of(message);
    let name = message.username.as_deref().unwrap_or("Watchfire");
    let by = if message.author == Author::Hook { "<span>by webhook</span>" } else { "" };
    let replies: String = channel.thread(&message.ts).map(|reply| card(channel, reply)).collect();
    format!(
        "<article class=\"{}\">\n<div class=\"meta\"><strong>{}</strong>{}{by}<span class=\"tag\">{}</span></div>\n{}{}{replies}</article>",
        tone.class(),
        escape(name),
        clock(message.before.first().unwrap_or(&message.now).time),
        tone.label(),
        content(&message.now),
        edits(channel, message),
    )
}

/// "edited twice at 12:00:00", and what it said before.
fn edits(channel: &Channel, message: &Message) -> String {
    let times = match message.edits() {
        0 => return String::new(),
        1 => "edited once".to_owned(),
        2 => "edited twice".to_owned(),
        times => format!("edited {times} times"),
    };
    let old = message.before.iter().rev().map(|version| {
        format!(
            "<div class=\"old\"><div class=\"meta\">{}</div>{}</div>",
            clock(version.time),
            content(version)
        )
    });
    format!(
        "<details id=\"edits-{}-{}\"><summary>{times}, last at {}</summary>{}</details>\n",
        escape(&channel.id),
        escape(&message.ts),
        clock(message.now.time),
        old.collect::<String>()
    )
}

/// What a message says: blocks stand in for the text where there are any, as in Slack.
fn content(version: &Version) -> String {
    let text = if version.blocks.is_empty() && !version.text.is_empty() {
        format!("<p>{}</p>\n", mrkdwn::html(&version.text))
    } else {
        blocks(&version.blocks)
    };
    let attachments = version.attachments.iter().map(attachment);
    format!("{text}{}", attachments.collect::<String>())
}

fn attachment(attachment: &Value) -> String {
    let part = |key: &str| attachment.get(key).and_then(Value::as_str).unwrap_or_default();
    let inner = list(attachment, "blocks");
    let body = if inner.is_empty() {
        let title = match (part("title"), part("title_link")) {
            ("", _) => String::new(),
            (title, "") => format!("<div class=\"head\">{}</div>", mrkdwn::html(title)),
            (title, to) => format!("<div class=\"head\">{}</div>", mrkdwn::link(to, &mrkdwn::html(title))),
        };
        let pretext = paragraph(part("pretext"));
        let text = if part("text").is_empty() && title.is_empty() { part("fallback") } else { part("text") };
        let fields = list(attachment, "fields").iter().map(|field| {
            let part = |key: &str| field.get(key).and_then(Value::as_str).unwrap_or_default();
            format!("<div><strong>{}</strong>\n{}</div>", escape(part("title")), mrkdwn::html(part("value")))
        });
        let fields = grid(&fields.collect::<String>());
        let buttons = buttons(list(attachment, "actions"));
        let footer = context(&mrkdwn::plain_html(part("footer")));
        format!("{pretext}{title}{}{fields}{buttons}{footer}", paragraph(text))
    } else {
        blocks(inner)
    };
    format!("<div class=\"attachment\">{body}</div>\n")
}

fn blocks(blocks: &[Value]) -> String {
    blocks.iter().map(block).collect()
}

fn block(block: &Value) -> String {
    match block.get("type").and_then(Value::as_str).unwrap_or_default() {
        "header" => format!("<div class=\"head\">{}</div>\n", text(block.get("text"))),
        "section" => {
            let main =
                block.get("text").map(|body| format!("<div class=\"text\">{}</div>", text(Some(body))));
            let fields =
                list(block, "fields").iter().map(|field| format!("<div>{}</div>", text(Some(field))));
            let accessory = block.get("accessory").map(|one| buttons(std::slice::from_ref(one)));
            let fields = grid(&fields.collect::<String>());
            format!("{}{fields}{}\n", main.unwrap_or_default(), accessory.unwrap_or_default())
        }
        "context" => {
            let elements = list(block, "elements").iter().map(|element| text(Some(element)));
            context(&elements.collect::<Vec<_>>().join(" "))
        }
        "actions" => buttons(list(block, "elements")),
        "divider" => "<hr>\n".to_owned(),
        "markdown" => block.get("text").and_then(Value::as_str).map(paragraph).unwrap_or_default(),
        _ => paragraph(&words(block).join(" ")),
    }
}

/// A text object, or the description of an image.
fn text(object: Option<&Value>) -> String {
    let part = |key: &str| object.and_then(|object| object.get(key)?.as_str());
    match (part("type"), part("text")) {
        (Some("mrkdwn"), Some(text)) => mrkdwn::html(text),
        (_, Some(text)) => mrkdwn::plain_html(text),
        (_, None) => escape(part("alt_text").unwrap_or_default()),
    }
}

fn buttons(elements: &[Value]) -> String {
    let buttons = elements.iter().filter_map(|element| {
        let label = match element.get("text")? {
            Value::String(label) => mrkdwn::plain_html(label),
            object => text(Some(object)),
        };
        let target = element.get("url").and_then(Value::as_str).unwrap_or_default();
        Some(format!("<span class=\"button\">{}</span>", mrkdwn::link(target, &label)))
    });
    let buttons = buttons.collect::<String>();
    if buttons.is_empty() { buttons } else { format!("<div class=\"buttons\">{buttons}</div>\n") }
}

fn paragraph(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<p>{}</p>\n", mrkdwn::html(text)) }
}

fn grid(cells: &str) -> String {
    if cells.is_empty() { String::new() } else { format!("<div class=\"fields\">{cells}</div>") }
}

fn context(html: &str) -> String {
    if html.is_empty() { String::new() } else { format!("<div class=\"context\">{html}</div>\n") }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The `text` strings inside a block of a kind that is not drawn here.
fn words(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(list) => list.iter().flat_map(words).collect(),
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(text) if key == "text" || key == "alt_text" => vec![text.as_str()],
                value => words(value),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// How a message looks at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Bad,
    Warn,
    Good,
    None,
}

impl Tone {
    /// By the colour that the sender chose, or else by the first state that it names.
    fn of(message: &Message) -> Self {
        match message.color() {
            "danger" => return Self::Bad,
            "warning" => return Self::Warn,
            "good" => return Self::Good,
            color => {
                if let Some(tone) = Self::of_color(color) {
                    return tone;
                }
            }
        }
        let words = message.words().to_lowercase();
        let place = |names: &[&str]| names.iter().filter_map(|name| words.find(name)).min();
        let bad =
            place(&["firing", "critical", ":fire:", ":rotating_light:", ":red_circle:", "🔥", "🚨", "🔴"]);
        let good = place(&["resolved", ":white_check_mark:", ":large_green_circle:", "✅", "🟢"]);
        let warn = place(&["warning", "⚠️"]);
        let first = [(bad, Self::Bad), (good, Self::Good), (warn, Self::Warn)];
        let found = first.into_iter().filter_map(|(at, tone)| Some((at?, tone))).min_by_key(|(at, _)| *at);
        found.map_or(Self::None, |(_, tone)| tone)
    }

    /// `#rrggbb` by its strongest parts.
    fn of_color(color: &str) -> Option<Self> {
        let number = u32::from_str_radix(color.strip_prefix('#')?, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(match (red, green) {
            _ if red.abs_diff(green) < 30 && green.abs_diff(blue) < 30 => Self::None,
            _ if red > green && green > blue.saturating_add(60) => Self::Warn,
            _ if red > green => Self::Bad,
            _ if green > blue => Self::Good,
            _ => Self::None,
        })
    }

    fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Good => "good",
            Self::None => "none",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Bad => "firing",
            Self::Warn => "warning",
            Self::Good => "resolved",
            Self::None => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_of_every_block() {
        let mrkdwn = |text: &str| json!({ "type": "mrkdwn", "text": text });
        let plain = |text: &str| json!({ "type": "plain_text", "text": text });
        let button = json!({ "type": "button", "text": plain("<go>"), "url": "https://x.y" });
        for (given, expected) in [
            (json!({ "type": "header", "text": plain("*a*") }), "<div class=\"head\">*a*</div>\n"),
            (
                json!({ "type": "section", "text": mrkdwn("*a*"), "fields": [mrkdwn("f")] }),
                "<div class=\"text\"><strong>a</strong></div><div class=\"fields\"><div>f</div></div>\n",
            ),
            (
                json!({ "type": "context", "elements": [mrkdwn("a"), { "type": "image", "alt_text": "<b>" }] }),
                "<div class=\"context\">a &lt;b&gt;</div>\n",
            ),
            (json!({ "type": "divider" }), "<hr>\n"),
            (
                json!({ "type": "actions", "elements": [button] }),
                "<div class=\"buttons\"><span class=\"button\"><a href=\"https://x.y\" rel=\"noreferrer\" target=\"_blank\">&lt;go&gt;</a></span></div>\n",
            ),
            (json!({ "type": "rich_text", "elements": [{ "elements": [plain("x")] }] }), "<p>x</p>\n"),
        ] {
            assert_eq!(block(&given), expected, "{given}");
        }
    }

    #[test]
    fn colours_tell_the_state() {
        for (color, expected) in [
            ("#d92d20", Some(Tone::Bad)),
            ("#E01E5A", Some(Tone::Bad)),
            ("#2eb67d", Some(Tone::Good)),
            ("#ECB22E", Some(Tone::Warn)),
            ("#daa038", Some(Tone::Warn)),
            ("#888888", Some(Tone::None)),
            ("#1d5fbf", Some(Tone::None)),
            ("red", None),
            ("#\"", None),
        ] {
            assert_eq!(Tone::of_color(color), expected, "{color}");
        }
    }
}
