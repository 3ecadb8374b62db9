//! `slack_configs`: an incoming webhook (posts on change) or a bot's token (one message that is edited).

use std::time::Duration;

use toolkit::config::{Fields, Item, SecretSource};

use super::global::{Global, secret, secret_url, url};
use super::http::{self, Authorization, HttpSettings};
use super::lints::Lints;
use super::receivers::Shared;
use super::slack_form::{self, SlackForm};
use crate::template::Text;

/// One Slack target.
#[derive(Debug, Clone, PartialEq)]
pub struct SlackSettings {
    /// How it is reached.
    pub way: SlackWay,
    /// The connection. Its authorization is empty with a bot's token.
    pub http: HttpSettings,
    /// The channel: a name or, better, an ID.
    pub channel: Option<Text>,
    /// Shown as the sender.
    pub username: Option<Text>,
    /// Shown as the sender's picture.
    pub icon_emoji: Option<Text>,
    /// Shown as the sender's picture.
    pub icon_url: Option<Text>,
    /// How messages look, where the user says so; else they are our cards.
    pub form: Option<Box<SlackForm>>,
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

/// The method that Alertmanager names in its URLs.
const METHOD: &str = "/chat.postMessage";

/// How long a call may take unless the file says otherwise: Slack answers in well under a second.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(super) fn decode(item: &Item<'_>, shared: &Shared, lints: &mut Lints) -> Option<(bool, SlackSettings)> {
    let Shared { global, texts } = shared;
    // without them everything was said already
    let texts = texts.as_ref()?;
    let mut fields = item.fields()?;
    let send_resolved = fields.bool("send_resolved").unwrap_or(false);
    let form = slack_form::decode(&mut fields, texts, lints);
    // what we do anyway, whatever these say
    for key in ["edit_messages", "post_updates_to_thread"] {
        let _built_in = fields.bool(key);
    }
    let update = fields.bool("update_message") == Some(true);
    if form.is_none() && fields.bool("link_names") == Some(true) {
        let words = "`link_names` is not done: texts of alerts never mention people";
        lints.add(fields.position_of("link_names"), words);
    }
    let own_http = fields.has("http_config");
    let mut http = http::decode_or(&mut fields, &global.http);
    let way = way(&mut fields, global, &mut http, own_http);
    let [channel, username, icon_emoji, icon_url] =
        ["channel", "username", "icon_emoji", "icon_url"].map(|key| texts.field(&mut fields, key, lints));
    let timeout = fields.duration("timeout").filter(|timeout| !timeout.is_zero()).unwrap_or(TIMEOUT);
    let way = way?;
    if update && matches!(way, SlackWay::Webhook { .. }) {
        let words = "an incoming webhook cannot edit: each change is a new message; hint: set app_token";
        lints.add(fields.position_of("update_message"), words);
    }
    if matches!(way, SlackWay::Bot { .. }) && channel.is_none() && !fields.has("channel") {
        fields.problem("channel", "missing channel: a bot token needs one; hint: channel: '#alerts'");
    }
    let form = form.map(Box::new);
    let settings = SlackSettings { way, http, channel, username, icon_emoji, icon_url, form, timeout };
    Some((send_resolved, settings))
}

/// What the receiver says itself goes before what is global; a token goes before a webhook.
fn way(
    fields: &mut Fields<'_>,
    global: &Global,
    http: &mut HttpSettings,
    own_http: bool,
) -> Option<SlackWay> {
    let own_url_given = ["api_url", "api_url_file"].iter().any(|key| fields.has(key));
    let own = (secret(fields, "app_token"), secret_url(fields, "api_url"));
    let base = url(fields, "app_url").or_else(|| global.slack_app_url.clone());
    let bot = |token: SecretSource, base: Option<&str>| SlackWay::Bot { token, base: api_base(base) };
    let mut authorized = |url: &SecretSource| own_token(url, http);
    match own {
        (Some(_), Some(_)) => {
            let words = "at most one of api_url/api_url_file & app_token/app_token_file must be configured";
            fields.problem("app_token", words);
            None
        }
        (Some(token), None) => {
            if own_http && http.authorization != Authorization::None {
                let words = "http authorization can't be set when using Slack App tokens";
                fields.problem("http_config", words);
            }
            http.authorization = Authorization::None;
            Some(bot(token, base.as_deref()))
        }
        (None, Some(url)) => Some(match authorized(&url) {
            Some((token, base)) => bot(token, Some(&base)),
            None => SlackWay::Webhook { url },
        }),
        // it was there, and wrong
        (None, None) if own_url_given => None,
        (None, None) => {
            if let Some(url) = &global.slack_api_url
                && let Some((token, base)) = authorized(url)
            {
                return Some(bot(token, Some(&base)));
            }
            match (&global.slack_app_token, &global.slack_api_url) {
                (Some(token), _) => {
                    http.authorization = Authorization::None;
                    Some(bot(token.clone(), base.as_deref()))
                }
                (None, Some(url)) => Some(SlackWay::Webhook { url: url.clone() }),
                (None, None) => {
                    fields.problem_at(
                        fields.position(),
                        "no Slack API URL nor App token set either inline or in a file; \
                         hint: set app_token, api_url, or their global forms",
                    );
                    None
                }
            }
        }
    }
}

/// How people used a bot's token before there was `app_token`: the method as `api_url`, the token as the
/// authorization of `http_config`.
fn own_token(url: &SecretSource, http: &mut HttpSettings) -> Option<(SecretSource, String)> {
    let SecretSource::Inline(text) = url else { return None };
    let base = text.expose().trim_end_matches('/').strip_suffix(METHOD)?.to_owned();
    match std::mem::replace(&mut http.authorization, Authorization::None) {
        Authorization::Scheme { scheme, credentials } if scheme.eq_ignore_ascii_case("bearer") => {
            Some((credentials, base))
        }
        other => {
            http.authorization = other;
            None
        }
    }
}

/// Alertmanager's `app_url` names the method; ours may, too.
fn api_base(app_url: Option<&str>) -> String {
    let url = app_url.unwrap_or(SLACK_API).trim_end_matches('/');
    url.strip_suffix(METHOD).unwrap_or(url).to_owned()
}
