//! The Web API's methods: HTTP 200 whatever happens, and the truth in `ok` and `error`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::arguments::{self, Arguments};
use super::workspace::{ADDRESS, Author, BOT, BOT_USER, Channel, Message, TEAM, Version};
use super::{State, limits, rate};
use crate::web::{Reply, Request};

/// A text longer than this is cut by `chat.postMessage`.
const POSTED_TEXT: usize = 40_000;

/// A text longer than this is refused by `chat.update`.
const UPDATED_TEXT: usize = 4_000;

/// Messages or channels on a page, if the caller does not say.
const PAGE: usize = 100;

/// Why a call was refused.
enum Refusal {
    Error(&'static str),
    /// With what Slack says about the places in the message.
    Invalid(&'static str, Vec<String>),
    RateLimited(u32),
}

impl From<&'static str> for Refusal {
    fn from(error: &'static str) -> Self {
        Self::Error(error)
    }
}

type Answered = Result<Map<String, Value>, Refusal>;

impl State {
    pub(super) fn call(&mut self, method: &str, request: &Request, now: Instant) -> Reply {
        let arguments = arguments::read(request);
        let warn = arguments.as_ref().is_ok_and(|arguments| arguments.missing_charset);
        let answered = arguments.map_err(Refusal::Error).and_then(|arguments| {
            self.authenticate(request, &arguments)?;
            match method {
                "auth.test" => Ok(auth_test()),
                "chat.getPermalink" => self.permalink(&arguments),
                "chat.postMessage" => self.post_message(&arguments, now),
                "chat.update" => self.update(&arguments, now),
                "chat.delete" => self.delete(&arguments),
                "conversations.history" => self.history(&arguments),
                "conversations.replies" => self.replies(&arguments),
                "conversations.list" => Ok(self.list(&arguments)),
                _ => Err("unknown_method".into()),
            }
        });
        let mut body = match answered {
            Ok(mut answer) => {
                answer.insert("ok".to_owned(), true.into());
                Value::Object(answer)
            }
            Err(Refusal::Error(error)) => json!({ "ok": false, "error": error }),
            Err(Refusal::Invalid(error, places)) => {
                json!({ "ok": false, "error": error, "response_metadata": { "messages": places } })
            }
            Err(Refusal::RateLimited(seconds)) => return rate::refuse(false, seconds),
        };
        if warn {
            body["warning"] = "missing_charset".into();
            body["response_metadata"]["warnings"] = json!(["missing_charset"]);
        }
        Reply::json(200, &body)
    }

    fn authenticate(&self, request: &Request, arguments: &Arguments) -> Result<(), Refusal> {
        let header = request.header("authorization");
        let token = header.strip_prefix("Bearer ").unwrap_or_else(|| {
            // A token in a query is refused by Slack: it would end in logs.
            if request.method == "GET" { "" } else { arguments.text("token") }
        });
        match token.trim() {
            "" => Err("not_authed".into()),
            token if token == self.token => Ok(()),
            _ => Err("invalid_auth".into()),
        }
    }

    fn post_message(&mut self, arguments: &Arguments, now: Instant) -> Answered {
        let wanted = arguments.text("channel");
        let channel = self.workspace.channel_mut(wanted).ok_or("channel_not_found")?;
        writable(channel)?;
        let content = Content::read(arguments)?;
        let mut text = content.text.unwrap_or_default();
        let (blocks, attachments) =
            (content.blocks.unwrap_or_default(), content.attachments.unwrap_or_default());
        if text.is_empty() && blocks.is_empty() && attachments.is_empty() {
            return Err("no_text".into());
        }
        if let Some((end, _)) = text.char_indices().nth(POSTED_TEXT) {
            text.truncate(end);
        }
        let thread_ts = Some(arguments.text("thread_ts").to_owned()).filter(|ts| !ts.is_empty());
        if thread_ts.as_ref().is_some_and(|ts| channel.message(ts).is_none()) {
            return Err("thread_not_found".into());
        }
        self.rates.post(&channel.id, now).map_err(Refusal::RateLimited)?;
        let id = channel.id.clone();
        let posted = channel.post(Message {
            ts: String::new(),
            broadcast: thread_ts.is_some() && arguments.flag("reply_broadcast"),
            thread_ts,
            author: Author::Bot,
            username: Some(arguments.text("username").to_owned()).filter(|name| !name.is_empty()),
            now: Version { time: Timestamp::now(), text, blocks, attachments, metadata: content.metadata },
            before: Vec::new(),
        });
        Ok(map(json!({ "channel": id, "ts": posted.ts, "message": posted.json() })))
    }

    fn update(&mut self, arguments: &Arguments, now: Instant) -> Answered {
        let channel = by_id(&mut self.workspace.channels, arguments.text("channel"))?;
        writable(channel)?;
        let content = Content::read(arguments)?;
        let nothing = content.text.is_none() && content.blocks.is_none() && content.attachments.is_none();
        if nothing {
            return Err("no_text".into());
        }
        if content.text.as_ref().is_some_and(|text| limits::length(text) > UPDATED_TEXT) {
            return Err("msg_too_long".into());
        }
        let id = channel.id.clone();
        let ts = arguments.text("ts");
        let message = channel.messages.iter_mut().find(|m| m.ts == ts).ok_or("message_not_found")?;
        if message.author != Author::Bot {
            return Err("cant_update_message".into());
        }
        let old = message.now.clone();
        // What is left out stays; an empty list clears.
        let edited = Version {
            time: Timestamp::now(),
            text: content.text.unwrap_or_else(|| old.text.clone()),
            blocks: content.blocks.unwrap_or_else(|| old.blocks.clone()),
            attachments: content.attachments.unwrap_or_else(|| old.attachments.clone()),
            metadata: content.metadata.or_else(|| old.metadata.clone()),
        };
        if edited.text.is_empty() && edited.blocks.is_empty() && edited.attachments.is_empty() {
            return Err("no_text".into());
        }
        self.rates.update(now).map_err(Refusal::RateLimited)?;
        message.now = edited;
        message.before.push(old);
        Ok(map(json!({ "channel": id, "ts": ts, "text": message.now.text, "message": message.json() })))
    }

    fn delete(&mut self, arguments: &Arguments) -> Answered {
        let channel = by_id(&mut self.workspace.channels, arguments.text("channel"))?;
        let ts = arguments.text("ts");
        let author = channel.message(ts).ok_or("message_not_found")?.author;
        if author != Author::Bot {
            return Err("cant_delete_message".into());
        }
        channel.delete(ts);
        Ok(map(json!({ "channel": channel.id, "ts": ts })))
    }

    fn permalink(&mut self, arguments: &Arguments) -> Answered {
        let channel = by_id(&mut self.workspace.channels, arguments.text("channel"))?;
        let ts = arguments.text("message_ts");
        channel.message(ts).ok_or("message_not_found")?;
        Ok(map(json!({ "channel": channel.id, "permalink": channel.permalink(ts) })))
    }

    fn history(&mut self, arguments: &Arguments) -> Answered {
        let channel = by_id(&mut self.workspace.channels, arguments.text("channel"))?;
        if !channel.bot_is_member {
            return Err("not_in_channel".into());
        }
        let (oldest, latest) = (arguments.text("oldest"), arguments.text("latest"));
        let inclusive = arguments.flag("inclusive");
        let within = |ts: &str| {
            let after = oldest.is_empty() || ts > oldest || (inclusive && ts == oldest);
            let before = latest.is_empty() || ts < latest || (inclusive && ts == latest);
            after && before
        };
        let found = channel.shown().rev().filter(|message| within(&message.ts));
        Ok(page(
            "messages",
            &found.map(|message| readable(message, arguments)).collect::<Vec<_>>(),
            arguments,
        ))
    }

    fn replies(&mut self, arguments: &Arguments) -> Answered {
        let channel = by_id(&mut self.workspace.channels, arguments.text("channel"))?;
        let ts = arguments.text("ts");
        let root = channel.message(ts).ok_or("thread_not_found")?;
        let all = std::iter::once(root).chain(channel.thread(ts));
        Ok(page("messages", &all.map(|message| readable(message, arguments)).collect::<Vec<_>>(), arguments))
    }

    fn list(&self, arguments: &Arguments) -> Map<String, Value> {
        let hidden = arguments.flag("exclude_archived");
        let channels = self.workspace.channels.iter().filter(|channel| !(hidden && channel.archived));
        let channels = channels.map(|channel| {
            json!({
                "id": channel.id,
                "name": channel.name,
                "is_channel": true,
                "is_archived": channel.archived,
                "is_member": channel.bot_is_member,
            })
        });
        page("channels", &channels.collect::<Vec<_>>(), arguments)
    }
}

/// What a message is to say; `None` is what the call left out.
struct Content {
    text: Option<String>,
    blocks: Option<Vec<Value>>,
    attachments: Option<Vec<Value>>,
    metadata: Option<Value>,
}

impl Content {
    fn read(arguments: &Arguments) -> Result<Self, Refusal> {
        let list = |key: &str, error: &'static str| arguments.list(key).transpose().map_err(|()| error);
        let content = Self {
            text: arguments.map.get("text").and_then(Value::as_str).map(str::to_owned),
            blocks: list("blocks", "invalid_blocks_format")?,
            attachments: list("attachments", "invalid_attachments")?,
            metadata: arguments.map.get("metadata").cloned(),
        };
        if let Some(metadata) = &content.metadata {
            let named = metadata.get("event_type").is_some_and(Value::is_string);
            if !named || !metadata.get("event_payload").is_some_and(Value::is_object) {
                return Err("invalid_metadata_format".into());
            }
        }
        let blocks = content.blocks.as_deref().unwrap_or_default();
        limits::check(blocks, content.attachments.as_deref().unwrap_or_default())
            .map_err(|(error, places)| Refusal::Invalid(error, places))?;
        Ok(content)
    }
}

fn auth_test() -> Map<String, Value> {
    map(json!({
        "url": ADDRESS,
        "team": "Watchfire",
        "user": "watchfire",
        "team_id": TEAM,
        "user_id": BOT_USER,
        "bot_id": BOT,
        "is_enterprise_install": false,
    }))
}

/// Editing and reading want the channel's id; a name is not found.
fn by_id<'a>(channels: &'a mut [Channel], id: &str) -> Result<&'a mut Channel, Refusal> {
    channels.iter_mut().find(|channel| channel.id == id).ok_or(Refusal::Error("channel_not_found"))
}

fn writable(channel: &Channel) -> Result<(), Refusal> {
    if channel.archived {
        return Err("is_archived".into());
    }
    if channel.bot_is_member { Ok(()) } else { Err("not_in_channel".into()) }
}

/// A message as a reader gets it: its metadata only if asked for.
fn readable(message: &Message, arguments: &Arguments) -> Value {
    let mut json = message.json();
    if !arguments.flag("include_all_metadata")
        && let Some(map) = json.as_object_mut()
    {
        map.remove("metadata");
    }
    json
}

/// One page of a list, and the cursor of the next.
fn page(key: &str, items: &[Value], arguments: &Arguments) -> Map<String, Value> {
    let limit = arguments.number("limit").unwrap_or(PAGE).clamp(1, 1000);
    let start = arguments.text("cursor").strip_prefix("next:").and_then(|at| at.parse().ok()).unwrap_or(0);
    let end = items.len().min(start + limit);
    let more = end < items.len();
    let cursor = if more { format!("next:{end}") } else { String::new() };
    let items = items.get(start..end).unwrap_or_default();
    map(json!({ key: items, "has_more": more, "response_metadata": { "next_cursor": cursor } }))
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
