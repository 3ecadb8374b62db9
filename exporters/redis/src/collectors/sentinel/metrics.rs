//! The metrics of Sentinels, and the facts that they are.

use toolkit::expo::{Desc, Kind};

/// A fact of SENTINEL MASTERS or SENTINEL REPLICAS, its metric, and what it is divided by.
pub(super) type Fact = (&'static str, Desc<'static>, f64);

/// A word among the flags of a master or replica, and its metric.
pub(super) type Flag = (&'static str, Desc<'static>);

/// Fields of INFO that are one metric each.
pub(super) const FIELDS: [Desc<'_>; 6] = [
    gauge("sentinel_masters", "Masters that this Sentinel watches (INFO sentinel_masters).", &[]),
    gauge(
        "sentinel_tilt",
        "Whether this Sentinel mistrusts its clock and only looks on (INFO sentinel_tilt).",
        &[],
    ),
    gauge(
        "sentinel_tilt_since_seconds",
        "How long this Sentinel has been in TILT mode; -1 while it is not (INFO sentinel_tilt_since_seconds).",
        &[],
    ),
    gauge("sentinel_running_scripts", "Scripts that run now (INFO sentinel_running_scripts).", &[]),
    gauge("sentinel_scripts_queue_length", "Scripts that wait (INFO sentinel_scripts_queue_length).", &[]),
    gauge(
        "sentinel_simulate_failure_flags",
        "Failures that this Sentinel was told to play (INFO sentinel_simulate_failure_flags).",
        &[],
    ),
];
pub(super) const TILTS: Desc<'_> = Desc {
    name: "sentinel_total_tilt",
    help: "How often this Sentinel went into TILT mode (INFO sentinel_total_tilt).",
    kind: Kind::Counter,
    labels: &[],
};

pub(super) const MASTER: &[&str] = &["master_name", "master_address"];
pub(super) const STATUS: Desc<'_> = gauge(
    "sentinel_master_status",
    "Whether the master is ok, and the word for it: ok, sdown or odown (INFO masterN status).",
    &["master_name", "master_address", "master_status"],
);
pub(super) const SLAVES: Desc<'_> =
    gauge("sentinel_master_slaves", "Replicas of the master, also dead ones (INFO masterN slaves).", MASTER);
pub(super) const SENTINELS: Desc<'_> = gauge(
    "sentinel_master_sentinels",
    "Sentinels that watch the master, also dead ones (INFO masterN sentinels).",
    MASTER,
);

/// Facts of SENTINEL MASTERS that are one metric each, and what they are divided by.
pub(super) const MASTER_FACTS: [(&str, Desc<'_>, f64); 7] = [
    (
        "quorum",
        gauge(
            "sentinel_master_setting_ckquorum",
            "Sentinels that must find the master down (SENTINEL MASTERS quorum).",
            MASTER,
        ),
        1.0,
    ),
    (
        "failover-timeout",
        gauge(
            "sentinel_master_setting_failover_timeout",
            "Milliseconds that a failover may take (SENTINEL MASTERS failover-timeout).",
            MASTER,
        ),
        1.0,
    ),
    (
        "parallel-syncs",
        gauge(
            "sentinel_master_setting_parallel_syncs",
            "Replicas that are given the new master at once (SENTINEL MASTERS parallel-syncs).",
            MASTER,
        ),
        1.0,
    ),
    (
        "down-after-milliseconds",
        gauge(
            "sentinel_master_setting_down_after_milliseconds",
            "Milliseconds of silence after which the master is held to be down (SENTINEL MASTERS down-after-milliseconds).",
            MASTER,
        ),
        1.0,
    ),
    (
        "config-epoch",
        gauge(
            "sentinel_master_config_epoch",
            "The epoch of the master's configuration; a failover raises it (SENTINEL MASTERS config-epoch).",
            MASTER,
        ),
        1.0,
    ),
    (
        "last-ok-ping-reply",
        gauge(
            "sentinel_master_last_ok_ping_reply_seconds",
            "Seconds since the master last answered well (SENTINEL MASTERS last-ok-ping-reply).",
            MASTER,
        ),
        1_000.0,
    ),
    (
        "num-other-sentinels",
        gauge(
            "sentinel_master_other_sentinels",
            "Other Sentinels that watch the master (SENTINEL MASTERS num-other-sentinels).",
            MASTER,
        ),
        1.0,
    ),
];

/// Flags of SENTINEL MASTERS.
pub(super) const MASTER_FLAGS: [(&str, Desc<'_>); 4] = [
    (
        "s_down",
        gauge(
            "sentinel_master_sdown",
            "Whether this Sentinel holds the master to be down (SENTINEL MASTERS flags s_down).",
            MASTER,
        ),
    ),
    (
        "o_down",
        gauge(
            "sentinel_master_odown",
            "Whether a quorum holds the master to be down (SENTINEL MASTERS flags o_down).",
            MASTER,
        ),
    ),
    (
        "disconnected",
        gauge(
            "sentinel_master_disconnected",
            "Whether this Sentinel has no link to the master (SENTINEL MASTERS flags disconnected).",
            MASTER,
        ),
    ),
    (
        "failover_in_progress",
        gauge(
            "sentinel_master_failover_in_progress",
            "Whether a failover is under way (SENTINEL MASTERS flags failover_in_progress).",
            MASTER,
        ),
    ),
];

pub(super) const QUORUM: Desc<'_> = gauge(
    "sentinel_master_ckquorum_status",
    "Whether enough Sentinels can agree on a failover; message is ok or noquorum (SENTINEL CKQUORUM).",
    &["master_name", "message"],
);
pub(super) const OK_SENTINELS: Desc<'_> = gauge(
    "sentinel_master_ok_sentinels",
    "Sentinels that are not down, this one counted (SENTINEL SENTINELS flags).",
    MASTER,
);
pub(super) const OK_SLAVES: Desc<'_> =
    gauge("sentinel_master_ok_slaves", "Replicas that are not down (SENTINEL REPLICAS flags).", MASTER);
pub(super) const PEER: Desc<'_> = gauge(
    "sentinel_peer_info",
    "The other Sentinels; always 1 (SENTINEL SENTINELS).",
    &["master_name", "master_address", "name", "ip", "port", "runid", "flags"],
);

pub(super) const REPLICA: &[&str] = &["master_name", "master_address", "replica"];
/// Facts of SENTINEL REPLICAS that are one metric each, and what they are divided by.
pub(super) const REPLICA_FACTS: [(&str, Desc<'_>, f64); 4] = [
    (
        "slave-repl-offset",
        gauge(
            "sentinel_replica_offset_bytes",
            "How far the replica has come (SENTINEL REPLICAS slave-repl-offset).",
            REPLICA,
        ),
        1.0,
    ),
    (
        "slave-priority",
        gauge(
            "sentinel_replica_priority",
            "Which replica becomes master first: the lowest but 0 (SENTINEL REPLICAS slave-priority).",
            REPLICA,
        ),
        1.0,
    ),
    (
        "master-link-down-time",
        gauge(
            "sentinel_replica_master_link_down_seconds",
            "How long the replica's link to its master has been down (SENTINEL REPLICAS master-link-down-time).",
            REPLICA,
        ),
        1_000.0,
    ),
    (
        "last-ok-ping-reply",
        gauge(
            "sentinel_replica_last_ok_ping_reply_seconds",
            "Seconds since the replica last answered well (SENTINEL REPLICAS last-ok-ping-reply).",
            REPLICA,
        ),
        1_000.0,
    ),
];
pub(super) const REPLICA_LINK: Desc<'_> = gauge(
    "sentinel_replica_master_link_up",
    "Whether the replica's link to its master is up (SENTINEL REPLICAS master-link-status).",
    REPLICA,
);
/// Flags of SENTINEL REPLICAS.
pub(super) const REPLICA_FLAGS: [(&str, Desc<'_>); 2] = [
    (
        "s_down",
        gauge(
            "sentinel_replica_sdown",
            "Whether this Sentinel holds the replica to be down (SENTINEL REPLICAS flags s_down).",
            REPLICA,
        ),
    ),
    (
        "disconnected",
        gauge(
            "sentinel_replica_disconnected",
            "Whether this Sentinel has no link to the replica (SENTINEL REPLICAS flags disconnected).",
            REPLICA,
        ),
    ),
];

pub(super) const SETTING: Desc<'_> =
    gauge("sentinel_config_key_value", "The settings; always 1 (SENTINEL CONFIG GET).", &["key", "value"]);
pub(super) const SETTING_VALUE: Desc<'_> =
    gauge("sentinel_config_value", "The settings that are numbers (SENTINEL CONFIG GET).", &["key"]);

pub(super) const fn gauge(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
) -> Desc<'static> {
    Desc { name, help, kind: Kind::Gauge, labels }
}

/// All of them.
pub(super) fn all() -> Vec<Desc<'static>> {
    let one = [
        TILTS,
        STATUS,
        SLAVES,
        SENTINELS,
        QUORUM,
        OK_SENTINELS,
        OK_SLAVES,
        PEER,
        REPLICA_LINK,
        SETTING,
        SETTING_VALUE,
    ];
    let facts = MASTER_FACTS.iter().chain(&REPLICA_FACTS).map(|(_, desc, _)| *desc);
    let flags = MASTER_FLAGS.iter().chain(&REPLICA_FLAGS).map(|(_, desc)| *desc);
    FIELDS.into_iter().chain(one).chain(facts).chain(flags).collect()
}
