//! What a caller says of its job: `status` and `duration`, in the query or in a body as forms have it; nothing else of
//! either is looked at.

use std::time::Duration;

use toolkit::config::percent_decode;

use super::state::Report;

/// Seconds that a job may say that it took: a year.
const MOST_SECONDS: f64 = 366.0 * 86_400.0;

/// Words for success; a program's exit code 0 is one.
const GOOD: [&str; 4] = ["ok", "success", "pass", "0"];

/// Words for failure; any other exit code is one too.
const BAD: [&str; 4] = ["fail", "failed", "failure", "error"];

/// Reads both; what the body says stands before the query.
///
/// # Errors
/// What is wrong.
pub(super) fn read(query: &str, body: &[u8]) -> Result<Report, &'static str> {
    let mut report = Report::default();
    let body = std::str::from_utf8(body).unwrap_or_default();
    for pair in query.split('&').chain(body.trim().split('&')) {
        match pair.split_once('=') {
            Some(("status", word)) => report.failed = !is_good(word)?,
            Some(("duration", seconds)) => report.took = Some(duration(seconds)?),
            _ => {}
        }
    }
    Ok(report)
}

/// The value of `token` in a query.
pub(super) fn token(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix("token=")).map(percent_decode)
}

fn is_good(word: &str) -> Result<bool, &'static str> {
    let word = word.to_ascii_lowercase();
    if GOOD.contains(&word.as_str()) {
        return Ok(true);
    }
    if BAD.contains(&word.as_str()) || word.parse::<u8>().is_ok() {
        return Ok(false);
    }
    Err("status is ok, fail, or the exit code of a program")
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=MOST_SECONDS).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or("duration is a number of seconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callers_say() {
        let report =
            |failed, took: Option<f64>| Ok(Report { failed, took: took.map(Duration::from_secs_f64) });
        for (query, body, expected) in [
            ("", "", report(false, None)),
            ("", "anything at all {}", report(false, None)),
            ("status=ok", "", report(false, None)),
            ("status=fail&duration=12.5", "", report(true, Some(12.5))),
            ("", "status=0&duration=3\n", report(false, Some(3.0))),
            ("status=ok", "status=137", report(true, None)),
            ("token=x&status=FAILED", "", report(true, None)),
            ("status=maybe", "", Err("status is ok, fail, or the exit code of a program")),
            ("", "duration=-1", Err("duration is a number of seconds")),
            ("", "duration=NaN", Err("duration is a number of seconds")),
            ("", "duration=1e99", Err("duration is a number of seconds")),
        ] {
            assert_eq!(read(query, body.as_bytes()), expected, "{query} {body}");
        }
        assert_eq!(read("", b"\xff\xfe"), report(false, None));
    }

    #[test]
    fn a_token_in_a_query() {
        for (query, expected) in
            [("token=a%2Bb", Some("a+b")), ("x=1&token=y", Some("y")), ("x=1", None), ("", None)]
        {
            assert_eq!(token(query).as_deref(), expected, "{query}");
        }
    }
}
