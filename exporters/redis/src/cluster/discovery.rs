//! Asking a cluster for its nodes, and keeping what it said.
//!
//! The seed is asked in each scrape: a failover shows at once, and nothing runs in the background. What was told is
//! kept with its age, so that the death of the seed does not hide the others: then other nodes are asked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select_ok;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::members;
use super::topology::Topology;
use crate::command::Command;
use crate::config::Config;
use crate::error::Reason;
use crate::kept::KeptTargets;
use crate::page::Node;
use crate::server::Server;

/// How long a node is waited for where others can be asked instead: what a scrape loses to a dead seed.
const PATIENCE: Duration = Duration::from_secs(1);

/// Nodes that are asked at once where the seed does not tell.
const STAND_INS: usize = 3;

/// What is kept of a cluster for its seed.
#[derive(Default)]
pub struct Known(Mutex<Option<Told>>);

/// What a node told.
#[derive(Clone)]
pub struct Told {
    /// All nodes.
    pub topology: Arc<Topology>,
    /// When it told.
    pub at: Instant,
}

/// The newest that is known, and why it is not from this scrape.
pub struct Found {
    /// What was told last; `None` when nothing ever was.
    pub told: Option<Told>,
    /// Why no node told in this scrape.
    pub failure: Option<Reason>,
}

/// Asks the seed; where it does not tell, others that are known; where they do not, remembers.
pub async fn find(config: &Config, targets: &KeptTargets, seed: &Node, deadline: Instant) -> Found {
    let known = seed.kept.cluster.get();
    let patience = known.as_ref().map_or(deadline, |_| deadline.min(Instant::now() + PATIENCE));
    let asked = match (ask(config, seed, patience).await, &known) {
        (Err(reason), Some(told)) => {
            debug!(target = %seed.target, reason = reason.as_str(), "the seed does not tell its cluster");
            ask_others(config, targets, seed, &told.topology, deadline).await.map_err(|_| reason)
        }
        (asked, _) => asked,
    };
    match asked {
        Ok(topology) => {
            let told = Told { topology: Arc::new(topology), at: Instant::now() };
            seed.kept.cluster.set(told.clone());
            Found { told: Some(told), failure: None }
        }
        Err(reason) => Found { told: known, failure: Some(reason) },
    }
}

/// The first of some other nodes to tell.
async fn ask_others(
    config: &Config,
    targets: &KeptTargets,
    seed: &Node,
    topology: &Topology,
    deadline: Instant,
) -> Result<Topology, Reason> {
    let resolved = members::resolve(seed, topology, deadline).await;
    let well = topology.nodes.iter().filter(|member| member.is_well());
    let nodes = well.map(|member| members::node(config, targets, seed, member, &resolved));
    let others: Vec<Node> = nodes.filter(|node| node.target != seed.target).take(STAND_INS).collect();
    if others.is_empty() {
        return Err(Reason::Unreachable);
    }
    let patience = deadline.min(Instant::now() + PATIENCE);
    let asking = others.iter().map(|node| ask(config, node, patience).boxed());
    select_ok(asking).await.map(|(topology, _)| topology)
}

/// What one node tells.
async fn ask(config: &Config, node: &Node, deadline: Instant) -> Result<Topology, Reason> {
    node.kept.visit_as(node.link.generation);
    let now = Instant::now();
    if let Some(reason) = node.kept.notes().denied.reason(Command::ClusterNodes, now) {
        return Err(reason);
    }
    let words = Command::ClusterNodes.words(&Server::default(), &node.link.commands);
    let commands = [words];
    let asking = node.kept.main.ask(&node.kept, &node.link, &commands);
    let answers = timeout_at(deadline, asking).await.map_err(|_| Reason::Timeout)?;
    match answers.map_err(|error| error.reason())?.into_iter().next() {
        Some(Ok(reply)) => {
            let topology = reply.text().map(|text| Topology::parse(text, config.nodes_by_name));
            topology.filter(|topology| !topology.nodes.is_empty()).ok_or(Reason::Protocol)
        }
        Some(Err(refusal)) => {
            let reason = refusal.reason();
            node.kept.notes().denied.note(Command::ClusterNodes, reason, now);
            Err(reason)
        }
        None => Err(Reason::Protocol),
    }
}

impl Known {
    /// What was told last.
    pub fn get(&self) -> Option<Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, told: Told) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
    }
}
