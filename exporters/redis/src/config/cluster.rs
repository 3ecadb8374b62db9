//! Whose word about the nodes of a cluster is believed, and what those nodes get.

use std::sync::Arc;

use super::Config;
use crate::page::Node;
use crate::session::Link;
use crate::target::{Place, Target};

/// A target whose word about other hosts is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cluster=1 is only taken for a target that a rule under `targets:` in the configuration file matches"
)]
pub struct ClusterForbidden;

impl Config {
    /// How a node of the cluster of `seed` is reached. What the seed gets goes to nodes on its own host (`of_seed`) only;
    /// for others, and before that, the rules are asked as for a target of `/scrape`.
    pub fn node_link(&self, seed: &Node, node: &Target, of_seed: bool) -> Link {
        let rule_of = |target: &Target| self.rules.find(target.name());
        let own_rule = rule_of(node)
            .is_some_and(|rule| rule_of(&seed.target).is_none_or(|of_seed| !Arc::ptr_eq(rule, of_seed)));
        if !of_seed || own_rule {
            // a cluster names no sockets
            return self
                .asked_link(node, None)
                .unwrap_or_else(|_| self.link(node, self.stranger_access(node)));
        }
        let mut link = Link { place: node.place.clone(), ..seed.link.clone() };
        if link.tls.server_name.is_none()
            && let (Place::Network { host: ours, .. }, Place::Network { host, .. }) =
                (&seed.link.place, &node.place)
            && !host.eq_ignore_ascii_case(ours)
        {
            // an address of the seed's name has to prove that name
            link.tls.server_name = Some(ours.clone());
        }
        link
    }

    /// Whether the page of a target shows all nodes of its cluster. `asked` is the parameter of the request; only those
    /// who are named in the configuration can have their word about other hosts believed.
    pub fn shows_cluster(&self, target: &Target, asked: Option<bool>) -> Result<bool, ClusterForbidden> {
        let rule = self.rules.find(target.name());
        let is_main = self.main.as_ref().is_some_and(|main| main.covers(target));
        match asked {
            Some(false) => Ok(false),
            Some(true) if rule.is_none() && !is_main => Err(ClusterForbidden),
            Some(true) => Ok(true),
            None => Ok(rule.is_some_and(|rule| rule.cluster) || (is_main && self.cluster_nodes)),
        }
    }

    /// Whether a target is said to be part of a cluster, so that its nodes may be told.
    pub fn is_cluster(&self, target: &Target) -> bool {
        let is_main = self.main.as_ref().is_some_and(|main| main.covers(target));
        (is_main && (self.is_cluster || self.cluster_nodes))
            || self.rules.find(target.name()).is_some_and(|rule| rule.cluster)
    }
}
