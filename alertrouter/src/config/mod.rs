//! The configuration: Alertmanager's own file format, with a few keys of ours beside.
//!
//! ```text
//! global, receivers, route, time_intervals  →  a route tree with everything inherited, and targets ready to be built
//! inhibit_rules                             →  rules
//! storage, delivery, intake                 →  ours
//! ```
//!
//! Invariants: every problem of a file is named at once with its place; a key of Alertmanager's that cannot be kept
//! is an error or a lint, never ignored in silence; a template that cannot be read is an error; no message shows a
//! secret.

mod custom_payload;
mod delivery;
mod email;
mod global;
mod http;
mod inhibit;
mod intake;
mod intervals;
mod lints;
mod receivers;
mod routes;
mod slack;
mod slack_form;
mod storage;
mod texts;
mod tls;
mod webhook;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use toolkit::config::{ConfigError, Document, Fields, Item, Kind};

pub use custom_payload::CustomPayload;
pub use delivery::Delivery;
pub use email::{EmailSettings, Mechanism};
pub use http::{Authorization, HttpSettings, Proxy};
pub use intake::IntakeSettings;
pub use lints::Lint;
pub use slack::{SlackSettings, SlackWay};
pub use slack_form::{SlackAction, SlackConfirm, SlackField, SlackForm};
pub use tls::{ClientCertificate, TlsSettings};
pub use webhook::WebhookSettings;

use crate::inhibit::InhibitRule;
use crate::matcher::ParserMode;
use crate::route::Route;
use crate::store::{Limits, Room};
use lints::Lints;
use texts::Texts;

/// Everything the file says, checked.
#[derive(Debug)]
pub struct Config {
    /// Where the store is.
    pub storage_path: PathBuf,
    /// What it keeps.
    pub limits: Limits,
    /// How much of the disk it may use; taken at the start.
    pub room: Room,
    /// Who may send.
    pub intake: IntakeSettings,
    /// How long a delivery is tried, and who is told when it is late.
    pub delivery: Delivery,
    /// Who gets what.
    pub route: Route,
    /// The receivers by name, each with its targets.
    pub receivers: BTreeMap<Arc<str>, Vec<TargetSettings>>,
    /// For some receivers another that is told when the first cannot be reached.
    pub failover: BTreeMap<Arc<str>, Arc<str>>,
    /// Which alerts say nothing new while others fire.
    pub inhibit_rules: Vec<InhibitRule>,
    /// What is allowed and yet often a mistake.
    pub lints: Vec<Lint>,
}

/// One integration of one receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetSettings {
    /// receiver/integration/index: the stable name under which its messages are remembered.
    pub id: Arc<str>,
    /// Whether it hears of resolved alerts.
    pub send_resolved: bool,
    /// How it is reached.
    pub integration: Integration,
}

/// How a target is reached.
#[derive(Debug, Clone, PartialEq)]
pub enum Integration {
    /// Slack.
    Slack(Box<SlackSettings>),
    /// E-mail.
    Email(Box<EmailSettings>),
    /// Alertmanager's payload, to another program.
    Webhook(Box<WebhookSettings>),
}

impl Config {
    /// Reads a file's document.
    pub fn decode(document: &Document, storage_path: PathBuf, mode: ParserMode) -> Result<Self, ConfigError> {
        document.decode(|mut fields| {
            if fields.keys().next().is_none() {
                fields.problem("route", "no route provided in config");
            }
            let mut lints = Lints::new(mode);
            for key in SERVERS_OWN {
                lints.without_effect(&mut fields, key);
            }
            let texts = Texts::decode(&mut fields, document);
            let global = global::Global::decode(fields.fields("global"), &mut lints);
            let receivers = receivers::decode(&mut fields, &receivers::Shared { global, texts }, &mut lints);
            let intervals = intervals::decode(&mut fields, &mut lints);
            let route = routes::decode(&mut fields, &receivers, &intervals, &mut lints);
            let inhibit_rules = inhibit::decode(&mut fields, &mut lints);
            let (limits, room) = storage::decode(fields.fields("storage"));
            let delivery = delivery::decode(fields.fields("delivery"), &receivers);
            lints.tree(&route, &receivers, &delivery, &intervals);
            Self {
                storage_path,
                limits,
                room,
                intake: intake::decode(fields.fields("intake")),
                delivery,
                route,
                failover: receivers.failover(&fields),
                receivers: receivers.into_map(),
                inhibit_rules,
                lints: lints.into_list(),
            }
        })
    }
}

/// Keys at the top of the file that are about Alertmanager's own process.
const SERVERS_OWN: &[&str] = &["tracing", "event_recorder"];

/// Refuses a key of Alertmanager's that is not built yet; an empty one says nothing and is fine.
fn not_yet(fields: &mut Fields<'_>, key: &str) {
    if fields.item(key).is_some_and(|item| !is_empty(&item)) {
        fields.problem(key, format!("`{key}` is not supported yet; hint: remove it"));
    }
}

fn is_empty(item: &Item<'_>) -> bool {
    match item.kind() {
        Kind::Null => true,
        Kind::List => item.list(|_| Some(())).is_empty(),
        Kind::Map => item.map(|_, _| Some(())).is_empty(),
        Kind::Text => item.string().is_some_and(|text| text.is_empty()),
    }
}

/// A text that must not hold a template; an empty one is as good as none, as in Alertmanager.
fn plain(fields: &mut Fields<'_>, key: &str) -> Option<String> {
    let text = fields.string(key)?;
    if text.contains("{{") {
        fields.problem(key, template_in(key));
        return None;
    }
    (!text.is_empty()).then_some(text)
}

fn template_in(key: &str) -> String {
    format!("`{key}` holds a template: that is not supported here")
}

/// Whether an address is one that HTTP can reach; the text is never part of the message, because Slack's address is
/// a secret.
fn check_url(text: &str) -> Result<(), &'static str> {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return Err("the URL must begin with https:// or http://");
    };
    if rest.is_empty() || rest.starts_with('/') { Err("missing host for URL") } else { Ok(()) }
}
