//! A cluster: which nodes it has, how each of them is reached, who has a key.
//!
//! | module | holds |
//! |---|---|
//! | [`topology`], [`slot`] | what CLUSTER NODES says, which node has a key |
//! | [`discovery`] | asking for it, and what is kept of it |
//! | [`members`] | from there to nodes that can be visited: links, labels |
//! | [`view`], [`http_sd`] | what is shown about the nodes: on the page, to Prometheus' discovery |
//!
//! Invariant: a node gets the seed's password only where the seed's own host covers it, or by a rule of its own (see
//! [`Config::node_link`]). What a server says about its nodes is never a reason to send them a secret.

pub mod discovery;
pub mod http_sd;
pub mod members;
pub mod slot;
pub mod topology;
pub mod view;

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Config;
use crate::error::Reason;
use crate::kept::KeptTargets;
use crate::page::Node;
use topology::{Member, Topology};

/// A cluster as it was found for one scrape.
pub struct Cluster {
    /// Its nodes: those that can be visited, with how; in the order of the topology.
    pub nodes: Vec<Node>,
    /// What is known about each of `nodes`; empty when no node ever told.
    pub topology: Topology,
    /// How old that is.
    pub age: Duration,
    /// Why no node told in this scrape.
    pub failure: Option<Reason>,
}

impl Cluster {
    /// Finds the cluster that `seed` is part of. When no node tells and none ever told, it is the seed alone.
    pub async fn find(config: &Config, targets: &KeptTargets, seed: Node, deadline: Instant) -> Self {
        let found = discovery::find(config, targets, &seed, deadline).await;
        let failure = found.failure;
        let (topology, age) = match found.told {
            Some(told) => (Topology::clone(&told.topology), told.at.elapsed()),
            None => (Topology::default(), Duration::ZERO),
        };
        let nodes = if topology.nodes.is_empty() {
            vec![members::alone(seed)]
        } else {
            let resolved = members::resolve(&seed, &topology, deadline).await;
            let nodes = topology.nodes.iter();
            nodes.map(|member| members::node(config, targets, &seed, member, &resolved)).collect()
        };
        Self { nodes, topology, age, failure }
    }

    /// The node that has a key's slot, to which commands about the key are sent. `None` while no node has it.
    pub fn owner(&self, key: &[u8]) -> Option<&Node> {
        self.nodes.get(self.topology.owner(key)?)
    }

    /// The nodes that together hold every key once, to look through all of them: of each shard with slots a replica
    /// that is well where `replicas` says so and there is one, else the primary.
    pub fn shards(&self, replicas: bool) -> Vec<&Node> {
        let primaries = self.members().filter(|(member, _)| member.is_primary && member.slots > 0);
        let stand_in = |primary: &Member| {
            let fits = |member: &Member| {
                !member.is_primary && member.shard == primary.shard && member.is_well() && member.link_up
            };
            self.members().find(|(member, _)| replicas && fits(member)).map(|(_, node)| node)
        };
        primaries.map(|(member, node)| stand_in(member).unwrap_or(node)).collect()
    }

    fn members(&self) -> impl Iterator<Item = (&Member, &Node)> {
        self.topology.nodes.iter().zip(&self.nodes)
    }
}
