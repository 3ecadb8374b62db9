//! One module of the file: how a target is probed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{Fields, Item};
use toolkit::scrape::{TargetPattern, TargetRules};

use super::guard::Policy;
use crate::probe::{PROBERS, Prober};

/// Where credentials go without being told: this machine.
const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.0/8", "::1/128"];

/// The port of name servers.
const DNS: u16 = 53;

/// A module.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its name; that of its check, where it stands in place.
    pub name: Arc<str>,
    /// The name of its prober.
    pub prober_name: &'static str,
    /// How it probes.
    pub prober: Prober,
    /// How long a probe may take, when less than the scrape's time.
    pub timeout: Option<Duration>,
    /// Where the module's credentials may go.
    pub credentials_for: TargetRules<()>,
    /// The name server that is asked instead of the system's.
    pub resolver: Option<SocketAddr>,
    /// What may be connected to.
    pub guard: Policy,
    /// The module as the file has it, for people, without secrets.
    pub shown: Arc<str>,
}

impl Module {
    /// Reads a module; `None` when a prober's settings are no good.
    pub(super) fn decode(name: &str, item: &Item<'_>, guard: &Policy) -> Option<Self> {
        let mut fields = item.fields()?;
        fields.require("prober");
        let words: Vec<_> = PROBERS.iter().map(|(name, _)| (*name, *name)).collect();
        let wanted = fields.choice("prober", &words);
        let timeout = fields.duration("timeout").filter(|timeout| !timeout.is_zero());
        let credentials_for = targets(&mut fields);
        let resolver = fields.parsed("resolver", resolver);
        let guard = Policy::decode(&mut fields, guard);
        let mut prober = None;
        // a section that this prober does not use is read too, so that what is wrong in it is told
        for (key, decode) in PROBERS {
            let own = wanted == Some(*key);
            let section = if own { fields.section(key) } else { fields.fields(key) };
            let read = section.and_then(|mut section| decode(&mut section));
            if own {
                prober = read;
            }
        }
        let shown = item.shown().into();
        let (name, prober_name) = (name.into(), wanted?);
        Some(Self { name, prober_name, prober: prober?, timeout, credentials_for, resolver, guard, shown })
    }
}

/// `ADDRESS` or `ADDRESS:PORT`: a name would need a resolver itself.
fn resolver(text: &str) -> Result<SocketAddr, &'static str> {
    let bare = text.trim_matches(['[', ']']).parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS));
    bare.or_else(|_| text.parse())
        .map_err(|_invalid| "expected the address of a name server, as in 10.0.0.53 or [fd00::53]:53")
}

/// The targets that the module's credentials are for, and this machine.
fn targets(fields: &mut Fields<'_>) -> TargetRules<()> {
    let mut patterns = fields.list("targets", |item| item.parsed(TargetPattern::parse));
    patterns.extend(THIS_MACHINE.iter().filter_map(|pattern| TargetPattern::parse(pattern).ok()));
    TargetRules::new(patterns.into_iter().map(|pattern| (pattern, ())).collect())
}
