//! The metrics that every probe has: name, labels, meaning.

use toolkit::expo::{Desc, Kind};

/// What the names of all metrics of probes begin with.
pub const NAMESPACE: &str = "probe";

macro_rules! metrics {
    ($($constant:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(pub(super) const $constant: Desc<'_> =
            Desc { name: $name, help: $help, kind: Kind::Gauge, labels: $labels };)*

        /// All metrics that every probe can have.
        pub(super) const METRICS: &[Desc<'_>] = &[$($constant),*];
    };
}

metrics! {
    // blackbox_exporter's
    SUCCESS "success" &[], "Whether the probe was a success.";
    DURATION "duration_seconds" &[], "How long the probe took, all in all.";
    TIMEOUT "timeout_seconds" &[], "How long the probe might have taken.";
    LOOKUP "dns_lookup_time_seconds" &[], "How long the name took to resolve.";
    PROTOCOL "ip_protocol" &[], "The IP protocol that was chosen: 4 or 6; 0 when the name could not be resolved.";
    ADDRESS_HASH "ip_addr_hash" &[], "A hash of the address, to see that it changed.";
    EARLIEST_EXPIRY "ssl_earliest_cert_expiry" &[],
        "When the first of the served certificates ends, in Unix time; also when the chain is not trusted.";
    LAST_CHAIN_EXPIRY "ssl_last_chain_expiry_timestamp_seconds" &[],
        "When the verified chain that lives longest ends, in Unix time; absent when none can be verified.";
    LAST_CHAIN_INFO "ssl_last_chain_info"
        &["fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber"],
        "What the server's own certificate is; always 1.";
    TLS_VERSION "tls_version_info" &["version"], "The TLS version; always 1.";
    TLS_CIPHER "tls_cipher_info" &["cipher"], "The TLS cipher suite; always 1.";

    // ours
    TRUSTED "ssl_trusted" &[],
        "Whether the served chain is trusted for the name that was asked for, whatever insecure_skip_verify says.";
    LEAF_LIFETIME "ssl_leaf_lifetime_seconds" &[],
        "How long the server's own certificate is good for, from its first second to its last.";
    FAILURE "failure_reason" &["phase", "reason"],
        "Where and why the probe failed, each from a closed list; 1 for what stands.";
    DEGRADED "degraded" &[], "Whether the probe was a success although something that is only warned of does not hold.";
    WARNING "warning_reason" &["phase", "reason"], "What is warned of; 1 for each that stands.";
    PHASE "phase_duration_seconds" &["phase"],
        "How long a phase took: resolve, connect, proxy, starttls, tls, token (something to log in with is fetched), send, first_byte, transfer, check (what came is judged). Those that were not reached are absent, and the others together are the probe's time but for the instants between them.";
}

/// What is about the exporter and not about a target.
pub(crate) mod exporter {
    use super::{Desc, Kind};

    macro_rules! metrics {
        ($($constant:ident $name:literal $kind:ident $labels:expr, $help:literal;)*) => {
            $(pub(crate) const $constant: Desc<'_> =
                Desc { name: $name, help: $help, kind: Kind::$kind, labels: $labels };)*

            /// All metrics about the exporter itself.
            pub(crate) const METRICS: &[Desc<'_>] = &[$($constant),*];
        };
    }

    metrics! {
        BUILD "blackbox_exporter_build_info" Gauge
            &["version", "revision", "branch", "goversion", "goos", "goarch", "tags"],
            "Which build this is; always 1.";
        RELOADED "blackbox_exporter_config_last_reload_successful" Gauge &[],
            "Whether the newest configuration was taken (1) or refused, so that the old one stands (0).";
        RELOAD_TIME "blackbox_exporter_config_last_reload_success_timestamp_seconds" Gauge &[],
            "When the configuration in force was taken, in Unix time.";
        UNKNOWN_MODULE "blackbox_module_unknown_total" Counter &[], "Probes that named a module which is not there.";
        DENIED "synthetic_target_denied_total" Counter &["module"],
            "Probes that were refused since their target may not be probed.";
    }
}
