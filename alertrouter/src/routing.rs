//! A configuration at work: the route tree, and targets that are ready to be sent to. Swapped whole on reload.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use crate::config::{Config, Delivery, IntakeSettings};
use crate::decide::Policy;
use crate::inhibit::InhibitRule;
use crate::labels::Labels;
use crate::moment::Moment;
use crate::notify::pace::Paces;
use crate::notify::{Target, edits};
use crate::payload::{Alert, Status};
use crate::route::Route;
use crate::store::{Hold, Limits, Routed, TargetPolicy};

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
    /// Who may send.
    pub intake: IntakeSettings,
    failover: BTreeMap<Arc<str>, Arc<str>>,
    policies: HashMap<Arc<str>, Arc<[TargetPolicy]>>,
    targets: HashMap<Arc<str>, Arc<Target>>,
    /// Targets of files before this one for which something still waits.
    retired: RwLock<HashMap<Arc<str>, Arc<Target>>>,
}

/// Where the alerts of a payload go.
#[derive(Debug, Default)]
pub struct Destinations {
    /// Who is told now.
    pub groups: Vec<Routed>,
    /// What waits.
    pub held: Vec<Hold>,
}

/// An inhibited alert is asked again after this: well within a minute of the end of what inhibits it.
const INHIBITED: Duration = Duration::from_secs(15);

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
        let Config { route, delivery, inhibit_rules, failover, limits, intake, .. } = config;
        Ok(Self {
            route,
            delivery,
            inhibit_rules,
            limits,
            intake,
            failover,
            policies,
            targets,
            retired: RwLock::default(),
        })
    }

    /// The target with this name, if the configuration has it, or had it and something still waits for it.
    pub fn target(&self, id: &str) -> Option<Arc<Target>> {
        self.targets.get(id).cloned().or_else(|| self.retired.read().ok()?.get(id).cloned())
    }

    /// Forgets targets of older files for which nothing waits any more.
    pub fn retire(&self, waiting: &HashSet<String>) {
        if let Ok(mut retired) = self.retired.write() {
            retired.retain(|id, _| waiting.contains(&**id));
        }
    }

    /// Takes over the targets that an older file had and this one has not.
    fn inherit(&self, older: &Self) {
        let (Ok(mut ours), Ok(theirs)) = (self.retired.write(), older.retired.read()) else { return };
        for (id, target) in older.targets.iter().chain(theirs.iter()) {
            if !self.targets.contains_key(id) {
                ours.insert(id.clone(), target.clone());
            }
        }
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
    ///
    /// What a route mutes, or another alert inhibits (`inhibited`, by the alert's place), waits.
    pub fn groups(
        &self,
        alerts: &[Alert],
        sender: &Labels,
        inhibited: impl Fn(usize) -> bool,
        now: Moment,
    ) -> Destinations {
        let mut groups: Vec<Routed> = Vec::new();
        let mut held: Vec<Hold> = Vec::new();
        let mut hold = |alert, until| match held.last_mut() {
            Some(last) if last.alert == alert => last.until = last.until.min(until),
            _ => held.push(Hold { alert, until }),
        };
        let mut index: HashMap<(Arc<str>, Labels), usize> = HashMap::new();
        for (at, alert) in alerts.iter().enumerate() {
            for route in self.route.matches(&alert.labels) {
                let Some(targets) = self.policies.get(&route.receiver).filter(|targets| !targets.is_empty())
                else {
                    continue;
                };
                let inhibited = inhibited(at) && alert.status == Status::Firing;
                let inhibited = inhibited.then(|| now.plus(INHIBITED));
                if let Some(until) = route.muted(now).or(inhibited) {
                    hold(at, until);
                    continue;
                }
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
        Destinations { groups, held }
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
        routing.inherit(&self.get());
        match self.0.write() {
            Ok(mut current) => *current = Arc::new(routing),
            Err(mut poisoned) => **poisoned.get_mut() = Arc::new(routing),
        }
    }
}
