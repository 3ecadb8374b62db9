//! From what a cluster told to nodes that can be visited.

use std::net::IpAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::{Instant, timeout_at};

use super::topology::{Health, Member, Topology};
use crate::config::Config;
use crate::kept::KeptTargets;
use crate::output::NodeLabel;
use crate::page::Node;
use crate::target::Place;

/// How long a node is waited for that the others hold to be dead: a dead machine does not answer at all, and would
/// stretch each scrape to its deadline.
const PATIENCE_WITH_FAILED: Duration = Duration::from_secs(1);

/// Addresses of the seed's name that are looked at: a name of a whole cluster has one for each node.
const MAX_ADDRESSES: usize = 1_000;

/// A seed that tells of no nodes.
pub fn alone(seed: Node) -> Node {
    let labels = labels(seed.target.place.to_string(), "", "");
    Node { labels, ..seed }
}

/// A node of the cluster. `resolved` are the addresses of the seed's name.
pub fn node(
    config: &Config,
    targets: &KeptTargets,
    seed: &Node,
    member: &Member,
    resolved: &[IpAddr],
) -> Node {
    let tls = seed.link.place.has_tls();
    let role = if member.is_primary { "master" } else { "slave" };
    let labels = labels(member.name(), role, &member.shard);
    let patience = (member.health == Health::Failed).then_some(PATIENCE_WITH_FAILED);
    let of_seed = is_of_seed(seed, member, resolved);
    let Some(mut target) = member.target(tls).filter(|_| of_seed || !member.is_teller) else {
        // it does not know its address, or a wrong one as its own: it is the one that we have just talked to
        return Node { labels, patience, ..seed.clone() };
    };
    target.user.clone_from(&seed.target.user);
    let link = config.node_link(seed, &target, of_seed);
    let kept = targets.of(&link.key());
    Node { target, link, kept, labels, patience }
}

/// The addresses that the seed's name stands for, where any node of the cluster needs them.
pub async fn resolve(seed: &Node, topology: &Topology, deadline: Instant) -> Vec<IpAddr> {
    let Place::Network { host, port, .. } = &seed.target.place else { return Vec::new() };
    if topology.nodes.iter().all(|member| is_of_seed(seed, member, &[])) {
        return Vec::new();
    }
    match timeout_at(deadline, lookup_host((host.as_str(), *port))).await {
        Ok(Ok(addresses)) => addresses.map(|address| address.ip()).take(MAX_ADDRESSES).collect(),
        _ => Vec::new(),
    }
}

/// Whether a node is on the seed's own host: by its name, or by an address of that name. To such an address the
/// seed's password would go as well, only by another port.
fn is_of_seed(seed: &Node, member: &Member, resolved: &[IpAddr]) -> bool {
    let Place::Network { host, .. } = &seed.target.place else { return false };
    let same_address =
        || member.host.parse::<IpAddr>().is_ok_and(|address| resolved.contains(&address.to_canonical()));
    member.host.eq_ignore_ascii_case(host) || same_address()
}

fn labels(node: String, role: &str, shard: &str) -> Vec<NodeLabel> {
    vec![("node", node), ("role", role.to_owned()), ("shard", shard.to_owned())]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::access::PasswordSource;
    use crate::config::testing::parse;
    use crate::kept::Kept;
    use crate::target::Target;

    fn seed(config: &Config, target: &str) -> Node {
        let target = Target::parse(target).unwrap();
        let link = match &config.main {
            Some(main) if main.covers(&target) => config.main_link(main),
            _ => config.asked_link(&target, None).unwrap(),
        };
        Node { target, link, kept: Arc::new(Kept::default()), labels: Vec::new(), patience: None }
    }

    fn members(text: &str) -> Topology {
        Topology::parse(text, false)
    }

    /// For each node: where it is visited, whether with a password, and by which name it is verified.
    fn check(
        arguments: &[&str],
        file: &str,
        target: &str,
        resolved: &[&str],
        expected: &[(&str, Option<&str>, &str)],
    ) {
        let config = parse(arguments, file).unwrap();
        let seed = seed(&config, target);
        let resolved: Vec<IpAddr> = resolved.iter().map(|address| address.parse().unwrap()).collect();
        let topology = members(
            "a :7000@1 myself,master - 0 0 1 connected 0-99\nb 10.0.0.1:7001@1 slave a 0 0 1 connected\n\
             c 10.0.0.2:7002@1 master,fail - 0 0 2 connected 100-16383\nd evil:6379@1 slave c 0 0 2 connected\n",
        );
        let targets = KeptTargets::default();
        let found: Vec<(String, Option<String>, String)> = topology
            .nodes
            .iter()
            .map(|member| {
                let node = node(&config, &targets, &seed, member, &resolved);
                let password = match &node.link.credentials.password {
                    PasswordSource::None => None,
                    other => Some(other),
                };
                let known = ["one", "two"].into_iter().find(|known| {
                    password.is_some_and(|source| {
                        *source
                            == PasswordSource::Secret(toolkit::config::SecretSource::Inline((*known).into()))
                    })
                });
                assert_eq!(password.is_some(), known.is_some());
                let name = node.link.tls.server_name.clone().unwrap_or_default();
                (node.link.place.to_string(), known.map(str::to_owned), name)
            })
            .collect();
        let expected: Vec<(String, Option<String>, String)> = expected
            .iter()
            .map(|(place, password, name)| ((*place).into(), password.map(str::to_owned), (*name).into()))
            .collect();
        assert_eq!(found, expected, "{arguments:?} {file}");
    }

    #[test]
    fn a_node_elsewhere_gets_no_password_of_the_seed() {
        let arguments = ["--redis.addr=rediss://:one@cache:7000"];
        check(
            &arguments,
            "targets: []",
            "rediss://cache:7000",
            &[],
            &[
                ("cache:7000", Some("one"), ""),
                ("10.0.0.1:7001", None, ""),
                ("10.0.0.2:7002", None, ""),
                ("evil:6379", None, ""),
            ],
        );
        // an address of the seed's name, which has to prove that name
        check(
            &arguments,
            "targets: []",
            "rediss://cache:7000",
            &["10.0.0.1"],
            &[
                ("cache:7000", Some("one"), ""),
                ("10.0.0.1:7001", Some("one"), "cache"),
                ("10.0.0.2:7002", None, ""),
                ("evil:6379", None, ""),
            ],
        );
        // a rule of its own
        check(
            &arguments,
            "targets: [{match: '10.0.0.0/8', password: two}]",
            "rediss://cache:7000",
            &["10.0.0.1"],
            &[
                ("cache:7000", Some("one"), ""),
                ("10.0.0.1:7001", Some("two"), ""),
                ("10.0.0.2:7002", Some("two"), ""),
                ("evil:6379", None, ""),
            ],
        );
        // a rule that matches everything gives what it has, and not what the flags have
        check(
            &arguments,
            "targets: [{match: '*'}, {match: '*:*'}]",
            "rediss://cache:7000",
            &[],
            &[
                ("cache:7000", Some("one"), ""),
                ("10.0.0.1:7001", None, ""),
                ("10.0.0.2:7002", None, ""),
                ("evil:6379", None, ""),
            ],
        );
    }

    #[test]
    fn the_rule_of_the_seed_covers_what_it_matches() {
        check(
            &["--redis.addr="],
            "targets: [{match: [cache, 10.0.0.2], password: two, cluster: true}]",
            "redis://cache:7000",
            &[],
            &[
                ("cache:7000", Some("two"), ""),
                ("10.0.0.1:7001", None, ""),
                ("10.0.0.2:7002", Some("two"), ""),
                ("evil:6379", None, ""),
            ],
        );
        // by the same host, whatever the port
        check(
            &["--redis.addr="],
            "targets: [{match: '10.0.0.1:7000', password: one}]",
            "redis://10.0.0.1:7000",
            &[],
            &[
                ("10.0.0.1:7000", Some("one"), ""),
                ("10.0.0.1:7001", Some("one"), ""),
                ("10.0.0.2:7002", None, ""),
                ("evil:6379", None, ""),
            ],
        );
    }

    #[test]
    fn who_is_asked_for_its_cluster() {
        let file = "targets: [{match: a, cluster: true}, {match: b}]";
        let config = parse(&["--redis.addr=c", "--is-cluster"], file).unwrap();
        let shows = |target: &str, asked| config.shows_cluster(&Target::parse(target).unwrap(), asked).ok();
        for (target, asked, expected, is_cluster) in [
            ("a", None, Some(true), true),
            ("a", Some(false), Some(false), true),
            ("b", None, Some(false), false),
            ("b", Some(true), Some(true), false),
            ("c", None, Some(false), true),
            ("c", Some(true), Some(true), true),
            ("d", None, Some(false), false),
            ("d", Some(true), None, false),
        ] {
            assert_eq!(shows(target, asked), expected, "{target} {asked:?}");
            assert_eq!(config.is_cluster(&Target::parse(target).unwrap()), is_cluster, "{target}");
        }
        let config = parse(&["--redis.addr=c", "--cluster-nodes"], file).unwrap();
        assert_eq!(config.shows_cluster(config.main.as_ref().unwrap(), None), Ok(true));
    }

    #[test]
    fn labels_and_patience() {
        let config = parse(&["--redis.addr=cache"], "targets: []").unwrap();
        let seed = seed(&config, "redis://cache:6379");
        let topology = members(
            "b fd00::1:7001@1 slave c 0 0 1 connected\nc d:1@1 master,fail - 0 0 1 connected 7-8 5\n",
        );
        let shown: Vec<String> = topology
            .nodes
            .iter()
            .map(|member| {
                let node = node(&config, &KeptTargets::default(), &seed, member, &[]);
                format!(
                    "{:?} {:?}",
                    node.labels.iter().map(|(_, value)| value).collect::<Vec<_>>(),
                    node.patience
                )
            })
            .collect();
        assert_eq!(
            shown,
            ["[\"d:1\", \"master\", \"5\"] Some(1s)", "[\"[fd00::1]:7001\", \"slave\", \"5\"] None"]
        );
    }
}
