//! Which children of a node an alert can match at all.
//!
//! A wide node has hundreds of children that want one value of the same label each (`service="…"`, `team="…"`). They are
//! found by the alert's value instead of being asked one by one.
//!
//! Invariant: an index leaves out only children whose matchers cannot match, and never changes the order.

use std::collections::HashMap;

use super::Route;
use crate::labels::Labels;
use crate::matcher::Matcher;

/// Children by the value of one label.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    label: String,
    /// Children that want this value, in order.
    by_value: HashMap<String, Vec<usize>>,
    /// Children that must be asked, in order.
    others: Vec<usize>,
}

/// Fewer children are asked as fast as they are looked up.
const WORTH_IT: usize = 8;

impl Index {
    pub(super) fn of(children: &[Route]) -> Self {
        let label = if children.len() < WORTH_IT { None } else { most_wanted(children) };
        let mut index = Self { label: label.unwrap_or_default(), ..Self::default() };
        for (at, child) in children.iter().enumerate() {
            let mut wanted = child.matchers.iter().filter(|matcher| matcher.name == index.label);
            match wanted.find_map(Matcher::one_of) {
                Some(values) => {
                    for value in values {
                        let same = index.by_value.entry(value.to_owned()).or_default();
                        // one pattern may name a value twice
                        if same.last() != Some(&at) {
                            same.push(at);
                        }
                    }
                }
                None => index.others.push(at),
            }
        }
        index
    }

    /// The children that an alert may match, in order.
    pub(super) fn candidates<'a>(
        &'a self,
        children: &'a [Route],
        labels: &Labels,
    ) -> impl Iterator<Item = &'a Route> {
        let found =
            if self.by_value.is_empty() { None } else { self.by_value.get(labels.value(&self.label)) };
        let mut found = found.map(Vec::as_slice).unwrap_or_default();
        let mut others = self.others.as_slice();
        std::iter::from_fn(move || {
            let side = match (found.first(), others.first()) {
                (Some(one), Some(other)) if one < other => &mut found,
                (Some(_), None) => &mut found,
                _ => &mut others,
            };
            let (first, rest) = side.split_first()?;
            *side = rest;
            children.get(*first)
        })
    }
}

/// The label of which the most children want certain values.
fn most_wanted(children: &[Route]) -> Option<String> {
    let mut wanted: HashMap<&str, usize> = HashMap::new();
    for child in children {
        let mut names: Vec<&str> = child
            .matchers
            .iter()
            .filter(|matcher| matcher.one_of().is_some())
            .map(|matcher| matcher.name.as_str())
            .collect();
        names.dedup();
        for name in names {
            *wanted.entry(name).or_default() += 1;
        }
    }
    let most = wanted.into_iter().max_by_key(|(name, count)| (*count, std::cmp::Reverse(*name)));
    most.filter(|(name, _)| !name.is_empty()).map(|(name, _)| name.to_owned())
}
