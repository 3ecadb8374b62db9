//! Replication: the link to the primary, and the replicas.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::fields::value;
use crate::info::{Info, item, number};
use crate::output::Output;

const REPLICA: Desc<'_> = Desc {
    name: "slave_info",
    help: "This replica and its primary; always 1 (INFO master_host, slave_read_only).",
    kind: Kind::Gauge,
    labels: &["master_host", "master_port", "read_only"],
};
const LINK_UP: Desc<'_> = Desc {
    name: "master_link_up",
    help: "Whether the link to the primary is up (INFO master_link_status).",
    kind: Kind::Gauge,
    labels: &["master_host", "master_port"],
};
const LAST_IO: Desc<'_> = Desc {
    name: "master_last_io_seconds_ago",
    help: "Seconds since the primary was last heard; -1 is never (INFO master_last_io_seconds_ago).",
    ..LINK_UP
};
const SYNCING: Desc<'_> = Desc {
    name: "master_sync_in_progress",
    help: "Whether the primary is sending a full copy (INFO master_sync_in_progress).",
    ..LINK_UP
};
const OFFSET: Desc<'_> = Desc {
    name: "slave_repl_offset",
    help: "How far this replica has come (INFO slave_repl_offset).",
    ..LINK_UP
};
const READ_OFFSET: Desc<'_> = Desc {
    name: "slave_read_repl_offset",
    help: "How far this replica has read; what it has not applied yet is this less slave_repl_offset (INFO slave_read_repl_offset).",
    ..LINK_UP
};
const DOWN_SINCE: Desc<'_> = Desc {
    name: "master_link_down_since_seconds",
    help: "Seconds since the link to the primary is down; only while it is (INFO master_link_down_since_seconds).",
    ..LINK_UP
};
const SYNC_TOTAL: Desc<'_> = Desc {
    name: "master_sync_total_bytes",
    help: "Bytes of the full copy that the primary sends; 0 when it does not know (INFO master_sync_total_bytes).",
    ..LINK_UP
};
const SYNC_READ: Desc<'_> = Desc {
    name: "master_sync_read_bytes",
    help: "Bytes of it that came; only during a full copy (INFO master_sync_read_bytes).",
    ..LINK_UP
};
const SYNC_LEFT: Desc<'_> = Desc {
    name: "master_sync_left_bytes",
    help: "Bytes of it that are to come; negative when the whole is not known (INFO master_sync_left_bytes).",
    ..LINK_UP
};
const SYNC_PERCENTAGE: Desc<'_> = Desc {
    name: "master_sync_percentage",
    help: "How much of it came, in percent (INFO master_sync_perc).",
    ..LINK_UP
};
const SYNC_LAST_IO: Desc<'_> = Desc {
    name: "master_sync_last_io_seconds_ago",
    help: "Seconds since a part of it came (INFO master_sync_last_io_seconds_ago).",
    ..LINK_UP
};
const REPLICA_OFFSET: Desc<'_> = Desc {
    name: "connected_slave_offset_bytes",
    help: "How far the replica has come, as the primary knows (INFO slaveN offset).",
    kind: Kind::Gauge,
    labels: &["slave_ip", "slave_port", "slave_state"],
};
const REPLICA_LAG: Desc<'_> = Desc {
    name: "connected_slave_lag_seconds",
    help: "Seconds since the replica last reported (INFO slaveN lag).",
    ..REPLICA_OFFSET
};

pub(super) const PART: Part = Part {
    name: "replication",
    commands: &[Command::Info],
    metrics: || {
        let facts = FACTS.iter().map(|(_, desc)| *desc);
        [REPLICA, LINK_UP, OFFSET].into_iter().chain(facts).chain([REPLICA_OFFSET, REPLICA_LAG]).collect()
    },
    further: None,
    render: Render::Info(render),
};

/// What INFO tells of a primary, each as a number of its own: the field without `master_`, and the metric.
const FACTS: [(&str, Desc<'_>); 9] = [
    ("last_io_seconds_ago", LAST_IO),
    ("sync_in_progress", SYNCING),
    ("slave_read_repl_offset", READ_OFFSET),
    ("link_down_since_seconds", DOWN_SINCE),
    ("sync_total_bytes", SYNC_TOTAL),
    ("sync_read_bytes", SYNC_READ),
    ("sync_left_bytes", SYNC_LEFT),
    ("sync_perc", SYNC_PERCENTAGE),
    ("sync_last_io_seconds_ago", SYNC_LAST_IO),
];

/// The type of a line about a replica's second channel, which carries the dump and has no offset of its own.
const DUMP_CHANNEL: &str = "rdb-channel";

fn render(reading: &Reading<'_>, output: &mut Output<'_>) {
    for primary in primaries(&reading.info) {
        let labels = [primary.host, primary.port];
        let read_only = reading.info.get("slave_read_only").unwrap_or_default();
        output.add(&REPLICA, &[primary.host, primary.port, read_only], 1.0);
        output.add(&LINK_UP, &labels, primary.link_status.and_then(value));
        output.add(&OFFSET, &labels, primary.offset.and_then(number));
        for (fact, text) in primary.facts {
            // a link that never was up is down since -1
            let known = |value: &f64| *value >= 0.0 || fact != "link_down_since_seconds";
            if let Some((_, desc)) = FACTS.iter().find(|(name, _)| *name == fact) {
                output.add(desc, &labels, number(text).filter(known));
            }
        }
    }
    let mut seen = Vec::new();
    let is_dump = |list: &str| item(list, "type") == Some(DUMP_CHANNEL);
    let lines = || reading.info.numbered("slave").map(|(_, list)| list);
    for list in lines().filter(|list| !is_dump(list)).chain(lines().filter(|list| is_dump(list))) {
        let labels = ["ip", "port", "state"].map(|name| item(list, name).unwrap_or_default());
        let [ip, port, _] = labels;
        // during a dual-channel synchronisation Valkey lists a replica once for each channel
        let again = |other: &[&str; 3]| *other == labels || is_dump(list) && other[..2] == [ip, port];
        if seen.iter().any(again) || labels.iter().all(|label| label.is_empty()) {
            continue;
        }
        output.add(&REPLICA_OFFSET, &labels, item(list, "offset").and_then(number));
        output.add(&REPLICA_LAG, &labels, item(list, "lag").and_then(number));
        seen.push(labels);
    }
}

/// A primary that this server follows; `KeyDB` can follow several.
#[derive(Default)]
struct Primary<'a> {
    host: &'a str,
    port: &'a str,
    link_status: Option<&'a str>,
    offset: Option<&'a str>,
    /// All others, each by its name without `master_`.
    facts: Vec<(&'a str, &'a str)>,
}

/// The primaries in the order of INFO: each begins with its host (`master_host`, `KeyDB`'s next `master_1_host`).
fn primaries<'a>(info: &Info<'a>) -> Vec<Primary<'a>> {
    let mut primaries: Vec<Primary<'a>> = Vec::new();
    for (name, text) in info.fields() {
        let fact = match name.strip_prefix("master_") {
            Some(fact) => fact.trim_start_matches(|character: char| character.is_ascii_digit()),
            None if matches!(name, "slave_repl_offset" | "slave_read_repl_offset") => name,
            None => continue,
        };
        let fact = fact.strip_prefix('_').unwrap_or(fact);
        if fact == "host" {
            primaries.push(Primary { host: text, ..Primary::default() });
            continue;
        }
        let Some(primary) = primaries.last_mut() else { continue };
        match fact {
            "port" => primary.port = text,
            "link_status" => primary.link_status = Some(text),
            "slave_repl_offset" => primary.offset = Some(text),
            fact => primary.facts.push((fact, text)),
        }
    }
    primaries
}

#[cfg(test)]
mod tests {
    use super::super::testing::render;
    use super::PART;

    #[test]
    fn primaries_and_replicas() {
        for (info, expected) in [
            (
                "role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:17001\r\nmaster_link_status:down\r\n\
                 master_last_io_seconds_ago:-1\r\nmaster_sync_in_progress:0\r\nslave_read_repl_offset:5\r\n\
                 slave_repl_offset:1\r\nmaster_link_down_since_seconds:12\r\nslave_priority:100\r\nslave_read_only:1\r\nmaster_replid:1f\r\n",
                vec![
                    "master_last_io_seconds_ago{master_host=\"127.0.0.1\",master_port=\"17001\"} -1",
                    "master_link_down_since_seconds{master_host=\"127.0.0.1\",master_port=\"17001\"} 12",
                    "master_link_up{master_host=\"127.0.0.1\",master_port=\"17001\"} 0",
                    "master_sync_in_progress{master_host=\"127.0.0.1\",master_port=\"17001\"} 0",
                    "slave_info{master_host=\"127.0.0.1\",master_port=\"17001\",read_only=\"1\"} 1",
                    "slave_read_repl_offset{master_host=\"127.0.0.1\",master_port=\"17001\"} 5",
                    "slave_repl_offset{master_host=\"127.0.0.1\",master_port=\"17001\"} 1",
                ],
            ),
            (
                "master_host:a\nmaster_port:1\nmaster_link_status:up\nslave_repl_offset:7\n\
                 master_1_host:b\nmaster_1_port:2\nmaster_1_link_status:down\nslave_repl_offset:8\n",
                vec![
                    "master_link_up{master_host=\"a\",master_port=\"1\"} 1",
                    "master_link_up{master_host=\"b\",master_port=\"2\"} 0",
                    "slave_info{master_host=\"a\",master_port=\"1\",read_only=\"\"} 1",
                    "slave_info{master_host=\"b\",master_port=\"2\",read_only=\"\"} 1",
                    "slave_repl_offset{master_host=\"a\",master_port=\"1\"} 7",
                    "slave_repl_offset{master_host=\"b\",master_port=\"2\"} 8",
                ],
            ),
            (
                "master_host:a\r\nmaster_port:1\r\nmaster_link_status:down\r\nmaster_sync_in_progress:1\r\n\
                 master_sync_total_bytes:400\r\nmaster_sync_read_bytes:100\r\nmaster_sync_left_bytes:300\r\n\
                 master_sync_perc:25.00\r\nmaster_sync_last_io_seconds_ago:2\r\n\
                 master_link_down_since_seconds:-1\r\n",
                vec![
                    "master_link_up{master_host=\"a\",master_port=\"1\"} 0",
                    "master_sync_in_progress{master_host=\"a\",master_port=\"1\"} 1",
                    "master_sync_last_io_seconds_ago{master_host=\"a\",master_port=\"1\"} 2",
                    "master_sync_left_bytes{master_host=\"a\",master_port=\"1\"} 300",
                    "master_sync_percentage{master_host=\"a\",master_port=\"1\"} 25",
                    "master_sync_read_bytes{master_host=\"a\",master_port=\"1\"} 100",
                    "master_sync_total_bytes{master_host=\"a\",master_port=\"1\"} 400",
                    "slave_info{master_host=\"a\",master_port=\"1\",read_only=\"\"} 1",
                ],
            ),
            (
                "slave0:ip=fd00::1,port=1,state=send_bulk,offset=13,lag=1,type=rdb-channel\n\
                 slave1:ip=fd00::1,port=1,state=online,offset=12,lag=1,type=main-channel\n\
                 slave2:ip=b,port=2,state=wait_bgsave,offset=0\nslave3:junk\n",
                vec![
                    "connected_slave_lag_seconds{slave_ip=\"fd00::1\",slave_port=\"1\",slave_state=\"online\"} 1",
                    "connected_slave_offset_bytes{slave_ip=\"fd00::1\",slave_port=\"1\",slave_state=\"online\"} 12",
                    "connected_slave_offset_bytes{slave_ip=\"b\",slave_port=\"2\",slave_state=\"wait_bgsave\"} 0",
                ],
            ),
            ("role:master\r\nmaster_repl_offset:3\r\nmaster_failover_state:no-failover\r\n", vec![]),
        ] {
            assert_eq!(render(PART, info, vec![]).0, expected, "{info}");
        }
    }
}
