//! Inhibition: alerts that say nothing new while another one fires.
//!
//! Pure: rules and the alerts that fire in, whether an alert is inhibited out. Only what was sent to us is known;
//! Alertmanager's own inhibition, which sees everything, comes before.
//!
//! Invariants: a missing label and an empty one are equal; an alert that matches both sides of a rule is inhibited by
//! one that matches the source's side only, never by one that matches both, so that no two silence each other; an
//! answer costs one look-up for each rule, however many alerts fire.

use std::collections::HashMap;

use crate::labels::{Fnv128, Labels};
use crate::matcher::Matcher;

/// While a source fires, targets with the same values of the `equal` labels are not told.
#[derive(Debug, Clone)]
pub struct InhibitRule {
    /// For people; may be empty.
    pub name: String,
    /// What the alert that fires must satisfy.
    pub source: Vec<Matcher>,
    /// What the alert that is not told must satisfy.
    pub target: Vec<Matcher>,
    /// Labels with the same value in both.
    pub equal: Vec<String>,
}

/// The rules, and which of the alerts that fire are a source of which.
#[derive(Debug, Default)]
pub struct Inhibitor {
    rules: Vec<Indexed>,
}

#[derive(Debug)]
struct Indexed {
    rule: InhibitRule,
    /// By the values of the `equal` labels: the sources' fingerprints, and whether each is a target as well.
    sources: HashMap<u128, HashMap<u64, bool>>,
}

impl Inhibitor {
    /// Starts with rules and no alerts.
    pub fn new(rules: impl IntoIterator<Item = InhibitRule>) -> Self {
        let rules = rules.into_iter().map(|rule| Indexed { rule, sources: HashMap::new() });
        Self { rules: rules.collect() }
    }

    /// Whether there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// An alert fires. Saying it again changes nothing.
    pub fn fires(&mut self, alert: &Labels) {
        for Indexed { rule, sources } in &mut self.rules {
            if all(&rule.source, alert) {
                let both = all(&rule.target, alert);
                sources.entry(rule.key(alert)).or_default().insert(alert.fingerprint(), both);
            }
        }
    }

    /// An alert ended. One that was never said to fire changes nothing.
    pub fn ended(&mut self, alert: &Labels) {
        for Indexed { rule, sources } in &mut self.rules {
            if !all(&rule.source, alert) {
                continue;
            }
            let key = rule.key(alert);
            if let Some(same) = sources.get_mut(&key) {
                same.remove(&alert.fingerprint());
                if same.is_empty() {
                    sources.remove(&key);
                }
            }
        }
    }

    /// The first rule by which an alert is inhibited now.
    pub fn inhibited(&self, alert: &Labels) -> Option<&InhibitRule> {
        let by = self.rules.iter().find(|Indexed { rule, sources }| {
            if sources.is_empty() || !all(&rule.target, alert) {
                return false;
            }
            let Some(same) = sources.get(&rule.key(alert)) else { return false };
            let both = all(&rule.source, alert);
            same.values().any(|source_is_target| !(both && *source_is_target))
        });
        by.map(|indexed| &indexed.rule)
    }

    /// Whether an alert's firing or ending may change what another one is: only then others need to be asked again.
    pub fn is_source(&self, alert: &Labels) -> bool {
        self.rules.iter().any(|indexed| all(&indexed.rule.source, alert))
    }
}

impl InhibitRule {
    /// The values of the `equal` labels.
    fn key(&self, alert: &Labels) -> u128 {
        let mut hash = Fnv128::default();
        for name in &self.equal {
            hash.write(alert.value(name).as_bytes());
            // no UTF-8 text contains it
            hash.write(&[255]);
        }
        hash.0
    }
}

fn all(matchers: &[Matcher], alert: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(alert))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::ParserMode;

    fn rule(source: &str, target: &str, equal: &[&str]) -> InhibitRule {
        let parse = |text| ParserMode::Fallback.parse(text).unwrap().matchers;
        let equal = equal.iter().map(|&name| name.to_owned()).collect();
        InhibitRule { name: String::new(), source: parse(source), target: parse(target), equal }
    }

    fn alert(labels: &str) -> Labels {
        labels.split(',').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap()).collect()
    }

    #[test]
    fn alertmanagers_cases() {
        let open = || rule("s=1", "t=1", &[]);
        let equal = || rule("s=1", "t=1", &["a", "b"]);
        for (rule, sources, target, expected) in [
            (open(), &[][..], "t=1", false),
            (open(), &["s=1,x=y"], "t=1,z=w", true),
            (open(), &["s=2"], "t=1", false),
            (open(), &["s=1"], "t=2", false),
            (equal(), &["s=1,a=x,b=y"], "t=1,a=x,b=y", true),
            (equal(), &["s=1,a=x,b=y"], "t=1,a=x,b=z", false),
            (equal(), &["s=1,a=x,b=y"], "t=1,a=x", false),
            // missing and empty are the same
            (equal(), &["s=1,a=x"], "t=1,a=x,b=", true),
            (equal(), &["s=1"], "t=1", true),
            // what matches both sides
            (open(), &["s=1,t=1,x=y"], "s=1,t=1", false),
            (open(), &["s=1"], "s=1,t=1", true),
            (open(), &["s=1,t=1,x=y", "s=1"], "s=1,t=1", true),
            (open(), &["s=1,t=1"], "t=1", true),
            // it cannot inhibit itself
            (open(), &["s=1,t=1"], "s=1,t=1", false),
        ] {
            let mut inhibitor = Inhibitor::new([rule]);
            for source in sources {
                inhibitor.fires(&alert(source));
                inhibitor.fires(&alert(source));
            }
            assert_eq!(inhibitor.inhibited(&alert(target)).is_some(), expected, "{sources:?} {target}");
            for source in sources {
                inhibitor.ended(&alert(source));
            }
            inhibitor.ended(&alert("s=1,never=fired"));
            assert!(inhibitor.inhibited(&alert(target)).is_none(), "{sources:?} {target} after the end");
        }
    }

    #[test]
    fn who_is_a_source() {
        let inhibitor = Inhibitor::new([rule("s=1", "t=1", &[])]);
        assert!(inhibitor.is_source(&alert("s=1,t=1")) && !inhibitor.is_source(&alert("t=1")));
        assert!(Inhibitor::default().is_empty());
    }
}
