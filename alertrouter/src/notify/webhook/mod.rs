//! Webhooks: the payload goes on to another program as Alertmanager would send it, so that any bridge can be reached.
//!
//! | answer | what is done |
//! |---|---|
//! | 2xx | delivered |
//! | 429, and 503 that says for how long | patience, as long as it says |
//! | 5xx, 408, 425, no answer | tried again |
//! | 413 | the same with fewer alerts |
//! | 401, 403, 407 · 404, 405, 410 · 3xx | the target is broken: nothing is sent until it works again |
//! | any other 4xx | tried again: bridges say 400 when the service behind them fails |
//!
//! Invariants: what the other side says is quoted only without our secrets.

pub(super) mod payload;

use std::time::Duration;

use super::http::{Answer, Http, exchange};
use super::{Cause, Message, Outcome, Size, data, go_json};
use toolkit::config::Secret;

use crate::config::WebhookSettings;

/// Patience when a 429 does not say for how long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest patience: a header that asks for days is a mistake somewhere.
const MOST_PATIENCE: Duration = Duration::from_hours(1);

/// One webhook target.
#[derive(Debug)]
pub struct Webhook {
    settings: WebhookSettings,
    http: Http,
}

impl Webhook {
    /// A target with these settings.
    pub fn new(settings: WebhookSettings) -> Self {
        let http = Http::new(settings.http.clone(), settings.timeout);
        Self { settings, http }
    }

    /// Sends a message.
    pub async fn send(&self, message: &Message<'_>) -> Outcome {
        let body = self.body(message);
        let url = match self.settings.url.read().await {
            Ok(url) => url,
            Err(error) => return Outcome::TargetFails(Cause::new("secret", error.to_string())),
        };
        let url = match self.address(&url, message) {
            Ok(url) => url,
            Err(cause) => return Outcome::Refused(cause),
        };
        let request = match self.http.post(&url).await {
            Ok(request) => request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body),
            Err(cause) => return Outcome::TargetFails(cause),
        };
        match exchange(request).await {
            Ok(answer) => judge(&answer),
            // neither an address nor a certificate gets better by itself
            Err(cause) if matches!(cause.reason, "url" | "tls") => Outcome::TargetFails(cause),
            Err(cause) => Outcome::Retry { cause, progress: None },
        }
    }

    /// The body, with a line end as Go's encoder has it. Where the user's own payload fails, it is Alertmanager's.
    pub fn body(&self, message: &Message<'_>) -> String {
        let custom = self.settings.payload.as_ref().filter(|_| message.size == Size::Full);
        match custom.map(|payload| payload.render(&data::data(message))) {
            Some(Ok(body)) => return format!("{}\n", go_json(&body)),
            Some(Err(error)) => {
                let receiver = &message.view.receiver;
                tracing::warn!(%error, %receiver, "a template failed: the built-in form is sent");
            }
            None => {}
        }
        format!("{}\n", payload::render(message, self.settings.max_alerts))
    }

    /// The URL for this message; causes do not show it, because it is a secret.
    fn address(&self, url: &Secret, message: &Message<'_>) -> Result<Secret, Cause> {
        if !url.expose().contains("{{") {
            return Ok(url.clone());
        }
        let text = self.settings.templates.text(url.expose().trim());
        let url = text.and_then(|text| text.render(&data::data(message)));
        let url = url.map_err(|_shows_it| Cause::new("template", "the template of the URL failed"))?;
        if url.is_empty() {
            return Err(Cause::new("template", "the template of the URL gives an empty one"));
        }
        Ok(Secret::from(url))
    }
}

fn judge(answer: &Answer) -> Outcome {
    let status = answer.status;
    let cause = |reason| Cause::new(reason, answer.quote());
    let retry = |reason| Outcome::Retry { cause: cause(reason), progress: None };
    match (status, answer.retry_after) {
        (200..=299, _) => Outcome::Done { place: None, refused: Vec::new() },
        (429, after) => patience(cause("rate_limited"), after),
        (503, Some(after)) => patience(cause("server"), Some(after)),
        (500.. | 408 | 425, _) => retry("server"),
        (413, _) => Outcome::Smaller(cause("message_refused")),
        (401 | 403 | 407, _) => Outcome::TargetFails(cause("auth")),
        (404 | 405 | 410, _) => Outcome::TargetFails(cause("not_found")),
        (300..=399, _) => Outcome::TargetFails(cause("redirect")),
        _ => retry("rejected"),
    }
}

fn patience(cause: Cause, after: Option<Duration>) -> Outcome {
    Outcome::Patience { cause, after: after.unwrap_or(PATIENCE).clamp(Duration::from_secs(1), MOST_PATIENCE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_class() {
        for (status, retry_after, expected) in [
            (200, None, "done"),
            (202, None, "done"),
            (204, None, "done"),
            (429, None, "patience 30 rate_limited"),
            (429, Some(7), "patience 7 rate_limited"),
            (429, Some(1_000_000), "patience 3600 rate_limited"),
            (503, Some(0), "patience 1 server"),
            (503, None, "retry server"),
            (500, Some(9), "retry server"),
            (408, None, "retry server"),
            (400, None, "retry rejected"),
            (422, None, "retry rejected"),
            (413, None, "smaller message_refused"),
            (401, None, "target auth"),
            (403, None, "target auth"),
            (404, None, "target not_found"),
            (302, None, "target redirect"),
        ] {
            let retry_after = retry_after.map(Duration::from_secs);
            let answer = Answer { status, retry_after, ..Answer::default() };
            let got = match judge(&answer) {
                Outcome::Done { .. } => "done".to_owned(),
                Outcome::Patience { cause, after } => {
                    format!("patience {} {}", after.as_secs(), cause.reason)
                }
                Outcome::Retry { cause, .. } => format!("retry {}", cause.reason),
                Outcome::Smaller(cause) => format!("smaller {}", cause.reason),
                Outcome::TargetFails(cause) => format!("target {}", cause.reason),
                other => format!("{other:?}"),
            };
            assert_eq!(got, expected, "{status}");
        }
    }
}
