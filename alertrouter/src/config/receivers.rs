//! `receivers`: named lists of integrations.

use std::collections::BTreeMap;
use std::sync::Arc;

use toolkit::config::{Fields, Item};

use super::global::Global;
use super::{Integration, TargetSettings, email, not_yet, slack};

/// The receivers in the file's order; of a name given twice the first stays.
pub(super) struct Receivers(Vec<(Arc<str>, Vec<TargetSettings>)>);

impl Receivers {
    pub(super) fn find(&self, name: &str) -> Option<Arc<str>> {
        self.0.iter().find(|(known, _)| &**known == name).map(|(name, _)| name.clone())
    }

    pub(super) fn into_map(self) -> BTreeMap<Arc<str>, Vec<TargetSettings>> {
        self.0.into_iter().collect()
    }
}

pub(super) fn decode(fields: &mut Fields<'_>, global: &Global) -> Receivers {
    let mut receivers = Receivers(Vec::new());
    let decoded = fields.list("receivers", |item| receiver(&item, global));
    for (name, position, targets) in decoded {
        if name.is_empty() {
            fields.problem_at(position, "missing name in receiver");
        } else if receivers.find(&name).is_some() {
            fields.problem_at(position, format!("notification config name {name:?} is not unique"));
        } else {
            receivers.0.push((name, targets));
        }
    }
    receivers
}

type Receiver = (Arc<str>, toolkit::config::Position, Vec<TargetSettings>);

fn receiver(item: &Item<'_>, global: &Global) -> Option<Receiver> {
    let mut fields = item.fields()?;
    let name: Arc<str> = fields.string("name").unwrap_or_default().into();
    let position = fields.position_of("name");
    for key in NOT_YET {
        not_yet(&mut fields, key);
    }
    let target = |integration: &str, index, send_resolved, settings| TargetSettings {
        id: format!("{name}/{integration}/{index}").into(),
        send_resolved,
        integration: settings,
    };
    let mut targets: Vec<TargetSettings> = fields
        .list("slack_configs", |item| slack::decode(&item, global))
        .into_iter()
        .enumerate()
        .map(|(index, (resolved, slack))| target("slack", index, resolved, Integration::Slack(slack)))
        .collect();
    let email = fields.list("email_configs", |item| email::decode(&item, global));
    targets.extend(email.into_iter().enumerate().map(|(index, (resolved, email))| {
        target("email", index, resolved, Integration::Email(Box::new(email)))
    }));
    Some((name, position, targets))
}

/// Alertmanager's integrations that are not built yet.
const NOT_YET: &[&str] = &[
    "webhook_configs",
    "discord_configs",
    "pagerduty_configs",
    "incidentio_configs",
    "opsgenie_configs",
    "wechat_configs",
    "pushover_configs",
    "victorops_configs",
    "sns_configs",
    "telegram_configs",
    "webex_configs",
    "msteams_configs",
    "msteamsv2_configs",
    "jira_configs",
    "rocketchat_configs",
    "mattermost_configs",
];
