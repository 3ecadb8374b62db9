//! Incoming webhooks: `ok` in plain text, or a code in plain text; no id, so nothing to edit and no thread.

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::workspace::{Author, Message, Version};
use super::{State, limits, rate};
use crate::http::form_pairs;
use crate::web::{Reply, Request};

impl State {
    pub(super) fn hook(&mut self, request: &Request, now: Instant) -> Reply {
        match self.post_by_hook(request, now) {
            Ok(()) => Reply::text(200, "ok"),
            Err(Refusal::Error(error)) => refuse(error),
            Err(Refusal::RateLimited(seconds)) => rate::refuse(true, seconds),
        }
    }

    fn post_by_hook(&mut self, request: &Request, now: Instant) -> Result<(), Refusal> {
        let hook = self.workspace.hook(&request.path).ok_or(Refusal::Error("no_service"))?.clone();
        if request.method != "POST" {
            return Err(Refusal::Error("invalid_payload"));
        }
        let payload = payload(request).ok_or(Refusal::Error("invalid_payload"))?;
        let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
        let list = |key: &str, error| match payload.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(list)) => Ok(list.clone()),
            Some(_) => Err(Refusal::Error(error)),
        };
        let blocks = list("blocks", "invalid_blocks")?;
        let attachments = list("attachments", "invalid_attachments")?;
        if text("text").is_empty() && blocks.is_empty() && attachments.is_empty() {
            return Err(Refusal::Error("no_text"));
        }
        limits::check(&blocks, &attachments).map_err(|(error, _)| Refusal::Error(error))?;
        let wanted = if hook.legacy && !text("channel").is_empty() { text("channel") } else { &hook.channel };
        let channel = self.workspace.channel_mut(wanted).ok_or(Refusal::Error("channel_not_found"))?;
        if channel.archived {
            return Err(Refusal::Error("channel_is_archived"));
        }
        self.rates.post(&channel.id, now).map_err(Refusal::RateLimited)?;
        let version = Version {
            time: Timestamp::now(),
            text: text("text").to_owned(),
            blocks,
            attachments,
            metadata: payload.get("metadata").cloned(),
        };
        channel.post(Message {
            ts: String::new(),
            thread_ts: Some(text("thread_ts").to_owned()).filter(|ts| !ts.is_empty()),
            broadcast: false,
            author: Author::Hook,
            username: Some(text("username").to_owned()).filter(|name| !name.is_empty()),
            now: version,
            before: Vec::new(),
        });
        Ok(())
    }
}

enum Refusal {
    Error(&'static str),
    RateLimited(u32),
}

/// The answer to a webhook call that is refused with this code.
pub(super) fn refuse(error: &str) -> Reply {
    let status = match error {
        "action_prohibited" | "invalid_token" | "posting_to_general_channel_denied" => 403,
        "channel_not_found" | "no_service" | "no_service_id" | "no_team" | "team_disabled" => 404,
        "channel_is_archived" => 410,
        "rollup_error" | "internal_error" | "fatal_error" => 500,
        "service_unavailable" => 503,
        _ => 400,
    };
    Reply::text(status, error)
}

/// The message: the body as JSON whatever its content type says, or a form's `payload`.
fn payload(request: &Request) -> Option<Value> {
    let text = request.text();
    let form = request.header("content-type").starts_with("application/x-www-form-urlencoded");
    let json = if form && !text.trim_start().starts_with('{') {
        form_pairs(&text).into_iter().find(|(key, _)| key == "payload").map(|(_, value)| value)?
    } else {
        text
    };
    serde_json::from_str(&json).ok().filter(Value::is_object)
}
