//! Every metric there is: name, labels, meaning.

use toolkit::expo::{Desc, Kind};

/// What all names begin with.
pub const NAMESPACE: &str = "ssl";

/// The labels by which ssl_exporter tells certificates apart.
macro_rules! certificate {
    ($($label:literal),*) => {
        &[$($label,)* "serial_no", "issuer_cn", "cn", "dnsnames", "ips", "emails", "ou"]
    };
}

macro_rules! metrics {
    ($($constant:ident $name:literal $kind:ident $labels:expr, $help:literal;)*) => {
        $(pub(super) const $constant: Desc<'_> =
            Desc { name: $name, help: $help, kind: Kind::$kind, labels: $labels };)*

        /// All metrics of probes and targets.
        pub const METRICS: &[Desc<'_>] = &[$($constant),*];
    };
}

metrics! {
    // ssl_exporter's
    PROBE_SUCCESS "probe_success" Gauge &[],
        "Whether the probe was a success: the certificates were found and, of a server, are trusted.";
    PROBER "prober" Gauge &["prober"], "Which prober was used; always 1.";
    TLS_VERSION "tls_version_info" Gauge &["version"], "The TLS version; always 1.";
    NOT_AFTER "cert_not_after" Gauge certificate!(), "When a served certificate ends, in Unix time.";
    NOT_BEFORE "cert_not_before" Gauge certificate!(), "When a served certificate begins, in Unix time.";
    VERIFIED_NOT_AFTER "verified_cert_not_after" Gauge certificate!("chain_no"),
        "When a certificate of a verified chain ends, in Unix time; chain 0 is the one that lives longest.";
    VERIFIED_NOT_BEFORE "verified_cert_not_before" Gauge certificate!("chain_no"),
        "When a certificate of a verified chain begins, in Unix time.";
    OCSP_STAPLED "ocsp_response_stapled" Gauge &[], "Whether the server sent an OCSP response.";
    OCSP_STATUS "ocsp_response_status" Gauge &[], "The stapled OCSP status: 0 good, 1 revoked, 2 unknown.";
    OCSP_PRODUCED_AT "ocsp_response_produced_at" Gauge &[], "When the OCSP response was made, in Unix time.";
    OCSP_THIS_UPDATE "ocsp_response_this_update" Gauge &[],
        "From when on the OCSP status is known to be right, in Unix time.";
    OCSP_NEXT_UPDATE "ocsp_response_next_update" Gauge &[],
        "When a newer OCSP status is due, in Unix time; absent where the response does not say.";
    OCSP_REVOKED_AT "ocsp_response_revoked_at" Gauge &[], "When the certificate was revoked, in Unix time.";
    FILE_NOT_AFTER "file_cert_not_after" Gauge certificate!("file"),
        "When a certificate in a file ends, in Unix time.";
    FILE_NOT_BEFORE "file_cert_not_before" Gauge certificate!("file"),
        "When a certificate in a file begins, in Unix time.";
    KUBERNETES_NOT_AFTER "kubernetes_cert_not_after" Gauge certificate!("namespace", "secret", "key"),
        "When a certificate in a Kubernetes secret ends, in Unix time.";
    KUBERNETES_NOT_BEFORE "kubernetes_cert_not_before" Gauge certificate!("namespace", "secret", "key"),
        "When a certificate in a Kubernetes secret begins, in Unix time.";
    KUBECONFIG_NOT_AFTER "kubeconfig_cert_not_after" Gauge certificate!("kubeconfig", "name", "type"),
        "When a certificate of a kubeconfig ends, in Unix time.";
    KUBECONFIG_NOT_BEFORE "kubeconfig_cert_not_before" Gauge certificate!("kubeconfig", "name", "type"),
        "When a certificate of a kubeconfig begins, in Unix time.";

    // ours, of servers
    VERIFY_SUCCESS "verify_success" Gauge &[],
        "Whether the served certificates are trusted for the name, whatever insecure_skip_verify says.";
    VERIFY_ERROR "verify_error" Gauge &["reason"],
        "Why they are not trusted: expired, not_yet_valid, hostname_mismatch, self_signed, unknown_authority, incomplete_chain, expired_intermediate, revoked, weak_signature, client_cert_required or other; 1 for each that stands.";
    FAILURE "probe_failure" Gauge &["phase", "reason"],
        "Where and why the probe failed, each from a closed list; 1 for what stands.";
    DURATION "probe_phase_duration_seconds" Gauge &["phase"], "How long each phase of the connection took.";
    SERVED_INFO "served_cert_info" Gauge
        &["position", "role", "serial_no", "issuer_cn", "cn", "key_type", "key_bits", "signature_algorithm", "fingerprint_sha256"],
        "What a served certificate is, by its position; 0 is the leaf. Always 1.";
    SERVED_NOT_AFTER "served_cert_not_after" Gauge &["position", "role"],
        "When the served certificate at this position ends, in Unix time: one series that outlives renewals.";
    UNREADABLE "served_cert_unreadable" Gauge &["position"],
        "1 for a served certificate that cannot be read.";
    WEAKNESS "cert_weakness" Gauge &["position", "kind"],
        "1 for what is weak in a served certificate: weak_key or weak_signature.";
    EFFECTIVE "verified_not_after" Gauge &[],
        "Until when the leaf is trusted, in Unix time: the end of the verified chain that lives longest.";
    LIFETIME "leaf_lifetime_seconds" Gauge &[], "How long the leaf is good for, from its first second to its last.";
    REMAINING "leaf_remaining_ratio" Gauge &[],
        "What is left of the leaf's lifetime: 1 when new, 0 when it ends, less when it is over.";
    RENEWAL_DUE "renewal_due_timestamp_seconds" Gauge &[],
        "When the leaf is due to be renewed, in Unix time: in the last third of its lifetime, or of 398 days where it lives longer.";
    RENEWAL_OVERDUE "renewal_overdue" Gauge &[],
        "Whether the leaf should have been renewed: it is due for longer than a twentieth of its lifetime, or a day.";
    POLICY_READY "lifetime_policy_ready" Gauge &["policy"],
        "Whether the leaf lives no longer than public certificates may: sc081_200d (from 2026-03-15), sc081_100d (2027-03-15), sc081_47d (2029-03-15).";
    DIFFERS "served_differs_from_file" Gauge &[],
        "Whether the server shows another leaf than the file it should come from: renewed, but not loaded.";
    FILE_UNKNOWN "served_file_error" Gauge &["reason"], "1 when that file cannot be compared, and why.";
    CLIENT_ASKED "client_certificate_requested" Gauge &[], "Whether the server asked for a client certificate.";
    TLS_INFO "tls_connection_info" Gauge &["cipher", "group", "alpn"],
        "Cipher suite, key-exchange group and protocol of the connection; always 1.";
    ACCEPTED "tls_version_accepted" Gauge &["version"],
        "Whether the server speaks this version of TLS (module option scan_versions).";
    OCSP_VERIFIED "ocsp_response_verified" Gauge &[],
        "Whether the stapled OCSP response is signed by whom it must be and is about this certificate.";
    MUST_STAPLE_MISSING "ocsp_must_staple_missing" Gauge &[],
        "Whether the certificate demands a stapled OCSP response that the server did not send.";
    CRL_AVAILABLE "crl_available" Gauge &[], "Whether a current revocation list could be asked (module option crl).";
    CRL_ERROR "crl_error" Gauge &["reason"], "1 when no revocation list could be asked, and why.";
    CRL_REVOKED "crl_revoked" Gauge &[], "Whether the leaf is on the revocation list of its authority.";
    CRL_NEXT_UPDATE "crl_next_update" Gauge &[], "When a newer revocation list is due, in Unix time.";
    DOMAIN_EXPIRY "domain_expiry_timestamp_seconds" Gauge &["domain"],
        "When the registration of the target's domain ends, in Unix time (module option domain_expiry).";
    DOMAIN_ERROR "domain_error" Gauge &["domain", "reason"],
        "1 when the registration could not be looked up, and why.";

    // ours, of files and secrets
    KUBECONFIG_USER "kubeconfig_user_info" Gauge &["kubeconfig", "name", "credential"],
        "What a user of a kubeconfig logs in with: certificate, token, exec, auth_provider or none; always 1.";
    STORED_NOT_AFTER "stored_cert_not_after" Gauge &["place", "position"],
        "When the certificate at this position of a file, kubeconfig or secret ends, in Unix time: one series that outlives renewals.";
    STORED_REMAINING "stored_cert_remaining_ratio" Gauge &["place", "position"],
        "What is left of the lifetime of a certificate in a file, kubeconfig or secret.";
    STORED_OVERDUE "stored_renewal_overdue" Gauge &["place"],
        "Whether the leaf in a file, kubeconfig or secret should have been renewed.";
    STORED_ERROR "stored_error" Gauge &["place", "reason"],
        "1 for a file, kubeconfig entry or secret whose certificates cannot be read, and why.";

    // ours, of targets that are checked on their own
    LAST_CHECK "target_last_check_timestamp_seconds" Gauge &[],
        "When the target was checked last, in Unix time; its metrics are of then and vanish after three intervals.";
}

/// Metrics about the exporter itself.
pub(crate) mod exporter {
    use super::{Desc, Kind};

    /// All of them.
    pub const METRICS: [Desc<'_>; 7] = [BUILD, TARGETS, CHECKS, SKIPPED, RUNNING, LATENESS, FAILING_LISTS];

    pub(crate) const BUILD: Desc<'_> = Desc {
        name: "exporter_build_info",
        help: "Which build of the exporter this is; always 1. It is not written in Go.",
        kind: Kind::Gauge,
        labels: &["version", "revision", "branch", "goversion", "goos", "goarch", "tags"],
    };
    pub(crate) const TARGETS: Desc<'_> = Desc {
        name: "exporter_targets",
        help: "Targets that are checked on their own: fresh, pending (no result yet) or stale (not shown any more).",
        kind: Kind::Gauge,
        labels: &["state"],
    };
    pub(crate) const CHECKS: Desc<'_> = Desc {
        name: "exporter_checks_total",
        help: "Checks of targets that ended.",
        kind: Kind::Counter,
        labels: &[],
    };
    pub(crate) const SKIPPED: Desc<'_> = Desc {
        name: "exporter_checks_skipped_total",
        help: "Checks that were left out, since the one before was not over or no place was free.",
        kind: Kind::Counter,
        labels: &[],
    };
    pub(crate) const RUNNING: Desc<'_> = Desc {
        name: "exporter_checks_running",
        help: "Checks of targets under way.",
        kind: Kind::Gauge,
        labels: &[],
    };
    pub(crate) const LATENESS: Desc<'_> = Desc {
        name: "exporter_check_lateness_seconds",
        help: "How long after its time a check of a target began.",
        kind: Kind::Histogram,
        labels: &[],
    };
    pub(crate) const FAILING_LISTS: Desc<'_> = Desc {
        name: "exporter_target_files_failing",
        help: "Files with lists of targets whose newest text cannot be read; the targets they had stand.",
        kind: Kind::Gauge,
        labels: &[],
    };
}
