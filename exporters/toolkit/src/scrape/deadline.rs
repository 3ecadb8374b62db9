//! When a scrape must have answered.

use std::time::Duration;

/// Prometheus' own default `scrape_timeout`, for clients that do not say theirs (curl, a browser).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// What is kept back of the client's timeout for encoding and the way home; blackbox_exporter's default.
pub const DEFAULT_TIMEOUT_OFFSET: Duration = Duration::from_millis(500);

/// No scrape runs longer, whatever a client asks for.
const LONGEST: Duration = Duration::from_mins(5);

/// The header in which Prometheus says its `scrape_timeout`, in seconds.
pub const TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// How long a scrape may take whose client says this in [`TIMEOUT_HEADER`]; what cannot be read is as good as nothing.
pub fn budget(header: Option<&str>, offset: Duration) -> Duration {
    let asked = header.and_then(|text| text.trim().parse::<f64>().ok()).filter(|seconds| *seconds > 0.0);
    let timeout = asked.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    without_offset(timeout.unwrap_or(DEFAULT_TIMEOUT), offset)
}

/// The client's timeout less `offset`. When the offset would eat more than half of a short timeout, half of the timeout
/// is used.
pub fn without_offset(timeout: Duration, offset: Duration) -> Duration {
    let timeout = timeout.min(LONGEST);
    timeout.saturating_sub(offset).max(timeout / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets() {
        for (header, offset_ms, expected_ms) in [
            (None, 500, 9_500),
            (Some("10"), 500, 9_500),
            (Some("5.5"), 500, 5_000),
            (Some(" 3 "), 0, 3_000),
            (Some("0.4"), 500, 200),
            (Some("0"), 500, 9_500),
            (Some("-1"), 500, 9_500),
            (Some("NaN"), 500, 9_500),
            (Some("inf"), 500, 9_500),
            (Some("1e300"), 500, 9_500),
            (Some("86400"), 500, 299_500),
            (Some("soon"), 500, 9_500),
        ] {
            let found = budget(header, Duration::from_millis(offset_ms));
            assert_eq!(found, Duration::from_millis(expected_ms), "{header:?}");
        }
    }
}
