//! The configuration: Alertmanager's own file format, with a few keys of ours beside.
//!
//! ```text
//! global, receivers, route  →  a route tree with everything inherited, and targets that are ready to be built
//! storage, delivery         →  ours
//! ```
//!
//! Invariants: every problem of a file is named at once with its place; a key of Alertmanager's that is not built
//! yet is an error that says so, never ignored; a field that holds a template is an error too; no message shows a
//! secret.

mod email;
mod global;
mod receivers;
mod routes;
mod slack;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{ConfigError, Document, Fields, Item, Kind};

pub use email::{EmailSettings, TlsSettings};
pub use slack::{SlackSettings, SlackWay};

use crate::route::Route;
use crate::store::Limits;

/// Everything the file says, checked.
#[derive(Debug)]
pub struct Config {
    /// Where the store is.
    pub storage_path: PathBuf,
    /// What it keeps.
    pub limits: Limits,
    /// How long a delivery is tried before it is given up.
    pub give_up_after: Duration,
    /// Who gets what.
    pub route: Route,
    /// The receivers by name, each with its targets.
    pub receivers: BTreeMap<Arc<str>, Vec<TargetSettings>>,
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
    Slack(SlackSettings),
    /// E-mail.
    Email(Box<EmailSettings>),
}

/// How long a delivery is tried: over a night and the morning after.
const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// How long a group is remembered after all of it was resolved: its thread can go on so long.
const RESOLVED: Duration = Duration::from_hours(14 * 24);

/// Bytes of requests that are kept for people who ask what came in.
const INBOX_BYTES: u64 = 256 << 20;

/// Rows in the log of deliveries.
const DELIVERIES: u32 = 100_000;

impl Config {
    /// Reads a file's document.
    pub fn decode(document: &Document, storage_path: PathBuf) -> Result<Self, ConfigError> {
        document.decode(|mut fields| {
            if fields.keys().next().is_none() {
                fields.problem("route", "no route provided in config");
            }
            for key in NOT_YET {
                not_yet(&mut fields, key);
            }
            let global = global::Global::decode(fields.fields("global"));
            let receivers = receivers::decode(&mut fields, &global);
            let route = routes::decode(&mut fields, &receivers);
            let mut limits = Limits { resolved: RESOLVED, inbox_bytes: INBOX_BYTES, deliveries: DELIVERIES };
            if let Some(mut storage) = fields.fields("storage") {
                limits.resolved = storage.duration("resolved_retention").unwrap_or(limits.resolved);
                let bytes = storage.integer("inbox_bytes", 0..=i64::MAX).map(i64::cast_unsigned);
                limits.inbox_bytes = bytes.unwrap_or(limits.inbox_bytes);
            }
            let mut give_up_after = GIVE_UP_AFTER;
            if let Some(mut delivery) = fields.fields("delivery") {
                give_up_after = delivery.duration("give_up_after").unwrap_or(give_up_after);
                if give_up_after.is_zero() {
                    delivery.problem("give_up_after", "give_up_after cannot be zero");
                }
            }
            Self { storage_path, limits, give_up_after, route, receivers: receivers.into_map() }
        })
    }
}

/// Alertmanager's keys at the top of the file that are not built yet.
const NOT_YET: &[&str] = &["inhibit_rules", "templates", "time_intervals", "mute_time_intervals", "tracing"];

/// Refuses a key of Alertmanager's that is not built yet; an empty one says nothing and is fine.
fn not_yet(fields: &mut Fields<'_>, key: &str) {
    let empty = |item: &Item<'_>| match item.kind() {
        Kind::List => item.list(|_| Some(())).is_empty(),
        Kind::Map => item.map(|_, _| Some(())).is_empty(),
        _ => false,
    };
    if fields.item(key).is_some_and(|item| !empty(&item)) {
        fields.problem(key, format!("`{key}` is not supported yet; hint: remove it"));
    }
}

/// A text that must not hold a template.
fn plain(fields: &mut Fields<'_>, key: &str) -> Option<String> {
    let text = fields.string(key)?;
    if text.contains("{{") {
        fields.problem(key, format!("`{key}` holds a template: templates are not supported yet"));
        return None;
    }
    Some(text)
}

/// Whether an address is one that HTTP can reach; the text is never part of the message, because Slack's address is
/// a secret.
fn check_url(text: &str) -> Result<(), &'static str> {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return Err("the URL must begin with https:// or http://");
    };
    if rest.is_empty() || rest.starts_with('/') { Err("missing host for URL") } else { Ok(()) }
}
