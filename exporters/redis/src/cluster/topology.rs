//! The nodes of a cluster as one of them tells of them: CLUSTER NODES, parsed.
//!
//! `ID IP:PORT@BUS-PORT[,NAME[,…]] FLAGS PRIMARY PING PONG EPOCH LINK SLOT…`, a node each line; an IPv6 address stands
//! without brackets. Invariants: no input may panic; at most [`MAX_NODES`] nodes are taken; a line that is not
//! understood, or names no address, is counted and left out.

use std::collections::HashMap;

use super::slot::{SLOTS, slot};
use crate::target::{Place, Target};

/// Nodes of a cluster that are visited. Redis' own advice ends at 1,000; a server must not make us hold more
/// connections than this.
pub const MAX_NODES: usize = 500;

/// All nodes, primaries and replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The nodes, by their place.
    pub nodes: Vec<Member>,
    /// Nodes that have no address, or none that is one.
    pub without_address: usize,
    /// Nodes that the others have not met yet.
    pub handshaking: usize,
    /// Nodes beyond [`MAX_NODES`].
    pub too_many: usize,
    /// Slots from and to, and which of the nodes has them; sorted.
    owners: Vec<(u16, u16, usize)>,
}

/// A node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its address, or its name where names are wanted and it announces one; empty when it does not know it itself.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The name it announces.
    pub hostname: String,
    /// Whether it is the one that told.
    pub is_teller: bool,
    /// Whether it is a primary.
    pub is_primary: bool,
    /// What the others think of it.
    pub health: Health,
    /// Whether the one that told has a link to it.
    pub link_up: bool,
    /// The epoch of its configuration.
    pub epoch: u64,
    /// How many slots it has.
    pub slots: u32,
    /// The lowest slot of its shard: what tells shards apart, also after a failover; empty for one without slots.
    pub shard: String,
}

/// What the others think of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is well.
    Ok,
    /// One of them finds it silent.
    Suspected,
    /// They agree that it is down.
    Failed,
}

impl Topology {
    /// Reads CLUSTER NODES; `by_name` takes announced names instead of addresses.
    pub fn parse(text: &str, by_name: bool) -> Self {
        let mut topology = Self::default();
        let mut lines: Vec<Line<'_>> = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match Line::parse(line, by_name) {
                Some(line) if line.has_flag("handshake") => topology.handshaking += 1,
                Some(_) if lines.len() >= MAX_NODES => topology.too_many += 1,
                Some(line) if line.place.is_some() => lines.push(line),
                _ => topology.without_address += 1,
            }
        }
        lines.sort_by(|one, other| one.place.cmp(&other.place));
        let shards: HashMap<&str, u16> = lines
            .iter()
            .filter_map(|line| Some((line.id, line.ranges().map(|(from, _)| from).min()?)))
            .collect();
        for (index, line) in lines.iter().enumerate() {
            topology.owners.extend(line.ranges().map(|(from, to)| (from, to, index)));
            let shard = shards.get(line.id).or_else(|| shards.get(line.primary));
            topology.nodes.push(line.member(shard.map(u16::to_string).unwrap_or_default()));
        }
        topology.owners.sort_unstable();
        topology
    }

    /// Which of the nodes has the slot of `key`.
    pub fn owner(&self, key: &[u8]) -> Option<usize> {
        let slot = slot(key);
        let after = self.owners.partition_point(|(from, ..)| *from <= slot);
        let (_, to, index) = self.owners.get(after.checked_sub(1)?)?;
        (slot <= *to).then_some(*index)
    }
}

impl Member {
    /// Whether the others find nothing wrong with it.
    pub fn is_well(&self) -> bool {
        self.health == Health::Ok
    }

    /// Its target: `redis://host:port`, or `rediss://`. `None` for a host that is none.
    pub fn target(&self, tls: bool) -> Option<Target> {
        let scheme = if tls { "rediss" } else { "redis" };
        let place = Place::Network { host: self.host.clone(), port: self.port, tls };
        Target::parse(&format!("{scheme}://{place}")).ok().filter(|target| target.place == place)
    }

    /// `host:port`, an IPv6 address in brackets.
    pub fn name(&self) -> String {
        Place::Network { host: self.host.clone(), port: self.port, tls: false }.to_string()
    }
}

/// A line, in pieces.
struct Line<'a> {
    id: &'a str,
    place: Option<(&'a str, u16)>,
    hostname: &'a str,
    flags: &'a str,
    primary: &'a str,
    epoch: u64,
    link_up: bool,
    slots: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str, by_name: bool) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let [id, address, flags, primary] = [words.next()?, words.next()?, words.next()?, words.next()?];
        let [_ping, _pong, epoch, link] = [words.next()?, words.next()?, words.next()?, words.next()?];
        let (address, announced) = address.split_once(',').unwrap_or((address, ""));
        let hostname = announced.split(',').next().unwrap_or_default();
        let hostname = if hostname.contains(['?', '=']) { "" } else { hostname };
        let mut line = Self {
            id,
            place: None,
            hostname,
            flags,
            primary,
            epoch: epoch.parse().unwrap_or(0),
            link_up: link == "connected",
            slots: words.collect(),
        };
        // before Redis 4 there was no port of the bus
        let (address, _bus) = address.rsplit_once('@').unwrap_or((address, ""));
        if let Some((ip, port)) = address.rsplit_once(':')
            && let Some(port) = port.parse().ok().filter(|port| *port != 0)
            && !line.has_flag("noaddr")
        {
            let host = if by_name && !hostname.is_empty() { hostname } else { ip };
            line.place = Some((host, port)).filter(|(host, _)| line.fits(host));
        }
        Some(line)
    }

    /// A node that has met nobody does not know its own address.
    fn fits(&self, host: &str) -> bool {
        let shown = |host: &str| Target::parse(&format!("redis://{}", bracketed(host))).is_ok();
        if host.is_empty() { self.has_flag("myself") } else { shown(host) }
    }

    fn has_flag(&self, wanted: &str) -> bool {
        self.flags.split(',').any(|flag| flag == wanted)
    }

    /// The slots it has. Those on their way (`[93-<-ID]`) stand with the one that still has them.
    fn ranges(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        self.slots.iter().filter_map(|range| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            (from <= to && to < SLOTS).then_some((from, to))
        })
    }

    fn member(&self, shard: String) -> Member {
        let (host, port) = self.place.unwrap_or_default();
        Member {
            id: self.id.to_owned(),
            host: host.to_owned(),
            port,
            hostname: self.hostname.to_owned(),
            is_teller: self.has_flag("myself"),
            is_primary: self.has_flag("master"),
            health: if self.has_flag("fail") {
                Health::Failed
            } else if self.has_flag("fail?") {
                Health::Suspected
            } else {
                Health::Ok
            },
            // it has no link to itself, and says that it has
            link_up: self.link_up,
            epoch: self.epoch,
            slots: self.ranges().map(|(from, to)| u32::from(to - from) + 1).sum(),
            shard,
        }
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NODES: &str = "\
b2 127.0.0.1:7002@17002,host-2 master - 0 17 2 connected 5461-10922 [93-<-b1] 16383\n\
b1 127.0.0.1:7001@17001,host-1,shard-id=9 myself,master - 0 0 1 connected 0-5460 [77->-b2]\n\
b5 127.0.0.1:7005@17005 slave b2 0 17 2 connected\r\n\
b3 fd00::1:7003@17003, master,fail - 0 17 3 disconnected 10923-16382\n\
b6 fd00::2:7006@17006 slave,fail? b3 0 17 3 connected\n\
b7 127.0.0.1:7007@17007,? master - 0 17 0 connected\n\
b8 :0@0 master,noaddr - 0 17 0 disconnected\n\
b9 127.0.0.1:7009@17009 handshake - 0 0 0 disconnected\n\
ba 10.0.0.9:7010 slave b1 0 17 1 connected\n\
junk\n\
bb ev/il:1@1 master - 0 0 0 connected\n\n";

    #[test]
    fn nodes() {
        let topology = Topology::parse(NODES, false);
        let shown: Vec<String> = topology
            .nodes
            .iter()
            .map(|node| {
                let role = if node.is_primary { "primary" } else { "replica" };
                format!("{} {} {role} {:?} {} {}", node.id, node.name(), node.health, node.slots, node.shard)
            })
            .collect();
        let expected = [
            "ba 10.0.0.9:7010 replica Ok 0 0",
            "b1 127.0.0.1:7001 primary Ok 5461 0",
            "b2 127.0.0.1:7002 primary Ok 5463 5461",
            "b5 127.0.0.1:7005 replica Ok 0 5461",
            "b7 127.0.0.1:7007 primary Ok 0 ",
            "b3 [fd00::1]:7003 primary Failed 5460 10923",
            "b6 [fd00::2]:7006 replica Suspected 0 10923",
        ];
        assert_eq!(shown, expected);
        assert_eq!((topology.without_address, topology.handshaking, topology.too_many), (3, 1, 0));
        let tellers: Vec<&str> =
            topology.nodes.iter().filter(|node| node.is_teller).map(|node| node.id.as_str()).collect();
        assert_eq!(tellers, ["b1"]);
        let down: Vec<&str> =
            topology.nodes.iter().filter(|node| !node.link_up).map(|node| node.id.as_str()).collect();
        assert_eq!(down, ["b3"]);
    }

    #[test]
    fn names_where_they_are_wanted_and_announced() {
        let hosts: Vec<String> =
            Topology::parse(NODES, true).nodes.into_iter().map(|node| node.host).collect();
        assert_eq!(hosts, ["10.0.0.9", "127.0.0.1", "127.0.0.1", "fd00::1", "fd00::2", "host-1", "host-2"]);
    }

    #[test]
    fn each_key_has_an_owner_where_its_slot_is_served() {
        let topology = Topology::parse(NODES, false);
        for (key, expected) in
            [("bar", Some("b1")), ("foo", Some("b3")), ("{foo}x", Some("b3")), ("c", Some("b2"))]
        {
            let owner = topology.owner(key.as_bytes()).map(|index| topology.nodes[index].id.as_str());
            assert_eq!(owner, expected, "{key} {}", slot(key.as_bytes()));
        }
        assert_eq!(
            Topology::parse("b1 a:1@2 myself,master - 0 0 1 connected 1-5", false).owner(b"foo"),
            None
        );
        assert_eq!(Topology::default().owner(b"foo"), None);
    }

    #[test]
    fn a_node_that_has_met_nobody_does_not_know_its_address() {
        let topology = Topology::parse(
            "b1 :7001@17001 myself,master - 0 0 0 connected\nb2 :7002@17002 master - 0 0 0 connected",
            false,
        );
        assert_eq!(topology.nodes.len(), 1);
        assert_eq!((topology.nodes[0].host.as_str(), topology.nodes[0].target(false)), ("", None));
    }

    #[test]
    fn no_more_nodes_than_are_taken() {
        let line = |number: usize| format!("n{number} 10.0.0.1:{} slave n0 0 0 0 connected\n", number + 1);
        let text: String = (0..MAX_NODES + 7).map(line).collect();
        let topology = Topology::parse(&text, false);
        assert_eq!((topology.nodes.len(), topology.too_many), (MAX_NODES, 7));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}", key in "(?s).{0,20}") {
            let _ = Topology::parse(&text, true).owner(key.as_bytes());
        }

        #[test]
        fn never_panics_on_what_looks_like_nodes(
            text in "([0-9a-f]{1,3} [0-9a-f:.]{0,9}:[0-9]{0,6}(@[0-9]{1,3})?(,[a-z?=]{0,4}){0,2} \
                     (myself|master|slave|fail\\??|noaddr|handshake|,){1,4} [0-9a-f-]{1,3} 0 0 [0-9]{1,20} \
                     (connected|x)( [0-9]{0,6}-?[0-9]{0,6}){0,4}\n){0,6}",
            key in "[a-z{}]{0,6}",
        ) {
            let topology = Topology::parse(&text, false);
            for node in &topology.nodes {
                prop_assert!(node.host.is_empty() || node.target(true).is_some(), "{}", node.host);
            }
            prop_assert!(topology.owner(key.as_bytes()).is_none_or(|index| index < topology.nodes.len()));
        }
    }
}
