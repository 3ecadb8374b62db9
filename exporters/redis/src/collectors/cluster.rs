//! The state of the cluster that the server is part of: all of CLUSTER INFO, and the slots with most keys.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::error::Reason;
use crate::fields::{Field, value};
use crate::info::Info;
use crate::output::Output;
use crate::reply::Reply;

const HELP: &str = "The field of this name (CLUSTER INFO); cluster_state is 1 for ok.";

/// The fields that servers of today have; others pass through as well.
const KNOWN: [(&str, &str); 14] = [
    ("cluster_state", "Whether the cluster answers: 1 for ok, 0 for fail (CLUSTER INFO)."),
    ("cluster_slots_assigned", "Slots that belong to a node (CLUSTER INFO)."),
    ("cluster_slots_ok", "Slots whose node is well (CLUSTER INFO)."),
    ("cluster_slots_pfail", "Slots whose node may be down (CLUSTER INFO)."),
    ("cluster_slots_fail", "Slots whose node is down (CLUSTER INFO)."),
    ("cluster_known_nodes", "Nodes that this node knows (CLUSTER INFO)."),
    ("cluster_size", "Primaries with at least one slot (CLUSTER INFO)."),
    ("cluster_current_epoch", "The cluster's epoch (CLUSTER INFO)."),
    ("cluster_my_epoch", "The epoch of this node's configuration (CLUSTER INFO)."),
    (
        "cluster_messages_sent_total",
        "Messages sent to other nodes (CLUSTER INFO cluster_stats_messages_sent).",
    ),
    (
        "cluster_messages_received_total",
        "Messages received from other nodes (CLUSTER INFO cluster_stats_messages_received).",
    ),
    ("cluster_nodes_pfail", "Nodes that may be down (CLUSTER INFO, Valkey)."),
    ("cluster_nodes_fail", "Nodes that are down (CLUSTER INFO, Valkey)."),
    ("cluster_incompatible_ops", "Commands that a cluster cannot take (CLUSTER INFO, Redis 8)."),
];

/// Fields that have another name as a metric.
const RENAMED: [(&str, &str); 2] = [
    ("cluster_stats_messages_sent", "cluster_messages_sent_total"),
    ("cluster_stats_messages_received", "cluster_messages_received_total"),
];

const LINKS_FREED: Desc<'_> = Desc {
    name: "cluster_links_buffer_limit_exceeded_total",
    help: "Links to other nodes that were freed because their buffers grew too large (CLUSTER INFO total_cluster_links_buffer_limit_exceeded).",
    kind: Kind::Counter,
    labels: &[],
};

const SLOT_KEYS: Desc<'_> = Desc {
    name: "cluster_slot_keys",
    help: "Keys in the slots that have most of them (CLUSTER SLOT-STATS key-count).",
    kind: Kind::Gauge,
    labels: &["slot"],
};

/// What CLUSTER SLOT-STATS tells, the metric, and what it is divided by. Servers count most of it only when told to.
const SLOT_STATS: [(&str, Desc<'_>, f64); 5] = [
    ("key-count", SLOT_KEYS, 1.0),
    (
        "cpu-usec",
        Desc {
            name: "cluster_slot_cpu_seconds_total",
            help: "Seconds of work for the slots that have most keys (CLUSTER SLOT-STATS cpu-usec).",
            kind: Kind::Counter,
            ..SLOT_KEYS
        },
        1e6,
    ),
    (
        "network-bytes-in",
        Desc {
            name: "cluster_slot_network_input_bytes_total",
            help: "Bytes received for the slots that have most keys (CLUSTER SLOT-STATS network-bytes-in).",
            kind: Kind::Counter,
            ..SLOT_KEYS
        },
        1.0,
    ),
    (
        "network-bytes-out",
        Desc {
            name: "cluster_slot_network_output_bytes_total",
            help: "Bytes sent for the slots that have most keys (CLUSTER SLOT-STATS network-bytes-out).",
            kind: Kind::Counter,
            ..SLOT_KEYS
        },
        1.0,
    ),
    (
        "memory-bytes",
        Desc {
            name: "cluster_slot_memory_bytes",
            help: "Bytes of the slots that have most keys (CLUSTER SLOT-STATS memory-bytes).",
            ..SLOT_KEYS
        },
        1.0,
    ),
];

pub(super) const PART: Part = Part {
    name: "cluster",
    commands: &[Command::ClusterInfo, Command::ClusterSlotStats],
    metrics: || {
        let known = KNOWN.map(|(name, help)| Desc { name, help, kind: Kind::Gauge, labels: &[] });
        let slots = SLOT_STATS.map(|(_, desc, _)| desc);
        known.into_iter().chain([LINKS_FREED]).chain(slots).collect()
    },
    further: None,
    render: Render::Replies(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    let told = reading.answers.reply(Command::ClusterInfo);
    let slots = reading.answers.reply(Command::ClusterSlotStats).map(|slots| write_slots(slots, output));
    match told {
        Ok(Some(reply)) => write_info(&Info::parse(reply.text().unwrap_or_default()), output),
        // Valkey 9.1 has the same in INFO, which serves where the ACL denies CLUSTER INFO
        Ok(None) | Err(_) => write_info(&reading.info, output),
    }
    told.map(drop).and(slots)
}

fn write_info(info: &Info<'_>, output: &mut Output<'_>) {
    output.add(&LINKS_FREED, &[], info.number("total_cluster_links_buffer_limit_exceeded"));
    for (field, text) in info.fields() {
        // what INFO has in any version, the part `info` shows
        if !field.starts_with("cluster_") || Field::find(field).is_some() {
            continue;
        }
        let renamed = RENAMED.iter().find(|(from, _)| *from == field).map(|(_, to)| (*to).to_owned());
        let name = renamed.unwrap_or_else(|| field.replace('-', "_"));
        let desc = Desc { name: &name, help: HELP, kind: Kind::Gauge, labels: &[] };
        output.add(&desc, &[], value(text));
    }
}

/// Each slot and its statistics: names and values in turn.
fn write_slots(reply: Option<&Reply>, output: &mut Output<'_>) {
    for slot in reply.map(Reply::items).unwrap_or_default() {
        let [Reply::Integer(number), statistics] = slot.items() else { continue };
        for (name, desc, divisor) in SLOT_STATS {
            let found = statistics.pairs().find(|(key, _)| key.text() == Some(name));
            let value = found.and_then(|(_, value)| value.number());
            output.add(&desc, &[&number.to_string()], value.map(|value| value / divisor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{render, text};
    use super::*;
    use crate::reply::Refusal;

    #[test]
    fn cluster_info_passes_through() {
        let reply = "cluster_enabled:1\r\ncluster_state:ok\r\ncluster_slots_assigned:16384\r\n\
                     cluster_stats_messages_auth-req_sent:3\r\ncluster_stats_messages_sent:9\r\n\
                     total_cluster_links_buffer_limit_exceeded:0\r\n";
        let (lines, _) = render(PART, "", vec![(Command::ClusterInfo, Ok(text(reply)))]);
        let expected = [
            "cluster_links_buffer_limit_exceeded_total 0",
            "cluster_messages_sent_total 9",
            "cluster_slots_assigned 16384",
            "cluster_state 1",
            "cluster_stats_messages_auth_req_sent 3",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn valkey_9_1_says_it_twice_and_it_is_shown_once() {
        let info = "# Cluster Info\r\ncluster_enabled:1\r\ncluster_state:ok\r\ncluster_size:3\r\n";
        let expected = ["cluster_size 3", "cluster_state 1"];
        for (answer, result) in [
            (Ok(text("cluster_state:ok\r\ncluster_size:3\r\n")), Ok(())),
            (Err(Refusal::new("NOPERM", "")), Err(Reason::NoPerm)),
        ] {
            let found = render(PART, info, vec![(Command::ClusterInfo, answer)]);
            assert_eq!(found, (expected.map(str::to_owned).to_vec(), result));
        }
    }

    #[test]
    fn slots_with_most_keys() {
        let statistics = [text("key-count"), Reply::Integer(7), text("cpu-usec"), Reply::Integer(1_500)];
        let slots = [Reply::List(vec![Reply::Integer(12_182), Reply::List(statistics.to_vec())]), Reply::Nil];
        let answer = (Command::ClusterSlotStats, Ok(Reply::List(slots.to_vec())));
        let expected =
            ["cluster_slot_cpu_seconds_total{slot=\"12182\"} 0.0015", "cluster_slot_keys{slot=\"12182\"} 7"];
        assert_eq!(render(PART, "", vec![answer]), (expected.map(str::to_owned).to_vec(), Ok(())));
    }

    #[test]
    fn a_server_alone_has_none() {
        assert_eq!(render(PART, "", vec![]), (vec![], Ok(())));
    }
}
