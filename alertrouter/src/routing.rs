//! A configuration at work: the route tree, and targets that are ready to be sent to. Swapped whole on reload.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use crate::config::{Config, Delivery};
use crate::decide::Policy;
use crate::inhibit::InhibitRule;
use crate::labels::Labels;
use crate::notify::pace::Paces;
use crate::notify::{Target, edits};
use crate::payload::Alert;
use crate::route::Route;
use crate::store::{Limits, Routed, TargetPolicy};

/// A configuration at work.
#[derive(Debug)]
pub struct Routing {
    /// Who gets what.
    pub route: Route,
    /// How long a delivery is tried, and who is told when it is late.
    pub delivery: Delivery,
    /// Which alerts say nothing new while others fire.
    pub inhibit_rules: Vec<InhibitRule>,
    /// What the store keeps.
    pub limits: Limits,
    failover: BTreeMap<Arc<str>, Arc<str>>,
    policies: HashMap<Arc<str>, Arc<[TargetPolicy]>>,
    targets: HashMap<Arc<str>, Arc<Target>>,
}

/// A ghost lives until the sender's next flush, and a little longer.
const GHOST_GRACE: Duration = Duration::from_secs(30);

impl Routing {
    /// Makes every target ready; fails with the first that cannot be.
    pub fn build(config: Config, paces: &Paces) -> Result<Self, String> {
        let mut policies = HashMap::new();
        let mut targets = HashMap::new();
        for (name, settings) in config.receivers {
            let list: Arc<[TargetPolicy]> = settings
                .iter()
                .map(|target| TargetPolicy {
                    id: target.id.clone(),
                    send_resolved: target.send_resolved,
                    edits: edits(&target.integration),
                })
                .collect();
            policies.insert(name, list);
            for target in settings {
                let id = target.id.clone();
                let target = Target::build(target, paces).map_err(|error| format!("target {id}: {error}"))?;
                targets.insert(id, Arc::new(target));
            }
        }
        let Config { route, delivery, inhibit_rules, failover, limits, .. } = config;
        Ok(Self { route, delivery, inhibit_rules, limits, failover, policies, targets })
    }

    /// The target with this name, if the configuration (still) has it.
    pub fn target(&self, id: &str) -> Option<Arc<Target>> {
        self.targets.get(id).cloned()
    }

    /// The targets of a receiver; none when it drops its alerts, or is not known.
    pub fn receiver(&self, name: &str) -> &[TargetPolicy] {
        self.policies.get(name).map(|targets| &**targets).unwrap_or_default()
    }

    /// The targets that are told instead of those of this receiver, when these cannot be reached.
    pub fn failover(&self, receiver: &str) -> &[TargetPolicy] {
        self.failover.get(receiver).map(|other| self.receiver(other)).unwrap_or_default()
    }

    /// The targets that are told when something is late or given up, and of payloads that cannot be read.
    pub fn fallback(&self) -> &[TargetPolicy] {
        self.delivery.fallback_receiver.as_ref().map(|name| self.receiver(name)).unwrap_or_default()
    }

    /// Receivers and their targets, for people.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.targets.values()
    }

    /// Puts the alerts of a payload into the groups of our receivers. A receiver without targets gets nothing, which
    /// is how people silence a part of the tree.
    pub fn groups(&self, alerts: &[Alert], sender: &Labels) -> Vec<Routed> {
        let mut groups: Vec<Routed> = Vec::new();
        let mut index: HashMap<(Arc<str>, Labels), usize> = HashMap::new();
        for (at, alert) in alerts.iter().enumerate() {
            for route in self.route.matches(&alert.labels) {
                let Some(targets) = self.policies.get(&route.receiver).filter(|targets| !targets.is_empty())
                else {
                    continue;
                };
                let labels = route.group_by.labels(&alert.labels, sender);
                let group = *index.entry((route.receiver.clone(), labels)).or_insert_with_key(
                    |(receiver, labels)| {
                        groups.push(Routed {
                            receiver: receiver.clone(),
                            labels: labels.clone(),
                            policy: policy(route),
                            targets: targets.clone(),
                            alerts: Vec::new(),
                        });
                        groups.len() - 1
                    },
                );
                // two routes to one receiver are one message
                if let Some(group) = groups.get_mut(group)
                    && group.alerts.last() != Some(&at)
                {
                    group.alerts.push(at);
                }
            }
        }
        groups
    }
}

fn policy(route: &Route) -> Policy {
    Policy { repeat_interval: route.repeat_interval, ghost_window: route.group_interval + GHOST_GRACE }
}

/// The routing that is valid now. Clones see the same.
#[derive(Debug, Clone)]
pub struct Current(Arc<RwLock<Arc<Routing>>>);

impl Current {
    /// Starts with this one.
    pub fn new(routing: Routing) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(routing))))
    }

    /// The routing as it is now; it stays as it is for whoever holds it.
    pub fn get(&self) -> Arc<Routing> {
        match self.0.read() {
            Ok(routing) => routing.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }

    /// Swaps in another.
    pub fn set(&self, routing: Routing) {
        match self.0.write() {
            Ok(mut current) => *current = Arc::new(routing),
            Err(mut poisoned) => **poisoned.get_mut() = Arc::new(routing),
        }
    }
}
