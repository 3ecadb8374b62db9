//! Which node is asked for which keys: each key at the one that has it, patterns where every key is met once.

use super::checks::Checks;
use super::spec::KeySpec;
use crate::cluster::Cluster;
use crate::collectors::Reading;
use crate::error::Reason;
use crate::output::NodeLabel;
use crate::page::Node;

/// What a page's key checks are about.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The cluster that the target is part of, when keys are to be asked for in all of it.
    pub cluster: Option<&'a Cluster>,
    /// Whether the page shows all of its nodes; else what they have is shown as the target's own.
    pub whole: bool,
}

/// A node and what it is asked.
pub struct Site<'a> {
    /// The node.
    pub node: &'a Node,
    /// What it said of itself, or else what the target said, which is much like it.
    pub reading: &'a Reading<'a>,
    /// Whether its keys are looked through.
    pub scans: bool,
    /// Keys with a name that are asked for there.
    pub keys: Vec<&'a KeySpec>,
    /// Streams with a name that are asked for there.
    pub streams: Vec<&'a KeySpec>,
}

impl Site<'_> {
    /// The labels of its samples.
    pub fn labels(&self) -> &[NodeLabel] {
        self.reading.labels
    }
}

/// Where everything is asked; and why not all can be. `visited` are the nodes of the page.
pub fn sites<'a>(
    checks: &'a Checks,
    visited: &'a [(&'a Node, &'a Reading<'a>)],
    scope: Scope<'a>,
) -> (Vec<Site<'a>>, Option<Reason>) {
    match scope.cluster {
        Some(cluster) if !cluster.topology.nodes.is_empty() => {
            in_cluster(checks, visited, cluster, scope.whole)
        }
        _ => (alone(checks, visited), None),
    }
}

/// Each node for itself.
fn alone<'a>(checks: &'a Checks, visited: &'a [(&'a Node, &'a Reading<'a>)]) -> Vec<Site<'a>> {
    let asked = visited.iter().filter(|(_, reading)| is_asked(reading, checks.bounds.replicas_only));
    asked
        .map(|(node, reading)| Site {
            node,
            reading,
            scans: checks.scans(),
            keys: checks.single_keys.iter().collect(),
            streams: checks.single_streams.iter().collect(),
        })
        .collect()
}

/// A replica has the keys of its primary, and is asked for them like it. Of a cluster it is not, unless told.
fn is_asked(reading: &Reading<'_>, replicas_only: bool) -> bool {
    let is_replica = reading.info.get("role") == Some("slave");
    is_replica || !replicas_only
}

/// One node of each shard.
fn in_cluster<'a>(
    checks: &'a Checks,
    visited: &'a [(&'a Node, &'a Reading<'a>)],
    cluster: &'a Cluster,
    whole: bool,
) -> (Vec<Site<'a>>, Option<Reason>) {
    let mut failed = None;
    let mut sites: Vec<(&str, Site<'a>)> = Vec::new();
    let shown = if whole { None } else { visited.first() };
    for node in cluster.shards(checks.bounds.replicas_only) {
        let of_node = visited.iter().find(|(other, _)| other.target == node.target);
        let (Some((_, reading)), Some(shard)) = (of_node.or(shown), shard_of(cluster, node)) else {
            failed = Some(Reason::Unreachable);
            continue;
        };
        let scans = checks.scans();
        sites.push((shard, Site { node, reading, scans, keys: Vec::new(), streams: Vec::new() }));
    }
    let mut put = |spec: &'a KeySpec, take: fn(&mut Site<'a>, &'a KeySpec)| {
        let owner = cluster.topology.owner(&spec.key).and_then(|index| cluster.topology.nodes.get(index));
        let site = owner.and_then(|owner| sites.iter_mut().find(|(shard, _)| *shard == owner.shard));
        match site {
            Some((_, site)) => take(site, spec),
            None => failed = failed.or(Some(Reason::Unreachable)),
        }
    };
    checks.single_keys.iter().for_each(|spec| put(spec, |site, spec| site.keys.push(spec)));
    checks.single_streams.iter().for_each(|spec| put(spec, |site, spec| site.streams.push(spec)));
    (sites.into_iter().map(|(_, site)| site).collect(), failed)
}

fn shard_of<'a>(cluster: &'a Cluster, node: &Node) -> Option<&'a str> {
    let place = cluster.nodes.iter().position(|other| other.target == node.target)?;
    cluster.topology.nodes.get(place).map(|member| member.shard.as_str())
}
