//! A double of Slack: incoming webhooks and the Web API, with its checks, its limits and its bad days.
//!
//! It keeps every call and every channel as a user would see it, edits and threads included. Facts about the real
//! one are those of Slack's reference and of threads about its undocumented limits; where a fact is unsure the
//! strict side was taken, so that what passes here passes there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::time::Instant;

use crate::listener::{ANY, Listener};
use crate::script::Script;
use crate::watched::Watched;
use crate::web::{self, Answer, Reply, Request};

mod arguments;
mod hooks;
mod limits;
mod methods;
mod rate;
mod words;
mod workspace;

pub use crate::script::Times;
pub use rate::Rate;
pub use words::check_message;
pub use workspace::{Author, Call, Channel, Message, Version, Workspace};

use rate::Rates;

/// The bot token that the double accepts, if the test sets no other.
pub const BOT_TOKEN: &str = "xoxb-000000000000-0000000000000-watchfiretestbottoken000";

/// A bad day of Slack, scripted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refuses with this error code: `ok: false` on the Web API, the fitting HTTP status on a webhook.
    Error(String),
    /// Refuses with this HTTP status and a page for people.
    Status(u16),
    /// Refuses with 429 and `Retry-After` of so many seconds.
    RateLimited(u32),
    /// Refuses with 429 and this `Retry-After`: an HTTP date, nonsense, or none at all.
    RateLimitedSaying(Option<String>),
    /// Reads the call, does nothing, closes the connection.
    CloseBefore,
    /// Does what was asked, then closes the connection without an answer.
    CloseAfter,
    /// Reads the call, does nothing, never answers.
    Hang,
    /// Does what was asked, never answers.
    HangAfter,
    /// Does what was asked, answers late.
    Slow(Duration),
    /// Does what was asked, breaks off in the middle of the answer.
    HalfBody,
    /// Does what was asked, answers 200 with a page for people, as a proxy might.
    WrongContentType,
    /// Does what was asked, answers 200 with JSON that is none.
    InvalidJson,
}

/// How a Slack double is to be started.
#[derive(Debug)]
pub struct Builder {
    token: String,
    workspace: Workspace,
    rates: Rates,
}

impl Builder {
    /// Accepts this bot token instead of [`BOT_TOKEN`].
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    /// Adds a channel, its bot invited; names may be written with or without `#`.
    #[must_use]
    pub fn channel(mut self, name: &str) -> Self {
        self.workspace.add_channel(name);
        self
    }

    /// Adds a channel to which the bot was not invited: `not_in_channel`.
    #[must_use]
    pub fn foreign_channel(mut self, name: &str) -> Self {
        self.workspace.add_channel(name).bot_is_member = false;
        self
    }

    /// Adds a channel that was archived: `is_archived`.
    #[must_use]
    pub fn archived_channel(mut self, name: &str) -> Self {
        self.workspace.add_channel(name).archived = true;
        self
    }

    /// How fast messages may be posted to one channel; bursts of 20, then one a second, if nothing is said.
    #[must_use]
    pub fn post_rate(mut self, rate: Rate) -> Self {
        self.rates.post = rate;
        self
    }

    /// How fast messages may be edited in the whole workspace; 50 a minute if nothing is said.
    #[must_use]
    pub fn update_rate(mut self, rate: Rate) -> Self {
        self.rates.update = rate;
        self
    }

    /// How fast messages may be posted to all channels together; 300 a minute if nothing is said.
    #[must_use]
    pub fn workspace_rate(mut self, rate: Rate) -> Self {
        self.rates.workspace = rate;
        self
    }

    /// No rate limits at all.
    #[must_use]
    pub fn unlimited(self) -> Self {
        self.post_rate(Rate::UNLIMITED).update_rate(Rate::UNLIMITED).workspace_rate(Rate::UNLIMITED)
    }

    /// Starts it on a free loopback port.
    pub async fn start(self) -> Result<Slack> {
        let state =
            State { token: self.token, workspace: self.workspace, rates: self.rates, script: Script::new() };
        let state = Arc::new(Watched::new(state));
        let shared = Arc::clone(&state);
        let handler = move |request: &Request| shared.change(|state| state.answer(request, Instant::now()));
        Ok(Slack { listener: web::serve(ANY, Arc::new(handler)).await?, state })
    }
}

/// A running Slack double.
pub struct Slack {
    listener: Listener,
    state: Arc<Watched<State>>,
}

impl Slack {
    /// Starts one with a channel `#alerts`.
    pub async fn start() -> Result<Self> {
        Self::builder().channel("#alerts").start().await
    }

    /// Options first.
    pub fn builder() -> Builder {
        Builder { token: BOT_TOKEN.to_owned(), workspace: Workspace::default(), rates: Rates::default() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The base of the Web API, in place of `https://slack.com/api/`.
    pub fn api_url(&self) -> String {
        format!("http://{}/api/", self.address())
    }

    /// A new incoming webhook for this channel, as an app has it: a `channel` in the payload is not heeded.
    pub fn hook(&self, channel: &str) -> String {
        self.add_hook(channel, false)
    }

    /// A new incoming webhook of the legacy kind, whose payload may name another channel.
    pub fn legacy_hook(&self, channel: &str) -> String {
        self.add_hook(channel, true)
    }

    /// Lets this fault happen, to the next calls of any method.
    pub fn fault(&self, times: Times, fault: Fault) {
        self.state.change(|state| state.script.add(times, (None, fault)));
    }

    /// Lets this fault happen to one method (`chat.update`) or to webhooks (`hook`).
    pub fn fault_on(&self, method: &str, times: Times, fault: Fault) {
        self.state.change(|state| state.script.add(times, (Some(method.to_owned()), fault)));
    }

    /// No more faults.
    pub fn heal(&self) {
        self.state.change(|state| state.script.clear());
    }

    /// Changes the workspace by hand: archive a channel, delete a message, throw the bot out.
    pub fn change<R>(&self, change: impl FnOnce(&mut Workspace) -> R) -> R {
        self.state.change(|state| change(&mut state.workspace))
    }

    /// Looks at the workspace.
    pub fn read<R>(&self, read: impl FnOnce(&Workspace) -> R) -> R {
        self.state.read(|state| read(&state.workspace))
    }

    /// A copy of the workspace as it is now.
    pub fn workspace(&self) -> Workspace {
        self.read(Clone::clone)
    }

    /// Waits until `pick` finds what it looks for; it is asked after each call.
    ///
    /// A message is seen here a moment before its sender has the answer: end the double only after the sender.
    pub async fn wait_for<R>(
        &self,
        within: Duration,
        mut pick: impl FnMut(&Workspace) -> Option<R>,
    ) -> Result<R> {
        self.state.wait_for(within, |state| pick(&state.workspace), |state| state.workspace.describe()).await
    }

    /// Takes Slack off the net: connections are refused, open ones are closed.
    pub async fn down(&self) {
        self.listener.down().await;
    }

    /// Brings it back on the same port.
    pub async fn up(&self) -> Result<()> {
        self.listener.up().await
    }

    fn add_hook(&self, channel: &str, legacy: bool) -> String {
        let path = self.change(|workspace| workspace.add_hook(channel, legacy));
        format!("http://{}{path}", self.address())
    }
}

struct State {
    token: String,
    workspace: Workspace,
    rates: Rates,
    script: Script<(Option<String>, Fault)>,
}

/// What the double has to say to a call, before any fault.
struct Said {
    /// `chat.postMessage`, …, or `hook`.
    method: String,
    reply: Reply,
}

impl State {
    fn answer(&mut self, request: &Request, now: Instant) -> Answer {
        let hook = request.path.starts_with("/services/");
        let method = match request.path.strip_prefix("/api/") {
            Some(method) => method.trim_end_matches('/').to_owned(),
            None if hook => "hook".to_owned(),
            None => return Reply::text(404, "not found").into(),
        };
        let fault =
            self.script.take(|(on, _)| on.as_ref().is_none_or(|on| *on == method)).map(|(_, fault)| fault);
        let said = match fault.as_ref().and_then(|fault| refusal(fault, hook)) {
            Some(reply) => Said { method, reply },
            None if matches!(fault, Some(Fault::CloseBefore | Fault::Hang)) => {
                Said { method, reply: Reply::text(200, "") }
            }
            None if hook => Said { method, reply: self.hook(request, now) },
            None => Said { reply: self.call(&method, request, now), method },
        };
        let body = arguments::shown(request);
        let answer = apply(fault.as_ref(), said.reply.clone());
        self.workspace.record(Call {
            time: request.time,
            method: said.method,
            body,
            content_type: request.header("content-type").to_owned(),
            status: said.reply.status,
            answer: String::from_utf8_lossy(&said.reply.body).into_owned(),
            fault,
        });
        answer
    }
}

/// The answer of a fault that stands in for Slack's own, if it is of that kind.
fn refusal(fault: &Fault, hook: bool) -> Option<Reply> {
    match fault {
        Fault::Error(error) if hook => Some(hooks::refuse(error)),
        Fault::Error(error) => Some(Reply::json(200, &json!({ "ok": false, "error": error }))),
        Fault::Status(status) => {
            Some(Reply::new(*status, "text/html; charset=utf-8", "<html><body>Server Error</body></html>"))
        }
        Fault::RateLimited(seconds) => Some(rate::refuse(hook, *seconds)),
        Fault::RateLimitedSaying(header) => Some(rate::refuse_saying(header.as_deref())),
        _ => None,
    }
}

/// What becomes of the answer on its way.
fn apply(fault: Option<&Fault>, reply: Reply) -> Answer {
    match fault {
        Some(Fault::CloseBefore | Fault::CloseAfter) => Answer::Close,
        Some(Fault::Hang | Fault::HangAfter) => Answer::Hang,
        Some(Fault::HalfBody) => Answer::Half(reply),
        Some(Fault::Slow(delay)) => reply.after(*delay).into(),
        Some(Fault::WrongContentType) => {
            Reply::new(200, "text/html; charset=utf-8", "<html><body>Welcome</body></html>").into()
        }
        Some(Fault::InvalidJson) => Reply { body: "{\"ok\":tr".into(), status: 200, ..reply }.into(),
        _ => reply.into(),
    }
}

#[cfg(test)]
mod tests;
