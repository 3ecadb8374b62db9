//! Which services have series of their own. The others are shown together as `__other__`, so that sums hold.
//!
//! Who is shown stays shown until another is clearly larger: series that come and go break graphs and alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The name of all that are not shown on their own.
pub const OTHER: &str = "__other__";

/// Services of one provider that have series of their own, unless the file says otherwise.
pub const USUAL_SERVICES: usize = 50;

/// Pairs of account and service of one provider that have series of their own.
pub const MAX_PAIRS: usize = 200;

/// Models of one provider that have series of their own.
pub const MAX_MODELS: usize = 100;

/// How much larger a newcomer must be than the smallest that is shown.
const CLEARLY: f64 = 1.25;

/// The names that are shown: all while there are not more than `most`, else those that were shown, until another is
/// clearly larger.
pub fn members<N: Ord + Clone>(sizes: &BTreeMap<N, f64>, old: &BTreeSet<N>, most: usize) -> BTreeSet<N> {
    if sizes.len() <= most {
        return sizes.keys().cloned().collect();
    }
    // the largest first; names decide between equals, so that the order is always the same
    let larger = |a: &(&N, f64), b: &(&N, f64)| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0));
    let mut ranked: Vec<(&N, f64)> = sizes.iter().map(|(name, size)| (name, *size)).collect();
    ranked.sort_by(larger);
    let (mut inside, mut waiting): (Vec<_>, Vec<_>) =
        ranked.into_iter().partition(|(name, _)| old.contains(*name));
    waiting.extend(inside.split_off(inside.len().min(most)));
    waiting.sort_by(larger);
    for newcomer in waiting {
        if inside.len() < most {
            inside.push(newcomer);
        } else if inside.last().is_some_and(|smallest| newcomer.1 > smallest.1 * CLEARLY) {
            inside.pop();
            inside.push(newcomer);
        } else {
            break;
        }
        inside.sort_by(larger);
    }
    inside.into_iter().map(|(name, _)| name.clone()).collect()
}

/// Account and service.
pub type Pair = (Arc<str>, Arc<str>);

/// Who is shown of one provider: services, and pairs of account and service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Services.
    pub services: BTreeSet<Arc<str>>,
    /// Accounts and services, after the services that are not shown were put together.
    pub pairs: BTreeSet<Pair>,
    /// Models.
    pub models: BTreeSet<Arc<str>>,
}

impl Shown {
    /// Who is shown now, by the size of each pair, when these were shown before.
    #[must_use]
    pub fn next(&self, sizes: &BTreeMap<Pair, f64>, services: usize) -> Self {
        let mut by_service: BTreeMap<Arc<str>, f64> = BTreeMap::new();
        for ((_, service), size) in sizes {
            *by_service.entry(Arc::clone(service)).or_default() += size;
        }
        // charges that nobody could name stay with the rest
        by_service.remove(OTHER);
        let services = members(&by_service, &self.services, services);
        let other: Arc<str> = Arc::from(OTHER);
        let mut by_pair: BTreeMap<Pair, f64> = BTreeMap::new();
        for ((account, service), size) in sizes {
            let service = if services.contains(service) { service } else { &other };
            *by_pair.entry((Arc::clone(account), Arc::clone(service))).or_default() += size;
        }
        let pairs = members(&by_pair, &self.pairs, MAX_PAIRS);
        Self { services, pairs, models: self.models.clone() }
    }

    /// The labels of a pair.
    pub fn label(&self, account: &Arc<str>, service: &Arc<str>) -> Pair {
        let other = || Arc::<str>::from(OTHER);
        let service = if self.services.contains(service) { Arc::clone(service) } else { other() };
        let pair = (Arc::clone(account), service);
        if self.pairs.contains(&pair) { pair } else { (other(), other()) }
    }

    /// The label of a model.
    pub fn model(&self, model: &Arc<str>) -> Arc<str> {
        if self.models.contains(model) { Arc::clone(model) } else { Arc::from(OTHER) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(all: &[(&'static str, f64)]) -> BTreeMap<&'static str, f64> {
        all.iter().copied().collect()
    }

    #[test]
    fn who_is_shown_stays_until_another_is_clearly_larger() {
        let check = |all: &[(&'static str, f64)], old: &[&'static str], most, expected: &[&str]| {
            let found = members(&sizes(all), &old.iter().copied().collect(), most);
            assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "{all:?} {old:?}");
        };
        check(&[("a", 1.0), ("b", 0.0)], &[], 2, &["a", "b"]);
        check(&[("a", 1.0), ("b", 2.0), ("c", 3.0)], &[], 2, &["b", "c"]);
        check(&[("a", 1.0), ("b", 1.2), ("c", 3.0)], &["a", "c"], 2, &["a", "c"]);
        check(&[("a", 1.0), ("b", 1.3), ("c", 3.0)], &["a", "c"], 2, &["b", "c"]);
        check(&[("a", 1.0), ("b", 1.0), ("c", 1.0)], &[], 2, &["a", "b"]);
        check(&[("a", 5.0), ("b", 4.0), ("c", 1.0), ("d", 1.1)], &["c", "d", "gone"], 2, &["a", "b"]);
        check(&[("a", 1.0), ("b", 2.0), ("c", 3.0)], &["a", "b", "c"], 1, &["c"]);
    }

    #[test]
    fn pairs_that_are_not_shown_are_put_together() {
        let name = |text: &str| Arc::<str>::from(text);
        let pair = |account: &str, service: &str| (name(account), name(service));
        let many: BTreeMap<_, _> =
            (0..300_u32).map(|number| (pair(&format!("a{number:03}"), "s"), f64::from(number))).collect();
        let shown = Shown::default().next(&many, 1);
        assert_eq!(shown.pairs.len(), MAX_PAIRS);
        assert_eq!(shown.label(&name("a299"), &name("s")), pair("a299", "s"));
        assert_eq!(shown.label(&name("a000"), &name("s")), pair(OTHER, OTHER));
        let two: BTreeMap<_, _> = [(pair("", "large"), 2.0), (pair("", "small"), 1.0)].into();
        let shown = Shown::default().next(&two, 1);
        assert_eq!(shown.label(&name(""), &name("large")), pair("", "large"));
        assert_eq!(shown.label(&name(""), &name("small")), pair("", OTHER));
    }
}
