//! `global`: what receivers fall back to.

use toolkit::config::{Fields, SecretSource};

use super::email::{HostPort, TlsSettings, check_address, decode_tls};
use super::{check_url, not_yet, plain};

/// Defaults for receivers.
#[derive(Debug)]
pub(super) struct Global {
    pub(super) slack_api_url: Option<SecretSource>,
    pub(super) slack_app_token: Option<SecretSource>,
    pub(super) slack_app_url: Option<String>,
    pub(super) smtp_from: Option<String>,
    pub(super) smtp_smarthost: Option<HostPort>,
    pub(super) smtp_hello: String,
    pub(super) smtp_auth_username: Option<String>,
    pub(super) smtp_auth_password: Option<SecretSource>,
    pub(super) smtp_require_tls: bool,
    pub(super) smtp_implicit_tls: Option<bool>,
    pub(super) smtp_tls: TlsSettings,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            slack_api_url: None,
            slack_app_token: None,
            slack_app_url: None,
            smtp_from: None,
            smtp_smarthost: None,
            smtp_hello: "localhost".to_owned(),
            smtp_auth_username: None,
            smtp_auth_password: None,
            smtp_require_tls: true,
            smtp_implicit_tls: None,
            smtp_tls: TlsSettings::default(),
        }
    }
}

impl Global {
    pub(super) fn decode(fields: Option<Fields<'_>>) -> Self {
        let defaults = Self::default();
        let Some(mut fields) = fields else { return defaults };
        // the senders' business, and of no effect here: an alert ends when its sender says so
        let _sender_only = fields.duration("resolve_timeout");
        for key in NOT_YET {
            not_yet(&mut fields, key);
        }
        Self {
            slack_api_url: secret_url(&mut fields, "slack_api_url"),
            slack_app_token: secret(&mut fields, "slack_app_token"),
            slack_app_url: url(&mut fields, "slack_app_url"),
            smtp_from: from(&mut fields),
            smtp_smarthost: fields.parsed("smtp_smarthost", str::parse),
            smtp_hello: plain(&mut fields, "smtp_hello").unwrap_or(defaults.smtp_hello),
            smtp_auth_username: plain(&mut fields, "smtp_auth_username"),
            smtp_auth_password: secret(&mut fields, "smtp_auth_password"),
            smtp_require_tls: fields.bool("smtp_require_tls").unwrap_or(true),
            smtp_implicit_tls: fields.bool("smtp_force_implicit_tls"),
            smtp_tls: decode_tls(fields.fields("smtp_tls_config")),
        }
    }
}

fn from(fields: &mut Fields<'_>) -> Option<String> {
    let from = plain(fields, "smtp_from")?;
    check_address(fields, "smtp_from", &from).map(|_mailbox| from)
}

/// A secret in any of its forms, with Alertmanager's words when it is given twice.
pub(super) fn secret(fields: &mut Fields<'_>, key: &str) -> Option<SecretSource> {
    let file = format!("{key}_file");
    if fields.has(key) && fields.has(&file) {
        let position = fields.position_of(&file);
        fields.ignore(key);
        fields.ignore(&file);
        fields.problem_at(position, format!("at most one of {key} & {file} must be configured"));
        return None;
    }
    fields.secret(key)
}

/// A secret that is a URL; one that stands in the file is checked now, the others when they are used.
pub(super) fn secret_url(fields: &mut Fields<'_>, key: &str) -> Option<SecretSource> {
    let source = secret(fields, key)?;
    if let SecretSource::Inline(text) = &source
        && let Err(message) = check_url(text.expose())
    {
        fields.problem(key, message);
    }
    Some(source)
}

/// A URL that is no secret.
pub(super) fn url(fields: &mut Fields<'_>, key: &str) -> Option<String> {
    let text = plain(fields, key)?;
    if let Err(message) = check_url(&text) {
        fields.problem(key, message);
    }
    Some(text)
}

/// Alertmanager's global keys that are not built yet.
const NOT_YET: &[&str] = &[
    "http_config",
    "smtp_auth_secret",
    "smtp_auth_secret_file",
    "smtp_auth_identity",
    "jira_api_url",
    "pagerduty_url",
    "opsgenie_api_url",
    "opsgenie_api_key",
    "opsgenie_api_key_file",
    "wechat_api_url",
    "wechat_api_secret",
    "wechat_api_secret_file",
    "wechat_api_corp_id",
    "victorops_api_url",
    "victorops_api_key",
    "victorops_api_key_file",
    "telegram_api_url",
    "telegram_bot_token",
    "telegram_bot_token_file",
    "webex_api_url",
    "rocketchat_api_url",
    "rocketchat_token",
    "rocketchat_token_file",
    "rocketchat_token_id",
    "rocketchat_token_id_file",
    "mattermost_webhook_url",
    "mattermost_webhook_url_file",
];
