//! The state of the cluster that the server is part of: all of CLUSTER INFO.

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

pub(super) const PART: Part = Part {
    name: "cluster",
    commands: &[Command::ClusterInfo],
    metrics: || KNOWN.map(|(name, help)| Desc { name, help, kind: Kind::Gauge, labels: &[] }).to_vec(),
    render: Render::Replies(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    let reply = reading.answers.reply(Command::ClusterInfo)?;
    let cluster = Info::parse(reply.and_then(Reply::text).unwrap_or_default());
    for (field, text) in cluster.fields() {
        // what INFO has, the part `info` shows
        if !field.starts_with("cluster_") || Field::find(field).is_some() {
            continue;
        }
        let renamed = RENAMED.iter().find(|(from, _)| *from == field).map(|(_, to)| (*to).to_owned());
        let name = renamed.unwrap_or_else(|| field.replace('-', "_"));
        let desc = Desc { name: &name, help: HELP, kind: Kind::Gauge, labels: &[] };
        output.add(&desc, &[], value(text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{render, text};
    use super::*;

    #[test]
    fn cluster_info_passes_through() {
        let reply = "cluster_enabled:1\r\ncluster_state:ok\r\ncluster_slots_assigned:16384\r\n\
                     cluster_stats_messages_auth-req_sent:3\r\ncluster_stats_messages_sent:9\r\n\
                     total_cluster_links_buffer_limit_exceeded:0\r\n";
        let (lines, _) = render(PART, "", vec![(Command::ClusterInfo, Ok(text(reply)))]);
        let expected = [
            "cluster_messages_sent_total 9",
            "cluster_slots_assigned 16384",
            "cluster_state 1",
            "cluster_stats_messages_auth_req_sent 3",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_server_alone_has_none() {
        assert_eq!(render(PART, "", vec![]), (vec![], Ok(())));
    }
}
