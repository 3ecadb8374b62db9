//! The nodes of a cluster as they see each other: one collector of the page.

use toolkit::expo::{Desc, Kind, Samples};
use toolkit::scrape::{CollectError, Collecting, Collector, Scrape};

use super::Cluster;
use super::topology::{Health, Topology};
use crate::output::Output;

/// The collector's name.
pub const NAME: &str = "cluster_nodes";

const INFO: Desc<'_> = gauge(
    "cluster_node_info",
    "The nodes of the cluster; always 1 (CLUSTER NODES).",
    &["node_id", "hostname"],
);
const LINK_UP: Desc<'_> = gauge(
    "cluster_node_link_up",
    "Whether the node that was asked has a link to this node on the cluster bus (CLUSTER NODES link-state).",
    &[],
);
const SUSPECTED: Desc<'_> = gauge(
    "cluster_node_pfail",
    "Whether the node that was asked finds this node silent (CLUSTER NODES flag fail?).",
    &[],
);
const FAILED: Desc<'_> = gauge(
    "cluster_node_fail",
    "Whether the cluster agrees that this node is down (CLUSTER NODES flag fail).",
    &[],
);
const SLOTS: Desc<'_> = gauge("cluster_node_slots", "Slots of this node (CLUSTER NODES).", &[]);
const EPOCH: Desc<'_> =
    gauge("cluster_node_config_epoch", "The epoch of this node's configuration (CLUSTER NODES).", &[]);
const SKIPPED: Desc<'_> = gauge(
    "cluster_nodes_skipped",
    "Nodes that were not visited: handshake, without an address, or beyond the limit of the exporter (CLUSTER NODES).",
    &["reason"],
);
const AGE: Desc<'_> = gauge(
    "cluster_nodes_age_seconds",
    "How old is what is known about the nodes; more than a second when no node told in this scrape (CLUSTER NODES).",
    &[],
);

/// What it can write.
pub const METRICS: [Desc<'static>; 8] = [INFO, LINK_UP, SUSPECTED, FAILED, SLOTS, EPOCH, SKIPPED, AGE];

const fn gauge(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Desc<'static> {
    Desc { name, help, kind: Kind::Gauge, labels }
}

/// What the cluster says about its nodes.
pub struct View<'a>(pub &'a Cluster);

impl Collector for View<'_> {
    fn name(&self) -> &str {
        NAME
    }

    fn collect<'a>(&'a self, _: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
        Box::pin(async move {
            self.write(samples);
            self.0.failure.map_or(Ok(()), |reason| {
                Err(CollectError::new(reason.as_str(), "no node of the cluster tells CLUSTER NODES"))
            })
        })
    }
}

impl View<'_> {
    fn write(&self, samples: &mut Samples) {
        let Cluster { topology, age, .. } = self.0;
        if topology == &Topology::default() {
            return;
        }
        for (member, node) in self.0.members() {
            let mut output = Output::new(samples, &node.labels);
            output.add(&INFO, &[&member.id, &member.hostname], 1.0);
            output.set(&LINK_UP, f64::from(member.link_up));
            output.set(&SUSPECTED, f64::from(member.health == Health::Suspected));
            output.set(&FAILED, f64::from(member.health == Health::Failed));
            output.set(&SLOTS, f64::from(member.slots));
            #[expect(clippy::cast_precision_loss, reason = "no cluster has 2^53 failovers")]
            output.set(&EPOCH, member.epoch as f64);
        }
        let Topology { handshaking, without_address, too_many, .. } = topology;
        for (reason, count) in [("handshake", handshaking), ("noaddr", without_address), ("limit", too_many)]
        {
            #[expect(clippy::cast_precision_loss, reason = "a reply holds no 2^53 lines")]
            samples.add(&SKIPPED, &[reason], *count as f64);
        }
        samples.add(&AGE, &[], age.as_secs_f64());
    }
}
