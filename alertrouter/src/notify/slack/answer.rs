//! What Slack's answers mean. Slack says most errors with HTTP 200, so the error's name decides, not the status.

use std::time::Duration;

use crate::notify::http::Answer;
use crate::notify::{Cause, Outcome};

/// Patience when a 429 does not say for how long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest patience: a header that asks for days is a mistake somewhere.
const MOST_PATIENCE: Duration = Duration::from_hours(1);

/// Characters of an error's name.
const LONGEST_NAME: usize = 80;

/// An error by its name. `detail` is for people.
pub(super) fn classify(error: &str, answer: &Answer, retry_after: Option<Duration>) -> Outcome {
    let status = answer.status;
    // a page for people is no error's name
    let error = if error.len() > LONGEST_NAME || error.contains('<') { "" } else { error };
    let detail = match tame(&answer.without_secrets(error)) {
        error if error.is_empty() => format!("HTTP {status}"),
        error => format!("{error} (HTTP {status})"),
    };
    let cause = |reason| Cause::new(reason, detail.clone());
    match error {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
            patience(cause("rate_limited"), retry_after)
        }
        "message_not_found"
        | "cant_update_message"
        | "edit_window_closed"
        | "thread_not_found"
        | "cannot_reply_to_message"
        | "restricted_action_thread_locked" => Outcome::Gone(cause("message_gone")),
        "msg_too_long"
        | "no_text"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "msg_blocks_too_long"
        | "too_many_attachments"
        | "invalid_attachments"
        | "invalid_arguments"
        | "invalid_payload"
        | "invalid_metadata_format"
        | "invalid_metadata_schema"
        | "metadata_too_large"
        | "missing_text_or_fallback_or_attachments" => Outcome::Smaller(cause("message_refused")),
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "invalid_token"
        | "missing_scope"
        | "no_permission"
        | "ekm_access_denied"
        | "no_team"
        | "no_service"
        | "no_service_id"
        | "team_disabled"
        | "team_access_not_granted"
        | "accesslimited"
        | "enterprise_is_restricted"
        | "two_factor_setup_required"
        | "action_prohibited"
        | "not_allowed_token_type"
        | "org_login_required" => Outcome::TargetFails(cause("auth")),
        "channel_not_found"
        | "not_in_channel"
        | "is_archived"
        | "channel_is_archived"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "restricted_action_non_threadable_channel"
        | "posting_to_general_channel_denied"
        | "user_not_found" => Outcome::TargetFails(cause("channel")),
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" | "rollup_error" => {
            Outcome::Retry { cause: cause("server"), progress: None }
        }
        _ => by_status(status, detail, retry_after),
    }
}

/// An answer without a name that is known.
fn by_status(status: u16, detail: String, retry_after: Option<Duration>) -> Outcome {
    match status {
        429 => patience(Cause::new("rate_limited", detail), retry_after),
        401 | 403 => Outcome::TargetFails(Cause::new("auth", detail)),
        404 | 410 => Outcome::TargetFails(Cause::new("channel", detail)),
        400 | 413 | 422 => Outcome::Smaller(Cause::new("message_refused", detail)),
        300..=399 => Outcome::TargetFails(Cause::new("redirect", detail)),
        // an error that Slack has invented since: trying again for hours beats giving up at once
        200..=299 => Outcome::Retry { cause: Cause::new("unknown", detail), progress: None },
        _ => Outcome::Retry { cause: Cause::new("server", detail), progress: None },
    }
}

fn patience(cause: Cause, retry_after: Option<Duration>) -> Outcome {
    Outcome::Patience {
        cause,
        after: retry_after.unwrap_or(PATIENCE).clamp(Duration::from_secs(1), MOST_PATIENCE),
    }
}

/// A word of a stranger, made fit for a log line.
fn tame(error: &str) -> String {
    error.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Answer {
        Answer { status, ..Answer::default() }
    }

    #[test]
    fn classes() {
        let name = |error: &str, status| match classify(error, &answer(status), None) {
            Outcome::Done { .. } => "done",
            Outcome::Retry { .. } => "retry",
            Outcome::Patience { .. } => "patience",
            Outcome::Smaller(_) => "smaller",
            Outcome::Gone(_) => "gone",
            Outcome::TargetFails(_) => "target",
            Outcome::Refused(_) => "refused",
        };
        for (error, status, expected) in [
            ("ratelimited", 429, "patience"),
            ("ratelimited", 200, "patience"),
            ("rate_limited", 429, "patience"),
            ("", 429, "patience"),
            ("message_not_found", 200, "gone"),
            ("cant_update_message", 200, "gone"),
            ("msg_blocks_too_long", 200, "smaller"),
            ("invalid_blocks", 400, "smaller"),
            ("invalid_payload", 400, "smaller"),
            ("invalid_auth", 200, "target"),
            ("channel_is_archived", 410, "target"),
            ("is_archived", 200, "target"),
            ("no_service", 404, "target"),
            ("", 302, "target"),
            ("internal_error", 200, "retry"),
            ("something_new", 200, "retry"),
            ("", 503, "retry"),
            ("rollup_error", 500, "retry"),
        ] {
            assert_eq!(name(error, status), expected, "{error} {status}");
        }
    }

    #[test]
    fn patience_has_bounds() {
        for (asked, expected) in [(None, 30), (Some(5), 5), (Some(0), 1), (Some(1_000_000), 3600)] {
            let outcome = classify("ratelimited", &answer(429), asked.map(Duration::from_secs));
            let Outcome::Patience { after, .. } = outcome else { panic!("{outcome:?}") };
            assert_eq!(after.as_secs(), expected);
        }
    }
}
