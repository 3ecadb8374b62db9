//! `webhook_configs`: the payload goes on to another program, as Alertmanager sends it.

use std::time::Duration;

use toolkit::config::{Item, SecretSource};

use super::global::{Global, secret_url};
use super::http::{self, HttpSettings};

/// One webhook target.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookSettings {
    /// Where it is posted to; a secret.
    pub url: SecretSource,
    /// How it is reached.
    pub http: HttpSettings,
    /// The most alerts in one message; 0 is no limit.
    pub max_alerts: usize,
    /// How long one call may take.
    pub timeout: Duration,
}

/// How long a call may take unless the file says otherwise. Alertmanager waits for ever, and a target that hangs
/// would hold its lane for ever.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn decode(item: &Item<'_>, global: &Global) -> Option<(bool, WebhookSettings)> {
    let mut fields = item.fields()?;
    let send_resolved = fields.bool("send_resolved").unwrap_or(true);
    let given = ["url", "url_file", "url_env", "url_command"].iter().any(|key| fields.has(key));
    let url = secret_url(&mut fields, "url");
    if !given {
        fields.problem_at(fields.position(), "one of url or url_file must be configured");
    }
    if let Some(SecretSource::Inline(text)) = &url
        && text.expose().contains("{{")
    {
        fields.problem("url", "`url` holds a template: templates are not supported yet");
    }
    if fields.item("payload").is_some() {
        fields.problem(
            "payload",
            "`payload` is not supported yet: the body is always Alertmanager's own, version 4; hint: remove it",
        );
    }
    let http = http::decode_or(&mut fields, &global.http);
    let max_alerts = fields.integer("max_alerts", 0..=i64::from(u32::MAX)).unwrap_or(0);
    let timeout = fields.duration("timeout").filter(|timeout| !timeout.is_zero()).unwrap_or(TIMEOUT);
    let max_alerts = usize::try_from(max_alerts).unwrap_or(0);
    Some((send_resolved, WebhookSettings { url: url?, http, max_alerts, timeout }))
}
