//! `receivers`: named lists of integrations.

use std::collections::BTreeMap;
use std::sync::Arc;

use toolkit::config::{Fields, Item, Kind, Position};

use super::delivery::known;
use super::global::Global;
use super::lints::Lints;
use super::texts::Texts;
use super::{Integration, TargetSettings, email, is_empty, slack, webhook};

/// The receivers in the file's order; of a name given twice the first stays.
pub(super) struct Receivers(Vec<Receiver>);

/// One of them.
pub(super) struct Receiver {
    pub(super) name: Arc<str>,
    pub(super) position: Position,
    targets: Vec<TargetSettings>,
    failover: Option<(String, Position)>,
    /// It has nobody to tell: Alertmanager's way to drop alerts.
    silent: bool,
}

impl Receivers {
    pub(super) fn find(&self, name: &str) -> Option<Arc<str>> {
        self.get(name).map(|receiver| receiver.name.clone())
    }

    pub(super) fn is_silent(&self, name: &str) -> bool {
        self.get(name).is_some_and(|receiver| receiver.silent)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Receiver> {
        self.0.iter()
    }

    /// Who is told when a receiver cannot be reached.
    pub(super) fn failover(&self, fields: &Fields<'_>) -> BTreeMap<Arc<str>, Arc<str>> {
        let mut failover = BTreeMap::new();
        for receiver in &self.0 {
            let Some((other, position)) = &receiver.failover else { continue };
            if *other == *receiver.name {
                fields.problem_at(*position, format!("receiver {other:?} cannot be its own failover"));
            } else if let Some(other) = known(fields, self, other, *position, "failover") {
                failover.insert(receiver.name.clone(), other);
            }
        }
        failover
    }

    /// The names that another receiver names as its failover.
    pub(super) fn is_failover(&self, name: &str) -> bool {
        self.0.iter().any(|receiver| receiver.failover.as_ref().is_some_and(|(other, _)| other == name))
    }

    pub(super) fn into_map(self) -> BTreeMap<Arc<str>, Vec<TargetSettings>> {
        self.0.into_iter().map(|receiver| (receiver.name, receiver.targets)).collect()
    }

    fn get(&self, name: &str) -> Option<&Receiver> {
        self.0.iter().find(|receiver| &*receiver.name == name)
    }
}

/// What all receivers fall back to.
pub(super) struct Shared {
    pub(super) global: Global,
    /// `None` when ours cannot be read, which was told.
    pub(super) texts: Option<Texts>,
}

pub(super) fn decode(fields: &mut Fields<'_>, shared: &Shared, lints: &mut Lints) -> Receivers {
    let mut receivers = Receivers(Vec::new());
    for receiver in fields.list("receivers", |item| receiver(&item, shared, lints)) {
        let (name, position) = (&receiver.name, receiver.position);
        if name.is_empty() {
            fields.problem_at(position, "missing name in receiver");
        } else if receivers.find(name).is_some() {
            fields.problem_at(position, format!("notification config name {name:?} is not unique"));
        } else {
            receivers.0.push(receiver);
        }
    }
    receivers
}

fn receiver(item: &Item<'_>, shared: &Shared, lints: &mut Lints) -> Option<Receiver> {
    let mut fields = item.fields()?;
    let name: Arc<str> = fields.string("name").unwrap_or_default().into();
    let position = fields.position_of("name");
    for (key, integration) in OTHER_INTEGRATIONS {
        if fields.item(key).is_some_and(|item| !is_empty(&item)) {
            fields.problem(
                key,
                format!(
                    "`{key}` is not supported: {integration} cannot be reached from here; \
                     hint: leave this receiver with Alertmanager, or reach it by webhook_configs"
                ),
            );
        }
    }
    labels(&mut fields, &name);
    let failover = fields.string("failover").filter(|name| !name.is_empty());
    let failover = failover.map(|other| (other, fields.position_of("failover")));
    let mut found: Vec<(&str, bool, Integration)> = Vec::new();
    let mut silent = true;
    for (key, integration, read) in INTEGRATIONS {
        let list = fields.list(key, |item| {
            silent = false;
            if item.kind() == Kind::Null {
                item.problem(format!("missing {integration} config"));
                return None;
            }
            read(&item, shared, lints)
        });
        found.extend(list.into_iter().map(|(resolved, settings)| (*integration, resolved, settings)));
    }
    let mut targets: Vec<TargetSettings> = Vec::new();
    for (integration, send_resolved, settings) in found {
        let prefix = format!("{name}/{integration}/");
        let index = targets.iter().filter(|target| target.id.starts_with(&prefix)).count();
        targets.push(TargetSettings {
            id: format!("{prefix}{index}").into(),
            send_resolved,
            integration: settings,
        });
    }
    Some(Receiver { name, position, targets, failover, silent })
}

/// For queries of Alertmanager's API; the name is among them and must be the same.
fn labels(fields: &mut Fields<'_>, name: &str) {
    for (label, value) in fields.string_map("labels") {
        if label == "name" && value != name {
            let words = format!("receiver label \"name\" must match receiver name {name:?}, got {value:?}");
            fields.problem("labels", words);
        }
    }
}

/// Whether it is told of resolved alerts, and how it is reached.
type Read = fn(&Item<'_>, &Shared, &mut Lints) -> Option<(bool, Integration)>;

/// The integrations that we have.
const INTEGRATIONS: &[(&str, &str, Read)] = &[
    ("slack_configs", "slack", |item, shared, lints| {
        let (resolved, settings) = slack::decode(item, shared, lints)?;
        Some((resolved, Integration::Slack(Box::new(settings))))
    }),
    ("email_configs", "email", |item, shared, lints| {
        let (resolved, settings) = email::decode(item, shared, lints)?;
        Some((resolved, Integration::Email(Box::new(settings))))
    }),
    ("webhook_configs", "webhook", |item, shared, lints| {
        let (resolved, settings) = webhook::decode(item, shared, lints)?;
        Some((resolved, Integration::Webhook(Box::new(settings))))
    }),
];

/// Alertmanager's other integrations.
const OTHER_INTEGRATIONS: &[(&str, &str)] = &[
    ("discord_configs", "Discord"),
    ("pagerduty_configs", "PagerDuty"),
    ("incidentio_configs", "incident.io"),
    ("opsgenie_configs", "Opsgenie"),
    ("wechat_configs", "WeChat"),
    ("pushover_configs", "Pushover"),
    ("victorops_configs", "VictorOps"),
    ("sns_configs", "SNS"),
    ("telegram_configs", "Telegram"),
    ("webex_configs", "Webex"),
    ("msteams_configs", "Microsoft Teams"),
    ("msteamsv2_configs", "Microsoft Teams"),
    ("jira_configs", "Jira"),
    ("rocketchat_configs", "Rocket.Chat"),
    ("mattermost_configs", "Mattermost"),
];
