//! `webhook_configs`: the payload goes on to another program, as Alertmanager sends it.

use std::time::Duration;

use toolkit::config::{Item, SecretSource};

use super::custom_payload::CustomPayload;
use super::global::secret_url;
use super::http::{self, HttpSettings};
use super::is_empty;
use super::lints::Lints;
use super::receivers::Shared;
use crate::template::Templates;

/// One webhook target.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookSettings {
    /// Where it is posted to; a secret, which may hold a template.
    pub url: SecretSource,
    /// The named templates, for a URL that is read when it is used.
    pub templates: Templates,
    /// The body, where it is not Alertmanager's payload.
    pub payload: Option<CustomPayload>,
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

pub(super) fn decode(item: &Item<'_>, shared: &Shared, lints: &mut Lints) -> Option<(bool, WebhookSettings)> {
    let Shared { global, texts } = shared;
    // without them everything was said already
    let texts = texts.as_ref()?;
    let mut fields = item.fields()?;
    let send_resolved = fields.bool("send_resolved").unwrap_or(true);
    let given = ["url", "url_file", "url_env", "url_command"].iter().any(|key| fields.has(key));
    let url = secret_url(&mut fields, "url");
    if !given {
        fields.problem_at(fields.position(), "one of url or url_file must be configured");
    }
    if let Some(SecretSource::Inline(text)) = &url
        && let Err(message) = texts.hidden(text.expose())
    {
        fields.problem("url", message);
    }
    let payload = fields.item("payload").filter(|item| !is_empty(item));
    let payload = payload.and_then(|item| CustomPayload::decode(&item, texts, lints));
    let http = http::decode_or(&mut fields, &global.http);
    let max_alerts = fields.integer("max_alerts", 0..=i64::from(u32::MAX)).unwrap_or(0);
    let timeout = fields.duration("timeout").filter(|timeout| !timeout.is_zero()).unwrap_or(TIMEOUT);
    let max_alerts = usize::try_from(max_alerts).unwrap_or(0);
    let templates = texts.templates().clone();
    Some((send_resolved, WebhookSettings { url: url?, templates, payload, http, max_alerts, timeout }))
}
