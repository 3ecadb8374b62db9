//! `global`: what receivers fall back to.

use toolkit::config::{Fields, SecretSource};

use super::email::{HostPort, MECHANISMS, Mechanism, check_address};
use super::http::{self, HttpSettings};
use super::lints::Lints;
use super::tls::{self, Connection, TlsSettings};
use super::{check_url, plain};

/// Defaults for receivers.
#[derive(Debug)]
pub(super) struct Global {
    pub(super) http: HttpSettings,
    pub(super) slack_api_url: Option<SecretSource>,
    pub(super) slack_app_token: Option<SecretSource>,
    pub(super) slack_app_url: Option<String>,
    pub(super) smtp_from: Option<String>,
    pub(super) smtp_smarthost: Option<HostPort>,
    pub(super) smtp_hello: String,
    pub(super) smtp_auth_username: Option<String>,
    pub(super) smtp_auth_password: Option<SecretSource>,
    pub(super) smtp_auth_secret: Option<SecretSource>,
    pub(super) smtp_auth_identity: Option<String>,
    pub(super) smtp_auth_mechanism: Mechanism,
    pub(super) smtp_require_tls: bool,
    pub(super) smtp_implicit_tls: Option<bool>,
    pub(super) smtp_tls: TlsSettings,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            http: HttpSettings::default(),
            slack_api_url: None,
            slack_app_token: None,
            slack_app_url: None,
            smtp_from: None,
            smtp_smarthost: None,
            smtp_hello: "localhost".to_owned(),
            smtp_auth_username: None,
            smtp_auth_password: None,
            smtp_auth_secret: None,
            smtp_auth_identity: None,
            smtp_auth_mechanism: Mechanism::default(),
            smtp_require_tls: true,
            smtp_implicit_tls: None,
            smtp_tls: TlsSettings::default(),
        }
    }
}

impl Global {
    pub(super) fn decode(fields: Option<Fields<'_>>, lints: &mut Lints) -> Self {
        let defaults = Self::default();
        let Some(mut fields) = fields else { return defaults };
        // the senders' business, and of no effect here: an alert ends when its sender says so
        let _sender_only = fields.duration("resolve_timeout");
        for key in OTHER_INTEGRATIONS {
            // defaults for receivers that would be errors themselves
            fields.ignore(key);
        }
        let global = Self {
            http: fields.fields("http_config").map_or(defaults.http, http::decode),
            slack_api_url: secret_url(&mut fields, "slack_api_url"),
            slack_app_token: secret(&mut fields, "slack_app_token"),
            slack_app_url: url(&mut fields, "slack_app_url"),
            smtp_from: from(&mut fields),
            smtp_smarthost: smarthost(&mut fields, "smtp_smarthost"),
            smtp_hello: plain(&mut fields, "smtp_hello").unwrap_or(defaults.smtp_hello),
            smtp_auth_username: plain(&mut fields, "smtp_auth_username"),
            smtp_auth_password: secret(&mut fields, "smtp_auth_password"),
            smtp_auth_secret: secret(&mut fields, "smtp_auth_secret"),
            smtp_auth_identity: plain(&mut fields, "smtp_auth_identity"),
            smtp_auth_mechanism: fields.choice("smtp_auth_mechanism", MECHANISMS).unwrap_or_default(),
            smtp_require_tls: fields.bool("smtp_require_tls").unwrap_or(true),
            smtp_implicit_tls: fields.bool("smtp_force_implicit_tls"),
            smtp_tls: tls::decode(fields.fields("smtp_tls_config"), Connection::Smtp),
        };
        if global.two_ways_to_slack() {
            let words = "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file \
                         must be configured";
            fields.problem_at(fields.position(), words);
        }
        if global.smtp_tls.insecure_skip_verify {
            let position = fields.position_of("smtp_tls_config");
            lints
                .add(position, "insecure_skip_verify: anybody on the way can read the mail and its password");
        }
        global
    }

    /// A token beside an address is a mistake, unless the address is where the token is used: people wrote so before
    /// there were tokens.
    fn two_ways_to_slack(&self) -> bool {
        let (Some(url), Some(_)) = (&self.slack_api_url, &self.slack_app_token) else { return false };
        let app_url = self.slack_app_url.as_deref().unwrap_or(POST_MESSAGE);
        !matches!(url, SecretSource::Inline(url) if url.expose() == app_url)
    }
}

/// Where Alertmanager posts with a bot's token.
const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";

/// Checked here unless it is a template, which needs an alert to say anything.
fn from(fields: &mut Fields<'_>) -> Option<String> {
    let from = fields.string("smtp_from").filter(|from| !from.is_empty())?;
    if from.contains("{{") {
        return Some(from);
    }
    check_address(fields, "smtp_from", &from).map(|_mailbox| from)
}

pub(super) fn smarthost(fields: &mut Fields<'_>, key: &str) -> Option<HostPort> {
    // an empty one is none, as in Alertmanager
    fields.parsed(key, |text| if text.is_empty() { Ok(None) } else { text.parse().map(Some) }).flatten()
}

/// A secret in any of its forms, with Alertmanager's words when it is given twice.
pub(super) fn secret(fields: &mut Fields<'_>, key: &str) -> Option<SecretSource> {
    let file = format!("{key}_file");
    if fields.has(key) && fields.has(&file) {
        fields.problem(&file, format!("at most one of {key} & {file} must be configured"));
        fields.ignore(&file);
        // one of them, so that nobody is told that there is none
        return fields.item(key)?.secret().map(SecretSource::Inline);
    }
    fields.secret(key)
}

/// A secret that is a URL; one that stands in the file is checked now, the others when they are used.
pub(super) fn secret_url(fields: &mut Fields<'_>, key: &str) -> Option<SecretSource> {
    let source = secret(fields, key)?;
    if let SecretSource::Inline(text) = &source
        && !text.expose().contains("{{")
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

/// Alertmanager's defaults for integrations that we do not have.
const OTHER_INTEGRATIONS: &[&str] = &[
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
