//! `slack_configs`: an incoming webhook (posts on change) or a bot's token (one message that is edited).

use std::time::Duration;

use toolkit::config::{Fields, Item, SecretSource};

use super::global::{Global, secret, secret_url, url};
use super::{not_yet, plain};

/// One Slack target.
#[derive(Debug, Clone, PartialEq)]
pub struct SlackSettings {
    /// How it is reached.
    pub way: SlackWay,
    /// The channel: a name or, better, an ID.
    pub channel: Option<String>,
    /// Shown as the sender.
    pub username: Option<String>,
    /// Shown as the sender's picture.
    pub icon_emoji: Option<String>,
    /// Shown as the sender's picture.
    pub icon_url: Option<String>,
    /// How long one call may take.
    pub timeout: Duration,
}

/// How Slack is reached.
#[derive(Debug, Clone, PartialEq)]
pub enum SlackWay {
    /// An incoming webhook: its URL is the secret.
    Webhook {
        /// The URL.
        url: SecretSource,
    },
    /// The web API with a bot's token.
    Bot {
        /// The token.
        token: SecretSource,
        /// Where the methods are, without a slash at the end.
        base: String,
    },
}

/// Slack's own API.
const SLACK_API: &str = "https://slack.com/api";

/// How long a call may take unless the file says otherwise: Slack answers in well under a second.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(super) fn decode(item: &Item<'_>, global: &Global) -> Option<(bool, SlackSettings)> {
    let mut fields = item.fields()?;
    for key in NOT_YET {
        not_yet(&mut fields, key);
    }
    // what we do anyway, whatever these say
    for key in ["update_message", "edit_messages", "short_fields"] {
        let _built_in = fields.bool(key);
    }
    if fields.bool("link_names") == Some(true) {
        fields
            .problem("link_names", "`link_names` is not supported: texts of alerts must not mention people");
    }
    let send_resolved = fields.bool("send_resolved").unwrap_or(false);
    let way = way(&mut fields, global);
    let channel = plain(&mut fields, "channel");
    let (username, icon_emoji, icon_url) =
        (plain(&mut fields, "username"), plain(&mut fields, "icon_emoji"), plain(&mut fields, "icon_url"));
    let timeout = fields.duration("timeout").filter(|timeout| !timeout.is_zero()).unwrap_or(TIMEOUT);
    let way = way?;
    if matches!(way, SlackWay::Bot { .. }) && channel.is_none() {
        fields.problem("channel", "missing channel: a bot token needs one; hint: channel: '#alerts'");
    }
    Some((send_resolved, SlackSettings { way, channel, username, icon_emoji, icon_url, timeout }))
}

/// What the receiver says itself goes before what is global; a token goes before a webhook.
fn way(fields: &mut Fields<'_>, global: &Global) -> Option<SlackWay> {
    let own = (secret(fields, "app_token"), secret_url(fields, "api_url"));
    let base = url(fields, "app_url").or_else(|| global.slack_app_url.clone());
    let bot = |token: SecretSource| SlackWay::Bot { token, base: api_base(base.as_deref()) };
    match own {
        (Some(_), Some(_)) => {
            fields.problem("app_token", "at most one of app_token & api_url must be configured");
            None
        }
        (Some(token), None) => Some(bot(token)),
        (None, Some(url)) => Some(SlackWay::Webhook { url }),
        (None, None) => match (&global.slack_app_token, &global.slack_api_url) {
            (Some(token), _) => Some(bot(token.clone())),
            (None, Some(url)) => Some(SlackWay::Webhook { url: url.clone() }),
            (None, None) => {
                fields.problem_at(
                    fields.position(),
                    "no global Slack API URL set either inline or in a file; \
                     hint: set app_token, api_url, or their global forms",
                );
                None
            }
        },
    }
}

/// Alertmanager's `app_url` names the method; ours may, too.
fn api_base(app_url: Option<&str>) -> String {
    let url = app_url.unwrap_or(SLACK_API).trim_end_matches('/');
    url.strip_suffix("/chat.postMessage").unwrap_or(url).to_owned()
}

/// Alertmanager's Slack keys that are not built yet: our message is built in.
const NOT_YET: &[&str] = &[
    "http_config",
    "color",
    "title",
    "title_link",
    "pretext",
    "text",
    "fields",
    "footer",
    "fallback",
    "callback_id",
    "image_url",
    "thumb_url",
    "mrkdwn_in",
    "actions",
    "message_text",
    "post_updates_to_thread",
];
