//! A cluster of Redis servers, whole before a test sees it.

use anyhow::{Context, Result, ensure};

use super::{Builder, Redis, START_BOUND};
use crate::wait::eventually;

/// Slots of every cluster.
const SLOTS: usize = 16_384;

/// How long a member may be silent before the others call it failing: short enough for a test of a failover, long
/// enough for a machine that is busy with a build.
const NODE_TIMEOUT: &str = "cluster-node-timeout 5000";

/// A running cluster: primaries that share all slots, and replicas of them.
pub struct Cluster {
    nodes: Vec<Redis>,
    primaries: usize,
}

impl Cluster {
    /// Starts so many primaries, with so many replicas each, without a password.
    pub async fn start(primaries: usize, replicas: usize) -> Result<Self> {
        Self::of(Redis::builder(), primaries, replicas).await
    }

    /// The same with these options for every node; not for TLS.
    pub async fn of(options: Builder, primaries: usize, replicas: usize) -> Result<Self> {
        let mut each = Redis::builder().member().config(NODE_TIMEOUT);
        if let Some(password) = &options.password {
            each = each.config(&format!("masterauth {password}"));
        }
        let each = each.with(options);
        let mut nodes = Vec::new();
        for _ in 0..primaries * (1 + replicas) {
            nodes.push(each.clone().start().await?);
        }
        let cluster = Self { nodes, primaries };
        cluster.share_slots().await?;
        cluster.meet().await?;
        cluster.follow().await?;
        cluster.until_whole().await?;
        Ok(cluster)
    }

    /// All nodes: the primaries, then the replicas, those of the first primary first.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Those that were started as primaries.
    pub fn primaries(&self) -> &[Redis] {
        self.nodes.get(..self.primaries).unwrap_or_default()
    }

    /// Those that were started as replicas.
    pub fn replicas(&self) -> &[Redis] {
        self.nodes.get(self.primaries..).unwrap_or_default()
    }

    /// The nodes' addresses, without credentials.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// Runs `redis-cli` as a client of the cluster: a key is asked where it is.
    pub async fn cli(&self, arguments: &[&str]) -> Result<String> {
        self.node(0)?.cli(&[&["-c"], arguments].concat()).await
    }

    /// Kills one node without a goodbye.
    pub fn kill9(&mut self, node: usize) -> Result<()> {
        self.node_mut(node)?.kill9();
        Ok(())
    }

    /// Starts a killed one again, on the same port, as what it was.
    pub async fn start_again(&mut self, node: usize) -> Result<()> {
        self.node_mut(node)?.start_again().await
    }

    fn node(&self, index: usize) -> Result<&Redis> {
        self.nodes.get(index).with_context(|| format!("this cluster has no node {index}"))
    }

    fn node_mut(&mut self, index: usize) -> Result<&mut Redis> {
        self.nodes.get_mut(index).with_context(|| format!("this cluster has no node {index}"))
    }

    /// Each primary gets its part and, before it knows another, an epoch of its own.
    async fn share_slots(&self) -> Result<()> {
        for (index, node) in self.primaries().iter().enumerate() {
            node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]).await?;
            let part = SLOTS * index / self.primaries..SLOTS * (index + 1) / self.primaries;
            let slots: Vec<String> = part.map(|slot| slot.to_string()).collect();
            let mut command = vec!["CLUSTER", "ADDSLOTS"];
            command.extend(slots.iter().map(String::as_str));
            node.until(&command, "OK").await?;
        }
        Ok(())
    }

    async fn meet(&self) -> Result<()> {
        for node in self.nodes.iter().skip(1) {
            self.node(0)?.cli(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string()]).await?;
        }
        Ok(())
    }

    async fn follow(&self) -> Result<()> {
        let replicas = self.replicas().len() / self.primaries;
        for (index, replica) in self.replicas().iter().enumerate() {
            let primary = self.node(index / replicas)?.cli(&["CLUSTER", "MYID"]).await?;
            // it says no until it has heard of this node
            replica.until(&["CLUSTER", "REPLICATE", &primary], "OK").await?;
        }
        Ok(())
    }

    /// Waits until every node knows all others, with their roles, and takes queries.
    async fn until_whole(&self) -> Result<()> {
        for node in &self.nodes {
            eventually(START_BOUND, "the cluster", async || {
                let state = node.cli(&["CLUSTER", "INFO"]).await?;
                ensure!(state.contains("cluster_state:ok"), "{state}");
                let nodes = node.cli(&["CLUSTER", "NODES"]).await?;
                let is_replica = |line: &&str| line.contains("slave");
                let whole = nodes.lines().count() == self.nodes.len()
                    && nodes.lines().filter(is_replica).count() == self.replicas().len()
                    && !["fail", "handshake", "noaddr"].iter().any(|bad| nodes.contains(bad));
                ensure!(whole, "{nodes}");
                Ok(())
            })
            .await?;
        }
        for replica in self.replicas() {
            replica.replicating().await?;
        }
        Ok(())
    }
}
