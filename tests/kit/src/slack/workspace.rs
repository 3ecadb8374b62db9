//! What a Slack workspace holds: channels, their messages, and the calls that made them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Fault;

/// Calls kept; older ones are dropped, so that a long soak does not eat the memory.
const KEPT_CALLS: usize = 100_000;

/// Ids of the double's only app.
pub(super) const TEAM: &str = "T0WATCHFIRE";
pub(super) const BOT_USER: &str = "U0WATCHFIRE";
pub(super) const BOT: &str = "B0WATCHFIRE";

/// Where people see the workspace.
pub(super) const ADDRESS: &str = "https://watchfire.slack.test/";

/// Everything that a Slack double knows.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// All channels, in the order of their making.
    pub channels: Vec<Channel>,
    /// All calls, oldest first.
    pub calls: Vec<Call>,
    hooks: Vec<Hook>,
}

/// A channel.
#[derive(Clone, Debug)]
pub struct Channel {
    /// `C…`.
    pub id: String,
    /// Its name, without `#`.
    pub name: String,
    /// Whether it was archived.
    pub archived: bool,
    /// Whether the bot was invited.
    pub bot_is_member: bool,
    /// Every message not deleted, threads included, oldest first.
    pub messages: Vec<Message>,
    last_ts: i64,
}

/// A message as it stands now.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id in the channel: seconds and six digits.
    pub ts: String,
    /// The message that it answers.
    pub thread_ts: Option<String>,
    /// Whether an answer is shown in the channel, too.
    pub broadcast: bool,
    /// Who wrote it.
    pub author: Author,
    /// The name that it was written under, if one was given.
    pub username: Option<String>,
    /// What it says now.
    pub now: Version,
    /// What it said before each edit, oldest first.
    pub before: Vec<Version>,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The bot, with its token.
    Bot,
    /// An incoming webhook: nobody can edit it.
    Hook,
}

/// What a message says, at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Version {
    /// When it was written.
    pub time: Timestamp,
    /// The text.
    pub text: String,
    /// The blocks.
    pub blocks: Vec<Value>,
    /// The attachments.
    pub attachments: Vec<Value>,
    /// The metadata, which readers do not see.
    pub metadata: Option<Value>,
}

/// A call as it came, and what was answered.
#[derive(Clone, Debug)]
pub struct Call {
    /// When it came.
    pub time: Timestamp,
    /// `chat.postMessage`, …, or `hook`.
    pub method: String,
    /// Its content type.
    pub content_type: String,
    /// Its arguments; a body that could not be read is a string. Tokens are left out.
    pub body: Value,
    /// The status of the answer.
    pub status: u16,
    /// The answer that Slack gave, even if a fault kept it from arriving.
    pub answer: String,
    /// The fault that hit it.
    pub fault: Option<Fault>,
}

#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) path: String,
    pub(super) channel: String,
    pub(super) legacy: bool,
}

impl Workspace {
    /// The channel with this name (with or without `#`) or id.
    pub fn channel(&self, name_or_id: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.is(name_or_id))
    }

    /// The same, to be changed by hand.
    pub fn channel_mut(&mut self, name_or_id: &str) -> Option<&mut Channel> {
        self.channels.iter_mut().find(|channel| channel.is(name_or_id))
    }

    /// The messages of a channel; none if there is no such channel.
    pub fn messages(&self, channel: &str) -> &[Message] {
        self.channel(channel).map_or(&[], |channel| &channel.messages)
    }

    /// The first message of a channel that says `words` anywhere in it.
    pub fn find(&self, channel: &str, words: &str) -> Option<&Message> {
        self.messages(channel).iter().find(|message| message.says(words))
    }

    /// The calls of one method; `hook` for webhooks.
    pub fn calls_of<'a>(&'a self, method: &'a str) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().filter(move |call| call.method == method)
    }

    pub(super) fn add_channel(&mut self, name: &str) -> &mut Channel {
        let index = self.channels.iter().position(|channel| channel.is(name)).unwrap_or_else(|| {
            let name = name.trim_start_matches('#').to_owned();
            // Eleven characters, like the real ones.
            let id = format!("C0{:09}", 612_000_000 + self.channels.len());
            let channel =
                Channel { id, name, archived: false, bot_is_member: true, messages: Vec::new(), last_ts: 0 };
            self.channels.push(channel);
            self.channels.len() - 1
        });
        &mut self.channels[index]
    }

    pub(super) fn add_hook(&mut self, channel: &str, legacy: bool) -> String {
        let channel = self.add_channel(channel).id.clone();
        let number = self.hooks.len() + 1;
        let path = format!("/services/{TEAM}/B{number:010}/watchfiretesthooksecret{number}");
        self.hooks.push(Hook { path: path.clone(), channel, legacy });
        path
    }

    pub(super) fn hook(&self, path: &str) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.path == path)
    }

    pub(super) fn record(&mut self, call: Call) {
        if self.calls.len() == KEPT_CALLS {
            self.calls.remove(0);
        }
        self.calls.push(call);
    }

    /// Calls and messages, for a failed wait.
    pub(super) fn describe(&self) -> String {
        let calls = self.calls.iter().map(|call| {
            let fault = call.fault.as_ref().map(|fault| format!(" [{fault:?}]")).unwrap_or_default();
            let (method, body, answer) = (&call.method, &call.body, &call.answer);
            format!("\n  {method} {body}\n    -> {} {answer}{fault}", call.status)
        });
        format!("Slack had {} calls:{}", self.calls.len(), calls.collect::<String>())
    }
}

impl Channel {
    /// The messages that the channel shows: no answers of threads, unless broadcast.
    pub fn shown(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.messages.iter().filter(|message| !message.is_reply() || message.broadcast)
    }

    /// The answers to a message.
    pub fn thread<'a>(&'a self, ts: &'a str) -> impl Iterator<Item = &'a Message> {
        self.messages
            .iter()
            .filter(move |message| message.is_reply() && message.thread_ts.as_deref() == Some(ts))
    }

    /// The message with this id.
    pub fn message(&self, ts: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.ts == ts)
    }

    /// Where people find the message with this id.
    pub fn permalink(&self, ts: &str) -> String {
        format!("{ADDRESS}archives/{}/p{}", self.id, ts.replace('.', ""))
    }

    /// Takes a message away, as a user would.
    pub fn delete(&mut self, ts: &str) -> Option<Message> {
        let index = self.messages.iter().position(|message| message.ts == ts)?;
        Some(self.messages.remove(index))
    }

    /// Posts, and returns the new message's id: the time, and always later than the one before.
    pub(super) fn post(&mut self, mut message: Message) -> &Message {
        self.last_ts = message.now.time.as_microsecond().max(self.last_ts + 1);
        message.ts = format!("{}.{:06}", self.last_ts / 1_000_000, self.last_ts % 1_000_000);
        self.messages.push(message);
        &self.messages[self.messages.len() - 1]
    }

    fn is(&self, name_or_id: &str) -> bool {
        self.id == name_or_id || self.name == name_or_id.trim_start_matches('#')
    }
}

impl Message {
    /// Whether it says `words` anywhere in its text, blocks or attachments now.
    pub fn says(&self, words: &str) -> bool {
        self.words().contains(words)
    }

    /// All that it says now, one piece a line.
    pub fn words(&self) -> String {
        self.now.words()
    }

    /// How often it was edited.
    pub fn edits(&self) -> usize {
        self.before.len()
    }

    /// Whether it is an answer in a thread.
    pub fn is_reply(&self) -> bool {
        self.thread_ts.as_ref().is_some_and(|thread| *thread != self.ts)
    }

    /// The colour of its first attachment that has one: `good`, `danger`, `#rrggbb`, or "".
    pub fn color(&self) -> &str {
        let colors = self.now.attachments.iter().filter_map(|attachment| attachment.get("color")?.as_str());
        colors.into_iter().next().unwrap_or_default()
    }

    /// The message as the Web API shows it.
    pub(super) fn json(&self) -> Value {
        let mut json = json!({ "type": "message", "ts": self.ts, "text": self.now.text, "team": TEAM });
        let mut set = |key: &str, value: Option<Value>| {
            if let (Some(map), Some(value)) = (json.as_object_mut(), value) {
                map.insert(key.to_owned(), value);
            }
        };
        set("bot_id", Some(BOT.into()));
        set("user", (self.author == Author::Bot).then(|| BOT_USER.into()));
        set("subtype", (self.author == Author::Hook).then(|| "bot_message".into()));
        set("username", self.username.clone().map(Value::from));
        set("thread_ts", self.thread_ts.clone().map(Value::from));
        set("blocks", (!self.now.blocks.is_empty()).then(|| self.now.blocks.clone().into()));
        set("attachments", (!self.now.attachments.is_empty()).then(|| self.now.attachments.clone().into()));
        set("metadata", self.now.metadata.clone());
        set("edited", self.before.last().map(|_| json!({ "user": BOT_USER, "ts": stamp(self.now.time) })));
        json
    }
}

impl Version {
    fn words(&self) -> String {
        let mut words = vec![self.text.as_str()];
        self.blocks.iter().chain(&self.attachments).for_each(|part| collect(part, &mut words));
        words.join("\n")
    }
}

fn stamp(time: Timestamp) -> String {
    format!("{}.000000", time.as_second())
}

/// The strings that a reader of a block or an attachment sees.
fn collect<'a>(value: &'a Value, words: &mut Vec<&'a str>) {
    const SEEN: [&str; 8] =
        ["text", "title", "value", "pretext", "fallback", "footer", "alt_text", "author_name"];
    let mut object = |map: &'a Map<String, Value>| {
        for (key, value) in map {
            match value {
                Value::String(text) if SEEN.contains(&key.as_str()) => words.push(text),
                Value::Array(_) | Value::Object(_) => collect(value, words),
                _ => {}
            }
        }
    };
    match value {
        Value::Object(map) => object(map),
        Value::Array(list) => list.iter().for_each(|value| collect(value, words)),
        _ => {}
    }
}
