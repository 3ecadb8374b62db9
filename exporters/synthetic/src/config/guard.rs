//! `guard`: what a probe may connect to, since a target comes from whoever can reach the port.

use std::net::SocketAddr;
use std::sync::Arc;

use netprobe::guard::{Allowed, Guard};
use toolkit::config::Fields;
use toolkit::scrape::{TargetName, TargetPattern, TargetRules};

/// What may be connected to.
#[derive(Clone, Debug)]
pub struct Policy {
    addresses: Guard,
    /// Hosts that are allowed wherever they are.
    hosts: Arc<TargetRules<()>>,
    /// The only ports, when there are such.
    ports: Option<Arc<[u16]>>,
}

/// How much is allowed before the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    /// As blackbox_exporter, without what no check is about: link-local addresses, metadata services, multicast.
    Compat,
    /// The public internet only.
    Public,
}

impl Default for Policy {
    fn default() -> Self {
        Self::of(Profile::Compat)
    }
}

impl Policy {
    fn of(profile: Profile) -> Self {
        let addresses = match profile {
            Profile::Compat => Guard::compat(),
            Profile::Public => Guard::public(),
        };
        Self { addresses, hosts: Arc::default(), ports: None }
    }

    /// Reads a `guard` below `fields`; what is not there stays as it is in `usual`.
    pub(super) fn decode(fields: &mut Fields<'_>, usual: &Self) -> Self {
        let Some(mut fields) = fields.fields("guard") else { return usual.clone() };
        let profiles = [("compat", Profile::Compat), ("public", Profile::Public)];
        let mut policy = Self::of(fields.choice("profile", &profiles).unwrap_or(Profile::Compat));
        let allow = fields.list("allow", |item| item.parsed(str::parse::<Allowed>));
        policy.addresses = policy.addresses.or(allow);
        if fields.has("only") {
            let only = fields.list("only", |item| item.parsed(str::parse::<Allowed>));
            policy.addresses = policy.addresses.only(only);
        }
        let hosts = fields.list("hosts", |item| item.parsed(host));
        policy.hosts = Arc::new(TargetRules::new(hosts.into_iter().map(|host| (host, ())).collect()));
        if fields.has("ports") {
            let ports = fields.list("ports", |item| item.integer(1..=i64::from(u16::MAX)));
            policy.ports = Some(ports.into_iter().filter_map(|port| port.try_into().ok()).collect());
        }
        policy
    }

    /// Whether this address, at which `host` is, may be connected to. Port 0 stands for what has no ports: a ping, a
    /// socket of this machine.
    pub(crate) fn allows(&self, host: &str, address: SocketAddr) -> bool {
        let number = address.port();
        let port = number == 0 || self.ports.as_ref().is_none_or(|ports| ports.contains(&number));
        let named = || self.hosts.find(TargetName { text: host, host, port: Some(address.port()) }).is_some();
        port && (self.addresses.allows(address) || named())
    }

    /// Whether a host may be asked for by name, where somebody else resolves it: a proxy.
    pub(crate) fn allows_unresolved(&self, host: &str, port: u16) -> bool {
        let bare = host.trim_matches(['[', ']']);
        // "localhost" is the proxy's own machine, and a literal is an address already
        let known = if is_localhost(bare) { Ok([127, 0, 0, 1].into()) } else { bare.parse() };
        let public = SocketAddr::new([8, 8, 8, 8].into(), port);
        self.allows(bare, known.map_or(public, |ip| SocketAddr::new(ip, port)))
    }
}

fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// A host name or a glob of one. Addresses go into `allow`, since a name can be at any.
fn host(text: &str) -> Result<TargetPattern, String> {
    if text.parse::<Allowed>().is_ok() {
        return Err("a network belongs into `allow`; `hosts` has names".to_owned());
    }
    if text.trim_matches(['*', '.']).is_empty() {
        return Err("that is every host (hint: profile: compat)".to_owned());
    }
    TargetPattern::parse(text)
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn policy(text: &str) -> Policy {
        let document = Document::parse("x.yml", text).unwrap();
        document.decode(|mut fields| Policy::decode(&mut fields, &Policy::default())).unwrap()
    }

    #[test]
    fn profiles_and_lists() {
        let (compat, public) = (policy(""), policy("guard: {profile: public}"));
        let listed = policy(
            "guard: {profile: public, allow: ['10.0.0.0/8:5432'], hosts: ['*.corp.example'], ports: [80, 5432]}",
        );
        let only = policy("guard: {only: [127.0.0.0/8]}");
        for (policy, host, address, expected) in [
            (&compat, "x", "10.0.0.1:1", true),
            (&compat, "x", "127.0.0.1:1", true),
            (&compat, "x", "169.254.169.254:80", false),
            (&public, "x", "8.8.8.8:1", true),
            (&public, "x", "10.0.0.1:1", false),
            (&public, "localhost", "127.0.0.1:1", false),
            (&listed, "x", "10.0.0.1:5432", true),
            (&listed, "x", "10.0.0.1:80", false),
            (&listed, "db.corp.example", "10.0.0.1:80", true),
            (&listed, "db.corp.example", "10.0.0.1:81", false),
            (&listed, "x", "8.8.8.8:443", false),
            (&listed, "x", "8.8.8.8:0", true),
            (&listed, "x", "10.0.0.1:0", false),
            (&only, "x", "127.0.0.1:1", true),
            (&only, "x", "8.8.8.8:1", false),
        ] {
            assert_eq!(policy.allows(host, address.parse().unwrap()), expected, "{host} {address}");
        }
    }

    #[test]
    fn what_a_proxy_is_asked_for() {
        let public = policy("guard: {profile: public}");
        for (host, expected) in [
            ("example.com", true),
            ("localhost", false),
            ("LOCALHOST.", false),
            ("a.localhost", false),
            ("10.0.0.1", false),
            ("[::1]", false),
            ("169.254.169.254", false),
        ] {
            assert_eq!(public.allows_unresolved(host, 80), expected, "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_told() {
        for text in ["10.0.0.1", "10.0.0.0/8", "*", "**", "u:p@h"] {
            assert!(host(text).is_err(), "{text}");
        }
    }
}
