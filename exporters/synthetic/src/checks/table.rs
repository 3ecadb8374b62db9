//! The metrics of checks: name, kind, labels, meaning. Every series of a check has its labels `check` and `target` and its
//! own before those that are named here.

use toolkit::expo::{Desc, Kind};

macro_rules! metrics {
    ($($constant:ident $name:literal $kind:ident $labels:expr, $help:literal;)*) => {
        $(pub(super) const $constant: Desc<'_> =
            Desc { name: $name, help: $help, kind: Kind::$kind, labels: $labels };)*

        /// All metrics of checks.
        pub const METRICS: &[Desc<'_>] = &[$($constant),*];
    };
}

metrics! {
    // the last result, while it is fresh
    SUCCESS "success" Gauge &[], "Whether the last run was a success, degraded or not; absent while it is not known.";
    DEGRADED "degraded" Gauge &[], "Whether the last run was a success although something that is only warned of does not hold.";
    LAST_DURATION "duration_seconds" Gauge &[], "How long the last run took.";
    TIMEOUT "timeout_seconds" Gauge &[], "How long a run may take.";
    FAILURE "failure_reason" Gauge &["phase", "reason"],
        "Where and why the last run failed, each from a closed list; 1 for what stands.";
    WARNING "warning_reason" Gauge &["phase", "reason"], "What the last run warned of; 1 for what stands.";
    PHASE "phase_duration_seconds" Gauge &["phase"],
        "How long a phase of the last run took; those that were not reached are absent.";
    HTTP_STATUS "http_status_code" Gauge &[], "The status of the last response.";
    CERTIFICATE_END "ssl_earliest_cert_expiry" Gauge &[], "When the first of the served certificates ends, in Unix time.";
    CERTIFICATE_LIFE "ssl_leaf_lifetime_seconds" Gauge &[],
        "How long the server's own certificate is good for, from its first second to its last.";
    IP_PROTOCOL "ip_protocol" Gauge &[], "The IP protocol that was chosen: 4 or 6.";
    PACKET_LOSS "icmp_packet_loss_ratio" Gauge &[], "The part of the packets that was not answered (prober icmp).";
    QUERY_VALUE "postgres_query_value" Gauge &[], "The number that the module's query returned (prober postgres).";
    ARTIFACT_TIME "artifact_newest_timestamp_seconds" Gauge &[], "When the newest artifact was written, in Unix time.";
    ARTIFACT_SIZE "artifact_newest_size_bytes" Gauge &[], "How large the newest artifact is.";
    ARTIFACT_COUNT "artifact_count" Gauge &[], "How many artifacts there are.";
    LAST_RUN "check_last_run_timestamp_seconds" Gauge &[],
        "When the last run ended, or the last heartbeat came or was missed, in Unix time; what the others say is of then.";

    // from the first run on
    RUNS "check_runs_total" Counter &["status"],
        "Runs by what they came to: ok, warn, fail, and unknown where this machine could not find out.";
    RUN_DURATION "check_duration_seconds" Histogram &[], "How long runs took, without those that are unknown.";

    // heartbeats
    BEAT "heartbeat_last_timestamp_seconds" Gauge &[], "When the heartbeat came last, in Unix time.";
    BEAT_EXPECTED "heartbeat_expected_timestamp_seconds" Gauge &[],
        "When it is missed unless it comes, in Unix time.";
    BEAT_TOOK "heartbeat_duration_seconds" Gauge &[], "How long the job took that sent it, as it says itself.";
    BEATS "heartbeat_received_total" Counter &[], "Heartbeats that came.";
    MISSED "heartbeat_missed_total" Counter &[], "Heartbeats that did not come in time.";
    REFUSED "heartbeat_refused_total" Counter &["reason"],
        "Calls that were no heartbeat: unknown (no such name), method, token, body, or internal (the token cannot be read here). Of all names together.";
    NOT_KEPT "heartbeat_store_errors_total" Counter &[], "Heartbeats that counted and could not be written to the store.";

    // the schedule
    CHECKS "checks" Gauge &["state"], "Checks by their result: fresh, pending (none yet) or stale (not shown any more).";
    RUNNING "checks_running" Gauge &[], "Runs under way, those included that wait for their turn.";
    SKIPPED "checks_skipped_total" Counter &["reason"],
        "Runs that were left out since the one before was not over (overrun).";
    LATE "check_start_lateness_seconds" Histogram &[],
        "How long after their time runs began, the wait for max_checks and max_checks_per_host included.";
}
